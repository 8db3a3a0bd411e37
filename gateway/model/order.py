"""The life of a purchase order as its documents tell it, whoever's turn it is.

A document that comes when nobody expects it is no fault: it is recorded, and what the table has no row for leaves the
order where it stands.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class OrderState(StrEnum):
    """Where an order stands."""

    TRANSMITTED = "transmitted"  # ours, on its way to the supplier
    RECEIVED = "received"  # the supplier has it, and has not said yes or no
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGED_WITH_CHANGES = "acknowledged_with_changes"
    REJECTED = "rejected"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    INVOICED = "invoiced"
    CANCELLED = "cancelled"
    CLOSED = "closed"  # invoiced, and the goods received or the invoice paid


class OrderEvent(StrEnum):
    """What a document does to its order."""

    SEND = "send"  # the order, as new or in place of an earlier one
    CHANGE = "change"
    CANCEL = "cancel"
    DELIVER = "deliver"  # what we sent last of it has arrived
    ACCEPT = "accept"
    ACCEPT_WITH_CHANGES = "accept_with_changes"
    REJECT = "reject"
    ANSWER = "answer"  # neither yes nor no: on hold, say, or a change that they do not make
    SHIP_PART = "ship_part"
    SHIP = "ship"
    INVOICE = "invoice"
    CLOSE = "close"  # we tell them what arrived, or what was paid


S, E = OrderState, OrderEvent
ORDER_TRANSITIONS: Mapping[tuple[OrderState, OrderEvent], OrderState] = MappingProxyType(
    {
        (S.TRANSMITTED, E.CANCEL): S.CANCELLED,
        (S.TRANSMITTED, E.DELIVER): S.RECEIVED,
        (S.TRANSMITTED, E.ANSWER): S.RECEIVED,
        (S.TRANSMITTED, E.ACCEPT): S.ACKNOWLEDGED,
        (S.TRANSMITTED, E.ACCEPT_WITH_CHANGES): S.ACKNOWLEDGED_WITH_CHANGES,
        (S.TRANSMITTED, E.REJECT): S.REJECTED,
        (S.TRANSMITTED, E.SHIP_PART): S.PARTIALLY_SHIPPED,
        (S.TRANSMITTED, E.SHIP): S.SHIPPED,
        (S.TRANSMITTED, E.INVOICE): S.INVOICED,
        (S.RECEIVED, E.SEND): S.TRANSMITTED,
        (S.RECEIVED, E.CHANGE): S.TRANSMITTED,
        (S.RECEIVED, E.CANCEL): S.CANCELLED,
        (S.RECEIVED, E.ACCEPT): S.ACKNOWLEDGED,
        (S.RECEIVED, E.ACCEPT_WITH_CHANGES): S.ACKNOWLEDGED_WITH_CHANGES,
        (S.RECEIVED, E.REJECT): S.REJECTED,
        (S.RECEIVED, E.SHIP_PART): S.PARTIALLY_SHIPPED,
        (S.RECEIVED, E.SHIP): S.SHIPPED,
        (S.RECEIVED, E.INVOICE): S.INVOICED,
        (S.ACKNOWLEDGED, E.SEND): S.TRANSMITTED,
        (S.ACKNOWLEDGED, E.CHANGE): S.TRANSMITTED,
        (S.ACKNOWLEDGED, E.CANCEL): S.CANCELLED,
        (S.ACKNOWLEDGED, E.ACCEPT_WITH_CHANGES): S.ACKNOWLEDGED_WITH_CHANGES,
        (S.ACKNOWLEDGED, E.REJECT): S.REJECTED,
        (S.ACKNOWLEDGED, E.SHIP_PART): S.PARTIALLY_SHIPPED,
        (S.ACKNOWLEDGED, E.SHIP): S.SHIPPED,
        (S.ACKNOWLEDGED, E.INVOICE): S.INVOICED,
        (S.ACKNOWLEDGED_WITH_CHANGES, E.SEND): S.TRANSMITTED,
        (S.ACKNOWLEDGED_WITH_CHANGES, E.CHANGE): S.TRANSMITTED,
        (S.ACKNOWLEDGED_WITH_CHANGES, E.CANCEL): S.CANCELLED,
        (S.ACKNOWLEDGED_WITH_CHANGES, E.ACCEPT): S.ACKNOWLEDGED,
        (S.ACKNOWLEDGED_WITH_CHANGES, E.REJECT): S.REJECTED,
        (S.ACKNOWLEDGED_WITH_CHANGES, E.SHIP_PART): S.PARTIALLY_SHIPPED,
        (S.ACKNOWLEDGED_WITH_CHANGES, E.SHIP): S.SHIPPED,
        (S.ACKNOWLEDGED_WITH_CHANGES, E.INVOICE): S.INVOICED,
        (S.REJECTED, E.SEND): S.TRANSMITTED,
        (S.REJECTED, E.CHANGE): S.TRANSMITTED,
        (S.REJECTED, E.CANCEL): S.CANCELLED,
        (S.REJECTED, E.ACCEPT): S.ACKNOWLEDGED,
        (S.REJECTED, E.ACCEPT_WITH_CHANGES): S.ACKNOWLEDGED_WITH_CHANGES,
        (S.REJECTED, E.SHIP_PART): S.PARTIALLY_SHIPPED,
        (S.REJECTED, E.SHIP): S.SHIPPED,
        (S.REJECTED, E.INVOICE): S.INVOICED,
        # Goods are on their way: an answer that comes late, or a change, does not bring them back. An invoice of what
        # was shipped so far leaves the rest to be shipped.
        (S.PARTIALLY_SHIPPED, E.CANCEL): S.CANCELLED,
        (S.PARTIALLY_SHIPPED, E.SHIP): S.SHIPPED,
        (S.SHIPPED, E.INVOICE): S.INVOICED,
        (S.INVOICED, E.CLOSE): S.CLOSED,
        # The number is used again.
        (S.CANCELLED, E.SEND): S.TRANSMITTED,
        (S.CLOSED, E.SEND): S.TRANSMITTED,
    }
)
ORDER_FINAL_STATES = frozenset({S.CANCELLED, S.CLOSED})
# In which the supplier's next document is awaited.
ORDER_OPEN_STATES = frozenset(
    {S.TRANSMITTED, S.RECEIVED, S.ACKNOWLEDGED, S.ACKNOWLEDGED_WITH_CHANGES, S.PARTIALLY_SHIPPED, S.SHIPPED}
)
# Where an order begins of which this is the first document that we see. An answer may come before the order itself: it
# was sent by other means, or both crossed. What only follows on something else begins nothing.
ORDER_BEGINNINGS: Mapping[OrderEvent, OrderState] = MappingProxyType(
    {
        E.SEND: S.TRANSMITTED,
        E.CHANGE: S.TRANSMITTED,
        E.CANCEL: S.CANCELLED,
        E.ACCEPT: S.ACKNOWLEDGED,
        E.ACCEPT_WITH_CHANGES: S.ACKNOWLEDGED_WITH_CHANGES,
        E.REJECT: S.REJECTED,
        E.ANSWER: S.RECEIVED,
        E.SHIP_PART: S.PARTIALLY_SHIPPED,
        E.SHIP: S.SHIPPED,
        E.INVOICE: S.INVOICED,
    }
)
# What may come next, by the names of canonical documents, the most likely first.
ORDER_EXPECTED: Mapping[OrderState, tuple[str, ...]] = MappingProxyType(
    {
        S.TRANSMITTED: ("purchase_order_acknowledgment",),
        S.RECEIVED: ("purchase_order_acknowledgment",),
        S.ACKNOWLEDGED: ("ship_notice", "invoice"),
        S.ACKNOWLEDGED_WITH_CHANGES: ("ship_notice", "invoice"),
        S.PARTIALLY_SHIPPED: ("ship_notice", "invoice"),
        S.SHIPPED: ("invoice",),
    }
)


def after(state: OrderState, event: OrderEvent) -> OrderState:
    """The state after a document, which may be the same."""
    return ORDER_TRANSITIONS.get((state, event), state)
