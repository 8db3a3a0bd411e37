"""The life of a received message, from the durable commit to one of its three outcomes."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class MessageState(StrEnum):
    """Where a received message stands. Published, rejected and parked are the three outcomes."""

    RECEIVED = "received"  # stored, answered on the transport
    PROCESSING = "processing"  # claimed by a process
    QUEUED = "queued"  # decided; its events wait for the broker's confirm
    PUBLISHED = "published"  # every event confirmed, or there was nothing to publish (an acknowledgment group, say)
    REJECTED = "rejected"  # the partner's fault; told in its own tongue
    PARKED = "parked"  # our fault; no acknowledgment, retried with back-off until the limit
    HELD = "held"  # kept and answered; waits until its partner, who is suspended, is live or testing again


class MessageEvent(StrEnum):
    """What moves a message."""

    CLAIM = "claim"
    RELEASE = "release"  # the claim ended without a decision: shutdown, or a lease that ran out
    ACCEPT = "accept"
    CONFIRM = "confirm"
    REJECT = "reject"
    PARK = "park"
    REPROCESS = "reprocess"
    HOLD = "hold"  # its partner is suspended; also at reception, before anybody claims it
    RESUME = "resume"  # the partner is live or testing again, or a person releases it


M, E = MessageState, MessageEvent
MESSAGE_TRANSITIONS: Mapping[tuple[MessageState, MessageEvent], MessageState] = MappingProxyType(
    {
        (M.RECEIVED, E.CLAIM): M.PROCESSING,
        (M.PROCESSING, E.RELEASE): M.RECEIVED,
        (M.PROCESSING, E.ACCEPT): M.QUEUED,
        (M.PROCESSING, E.REJECT): M.REJECTED,
        (M.PROCESSING, E.PARK): M.PARKED,
        (M.PARKED, E.CLAIM): M.PROCESSING,
        (M.QUEUED, E.CONFIRM): M.PUBLISHED,
        (M.PUBLISHED, E.REPROCESS): M.RECEIVED,
        (M.REJECTED, E.REPROCESS): M.RECEIVED,
        (M.PARKED, E.REPROCESS): M.RECEIVED,
        (M.RECEIVED, E.HOLD): M.HELD,
        (M.PROCESSING, E.HOLD): M.HELD,
        (M.HELD, E.RESUME): M.RECEIVED,
        (M.HELD, E.REPROCESS): M.RECEIVED,
    }
)
FINAL_STATES = frozenset({M.PUBLISHED, M.REJECTED})  # left only when a person asks for it


class EventState(StrEnum):
    """Where one business event stands in the outbox."""

    STAGED = "staged"  # written with its batch, invisible until its message is decided
    READY = "ready"  # may be published as soon as its lane is free
    PUBLISHED = "published"  # confirmed by the broker
    HELD = "held"  # the broker refused it for good (no queue wants it); holds its lane until a person decides
    DROPPED = "dropped"  # its message was rejected, or a person gave it up


class EventEvent(StrEnum):
    """What moves a business event."""

    RELEASE = "release"
    CONFIRM = "confirm"
    HOLD = "hold"
    DROP = "drop"
    REPLAY = "replay"


S, V = EventState, EventEvent
EVENT_TRANSITIONS: Mapping[tuple[EventState, EventEvent], EventState] = MappingProxyType(
    {
        (S.STAGED, V.RELEASE): S.READY,
        (S.STAGED, V.DROP): S.DROPPED,
        (S.READY, V.CONFIRM): S.PUBLISHED,
        (S.READY, V.HOLD): S.HELD,
        (S.READY, V.DROP): S.DROPPED,
        (S.HELD, V.REPLAY): S.READY,
        (S.HELD, V.DROP): S.DROPPED,
        (S.PUBLISHED, V.REPLAY): S.READY,
    }
)
EVENT_FINAL_STATES = frozenset({S.PUBLISHED, S.DROPPED})
LANE_BLOCKING_STATES = frozenset({S.STAGED, S.READY, S.HELD})
