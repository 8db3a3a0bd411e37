"""Why the two validators differ: a table of known reasons, each with the cases it covers.

What no row covers is a fault of one of them until somebody looks into it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from gateway.second_opinion.observations import Kind, Observation
from translators.x12.delimiters import SEGMENT_CODE, Delimiters


@dataclass(frozen=True, slots=True)
class Case:
    """An observation that the other side does not share, and what else is known about its segment.

    Attributes:
        one: the observation.
        ours: everything we say of it.
        theirs: everything pyx12 says of it.
        diverged: a segment before it in its set had no place for one of the two at least.
        outside: the segment stands in no transaction set for us.
        broken: envelopes of its interchange are not closed, or text stands between them.
        elements: the texts of the segment between its separators.
        before: the code of the segment before it.
        delimiters: those of its interchange.
    """

    one: Observation
    ours: tuple[Observation, ...]
    theirs: tuple[Observation, ...]
    diverged: bool
    outside: bool
    broken: bool
    elements: tuple[str, ...]
    before: str
    delimiters: Delimiters

    @property
    def raw(self) -> str:
        """The text of the element that is spoken of."""
        at = self.one.element
        return self.elements[at] if at is not None and at < len(self.elements) else ""

    @property
    def is_repeated(self) -> bool:
        """Whether that text holds several repetitions."""
        return bool(self.delimiters.repetition) and self.delimiters.repetition in self.raw


@dataclass(frozen=True, slots=True)
class Reason:
    """A known reason, and the cases that it covers."""

    text: str
    covers: Callable[[Case], bool]


_STRUCTURE = frozenset({Kind.PLACE, Kind.SEGMENT_MISSING, Kind.USES})
_ENVELOPES = frozenset({Kind.TRAILER_MISSING, Kind.COUNT, Kind.CONTROL_NUMBER, Kind.DUPLICATE})
_VALUES = frozenset(
    {
        Kind.ELEMENT_MISSING,
        Kind.SURPLUS,
        Kind.TOO_SHORT,
        Kind.TOO_LONG,
        Kind.CHARACTER,
        Kind.CODE,
        Kind.DATE,
        Kind.TIME,
        Kind.TRAILING_SEPARATORS,
        Kind.EMPTY,
    }
)
_GS06, _GS08 = 6, 8
_CENTURY_DATE_WIDTH = 8
_ENVELOPE_SEGMENTS = frozenset({"GS", "GE", "IEA", "TA1"})
# Letters that pyx12 takes in text: the extended character set of 004010.
_EXTENDED = re.compile(r"""[A-Za-z0-9!"&'()*+,\-./:;?= %~@\[\]_{}\\|<>#$]*""")
_EXPONENT_OR_POINT = re.compile(r"-?[0-9]*\.?[0-9]*(?:E-?[0-9]+)?")
_SE_COUNT = ("SE", Kind.COUNT)
_DIVERGED = Reason(
    "a segment before it had no place; behind such a one the two stand at different places of the grammar",
    # A text that is no segment is counted by pyx12 and not by us.
    lambda case: case.diverged and (case.one.kind in _STRUCTURE or (case.one.segment, case.one.kind) == _SE_COUNT),
)
_BROKEN = Reason(
    "the envelopes are broken; each of the two goes on where it finds its own footing",
    lambda case: case.broken and (case.one.kind in _ENVELOPES or case.one.kind in _STRUCTURE),
)
_REPEATED = Reason("pyx12 does not part repetitions and judges them as one value", lambda case: case.is_repeated)


def _says(observations: tuple[Observation, ...], *kinds: Kind) -> bool:
    return any(one.kind in kinds for one in observations)


def is_floating(one: Observation, ours: tuple[Observation, ...]) -> bool:
    """Whether pyx12 misses a place for a segment that floats, which it has no word for."""
    return one.segment == "NTE" and one.kind is Kind.PLACE and not _says(ours, Kind.PLACE)


