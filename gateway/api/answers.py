"""What a supplier answers an order with, in small JSON: no codes to know, and the order says what is left out.

`gateway.api.answering` makes canonical documents of it.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from gateway.api.models.parts import Asked
from gateway.api.reading import FIT_PATTERN

LINES_MAX = 10_000
PACKAGES_MAX = 10_000
# More than X12 has room for, and so few that the sum of all products is still a canonical number.
_DIGITS, _PLACES = 20, 6
# A minus passes here, so that it is told as what it is: too small.
_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")

Number: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S", examples=["2026-118"])]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=1_000)]
Word: TypeAlias = Annotated[str, Field(min_length=1, max_length=80)]


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


LineNumber: TypeAlias = Annotated[
    str,
    BeforeValidator(_as_text),
    Field(min_length=1, max_length=200),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "minLength": 1,
            "maxLength": 200,
            "pattern": FIT_PATTERN,
            "description": "The number of the line as it stands in the order: text, or a whole number.",
            "examples": ["1", 2],
        }
    ),
]


def _plain(value: object) -> object:
    """A number in quotes is written with digits and a point alone, as the schema has it; Decimal takes more forms."""
    is_number = isinstance(value, str | int | float) and not isinstance(value, bool)
    if value is not None and (not is_number or (isinstance(value, str) and _PLAIN.fullmatch(value) is None)):
        raise ValueError("is no number; write digits and a point, such as 12.5")
    return value if value is None else Decimal(str(value))


_PLAINLY: Final = BeforeValidator(_plain)


Quantity: TypeAlias = Annotated[
    Decimal,
    Field(
        gt=0,
        max_digits=_DIGITS,
        decimal_places=_PLACES,
        description="More than 0; a number, or in quotes to keep every digit.",
        examples=[90],
    ),
    _PLAINLY,
]
Amount: TypeAlias = Annotated[
    Decimal,
    Field(ge=0, max_digits=_DIGITS, decimal_places=_PLACES, description="0 or more.", examples=["12.50"]),
    _PLAINLY,
]
Unit: TypeAlias = Annotated[
    str,
    Field(
        min_length=1,
        max_length=10,
        description="A unit of UN/ECE Rec 20 or X12, such as EA; the one that was ordered when absent.",
        examples=["EA"],
    ),
]
Currency: TypeAlias = Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217.", examples=["USD"])]


class AcknowledgedLine(Asked):
    """What is said of one line."""

    line: LineNumber
    status: Literal["accepted", "changed", "backordered", "rejected"] | None = None
    """accepted: as ordered. changed: with another quantity, price or date. backordered: it comes later; with a
    quantity only so much of it does. rejected: it does not come. When absent, changed where something else is said."""
    quantity: Quantity | None = None
    unit: Unit | None = None
    price: Amount | None = None
    """The unit price that you take it at."""
    ship_on: Annotated[date | None, Field(examples=["2026-12-05"])] = None
    """The day it leaves."""
    deliver_on: Annotated[date | None, Field(examples=["2026-12-08"])] = None
    """The day it arrives."""
    reason: Text | None = None
    """Why; for people."""


class NewAcknowledgment(Asked):
    """Your answer to an order. `{"status": "accepted"}` takes all of it as it was ordered."""

    status: Literal["accepted", "accepted_with_changes", "rejected"]
    """For the order as a whole."""
    acknowledgment_number: Number | None = None
    """Your number of the order."""
    acknowledged_on: date | None = None
    """Its date; today when absent."""
    ship_on: date | None = None
    """The day that everything leaves whose line says nothing else."""
    deliver_on: date | None = None
    """The day that everything arrives whose line says nothing else."""
    note: Text | None = None
    """For people."""
    lines: Annotated[tuple[AcknowledgedLine, ...], Field(max_length=LINES_MAX)] = ()
    """The lines that you have something to say of; the others are accepted, or rejected with the whole."""

    @model_validator(mode="after")
    def _agrees_with_its_lines(self) -> "NewAcknowledgment":
        said = {line.status for line in self.lines}
        if self.status == "rejected" and said - {"rejected", None}:
            raise ValueError("is `rejected`, though lines are not; write accepted_with_changes")
        if self.status == "accepted" and said - {"accepted", None}:
            raise ValueError("is `accepted`, though lines are not; write accepted_with_changes")
        if self.status == "accepted_with_changes" and not (self.lines or self.ship_on or self.deliver_on):
            raise ValueError("is `accepted_with_changes`, and nothing says what changes; name the lines")
        return self


class ShippedLine(Asked):
    """Goods of one line of the order."""

    line: LineNumber
    quantity: Quantity | None = None
    """How much of it; all that was ordered when absent."""
    unit: Unit | None = None
    lot: Word | None = None
    """Its lot or batch."""
    serial_numbers: Annotated[tuple[Word, ...], Field(max_length=1_000)] = ()
    """The serial number of each piece."""
    expires_on: date | None = None
    """Until when it can be used."""


class Package(Asked):
    """A carton, a pallet: something with a label of its own."""

    sscc: Annotated[str | None, Field(pattern="^[0-9]{18}$", examples=["003456789012345678"])] = None
    """Its serial shipping container code (GS1)."""
    tracking_number: Word | None = None
    """The carrier's number of it."""
    weight_kg: Quantity | None = None
    """Its gross weight."""
    lines: Annotated[tuple[ShippedLine, ...], Field(max_length=LINES_MAX)] = ()
    """What is in it; what stands here does not stand in `lines` beside."""


