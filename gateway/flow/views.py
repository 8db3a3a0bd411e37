"""What people see of a message: its state, its documents, and every step from bytes to published event."""

from collections.abc import Collection, Mapping, Sequence

import orjson
from sqlalchemy import Connection

from gateway.model.delivery import DeliveryState
from gateway.model.instants import rfc3339
from gateway.model.message import EventState
from gateway.store import deliveries, messages
from gateway.store.deliveries import StoredDelivery
from gateway.store.events import outbox, outcomes
from gateway.store.events.outbox import EventRow
from gateway.store.events.outcomes import RecordedOutcome
from gateway.store.messages import StoredMessage, acknowledgments, documents
from gateway.store.messages.acknowledgments import StoredAcknowledgment
from gateway.store.messages.documents import StoredDocument
from gateway.store.messages.listing import same_number
from gateway.store.oversight import cases, timeline
from gateway.store.oversight.cases import Case

# Of the documents in one view; one document's own view tells it of any.
SAME_NUMBERS_LOOKED_UP_MAX = 50


def instant(at_ms: int | None) -> str | None:
    """Milliseconds since 1970 as RFC 3339 in UTC."""
    return rfc3339(at_ms) if at_ms is not None else None


def message_row(message: StoredMessage) -> dict[str, object]:
    """A message in one row of a list."""
    return {
        "id": message.id,
        "partner": message.partner_id,
        "channel": message.channel,
        "received_at": instant(message.received_at_ms),
        "status": message.state,
        "reason": message.reason or None,
        "syntax": message.syntax,
        "bytes": message.payload_bytes,
        "filename": message.filename or None,
        "transport_id": message.transport_id,
        "revision": message.revision,
        "attempts": message.attempts,
    }


def message_view(connection: Connection, message_id: str, documents_max: int | None = None) -> dict[str, object] | None:
    """Everything about a message but its bytes; None when there is no such message.

    Args:
        connection: reads.
        message_id: of the message.
        documents_max: of very many documents so many are shown, with their events and steps, and of acknowledgments.
    """
    message = messages.get(connection, message_id)
    if message is None:
        return None
    held = documents.of_message(connection, message_id, documents_max)
    of_these = None if documents_max is None else [document.id for document in held]
    events = outbox.of_message(connection, message_id, of_these)
    erp = outcomes.of_events(connection, [event.id for event in events])
    by_document = {event.document_id: event for event in events}
    earned = acknowledgments.of_message(connection, message_id)
    sent = {delivery.id: delivery for delivery in deliveries.of_message(connection, message_id)}
    return message_row(message) | {
        "remote": message.remote,
        "content_type": message.content_type,
        "sha256": message.payload_sha256,
        "security": orjson.loads(message.security),
        "profile": message.profile_digest,
        "report": orjson.loads(message.report) if message.report else None,
        "documents": [
            _document(document, by_document.get(document.id), erp)
            | {"same_number": same_number(connection, document) if index < SAME_NUMBERS_LOOKED_UP_MAX else []}
            for index, document in enumerate(held)
        ],
        "acknowledgments": [_acknowledgment(one, sent.get(one.id)) for one in earned[:documents_max]],
        "deliveries": [
            {
                "id": delivery.id,
                "kind": delivery.kind,
                "status": delivery.state,
                "reason": delivery.reason or None,
                "attempts": delivery.attempts,
                "transport_id": delivery.transport_id,
                "settled_at": instant(delivery.settled_at_ms),
            }
            for delivery in sent.values()
        ],
        "timeline": _timeline(connection, message, events, of_these),
    }


def acknowledgment_views(connection: Connection, earned: Sequence[StoredAcknowledgment]) -> list[dict[str, object]]:
    """Acknowledgments of one message, each with how its delivery went."""
    sent = {delivery.id: delivery for delivery in deliveries.of_message(connection, earned[0].message_id)}
    return [_acknowledgment(one, sent.get(one.id)) for one in earned]


def _acknowledgment(earned: StoredAcknowledgment, sent: StoredDelivery | None) -> dict[str, object]:
    return {
        "id": earned.id,
        "partner": earned.partner_id,
        "kinds": earned.kinds.split(),
        "control_number": earned.control_number,
        "state": earned.state,
        "delivered_at": _delivered_at(sent),
        "x12": earned.body.decode("latin-1"),
    }


