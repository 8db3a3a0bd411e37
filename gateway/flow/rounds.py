"""Rounds: how everything that works through the store looks for more, until it is cancelled."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from gateway.store.database import StoreUnavailable


class Rounds:
    """Looks for work: at once again while there is more, else when it is woken, at the latest after a pause.

    Args:
        pause_s: after a round that the store did not allow.
        log: of whoever looks.
        unavailable: what is said there of such a round, such as "deliveries cannot be read now".
    """

    def __init__(self, pause_s: float, log: logging.Logger, unavailable: str) -> None:
        self._pause_s = pause_s
        self._log = log
        self._unavailable = unavailable
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be more now; it is looked for after the round under way."""
        self._wake.set()

    async def run(self, take: Callable[[], Awaitable[float]]) -> None:
        """Look until cancelled.

        Args:
            take: one round; returns how many seconds to wait for the next unless woken, 0 where more is there already.
        """
        while True:
            self._wake.clear()
            try:
                pause_s = await take()
            except StoreUnavailable as unavailable:
                self._log.warning(self._unavailable, extra={"cause": str(unavailable)})
                pause_s = self._pause_s
            if pause_s:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._wake.wait()
