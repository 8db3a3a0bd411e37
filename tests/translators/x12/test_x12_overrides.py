"""Rules of a partner's agreement: judged by the same validator, in the words of the agreement."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.x12.conftest import interchange, pieces_of, sets_of
from translators.findings import Severity
from translators.guide import (
    ElementOverride,
    ExtraSegment,
    Guide,
    Identity,
    LoopOverride,
    Override,
    ReadingRules,
    SegmentOverride,
)
from translators.x12.grammar import LoopRule, grammar
from translators.x12.overrides import agreed_tables, rule_problems
from translators.x12.reading import Status

BEG = "BEG*00*SA*4500012345**20260105~"
PO1 = "PO1*1*5*EA*9.95**VP*AC-1001~"
PID = "PID*F****WIDGET~"
N1 = "N1*ST*Plant*92*01~"


def codes(*values: str) -> frozenset[str]:
    return frozenset(values)


def under(*rules: Override, tolerances=frozenset()) -> ReadingRules:
    return ReadingRules(guides=(Guide("purchase_order", "x12", rules=rules),), tolerances=frozenset(tolerances))


def found(body: str, *rules: Override, release: str = "004010", **header: str):
    (piece,) = sets_of(pieces_of(interchange(body, release=release, **header), under(*rules)))
    return piece


# name, rule, segments that keep to it, segments that break it, (segment, position, element, component, code, 999 code)
DEMANDS = [
    ("segment required", SegmentOverride("REF", "PO1", "required"),
     f"{BEG}{PO1}REF*CO*1~", f"{BEG}{PO1}", ("REF", 4, None, None, "3", "I8")),
    ("segment required in each loop", SegmentOverride("REF", "PO1", "required"),
     f"{BEG}{PO1}REF*CO*1~{PO1}REF*CO*2~", f"{BEG}{PO1}{PO1}REF*CO*1~", ("REF", 4, None, None, "3", "I8")),
    ("qualifier required", SegmentOverride("REF", "", "required", qualifier="IA"),
     f"{BEG}REF*DP*1~REF*IA*1~{PO1}", f"{BEG}REF*DP*1~{PO1}REF*IA*1~", ("REF", 6, None, None, "3", "I8")),
    ("qualifier required in each loop", SegmentOverride("REF", "PO1", "required", qualifier="CO"),
     f"{BEG}{PO1}REF*CO*1~", f"{BEG}{PO1}REF*CO*1~{PO1}REF*IA*1~", ("REF", 6, None, None, "3", "I8")),
    ("qualifier that begins a loop", SegmentOverride("N1", "", "required", qualifier="ST"),
     f"{BEG}N1*BY*Us~{N1}N3*Street~{PO1}", f"{BEG}N1*BY*Us~{PO1}", ("N1", 5, None, None, "3", "I7")),
    ("qualifier not used", SegmentOverride("REF", "PO1", "not_used", qualifier="CO"),
     f"{BEG}REF*CO*1~{PO1}REF*IA*1~", f"{BEG}{PO1}REF*IA*1~REF*CO*1~", ("REF", 5, None, None, "2", "I4")),
    ("qualifier fewer times", SegmentOverride("N1", "", max_use=1, qualifier="ST"),
     f"{BEG}N1*BY*Us~{N1}{PO1}", f"{BEG}{N1}N3*Street~{N1}{PO1}", ("N1", 5, None, None, "4", None)),
    ("qualifier fewer times in a loop", SegmentOverride("REF", "PO1", max_use=1, qualifier="CO"),
     f"{BEG}{PO1}REF*CO*1~{PO1}REF*CO*1~", f"{BEG}{PO1}REF*CO*1~REF*CO*1~", ("REF", 5, None, None, "5", None)),
    ("segment not used", SegmentOverride("CUR", "", "not_used"),
     f"{BEG}{PO1}", f"{BEG}CUR*BY*USD~{PO1}", ("CUR", 3, None, None, "2", "I4")),
    ("segment fewer times", SegmentOverride("REF", "", max_use=1),
     f"{BEG}REF*DP*1~{PO1}", f"{BEG}REF*DP*1~REF*DP*2~{PO1}", ("REF", 4, None, None, "5", None)),
    ("segment that begins a loop", SegmentOverride("N1", "", "required"),
     f"{BEG}{N1}{PO1}", f"{BEG}{PO1}", ("N1", 3, None, None, "3", "I7")),
    ("loop required", LoopOverride("CTT", "required"),
     f"{BEG}{PO1}CTT*1~", f"{BEG}{PO1}", ("CTT", 4, None, None, "3", "I7")),
    ("loop not used", LoopOverride("PO1/PID", "not_used"),
     f"{BEG}{PO1}", f"{BEG}{PO1}{PID}", ("PID", 4, None, None, "2", "I4")),
    ("loop fewer times", LoopOverride("PO1", repeat_max=2),
     f"{BEG}{PO1}{PO1}", f"{BEG}{PO1}{PO1}{PO1}", ("PO1", 5, None, None, "4", None)),
    ("element required", ElementOverride("PO1", 4, usage="required"),
     f"{BEG}{PO1}", f"{BEG}PO1*1*5*EA~", ("PO1", 3, 4, None, "1", "I9")),
    ("element not used", ElementOverride("BEG", 6, usage="not_used"),
     f"{BEG}{PO1}", f"{BEG[:-1]}*CN-7~{PO1}", ("BEG", 2, 6, None, "10", "I10")),
    ("component not used", ElementOverride("REF", 4, 3, usage="not_used"),
     f"{BEG}REF*DP*1**ZZ>9~{PO1}", f"{BEG}REF*DP*1**ZZ>9>CO>8~{PO1}", ("REF", 3, 4, 3, "10", "I10")),
    ("component required", ElementOverride("MEA", 4, 2, usage="required"),
     f"{BEG}MEA**HT*5*EA>2~{PO1}", f"{BEG}MEA**HT*5*EA~{PO1}", ("MEA", 3, 4, 2, "1", "I9")),
    ("code subset", ElementOverride("BEG", 2, codes=codes("NE", "SA")),
     f"{BEG}{PO1}", f"{BEG.replace('SA', 'RO')}{PO1}", ("BEG", 2, 2, None, "7", "I6")),
    ("code subset of a component", ElementOverride("MEA", 4, 1, codes=codes("EA")),
     f"{BEG}MEA**HT*5*EA~{PO1}", f"{BEG}MEA**HT*5*LB~{PO1}", ("MEA", 3, 4, 1, "7", "I6")),
    ("closed list", ElementOverride("REF", 2, codes=codes("1", "2")),
     f"{BEG}REF*DP*2~{PO1}", f"{BEG}REF*DP*3~{PO1}", ("REF", 3, 2, None, "7", "I6")),
    ("shorter", ElementOverride("REF", 2, length_max=3),
     f"{BEG}REF*DP*123~{PO1}", f"{BEG}REF*DP*1234~{PO1}", ("REF", 3, 2, None, "5", None)),
    ("longer", ElementOverride("REF", 2, length_min=3),
     f"{BEG}REF*DP*123~{PO1}", f"{BEG}REF*DP*12~{PO1}", ("REF", 3, 2, None, "4", None)),
    ("only in one loop", ElementOverride("REF", 1, loop="PO1", codes=codes("CO")),
     f"{BEG}REF*DP*1~{PO1}REF*CO*1~", f"{BEG}REF*DP*1~{PO1}REF*DP*1~", ("REF", 5, 1, None, "7", "I6")),
    ("only outside of loops", ElementOverride("REF", 1, loop="", codes=codes("CO")),
     f"{BEG}REF*CO*1~{PO1}REF*DP*1~", f"{BEG}REF*DP*1~{PO1}REF*DP*1~", ("REF", 3, 1, None, "7", "I6")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "kept", "broken", "place"), [row[1:] for row in DEMANDS], ids=[r[0] for r in DEMANDS])
def test_what_the_agreement_demands_is_an_error_in_its_words(rule, kept, broken, place):
    assert rule_problems("850", "004010", (rule,)) == ()
    assert found(kept, rule).findings == []
    assert found(broken).findings == []  # the standard alone finds nothing
    piece = found(broken, rule)
    assert piece.status is Status.REJECTED
    (finding,) = piece.findings
    told = (finding.segment, finding.position, finding.element, finding.component, str(finding.code))
    assert (*told, finding.implementation_code) == place
    assert "the partner's agreement" in finding.message
    assert "; " in finding.message


# name, rule, segments that the standard rejects and the agreement lets in
ALLOWANCES = [
    ("segment optional", SegmentOverride("BEG", "", "optional"), PO1),
    ("loop optional", LoopOverride("PO1", "optional"), BEG),
    ("segment more often", SegmentOverride("CUR", "", max_use=2), f"{BEG}CUR*BY*USD~CUR*BY*EUR~{PO1}"),
    ("loop more often", LoopOverride("SAC", repeat_max=30), f"{BEG}{'SAC*N*C310~' * 26}{PO1}"),
    ("element optional", ElementOverride("BEG", 3, usage="optional"), f"BEG*00*SA***20260105~{PO1}"),
    ("codes added", ElementOverride("BEG", 2, codes_added=codes("QQ")), f"BEG*00*QQ*45**20260105~{PO1}"),
    ("longer", ElementOverride("REF", 2, length_max=60), f"{BEG}REF*DP*{'1' * 55}~{PO1}"),
    ("dates of six digits", ElementOverride("BEG", 5, length_min=6), f"BEG*00*SA*45**260105~{PO1}"),
    ("longer code", ElementOverride("REF", 1, codes_added=codes("DPXX"), length_max=4), f"{BEG}REF*DPXX*1~{PO1}"),
    ("extra segment of no release", ExtraSegment("ZA", "PO1/PID", 2), f"{BEG}{PO1}{PID}ZA*X*1~ZA*Y*2~{PO1}ZA*Z~"),
    ("extra segment of the release", ExtraSegment("BAK", "BEG"), f"{BEG}BAK*00*AC*1*20260105~{PO1}"),
    ("extra behind a loop", ExtraSegment("ZA", "N1"), f"{BEG}{N1}N3*Street~ZA*1~{PO1}"),
]


@pytest.mark.parametrize(("rule", "segments"), [row[1:] for row in ALLOWANCES], ids=[row[0] for row in ALLOWANCES])
def test_what_the_agreement_allows_is_no_finding(rule, segments):
    assert rule_problems("850", "004010", (rule,)) == ()
    assert found(segments).status is Status.REJECTED
    assert found(segments, rule).findings == []


@pytest.mark.parametrize(
    ("rule", "segments", "code"),
    [
        (SegmentOverride("CUR", "", max_use=2), f"{BEG}{'CUR*BY*USD~' * 3}{PO1}", "5"),
        (LoopOverride("SAC", repeat_max=30), f"{BEG}{'SAC*N*C310~' * 31}{PO1}", "4"),
        (ExtraSegment("ZA", "PO1/PID", 2), f"{BEG}{PO1}{PID}ZA*1~ZA*2~ZA*3~{PO1}ZA*1~ZA*2~", "5"),
        (ExtraSegment("ZA", "BEG"), f"{BEG}CUR*BY*USD~ZA*1~{PO1}", "1"),
        (ExtraSegment("ZA", "PO1/PID"), f"{BEG}ZA*1~{PO1}", "1"),
        (ElementOverride("REF", 2, length_max=60), f"{BEG}REF*DP*{'1' * 61}~{PO1}", "5"),
    ],
)
def test_an_allowance_ends_where_it_says(rule, segments, code):
    piece = found(segments, rule)
    assert [str(finding.code) for finding in piece.findings] == [code]


def test_an_extra_segment_is_kept_in_its_loop_with_its_position():
    piece = found(f"{BEG}{PO1}{PID}ZA*X*1>2~{PO1}", ExtraSegment("ZA", "PO1/PID"))
    first, second = piece.tree.loops("PO1")
    (extra,) = first.segments("ZA")
    assert (extra.position, extra.value(1), extra.value(2, 2)) == (5, "X", "2")
    assert list(second.segments("ZA")) == []


def test_an_extra_segment_that_the_release_knows_is_checked_by_it():
    piece = found(f"{BEG}BAK*QQ*AC*1*20260105~{PO1}", ExtraSegment("BAK", "BEG"))
    assert [(f.segment, f.element, str(f.code)) for f in piece.findings] == [("BAK", 1, "7")]


def test_tolerances_speak_of_the_release_and_not_of_the_agreement():
    rules = (ElementOverride("BEG", 2, codes=codes("NE")), ElementOverride("REF", 2, length_max=3))
    body = f"{BEG}REF*DP*1234~{PO1}"
    data = interchange(body)
    (piece,) = sets_of(pieces_of(data, under(*rules, tolerances={"code-values", "element-lengths"})))
    assert [(str(f.code), f.severity) for f in piece.findings] == [("7", Severity.ERROR), ("5", Severity.ERROR)]


def test_a_segment_out_of_order_is_not_used_all_the_same():
    rule = SegmentOverride("CUR", "", "not_used")
    data = interchange(f"{BEG}{N1}CUR*BY*USD~{PO1}")
    (piece,) = sets_of(pieces_of(data, under(rule, tolerances={"segment-order"})))
    assert piece.status is Status.REJECTED
    assert {str(f.code) for f in piece.findings} == {"7", "2"}


def test_before_003040_no_code_speaks_of_an_element_that_must_not_be_there():
    body = "BEG*00*SA*4500012345**260105*CN-7~PO1*1*5*EA*9.95**VP*AC-1001~CTT*1~"
    piece = found(body, ElementOverride("BEG", 6, usage="not_used"), release="002040")
    assert [(f.element, str(f.code), f.implementation_code) for f in piece.findings] == [(6, "3", "I10")]


def test_findings_stay_capped_and_the_rest_is_counted():
    rules = ReadingRules(
        guides=(Guide("purchase_order", "x12", rules=(ElementOverride("REF", 1, codes=codes("CO")),)),),
        findings_per_set_max=10,
    )
    (piece,) = sets_of(pieces_of(interchange(f"{BEG}{'REF*DP*1~' * 25}{PO1}"), rules))
    assert (len(piece.findings), piece.findings_omitted) == (10, 15)


def test_agreements_of_several_releases_each_have_their_rules():
    demand = (ElementOverride("PO1", 4, usage="required"),)
    guides = (
        Guide("purchase_order", "x12"),
        Guide("purchase_order", "x12", ("004010",), rules=demand),
        Guide("purchase_order", "x12", ("004010VICS",), rules=(SegmentOverride("CUR", "", "required"),)),
    )
    rules = ReadingRules(guides=guides)
    body = f"{BEG}PO1*1*5*EA~"
    for release, told in (("004010", ["PO1"]), ("004010VICS", ["CUR"]), ("004010X", ["PO1"]), ("005010", [])):
        version = "00501" if release == "005010" else "00401"
        data = interchange(body, release=release, version=version, repetition="^" if version == "00501" else "U")
        (piece,) = sets_of(pieces_of(data, rules))
        assert [finding.segment for finding in piece.findings] == told, release


def test_an_agreement_holds_between_its_addresses_alone():
    acme, other, us = Identity("ZZ", "ACMESUPPLY"), Identity("ZZ", "OTHER"), Identity("ZZ", "BIGCORP")
    demand = (SegmentOverride("CUR", "", "required"),)
    ours = Guide("purchase_order", "x12", senders=frozenset({acme}), receivers=frozenset({us}))
    theirs = Guide("purchase_order", "x12", rules=demand, senders=frozenset({other}))
    data = interchange(f"{BEG}{PO1}")
    (piece,) = sets_of(pieces_of(data, ReadingRules(guides=(theirs, ours))))
    assert piece.findings == []
    (piece,) = sets_of(pieces_of(data, ReadingRules(guides=(theirs,))))
    assert [str(finding.code) for finding in piece.findings] == ["1"]  # AK502: not agreed with this sender


def test_a_clean_text_of_one_loop_is_not_clean_in_another():
    rule = ElementOverride("REF", 1, loop="PO1", codes=codes("CO"))
    body = f"{BEG}{'REF*DP*1~' * 8}{PO1}REF*DP*1~"
    assert [finding.position for finding in found(body, rule).findings] == [12]


def test_the_standard_is_left_as_it_was():
    before = grammar("850", "004010")
    assert found(f"{BEG}{PO1}", SegmentOverride("CUR", "", "required"), LoopOverride("N1", "required")).findings
    assert found(f"{BEG}{PO1}").findings == []
    assert grammar("850", "004010") is before
    assert agreed_tables("850", "004010").grammar is before
    assert agreed_tables("998", "004010") is None
    assert rule_problems("998", "004010", (LoopOverride("N1"),)) == ()


def test_the_same_rules_are_compiled_once_and_travel_between_processes():
    rules = (SegmentOverride("CUR", "", "required"), ElementOverride("BEG", 2, codes=codes("NE", "SA")))
    guide = Guide("purchase_order", "x12", rules=rules)
    copied = pickle.loads(pickle.dumps(guide))
    assert copied == guide
    assert hash(copied) == hash(guide)
    assert agreed_tables("850", "004010", copied.rules) is agreed_tables("850", "004010", rules)


def test_a_rule_that_the_release_cannot_carry_changes_nothing():
    rules = (
        SegmentOverride("ZZ9", "", "required"),
        LoopOverride("XX", "required"),
        LoopOverride("", "required"),
        ElementOverride("BEG", 99, usage="required"),
        ElementOverride("BEG", 3, 1, usage="required"),
        ElementOverride("PO1", 2, codes=codes("A")),
        ExtraSegment("ZA", "N9/PO1"),
        SegmentOverride("PO1", "PO1", "optional"),
    )
    assert [problem.index for problem in rule_problems("850", "004010", rules)] == list(range(len(rules)))
    assert found(f"{BEG}{PO1}", *rules).findings == []


# --- whatever the rules and the segments are -------------------------------------------------------------------------

SEGMENTS = [
    BEG, "BEG*00*RO*1**20260230~", "CUR*BY*USD~", "REF*DP*1~", "REF*CO*12345~", "REF*IA~", "N1*ST*Plant~", "ZA*1~",
    "N3*Street~", "N9*ZZ*A~", "MSG*Text~", PO1, "PO1*2*5*EA~", PID, "SAC*N*C310~", "DTM*002*20260105~", "CTT*1~",
]  # fmt: skip
BODIES = st.lists(st.sampled_from(SEGMENTS), max_size=14).map(lambda body: BEG + "".join(body))
LOOPS = ["N1", "N9", "PO1", "PO1/PID", "PO1/N1", "SAC", "CTT"]
PLACES = st.sampled_from([("REF", ""), ("CUR", ""), ("DTM", ""), ("REF", "PO1"), ("N3", "N1"), ("MSG", "N9")])
ELEMENTS = st.sampled_from([("BEG", 2), ("REF", 1), ("REF", 2), ("PO1", 4), ("N1", 2), ("PID", 5), ("SAC", 2)])
NARROWING = st.one_of(
    st.builds(lambda at, usage: SegmentOverride(*at, usage), PLACES, st.sampled_from(["required", "not_used"])),
    st.builds(lambda at: SegmentOverride(*at, max_use=1), PLACES),
    st.builds(
        lambda usage, code: SegmentOverride("REF", "PO1", usage, qualifier=code),
        st.sampled_from(["required", "not_used"]),
        st.sampled_from(["CO", "DP"]),
    ),
    st.builds(LoopOverride, st.sampled_from(LOOPS), st.just("required")),
    # What the standard demands and the agreement does not use may be missing: that narrows and widens at once.
    st.builds(LoopOverride, st.sampled_from([path for path in LOOPS if path != "PO1"]), st.just("not_used")),
    st.builds(lambda loop: LoopOverride(loop, repeat_max=1), st.sampled_from(LOOPS)),
    st.builds(lambda at: ElementOverride(*at, usage="required"), ELEMENTS),
    st.builds(lambda at: ElementOverride(*at, usage="not_used"), st.sampled_from([("BEG", 6), ("PO1", 4), ("N1", 2)])),
    st.builds(
        lambda at, some: ElementOverride(*at, codes=frozenset(some)),
        st.sampled_from([("REF", 1), ("BEG", 2)]),
        st.sets(st.sampled_from(["DP", "CO", "IA", "SA", "RO", "NE"]), min_size=1),
    ),
    st.builds(lambda at, most: ElementOverride(*at, length_max=most), ELEMENTS, st.integers(1, 3)),
)
WIDENING = st.one_of(
    st.builds(lambda at: SegmentOverride(*at, "optional"), PLACES),
    st.builds(lambda at, most: SegmentOverride(*at, max_use=most), PLACES, st.integers(200_000, 300_000)),
    st.builds(lambda loop: LoopOverride(loop, "optional"), st.sampled_from(LOOPS)),
    st.builds(lambda loop: LoopOverride(loop, repeat_max=300_000), st.sampled_from(LOOPS)),
    st.builds(lambda at: ElementOverride(*at, usage="optional"), ELEMENTS),
    st.builds(lambda code: ElementOverride("REF", 1, codes_added=codes(code)), st.sampled_from(["QQ", "Q9"])),
    st.builds(lambda at: ElementOverride(*at, length_min=1, length_max=500), ELEMENTS),
    st.builds(
        ExtraSegment, st.sampled_from(["ZA", "REF", "CUR", "BAK"]), st.sampled_from(["BEG", "N1", "PO1/PID", "PO1"])
    ),
)


@settings(max_examples=150)
@given(BODIES, st.lists(NARROWING, min_size=1, max_size=4))
def test_what_narrows_never_lets_more_in(body, rules):
    if found(body, *rules).status is not Status.REJECTED:
        assert found(body).status is not Status.REJECTED


@settings(max_examples=150)
@given(BODIES, st.lists(WIDENING, min_size=1, max_size=4))
def test_what_widens_never_keeps_more_out(body, rules):
    if found(body).status is not Status.REJECTED:
        assert found(body, *rules).status is not Status.REJECTED


@settings(max_examples=100)
@given(BODIES, st.lists(st.one_of(NARROWING, WIDENING), max_size=6))
def test_no_rule_moves_a_segment_that_the_standard_places(body, rules):
    def shape(item):
        return (item.code, [shape(one) for one in item.items]) if hasattr(item, "items") else item.code

    plain, agreed = found(body), found(body, *rules)
    assert agreed.segments == plain.segments
    if plain.status is Status.ACCEPTED:
        assert shape(agreed.tree) == shape(plain.tree)


@pytest.mark.parametrize(("set_type", "release"), [("850", "002040"), ("856", "004010"), ("810", "006030")])
def test_every_loop_and_element_of_a_set_can_be_named(set_type, release):
    def visit(loop: LoopRule):
        for item in loop.items:
            if isinstance(item, LoopRule):
                yield LoopOverride(item.path, "optional")
                yield from visit(item)
            elif item is not loop.items[0] and item.code not in {"ST", "SE"}:
                yield SegmentOverride(item.code, loop.path, "optional")

    base = grammar(set_type, release)
    elements = [
        ElementOverride(code, at, usage="optional")
        for code in sorted(base.codes)
        for at, _ in enumerate(base.release.segments[code].elements, 1)
    ]
    assert rule_problems(set_type, release, (*visit(base.root), *elements)) == ()
