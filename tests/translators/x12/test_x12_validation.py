"""How strictly X12 is judged beyond the standard: character sets, blanks around values, separators at the end."""

import datetime as dt
import itertools
import re
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.x12.conftest import interchange, pieces_of, sets_of
from translators import guide
from translators.guide import STANDARD_VALIDATION, Guide, ReadingRules, Validation
from translators.x12.acknowledgment import collect_results, write_acknowledgments
from translators.x12.character_sets import CharacterSet, foreign_characters, text_pattern
from translators.x12.delimiters import STANDARD_DELIMITERS
from translators.x12.dictionary import ElementRule, SegmentRule, load_release
from translators.x12.elements import At, ElementChecker
from translators.x12.faults import Ledger
from translators.x12.overrides import agreed_tables
from translators.x12.reading import Status

RELEASE = load_release("004010")
BODY = "BEG*00*SA*4500012345**20260105~{extra}PO1*1*5*EA*9.95**VP*A-1~CTT*1~"
EVERY = [
    Validation(*chosen)
    for chosen in itertools.product(
        ("any", "extended", "basic"), ("keep", "trim", "reject"), ("not_allowed", "optional", "mandatory")
    )
]


def read_one(extra, validation, *, encoding="latin-1", rules=None, **changes):
    """The one set of an order with a further segment, read with these settings."""
    data = interchange(BODY.format(extra=extra), **changes)
    if encoding == "utf-8":
        data = data.decode("latin-1").encode("utf-8")
    rules = rules or ReadingRules(validation=validation, encoding=encoding)
    pieces = pieces_of(data, rules)
    (piece,) = sets_of(pieces)
    return data, pieces, piece


def told(piece):
    return [(f.segment, f.element, str(f.code)) for f in piece.findings]


def test_a_set_holds_what_the_one_below_it_holds_and_no_control_character() -> None:
    for low, high in (("basic", "extended"), ("extended", "any")):
        mine = {chr(code) for code in range(256) if not foreign_characters(chr(code), low)}
        theirs = {chr(code) for code in range(256) if not foreign_characters(chr(code), high)}
        assert mine < theirs
    basic = {chr(code) for code in range(256) if not foreign_characters(chr(code), "basic")}
    assert basic == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 !\"&'()*+,-./:;?=")
    extended = {chr(code) for code in range(256) if not foreign_characters(chr(code), "extended")}
    assert extended - basic == set(
        "abcdefghijklmnopqrstuvwxyz%~@[]_{}\\|<>^`#$"
        "ÀÁÂÄàáâäÈÉÊèéêëÌÍÎìíîïÒÓÔÖòóôöÙÚÛÜùúûüÇçÑñ¿¡"
    )  # fmt: skip


@pytest.mark.parametrize("name", get_args(CharacterSet))
def test_the_pattern_of_a_set_holds_the_same_but_for_the_star(name) -> None:
    held = {chr(code) for code in range(256) if re.fullmatch(text_pattern(name), chr(code))}
    mine = {chr(code) for code in range(256) if not foreign_characters(chr(code), name)}
    controls = {chr(code) for code in (*range(0x20), 0x7F)}
    assert held == mine - {"*"} - controls


@pytest.mark.parametrize(
    ("text", "character_set", "refused"),
    [
        ('BOLT 3/8" (ZINC)', "basic", False),
        ("Bolt", "basic", True),
        ("BOLT #4", "basic", True),
        ("Bolt #4 @ 5% [x_y]", "extended", False),
        ("Schlüssel", "extended", False),
        ("Größe", "extended", True),  # X12.6 names no sharp s
        ("Größe", "any", False),
        ("£5", "extended", True),
    ],
)
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_data_holds_the_characters_that_are_agreed(text, character_set, refused, encoding) -> None:
    data, pieces, piece = read_one(f"REF*ZZ*{text}~", Validation(character_set), encoding=encoding)
    assert told(piece) == ([("REF", 2, "6")] if refused else [])
    if refused:
        (finding,) = piece.findings
        assert data[finding.byte_offset :].decode(encoding).startswith(text)
        assert finding.value == text
        written = write_acknowledgments(
            collect_results(pieces),
            control_numbers=iter(range(1, 9)),
            now=dt.datetime(2026, 1, 5, tzinfo=dt.UTC),
        )
        assert f"AK3*REF*{finding.position}*".encode() in written
        assert b"AK4*2*127*6" in written


def test_a_segment_that_the_standard_does_not_have_holds_the_same_characters() -> None:
    lenient = frozenset({"unknown-segments"})
    for validation, wanted in (
        (Validation("basic"), [("ZZ9", None, "1"), ("ZZ9", 2, "6")]),
        (Validation(spaces="reject"), [("ZZ9", None, "1"), ("ZZ9", 3, "6")]),
        (STANDARD_VALIDATION, [("ZZ9", None, "1")]),
    ):
        rules = ReadingRules(tolerances=lenient, validation=validation)
        _, _, piece = read_one("ZZ9*A*b* C~", validation, rules=rules)
        assert told(piece) == wanted


