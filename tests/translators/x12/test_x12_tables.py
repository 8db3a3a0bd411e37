"""Every cell of the tables of every release, and that their fast check of a segment agrees with the careful one."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translators.x12.delimiters import Delimiters
from translators.x12.dictionary import CHECKS_BEFORE_COMPILING, load_release, read_table, releases
from translators.x12.elements import At, ElementChecker
from translators.x12.faults import Ledger
from translators.x12.sets import DOCUMENT_TYPES, FUNCTIONAL_IDS

RELEASES = releases()
TYPE = re.compile(r"AN|ID|DT|TM|R|N[0-9]|COMPOSITE")
USES = re.compile(r"(?P<min>[0-9]+)\.\.(?P<max>[0-9]+|n)")
DELIMITERS = Delimiters("*", "~", ">", "^")


def number(text):
    return 10**9 if text == "n" else int(text)


def test_seventeen_releases_have_tables():
    assert len(RELEASES) == 17
    assert (RELEASES[0], RELEASES[-1]) == ("002040", "006030")


@pytest.mark.parametrize("release", RELEASES)
def test_elements(release):
    rows = list(read_table(release, "elements"))
    assert len({row[0] for row in rows}) == len(rows)
    for element, name, kind, low, high, codes in rows:
        assert name.strip() == name != ""
        assert TYPE.fullmatch(kind), element
        listed = codes.split(" ") if codes else []
        assert len(set(listed)) == len(listed), element
        if kind == "COMPOSITE":
            assert (low, high, codes) == ("", "", "")
        else:
            assert 1 <= int(low) <= int(high)
            assert not listed or kind == "ID"
            assert all(int(low) <= len(code) <= int(high) for code in listed), element


@pytest.mark.parametrize("release", RELEASES)
def test_segments(release):
    elements = {row[0]: row[2] for row in read_table(release, "elements")}
    rows = list(read_table(release, "segments"))
    assert len({row[0] for row in rows}) == len(rows)
    used = set()
    for segment, items, notes in rows:
        parts = [re.fullmatch(r"(\w+?)!?(?:x[0-9]+)?", item) for item in items.split(" ")]
        assert all(parts), segment
        numbers = [part[1] for part in parts]
        used.update(numbers)
        assert set(numbers) <= set(elements), segment
        if segment in elements:  # composites hold no composites
            assert all(elements[one] != "COMPOSITE" for one in numbers), segment
        for note in notes.split():
            assert re.fullmatch(r"[PRECL](?:\d\d){2,}\??", note), (segment, note)
    composites = {one for one, kind in elements.items() if kind == "COMPOSITE"}
    assert composites == {row[0] for row in rows} & set(elements)
    assert used | composites >= set(elements)


@pytest.mark.parametrize("release", RELEASES)
def test_structures(release):
    segments = {row[0] for row in read_table(release, "segments")}
    sets = []
    loops = {}
    for set_type, loop, loop_max, segment, low, high in read_table(release, "structure"):
        if not sets or sets[-1] != set_type:
            sets.append(set_type)
            loops = {"": ""}
        assert segment in segments
        assert number(low.replace("F", "0")) <= number(high)
        outer, _, code = loop.rpartition("/")
        assert outer in loops
        if loop not in loops:
            loops[loop] = loop_max
            bounds = USES.fullmatch(loop_max)
            assert number(bounds["min"]) <= number(bounds["max"])
            assert (segment, low, high) == (code, "1", "1")
        assert loops[loop] == loop_max
    assert len(set(sets)) == len(sets)
    assert set(sets) <= set(FUNCTIONAL_IDS)


def test_the_sets_of_each_release():
    for release in RELEASES:
        expected = set(FUNCTIONAL_IDS)
        if release < "005010":
            expected.discard("999")
        if release < "003010":
            expected.discard("824")
        assert {row[0] for row in read_table(release, "structure")} == expected
    assert set(DOCUMENT_TYPES) <= set(FUNCTIONAL_IDS)


POOLS = {
    "DT": ["20260105", "260105", "20260229", "20280229", "260230", "2026010", "20261301", "0"],
    "TM": ["1430", "2460", "143059", "14305999", "143060", "24", "14305"],
    "R": ["5", "12.5", "-3", "-.5", "5.", ".", "1E5", "12345678901234567890", "0.0000000001", "1,5"],
    "N": ["0", "1", "-12", "123456789", "1.5", "+1", "00000000000000000001"],
    "AN": ["A", "A B", " ", "  ", "A ", "é", "AB", "ABC", "ABCD", "\x1f"],
}


def values_of(element):
    """Values that are right, and values that are nearly so."""
    plain = element.components[0] if element.components else element
    pool = POOLS.get(plain.type[0] if plain.type.startswith("N") else plain.type, POOLS["AN"])
    edges = ["X" * plain.min, "X" * min(plain.max, 100), "X" * (min(plain.max, 100) + 1), "9" * min(plain.max, 100)]
    return st.sampled_from(["", *sorted(plain.codes)[:8], *pool, *edges])


@settings(max_examples=400)
@given(st.data())
def test_what_the_pattern_of_a_segment_lets_pass_has_no_fault(data):
    release = load_release(data.draw(st.sampled_from(RELEASES)))
    rule = release.segments[data.draw(st.sampled_from(sorted(release.segments)))]
    # Few elements are filled: a segment with many would hardly ever be right in all of them.
    filled = data.draw(st.sets(st.integers(1, len(rule.elements)), max_size=3))
    wanted = filled | {place for place, element in enumerate(rule.elements, 1) if element.required}
    elements = enumerate(rule.elements[: max(wanted, default=0)], 1)
    parts = [rule.code, *(data.draw(values_of(element)) if place in wanted else "" for place, element in elements)]
    text = "*".join(parts)
    if any(rule.is_clean(text, parts) for _ in range(CHECKS_BEFORE_COMPILING + 1)):
        ledger = Ledger(frozenset(), 100)
        checker = ElementChecker(release, DELIMITERS, "latin-1", ledger)
        assert checker.check(rule, list(parts), At(rule.code, 2, None, 0)) == parts[1:]
        assert ledger.findings == []
