"""Who waits for a decision in this process is told when it is made."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Decisions:
    """Brings news of decided messages to those who wait for them."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @property
    def waiters(self) -> int:
        """How many wait now."""
        return sum(map(len, self._waiting.values()))

    def note(self, message_id: str) -> None:
        """A message was decided, held or parked."""
        for event in self._waiting.get(message_id, ()):
            event.set()

    @contextmanager
    def listen(self, message_id: str) -> Iterator[asyncio.Event]:
        """An event that is set with the next decision on a message."""
        event = asyncio.Event()
        self._waiting.setdefault(message_id, set()).add(event)
        try:
            yield event
        finally:
            listening = self._waiting[message_id]
            listening.discard(event)
            if not listening:
                del self._waiting[message_id]
