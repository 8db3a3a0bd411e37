"""Networks that are shut out of the SFTP port: found by one process, known to all, lifted by a person."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, delete, select, update

from gateway.store.engine.statements import Prepared, given, table_of
from gateway.store.sftp_tables import SftpBan

# A day without a ban, and the next one is short again.
FORGOTTEN_MS = 86_400_000

_BAN = table_of(SftpBan)


@dataclass(frozen=True, slots=True)
class StoredBan:
    """One row of `sftp_ban`; see there. Times are milliseconds since 1970."""

    network: str
    address: str
    in_a_row: int
    banned_at_ms: int
    until_ms: int
    lifted_at_ms: int | None = None

    @property
    def changed_at_ms(self) -> int:
        """When it was made or lifted."""
        return max(self.banned_at_ms, self.lifted_at_ms or 0)


_NAMES = [field.name for field in fields(StoredBan)]
_COLUMNS = [_BAN.c[name] for name in _NAMES]


def _upsert(insert: Any) -> Any:  # noqa: ANN401  # the dialects' `insert` have no common type
    names = [*_NAMES, "changed_at_ms"]
    new = insert(_BAN).values({name: given(name) for name in names})
    return new.on_conflict_do_update(index_elements=["network"], set_={name: new.excluded[name] for name in names[1:]})


_put = Prepared(_upsert)


def put(connection: Connection, ban: StoredBan) -> None:
    """Keep a ban, instead of the one before of this network; those that are over for long go."""
    connection.execute(delete(_BAN).where(_BAN.c.until_ms < ban.banned_at_ms - FORGOTTEN_MS))
    _put.count(connection, **asdict(ban), changed_at_ms=ban.changed_at_ms)


def changed_since(connection: Connection, at_ms: int) -> list[StoredBan]:
    """What was made or lifted from a moment on, in this order."""
    query = select(*_COLUMNS).where(_BAN.c.changed_at_ms >= at_ms).order_by(_BAN.c.changed_at_ms)
    return [StoredBan(*row) for row in connection.execute(query)]


def every(connection: Connection) -> list[StoredBan]:
    """All of the last day, the newest first."""
    query = select(*_COLUMNS).order_by(_BAN.c.banned_at_ms.desc(), _BAN.c.network)
    return [StoredBan(*row) for row in connection.execute(query)]


def lift(connection: Connection, network: str, now_ms: int) -> StoredBan | None:
    """End a ban before its time; returns it as it is then, or None where the network is not shut out."""
    in_force = (_BAN.c.network == network) & (_BAN.c.until_ms > now_ms) & _BAN.c.lifted_at_ms.is_(None)
    row = connection.execute(select(*_COLUMNS).where(in_force)).first()
    if row is None:
        return None
    ban = StoredBan(*row)
    # Not before it was made, whatever the clocks of two machines say.
    ban = replace(ban, lifted_at_ms=max(now_ms, ban.banned_at_ms))
    changed = {"lifted_at_ms": ban.lifted_at_ms, "changed_at_ms": ban.changed_at_ms}
    connection.execute(update(_BAN).where(in_force).values(changed))
    return ban
