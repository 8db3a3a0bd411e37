"""Invoices (X12 810) from what a supplier says is to be paid."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

from gateway.api.answering.lines import DIGITS, About, Reading, everything, of_lines
from gateway.api.answers import InvoicedLine, NewInvoice
from translators.document_parts import AllowanceCharge, Tax
from translators.documents import Invoice, InvoiceLine, OrderLine, PurchaseOrder
from translators.x12.writing import with_context

_CENT: Final = Decimal("0.01")
_UNSAID: Final = InvoicedLine(line="-")


def invoice(said: NewInvoice, order: PurchaseOrder, _today: date) -> Invoice:
    """The invoice (X12 810) of goods of an order.

    Raises:
        Refused: INVALID_CONTENT, it speaks of lines that are none, lacks a price, or does not add up.
    """
    reading = Reading(order)
    told = of_lines(reading, said.lines, "/lines") if said.lines else everything(reading, _UNSAID)
    lines = [_invoiced(reading, about) for about in told]
    reading.end()
    total = _total(said, lines)
    if said.total is not None and total is not None and abs(said.total - total) > _CENT * (len(lines) + 1):
        reading.fault("/total", "total-differs", f"is {said.total}; lines, charges and taxes come to {total}")
    if said.tax_percent is not None and said.tax is None:
        reading.fault("/tax", "missing", "is missing: of a rate the amount is needed, too")
    reading.end()
    made = Invoice(
        number=said.invoice_number,
        kind="invoice",
        kind_code="DI",
        purpose="original",
        purpose_code="00",
        issued_on=said.invoiced_on,
        purchase_order_number=order.number,
        currency=said.currency,
        due_on=said.due_on,
        amount_due=total if said.total is None else said.total,
        allowances_charges=tuple(
            AllowanceCharge(
                indicator="C" if item.kind == "charge" else "A",
                is_charge=item.kind == "charge",
                amount=item.amount,
                description=item.description,
            )
            for item in said.charges
        ),
        taxes=(Tax(amount=said.tax, percent=said.tax_percent),) if said.tax is not None else (),
    )
    return replace(with_context(made, order), lines=tuple(lines))


def _invoiced(reading: Reading, about: About[InvoicedLine]) -> InvoiceLine:
    said, line, (unit, as_sent) = about.said, about.line, about.unit
    price = said.unit_price if said.unit_price is not None else line.unit_price
    if price is None:
        message = f"is missing: the order has no price for line {line.line_id}"
        reading.fault(f"{about.place}/unit_price", "missing", message)
    elif said.unit_price is None and not about.is_ordered_unit:
        message = "is missing: the price of the order is for another unit"
        reading.fault(f"{about.place}/unit_price", "missing", message)
    return InvoiceLine(
        line_id=line.line_id,
        line_id_assigned=line.line_id_assigned,
        purchase_order_number=reading.order.number,
        quantity=about.quantity,
        unit=unit,
        unit_as_sent=as_sent,
        unit_price=price,
        price_basis=line.price_basis,
        product_ids=line.product_ids,
        descriptions=line.descriptions,
        line_amount=_amount(about.quantity, price) if _is_per_unit(line) else None,
    )


def _is_per_unit(line: OrderLine) -> bool:
    """Whether the price is for one unit of the line (X12 element 639), and not for a hundred, or by weight."""
    return line.price_basis in {None, "UM"} or (line.price_basis == "PE" and line.unit == "EA")


def _amount(quantity: Decimal, price: Decimal | None) -> Decimal | None:
    if price is None:
        return None
    with localcontext(prec=DIGITS):
        return (quantity * price).quantize(_CENT, ROUND_HALF_UP)


def _total(said: NewInvoice, lines: Sequence[InvoiceLine]) -> Decimal | None:
    """What it comes to; None where a price is for something else than one unit."""
    amounts = [line.line_amount for line in lines]
    with localcontext(prec=DIGITS):
        signed = [item.amount if item.kind == "charge" else -item.amount for item in said.charges]
        known = [amount for amount in amounts if amount is not None]
        return None if len(known) < len(amounts) else sum([*known, *signed, said.tax or Decimal(0)], Decimal(0))
