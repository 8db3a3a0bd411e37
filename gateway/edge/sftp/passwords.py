"""Passwords, looked at beside the loop: so many at once, and as much work for those whom nobody knows."""

import asyncio
import os
from collections.abc import Sequence

from gateway.model.password_hash import HASH_BYTES, SALT_BYTES, matches, written

AT_ONCE = 2
WAITING_MAX = 32


class TooBusy(Exception):  # noqa: N818  # told to whoever asks
    """Too many passwords wait to be looked at."""


class Passwords:
    """Compares passwords; each takes about 0.1 s of a core and 32 MB."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobodys = written(os.urandom(SALT_BYTES), os.urandom(HASH_BYTES))

    async def which(self, password: str, hashes: Sequence[str], *, at_least: int) -> int | None:
        """Which of the hashes a password is of; None: of none.

        Args:
            password: as it was sent.
            hashes: those that would do; none for somebody whom nobody knows.
            at_least: so many comparisons are made in any case.

        Raises:
            TooBusy: too many wait.
        """
        if self._waiting >= WAITING_MAX:
            raise TooBusy
        compared = [*hashes, *[self._nobodys] * (at_least - len(hashes))]
        self._waiting += 1
        try:
            await self._turns.acquire()
        except asyncio.CancelledError:
            self._waiting -= 1
            raise
        work = asyncio.ensure_future(asyncio.to_thread(_all_of, password, compared))
        work.add_done_callback(self._over)
        # Whoever hangs up meanwhile does not end what a thread has begun, so its turn is not over either.
        found = await asyncio.shield(work)
        return next((index for index, is_it in enumerate(found[: len(hashes)]) if is_it), None)

    def _over(self, _: object) -> None:
        self._waiting -= 1
        self._turns.release()


def _all_of(password: str, hashes: Sequence[str]) -> list[bool]:
    """Every one is compared, so that the time tells nothing of which it was."""
    return [matches(password, one) for one in hashes]
