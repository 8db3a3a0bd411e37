"""The elements of the segments in use: what the standard says of each, what the agreement does, and what it fills."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.onboarding.guide.code_words import code_label
from gateway.onboarding.guide.evidence import Evidence
from gateway.onboarding.guide.fields import Meaning
from gateway.onboarding.guide.names import segment_name
from gateway.onboarding.guide.structure import PlaceRow, Usage, place_in_words
from gateway.onboarding.guide.words import counted, length_words, notes_words, type_words
from translators.guide import ElementOverride, Override
from translators.x12.dictionary import ElementRule, Note, SegmentRule

CODES_SHOWN_MAX: Final = 14  # a longer list is folded away
_SET_TYPE: Final = "143"  # the document itself decides it
_FIELDS_SHOWN_MAX: Final = 3
_PAIR: Final = 2
_PAIRS_FOLDED_MIN: Final = 2


@dataclass(frozen=True, slots=True)
class CodeChoice:
    """The codes of an element.

    Attributes:
        shown: codes with their labels: all of a short list, of a long one those that the samples have.
        total: how many there are.
        agreed: the agreement narrowed or widened the standard's list.
        list_key: the standard's whole list, where it is too long to stand here: element number.
    """

    shown: tuple[tuple[str, str], ...]
    total: int
    agreed: bool = False
    list_key: str = ""


@dataclass(frozen=True, slots=True)
class ElementRow:
    """One line of an element table."""

    ref: str
    element: ElementRule
    standard: str
    usage: Usage
    codes: CodeChoice | None
    fields: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    is_component: bool = False
    folded: int = 0  # so many further pairs are told of by this row

    @property
    def type_words(self) -> str:
        """Its type in words."""
        return type_words(self.element)

    @property
    def length_words(self) -> str:
        """Its lengths."""
        return length_words(self.element)


@dataclass(frozen=True, slots=True)
class SegmentDetail:
    """A segment with its elements, for all places that have the same ones.

    Attributes:
        anchor: for links, unique in the guide.
        usage: the strongest of its places.
        places: where it stands, in words.
        notes: the relations between its elements, in words.
        remarks: what the agreement says of it.
    """

    anchor: str
    code: str
    usage: Usage
    places: tuple[str, ...]
    rows: tuple[ElementRow, ...]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the segment is called."""
        return segment_name(self.code)


def details_of(
    rows: Sequence[PlaceRow],
    anchors: Mapping[int, str],
    standard: Mapping[str, SegmentRule],
    rules: tuple[Override, ...],
    evidence: Evidence,
) -> tuple[SegmentDetail, ...]:
    """The details of these places, each segment once for all places where its elements are the same.

    Args:
        rows: the places that are told of, in order.
        anchors: the anchor of the detail of each place, by its number.
        standard: the segments of the release, without the agreement.
        rules: of the agreement.
        evidence: what the samples show.
    """
    groups: dict[str, list[PlaceRow]] = {}
    for row in rows:
        groups.setdefault(anchors[row.number], []).append(row)
    return tuple(_detail(anchor, group, standard, rules, evidence) for anchor, group in groups.items())


def _detail(
    anchor: str,
    group: list[PlaceRow],
    standard: Mapping[str, SegmentRule],
    rules: tuple[Override, ...],
    evidence: Evidence,
) -> SegmentDetail:
    first = group[0]
    code = first.code
    rule, base = first.rule, standard.get(code)
    strongest = min((row.usage for row in group), key=list(Usage).index)
    loops = {row.loop for row in group}
    ours = [
        item
        for item in rules
        if isinstance(item, ElementOverride) and item.segment == code and (item.loop is None or item.loop in loops)
    ]
    made: tuple[ElementRow, ...] = ()
    if rule is not None:
        maker = _Rows(code, base or rule, ours, evidence, [row.meaning for row in group])
        made = tuple(_folded(list(maker.of(rule))))
    return SegmentDetail(
        anchor=anchor,
        code=code,
        usage=strongest,
        places=tuple(dict.fromkeys(place_in_words(row) if row.loop else "header" for row in group)),
        rows=made,
        notes=notes_words(rule.notes, code) if rule is not None else (),
        remarks=tuple(dict.fromkeys(remark for row in group for remark in row.remarks)),
    )


