"""The asynchronous receipts that we owe: each is a delivery, kept in the same commit as what it acknowledges."""

from sqlalchemy import Connection

from gateway.model.delivery import DELIVERY_FINAL_STATES, DeliveryKind, DeliveryState
from gateway.store import deliveries
from gateway.store.deliveries import NewDelivery

# Receipts that tell of failures and wait to be sent, of one partner: anybody can cause them with its name.
FAILURES_WAITING_MAX = 100
# Of one message. A retransmission proves nothing of who sends it: what the signature covers is the same each time, so
# whoever recorded the message could have us call the partner for ever.
RECEIPTS_OF_A_MESSAGE_MAX = 20


def owe(connection: Connection, new: NewDelivery, *, again: bool, actor: str) -> None:
    """Have a receipt delivered.

    Args:
        connection: of the unit in which its message is kept.
        new: the receipt.
        again: the message is a retransmission: its receipt did not come, or not yet. One that is still on its way is
            left alone, one that was given up goes again, and one that they took is sent once more, yet not for ever.
        actor: who asked again.
    """
    if again and new.message_id is not None:
        earlier = [
            delivery
            for delivery in deliveries.of_message(connection, new.message_id)
            if delivery.kind == DeliveryKind.RECEIPT
        ]
        waiting = [delivery for delivery in earlier if delivery.state not in _OVER]
        if waiting and waiting[-1].state == DeliveryState.GIVEN_UP:
            deliveries.retry(connection, waiting[-1].id, new.created_at_ms, actor)
        if waiting or len(earlier) >= RECEIPTS_OF_A_MESSAGE_MAX:
            return
    deliveries.enqueue(connection, new)


# What was refused stays with a person, and the same bytes are offered once more beside it.
_OVER = DELIVERY_FINAL_STATES | {DeliveryState.REFUSED}


def failure_lane(partner_id: str, delivery_id: str) -> str:
    """The lane of a receipt that tells of a failure: alone in it, yet to be counted with its like."""
    return f"{partner_id}/failure/{delivery_id}"


class TooManyFailures(Exception):  # noqa: N818  # said of a partner's name
    """So many receipts wait to tell a partner of failures that no more are kept."""


def owe_for_failure(connection: Connection, new: NewDelivery) -> None:
    """Have the receipt for a message delivered that was not kept, and that anybody may have sent.

    Raises:
        TooManyFailures: enough of them wait.
    """
    waiting = deliveries.open_in_lanes(connection, failure_lane(new.partner_id, ""), FAILURES_WAITING_MAX)
    if waiting >= FAILURES_WAITING_MAX:
        raise TooManyFailures(new.partner_id)
    deliveries.enqueue(connection, new)
