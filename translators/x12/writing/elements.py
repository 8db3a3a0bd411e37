"""The elements of one segment from the fields of a canonical object: the tables of `documents.segments`, reversed.

Each way of taking an element when reading (`Take`) has its way back here. What is written is taken from the source;
what cannot stand in the element stays out and is told.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from translators.building import Path
from translators.codes import rec20_units, words
from translators.document_parts import CodeAsSent, DateReference, Measure
from translators.x12.dictionary import ElementRule, SegmentRule
from translators.x12.documents.places import Place, Take
from translators.x12.tree import Element
from translators.x12.writing.assumptions import code_for, following, qualifier_for, x12_unit
from translators.x12.writing.losses import Loss, Losses, Spot
from translators.x12.writing.source import Lines, Source
from translators.x12.writing.values import (
    Fitted,
    fit_date,
    fit_number,
    fit_text,
    fit_time,
    forbidden_code,
    needs_century,
    plain,
)

_CENTURY: Final = "624"
# LIN01 has said it, and by custom SN101 says it again.
_SAID_AGAIN: Final = (("SN1", 1, "line_id"),)


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A value of the document that the agreement keeps out of an element."""

    path: Path
    message: str
    value: str
    loss: Loss


@dataclass(slots=True)
class Draft:
    """A segment in the making.

    Attributes:
        rule: the segment in its release.
        values: element -> its value.
        paths: element -> where its value stands in the document.
        losses: what could not be said as it should.
        forbidden: element -> what the agreement keeps out of it.
    """

    rule: SegmentRule
    losses: Losses
    values: dict[int, Element] = field(default_factory=dict)
    paths: dict[int, Path] = field(default_factory=dict)
    forbidden: dict[int, Forbidden] = field(default_factory=dict)

    def spot(self, element: int) -> Spot:
        """The place of an element in a finding."""
        return Spot(self.rule.code, element, self.rule.elements[element - 1].number)

    def name(self, element: int) -> str:
        """An element as people call it: ``BEG03 Purchase Order Number``."""
        return f"{self.rule.code}{element:02} {self.rule.elements[element - 1].name}"

    def has_room(self, element: int) -> bool:
        """Whether the release has the element, and nothing stands there."""
        if not 0 < element <= len(self.rule.elements) or element in self.values:
            return False
        return "not_used" not in self.rule.elements[element - 1].agreed

    def put(self, element: int, fitted: Fitted, path: Path, shown: str, *, is_mandatory: bool = False) -> bool:
        """Sets an element as far as its value fits, and tells what does not; False when nothing was set.

        What the agreement keeps out of an element that must be there is an error if ``is_mandatory``.
        """
        if fitted.loss is not None:
            is_fatal = bool(fitted.forbidden) and is_mandatory
            message = f"{self.name(element)} {fitted.forbidden if is_fatal else fitted.why}"
            self.losses.add(fitted.loss, path, message, self.spot(element), shown, is_fatal=is_fatal)
            if fitted.forbidden:
                self.forbid(element, fitted.loss, path, fitted.forbidden, shown)
        if fitted.text is None:
            return False
        self.values[element] = fitted.text
        self.paths[element] = path
        return True

    def forbid(self, element: int, loss: Loss, path: Path, why: str, shown: str) -> None:
        """Remembers what the agreement keeps out of an element, in case the segment cannot do without it."""
        self.forbidden[element] = Forbidden(path, f"{self.name(element)} {why}", shown, loss)

    def elements(self) -> list[Element]:
        """The elements in their order, without empty ones at the end."""
        return [self.values.get(number, "") for number in range(1, max(self.values, default=0) + 1)]


def take_element(draft: Draft, place: Place, source: Source) -> None:
    """Writes what the place holds from the source, if it holds anything."""
    if place.element > len(draft.rule.elements) or place.take is Take.BESIDE:
        return
    rule = draft.rule.elements[place.element - 1]
    if "not_used" in rule.agreed:
        return
    _WRITERS[place.take](draft, place, rule, source)


def say_again(draft: Draft, source: Source) -> None:
    """Repeats what another segment said, where custom asks for it and there is room."""
    for code, element, name in _SAID_AGAIN:
        value = getattr(source.part, name, None) if code == draft.rule.code else None
        if value is None or not draft.values or not draft.has_room(element) or _is_position(source, name):
            continue
        fitted = fit_text(_rule(draft, element), value)
        if fitted.text is not None and fitted.loss is None:
            draft.values[element] = fitted.text
            draft.paths[element] = source.at(name)


def _is_position(source: Source, name: str) -> bool:
    return name == "line_id" and bool(getattr(source.part, "line_id_assigned", None))


