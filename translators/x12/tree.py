"""A transaction set as a tree of loops and segments, each with its place in the file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

# A plain element is a string. An element that holds components or repetitions is a tuple of repetitions,
# each a tuple of components; most elements of the procure-to-pay family are plain.
Element: TypeAlias = "str | tuple[tuple[str, ...], ...]"


def element_values(element: Element) -> list[str]:
    """Every value of an element: itself, or the components of its repetitions in their order."""
    return [element] if isinstance(element, str) else [value for repetition in element for value in repetition]


class RepeatedElements(list[Element]):
    """Elements of a text that stood before in its interchange, right as it was: one list for all its segments.

    ``made`` holds what was made of them, by maker, so that it is made once.
    """

    __slots__ = ("made",)

    def __init__(self, elements: list[Element]) -> None:
        super().__init__(elements)
        self.made: dict[object, Any] = {}


@dataclass(slots=True)
class Segment:
    """One segment: its code, its elements (``elements[0]`` is element 1) and its bytes ``start..end`` in the file.

    Segments of the same text share their elements (`RepeatedElements`), so nobody changes them.
    """

    code: str
    elements: list[Element]
    position: int  # in its transaction set, ST = 1
    start: int
    end: int  # offset behind the terminator

    def value(self, element: int, component: int = 1, repetition: int = 1) -> str:
        """The value of an element (all counts from 1); empty when absent."""
        if element > len(self.elements):
            return ""
        held = self.elements[element - 1]
        if isinstance(held, str):
            return held if component == 1 and repetition == 1 else ""
        if repetition > len(held) or component > len(held[repetition - 1]):
            return ""
        return held[repetition - 1][component - 1]


@dataclass(slots=True)
class Loop:
    """A loop of the standard: its code (its trigger segment, empty for the whole set) and its items in order."""

    code: str
    items: "list[Segment | Loop]" = field(default_factory=list)

    def segments(self, code: str) -> Iterator[Segment]:
        """The segments of this code that stand directly in this loop."""
        return (item for item in self.items if isinstance(item, Segment) and item.code == code)

    def segment(self, code: str) -> Segment | None:
        """The first segment of this code directly in this loop."""
        return next(self.segments(code), None)

    def loops(self, code: str) -> "Iterator[Loop]":
        """The loops of this code directly in this loop."""
        return (item for item in self.items if isinstance(item, Loop) and item.code == code)

    def walk(self) -> Iterator[Segment]:
        """Every segment below this loop, in file order."""
        for item in self.items:
            if isinstance(item, Segment):
                yield item
            else:
                yield from item.walk()
