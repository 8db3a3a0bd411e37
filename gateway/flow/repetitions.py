"""Verdicts that need the store: control numbers of a partner that were used before, or come out of turn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection

from gateway.flow.terms import Terms
from gateway.model.instants import DAY_MS
from gateway.store.messages import StoredMessage
from gateway.store.partners import control_numbers
from translators.guide import RepetitionRules
from translators.x12.reading import Status
from translators.x12.repetitions import (
    follows,
    group_keys,
    interchange_key,
    sequence_key,
    set_keys,
    with_number_out_of_sequence,
    with_repeated_groups,
    with_repeated_interchange,
    with_repeated_sets,
)
from translators.x12.results import InterchangeResult

# A number so far below the last one is no late arrival: the partner began to count anew.
RESTART_DISTANCE = 1_000


class Numbers(Protocol):
    """The control numbers that partners used before, as one message sees them."""

    def remember(self, key: str, now_ms: int, *, window_from_ms: int) -> bool:
        """Note a number; False when another message used it within the window."""

    def remember_all(self, keys: Iterable[str], now_ms: int, *, window_from_ms: int) -> set[str]:
        """Note many numbers; the keys that another message used within the window."""

    def forget(self, key: str) -> None:
        """The message did not use a number after all."""

    def last_seen(self, key: str, number: int) -> int | None:
        """The last number; None when there was none, and now it is this one."""

    def note_seen(self, key: str, number: int) -> None:
        """The last number is this one."""


@dataclass(frozen=True, slots=True)
class KeptNumbers:
    """Those of the store, in the transaction that decides a message."""

    connection: Connection
    message_id: str

    def remember(self, key: str, now_ms: int, *, window_from_ms: int) -> bool:
        """Note a number; False when another message used it within the window."""
        return control_numbers.remember(self.connection, key, self.message_id, now_ms, window_from_ms=window_from_ms)

    def remember_all(self, keys: Iterable[str], now_ms: int, *, window_from_ms: int) -> set[str]:
        """Note many numbers; the keys that another message used within the window."""
        return control_numbers.remember_all(
            self.connection, keys, self.message_id, now_ms, window_from_ms=window_from_ms
        )

    def forget(self, key: str) -> None:
        """The message did not use a number after all."""
        control_numbers.forget(self.connection, key, self.message_id)

    def last_seen(self, key: str, number: int) -> int | None:
        """The last number, its row locked; None when there was none, and now it is this one."""
        return control_numbers.last_seen(self.connection, key, number, self.message_id)

    def note_seen(self, key: str, number: int) -> None:
        """The last number is this one."""
        control_numbers.note_seen(self.connection, key, number, self.message_id)


@dataclass(slots=True)
class Judge:
    """Judges those interchanges of one message that are one partner's.

    What is rejected uses no number up: the partner sends it again, mended, under the same one.

    Attributes:
        numbers: those that partners used before.
        partner_id: under whom the numbers stand: who sent the message, or for whom its connection speaks.
        used: the numbers of this message so far; in the store they count as its own, also when it is processed again.
    """

    numbers: Numbers
    message: StoredMessage
    partner_id: str
    rules: RepetitionRules
    now_ms: int
    used: set[str] = field(default_factory=set)

    def judge(self, result: InterchangeResult) -> InterchangeResult:
        """The interchange with what its control numbers earn."""
        if result.code == "R":
            return result
        checked = self._interchange(result)
        if checked.status is Status.REJECTED:
            return checked
        if self.rules.group != "process":
            checked = self._groups(checked)
        return checked if self.rules.transaction_set == "process" else self._sets(checked)

    def _interchange(self, result: InterchangeResult) -> InterchangeResult:
        key = self._key(interchange_key(result))
        counts = result.status is not Status.REJECTED and self.rules.interchange != "process"
        if counts and not self._is_new(key):
            return with_repeated_interchange(result, self.rules.interchange)
        checked = self._sequence(result)
        if counts and checked.status is Status.REJECTED:
            self.numbers.forget(key)
            self.used.discard(key)
        return checked

    def _sequence(self, result: InterchangeResult) -> InterchangeResult:
        action, number = self.rules.out_of_sequence, result.header.control_number
        # In which order messages are processed again is ours to decide, not theirs.
        if action == "process" or self.message.revision > 1 or not (number.isascii() and number.isdigit()):
            return result
        key = self._key(sequence_key(result))
        this = int(number)
        last = self.numbers.last_seen(key, this)
        if last is None or this == last:  # the first, or one that was rejected and is sent again
            return result
        is_next = follows(this, last)
        if is_next or (action == "accept_with_error" and (this > last or this < last - RESTART_DISTANCE)):
            self.numbers.note_seen(key, this)
        return result if is_next else with_number_out_of_sequence(result, action)

    def _groups(self, result: InterchangeResult) -> InterchangeResult:
        repeated = [
            index
            for index, key in enumerate(group_keys(result))
            if result.groups[index].status is not Status.REJECTED and not self._is_new(self._key(key))
        ]
        return with_repeated_groups(result, repeated, self.rules.group)

    def _sets(self, result: InterchangeResult) -> InterchangeResult:
        places: dict[str, tuple[int, int]] = {}
        repeated = []
        for group_index, set_index, key in set_keys(result):
            group = result.groups[group_index]
            if Status.REJECTED in (group.status, group.sets[set_index].status):
                continue
            own = self._key(key)
            if own in self.used or own in places:
                repeated.append((group_index, set_index))
            else:
                places[own] = (group_index, set_index)
        known = self.numbers.remember_all(places, self.now_ms, window_from_ms=self._window_from_ms)
        self.used.update(places)
        return with_repeated_sets(result, [*repeated, *(places[key] for key in known)], self.rules.transaction_set)

    def _is_new(self, key: str) -> bool:
        if key in self.used:
            return False
        self.used.add(key)
        return self.numbers.remember(key, self.now_ms, window_from_ms=self._window_from_ms)

    def _key(self, key: str) -> str:
        return f"{self.partner_id}|{key}"

    @property
    def _window_from_ms(self) -> int:
        return self.now_ms - self.rules.window_days * DAY_MS


def refused_documents(before: Iterable[InterchangeResult], after: Iterable[InterchangeResult]) -> list[tuple[int, int]]:
    """Which documents are refused although they read well: first and last ordinal of each run of them.

    They stand in a group or interchange that is rejected as a whole, or are sets whose number was used before.
    Documents are counted in the order of the file, one for each set.
    """
    ranges: list[tuple[int, int]] = []
    ordinal = 0
    for old, new in zip(before, after, strict=True):
        for group_before, group in zip(old.groups, new.groups, strict=True):
            if group.sets and Status.REJECTED in (new.status, group.status):
                _extend(ranges, ordinal, ordinal + len(group.sets) - 1)
            elif group.sets is not group_before.sets:
                for index, (one_before, one) in enumerate(zip(group_before.sets, group.sets, strict=True)):
                    if one.status is Status.REJECTED and one_before.status is not Status.REJECTED:
                        _extend(ranges, ordinal + index, ordinal + index)
            ordinal += len(group.sets)
    return ranges


def _extend(ranges: list[tuple[int, int]], first: int, last: int) -> None:
    if ranges and ranges[-1][1] == first - 1:
        ranges[-1] = (ranges[-1][0], last)
    else:
        ranges.append((first, last))


def judge_all(
    numbers: Numbers,
    message: StoredMessage,
    interchanges: Sequence[InterchangeResult],
    terms: Terms,
    now_ms: int,
) -> list[InterchangeResult]:
    """The interchanges of a message with what their control numbers earn, in their order, each by its partner's terms.

    A number stands under the partner, whichever way it came: what came by a VAN and comes again by AS2 is a repetition.
    """
    judges: dict[str, Judge] = {}
    judged = []
    for result in interchanges:
        speaking = terms.of(result.header.sender)
        judge = judges.get(speaking.partner_id)
        if judge is None:
            judge = Judge(numbers, message, speaking.partner_id, speaking.repetitions, now_ms)
            judges[speaking.partner_id] = judge
        judged.append(judge.judge(result))
    return judged
