"""Acknowledgments (X12 855) from what a supplier says of an order."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import Final

from gateway.api.answering.lines import DIGITS, About, Reading, dates_of, notes_of, of_lines, ordered_unit
from gateway.api.answers import AcknowledgedLine, NewAcknowledgment
from translators.document_parts import Acknowledgment, DateReference
from translators.documents import AcknowledgmentLine, PurchaseOrder, PurchaseOrderAcknowledgment
from translators.x12.writing import with_context

_SHIP_ON, _DELIVER_ON = "068", "067"  # X12 element 374: currently scheduled
# X12 elements 668 and 587.
_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "accepted": "IA",
        "accepted_with_changes": "IC",
        "quantity_changed": "IQ",
        "price_changed": "IP",
        "date_changed": "DR",
        "backordered": "IB",
        "rejected": "IR",
    }
)
_STATUS_CODES: Final = MappingProxyType({"accepted": "AD", "accepted_with_changes": "AC", "rejected": "RD"})
_UNSAID: Final = AcknowledgedLine(line="-")


def acknowledgment(said: NewAcknowledgment, order: PurchaseOrder, today: date) -> PurchaseOrderAcknowledgment:
    """The acknowledgment of an order.

    Raises:
        Refused: INVALID_CONTENT, it speaks of lines that are none, or contradicts itself.
    """
    reading = Reading(order)
    by_line = {about.line.line_id: about for about in of_lines(reading, said.lines, "/lines", needs_quantity=False)}
    reading.end()
    lines = [
        _line(
            reading,
            by_line.get(line.line_id) or About(_UNSAID, line, "", line.quantity or Decimal(0), ordered_unit(line)),
            said,
        )
        for line in order.lines
    ]
    reading.end()
    made = PurchaseOrderAcknowledgment(
        number=said.acknowledgment_number,
        purpose="original",
        purpose_code="00",
        issued_on=said.acknowledged_on or today,
        purchase_order_number=order.number,
        status=said.status,
        status_code=_STATUS_CODES[said.status],
        dates=_promised(said.ship_on, said.deliver_on),
        notes=notes_of(said.note),
    )
    return replace(with_context(made, order), lines=tuple(lines))


def _line(reading: Reading, about: About[AcknowledgedLine], whole: NewAcknowledgment) -> AcknowledgmentLine:
    said, line = about.said, about.line
    return AcknowledgmentLine(
        line_id=line.line_id,
        line_id_assigned=line.line_id_assigned,
        quantity=line.quantity,
        unit=line.unit,
        unit_as_sent=line.unit_as_sent,
        unit_price=said.price if said.price is not None else line.unit_price,
        price_basis=line.price_basis,
        product_ids=line.product_ids,
        descriptions=line.descriptions,
        notes=notes_of(said.reason),
        acknowledgments=tuple(_words(reading, about, whole)),
    )


def _words(reading: Reading, about: About[AcknowledgedLine], whole: NewAcknowledgment) -> Iterator[Acknowledgment]:
    """What is said of a line, one entry for each part of its quantity."""
    said, changed = about.said, _changed(about)
    dates = _promised(said.ship_on or whole.ship_on, said.deliver_on or whole.deliver_on)
    match _status(about, whole, changed):
        # A day that is promised takes nothing away from a yes.
        case "accepted" if changed - {"date_changed"}:
            message = "is `accepted`, though quantity or price differ from what was ordered; `changed` says so"
            reading.fault(f"{about.place}/status", "contradiction", message)
        case "accepted":
            yield _entry("accepted", about, about.quantity, dates)
        case "changed" if not changed and not (dates and not about.place):
            message = "is `changed`, and nothing says what; give a quantity, price, ship_on or deliver_on that differs"
            reading.fault(f"{about.place}/status", "contradiction", message)
        case "changed":
            words = changed or {"date_changed"}
            word = next(iter(words)) if len(words) == 1 else "accepted_with_changes"
            yield replace(_entry(word, about, about.quantity, dates), unit_price=said.price)
        case "backordered":
            rest = _rest(about)
            if rest > 0:
                yield _entry("accepted", about, rest, ())
            yield _entry("backordered", about, about.quantity, dates)
        case _ if changed:
            message = "is `rejected`, so there is no quantity, price or date; to take less of it write `changed`"
            reading.fault(f"{about.place}/status", "contradiction", message)
        case _:
            yield _entry("rejected", about, about.quantity, ())


def _status(about: About[AcknowledgedLine], whole: NewAcknowledgment, changed: set[str]) -> str:
    """The word for a line, which follows from the whole where none is said."""
    if about.said.status is not None:
        return about.said.status
    if whole.status != "accepted_with_changes":
        return whole.status
    is_changed = changed or (not about.place and (whole.ship_on or whole.deliver_on))
    return "changed" if is_changed else "accepted"


def _changed(about: About[AcknowledgedLine]) -> set[str]:
    """What differs from what was ordered."""
    said, line, changed = about.said, about.line, set()
    if said.quantity is not None and (said.quantity != line.quantity or not about.is_ordered_unit):
        changed.add("quantity_changed")
    if said.price is not None and said.price != line.unit_price:
        changed.add("price_changed")
    if said.ship_on is not None or said.deliver_on is not None:
        changed.add("date_changed")
    return changed


def _rest(about: About[AcknowledgedLine]) -> Decimal:
    """How much of a line comes now of which a part comes later."""
    if about.said.quantity is None or about.line.quantity is None or not about.is_ordered_unit:
        return Decimal(0)
    with localcontext(prec=DIGITS):
        return about.line.quantity - about.said.quantity


def _entry(
    word: str, about: About[AcknowledgedLine], quantity: Decimal, dates: tuple[DateReference, ...]
) -> Acknowledgment:
    unit, as_sent = about.unit
    return Acknowledgment(
        status=word, code=_CODES[word], quantity=quantity, unit=unit, unit_as_sent=as_sent, dates=dates
    )


def _promised(ship_on: date | None, deliver_on: date | None) -> tuple[DateReference, ...]:
    return dates_of((_SHIP_ON, ship_on), (_DELIVER_ON, deliver_on))