def test_all_that_separates_is_none_of_the_data() -> None:
    """With the star as data and another separator the star is a character of every set."""
    data = interchange(BODY.format(extra="REF*ZZ*A+B~")).replace(b"*", b"|").replace(b"A+B", b"A*B")
    (piece,) = sets_of(pieces_of(data, ReadingRules(validation=Validation("basic"))))
    assert told(piece) == []


@pytest.mark.parametrize(
    ("value", "spaces", "code", "read"),
    [
        ("A1", "trim", None, "A1"),
        (" A1", "keep", None, " A1"),
        ("  A1 ", "trim", None, "A1"),
        (" A1", "reject", "6", None),
        ("A1 ", "reject", "6", None),
        ("A 1", "reject", None, "A 1"),
        ("   ", "trim", "2", None),  # says nothing, so that REF01 stands alone
        ("   ", "reject", "6", None),
        ("   ", "keep", None, "   "),
    ],
)
def test_blanks_around_a_value(value, spaces, code, read) -> None:
    for extra in (f"REF*DP*{value}~", f"REF*DP*{value}~" * 2):  # the second is read by what the first was
        _, _, piece = read_one(extra, Validation(spaces=spaces))
        assert {finding.code for finding in piece.findings} == ({code} if code else set())
        if read is not None:
            assert {segment.value(2) for segment in piece.tree.walk() if segment.code == "REF"} == {read}


@pytest.mark.parametrize("spaces", ["trim", "reject"])
def test_blanks_up_to_the_shortest_length_are_padding(spaces) -> None:
    """N104 has two characters or more: an id of one character needs a blank."""
    for value, is_fine in (("1 ", True), ("12 ", False), (" 1", False)):
        _, _, piece = read_one(f"N1*ST**92*{value}~", Validation(spaces=spaces))
        assert told(piece) == ([] if spaces == "trim" or is_fine else [("N1", 4, "6")])
    _, _, piece = read_one("N1*ST**92*1~", Validation(spaces=spaces))
    assert told(piece) == [("N1", 4, "4")]


def test_numbers_and_dates_may_stand_among_blanks_where_these_are_trimmed() -> None:
    body = "BEG*00*SA*4500012345** 20260105~PO1*1* 5 *EA*9.95 **VP* A-1~CTT*1~"
    (piece,) = sets_of(pieces_of(interchange(body), ReadingRules(validation=Validation(spaces="trim"))))
    assert piece.status is Status.ACCEPTED
    line = next(segment for segment in piece.tree.walk() if segment.code == "PO1")
    assert line.elements == ["1", "5", "EA", "9.95", "", "VP", "A-1"]
    (piece,) = sets_of(pieces_of(interchange(body)))
    assert {(f.segment, f.element) for f in piece.findings} == {("BEG", 5), ("PO1", 2), ("PO1", 4)}


@pytest.mark.parametrize(
    ("segment", "setting", "wanted"),
    [
        ("REF*DP*1~", "not_allowed", []),
        ("REF*DP*1**~", "not_allowed", [("REF", 4, "8")]),
        ("REF*DP*1**~", "optional", []),
        ("REF*DP*1~", "optional", []),
        ("REF***~", "optional", [("REF", 1, "1"), ("REF", 2, "2")]),
        ("REF*DP*1**~", "mandatory", []),
        ("REF*DP*1~", "mandatory", [("REF", 2, "8")]),
        ("REF*DP*1***~", "mandatory", []),
    ],
)
def test_separators_at_the_end(segment, setting, wanted) -> None:
    for count in (1, 6):  # at first by the closer look, then at a glance
        rules = ReadingRules(validation=Validation(trailing_separators=setting))
        _, _, piece = read_one(segment * count, None, rules=rules)
        assert {one for one in told(piece) if one[0] == "REF"} == set(wanted)


def test_the_tolerance_lets_them_pass_with_a_warning() -> None:
    rules = ReadingRules(tolerances=frozenset({"trailing-separators"}))
    _, _, piece = read_one("REF*DP*1**~", None, rules=rules)
    assert piece.status is Status.ACCEPTED_WITH_ERRORS
    _, _, piece = read_one("REF*DP*1**~", Validation(trailing_separators="optional"))
    assert piece.status is Status.ACCEPTED


def test_a_segment_without_any_value_is_none_whatever_separators_it_holds() -> None:
    _, _, piece = read_one("PWK***~", Validation(trailing_separators="optional"))
    assert piece.status is Status.REJECTED


def test_an_agreement_goes_before_what_the_partner_agreed_for_all() -> None:
    order = Guide("purchase_order", "x12", validation=Validation("extended"))
    rules = ReadingRules(guides=(order,), validation=Validation("basic"))
    _, _, piece = read_one("REF*ZZ*bolt~", None, rules=rules)
    assert told(piece) == []
    _, _, piece = read_one("REF*ZZ*bolt~", None, rules=ReadingRules(guides=(Guide("purchase_order", "x12"),)))
    assert told(piece) == []
    rules = ReadingRules(guides=(Guide("purchase_order", "x12"),), validation=Validation("basic"))
    _, _, piece = read_one("REF*ZZ*bolt~", None, rules=rules)
    assert told(piece) == [("REF", 2, "6")]


