"""Retention: what is older than its kind is kept for goes, in small steps that never hold the writer for long."""

from collections.abc import Callable, Mapping

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, or_, select, tuple_

from gateway.model.message import EVENT_FINAL_STATES, FINAL_STATES
from gateway.store import orders, partner_events
from gateway.store.api_tables import IdempotentAnswer
from gateway.store.deliveries.dispatch_retention import (
    old_dispatch_bodies,
    old_dispatches,
    remove_dispatch_bodies,
    remove_dispatches,
)
from gateway.store.deliveries.retention import (
    old_bodies,
    old_deliveries,
    old_notices,
    remove_bodies,
    remove_notices,
    remove_rows,
)
from gateway.store.engine.statements import table_of
from gateway.store.sftp_tables import MailboxFile
from gateway.store.tables import (
    Acknowledgment,
    AuditEntry,
    ControlNumberUse,
    Document,
    ErpOutcome,
    EventLogEntry,
    ExceptionCase,
    Message,
    MessageBody,
    OutboxEvent,
    TimelineEntry,
    TransportIdentity,
)
from gateway.store.webhooks import subscriptions

STEP_ROWS_MAX = 500
STEP_BYTES_MAX = 64 * 1_048_576

_FINAL = [state.value for state in FINAL_STATES]
_EVENT_FINAL = [state.value for state in EVENT_FINAL_STATES]
_MESSAGE = table_of(Message)
_BODY = table_of(MessageBody)
_DOCUMENT = table_of(Document)
_EVENT = table_of(OutboxEvent)
_LOG = table_of(EventLogEntry)
_CASE = table_of(ExceptionCase)
_IDENTITY = table_of(TransportIdentity)
_USE = table_of(ControlNumberUse)
_TOLD = table_of(IdempotentAnswer)
_AUDIT = table_of(AuditEntry)
_OUTCOME = table_of(ErpOutcome)


def _old_message(before_ms: int) -> ColumnElement[bool]:
    return and_(_MESSAGE.c.received_at_ms < before_ms, _MESSAGE.c.state.in_(_FINAL))


def _is_over(message_id: ColumnElement[str]) -> ColumnElement[bool]:
    """While a message is not over, nothing that belongs to it goes."""
    return exists().where(_MESSAGE.c.id == message_id, _MESSAGE.c.state.in_(_FINAL))


def _old_event(before_ms: int) -> ColumnElement[bool]:
    # What was dropped before it was ever published has no other time than that of its staging.
    dropped = and_(_EVENT.c.published_at_ms.is_(None), _EVENT.c.next_attempt_at_ms < before_ms)
    old = or_(_EVENT.c.published_at_ms < before_ms, dropped)
    # A notice speaks for itself.
    return and_(
        _EVENT.c.state.in_(_EVENT_FINAL), old, or_(_EVENT.c.document_id.is_(None), _is_over(_EVENT.c.message_id))
    )


def _old_document(before_ms: int) -> ColumnElement[bool]:
    return and_(_DOCUMENT.c.created_at_ms < before_ms, _is_over(_DOCUMENT.c.message_id))


def _remove(connection: Connection, table: Table, key: ColumnElement[object], old: ColumnElement[bool]) -> int:
    keys = connection.scalars(select(key).where(old).limit(STEP_ROWS_MAX)).all()
    if keys:
        connection.execute(delete(table).where(key.in_(keys)))
    return len(keys)


def _bodies(connection: Connection, before_ms: int) -> int:
    """The bytes of messages and of deliveries that are over."""
    sent = remove_bodies(connection, before_ms, rows_max=STEP_ROWS_MAX, bytes_max=STEP_BYTES_MAX)
    wanted = remove_dispatch_bodies(connection, before_ms, rows_max=STEP_ROWS_MAX)
    return _message_bodies(connection, before_ms) + sent + wanted


def _message_bodies(connection: Connection, before_ms: int) -> int:
    """Payload, wire bytes and stored answers of messages that are over."""
    newest = (
        select(_MESSAGE.c.id)
        .where(_MESSAGE.c.received_at_ms < before_ms)
        .order_by(_MESSAGE.c.received_at_ms.desc(), _MESSAGE.c.id.desc())
        .limit(1)
    )
    query = (
        select(_MESSAGE.c.id, func.max(_MESSAGE.c.payload_bytes))
        .join(_BODY, _BODY.c.message_id == _MESSAGE.c.id)
        # Looked for among the bodies that are left, oldest first, not among all messages of a year: ids ascend.
        .where(_BODY.c.message_id <= newest.scalar_subquery(), _old_message(before_ms))
        .group_by(_MESSAGE.c.id)
        .order_by(_MESSAGE.c.id)
        .limit(STEP_ROWS_MAX)
    )
    ids: list[str] = []
    size = 0
    for message_id, payload_bytes in connection.execute(query):
        size += payload_bytes
        if ids and size > STEP_BYTES_MAX:
            break
        ids.append(message_id)
    if ids:
        connection.execute(delete(_BODY).where(_BODY.c.message_id.in_(ids)))
    return len(ids)


def _events(connection: Connection, before_ms: int) -> int:
    """Published and dropped events: afterwards they cannot be replayed any more."""
    ids = connection.scalars(select(_EVENT.c.id).where(_old_event(before_ms)).limit(STEP_ROWS_MAX)).all()
    if ids:
        connection.execute(delete(_LOG).where(_LOG.c.event_id.in_(ids)))
        connection.execute(delete(_EVENT).where(_EVENT.c.id.in_(ids)))
    return len(ids)