def _text(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    value = source.left.get(place.field) or following(source.part, place.field)
    if value is None:
        return
    source.take(place.field)
    draft.put(place.element, fit_text(rule, str(value)), source.at(place.field), str(value))


def _word(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    word, code = source.left.get(place.field), source.left.get(place.code_field)
    if word is None and code is None:
        return
    listed = plain(rule).codes
    if code is None:
        code = code_for(place.code_list, str(word), listed)
        if code is None:
            source.take(place.field)
            known = ", ".join(list(dict.fromkeys(words(place.code_list).values()))[:12])
            message = f"{draft.name(place.element)} has no code for {word!r}; say one of: {known}, or give the code"
            draft.losses.add(
                Loss.CODE_NOT_LISTED, source.at(place.field), message, draft.spot(place.element), str(word)
            )
            unlimited = code_for(place.code_list, str(word), ())
            why = "" if unlimited is None else forbidden_code(plain(rule), unlimited)
            if why:
                draft.forbid(place.element, Loss.CODE_NOT_LISTED, source.at(place.field), why, str(word))
            return
    elif word is not None and words(place.code_list).get(code) != word:
        message = f"{draft.name(place.element)} is written as the code {code}, which does not say {word!r}"
        draft.losses.add(Loss.CONTRADICTION, source.at(place.field), message, draft.spot(place.element), str(word))
    path = source.at(place.code_field if place.code_field in source.left else place.field)
    source.take(place.field, place.code_field)
    draft.put(place.element, fit_text(rule, str(code)), path, str(code))


def _number(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    value = source.left.get(place.field)
    if value is not None:
        source.take(place.field)
        draft.put(place.element, fit_number(rule, value), source.at(place.field), str(value))


def _integer(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    value = source.left.get(place.field)
    if value is not None:
        source.take(place.field)
        draft.put(place.element, fit_text(rule, str(value)), source.at(place.field), str(value))


def _date(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    value = source.left.get(place.field)
    if value is None:
        return
    source.take(place.field)
    century = f"{value.year:04}"[:2]
    is_composite = len(rule.components) > 1 and rule.components[1].number == _CENTURY
    beside = place.century_at if place.century_at != place.element and draft.has_room(place.century_at) else 0
    if beside and draft.rule.elements[beside - 1].number != _CENTURY:
        beside = 0
    # The century goes along only where six digits alone would be read as another date.
    told = (is_composite or beside > 0) and plain(rule).max < len("CCYYMMDD") and needs_century(value)
    if not draft.put(place.element, fit_date(rule, value, has_century=told), source.at(place.field), str(value)):
        return
    if told and is_composite:
        draft.values[place.element] = ((str(draft.values[place.element]), century),)
    elif told:
        draft.put(beside, Fitted(century), source.at(place.field), century)


def _time(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    value = source.left.get(place.field)
    if value is not None:
        source.take(place.field)
        draft.put(place.element, fit_time(rule, value), source.at(place.field), str(value))


def _unit(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    as_sent = source.left.get(f"{place.field}_as_sent")
    value = source.left.get(place.field)
    if value is None and as_sent is None:
        return
    path = source.at(place.field if value is not None else f"{place.field}_as_sent")
    source.take(place.field, f"{place.field}_as_sent")
    _put_unit(draft, place.element, rule, value, as_sent, path)


def _put_unit(
    draft: Draft, element: int, rule: ElementRule, value: str | None, as_sent: CodeAsSent | None, path: Path
) -> None:
    code = x12_unit(value, as_sent, plain(rule).codes)
    shown = value or (as_sent.code if as_sent is not None else "")
    if code is None:
        message = f"{draft.name(element)} has no sure code for the unit {shown}; send unit_as_sent with an X12 code"
        unlimited = x12_unit(value, as_sent, ())
        why = "" if unlimited is None else forbidden_code(plain(rule), unlimited)
        if why:
            message = f"{draft.name(element)} {why}; it was left out"
            draft.forbid(element, Loss.UNIT_UNKNOWN, path, why, shown)
        draft.losses.add(Loss.UNIT_UNKNOWN, path, message, draft.spot(element), shown)
        return
    draft.put(element, fit_text(rule, code), path, code)
    if as_sent is not None and as_sent.list == "x12_355" and code != as_sent.code:
        message = f"{draft.name(element)} is written as {code} for the unit {value}; unit_as_sent says {as_sent.code}"
        draft.losses.add(Loss.CONTRADICTION, path, message, draft.spot(element), as_sent.code)
    elif as_sent is not None and value is not None and rec20_units().get(code) != value:
        message = f"{draft.name(element)} is written as {code}, which does not say {value}"
        draft.losses.add(Loss.CONTRADICTION, path, message, draft.spot(element), value)


def _measure(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    held: Measure | None = source.left.get(place.field)
    if held is None:
        return
    path = source.at(place.field)
    source.take(place.field)
    if not draft.put(place.element, fit_number(rule, held.value), (*path, "value"), str(held.value)):
        return
    if held.unit is not None or held.unit_as_sent is not None:
        if draft.has_room(place.unit_at):
            at = (*path, "unit")
            _put_unit(draft, place.unit_at, _rule(draft, place.unit_at), held.unit, held.unit_as_sent, at)
        else:
            _no_room(draft, place, (*path, "unit"), held.unit or "")
    if held.qualifier is not None:
        if draft.has_room(place.qualifier_at):
            fitted = fit_text(_rule(draft, place.qualifier_at), held.qualifier)
            draft.put(place.qualifier_at, fitted, (*path, "qualifier"), held.qualifier)
        else:
            _no_room(draft, place, (*path, "qualifier"), held.qualifier)


def _rule(draft: Draft, element: int) -> ElementRule:
    return draft.rule.elements[element - 1]


def _no_room(draft: Draft, place: Place, path: Path, shown: str) -> None:
    message = f"{draft.rule.code} has no element for it in this release; it was left out"
    draft.losses.add(Loss.NOT_CARRIED, path, message, draft.spot(place.element), shown)


def _texts(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    held = source.next(place.field)
    while held is not None:
        index, value = held
        source.pop(place.field)
        if draft.put(place.element, fit_text(rule, value), source.at(place.field, index), value):
            return
        held = source.next(place.field)


def _paragraph(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    held = source.left.get(place.field)
    if held is None:
        return
    if not isinstance(held, Lines):
        held = source.left[place.field] = _lines(draft, place, rule, source, str(held))
    if held:
        fitted = fit_text(rule, held.pop(0))
        draft.put(place.element, fitted, source.at(place.field), fitted.text or "")
    if not held:
        source.take(place.field)


def _lines(draft: Draft, place: Place, rule: ElementRule, source: Source, text: str) -> Lines:
    """The lines of a text, those too long for the element broken at blanks."""
    most = plain(rule).max
    lines = Lines()
    is_changed = False
    for line in text.split("\n"):
        bare = line.rstrip()
        pieces = [bare] if len(bare) <= most else textwrap.wrap(bare, most, break_on_hyphens=False)
        is_changed = is_changed or len(pieces) > 1 or not bare
        lines.extend(piece for piece in pieces if piece.strip())
    if is_changed:
        message = f"{draft.name(place.element)} holds a line of {most} characters; longer and empty lines were changed"
        draft.losses.add(Loss.WRAPPED, source.at(place.field), message, draft.spot(place.element), text)
    return lines


def _coded_id(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    if place.many:
        found = source.next(place.field)
        if found is None:
            return
        index, held = found
        path = source.at(place.field, index)
        source.pop(place.field)
    else:
        held = source.left.get(place.field)
        if held is None:
            return
        path = source.at(place.field)
        source.take(place.field)
    # Communication calls it a number, everything else an id.
    name = "number" if hasattr(held, "number") else "id"
    value: str = getattr(held, name)
    if not draft.put(place.element, fit_text(rule, value), (*path, name), value):
        return
    if place.qualifier_at and draft.has_room(place.qualifier_at):
        _put_qualifier(draft, place, held.qualifier, value, (*path, "qualifier"))


def _put_qualifier(draft: Draft, place: Place, qualifier: str | None, value: str, path: Path) -> None:
    element = place.qualifier_at
    rule = _rule(draft, element)
    if qualifier is not None:
        if draft.put(element, fit_text(rule, qualifier), path, qualifier):
            return
        if rule.required and element in draft.forbidden:
            return  # another one would say something else, and the segment cannot do without
    elif not (rule.required or any(element in note.positions for note in draft.rule.notes)):
        return
    found = qualifier_for(rule.number, value, rule.codes)
    if found is not None:
        message = f"{draft.name(element)} was taken as {found}; give the qualifier if it is another"
        draft.losses.add(Loss.ASSUMED, path, message, draft.spot(element), found)
        draft.values[element] = found
        draft.paths[element] = path


def _dated(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    found = source.next(place.field)
    if found is None:
        return
    index, held = found
    if not _is_plain_date(held, with_time=draft.has_room(place.time_at)):
        return  # a DTM beside may take all of it
    path = source.at(place.field, index)
    source.pop(place.field)
    if not draft.put(place.element, fit_date(rule, held.date), (*path, "date"), str(held.date)):
        return
    if held.qualifier is not None:
        fitted = fit_text(_rule(draft, place.qualifier_at), held.qualifier)
        draft.put(place.qualifier_at, fitted, (*path, "qualifier"), held.qualifier)
    if held.time is not None:
        fitted = fit_time(_rule(draft, place.time_at), held.time)
        draft.put(place.time_at, fitted, (*path, "time"), str(held.time))


def _is_plain_date(held: DateReference, *, with_time: bool) -> bool:
    further = (held.time_zone, held.period_format, held.period, None if with_time else held.time)
    return held.date is not None and not any(part is not None for part in further)


def _position(draft: Draft, place: Place, rule: ElementRule, source: Source) -> None:
    del draft, place, rule, source  # of functional acknowledgments alone, which `acknowledgment` writes


_WRITERS: Final[dict[Take, Callable[[Draft, Place, ElementRule, Source], Any]]] = {
    Take.TEXT: _text,
    Take.WORD: _word,
    Take.NUMBER: _number,
    Take.IMPLIED_2: _number,
    Take.INTEGER: _integer,
    Take.DATE: _date,
    Take.TIME: _time,
    Take.UNIT: _unit,
    Take.MEASURE: _measure,
    Take.TEXTS: _texts,
    Take.PARAGRAPH: _paragraph,
    Take.CODED_ID: _coded_id,
    Take.DATED: _dated,
    Take.POSITION: _position,
}