def test_the_standard_is_judged_by_its_own_tables() -> None:
    assert agreed_tables("850", "004010", (), STANDARD_VALIDATION) is agreed_tables("850", "004010")
    judged = agreed_tables("850", "004010", (), Validation("basic"))
    assert judged.grammar is not agreed_tables("850", "004010").grammar
    assert judged.grammar.release is agreed_tables("855", "004010", (), Validation("basic")).grammar.release


USUAL = ["BEG", "REF", "PO1", "DTM", "ITD", "N1", "MEA", "SAC", "TD5", "PER", "CTT", "PID", "CUR", "FOB", "SDQ"]
PIECES = st.one_of(
    st.sampled_from(
        ["", "", "00", "SA", "EA", "VP", "20260105", "1", "-1.5", "DP", "BY", "USD", "  ", " A", "a", "B "]
    ),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="*~>^"), max_size=6),
)


@settings(max_examples=300)
@given(st.sampled_from(EVERY), st.sampled_from(USUAL), st.lists(PIECES, max_size=12))
def test_what_is_clean_at_a_glance_is_clean_on_a_closer_look(validation, code, values) -> None:
    release = RELEASE.judged_by(validation)
    rule = release.segments[code]
    parts = [code, *values]
    clean = [rule.is_clean("*".join(parts), list(parts)) for _ in range(6)][-1]
    ledger = Ledger(frozenset(), 50)
    checker = ElementChecker(release, STANDARD_DELIMITERS, "latin-1", ledger, validation)
    read = checker.check(rule, list(parts), At(code, 2, None, 0))
    if clean:
        assert ledger.findings == []
        assert read == values
    assert all("; " in finding.message for finding in ledger.findings)


@settings(max_examples=200)
@given(st.sampled_from(EVERY), st.sampled_from(USUAL), st.lists(PIECES, max_size=12))
def test_more_strictness_finds_no_less(validation, code, values) -> None:
    """But for blanks that are trimmed, and for separators that are agreed on, nothing passes that did not before."""
    if validation.spaces == "trim" or validation.trailing_separators != "not_allowed":
        return
    found = []
    for judged in (STANDARD_VALIDATION, validation):
        ledger = Ledger(frozenset(), 50)
        checker = ElementChecker(RELEASE, STANDARD_DELIMITERS, "latin-1", ledger, judged)
        checker.check(RELEASE.segments[code], [code, *values], At(code, 2, None, 0))
        found.append({finding.element for finding in ledger.findings})
    assert found[0] <= found[1]


@pytest.mark.parametrize("validation", EVERY, ids=lambda one: f"{one.character_set}-{one.spaces}")
def test_bytes_are_none_of_its_business(validation) -> None:
    binary = ElementRule("785", "Binary Data", "B", 1, 99, frozenset(), required=True)
    ledger = Ledger(frozenset(), 50)
    checker = ElementChecker(RELEASE, STANDARD_DELIMITERS, "latin-1", ledger, validation)
    for value in (" \x01ß ", "   "):
        assert checker.check(SegmentRule("ZZZ", (binary,), ()), ["ZZZ", value], At("ZZZ", 2, None, 0)) == [value]
    assert [finding for finding in ledger.findings if finding.code != "1"] == []


def test_components_and_repetitions_are_judged_alike() -> None:
    release = load_release("005010")
    for spaces, codes, read in (
        ("keep", [], (("ZZ", " 2"),)),
        ("trim", [], (("ZZ", "2"),)),
        ("reject", ["6"], (("ZZ", " 2"),)),
    ):
        ledger = Ledger(frozenset(), 50)
        checker = ElementChecker(release, STANDARD_DELIMITERS, "latin-1", ledger, Validation(spaces=spaces))
        held = checker.check(release.segments["REF"], ["REF", "DP", "1", "", "ZZ> 2"], At("REF", 2, None, 0))
        assert ([str(finding.code) for finding in ledger.findings], held[3]) == (codes, read)
    ledger = Ledger(frozenset(), 50)
    checker = ElementChecker(release, STANDARD_DELIMITERS, "latin-1", ledger, Validation("basic", "trim"))
    checker.check(release.segments["REF"], ["REF", "DP", "1", "", "ZZ>2>  >  "], At("REF", 2, None, 0))
    checker.check(release.segments["REF"], ["REF", "DP", "1", "", "  "], At("REF", 3, None, 0))
    assert ledger.findings == []
    checker.check(release.segments["REF"], ["REF", "DP", "1", "", "ZZ>b"], At("REF", 4, None, 0))
    assert [(one.element, one.component, str(one.code)) for one in ledger.findings] == [(4, 2, "6")]


def test_guide_and_tables_name_the_same_sets() -> None:
    assert guide.Validation.__annotations__["character_set"] == CharacterSet
