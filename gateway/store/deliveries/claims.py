"""Who works on which delivery: claims as leases, the beginning of an attempt, and its end.

A claim is a lease. While it runs nobody else takes the delivery; when it ends without an outcome (the process was
killed) the delivery is due again, with the parcel that was kept before its first byte left. Each claim counts as an
attempt, so that a delivery which kills the process cannot do so for ever. A receipt may settle a delivery while an
attempt is still under way: what that attempt finds out is then void.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, func, or_, select, update

from gateway.buffers import Buffer
from gateway.model.delivery import (
    DELIVERY_TRANSITIONS,
    FETCHED_CHANNELS,
    INBOX,
    MAILBOX,
    DeliveryEvent,
    DeliveryKind,
    DeliveryState,
)
from gateway.model.machine import advance
from gateway.store.deliveries import bodies as delivery_bodies
from gateway.store.deliveries.lifecycle import OVER, locked, move
from gateway.store.deliveries.rows import COLUMNS, KeptParcel, StoredDelivery, storable_facts, stored
from gateway.store.engine.statements import Prepared, constant, given, table_of
from gateway.store.oversight import timeline
from gateway.store.tables import Delivery

# One number for every node: those that count what is under way do it one after the other.
_CLAIM_LOCK = 4_130_850_857
CANDIDATES_AT_ONCE = 128
OVERDUE_AT_ONCE = 100
UNCONFIRMED = {
    INBOX: "it lies in their inbox, and they have not confirmed it in time",
    MAILBOX: "it lies in their mailbox, and they have not fetched it in time",
}
UNFETCHED_ACKNOWLEDGMENT = "it lay in acknowledgments/ of their mailbox for the time agreed, and they did not fetch it"

_DELIVERY = table_of(Delivery)
_IS_FETCHED = _DELIVERY.c.channel.in_([constant(channel) for channel in sorted(FETCHED_CHANNELS)])
_MAY_GO = [
    constant(state.value) for state in (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD)
]  # of those under way only such whose lease ran out
_sending_now = Prepared(
    lambda _: (
        select(_DELIVERY.c.partner_id, _DELIVERY.c.destination, func.count())
        .where(
            _DELIVERY.c.state == constant(DeliveryState.SENDING.value),
            _DELIVERY.c.next_attempt_at_ms > given("now_ms"),
            ~_IS_FETCHED,
        )
        .group_by(_DELIVERY.c.partner_id, _DELIVERY.c.destination)
    )
)
_any_overdue = Prepared(
    lambda _: (
        select(_DELIVERY.c.id)
        .where(
            _DELIVERY.c.state == constant(DeliveryState.AWAITING_RECEIPT.value),
            _DELIVERY.c.next_attempt_at_ms <= given("now_ms"),
        )
        .limit(1)
    )
)
# Statements with lists are built once, too: building them costs more than running them. What they are given has other
# names than the columns, which SQLAlchemy keeps for itself.
_is_due = and_(_DELIVERY.c.next_attempt_at_ms <= bindparam("now"), _DELIVERY.c.state.in_(_MAY_GO))
_other = _DELIVERY.alias("other")
_candidates = (
    select(_DELIVERY.c.id, _DELIVERY.c.partner_id, _DELIVERY.c.destination, _DELIVERY.c.channel)
    .where(
        _is_due,
        # Nobody's server is called for what they fetch: it has no share.
        or_(
            _IS_FETCHED,
            # An address of its own has a share of its own, however busy or silent the partner's others are.
            and_(_DELIVERY.c.destination == "", _DELIVERY.c.partner_id.not_in(bindparam("full", expanding=True))),
            and_(
                _DELIVERY.c.destination != "",
                _DELIVERY.c.destination.not_in(bindparam("full_destinations", expanding=True)),
            ),
        ),
        _DELIVERY.c.id.not_in(bindparam("taken", expanding=True)),
        ~exists().where(  # it is the first in its lane
            _other.c.lane == _DELIVERY.c.lane, _other.c.state.not_in(OVER), _other.c.sequence < _DELIVERY.c.sequence
        ),
    )
    .order_by(_DELIVERY.c.next_attempt_at_ms, _DELIVERY.c.id)
    .limit(CANDIDATES_AT_ONCE)
)
_free = (
    select(*COLUMNS)
    .where(_DELIVERY.c.id.in_(bindparam("chosen", expanding=True)), _is_due)
    .with_for_update(skip_locked=True)  # whoever moves one of them right now has it
)
_claim = (
    update(_DELIVERY)
    .where(_DELIVERY.c.id.in_(bindparam("chosen", expanding=True)))
    .values(
        state=DeliveryState.SENDING.value,
        claim_owner=bindparam("owner"),
        next_attempt_at_ms=bindparam("until"),
        attempts=_DELIVERY.c.attempts + 1,
    )
)
_any_due = Prepared(lambda _: select(_DELIVERY.c.id).where(_DELIVERY.c.next_attempt_at_ms <= given("now_ms")).limit(1))


@dataclass(frozen=True, slots=True)
class Share:
    """How much may be under way to a partner, or to one of its addresses.

    Attributes:
        name: whose server it is; partners with the same one, such as a VAN's, share what it takes.
        most: deliveries at the same time; 0 for none now.
    """

    name: str
    most: int


ShareOf: TypeAlias = Callable[[str, str], Share]


class ClaimLost(Exception):  # noqa: N818  # an event between processes
    """The delivery is no longer ours: the lease ran out and another process took it, or a receipt settled it."""


def claim(
    connection: Connection,
    owner: str,
    now_ms: int,
    *,
    lease_ms: int,
    limit: int,
    share_of: ShareOf,
    passed_over: Collection[str] = (),
) -> list[StoredDelivery] | None:
    """Take deliveries that are due and first in their lane; None when another process is about the same right now.

    The state of each is the one before the claim: what was held is only looked at, until it turns out that it can go.

    Args:
        connection: in a transaction.
        owner: name of this process.
        now_ms: the clock.
        lease_ms: how long they stay with it unless it settles or renews them.
        limit: how many at most.
        share_of: of a partner and one of its addresses (empty where it has but one), what may be under way there in
            all processes.
        passed_over: ids that are not taken, since this process works on them still.
    """
    if limit <= 0 or not _any_due.rows(connection, now_ms=now_ms):
        return []
    # Two that count at the same time would both find room for the same delivery. Whoever comes second looks again soon.
    if connection.dialect.name == "postgresql" and not connection.scalar(
        select(func.pg_try_advisory_xact_lock(_CLAIM_LOCK))
    ):
        return None
    under_way = _under_way(connection, now_ms, share_of)
    chosen: list[str] = []
    full: set[tuple[str, str]] = set()
    last = CANDIDATES_AT_ONCE
    while len(chosen) < limit and last == CANDIDATES_AT_ONCE:
        taken = {*chosen, *passed_over}
        values = {
            "now": now_ms,
            "full": sorted(partner_id for partner_id, destination in full if not destination),
            "full_destinations": sorted(destination for _, destination in full if destination),
            "taken": sorted(taken),
        }
        candidates = connection.execute(_candidates, values).all()
        last = len(candidates)
        for delivery_id, partner_id, destination, channel in candidates:
            if channel in FETCHED_CHANNELS:
                chosen += [delivery_id] if len(chosen) < limit else []
                continue
            share = share_of(partner_id, destination)
            if under_way[share.name] >= share.most:
                full.add((partner_id, destination))
            elif len(chosen) < limit:
                under_way[share.name] += 1
                chosen.append(delivery_id)
    return _take(connection, owner, now_ms, now_ms + lease_ms, chosen) if chosen else []


def _under_way(connection: Connection, now_ms: int, share_of: ShareOf) -> Counter[str]:
    counted: Counter[str] = Counter()
    for partner_id, destination, number in _sending_now.rows(connection, now_ms=now_ms):
        counted[share_of(partner_id, destination).name] += int(number)
    return counted


def _take(
    connection: Connection, owner: str, now_ms: int, until_ms: int, chosen: Collection[str]
) -> list[StoredDelivery]:
    free = connection.execute(_free, {"chosen": list(chosen), "now": now_ms})
    found = {delivery.id: delivery for delivery in map(stored, free)}
    for delivery in found.values():
        state = DeliveryState(delivery.state)
        if state is DeliveryState.HELD:
            state = advance(DELIVERY_TRANSITIONS, state, DeliveryEvent.RESUME)
        if state is not DeliveryState.SENDING:
            advance(DELIVERY_TRANSITIONS, state, DeliveryEvent.CLAIM)
    connection.execute(_claim, {"chosen": list(found), "owner": owner, "until": until_ms})
    return [
        replace(
            found[delivery_id],
            claim_owner=owner,
            next_attempt_at_ms=until_ms,
            attempts=found[delivery_id].attempts + 1,
        )
        for delivery_id in chosen
        if delivery_id in found
    ]


def keep_wire(connection: Connection, claimed: StoredDelivery, data: Buffer, first_piece: int) -> int:
    """Keep a part of a large parcel's bytes ahead of `begin_attempt`; returns the number of the piece that comes next.

    Raises:
        ClaimLost: the delivery is no longer ours; whoever has it packs by itself.
    """
    _own(connection, claimed)
    if first_piece == 0:
        delivery_bodies.drop(connection, claimed.id, delivery_bodies.WIRE)
    return delivery_bodies.keep(connection, claimed.id, delivery_bodies.WIRE, data, first_piece=first_piece)


def begin_attempt(
    connection: Connection,
    claimed: StoredDelivery,
    now_ms: int,
    *,
    bearer_id: str,
    packed: KeptParcel | None = None,
    wire: Buffer | None = None,
) -> None:
    """Write down that an attempt begins; once this is committed the first byte may leave.

    Args:
        connection: in a transaction.
        claimed: as `claim` gave it.
        now_ms: the clock.
        bearer_id: whose connection carries it.
        packed: the parcel, when it was packed just now.
        wire: its bytes, unless `keep_wire` has kept them.

    Raises:
        ClaimLost: the delivery is no longer ours.
    """
    _own(connection, claimed)
    if packed is not None:
        if wire is not None:
            delivery_bodies.replace(connection, claimed.id, delivery_bodies.WIRE, wire)
        _keep_parcel.post(connection, id=claimed.id, parcel=packed.as_text())
        timeline.note(connection, claimed.id, now_ms, "packed", storable_facts(packed.facts))
    _keep_bearer.post(connection, id=claimed.id, bearer_id=bearer_id)
    if claimed.state != DeliveryState.HELD:
        step = {"number": claimed.attempts} | ({"bearer": bearer_id} if bearer_id != claimed.partner_id else {})
        timeline.note(connection, claimed.id, now_ms, "attempt", step)


def settle(
    connection: Connection,
    claimed: StoredDelivery,
    event: DeliveryEvent,
    now_ms: int,
    *,
    reason: str = "",
    receipt: Buffer = b"",
    facts: Mapping[str, object] | None = None,
    due_at_ms: int | None = None,
    gives_attempt_back: bool = False,
    tells: bool = False,
) -> DeliveryState | None:
    """Write down how an attempt ended; None where it no longer matters, since the delivery moved on meanwhile.

    What proves delivery counts whoever has the claim by now. What `tells` stands in the exceptions list although it is
    tried again.
    """
    delivery = locked(connection, claimed.id)
    if delivery is None:
        return None
    if not _is_same_claim(delivery, claimed):
        is_proof = event is DeliveryEvent.CONFIRM and (DeliveryState(delivery.state), event) in DELIVERY_TRANSITIONS
        if not is_proof:
            return None
    return move(
        connection,
        delivery,
        event,
        now_ms,
        reason=reason,
        receipt=receipt,
        facts=facts,
        due_at_ms=due_at_ms,
        gives_attempt_back=gives_attempt_back,
        tells=tells,
    )


def renew(connection: Connection, owner: str, delivery_ids: Collection[str], until_ms: int) -> None:
    """Lengthen the leases of deliveries that are still on their way."""
    held = and_(_DELIVERY.c.id.in_(delivery_ids), _held_by(owner))
    connection.execute(update(_DELIVERY).where(held).values(next_attempt_at_ms=until_ms))


def release_claims(connection: Connection, owner: str | None, now_ms: int) -> None:
    """Give back what a process holds, at its end, or (None) what every process held, at the start of the only one.

    Who ends in good order gives the attempt back, too; where a process is gone it counts.
    """
    sending = _DELIVERY.c.state == constant(DeliveryState.SENDING.value)
    values: dict[str, object] = {
        "state": advance(DELIVERY_TRANSITIONS, DeliveryState.SENDING, DeliveryEvent.RELEASE).value,
        "claim_owner": None,
        "next_attempt_at_ms": now_ms,
    }
    if owner is not None:
        values["attempts"] = _DELIVERY.c.attempts - 1
    held = _held_by(owner) if owner is not None else sending
    connection.execute(update(_DELIVERY).where(held).values(values))


def give_back(connection: Connection, owner: str, delivery_ids: Collection[str], now_ms: int) -> None:
    """These attempts are over although nobody could write down how: they are due again, and they count."""
    state = advance(DELIVERY_TRANSITIONS, DeliveryState.SENDING, DeliveryEvent.RELEASE).value
    over = and_(_DELIVERY.c.id.in_(delivery_ids), _held_by(owner))
    values = {"state": state, "claim_owner": None, "next_attempt_at_ms": now_ms}
    connection.execute(update(_DELIVERY).where(over).values(values))


def take_back_overdue(
    connection: Connection, now_ms: int, attempts_max: Callable[[str], int]
) -> list[tuple[StoredDelivery, DeliveryState]]:
    """Deliveries whose receipt did not come in time go again with the same bytes, or are given up.

    Of what lies in a partner's inbox the waiting is given up, and a person is asked: it stays there to be fetched.
    """
    if not _any_overdue.rows(connection, now_ms=now_ms):
        return []
    awaiting = constant(DeliveryState.AWAITING_RECEIPT.value)
    query = (
        select(*COLUMNS)
        .where(_DELIVERY.c.next_attempt_at_ms <= now_ms, _DELIVERY.c.state == awaiting)
        .order_by(_DELIVERY.c.next_attempt_at_ms)
        .limit(OVERDUE_AT_ONCE)
        # A receipt that is being taken right now comes first.
        .with_for_update(skip_locked=True)
    )
    taken = []
    for delivery in map(stored, connection.execute(query).all()):
        event, reason = _overdue(delivery, attempts_max)
        due_at_ms = now_ms if event is DeliveryEvent.OVERDUE else None
        taken.append((delivery, move(connection, delivery, event, now_ms, reason=reason, due_at_ms=due_at_ms)))
    return taken


def _overdue(delivery: StoredDelivery, attempts_max: Callable[[str], int]) -> tuple[DeliveryEvent, str]:
    """What becomes of a delivery whose receipt did not come in time, and why."""
    if delivery.channel == MAILBOX and delivery.kind == DeliveryKind.ACKNOWLEDGMENT:
        # Many who drop files never look at what they earned: nobody is to be asked after each of them.
        return DeliveryEvent.CANCEL, UNFETCHED_ACKNOWLEDGMENT
    if delivery.channel in FETCHED_CHANNELS:
        return DeliveryEvent.GIVE_UP, UNCONFIRMED[delivery.channel]
    is_last = delivery.attempts >= attempts_max(delivery.partner_id)
    event = DeliveryEvent.GIVE_UP if is_last else DeliveryEvent.OVERDUE
    return event, "they took it, but their receipt did not come in time"


def look_again(connection: Connection, now_ms: int) -> int:
    """Profiles or keys changed: whatever is held is looked at now; returns how many."""
    held = and_(_DELIVERY.c.state == constant(DeliveryState.HELD.value), _DELIVERY.c.next_attempt_at_ms > now_ms)
    return connection.execute(update(_DELIVERY).where(held).values(next_attempt_at_ms=now_ms)).rowcount


def _held_by(owner: str) -> ColumnElement[bool]:
    return and_(_DELIVERY.c.state == constant(DeliveryState.SENDING.value), _DELIVERY.c.claim_owner == owner)


def _own(connection: Connection, claimed: StoredDelivery) -> None:
    delivery = locked(connection, claimed.id)
    if delivery is None or not _is_same_claim(delivery, claimed):
        raise ClaimLost(f"delivery {claimed.id} is no longer claimed by {claimed.claim_owner}")


def _is_same_claim(now: StoredDelivery, claimed: StoredDelivery) -> bool:
    return (
        now.state == DeliveryState.SENDING
        and now.claim_owner == claimed.claim_owner
        and now.attempts == claimed.attempts
        and now.packings == claimed.packings
    )


_keep_parcel = Prepared(lambda _: update(_DELIVERY).where(_DELIVERY.c.id == given("id")).values(parcel=given("parcel")))
_keep_bearer = Prepared(
    lambda _: update(_DELIVERY).where(_DELIVERY.c.id == given("id")).values(bearer_id=given("bearer_id"))
)
