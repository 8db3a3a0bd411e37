"""The segments of one document in their order, each as the standard has it and as the agreement does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.onboarding.guide.evidence import Evidence
from gateway.onboarding.guide.fields import Meaning, meaning_of
from gateway.onboarding.guide.names import segment_name
from gateway.onboarding.guide.words import times
from translators.guide import ElementOverride, ExtraSegment, LoopOverride, Override, SegmentOverride
from translators.x12.dictionary import SegmentRule
from translators.x12.grammar import Grammar, LoopRule, SegmentUse
from translators.x12.overrides import AgreedTables

_ENVELOPE: Final = frozenset({"ST", "SE"})


class Usage(StrEnum):
    """What becomes of a segment or element under the agreement, the strongest first."""

    MUST = "must"
    USED = "used"
    MAY = "may"
    KEPT = "kept"
    NEVER = "not used"


_RANK: Final = {usage: rank for rank, usage in enumerate(Usage)}
USAGE_WORDS: Final = {
    Usage.MUST: "has to be sent (inside of an optional loop: whenever the loop is)",
    Usage.USED: "in use: the samples or the rules of the agreement have it",
    Usage.MAY: "may be sent: it is understood, and fills a field",
    Usage.KEPT: "may be sent: it is kept, and means nothing to us",
    Usage.NEVER: "must not be sent",
}


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """One line of the segment table.

    Attributes:
        number: its position in the set, from 1.
        depth: how many loops are around it.
        loop: their codes, parted by ``/``.
        standard: M or O in the release.
        max_use: how often it may stand there: the agreement's word, and the standard's where that differs.
        repeat: of the loop that it opens, likewise.
        rule: its elements as they are agreed here.
        meaning: the canonical fields.
        remarks: what the agreement says beside.
    """

    number: int
    depth: int
    loop: str
    code: str
    standard: str
    usage: Usage
    max_use: str
    repeat: str
    rule: SegmentRule | None
    meaning: Meaning | None
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the segment is called."""
        return segment_name(self.code)

    @property
    def opens_loop(self) -> bool:
        """Whether a loop begins with it."""
        return bool(self.repeat)


def rows_of(
    standard: Grammar, agreed: AgreedTables, rules: tuple[Override, ...], evidence: Evidence
) -> tuple[PlaceRow, ...]:
    """Every place of the set, in order."""
    return tuple(_Walk(standard, agreed, rules, evidence).rows())


