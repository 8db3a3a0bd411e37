"""The life of a delivery: what enqueues it, looks it up and moves it by the table of states.

A delivery is enqueued in the same transaction as what caused it. It is claimed (`claims`), packed once, and each
attempt sends the same bytes; what moves it is `apply`, which knows the table of states and nothing of carriers.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields

from sqlalchemy import Connection, func, or_, select, update

from gateway.buffers import Buffer, windows
from gateway.model.delivery import (
    DELIVERY_FINAL_STATES,
    DELIVERY_TRANSITIONS,
    DeliveryEvent,
    DeliveryKind,
    DeliveryState,
)
from gateway.model.instants import rfc3339
from gateway.model.machine import advance
from gateway.store import orders
from gateway.store.deliveries import bodies as delivery_bodies
from gateway.store.deliveries.cases import settle_cases
from gateway.store.deliveries.rows import (
    COLUMNS,
    FACT_CHARACTERS_MAX,
    Enqueued,
    NewDelivery,
    StoredDelivery,
    storable_facts,
    stored,
)
from gateway.store.engine.statements import Insert, Prepared, constant, given, storable, table_of
from gateway.store.oversight import cases, timeline
from gateway.store.tables import Acknowledgment, Delivery

LATE_RECEIPT = "late-receipt"
# However often somebody sends the same receipt.
LATE_RECEIPTS_MAX = 20

_DELIVERY = table_of(Delivery)
_ACKNOWLEDGMENT = table_of(Acknowledgment)
_insert_delivery = Insert(Delivery, or_ignore=True)
# In the order of the partial index.
OVER = [constant(state.value) for state in DeliveryState if state in DELIVERY_FINAL_STATES]
# Of a Message-ID: the local part without the mark of an earlier packing, and the rest.
_MESSAGE_ID = re.compile(r"(?P<local>.+?)(?:\.p\d+)?(?P<rest>@[^@]+)?")
# What a step is called in the timeline.
_STEPS: Mapping[DeliveryEvent, str] = {
    DeliveryEvent.AWAIT: "awaiting-receipt",
    DeliveryEvent.CONFIRM: "delivered",
    DeliveryEvent.DEFER: "failed",
    DeliveryEvent.HOLD: "held",
    DeliveryEvent.RESUME: "resumed",
    DeliveryEvent.REFUSE: "refused",
    DeliveryEvent.GIVE_UP: "gave-up",  # by the schedule; "given-up" is what a person does
    DeliveryEvent.OVERDUE: "receipt-overdue",
    DeliveryEvent.RETRY: "retry",
    DeliveryEvent.CANCEL: "cancelled",
}


class UnknownDelivery(LookupError):  # noqa: N818  # said of an id
    """There is no delivery with this id."""


_by_source = Prepared(lambda _: select(_DELIVERY.c.id).where(_DELIVERY.c.source_key == given("source_key")))
_lock_lane = Prepared(lambda _: select(func.pg_advisory_xact_lock(func.hashtextextended(given("lane"), 0))))
_next_sequence = Prepared(
    lambda _: select(func.coalesce(func.max(_DELIVERY.c.sequence), 0) + 1).where(
        _DELIVERY.c.lane == given("lane"), _DELIVERY.c.state.not_in(OVER)
    )
)


def enqueue(connection: Connection, new: NewDelivery) -> Enqueued:
    """Keep a delivery, to be sent from `due_at_ms` on; a source key that was used before changes nothing."""
    if new.source_key is not None and (known := _by_source.rows(connection, source_key=new.source_key)):
        return Enqueued(str(known[0][0]), duplicate=known[0][0] != new.id)
    if connection.dialect.name == "postgresql":
        # Numbers of a lane are given in the order in which transactions hold it, and are seen in that order.
        _lock_lane.rows(connection, lane=new.lane)
    row: dict[str, object] = {item.name: getattr(new, item.name) for item in fields(NewDelivery) if item.name in _ROW}
    row |= {
        "sequence": int(_next_sequence.rows(connection, lane=new.lane)[0][0]),
        "state": DeliveryState.QUEUED.value,
        "next_attempt_at_ms": new.due_at_ms,
        "payload_bytes": len(new.payload),
        "payload_sha256": _sha256(new.payload),
        "answers": json.dumps(new.answers),
    }
    if not _insert_delivery.run(connection, row):
        # Two at once had the same source; or this is a second run of a unit whose commit was in doubt.
        known = _by_source.rows(connection, source_key=new.source_key) if new.source_key is not None else []
        kept_id = str(known[0][0]) if known else new.id
        return Enqueued(kept_id, duplicate=kept_id != new.id)
    delivery_bodies.keep(connection, new.id, delivery_bodies.PAYLOAD, new.payload)
    step = {"kind": new.kind, "channel": new.channel, "bytes": len(new.payload), "transport_id": new.transport_id}
    timeline.note(connection, new.id, new.created_at_ms, "queued", storable_facts(step))
    _tell_acknowledgment(connection, new.id, new.kind, DeliveryState.QUEUED)
    return Enqueued(new.id, duplicate=False)


_ROW = {column.name for column in _DELIVERY.columns}


def get(connection: Connection, delivery_id: str) -> StoredDelivery | None:
    """One delivery."""
    row = connection.execute(select(*COLUMNS).where(_DELIVERY.c.id == delivery_id)).one_or_none()
    return stored(row) if row is not None else None


def find(
    connection: Connection,
    *,
    partner_id: str | None = None,
    state: str | None = None,
    before: str | None = None,
    limit: int = 50,
    destination: str | None = None,
    notices: bool = True,
) -> list[StoredDelivery]:
    """The newest deliveries first; `before` is the id to go on from, `notices` are the calls to webhooks."""
    query = select(*COLUMNS).order_by(_DELIVERY.c.id.desc()).limit(limit)
    if destination is not None:
        query = query.where(_DELIVERY.c.destination == destination, _DELIVERY.c.destination != "")
    if not notices:
        query = query.where(_DELIVERY.c.kind != DeliveryKind.NOTICE.value)
    if partner_id is not None:
        query = query.where(_DELIVERY.c.partner_id == partner_id)
    if state is not None:
        query = query.where(_DELIVERY.c.state == state)
    if before is not None:
        query = query.where(_DELIVERY.c.id < before)
    return [stored(row) for row in connection.execute(query)]


def of_message(connection: Connection, message_id: str) -> list[StoredDelivery]:
    """What a received message caused to be sent: acknowledgments, receipts."""
    query = select(*COLUMNS).where(_DELIVERY.c.message_id == message_id).order_by(_DELIVERY.c.id)
    return [stored(row) for row in connection.execute(query)]


def open_in_lanes(connection: Connection, prefix: str, limit: int) -> int:
    """How many deliveries are not over in lanes that begin so, counted up to a limit."""
    of_lanes = _DELIVERY.c.lane.startswith(prefix, autoescape=True)
    query = select(_DELIVERY.c.id).where(_DELIVERY.c.state.not_in(OVER), of_lanes).limit(limit)
    return len(connection.scalars(query).all())


def by_transport_id(connection: Connection, partner_id: str, transport_id: str) -> StoredDelivery | None:
    """The delivery that bears this transport id and goes, or went, to this partner or over its connection."""
    query = (
        select(*COLUMNS)
        .where(
            _DELIVERY.c.transport_id == storable(transport_id),
            or_(_DELIVERY.c.partner_id == partner_id, _DELIVERY.c.bearer_id == partner_id),
        )
        .order_by(_DELIVERY.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return stored(row) if row is not None else None


def apply(
    connection: Connection,
    delivery_id: str,
    event: DeliveryEvent,
    now_ms: int,
    *,
    reason: str = "",
    receipt: Buffer = b"",
    facts: Mapping[str, object] | None = None,
    due_at_ms: int | None = None,
) -> DeliveryState:
    """Move a delivery, whoever works on it: its state, its timeline, the receipt and its case in one.

    A receipt that comes once more, or when it cannot change anything any more (a person cancelled the delivery, the
    partner had refused it), is noted in the timeline and changes nothing else.

    Raises:
        UnknownDelivery: there is none with this id.
        IllegalTransition: the state has no way for this event.
    """
    delivery = locked(connection, delivery_id)
    if delivery is None:
        raise UnknownDelivery(delivery_id)
    state = DeliveryState(delivery.state)
    if event in _BY_RECEIPT and (state, event) not in DELIVERY_TRANSITIONS:
        note_late_receipt(connection, delivery_id, now_ms, says=_STEPS[event], reason=reason, facts=facts or {})
        return state
    return move(
        connection, delivery, event, now_ms, reason=reason, receipt=receipt, facts=facts or {}, due_at_ms=due_at_ms
    )


_BY_RECEIPT = frozenset({DeliveryEvent.CONFIRM, DeliveryEvent.REFUSE})


def note_late_receipt(
    connection: Connection, delivery_id: str, now_ms: int, *, says: str, reason: str, facts: Mapping[str, object]
) -> None:
    """Have people see a receipt that changes nothing; the first so many of them."""
    if timeline.count(connection, delivery_id, LATE_RECEIPT) < LATE_RECEIPTS_MAX:
        step = storable_facts({"says": says, "reason": reason[:FACT_CHARACTERS_MAX]} | dict(facts))
        timeline.note(connection, delivery_id, now_ms, LATE_RECEIPT, step)


def retry(connection: Connection, delivery_id: str, now_ms: int, actor: str) -> DeliveryState:
    """A person has it sent again now, with its attempts counted from the start.

    What was given up or held goes with the same bytes. What was refused is packed anew under another transport id,
    since the same bytes would earn the same answer; the timeline says so.

    Raises:
        UnknownDelivery: there is none with this id.
        IllegalTransition: it is on its way, or over.
    """
    delivery = locked(connection, delivery_id)
    if delivery is None:
        raise UnknownDelivery(delivery_id)
    facts: dict[str, object] = {"actor": actor, "attempts_before": delivery.attempts}
    packed_anew: dict[str, object] = {}
    if delivery.state == DeliveryState.REFUSED:
        packings = delivery.packings + 1
        packed_anew = {
            "transport_id": transport_id_of_packing(delivery.transport_id, packings),
            "packings": packings,
            "parcel": None,
        }
        facts |= {"packed_anew_as": packed_anew["transport_id"], "was_refused_as": delivery.transport_id}
    state = move(connection, delivery, DeliveryEvent.RETRY, now_ms, facts=facts, due_at_ms=now_ms)
    if packed_anew:
        delivery_bodies.drop(connection, delivery_id, delivery_bodies.WIRE)
    change = update(_DELIVERY).where(_DELIVERY.c.id == delivery_id).values(attempts=0, **packed_anew)
    connection.execute(change)
    return state


def attempt_now(connection: Connection, delivery_id: str, now_ms: int, actor: str) -> bool:
    """A person has the next attempt made now, which counts as any other; False where it waits for none in the future.

    The bytes stay those that are kept, so it is no second delivery.
    """
    waits = _DELIVERY.c.state == DeliveryState.QUEUED.value, _DELIVERY.c.next_attempt_at_ms > now_ms
    change = update(_DELIVERY).where(_DELIVERY.c.id == delivery_id, *waits).values(next_attempt_at_ms=now_ms)
    if not connection.execute(change).rowcount:
        return False
    timeline.note(connection, delivery_id, now_ms, _STEPS[DeliveryEvent.RETRY], {"actor": actor})
    return True


def cancel(connection: Connection, delivery_id: str, now_ms: int, actor: str, why: str) -> DeliveryState:
    """A person decides that it is not to be sent (again): its lane goes on without it.

    Raises:
        UnknownDelivery: there is none with this id.
        IllegalTransition: it is on its way right now, or over.
    """
    delivery = locked(connection, delivery_id)
    if delivery is None:
        raise UnknownDelivery(delivery_id)
    return move(connection, delivery, DeliveryEvent.CANCEL, now_ms, reason=why, facts={"actor": actor})


def move(
    connection: Connection,
    delivery: StoredDelivery,
    event: DeliveryEvent,
    now_ms: int,
    *,
    reason: str = "",
    receipt: Buffer = b"",
    facts: Mapping[str, object] | None = None,
    due_at_ms: int | None = None,
    gives_attempt_back: bool = False,
    tells: bool = False,
) -> DeliveryState:
    """Move a delivery whose row is locked; what `tells` has a case although it is tried again.

    Raises:
        IllegalTransition: the state has no way for this event.
    """
    before = DeliveryState(delivery.state)
    state = advance(DELIVERY_TRANSITIONS, before, event)
    reason = storable(reason[:FACT_CHARACTERS_MAX])
    attempts = delivery.attempts - 1 if gives_attempt_back else delivery.attempts
    _move.count(
        connection,
        id=delivery.id,
        state=state.value,
        reason=reason,
        attempts=attempts,
        next_attempt_at_ms=due_at_ms,
        settled_at_ms=now_ms if state in DELIVERY_FINAL_STATES else None,
    )
    if receipt:
        delivery_bodies.replace(connection, delivery.id, delivery_bodies.RECEIPT, receipt)
    # What is looked at again and again, and found as it was, is told once.
    is_news = not (event is DeliveryEvent.HOLD and delivery.reason == reason)
    if is_news:
        step: dict[str, object] = {"attempt": attempts} if event in _BY_ATTEMPT else {}
        if reason:
            step["reason"] = reason
        if due_at_ms is not None and event in _NAMES_NEXT:
            step[_NAMES_NEXT[event]] = rfc3339(due_at_ms)
        timeline.note(connection, delivery.id, now_ms, _STEPS[event], step | storable_facts(facts or {}))
    had_case = before is not DeliveryState.SENDING or bool(delivery.reason)
    if delivery.kind == DeliveryKind.NOTICE:
        # Their fate is that of the subscription, which has the case; but for one event that is never taken.
        if had_case and state in DELIVERY_FINAL_STATES:
            cases.resolve(connection, now_ms, f"the event was {state.value}", message_id=delivery.id)
    elif is_news:
        settle_cases(connection, delivery, state, now_ms, reason, attempts, had_case=had_case, tells=tells)
    _tell_acknowledgment(connection, delivery.id, delivery.kind, state)
    if delivery.kind == DeliveryKind.DOCUMENT and state in DELIVERY_FINAL_STATES:
        noted = orders.note_delivered if state is DeliveryState.DELIVERED else orders.note_withdrawn
        noted(connection, delivery.id, now_ms)
    return state


_BY_ATTEMPT = frozenset(
    {DeliveryEvent.AWAIT, DeliveryEvent.CONFIRM, DeliveryEvent.DEFER, DeliveryEvent.REFUSE, DeliveryEvent.GIVE_UP}
)
_NAMES_NEXT = {DeliveryEvent.DEFER: "next_attempt_at", DeliveryEvent.AWAIT: "receipt_due_at"}
_move = Prepared(
    lambda _: (
        update(_DELIVERY)
        .where(_DELIVERY.c.id == given("id"))
        .values(
            state=given("state"),
            reason=given("reason"),
            attempts=given("attempts"),
            next_attempt_at_ms=given("next_attempt_at_ms"),
            settled_at_ms=given("settled_at_ms"),
            claim_owner=None,
        )
    )
)
_locked = Prepared(lambda _: select(*COLUMNS).where(_DELIVERY.c.id == given("id")).with_for_update())
_tell = Prepared(
    lambda _: update(_ACKNOWLEDGMENT).where(_ACKNOWLEDGMENT.c.id == given("id")).values(state=given("state"))
)


def locked(connection: Connection, delivery_id: str) -> StoredDelivery | None:
    """One delivery, which nobody else moves until the end of the transaction."""
    rows = _locked.rows(connection, id=delivery_id)
    return stored(rows[0]) if rows else None


def _tell_acknowledgment(connection: Connection, delivery_id: str, kind: str, state: DeliveryState) -> None:
    """An acknowledgment stands where its delivery, which bears its id, stands."""
    if kind == "acknowledgment":
        _tell.post(connection, id=delivery_id, state=state.value)


def counts(connection: Connection) -> Iterator[tuple[str, int]]:
    """(state, number of deliveries): of those that are not over, for metrics."""
    for state in DeliveryState:
        if state not in DELIVERY_FINAL_STATES:
            query = select(func.count()).select_from(_DELIVERY).where(_DELIVERY.c.state == state.value)
            yield state.value, connection.scalar(query) or 0


def oldest_due(connection: Connection) -> int | None:
    """Since when the delivery is due that waits longest (milliseconds since 1970)."""
    query = select(func.min(_DELIVERY.c.next_attempt_at_ms)).where(_DELIVERY.c.state == DeliveryState.QUEUED.value)
    found = connection.scalar(query)
    return None if found is None else int(found)


def transport_id_of_packing(transport_id: str, packings: int) -> str:
    """The transport id of a later packing: ``<ID@us>`` becomes ``<ID.p2@us>``, and that ``<ID.p3@us>``."""
    bare = transport_id.removeprefix("<").removesuffix(">")
    match = _MESSAGE_ID.fullmatch(bare)
    local, rest = (match["local"], match["rest"] or "") if match else (bare, "")
    marked = f"{local}.p{packings}{rest}"
    return f"<{marked}>" if transport_id.startswith("<") else marked


def _sha256(data: Buffer) -> str:
    digest = hashlib.sha256()
    for window in windows(data):
        digest.update(window)
    return digest.hexdigest()
