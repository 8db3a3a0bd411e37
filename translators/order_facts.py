"""What a document says of the orders that it belongs to: which they are, and what it makes of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from typing import Any, Final, Literal, TypeAlias

from translators.codes.lists import words
from translators.documents import (
    ChangeLine,
    Document,
    Invoice,
    OrderLine,
    PurchaseOrder,
    PurchaseOrderAcknowledgment,
    PurchaseOrderChange,
    PurchaseOrderChangeAcknowledgment,
    Receipt,
    RemittanceAdvice,
    ShipNotice,
    ShipNoticeLine,
)

Deed: TypeAlias = Literal[
    "send",
    "change",
    "cancel",
    "accept",
    "accept_with_changes",
    "reject",
    "answer",
    "ship_part",
    "ship",
    "invoice",
    "close",
]
# Orders named by one document; a ship notice of a whole truck has dozens.
ORDERS_MAX: Final = 1_000

# Words of X12 element 353.
_NOT_IN_FORCE: Final = frozenset({"duplicate", "copy_for_information", "draft", "query", "proposed", "verification"})
_CANCELLING: Final = frozenset({"cancellation", "deletion", "cancelled_a_new_one_follows"})
_ADDED, _DELETED = "line_added", "line_deleted"  # of element 670
# Words of element 587; every other one is neither yes nor no.
_VERDICTS: Final[Mapping[str, Deed]] = {
    "accepted": "accept",
    "accepted_with_changes": "accept_with_changes",
    "accepted_with_exceptions": "accept_with_changes",
    "counter_offer": "accept_with_changes",
    "rejected": "reject",
}
_DIGITS: Final = 200  # more than the sum of any numbers that can be read
_LINE_OPEN: Final = frozenset({"on_hold", "price_to_follow", "date_to_follow"})
_LINE_REJECTED: Final = frozenset({"rejected", "deleted"})


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What a document does to its orders.

    Attributes:
        orders: their numbers, each once.
        deed: the same for all of them; None where the document is about them and moves nothing.
        lines: of an order how many it has; of a change how many it adds, less those that it deletes; of a ship notice
            by order how many lines are shipped as far as it shows.
        issued_on: of an order.
    """

    orders: tuple[str, ...]
    deed: Deed | None
    lines: tuple[int, ...] = ()
    issued_on: date | None = None

    def lines_of(self, index: int) -> int:
        """Of the order at this place."""
        return self.lines[index] if index < len(self.lines) else 0


def order_facts(document: Document) -> OrderFacts | None:
    """What a document says of its orders; None where it names none, or is of a kind that is no part of an order."""
    reader = _READERS.get(type(document))
    return None if reader is None else reader(document)


def _facts(numbers: Iterable[str | None], deed: Deed | None, lines: tuple[int, ...] = ()) -> OrderFacts | None:
    orders = tuple(dict.fromkeys(number for number in numbers if number))[:ORDERS_MAX]
    return OrderFacts(orders, deed, lines) if orders else None


def _order(document: PurchaseOrder) -> OrderFacts | None:
    if not document.number:
        return None
    deed: Deed | None = "send"
    if document.purpose in _NOT_IN_FORCE:
        deed = None
    elif document.purpose in _CANCELLING:
        deed = "cancel"
    return OrderFacts((document.number,), deed, (len(document.lines),), document.issued_on)


def _change(document: PurchaseOrderChange) -> OrderFacts | None:
    deed: Deed | None = "change"
    if document.purpose in _NOT_IN_FORCE:
        deed = None
    elif document.purpose in _CANCELLING:
        deed = "cancel"
    return _facts((document.purchase_order_number,), deed, (sum(map(_added, document.lines)),))


def _added(line: ChangeLine) -> int:
    if _ADDED in {line.change, words("0670").get(line.change_code or "")}:
        return 1
    return -1 if _DELETED in {line.change, words("0670").get(line.change_code or "")} else 0


def _acknowledgment(document: PurchaseOrderAcknowledgment) -> OrderFacts | None:
    return _facts((document.purchase_order_number,), _verdict(document.status, document.lines))


