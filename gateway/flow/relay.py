"""Relay: the outbox goes to the broker, one unconfirmed event a lane, many lanes side by side."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from sqlalchemy import Connection

from gateway.broker import BrokerUnavailable, Unroutable
from gateway.flow.rounds import Rounds
from gateway.model.backoff import delay_ms
from gateway.model.events import BusinessEvent
from gateway.store.database import Database, StoreUnavailable
from gateway.store.events import outbox
from gateway.store.oversight import cases
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.telemetry import Metrics

POLL_S = 1.0
BACKOFF_BASE_MS = 200
BACKOFF_CAP_MS = 15_000
# After that many failures an event becomes a case; the relay goes on trying.
FAILURES_BEFORE_CASE = 10

log = logging.getLogger(__name__)


class Broker(Protocol):
    """The face that RabbitMQ and the embedded event log share."""

    async def publish(self, event: BusinessEvent) -> None:
        """Return once the event is safe; raise BrokerUnavailable when in doubt, Unroutable when no queue wants it."""

    async def wait_connected(self) -> None:
        """Return once publishing makes sense."""


class Relay:
    """Publishes what is ready, until stopped.

    Args:
        database: the store.
        broker: where events go.
        owner: name of this process, for its claims.
        now_ms: the clock, milliseconds since 1970.
        metrics: counts what was published.
        in_flight_max: events that wait for a confirm at the same time.
        lease_s: how long a claimed event stays with this process unless it settles it.
    """

    def __init__(
        self,
        database: Database,
        broker: Broker,
        *,
        owner: str,
        now_ms: Callable[[], int],
        metrics: Metrics,
        in_flight_max: int,
        lease_s: float,
    ) -> None:
        self._database = database
        self._broker = broker
        self._owner = owner
        self._now_ms = now_ms
        self._metrics = metrics
        self._in_flight_max = in_flight_max
        self._lease_ms = int(lease_s * 1_000)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._rounds = Rounds(POLL_S, log, "the outbox cannot be read now")
        # Claims whose end the store could not take down; otherwise they would last out their lease.
        self._has_leftovers = False

    def wake(self) -> None:
        """Something became ready."""
        self._rounds.wake()

    async def run(self) -> None:
        """Publish until cancelled; what is in flight then is waited for by `drain`."""
        await self._rounds.run(self._round)

    async def drain(self) -> None:
        """Wait for the confirms that are under way, then give every claim back."""
        if self._in_flight:
            await asyncio.wait(self._in_flight)
        with suppress(StoreUnavailable):
            await self._database.write(
                lambda connection: outbox.release_claims(connection, self._owner, self._now_ms())
            )

    async def _round(self) -> float:
        await self._broker.wait_connected()
        return 0.0 if await self._take() else POLL_S

    async def _take(self) -> bool:
        """Take what is due and publish it; whether there may be more already."""
        free = self._in_flight_max - len(self._in_flight)
        gives_back = self._has_leftovers
        if free <= 0 or (gives_back and self._in_flight):
            return False
        now_ms = self._now_ms()

        def unit(connection: Connection) -> list[BusinessEvent]:
            if gives_back:
                outbox.release_claims(connection, self._owner, now_ms)
            return outbox.claim(connection, self._owner, now_ms, lease_ms=self._lease_ms, limit=free)

        # A claim that a loss of power takes back is only made again.
        events = await self._database.write(unit, durable=False)
        if gives_back:
            self._has_leftovers = False
        for event in events:
            task = asyncio.create_task(self._publish(event), name=f"publish {event.id}")
            self._in_flight.add(task)
            task.add_done_callback(self._landed)
        return len(events) == free

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._rounds.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The lease runs out and the event is published again; nothing is lost, but somebody should know.
            log.error("a publish ended unexpectedly", exc_info=error)

    async def _publish(self, event: BusinessEvent) -> None:
        try:
            await self._broker.publish(event)
        except Unroutable as unroutable:
            self._metrics.publish_failures.add("unroutable")
            await self._settle(partial(self._hold, event=event, error=str(unroutable)))
        except BrokerUnavailable as unavailable:
            self._metrics.publish_failures.add("unavailable")
            await self._settle(partial(self._defer, event=event, error=str(unavailable)))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("publishing failed", extra={"event_id": event.id})
            self._metrics.publish_failures.add("error")
            await self._settle(partial(self._defer, event=event, error=type(error).__name__))
        else:
            now_ms = self._now_ms()
            # Lost with the power, it would be confirmed once more: the same event, published again.
            await self._settle(lambda connection: outbox.confirm(connection, event, now_ms), durable=False)
            self._metrics.published.add()

    async def _settle(self, unit: Callable[[Connection], None], *, durable: bool = True) -> None:
        """Write down how a publish ended; when the store cannot, the same event goes again once it can."""
        try:
            await self._database.write(unit, durable=durable)
        except StoreUnavailable as unavailable:
            self._has_leftovers = True
            log.warning("the end of a publish could not be written down", extra={"cause": str(unavailable)})

    def _hold(self, connection: Connection, event: BusinessEvent, error: str) -> None:
        outbox.hold(connection, event.id, error)
        cases.raise_case(
            connection,
            CaseKind.UNROUTABLE,
            CaseState.STOPPED,
            self._now_ms(),
            partner_id=event.partner,
            message_id=event.message_id or None,
            event_id=event.id,
            reason="no queue of the broker wants this event; bind one to b2b.events, then retry",
            detail=error,
        )

    def _defer(self, connection: Connection, event: BusinessEvent, error: str) -> None:
        row = outbox.get(connection, event.id)
        attempts = row.attempts if row is not None else 1
        now_ms = self._now_ms()
        chance = random.random()  # noqa: S311  # spreads retries, guards nothing
        wait_ms = delay_ms(attempts, chance, base_ms=BACKOFF_BASE_MS, cap_ms=BACKOFF_CAP_MS)
        outbox.defer(connection, event.id, now_ms + wait_ms, error)
        if attempts >= FAILURES_BEFORE_CASE:
            cases.raise_case(
                connection,
                CaseKind.PUBLISHING,
                CaseState.OPEN,
                now_ms,
                partner_id=event.partner,
                message_id=event.message_id or None,
                event_id=event.id,
                reason="the event could not be published; the gateway keeps trying",
                detail=error,
                attempts=attempts,
            )
