"""Purchase orders: where each stands, moved in the commit of the document that moves it.

One statement for each document: it inserts the order or takes the table of states one step on, under the lock of the
order's row. What a document belongs to is kept beside it (`belongs`), also while its message is not decided.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any
from urllib.parse import quote

from sqlalchemy import ColumnElement, Connection, and_, case, delete, exists, literal, or_, select, text, tuple_, update

from gateway.model.order import (
    ORDER_BEGINNINGS,
    ORDER_FINAL_STATES,
    ORDER_OPEN_STATES,
    ORDER_TRANSITIONS,
    OrderEvent,
    OrderState,
    after,
)
from gateway.model.partner_events import partner_event
from gateway.store import partner_events
from gateway.store.api_tables import PurchaseOrder, PurchaseOrderDocument
from gateway.store.engine.statements import Insert, Prepared, constant, given, storable, table_of
from gateway.store.tables import Dispatch, Document

CHANGED = "purchase_order.changed"

_ORDER = table_of(PurchaseOrder)
_BELONGS = table_of(PurchaseOrderDocument)
_DOCUMENT = table_of(Document)
_DISPATCH = table_of(Dispatch)
_insert_belongs = Insert(PurchaseOrderDocument, or_ignore=True)
E = OrderEvent
# What of an order is sent replaces, or changes, what it is.
_CONTENT = frozenset({E.SEND, E.CHANGE})
_OURS = frozenset({E.SEND, E.CHANGE, E.CANCEL})


@dataclass(frozen=True, slots=True)
class Belonging:
    """A document of an order.

    Attributes:
        event: what it does to the order; None where it moves nothing.
        lines: of an order how many it has, of a change how many more, of a ship notice how many are shipped.
    """

    document_id: str
    number: str
    partner_id: str
    event: OrderEvent | None
    lines: int = 0


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """One row of `purchase_order`."""

    partner_id: str
    number: str
    state: str
    is_open: bool
    dispatch_id: str | None
    sent_id: str | None
    document_id: str
    ordered_on: str
    first_seen_at_ms: int
    changed_at_ms: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a list ended: time of the change, number."""

    changed_at_ms: int
    number: str


_COLUMNS = [_ORDER.c[item.name] for item in fields(StoredOrder)]


def note(connection: Connection, item: Belonging, now_ms: int, *, tells: bool, ordered_on: date | None = None) -> None:
    """Move an order by a document that counts now: a dispatch that was accepted, a document that was decided.

    Nothing happens to a document that moves nothing, or that only ends what is not there. `tells` is whether the
    partner may be told of changes; `ordered_on` is the order's own date.
    """
    if item.event is None:
        return
    values: dict[str, object] = {
        "partner_id": item.partner_id,
        "number": item.number,
        "document_id": item.document_id,
        "lines": item.lines,
        "now_ms": now_ms,
        "tells": tells,
        "ordered_on": "" if ordered_on is None else ordered_on.isoformat(),
    }
    begins = ORDER_BEGINNINGS.get(item.event)
    if begins is None:
        _tell(connection, item.document_id, _follow[item.event].rows(connection, **values), now_ms)
        return
    if not tells:
        _post_move[item.event].post(connection, **values)
        return
    _tell(connection, item.document_id, _move[item.event].rows(connection, **values), now_ms)


def note_delivered(connection: Connection, dispatch_id: str, now_ms: int) -> None:
    """What we sent has arrived: the orders of which it is the last word are received."""
    for row in _numbers_of.rows(connection, document_id=dispatch_id):
        values = {"partner_id": row[0], "number": row[1], "document_id": dispatch_id, "now_ms": now_ms, "lines": 0}
        _tell(connection, dispatch_id, _follow[E.DELIVER].rows(connection, **values), now_ms)


