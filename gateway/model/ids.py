"""Identifiers that sort by time (ULID: 48 bits of milliseconds, 80 bits of chance, Crockford base 32)."""

import hashlib
from collections.abc import Callable

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHANCE_BITS = 80
ID_LENGTH = 26


def ulid(now_ms: int, chance: int) -> str:
    """The 26 characters for a time in milliseconds and 80 bits of chance."""
    number = (now_ms << _CHANCE_BITS) | chance
    characters = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, 32)
        characters.append(_ALPHABET[digit])
    return "".join(reversed(characters))


class IdSource:
    """Identifiers that ascend strictly within one process, so that the order of arrival can be read off them.

    Args:
        now_ms: the clock, milliseconds since 1970.
        chance: gives that many random bits.
    """

    def __init__(self, now_ms: Callable[[], int], chance: Callable[[int], int]) -> None:
        self._now_ms = now_ms
        self._chance = chance
        self._last_ms = 0
        self._last_chance = 0

    def next(self) -> str:
        """A new identifier, greater than all before it, also when the clock steps back."""
        now_ms = self._now_ms()
        if now_ms > self._last_ms:
            # The top bit stays free, so that counting up within a millisecond cannot overflow.
            self._last_ms, self._last_chance = now_ms, self._chance(_CHANCE_BITS - 1)
        else:
            self._last_chance += 1
        return ulid(self._last_ms, self._last_chance)


def document_id(message_id: str, ordinal: int, revision: int) -> str:
    """The id of the nth document of a message. Reckoned, not drawn: staging the same document twice gives one row."""
    return f"{message_id}-{ordinal}" if revision == 1 else f"{message_id}-{ordinal}-r{revision}"


def event_id(document: str, event: str) -> str:
    """The one id that a document has for one kind of event."""
    return f"{document}.{event}"


def announcement_id(key: str) -> str:
    """The one id of what is announced under a key, whichever process announces it."""
    return f"notice-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
