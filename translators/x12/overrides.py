"""What a partner's agreement demands and allows beyond its X12 release, compiled into the tables of that release.

The validator reads the derived tables as it reads the standard's own: there is no second pass. Two principles keep
an agreement from changing what a file means:

- *Placement is the standard's.* Segments find their loops by the release alone; a rule only judges how often they
  stand where they stand (`SegmentUse.limit`), and an extra segment is asked for only where the standard has no place.
- *What narrows only narrows, what widens only widens.* A set that breaks no rule of the release and none of the
  agreement is accepted; no rule that demands more lets something in, none that allows more keeps something out.

A rule that names what the release does not have changes nothing here; `rule_problems` tells of it beforehand.
"""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from translators.guide import (
    STANDARD_VALIDATION,
    ElementOverride,
    ExtraSegment,
    LoopOverride,
    Override,
    SegmentOverride,
    Usage,
    Validation,
)
from translators.x12.dictionary import Agreed, ElementRule, SegmentRule
from translators.x12.grammar import Grammar, LoopRule, SegmentUse, grammar

AGREEMENTS_REMEMBERED_MAX = 512  # tables of one agreement take some kilobytes: they share all that they leave alone

# Segments of the envelopes: one of these inside a transaction set ends it.
ENVELOPE_SEGMENTS = frozenset({"ISA", "IEA", "GS", "GE", "ST", "SE", "TA1"})

_NAMES_SHOWN_MAX = 12
_UNCODED_TYPES = ("DT", "TM", "R", "N")


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """A rule that the release cannot carry: its index, the field at fault, what is wrong and what would be right."""

    index: int
    field: str
    what: str
    would_be_right: str


@dataclass(frozen=True, slots=True)
class ExtraPlace:
    """Where an extra segment may stand: in a loop, until something behind the item ``index`` of the loop was read."""

    code: str
    loop: LoopRule
    index: int
    max: int


@dataclass(frozen=True, slots=True)
class QualifiedUse:
    """How often a segment with one qualifier must and may stand in each loop of a path."""

    code: str
    loop: str
    qualifier: str
    min: int
    max: int | None
    begins_loop: bool


@dataclass(frozen=True, slots=True)
class AgreedTables:
    """The tables of one transaction set under one agreement.

    Attributes:
        grammar: structure and dictionary.
        body: the segments that may stand between ST and SE.
        extras: extra segments by code.
        local: the segments that are judged otherwise in one loop, by the path of the loop and the code.
        local_codes: the codes among them.
        qualified: segments that must or must not stand somewhere with one qualifier.
        validation: how strictly the values of its segments are judged.
    """

    grammar: Grammar
    body: dict[str, SegmentRule]
    extras: dict[str, tuple[ExtraPlace, ...]] = field(default_factory=dict)
    local: dict[tuple[str, str], SegmentRule] = field(default_factory=dict)
    local_codes: frozenset[str] = frozenset()
    qualified: tuple[QualifiedUse, ...] = ()
    validation: Validation = STANDARD_VALIDATION


def agreed_tables(
    set_type: str, release: str, rules: tuple[Override, ...] = (), validation: Validation = STANDARD_VALIDATION
) -> AgreedTables | None:
    """The tables of a transaction set under the rules of an agreement, or None where the release has none."""
    # Only names that exist are remembered: ST01 comes from outside and would fill a cache.
    return _compiled(set_type, release, rules, validation)[0] if grammar(set_type, release) is not None else None


def rule_problems(set_type: str, release: str, rules: tuple[Override, ...]) -> tuple[RuleProblem, ...]:
    """The rules that name what the transaction set does not have in this release; none where there are no tables."""
    return _compiled(set_type, release, rules, STANDARD_VALIDATION)[1] if grammar(set_type, release) is not None else ()


