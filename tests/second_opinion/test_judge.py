"""What pyx12 cannot judge is said, and nothing that happens inside it gets out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.second_opinion import Kind, judge, temporary_maps
from tests.translators.x12.conftest import interchange, isa

ORDER = "BEG*00*SA*PO1**20260105~PO1*1*5*EA*9.5**VP*A~"


@pytest.fixture(scope="module")
def maps():
    with temporary_maps() as maps:
        yield maps


def reasons(judgment):
    return [one.reason for one in judgment.unjudged]


def test_a_valid_order_has_no_faults(maps):
    judgment = judge(interchange(ORDER), maps)
    assert judgment.observations == []
    assert judgment.unjudged == []
    assert len(judgment.starts) == 8


def test_maps_of_its_own_when_none_are_handed_in():
    assert judge(interchange(ORDER)).observations == []


@pytest.mark.parametrize(
    ("body", "kind", "segment", "element"),
    [
        (ORDER.replace("9.5", "nine"), Kind.CHARACTER, "PO1", 4),
        (ORDER.replace("20260105", "20261305"), Kind.DATE, "BEG", 5),
        (ORDER.replace("SA", "XX"), Kind.CODE, "BEG", 2),
        (ORDER.replace("*SA", "*"), Kind.ELEMENT_MISSING, "BEG", 2),
        (ORDER.replace("PO1**", f"{'9' * 23}**"), Kind.TOO_LONG, "BEG", 3),
        (ORDER.replace("*VP*A", "*VP"), Kind.CONDITION, "PO1", None),
        (ORDER.replace("BEG", "BIG"), Kind.SEGMENT_MISSING, "BEG", None),
        (ORDER + ORDER, Kind.PLACE, "BEG", None),
        ("BEG*00*SA*PO1**20260105~CUR*BY*USD~CUR*BY*USD~PO1*1*5*EA~", Kind.USES, "CUR", None),
    ],
)
def test_faults_in_a_set(body, kind, segment, element, maps):
    found = [(one.kind, one.segment, one.element) for one in judge(interchange(body), maps).observations]
    assert (kind, segment, element) in found


def test_a_missing_loop_is_named_by_its_first_segment(maps):
    found = judge(interchange("BEG*00*SA*PO1**20260105~"), maps).observations
    assert [(one.kind, one.segment) for one in found] == [(Kind.SEGMENT_MISSING, "PO1")]


def test_an_observation_has_the_offset_of_its_segment(maps):
    data = interchange(ORDER.replace("9.5", "nine"))
    (one,) = judge(data, maps).observations
    assert data[one.start :].startswith(b"PO1*1")
    assert one.value == "nine"


UNJUDGED = {
    "an empty segment": (interchange(ORDER).replace(b"~PO1", b"~~PO1"), "an empty segment"),
    "no terminator": (interchange(ORDER)[:-1], "text without terminator"),
    "a stray SE": (interchange(ORDER).replace(b"~GS*", b"~SE*1*1~SE*1*1~GS*"), "raised IndexError"),
    "no ISA": (b"nothing of the kind", "no whole ISA stands"),
    "a release without tables": (interchange(ORDER, release="001000"), "release of its group has no tables"),
    "a set without grammar": (interchange("BHT*1~", kind="837"), "no grammar for this set"),
    "behind IEA": (interchange(ORDER) + b"rubbish~", "behind IEA"),
    "a binary segment": (interchange("BIN*4*~~~~~"), "binary segments by their length"),
    "tabs before segments": (interchange(ORDER).replace(b"~PO1", b"~\tPO1"), "blanks before a segment"),
    "a long segment": (interchange(f"NTE**{'x' * 30_000}~"), "longer than its buffer"),
    "blanks between terminators": (interchange(ORDER).replace(b"~PO1", b"~  ~PO1"), "raised IndexError"),
    "another interchange version": (interchange(ORDER, version="00200"), "ISA of this shape"),
    "a composite with too many components": (
        interchange(ORDER + "REF*DP*1**DP>1>DP>1>DP>1>DP>1~"),
        "raised IndexError",
    ),
}


@pytest.mark.parametrize("name", UNJUDGED)
def test_what_it_cannot_judge_is_a_value(name, maps):
    data, reason = UNJUDGED[name]
    judgment = judge(data, maps)
    assert any(reason in one for one in reasons(judgment)), reasons(judgment)
    for one in judgment.unjudged:
        assert 0 <= one.start < one.end <= len(data) + 1


def test_interchanges_with_other_separators_are_all_judged(maps):
    second = interchange(ORDER.replace("9.5", "nine")).replace(b"*", b"|").replace(b"~", b"\n")
    judgment = judge(interchange(ORDER) + second, maps)
    assert [one.kind for one in judgment.observations] == [Kind.CHARACTER]
    assert len(judgment.starts) == 16


def test_a_set_without_trailer_misses_what_it_misses(maps):
    data = f"{isa()}GS*PO*A*B*20260105*0930*7*X*004010~ST*850*0001~BEG*00*SA*1**20260105~GE*1*7~IEA*1*000000001~"
    found = {(one.kind, one.segment) for one in judge(data.encode(), maps).observations}
    assert (Kind.SEGMENT_MISSING, "PO1") in found
    assert any(kind is Kind.TRAILER_MISSING for kind, _ in found)


def test_a_parent_that_was_there_is_out_of_order_only(maps):
    levels = "BSN*00*1*20260105*0930~HL*1**S~HL*2*1*O~HL*3*1*O~HL*4*2*I~HL*5*9*I~"
    found = [one.kind for one in judge(interchange(levels, kind="856", group="SH"), maps).observations]
    assert Kind.HL_ORDER in found
    assert found.count(Kind.HL_PARENT) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"~", b"*", b">", b"SE*1*0001~", b"GE*1*7~", b"ISA*", b"\n", b" ", b"ST*850*0001~"])))
def test_nothing_is_raised_whatever_the_bytes(parts):
    data = interchange(ORDER)
    for number, part in enumerate(parts):
        at = 106 + 37 * number % (len(data) - 106)
        data = data[:at] + part + data[at:]
    with temporary_maps() as maps:
        judge(data, maps)
