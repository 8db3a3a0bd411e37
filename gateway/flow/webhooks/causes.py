"""What partners may hear of, said in the commit of what caused it."""

from collections.abc import Iterable

from sqlalchemy import Connection

from gateway.model.partner_events import ITEMS_MAX, WantsEvents, partner_event
from gateway.store import partner_events
from gateway.store.messages import StoredMessage
from gateway.store.messages.outlines import Outline, outlines

_PATH = "/v1/documents"


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
        data: dict[str, object] = {
            "id": message.id,
            "status": "rejected" if rejected else "accepted",
            "revision": message.revision,
            "documents": [_document(item) for item in found.first],
            "documents_total": found.total,
        }
        if reason:
            data["reason"] = reason
        if own is None:
            data["links"] = {"submission": f"{_PATH}/{message.id}"}
        event = partner_event(
            partner_id,
            "document.rejected" if rejected else "document.accepted",
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


def _document(item: Outline) -> dict[str, object]:
    return {
        "id": item.id,
        "document_type": item.document_type,
        "number": item.number or None,
        "purchase_order_number": item.purchase_order_number or None,
        "status": item.status,
        "links": {"self": f"{_PATH}/{item.id}"},
    }
