"""What the samples show: which segments stand where, and which values their elements hold."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from translators.x12.tree import Loop, Segment

_VALUES_MAX = 24  # of one element; a guide shows a few


@dataclass(slots=True)
class Evidence:
    """What was seen in transaction sets of one document.

    Attributes:
        places: (loops, segment) -> how often.
        values: (segment, element, component) -> the values in the order they came, each once.
    """

    places: dict[tuple[str, str], int] = field(default_factory=dict)
    values: dict[tuple[str, int, int], list[str]] = field(default_factory=dict)

    def holds(self, loop: str, code: str) -> bool:
        """Whether a segment was seen at a place."""
        return (loop, code) in self.places

    def of(self, code: str, element: int, component: int = 1) -> list[str]:
        """The values that an element of a segment held, wherever it stood."""
        return self.values.get((code, element, component), [])


def gather(trees: Iterable[Loop]) -> Evidence:
    """What transaction sets show."""
    found = Evidence()
    for tree in trees:
        for loop, segment in placed(tree):
            found.places[loop, segment.code] = found.places.get((loop, segment.code), 0) + 1
            _values(segment, found)
    return found


def placed(tree: Loop, around: str = "") -> Iterator[tuple[str, Segment]]:
    """Every segment with the loops around it; one that opens a loop stands inside of it."""
    for item in tree.items:
        if isinstance(item, Segment):
            yield around, item
        else:
            yield from placed(item, f"{around}/{item.code}" if around else item.code)


def _values(segment: Segment, found: Evidence) -> None:
    for number, held in enumerate(segment.elements, 1):
        components = (held,) if isinstance(held, str) else held[0] if held else ()
        for component, value in enumerate(components, 1):
            if not value.strip():
                continue
            known = found.values.setdefault((segment.code, number, component), [])
            if value not in known and len(known) < _VALUES_MAX:
                known.append(value)
