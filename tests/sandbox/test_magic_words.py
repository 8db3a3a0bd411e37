"""The table of magic words: how numbers are read, and that whatever shows it shows the same."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sandbox.samples import fresh_number
from gateway.sandbox.words import LATE_S, NO_MAGIC, NUMBER_MAX, ORDER_CHARACTERS_MAX, TABLE, WORDS, magic_of

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("PO-1001-HALF", "HALF"),
        ("po_1001.half", "HALF"),
        ("HALF", "HALF"),
        ("4711", "ACCEPT"),
        ("HALFTIME", "ACCEPT"),
        ("1-BEHALF", "ACCEPT"),
        ("1-REJECT-LINE", "REJECT-LINE"),
        ("1-REJECT-7", "REJECT"),
        ("1-REJECT997", "REJECT997"),
        ("1-HALF-7", "HALF"),
        ("1-TIMEOUT", "TIMEOUT"),
        ("1-TIMEOUT-3", "TIMEOUT-3"),
        ("1-LATE", f"LATE-{LATE_S}"),
        ("1 LATE 30", "LATE-30"),
        ("1-LATE-999999", f"LATE-{NUMBER_MAX}"),
        ("1-HALF-LATE-30", "HALF-LATE-30"),
        ("1-LATE-30-HALF", "HALF-LATE-30"),
        ("1-HALF-REJECT", "HALF"),
        ("", "ACCEPT"),
        (None, "ACCEPT"),
    ],
)
def test_a_word_stands_apart_from_the_rest_of_the_number(number, told):
    assert str(magic_of(number)) == told


@given(st.text(max_size=60))
def test_any_number_asks_for_something(number):
    assert magic_of(number).word in TABLE


@given(st.integers(0, 2**45), st.sampled_from(sorted(WORDS)))
def test_a_fresh_number_asks_for_its_word_and_finds_room_in_x12(now_ms, name):
    number = fresh_number(name, now_ms)
    assert magic_of(number).word is (WORDS[name])
    assert len(number) <= ORDER_CHARACTERS_MAX


def test_words_are_told_apart():
    assert len(WORDS) == len(TABLE)
    assert all(magic_of(word.name).word is word for word in TABLE)
    assert magic_of("ACCEPT") == NO_MAGIC


def test_the_readme_holds_the_table_as_it_is():
    """To mend it, print the rows as this test makes them."""
    rows = [f"| `{word.name}{'-N' if word.number else ''}` | {word.order} | {word.change} |" for word in TABLE]
    assert "\n".join(rows) in README.read_text("utf-8"), "\n".join(rows)
