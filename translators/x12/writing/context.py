"""What an answer leaves out and its transaction set needs, taken from the order that it answers.

An ERP knows that line 3 ships on Friday; the partner wants the order's date, contract, department and item numbers
repeated beside it. Nothing that the answer says is ever replaced.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeVar

from translators.document_parts import Measure, Party, ProductId, Reference
from translators.documents import (
    Document,
    Invoice,
    Level,
    OrderLine,
    OrderReference,
    PurchaseOrder,
    PurchaseOrderAcknowledgment,
    PurchaseOrderChangeAcknowledgment,
    ShipNotice,
    ShipNoticeLine,
)

_Answer = TypeVar("_Answer", bound=Document)
_Headed = PurchaseOrderAcknowledgment | PurchaseOrderChangeAcknowledgment | Invoice | ShipNotice
_Part = TypeVar("_Part")

_OF_HEADER: Final = ("contract", "release_number", "currency", "currency_party", "exchange_rate")
_TERMS: Final = ("payment_terms", "delivery_terms")
# Department, vendor, contract, promotion, merchandise type, account: what buyers match answers by.
_REPEATED_REFERENCES: Final = frozenset({"DP", "IA", "VR", "CT", "CO", "PD", "MR", "11", "19", "AN", "BL"})
_ITEM: Final = "I"


def with_context(answer: _Answer, order: PurchaseOrder) -> _Answer:
    """The answer with what it leaves out of an order: numbers, dates, parties, references, item ids and units by line.

    An acknowledgment, ship notice, invoice or answer to a change; any other document comes back as it is.
    """
    filled: Any = answer
    match answer:
        case PurchaseOrderAcknowledgment() | PurchaseOrderChangeAcknowledgment():
            lines = tuple(_answer_line(line, order) for line in answer.lines)
            filled = replace(_with_header(answer, order), lines=lines)
        case Invoice():
            filled = replace(
                _with_header(answer, order), lines=tuple(_invoice_line(line, order) for line in answer.lines)
            )
        case ShipNotice():
            filled = _notice(answer, order)
        case _:
            pass
    return filled  # type: ignore[no-any-return]  # each of them is what it was


def _filled(part: _Part, **values: Any) -> _Part:  # noqa: ANN401 - fields of any kind
    """The part with these values where it has none."""
    absent = {name: value for name, value in values.items() if getattr(part, name) in (None, ()) and value is not None}
    return replace(part, **absent) if absent else part  # type: ignore[type-var]  # every part is a dataclass


def _with_header(answer: _Headed, order: PurchaseOrder) -> Any:  # noqa: ANN401 - the same kind of document
    if answer.purchase_order_number not in (None, order.number):
        return answer  # it answers another order
    repeated = (*_OF_HEADER, *_TERMS) if isinstance(answer, Invoice) else _OF_HEADER
    filled = _filled(
        answer,
        purchase_order_number=order.number,
        purchase_order_date=order.issued_on,
        **{name: getattr(order, name) for name in repeated},
    )
    return replace(filled, parties=_parties(answer, order), references=_references(answer, order))


def _parties(answer: _Headed, order: PurchaseOrder) -> tuple[Party, ...]:
    """The answer's parties, and those of the order whose part nobody plays in the answer."""
    known = {role for party in answer.parties for role in (party.role, party.role_code) if role is not None}
    further = (party for party in order.parties if not {party.role, party.role_code} & known)
    return (*answer.parties, *further)


def _references(answer: _Headed, order: PurchaseOrder) -> tuple[Reference, ...]:
    known = {reference.qualifier for reference in answer.references}
    further = (
        reference
        for reference in order.references
        if reference.qualifier in _REPEATED_REFERENCES and reference.qualifier not in known
    )
    return (*answer.references, *further)


# --- lines ------------------------------------------------------------------------------------------------------------


def _order_line(order: PurchaseOrder, line_ids: Iterable[str | None], ids: Iterable[ProductId]) -> OrderLine | None:
    """The line of the order that a line speaks of: by its number, else by an item number that only one line has."""
    for line_id in line_ids:
        wanted = _bare(line_id)
        found = [line for line in order.lines if wanted and _bare(line.line_id) == wanted]
        if len(found) == 1:
            return found[0]
    named = {(held.qualifier, held.id) for held in ids}
    found = [line for line in order.lines if named & {(held.qualifier, held.id) for held in line.product_ids}]
    return found[0] if len(found) == 1 else None


def _bare(line_id: str | None) -> str:
    """A line's number as it is compared: partners drop or add zeros before it."""
    return (line_id or "").strip().lstrip("0")


def _own_id(line: Any) -> str | None:  # noqa: ANN401 - a line of any document
    return None if getattr(line, "line_id_assigned", None) else line.line_id


