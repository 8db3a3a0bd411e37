"""Which names a pattern means: the same as a plain definition says, in bounded time, whatever the bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.flow.collecting.patterns import is_wanted, matches, readable

CASES = [
    ("*", "", True),
    ("*", "anything", True),
    ("*.edi", "order.edi", True),
    ("*.edi", "order.EDI", False),
    ("*.edi", ".edi", True),
    ("*.edi", "order.edi.part", False),
    ("?.edi", "a.edi", True),
    ("?.edi", "ä.edi", True),
    ("?.edi", "ab.edi", False),
    ("PO-*-2026.*", "PO-1-2-2026.x12", True),
    ("a[1]", "a1", False),
    ("a[1]", "a[1]", True),
    ("a\\*", "a\\b", True),
    ("**a**b**", "xaxbx", True),
    ("", "", True),
    ("", "a", False),
]


@pytest.mark.parametrize(("pattern", "name", "meant"), CASES, ids=[f"{one}-{two}" for one, two, _ in CASES])
def test_cases(pattern, name, meant):
    assert matches(pattern, name) is meant


def plainly(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(plainly(pattern[1:], name[skipped:]) for skipped in range(len(name) + 1))
    return bool(name) and pattern[0] in ("?", name[0]) and plainly(pattern[1:], name[1:])


@given(st.text("ab?*", max_size=7), st.text("ab*?", max_size=8))
def test_as_plainly_said(pattern, name):
    assert matches(pattern, name) == plainly(pattern, name)


def test_no_pattern_takes_long():
    assert not matches("*a" * 60 + "b", "a" * 4_096)
    assert matches("*?" * 60, "a" * 4_096)


def test_bytes_that_are_no_utf_8_stand_for_themselves():
    assert is_wanted(b"caf\xe9.edi", ("caf?.edi",), ())
    assert not is_wanted(b"caf\xe9.edi", ("café.edi",), ())
    assert is_wanted("café.edi".encode(), ("café.edi",), ())
    assert not is_wanted(b"order.edi.part", ("*",), ("*.part", ".*"))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_two_names_never_become_one(one, other):
    assert (readable(one) == readable(other)) == (one == other)
