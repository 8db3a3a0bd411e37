"""The totals of a document that gives none: how many lines it has, and the sum of their quantities (CTT)."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from translators.document_parts import Totals
from translators.documents import Document, FunctionalAcknowledgment, ShipNotice
from translators.x12.dictionary import Release
from translators.x12.writing.levels import in_order

_HASH_TOTAL: Final = 2


def with_totals(document: Document, release: Release) -> Document:
    """The document with a line count and a hash total where it has lines and says nothing of them."""
    if isinstance(document, FunctionalAcknowledgment):
        return document
    totals = document.totals
    if totals is not None and totals.line_count is not None:
        return document
    counted, quantities = _counted(document)
    if not counted:
        return document
    if totals is not None:
        return replace(document, totals=replace(totals, line_count=Decimal(counted)))
    return replace(document, totals=Totals(line_count=Decimal(counted), hash_total=_hash_total(quantities, release)))


def _counted(document: Any) -> tuple[int, list[Decimal | None]]:  # noqa: ANN401 - every document with lines
    if not isinstance(document, ShipNotice):
        return len(document.lines), [line.quantity for line in document.lines]
    # In a ship notice CTT01 counts HL segments, CTT02 adds what was shipped (SN102).
    levels = [level for _, level, _ in in_order(enumerate(document.levels), "levels")]
    return len(levels), [level.quantity for level in levels if level.quantity is not None]


def _hash_total(quantities: Iterable[Decimal | None], release: Release) -> Decimal | None:
    """The sum of the quantities without regard to decimal points and signs, its leftmost digits cut (element 347)."""
    rule = release.segments.get("CTT")
    total = 0
    for quantity in quantities:
        if quantity is None:
            return None
        total += int("".join(digit for digit in format(quantity, "f") if digit.isdigit()))
    if rule is None or len(rule.elements) < _HASH_TOTAL or not total:
        return None
    return Decimal(total % 10 ** rule.elements[_HASH_TOTAL - 1].max)