class NewShipNotice(Asked):
    """What is on its way. Without lines and packages everything is, as it was ordered."""

    shipment_number: Number
    """Your number of the shipment, once only."""
    shipped_on: date
    """The day it left."""
    estimated_delivery_on: date | None = None
    """The day it will arrive."""
    carrier: Word | None = None
    """Who carries it, in words."""
    carrier_code: Annotated[str | None, Field(pattern="^[A-Z]{2,4}$", examples=["UPSN"])] = None
    """The carrier's SCAC."""
    tracking_numbers: Annotated[tuple[Word, ...], Field(max_length=1_000)] = ()
    """The carrier's numbers of the whole."""
    bill_of_lading: Word | None = None
    """The number of the bill of lading."""
    packages: Annotated[tuple[Package, ...], Field(max_length=PACKAGES_MAX)] = ()
    """Packages, and what is in them where you know."""
    lines: Annotated[tuple[ShippedLine, ...], Field(max_length=LINES_MAX)] = ()
    """Goods of which no package is told."""


class InvoicedLine(Asked):
    """What is to be paid of one line of the order."""

    line: LineNumber
    quantity: Quantity | None = None
    """How much of it; all that was ordered when absent."""
    unit: Unit | None = None
    unit_price: Amount | None = None
    """What one costs; the price of the order when absent."""


class Charge(Asked):
    """Something that is added, or taken off."""

    kind: Literal["charge", "allowance"] = "charge"
    """charge: added, such as freight. allowance: taken off, such as a rebate."""
    amount: Amount
    description: Word
    """What it is for."""


class NewInvoice(Asked):
    """What is to be paid. Without lines it is the whole order, as it was ordered."""

    invoice_number: Number
    """Your number of the invoice, once only."""
    invoiced_on: date
    """Its date."""
    due_on: date | None = None
    """Until when it is to be paid."""
    currency: Currency | None = None
    lines: Annotated[tuple[InvoicedLine, ...], Field(max_length=LINES_MAX)] = ()
    """What is to be paid for."""
    charges: Annotated[tuple[Charge, ...], Field(max_length=100)] = ()
    """Freight, rebates and the like, for the whole invoice."""
    tax: Amount | None = None
    """The tax on all of it."""
    tax_percent: Annotated[Decimal, Field(ge=0, le=1_000, max_digits=10, examples=["8.25"]), _PLAINLY] | None = None
    """Its rate: 8.25 for 8.25 %."""
    total: Amount | None = None
    """What comes out at the end; told, it is compared with what the lines, charges and taxes come to."""
