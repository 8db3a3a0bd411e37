"""Which of its like a segment is: ``PO1[3]/REF[2]`` is the second REF of the third PO1 loop.

`Unmapped.place` says it, so that what found no field can be written back where it stood, though a segment before it be
gone. Loops and segments count among those of their code in the loop around them, from 1. A level of a ship notice goes
by its id (HL01), for levels may be written in another order than they came.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from translators.x12.tree import Loop, Segment

_LEVEL: Final = "HL"
_NOTE: Final = "N9"
_NOTE_DATE: Final = (4, 5, 6)


def occurrences(tree: Loop, positions: frozenset[int]) -> dict[int, str]:
    """The places of the segments at these positions of a transaction set, as far as they can be told for sure."""
    ids = Counter(_level_id(loop) for loop in tree.loops(_LEVEL))
    return {segment.position: place for segment, place in _places(tree, "", ids) if segment.position in positions}


def _places(loop: Loop, prefix: str, level_ids: Counter[str]) -> Iterator[tuple[Segment, str]]:
    seen: Counter[str] = Counter()
    for item in loop.items:
        if item.code == _NOTE and not _is_note(item):
            continue  # it became a reference, and stands among those
        if isinstance(item, Segment):
            if any(item.elements):
                seen[item.code] += 1
                yield item, f"{prefix}{item.code}[{seen[item.code]}]"
            continue
        seen[item.code] += 1
        key = str(seen[item.code])
        if item.code == _LEVEL:
            key = _level_id(item)
            if not key or level_ids[key] > 1:
                continue
        yield from _places(item, f"{prefix}{item.code}[{key}]/", level_ids)


def _level_id(loop: Loop) -> str:
    trigger = loop.segment(_LEVEL)
    return "" if trigger is None else trigger.value(1).rstrip()


def _is_note(item: Segment | Loop) -> bool:
    """Whether N9 says more than a reference: then it is a note."""
    if isinstance(item, Segment):
        return any(item.value(element).strip() for element in _NOTE_DATE)
    trigger = item.segment(_NOTE)
    return len(item.items) > 1 or (trigger is not None and _is_note(trigger))
