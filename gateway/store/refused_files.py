"""Files of mailboxes that were refused, whole or in part: what errors/ shows, each with a report on it.

A name may be refused again and again; what is shown under it is what was refused last. Removing it removes all of that
name, so that nothing older takes its place.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select, tuple_, update

from gateway.store.engine.statements import table_of
from gateway.store.sftp_tables import MailboxFile

# Bits of what was removed from errors/.
FILE, REPORT = 1, 2

_FILE = table_of(MailboxFile)
_COLUMNS = (_FILE.c.message_id, _FILE.c.name, _FILE.c.bytes_count, _FILE.c.refused_at_ms, _FILE.c.refused_removed)


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """One file, as the folder of errors has it.

    Attributes:
        message_id: the message that it became.
        removed: what of it they removed: `FILE`, `REPORT`, both or nothing.
    """

    message_id: str
    name: bytes
    bytes_count: int
    refused_at_ms: int
    removed: int

    @property
    def shows_file(self) -> bool:
        """Whether the file itself is shown."""
        return not self.removed & FILE

    @property
    def shows_report(self) -> bool:
        """Whether the report on it is shown."""
        return not self.removed & REPORT


def mark(connection: Connection, message_id: str, refused_at_ms: int | None) -> None:
    """What was decided on a message: refused, whole or in part, or (None) nothing of it; no file, no mark."""
    change = update(_FILE).where(_FILE.c.message_id == message_id)
    connection.execute(change.values(refused_at_ms=refused_at_ms, refused_removed=0))


def shown(
    connection: Connection, partner_id: str, since_ms: int, *, after: RefusedFile | None = None, limit: int = 100
) -> list[RefusedFile]:
    """A page of what was refused since then, each name once, the newest first; `after` is the last of the page before.

    Also those of which they removed one half.
    """
    place = (_FILE.c.refused_at_ms, _FILE.c.message_id)
    query = _newest_of_each(partner_id, since_ms).where(_FILE.c.refused_removed != FILE | REPORT)
    query = query.order_by(*(column.desc() for column in place)).limit(limit)
    if after is not None:
        query = query.where(tuple_(*place) < tuple_(after.refused_at_ms, after.message_id))
    return [RefusedFile(*row) for row in connection.execute(query)]


def find(connection: Connection, partner_id: str, name: bytes, since_ms: int) -> RefusedFile | None:
    """What was refused last under a name, also where they removed both halves of it."""
    query = _of(partner_id, since_ms).where(_FILE.c.name == name)
    query = query.order_by(_FILE.c.refused_at_ms.desc(), _FILE.c.message_id.desc()).limit(1)
    row = connection.execute(query).first()
    return RefusedFile(*row) if row is not None else None


def get(connection: Connection, partner_id: str, message_id: str, since_ms: int) -> RefusedFile | None:
    """The refused file that a message was."""
    row = connection.execute(_of(partner_id, since_ms).where(_FILE.c.message_id == message_id)).first()
    return RefusedFile(*row) if row is not None else None


def named(connection: Connection, partner_id: str, names: Iterable[bytes], since_ms: int) -> frozenset[bytes]:
    """Which of these names are those of refused files whose file is shown."""
    query = _newest_of_each(partner_id, since_ms).where(_FILE.c.name.in_(list(names)))
    found = [RefusedFile(*row) for row in connection.execute(query)]
    return frozenset(file.name for file in found if file.shows_file)


def remove(connection: Connection, partner_id: str, name: bytes, what: int) -> None:
    """Show the file (`FILE`) or the report on it (`REPORT`) of a name no longer; what it brought stays."""
    of_name = and_(_FILE.c.partner_id == partner_id, _FILE.c.name == name, _FILE.c.refused_at_ms.is_not(None))
    removed = _FILE.c.refused_removed.op("|")(what)
    connection.execute(update(_FILE).where(of_name).values(refused_removed=removed))


def _of(partner_id: str, since_ms: int) -> Select[Any]:
    return select(*_COLUMNS).where(
        _FILE.c.partner_id == partner_id, _FILE.c.refused_at_ms.is_not(None), _FILE.c.refused_at_ms >= since_ms
    )


def _newest_of_each(partner_id: str, since_ms: int) -> Select[Any]:
    return _of(partner_id, since_ms).where(~_is_outdone())


def _is_outdone() -> ColumnElement[bool]:
    newer = _FILE.alias("newer")
    return exists().where(
        newer.c.partner_id == _FILE.c.partner_id,
        newer.c.name == _FILE.c.name,
        newer.c.refused_at_ms.is_not(None),
        or_(
            newer.c.refused_at_ms > _FILE.c.refused_at_ms,
            and_(newer.c.refused_at_ms == _FILE.c.refused_at_ms, newer.c.message_id > _FILE.c.message_id),
        ),
    )
