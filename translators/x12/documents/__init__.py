"""Transaction sets to canonical documents: `translate` for 850, 855, 856, 997 and 999."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from translators.codes import words
from translators.document_parts import Acknowledgment
from translators.documents import (
    AcknowledgmentLine,
    Document,
    FunctionalAcknowledgment,
    OrderLine,
    PurchaseOrder,
    PurchaseOrderAcknowledgment,
    ShipNotice,
)
from translators.findings import Finding
from translators.x12.documents import loops
from translators.x12.documents.element_values import Values
from translators.x12.documents.filling import Filling, complete
from translators.x12.documents.occurrences import occurrences
from translators.x12.documents.places import Owner
from translators.x12.documents.ship_notices import ship_notice
from translators.x12.documents.special_segments import SPECIAL_SEGMENTS
from translators.x12.tree import Loop

__all__ = ["DOCUMENT_TYPES", "Mapped", "translate"]


@dataclass(frozen=True, slots=True)
class Mapped:
    """A canonical document and what could not be taken as it should."""

    document: Document
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Mapping:
    of: type[Document]
    owner: Owner
    finish: Callable[[Filling, Values], None]


def translate(set_type: str, tree: Loop) -> Mapped:
    """The canonical document of a validated transaction set; KeyError for a type that `DOCUMENT_TYPES` does not name.

    Whatever validation let through is mapped: values that cannot be taken are in ``unmapped`` and in a finding.
    """
    mapping = _MAPPINGS[set_type]
    filling = Filling(SPECIAL_SEGMENTS)
    values: Values = {}
    filling.fill(tree.items, mapping.owner, values)
    mapping.finish(filling, values)
    if filling.unmapped:
        places = occurrences(tree, frozenset(kept.position for kept in filling.unmapped))
        placed = (replace(kept, place=places.get(kept.position)) for kept in filling.unmapped)
        values["unmapped"] = sorted(placed, key=lambda kept: kept.position)
    document: Document = complete(mapping.of, values)
    return Mapped(document, tuple(filling.reader.findings))


def _purchase_order(_: Filling, values: Values) -> None:
    values["lines"] = [complete(OrderLine, line) for line in _with_ids(values.get("lines", []))]


def _with_ids(lines: list[Values]) -> list[Values]:
    """Lines without a number of their own (PO101 is optional) are known by their position."""
    for position, line in enumerate(lines, 1):
        if "line_id" not in line:
            line["line_id"] = str(position)
            line["line_id_assigned"] = True
    return lines


def _purchase_order_acknowledgment(_: Filling, values: Values) -> None:
    lines = _with_ids(values.get("lines", []))
    for line in lines:
        if not line.get("acknowledgments"):
            derived = _derived(values.get("status_code"), line)
            if derived is not None:
                line["acknowledgments"] = [derived]
    values["lines"] = [complete(AcknowledgmentLine, line) for line in lines]


# What the status of the whole says of a line that stands in the document without ACK (half of all 855s carry none).
# AC and AE announce changes or exceptions without telling which: the line's own values are the seller's.
_STATUS_WITHOUT_ACK: Final = {
    "accepted": "accepted",
    "accepted_with_changes": "accepted_with_changes",
    "accepted_with_exceptions": "accepted_with_changes",
    "rejected": "rejected",
    "counter_offer": "accepted_with_changes",
    "on_hold": "on_hold",
}


def _derived(status_code: str | None, line: Values) -> Acknowledgment | None:
    status = _STATUS_WITHOUT_ACK.get(words("0587").get(status_code or "", ""))
    if status is None:
        return None
    quantity: Decimal | None = line.get("quantity")
    if quantity is not None and quantity == 0 and status != "on_hold":
        status = "rejected"  # nothing will come
    return Acknowledgment(
        status=status,
        quantity=quantity,
        unit=line.get("unit"),
        unit_as_sent=line.get("unit_as_sent"),
        derived=True,
    )


def _functional_acknowledgment(kind: str) -> Callable[[Filling, Values], None]:
    def finish(_: Filling, values: Values) -> None:
        values["acknowledgment_type"] = kind

    return finish


_MAPPINGS: Final[dict[str, _Mapping]] = {
    "850": _Mapping(PurchaseOrder, loops.PURCHASE_ORDER, _purchase_order),
    "855": _Mapping(PurchaseOrderAcknowledgment, loops.PURCHASE_ORDER_ACKNOWLEDGMENT, _purchase_order_acknowledgment),
    "856": _Mapping(ShipNotice, loops.SHIP_NOTICE, ship_notice),
    "997": _Mapping(FunctionalAcknowledgment, loops.FUNCTIONAL_ACKNOWLEDGMENT, _functional_acknowledgment("997")),
    "999": _Mapping(FunctionalAcknowledgment, loops.FUNCTIONAL_ACKNOWLEDGMENT, _functional_acknowledgment("999")),
}

DOCUMENT_TYPES: Final[dict[str, str]] = {number: mapping.of.document_type for number, mapping in _MAPPINGS.items()}
"""The canonical document type of each transaction set that has a mapping."""
