"""Units of measure: which numbers of a canonical part stand in which unit, and exact arithmetic between two units."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any, Final

from translators import document_parts as parts
from translators import documents
from translators import planning_documents as planning
from translators.codes import rec20_units, units_from
from translators.document_parts import CodeAsSent

_DIGITS_MAX: Final = 38  # on each side of the point, as canonical JSON has them
_EXACT: Final = Context(prec=160, traps=[InvalidOperation])
PRICE_DECIMALS: Final = 10

# Element 639: bases that name a unit of their own (per each, per hundred, per pound), whatever the line counts in.
OWN_UNIT_BASES: Final = frozenset(
    {
        *("HF", "HP", "HT", "LC", "LD", "LE", "LM", "ML", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "PA", "PD", "PE"),
        *("PF", "PG", "PK", "PL", "PN", "PO", "PP", "PS", "PT", "PY", "QE", "QH", "QS", "RC", "RD", "RE", "RM", "TC"),
        *("TD", "TE", "TF", "TM", "TP", "TT", "WC", "WD", "WE", "WM"),
    }
)
# Rec 20 and Rec 21 (X..): what is counted one by one. Dozens, hundreds and thousands are but multiples.
_COUNTED: Final = frozenset({"EA", "H87", "C62", "SET", "KT", "PR", "DPR", "RM", "TP", "AS", "SX", "D63", "HC"})
_PACKAGE_WIDTH: Final = 3


@dataclass(frozen=True, slots=True)
class Group:
    """The numbers of a part that stand in one unit.

    Attributes:
        unit: the field of the unit; empty where the part has none and that of the part around holds.
        numbers: so many of it.
        prices: for one of it.
        basis: the field that may say what a price is for instead.
        inherits: without a unit of its own it stands in that of the part around.
        as_sent: the field of the unit as sent.
    """

    unit: str
    numbers: tuple[str, ...]
    prices: tuple[str, ...] = ()
    basis: str = ""
    inherits: bool = False
    as_sent: str = field(init=False)

    def __post_init__(self) -> None:
        """The field of the unit as sent is asked for with each part."""
        object.__setattr__(self, "as_sent", f"{self.unit}_as_sent")


def _item(*numbers: str) -> Group:
    return Group("unit", ("quantity", *numbers), ("unit_price",), "price_basis")


_INSIDE: Final = Group("unit", ("quantity",), inherits=True)
_INSIDE_PRICED: Final = Group("unit", ("quantity",), ("unit_price",), "price_basis", inherits=True)
_DIMENSIONS: Final = Group("dimension_unit", ("length", "width", "height"))

_GROUPS: Final[dict[type[Any], tuple[Group, ...]]] = {
    documents.Item: (_item(),),
    documents.ChangeLine: (_item("quantity_left"),),
    documents.Level: (_item("quantity_shipped_to_date"),),
    documents.ReceiptLine: (
        _item("quantity_accepted"),
        Group("returned_unit", ("quantity_returned",), inherits=True),
        Group("shipped_unit", ("quantity_shipped", "quantity_shipped_to_date"), inherits=True),
    ),
    documents.ShipNoticeLine: (Group("unit", ("quantity", "quantity_shipped_to_date")),),
    documents.PackageReference: (Group("", ("quantity",), inherits=True),),
    documents.ReceiptCondition: (_INSIDE,),
    parts.Acknowledgment: (_INSIDE_PRICED,),
    parts.ItemDetail: (_INSIDE_PRICED,),
    parts.Schedule: (_INSIDE,),
    parts.Split: (_INSIDE,),
    parts.Quantity: (_INSIDE,),
    parts.Restriction: (_INSIDE,),
    parts.ShippedQuantity: (Group("unit", ("quantity", "difference"), inherits=True),),
    parts.ShipmentTotals: (Group("unit", ("quantity",)),),
    parts.Load: (Group("", ("quantity",), inherits=True),),
    parts.Measure: (Group("unit", ("value",)),),
    parts.Measurement: (Group("unit", ("value", "minimum", "maximum")),),
    parts.AllowanceCharge: (Group("unit", ("quantity", "quantity_to"), ("rate",)),),
    parts.Price: (Group("unit", ("quantity", "multiple_price_quantity"), ("unit_price",), "basis"),),
    parts.Pack: (_DIMENSIONS,),
    parts.Pallet: (_DIMENSIONS,),
    planning.InventoryQuantity: (_INSIDE_PRICED,),
    planning.Forecast: (Group("", ("quantity",), inherits=True),),
    planning.JustInTime: (Group("", ("quantity",), inherits=True),),
    planning.ShippedOrReceived: (Group("", ("quantity",), inherits=True),),
    planning.Authorization: (Group("", ("quantity", "quantity_maximum"), inherits=True),),
}


def groups_of(of: type[Any]) -> tuple[Group, ...]:
    """The groups of a canonical class; those of the class it extends where it has none of its own."""
    return next((_GROUPS[base] for base in of.__mro__ if base in _GROUPS), ())


def code_as_sent(unit: str | None, as_sent: CodeAsSent | None) -> str | None:
    """The partner's own code for the unit of a part that is still in their words; None where it is in ours."""
    if as_sent is None:
        return unit
    if as_sent.factor is not None or (unit is not None and unit not in {as_sent.code, standard(as_sent)}):
        return None
    return as_sent.code


