"""Send: what is due goes to its partner, packed once and kept before the first byte leaves, until it is proven there.

One attempt is: claim -> find the way -> pack, or take the kept parcel -> **durable commit** -> carry -> settle. A
process that is killed anywhere leaves a claim that runs out; the next attempt sends the same bytes under the same id.
Deliveries of a lane go one after the other; a partner that does not answer takes no more than its own share of what is
under way.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from gateway.buffers import Buffer, MemorySink, Scratch
from gateway.carriers.parcels import Carrier, Consignment, Failed, Held, Outcome, Parcel
from gateway.flow.outward.routes import Route, Routes, schedule_of
from gateway.flow.outward.verdicts import Verdict, verdict_of
from gateway.flow.rounds import Rounds
from gateway.flow.webhooks.causes import tell_available
from gateway.flow.webhooks.settling import WebhookEnds, verdict_of_call
from gateway.model.delivery import FETCHED_CHANNELS, INBOX, DeliveryKind, DeliveryState
from gateway.model.partner_events import WantsEvents, nobody
from gateway.model.webhook import WEBHOOK
from gateway.settings import Limits
from gateway.spool import SpoolUnavailable
from gateway.store import deliveries
from gateway.store.database import Database, StoreUnavailable, Unit
from gateway.store.deliveries import bodies as delivery_bodies
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries.claims import ClaimLost, Share
from gateway.store.deliveries.rows import KeptParcel, StoredDelivery
from gateway.telemetry import Metrics
from partners.directory import Directory

POLL_S = 1.0
# Another process was choosing at the same moment.
BUSY_POLL_S = 0.05
RENEWALS_PER_LEASE = 4
# A larger parcel is written in steps of this size, so that others commit between them.
WIRE_STEP_BYTES = 8 * delivery_bodies.PIECE_BYTES

log = logging.getLogger(__name__)


class Sending:
    """Sends what is due, until stopped.

    Args:
        database: the store.
        carriers: the ways out by the channel that they serve.
        directory: the partners now.
        owner: name of this process, for its claims.
        now_ms: the clock, milliseconds since 1970.
        metrics: counts attempts and outcomes.
        limits: how many at a time, how long a claim holds.
        scratch: where kept bytes are put together for an attempt; in memory by default.
        keyring: our keys now; when they are others, what is held is looked at again.
        chance: 0 <= chance < 1, spreads retries.
        wants_events: who may hear of what lies in their inbox.
    """

    def __init__(  # noqa: PLR0913  # what the line stands on
        self,
        database: Database,
        carriers: Mapping[str, Carrier],
        directory: Callable[[], Directory],
        *,
        owner: str,
        now_ms: Callable[[], int],
        metrics: Metrics,
        limits: Limits,
        scratch: Scratch = MemorySink,
        keyring: Callable[[], object] = lambda: None,
        chance: Callable[[], float] = random.random,
        wants_events: WantsEvents = nobody,
    ) -> None:
        self._wants_events = wants_events
        self._database = database
        self._routes = Routes(carriers, directory)
        self._directory = directory
        self._owner = owner
        self._now_ms = now_ms
        self._metrics = metrics
        self._in_flight_max = limits.deliveries_in_flight_max
        self._lease_ms = int(limits.claim_lease_s * 1_000)
        self._scratch = scratch
        self._chance = chance
        self._webhooks = WebhookEnds(directory, metrics)
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._doubtful_in_flight = 0
        self._rounds = Rounds(POLL_S, log, "deliveries cannot be read now")
        self._profiles_seen: frozenset[tuple[str, str]] = frozenset()
        self._looked_at: Directory | None = None
        self._keyring = keyring
        self._keys_seen: object = None
        self._looks_again = True
        # Deliveries whose end the store could not take down; otherwise their claims would last out their lease.
        self._leftovers: set[str] = set()

    @property
    def in_flight(self) -> frozenset[str]:
        """The ids of the deliveries under way."""
        return frozenset(self._in_flight)

    def wake(self) -> None:
        """Something became due."""
        self._rounds.wake()

    def look_again(self) -> None:
        """Something changed (keys, say) that what is held may have waited for."""
        self._looks_again = True
        self._rounds.wake()

    async def run(self) -> None:
        """Send until cancelled; what is under way then is waited for by `drain`."""
        await self._rounds.run(self.take)

    async def take(self) -> float:
        """Take what is due and begin it; returns how long to wait for more unless woken."""
        free = self._in_flight_max - len(self._in_flight)
        if free <= 0:
            return POLL_S
        leftovers = tuple(self._leftovers.difference(self._in_flight))
        self._looks_again |= self._profiles_changed() | self._keys_changed()
        looks_again = self._looks_again
        now_ms = self._now_ms()
        # The many that do not answer share half of what may be under way, whatever they have in store.
        doubtful_free = min(free, max(1, self._in_flight_max // 2) - self._doubtful_in_flight)
        limits: Mapping[bool, int] = {False: free} | ({True: doubtful_free} if self._routes.has_doubtful else {})
        in_flight = tuple(self._in_flight)

        def unit(connection: Connection) -> tuple[list[StoredDelivery] | None, int]:
            if leftovers:
                delivery_claims.give_back(connection, self._owner, leftovers, now_ms)
            if looks_again:
                delivery_claims.look_again(connection, now_ms)
            overdue = delivery_claims.take_back_overdue(connection, now_ms, self._attempts_max)
            taken: list[StoredDelivery] = []
            for doubtful, most in limits.items():
                claimed = delivery_claims.claim(
                    connection,
                    self._owner,
                    now_ms,
                    lease_ms=self._lease_ms,
                    limit=min(most, free - len(taken)),
                    share_of=partial(self._share_of, doubtful=doubtful),
                    passed_over=in_flight,
                )
                if claimed is None:
                    return None, len(overdue)
                taken += claimed
            return taken, len(overdue)

        # A claim that a loss of power takes back is only made again.
        claimed, overdue = await self._database.write(unit, durable=False)
        self._leftovers.difference_update(leftovers)
        if looks_again:
            self._looks_again = False
        if overdue:
            self._metrics.delivery_failures.add("receipt-overdue", amount=overdue)
        if claimed is None:
            return BUSY_POLL_S
        for delivery in claimed:
            self._begin(delivery)
        return 0.0 if overdue or len(claimed) == free else POLL_S

    async def drain(self, within_s: float = 0.0) -> None:
        """Wait a while for the attempts under way, break off the others, then give every claim back."""
        tasks = set(self._in_flight.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        with suppress(StoreUnavailable):
            await self._database.write(
                partial(delivery_claims.release_claims, owner=self._owner, now_ms=self._now_ms())
            )

    def _begin(self, delivery: StoredDelivery) -> None:
        is_doubtful = self._routes.is_doubtful(delivery.partner_id, delivery.destination)
        self._doubtful_in_flight += is_doubtful
        task = asyncio.create_task(self._deliver(delivery), name=f"deliver {delivery.id}")
        self._in_flight[delivery.id] = task
        task.add_done_callback(partial(self._landed, delivery.id, is_doubtful))

    def _landed(self, delivery_id: str, was_doubtful: bool, task: asyncio.Task[None]) -> None:  # a callback
        self._in_flight.pop(delivery_id, None)
        self._doubtful_in_flight -= was_doubtful
        self._rounds.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The lease runs out and it goes again; nothing is lost, but somebody should know.
            log.error("a delivery ended unexpectedly", exc_info=error)

    def _share_of(self, partner_id: str, destination: str, *, doubtful: bool) -> Share:
        share = self._routes.share_of(partner_id, destination)
        is_asked = self._routes.is_doubtful(partner_id, destination) == doubtful
        return share if is_asked else replace(share, most=0)

    def _attempts_max(self, partner_id: str) -> int:
        return schedule_of(self._directory().by_id(partner_id)).attempts_max

    def _profiles_changed(self) -> bool:
        directory = self._directory()
        if directory is self._looked_at:
            return False
        self._looked_at = directory
        profiles = frozenset((loaded.id, loaded.digest) for loaded in directory)
        changed, self._profiles_seen = profiles != self._profiles_seen, profiles
        return changed

    def _keys_changed(self) -> bool:
        before, self._keys_seen = self._keys_seen, self._keyring()
        return self._keys_seen is not before

    async def _deliver(self, delivery: StoredDelivery) -> None:
        """One attempt, from the claim to its outcome."""
        outcome: Outcome
        receipt_within_s: int | None = None
        try:
            async with self._renewing(delivery):
                route = self._routes.route_of(delivery)
                if isinstance(route, Route):
                    outcome, receipt_within_s = await self._attempt(delivery, route)
                else:
                    outcome = route
        except ClaimLost:
            log.warning("another process took a delivery over", extra={"delivery_id": delivery.id})
            return
        except StoreUnavailable as unavailable:
            self._leftovers.add(delivery.id)
            log.warning("an attempt could not be written down", extra={"cause": str(unavailable)})
            return
        except SpoolUnavailable as unavailable:
            outcome = Failed(str(unavailable), facts={"step": "spool"})
        except Exception as error:
            log.exception("an attempt failed by our own fault", extra={"delivery_id": delivery.id})
            what = f"our own fault ({type(error).__name__}); the log says where, and whether to report it"
            outcome = Failed(what, facts={"step": "internal"})
        await self._settle(delivery, outcome, receipt_within_s)

    async def _attempt(self, delivery: StoredDelivery, route: Route) -> tuple[Outcome, int | None]:
        """Pack, or take the kept parcel; carry; how it went, and how long an asynchronous receipt may take."""
        if delivery.kind != DeliveryKind.NOTICE and delivery.attempts > route.schedule.attempts_max:
            # The process ended in each attempt before it had an outcome; most likely the delivery is what ended it.
            return Failed("the process ended during the last attempt", facts={"step": "internal"}), None
        consignment = self._consignment(delivery, route)
        if delivery.parcel is None:
            payload = await self._bytes_of(delivery, delivery_bodies.PAYLOAD, delivery.payload_bytes)
            packed = await route.carrier.pack(replace(consignment, payload=payload))
            del payload
            if isinstance(packed, Held):
                return packed, None
            await self._keep(delivery, route, packed)
            parcel = packed
        else:
            body = await self._bytes_of(delivery, delivery_bodies.WIRE, None)
            kept = delivery.parcel
            parcel = Parcel(kept.headers, body, kept.mics, kept.expects_receipt, kept.receipt_within_s, kept.facts)
            await self._database.write(
                partial(
                    delivery_claims.begin_attempt,
                    claimed=delivery,
                    now_ms=self._now_ms(),
                    bearer_id=route.bearer.id,
                )
            )
        self._metrics.delivery_attempts.add(delivery.channel)
        return await route.carrier.carry(consignment, parcel), parcel.receipt_within_s

    def _consignment(self, delivery: StoredDelivery, route: Route) -> Consignment:
        return Consignment(
            id=delivery.id,
            kind=DeliveryKind(delivery.kind),
            partner=route.partner,
            bearer=route.bearer,
            identity=delivery.identity,
            transport_id=delivery.transport_id,
            content_type=delivery.content_type,
            filename=delivery.filename,
            subject=delivery.subject,
            payload=b"",
            url=delivery.url,
            answers=delivery.answers,
            destination=delivery.destination,
            document_type=delivery.document_type,
            number=delivery.number,
            created_at_ms=delivery.created_at_ms,
        )

    async def _bytes_of(self, delivery: StoredDelivery, part: str, expected: int | None) -> Buffer:
        """A part put together piece by piece, in memory only as far as the scratch keeps it there.

        Raises:
            LookupError: it is not in the store, or not whole.
        """

        def gather(connection: Connection) -> Buffer | None:
            sink, size, found = self._scratch(), 0, False
            for piece in deliveries.pieces(connection, delivery.id, part):
                found, size = True, size + len(piece)
                sink.write(piece)
            return sink.view() if found and expected in (None, size) else None

        data = await self._database.read(gather)
        if data is None:
            raise LookupError(f"the {part} of delivery {delivery.id} is not in the store as it was kept")
        return data

    async def _keep(self, delivery: StoredDelivery, route: Route, parcel: Parcel) -> None:
        """Keep the parcel; once this returns, the first byte may leave.

        Raises:
            ClaimLost: another process has the delivery by now, and packs it by itself.
        """
        kept = KeptParcel(
            tuple(parcel.headers), tuple(parcel.mics), parcel.expects_receipt, parcel.receipt_within_s, parcel.facts
        )
        wire: Buffer | None = parcel.body
        if len(parcel.body) > WIRE_STEP_BYTES:
            wire, piece = None, 0
            for start in range(0, len(parcel.body), WIRE_STEP_BYTES):
                step = parcel.body[start : start + WIRE_STEP_BYTES]
                unit = partial(delivery_claims.keep_wire, claimed=delivery, data=step, first_piece=piece)
                piece = await self._database.write(unit, durable=False)
        await self._database.write(
            partial(
                delivery_claims.begin_attempt,
                claimed=delivery,
                now_ms=self._now_ms(),
                bearer_id=route.bearer.id,
                packed=kept,
                wire=wire,
            )
        )

    @asynccontextmanager
    async def _renewing(self, delivery: StoredDelivery) -> AsyncIterator[None]:
        """Keep the claim while an attempt lasts, however slow the other side is."""
        renewing = asyncio.create_task(self._renew(delivery.id), name=f"renew {delivery.id}")
        try:
            yield
        finally:
            renewing.cancel()

    async def _renew(self, delivery_id: str) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / 1_000 / RENEWALS_PER_LEASE)
            until_ms = self._now_ms() + self._lease_ms
            with suppress(StoreUnavailable):
                await self._database.write(
                    partial(delivery_claims.renew, owner=self._owner, delivery_ids=(delivery_id,), until_ms=until_ms),
                    durable=False,
                )

    async def _settle(self, delivery: StoredDelivery, outcome: Outcome, receipt_within_s: int | None) -> None:
        """Write down how an attempt ended; when the store cannot, the same bytes go again once it can."""
        now_ms = self._now_ms()
        verdict = self._verdict(delivery, outcome, now_ms, receipt_within_s)
        if delivery.channel not in FETCHED_CHANNELS:  # else nobody was called
            self._routes.learn(delivery.partner_id, delivery.destination, outcome)
        if verdict.failure is not None:
            self._metrics.delivery_failures.add(verdict.failure)
        unit: Unit[DeliveryState | None]
        if delivery.channel == WEBHOOK:
            self._webhooks.count(outcome)
            unit = partial(self._webhooks.settle, claimed=delivery, outcome=outcome, verdict=verdict, now_ms=now_ms)
        else:
            unit = partial(
                delivery_claims.settle,
                claimed=delivery,
                event=verdict.event,
                now_ms=now_ms,
                reason=verdict.reason,
                receipt=verdict.receipt,
                facts=verdict.facts,
                due_at_ms=verdict.due_at_ms,
                gives_attempt_back=verdict.gives_attempt_back,
                tells=verdict.tells,
            )
        if delivery.channel == INBOX:
            unit = partial(self._tell_as_well, unit, delivery, now_ms)
        try:
            state = await self._database.write(unit)
        except StoreUnavailable as unavailable:
            self._leftovers.add(delivery.id)
            log.warning("the end of an attempt could not be written down", extra={"cause": str(unavailable)})
            return
        if state is not None:
            settled(self._metrics, delivery, state, now_ms)

    def _tell_as_well(
        self, unit: Unit[DeliveryState | None], delivery: StoredDelivery, now_ms: int, connection: Connection
    ) -> DeliveryState | None:
        """What was written down, and the partner told of it in the same commit where it lies in their inbox now."""
        state = unit(connection)
        if state is DeliveryState.AWAITING_RECEIPT:
            tell_available(connection, delivery, now_ms, self._wants_events)
        return state

    def _verdict(
        self, delivery: StoredDelivery, outcome: Outcome, now_ms: int, receipt_within_s: int | None
    ) -> Verdict:
        if delivery.kind == DeliveryKind.NOTICE:
            return verdict_of_call(outcome, delivery.attempts, now_ms=now_ms, chance=self._chance())
        return verdict_of(
            outcome,
            delivery.attempts,
            schedule_of(self._directory().by_id(delivery.partner_id)),
            now_ms=now_ms,
            chance=self._chance(),
            receipt_within_s=receipt_within_s,
        )


def settled(metrics: Metrics, delivery: StoredDelivery, state: DeliveryState, now_ms: int) -> None:
    """Count where a delivery came to, after an attempt or by a receipt of its own."""
    metrics.deliveries_settled.add(delivery.channel, state.value)
    if state is DeliveryState.DELIVERED:
        metrics.delivery_seconds.observe(delivery.channel, max(0, now_ms - delivery.created_at_ms) / 1_000)
