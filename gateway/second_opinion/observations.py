"""What a validator says of a place in a file, in words that both validators share."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of fault that are compared; the codes of two validators for one kind need not be the same."""

    ELEMENT_MISSING = "element missing"
    CONDITION = "syntax note broken"
    EXCLUSION = "elements exclude each other"
    SURPLUS = "too many elements, components or repetitions"
    TOO_SHORT = "too short"
    TOO_LONG = "too long"
    CHARACTER = "wrong characters"
    CODE = "code not listed"
    DATE = "no date"
    TIME = "no time"
    PLACE = "segment has no place here"
    SEGMENT_MISSING = "segment or loop missing"
    USES = "too many uses"
    TRAILING_SEPARATORS = "trailing separators"
    EMPTY = "segment without values"
    HL_NUMBER = "HL01 out of count"
    HL_PARENT = "HL02 names no parent"
    HL_ORDER = "HL out of order"
    TRAILER_MISSING = "trailer missing"
    COUNT = "wrong count in a trailer"
    CONTROL_NUMBER = "control numbers differ"
    DUPLICATE = "control number used twice"
    OTHER = "something else"


# AK403, the codes that both validators use for elements.
ELEMENT_KINDS = {
    "1": Kind.ELEMENT_MISSING,
    "2": Kind.CONDITION,
    "3": Kind.SURPLUS,
    "4": Kind.TOO_SHORT,
    "5": Kind.TOO_LONG,
    "6": Kind.CHARACTER,
    "7": Kind.CODE,
    "8": Kind.DATE,
    "9": Kind.TIME,
    "10": Kind.EXCLUSION,
    "12": Kind.SURPLUS,
    "13": Kind.SURPLUS,
}


@dataclass(frozen=True, slots=True)
class Observation:
    """One fault that a validator sees.

    Attributes:
        start: offset of the segment it was seen at.
        segment: the segment it speaks of; of a missing one that is not the one it was seen at.
        element: 1-based; None when it speaks of the segment.
        component: 1-based, in a composite.
        kind: what it says.
        code: its own code: TA105, AK905, AK502, AK304 or AK403.
        message: its own words.
        value: what stands there, where it says so.
    """

    start: int
    segment: str
    element: int | None
    component: int | None
    kind: Kind
    code: str
    message: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A part of a file that the second validator could not judge, and why.

    Attributes:
        start: offset of its first byte.
        end: offset behind it.
        reason: in a sentence.
    """

    start: int
    end: int
    reason: str


# Kinds that a segment can have once, whatever element or segment is named with them.
SAID_ONCE = frozenset(
    {
        Kind.CONDITION,
        Kind.EXCLUSION,
        Kind.PLACE,
        Kind.TRAILING_SEPARATORS,
        Kind.EMPTY,
        Kind.TRAILER_MISSING,
        Kind.COUNT,
        Kind.CONTROL_NUMBER,
        Kind.DUPLICATE,
    }
)
