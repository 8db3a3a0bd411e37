"""Sending something again on a person's word: a new delivery of the same payload, under an id of its own.

What still waits for its next attempt has that attempt made now, under the id that it has: it is never there twice.
"""

from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from gateway.flow.acknowledging import by_files
from gateway.flow.operations import Actor, NotPossible, Unknown
from gateway.flow.outward.ways import SANDBOX, SFTP, NoWay, Recipient, destination_of, recipient, transport_id
from gateway.model.delivery import DELIVERY_FINAL_STATES, MAILBOX, DeliveryKind, DeliveryState
from gateway.model.dispatch import DispatchEvent
from gateway.store import deliveries
from gateway.store.deliveries import NewDelivery, StoredDelivery, dispatches
from gateway.store.deliveries.dispatches import Found, NewDispatch
from gateway.store.oversight import audit, timeline
from partners.directory import Directory

# A receipt and a certificate message belong to one exchange, a test to one moment.
RESENT = frozenset({DeliveryKind.DOCUMENT, DeliveryKind.FILE, DeliveryKind.ACKNOWLEDGMENT})

# Unit of work: connection, delivery id, actor, now.
Resend = Callable[[Connection, str, Actor, int], str]


def resending(directory: Directory, new_id: str, host: str) -> Resend:
    """The act of sending something again as `new_id`, by the partners as they are now."""
    return partial(_resend, directory, new_id, host)


def _resend(
    directory: Directory, new_id: str, host: str, connection: Connection, delivery_id: str, actor: Actor, now_ms: int
) -> str:
    """Enqueue the payload of a delivery again; returns the new delivery's id, or its own where it only waited.

    Raises:
        Unknown: no such delivery.
        NotPossible: it is not over, cannot be repeated, or its payload was purged.
    """
    delivery = deliveries.get(connection, delivery_id)
    if delivery is None:
        raise Unknown(f"there is no delivery {delivery_id}")
    if _waits(delivery, now_ms):
        if deliveries.attempt_now(connection, delivery_id, now_ms, actor.name):
            act = audit.Act(now_ms, actor.name, "message.resend", delivery_id, actor.remote, {"as": delivery_id})
            audit.record(connection, act)
        return delivery_id
    if delivery.kind not in RESENT:
        raise NotPossible(f"{delivery_id} is a {delivery.kind}, which is never sent twice")
    if delivery.state not in DELIVERY_FINAL_STATES:
        raise NotPossible(
            f"{delivery_id} is {delivery.state.replace('_', ' ')} and goes on under its own id; where it waits for a "
            "person, `gateway exceptions retry` sends it again"
        )
    try:
        way = _way(directory, delivery)
    except NoWay as no_way:
        raise NotPossible(str(no_way)) from None
    payload = deliveries.body(connection, delivery_id, "payload")
    if payload is None:
        raise NotPossible(f"the content of {delivery_id} was purged")
    wanted = dispatches.get(connection, delivery_id)
    dispatches.record(
        connection,
        NewDispatch(
            id=new_id,
            partner_id=delivery.partner_id,
            kind=delivery.kind,
            actor=actor.name,
            received_at_ms=now_ms,
            sha256=delivery.payload_sha256,
            body_bytes=delivery.payload_bytes,
            content_type=delivery.content_type,
            filename=delivery.filename,
            subject=delivery.subject,
            correlation_id=delivery.correlation_id,
            causation_id=delivery_id,
        ),
    )
    order = "" if wanted is None else wanted.purchase_order_number
    found = Found(delivery.document_type, delivery.number, order, 0 if wanted is None else wanted.documents)
    dispatches.settle(connection, new_id, DispatchEvent.ACCEPT, found=found)
    lane = delivery.lane if order else f"{delivery.partner_id}/{new_id}"
    timeline.note(connection, new_id, now_ms, "wanted", {"actor": actor.name, "repeats": delivery_id})
    deliveries.enqueue(
        connection,
        NewDelivery(
            id=new_id,
            partner_id=delivery.partner_id,
            profile_digest=way.partner.digest,
            identity=delivery.identity,
            # By the way that there is now; but what the sandbox played is never sent for real.
            channel=SANDBOX if delivery.channel == SANDBOX else way.channel,
            kind=delivery.kind,
            lane=lane,
            transport_id=transport_id(new_id, host),
            content_type=delivery.content_type,
            filename=delivery.filename,
            subject=delivery.subject,
            payload=payload,
            created_at_ms=now_ms,
            due_at_ms=now_ms,
            message_id=delivery.message_id,
            correlation_id=delivery.correlation_id,
            document_type=delivery.document_type,
            number=delivery.number,
            destination=way.destination,
        ),
    )
    timeline.note(connection, delivery_id, now_ms, "sent-again", {"actor": actor.name, "as": new_id})
    act = audit.Act(now_ms, actor.name, "message.resend", delivery_id, actor.remote, {"as": new_id})
    audit.record(connection, act)
    return new_id


def _waits(delivery: StoredDelivery, now_ms: int) -> bool:
    """Whether it stands between two attempts; what a webhook is told of goes by its subscription."""
    if delivery.state != DeliveryState.QUEUED or delivery.kind == DeliveryKind.NOTICE:
        return False
    return delivery.attempts > 0 or (delivery.next_attempt_at_ms or 0) > now_ms


def _way(directory: Directory, delivery: StoredDelivery) -> Recipient:
    """The way that something goes now; what was earned by a file, and went by files, goes by files once more.

    Raises:
        NoWay: there is none.
    """
    partner = directory.by_id(delivery.partner_id)
    if (
        partner is not None
        and delivery.kind == DeliveryKind.ACKNOWLEDGMENT
        and delivery.channel in {MAILBOX, SFTP}
        and partner.profile.status != "draft"
        and partner.profile.delivery.way is None
        and (found := by_files(directory, partner)) is not None
    ):
        owner, channel = found
        return Recipient(partner, owner, channel=channel, destination=destination_of(owner.profile, channel))
    return recipient(directory, delivery.partner_id)
