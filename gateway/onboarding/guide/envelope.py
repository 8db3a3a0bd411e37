"""The X12 envelope: each element of ISA and GS with what you send and what we do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.agreements import framing_for
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.tables import Fact
from gateway.onboarding.guide.words import counted, listed, separator_words
from gateway.settings import X12Address
from partners.profile import Profile
from partners.profile import X12Address as TheirAddress
from translators.x12.dictionary import ElementRule, load_release

_RELEASE: Final = "004010"  # the control segments are the same in every release
USAGE_CODES: Final = {"production": "P", "test": "T", "information": "I"}
_REPETITION_SINCE: Final = "00402"
_ANY: Final = "as your software has it"


@dataclass(frozen=True, slots=True)
class EnvelopeRow:
    """One element of an envelope segment: what the partner sends, and what we do."""

    ref: str
    name: str
    length: str
    theirs: str
    ours: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class EnvelopeSection:
    """The envelope of both directions."""

    isa: tuple[EnvelopeRow, ...]
    gs: tuple[EnvelopeRow, ...]
    separators: tuple[tuple[str, str, str], ...]
    rules: tuple[Fact, ...]
    usage_now: str
    sends: bool
    receives: bool


def envelope_of(facts: Facts) -> EnvelopeSection | None:
    """The envelope; None where no X12 is exchanged."""
    if not any(item.syntax == "x12" for item in facts.profile.agreements):
        return None
    return _Envelope(facts).made()


class _Envelope:
    """Puts the values of both sides beside each other."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._profile = facts.profile
        x12 = [item for item in facts.profile.agreements if item.syntax == "x12"]
        self._named = {item.our_identity for item in x12}
        self._out = [item for item in x12 if item.direction == "outbound"]
        self._in = [item for item in x12 if item.direction == "inbound"]
        self._ours = [
            identity.x12
            for identity in facts.settings.identities
            if identity.x12 is not None and (None in self._named or identity.name in self._named)
        ]

    def made(self) -> EnvelopeSection:
        segments = load_release(_RELEASE).segments
        return EnvelopeSection(
            isa=tuple(_rows("ISA", segments["ISA"].elements, dict(self._isa()))),
            gs=tuple(_rows("GS", segments["GS"].elements, dict(self._gs()))),
            separators=tuple(self._separators()),
            rules=tuple(_rules(self._facts)),
            usage_now=_usage_now(self._profile),
            sends=bool(self._out),
            receives=bool(self._in),
        )

    def _addresses(self, use: str) -> list[TheirAddress]:
        return [item for item in self._profile.x12 if item.use in {"both", use}]

    def _isa(self) -> Iterator[tuple[int, tuple[str, str, str]]]:
        theirs_in, theirs_out = self._addresses("inbound"), self._addresses("outbound")[:1]
        ours = self._ours
        versions_in = list(dict.fromkeys(release[:5] for item in self._in for release in item.releases))
        framing = self._profile.framing
        versions_out = list(
            dict.fromkeys(framing.version or item.releases[0][:5] for item in self._out if item.releases)
        )
        blank = "10 blanks"
        yield 1, ("00", "00", "")
        yield 2, (blank, blank, "")
        yield 3, ("00", "00", "")
        yield 4, (blank, blank, "")
        yield (
            5,
            (_each(item.qualifier for item in theirs_in), _each(item.qualifier for item in ours), "sender qualifier"),
        )
        yield 6, (_padded(theirs_in), _padded(ours), "sender, filled up with blanks to 15 characters")
        yield (
            7,
            (
                _each(item.qualifier for item in ours),
                _each(item.qualifier for item in theirs_out),
                "receiver qualifier",
            ),
        )
        yield 8, (_padded(ours), _padded(theirs_out), "receiver, filled up with blanks to 15 characters")
        yield 9, ("YYMMDD", "YYMMDD", "your day and time; ours is UTC")
        yield 10, ("HHMM", "HHMM", "")
        repetition = framing.separators.repetition
        ours_11 = repetition if any(version >= _REPETITION_SINCE for version in versions_out) else "U"
        yield 11, ("U, or your repetition separator", ours_11, "U up to version 00401, the separator after it")
        yield 12, (_each(versions_in) or _ANY, _each(versions_out), "of the envelope; GS08 decides the release")
        yield 13, ("9 digits, never twice", "9 digits, ascending", self._numbers())
        yield 14, ("0 or 1", "1" if framing.acknowledgment_requested else "0", "1 asks for a TA1")
        yield 15, ("T while testing, then P", self._usage(), "T test, P production, I information")
        yield 16, (_ANY, framing.separators.component, "the component separator")

    def _numbers(self) -> str:
        numbers = self._profile.control_numbers.interchange
        if (numbers.min, numbers.max) == (1, 999_999_999):
            return "the same in IEA02"
        return f"the same in IEA02; ours run from {numbers.min:09d} to {numbers.max:09d}"

    def _usage(self) -> str:
        if self._profile.is_test:
            return "T now, P in production"
        return USAGE_CODES[self._profile.framing.usage]

    def _gs(self) -> Iterator[tuple[int, tuple[str, str, str]]]:
        theirs_in, theirs_out = self._addresses("inbound"), self._addresses("outbound")[:1]
        codes_in = _each(item.group_id or item.id for item in theirs_in)
        codes_out = _each(item.group_id or item.id for item in theirs_out)
        ours = _each(item.group_id for item in self._ours)
        yield 1, ("by document", "by document", "the section of each document names it; FA for acknowledgments")
        yield 2, (codes_in, ours, "application sender")
        yield 3, (ours, codes_out, "application receiver")
        yield 4, ("CCYYMMDD", "CCYYMMDD", "YYMMDD up to release 003070")
        yield 5, ("HHMM", "HHMM", "")
        yield 6, ("1 to 9 digits", "1 to 9 digits, ascending", "the same in GE02")
        yield 7, ("X", "X", "")
        releases_in = list(dict.fromkeys(name for item in self._in for name in item.releases))
        releases_out = list(dict.fromkeys(name for item in self._out for name in item.releases))
        yield 8, (_each(releases_in) or _ANY, _each(releases_out), "the release; an industry's suffix may follow")

    def _separators(self) -> Iterator[tuple[str, str, str]]:
        rules = framing_for(self._profile)
        held = rules.delimiters
        theirs = "any that occurs nowhere in your data"
        yield "Element separator", f"{theirs}; behind ISA", separator_words(held.element)
        line_end = {"": "", "\r\n": ", then CR LF", "\n": ", then LF", "\r": ", then CR"}[rules.line_end]
        yield "Segment terminator", f"{theirs}; CR and LF may follow it", separator_words(held.terminator) + line_end
        yield "Component separator", f"{theirs}; ISA16", separator_words(held.component)
        yield "Repetition separator", f"{theirs}; ISA11 from version 00402 on", separator_words(held.repetition)