@functools.lru_cache(maxsize=AGREEMENTS_REMEMBERED_MAX)
def _compiled(
    set_type: str, release: str, rules: tuple[Override, ...], validation: Validation
) -> tuple[AgreedTables | None, tuple[RuleProblem, ...]]:
    base = grammar(set_type, release)
    if base is not None and validation != STANDARD_VALIDATION:
        base = Grammar(set_type, base.release.judged_by(validation), base.root)
    if base is None or not rules:
        return None if base is None else AgreedTables(base, _body(base), validation=validation), ()
    compiler = _Compiler(base, rules)
    tables = replace(compiler.tables(), validation=validation)
    return tables, tuple(sorted(compiler.problems, key=lambda problem: problem.index))


def _body(tables: Grammar) -> dict[str, SegmentRule]:
    return {code: rule for code, rule in tables.release.segments.items() if code not in ENVELOPE_SEGMENTS}


class _Misfit(Exception):  # noqa: N818 - no failure: it carries a problem of one rule to the loop over all of them
    def __init__(self, field_name: str, what: str, would_be_right: str) -> None:
        super().__init__(what)
        self.field, self.what, self.would_be_right = field_name, what, would_be_right


class _Compiler:
    """Applies the rules one by one to copies of the standard's tables; what does not fit becomes a problem."""

    def __init__(self, base: Grammar, rules: tuple[Override, ...]) -> None:
        self.problems: list[RuleProblem] = []
        self._base = base
        self._name = f"{base.set_type} in release {base.release.name}"
        self._root = _copy(base.root, None)
        self._loops = {loop.path: loop for loop in _loops_of(self._root)}
        self._segments = dict(base.release.segments)
        self._local: dict[tuple[str, str], SegmentRule] = {}
        self._extras: dict[str, tuple[ExtraPlace, ...]] = {}
        self._qualified: list[QualifiedUse] = []
        # What holds in one loop stands on what holds everywhere.
        for index, rule in sorted(enumerate(rules), key=lambda item: getattr(item[1], "loop", None) is not None):
            try:
                self._apply(rule)
            except _Misfit as misfit:
                self.problems.append(RuleProblem(index, misfit.field, misfit.what, misfit.would_be_right))

    def tables(self) -> AgreedTables:
        """What the rules made of the tables."""
        release = self._base.release.with_segments(self._segments)
        derived = Grammar(self._base.set_type, release, self._root)
        codes = frozenset(code for _, code in self._local)
        return AgreedTables(derived, _body(derived), self._extras, self._local, codes, tuple(self._qualified))

    def _apply(self, rule: Override) -> None:
        match rule:
            case SegmentOverride():
                self._segment(rule)
            case LoopOverride():
                self._loop(rule)
            case ElementOverride():
                self._element(rule)
            case ExtraSegment():
                self._extra(rule)

    def _segment(self, rule: SegmentOverride) -> None:
        loop = self._loop_at(rule.loop)
        index = self._index(loop, rule.segment, "segment")
        item = loop.items[index]
        if rule.segment in {"ST", "SE"}:
            raise _Misfit("segment", f"{rule.segment} stands once in every set", "remove the rule")
        if index == 0 and loop.parent is not None:
            what = f"{rule.segment} begins its loop: it stands there once"
            remedy = f"write `loop: {loop.path}` with `usage` or `repeat_max`, without `segment`"
            if rule.qualifier is not None:
                # Taken at its word it would want the qualifier in each loop: every N1 the one with ST.
                around = f"name the loop around it, {loop.parent.path}" if loop.parent.path else "leave `loop` out"
                remedy = f"{around}: then the rule speaks of the {loop.code} loops with {rule.qualifier}"
            raise _Misfit("segment", what, remedy)
        if rule.qualifier is not None:
            self._with_qualifier(rule, rule.qualifier, loop, item)
            return
        self._bound(loop, index, item, rule.usage, rule.max_use)

    def _with_qualifier(
        self, rule: SegmentOverride, qualifier: str, loop: LoopRule, item: SegmentUse | LoopRule
    ) -> None:
        first = self._segments[rule.segment].elements[0]
        if first.plain_codes and qualifier not in first.plain_codes:
            what = f"the release does not list {qualifier} for {rule.segment}01 {first.name}"
            raise _Misfit("qualifier", what, f"use codes such as {_listed(sorted(first.plain_codes))}")
        least = 1 if rule.usage == "required" else 0
        most = 0 if rule.usage == "not_used" else rule.max_use
        begins_loop = isinstance(item, LoopRule)
        self._qualified.append(QualifiedUse(rule.segment, loop.path, qualifier, least, most, begins_loop))

    def _loop(self, rule: LoopOverride) -> None:
        loop = self._loop_at(rule.loop)
        if loop.parent is None:
            raise _Misfit("loop", "the set itself is no loop of it", "name a loop")
        self._bound(loop.parent, loop.index, loop, rule.usage, rule.repeat_max)

    @staticmethod
    def _bound(loop: LoopRule, index: int, item: SegmentUse | LoopRule, usage: Usage | None, most: int | None) -> None:
        least, agreed = item.min, item.agreed
        if usage is not None:
            agreed = usage == "required" and (item.agreed or item.min == 0)
            least = max(1, item.min) if usage == "required" else 0
        limit = 0 if usage == "not_used" else most if most is not None else item.limit
        if isinstance(item, LoopRule):
            item.min, item.limit, item.agreed = least, limit, agreed
        else:
            loop.items[index] = replace(item, min=least, limit=limit, agreed=agreed)

    def _element(self, rule: ElementOverride) -> None:
        base = self._segments.get(rule.segment)
        if base is None or rule.segment not in self._base.codes:
            raise _Misfit("element", f"{rule.segment} is no segment of {self._name}", self._segments_here(None))
        if not 1 <= rule.element <= len(base.elements):
            what = f"{rule.segment} has {len(base.elements)} elements in release {self._base.release.name}"
            raise _Misfit("element", what, f"name one up to {rule.segment}{len(base.elements):02d}")
        if rule.loop is None:
            self._segments[rule.segment] = _with_element(base, rule)
            return
        loop = self._loop_at(rule.loop)
        item = loop.items[self._index(loop, rule.segment, "element")]
        if isinstance(item, LoopRule):
            raise _Misfit("loop", f"{rule.segment} begins a loop there", f"write `loop: {item.path}`")
        place = (loop.path, rule.segment)
        self._local[place] = _with_element(self._local.get(place, base), rule)

    def _extra(self, rule: ExtraSegment) -> None:
        path, _, code = rule.after.rpartition("/")
        loop = self._loop_at(path, "after")
        index = self._index(loop, code, "after")
        if loop.parent is None and index == len(loop.items) - 1:
            raise _Misfit("after", "nothing stands behind SE", "name a segment or loop of the set")
        place = ExtraPlace(rule.segment, loop, index, rule.max_use)
        self._extras[rule.segment] = (*self._extras.get(rule.segment, ()), place)

    def _loop_at(self, path: str, field_name: str = "loop") -> LoopRule:
        loop = self._loops.get(path)
        if loop is None:
            known = [known for known in self._loops if known]
            close = [known for known in known if known.rsplit("/", 1)[-1] == path.rsplit("/", 1)[-1]]
            raise _Misfit(field_name, f"{self._name} has no loop {path}", f"use one of: {_listed(close or known)}")
        return loop

    def _index(self, loop: LoopRule, code: str, field_name: str) -> int:
        for index, item in enumerate(loop.items):
            if item.code == code:
                return index
        where = f"the loop {loop.path}" if loop.path else "the set outside of loops"
        raise _Misfit(field_name, f"{where} of {self._name} has no {code}", self._segments_here(loop, code))

    def _segments_here(self, loop: LoopRule | None, code: str = "") -> str:
        places = [known.path or "header" for known in self._loops.values() if code in {i.code for i in known.items}]
        if places:
            return f"it stands in: {_listed(places)}"
        codes = self._base.codes if loop is None else [item.code for item in loop.items]
        return f"use one of: {_listed(sorted(codes) if loop is None else codes, most=60)}"


