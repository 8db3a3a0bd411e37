"""Claims of the story: what happens, whether it did, and what was seen."""

from dataclasses import dataclass


class NotSo(Exception):  # noqa: N818  # said of a claim
    """Something that the demo claims did not happen; the text says what was seen instead."""


@dataclass(frozen=True, slots=True)
class Act:
    """One claim, and whether it held.

    Attributes:
        claim: what happens, in words for a person.
        held: whether it did.
        seen: what was seen, in words for a person.
    """

    claim: str
    held: bool
    seen: str


def expect(holds: bool, otherwise: str) -> None:  # read as a sentence
    """Nothing where it holds.

    Raises:
        NotSo: with what was seen instead.
    """
    if not holds:
        raise NotSo(otherwise)
