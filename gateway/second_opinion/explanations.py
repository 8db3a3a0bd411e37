"""Why the two validators differ: a table of known reasons, each with the cases it covers.

What no row covers is a fault of one of them until somebody looks into it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from gateway.second_opinion.observations import Kind, Observation


@dataclass(frozen=True, slots=True)
class Case:
    """An observation that the other side does not share, and what else is known about its segment.

    Attributes:
        one: the observation.
        ours: everything we say of it.
        theirs: everything pyx12 says of it.
        diverged: a segment before it in its set had no place for one of the two at least.
        repetition: the separator of repetitions, if the interchange has one.
    """

    one: Observation
    ours: tuple[Observation, ...]
    theirs: tuple[Observation, ...]
    diverged: bool
    repetition: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A known reason, and the cases that it covers."""

    text: str
    covers: Callable[[Case], bool]


_STRUCTURE = frozenset({Kind.PLACE, Kind.SEGMENT_MISSING, Kind.USES})
_ENVELOPE_SEGMENTS = frozenset({"ISA", "IEA", "GS", "GE", "ST", "SE", "TA1"})
_GS08, _HL04 = 8, 4
_GS_DATE_AND_TIME = frozenset({4, 5})
# Letters that pyx12 takes in text: the extended character set of 004010.
_EXTENDED = re.compile(r"""[A-Za-z0-9!"&'()*+,\-./:;?= %~@\[\]_{}\\|<>#$]*""")
_EXPONENT_OR_POINT = re.compile(r"-?[0-9]*\.?[0-9]*(?:E-?[0-9]+)?")
_DIVERGED = Reason(
    "a segment before it had no place; behind such a one the two stand at different places of the grammar",
    lambda case: case.diverged and case.one.kind in _STRUCTURE,
)


def _says(observations: tuple[Observation, ...], *kinds: Kind) -> bool:
    return any(one.kind in kinds for one in observations)


def is_floating(one: Observation, ours: tuple[Observation, ...]) -> bool:
    """Whether pyx12 misses a place for a segment that floats, which it has no word for."""
    return one.segment == "NTE" and one.kind is Kind.PLACE and not _says(ours, Kind.PLACE)


_BLANKS = "blanks before a segment are told once for the interchange"
_OURS = (
    _DIVERGED,
    Reason(
        "pyx12 does not add up what CTT tells",
        lambda case: case.one.segment == "CTT" and case.one.kind is Kind.CODE and case.one.element in {1, 2},
    ),
    Reason(
        "pyx12 does not look whether a level has the children that HL04 tells of",
        lambda case: case.one.segment == "HL" and case.one.kind is Kind.CODE and case.one.element == _HL04,
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
    Reason(
        "pyx12 counts HL01 and stops looking at parents where the count is wrong",
        lambda case: case.one.segment == "HL" and _says(case.theirs, Kind.HL_NUMBER),
    ),
)

_THEIRS = (
    Reason(
        "NTE may stand anywhere in the early releases; pyx12 has no such segments",
        lambda case: is_floating(case.one, case.ours),
    ),
    _DIVERGED,
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
        "pyx12 does not part repetitions and judges them as one value",
        lambda case: bool(case.repetition) and case.repetition in (case.one.value or ""),
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
        "numbers and counts of trailers are compared as numbers; their width says nothing more",
        lambda case: (
            case.one.segment in {"SE", "GE", "IEA"}
            and case.one.kind in {Kind.TOO_SHORT, Kind.TOO_LONG, Kind.CHARACTER, Kind.CONTROL_NUMBER}
        ),
    ),
    Reason(
        "no code of TA1 or 997 tells of GS04 and GS05, and nothing depends on them: any date or time is taken",
        lambda case: case.one.segment == "GS" and case.one.element in _GS_DATE_AND_TIME,
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
