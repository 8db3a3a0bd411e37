"""An order, and a change of one, to try the sandbox with: canonical documents whose number bears a magic word."""

from datetime import date, timedelta
from decimal import Decimal

from translators.document_parts import DateReference, Party, ProductId
from translators.documents import ChangeLine, OrderLine, PurchaseOrder, PurchaseOrderChange

_WANTED_IN = timedelta(days=14)
# Without vowels no word comes about by chance.
_ALPHABET = "0123456789BCDFGHJKLMNPQRSTVWXYZ"
_PREFIX_CHARACTERS = 5  # the longest word needs the rest of BEG03


def fresh_number(word: str, now_ms: int) -> str:
    """A number that no order of the last months bore, with the word in it."""
    seconds, prefix = now_ms // 1_000, ""
    for _ in range(_PREFIX_CHARACTERS):
        seconds, digit = divmod(seconds, len(_ALPHABET))
        prefix = _ALPHABET[digit] + prefix
    return f"{prefix}-{word}"


def sample_order(number: str, today: date) -> PurchaseOrder:
    """An order of two lines."""
    return PurchaseOrder(
        number=number,
        purpose="original",
        order_type_code="SA",
        issued_on=today,
        parties=(Party(role="buyer", name="BigCorp Industries"), Party(role="ship_to", name="BigCorp Plant 2")),
        dates=(DateReference("002", "delivery requested", today + _WANTED_IN),),
        lines=(
            OrderLine(
                line_id="1",
                quantity=Decimal(24),
                unit="EA",
                unit_price=Decimal("12.5"),
                product_ids=(ProductId("AC-1001", "VP"), ProductId("70001", "BP")),
            ),
            OrderLine(
                line_id="2",
                quantity=Decimal(9),
                unit="EA",
                unit_price=Decimal("3.1"),
                product_ids=(ProductId("AC-1002", "VP"),),
            ),
        ),
    )


def sample_change(number: str, today: date) -> PurchaseOrderChange:
    """A change of that order: more of its first line."""
    return PurchaseOrderChange(
        purpose="change",
        purpose_code="04",
        order_type_code="SA",
        purchase_order_number=number,
        purchase_order_date=today,
        issued_on=today,
        sequence="1",
        lines=(
            ChangeLine(
                line_id="1",
                change_code="QI",
                quantity=Decimal(30),
                quantity_left=Decimal(30),
                unit="EA",
                unit_price=Decimal("12.5"),
                product_ids=(ProductId("AC-1001", "VP"), ProductId("70001", "BP")),
            ),
        ),
    )
