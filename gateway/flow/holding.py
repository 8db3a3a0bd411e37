"""Holding: nothing of a suspended partner is processed or sent, and all of it goes on once they are back.

What they send is authenticated, kept and receipted as ever; then it waits, without a next attempt, so nobody looks at
it in between. What was accepted before they were suspended, and is not decided yet, joins it where it is claimed.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from functools import partial

from sqlalchemy import Connection

from gateway.store.database import Database
from gateway.store.messages import StoredMessage, holds
from gateway.store.partners import profiles, states
from gateway.telemetry import Metrics
from partners.directory import Directory
from partners.loader import LoadedProfile, unpack

PROFILES_KNOWN_MAX = 4_096

log = logging.getLogger(__name__)


def why_held(loaded: LoadedProfile) -> str:
    """Why nothing of a partner goes on now, in words; empty where it does."""
    match loaded.profile.status:
        case "suspended":
            return f"{loaded.id} is suspended; it goes on by itself once they are live or testing again"
        case "draft":
            return f"{loaded.id} is a draft; it goes on by itself once they are live or testing"
        case _:
            return ""


class Holding:
    """Knows what has to wait, and resumes it.

    Args:
        database: the store.
        directory: the partners now.
        now_ms: the clock, milliseconds since 1970.
        metrics: says how much waits.
        resumed: called when something goes on; wakes whoever processes and sends.
    """

    def __init__(
        self,
        database: Database,
        directory: Callable[[], Directory],
        *,
        now_ms: Callable[[], int],
        metrics: Metrics,
        resumed: Callable[[], None],
    ) -> None:
        self._database = database
        self._directory = directory
        self._now_ms = now_ms
        self._metrics = metrics
        self._resumed = resumed
        # By digest of a profile: whether the partner was suspended under it. Digests say one thing for ever.
        self._was_suspended: dict[str, bool] = {}

    def why(self, message: StoredMessage) -> str:
        """Why a message may not be processed now, in words; empty where it may.

        What a person has released goes through, and what came from a partner who has no profile any more is processed
        by the one that it started with.
        """
        loaded = self._directory().by_id(message.partner_id)
        return why_held(loaded) if loaded is not None and not message.by_hand else ""

    def active(self, message: StoredMessage) -> LoadedProfile | None:
        """The partner of a message, if they are live or testing now."""
        loaded = self._directory().by_id(message.partner_id)
        return loaded if loaded is not None and loaded.profile.is_active else None

    async def statuses_changed(self, partner_ids: Collection[str]) -> None:
        """Resume those of these partners who are live or testing now.

        Raises:
            StoreUnavailable: it cannot be done now; `round` does it then.
        """
        changed, directory = set(partner_ids), self._directory()
        held, _ = await self._database.read(holds.partners)
        for partner_id in sorted(held):
            loaded = directory.by_id(partner_id)
            if loaded is not None and (partner_id in changed or loaded.profile.via in changed):
                await self._resume_active(loaded)

    async def round(self) -> None:
        """Look after everybody of whom something is held: another process may have held it a moment too late.

        Raises:
            StoreUnavailable: it cannot be done now.
        """
        held, told = await self._database.read(holds.partners)
        for partner_id in sorted(held | told):
            loaded = self._directory().by_id(partner_id)
            if loaded is not None and loaded.profile.is_active:
                await self._resume_active(loaded)
            elif (partner_id in held) != (partner_id in told):
                why = why_held(loaded) if loaded is not None else f"{partner_id} has no profile any more"
                tell = partial(holds.keep_told, partner_id=partner_id, now_ms=self._now_ms(), reason=why)
                await self._database.write(tell)
        waiting = await self._database.read(holds.count_dispatches)
        self._metrics.gauge("gateway_dispatches_held", "What is to be sent to suspended partners.", waiting)

    async def _resume_active(self, loaded: LoadedProfile) -> None:
        if loaded.profile.is_active:
            await self.resume(loaded)

    async def resume(self, loaded: LoadedProfile) -> int:
        """Make everything due again that is held of a partner; returns how much.

        Raises:
            StoreUnavailable: it cannot be done now.
        """
        kept, replaced = await self._profiles_of(loaded.id)
        bearer = self._directory().by_id(loaded.profile.via) if loaded.profile.via is not None else None
        sends = bearer is None or not why_held(bearer)

        def unit(connection: Connection) -> int:
            now_ms = self._now_ms()
            known = states.get(connection, loaded.id)
            if known is not None and known.status == "suspended" and known.digest != loaded.digest:
                return 0  # another node suspended them, and this one has not looked since
            number = holds.resume(
                connection, loaded.id, now_ms, kept=kept, replaced=replaced, by=loaded.digest, sends=sends
            )
            holds.close(connection, loaded.id, now_ms, f"{loaded.id} is {loaded.profile.status}")
            return number

        number = await self._database.write(unit)
        if number:
            log.info("what was held goes on", extra={"partner": loaded.id, "number": number})
            self._resumed()
        return number

    async def _profiles_of(self, partner_id: str) -> tuple[list[str], list[str]]:
        """The profiles that held messages started with: of an active partner, and of a suspended one.

        What was accepted from an active partner is read as was agreed then. What came while they were suspended was
        promised nothing but that it is kept: it is read by the profile with which they come back, so that what a
        partner in testing gets processed is a test.
        """
        digests = await self._database.read(partial(holds.profiles, partner_id=partner_id))
        for digest in digests:
            if digest not in self._was_suspended:
                packed = await self._database.read(partial(profiles.get, digest=digest))
                known = None if packed is None else await asyncio.to_thread(unpack, packed)
                if len(self._was_suspended) >= PROFILES_KNOWN_MAX:
                    self._was_suspended.clear()
                self._was_suspended[digest] = isinstance(known, LoadedProfile) and not known.profile.is_active
        kept = [digest for digest in digests if not self._was_suspended.get(digest, False)]
        return kept, [digest for digest in digests if digest not in kept]
