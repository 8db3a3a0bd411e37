"""Access tokens that were ended before their time (RFC 7009), on all nodes within a second.

A token that is in use is looked up once a second, by its key; one that is not costs nothing. While the database is
down, what is known counts: partners go on.
"""

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy import Connection, delete, select

from gateway.store.api_tables import RevokedToken
from gateway.store.database import Database, StoreUnavailable
from gateway.store.engine.statements import Insert, Prepared, given, table_of

LOOKED_AT_MS = 1_000
# A database that does not answer must not hold up every call; nor is it asked again at once.
ANSWER_TIMEOUT_S = 1.0
KNOWN_MAX = 16_384

_TOKEN = table_of(RevokedToken)
_insert = Insert(RevokedToken, or_ignore=True)
_find = Prepared(lambda _: select(_TOKEN.c.jti).where(_TOKEN.c.jti == given("jti")))

log = logging.getLogger(__name__)


def add(connection: Connection, jti: str, expires_at_ms: int) -> bool:
    """Revoke a token; False where it was before."""
    return _insert.run(connection, {"jti": jti, "expires_at_ms": expires_at_ms})


def is_there(connection: Connection, jti: str) -> bool:
    """Whether a token was revoked, and has not been over for long."""
    return bool(_find.rows(connection, jti=jti))


def remove_old(connection: Connection, now_ms: int) -> int:
    """Remove the tokens that would be over by themselves; returns how many."""
    return connection.execute(delete(_TOKEN).where(_TOKEN.c.expires_at_ms < now_ms)).rowcount


class Revocations:
    """What this process knows of revoked tokens.

    Args:
        database: the store.
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(self, database: Database, *, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        # By jti: when it was looked up last, and None once it is revoked, which is for good.
        self._looked_up: dict[str, int | None] = {}
        self._silent_until_ms = 0

    def note(self, jti: str) -> None:
        """It was revoked here, this moment."""
        self._keep(jti, None)

    async def is_revoked(self, jti: str) -> bool:
        """Whether a token was revoked a second ago or earlier, on whichever node."""
        now_ms = self._now_ms()
        looked_up = self._looked_up.get(jti, 0)
        if looked_up is None:
            return True
        if 0 <= now_ms - looked_up < LOOKED_AT_MS or 0 < self._silent_until_ms - now_ms <= LOOKED_AT_MS:
            return False
        if jti in self._looked_up:
            # Calls beside this one go on with what was known a second ago.
            self._looked_up[jti] = now_ms
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                found = await self._database.read(lambda connection: is_there(connection, jti))
        except (StoreUnavailable, TimeoutError) as error:
            self._silent_until_ms = now_ms + LOOKED_AT_MS
            log.warning("revoked tokens cannot be looked up; what is known counts", extra={"cause": str(error)})
            return self._looked_up.get(jti, 0) is None
        # `note` may have come in between.
        self._keep(jti, None if found or self._looked_up.get(jti, 0) is None else now_ms)
        return self._looked_up[jti] is None

    def _keep(self, jti: str, looked_up: int | None) -> None:
        # Those in use move to the end, so that the first is the one that was not used for longest.
        self._looked_up.pop(jti, None)
        if len(self._looked_up) >= KNOWN_MAX:
            del self._looked_up[next(iter(self._looked_up))]
        self._looked_up[jti] = looked_up
