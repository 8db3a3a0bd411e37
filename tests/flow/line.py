"""The line without its edges: receive, process and relay over a real store, each to be run or held by the test."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import yaml

from gateway.broker import BrokerUnavailable, Unroutable
from gateway.flow.acknowledging import WaysOut
from gateway.flow.apart import SettingApart
from gateway.flow.held_room import HeldRoom
from gateway.flow.holding import Holding, why_held
from gateway.flow.housekeeping import Housekeeping
from gateway.flow.process import Processing
from gateway.flow.receive import Arrival, Reception
from gateway.flow.relay import Relay
from gateway.flow.terms import TermsOfProfiles
from gateway.flow.views import message_view
from gateway.flow.webhooks.wanting import wants_events
from gateway.model.events import BusinessEvent
from gateway.model.ids import IdSource
from gateway.settings import Settings, load_settings
from gateway.store.database import Database
from gateway.store.messages import Acceptance
from gateway.telemetry import Metrics
from gateway.workers import WorkerPool
from partners.loader import LoadedProfile
from tests.migrated import migrate
from tests.site import Site

DECIDED = ("published", "rejected", "parked")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Collector:
    """Where events go in these tests: it keeps them, and fails when told to. The real broker has tests of its own."""

    events: list[BusinessEvent] = field(default_factory=list)
    fail: Callable[[BusinessEvent], Exception | None] = lambda _event: None
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.connected.set()

    async def publish(self, event: BusinessEvent) -> None:
        error = self.fail(event)
        if error is not None:
            raise error
        self.events.append(event)
        self.arrived.set()

    async def wait_connected(self) -> None:
        await self.connected.wait()


class Line:
    """One process's line over a store."""

    def __init__(self, settings: Settings, database: Database, owner: str = "test") -> None:
        self.settings = settings
        self.database = database
        self.metrics = Metrics()
        self.collector = Collector()
        self.housekeeping = Housekeeping(database, settings, now_ms=now_ms, metrics=self.metrics)
        self.relay = Relay(
            database,
            self.collector,
            owner=owner,
            now_ms=now_ms,
            metrics=self.metrics,
            in_flight_max=100,
            lease_s=settings.limits.claim_lease_s,
        )
        self.pool = WorkerPool(
            processes_max=2,
            memory_bytes_max=settings.limits.worker_memory_bytes_max,
            timeout_s=settings.limits.worker_timeout_s,
        )
        ways_out = WaysOut(lambda: self.housekeeping.directory, settings.identities, host="bigcorp.example")
        self.holding = Holding(
            database,
            lambda: self.housekeeping.directory,
            now_ms=now_ms,
            metrics=self.metrics,
            resumed=self._wake,
        )
        wants = wants_events(lambda: self.housekeeping.directory)
        self.reception = Reception(
            database,
            IdSource(now_ms, secrets.randbits),
            now_ms,
            arrived=self._wake,
            held_room=HeldRoom(database, settings.limits.held_bytes_per_partner_max, now_ms),
            wants_events=wants,
        )
        self.processing = Processing(
            database,
            self.pool,
            TermsOfProfiles(database, settings.identities, lambda: self.housekeeping.directory, ways_out.of).of,
            owner=owner,
            source="/gateway/bigcorp",
            now_ms=now_ms,
            limits=settings.limits,
            metrics=self.metrics,
            decided=self.relay.wake,
            holding=self.holding,
            apart=SettingApart(
                database, self.reception, lambda: self.housekeeping.directory, owner=owner, now_ms=now_ms
            ),
            wants_events=wants,
        )
        self._running: list[asyncio.Task[None]] = []

    def run(self) -> None:
        """Begin to process and publish."""
        self._running = [asyncio.create_task(self.processing.run()), asyncio.create_task(self.relay.run())]

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self.processing.drain()
        await self.relay.drain()
        await self.pool.close()

    async def keep(
        self, payload: bytes, *, partner: str = "acme-supply", transport_id: str | None = None
    ) -> Acceptance:
        loaded = self.housekeeping.directory.by_id(partner)
        assert loaded is not None
        arrival = self.arrival(loaded, payload, transport_id=transport_id, held=why_held(loaded))
        return await self.reception.keep(arrival)

    def arrival(self, loaded: LoadedProfile, payload: bytes, **more: object) -> Arrival:
        """What the AS2 edge hands in."""
        return Arrival(loaded.id, loaded.digest, "as2", payload, **more)  # type: ignore[arg-type]

    async def change(self, partner: str, **fields: object) -> None:
        """Change a partner's profile, which is in force when this returns."""
        path = self.settings.partners_dir / partner / "profile.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | fields))
        await self.housekeeping.load_profiles()

    def _wake(self) -> None:
        self.processing.wake()

    async def view(self, message_id: str) -> dict:
        view = await self.database.read(lambda connection: message_view(connection, message_id))
        assert view is not None
        return view

    async def decided(self, message_id: str, *states: str, within_s: float = 20) -> dict:
        """The view of a message once it is in one of the states (any outcome by default)."""
        async with asyncio.timeout(within_s):
            while (view := await self.view(message_id))["status"] not in (states or DECIDED):
                await asyncio.sleep(0.01)
        return view


@asynccontextmanager
async def line_over(site: Site, database_url: str | None = None, **limits: object) -> AsyncIterator[Line]:
    settings = load_settings(site.config, {}).settings
    settings = settings.model_copy(update={"limits": settings.limits.model_copy(update=limits)})
    database = Database(database_url or settings.resolved_database_url())
    migrate(database)
    database.start()
    line = Line(settings, database)
    await line.housekeeping.load_profiles()
    try:
        yield line
    finally:
        await line.close()
        database.close()


__all__ = ["BrokerUnavailable", "Collector", "Line", "Unroutable", "line_over", "now_ms"]
