"""`Prefer: wait=N` (RFC 7240 4.3): the answer comes once there is something to tell, at the latest after N seconds.

Waiting costs next to nothing: processing tells who waits in its own process, and for what another process decides the
store is asked now and then.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.rest.views import is_decided
from gateway.store import messages
from gateway.store.database import StoreUnavailable

PREFER: Final = "Prefer"
PREFERENCE_APPLIED: Final = "Preference-Applied"
WAIT_S_MAX: Final = 30
WAITERS_MAX: Final = 1_000
# How soon whoever waits notices that the gateway ends, or that nobody listens any more.
TICK_S: Final = 0.25
_FIRST_LOOK_S: Final = 0.25
_LOOK_S_MAX: Final = 2.0
# A quotation that never ends takes the rest with it: to look for its end again from each later place takes seconds.
_PREFERENCES: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+', re.DOTALL)
_WAIT: Final = re.compile(r'\s*wait\s*=\s*(?:"(\d{1,9})"|(\d{1,9}))\s*(?:;.*)?', re.IGNORECASE | re.DOTALL)


def read_wait(request: Request) -> int:
    """How many seconds the caller would wait, as far as we go along; 0 where it did not say so understandably.

    A preference that is not understood is ignored, and of one that comes twice the first counts (RFC 7240 2).
    """
    for value in request.headers.getall(PREFER, ()):
        for preference in _PREFERENCES.findall(value):
            if match := _WAIT.fullmatch(preference):
                return min(int(match[1] or match[2]), WAIT_S_MAX)
    return 0


class Waiting:
    """Waits for decisions.

    Args:
        edge: what it stands on.
        ending: whether the server is about to end: then nobody waits any longer.
    """

    def __init__(self, edge: Edge, ending: Callable[[], bool]) -> None:
        self._edge = edge
        self._ending = ending

    async def decided(self, request: Request, message_id: str, wait_s: float) -> bool | None:
        """Whether a message is decided, once it is or the time is over; None where too many wait already."""
        decisions = self._edge.decisions
        if decisions.waiters >= WAITERS_MAX:
            return None
        loop = asyncio.get_running_loop()
        end = loop.time() + wait_s
        look_s = _FIRST_LOOK_S
        with decisions.listen(message_id) as news:
            while True:
                if await self._is_decided(message_id):
                    return True
                next_look = min(loop.time() + look_s, end)
                while not news.is_set() and loop.time() < next_look:
                    if self._ending() or request.transport is None:
                        return False
                    with suppress(TimeoutError):
                        async with asyncio.timeout_at(min(loop.time() + TICK_S, next_look)):
                            await news.wait()
                if loop.time() >= end and not news.is_set():
                    return False
                news.clear()
                look_s = min(look_s * 2, _LOOK_S_MAX)

    async def _is_decided(self, message_id: str) -> bool:
        try:
            state = await self._edge.database.read(partial(messages.state, message_id=message_id))
        except StoreUnavailable:
            return False
        return state is not None and is_decided(state)