def _delivered_at(delivery: StoredDelivery | None) -> str | None:
    if delivery is None or delivery.state != DeliveryState.DELIVERED:
        return None
    return instant(delivery.settled_at_ms)


def document_view(connection: Connection, document_id: str) -> dict[str, object] | None:
    """One document with its canonical content and its place in its message; None when there is no such document."""
    document = documents.get(connection, document_id)
    if document is None:
        return None
    message = messages.get(connection, document.message_id)
    if message is None:
        return None
    events = outbox.of_message(connection, message.id, [document_id])
    erp = outcomes.of_events(connection, [event.id for event in events])
    content = orjson.loads(document.body) if document.body is not None else None
    steps = [
        step
        for step in _timeline(connection, message, events, [document_id])
        if step.get("document") in {None, document_id} and step.get("event_of") in {None, document_id}
    ]
    return _document(document, events[0] if events else None, erp) | {
        "message": message.id,
        "same_number": same_number(connection, document),
        "came_by": message.partner_id,
        "message_status": message.state,
        "document": content,
        "timeline": steps,
    }


def case_view(case: Case) -> dict[str, object]:
    """One exception."""
    return {
        "id": case.id,
        "kind": case.kind,
        "state": case.state,
        "partner": case.partner_id,
        "message": case.message_id,
        "event": case.event_id,
        "reason": case.reason,
        "detail": case.detail or None,
        "attempts": case.attempts,
        "opened_at": instant(case.opened_at_ms),
        "updated_at": instant(case.updated_at_ms),
        "resolution": case.resolution or None,
    }


def case_list(connection: Connection, state: str | None = None, limit: int = 100) -> list[dict[str, object]]:
    """The exceptions list."""
    return [case_view(case) for case in cases.find(connection, state=state, limit=limit)]


def _document(
    document: StoredDocument, event: EventRow | None, erp: Mapping[str, RecordedOutcome]
) -> dict[str, object]:
    outcome = erp.get(event.id) if event is not None else None
    return {
        "id": document.id,
        "partner": document.partner_id,
        "type": document.document_type,
        "number": document.number or None,
        "purchase_order_number": document.purchase_order_number or None,
        "status": document.status,
        "revision": document.revision,
        "location": orjson.loads(document.location),
        "findings": orjson.loads(document.findings),
        "findings_omitted": document.findings_omitted,
        "event": _event(event) if event is not None else None,
        "erp": {"status": outcome.status, "code": outcome.code, "text": outcome.text, "at": instant(outcome.at_ms)}
        if outcome is not None
        else None,
    }


def _event(event: EventRow) -> dict[str, object]:
    return {
        "id": event.id,
        "state": event.state,
        "lane": event.lane,
        "sequence": event.sequence,
        "attempts": event.attempts,
        "published_at": instant(event.published_at_ms),
        "test": bool(event.test),
        "last_error": event.last_error or None,
    }


def _timeline(
    connection: Connection, message: StoredMessage, events: list[EventRow], document_ids: Collection[str] | None
) -> list[dict[str, object]]:
    """The steps in time order. Receipt and publication are read off their own rows, which are written anyway."""
    steps: list[tuple[int, int, dict[str, object]]] = [
        (
            message.received_at_ms,
            0,
            {
                "at": instant(message.received_at_ms),
                "step": "received",
                "channel": message.channel,
                "bytes": message.payload_bytes,
            },
        )
    ]
    for entry in timeline.of_message(connection, message.id, document_ids):
        step: dict[str, object] = {"at": instant(entry.at_ms), "step": entry.step}
        if entry.document_id is not None:
            step["document"] = entry.document_id
        # "Every event is published" comes behind the events that it speaks of.
        steps.append((entry.at_ms, 3 if entry.step == "published" else 1, step | entry.detail))
    for event in events:
        if event.state == EventState.PUBLISHED and event.published_at_ms is not None:
            published: dict[str, object] = {
                "at": instant(event.published_at_ms),
                "step": "event-published",
                "event": event.id,
            }
            steps.append((event.published_at_ms, 2, published | {"document": event.document_id}))
    return [step for _, _, step in sorted(steps, key=lambda item: item[:2])]
