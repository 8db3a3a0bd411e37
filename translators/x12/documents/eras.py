"""Tables for older releases, where an element stood in another place: made from those of `loops` by exchange.

Of all segments with a table only DTM ever shifted: up to 003070 its fifth element is the century of the date.
"""

from dataclasses import replace
from functools import cache
from typing import Final

from translators.x12.documents import segments as s
from translators.x12.documents.places import Owner, SegmentMap, Slot

_CENTURIES_IN_FULL: Final = "004"
_TO_003070: Final = {id(s.DTM): s.DTM_TO_003070}


def in_release(owner: Owner, release: str) -> Owner:
    """The table of a transaction set as it reads in a release; ``release`` is GS08 or the tables that stand for it."""
    is_older = release[:3].isdigit() and release[:3] < _CENTURIES_IN_FULL
    return _older(_Known(owner)) if is_older else owner


class _Known:
    """An owner by its identity: tables are few and live as long as the program."""

    __slots__ = ("owner",)

    def __init__(self, owner: Owner) -> None:
        self.owner = owner

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and other.owner is self.owner

    def __hash__(self) -> int:
        return id(self.owner)


@cache
def _older(known: _Known) -> Owner:
    return _exchanged(known.owner, _TO_003070, {})


def _exchanged(owner: Owner, maps: dict[int, SegmentMap], made: dict[int, Owner]) -> Owner:
    """A copy of an owner with other segment maps; an owner may hold itself, as levels do."""
    if id(owner) not in made:
        copy = made[id(owner)] = {}
        for code, slot in owner.items():
            copy[code] = _slot(slot, maps, made)
    return made[id(owner)]


def _slot(slot: Slot, maps: dict[int, SegmentMap], made: dict[int, Owner]) -> Slot:
    return replace(slot, segment=maps.get(id(slot.segment), slot.segment), inner=_exchanged(slot.inner, maps, made))
