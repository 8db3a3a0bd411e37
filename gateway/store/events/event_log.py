"""The embedded event log: the default stand-in for a broker, read by `gateway events` and over HTTP."""

from dataclasses import dataclass

from sqlalchemy import Connection, select, text

from gateway.model.events import BusinessEvent
from gateway.store.engine.statements import Insert, table_of
from gateway.store.events import outbox
from gateway.store.tables import EventLogEntry

_LOG = table_of(EventLogEntry)
_insert_entry = Insert(EventLogEntry, omit=("position",))
# Any constant will do, as long as every process uses the same.
_APPEND_LOCK = 4_130_850_855


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One publication; a replay is a further entry with the same event."""

    position: int
    event: BusinessEvent
    published_at_ms: int


def append(connection: Connection, event_id: str, now_ms: int) -> None:
    """Publish an event into the log.

    Readers go on from the last position they saw, so positions must become visible in their order: on PostgreSQL, where
    transactions run side by side, a lock held to the end of the transaction sees to that.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})
    _insert_entry.post(connection, {"event_id": event_id, "published_at_ms": now_ms})


def read(connection: Connection, after: int, limit: int) -> list[LogEntry]:
    """The entries behind a position, oldest first."""
    rows = connection.execute(
        select(_LOG.c.position, _LOG.c.event_id, _LOG.c.published_at_ms)
        .where(_LOG.c.position > after)
        .order_by(_LOG.c.position)
        .limit(limit)
    ).all()
    events = {event.id: event for event in outbox.load(connection, [row.event_id for row in rows])} if rows else {}
    return [LogEntry(row.position, events[row.event_id], row.published_at_ms) for row in rows if row.event_id in events]


def last_position(connection: Connection) -> int:
    """The position of the newest entry, 0 when the log is empty."""
    return connection.scalar(select(_LOG.c.position).order_by(_LOG.c.position.desc()).limit(1)) or 0