def note_withdrawn(connection: Connection, dispatch_id: str, now_ms: int) -> None:
    """What we were about to send is not sent: an order of which nothing else is known is cancelled."""
    for row in _numbers_of.rows(connection, document_id=dispatch_id):
        values = {"partner_id": row[0], "number": row[1], "document_id": dispatch_id, "now_ms": now_ms}
        _tell(connection, dispatch_id, _withdraw.rows(connection, **values), now_ms)


def belongs(connection: Connection, item: Belonging) -> None:
    """Keep that a document belongs to an order; once more changes nothing."""
    _insert_belongs.post(
        connection,
        {
            "document_id": item.document_id,
            "number": item.number,
            "partner_id": item.partner_id,
            "event": "" if item.event is None else item.event.value,
            "lines": item.lines,
        },
    )


def forget_belonging(connection: Connection, document_ids: Sequence[str]) -> None:
    """What was kept of documents that are read once more, or are gone."""
    if document_ids:
        connection.execute(delete(_BELONGS).where(_BELONGS.c.document_id.in_(document_ids)))


def staged_before(connection: Connection, message_id: str, revision: int, ordinal: int) -> Iterator[Belonging]:
    """Of a message that is being decided: what its documents before this one do to orders, rejected ones left out."""
    query = (
        select(_BELONGS.c.document_id, _BELONGS.c.number, _BELONGS.c.partner_id, _BELONGS.c.event, _BELONGS.c.lines)
        .join(_DOCUMENT, _DOCUMENT.c.id == _BELONGS.c.document_id)
        .where(
            _DOCUMENT.c.message_id == message_id,
            _DOCUMENT.c.revision == revision,
            _DOCUMENT.c.ordinal < ordinal,
            _DOCUMENT.c.status != "rejected",
            _BELONGS.c.event != "",
        )
        .order_by(_DOCUMENT.c.ordinal)
    )
    for row in connection.execute(query).all():
        yield Belonging(row.document_id, row.number, row.partner_id, OrderEvent(row.event), row.lines)


def get(connection: Connection, partner_id: str, number: str) -> StoredOrder | None:
    """One order; another partner's is none."""
    query = select(*_COLUMNS).where(_ORDER.c.partner_id == partner_id, _ORDER.c.number == storable(number))
    row = connection.execute(query).one_or_none()
    return None if row is None else StoredOrder(*row)


def find(
    connection: Connection,
    partner_id: str,
    *,
    is_open: bool | None = True,
    state: OrderState | None = None,
    since_ms: int | None = None,
    before: Place | None = None,
    limit: int = 50,
) -> list[StoredOrder]:
    """A partner's orders, what changed last first; `before` is where the page before ended."""
    query = select(*_COLUMNS).where(_ORDER.c.partner_id == partner_id)
    if is_open is not None:
        # As the partial index has it; a comparison with 1 would not find it.
        query = query.where(text("purchase_order.is_open" if is_open else "NOT purchase_order.is_open"))
    if state is not None:
        query = query.where(_ORDER.c.state == constant(state.value))
    if since_ms is not None:
        query = query.where(_ORDER.c.changed_at_ms >= since_ms)
    if before is not None:
        place = tuple_(_ORDER.c.changed_at_ms, _ORDER.c.number)
        query = query.where(place < tuple_(literal(before.changed_at_ms), literal(storable(before.number))))
    ordered = query.order_by(_ORDER.c.changed_at_ms.desc(), _ORDER.c.number.desc()).limit(limit)
    return [StoredOrder(*row) for row in connection.execute(ordered)]


def documents_of(connection: Connection, order: StoredOrder, limit: int) -> list[str]:
    """The ids of the newest documents of an order, ours and theirs, the oldest of them first."""
    query = (
        select(_BELONGS.c.document_id)
        .where(_BELONGS.c.partner_id == order.partner_id, _BELONGS.c.number == order.number)
        .order_by(_BELONGS.c.document_id.desc())
        .limit(limit)
    )
    return [str(found) for found in connection.scalars(query)][::-1]