_BLANKS = "blanks before a segment are told once for the interchange"
_SEPARATORS_ALONE = Reason(
    "an element of separators alone is absent for pyx12; for us it is there, and wrong",
    lambda case: (
        case.one.kind in {Kind.CONDITION, Kind.EXCLUSION, Kind.ELEMENT_MISSING}
        and any(raw and not raw.strip(case.delimiters.component) for raw in case.elements)
    ),
)
_FLOATING = Reason(
    "NTE may stand anywhere in the early releases; pyx12 has no such segments",
    lambda case: (
        is_floating(case.one, case.ours)
        or (case.one.kind in {Kind.PLACE, Kind.SEGMENT_MISSING} and "NTE" in {case.before, case.elements[0]})
    ),
)
_OURS = (
    _FLOATING,
    _SEPARATORS_ALONE,
    _DIVERGED,
    _BROKEN,
    _REPEATED,
    Reason(
        "pyx12 does not add up what CTT tells",
        lambda case: case.one.segment == "CTT" and case.one.kind is Kind.CODE and case.one.element in {1, 2},
    ),
    Reason(
        "pyx12 does not look for what is missing where a loop begins anew right behind its first segment",
        lambda case: case.one.kind is Kind.SEGMENT_MISSING and case.elements[0] == case.before,
    ),
    Reason(
        "GS06 is a number without sign, whatever type the tables give it",
        lambda case: case.one.segment == "GS" and case.one.element == _GS06,
    ),
    Reason(
        "pyx12 compares HL01 with a count and HL02 with counts, and knows nothing of HL03 and HL04",
        lambda case: case.one.segment == "HL" and case.one.kind is Kind.CODE,
    ),
    Reason(
        "pyx12 looks for separators behind the last value in segments, not in composites",
        lambda case: case.one.kind is Kind.TRAILING_SEPARATORS and case.elements[-1] != "",
    ),
    Reason(
        "pyx12 reads a count as Python does, with a sign",
        lambda case: case.one.kind is Kind.COUNT and not (case.one.value or "").isdigit(),
    ),
    Reason(_BLANKS, lambda case: case.one.code == "022" and "blanks stand before" in case.one.message),
    Reason(
        "pyx12 looks at no elements of a segment that it could not place",
        lambda case: case.one.element is not None and _says(case.theirs, Kind.PLACE),
    ),
    Reason(
        "pyx12 does not compare the kind of a set with the kind of its group",
        lambda case: case.one.segment == "ST" and case.one.code == "6" and case.one.kind is Kind.OTHER,
    ),
    Reason(
        "pyx12 knows the releases for which it is given maps, and no others",
        lambda case: case.one.segment == "GS" and case.one.element == _GS08 and case.one.kind is Kind.OTHER,
    ),
    Reason(
        "a mandatory text of blanks alone says nothing; pyx12 takes blanks for a value",
        lambda case: (case.one.segment == "GS" and case.one.code == "024") or "only blanks" in case.one.message,
    ),
    Reason(
        "pyx12 names the first of too many elements, we the first that has a value",
        lambda case: case.one.kind is Kind.SURPLUS and _says(case.theirs, Kind.SURPLUS),
    ),
    Reason(
        "pyx12 does not ask for the first component of a composite that need not be there",
        lambda case: case.one.kind is Kind.ELEMENT_MISSING and case.one.component == 1,
    ),
    Reason(
        "pyx12 checks no syntax notes inside composites",
        lambda case: case.one.kind in {Kind.CONDITION, Kind.EXCLUSION} and case.one.component is not None,
    ),
    Reason(
        "pyx12 lets a minus sign alone pass for a number",
        lambda case: case.one.kind in {Kind.CHARACTER, Kind.TOO_SHORT} and case.one.value == "-",
    ),
    Reason(
        "pyx12 has no rule for control characters that X12 does not name, such as NUL and DEL",
        lambda case: case.one.kind is Kind.CHARACTER and not (case.one.value or "").isprintable(),
    ),
)

