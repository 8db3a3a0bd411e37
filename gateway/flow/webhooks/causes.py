"""What partners may hear of, said in the commit of what caused it."""

from collections.abc import Iterable

from sqlalchemy import Connection

from gateway.model.delivery import DeliveryKind
from gateway.model.partner_events import ITEMS_MAX, WantsEvents, partner_event
from gateway.store import partner_events
from gateway.store.deliveries import StoredDelivery
from gateway.store.messages import StoredMessage
from gateway.store.messages.outlines import Outline, outlines

_PATH = "/v1/documents"
_INBOX_PATH = "/v1/inbox"


def tell_decided(
    connection: Connection,
    message: StoredMessage,
    partner_ids: Iterable[str],
    now_ms: int,
    wants: WantsEvents,
    *,
    rejected: bool,
    reason: str = "",
) -> None:
    """A message is decided: who brought it hears of all of it, another whose documents it carries of those alone."""
    for partner_id in dict.fromkeys((message.partner_id, *partner_ids)):
        if not wants(partner_id):
            continue
        own = None if partner_id == message.partner_id else partner_id
        found = outlines(connection, message.id, message.revision, ITEMS_MAX, partner_id=own)
        is_rejected = rejected or (own is not None and found.all_rejected)
        data: dict[str, object] = {
            "id": message.id,
            "status": "rejected" if is_rejected else "accepted",
            "revision": message.revision,
            "documents": [_document(item) for item in found.first],
            "documents_total": found.total,
        }
        if own is None:
            # Reasons of the whole may quote what others sent.
            data |= {"reason": reason} if reason else {}
            data["links"] = {"submission": f"{_PATH}/{message.id}"}
        event = partner_event(
            partner_id,
            "document.rejected" if is_rejected else "document.accepted",
            found.order or message.id,
            now_ms,
            data,
            cause=f"decided:{message.id}:{message.revision}",
        )
        partner_events.record(connection, event)


def tell_held(
    connection: Connection, partner_id: str, message_id: str, reason: str, now_ms: int, wants: WantsEvents
) -> None:
    """A message is kept and waits, since its partner is suspended."""
    if not wants(partner_id):
        return
    links = {"submission": f"{_PATH}/{message_id}"}
    data = {"id": message_id, "status": "held", "reason": reason, "links": links}
    event = partner_event(partner_id, "document.held", message_id, now_ms, data, cause=f"held:{message_id}:{now_ms}")
    partner_events.record(connection, event)


def tell_available(connection: Connection, delivery: StoredDelivery, now_ms: int, wants: WantsEvents) -> None:
    """Something lies in their inbox, and its turn has come: what was before it in its lane is confirmed."""
    partner_id = delivery.partner_id
    if not wants(partner_id):
        return
    # A lane is that of an order, else of the one delivery.
    subject = delivery.lane.removeprefix(f"{partner_id}/")
    address = f"{_INBOX_PATH}/{delivery.id}"
    data: dict[str, object] = {
        "id": delivery.id,
        "kind": delivery.kind,
        "document_type": (delivery.document_type or None) if delivery.kind == DeliveryKind.DOCUMENT else None,
        "number": delivery.number or None,
        "purchase_order_number": subject if subject != delivery.id else None,
        "links": {"self": address, "content": f"{address}/content"},
    }
    cause = f"available:{delivery.id}:{now_ms}"
    partner_events.record(connection, partner_event(partner_id, "inbox.available", subject, now_ms, data, cause=cause))


def _document(item: Outline) -> dict[str, object]:
    return {
        "id": item.id,
        "document_type": item.document_type,
        "number": item.number or None,
        "purchase_order_number": item.purchase_order_number or None,
        "status": item.status,
        "links": {"self": f"{_PATH}/{item.id}"},
    }
