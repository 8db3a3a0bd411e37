"""Files that partners dropped into their mailboxes and that were accepted, under the names they had there.

A name may come again and again, each time with other content; what is shown under it is what came last.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, exists, literal_column, or_, select, tuple_, update

from gateway.store.engine.statements import Prepared, given, table_of
from gateway.store.sftp_tables import MailboxFile

_FILE = table_of(MailboxFile)
_COLUMNS = (_FILE.c.message_id, _FILE.c.name, _FILE.c.bytes_count, _FILE.c.received_at_ms)


def _upsert(insert: Any) -> Any:  # noqa: ANN401  # the dialects' `insert` have no common type
    statement = insert(_FILE).values(
        message_id=given("message_id"),
        partner_id=given("partner_id"),
        name=given("name"),
        bytes_count=given("bytes_count"),
        received_at_ms=given("received_at_ms"),
        removed_at_ms=None,
        refused_removed=0,
    )
    return statement.on_conflict_do_update(
        index_elements=[_FILE.c.message_id],
        set_={"received_at_ms": statement.excluded.received_at_ms, "removed_at_ms": None, "refused_removed": 0},
    )


def _last_under_a_name(_: Any) -> Any:  # noqa: ANN401  # as above
    return (
        select(*_COLUMNS, _FILE.c.removed_at_ms)
        .where(_FILE.c.partner_id == given("partner_id"), _FILE.c.name == given("name"))
        .where(_FILE.c.received_at_ms >= given("since_ms"))
        .order_by(_FILE.c.received_at_ms.desc(), _FILE.c.message_id.desc())
        .limit(literal_column("1"))
    )


_note = Prepared(_upsert)
_find = Prepared(_last_under_a_name)


@dataclass(frozen=True, slots=True)
class AcceptedFile:
    """One file as its partner sees it.

    Attributes:
        message_id: the message that it became.
        bytes_count: its size.
        received_at_ms: when it came, the last time.
    """

    message_id: str
    name: bytes
    bytes_count: int
    received_at_ms: int


def note(
    connection: Connection, partner_id: str, name: bytes, message_id: str, *, bytes_count: int, received_at_ms: int
) -> None:
    """A file was accepted, or recognised as one that was: from now on it is shown under its name, and as of now."""
    _note.post(
        connection,
        message_id=message_id,
        partner_id=partner_id,
        name=name,
        bytes_count=bytes_count,
        received_at_ms=received_at_ms,
    )


def shown(
    connection: Connection, partner_id: str, since_ms: int, *, after: AcceptedFile | None = None, limit: int = 500
) -> list[AcceptedFile]:
    """A page of what a partner is shown: each name once, the newest first; `after` is the last one of the page before.

    What came before `since_ms` is not shown any more.
    """
    newer = _FILE.alias("newer")
    is_outdone = exists().where(
        newer.c.partner_id == _FILE.c.partner_id,
        newer.c.name == _FILE.c.name,
        or_(
            newer.c.received_at_ms > _FILE.c.received_at_ms,
            and_(newer.c.received_at_ms == _FILE.c.received_at_ms, newer.c.message_id > _FILE.c.message_id),
        ),
    )
    place = (_FILE.c.received_at_ms, _FILE.c.message_id)
    query = (
        select(*_COLUMNS)
        .where(_FILE.c.partner_id == partner_id, _FILE.c.removed_at_ms.is_(None), _FILE.c.received_at_ms >= since_ms)
        .where(~is_outdone)
        .order_by(*(column.desc() for column in place))
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*place) < tuple_(after.received_at_ms, after.message_id))
    return [AcceptedFile(*row) for row in connection.execute(query)]


def find(connection: Connection, partner_id: str, name: bytes, since_ms: int) -> AcceptedFile | None:
    """What a partner is shown under a name."""
    rows = _find.rows(connection, partner_id=partner_id, name=name, since_ms=since_ms)
    if not rows:
        return None
    *row, removed_at_ms = rows[0]
    return AcceptedFile(*row) if removed_at_ms is None else None


def remove(connection: Connection, partner_id: str, name: bytes, now_ms: int) -> bool:
    """Show a name no longer; False where nothing was shown. What the files brought stays."""
    shown_ones = update(_FILE).where(
        _FILE.c.partner_id == partner_id, _FILE.c.name == name, _FILE.c.removed_at_ms.is_(None)
    )
    return bool(connection.execute(shown_ones.values(removed_at_ms=now_ms)).rowcount)
