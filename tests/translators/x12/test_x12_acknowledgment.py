import datetime as dt
import io
import itertools
import pickle
from dataclasses import replace
from itertools import chain

import pytest
import pyx12.params
import pyx12.x12n_document
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.x12.conftest import CORPUS, FIXTURES, STRICT, interchange, pieces_of
from translators.guide import AcknowledgmentRules, GroupAnswer, Guide, ReadingRules
from translators.x12.acknowledgment import (
    Numbers,
    collect_results,
    earned_by,
    write_acknowledgment,
    write_acknowledgments,
)
from translators.x12.reading import Status
from translators.x12.repetitions import (
    follows,
    group_keys,
    interchange_key,
    set_keys,
    with_number_out_of_sequence,
    with_repeated_groups,
    with_repeated_interchange,
    with_repeated_sets,
)
from translators.x12.report import report

NOW = dt.datetime(2026, 1, 6, 7, 8, tzinfo=dt.UTC)
BODY = "BEG*00*SA*4500012345**20260105~PO1*1*5*EA*9.95**VP*AC-1001~"


def results_of(data, rules=STRICT):
    return collect_results(pieces_of(data, rules))


def answer(data, rules=STRICT, **how):
    asked = AcknowledgmentRules(**how)
    return write_acknowledgments(results_of(data, rules), control_numbers=itertools.count(41), now=NOW, rules=asked)


def segments(data):
    """The answer without what every answer has alike: ISA, GS, ST, SE, GE."""
    texts = data.decode("latin-1").removesuffix("~").split("~")
    return [text for text in texts if text.split("*")[0] in {"TA1", "IEA"} or text[1:2] == "K" or text[:3] == "CTX"]


READS_ANSWERS = replace(STRICT, tolerances=frozenset({"newer-release"}))

# the 850's segments, and AK3 to AK5 of the answer
CASES = [
    (BODY, ["AK5*A"]),
    ("PO1*1*5*EA~", ["AK3*BEG*2**3", "AK5*R*5"]),
    ("BEG*00*SA***20260105~PO1*1*5*EA~", ["AK3*BEG*2**8", "AK4*3*324*1", "AK5*R*5"]),
    ("BEG*QQ*SA*45**20260230~PO1*1*5*EA~", ["AK3*BEG*2**8", "AK4*1*353*7*QQ", "AK4*5*373*8*20260230", "AK5*R*5"]),
    (f"{BODY}SCH*5*EA***002*20260230~", ["AK3*SCH*4*SCH*8", "AK4*6*373*8*20260230", "AK5*R*5"]),
    (f"{BODY}REF*DP*1**ZZ>9>QQQQ>~", ["AK3*REF*4*PO1*8", "AK4*4>3*128*5*QQQQ", "AK4*4>4*127*2", "AK5*R*5"]),
    (f"{BODY}ZZ9*1~", ["AK3*ZZ9*4*PO1*1", "AK5*R*5"]),
    (f"{BODY}this is junk~", ["AK5*R*5"]),
    (f"{BODY}CUR*BY*USD*x~CUR*BY*EUR~", ["AK3*CUR*4*PO1*8", "AK4*3*280*6*x", "AK3*CUR*5*PO1*5", "AK5*R*5"]),
    ("BEG*00*SA*45**20260105~REF*DP*a|b\x01~PO1*1*5*EA~", ["AK3*REF*3**8", "AK4*2*127*6", "AK5*R*5"]),
]


@pytest.mark.parametrize(("body", "expected"), CASES)
def test_a_997_says_what_was_found(body, expected):
    verdict = expected[-1].split("*")[1]
    accepted = int(verdict != "R")
    assert segments(answer(interchange(body))) == [
        "AK1*PO*7",
        "AK2*850*0001",
        *expected,
        f"AK9*{verdict}*1*1*{accepted}",
        "IEA*1*000000041",
    ]


