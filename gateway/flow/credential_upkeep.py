"""What credentials leave behind is looked after: last uses are written down, and what is over goes.

That is nonces, revoked tokens that would have ended by now, and keys of which no token can be good any more.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from gateway.store.credentials import nonces, revoked, token_keys, uses
from gateway.store.credentials.uses import CredentialUses
from gateway.store.database import Database, StoreUnavailable

FLUSH_EVERY_MS = 30_000
PURGE_EVERY_MS = 60_000
PURGE_PAUSE_S = 0.05

log = logging.getLogger(__name__)


class CredentialUpkeep:
    """Called by housekeeping every few seconds.

    Args:
        database: the store.
        noted: what this process saw.
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(self, database: Database, noted: CredentialUses, *, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._noted = noted
        self._now_ms = now_ms
        self._flushed_at_ms = 0
        self._purged_at_ms = 0

    async def round(self) -> None:
        """What is due."""
        now_ms = self._now_ms()
        if now_ms - self._flushed_at_ms >= FLUSH_EVERY_MS:
            self._flushed_at_ms = now_ms
            await self.flush()
        if now_ms - self._purged_at_ms >= PURGE_EVERY_MS:
            self._purged_at_ms = now_ms
            await self.purge()

    async def flush(self) -> None:
        """Write down what was used since the last time."""
        taken = self._noted.take()
        if not taken:
            return
        try:
            # Lost with the power, a "last used" is a few seconds old.
            await self._database.write(partial(uses.keep, uses=taken), durable=False)
        except StoreUnavailable:
            self._noted.put_back(taken)
            raise

    async def purge(self) -> int:
        """Remove what is over: nonces that cannot come again a step at a time, so that requests go between.

        Returns how many of those went.
        """
        await self._database.write(self._remove_of_tokens, durable=False)
        removed = 0
        while count := await self._database.write(partial(nonces.purge, now_ms=self._now_ms()), durable=False):
            removed += count
            await asyncio.sleep(PURGE_PAUSE_S)
        if removed:
            log.debug("nonces of signed requests were removed", extra={"nonces": removed})
        return removed

    def _remove_of_tokens(self, connection: Connection) -> None:
        revoked.remove_old(connection, self._now_ms())
        token_keys.remove_old(connection, self._now_ms())
