"""What outlives the bytes of an interchange: small, whatever was in it, and judged as the agreement says."""

import pickle

import pytest

from tests.translators.x12.conftest import interchange, isa
from translators.catalog import TranslatedDocument, TranslationResult, translate
from translators.guide import Guide, ReadingRules
from translators.x12.reader import read
from translators.x12.reading import SetRead, Status
from translators.x12.report import report
from translators.x12.results import ResultCollector, collect_results

GOOD = "BEG*00*SA*4500012345**20260105~PO1*1*5*EA*9.95**VP*AC-1001~SE*4*{0}~"
UNLISTED = GOOD.replace("BEG*00", "BEG*QQ")
WITHOUT_NUMBER = GOOD.replace("4500012345", "")
WRONG_COUNT = GOOD.replace("SE*4", "SE*9")
NO_GRAMMAR = "XYZ*1~SE*3*{0}~"


def sets(*bodies, kind="850"):
    return "".join(f"ST*{kind}*{n:04d}~" + body.format(f"{n:04d}") for n, body in enumerate(bodies, 1))


def group(number, *bodies, kind="850"):
    head = f"GS*PO*ACMESUPPLY*BIGCORP*20260105*0930*{number}*X*004010~"
    return f"{head}{sets(*bodies, kind=kind)}GE*{len(bodies)}*{number}~"


def file(*groups):
    return f"{isa()}{''.join(groups)}IEA*{len(groups)}*000000001~".encode()


def translated(data, **rules):
    *documents, result = translate(data, ReadingRules(**rules))
    assert isinstance(result, TranslationResult)
    assert all(isinstance(document, TranslatedDocument) for document in documents)
    return documents, result


R, A, E, P = Status.REJECTED, Status.ACCEPTED, Status.ACCEPTED_WITH_ERRORS, Status.PARTIALLY_ACCEPTED


@pytest.mark.parametrize(
    ("mode", "groups", "whole"),
    [
        ("reject_set", [P, A], P),
        ("reject_group", [R, A], P),
        ("reject_interchange", [R, R], R),
        ("accept_with_errors", [E, A], E),
    ],
)
def test_a_bad_set_takes_with_it_what_was_agreed(mode, groups, whole):
    data = file(group(1, GOOD, UNLISTED), group(2, GOOD)) + file(group(3, GOOD))
    documents, result = translated(data, on_bad_set=mode)
    first, second = result.interchanges
    assert ([one.status for one in first.groups], first.status, first.code) == (groups, whole, "A")
    assert second.status is A
    assert [one.sets_accepted for one in first.groups] == {R: [0, 0], P: [1, 1], E: [2, 1]}[whole] or mode == (
        "reject_group"
    )
    assert [document.status for document in documents] == [A, E if mode == "accept_with_errors" else R, A, A]
    assert result.accepted is (mode == "accept_with_errors")


@pytest.mark.parametrize("mode", ["reject_group", "reject_interchange"])
def test_what_only_translation_finds_takes_the_rest_with_it_too(mode):
    collector = ResultCollector()
    results = []
    for piece in read(file(group(1, GOOD, GOOD)), ReadingRules(on_bad_set=mode)):
        if isinstance(piece, SetRead) and piece.control_number == "0002":
            piece.status = Status.REJECTED  # as the translation amends it
        results.append(collector.add(piece))
    (result,) = filter(None, results)
    assert [one.status for one in result.groups] == [R]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (UNLISTED, "850", E),
        (GOOD.replace("9.95", "9.x5"), "850", E),
        (GOOD.replace("*EA*", "*EACH*"), "850", E),
        (GOOD.replace("SE*4", "ZZ9*1~SE*5"), "850", E),
        (WITHOUT_NUMBER, "850", R),
        (GOOD.replace("BEG*00*SA*4500012345**20260105~", "").replace("SE*4", "SE*3"), "850", R),
        (WRONG_COUNT, "850", R),
        (NO_GRAMMAR, "841", R),
    ],
)
def test_a_set_with_errors_is_accepted_while_its_meaning_is_there(body, kind, status):
    (document,), result = translated(file(group(1, body, kind=kind)), on_bad_set="accept_with_errors")
    assert document.status is status
    assert (document.document is not None) is (status is E)
    assert document.findings
    assert result.interchanges[0].groups[0].sets[0].status is status


def test_an_agreement_goes_before_its_partner():
    guides = (Guide("purchase_order", "x12", on_bad_set="reject_group"), Guide("ship_notice", "x12"))
    _, result = translated(
        file(group(1, GOOD, UNLISTED), group(2, GOOD)), guides=guides, on_bad_set="reject_interchange"
    )
    assert [one.status for one in result.interchanges[0].groups] == [R, A]
    data = file(group(1, NO_GRAMMAR, kind="841"), group(2, GOOD))
    _, result = translated(data, guides=guides, on_bad_set="reject_interchange")
    assert [one.status for one in result.interchanges[0].groups] == [R, R]


def test_results_of_many_sets_are_small():
    (result,) = collect_results(read(file(group(1, *[GOOD] * 2_000)), ReadingRules()))
    assert len(pickle.dumps(result)) < 40 * 2_000


def test_of_very_many_faults_only_so_many_are_kept():
    collector = ResultCollector(faults_left=5)
    pieces = read(file(group(1, *[UNLISTED] * 10)), ReadingRules())
    (result,) = [result for piece in pieces if (result := collector.add(piece)) is not None]
    sets = result.groups[0].sets
    assert [len(one.segments) for one in sets] == [1] * 5 + [0] * 5
    assert {(one.status, one.codes) for one in sets} == {(R, ("5",))}


def test_a_set_with_faults_keeps_its_own_number_to_tell_of_it():
    (result,) = collect_results(read(interchange("BEG*QQ*SA*4500012345**20260105~PO1*1*5*EA~"), ReadingRules()))
    assert result.groups[0].sets[0].subject == ("BEG03", "4500012345")


def test_the_report_of_the_reader_says_the_same():
    data = file(group(1, GOOD), group(2, GOOD, UNLISTED), group(3, GOOD))
    found = report("-", data, ReadingRules(on_bad_set="reject_group"))["interchanges"][0]
    assert (found["status"], [one["status"] for one in found["groups"]]) == (P, [A, R, A])
    found = report("-", data, ReadingRules(on_bad_set="reject_interchange"))["interchanges"][0]
    # What was told of a group before the bad set was found cannot be taken back; the interchange has the last word.
    assert (found["status"], [one["status"] for one in found["groups"]]) == (R, [A, R, A])