_THEIRS = (
    _FLOATING,
    _DIVERGED,
    _BROKEN,
    _REPEATED,
    Reason(
        "what stands in no transaction set is told of as a whole and not looked into",
        lambda case: case.outside and case.one.segment not in _ENVELOPE_SEGMENTS,
    ),
    Reason(
        "a text that is no segment is told of as a whole and not looked into",
        lambda case: SEGMENT_CODE.fullmatch(case.elements[0]) is None,
    ),
    Reason(
        "of the segments of the envelope we check the values that are used",
        lambda case: case.outside and case.one.segment in _ENVELOPE_SEGMENTS and case.one.kind in _VALUES,
    ),
    _SEPARATORS_ALONE,
    Reason(
        "of a segment that no table knows there is nothing to look into",
        lambda case: case.one.kind in _VALUES and _says(case.ours, Kind.PLACE),
    ),
    Reason(
        "a level without a good HL01 is told of once, and has no place among the others",
        lambda case: case.one.kind is Kind.HL_PARENT and any(one.element == 1 for one in case.ours),
    ),
    Reason(
        "pyx12 knows no date before 1800",
        lambda case: case.one.kind is Kind.DATE and case.raw < "1800" and len(case.raw) == _CENTURY_DATE_WIDTH,
    ),
    Reason(
        "where HL02 is not sent at all, pyx12 takes it for one that names no parent",
        lambda case: case.one.kind is Kind.HL_PARENT and case.raw == "",
    ),
    Reason(
        "pyx12 knows the character set of 004010 alone; a partner may agree on any that has no control characters",
        lambda case: case.one.kind is Kind.CHARACTER and not _EXTENDED.fullmatch(case.one.value or ""),
    ),
    Reason(
        "blanks behind a text should be left out (X12.6), yet they are no error",
        lambda case: case.one.kind is Kind.CHARACTER and (case.one.value or "").endswith(" "),
    ),
    Reason(
        "code lists are compared without blanks that pad a code",
        lambda case: case.one.kind is Kind.CODE and (case.one.value or "").endswith(" "),
    ),
    Reason(
        _BLANKS,
        lambda case: case.one.kind is Kind.PLACE and "leading space" in case.one.message,
    ),
    Reason(
        "a segment without values breaks other rules already, which we tell",
        lambda case: case.one.kind is Kind.EMPTY and bool(case.ours),
    ),
    Reason(
        "pyx12 names the first of too many elements, we the first that has a value",
        lambda case: case.one.kind is Kind.SURPLUS and _says(case.ours, Kind.SURPLUS),
    ),
    Reason(
        "HL01 must be unique in its set (X12 segment HL, comment A); pyx12 wants it to count from 1 as HIPAA does",
        lambda case: case.one.kind is Kind.HL_NUMBER,
    ),
    Reason(
        "HL02 names a parent that was there; pyx12 wants each level before the next of its parent, as HIPAA does",
        lambda case: case.one.kind is Kind.HL_ORDER,
    ),
    Reason(
        "control numbers are compared as numbers and without blanks that pad them",
        lambda case: case.one.kind is Kind.CONTROL_NUMBER,
    ),
    Reason(
        "of SE we compare the values with those of the set; their shape says nothing more",
        lambda case: case.one.segment == "SE" and case.one.kind in _VALUES,
    ),
    Reason(
        "a number may end with its decimal point or have an exponent (X12.6 section 3.5.1.2)",
        lambda case: case.one.kind is Kind.CHARACTER and bool(_EXPONENT_OR_POINT.fullmatch(case.one.value or "")),
    ),
)


def explain(case: Case, *, is_ours: bool) -> str | None:
    """Why only one of the two says this; None where that is not known."""
    for reason in _OURS if is_ours else _THEIRS:
        if reason.covers(case):
            return reason.text
    return None
