"""Housekeeping: profiles are read again when they change, old records go, disk and backlog are looked at."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from gateway.flow.profiles_in_force import ProfilesInForce, StatusesChanged, nobody_waits
from gateway.model.instants import DAY_MS
from gateway.settings import Retention, Settings
from gateway.store import deliveries, messages, retention
from gateway.store.database import Database, StoreUnavailable
from gateway.store.events import outbox
from gateway.store.messages import staging
from gateway.store.oversight import cases
from gateway.telemetry import Metrics
from partners.directory import Directory
from partners.loader import LoadedProfile

PURGE_EVERY_S = 3_600.0
PURGE_PAUSE_S = 0.05

log = logging.getLogger(__name__)


class Housekeeping:
    """Keeps the partner directory current and the store small.

    Args:
        database: the store.
        settings: where the profiles lie, and how long things are kept.
        now_ms: the clock, milliseconds since 1970.
        metrics: counts profile problems.
        also: what else is looked after in each round.
        built_in: partners without a folder.
        statuses_changed: see `ProfilesInForce`.
        announced: called when there is an event for the relay.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        now_ms: Callable[[], int],
        metrics: Metrics,
        also: Sequence[Callable[[], Awaitable[None]]] = (),
        built_in: Sequence[LoadedProfile] = (),
        statuses_changed: StatusesChanged = nobody_waits,
        announced: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._now_ms = now_ms
        self._metrics = metrics
        self._also = also
        self._profiles = ProfilesInForce(
            database,
            settings,
            now_ms=now_ms,
            metrics=metrics,
            built_in=built_in,
            statuses_changed=statuses_changed,
            announced=announced,
        )
        self.disk_is_low = False

    @property
    def directory(self) -> Directory:
        """The partners as they are now."""
        return self._profiles.directory

    async def load_profiles(self) -> None:
        """Read the profiles that changed; a broken one leaves its last good version in force."""
        await self._profiles.refresh()

    async def run(self) -> None:
        """Until cancelled."""
        purged_at = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(self._settings.profiles_reload_s)
            try:
                self.look_at_disk()
                await self.load_profiles()
                await self.measure()
                await self.sweep()
                for look_after in self._also:
                    await look_after()
                if asyncio.get_running_loop().time() - purged_at >= PURGE_EVERY_S:
                    purged_at = asyncio.get_running_loop().time()
                    await self.purge()
            except StoreUnavailable as unavailable:
                log.warning("housekeeping waits for the store", extra={"cause": str(unavailable)})
            except Exception:
                log.exception("housekeeping failed and tries again")

    def look_at_disk(self) -> None:
        """Stop accepting before the disk is full, so that what was accepted can still be processed.

        A database elsewhere (PostgreSQL) watches its own disk.
        """
        if not self._database.is_sqlite:
            return
        free_bytes = shutil.disk_usage(self._settings.data_dir).free
        is_low = free_bytes < self._settings.limits.disk_free_bytes_min
        if is_low != self.disk_is_low:
            log.warning("the disk is low" if is_low else "the disk has room again", extra={"free_bytes": free_bytes})
        self.disk_is_low = is_low
        self._metrics.gauge("gateway_disk_free_bytes", "Free bytes where the database lies.", free_bytes)

    async def measure(self) -> None:
        """Read off the store how much waits, for metrics."""
        states = await self._database.read(lambda connection: dict(messages.counts(connection)))
        waiting, oldest_due_ms = await self._database.read(outbox.backlog)
        open_cases = await self._database.read(cases.count_open)
        delivering, delivery_due_ms = await self._database.read(
            lambda connection: (dict(deliveries.counts(connection)), deliveries.oldest_due(connection))
        )
        gauge = self._metrics.gauge
        for state, number in delivering.items():
            gauge(f"gateway_deliveries_{state}", f"Deliveries that are {state.replace('_', ' ')}.", number)
        waits_s = max(0.0, (self._now_ms() - delivery_due_ms) / 1000) if delivery_due_ms is not None else 0.0
        gauge("gateway_deliveries_oldest_due_seconds", "How long the delivery that waits longest is due.", waits_s)
        for state, number in states.items():
            gauge(f"gateway_messages_{state}", f"Messages that are {state}.", number)
        age_s = max(0.0, (self._now_ms() - oldest_due_ms) / 1000) if oldest_due_ms is not None else 0.0
        gauge("gateway_outbox_events", "Events that wait for the broker.", waiting)
        gauge("gateway_outbox_oldest_due_seconds", "How long the event that waits longest has been due.", age_s)
        gauge("gateway_exceptions_open", "Cases of the exceptions list that are not resolved.", open_cases)

    async def sweep(self) -> None:
        """Remove pieces of large messages that were never accepted: their receiving was cut off."""
        count = 1
        while count:
            count = await self._database.write(partial(staging.sweep, now_ms=self._now_ms()), durable=False)
            await asyncio.sleep(PURGE_PAUSE_S)

    async def purge(self) -> dict[str, int]:
        """Remove what is older than its retention, a step at a time so that partners' messages go between."""
        removed: dict[str, int] = {}
        for kind, before_ms in purge_limits(self._settings.retention, self._now_ms()).items():
            while count := await self._database.write(partial(retention.step, kind=kind, before_ms=before_ms)):
                removed[kind] = removed.get(kind, 0) + count
                await asyncio.sleep(PURGE_PAUSE_S)
        if removed:
            log.info("purged", extra=dict(removed))
        return removed


def purge_limits(kept: Retention, now_ms: int) -> dict[str, int]:
    """For each kind the instant before which it goes, in milliseconds since 1970."""
    return {kind: now_ms - getattr(kept, kind) * DAY_MS for kind in retention.KINDS}
