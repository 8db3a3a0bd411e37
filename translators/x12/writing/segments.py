"""One segment from a canonical object: its elements, what was left over when it was read, what must not be missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from translators.building import Path, pointer
from translators.document_parts import Unmapped
from translators.documents import Document
from translators.x12.dictionary import Note, SegmentRule
from translators.x12.documents.places import Place, SegmentMap
from translators.x12.grammar import LoopRule
from translators.x12.overrides import AgreedTables
from translators.x12.tree import Element
from translators.x12.writing.assumptions import assumed
from translators.x12.writing.elements import Draft, say_again, take_element
from translators.x12.writing.losses import Loss, Losses
from translators.x12.writing.source import Source
from translators.x12.writing.values import plain


@dataclass(frozen=True, slots=True)
class Leftover:
    """What was left over of a segment when it was read, and its index in the document's ``unmapped``."""

    index: int
    kept: Unmapped


@dataclass(frozen=True, slots=True)
class Missing:
    """A mandatory element without a value, and the field that would fill it."""

    path: Path
    message: str
    element: int
    loss: Loss = Loss.MISSING  # another where the document says it, in a way that the release does not take
    value: str | None = None
    is_forbidden: bool = False  # the document says it, and the agreement keeps it out: then there is no set


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a segment cannot be made."""

    missing: tuple[Missing, ...]

    @property
    def is_forbidden(self) -> bool:
        """Whether the agreement keeps out what the document says."""
        return any(missing.is_forbidden for missing in self.missing)


class SegmentBuilder:
    """Makes segments of one release, under one agreement, from the objects of one document."""

    def __init__(self, tables: AgreedTables, document: Document) -> None:
        self._tables = tables
        self._notes_decide = tables.grammar.release.notes_decide
        self._document = document

    def rule_of(self, loop: LoopRule, code: str) -> SegmentRule:
        """A segment as the release, or the agreement in this loop, has it."""
        if code in self._tables.local_codes and (loop.path, code) in self._tables.local:
            return self._tables.local[loop.path, code]
        return self._tables.body[code]

    def build(
        self,
        rule: SegmentRule,
        segment_map: SegmentMap,
        source: Source,
        losses: Losses,
        leftover: Sequence[Leftover] = (),
        *,
        is_mandatory: bool = False,
    ) -> Draft | Refused | None:
        """The segment, None where the source has nothing for it; what is refused takes nothing from the source.

        It is refused, too, where the agreement keeps out all that the source has for it.
        """
        before = source.copy()
        draft = Draft(rule, Losses())
        owner = source
        if segment_map.into and segment_map.of is not None:
            owner = source.inside(segment_map.into, segment_map.of)
        for place in segment_map.places:
            if place is not None:
                take_element(draft, place, owner)
        say_again(draft, owner)
        self.merge(draft, leftover)
        if not draft.values and not is_mandatory and not draft.forbidden:
            losses.extend(draft.losses)
            return None
        if draft.values or not draft.forbidden:
            missing = self._complete(draft, segment_map, owner)
        else:
            missing = tuple(_forbidden(draft, number) for number in draft.forbidden)
        if missing:
            source.restore(before)
            return Refused(missing)
        losses.extend(draft.losses)
        return draft if draft.values else None

    @staticmethod
    def merge(draft: Draft, leftover: Sequence[Leftover]) -> None:
        """Puts elements that found no field when the segment was read back where they stood."""
        for kept in leftover:
            _merge(draft, kept)

    def _complete(self, draft: Draft, segment_map: SegmentMap, source: Source) -> tuple[Missing, ...]:
        asked = (number for number, rule in enumerate(draft.rule.elements, 1) if rule.required)
        filled = [self._fill(draft, number, segment_map, source) for number in asked if number not in draft.values]
        missing = tuple(held for held in filled if held is not None)
        # A note in other releases was carried over from 004010: what breaks it may be right.
        if missing or not self._notes_decide:
            return missing
        return self._heed_notes(draft, segment_map, source)

    def _fill(self, draft: Draft, number: int, segment_map: SegmentMap, source: Source) -> Missing | None:
        if number in draft.forbidden:
            return _forbidden(draft, number)
        rule = plain(draft.rule.elements[number - 1])
        path = _path(segment_map, number, source)
        found = assumed(draft.rule.code, number, self._document, source, rule.codes)
        if found is None:
            given = next((finding for finding in draft.losses.findings if finding.element == number), None)
            if given is None:
                message = f"{draft.name(number)} is mandatory and has no value; fill {pointer(path)}"
                return Missing(path, message, number)
            return Missing(path, f"{given.message}, and the element is mandatory", number, Loss(given.code))
        message = f"{draft.name(number)} was taken as {found}; fill {pointer(path)} if it is another"
        draft.losses.add(Loss.ASSUMED, path, message, draft.spot(number), found)
        draft.values[number] = found
        draft.paths[number] = path
        return None

    def _heed_notes(self, draft: Draft, segment_map: SegmentMap, source: Source) -> tuple[Missing, ...]:
        for _ in range(len(draft.rule.elements)):
            presence = _presence(draft)
            note = next((note for note in draft.rule.notes if note.is_broken(presence)), None)
            if note is None:
                break
            if note.kind == "R":
                element = next((number for number in note.positions if _is_fillable(draft, number)), note.positions[0])
                missing = self._fill(draft, element, segment_map, source)
                if missing is not None:
                    return (missing,)
                continue
            kept_out = [number for number in note.positions if number in draft.forbidden]
            if not _leave_out(draft, note):
                break  # the validator has the last word
            if draft.losses.has_errors and kept_out:
                return tuple(_forbidden(draft, number) for number in kept_out)
        return ()


def _forbidden(draft: Draft, number: int) -> Missing:
    held = draft.forbidden[number]
    return Missing(held.path, held.message, number, held.loss, held.value, is_forbidden=True)


def _presence(draft: Draft) -> bytes:
    present = bytearray(max(draft.values, default=0) + 1)
    present[0] = 1
    for number in draft.values:
        present[number] = 1
    return bytes(present)


def _is_fillable(draft: Draft, number: int) -> bool:
    from_table = (draft.rule.code, number) in _FILLED_FIRST
    return from_table and number <= len(draft.rule.elements)


_FILLED_FIRST: Final = frozenset({("N9", 2), ("SAC", 2)})


def _leave_out(draft: Draft, note: Note) -> bool:
    """Leaves out what may not stand without, or beside, the others of a note; False when it is mandatory."""
    present = [number for number in note.positions if number in draft.values]
    chosen = present if note.kind == "P" else present[1:] if note.kind == "E" else note.positions[:1]
    chosen = [number for number in chosen if not draft.rule.elements[number - 1].required]
    for number in chosen:
        others = ", ".join(f"{draft.rule.code}{other:02}" for other in note.positions if other != number)
        relation = "must not stand beside" if note.kind == "E" else "must not stand without"
        message = f"{draft.name(number)} {relation} {others} (note {note}); it was left out"
        # Without a number the set would say something else.
        is_number = plain(draft.rule.elements[number - 1]).type[0] in "RN"
        loss = Loss.NUMBER if is_number else Loss.ALONE
        draft.losses.add(loss, draft.paths.get(number, ()), message, draft.spot(number), str(draft.values[number]))
        del draft.values[number]
    return bool(chosen)


def _path(segment_map: SegmentMap, number: int, source: Source) -> Path:
    """The field that fills an element."""
    place = segment_map.places[number] if number < len(segment_map.places) else None
    if place is None:
        return source.path
    main = segment_map.places[place.main] if place.main else place
    if main is None:
        return source.path
    return _field_path(main, place, source)


def _field_path(main: Place, place: Place, source: Source) -> Path:
    path = source.at(main.code_field or main.field)
    if main.many:
        path = (*path, 0)
    if main is not place:
        return (*path, "qualifier" if main.qualifier_at == place.element else "unit")
    return path


def _merge(draft: Draft, leftover: Leftover) -> None:
    for index, part in enumerate(leftover.kept.elements):
        path: Path = ("unmapped", leftover.index, "elements", index)
        held = draft.values.get(part.element, "")
        component, repetition = part.component or 1, part.repetition or 1
        is_known = 0 < part.element <= len(draft.rule.elements)
        if not is_known or _part(held, component, repetition):
            why = "holds another value" if is_known else "does not exist in this release"
            message = f"{draft.rule.code}{part.element:02} {why}; what stood there was left out"
            draft.losses.add(Loss.NOT_CARRIED, path, message, value=part.value)
            continue
        draft.values[part.element] = _with_part(held, part.value, component, repetition)
        draft.paths.setdefault(part.element, path)


def _part(held: Element, component: int, repetition: int) -> str:
    repetitions = ((held,),) if isinstance(held, str) else held
    if repetition > len(repetitions) or component > len(repetitions[repetition - 1]):
        return ""
    return repetitions[repetition - 1][component - 1]


def _with_part(held: Element, value: str, component: int, repetition: int) -> Element:
    if component == 1 and repetition == 1 and isinstance(held, str):
        return value
    repetitions = [list(part) for part in (((held,),) if isinstance(held, str) else held)]
    while len(repetitions) < repetition:
        repetitions.append([""])
    components = repetitions[repetition - 1]
    components += [""] * (component - len(components))
    components[component - 1] = value
    return tuple(tuple(part) for part in repetitions)
