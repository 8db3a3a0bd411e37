"""The outbox: business events that wait for the broker, in order within their lane."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select, update

from gateway.model.events import BusinessEvent
from gateway.model.ids import announcement_id
from gateway.model.instants import rfc3339
from gateway.model.machine import advance
from gateway.model.message import EVENT_TRANSITIONS, LANE_BLOCKING_STATES, EventEvent, EventState
from gateway.model.notices import NOTICE_VERSION, Notice
from gateway.store import messages
from gateway.store.engine.statements import Insert, Prepared, constant, given, table_of
from gateway.store.oversight import cases
from gateway.store.tables import Document, Lane, Message, OutboxEvent

_EVENT = table_of(OutboxEvent)
_DOCUMENT = table_of(Document)
_LANE = table_of(Lane)
_MESSAGE = table_of(Message)
_insert_event = Insert(OutboxEvent, or_ignore=True)
# In the order of the index.
_BLOCKING = [constant(state.value) for state in EventState if state in LANE_BLOCKING_STATES]
# Fields that the event's row holds under the same name.
_OWN_FIELDS = [field.name for field in fields(BusinessEvent) if field.name not in {"partner", "body"}]


@dataclass(frozen=True, slots=True)
class EventRow:
    """What people see of an event beside its attributes."""

    id: str
    message_id: str
    document_id: str | None
    partner_id: str
    document_type: str
    event: str
    subject: str
    lane: str
    sequence: int
    revision: int
    state: str
    attempts: int
    published_at_ms: int | None
    last_error: str
    test: bool


_ROW_COLUMNS = [_EVENT.c[field.name] for field in fields(EventRow)]
_known = Prepared(lambda _: select(_EVENT.c.id).where(_EVENT.c.id == given("id")))
_next_sequence = Prepared(
    lambda insert: (
        insert(_LANE)
        .values(lane=given("lane"), last_sequence=1)
        .on_conflict_do_update(index_elements=["lane"], set_={"last_sequence": _LANE.c.last_sequence + 1})
        .returning(_LANE.c.last_sequence)
    )
)


def _claiming() -> Any:  # noqa: ANN401  # an UPDATE ... RETURNING
    other = _EVENT.alias("other")
    due = (
        select(_EVENT.c.id)
        .where(
            _EVENT.c.state == constant(EventState.READY.value),
            _EVENT.c.next_attempt_at_ms <= given("now_ms"),
            ~exists().where(
                other.c.lane == _EVENT.c.lane,
                other.c.state.in_(_BLOCKING),
                or_(
                    other.c.sequence < _EVENT.c.sequence,
                    # A later one is under way, and this is the replay of an earlier one.
                    and_(
                        other.c.sequence > _EVENT.c.sequence,
                        other.c.claim_owner.is_not(None),
                        other.c.next_attempt_at_ms > given("now_ms"),
                    ),
                ),
            ),
        )
        .order_by(_EVENT.c.next_attempt_at_ms, _EVENT.c.id)
        .limit(given("most"))
        .with_for_update(skip_locked=True, of=_EVENT)
    )
    # Named and used twice over, so that PostgreSQL cannot run it again for each row, with another LIMIT each time.
    chosen = due.cte("due")
    return (
        update(_EVENT)
        .where(_EVENT.c.id.in_(select(chosen.c.id)))
        .values(claim_owner=given("owner"), next_attempt_at_ms=given("until_ms"), attempts=_EVENT.c.attempts + 1)
        .returning(_EVENT.c.id)
    )


def _events_with_bodies() -> Select[Any]:
    elsewhere: dict[str, ColumnElement[Any]] = {
        "partner": _EVENT.c.partner_id,
        "body": func.coalesce(_EVENT.c.body, _DOCUMENT.c.body),
    }
    names = [field.name for field in fields(BusinessEvent)]
    columns = [elsewhere[name] if name in elsewhere else _EVENT.c[name] for name in names]
    return select(*columns).outerjoin(_DOCUMENT, _DOCUMENT.c.id == _EVENT.c.document_id)


_claim = Prepared(lambda _: _claiming())
_load_one = Prepared(lambda _: _events_with_bodies().where(_EVENT.c.id == given("id")))
_confirm = Prepared(
    lambda _: (
        update(_EVENT)
        .where(_EVENT.c.id == given("id"), _EVENT.c.state == EventState.READY.value)
        .values(
            state=advance(EVENT_TRANSITIONS, EventState.READY, EventEvent.CONFIRM).value,
            published_at_ms=given("now_ms"),
            claim_owner=None,
            last_error="",
        )
        .returning(_EVENT.c.attempts)
    )
)
_open_of_message = Prepared(
    lambda _: (
        select(_EVENT.c.id).where(_EVENT.c.message_id == given("message_id"), _EVENT.c.state.in_(_BLOCKING)).limit(1)
    )
)
_lock_message = Prepared(lambda _: select(_MESSAGE.c.id).where(_MESSAGE.c.id == given("message_id")).with_for_update())


def stage(connection: Connection, event: BusinessEvent, now_ms: int) -> None:
    """Write an event with the next sequence number of its lane; an event that is there keeps its number."""
    if _known.rows(connection, id=event.id):
        return
    # The lane's row is its lock: numbers are given in the order in which transactions hold it.
    sequence = int(_next_sequence.rows(connection, lane=event.lane)[0][0])
    values: dict[str, object] = {name: getattr(event, name) for name in _OWN_FIELDS}
    _insert_event.post(
        connection,
        values
        | {
            "partner_id": event.partner,
            "sequence": sequence,
            "state": EventState.STAGED.value,
            "next_attempt_at_ms": now_ms,
        },
    )


def announce(connection: Connection, notice: Notice, now_ms: int) -> str | None:
    """Publish what the gateway itself has to say; call it in the unit that makes it true.

    It travels as every event does, ready as soon as the unit commits, in the lane of the partner's notices.
    Returns the event id; None when the notice of this key was announced before, by whichever process.
    """
    event_id = announcement_id(notice.key)
    if _known.rows(connection, id=event_id):
        return None
    lane = f"notices/{notice.partner_id}"
    values: dict[str, object] = {
        "id": event_id,
        "message_id": notice.message_id,
        "partner_id": notice.partner_id,
        "document_type": notice.document_type,
        "event": notice.event,
        "subject": notice.subject,
        "source": notice.source,
        "time": rfc3339(now_ms),
        "lane": lane,
        "sequence": int(_next_sequence.rows(connection, lane=lane)[0][0]),
        "correlation_id": notice.message_id or event_id,
        "revision": 1,
        "schema_version": NOTICE_VERSION,
        "state": advance(EVENT_TRANSITIONS, EventState.STAGED, EventEvent.RELEASE).value,
        "next_attempt_at_ms": now_ms,
        "body": notice.content(),
    }
    return event_id if _insert_event.run(connection, values) else None


def claim(connection: Connection, owner: str, now_ms: int, *, lease_ms: int, limit: int) -> list[BusinessEvent]:
    """Take events that are due and first in their lane, by state and never by a high-water mark.

    The lease moves the next attempt into the future; when it runs out unconfirmed the event is due again, with the same
    id and body.
    """
    taken = _claim.rows(connection, owner=owner, now_ms=now_ms, until_ms=now_ms + lease_ms, most=limit)
    return load(connection, [row[0] for row in taken]) if taken else []


def load(connection: Connection, event_ids: Sequence[str]) -> list[BusinessEvent]:
    """The events with their bodies, in the order of their lanes."""
    if len(event_ids) == 1:  # what happens all day when there is no backlog
        return [BusinessEvent(*row) for row in _load_one.rows(connection, id=event_ids[0])]
    rows = connection.execute(
        _events_with_bodies().where(_EVENT.c.id.in_(event_ids)).order_by(_EVENT.c.lane, _EVENT.c.sequence)
    )
    return [BusinessEvent(*row) for row in rows]


def confirm(connection: Connection, event: BusinessEvent, now_ms: int) -> None:
    """The broker has it. When it was the last open event of its message, the message is published."""
    changed = _confirm.rows(connection, id=event.id, now_ms=now_ms)
    if not changed:
        return
    if changed[0][0] > 1:
        # It took more than one attempt, so there may be a case that says so.
        cases.resolve(connection, now_ms, "published", event_id=event.id)
    if event.document_id is not None:
        _confirm_message(connection, event.message_id, now_ms)


def drop(connection: Connection, event_id: str, now_ms: int) -> bool:
    """A person gives an event up: its lane goes on without it. False when there is no such event.

    Raises:
        IllegalTransition: it is published, or was dropped before.
    """
    row = connection.execute(select(*_ROW_COLUMNS).where(_EVENT.c.id == event_id).with_for_update()).one_or_none()
    if row is None:
        return False
    state = advance(EVENT_TRANSITIONS, EventState(row.state), EventEvent.DROP)
    connection.execute(update(_EVENT).where(_EVENT.c.id == event_id).values(state=state.value, claim_owner=None))
    cases.resolve(connection, now_ms, "given up", event_id=event_id)
    if row.document_id is not None:
        _confirm_message(connection, row.message_id, now_ms)
    return True


def drop_staged(connection: Connection, message_id: str) -> list[str]:
    """Give up what an undecided message has staged, so that the lanes go on; returns the ids."""
    dropped = connection.scalars(
        update(_EVENT)
        .where(_EVENT.c.message_id == message_id, _EVENT.c.state == EventState.STAGED.value)
        .values(state=advance(EVENT_TRANSITIONS, EventState.STAGED, EventEvent.DROP).value)
        .returning(_EVENT.c.id)
    )
    return sorted(dropped)


def _confirm_message(connection: Connection, message_id: str, now_ms: int) -> None:
    if _open_of_message.rows(connection, message_id=message_id):
        if connection.dialect.name == "sqlite":
            return  # one transaction writes at a time
        # Two processes that confirm the last two events side by side do not see each other's; the lock makes one wait.
        _lock_message.rows(connection, message_id=message_id)
        if _open_of_message.rows(connection, message_id=message_id):
            return
    messages.confirm(connection, message_id, now_ms)


def defer(connection: Connection, event_id: str, next_attempt_at_ms: int, error: str) -> None:
    """The publish failed or is in doubt: the same event again, later."""
    connection.execute(
        update(_EVENT)
        .where(_EVENT.c.id == event_id, _EVENT.c.state == EventState.READY.value)
        .values(next_attempt_at_ms=next_attempt_at_ms, claim_owner=None, last_error=error)
    )


def hold(connection: Connection, event_id: str, error: str) -> None:
    """The broker does not want it: it waits for a person, and its lane with it."""
    connection.execute(
        update(_EVENT)
        .where(_EVENT.c.id == event_id, _EVENT.c.state == EventState.READY.value)
        .values(state=EventState.HELD.value, claim_owner=None, last_error=error)
    )


def replay(connection: Connection, event_id: str, now_ms: int) -> bool:
    """Publish an event again, same id and body; False when there is no such event.

    Raises:
        IllegalTransition: it is on its way already, or was dropped.
    """
    row = connection.execute(select(_EVENT.c.state).where(_EVENT.c.id == event_id).with_for_update()).one_or_none()
    if row is None:
        return False
    state = advance(EVENT_TRANSITIONS, EventState(row.state), EventEvent.REPLAY)
    if row.state == EventState.HELD.value:
        cases.resolve(connection, now_ms, "published again", event_id=event_id)
    connection.execute(
        update(_EVENT)
        .where(_EVENT.c.id == event_id)
        .values(state=state.value, next_attempt_at_ms=now_ms, attempts=0, last_error="")
    )
    return True


def release_claims(connection: Connection, owner: str | None, now_ms: int) -> None:
    """Give back what a process holds (None: every process); what was in flight is published again."""
    held = _EVENT.c.state == EventState.READY.value
    held = and_(held, _EVENT.c.claim_owner == owner) if owner else and_(held, _EVENT.c.claim_owner.is_not(None))
    connection.execute(update(_EVENT).where(held).values(claim_owner=None, next_attempt_at_ms=now_ms))


def of_message(connection: Connection, message_id: str, document_ids: Collection[str] | None = None) -> list[EventRow]:
    """The events of a message, or of some of its documents."""
    query = select(*_ROW_COLUMNS).where(_EVENT.c.message_id == message_id)
    if document_ids is not None:
        query = query.where(_EVENT.c.document_id.in_(document_ids))
    rows = connection.execute(query.order_by(_EVENT.c.revision, _EVENT.c.id))
    return [EventRow(*row) for row in rows]


def published_among(connection: Connection, event_ids: Sequence[str]) -> frozenset[str]:
    """Those of some events that were published."""
    query = select(_EVENT.c.id).where(_EVENT.c.id.in_(event_ids), _EVENT.c.published_at_ms.is_not(None))
    return frozenset(connection.scalars(query))


def get(connection: Connection, event_id: str) -> EventRow | None:
    """One event."""
    row = connection.execute(select(*_ROW_COLUMNS).where(_EVENT.c.id == event_id)).one_or_none()
    return EventRow(*row) if row is not None else None


def backlog(connection: Connection) -> tuple[int, int | None]:
    """How many events wait, and the due time of the one that waits longest (milliseconds since 1970)."""
    row = connection.execute(
        select(func.count(), func.min(_EVENT.c.next_attempt_at_ms)).where(
            _EVENT.c.state == constant(EventState.READY.value)
        )
    ).one()
    return int(row[0]), row[1]