def _product_ids(ids: tuple[ProductId, ...], found: OrderLine) -> tuple[ProductId, ...]:
    known = {held.qualifier for held in ids}
    return (*ids, *(held for held in found.product_ids if held.qualifier not in known))


def _unit(part: Any, found: OrderLine) -> dict[str, Any]:  # noqa: ANN401 - anything with a unit
    """The unit of the order, where the part names none in any list; for the same unit the word that they used."""
    if part.unit_as_sent is not None or part.unit not in (None, found.unit):
        return {}
    return {"unit": found.unit, "unit_as_sent": found.unit_as_sent}


def _answer_line(line: Any, order: PurchaseOrder) -> Any:  # noqa: ANN401 - of an answer to an order or a change
    found = _order_line(order, (_own_id(line),), line.product_ids)
    if found is None:
        return line
    acknowledgments = tuple(
        _filled(held, **_unit(held, found)) if held.quantity is not None else held for held in line.acknowledgments
    )
    filled = _filled(
        replace(line, acknowledgments=acknowledgments),
        quantity=found.quantity,
        unit_price=found.unit_price,
        price_basis=found.price_basis,
        descriptions=found.descriptions,
        **_unit(line, found),
    )
    return _with_order_line(filled, found)


def _with_order_line(line: Any, found: OrderLine) -> Any:  # noqa: ANN401 - a line with a number
    ids = _product_ids(line.product_ids, found)
    if getattr(line, "line_id_assigned", None) and not found.line_id_assigned:
        return replace(line, line_id=found.line_id, line_id_assigned=None, product_ids=ids)
    return replace(line, product_ids=ids)


def _invoice_line(line: Any, order: PurchaseOrder) -> Any:  # noqa: ANN401 - of an invoice
    if line.purchase_order_number not in (None, order.number):
        return line
    found = _order_line(order, (line.order_line_id, _own_id(line)), line.product_ids)
    if found is None:
        return line
    filled = _filled(line, unit_price=found.unit_price, price_basis=found.price_basis, **_unit(line, found))
    return _with_order_line(filled, found)


# --- ship notices -----------------------------------------------------------------------------------------------------


def _notice(notice: ShipNotice, order: PurchaseOrder) -> ShipNotice:
    orders = set(_orders(notice))
    is_only = orders <= {order.number}
    lines = tuple(_notice_line(line, order, is_only=is_only) for line in notice.lines)
    levels = tuple(_level(level, order, order.number if is_only else None) for level in notice.levels)
    if not is_only:
        # Several orders in one shipment: only what stands under this one is filled.
        return replace(notice, lines=lines, levels=levels)
    filled: ShipNotice = _with_header(notice, order)
    return replace(filled, lines=lines, levels=levels)


def _orders(notice: ShipNotice) -> Iterator[str]:
    yield from (number for number in (notice.purchase_order_number, *notice.purchase_order_numbers) if number)
    yield from (line.purchase_order_number for line in notice.lines if line.purchase_order_number)
    todo = list(notice.levels)
    while todo:
        level = todo.pop()
        if level.order is not None and level.order.purchase_order_number:
            yield level.order.purchase_order_number
        todo.extend(level.children)


def _notice_line(line: ShipNoticeLine, order: PurchaseOrder, *, is_only: bool) -> ShipNoticeLine:
    if line.purchase_order_number != order.number and not (is_only and line.purchase_order_number is None):
        return line
    known = _filled(
        line,
        purchase_order_number=order.number,
        purchase_order_date=order.issued_on,
        release_number=order.release_number,
    )
    found = _order_line(order, (line.line_id,), line.product_ids)
    if found is None:
        return known
    ids = _product_ids(line.product_ids, found)
    ordered = _ordered(found)
    return replace(
        _filled(known, line_id=found.line_id, quantity_ordered=ordered, **_unit(line, found)), product_ids=ids
    )


def _ordered(found: OrderLine) -> Measure | None:
    if found.quantity is None:
        return None
    return Measure(found.quantity, unit=found.unit, unit_as_sent=found.unit_as_sent)


def _level(level: Level, order: PurchaseOrder, above: str | None) -> Level:
    """A level and all below it; ``above`` is the order it stands under. The depth of a document is bounded."""
    own = level.order.purchase_order_number if level.order is not None else None
    number = own or above
    filled = level
    if own == order.number and level.order is not None:
        said: OrderReference = _filled(
            level.order, issued_on=order.issued_on, release_number=order.release_number, contract=order.contract
        )
        filled = replace(filled, order=said)
    if level.code == _ITEM and number == order.number:
        found = _order_line(order, (level.line_id,), level.product_ids)
        if found is not None:
            filled = _filled(filled, line_id=found.line_id, quantity_ordered=_ordered(found), **_unit(level, found))
            filled = replace(filled, product_ids=_product_ids(level.product_ids, found))
    children = tuple(_level(child, order, number) for child in level.children)
    return replace(filled, children=children)
