"""CTT: whether a transaction set holds as many line items as it claims, and the quantities it claims.

CTT01 counts the segments that begin a line, in an 856 all its HL levels (the comments of the sets say so). A wrong
count means that lines were lost or added on the way. CTT02 is a hash total: by the dictionary a sum of digits without
their decimal points, in the field mostly a plain sum, and often enough something else; a wrong one is told, no more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.x12.dictionary import Release
from translators.x12.faults import ElementError, Ledger
from translators.x12.tree import Loop, Segment
from translators.x12.value_faults import quoted

_HASH_DIGITS: Final = 10  # CTT02 has no room for more; the leftmost digits fall off
_NUMBER = re.compile(r"-?(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Lines:
    """What CTT speaks of in one set: its lines, and the quantity that each holds (segment and data element)."""

    loop: str
    quantity: tuple[str, str] | None = None


_LINES: Final = {
    "810": _Lines("IT1", ("IT1", "358")),
    "830": _Lines("LIN"),
    "846": _Lines("LIN"),
    "850": _Lines("PO1", ("PO1", "330")),
    "855": _Lines("PO1", ("PO1", "330")),
    "856": _Lines("HL", ("SN1", "382")),
    "860": _Lines("POC", ("POC", "330")),
    "861": _Lines("RCD", ("RCD", "663")),
    "862": _Lines("LIN"),
    "865": _Lines("POC", ("POC", "330")),
}
_ITEM_LEVEL: Final = "I"


def check_totals(set_type: str, root: Loop, release: Release, ledger: Ledger) -> None:
    """Compare CTT01 and CTT02 with the lines of a transaction set; nothing is said of a set without CTT."""
    counted = _LINES.get(set_type)
    if counted is None:
        return
    held = next((item for item in reversed(root.items) if _code(item) == "CTT"), None)
    total = held.segment("CTT") if isinstance(held, Loop) else held
    if total is None:
        return
    lines = list(root.loops(counted.loop))
    _check_count(counted, lines, total, ledger)
    if counted.quantity is not None and total.value(2):
        _check_hash(counted.quantity, lines, total, release, ledger)


def _code(item: Segment | Loop) -> str:
    return item.code


def _check_count(counted: _Lines, lines: list[Loop], total: Segment, ledger: Ledger) -> None:
    claimed = total.value(1).strip(" ")
    if not (claimed.isascii() and claimed.isdigit()) or claimed.lstrip("0") == str(len(lines) or ""):
        return  # what is no number was told of as such
    severity = ledger.severity("control-totals")
    counts = f"CTT01 counts {claimed.lstrip('0') or '0'} lines, but {len(lines)} {counted.loop} segments were sent"
    remedy = "send the set whole, with the number of lines in CTT01"
    if counted.loop == "HL":
        items = sum(_level(line) == _ITEM_LEVEL for line in lines)
        if claimed.lstrip("0") == str(items):
            severity, remedy = Severity.WARNING, "count all HL segments in CTT01, not those of items alone"
    _report(total, 1, claimed, f"{counts}; {remedy}", severity, ledger)


def _level(line: Loop) -> str:
    trigger = line.segment("HL")
    return "" if trigger is None else trigger.value(3)


def _check_hash(quantity: tuple[str, str], lines: list[Loop], total: Segment, release: Release, ledger: Ledger) -> None:
    claimed = total.value(2).strip(" ")
    code, number = quantity
    elements = release.segments[code].elements
    element = next((at for at, rule in enumerate(elements, 1) if rule.number == number), None)
    if element is None or not _NUMBER.fullmatch(claimed):
        return
    values = [value for line in lines for value in _values(line, code, element)]
    if not all(map(_NUMBER.fullmatch, values)):
        return
    # Every form in use: the plain sum, and that of the digits alone, cut to the room there is.
    plain = sum((Decimal(value) for value in values), Decimal(0))
    digits = sum(int("".join(filter(str.isdigit, value))) for value in values)
    if Decimal(claimed) not in (plain, digits, digits % 10**_HASH_DIGITS):
        name = f"{code}{element:02d}"
        message = f"CTT02 is {quoted(claimed)}, but the sum of {name} is {plain:f}; send the sum, or leave CTT02 out"
        _report(total, 2, claimed, message, Severity.WARNING, ledger)


def _values(line: Loop, code: str, element: int) -> Iterator[str]:
    for segment in line.segments(code):
        value = segment.value(element).strip(" ")
        if value:
            yield value


def _report(total: Segment, element: int, value: str, message: str, severity: Severity, ledger: Ledger) -> None:
    ledger.add(
        Finding(
            Level.ELEMENT,
            ElementError.CODE,  # AK403 has none for a wrong total; "invalid code value" is what senders expect
            message,
            severity,
            segment="CTT",
            position=total.position,
            element=element,
            value=value[:VALUE_CHARACTERS_MAX],
            byte_offset=min(total.start + len("CTT*") + (0 if element == 1 else len(total.value(1)) + 1), total.end),
            data_element="354" if element == 1 else "347",
        )
    )