def _rows(code: str, elements: tuple[ElementRule, ...], held: dict[int, tuple[str, str, str]]) -> Iterator[EnvelopeRow]:
    for number, element in enumerate(elements, 1):
        theirs, ours, remark = held.get(number, ("", "", ""))
        length = str(element.min) if element.min == element.max else f"{element.min}/{element.max}"
        yield EnvelopeRow(f"{code}{number:02d}", element.name, length, theirs, ours, remark)


def _each(values: Iterator[str] | list[str]) -> str:
    return listed(list(dict.fromkeys(values)), "or")


def _padded(addresses: list[TheirAddress] | list[X12Address]) -> str:
    return _each([item.id for item in addresses])


def _usage_now(profile: Profile) -> str:
    return "T" if profile.is_test else USAGE_CODES[profile.framing.usage]


ACTION_WORDS: Final = {
    "reject": "is rejected",
    "accept_with_error": "is processed, and the acknowledgment says so",
    "process": "is processed",
}
CHARACTER_WORDS: Final = {
    "any": "every character that the encoding has",
    "extended": "the extended set of X12.6: letters of both cases, digits and signs",
    "basic": "the basic set of X12.6: capital letters, digits and some signs",
}
SPACE_WORDS: Final = {
    "keep": "leading blanks belong to the value, trailing ones are padding",
    "trim": "blanks around a value do not count",
    "reject": "blanks around a value are an error (AK403 = 6)",
}
TRAILING_WORDS: Final = {
    "not_allowed": "no separators behind the last element with data",
    "optional": "separators behind the last element with data are let pass",
    "mandatory": "every element of the standard has to be separated, the empty ones at the end, too",
}
TOLERANCE_WORDS: Final = {
    "isa-padding": "ISA elements that are not filled up to their width",
    "leading-bytes": "blanks before a segment",
    "trailing-garbage": "bytes behind the last IEA that are no interchange",
    "missing-trailer": "a missing SE, GE or IEA",
    "trailer-counts": "wrong counts in SE01, GE01, IEA01",
    "trailer-numbers": "numbers in SE02, GE02, IEA02 that differ from their header",
    "empty-segments": "two terminators with nothing between",
    "trailing-separators": "separators behind the last element with data",
    "separators-in-data": "a component or repetition separator inside a plain element",
    "segment-order": "segments that come too late",
    "unknown-segments": "segments that the set does not have: they are kept",
    "group-kind": "a set in a group of another kind (GS01)",
    "code-values": "codes outside of the release's list",
    "element-lengths": "values that are too short or too long",
    "newer-release": "releases newer than we know",
    "control-totals": "a CTT01 that does not count the lines",
    "hierarchy": "HL01 used twice, HL02 that names no level before it",
    "element-types": "values of another type than the standard's: kept as text",
    "explicit-decimals": "a decimal point where the standard implies the decimals",
}


