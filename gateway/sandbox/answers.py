"""What a supplier answers: acknowledgments, ship notices and invoices as canonical documents, from order and word.

Nothing here knows a syntax, a clock or a store. Whatever an order holds, quantities and prices come out that a document
can bear.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import TypeVar

from gateway.sandbox.words import Act, Lines, Shipped, Word
from translators.document_parts import Acknowledgment, DateReference, ProductId
from translators.documents import (
    AcknowledgmentLine,
    ChangeAcknowledgmentLine,
    ChangeLine,
    Document,
    Invoice,
    InvoiceLine,
    OrderLine,
    PurchaseOrder,
    PurchaseOrderAcknowledgment,
    PurchaseOrderChange,
    PurchaseOrderChangeAcknowledgment,
    ShipNotice,
    ShipNoticeLine,
)
from translators.x12.writing import with_context

LATER = timedelta(days=7)
_TEN_PERCENT = Decimal("1.1")
_CENT = Decimal("0.01")
_ONE = Decimal(1)
_DIGITS = 200  # more than the product of any two numbers that can be read
_SELLER, _BUYER = "VP", "BP"
_ID_CHARACTERS_MAX = 48  # X12 element 234
_PIECES = "EA"
_Line = TypeVar("_Line", bound=OrderLine)
_SHIPPED_ON, _DELIVERY = "011", "017"
_WANTED = ("002", "010", "037", "063")  # delivery requested, requested ship, do not ship before, do not deliver after
# X12 elements 587 and 668 in the words of canonical documents.
_STATUS = {"AD": "accepted", "AC": "accepted_with_changes", "AH": "on_hold", "RJ": "rejected"}
_LINE_STATUS = {
    "IA": "accepted",
    "IB": "backordered",
    "IP": "price_changed",
    "DR": "date_changed",
    "IS": "substituted",
    "IR": "rejected",
}


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the supplier agrees to deliver of a line."""

    line: OrderLine
    quantity: Decimal
    unit_price: Decimal
    product_ids: tuple[ProductId, ...]


def answer(order: PurchaseOrder, word: Word, act: Act, tail: str, at: datetime) -> Document | None:
    """What an act sends; None where there is nothing to send, such as a shipment of no goods.

    Args:
        order: as the supplier reads it.
        word: decides.
        act: what is wanted.
        tail: makes the supplier's numbers its own.
        at: now.
    """
    order = replace(order, lines=tuple(map(_complete, order.lines)))
    if act is Act.RESPONSE:
        return _response(order, word, tail, at)
    goods = [item for item in (_agreed(*line, word) for line in enumerate(order.lines)) if item is not None]
    goods = [item for item in _shipped(goods, word) if item.quantity > 0]
    if act is Act.INVOICE:
        return _invoice(order, goods, word, tail, at) if goods else None
    suffix = ""
    if act in {Act.FIRST_SHIPMENT, Act.SECOND_SHIPMENT}:
        firsts = [half(item.quantity) for item in goods]
        is_first = act is Act.FIRST_SHIPMENT
        goods = [
            replace(item, quantity=first if is_first else item.quantity - first)
            for item, first in zip(goods, firsts, strict=True)
        ]
        goods, suffix = [item for item in goods if item.quantity > 0], "-1" if is_first else "-2"
    return _notice(order, goods, f"SN{tail}{suffix}", at) if goods else None


def _response(order: PurchaseOrder, word: Word, tail: str, at: datetime) -> PurchaseOrderAcknowledgment:
    lines = () if word.lines is Lines.NONE else tuple(_response_lines(order.lines, word, order.dates, at))
    made = PurchaseOrderAcknowledgment(
        number=f"SO{tail}",
        purpose="original",
        purpose_code="00",
        issued_on=at.date(),
        purchase_order_number=order.number,
        purchase_order_date=order.issued_on or at.date(),
        status=_STATUS[word.status],
        status_code=word.status,
        lines=lines,
    )
    return with_context(made, order)


def change_response(
    change: PurchaseOrderChange, word: Word, tail: str, at: datetime
) -> PurchaseOrderChangeAcknowledgment:
    """The acknowledgment of a change of an order."""
    asked = map(_complete, change.lines)
    answered = () if word.lines is Lines.NONE else _response_lines(asked, word, change.dates, at)
    by_id = {line.line_id: line for line in change.lines}
    lines = tuple(_change_line(line, by_id.get(line.line_id)) for line in answered)
    return PurchaseOrderChangeAcknowledgment(
        number=f"SO{tail}",
        purpose="original",
        purpose_code="00",
        issued_on=at.date(),
        purchase_order_number=change.purchase_order_number or change.number,
        purchase_order_date=change.purchase_order_date or at.date(),
        release_number=change.release_number,
        sequence=change.sequence,
        request_reference=change.request_reference,
        change_date=change.issued_on,
        status=_STATUS[word.status],
        status_code=word.status,
        parties=change.parties,
        lines=lines,
    )


