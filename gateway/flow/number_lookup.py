"""Control numbers looked up and not noted: for the judgement of what is not sent, which must hold up no writer.

What one file would note is noted here alone, so that its interchanges are judged one after another as the line does.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from sqlalchemy import Connection

from gateway.flow.terms import Terms
from gateway.store.partners import control_numbers
from translators.x12.repetitions import group_keys, interchange_key, sequence_key, set_keys
from translators.x12.results import InterchangeResult

# Of one statement, and of one turn with a reader.
KEYS_AT_ONCE: Final = 2_000


class Asked(NamedTuple):
    """A key of which the store is asked."""

    key: str
    ascends: bool  # it stands for the last number, not for one


def asked_for(interchanges: Sequence[InterchangeResult], terms: Terms) -> Iterator[Asked]:
    """All keys that judging may ask for, by the terms of each partner; of many keys some come more than once."""
    for result in interchanges:
        if result.code == "R":
            continue
        speaking = terms.of(result.header.sender)
        own, rules = speaking.partner_id, speaking.repetitions
        if rules.out_of_sequence != "process":
            yield Asked(f"{own}|{sequence_key(result)}", ascends=True)
        if rules.interchange != "process":
            yield Asked(f"{own}|{interchange_key(result)}", ascends=False)
        if rules.group != "process":
            yield from (Asked(f"{own}|{key}", ascends=False) for key in group_keys(result))
        if rules.transaction_set != "process":
            yield from (Asked(f"{own}|{key}", ascends=False) for _, _, key in set_keys(result))


class LookedUpNumbers:
    """The control numbers of one file, as `repetitions.Numbers` of a message that nothing is noted of.

    Args:
        asked: the keys that will be asked for; another counts as new.
    """

    def __init__(self, asked: Iterable[Asked]) -> None:
        self._asked = iter(asked)
        self._used_at_ms: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def look_up(self, connection: Connection) -> bool:
        """Look the next keys up; False when there were none left."""
        batch = list(islice(self._asked, KEYS_AT_ONCE))
        self._used_at_ms |= control_numbers.used_at(connection, (key for key, ascends in batch if not ascends))
        self._last |= control_numbers.last_of(connection, (key for key, ascends in batch if ascends))
        return bool(batch)

    def remember(self, key: str, now_ms: int, *, window_from_ms: int) -> bool:  # noqa: ARG002  # as the store is asked
        """Whether no message used it within the window; within the file the judge keeps count."""
        at_ms = self._used_at_ms.get(key)
        return at_ms is None or at_ms < window_from_ms

    def remember_all(self, keys: Iterable[str], now_ms: int, *, window_from_ms: int) -> set[str]:
        """The keys that a message used within the window."""
        return {key for key in keys if not self.remember(key, now_ms, window_from_ms=window_from_ms)}

    def forget(self, key: str) -> None:
        """Nothing was noted."""

    def last_seen(self, key: str, number: int) -> int | None:
        """The last number; None when there was none, and now it is this one."""
        last = self._last.get(key)
        if last is None:
            self._last[key] = number
        return last

    def note_seen(self, key: str, number: int) -> None:
        """The last number is this one."""
        self._last[key] = number
