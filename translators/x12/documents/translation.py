"""One transaction set becomes one canonical document: its loops by their tables, then what follows from the whole."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from translators.documents import DOCUMENTS, Document
from translators.findings import Finding
from translators.x12.documents import finishing, loops, payment_loops, planning_loops
from translators.x12.documents.element_values import Values
from translators.x12.documents.eras import in_release
from translators.x12.documents.filling import Filling, complete
from translators.x12.documents.occurrences import occurrences
from translators.x12.documents.order_status import order_status
from translators.x12.documents.places import Owner
from translators.x12.documents.ship_notices import ship_notice
from translators.x12.documents.special_segments import SPECIAL_SEGMENTS
from translators.x12.sets import DOCUMENT_TYPES
from translators.x12.tree import Loop


@dataclass(frozen=True, slots=True)
class Mapped:
    """A canonical document and what could not be taken as it should."""

    document: Document
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Mapping:
    owner: Owner
    finish: Callable[[Filling, Values], None]


def translate(set_type: str, tree: Loop, release: str = "004010") -> Mapped:
    """The canonical document of a validated transaction set; KeyError for a type that `DOCUMENT_TYPES` does not name.

    ``release`` is that of the tables the set was read with: some elements stood elsewhere in old ones. Whatever
    validation let through is mapped: values that cannot be taken are in ``unmapped`` and in a finding.
    """
    mapping = _MAPPINGS[set_type]
    filling = Filling(SPECIAL_SEGMENTS)
    values: Values = {}
    filling.fill(tree.items, in_release(mapping.owner, release), values)
    mapping.finish(filling, values)
    if filling.unmapped:
        places = occurrences(tree, frozenset(kept.position for kept in filling.unmapped))
        placed = (replace(kept, place=places.get(kept.position)) for kept in filling.unmapped)
        values["unmapped"] = sorted(placed, key=lambda kept: kept.position)
    document: Document = complete(DOCUMENTS[DOCUMENT_TYPES[set_type]], values)
    return Mapped(document, tuple(filling.reader.findings))


# ST01 -> what its segments mean, and what is left to do once they are read.
_MAPPINGS: Final[dict[str, _Mapping]] = {
    "810": _Mapping(loops.INVOICE, finishing.invoice),
    "820": _Mapping(payment_loops.REMITTANCE_ADVICE, finishing.remittance_advice),
    "824": _Mapping(loops.APPLICATION_ADVICE, finishing.application_advice),
    "830": _Mapping(planning_loops.PLANNING_SCHEDULE, finishing.schedule),
    "846": _Mapping(planning_loops.INVENTORY_ADVICE, finishing.inventory_advice),
    "850": _Mapping(loops.PURCHASE_ORDER, finishing.purchase_order),
    "855": _Mapping(loops.PURCHASE_ORDER_ACKNOWLEDGMENT, finishing.purchase_order_acknowledgment),
    "856": _Mapping(loops.SHIP_NOTICE, ship_notice),
    "860": _Mapping(loops.PURCHASE_ORDER_CHANGE, finishing.purchase_order_change),
    "861": _Mapping(loops.RECEIPT, finishing.receipt),
    "862": _Mapping(planning_loops.SHIPPING_SCHEDULE, finishing.schedule),
    "865": _Mapping(loops.PURCHASE_ORDER_CHANGE_ACKNOWLEDGMENT, finishing.purchase_order_change_acknowledgment),
    "870": _Mapping(planning_loops.ORDER_STATUS, order_status),
    "997": _Mapping(loops.FUNCTIONAL_ACKNOWLEDGMENT, finishing.functional_acknowledgment("997")),
    "999": _Mapping(loops.FUNCTIONAL_ACKNOWLEDGMENT, finishing.functional_acknowledgment("999")),
}

OWNERS: Final[dict[str, Owner]] = {number: mapping.owner for number, mapping in _MAPPINGS.items()}
"""What each segment means in each of them: the tables that reading and writing share."""
