"""Walks the grammar of a release in order and asks, at each place, what of the document belongs there.

The tables are those that reading uses (`documents.loops` and `documents.segments`), so that both directions cannot
drift apart.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from translators.building import Path
from translators.document_parts import Acknowledgment, Reference, Schedule
from translators.documents import Document, Level
from translators.x12.dictionary import SegmentRule
from translators.x12.documents.places import Owner, Place, SegmentMap, Slot, Take
from translators.x12.grammar import LoopRule, SegmentUse
from translators.x12.overrides import AgreedTables
from translators.x12.tree import Element
from translators.x12.writing.elements import Draft
from translators.x12.writing.leftovers import Leftovers
from translators.x12.writing.levels import in_order
from translators.x12.writing.losses import Loss, Losses, Spot
from translators.x12.writing.planning import Plan, Planned, most, places_of, source_of
from translators.x12.writing.segments import Leftover, Missing, Refused, SegmentBuilder
from translators.x12.writing.source import Source
from translators.x12.writing.special_segments import GROUPED

_ENVELOPE: Final = frozenset({"ST", "SE", "LS", "LE"})
_BOUNDS: Final = ("LS", "LE")
_UNIT: Final = frozenset({"unit", "unit_as_sent"})
_NOTHING: Final = SegmentMap(None, (None,))
_NOBODY: Final[Owner] = {}


@dataclass(frozen=True, slots=True)
class Placed:
    """A segment of the set: its elements, and where the value of each stands in the document."""

    code: str
    elements: list[Element]
    paths: dict[int, Path]
    part: Path


@dataclass(frozen=True, slots=True)
class _Layout:
    """A loop under one owner: its places by field, and each place with its slot and the fields that it can say.

    None for a place that is always asked, because what stands inside of it speaks of the owner too.
    """

    places: dict[str, list[int]]
    items: list[tuple[int, SegmentUse | LoopRule, Slot | None, frozenset[str] | None]]


class SetWriter:
    """The writing of one document.

    Attributes:
        placed: the segments between ST and SE, in their order.
        losses: what could not be said.
    """

    def __init__(
        self, tables: AgreedTables, document: Document, losses: Losses, level_paths: Mapping[str, Path]
    ) -> None:
        self.placed: list[Placed] = []
        self.losses = losses
        self._grammar = tables.grammar
        self._document = document
        self._level_paths = level_paths
        self._builder = SegmentBuilder(tables, document)
        self._layouts: dict[tuple[int, int], _Layout] = {}

    def write(self, owner: Owner, source: Source, left: Leftovers) -> None:
        """Writes the whole document; what stays in ``source`` is told, what stays in ``left`` is the caller's."""
        self._items(self._grammar.root, owner, source, left)
        self._tell_rest(source)

    # --- one loop ----------------------------------------------------------------------------------------------------

    def _items(self, rule: LoopRule, owner: Owner, source: Source, left: Leftovers) -> None:
        """Everything behind the trigger of a loop."""
        layout = self._layout(rule, owner)
        plan = Plan(self._builder, rule, owner, source, layout.places).make()
        counts: Counter[str] = Counter()
        for at, item, slot, names in layout.items:
            # Most places of most loops have nothing to say.
            is_silent = at not in plan and item.min == 0 and not (left.segments or left.loops)
            if is_silent and names is not None and not source.has_any(names):
                continue
            if isinstance(item, LoopRule):
                self._loops(item, slot, plan.get(at, []), source, left, counts)
            else:
                self._segments(rule, item, slot, plan.get(at, []), source, left, counts)

    def _layout(self, rule: LoopRule, owner: Owner) -> "_Layout":
        key = (id(rule), id(owner))  # both live as long as the tables do
        if key not in self._layouts:
            items = [
                (at, item, owner.get(item.code), _spoken_by(owner.get(item.code)))
                for at, item in enumerate(rule.items)
                if at and not (isinstance(item, SegmentUse) and item.code in _ENVELOPE)
            ]
            self._layouts[key] = _Layout(places_of(rule, owner), items)
        return self._layouts[key]

    def _segments(
        self,
        loop: LoopRule,
        use: SegmentUse,
        slot: Slot | None,
        planned: Planned,
        source: Source,
        left: Leftovers,
        counts: Counter[str],
    ) -> None:
        code, before, rule = use.code, counts[use.code], self._builder.rule_of(loop, use.code)
        if slot is not None and slot.special in GROUPED:
            self._grouped(rule, use, slot, source, left, counts)
        elif slot is not None and not slot.field:
            while counts[code] - before < most(use):
                leftover = left.of(code, counts[code] + 1)
                is_mandatory = use.min > 0 and counts[code] == before
                if not self._owned(rule, slot, source, leftover, is_mandatory=is_mandatory):
                    break
                counts[code] += 1
        elif slot is not None:
            refused: list[tuple[Path, Refused]] = []
            for path, value in planned:
                child = self._child(source, value, path)
                if self._part(rule, slot, child, left.of(code, counts[code] + 1), refused):
                    counts[code] += 1
                    self._tell_rest(child)
            self._tell_left_out(code, source.at(slot.field), refused, is_missing=use.min > 0 and counts[code] == before)
        while counts[code] - before < most(use) and self._whole(rule, left):
            counts[code] += 1

    def _grouped(
        self, rule: SegmentRule, use: SegmentUse, slot: Slot, source: Source, left: Leftovers, counts: Counter[str]
    ) -> None:
        for _ in range(most(use)):
            draft = GROUPED[slot.special](rule, slot.field, source, self.losses)
            if draft is None:
                return
            counts[use.code] += 1
            self._builder.merge(draft, left.of(use.code, counts[use.code]))
            self._place(draft, source.path)
        if source.next(slot.field) is not None:
            source.reasons[slot.field] = (Loss.TOO_MANY, f"{use.code} may stand {most(use)} times here")

    def _loops(
        self,
        rule: LoopRule,
        slot: Slot | None,
        planned: Planned,
        source: Source,
        left: Leftovers,
        counts: Counter[str],
    ) -> None:
        code, before = rule.code, counts[rule.code]
        trigger = self._builder.rule_of(rule, code)
        if slot is not None and slot.special == "level":
            self._levels(rule, slot, source, left)
            return
        if slot is not None and slot.special == "envelope":
            inside = left.inside(code, "1")
            self._bounded(rule, slot, source, inside)
            left.put_back(code, "1", inside)
            return
        if slot is not None and not slot.field:
            count = str(counts[code] + 1)
            inside = left.inside(code, count)
            if self._owned(trigger, slot, source, inside.of(code, 1), is_mandatory=rule.min > 0):
                counts[code] += 1
                self._items(rule, slot.inner, source, inside)
            left.put_back(code, count, inside)
        elif slot is not None:
            refused: list[tuple[Path, Refused]] = []
            for path, value in planned:
                child = self._child(source, value, path)
                count = str(counts[code] + 1)
                inside = left.inside(code, count)
                if self._part(trigger, slot, child, inside.of(code, 1), refused):
                    counts[code] += 1
                    self._items(rule, slot.inner, child, inside)
                    self._tell_rest(child)
                left.put_back(code, count, inside)
            is_missing = rule.min > 0 and counts[code] == before
            self._tell_left_out(code, source.at(slot.field), refused, is_missing=is_missing)
        while counts[code] - before < most(rule) and (key := left.next_key(code)) is not None:
            inside = left.inside(code, key)
            if not self._whole(trigger, inside):
                left.put_back(code, key, inside)
                break
            counts[code] += 1
            self._items(rule, _NOBODY, Source(Reference(), ()), inside)
            left.put_back(code, key, inside)

    def _levels(self, rule: LoopRule, slot: Slot, source: Source, left: Leftovers) -> None:
        """HL: the tree from the root down, each level behind its parent."""
        if source.part is not self._document:
            return
        refused: list[tuple[Path, Refused]] = []
        roots: list[tuple[int, Level]] = source.left.pop(slot.field, [])[::-1]
        for path, level, parent in in_order(roots, slot.field):
            child = Source(level, self._level_paths.get(level.id, path))
            child.take("children")
            if parent is not None:
                child.left["parent_id"] = parent.id
            inside = left.inside(rule.code, level.id)
            if self._part(self._builder.rule_of(rule, rule.code), slot, child, inside.of(rule.code, 1), refused):
                self._items(rule, slot.inner, child, inside)
                self._tell_rest(child)
            left.put_back(rule.code, level.id, inside)
        self._tell_left_out(rule.code, source.at(slot.field), refused, is_missing=False)

    def _bounded(self, rule: LoopRule, slot: Slot, source: Source, left: Leftovers) -> None:
        """LS and LE around a loop, where there is something to bound; both name the loop's first segment."""
        left.of(rule.code, 1)
        bounds = [item for item in rule.items if item.code in _BOUNDS]
        start = len(self.placed)
        self._items(rule, slot.inner, source, left)
        name = next((item.code for item in rule.items if isinstance(item, LoopRule)), "")
        if len(self.placed) > start and len(bounds) == len(_BOUNDS):
            first, last = (Placed(item.code, [name], {}, source.path) for item in bounds)
            self.placed.insert(start, first)
            self.placed.append(last)

    # --- one segment -------------------------------------------------------------------------------------------------

    def _owned(
        self, rule: SegmentRule, slot: Slot, source: Source, leftover: list[Leftover], *, is_mandatory: bool
    ) -> bool:
        """A segment whose elements belong to the object around it."""
        code = rule.code
        made = self._builder.build(rule, slot.segment, source, self.losses, leftover, is_mandatory=is_mandatory)
        if isinstance(made, Refused):
            names = [name for place in slot.segment.places if place is not None for name in _names(place)]
            first = made.missing[0]
            reason = (_loss_of(first), f"{first.message}; {code} was left out")
            for name in names:
                source.reasons.setdefault(name, reason)
            if is_mandatory or made.is_forbidden:
                source.take(*names)
                self._tell_refused(code, made, None)
            return False
        if made is None:
            if is_mandatory:
                names = [name for place in slot.segment.places if place is not None for name in _names(place)]
                self._tell_missing(code, source.at(names[0]) if names else source.path)
            return False
        self._place(made, source.path)
        return True

    def _part(
        self,
        rule: SegmentRule,
        slot: Slot,
        child: Source,
        leftover: list[Leftover],
        refused: list[tuple[Path, Refused]],
    ) -> bool:
        """The segment of a part, or the trigger of its loop; why there is none goes into ``refused``."""
        made = self._builder.build(rule, slot.segment, child, self.losses, leftover, is_mandatory=bool(child.left))
        if isinstance(made, Refused):
            refused.append((child.path, made))
            return False
        if made is None:
            self._tell_rest(child)
            return False
        self._place(made, child.path)
        return True

    def _whole(self, rule: SegmentRule, left: Leftovers) -> bool:
        """The next segment of this code that found no field at all when it was read."""
        code = rule.code
        count = left.next_count(code)
        if count is None:
            return False
        held = left.of(code, count)
        made = self._builder.build(rule, _NOTHING, Source(Reference(), ()), self.losses, held)
        if isinstance(made, Draft):
            self._place(made, ("unmapped", held[0].index))
            return True
        left.segments[code, count] = held
        return False

    def _place(self, draft: Draft, part: Path) -> None:
        self.placed.append(Placed(draft.rule.code, draft.elements(), draft.paths, part))

    def _child(self, source: Source, value: object, path: Path) -> Source:
        """A part of an object. The quantity of an answer or of a schedule is counted as its line is."""
        child = source_of(value, path)
        held, around = child.left, source.part
        if isinstance(value, Acknowledgment | Schedule) and "quantity" in held and not held.keys() & _UNIT:
            unit = {name: told for name in _UNIT if (told := getattr(around, name, None)) is not None}
            if unit:
                held |= unit
                message = "the unit was taken as that of the line; give the unit if it is another"
                self.losses.add(Loss.ASSUMED, child.at("unit"), message)
        return child

    # --- findings ----------------------------------------------------------------------------------------------------

    def _tell_rest(self, source: Source) -> None:
        for path, value, reason in source.leftovers():
            loss, why = reason or (Loss.NOT_CARRIED, "it has no place here")
            set_type, release = self._grammar.set_type, self._grammar.release.name
            message = f"{why} ({set_type} in release {release}); it was left out"
            self.losses.add(loss, path, message, value=value if isinstance(value, str) else None)

    def _tell_left_out(self, code: str, path: Path, refused: list[tuple[Path, Refused]], *, is_missing: bool) -> None:
        """Tells which parts have no segment; where none is left of what is mandatory, each of them is an error."""
        for part, why in refused:
            self._tell_refused(code, why, None if is_missing or why.is_forbidden else part)
        if is_missing and not refused:
            self._tell_missing(code, path)

    def _tell_refused(self, code: str, refused: Refused, part: Path | None) -> None:
        """Tells why a segment cannot be; ``part`` is what was left out with it, None where the set itself needs it."""
        for missing in refused.missing:
            spot = Spot(code, missing.element)
            if part is None:
                self.losses.add(missing.loss, missing.path, missing.message, spot, missing.value, is_fatal=True)
                continue
            loss = _loss_of(missing)
            path = missing.path if loss is Loss.MISSING else part
            self.losses.add(loss, path, f"{missing.message}; {code} was left out", spot)

    def _tell_missing(self, code: str, path: Path) -> None:
        release = self._grammar.release.name
        message = (
            f"{code} is mandatory in {self._grammar.set_type} of release {release}; fill {'/'.join(map(str, path))}"
        )
        self.losses.add(Loss.MISSING, path, message, Spot(code))


def _loss_of(missing: Missing) -> Loss:
    """What the document never said is its fault; what it says and the release does not know is lost with its part."""
    is_a_number_or_date = missing.loss in {Loss.MISSING, Loss.NUMBER, Loss.DATE}
    return missing.loss if is_a_number_or_date else Loss.NOT_CARRIED


def _names(place: Place) -> tuple[str, ...]:
    """The fields of its owner that a place reads."""
    if place.take is Take.UNIT:
        return (place.field, f"{place.field}_as_sent")
    return (place.field, place.code_field) if place.code_field else (place.field,)


def _spoken_by(slot: Slot | None) -> frozenset[str] | None:
    if slot is None:
        return frozenset()
    if slot.special == "envelope" or (not slot.field and slot.inner):
        return None
    if slot.special in {*GROUPED, "level"}:
        return frozenset({slot.field})
    if slot.field:
        return frozenset()  # what it says was assigned to it
    if slot.segment.into:
        return frozenset({slot.segment.into})
    return frozenset(name for place in slot.segment.places if place is not None for name in _names(place))
