"""Segments that take several parts of a document at once: marks (MAN) and store splits (SDQ)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from translators.document_parts import Mark, Split
from translators.x12.dictionary import SegmentRule
from translators.x12.writing.assumptions import following, x12_unit
from translators.x12.writing.elements import Draft
from translators.x12.writing.losses import Loss, Losses
from translators.x12.writing.source import Source
from translators.x12.writing.values import fit_number, fit_text, forbidden_code, plain

_MARKS_START: Final = (1, 4)
_SPLIT_UNIT: Final = 1
_SPLIT_QUALIFIER: Final = 2
_SPLIT_PLACE: Final = 23
_SPLIT_PAIRS: Final = range(3, 23, 2)
_DEFAULT_MARKS_QUALIFIER: Final = "GM"


def marks(rule: SegmentRule, field: str, source: Source, losses: Losses) -> Draft | None:
    """MAN: a qualifier with a number or a range.

    The standard lets two stand in one segment where they say the same of one package; read apart, they are written
    apart.
    """
    draft = Draft(rule, losses)
    held = source.next(field)
    while held is not None and not draft.values:
        index, mark = held
        source.pop(field)
        _mark(draft, _MARKS_START[0], mark, source, (field, index))
        held = source.next(field)
    return draft if draft.values else None


def _mark(draft: Draft, first: int, mark: Mark, source: Source, at: tuple[str, int]) -> None:
    path = (*source.path, *at)
    number = mark.number or following(mark, "number")
    if number is None:
        message = f"{draft.name(first + 1)} is mandatory and has no value; fill number"
        draft.losses.add(Loss.MISSING, (*path, "number"), message, draft.spot(first + 1))
        return
    elements = draft.rule.elements
    if not draft.put(first + 1, fit_text(elements[first], number), (*path, "number"), number, is_mandatory=True):
        return
    if mark.qualifier is not None:
        fitted, at_qualifier = fit_text(elements[first - 1], mark.qualifier), (*path, "qualifier")
        if not draft.put(first, fitted, at_qualifier, mark.qualifier, is_mandatory=True):
            if first not in draft.forbidden:
                message = f"{draft.name(first)} has no value that the release takes; the mark was left out"
                draft.losses.add(Loss.NOT_CARRIED, path, message, draft.spot(first), mark.qualifier)
            draft.values.clear()
            return
    elif mark.sscc is not None:
        draft.values[first] = _DEFAULT_MARKS_QUALIFIER
    else:
        message = f"{draft.name(first)} was taken as {_DEFAULT_MARKS_QUALIFIER}; give the qualifier if it is another"
        draft.losses.add(Loss.ASSUMED, (*path, "qualifier"), message, draft.spot(first))
        draft.values[first] = _DEFAULT_MARKS_QUALIFIER
    if mark.number_to is not None:
        if draft.has_room(first + 2):
            draft.put(first + 2, fit_text(elements[first + 1], mark.number_to), (*path, "number_to"), mark.number_to)
        else:
            message = f"{draft.rule.code} takes no range in this release; its end was left out"
            draft.losses.add(Loss.NOT_CARRIED, (*path, "number_to"), message, draft.spot(first), mark.number_to)


def splits(rule: SegmentRule, field: str, source: Source, losses: Losses) -> Draft | None:
    """SDQ: one unit and one qualifier, then up to ten pairs of location and quantity."""
    draft = Draft(rule, losses)
    shared: tuple[object, ...] | None = None
    room = [first for first in _SPLIT_PAIRS if first + 1 <= len(rule.elements)]
    held = source.next(field)
    while held is not None and room:
        index, split = held
        if split.unit is None and split.unit_as_sent is None:
            # A split counts as its line does.
            split = replace(split, unit=source.part.unit, unit_as_sent=source.part.unit_as_sent)
        together = (split.unit, split.unit_as_sent, split.location_qualifier, split.place)
        if shared not in (None, together):
            break
        source.pop(field)
        if shared is None and not _split_head(draft, split, (*source.path, field, index)):
            held = source.next(field)
            continue
        shared = together
        _pair(draft, room.pop(0), split, (*source.path, field, index))
        held = source.next(field)
    return draft if shared is not None and len(draft.values) > 1 else None


def _split_head(draft: Draft, split: Split, path: tuple[str | int, ...]) -> bool:
    elements = draft.rule.elements
    rule = plain(elements[_SPLIT_UNIT - 1])
    code = x12_unit(split.unit, split.unit_as_sent, rule.codes)
    unlimited = code or x12_unit(split.unit, split.unit_as_sent, ())
    forbidden = "" if code is not None or unlimited is None else forbidden_code(rule, unlimited)
    if forbidden:
        message = f"{draft.name(_SPLIT_UNIT)} {forbidden}"
        at = (*path, "unit")
        draft.losses.add(Loss.UNIT_UNKNOWN, at, message, draft.spot(_SPLIT_UNIT), split.unit, is_fatal=True)
        return False
    if code is None:
        is_given = split.unit is not None or split.unit_as_sent is not None
        why = "has no code for the unit" if is_given else "is mandatory and has no value"
        message = f"{draft.name(_SPLIT_UNIT)} {why}; fill unit. The split was left out"
        loss = Loss.UNIT_UNKNOWN if is_given else Loss.MISSING
        draft.losses.add(loss, path, message, draft.spot(_SPLIT_UNIT), split.unit)
        return False
    draft.put(_SPLIT_UNIT, fit_text(elements[_SPLIT_UNIT - 1], code), (*path, "unit"), code)
    for element, name in ((_SPLIT_QUALIFIER, "location_qualifier"), (_SPLIT_PLACE, "place")):
        value: str | None = getattr(split, name)
        if value is None:
            continue
        if draft.has_room(element):
            draft.put(element, fit_text(elements[element - 1], value), (*path, name), value)
        else:
            message = f"{draft.rule.code} has no element for it in this release; it was left out"
            draft.losses.add(Loss.NOT_CARRIED, (*path, name), message, draft.spot(_SPLIT_UNIT), value)
    return True


def _pair(draft: Draft, first: int, split: Split, path: tuple[str | int, ...]) -> None:
    elements = draft.rule.elements
    for element, name in ((first, "location"), (first + 1, "quantity")):
        if getattr(split, name) is None:
            message = f"{draft.name(element)} is mandatory in its pair and has no value; fill {name}"
            draft.losses.add(Loss.MISSING, (*path, name), message, draft.spot(element))
            return
    location = split.location or ""
    if draft.put(first, fit_text(elements[first - 1], location), (*path, "location"), location, is_mandatory=True):
        quantity = split.quantity
        if quantity is not None:
            fitted = fit_number(elements[first], quantity)
            draft.put(first + 1, fitted, (*path, "quantity"), str(quantity))


GroupWriter = Callable[[SegmentRule, str, Source, Losses], Draft | None]

GROUPED: Final[dict[str, GroupWriter]] = {"marks": marks, "splits": splits}
"""Each by the name that a `Slot` gives, as `documents.special_segments.SPECIAL_SEGMENTS` reads them."""
