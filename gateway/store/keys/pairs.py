"""Our key pairs as they are kept: certificates open, private keys wrapped. Nothing here ever holds a passphrase."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, and_, func, select, text, update

from gateway.store.engine.statements import Insert, table_of
from gateway.store.tables import OwnKey

_KEY = table_of(OwnKey)
_insert_key = Insert(OwnKey, or_ignore=True)
# Any constant will do, as long as every process uses the same, and no other lock does.
_CHANGE_LOCK = 4_130_850_858


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One row of `own_key`; see there. Times are milliseconds since 1970."""

    identity: str
    fingerprint: str
    certificates: bytes
    wrapped_key: bytes
    created_at_ms: int
    signs_from_ms: int | None = None
    decrypts_until_ms: int | None = None
    retired_at_ms: int | None = None


_COLUMNS = [_KEY.c[field.name] for field in fields(StoredKey)]


def lock(connection: Connection) -> None:
    """One act on our keys at a time, over all nodes, until the transaction ends; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHANGE_LOCK})


def add(connection: Connection, key: StoredKey) -> bool:
    """Keep a pair; False when the identity has it already, and nothing changes."""
    return _insert_key.run(connection, asdict(key))


def every(connection: Connection) -> list[StoredKey]:
    """All pairs, in the order of their identities and ages."""
    query = select(*_COLUMNS).order_by(_KEY.c.identity, _KEY.c.created_at_ms, _KEY.c.fingerprint)
    return [
        StoredKey(row[0], row[1], bytes(row[2]), bytes(row[3]), row[4], row[5], row[6], row[7])
        for row in connection.execute(query)
    ]


def count(connection: Connection) -> int:
    """How many pairs are kept."""
    return connection.scalar(select(func.count()).select_from(_KEY)) or 0


def change(connection: Connection, identity: str, fingerprint: str, values: Mapping[str, object]) -> None:
    """Set some columns of a pair."""
    this = and_(_KEY.c.identity == identity, _KEY.c.fingerprint == fingerprint)
    connection.execute(update(_KEY).where(this).values(dict(values)))
