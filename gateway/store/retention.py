"""Retention: what is older than its kind is kept for goes, in small steps that never hold the writer for long."""

from collections.abc import Callable, Mapping

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, select

from gateway.model.message import FINAL_STATES
from gateway.store.statements import table_of
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

STEP_ROWS_MAX = 500

_FINAL = [state.value for state in FINAL_STATES]
_MESSAGE = table_of(Message)
_BODY = table_of(MessageBody)
_DOCUMENT = table_of(Document)
_EVENT = table_of(OutboxEvent)
_LOG = table_of(EventLogEntry)
_CASE = table_of(ExceptionCase)


def _remove(connection: Connection, table: Table, key: ColumnElement[object], old: ColumnElement[bool]) -> int:
    keys = connection.scalars(select(key).where(old).limit(STEP_ROWS_MAX)).all()
    if keys:
        connection.execute(delete(table).where(key.in_(keys)))
    return len(keys)


def _bodies(connection: Connection, before_ms: int) -> int:
    """Payload, wire bytes and stored answers of messages that are over."""
    old = and_(_MESSAGE.c.received_at_ms < before_ms, _MESSAGE.c.state.in_(_FINAL))
    held = exists().where(_BODY.c.message_id == _MESSAGE.c.id)
    ids = connection.scalars(select(_MESSAGE.c.id).where(old, held).limit(STEP_ROWS_MAX)).all()
    if ids:
        connection.execute(delete(_BODY).where(_BODY.c.message_id.in_(ids)))
    return len(ids)


def _events(connection: Connection, before_ms: int) -> int:
    """Published and dropped events: afterwards they cannot be replayed any more."""
    old = and_(_EVENT.c.state.in_(["published", "dropped"]), _EVENT.c.published_at_ms < before_ms)
    ids = connection.scalars(select(_EVENT.c.id).where(old).limit(STEP_ROWS_MAX)).all()
    if ids:
        connection.execute(delete(_LOG).where(_LOG.c.event_id.in_(ids)))
        connection.execute(delete(_EVENT).where(_EVENT.c.id.in_(ids)))
    return len(ids)


def _documents(connection: Connection, before_ms: int) -> int:
    free = ~exists().where(_EVENT.c.document_id == _DOCUMENT.c.id)
    return _remove(connection, _DOCUMENT, _DOCUMENT.c.id, and_(_DOCUMENT.c.created_at_ms < before_ms, free))


def _messages(connection: Connection, before_ms: int) -> int:
    """Messages that are over, with everything that speaks of them alone."""
    old = and_(_MESSAGE.c.received_at_ms < before_ms, _MESSAGE.c.state.in_(_FINAL))
    free = ~exists().where(_DOCUMENT.c.message_id == _MESSAGE.c.id)
    ids = connection.scalars(select(_MESSAGE.c.id).where(old, free).limit(STEP_ROWS_MAX)).all()
    if ids:
        for table in (_BODY, table_of(TimelineEntry), table_of(Acknowledgment), _CASE):
            connection.execute(delete(table).where(table.c.message_id.in_(ids)))
        connection.execute(delete(_MESSAGE).where(_MESSAGE.c.id.in_(ids)))
    return len(ids)


def _duplicates(connection: Connection, before_ms: int) -> int:
    identity, use = table_of(TransportIdentity), table_of(ControlNumberUse)
    connection.execute(delete(identity).where(identity.c.created_at_ms < before_ms))
    connection.execute(delete(use).where(use.c.created_at_ms < before_ms))
    return 0


def _audit(connection: Connection, before_ms: int) -> int:
    audit, outcome = table_of(AuditEntry), table_of(ErpOutcome)
    connection.execute(delete(outcome).where(outcome.c.at_ms < before_ms))
    return _remove(connection, audit, audit.c.id, audit.c.at_ms < before_ms)


# In this order: an event refers to its document, a document to its message.
KINDS: Mapping[str, Callable[[Connection, int], int]] = {
    "events_days": _events,
    "documents_days": _documents,
    "bodies_days": _bodies,
    "messages_days": _messages,
    "duplicates_days": _duplicates,
    "audit_days": _audit,
}


_OLD: Mapping[str, Callable[[int], tuple[ColumnElement[bool], ...]]] = {
    "events_days": lambda before_ms: (
        _EVENT.c.state.in_(["published", "dropped"]),
        _EVENT.c.published_at_ms < before_ms,
    ),
    "documents_days": lambda before_ms: (_DOCUMENT.c.created_at_ms < before_ms,),
    "bodies_days": lambda before_ms: (
        _MESSAGE.c.received_at_ms < before_ms,
        _MESSAGE.c.state.in_(_FINAL),
        exists().where(_BODY.c.message_id == _MESSAGE.c.id),
    ),
    "messages_days": lambda before_ms: (_MESSAGE.c.received_at_ms < before_ms, _MESSAGE.c.state.in_(_FINAL)),
    "duplicates_days": lambda before_ms: (table_of(TransportIdentity).c.created_at_ms < before_ms,),
    "audit_days": lambda before_ms: (table_of(AuditEntry).c.at_ms < before_ms,),
}


def count(connection: Connection, kind: str, before_ms: int) -> int:
    """How many records of a kind a purge would remove, at most: what something younger refers to stays."""
    return connection.scalar(select(func.count()).where(*_OLD[kind](before_ms))) or 0


def step(connection: Connection, kind: str, before_ms: int) -> int:
    """Remove up to STEP_ROWS_MAX records of a kind that are older; 0 when nothing (more) was."""
    return KINDS[kind](connection, before_ms)