def _rules(facts: Facts) -> Iterator[Fact]:
    profile = facts.profile
    duplicates, validation = profile.duplicates, profile.validation
    yield Fact("Test and production", _test_words(profile))
    yield Fact(
        "A control number used again",
        (
            f"ISA13: the interchange {ACTION_WORDS[duplicates.action]}",
            f"GS06 of an earlier interchange: the group {ACTION_WORDS[duplicates.group]}",
            f"ST02 of an earlier group: the set {ACTION_WORDS[duplicates.transaction_set]}",
        ),
        f"numbers are remembered for {counted(duplicates.window_days, 'day')}",
    )
    if duplicates.out_of_sequence != "process":
        yield Fact("ISA13 out of sequence", f"the interchange {ACTION_WORDS[duplicates.out_of_sequence]}")
    encoding = {"latin-1": "ISO 8859-1 (Latin-1)", "utf-8": "UTF-8"}[profile.encoding]
    yield Fact("Encoding", encoding, "of both directions")
    yield Fact("Characters", CHARACTER_WORDS[validation.character_set], "in what you send")
    yield Fact("Blanks", SPACE_WORDS[validation.spaces])
    if "trailing-separators" not in profile.tolerances:
        yield Fact("Empty elements at the end", TRAILING_WORDS[validation.trailing_separators])
    in_data = {
        "replace": f"a separator inside data is replaced by {separator_words(profile.framing.replacement)}",
        "reject": "a document whose data holds a separator is not sent",
        "choose": "we take other separators where ours occur in the data; read them from ISA",
    }
    yield Fact("Separators in our data", in_data[profile.framing.separators_in_data])
    if profile.framing.trailing_separators == "all":
        yield Fact("Empty elements at the end of ours", "separated, as many as the standard has")
    tolerated = [TOLERANCE_WORDS.get(name, name) for name in profile.tolerances]
    if tolerated:
        yield Fact("What we let pass", tuple(tolerated), "told as a warning; better not to need it")


def _test_words(profile: Profile) -> tuple[str, ...]:
    if profile.is_test:
        return (
            "This relationship is in test: what you send is read, judged and acknowledged, and reaches no production.",
            "Send ISA15 = T; ours is T. On the day that we both go live, both change to P.",
        )
    return (
        "ISA15 = P is processed in production.",
        "ISA15 = T is read, judged and acknowledged likewise, and marked as a test.",
    )
