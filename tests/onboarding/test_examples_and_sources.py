"""The five example partners against the files of the sources whose manners they have: each reads its source's files.

What a profile says of what we send is held against files, too: such a file is read under the outbound agreement. The
addresses of a file are taken as given. Where the files are not at hand there is nothing to read.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.agreements import reading_rules
from partners.loader import LoadedProfile
from tests.onboarding.test_agreements import BIGCORP
from tests.onboarding.test_shipped_examples import BOTH_WAYS, examples
from translators.catalog import TranslatedDocument, TranslationResult, translate
from translators.findings import Finding, Severity
from translators.guide import ReadingRules

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "x12"

Fault = tuple[str | None, int | None, str]
# Of each file: how many documents it gives, the faults for which it is rejected, and the warnings of the reader.
ACCEPTED: frozenset[Fault] = frozenset()
AEROSPACE = "kputnam_stupidedi__"
FILES: dict[str, dict[str, tuple[int, frozenset[Fault], frozenset[Fault]]]] = {
    "marlin-galley": {
        # A mail address with the component separator in it, and a party that is in no table of ours.
        "850/EDIandXML_OBOE__5-850.x12": (1, ACCEPTED, frozenset({("PER", 4, "3"), ("N1", 4, "identifier-unknown")})),
        "855/EDIandXML_OBOE__lfTestCase.edi": (12, ACCEPTED, ACCEPTED),
        # GS08 is `T`, which names no release.
        "830/EDIandXML_OBOE__DMX830.TXT.edi": (0, frozenset({("GS", 8, "2"), ("ST", 1, "1")}), ACCEPTED),
        # IEA01 counts a group that is not there.
        "TA1/EDIandXML_OBOE__justTA1TestCase.edi": (0, frozenset({("IEA", 1, "021")}), ACCEPTED),
    },
    "canyon-merch": {
        "850/Stedi-Demos_bootstrap__README.md.edi": (1, ACCEPTED, frozenset({("PO1", 7, "identifier-unknown")})),
        "855/Stedi-Demos_bootstrap__inbound.edi": (1, ACCEPTED, frozenset({("PO1", 7, "identifier-unknown")})),
    },
    "forge-hardware": {
        # No tables for 004060, the group's number in IEA02, no terminator at the end.
        "856/walmartlabs_gozer__asn856.txt": (
            1,
            ACCEPTED,
            frozenset({("GS", 8, "2"), ("IEA", 2, "001"), ("IEA", None, "004"), ("LIN", 3, "identifier-unknown")}),
        ),
        # SE01 counts 33 segments, 21 are there.
        "850/walmartlabs_gozer__po850.txt": (
            0,
            frozenset({("SE", 1, "4")}),
            frozenset({("IEA", None, "004"), ("PO4", 7, "unit-unknown")}),
        ),
        # Sets of invented kinds, counted wrongly; the second file has no separator between its segments.
        "odd/walmartlabs_gozer__x12.base.no.line.breaks.odd.char.txt": (
            0,
            frozenset({("ST", 1, "1"), (None, None, "1"), ("SE", 1, "4"), ("GE", 1, "5")}),
            frozenset({("GS", 8, "2")}),
        ),
        "odd/walmartlabs_gozer__x12.no.line.break.no.delim.txt": (
            0,
            frozenset({(None, None, "no-interchange")}),
            ACCEPTED,
        ),
    },
    "summit-aero": {
        f"850/{AEROSPACE}basic-po.edi": (1, ACCEPTED, ACCEPTED),
        f"850/{AEROSPACE}taxexempt-po.edi": (1, ACCEPTED, ACCEPTED),
        f"855/{AEROSPACE}basic-po-ack-accepted.edi": (1, ACCEPTED, ACCEPTED),
        f"855/{AEROSPACE}basic-po-ack-rejected.edi": (1, ACCEPTED, ACCEPTED),
        f"855/{AEROSPACE}po-ack-ship-details.edi": (1, ACCEPTED, ACCEPTED),
        # ACK*IQ*20: a quantity without its unit.
        f"855/{AEROSPACE}po-ack-minor-changes.edi": (0, frozenset({("ACK", 3, "2")}), ACCEPTED),
        f"810/{AEROSPACE}basic-invoice.edi": (1, ACCEPTED, ACCEPTED),
    },
    "harvest-apparel": {
        "856/olmelabs_EdiEngine__856.Crossdock.OK.edi": (
            1,
            ACCEPTED,
            frozenset({("N1", 4, "identifier-unknown"), ("LIN", 3, "identifier-unknown")}),
        ),
        "850/olmelabs_EdiEngine__850.OK.edi": (1, ACCEPTED, frozenset({("PO4", 7, "unit-unknown")})),
        "850/olmelabs_EdiEngine__850.Composite.SLN.OK.edi": (1, ACCEPTED, ACCEPTED),
        # A qualifier without its number, a weight's unit without the weight.
        "850/olmelabs_EdiEngine__850.SyntaxNotes.ERR.edi": (
            0,
            frozenset({("PO1", 7, "2"), ("PO4", 6, "2")}),
            frozenset({("PO4", 7, "unit-unknown")}),
        ),
    },
}


@dataclass(frozen=True)
class Outcome:
    documents: int
    faults: frozenset[Fault]
    warnings: frozenset[Fault]


def test_each_of_the_five_has_its_source() -> None:
    assert sorted(FILES) == BOTH_WAYS
    assert all(any(faults == ACCEPTED for _, faults, _ in files.values()) for files in FILES.values())


@pytest.mark.parametrize("partner", BOTH_WAYS)
def test_a_profile_reads_the_files_of_its_source(partner: str) -> None:
    loaded = examples().by_id(partner)
    assert loaded is not None
    rules = as_from_anybody(loaded)
    there = {name: CORPUS / name for name in FILES[partner] if (CORPUS / name).exists()}
    assert {name: read(file, rules) for name, file in there.items()} == {
        name: Outcome(*FILES[partner][name]) for name in there
    }


def test_its_tolerances_are_no_more_than_the_source_needs() -> None:
    for partner, files in FILES.items():
        loaded = examples().by_id(partner)
        assert loaded is not None
        rules = as_from_anybody(loaded)
        needed = [CORPUS / name for name, (_, faults, _) in files.items() if faults == ACCEPTED]
        for without in without_one_tolerance(rules) if all(file.exists() for file in needed) else ():
            assert any(read(file, without).faults for file in needed), (partner, without.tolerances)


def as_from_anybody(loaded: LoadedProfile) -> ReadingRules:
    """How a partner's documents are read, also those that we send, whoever they are from."""
    agreements = tuple(one.model_copy(update={"direction": "inbound"}) for one in loaded.profile.agreements)
    theirs = replace(loaded, profile=loaded.profile.model_copy(update={"agreements": agreements}))
    return replace(reading_rules(theirs, [BIGCORP]), senders=None, receivers=None)


def without_one_tolerance(rules: ReadingRules) -> list[ReadingRules]:
    """The rules with one tolerance less, whether it is the partner's or an agreement's."""
    guides = rules.guides or ()
    of_all = [replace(rules, tolerances=rules.tolerances - {one}) for one in sorted(rules.tolerances)]
    of_one = [
        replace(rules, guides=(*guides[:n], replace(guide, tolerances=guide.tolerances - {one}), *guides[n + 1 :]))
        for n, guide in enumerate(guides)
        for one in sorted(guide.tolerances)
    ]
    return of_all + of_one


def read(file: Path, rules: ReadingRules) -> Outcome:
    documents, findings = 0, list[Finding]()
    for item in translate(file.read_bytes(), rules):
        match item:
            case TranslatedDocument():
                documents += item.document is not None
                findings += item.findings
            case TranslationResult():
                findings += item.findings
    by_severity = {
        is_error: frozenset(
            (one.segment, one.element, str(one.code))
            for one in findings
            if (one.severity is Severity.ERROR) == is_error
        )
        for is_error in (True, False)
    }
    return Outcome(documents, by_severity[True], by_severity[False])
