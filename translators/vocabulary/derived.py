"""What follows from quantities elsewhere in a document, and must go with them into another unit."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from translators.documents import Document
from translators.vocabulary.units import total


def with_hash_total(document: Document, before: Document) -> Document:
    """The document with the sum of its quantities as it is now, where it was their sum before.

    Nothing is lost by it: the sum follows from the quantities. One that never was their sum stays.
    """
    totals = getattr(document, "totals", None)
    if totals is None or totals.hash_total is None:
        return document
    was, now = _sum(getattr(before, "lines", ())), _sum(getattr(document, "lines", ()))
    if was == now or totals.hash_total != was:
        return document
    return replace(document, totals=replace(totals, hash_total=now))


def _sum(lines: Iterable[object]) -> Decimal:
    return total(getattr(line, "quantity", None) or Decimal(0) for line in lines)
