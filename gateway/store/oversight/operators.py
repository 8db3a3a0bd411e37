"""Tokens of the operator port, by their SHA-256."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, select, update

from gateway.store.engine.statements import Insert, table_of
from gateway.store.tables import OperatorToken

_TOKEN = table_of(OperatorToken)
_insert_token = Insert(OperatorToken)


class Role(StrEnum):
    """What a token may do; each role may do what those before it may."""

    VIEWER = "viewer"  # read
    OPERATOR = "operator"  # replay, reprocess, retry, report outcomes
    ADMIN = "admin"  # everything


@dataclass(frozen=True, slots=True)
class Operator:
    """Whose token it is."""

    label: str
    role: Role


def token_sha256(token: str) -> str:
    """The digest under which a token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def add(connection: Connection, sha256: str, label: str, role: Role, now_ms: int) -> None:
    """Store a token's digest."""
    _insert_token.run(connection, {"sha256": sha256, "label": label, "role": role.value, "created_at_ms": now_ms})


def find(connection: Connection, sha256: str) -> Operator | None:
    """Whose token has this digest."""
    row = connection.execute(select(_TOKEN.c.label, _TOKEN.c.role).where(_TOKEN.c.sha256 == sha256)).one_or_none()
    return Operator(row.label, Role(row.role)) if row is not None else None


def touch(connection: Connection, sha256: str, now_ms: int) -> None:
    """Note that a token was used."""
    connection.execute(update(_TOKEN).where(_TOKEN.c.sha256 == sha256).values(last_used_at_ms=now_ms))


def remove(connection: Connection, label: str) -> int:
    """Remove the tokens of a label; returns how many there were."""
    return connection.execute(delete(_TOKEN).where(_TOKEN.c.label == label)).rowcount


def all_tokens(connection: Connection) -> list[tuple[str, str, int, int | None]]:
    """(label, role, created, last used) of each token, in milliseconds since 1970."""
    rows = connection.execute(
        select(_TOKEN.c.label, _TOKEN.c.role, _TOKEN.c.created_at_ms, _TOKEN.c.last_used_at_ms).order_by(_TOKEN.c.label)
    )
    return [(row.label, row.role, row.created_at_ms, row.last_used_at_ms) for row in rows]
