"""What explains a failure of a peer, and what the table says of it; the exchanges themselves are `make interop`."""

import re
from dataclasses import fields

import pytest

from tests.interop.combinations import DIRECTIONS, Combination, Direction, combinations
from tests.interop.play import Result
from tests.interop.products import PEERS
from tests.interop.report import GONE, Deviation, Report, deviations, explanation

KNOWN = [
    Deviation(1, "openas2", "to us", {"sign": [False]}, "the filename that came is ''$", "loses names", "", "RFC 1"),
    Deviation(2, "openas2", "to us", {}, "it says: mic-mismatch", "digests too much", "its log", "RFC 2"),
]


def result(*problems: str, direction: Direction = "to us", sign: bool = False) -> Result:
    return Result("openas2", direction, Combination(sign=sign), problems)


@pytest.mark.parametrize("known", deviations(), ids=lambda known: f"{known.peer} {known.direction} {known.number}")
def test_each_listed_deviation_is_due_in_a_combination_that_is_played(known: Deviation) -> None:
    assert known.peer in PEERS
    assert known.direction in DIRECTIONS
    re.compile(known.symptom)
    names = {field.name for field in fields(Combination)} | {"is_plain"}
    assert set(known.when) <= names
    peer = PEERS[known.peer]()
    played = [
        Result(known.peer, direction, each)
        for direction in DIRECTIONS
        for each in combinations(direction)
        if peer.silent_on(each, direction) is None
    ]
    assert any(map(known.is_due, played))
    assert not all(known.is_due(each) for each in played)


def test_a_failure_is_explained_when_each_of_its_problems_is() -> None:
    assert explanation(result(), KNOWN) == []
    assert explanation(result("the filename that came is ''", "it says: mic-mismatch"), KNOWN) == KNOWN
    assert explanation(result("it says: mic-mismatch", "it says: mic-mismatch"), KNOWN) == KNOWN[1:]
    assert explanation(result("the filename that came is ''", "we did not keep it"), KNOWN) is None


@pytest.mark.parametrize(
    "other",
    [
        result("the filename that came is ''", sign=True),
        result("the filename that came is ''", direction="from us"),
        result("the filename that came is 'x'"),
        result("what we keep is wrong; it says: mic-mismatch"),
    ],
)
def test_a_deviation_explains_nothing_but_its_own(other: Result) -> None:
    assert explanation(other, KNOWN) is None


def test_the_table_tells_what_is_no_longer_seen_and_what_is_ours() -> None:
    report = Report([result("it says: mic-mismatch"), result("we did not keep it", sign=True)], KNOWN)
    text = report.markdown()
    assert [each.combination.sign for each in report.ours] == [True]
    assert f"1. openas2, to us, {GONE}: loses names" in text
    assert "2. openas2, to us, 1 of 2 times: digests too much" in text
    assert "| to us | openas2 | 0 | 1 | 1 | 0 |" in text
    assert "- openas2, to us, signed+encrypted, signed receipt: we did not keep it" in text