def _change_acknowledgment(document: PurchaseOrderChangeAcknowledgment) -> OrderFacts | None:
    deed = _verdict(document.status, document.lines)
    # They do not make the change: the order stands as it was.
    return _facts((document.purchase_order_number,), "answer" if deed == "reject" else deed)


def _verdict(status: str | None, lines: Sequence[OrderLine]) -> Deed:
    """Yes, yes but, no, or neither, by the word for the whole; where there is none, by those of the lines."""
    if status is not None:
        return _VERDICTS.get(status, "answer")
    said = [word.status for line in lines for word in getattr(line, "acknowledgments", ())]
    if not said or any(word is None or word in _LINE_OPEN for word in said):
        return "answer"
    if all(word in _LINE_REJECTED for word in said):
        return "reject"
    return "accept" if all(word == "accepted" for word in said) else "accept_with_changes"


def _invoice(document: Invoice) -> OrderFacts | None:
    numbers = (document.purchase_order_number, *(line.purchase_order_number for line in document.lines))
    # Credit notes and the like are about something that was invoiced before.
    return _facts(numbers, "invoice" if document.kind in {None, "invoice"} else None)


def _receipt(document: Receipt) -> OrderFacts | None:
    return _facts((document.purchase_order_number, *(line.purchase_order_number for line in document.lines)), "close")


def _remittance(document: RemittanceAdvice) -> OrderFacts | None:
    return _facts((document.purchase_order_number,), "close")


def _notice(document: ShipNotice) -> OrderFacts | None:
    numbers = (document.purchase_order_number, *document.purchase_order_numbers)
    numbers += tuple(line.purchase_order_number for line in document.lines)
    if document.purpose in _CANCELLING or document.purpose in _NOT_IN_FORCE:
        return _facts(numbers, None)
    facts = _facts(numbers, "ship")
    if facts is None:
        return None
    goods: dict[tuple[str | None, str], _Shipped] = {}
    for line in document.lines:
        number = line.purchase_order_number or (facts.orders[0] if len(facts.orders) == 1 else None)
        # Goods of one line may lie in several packages; what has no number stands for itself.
        key = (number, line.line_id) if line.line_id is not None else (None, str(len(goods)))
        goods[key] = goods.get(key, _Shipped()).and_this(line)
    whole = Counter(number for (number, _), item in goods.items() if not item.is_part)
    deed: Deed = "ship_part" if any(item.is_part for item in goods.values()) else "ship"
    return OrderFacts(facts.orders, deed, tuple(whole[number] for number in facts.orders))


@dataclass(frozen=True, slots=True)
class _Shipped:
    """What a notice shows of one line of an order."""

    quantity: Decimal = Decimal(0)
    ordered: Decimal | None = None
    is_backordered: bool = False

    def and_this(self, line: ShipNoticeLine) -> "_Shipped":
        """With a further line of it."""
        with localcontext(prec=_DIGITS):
            shipped = self.quantity + (line.quantity or 0)
        ordered, measure = self.ordered, line.quantity_ordered
        # Without a common unit nothing can be compared.
        if measure is not None and (None in {measure.unit, line.unit} or measure.unit == line.unit):
            ordered = measure.value
        backordered = line.status is not None and "backorder" in line.status
        return _Shipped(
            max(shipped, line.quantity_shipped_to_date or shipped), ordered, self.is_backordered or backordered
        )

    @property
    def is_part(self) -> bool:
        """Whether it shows that more is to come."""
        return self.is_backordered or (self.ordered is not None and self.quantity < self.ordered)


_READERS: Final[Mapping[type[Any], Callable[[Any], OrderFacts | None]]] = {
    PurchaseOrder: _order,
    PurchaseOrderChange: _change,
    PurchaseOrderAcknowledgment: _acknowledgment,
    PurchaseOrderChangeAcknowledgment: _change_acknowledgment,
    ShipNotice: _notice,
    Invoice: _invoice,
    Receipt: _receipt,
    RemittanceAdvice: _remittance,
}
