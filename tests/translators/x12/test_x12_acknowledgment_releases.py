"""What we answer is valid in the release of the group it answers, whatever there was to say."""

import datetime as dt
import itertools
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.x12.conftest import STRICT, interchange
from translators.guide import AcknowledgmentRules, ReadingRules
from translators.x12.acknowledgment import collect_results, write_acknowledgments
from translators.x12.dictionary import load_release, releases
from translators.x12.faults import ElementError, GroupError, SegmentError, SetError
from translators.x12.grammar import set_types
from translators.x12.reader import read
from translators.x12.reading import GroupHeader, InterchangeHeader, Status
from translators.x12.report import report
from translators.x12.results import ElementFault, GroupResult, InterchangeResult, SegmentFault, SetResult

NOW = dt.datetime(2026, 1, 6, 7, 8, tzinfo=dt.UTC)
RELEASES = releases()
HEADER = InterchangeHeader("ZZ", "ACMESUPPLY", "ZZ", "BIGCORP", "260105", "0930", "00401", "000000001", False, "P", 0)


def written(results, **rules):
    rules = AcknowledgmentRules(**rules)
    return write_acknowledgments(results, control_numbers=itertools.count(41), now=NOW, rules=rules)


def findings(answer):
    """Everything that our own reader, in strict mode, has to say of an answer."""
    found = report("answer", answer, STRICT)
    holders = [found, *found["interchanges"]]
    for one in found["interchanges"]:
        holders += [*one["groups"], *chain(*(group["transaction_sets"] for group in one["groups"]))]
    return list(chain(*(holder["findings"] for holder in holders)))


def group(release, *sets, status=Status.REJECTED, codes=(), **header):
    values = {
        "functional_id": "PO", "sender_code": "ACMESUPPLY", "receiver_code": "BIGCORP", "date": "260105",
        "time": "0930", "control_number": "7", "agency": "X", "release": release, "start": 0,
    }  # fmt: skip
    return GroupResult(GroupHeader(**(values | header)), release, status, len(sets), len(sets), 0, tuple(codes), sets)


def set_of(number, *faults, status=Status.REJECTED, codes=()):
    return SetResult("850", number, "", status, tuple(codes), faults, ("BEG03", "4500012345"))


ELEMENT_FAULTS = tuple(
    ElementFault(element, component, number, code.value, value)
    for code in ElementError
    for element, component, number, value in (
        (1, None, "353", "QQ"),
        (4, 3, "C040", "a>b*c~d^e"),
        (99, 12, "12345", "\x01 \xe9"),
        (150, None, None, "  "),
    )
)
SEGMENT_FAULTS = tuple(
    SegmentFault(segment, position, loop, code.value, elements)
    for code in SegmentError
    for segment, position, loop, elements in (
        ("BEG", 2, None, ELEMENT_FAULTS),
        ("N1", 999_999, "N1", ()),
        ("ZZ9", 12_345_678, "LOOPS", ()),
        (None, 5, None, ()),
    )
)


@pytest.mark.parametrize("functional", ["997", "999"])
@pytest.mark.parametrize("release", RELEASES)
def test_every_code_there_is(release, functional):
    sets = [set_of("0001", *SEGMENT_FAULTS)]
    sets += [set_of(f"{number:04d}", codes=[code]) for number, code in enumerate(SetError, 2)]
    sets += [set_of("12", codes=[*SetError]), set_of("", codes=["7"]), set_of("1234567890", status=Status.ACCEPTED)]
    groups = [group(release, *sets), *(group(release, set_of("0001"), codes=[code]) for code in GroupError)]
    groups.append(group(release, codes=[*GroupError], control_number="x123456789012", receiver_code="B&G~*>^"))
    answer = written([InterchangeResult(HEADER, Status.REJECTED, "E", "022", tuple(groups))], functional=functional)
    assert findings(answer) == []
    assert answer.count(b"AK2") == len(sets) + len(GroupError)


def test_a_code_that_the_release_does_not_list_is_the_nearest_that_it_lists():
    fault = SegmentFault("REF", 3, None, "8", tuple(ElementFault(2, 3, "127", code, "x") for code in ("10", "12")))
    result = group("002040", set_of("0001", fault, codes=["23"]), codes=["19"])
    text = written([InterchangeResult(HEADER, Status.REJECTED, groups=(result,))]).decode()
    assert "~AK3*REF*3~AK4*2*127*2*x~AK4*2*127*3*x~AK5*R*7~AK9*R*1*1*0*4~" in text
    result = group("005010", set_of("0001", fault, codes=["23"]), codes=["19"])
    text = written([InterchangeResult(HEADER, Status.REJECTED, groups=(result,))]).decode()
    assert "~AK3*REF*3**8~AK4*2>3*127*10*x~AK4*2>3*127*12*x~AK5*R*23~AK9*R*1*1*0*19~" in text


