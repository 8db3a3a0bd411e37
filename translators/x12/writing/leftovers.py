"""What found no field when a document was read, by the place it stood at, so that it can be written back there."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from translators.document_parts import Unmapped
from translators.x12.writing.segments import Leftover

_STEP: Final = re.compile(r"([A-Z][A-Z0-9]{1,2})\[(.{1,80}?)\](?:/|\Z)")


@dataclass(slots=True)
class Leftovers:
    """The leftovers of one loop: those of its segments, by code and count, and its inner loops, by code and key."""

    segments: dict[tuple[str, int], list[Leftover]] = field(default_factory=dict)
    loops: "dict[tuple[str, str], Leftovers]" = field(default_factory=dict)

    def inside(self, code: str, key: str) -> "Leftovers":
        """Those of an inner loop, which are no longer held here."""
        return self.loops.pop((code, key), None) or Leftovers()

    def put_back(self, code: str, key: str, loop: "Leftovers") -> None:
        """What an inner loop did not take is held again, so that somebody tells of it."""
        if loop.segments or loop.loops:
            self.loops[code, key] = loop

    def of(self, code: str, count: int) -> list[Leftover]:
        """Those of a segment, which are no longer held here."""
        return self.segments.pop((code, count), [])

    def next_count(self, code: str) -> int | None:
        """The lowest count of this code that is still held."""
        return min((count for held, count in self.segments if held == code), default=None)

    def next_key(self, code: str) -> str | None:
        """The key of the first inner loop of this code that is still held and brings its own trigger."""
        keys = [key for held, key in self.loops if held == code and (code, 1) in self.loops[held, key].segments]
        return min(keys, key=lambda key: (len(key), key), default=None)

    def rest(self) -> Iterator[Leftover]:
        """Everything that is still held."""
        for held in self.segments.values():
            yield from held
        for loop in self.loops.values():
            yield from loop.rest()


def leftovers_of(unmapped: Iterable[Unmapped]) -> tuple[Leftovers, list[Leftover]]:
    """The leftovers of a document by their places, and those whose place cannot be told."""
    root = Leftovers()
    lost: list[Leftover] = []
    counts: Counter[str] = Counter()
    for index, kept in enumerate(unmapped):
        held = Leftover(index, kept)
        steps = _STEP.findall(kept.place or "")
        if kept.place is None and kept.loop is None:
            # Outside of loops a segment that no table knows stands where the grammar has it.
            counts[kept.segment] += 1
            steps = [(kept.segment, str(counts[kept.segment]))]
        if not steps or steps[-1][0] != kept.segment or not steps[-1][1].isdecimal() or not kept.elements:
            if kept.elements:
                lost.append(held)
            continue
        loop = root
        for code, key in steps[:-1]:
            loop = loop.loops.setdefault((code, key), Leftovers())
        loop.segments.setdefault((kept.segment, int(steps[-1][1])), []).append(held)
    return root, lost
