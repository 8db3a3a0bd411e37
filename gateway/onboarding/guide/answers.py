"""Which acknowledgments go in which direction, when, and what their codes say."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.onboarding.guide import error_codes
from gateway.onboarding.guide.error_codes import CodeTable
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.names import DOCUMENT_NAMES
from gateway.onboarding.guide.tables import Fact
from gateway.onboarding.guide.words import counted
from partners.profile import Agreement

_TA1: Final = {
    "never": "none is sent",
    "on_error": "for an interchange whose envelope has an error",
    "as_requested": "when ISA14 is 1, and for every interchange that is rejected",
    "always": "for every interchange",
}
ON_BAD_SET_WORDS: Final = {
    "reject_set": "that transaction set alone is rejected; the others of the group are processed",
    "reject_group": "the whole group is rejected, nothing of it is processed",
    "reject_interchange": "the whole interchange is rejected, nothing of it is processed",
    "accept_with_errors": "it is processed as far as it can be understood, and its errors are told",
}


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One acknowledgment: who sends it, about what, when."""

    name: str
    sender: str
    about: str
    when: str
    says: str


@dataclass(frozen=True, slots=True)
class AnswersSection:
    """What answers what."""

    rows: tuple[AnswerRow, ...]
    rules: tuple[Fact, ...]
    codes: tuple[CodeTable, ...]


def answers_of(facts: Facts) -> AnswersSection:
    """The acknowledgments of both directions."""
    has_x12 = any(item.syntax == "x12" for item in facts.profile.agreements)
    return AnswersSection(
        rows=tuple(_rows(facts, has_x12=has_x12)),
        rules=tuple(_rules(facts)) if has_x12 else (),
        codes=_codes(facts) if has_x12 else (),
    )


def functional_of(facts: Facts, agreement: Agreement) -> str:
    """The functional acknowledgment that groups of a document earn: 997, 999 or none."""
    own = agreement.acknowledgment
    chosen = own.functional if own is not None else None
    return chosen or facts.profile.acknowledgment.functional


def _rows(facts: Facts, *, has_x12: bool) -> Iterator[AnswerRow]:
    profile, us, them = facts.profile, facts.us, facts.profile.name
    if profile.as2 is not None:
        yield AnswerRow("Receipt (MDN)", us, "each AS2 message of yours", "at once", "we hold your message durably")
        if profile.as2.url is not None and profile.as2.sending.receipt != "none":
            by = "in the response" if profile.as2.sending.receipt_by == "response" else "later, to our address"
            yield AnswerRow("Receipt (MDN)", them, "each AS2 message of ours", by, "you hold our message")
    if profile.has_api:
        yield AnswerRow("202", us, "each POST", "at once", "we hold your document durably")
    if not has_x12:
        return
    said = profile.acknowledgment
    yield AnswerRow("TA1", us, "each interchange of yours", _TA1[said.ta1], "whether its envelope could be read")
    kinds = dict.fromkeys(
        functional_of(facts, item) for item in profile.agreements if (item.syntax, item.direction) == ("x12", "inbound")
    )
    for kind in kinds or (said.functional,):
        if kind == "none":
            continue
        which = [
            DOCUMENT_NAMES[item.document].set_type
            for item in profile.agreements
            if (item.syntax, item.direction) == ("x12", "inbound") and functional_of(facts, item) == kind
        ]
        about = f"each group of yours ({', '.join(dict.fromkeys(which))})" if which else "each group of yours"
        when = "once it was processed, mostly within seconds"
        yield AnswerRow(kind, us, about, when, "whether each transaction set was accepted, and why not")
    if any((item.syntax, item.direction) == ("x12", "outbound") for item in profile.agreements):
        hours = said.expected_within_hours
        when = f"within {counted(hours, 'hour')}" if hours is not None else "as you are used to; we do not wait for it"
        yield AnswerRow("997 or 999", them, "each group of ours", when, "whether you could read it")


def _rules(facts: Facts) -> Iterator[Fact]:
    profile = facts.profile
    said = profile.acknowledgment
    if said.functional != "none":
        listed = (
            "each set, accepted ones too (AK2, AK5)" if said.accepted_sets else "rejected sets; AK9 counts the others"
        )
        yield Fact("It names", listed)
        whole = {
            "per_interchange": "one interchange answers all groups of one of yours",
            "per_group": "each group by itself",
        }
        yield Fact(
            "Envelope", whole[said.envelope], "with your ISA and GS addresses swapped, in the release of your GS08"
        )
    yield Fact("A transaction set in error", ON_BAD_SET_WORDS[profile.processing.on_bad_set])
    yield Fact(
        "What earns none",
        "acknowledgments themselves: a group of 997 or 999 earns no 997, a TA1 earns no TA1",
    )
    yield Fact(
        "No acknowledgment came",
        "after a receipt or 202 your document is safe with us: ask before you send it again",
        "a fault of ours never rejects your document",
    )


def _codes(facts: Facts) -> tuple[CodeTable, ...]:
    said = facts.profile.acknowledgment
    functional = any(
        functional_of(facts, item) != "none" for item in facts.profile.agreements if item.direction == "inbound"
    )
    tables: list[CodeTable] = []
    if said.ta1 != "never":
        tables += [error_codes.INTERCHANGE_STATUS, error_codes.INTERCHANGE_ERRORS]
    if functional or said.functional != "none":
        tables += [
            error_codes.GROUP_STATUS,
            error_codes.GROUP_ERRORS,
            error_codes.SET_STATUS,
            error_codes.SET_ERRORS,
            error_codes.SEGMENT_ERRORS,
            error_codes.ELEMENT_ERRORS,
        ]
    return tuple(tables)
