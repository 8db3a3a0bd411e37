"""Housekeeping: profiles are read again when their files change, what is older than its retention goes."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from gateway.model.instants import DAY_MS
from gateway.settings import Retention, Settings
from gateway.store import profiles, retention
from gateway.store.database import Database, StoreUnavailable
from gateway.telemetry import Metrics
from partners.directory import Directory, load_directory
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
    """

    def __init__(self, database: Database, settings: Settings, *, now_ms: Callable[[], int], metrics: Metrics) -> None:
        self._database = database
        self._settings = settings
        self._now_ms = now_ms
        self._metrics = metrics
        self._problems: frozenset[str] = frozenset()
        self.directory = Directory()

    async def load_profiles(self) -> None:
        """Read the profiles that changed; a broken one leaves its last good version in force.

        A profile is in force only once it is in the store, since messages name it by its digest.
        """
        before = self.directory
        after, problems = await asyncio.to_thread(load_directory, self._settings.partners_dir, before)
        fresh = [loaded for loaded in after if _digest(before, loaded.id) != loaded.digest]
        if fresh:
            await self._database.write(partial(_keep, fresh=fresh, now_ms=self._now_ms()))
        self.directory = after
        texts = frozenset(str(problem) for problem in problems)
        for text in sorted(texts - self._problems):
            self._metrics.profile_problems.add()
            log.warning("a partner profile has a problem", extra={"problem": text})
        self._problems = texts
        for loaded in fresh:
            log.info("a partner profile is in force", extra={"partner": loaded.id, "digest": loaded.digest[:12]})

    async def run(self) -> None:
        """Until cancelled."""
        purged_at = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(self._settings.profiles_reload_s)
            try:
                await self.load_profiles()
                if asyncio.get_running_loop().time() - purged_at >= PURGE_EVERY_S:
                    purged_at = asyncio.get_running_loop().time()
                    await self.purge()
            except StoreUnavailable as unavailable:
                log.warning("housekeeping waits for the store", extra={"cause": str(unavailable)})
            except Exception:
                log.exception("housekeeping failed and tries again")

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


def _digest(directory: Directory, partner_id: str) -> str | None:
    loaded = directory.by_id(partner_id)
    return loaded.digest if loaded is not None else None


def _keep(connection: Connection, fresh: list[LoadedProfile], now_ms: int) -> None:
    for loaded in fresh:
        profiles.keep(connection, loaded.digest, loaded.id, loaded.pack(), now_ms)
