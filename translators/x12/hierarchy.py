"""HL: whether the levels of a set make a tree.

HL01 names a level, HL02 its parent, which must have come before; HL03 is its kind, HL04 says whether others are below.
What leaves a level without its place (a parent that is not there, a name used twice) is an error: goods would be
counted to the wrong carton or order. What only contradicts the tree is told as a warning, once for the whole set.
"""

from dataclasses import dataclass
from typing import Final

from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.x12.faults import ElementError, Ledger
from translators.x12.tree import Loop, Segment
from translators.x12.value_faults import quoted

_DATA_ELEMENTS: Final = {1: "628", 2: "734", 3: "735", 4: "736"}
_SHIPMENT, _ORDER, _ITEM = "S", "O", "I"


@dataclass(slots=True)
class _Levels:
    """The HL segments of a set that have an HL01, and which of them have others below."""

    all: list[Segment]
    by_id: dict[str, Segment]
    parents: set[str]


def check_hierarchy(root: Loop, ledger: Ledger) -> None:
    """Note what is wrong with the HL segments of a transaction set."""
    triggers = (loop.segment("HL") for loop in root.loops("HL"))
    # Without HL01, which is mandatory and told of as such, a level has no place to be wrong in.
    found = [segment for segment in triggers if segment is not None and segment.value(1)]
    if not found:
        return
    levels = _Levels(found, {}, {segment.value(2) for segment in found})
    names = {segment.value(1) for segment in found}
    for segment in found:
        _check_place(segment, levels.by_id, names, ledger)
        levels.by_id.setdefault(segment.value(1), segment)
    _check_roots(levels, ledger)
    _check_children(levels, ledger)
    _check_kinds(levels, ledger)


def _check_place(segment: Segment, before: dict[str, Segment], names: set[str], ledger: Ledger) -> None:
    own, parent = segment.value(1), segment.value(2)
    severity = ledger.severity("hierarchy")
    if own in before:
        first = before[own].position
        message = f"HL01 {quoted(own)} names a level that stands at segment {first} already; number each level anew"
        _report(segment, 1, message, severity, ledger)
    if parent and parent not in before:
        if parent == own:
            what = "names the level itself"
        elif parent in names:
            what = "names a level that comes only after it"
        else:
            what = "names no level of this set"
        message = f"HL02 {quoted(parent)} {what}; send HL01 of the level above, before the levels below it"
        _report(segment, 2, message, severity, ledger)


def _check_roots(levels: _Levels, ledger: Ledger) -> None:
    """Several levels without a parent are right only where all are of one kind: shipments beside shipments."""
    first, *others = [segment for segment in levels.all if not segment.value(2)] or levels.all[:1]
    lost = [segment for segment in others if segment.value(3) not in {"", first.value(3)}]
    if lost:
        message = f"{_these(lost)} no HL02, so nothing says what they belong to; send HL01 of the level above"
        _report(lost[0], 2, message, Severity.WARNING, ledger)


def _check_children(levels: _Levels, ledger: Ledger) -> None:
    wrong = [
        s for s in levels.all if s.value(4) in {"0", "1"} and (s.value(4) == "1") != (s.value(1) in levels.parents)
    ]
    if wrong:
        message = f"{_these(wrong)} an HL04 that its children contradict; send 1 where a level has others below, else 0"
        _report(wrong[0], 4, message, Severity.WARNING, ledger)


def _check_kinds(levels: _Levels, ledger: Ledger) -> None:
    """Packages stand above orders, below them and below items; a shipment in something, an order in an item cannot."""
    wrong = []
    for segment in levels.all:
        above = levels.by_id.get(segment.value(2))
        kind = segment.value(3)
        if above is not None and (kind == _SHIPMENT or (kind == _ORDER and above.value(3) in {_ORDER, _ITEM})):
            wrong.append(segment)
    if wrong:
        message = f"{_these(wrong)} a kind (HL03) that cannot stand below its parent; check HL02 and HL03"
        _report(wrong[0], 3, message, Severity.WARNING, ledger)


def _these(levels: list[Segment]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(levels) - 1} more" if len(levels) > 1 else ""
    return f"HL {quoted(levels[0].value(1))}{more} {'have' if more else 'has'}"


def _report(segment: Segment, element: int, message: str, severity: Severity, ledger: Ledger) -> None:
    before = sum(len(segment.value(at)) + 1 for at in range(1, element))
    ledger.add(
        Finding(
            Level.ELEMENT,
            ElementError.CODE,
            message,
            severity,
            segment="HL",
            position=segment.position,
            element=element,
            value=segment.value(element)[:VALUE_CHARACTERS_MAX] or None,
            byte_offset=min(segment.start + len("HL*") + before, segment.end),  # of a segment cut short its end
            loop="HL",
            data_element=_DATA_ELEMENTS[element],
        )
    )