def test_the_whole_answer_to_the_byte(fixture_bytes):
    assert answer(fixture_bytes("broken-850-mixed.edi")).decode() == (
        "ISA*00*          *00*          *ZZ*BIGCORP        *ZZ*ACMESUPPLY     *260106*0708*U*00401*000000041*0*P*>~"
        "TA1*000009008*260105*0930*A*000~"
        "GS*FA*BIGCORP*ACMESUPPLY*20260106*0708*42*X*004010~"
        "ST*997*0001~AK1*PO*908~"
        "AK2*850*0001~AK5*A~"
        "AK2*850*0002~AK3*BEG*2**3~AK5*R*5~"
        "AK2*850*0003~AK5*A~"
        "AK9*P*3*3*2~SE*11*0001~GE*1*42~IEA*1*000000041~"
    )


def test_a_tolerated_departure_is_accepted_with_errors():
    rules = ReadingRules(tolerances=frozenset({"code-values"}))
    found = segments(answer(interchange("BEG*QQ*SA*45**20260105~PO1*1*5*EA~"), rules))
    assert found[2:-1] == ["AK3*BEG*2**8", "AK4*1*353*7*QQ", "AK5*E*5", "AK9*E*1*1*1"]


def test_a_group_with_an_error_of_its_own_rejects_its_sets():
    data = interchange(BODY).replace(b"GE*1*7", b"GE*2*8")
    assert segments(answer(data)) == [
        "AK1*PO*7", "AK2*850*0001", "AK5*R", "AK9*R*2*1*0*5*4", "IEA*1*000000041",
    ]  # fmt: skip


def test_005010_echoes_release_and_implementation(fixture_bytes):
    data = interchange(BODY, release="005010", version="00501", repetition="^")
    assert segments(answer(data))[0] == "AK1*PO*7*005010"
    assert b"*20260106*0708*42*X*005010~ST*997*0001~" in answer(data)
    assert b"*260106*0708*^*00501*000000041*" in answer(data)


def test_a_999_where_the_release_has_it():
    new = interchange("BEG*QQ*SA*45**20260105~PO1*1*5*EA~", release="005010", version="00501", repetition="^")
    assert segments(answer(new, functional="999"))[2:6] == [
        "IK3*BEG*2**8", "CTX*BEG03>45", "IK4*1*353*7*QQ", "IK5*R*5",
    ]  # fmt: skip
    assert b"*X*005010X231A1~ST*999*0001*005010X231A1~" in answer(new, functional="999")
    assert b"ST*997*" in answer(interchange(BODY), functional="999")
    assert answer(new, functional="none") == b""


@pytest.mark.parametrize(
    ("old", "new", "ta1"),
    [
        (b"", b"", None),
        (b"*0*P*", b"*1*P*", "TA1*000000001*260105*0930*A*000"),
        (b"IEA*1*000000001", b"IEA*1*000000002", "TA1*000000001*260105*0930*R*001"),
        (b"ACMESUPPLY     *", b"ACMESUPPLY*", "TA1*000000001*260105*0930*R*006"),
        (b"*260105*0930*U", b"*991305*0930*U", "TA1*000000001*991305*0930*R*014"),
    ],
)
def test_ta1_when_asked_for_or_when_the_envelope_is_bad(old, new, ta1):
    found = segments(answer(interchange(BODY).replace(old, new, 1) if old else interchange(BODY)))
    assert [text for text in found if text.startswith("TA1")] == ([] if ta1 is None else [ta1])
    assert ("AK1*PO*7" in found) == (ta1 is None or "*A*" in ta1)


@pytest.mark.parametrize(("when", "expected"), [("never", ()), ("on_error", ("TA1",)), ("as_requested", ())])
def test_when_a_ta1_is_due(when, expected):
    rules = ReadingRules(tolerances=frozenset({"isa-padding"}))
    results = results_of(interchange(BODY).replace(b"ACMESUPPLY     *", b"ACMESUPPLY*", 1), rules)
    assert [one.kinds for one in earned_by(results, AcknowledgmentRules(ta1=when, functional="none"))] == (
        [expected] if expected else []
    )


@pytest.mark.parametrize(
    "name", ["997-004010.edi", "997-005010.edi", "999-005010.edi", "ta1-004010.edi", "broken-not-x12.edi"]
)
def test_acknowledgments_and_what_is_no_x12_earn_nothing(name, fixture_bytes):
    assert answer(fixture_bytes(name)) == b""


