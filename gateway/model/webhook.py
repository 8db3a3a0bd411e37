"""The life of a webhook subscription, and when a call that failed is made again."""

import hashlib
from base64 import b32encode
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

# The channel of deliveries that are posted to a subscription's address.
WEBHOOK = "webhook"
# Who sets up a subscription.
BY_PROFILE, BY_API = "profile", "api"
# Who pauses where nobody does it.
BY_ITSELF = "gateway"
_ID_PREFIX = "wh_"
_ID_CHARACTERS = 26


class WebhookState(StrEnum):
    """Where a subscription stands."""

    ACTIVE = "active"  # told of events
    PAUSED = "paused"  # events wait: a person or the partner wants it so, or nothing but failures for days
    DISABLED = "disabled"  # their server answered 410 Gone: what waits is kept, nothing new is added
    REMOVED = "removed"  # the profile does not name it any more; it may come back
    DELETED = "deleted"  # ended by the partner


class WebhookChange(StrEnum):
    """What moves it."""

    PAUSE = "pause"
    RESUME = "resume"
    GONE = "gone"  # 410
    REMOVE = "remove"
    RESTORE = "restore"
    DELETE = "delete"


S, E = WebhookState, WebhookChange
WEBHOOK_TRANSITIONS: Mapping[tuple[WebhookState, WebhookChange], WebhookState] = MappingProxyType(
    {
        (S.ACTIVE, E.PAUSE): S.PAUSED,
        (S.ACTIVE, E.GONE): S.DISABLED,
        (S.ACTIVE, E.REMOVE): S.REMOVED,
        (S.ACTIVE, E.DELETE): S.DELETED,
        (S.PAUSED, E.RESUME): S.ACTIVE,
        # A call that was under way when it was paused.
        (S.PAUSED, E.GONE): S.DISABLED,
        (S.PAUSED, E.REMOVE): S.REMOVED,
        (S.PAUSED, E.DELETE): S.DELETED,
        (S.DISABLED, E.PAUSE): S.PAUSED,
        (S.DISABLED, E.RESUME): S.ACTIVE,
        (S.DISABLED, E.REMOVE): S.REMOVED,
        (S.DISABLED, E.DELETE): S.DELETED,
        (S.REMOVED, E.RESTORE): S.ACTIVE,
    }
)
WEBHOOK_FINAL_STATES = frozenset({S.DELETED})
# In which a subscription is there for its partner.
WEBHOOK_LIVING_STATES = frozenset({S.ACTIVE, S.PAUSED, S.DISABLED})
# In which new events are added to what it is told.
WEBHOOK_TOLD_STATES = frozenset({S.ACTIVE, S.PAUSED})

# Seconds from each failure to the next call, as Standard Webhooks suggests; the last one for ever: no event is given
# up, and an address that does nothing but fail is paused.
RETRY_AFTER_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
_SPREAD = 0.2


def retry_after_ms(attempts: int, chance: float) -> int:
    """Milliseconds to wait after that many failed calls of one event.

    Args:
        attempts: failed so far, at least 1.
        chance: 0 <= chance < 1; lengthens the pause by up to a fifth, so that many do not come back at once.
    """
    pause_s = RETRY_AFTER_S[min(attempts, len(RETRY_AFTER_S)) - 1]
    return int(pause_s * 1_000 * (1 + _SPREAD * chance))


def profile_subscription_id(partner_id: str, name: str) -> str:
    """The id of a subscription of a profile: the same as often as it is named there, on every node."""
    digest = hashlib.sha256(f"{partner_id}/{name}".encode()).digest()
    return _ID_PREFIX + b32encode(digest).decode()[:_ID_CHARACTERS]


def api_subscription_id(drawn: str) -> str:
    """The id of a subscription of the API, from one that was drawn."""
    return _ID_PREFIX + drawn


def lane_of(subscription_id: str, subject: str) -> str:
    """Order is kept for each subscription and subject, and nothing waits for another one."""
    return f"{WEBHOOK}/{subscription_id}/{subject}"
