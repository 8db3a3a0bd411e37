"""What is said of lines, each with its line of the order; and the parts that all answers are made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Generic, TypeAlias, TypeVar

from gateway.api.answers import AcknowledgedLine, InvoicedLine, ShippedLine
from gateway.api.reading import Fault, refused
from translators.codes.lists import labels, units_from
from translators.document_parts import CodeAsSent, DateReference, Note, Reference
from translators.documents import Document, OrderLine, PurchaseOrder
from translators.findings import Severity
from translators.rules import check

LINES_NAMED_MAX: Final = 50
DIGITS: Final = 200  # more than the product of any two numbers that can be read
_DATES: Final = "0374"
_REFERENCES: Final = "0128"

SaidT = TypeVar("SaidT", AcknowledgedLine, ShippedLine, InvoicedLine)
Unit: TypeAlias = tuple[str | None, CodeAsSent | None]


class Reading:
    """An answer to an order as it is read: finds lines, and gathers what is wrong."""

    def __init__(self, order: PurchaseOrder) -> None:
        self.order = order
        self.faults: list[Fault] = []
        self._lines = _by_number(order.lines, str)
        self._bare_lines = _by_number(order.lines, _bare)

    def line(self, number: str) -> OrderLine | None:
        """The line of this number; zeros before it do not count where it is the only one."""
        if number in self._lines:
            return self._lines[number]
        return self._bare_lines.get(_bare(number))

    def fault(self, place: str, code: str, message: str) -> None:
        """Note something that is wrong at a place (JSON pointer)."""
        self.faults.append(Fault(place, code, message))

    def end(self) -> None:
        """Raises `Refused` where something was wrong."""
        if self.faults:
            raise refused(tuple(self.faults))


def _by_number(lines: Sequence[OrderLine], key: Callable[[str], str]) -> dict[str, OrderLine | None]:
    """Lines by their numbers; None where several have the same."""
    found: dict[str, OrderLine | None] = {}
    for line in lines:
        number = key(line.line_id)
        found[number] = None if number in found else line
    return found


def _bare(number: str) -> str:
    return number.strip().lstrip("0")


@dataclass(frozen=True, slots=True)
class About(Generic[SaidT]):
    """Something said of a line.

    Attributes:
        place: where it was said; empty where nothing was said, and it follows from the order.
        quantity: as said, else as ordered.
    """

    said: SaidT
    line: OrderLine
    place: str
    quantity: Decimal
    unit: Unit

    @property
    def is_ordered_unit(self) -> bool:
        """Whether its unit is the one that was ordered."""
        return self.unit == ordered_unit(self.line)


def ordered_unit(line: OrderLine) -> Unit:
    """The unit of a line."""
    return line.unit, line.unit_as_sent


def everything(reading: Reading, unsaid: SaidT) -> list[About[SaidT]]:
    """All lines as they were ordered, where nothing is said of any."""
    found = []
    for line in reading.order.lines:
        if line.quantity is None or line.quantity <= 0:
            message = f"are missing: the order does not say how much of line {line.line_id} is wanted"
            reading.fault("/lines", "missing", message)
        else:
            found.append(About(unsaid, line, "", line.quantity, ordered_unit(line)))
    return found


def of_lines(
    reading: Reading, lines: Sequence[SaidT], place: str, *, needs_quantity: bool = True
) -> list[About[SaidT]]:
    """What is said, each with its line of the order; what has none is a fault."""
    found: list[About[SaidT]] = []
    seen: set[str] = set()
    for index, said in enumerate(lines):
        at = f"{place}/{index}"
        line = reading.line(said.line)
        if line is None:
            named = ", ".join(line.line_id for line in reading.order.lines[:LINES_NAMED_MAX])
            reading.fault(f"{at}/line", "unknown-line", f"the order has no line {said.line}; its lines are {named}")
            continue
        if line.line_id in seen:
            reading.fault(f"{at}/line", "line-twice", f"line {said.line} stands here twice; say it once")
            continue
        seen.add(line.line_id)
        quantity = said.quantity if said.quantity is not None else line.quantity
        if needs_quantity and (quantity is None or quantity <= 0):
            message = f"is missing: the order does not say how much of line {line.line_id} is wanted"
            reading.fault(f"{at}/quantity", "missing", message)
        unit = unit_of(said.unit, line)
        if unit is None:
            message = "is no unit of UN/ECE Rec 20 or X12; leave it out to mean the one that was ordered"
            reading.fault(f"{at}/unit", "unknown-unit", message)
        else:
            found.append(About(said, line, at, quantity or Decimal(0), unit))
    return found


def unit_of(given: str | None, line: OrderLine) -> Unit | None:
    """A unit by its code; None where nobody knows it."""
    if given is None or given in {line.unit, line.unit_as_sent.code if line.unit_as_sent is not None else None}:
        return ordered_unit(line)
    if given in units_from("rec20"):
        return given, None
    mapped = units_from("x12_355").get(given)
    return None if mapped is None else (mapped, CodeAsSent(given, "x12_355"))


def sound(document: Document) -> Document:
    """The document, which makes sense as a canonical one.

    Raises:
        Refused: INVALID_CONTENT, it does not, most likely since its order does not.
    """
    findings = [item for item in check(document) if item.severity is Severity.ERROR]
    if findings:
        raise refused(tuple(Fault("", item.code, item.message) for item in findings))
    return document


def dates_of(*dates: tuple[str, date | None]) -> tuple[DateReference, ...]:
    """Dates by their qualifiers (X12 element 374); those that are None are left out."""
    return tuple(
        DateReference(qualifier, label=labels(_DATES).get(qualifier), date=day) for qualifier, day in dates if day
    )


def reference(qualifier: str, value: str) -> Reference:
    """A reference by its qualifier (X12 element 128)."""
    return Reference(qualifier, labels(_REFERENCES).get(qualifier), value)


def notes_of(text: str | None) -> tuple[Note, ...]:
    """A note of free text, where there is one."""
    return (Note(text=text),) if text is not None else ()