def _with_element(segment: SegmentRule, rule: ElementOverride) -> SegmentRule:
    elements = list(segment.elements)
    at = rule.element - 1
    element = elements[at]
    if rule.component is None:
        elements[at] = _overridden(element, rule)
    elif not 1 <= rule.component <= len(element.components):
        name = f"{rule.segment}{rule.element:02d}"
        count = len(element.components)
        right = f"name one up to {name}-{count}" if count else f"write {name}"
        raise _Misfit("element", f"{name} has {count or 'no'} components", right)
    else:
        components = list(element.components)
        components[rule.component - 1] = _overridden(components[rule.component - 1], rule)
        elements[at] = replace(element, components=tuple(components))
    return SegmentRule(segment.code, tuple(elements), segment.notes, segment.validation)


def _overridden(element: ElementRule, rule: ElementOverride) -> ElementRule:
    agreed: set[Agreed] = set(element.agreed)
    required = element.required
    if rule.usage is not None:
        agreed -= {"required", "not_used"}
        required = rule.usage == "required"
        if rule.usage == "not_used":
            agreed.add("not_used")
        elif required and not element.required:
            agreed.add("required")
    if element.components and (rule.codes or rule.codes_added or rule.length_min or rule.length_max):
        name = f"{rule.segment}{rule.element:02d}"
        raise _Misfit("element", f"{name} has components, each with its own values", f"name one, such as {name}-1")
    element = replace(element, required=required)
    element = _with_lengths(element, rule, agreed)
    element = _with_codes(element, rule, agreed)
    return replace(element, agreed=frozenset(agreed))


