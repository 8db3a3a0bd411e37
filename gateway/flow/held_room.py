"""The room for what is held: how much of one suspended partner may wait here, so that nobody fills the disk.

What would go beyond it is not accepted, so its sender keeps it and sends it again. What was accepted already is never
refused: duplicates are answered as ever, and the parts of a connection's messages are set apart without a limit. The
sum is taken from the store now and then and kept in between, so several nodes may go beyond it by what they accept in
that time.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.model.refusals import Reason, Refused
from gateway.store import messages
from gateway.store.database import Database, StoreUnavailable
from gateway.store.messages import NewMessage, holds

RETRY_AFTER_S: Final = 300
_SUM_AGE_MS: Final = 60_000  # what other nodes hold meanwhile is not seen
_FULL_AGE_MS: Final = 15_000  # room is seen again as soon as this after somebody made it

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Sum:
    """What is held of one partner: as the store said it, and what came since.

    Attributes:
        taken: bytes of what this process kept since.
        under_way: bytes of what it is keeping now.
        at_ms: when the store was asked.
        is_told: whether the partner's case says that there is no room.
    """

    held: int = 0
    taken: int = 0
    under_way: int = 0
    at_ms: int | None = None
    is_told: bool = False

    @property
    def bytes(self) -> int:
        return self.held + self.taken + self.under_way


@dataclass(slots=True)
class Place:
    """Room for one message; whoever keeps it says so, and otherwise the room is given back."""

    is_taken: bool = False


class HeldRoom:
    """Gives room to what is held.

    Args:
        database: the store.
        bytes_max: of one partner's held messages.
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(self, database: Database, bytes_max: int, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._bytes_max = bytes_max
        self._now_ms = now_ms
        self._sums: dict[str, _Sum] = {}
        self._asking = asyncio.Lock()

    @asynccontextmanager
    async def place(self, new: NewMessage) -> AsyncIterator[Place]:
        """Room for a message that will be held, for the time that it takes to keep it.

        Raises:
            Refused: HOLDS_TOO_MUCH, there is none; STORE_UNAVAILABLE is for the caller to say.
            StoreUnavailable: it cannot be known now.
        """
        size = len(new.payload) + sum(map(len, new.wire)) + len(new.answer or b"")
        known = self._sums.setdefault(new.partner_id, _Sum())
        if not await self._has_room(known, new.partner_id, size):
            if not await self._was_accepted(new):
                await self._tell(known, new, size)
                raise _refused(new.partner_id, known.bytes, self._bytes_max)
        elif known.is_told:
            known.is_told = False
        place = Place()
        known.under_way += size
        try:
            yield place
        finally:
            known.under_way -= size
            known.taken += size if place.is_taken else 0

    async def _has_room(self, known: _Sum, partner_id: str, size: int) -> bool:
        if not self._is_old(known, size):
            return known.bytes + size <= self._bytes_max
        async with self._asking:
            if self._is_old(known, size):  # nobody asked while this one waited
                now_ms, before = self._now_ms(), known.taken
                held = await self._database.read(partial(holds.bytes_held, partner_id=partner_id))
                # What was kept while the store was asked may be counted twice, until it is asked again.
                known.held, known.taken, known.at_ms = held, known.taken - before, now_ms
        return known.bytes + size <= self._bytes_max

    def _is_old(self, known: _Sum, size: int) -> bool:
        is_full = known.bytes + size > self._bytes_max
        return known.at_ms is None or self._now_ms() - known.at_ms >= (_FULL_AGE_MS if is_full else _SUM_AGE_MS)

    async def _was_accepted(self, new: NewMessage) -> bool:
        """Whether it comes again, and takes no room."""
        if new.transport_id is None:
            return False
        known = partial(
            messages.is_known, partner_id=new.partner_id, channel=new.channel, transport_id=new.transport_id
        )
        return await self._database.read(known)

    async def _tell(self, known: _Sum, new: NewMessage, size: int) -> None:
        """Have the partner's case say that what they send is turned away; once, until there was room again."""
        if known.is_told:
            return
        known.is_told = True
        facts = {"partner": new.partner_id, "bytes": size, "bytes_held": known.bytes, "bytes_max": self._bytes_max}
        log.warning("no more can be held of a suspended partner", extra=facts)
        reason = (
            f"{new.held}; {known.bytes:,} of {self._bytes_max:,} bytes that may be held of them are, so what they send "
            "is not accepted (503) and stays with them"
        )
        tell = partial(holds.tell_full, partner_id=new.partner_id, now_ms=self._now_ms(), reason=reason)
        try:
            await self._database.write(tell)
        except StoreUnavailable:
            known.is_told = False


def _refused(partner_id: str, held: int, bytes_max: int) -> Refused:
    return Refused(
        Reason.HOLDS_TOO_MUCH,
        "so much of what you sent waits here that no more is taken for now; send it again later",
        audit=f"{held} bytes are held of {partner_id}; limits.held_bytes_per_partner_max: {bytes_max}",
        retry_after_s=RETRY_AFTER_S,
    )