def standard(code: CodeAsSent) -> str | None:
    """What a code means by its own list."""
    if code.list == "x12_355":
        return rec20_units().get(code.code)
    return units_from("rec20").get(code.code) or (
        units_from("cxml_older").get(code.code) if code.list.startswith("cxml") else None
    )


def list_of(code: str) -> str:
    """The list of a bare unit of canonical JSON or XML."""
    return "rec20" if code in units_from("rec20") else "partner"


def is_counted(code: str, ours: str, *, is_x12: bool) -> bool:
    """Whether a partner's unit is counted one by one; one that nobody knows is as ours is."""
    known = rec20_units().get(code) if is_x12 else units_from("rec20").get(code)
    unit = known or ours
    return unit in _COUNTED or (len(unit) == _PACKAGE_WIDTH and unit.startswith("X"))


def times(number: Decimal, factor: Decimal) -> Decimal | None:
    """The product, exactly; None where it has more digits than a canonical number can have."""
    return _fitting(_EXACT.multiply(number, factor))


def divided(number: Decimal, factor: Decimal) -> Decimal | None:
    """The quotient where it comes out even, else None."""
    # What does not end fills all the digits that it is reckoned with, far more than fit.
    return _fitting(_EXACT.divide(number, factor))


def rounded(number: Decimal, factor: Decimal, decimals: int = PRICE_DECIMALS) -> Decimal | None:
    """The quotient with so many decimals; None where it has more digits than a canonical number can have."""
    quotient = _EXACT.divide(number, factor)
    return _fitting(quotient.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN, _EXACT))


def whole_below(number: Decimal, factor: Decimal) -> Decimal:
    """The nearest quantity below that comes out whole; 0 where there is none."""
    return _EXACT.multiply(_EXACT.divide(number, factor).to_integral_value(ROUND_FLOOR), factor)


def following(number: Decimal, factor: Decimal) -> Decimal:
    """The next quantity that comes out whole."""
    return _EXACT.add(number, factor)


def total(numbers: Iterable[Decimal]) -> Decimal:
    """The sum, exactly."""
    found = Decimal(0)
    for number in numbers:
        found = _EXACT.add(found, number)
    return found


def shown(number: Decimal) -> str:
    """A number for a message, without an exponent."""
    return format(number, "f")


def _fitting(number: Decimal) -> Decimal | None:
    text = str(number)
    if len(text) <= _DIGITS_MAX and "E" not in text:
        return number
    whole, _, decimals = format(number, "f").lstrip("-").partition(".")
    return number if len(whole) <= _DIGITS_MAX and len(decimals) <= _DIGITS_MAX else None