class _Rows:
    """Makes the rows of one segment."""

    def __init__(
        self,
        code: str,
        base: SegmentRule,
        rules: list[ElementOverride],
        evidence: Evidence,
        meanings: list[Meaning | None],
    ) -> None:
        self._code = code
        self._base = base
        self._rules = rules
        self._evidence = evidence
        self._meanings = [meaning for meaning in meanings if meaning is not None]

    def of(self, rule: SegmentRule) -> Iterator[ElementRow]:
        """The elements, each composite followed by its components."""
        for number, element in enumerate(rule.elements, 1):
            was = self._base.elements[number - 1] if number <= len(self._base.elements) else element
            ref = f"{self._code}{number:02d}"
            yield self._row(ref, element, was, number, None, rule.notes)
            for component, inner in enumerate(element.components, 1):
                before = was.components[component - 1] if component <= len(was.components) else inner
                yield self._row(f"{ref}-{component}", inner, before, number, component, element.notes)

    def _row(
        self,
        ref: str,
        element: ElementRule,
        was: ElementRule,
        number: int,
        component: int | None,
        notes: tuple[Note, ...],
    ) -> ElementRow:
        seen = () if element.components else tuple(self._evidence.of(self._code, number, component or 1))
        ours = [item for item in self._rules if (item.element, item.component) == (number, component)]
        fields = self._fields(number) if component in {None, 1} else ()
        if element.components:
            fields = ()
            seen = tuple(self._evidence.of(self._code, number))
        position = component or number
        return ElementRow(
            ref=ref,
            element=element,
            standard="M" if was.required else "C" if any(position in note.positions for note in notes) else "O",
            usage=_usage(element, seen, ours, fields),
            codes=_codes(element, was, seen, ours),
            fields=fields,
            remarks=tuple(_remarks(element, was, ours)),
            seen=seen,
            is_component=component is not None,
        )

    def _fields(self, number: int) -> tuple[str, ...]:
        found = dict.fromkeys(field for meaning in self._meanings if (field := meaning.fields.get(number)))
        names = tuple(found)
        return names if len(names) <= _FIELDS_SHOWN_MAX else (*names[:_FIELDS_SHOWN_MAX], "...")


def _usage(element: ElementRule, seen: tuple[str, ...], rules: list[ElementOverride], fields: tuple[str, ...]) -> Usage:
    if "not_used" in element.agreed:
        return Usage.NEVER
    if element.required:
        return Usage.MUST
    if seen or rules:
        return Usage.USED
    return Usage.MAY if fields else Usage.KEPT


def _codes(
    element: ElementRule, was: ElementRule, seen: tuple[str, ...], rules: list[ElementOverride]
) -> CodeChoice | None:
    if not element.codes or element.components:
        return None
    is_agreed = "codes" in element.agreed or any(item.codes_added for item in rules)
    known = sorted(element.codes)
    if element.number == _SET_TYPE and len(seen) == 1:
        return CodeChoice(_labelled(element, seen), 1)
    if is_agreed and "codes" not in element.agreed and len(known) > CODES_SHOWN_MAX:
        added = sorted(code for item in rules for code in item.codes_added)
        return CodeChoice(_labelled(element, added), len(known), agreed=True, list_key=was.number)
    if is_agreed or len(known) <= CODES_SHOWN_MAX:
        return CodeChoice(_labelled(element, known), len(known), agreed=is_agreed)
    shown = _labelled(element, [code for code in seen if code in element.codes][:CODES_SHOWN_MAX])
    return CodeChoice(shown, len(known), list_key=was.number)


def _labelled(element: ElementRule, codes: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((code, code_label(element.number, code)) for code in codes)


def _remarks(element: ElementRule, was: ElementRule, rules: list[ElementOverride]) -> Iterator[str]:
    if "required" in element.agreed:
        yield "demanded by our agreement"
    if "not_used" in element.agreed:
        yield "leave it empty"
    if was.required and not element.required and "not_used" not in element.agreed:
        yield "may be missing, although the standard demands it"
    if (element.min, element.max) != (was.min, was.max):
        yield f"length agreed: {element.min} to {element.max} (standard {was.min} to {was.max})"
    if element.repeat > 1:
        yield f"may repeat, {counted(element.repeat, 'time')} at most"
    added = sorted(code for item in rules for code in item.codes_added)
    if added:
        yield f"agreed beyond the standard's list: {', '.join(added)}"


def _folded(rows: list[ElementRow]) -> Iterator[ElementRow]:
    """Pairs of qualifier and value that go on and on: what nobody uses of them is one row."""
    at = 0
    while at < len(rows):
        run = _run(rows, at)
        if run >= _PAIRS_FOLDED_MIN:
            last = rows[at + _PAIR * run - 1]
            first = rows[at]
            yield ElementRow(
                ref=f"{first.ref} to {last.ref[-2:]}",
                element=first.element,
                standard=first.standard,
                usage=first.usage,
                codes=None,
                fields=first.fields,
                remarks=(f"{counted(run, 'further pair')} of {first.element.name} and {last.element.name}, as above",),
                folded=run,
            )
            at += _PAIR * run
        else:
            yield rows[at]
            at += 1


def _run(rows: list[ElementRow], at: int) -> int:
    """How many pairs begin here that are like the pair before them and that nobody uses."""
    if at < _PAIR:
        return 0
    pair = [rows[at - 2].element.number, rows[at - 1].element.number]
    count = 0
    while at + _PAIR * (count + 1) <= len(rows):
        found = rows[at + _PAIR * count : at + _PAIR * (count + 1)]
        is_plain = all(row.usage in {Usage.MAY, Usage.KEPT} and not row.is_component for row in found)
        if not is_plain or [row.element.number for row in found] != pair:
            break
        count += 1
    return count
