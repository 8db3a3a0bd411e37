"""Which part of an object goes to which place of its loop, before the loop is written.

A field may have several places: notes stand in N9 with MSG, in NTE or in MTX, dates in DTM here and further on. Each
part goes where least of it is lost; what has no room stays with the object.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from translators.building import Path
from translators.document_parts import Acknowledgment, Note
from translators.documents import InvoiceLine
from translators.x12.documents.places import Owner, Slot
from translators.x12.grammar import LoopRule, SegmentUse
from translators.x12.writing.losses import Loss, Losses
from translators.x12.writing.segments import Refused, SegmentBuilder
from translators.x12.writing.source import Source
from translators.x12.writing.special_segments import GROUPED

# What a place costs: each field that it loses, more where something is told, most where it refuses the part.
_REFUSED: Final = 1_000
_NOTHING_TO_SAY: Final = 500
_TOLD: Final = 3

Planned = list[tuple[Path, Any]]
"""The parts for one place, each with its path."""


def most(item: SegmentUse | LoopRule) -> int:
    """How often something may stand at its place: an agreement can only narrow it."""
    return item.max if item.limit is None else min(item.max, item.limit)


def source_of(value: object, path: Path) -> Source:
    """A part to be written, without what only repeats or follows from something else."""
    made = Source(value, path)
    index = path[-1] if path else None
    is_assigned = getattr(value, "line_id_assigned", None) and isinstance(index, int)
    if is_assigned and made.left.get("line_id") == str(int(index or 0) + 1):
        made.take("line_id")  # a number that only repeats the position was never sent
    if isinstance(value, InvoiceLine):
        made.take("purchase_order_number", "order_line_id", "line_amount")  # `invoices` gave them parts of their own
    return made


def places_of(rule: LoopRule, owner: Owner) -> dict[str, list[int]]:
    """The places of a loop for each field whose parts are assigned to them."""
    places: dict[str, list[int]] = {}
    for at, item in enumerate(rule.items):
        slot = owner.get(item.code)
        if at and slot is not None and slot.field and slot.special not in {*GROUPED, "level"}:
            places.setdefault(slot.field, []).append(at)
    return places


@dataclass(slots=True)
class Plan:
    """The parts for each place of one loop of one object.

    Attributes:
        places: those of `places_of`.
        at: place -> its parts in order.
    """

    builder: SegmentBuilder
    rule: LoopRule
    owner: Owner
    source: Source
    places: dict[str, list[int]]
    at: dict[int, Planned] = field(default_factory=dict)
    _room: dict[int, int] = field(default_factory=dict)

    def make(self) -> dict[int, Planned]:
        """Takes from the source what has a place."""
        for name, ats in self.places.items():
            if name in self.source.left:
                self._room |= {at: most(self.rule.items[at]) for at in ats}
                self._assign(name, ats)
        if "references" in self.source.left:
            self._references_as_notes()
        return self.at

    def _put(self, at: int, path: Path, value: object) -> None:
        self._room[at] -= 1
        self.at.setdefault(at, []).append((path, value))

    def _assign(self, name: str, ats: list[int]) -> None:
        held = self.source.left.pop(name)
        is_list = isinstance(held, list)
        costs: dict[tuple[int, tuple[str, ...]], int] = {}
        rest = []
        for index, value in held[::-1] if is_list else [(None, held)]:
            if isinstance(value, Acknowledgment) and value.derived:
                continue  # it follows from the status of the whole document
            free = [at for at in ats if self._room[at] > 0]
            if not free:
                rest.append((index, value))
                continue
            cheapest = min((self._cost(at, value, costs), at) for at in free) if len(ats) > 1 else (0, free[0])
            self._put(cheapest[1], self.source.at(name, index), value)
        if rest:
            self.source.left[name] = rest[::-1] if is_list else held
            allowed = sum(most(self.rule.items[at]) for at in ats)
            self.source.reasons[name] = (Loss.TOO_MANY, f"the release takes {allowed} of them here")

    def _cost(self, at: int, value: object, costs: dict[tuple[int, tuple[str, ...]], int]) -> int:
        """How much of a part a place would lose; parts that say the same fields cost the same."""
        trial = source_of(value, ())
        key = (at, tuple(trial.left))
        if key not in costs:
            item, losses = self.rule.items[at], Losses()
            slot = self.owner[item.code]
            segment = self.builder.rule_of(item if isinstance(item, LoopRule) else self.rule, item.code)
            made = self.builder.build(segment, slot.segment, trial, losses, is_mandatory=True)
            if made is None or isinstance(made, Refused):
                costs[key] = _NOTHING_TO_SAY if made is None else _REFUSED
            else:
                inner = _inner_fields(item, slot)
                lost = sum(path[0] not in inner for path, _, _ in trial.leftovers())
                costs[key] = lost + _TOLD * len(losses.findings)
        return costs[key]

    def _references_as_notes(self) -> None:
        """References that find no REF stand in an N9 of their own, which is read as a reference again."""
        held = self.source.left["references"]
        is_note = "N9" in self.owner and self.owner["N9"].special == "note"
        ats = self.places.get("notes", []) if is_note else []
        at = next((at for at in ats if self.rule.items[at].code == "N9"), None)
        if at is None:
            return
        self._room.setdefault(at, most(self.rule.items[at]))
        while held and self._room[at] > 0:
            index, reference = held.pop()
            note = Note(qualifier=reference.qualifier, reference=reference.value, description=reference.description)
            self._put(at, self.source.at("references", index), note)
        if not held:
            self.source.take("references")


def _inner_fields(item: SegmentUse | LoopRule, slot: Slot) -> set[str]:
    """The fields of a part that the segments inside of its loop carry."""
    if not isinstance(item, LoopRule):
        return set()
    return set(_fields_of(slot.inner[held.code] for held in item.items[1:] if held.code in slot.inner))


def _fields_of(slots: Iterable[Slot]) -> Iterable[str]:
    for slot in slots:
        if slot.field:
            yield slot.field
        elif slot.segment.into:
            yield slot.segment.into
        else:
            yield from (place.field for place in slot.segment.places if place is not None)