def half(quantity: Decimal) -> Decimal:
    """Half of a quantity; whole pieces stay whole, the smaller half comes first."""
    with localcontext(prec=_DIGITS):
        if quantity == quantity.to_integral_value():
            return quantity // 2
        return quantity / 2


def dearer(price: Decimal) -> Decimal:
    """A price that is 10 % higher, by a cent at least."""
    with localcontext(prec=_DIGITS):
        raised = (price * _TEN_PERCENT).quantize(_CENT, ROUND_HALF_UP)
        return raised if raised > price else price + _CENT


def _more(quantity: Decimal) -> Decimal:
    with localcontext(prec=_DIGITS):
        if quantity == quantity.to_integral_value():
            return quantity + max(_ONE, quantity // 10)
        return (quantity * _TEN_PERCENT).quantize(_CENT, ROUND_HALF_UP)


def _complete(line: _Line) -> _Line:
    """A line with what every answer has to repeat: a supplier takes pieces where no unit is said."""
    if line.unit is None and line.unit_as_sent is None:
        line = replace(line, unit=_PIECES)
    if not line.product_ids:
        line = replace(line, product_ids=(ProductId(f"LINE-{line.line_id}"[:_ID_CHARACTERS_MAX], _SELLER),))
    return line


def _quantity(line: OrderLine) -> Decimal:
    return _ONE if line.quantity is None or line.quantity < 0 else line.quantity


def _price(line: OrderLine) -> Decimal:
    return _ONE if line.unit_price is None else line.unit_price


# --- lines ------------------------------------------------------------------------------------------------------------


def _agreed(index: int, line: OrderLine, word: Word) -> Agreed | None:
    """What is agreed of a line, or None where it is nothing."""
    goods = Agreed(line, _quantity(line), _price(line), line.product_ids)
    match word.lines:
        case Lines.NONE | Lines.BACKORDERED | Lines.WRONG_NUMBERS:
            return None
        case Lines.FIRST_REJECTED if index == 0:
            return None
        case Lines.HALF:
            return replace(goods, quantity=half(goods.quantity))
        case Lines.PRICE_UP:
            return replace(goods, unit_price=dearer(goods.unit_price))
        case Lines.OTHER_ITEM:
            return replace(goods, product_ids=_other_item(line.product_ids))
        case _:
            return goods


def _shipped(goods: Sequence[Agreed], word: Word) -> list[Agreed]:
    if word.shipped is Shipped.MORE:
        return [replace(item, quantity=_more(item.quantity)) for item in goods]
    if word.shipped is Shipped.LESS and goods:
        return [replace(goods[0], quantity=half(goods[0].quantity)), *goods[1:]]
    return list(goods)


def _other_item(ids: tuple[ProductId, ...]) -> tuple[ProductId, ...]:
    """The supplier's item number exchanged for another; the buyer's stays, since it is what was wanted."""
    known = next((held for held in ids if held.qualifier == _SELLER), None)
    kept = tuple(held for held in ids if held.qualifier == _BUYER)
    return (ProductId(f"{known.id if known else 'ITEM'}-S"[-_ID_CHARACTERS_MAX:], _SELLER), *kept)


def _response_lines(
    lines: Iterable[OrderLine], word: Word, dates: tuple[DateReference, ...], at: datetime
) -> Iterator[AcknowledgmentLine]:
    later = _later(dates, at)
    for index, line in enumerate(lines):
        answered = AcknowledgmentLine(
            line_id=line.line_id,
            line_id_assigned=line.line_id_assigned,
            quantity=_quantity(line),
            unit=line.unit,
            unit_as_sent=line.unit_as_sent,
            unit_price=line.unit_price,
            price_basis=line.price_basis,
            product_ids=line.product_ids,
            descriptions=line.descriptions,
        )
        if word.lines is Lines.PRICE_UP:
            answered = replace(answered, unit_price=dearer(_price(line)))
        if word.lines is Lines.WRONG_NUMBERS:
            nobodys = (ProductId(f"NO-SUCH-ITEM-{index + 1}", _SELLER),)
            answered = replace(answered, line_id=str(9_001 + index), line_id_assigned=None, product_ids=nobodys)
        yield replace(answered, acknowledgments=tuple(_said(index, line, word, later)))


def _said(index: int, line: OrderLine, word: Word, later: date) -> Iterator[Acknowledgment]:
    """What is said of a line, one entry for each part of its quantity."""
    ordered = _quantity(line)
    match word.lines:
        case Lines.HALF:
            accepted = half(ordered)
            if accepted > 0:
                yield _entry("IA", accepted, line)
            yield _entry("IB", ordered - accepted, line)
        case Lines.BACKORDERED:
            yield _entry("IB", ordered, line)
        case Lines.FIRST_REJECTED if index == 0:
            yield _entry("IR", ordered, line)
        case Lines.PRICE_UP:
            yield _entry("IP", ordered, line)
        case Lines.LATER:
            yield replace(_entry("DR", ordered, line), dates=(DateReference(_DELIVERY, date=later),))
        case Lines.OTHER_ITEM:
            yield replace(_entry("IS", ordered, line), product_ids=_other_item(line.product_ids))
        case _:
            yield _entry("IA", ordered, line)


def _entry(code: str, quantity: Decimal, line: OrderLine) -> Acknowledgment:
    return Acknowledgment(
        status=_LINE_STATUS[code], code=code, quantity=quantity, unit=line.unit, unit_as_sent=line.unit_as_sent
    )


def _later(dates: tuple[DateReference, ...], at: datetime) -> date:
    """A week behind the day that was wanted, or behind today."""
    wanted = next((held.date for held in dates if held.qualifier in _WANTED and held.date is not None), at.date())
    return wanted + LATER if wanted < date.max - LATER else date.max


def _change_line(line: AcknowledgmentLine, asked: ChangeLine | None) -> ChangeAcknowledgmentLine:
    return ChangeAcknowledgmentLine(
        line_id=line.line_id,
        line_id_assigned=line.line_id_assigned,
        change=asked.change if asked is not None else None,
        change_code=asked.change_code if asked is not None else "MU",  # changes to the line item
        quantity=line.quantity,
        quantity_left=asked.quantity_left if asked is not None else line.quantity,
        unit=line.unit,
        unit_as_sent=line.unit_as_sent,
        unit_price=line.unit_price,
        price_basis=line.price_basis,
        product_ids=line.product_ids,
        acknowledgments=line.acknowledgments,
    )


# --- goods and money --------------------------------------------------------------------------------------------------


def _notice(order: PurchaseOrder, goods: Sequence[Agreed], number: str, at: datetime) -> ShipNotice:
    made = ShipNotice(
        number=number,
        purpose="original",
        purpose_code="00",
        issued_on=at.date(),
        issued_at=at.time().replace(second=0, microsecond=0, tzinfo=None),
        purchase_order_number=order.number,
        purchase_order_date=order.issued_on or at.date(),
        dates=(DateReference(_SHIPPED_ON, date=at.date()),),
        lines=tuple(
            ShipNoticeLine(
                line_id=item.line.line_id,
                purchase_order_number=order.number,
                purchase_order_date=order.issued_on or at.date(),
                quantity=item.quantity,
                unit=item.line.unit,
                unit_as_sent=item.line.unit_as_sent,
                product_ids=item.product_ids,
                descriptions=item.line.descriptions,
            )
            for item in goods
        ),
    )
    return with_context(made, order)


def _invoice(order: PurchaseOrder, goods: Sequence[Agreed], word: Word, tail: str, at: datetime) -> Invoice:
    priced = [replace(item, unit_price=dearer(item.unit_price)) for item in goods] if word.price_up else goods
    with localcontext(prec=_DIGITS):
        due = sum((item.quantity * item.unit_price for item in priced), Decimal(0)).quantize(_CENT, ROUND_HALF_UP)
    made = Invoice(
        number=f"IN{tail}",
        issued_on=at.date(),
        purchase_order_number=order.number,
        purchase_order_date=order.issued_on or at.date(),
        amount_due=due,
        lines=tuple(
            InvoiceLine(
                line_id=item.line.line_id,
                line_id_assigned=item.line.line_id_assigned,
                quantity=item.quantity,
                unit=item.line.unit,
                unit_as_sent=item.line.unit_as_sent,
                unit_price=item.unit_price,
                price_basis=item.line.price_basis,
                product_ids=item.product_ids,
                descriptions=item.line.descriptions,
            )
            for item in priced
        ),
    )
    return with_context(made, order)
