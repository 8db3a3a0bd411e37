import datetime as dt

import pytest

from gateway.onboarding.certificate_facts import colons
from gateway.onboarding.guide.code_words import code_label
from gateway.onboarding.guide.error_codes import (
    ELEMENT_ERRORS,
    GROUP_ERRORS,
    INTERCHANGE_ERRORS,
    SEGMENT_ERRORS,
    SET_ERRORS,
)
from gateway.onboarding.guide.words import (
    byte_words,
    date_words,
    day_words,
    listed,
    note_words,
    notes_words,
    separator_words,
    time_words,
    times,
)
from translators.x12.dictionary import notes_of
from translators.x12.faults import ElementError, GroupError, Implementation, InterchangeError, SegmentError, SetError
from translators.x12.grammar import UNBOUNDED


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("P0304", "If one of REF03 or REF04 is sent, all of them are."),
        ("R0203", "At least one of REF02 or REF03 is sent."),
        ("E0203", "At most one of REF02 or REF03 is sent."),
        ("C0203", "If REF02 is sent, REF03 is, too."),
        ("C020304", "If REF02 is sent, REF03 and REF04 are, too."),
        ("L020304", "If REF02 is sent, at least one of REF03 or REF04 is, too."),
        ("P0304?", "If one of REF03 or REF04 is sent, all of them are. (A breach is told and rejects nothing.)"),
    ],
)
def test_relations_between_elements_are_sentences(note: str, words: str):
    (held,) = notes_of(note)
    assert note_words(held, "REF") == words


def test_many_pairs_are_one_sentence():
    held = notes_of("C0302 P0607 P0809 P1011")
    assert notes_words(held, "PO1") == (
        "If PO103 is sent, PO102 is, too.",
        "These pairs are sent both or not at all: PO106 and PO107, PO108 and PO109, PO110 and PO111.",
    )
    assert len(notes_words(held[:2], "PO1")) == 2


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (INTERCHANGE_ERRORS, {*InterchangeError}),
        (GROUP_ERRORS, {*GroupError}),
        (SET_ERRORS, {*SetError}),
        (SEGMENT_ERRORS, {*SegmentError, *(code for code in Implementation if code in {"I4", "I7", "I8"})}),
        (ELEMENT_ERRORS, {*ElementError, *(code for code in Implementation if code in {"I6", "I9", "I10"})}),
    ],
    ids=lambda held: getattr(held, "anchor", ""),
)
def test_every_code_that_we_tell_is_explained(table, codes):
    assert {str(code) for code in codes} <= {row.code for row in table.codes}
    assert all(row.says for row in table.codes)


@pytest.mark.parametrize(
    ("value", "words"),
    [("20260301", "1 March 2026"), ("260301", "1 March 2026"), ("20261399", None), ("2026-3-1", None), ("", None)],
)
def test_days(value: str, words: str | None):
    assert date_words(value) == words


@pytest.mark.parametrize(("value", "words"), [("0930", "09:30"), ("235959", "23:59:59"), ("2460", None), ("9", None)])
def test_times(value: str, words: str | None):
    assert time_words(value) == words


def test_numbers_and_lists():
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"], "or") == "a, b or c"
    assert times(UNBOUNDED) == ">1"
    assert byte_words(64 << 20) == "64 MB"
    assert byte_words(20_000_000) == "19.1 MB (20,000,000 bytes)"
    assert byte_words(512) == "512 bytes"
    assert colons("0a1b") == "0A:1B"
    assert day_words(dt.date(2027, 3, 31)) == "31 March 2027"


@pytest.mark.parametrize(
    ("character", "words"),
    [
        ("*", "*  asterisk (hex 2A)"),
        ("\n", "line feed (hex 0A)"),
        ("\x1c", "hex 1C"),
        ("", "none"),
        ("é", "é  (hex E9)"),
    ],
)
def test_separators(character: str, words: str):
    assert separator_words(character) == words


def test_codes_have_their_labels():
    assert code_label("355", "EA") == "each"
    assert code_label("128", "BM") == "bill of lading"
    assert code_label("I05", "01") == "DUNS number"
    assert code_label("128", "no such") == ""
    assert code_label("9999", "A") == ""