@pytest.mark.parametrize(
    ("gs08", "isa12", "functional", "answered", "implementation"),
    [
        ("004060", "00400", "997", "004060", ""),
        ("004060VICS", "00406", "997", "004060VICS", ""),
        ("00406", "00406", "997", "004060", ""),
        ("004060", "00406", "999", "004060", ""),  # a 999 there is only from 005010 on
        ("004040", "00404", "997", "004040", ""),
        ("005020", "00502", "999", "005020", ""),
        ("005010X223A2", "00501", "999", "005010X231A1", "005010X231A1"),
        ("007060", "00501", "997", "007060", ""),
        ("001000", "00200", "997", "002040", ""),
        ("FOUR", "00305", "997", "003050", ""),  # the envelope says more than the group
        ("FOUR", "00406", "997", "004050", ""),
    ],
)
def test_an_answer_is_in_the_release_of_the_group_with_tables_or_without(
    gs08, isa12, functional, answered, implementation
):
    data = interchange("BEG*00*SA*1**20260105~PO1*1*5*EA~", release=gs08, version=isa12)
    answer = written(collect_results(read(data, STRICT)), functional=functional)
    lines = [line.split("*") for line in answer.decode().split("~")]
    (head,), (opening,) = ([line for line in lines if line[0] == code] for code in ("GS", "ST"))
    assert head[8] == answered
    assert opening[3:] == ([implementation] if implementation else [])
    assert opening[1] == ("999" if functional == "999" and gs08.startswith("005") else "997")
    assert lines[0][12] == isa12
    (named,) = (line for line in lines if line[0] == "AK1")
    # AK103 came with 004050: no earlier release has it.
    assert named[3:] == ([gs08] if answered >= "004050" else [])


def texts(least, most):
    return st.text(st.characters(codec="latin-1"), min_size=least, max_size=most)


FAULTS = st.builds(
    SegmentFault,
    segment=st.sampled_from(["BEG", "PO1", "N1", "ZZZ", None]),
    position=st.integers(1, 10**9),
    loop=st.none() | st.sampled_from(["N1", "PO1", "SLN", "LONGER"]),
    code=st.sampled_from([code.value for code in SegmentError]),
    elements=st.lists(
        st.builds(
            ElementFault,
            element=st.integers(1, 120),
            component=st.none() | st.integers(1, 120),
            data_element=st.none() | st.sampled_from(["353", "C040", "1000000"]),
            code=st.sampled_from([code.value for code in ElementError]),
            value=st.none() | texts(0, 99),
        ),
        max_size=5,
    ).map(tuple),
)
SETS = st.builds(
    SetResult,
    type=st.sampled_from(["850", "855", "810", "85"]),
    control_number=texts(0, 12).filter(lambda text: not text.strip() or text.strip() == text),
    implementation=st.just(""),
    status=st.sampled_from([Status.ACCEPTED, Status.ACCEPTED_WITH_ERRORS, Status.REJECTED]),
    codes=st.lists(st.sampled_from([code.value for code in SetError]), unique=True).map(tuple),
    segments=st.lists(FAULTS, max_size=4).map(tuple),
    subject=st.none() | st.tuples(st.just("BEG03"), st.text("*~>^:|ab ", min_size=1, max_size=35)),
)


@settings(max_examples=150, deadline=None)
@given(
    release=st.sampled_from(RELEASES),
    functional=st.sampled_from(["997", "999"]),
    envelope=st.sampled_from(["per_interchange", "per_group"]),
    accepted_sets=st.booleans(),
    sets=st.lists(SETS, max_size=5),
    codes=st.lists(st.sampled_from([code.value for code in GroupError]), unique=True),
)
def test_whatever_there_was_to_say(release, functional, envelope, accepted_sets, sets, codes):
    groups = (group(release, *sets, codes=codes), group(release, *sets, status=Status.PARTIALLY_ACCEPTED))
    result = InterchangeResult(HEADER, Status.PARTIALLY_ACCEPTED, "E", "022", groups)
    answer = written([result], ta1="always", functional=functional, envelope=envelope, accepted_sets=accepted_sets)
    assert findings(answer) == []
    assert answer.count(b"IEA") == (2 if envelope == "per_group" else 1)
    assert answer.count(b"TA1") == 1


VALUES = ["", "1", "12345678", "QQ", "20260230", "9.95", "A" * 90, "EA", "VP>x", "x>y>z", "\x01", "a|b", "é", "-", "00"]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), release=st.sampled_from(RELEASES), functional=st.sampled_from(["997", "999"]))
def test_whatever_a_partner_sends_in_any_release(data, release, functional):
    kind = data.draw(st.sampled_from(sorted(set_types(release) - {"997", "999"})))
    codes = sorted(load_release(release).segments)[:200]
    codes = [code for code in codes if code not in {"ISA", "IEA", "GS", "GE", "ST", "SE", "TA1"}]
    line = st.builds(
        lambda code, values: "*".join([code, *values]) + "~",
        st.sampled_from([*codes, "ZZ9", "BEG", "PO1", "junk here"]),
        st.lists(st.sampled_from(VALUES), max_size=8),
    )
    body = "".join(data.draw(st.lists(line, max_size=8)))
    sent = interchange(body, release=release, kind=kind)
    for rules in (STRICT, ReadingRules(on_bad_set="accept_with_errors")):
        answer = written(collect_results(read(sent, rules)), functional=functional)
        assert findings(answer) == []
        assert answer
