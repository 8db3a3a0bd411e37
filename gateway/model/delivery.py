"""The life of a delivery: something of ours on its way to a partner, whichever carrier takes it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

# The channels of what waits until the partner fetches it: nothing of ours moves it on, and nobody's server is called.
INBOX: Final = "inbox"  # of the API, where they confirm
MAILBOX: Final = "mailbox"  # at our SFTP server, where having read all of it, or removing it, confirms
FETCHED_CHANNELS = frozenset({INBOX, MAILBOX})


class DeliveryKind(StrEnum):
    """What is delivered."""

    DOCUMENT = "document"  # a business document of the ERP, translated and enveloped
    FILE = "file"  # a file that an operator sends as it is
    ACKNOWLEDGMENT = "acknowledgment"  # a TA1, 997 or 999 that a message earned
    RECEIPT = "receipt"  # an asynchronous MDN; it never earns a receipt itself (RFC 3798 2.1)
    CERTIFICATE = "certificate"  # a certificate exchange message
    TEST = "test"  # of `gateway partner ping`
    NOTICE = "notice"  # an event that a partner is told of by a webhook


class DeliveryState(StrEnum):
    """Where a delivery stands. Delivered and cancelled are the ends; a person decides on refused and given up."""

    QUEUED = "queued"  # due now or at the next attempt
    SENDING = "sending"  # claimed by a process
    AWAITING_RECEIPT = "awaiting_receipt"  # they have it, the asynchronous receipt is still to come
    DELIVERED = "delivered"  # proven by its receipt, or accepted where no receipt was agreed
    HELD = "held"  # cannot be sent now (certificate expired, partner suspended); goes on by itself once it can
    REFUSED = "refused"  # the partner said no; the same bytes would earn the same answer
    GIVEN_UP = "given_up"  # every attempt of the schedule failed, or nobody fetched in time what lies ready for them
    CANCELLED = "cancelled"  # a person decided that it is not to be sent


class DeliveryEvent(StrEnum):
    """What moves a delivery."""

    CLAIM = "claim"
    RELEASE = "release"  # the claim ended without an outcome: shutdown, or a lease that ran out
    AWAIT = "await"  # sent, the receipt comes by a request of theirs
    CONFIRM = "confirm"  # the receipt is good, or none was agreed
    DEFER = "defer"  # failed in a way that may pass; again later, the same bytes
    HOLD = "hold"
    RESUME = "resume"
    REFUSE = "refuse"
    GIVE_UP = "give_up"
    OVERDUE = "overdue"  # the asynchronous receipt did not come in time
    RETRY = "retry"  # a person asks for it
    CANCEL = "cancel"


S, E = DeliveryState, DeliveryEvent
# A receipt may come at any moment after the first attempt began: before the answer to our request, after an attempt
# that seemed to fail, even after the last. What the partner proves to have is delivered, so CONFIRM is taken anywhere.
DELIVERY_TRANSITIONS: Mapping[tuple[DeliveryState, DeliveryEvent], DeliveryState] = MappingProxyType(
    {
        (S.QUEUED, E.CLAIM): S.SENDING,
        (S.QUEUED, E.CONFIRM): S.DELIVERED,
        (S.QUEUED, E.REFUSE): S.REFUSED,
        (S.QUEUED, E.HOLD): S.HELD,
        (S.QUEUED, E.CANCEL): S.CANCELLED,
        (S.SENDING, E.RELEASE): S.QUEUED,
        (S.SENDING, E.AWAIT): S.AWAITING_RECEIPT,
        (S.SENDING, E.CONFIRM): S.DELIVERED,
        (S.SENDING, E.DEFER): S.QUEUED,
        (S.SENDING, E.HOLD): S.HELD,
        (S.SENDING, E.REFUSE): S.REFUSED,
        (S.SENDING, E.GIVE_UP): S.GIVEN_UP,
        (S.AWAITING_RECEIPT, E.CONFIRM): S.DELIVERED,
        (S.AWAITING_RECEIPT, E.REFUSE): S.REFUSED,
        (S.AWAITING_RECEIPT, E.OVERDUE): S.QUEUED,
        (S.AWAITING_RECEIPT, E.GIVE_UP): S.GIVEN_UP,
        (S.AWAITING_RECEIPT, E.CANCEL): S.CANCELLED,
        (S.HELD, E.CONFIRM): S.DELIVERED,
        (S.HELD, E.REFUSE): S.REFUSED,
        (S.HELD, E.RESUME): S.QUEUED,
        (S.HELD, E.RETRY): S.QUEUED,
        (S.HELD, E.CANCEL): S.CANCELLED,
        (S.REFUSED, E.RETRY): S.QUEUED,
        (S.REFUSED, E.CANCEL): S.CANCELLED,
        (S.GIVEN_UP, E.CONFIRM): S.DELIVERED,
        (S.GIVEN_UP, E.REFUSE): S.REFUSED,
        (S.GIVEN_UP, E.RETRY): S.QUEUED,
        (S.GIVEN_UP, E.CANCEL): S.CANCELLED,
    }
)
# Order is kept within a lane: nothing overtakes what is not through, so every other state holds the lane, also those in
# which a person has to decide.
DELIVERY_FINAL_STATES = frozenset({S.DELIVERED, S.CANCELLED})