def changes_of(connection: Connection, order: StoredOrder, limit: int) -> list[str]:
    """The dispatches that changed an order since it was sent, in their order, the newest so many."""
    query = (
        select(_BELONGS.c.document_id)
        .where(
            _BELONGS.c.partner_id == order.partner_id,
            _BELONGS.c.number == order.number,
            _BELONGS.c.document_id > order.dispatch_id,
            _BELONGS.c.event == E.CHANGE.value,
        )
        .order_by(_BELONGS.c.document_id.desc())
        .limit(limit)
    )
    return [str(found) for found in connection.scalars(query)][::-1]


def old(before_ms: int) -> ColumnElement[bool]:
    """Orders of which nothing was heard since, and nothing of ours is kept."""
    sent = exists().where(_DISPATCH.c.id == _ORDER.c.sent_id)
    return and_(_ORDER.c.changed_at_ms < before_ms, or_(~_ORDER.c.is_open, ~sent))


def purge(connection: Connection, before_ms: int, *, rows_max: int) -> int:
    """Remove old orders, and what belongs to none any more; returns how many orders."""
    query = select(_ORDER.c.partner_id, _ORDER.c.number).where(old(before_ms)).limit(rows_max)
    keys = [tuple(row) for row in connection.execute(query)]
    if keys:
        connection.execute(delete(_BELONGS).where(tuple_(_BELONGS.c.partner_id, _BELONGS.c.number).in_(keys)))
        connection.execute(delete(_ORDER).where(tuple_(_ORDER.c.partner_id, _ORDER.c.number).in_(keys)))
    return len(keys)


# --- how -------------------------------------------------------------------------------------------------------------


def _tell(connection: Connection, document_id: str, rows: Sequence[Sequence[Any]], now_ms: int) -> None:
    """Record that an order changed, where its partner may be told."""
    for partner_id, number, state, previous, tells in rows:
        if tells and state != previous:
            links = {"self": f"/v1/purchase-orders/{quote(number, safe='')}"}
            data = {"number": number, "state": state, "previous_state": previous or None, "links": links}
            cause = f"order|{number}|{document_id}|{state}"
            event = partner_event(partner_id, CHANGED, number, now_ms, data, cause=cause)
            partner_events.record(connection, event)


def _state_after(event: OrderEvent) -> ColumnElement[str]:
    moves = [(before, to) for (before, caused_by), to in ORDER_TRANSITIONS.items() if caused_by is event]
    if not moves:
        return _ORDER.c.state
    return case(*[(_ORDER.c.state == constant(before), constant(to)) for before, to in moves], else_=_ORDER.c.state)


def _open_after(event: OrderEvent) -> ColumnElement[bool]:
    is_open = [constant(state) for state in OrderState if after(state, event) in ORDER_OPEN_STATES]
    return _ORDER.c.state.in_(is_open)


def _by_lines(event: OrderEvent, of: Any) -> Any:  # noqa: ANN401  # either of the two above
    """A ship notice that shows nothing missing still ships a part where lines of the order are left."""
    if event is not E.SHIP:
        return of(event)
    left = and_(_ORDER.c.line_count > 0, _ORDER.c.lines_shipped + given("lines") < _ORDER.c.line_count)
    return case((left, of(E.SHIP_PART)), else_=of(E.SHIP))


