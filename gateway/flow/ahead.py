"""Ahead: the payload of a large message goes into the store while it still comes, so that its end takes no longer.

Where that cannot be, or takes too long, nothing is lost by it: the payload is kept as a whole when all of it is there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

from gateway.store.database import Database, StoreUnavailable
from gateway.store.messages import staging
from gateway.store.messages.staging import Piece, StagingLost

T = TypeVar("T")

STEP_BYTES = staging.DEFLATED_STEP_BYTES
# A message has its place among others by its id, which is drawn when the first piece goes in. What takes longer than
# this from there on gets its id at the end.
SECONDS_MAX = 30.0
PAYLOAD = "payload"


class InThread(Protocol):
    """Runs something outside the loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """What it returns, or raises."""


def stager_of(message_id: str) -> str:
    """Whose the pieces of a message are before it has its row.

    Each message has one of its own: two attempts at one message must not take each other's pieces for theirs.
    """
    return f"reception:{message_id}"


class StagingAhead:
    """The pieces of one payload that are in the store before it is complete.

    Args:
        database: the store.
        message_id: of the message that it is to be.
        now_ms: the clock, milliseconds since 1970.
        in_thread: reads and deflates.
    """

    def __init__(self, database: Database, message_id: str, now_ms: Callable[[], int], in_thread: InThread) -> None:
        self.message_id = message_id
        self._database = database
        self._now_ms = now_ms
        self._in_thread = in_thread
        self._began_s = time.monotonic()
        self._staged_bytes = 0
        self._size = 0
        self._deflates = False
        self._failed = False
        self._following: asyncio.Task[None] | None = None

    def grown(self, size: int, read: Callable[[int, int], bytes]) -> None:
        """So many bytes can be read now, from a place on so many."""
        self._size = size
        if self._following is None and not self._failed and size - self._staged_bytes >= STEP_BYTES:
            self._following = asyncio.create_task(self._follow(read))

    async def rest(self) -> None:
        """Nothing is read any more for now."""
        self._size = self._staged_bytes
        if self._following is not None:
            await asyncio.wait([self._following])

    async def finish(self, size: int, read: Callable[[int, int], bytes]) -> bool:
        """The payload is complete; False where not all of it is in the store, and nothing of it is needed there."""
        self._size = size
        if self._following is not None:
            await asyncio.wait([self._following])
        try:
            while self._staged_bytes < size and not self._failed:
                await self._stage(min(self._staged_bytes + STEP_BYTES, size), read)
        except (StoreUnavailable, StagingLost, OSError):
            self._failed = True
        if self._failed:
            await self.discard()
        return not self._failed

    async def discard(self) -> None:
        """Take back what is there; what cannot be taken back now goes when its claim has run out."""
        self._failed = True
        await self.rest()
        if self._staged_bytes:
            unit = partial(staging.discard, owner=stager_of(self.message_id), message_id=self.message_id)
            with suppress(StoreUnavailable):
                await self._database.write(unit, durable=False)

    async def _follow(self, read: Callable[[int, int], bytes]) -> None:
        try:
            while self._size - self._staged_bytes >= STEP_BYTES and not self._failed:
                await self._stage(self._staged_bytes + STEP_BYTES, read)
        except (StoreUnavailable, StagingLost, OSError):
            self._failed = True
        finally:
            self._following = None

    async def _stage(self, end: int, read: Callable[[int, int], bytes]) -> None:
        if time.monotonic() - self._began_s > SECONDS_MAX:
            raise StagingLost("it takes too long to come")
        begin = self._staged_bytes
        pieces = await self._in_thread(partial(self._make, begin, end, read))
        unit = partial(
            staging.stage,
            owner=stager_of(self.message_id),
            message_id=self.message_id,
            pieces=pieces,
            now_ms=self._now_ms(),
            begins=not begin,
        )
        await self._database.submit(unit, durable=False)
        self._staged_bytes = end

    def _make(self, begin: int, end: int, read: Callable[[int, int], bytes]) -> list[Piece]:
        """In a thread."""
        pieces: list[Piece] = []
        for at in range(begin, end, staging.PIECE_BYTES):
            raw = read(at, min(staging.PIECE_BYTES, end - at))
            if not at:
                self._deflates = staging.is_worth_deflating(raw)
            pieces.append(staging.piece_of(PAYLOAD, at // staging.PIECE_BYTES, raw, deflates=self._deflates))
        return pieces
