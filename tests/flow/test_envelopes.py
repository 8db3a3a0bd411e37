"""What is kept of envelopes for people, and which documents their verdicts refuse."""

from dataclasses import replace

import orjson
import pytest

from gateway.flow.envelopes import ENVELOPES_REPORTED_MAX, envelope_fault, envelope_report
from gateway.flow.repetitions import refused_documents
from translators.catalog import TranslationResult
from translators.findings import Finding, Level
from translators.x12.reading import GroupHeader, InterchangeHeader, Status
from translators.x12.repetitions import (
    with_number_out_of_sequence,
    with_repeated_groups,
    with_repeated_interchange,
    with_repeated_sets,
)
from translators.x12.results import GroupResult, InterchangeResult, SetResult

A, R = Status.ACCEPTED, Status.REJECTED
HEADER = InterchangeHeader("ZZ", "ACMESUPPLY", "ZZ", "BIGCORP", "260105", "0930", "00401", "000000007", False, "P", 0)


def interchange(*groups):
    """Groups given as the statuses of their sets: ``"AAR"``."""
    header = GroupHeader("PO", "ACMESUPPLY", "BIGCORP", "20260105", "0930", "7", "X", "004010", 0)
    made = []
    for letters in groups:
        sets = tuple(SetResult("850", f"{n:04d}", "", R if one == "R" else A) for n, one in enumerate(letters, 1))
        made.append(GroupResult(header, "004010", A, len(sets), len(sets), len(sets), (), sets))
    return InterchangeResult(HEADER, A, groups=tuple(made))


@pytest.mark.parametrize(
    ("before", "judged", "ranges"),
    [
        ([interchange("AAA")], lambda one: one, []),
        ([interchange("AAA")], lambda one: with_repeated_interchange(one, "reject"), [(0, 2)]),
        ([interchange("AA", "A", "AA")], lambda one: with_repeated_groups(one, [1], "reject"), [(2, 2)]),
        ([interchange("AA", "A", "AA")], lambda one: with_repeated_groups(one, [0, 1], "reject"), [(0, 2)]),
        ([interchange("AA", "A", "AA")], lambda one: with_repeated_groups(one, [0, 2], "reject"), [(0, 1), (3, 4)]),
        ([interchange("ARA", "A")], lambda one: with_repeated_sets(one, [(0, 2), (1, 0)], "reject"), [(2, 3)]),
        ([interchange("ARAA")], lambda one: with_repeated_sets(one, [(0, 3), (0, 1)], "reject"), [(3, 3)]),
        ([interchange("AA")], lambda one: with_repeated_sets(one, [(0, 1)], "accept_with_error"), []),
        ([interchange("AA"), interchange("", "A")], lambda one: with_repeated_interchange(one, "reject"), [(0, 2)]),
    ],
)
def test_what_is_rejected_as_a_whole_is_told_in_runs_of_documents(before, judged, ranges):
    assert refused_documents(before, [judged(one) for one in before]) == ranges


def result_of(*interchanges, findings=()):
    return TranslationResult("x12", accepted=False, documents=1, interchanges=interchanges, findings=findings)


@pytest.mark.parametrize(
    ("judged", "words"),
    [
        (lambda one: one, "IEA is missing"),
        (lambda one: with_repeated_interchange(one, "reject"), "000000007 was used before (TA105 025)"),
        (lambda one: with_number_out_of_sequence(one, "reject"), "not the one after the last (TA105 018)"),
        (lambda one: with_repeated_groups(one, [0], "reject"), "group control number 7 was used before"),
        (lambda one: with_repeated_sets(one, [(0, 0)], "reject"), "transaction set control number 0001 was used"),
        (lambda one: with_repeated_sets(one, [(0, 0)], "accept_with_error"), "IEA is missing"),
    ],
)
def test_why_a_message_was_rejected(judged, words):
    before = interchange("A")
    found = (Finding(Level.INTERCHANGE, "023", "IEA is missing where the file ends"),)
    assert words in envelope_fault(result_of(before, findings=found), [before], [judged(before)])
    if judged(before).code == "A" and judged(before).groups[0].codes == before.groups[0].codes:
        assert envelope_fault(result_of(before), [before], [before]) is None


def test_a_report_stays_small_whatever_was_sent():
    many = replace(interchange(), groups=interchange("A").groups * (ENVELOPES_REPORTED_MAX + 500))
    interchanges = [many, *[interchange("A")] * (ENVELOPES_REPORTED_MAX + 7)]
    report = envelope_report(result_of(*interchanges), interchanges)
    assert report["interchanges_total"] == ENVELOPES_REPORTED_MAX + 8
    assert len(report["interchanges"]) == ENVELOPES_REPORTED_MAX
    assert sum(len(one["groups"]) for one in report["interchanges"]) == ENVELOPES_REPORTED_MAX
    assert report["interchanges"][0]["groups_total"] == ENVELOPES_REPORTED_MAX + 500
    assert len(orjson.dumps(report)) < 1_000_000