def test_what_is_earned_tells_how_many_numbers_it_needs(fixture_bytes):
    (earned,) = earned_by(results_of(fixture_bytes("850-two-groups.edi")))
    assert (earned.groups, earned.kinds, earned.scope) == (2, ("TA1", "997"), "ZZ/BIGCORP|ZZ/ACMESUPPLY|P")
    written = write_acknowledgment(earned, Numbers(5, [8, 9]), now=NOW)
    assert [text for text in written.decode().split("~") if text[:2] in {"GE", "IE"}] == [
        "GE*1*8", "GE*1*9", "IEA*2*000000005",
    ]  # fmt: skip


def test_separators_suit_the_data():
    # The inbound ``|`` and ``!`` are kept; the usual component separator occurs in GS02 and is not.
    head = interchange(BODY).decode().replace("*", "|").replace("~", "!")
    written = answer(head.replace("|ACMESUPPLY|", "|A*B~C>D|").encode())
    assert b"GS|FA|BIGCORP|A*B~C>D|" in written
    assert report("answer", written, STRICT)["accepted"]


def test_results_travel_pickled(fixture_bytes):
    for name in ("broken-850-elements.edi", "broken-850-mixed.edi", "850-two-interchanges.edi"):
        for result in results_of(fixture_bytes(name)):
            assert pickle.loads(pickle.dumps(result)) == result


def last(result):
    return write_acknowledgments([result], control_numbers=itertools.count(41), now=NOW)


def test_a_repeated_interchange():
    (result,) = results_of(interchange(BODY))
    assert interchange_key(result) == "ISA|ZZ|ACMESUPPLY|ZZ|BIGCORP|P|1"
    rejected = with_repeated_interchange(result, "reject")
    assert segments(last(rejected)) == ["TA1*000000001*260105*0930*R*025", "IEA*0*000000041"]
    warned = with_repeated_interchange(result, "accept_with_error")
    assert (warned.status, warned.code, warned.note) == (Status.ACCEPTED_WITH_ERRORS, "E", "025")
    assert segments(last(warned))[:2] == ["TA1*000000001*260105*0930*E*025", "AK1*PO*7"]
    assert with_repeated_interchange(result, "process") == result
    assert with_number_out_of_sequence(result, "reject").note == "018"


@pytest.mark.parametrize(
    ("number", "last", "expected"),
    [(8, 7, True), (7, 7, False), (9, 7, False), (6, 7, False), (1, 999_999_999, True), (0, 999_999_999, True)],
)
def test_which_number_follows(number, last, expected):
    assert follows(number, last) is expected


@pytest.mark.parametrize(("release", "version", "code"), [("004010", "00401", "6"), ("005010", "00501", "19")])
def test_a_repeated_group(release, version, code):
    (result,) = results_of(interchange(BODY, release=release, version=version))
    assert group_keys(result) == ("GS|ACMESUPPLY|BIGCORP|PO|P|7",)
    rejected = with_repeated_groups(result, [0], "reject")
    assert rejected.status is Status.REJECTED
    assert segments(last(rejected))[-3:] == ["AK5*R", f"AK9*R*1*1*0*{code}", "IEA*1*000000041"]
    warned = with_repeated_groups(result, [0], "accept_with_error")
    assert segments(last(warned))[-2] == f"AK9*E*1*1*1*{code}"
    assert with_repeated_groups(result, [0], "process") == result
    assert with_repeated_groups(result, [], "reject") == result


def test_a_repeated_set(fixture_bytes):
    (result,) = results_of(fixture_bytes("850-two-groups.edi"))
    assert [key for _, _, key in set_keys(result)] == [
        "ST|ACMESUPPLY|BIGCORP|850|P|1", "ST|ACMESUPPLY|BIGCORP|850|P|2", "ST|ACMESUPPLY|BIGCORP|850|P|1",
    ]  # fmt: skip
    rejected = with_repeated_sets(result, [(0, 1)], "reject")
    assert [group.status for group in rejected.groups] == [Status.PARTIALLY_ACCEPTED, Status.ACCEPTED]
    assert rejected.status is Status.PARTIALLY_ACCEPTED
    assert [text for text in segments(last(rejected)) if text[:3] in {"AK5", "AK9"}] == [
        "AK5*A", "AK5*R*23", "AK9*P*2*2*1", "AK5*A", "AK9*A*1*1*1",
    ]  # fmt: skip
    warned = with_repeated_sets(result, [(1, 0)], "accept_with_error")
    assert (warned.groups[1].status, warned.status) == (Status.ACCEPTED_WITH_ERRORS, Status.ACCEPTED_WITH_ERRORS)
    assert with_repeated_sets(result, [(1, 0)], "process") == result


