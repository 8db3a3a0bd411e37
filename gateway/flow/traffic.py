"""What people see of everything that goes either way: messages in, deliveries out, and what could not be sent."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection

from gateway.flow.views import instant, message_row, message_view
from gateway.model.delivery import DeliveryKind, DeliveryState
from gateway.model.dispatch import DispatchState
from gateway.model.message import MessageState
from gateway.model.webhook import WEBHOOK
from gateway.store import deliveries, messages
from gateway.store.deliveries import StoredDelivery, dispatches
from gateway.store.deliveries import bodies as delivery_bodies
from gateway.store.deliveries.dispatches import StoredDispatch
from gateway.store.oversight import timeline

PAGE = 200
IN, OUT = "in", "out"
# Of what has a delivery the delivery is shown.
_WITHOUT_DELIVERY = tuple(state.value for state in DispatchState if state is not DispatchState.ACCEPTED)
STATES = tuple(
    dict.fromkeys(
        [
            *(state.value for state in MessageState),
            *(state.value for state in DeliveryState),
            *_WITHOUT_DELIVERY,
        ]
    )
)
PARTS = ("payload", "wire", "answer", "receipt", "document")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are wanted; None does not narrow.

    Attributes:
        before: the id to go on from.
        since_ms: not older than that.
    """

    direction: str | None = None
    partner_id: str | None = None
    state: str | None = None
    channel: str | None = None
    since_ms: int | None = None
    before: str | None = None


def rows(connection: Connection, wanted: Wanted, limit: int) -> list[dict[str, object]]:
    """What is wanted, the newest first."""
    sources: list[Iterator[tuple[str, dict[str, object]]]] = []
    if wanted.direction != OUT and (wanted.state is None or wanted.state in set(MessageState)):
        sources.append(_messages(connection, wanted))
    if wanted.direction != IN and (wanted.state is None or wanted.state in set(DeliveryState)):
        sources.append(_deliveries(connection, wanted))
    if wanted.direction != IN and (wanted.state is None or wanted.state in _WITHOUT_DELIVERY):
        sources.append(_dispatches(connection, wanted))
    heads = [(source, next(source, None)) for source in sources]
    found: list[dict[str, object]] = []
    while len(found) < limit:
        newest = max((head[0] for _, head in heads if head is not None), default=None)
        if newest is None:
            break
        for index, (source, head) in enumerate(heads):
            if head is not None and head[0] == newest:
                found.append(head[1])
                heads[index] = (source, next(source, None))
                break
    return found


def _messages(connection: Connection, wanted: Wanted) -> Iterator[tuple[str, dict[str, object]]]:
    before = wanted.before
    while True:
        page = messages.find(
            connection,
            partner_id=wanted.partner_id,
            state=wanted.state,
            before=before,
            limit=PAGE,
            also_brought=True,
        )
        for message in page:
            if wanted.since_ms is not None and message.received_at_ms < wanted.since_ms:
                return
            if wanted.channel in (None, message.channel):
                yield message.id, {"direction": IN} | message_row(message)
        if len(page) < PAGE:
            return
        before = page[-1].id


def _deliveries(connection: Connection, wanted: Wanted) -> Iterator[tuple[str, dict[str, object]]]:
    before = wanted.before
    while True:
        page = deliveries.find(
            connection,
            partner_id=wanted.partner_id,
            state=wanted.state,
            before=before,
            limit=PAGE,
            # Of each document a partner may be told several times: `gateway webhooks` shows those.
            notices=wanted.channel == WEBHOOK,
        )
        for delivery in page:
            if wanted.since_ms is not None and delivery.created_at_ms < wanted.since_ms:
                return
            if wanted.channel in (None, delivery.channel):
                yield delivery.id, delivery_row(delivery)
        if len(page) < PAGE:
            return
        before = page[-1].id


def _dispatches(connection: Connection, wanted: Wanted) -> Iterator[tuple[str, dict[str, object]]]:
    states = _WITHOUT_DELIVERY if wanted.state is None else (wanted.state,)
    before = wanted.before
    while wanted.channel is None:  # it goes by none
        page = dispatches.find(connection, partner_id=wanted.partner_id, states=states, before=before, limit=PAGE)
        for dispatch in page:
            if wanted.since_ms is not None and dispatch.received_at_ms < wanted.since_ms:
                return
            yield dispatch.id, dispatch_row(dispatch)
        if len(page) < PAGE:
            return
        before = page[-1].id