def _changes(event: OrderEvent) -> dict[str, Any]:
    """What a document changes of an order that is there."""
    state, is_open = _by_lines(event, _state_after), _by_lines(event, _open_after)
    if event is E.SEND:
        # Answers that came before the order itself stay answers.
        is_first = _ORDER.c.dispatch_id.is_(None)
        state = case((is_first, _ORDER.c.state), else_=state)
        is_open = case((is_first, _ORDER.c.is_open), else_=is_open)
    changes: dict[str, Any] = {
        "previous_state": _ORDER.c.state,
        "state": state,
        "is_open": is_open,
        "document_id": given("document_id"),
        "changed_at_ms": given("now_ms")
        if event in _CONTENT
        else case((state != _ORDER.c.state, given("now_ms")), else_=_ORDER.c.changed_at_ms),
    }
    if event in _OURS:
        changes["sent_id"] = given("document_id")
    if event is E.SEND:
        changes |= {"dispatch_id": given("document_id"), "ordered_on": given("ordered_on")}
        changes["line_count"] = given("lines")
        is_anew = _ORDER.c.state.in_([constant(state) for state in sorted(ORDER_FINAL_STATES)])
        changes["lines_shipped"] = case((is_anew, 0), else_=_ORDER.c.lines_shipped)
    if event is E.CHANGE:
        # As long as nobody knows how many there were, nobody knows how many there are.
        changes["line_count"] = case((_ORDER.c.line_count > 0, _ORDER.c.line_count + given("lines")), else_=0)
    if event in {E.SHIP, E.SHIP_PART}:
        changes["lines_shipped"] = _ORDER.c.lines_shipped + given("lines")
    return changes


_TOLD = (_ORDER.c.partner_id, _ORDER.c.number, _ORDER.c.state, _ORDER.c.previous_state, _ORDER.c.tells)


def _moving(event: OrderEvent, *, returning: bool) -> Prepared:
    def build(insert: Any) -> Any:  # noqa: ANN401  # an INSERT of either dialect
        begins = ORDER_BEGINNINGS[event]
        ships, sends = event in {E.SHIP, E.SHIP_PART}, event is E.SEND
        statement = insert(_ORDER).values(
            partner_id=given("partner_id"),
            number=given("number"),
            state=begins.value,
            previous_state="",
            is_open=begins in ORDER_OPEN_STATES,
            tells=given("tells"),
            dispatch_id=given("document_id") if sends else None,
            sent_id=given("document_id") if event in _OURS else None,
            document_id=given("document_id"),
            ordered_on=given("ordered_on") if sends else "",
            line_count=given("lines") if sends else 0,
            lines_shipped=given("lines") if ships else 0,
            first_seen_at_ms=given("now_ms"),
            changed_at_ms=given("now_ms"),
        )
        statement = statement.on_conflict_do_update(
            index_elements=["partner_id", "number"], set_=_changes(event) | {"tells": given("tells")}
        )
        return statement.returning(*_TOLD) if returning else statement

    return Prepared(build)


def _following(event: OrderEvent) -> Prepared:
    """For what begins no order."""
    conditions = [_ORDER.c.partner_id == given("partner_id"), _ORDER.c.number == given("number")]
    changes = _changes(event)
    if event is E.DELIVER:
        # Not while something newer of ours is on its way.
        conditions.append(_ORDER.c.sent_id == given("document_id"))
        del changes["document_id"]
    return Prepared(lambda _: update(_ORDER).where(*conditions).values(changes).returning(*_TOLD))


_move = {event: _moving(event, returning=True) for event in ORDER_BEGINNINGS}
_post_move = {event: _moving(event, returning=False) for event in ORDER_BEGINNINGS}
_follow = {event: _following(event) for event in OrderEvent if event not in ORDER_BEGINNINGS}
_withdraw = Prepared(
    lambda _: (
        update(_ORDER)
        .where(
            _ORDER.c.partner_id == given("partner_id"),
            _ORDER.c.number == given("number"),
            _ORDER.c.state == constant(OrderState.TRANSMITTED),
            _ORDER.c.dispatch_id == given("document_id"),
            _ORDER.c.sent_id == given("document_id"),
        )
        .values(_changes(E.CANCEL))
        .returning(*_TOLD)
    )
)
_numbers_of = Prepared(
    lambda _: select(_BELONGS.c.partner_id, _BELONGS.c.number).where(_BELONGS.c.document_id == given("document_id"))
)
