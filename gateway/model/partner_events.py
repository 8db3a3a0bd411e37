"""What partners may want to hear of: thin events (Standard Webhooks) that name things and hold none of them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import orjson

from gateway.model.ids import ulid
from gateway.model.instants import rfc3339

# Of a partner: whether events are kept for it.
WantsEvents: TypeAlias = Callable[[str], bool]
# A body stays below what Standard Webhooks advises (20 kB), however many documents a message holds.
ITEMS_MAX = 50
_CHANCE_BYTES = 10
_PREFIX = "evt_"


@dataclass(frozen=True, slots=True)
class PartnerEvent:
    """One event.

    Attributes:
        id: the same for one cause; what receivers know a repetition by. Without a full stop, which separates the parts
            of what is signed.
        type: as `partners.webhook_terms.WebhookEvent` lists them.
        subject: what is told in order: the purchase order, else the document that it is about.
        body: JSON with `type`, `timestamp` and `data`.
    """

    id: str
    partner_id: str
    type: str
    subject: str
    at_ms: int
    body: bytes


def partner_event(
    partner_id: str, type_: str, subject: str, at_ms: int, data: Mapping[str, object], *, cause: str
) -> PartnerEvent:
    """An event.

    Args:
        partner_id: whom it may be told to.
        type_: such as ``document.accepted``.
        subject: the purchase order, else the document.
        at_ms: when it happened; the same however often its unit of work is run.
        data: JSON values by name: ids, numbers, links.
        cause: what makes it this event, such as ``decided:ID:1``; the same cause is recorded once.
    """
    body = {"type": type_, "timestamp": rfc3339(at_ms), "data": dict(data)}
    return PartnerEvent(event_id(at_ms, f"{partner_id}|{cause}"), partner_id, type_, subject, at_ms, orjson.dumps(body))


def event_id(at_ms: int, cause: str) -> str:
    """The one id of what a cause brings about: reckoned, not drawn."""
    return _PREFIX + reckoned_id(at_ms, cause)


def reckoned_id(at_ms: int, cause: str) -> str:
    """An id that sorts by time, as those that are drawn, and is the same for the same cause."""
    return ulid(at_ms, int.from_bytes(hashlib.sha256(cause.encode(errors="backslashreplace")).digest()[:_CHANCE_BYTES]))


def nobody(_partner_id: str) -> bool:
    """No events are kept for anybody."""
    return False