def some_files():
    corpus = sorted(path for path in CORPUS.rglob("*") if path.is_file() and path.suffix != ".tsv")
    return sorted(FIXTURES.glob("*.edi")) + corpus


@pytest.mark.parametrize("path", some_files(), ids=lambda path: path.name)
def test_what_we_answer_reads_without_a_finding(path):
    lenient = ReadingRules(tolerances=frozenset({"isa-padding", "code-values", "newer-release", "leading-bytes"}))
    for rules in (STRICT, lenient):
        for functional in ("997", "999"):
            written = answer(path.read_bytes(), rules, functional=functional)
            if not written:
                continue
            found = report("answer", written, READS_ANSWERS)
            assert found["bytes_in_segments"] == len(written)
            # What a partner made up (a qualifier, a set that X12 has not) must be echoed all the same.
            invented = {"nn", "AAA", "BBB", "YYZ"}
            told = [
                finding
                for one in found["interchanges"]
                for holder in (one, *one["groups"], *chain(*(group["transaction_sets"] for group in one["groups"])))
                for finding in holder["findings"]
                if finding["value"] not in invented
                # The answer is in the release of the group, whether or not it has tables here.
                and not (finding["segment"] == "GS" and finding["element"] == 8 and finding["severity"] == "warning")
            ]
            assert told == []


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([path.read_bytes() for path in sorted(FIXTURES.glob("*.edi"))]),
    st.lists(st.tuples(st.integers(100, 1200), st.integers(0, 30), st.binary(max_size=6)), min_size=1, max_size=4),
)
def test_any_damage_can_be_answered(data, cuts):
    for start, length, put in cuts:
        data = data[:start] + put + data[start + length :]
    written = answer(data)
    assert report("answer", written, STRICT)["bytes_unaccounted"] == 0


def test_an_independent_validator_accepts_our_997(tmp_path):
    # pyx12 knows the groups of health care alone.
    body = "BHT*0019*00*1~" * 3
    data = interchange(body, kind="837", group="HC")
    path = tmp_path / "answer.edi"
    path.write_bytes(answer(data))
    assert pyx12.x12n_document.x12n_document(pyx12.params.params(), str(path), io.StringIO(), None, None) is True


def test_repetitions_in_what_is_rejected_anyway(fixture_bytes):
    (bad,) = results_of(interchange(BODY).replace(b"IEA*1*000000001", b"IEA*1*000000009"))
    assert with_repeated_interchange(bad, "accept_with_error") == bad
    assert with_repeated_interchange(bad, "reject").note == "025"
    assert with_repeated_groups(bad, [0], "reject").status is Status.REJECTED
    (group,) = results_of(interchange(BODY).replace(b"GE*1*7", b"GE*1*8"))
    assert with_repeated_sets(group, [(0, 0)], "reject").groups[0].codes == ("4",)
    (asked,) = results_of(fixture_bytes("850-two-groups.edi"))
    warned = with_repeated_interchange(asked, "accept_with_error")
    assert with_repeated_sets(warned, [(0, 0)], "accept_with_error").status is Status.ACCEPTED_WITH_ERRORS
    assert with_repeated_groups(warned, [0, 1], "reject").status is Status.REJECTED
    (one,) = results_of(interchange(BODY))
    assert with_repeated_sets(one, [(0, 0)], "reject").status is Status.REJECTED


def test_the_group_code_that_is_agreed_is_named_and_the_sets_decide_whose_answer_it_is():
    rules = ReadingRules(guides=(Guide("purchase_order", "x12", group_code="PR"),))
    data = interchange(BODY, group="PR")
    assert segments(answer(data, rules))[:3] == ["AK1*PR*7", "AK2*850*0001", "AK5*A"]
    # PR is the standard's code for answers to orders, on which something else is agreed.
    kinds = (GroupAnswer("purchase_order"), GroupAnswer("purchase_order_acknowledgment", functional="none"))
    assert answer(data, rules, groups=kinds)
    assert not answer(data, rules, groups=(GroupAnswer("purchase_order", functional="none"), kinds[1]))