class _Walk:
    """Goes through the release's structure and the agreed one side by side: they have the same shape."""

    def __init__(
        self, standard: Grammar, agreed: AgreedTables, rules: tuple[Override, ...], evidence: Evidence
    ) -> None:
        self._standard = standard
        self._agreed = agreed
        self._evidence = evidence
        self._rules = rules
        self._named = set(_named(rules))
        self._number = 0

    def rows(self) -> Iterator[PlaceRow]:
        yield from self._loop(self._standard.root, self._agreed.grammar.root, 0, Usage.MUST)

    def _loop(self, base: LoopRule, here: LoopRule, depth: int, around: Usage) -> Iterator[PlaceRow]:
        for index, (was, now) in enumerate(zip(base.items, here.items, strict=True)):
            if isinstance(now, LoopRule) and isinstance(was, LoopRule):
                usage = inside(around, self._loop_usage(now))
                yield from self._loop(was, now, depth + 1, usage)
            elif isinstance(now, SegmentUse) and isinstance(was, SegmentUse):
                opens = index == 0 and here.parent is not None
                yield self._row(base if opens else None, here, was, now, depth, around)
            yield from self._extras(here, index, depth, around)

    def _loop_usage(self, loop: LoopRule) -> Usage:
        path = loop.path
        if loop.limit == 0:
            return Usage.NEVER
        if loop.min > 0:
            return Usage.MUST
        below = f"{path}/"
        seen = any(place == path or place.startswith(below) for place, _ in self._evidence.places)
        if seen or any(place == path or place.startswith(below) for place, _ in self._named):
            return Usage.USED
        return Usage.KEPT if self._meaning(path, loop.code) is None else Usage.MAY

    def _row(
        self, opened: LoopRule | None, loop: LoopRule, was: SegmentUse, now: SegmentUse, depth: int, around: Usage
    ) -> PlaceRow:
        self._number += 1
        path, code = loop.path, now.code
        meaning = self._meaning(path, code)
        usage = around if opened is not None else inside(around, self._usage(path, now, meaning))
        least, most = (loop.min, loop.max) if opened is None else (opened.min, opened.max)
        return PlaceRow(
            number=self._number,
            depth=depth,
            loop=path,
            code=code,
            standard="M" if (was.min if opened is None else least) > 0 else "O",
            usage=usage,
            max_use=_bounds(was.max, now.limit),
            repeat="" if opened is None else _bounds(most, loop.limit),
            rule=self._agreed.local.get((path, code)) or self._agreed.grammar.release.segments.get(code),
            meaning=meaning,
            remarks=tuple(self._remarks(path, code, opens=opened is not None)),
        )

    def _usage(self, path: str, use: SegmentUse, meaning: Meaning | None) -> Usage:
        if use.limit == 0:
            return Usage.NEVER
        if use.min > 0:
            return Usage.MUST
        if self._evidence.holds(path, use.code) or (path, use.code) in self._named:
            return Usage.USED
        return Usage.KEPT if meaning is None else Usage.MAY

    def _meaning(self, path: str, code: str) -> Meaning | None:
        return meaning_of(self._standard.set_type, self._standard.release.name, path, code)

    def _remarks(self, path: str, code: str, *, opens: bool) -> Iterator[str]:
        around = path.rpartition("/")[0] if opens else path
        for use in self._agreed.qualified:
            if (use.loop, use.code, use.begins_loop) != (around, code, opens):
                continue
            what = f"{code} with {code}01 = {use.qualifier}"
            if use.max == 0:
                yield f"{what} must not be sent"
                continue
            often = "" if use.max is None else f", at most {use.max} {'time' if use.max == 1 else 'times'}"
            yield f"{what} {'has to be sent' if use.min else 'may be sent'}{often}"

    def _extras(self, loop: LoopRule, index: int, depth: int, around: Usage) -> Iterator[PlaceRow]:
        """Segments that the standard does not have here, behind the item that the agreement names."""
        for code, places in self._agreed.extras.items():
            for place in places:
                if place.loop.path == loop.path and place.index == index:
                    self._number += 1
                    yield PlaceRow(
                        number=self._number,
                        depth=depth,
                        loop=loop.path,
                        code=code,
                        standard="-",
                        usage=inside(around, Usage.USED),
                        max_use=str(place.max),
                        repeat="",
                        rule=self._agreed.body.get(code),
                        meaning=None,
                        remarks=("agreed beyond the standard; kept as it is",),
                    )


def inside(around: Usage, own: Usage) -> Usage:
    """What holds for a segment inside of a loop: its own word where the loop is in use, else the weaker of the two."""
    if around in {Usage.MUST, Usage.USED}:
        return own
    return max(around, own, key=_RANK.__getitem__)


def _bounds(standard: int, agreed: int | None) -> str:
    if agreed is None or agreed in {standard, 0}:
        return times(standard)
    return f"{times(agreed)} (standard {times(standard)})"


def _named(rules: Iterable[Override]) -> Iterator[tuple[str, str]]:
    """The places that rules speak of in favour: an agreement that narrows a segment means to use it."""
    for rule in rules:
        match rule:
            case SegmentOverride() if rule.usage != "not_used":
                yield rule.loop, rule.segment
                yield f"{rule.loop}/{rule.segment}" if rule.loop else rule.segment, rule.segment
            case LoopOverride() if rule.usage != "not_used":
                yield rule.loop, rule.loop.rpartition("/")[2]
            case ElementOverride() if rule.loop is not None and rule.usage != "not_used":
                yield rule.loop, rule.segment
            case ExtraSegment():
                yield rule.after.rpartition("/")[0], rule.segment
            case _:
                pass


def places_in_words(rows: Iterable[PlaceRow]) -> tuple[str, ...]:
    """Segments with the loops they stand in: ``CSH``, ``CTB in PO1``; each once."""
    return tuple(dict.fromkeys(place_in_words(row) for row in rows))


def place_in_words(row: PlaceRow) -> str:
    """A place in short: the segment, and the loops around it."""
    around = row.loop.rpartition("/")[0] if row.opens_loop else row.loop
    what = f"{row.code} loop" if row.opens_loop else row.code
    return f"{what} in {around.replace('/', ' / ')}" if around else what