def _with_lengths(element: ElementRule, rule: ElementOverride, agreed: set[Agreed]) -> ElementRule:
    low = element.min if rule.length_min is None else rule.length_min
    high = element.max if rule.length_max is None else rule.length_max
    if low > high:
        field_name = "length_max" if rule.length_min is None else "length_min"
        what = f"the shortest would be {low}, the longest {high} characters"
        raise _Misfit(field_name, what, f"the release says {element.min} to {element.max}; set both bounds")
    if low > element.min:
        agreed.add("length_min")
    if high < element.max:
        agreed.add("length_max")
    return replace(element, min=low, max=high)


def _with_codes(element: ElementRule, rule: ElementOverride, agreed: set[Agreed]) -> ElementRule:
    field_name = "codes" if rule.codes is not None else "codes_added"
    if rule.codes is None and not rule.codes_added:
        return element
    if element.type.startswith(_UNCODED_TYPES):
        what = f"{element.name} is a number, date or time, not a code"
        raise _Misfit(field_name, what, "remove the codes; lengths can be narrowed")
    if rule.codes is None and not element.codes:
        what = f"the list of {element.name} is open: every code is taken already"
        raise _Misfit(field_name, what, "remove `codes_added`, or write `codes` to close the list")
    unlisted = sorted((rule.codes or frozenset()) - element.codes - rule.codes_added) if element.codes else []
    if unlisted:
        what = f"the release does not list {_listed(unlisted)} for {element.name}"
        raise _Misfit(field_name, what, f"use codes such as {_listed(sorted(element.codes))}, or add `codes_added`")
    wrong = sorted(code for code in rule.codes_added if not element.min <= len(code) <= element.max)
    if wrong:
        what = f"{_listed(wrong)} for {element.name} is not {element.min} to {element.max} characters long"
        raise _Misfit("codes_added", what, "set `length_min` or `length_max` in the same rule too")
    if rule.codes is not None:
        agreed.add("codes")
    return replace(element, codes=(element.codes if rule.codes is None else rule.codes) | rule.codes_added)


def _copy(loop: LoopRule, parent: LoopRule | None) -> LoopRule:
    copied = replace(loop, parent=parent, items=[])
    copied.items = [_copy(item, copied) if isinstance(item, LoopRule) else item for item in loop.items]
    return copied


def _loops_of(loop: LoopRule) -> Iterator[LoopRule]:
    yield loop
    for item in loop.items:
        if isinstance(item, LoopRule):
            yield from _loops_of(item)


def _listed(names: Iterable[str], most: int = _NAMES_SHOWN_MAX) -> str:
    known = list(names)
    return ", ".join(known[:most]) + (", ..." if len(known) > most else "")