def delivery_row(delivery: StoredDelivery) -> dict[str, object]:
    """A delivery in one row of a list."""
    return {
        "direction": OUT,
        "id": delivery.id,
        "partner": delivery.partner_id,
        "channel": delivery.channel,
        "created_at": instant(delivery.created_at_ms),
        "status": delivery.state,
        "reason": delivery.reason or None,
        "kind": delivery.kind,
        "document_type": delivery.document_type or None,
        "number": delivery.number or None,
        "bytes": delivery.payload_bytes,
        "filename": delivery.filename or None,
        "transport_id": delivery.transport_id,
        "attempts": delivery.attempts,
        "next_attempt_at": instant(delivery.next_attempt_at_ms) if delivery.state in _DUE_STATES else None,
        "settled_at": instant(delivery.settled_at_ms),
    }


_DUE_STATES = (DeliveryState.QUEUED, DeliveryState.HELD)


def dispatch_row(dispatch: StoredDispatch) -> dict[str, object]:
    """What was wanted and has no delivery, in one row of a list."""
    return {
        "direction": OUT,
        "id": dispatch.id,
        "partner": dispatch.partner_id,
        "channel": None,
        "created_at": instant(dispatch.received_at_ms),
        "status": dispatch.state,
        "reason": dispatch.reason or None,
        "kind": dispatch.kind,
        "document_type": dispatch.document_type or None,
        "number": dispatch.number or None,
        "bytes": dispatch.body_bytes,
        "filename": dispatch.filename or None,
        "transport_id": None,
        "attempts": 0,
        "next_attempt_at": None,
        "settled_at": None,
    }


def view(connection: Connection, item_id: str) -> dict[str, object] | None:
    """Everything about what bears this id but its bytes; None when there is no such thing."""
    message = message_view(connection, item_id)
    if message is not None:
        return {"direction": IN} | message
    delivery, dispatch = deliveries.get(connection, item_id), dispatches.get(connection, item_id)
    if delivery is None and dispatch is None:
        return None
    shown: dict[str, object] = {}
    if dispatch is not None:
        shown |= dispatch_row(dispatch) | _wanted(dispatch)
    if delivery is not None:
        shown |= delivery_row(delivery) | _sent(connection, delivery)
    body = dispatches.body(connection, item_id) if shown["kind"] == DeliveryKind.DOCUMENT else None
    return shown | {
        "document": _document(body),
        "repeated_as": dispatches.caused_by(connection, item_id),
        "timeline": _timeline(connection, item_id),
    }


def _wanted(dispatch: StoredDispatch) -> dict[str, object]:
    return {
        "actor": dispatch.actor,
        "source": dispatch.source,
        "source_id": dispatch.source_id,
        "correlation_id": dispatch.correlation_id or None,
        "repeats": dispatch.causation_id,
        "content_type": dispatch.content_type or None,
        "sha256": dispatch.sha256,
        "purchase_order_number": dispatch.purchase_order_number or None,
        "documents": dispatch.documents,
        "control_numbers": json.loads(dispatch.control_numbers) if dispatch.control_numbers else None,
        "findings": json.loads(dispatch.findings),
        "findings_omitted": dispatch.findings_omitted,
    }


def _sent(connection: Connection, delivery: StoredDelivery) -> dict[str, object]:
    parcel = delivery.parcel
    return {
        "over": delivery.bearer_id,
        "identity": delivery.identity,
        "lane": delivery.lane,
        "content_type": delivery.content_type,
        "subject": delivery.subject or None,
        "sha256": delivery.payload_sha256,
        "profile": delivery.profile_digest,
        "correlation_id": delivery.correlation_id or None,
        "message": delivery.message_id,
        "security": dict(parcel.facts) if parcel is not None else {},
        "mics": list(parcel.mics) if parcel is not None else [],
        "expects_receipt": parcel.expects_receipt if parcel is not None else None,
        "receipt_bytes": delivery_bodies.size(connection, delivery.id, delivery_bodies.RECEIPT),
    }


def _document(body: bytes | None) -> object:
    """Canonical JSON as JSON, anything else as text."""
    if body is None:
        return None
    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
    return document


def _timeline(connection: Connection, item_id: str) -> list[dict[str, object]]:
    return [
        {"at": instant(entry.at_ms), "step": entry.step} | entry.detail
        for entry in timeline.of_message(connection, item_id)
    ]


def part_of(connection: Connection, item_id: str, part: str) -> Iterator[bytes] | None:
    """The bytes of a part, piece by piece; none when it never had one or it was purged, None when nothing has this id.

    Of a message: payload as opened, wire as it came (the payload where they were the same), answer as we gave it. Of a
    delivery: payload as it is delivered, wire as it is packed, receipt as it came, document as it was wanted.
    """
    if messages.get(connection, item_id) is not None:
        kept = part
        if part == "wire" and messages.piece(connection, item_id, part, 0) is None:
            kept = "payload"
        return messages.pieces(connection, item_id, kept)
    if deliveries.get(connection, item_id) is None and dispatches.get(connection, item_id) is None:
        return None
    return deliveries.pieces(connection, item_id, part)