def _documents(connection: Connection, before_ms: int) -> int:
    free = ~exists().where(_EVENT.c.document_id == _DOCUMENT.c.id)
    old = and_(_old_document(before_ms), free)
    ids = connection.scalars(select(_DOCUMENT.c.id).where(old).limit(STEP_ROWS_MAX)).all()
    if ids:
        orders.forget_belonging(connection, ids)
        connection.execute(delete(_DOCUMENT).where(_DOCUMENT.c.id.in_(ids)))
    return len(ids)


def _messages(connection: Connection, before_ms: int) -> int:
    """Messages and deliveries that are over, with everything that speaks of them alone."""
    sent = remove_rows(connection, before_ms, rows_max=STEP_ROWS_MAX)
    sent += remove_dispatches(connection, before_ms, rows_max=STEP_ROWS_MAX)
    sent += orders.purge(connection, before_ms, rows_max=STEP_ROWS_MAX)
    free = ~exists().where(_DOCUMENT.c.message_id == _MESSAGE.c.id)
    ids = connection.scalars(select(_MESSAGE.c.id).where(_old_message(before_ms), free).limit(STEP_ROWS_MAX)).all()
    if ids:
        for table in (_BODY, table_of(TimelineEntry), table_of(Acknowledgment), table_of(MailboxFile), _CASE):
            connection.execute(delete(table).where(table.c.message_id.in_(ids)))
        connection.execute(delete(_MESSAGE).where(_MESSAGE.c.id.in_(ids)))
    return len(ids) + sent


def _duplicates(connection: Connection, before_ms: int) -> int:
    """Transport ids, keys and control numbers that partners used: afterwards their repetition goes unnoticed."""
    ids = [_IDENTITY.c.partner_id, _IDENTITY.c.channel, _IDENTITY.c.transport_id]
    old = select(*ids).where(_IDENTITY.c.created_at_ms < before_ms).limit(STEP_ROWS_MAX)
    keys = [tuple(row) for row in connection.execute(old)]
    if keys:
        connection.execute(delete(_IDENTITY).where(tuple_(*ids).in_(keys)))
    told = [_TOLD.c.partner_id, _TOLD.c.key]
    old_answers = select(*told).where(_old_answer(before_ms)).limit(STEP_ROWS_MAX)
    answers = [tuple(row) for row in connection.execute(old_answers)]
    if answers:
        connection.execute(delete(_TOLD).where(tuple_(*told).in_(answers)))
    uses = _remove(connection, _USE, _USE.c.key, _USE.c.created_at_ms < before_ms)
    return len(keys) + len(answers) + uses


def _old_answer(before_ms: int) -> ColumnElement[bool]:
    return _TOLD.c.created_at_ms < before_ms


def _audit(connection: Connection, before_ms: int) -> int:
    outcomes = _remove(connection, _OUTCOME, _OUTCOME.c.event_id, _OUTCOME.c.at_ms < before_ms)
    return outcomes + _remove(connection, _AUDIT, _AUDIT.c.id, _AUDIT.c.at_ms < before_ms)


def _notifications(connection: Connection, before_ms: int) -> int:
    """Events that partners were told of, and the calls that told them."""
    told = partner_events.purge(connection, before_ms, rows_max=STEP_ROWS_MAX)
    calls = remove_notices(connection, before_ms, rows_max=STEP_ROWS_MAX)
    return told + calls + subscriptions.purge(connection, before_ms, rows_max=STEP_ROWS_MAX)


# In this order: an event refers to its document, a document to its message.
KINDS: Mapping[str, Callable[[Connection, int], int]] = {
    "events_days": _events,
    "documents_days": _documents,
    "bodies_days": _bodies,
    "messages_days": _messages,
    "duplicates_days": _duplicates,
    "audit_days": _audit,
    "notifications_days": _notifications,
}


def _old(kind: str, before_ms: int) -> tuple[ColumnElement[bool], ...]:
    """What is older, a condition for each table that a kind lives in."""
    over = _old_message(before_ms)
    conditions: Mapping[str, tuple[ColumnElement[bool], ...]] = {
        "events_days": (_old_event(before_ms),),
        "documents_days": (_old_document(before_ms),),
        "bodies_days": (
            and_(over, exists().where(_BODY.c.message_id == _MESSAGE.c.id)),
            old_bodies(before_ms),
            old_dispatch_bodies(before_ms),
        ),
        "messages_days": (over, old_deliveries(before_ms), old_dispatches(before_ms), orders.old(before_ms)),
        "duplicates_days": (
            _IDENTITY.c.created_at_ms < before_ms,
            _USE.c.created_at_ms < before_ms,
            _old_answer(before_ms),
        ),
        "notifications_days": (
            partner_events.old(before_ms),
            old_notices(before_ms),
            subscriptions.old(before_ms),
        ),
        "audit_days": (_OUTCOME.c.at_ms < before_ms, _AUDIT.c.at_ms < before_ms),
    }
    return conditions[kind]


def count(connection: Connection, kind: str, before_ms: int) -> int:
    """How many records of a kind a purge would remove, at most: what something younger refers to stays."""
    return sum(connection.scalar(select(func.count()).where(old)) or 0 for old in _old(kind, before_ms))


def step(connection: Connection, kind: str, before_ms: int) -> int:
    """Remove up to STEP_ROWS_MAX records of a kind from each of its tables; 0 when nothing (more) was older."""
    return KINDS[kind](connection, before_ms)
