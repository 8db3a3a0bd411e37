"""What the exceptions list says of deliveries: the reason in the words of whoever found it, and what to do."""

from collections.abc import Mapping

from sqlalchemy import Connection

from gateway.model.delivery import INBOX, MAILBOX, DeliveryState
from gateway.store.deliveries.rows import StoredDelivery
from gateway.store.oversight import cases
from gateway.store.oversight.cases import CaseKind, CaseState

# State -> kind of the case, whether the gateway goes on by itself, and what to do.
_CASES: Mapping[DeliveryState, tuple[CaseKind, CaseState, str]] = {
    DeliveryState.REFUSED: (
        CaseKind.DELIVERY_REFUSED,
        CaseState.STOPPED,
        (
            "the same bytes would earn the same answer: settle the reason with the partner, then retry, which packs it "
            "anew under a new Message-ID, or resolve, which cancels it; what is behind it in its lane waits until then"
        ),
    ),
    DeliveryState.GIVEN_UP: (
        CaseKind.DELIVERY_GIVEN_UP,
        CaseState.STOPPED,
        (
            "every attempt of the schedule failed: find out with the partner why (gateway partner ping), then retry, "
            "which sends the same bytes, or resolve, which cancels it; what is behind it in its lane waits until then"
        ),
    ),
    DeliveryState.HELD: (
        CaseKind.DELIVERY_HELD,
        CaseState.OPEN,
        (
            "nothing was sent; it goes by itself once the reason is gone, and is looked at every few minutes and "
            "whenever profiles or keys change; resolve cancels it"
        ),
    ),
}

_FAILING = (
    CaseKind.DELIVERY_FAILING,
    CaseState.OPEN,
    (
        "waiting does not cure this: correct the profile, or have the partner put it right, then retry, which sends "
        "the same bytes at once; meanwhile it is tried again by itself, and this case ends once that goes well; "
        "resolve cancels it; what is behind it in its lane waits until then"
    ),
)

# What is given up in an inbox or a mailbox is the waiting.
_UNCONFIRMED = {
    INBOX: (
        "it stays in their inbox, and this case ends by itself once they confirm or decline it: ask them whether their "
        "program still looks there; retry tells them of it again, resolve withdraws it; what is behind it in its lane "
        "can be fetched all the same"
    ),
    MAILBOX: (
        "it stays in outbox/ of their mailbox, and this case ends by itself once they fetch it: ask them whether their "
        "program still looks there (`gateway sftp mailbox` shows what lies there); retry gives them as much time "
        "again, resolve withdraws it; what is behind it in its lane can be fetched all the same"
    ),
}


def settle_cases(
    connection: Connection,
    delivery: StoredDelivery,
    state: DeliveryState,
    now_ms: int,
    reason: str,
    attempts: int,
    *,
    had_case: bool,
    tells: bool = False,
) -> None:
    """Open the case that a state asks for, and close those of the states before it.

    What waits for its next attempt has one only where it `tells`: that attempt will fail, too, if nobody does anything.
    """
    if had_case:
        cases.resolve(connection, now_ms, f"the delivery is {state.value.replace('_', ' ')}", message_id=delivery.id)
    case = _CASES.get(state)
    if state is DeliveryState.GIVEN_UP and delivery.channel in _UNCONFIRMED:
        case = CaseKind.DELIVERY_UNCONFIRMED, CaseState.OPEN, _UNCONFIRMED[delivery.channel]
    if state is DeliveryState.QUEUED and tells:
        case = _FAILING
    if case is None:
        return
    kind, standing, to_do = case
    cases.raise_case(
        connection,
        kind,
        standing,
        now_ms,
        partner_id=delivery.partner_id,
        message_id=delivery.id,
        reason=reason or state.value.replace("_", " "),
        detail=to_do,
        attempts=attempts,
    )
