"""What the ERP made of events."""

from dataclasses import dataclass

from sqlalchemy import Connection, or_, select, update

from gateway.model.events import Outcome
from gateway.model.partner_events import WantsEvents, nobody, partner_event
from gateway.store import partner_events
from gateway.store.engine.statements import Insert, table_of
from gateway.store.events import outbox
from gateway.store.events.outbox import EventRow
from gateway.store.oversight import timeline
from gateway.store.tables import ErpOutcome

_OUTCOME = table_of(ErpOutcome)
# Databases take so many parameters in one statement and no more.
_EVENTS_AT_ONCE = 1_000
_insert_outcome = Insert(ErpOutcome, or_ignore=True)


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """One row of `erp_outcome`."""

    event_id: str
    status: str
    code: str
    text: str
    at_ms: int


def record(connection: Connection, outcome: Outcome, now_ms: int, wants_events: WantsEvents = nobody) -> bool:
    """Put an outcome onto the timeline, once; a later one that differs takes its place. False: no such event.

    The partner whose document the event brought may hear of it.
    """
    event = outbox.get(connection, outcome.event_id)
    if event is None:
        return False
    row = {
        "event_id": outcome.event_id,
        "status": outcome.status,
        "code": outcome.code,
        "text": outcome.text,
        "at_ms": now_ms,
    }
    is_news = _insert_outcome.run(connection, row) or _has_changed(connection, outcome, now_ms)
    if is_news and event.message_id:
        detail = {"event_id": outcome.event_id, "code": outcome.code, "text": outcome.text}
        step = f"erp-{outcome.status}"
        timeline.note(connection, event.message_id, now_ms, step, detail, document_id=event.document_id)
    if is_news and event.document_id is not None and wants_events(event.partner_id):
        _tell(connection, event, outcome, now_ms)
    return True


def _tell(connection: Connection, event: EventRow, outcome: Outcome, now_ms: int) -> None:
    document_id = event.document_id or ""
    data = {
        "id": document_id,
        "document_type": event.document_type,
        "number": event.subject if event.subject != document_id else None,
        "status": outcome.status,
        "code": outcome.code or None,
        "text": outcome.text or None,
        "links": {"self": f"/v1/documents/{document_id}"},
    }
    about = partner_event(
        event.partner_id,
        f"document.{outcome.status}",
        # The lane of a document is that of its purchase order.
        event.lane.partition("/")[2] or document_id,
        now_ms,
        data,
        cause=f"outcome:{event.id}:{outcome.status}",
    )
    partner_events.record(connection, about)


def _has_changed(connection: Connection, outcome: Outcome, now_ms: int) -> bool:
    """The ERP may post what it refused at first; the same outcome delivered again is no news."""
    said = {"status": outcome.status, "code": outcome.code, "text": outcome.text}
    differs = or_(*(_OUTCOME.c[name] != value for name, value in said.items()))
    query = update(_OUTCOME).where(_OUTCOME.c.event_id == outcome.event_id, differs)
    return bool(connection.execute(query.values(said | {"at_ms": now_ms})).rowcount)


def of_events(connection: Connection, event_ids: list[str]) -> dict[str, RecordedOutcome]:
    """The outcomes of some events."""
    found: dict[str, RecordedOutcome] = {}
    for start in range(0, len(event_ids), _EVENTS_AT_ONCE):
        some = event_ids[start : start + _EVENTS_AT_ONCE]
        for row in connection.execute(select(_OUTCOME).where(_OUTCOME.c.event_id.in_(some))):
            found[row.event_id] = RecordedOutcome(row.event_id, row.status, row.code, row.text, row.at_ms)
    return found
