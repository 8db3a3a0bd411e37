"""Our SSH keys as they are kept: public parts open, private parts sealed. Nothing here ever opens one."""

from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, and_, select, update

from gateway.store import keys
from gateway.store.engine.statements import Insert, table_of
from gateway.store.sftp_tables import SshKey

HOST = "host"
CLIENT = "client"

_KEY = table_of(SshKey)
_insert = Insert(SshKey, or_ignore=True)


@dataclass(frozen=True, slots=True)
class StoredSshKey:
    """One row of `ssh_key`; see there. Times are milliseconds since 1970."""

    fingerprint: str
    purpose: str
    name: str
    algorithm: str
    public_key: str
    sealed_key: bytes
    created_at_ms: int
    used_from_ms: int
    retired_at_ms: int | None = None


_COLUMNS = [_KEY.c[field.name] for field in fields(StoredSshKey)]


def lock(connection: Connection) -> None:
    """One act on our keys at a time, over all nodes, until the transaction ends."""
    keys.lock(connection)


def add(connection: Connection, key: StoredSshKey) -> bool:
    """Keep a pair; False where it is there already, and nothing changes."""
    return _insert.run(connection, asdict(key))


def all_of(connection: Connection, purpose: str) -> list[StoredSshKey]:
    """Every pair of a purpose, retired ones too, in the order of their names and ages."""
    query = select(*_COLUMNS).where(_KEY.c.purpose == purpose)
    rows = connection.execute(query.order_by(_KEY.c.name, _KEY.c.created_at_ms, _KEY.c.fingerprint))
    return [StoredSshKey(row[0], row[1], row[2], row[3], row[4], bytes(row[5]), row[6], row[7], row[8]) for row in rows]


def use_from(connection: Connection, fingerprint: str, at_ms: int) -> bool:
    """Set when a key is the one that is shown first; False where there is none, or it is retired."""
    here = and_(_KEY.c.fingerprint == fingerprint, _KEY.c.retired_at_ms.is_(None))
    return bool(connection.execute(update(_KEY).where(here).values(used_from_ms=at_ms)).rowcount)


def retire(connection: Connection, fingerprint: str, now_ms: int) -> bool:
    """End the use of a key for good; its private part is removed. False where there is none, or it is retired."""
    here = and_(_KEY.c.fingerprint == fingerprint, _KEY.c.retired_at_ms.is_(None))
    ended = {"retired_at_ms": now_ms, "sealed_key": b""}
    return bool(connection.execute(update(_KEY).where(here).values(ended)).rowcount)
