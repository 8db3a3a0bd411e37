"""Events that partners may want to hear of: recorded in the commit of what caused them, told by webhooks, listed.

They are kept for partners who have webhooks; whoever records asks `WantsEvents` first.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, or_, select, text, update

from gateway.model.partner_events import PartnerEvent
from gateway.store.api_tables import PartnerEvent as Row
from gateway.store.engine.statements import Insert, Prepared, given, storable, table_of

_EVENT = table_of(Row)
_insert = Insert(Row, or_ignore=True)
_last_number = Prepared(
    lambda _: select(func.coalesce(func.max(_EVENT.c.number), 0)).where(_EVENT.c.partner_id == given("partner_id"))
)


@dataclass(frozen=True, slots=True)
class RecordedEvent(PartnerEvent):
    """One that is kept.

    Attributes:
        number: ascends among the events of a partner.
        told: whether there is a delivery of it for each subscription that wanted it.
    """

    number: int
    told: bool


_COLUMNS = [_EVENT.c[name] for name in RecordedEvent.__dataclass_fields__]


def record(connection: Connection, event: PartnerEvent) -> bool:
    """Keep an event, to be told; False when its cause recorded it before."""
    # Two processes that record for one partner at the same moment may give the same number: neither came first then,
    # and the id decides.
    number = int(_last_number.rows(connection, partner_id=event.partner_id)[0][0]) + 1
    return _insert.run(connection, asdict(event) | {"number": number, "told": False})


def get(connection: Connection, partner_id: str, event_id: str) -> RecordedEvent | None:
    """One event of a partner."""
    query = select(*_COLUMNS).where(_EVENT.c.id == storable(event_id), _EVENT.c.partner_id == partner_id)
    row = connection.execute(query).one_or_none()
    return RecordedEvent(*row) if row is not None else None


def find(
    connection: Connection,
    partner_id: str,
    *,
    types: Sequence[str] = (),
    before: str | None = None,
    limit: int = 50,
) -> list[RecordedEvent]:
    """The newest events of a partner first; `before` is the id to go on from, and types narrow the list."""
    query = select(*_COLUMNS).where(_EVENT.c.partner_id == partner_id)
    if before is not None:
        at = _number_of(partner_id, before)
        query = query.where(or_(_EVENT.c.number < at, and_(_EVENT.c.number == at, _EVENT.c.id < storable(before))))
    if types:
        query = query.where(_EVENT.c.type.in_(types))
    ordered = query.order_by(_EVENT.c.number.desc(), _EVENT.c.id.desc()).limit(limit)
    return [RecordedEvent(*row) for row in connection.execute(ordered)]


def since(
    connection: Connection,
    partner_id: str,
    *,
    at_ms: int | None = None,
    until_ms: int | None = None,
    event_id: str | None = None,
    types: Sequence[str] = (),
    limit: int,
) -> list[RecordedEvent]:
    """A partner's events from a moment or an event on, that one included, the oldest first."""
    query = select(*_COLUMNS).where(_EVENT.c.partner_id == partner_id)
    if at_ms is not None:
        query = query.where(_EVENT.c.at_ms >= at_ms)
    if until_ms is not None:
        query = query.where(_EVENT.c.at_ms < until_ms)
    if event_id is not None:
        at = _number_of(partner_id, event_id)
        query = query.where(or_(_EVENT.c.number > at, and_(_EVENT.c.number == at, _EVENT.c.id >= storable(event_id))))
    if types:
        query = query.where(_EVENT.c.type.in_(types))
    ordered = query.order_by(_EVENT.c.number, _EVENT.c.id).limit(limit)
    return [RecordedEvent(*row) for row in connection.execute(ordered)]


def untold(connection: Connection, limit: int) -> list[RecordedEvent]:
    """Events that nobody was told of yet, those of each partner in their order."""
    # In the words of the partial index, which SQLite uses only where it sees them.
    query = select(*_COLUMNS).where(text("NOT partner_event.told"))
    query = query.order_by(_EVENT.c.partner_id, _EVENT.c.number, _EVENT.c.id)
    return [RecordedEvent(*row) for row in connection.execute(query.limit(limit))]


def mark_told(connection: Connection, event_ids: Sequence[str]) -> None:
    """Each of these has its deliveries, in the same commit."""
    if event_ids:
        connection.execute(update(_EVENT).where(_EVENT.c.id.in_(event_ids)).values(told=True))


def old(before_ms: int) -> ColumnElement[bool]:
    """Events that were told and are older."""
    return and_(_EVENT.c.told, _EVENT.c.at_ms < before_ms)


def count_old(connection: Connection, before_ms: int) -> int:
    """How many a purge would remove."""
    return connection.scalar(select(func.count()).select_from(_EVENT).where(old(before_ms))) or 0


def purge(connection: Connection, before_ms: int, *, rows_max: int) -> int:
    """Remove old events, a few at a time; returns how many."""
    ids = connection.scalars(select(_EVENT.c.id).where(old(before_ms)).limit(rows_max)).all()
    if ids:
        connection.execute(delete(_EVENT).where(_EVENT.c.id.in_(ids)))
    return len(ids)


def _number_of(partner_id: str, event_id: str) -> ColumnElement[int]:
    query: Select[int] = select(_EVENT.c.number).where(
        _EVENT.c.id == storable(event_id), _EVENT.c.partner_id == partner_id
    )
    return query.scalar_subquery()
