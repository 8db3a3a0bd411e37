"""Values at the bounds of their types and lengths, and the codes that each release has for what is wrong with them."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.x12.conftest import interchange, pieces_of, sets_of
from translators.findings import Level
from translators.guide import ElementOverride, Guide, ReadingRules
from translators.x12.delimiters import STANDARD_DELIMITERS
from translators.x12.dictionary import ElementRule, SegmentRule, load_release, releases
from translators.x12.elements import At, ElementChecker
from translators.x12.faults import Ledger
from translators.x12.overrides import agreed_tables
from translators.x12.value_faults import quoted, value_fault

AN = ElementRule("127", "Reference", "AN", 1, 5, frozenset())
ID = ElementRule("353", "Purpose", "ID", 2, 3, frozenset({"00", "05", "ABC"}))
N0 = ElementRule("96", "Count", "N0", 1, 3, frozenset())
N2 = ElementRule("610", "Amount", "N2", 1, 5, frozenset())
R = ElementRule("330", "Quantity", "R", 1, 5, frozenset())
DT8 = ElementRule("373", "Date", "DT", 8, 8, frozenset())
DT6 = ElementRule("373", "Date", "DT", 6, 6, frozenset())
DT68 = ElementRule("373", "Date", "DT", 6, 8, frozenset())
TM = ElementRule("337", "Time", "TM", 4, 8, frozenset())
B = ElementRule("785", "Binary", "B", 1, 99, frozenset())

# rule, value, AK403 (None: fine)
VALUES = [
    (AN, "A", None), (AN, "ABCDE", None), (AN, "ABCDEF", "5"), (AN, " AB", None), (AN, "AB  ", None),
    (AN, "     ", None), (replace(AN, required=True), "     ", "1"), (replace(AN, required=True), " A", None),
    (replace(AN, min=2), "A", "4"), (AN, "äöü", None), (AN, "Ä\x85Ö", None),
    (ID, "00", None), (ID, "00 ", None), (ID, "05", None), (ID, "ABC", None), (ID, "abc", "7"), (ID, "99", "7"),
    (ID, "0", "4"), (ID, "0000", "5"), (ID, "  ", "7"), (replace(ID, required=True), "  ", "1"), (ID, " 00", "7"),
    (N0, "0", None), (N0, "999", None), (N0, "-999", None), (N0, "1000", "5"), (N0, "1.5", "6"), (N0, "+1", "6"),
    (N0, "1-", "6"), (N0, "-", "6"), (N0, "--1", "6"), (N0, "1E2", "6"), (N0, " 1", "6"), (N0, "1,000", "6"),
    (N0, "007", None), (N0, "\u0663", "6"), (replace(N0, required=True), "  ", "1"), (N0, "  ", "6"),
    (replace(N0, min=2), "-1", "4"), (N2, "12345", None), (N2, "123.45", "6"), (N2, "-12345", None),
    (R, "1", None), (R, "1.5", None), (R, "-1.5", None), (R, ".5", None), (R, "5.", None), (R, "-.5", None),
    (R, "12345.", None), (R, "123456", "5"), (R, "-123.45", None), (R, "1234.56", "5"), (R, ".", "6"), (R, "-", "6"),
    (R, "1.2.3", "6"), (R, "1E3", None), (R, "1.2E3", None), (R, "1E-3", None), (R, "1234E56", "5"), (R, "E3", "6"),
    (R, "1E", "6"), (R, "1e3", "6"), (R, "+1", "6"), (R, "1 ", "6"), (R, "1,5", "6"), (R, "NaN", "6"), (R, "INF", "6"),
    (DT8, "20260105", None), (DT8, "20240229", None), (DT8, "20250229", "8"), (DT8, "19000229", "8"),
    (DT8, "20001301", "8"), (DT8, "20260100", "8"), (DT8, "260105", "4"), (DT8, "2026010", "4"),
    (DT8, "202601051", "5"),
    (DT8, "00000000", "8"), (DT8, "2026-1-5", "8"), (DT8, "\uff12\uff10260105", "8"), (DT8, "        ", "8"),
    (DT6, "260105", None), (DT6, "000229", None), (DT6, "260229", "8"), (DT6, "20260105", "5"), (DT6, "261301", "8"),
    (DT68, "260105", None), (DT68, "20260105", None), (DT68, "2601015", "8"), (DT68, "2401015", "8"),
    (TM, "0000", None), (TM, "2359", None), (TM, "2400", "9"), (TM, "0960", "9"), (TM, "093059", None),
    (TM, "093060", "9"), (TM, "09305", "9"), (TM, "0930591", None), (TM, "09305999", None), (TM, "930", "4"),
    (TM, "093059999", "5"), (TM, "09:30", "9"), (TM, "-930", "9"),
    (B, "\x00\x01~*", None),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "value", "code"), VALUES, ids=[f"{r.type}{r.min}-{v!r}" for r, v, _ in VALUES])
def test_a_value_at_its_bounds(rule, value, code):
    fault = value_fault(rule, value, "004010")
    assert (fault is None and code is None) or (fault is not None and str(fault.code) == code)
    if fault is not None:
        assert "; " in fault.words  # what to do


@pytest.mark.parametrize(("rule", "value", "code"), VALUES, ids=[f"{r.type}{r.min}-{v!r}" for r, v, _ in VALUES])
def test_the_fast_pattern_takes_only_what_the_closer_look_takes(rule, value, code):
    segment = SegmentRule("ZZ", (rule,), ())
    matched = segment.pattern(1).fullmatch(f"ZZ*{value}") is not None
    listed = not rule.codes or value in rule.codes
    if matched and listed:
        assert code is None


RELEASE = load_release("004010")
USUAL = ["BEG", "REF", "PO1", "DTM", "ITD", "N1", "MEA", "SAC", "TD5", "PER", "CTT", "PID", "CUR", "FOB", "SDQ"]
PIECES = st.one_of(
    st.sampled_from(
        ["", "00", "SA", "EA", "VP", "20260105", "0930", "1", "-1.5", "12.", "DP", "BY", "USD", "  ", "A>B"]
    ),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="*~"), max_size=12),
)


@settings(max_examples=400)
@given(st.sampled_from(USUAL), st.lists(PIECES, max_size=12))
def test_what_is_clean_at_a_glance_is_clean_on_a_closer_look(code, values):
    rule = RELEASE.segments[code]
    parts = [code, *values]
    text = "*".join(parts)
    if any(character in text for character in STANDARD_DELIMITERS.component + "^"):
        return
    clean = [rule.is_clean(text, list(parts)) for _ in range(6)][-1]
    ledger = Ledger(frozenset(), 50)
    ElementChecker(RELEASE, STANDARD_DELIMITERS, "latin-1", ledger).check(rule, list(parts), At(code, 2, None, 0))
    if clean:
        assert ledger.findings == []


BROKEN = (
    "BEG*QQ*SA***20260230*CN*X*Y*Z*1*2*3*4*5~REF*DP~REF*DPXX*1>2~PO1*1*five*EA*1.2.3**VP~PO1*1*5*EA****~CUR*BY*USD~"
    "ZZ9*1~MEA**HT*5*EA****04~DTM*002*20260105*2460~N1*ST*\x01*92*1~N1*ST~HL*1**S~CTT*1.5~"
)


@pytest.mark.parametrize("release", releases())
def test_every_code_is_one_that_the_release_lists(release):
    listed = load_release(release)
    rules = ReadingRules(guides=(Guide("purchase_order", "x12", rules=(ElementOverride("REF", 1, usage="not_used"),)),))
    # The repetition separator came with 00402.
    version, repetition = ("00501", "^") if release >= "004020" else ("00401", "U")
    data = interchange(BROKEN, release=release, version=version, repetition=repetition)
    (piece,) = sets_of(pieces_of(data, rules))
    codes = {level: {str(f.code) for f in piece.findings if f.level is level} for level in Level}
    assert codes[Level.ELEMENT] <= listed.codes("723")
    assert codes[Level.SEGMENT] - {"8"} <= listed.codes("720")  # the acknowledgment leaves out an 8 not listed
    assert codes[Level.TRANSACTION_SET] <= listed.codes("718")
    assert {"1", "2", "3", "5", "6", "7"} <= codes[Level.ELEMENT]
    own = {f.implementation_code for f in piece.findings if f.implementation_code and f.level is Level.ELEMENT}
    assert own == {"I10"}
    if release >= "005010":
        assert own <= listed.codes("621")


def test_every_message_names_its_place_and_says_what_to_do():
    (piece,) = sets_of(pieces_of(interchange(BROKEN)))
    assert len(piece.findings) > 20
    for finding in piece.findings:
        assert "; " in finding.message, finding.message
        if finding.level is Level.ELEMENT:
            name = f"{finding.segment}{finding.element:02d}"
            name += f"-{finding.component}" if finding.component else ""
            assert finding.message.startswith(name)
        else:
            assert finding.segment is None or re.search(rf"\b{finding.segment}\b", finding.message)
        assert "\x01" not in finding.message


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ("REF*DP~", "REF02 Reference Identification (or REF03) is required (syntax note R0203); send it"),
        ("PER*BD*Dana*TE~", "PER04 Communication Number is required beside PER03 (syntax note P0304); send it, or"),
        ("FOB*PP**Dock~", "FOB02 Location Qualifier is required beside FOB03 (syntax note C0302); send it, or leave"),
        ("CUR*BY*USD********007~", "CUR11 Date (or CUR12) is required beside CUR10 (syntax note"),
        ("MEA**HT*5*EA****04~", "MEA08 Measurement Attribute Code must not be sent beside MEA03 (syntax note E0803)"),
        ("REF*DP*1**ZZ>9>ZZ~", "REF04-4 Reference Identification is required beside REF04-3 (syntax note P0304)"),
        (
            "REF*DPXX*1~",
            "REF01 Reference Identification Qualifier `DPXX` has 4 characters, more than the 3 that release",
        ),
        ("REF*D*1~", "REF01 Reference Identification Qualifier `D` has 1 character, fewer than the 2 that release"),
        (
            "REF*dp*1~",
            "REF01 Reference Identification Qualifier `dp` is not in code list 128 of release 004010; send DP",
        ),
        ("DTM*002*260105~", "DTM02 Date `260105` has 6 digits, fewer than the 8 that release 004010 allows; send the"),
        ("DTM*002*20260230~", "DTM02 Date `20260230` is no date; send it as CCYYMMDD"),
        ("CTT*1.5~", "CTT01 Number of Line Items `1.5` is not a whole number; send digits, with a minus"),
        ("REF*DP*1*2*3*4~", "REF05 `4` is one too many: REF has 4 elements in release 004010; leave it out"),
    ],
)
def test_messages_in_words_of_people(segments, message):
    data = interchange(f"BEG*00*SA*45**20260105~{segments}PO1*1*5*EA~")
    (piece,) = sets_of(pieces_of(data))
    assert any(finding.message.startswith(message) for finding in piece.findings), [f.message for f in piece.findings]


def test_a_value_is_shown_without_control_characters_and_cut():
    assert quoted("a\x01b") == "`a\\x01b`"
    assert quoted("x" * 100) == f"`{'x' * 40}...`"


def test_patterns_of_an_agreement_refuse_what_it_does_not_use():
    rules = (ElementOverride("PO1", 4, usage="not_used"), ElementOverride("REF", 4, 1, usage="not_used"))
    tables = agreed_tables("850", "004010", rules)
    assert tables.body["PO1"].pattern(5).fullmatch("PO1*1*5*EA**PE") is not None
    assert tables.body["PO1"].pattern(4).fullmatch("PO1*1*5*EA*9.95") is None
    assert tables.body["REF"].pattern(4).fullmatch("REF*DP*1**ZZ") is None
