"""The life of what the ERP or an operator wants sent, until there is a delivery of it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class DispatchState(StrEnum):
    """Where it stands. Everything after `accepted` is the life of its delivery."""

    RECEIVED = "received"  # recorded, to be translated (again)
    HELD = "held"  # its partner is suspended; translated, and numbered, once they are live or testing again
    ACCEPTED = "accepted"  # there is a delivery of it
    REFUSED = "refused"  # cannot be sent; a person decides
    ABANDONED = "abandoned"  # a person decided that it is not to be sent


class DispatchEvent(StrEnum):
    """What moves it."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    RETRY = "retry"
    HOLD = "hold"
    RESUME = "resume"
    ABANDON = "abandon"


S, E = DispatchState, DispatchEvent
DISPATCH_TRANSITIONS: Mapping[tuple[DispatchState, DispatchEvent], DispatchState] = MappingProxyType(
    {
        (S.RECEIVED, E.ACCEPT): S.ACCEPTED,
        (S.RECEIVED, E.REFUSE): S.REFUSED,
        (S.RECEIVED, E.ABANDON): S.ABANDONED,
        (S.RECEIVED, E.HOLD): S.HELD,
        (S.HELD, E.RESUME): S.RECEIVED,
        (S.HELD, E.ABANDON): S.ABANDONED,
        (S.REFUSED, E.RETRY): S.RECEIVED,
        (S.REFUSED, E.ABANDON): S.ABANDONED,
    }
)
DISPATCH_FINAL_STATES = frozenset({S.ACCEPTED, S.ABANDONED})
