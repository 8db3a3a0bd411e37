"""Fields of an invoice that X12 says in parts of its own: the order and the amount of a line, the day it is due.

Reading takes them from there (`documents.finishing`); this is the way back for documents that give only the field.
"""

from dataclasses import replace
from typing import Any, Final

from translators.document_parts import Amount, PaymentTerms, ProductId
from translators.documents import Invoice, InvoiceLine

_ORDER: Final = "PO"
_ORDER_LINE: Final = "PL"
_LINE_REFERENCE: Final = "LI"
_LINE_AMOUNT: Final = "1"


def with_parts(invoice: Invoice) -> Invoice:
    """The invoice with a part for each field that has no element itself."""
    changed: dict[str, Any] = {"lines": tuple(_line(line, invoice) for line in invoice.lines)}
    terms = invoice.payment_terms
    if invoice.due_on is not None and all(held.due_on is None for held in terms):
        first = terms[0] if terms else PaymentTerms()
        changed["payment_terms"] = (replace(first, due_on=invoice.due_on), *terms[1:])
    return replace(invoice, **changed)


def _line(line: InvoiceLine, invoice: Invoice) -> InvoiceLine:
    ids, amounts = list(line.product_ids), list(line.amounts)
    named = {held.qualifier for held in line.references} | {held.qualifier for held in ids}
    if line.purchase_order_number not in (None, invoice.purchase_order_number) and _ORDER not in named:
        ids.append(ProductId(str(line.purchase_order_number), _ORDER))
    if line.order_line_id is not None and not named & {_ORDER_LINE, _LINE_REFERENCE}:
        ids.append(ProductId(line.order_line_id, _ORDER_LINE))
    if line.line_amount is not None and all(held.qualifier != _LINE_AMOUNT for held in amounts):
        amounts.append(Amount(qualifier=_LINE_AMOUNT, amount=line.line_amount))
    return replace(line, product_ids=tuple(ids), amounts=tuple(amounts))
