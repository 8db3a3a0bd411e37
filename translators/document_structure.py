"""What canonical documents are built on: their headers, and what their lines say of goods."""

from datetime import date, time
from decimal import Decimal
from typing import ClassVar, Final

from translators.document_parts import (
    Acknowledgment,
    AllowanceCharge,
    Amount,
    CodeAsSent,
    Contact,
    ContractTerms,
    DateReference,
    DeliveryTerms,
    Description,
    Equipment,
    FinancialCodes,
    Identifier,
    IndustryCodes,
    ItemDetail,
    LeadTime,
    Mark,
    Measurement,
    Note,
    Pack,
    Packages,
    PackagingDescription,
    Paperwork,
    Party,
    PaymentTerms,
    Percent,
    Price,
    ProductId,
    Quantity,
    Reference,
    Restriction,
    Routing,
    SalesRequirement,
    Schedule,
    ServiceCharacteristics,
    ShippedQuantity,
    SpecialHandling,
    Split,
    Tax,
    Totals,
    Unmapped,
)
from translators.sparse import canonical

SCHEMA_VERSION: Final = "1.0"


@canonical(kw_only=True)
class Item:
    """What a line or a component of a line says of its goods.

    Attributes:
        quantity_as_sent: in the unit as sent, where the quantity is in another; so is ``unit_price_as_sent``.
    """

    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    quantity_as_sent: Decimal | None = None
    unit_price: Decimal | None = None
    unit_price_as_sent: Decimal | None = None
    price_basis: str | None = None
    currency: str | None = None
    currency_party: str | None = None
    exchange_rate: Decimal | None = None
    product_ids: tuple[ProductId, ...] = ()
    descriptions: tuple[Description, ...] = ()
    prices: tuple[Price, ...] = ()
    packs: tuple[Pack, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()
    contacts: tuple[Contact, ...] = ()
    parties: tuple[Party, ...] = ()
    notes: tuple[Note, ...] = ()
    amounts: tuple[Amount, ...] = ()
    allowances_charges: tuple[AllowanceCharge, ...] = ()
    taxes: tuple[Tax, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    commodities: tuple[Identifier, ...] = ()
    services: tuple[ServiceCharacteristics, ...] = ()
    industry_codes: tuple[IndustryCodes, ...] = ()
    details: tuple[ItemDetail, ...] = ()
    financial_codes: tuple[FinancialCodes, ...] = ()


@canonical(kw_only=True)
class Subline(Item):
    """A component of a line (X12 SLN).

    Attributes:
        relationship: how the component stands to its line, X12 element 662, such as ``I`` for included.
    """

    line_id: str | None = None
    parent_line_id: str | None = None
    relationship: str | None = None
    price_relationship: str | None = None
    acknowledgments: tuple[Acknowledgment, ...] = ()


@canonical(kw_only=True)
class OrderLine(Item):
    """A line of a purchase order.

    Attributes:
        line_id: the buyer's number of the line, or its position when none was sent.
        line_id_assigned: true when the number is the position.
        quantity: the quantity ordered.
        unit: Rec 20 code, or null when the code as sent has no sure counterpart.
        unit_price: in the line's or the document's currency, per what ``price_basis`` says (X12 element 639).
    """

    line_id: str
    line_id_assigned: bool | None = None
    delivery_terms: tuple[DeliveryTerms, ...] = ()
    payment_terms: tuple[PaymentTerms, ...] = ()
    packages: tuple[Packages, ...] = ()
    routing: tuple[Routing, ...] = ()
    equipment: tuple[Equipment, ...] = ()
    special_handling: tuple[SpecialHandling, ...] = ()
    packaging: tuple[PackagingDescription, ...] = ()
    paperwork: tuple[Paperwork, ...] = ()
    sales_requirements: tuple[SalesRequirement, ...] = ()
    lead_times: tuple[LeadTime, ...] = ()
    marks: tuple[Mark, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    splits: tuple[Split, ...] = ()
    sublines: tuple[Subline, ...] = ()
    conditions_of_sale: tuple[SalesRequirement, ...] = ()
    contracts: tuple[ContractTerms, ...] = ()
    percents: tuple[Percent, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    shipped: tuple[ShippedQuantity, ...] = ()


@canonical(kw_only=True)
class OrderReference:
    """The order that goods belong to (X12 PRF).

    Attributes:
        release_number: the release of a blanket order (PRF02).
        change_sequence: the change that the goods follow (PRF03).
        line_id: the order's line, where the level speaks of one (PRF05).
        order_type: new_order, blanket and so on; ``order_type_code`` as sent (X12 element 92).
    """

    purchase_order_number: str | None = None
    release_number: str | None = None
    change_sequence: str | None = None
    issued_on: date | None = None
    line_id: str | None = None
    contract: str | None = None
    order_type: str | None = None
    order_type_code: str | None = None


@canonical(kw_only=True)
class Header:
    """What every business document may say of itself as a whole.

    Attributes:
        number: the document's own number.
        purpose: original, change, cancellation, replacement and so on; ``purpose_code`` as sent (X12 element 353).
        issued_on: the date of the document.
        currency: ISO 4217; ``currency_party`` says whose (X12 element 98).
    """

    schema_version: ClassVar[str] = SCHEMA_VERSION
    document_type: ClassVar[str]

    number: str | None = None
    purpose: str | None = None
    purpose_code: str | None = None
    issued_on: date | None = None
    issued_at: time | None = None
    transaction_type: str | None = None
    purchase_order_number: str | None = None
    purchase_order_date: date | None = None
    release_number: str | None = None
    contract: str | None = None
    currency: str | None = None
    currency_party: str | None = None
    exchange_rate: Decimal | None = None
    target_currency: str | None = None
    target_currency_party: str | None = None
    parties: tuple[Party, ...] = ()
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()
    contacts: tuple[Contact, ...] = ()
    delivery_terms: tuple[DeliveryTerms, ...] = ()
    payment_terms: tuple[PaymentTerms, ...] = ()
    routing: tuple[Routing, ...] = ()
    packages: tuple[Packages, ...] = ()
    equipment: tuple[Equipment, ...] = ()
    special_handling: tuple[SpecialHandling, ...] = ()
    packaging: tuple[PackagingDescription, ...] = ()
    paperwork: tuple[Paperwork, ...] = ()
    sales_requirements: tuple[SalesRequirement, ...] = ()
    lead_times: tuple[LeadTime, ...] = ()
    marks: tuple[Mark, ...] = ()
    prices: tuple[Price, ...] = ()
    descriptions: tuple[Description, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    notes: tuple[Note, ...] = ()
    amounts: tuple[Amount, ...] = ()
    allowances_charges: tuple[AllowanceCharge, ...] = ()
    taxes: tuple[Tax, ...] = ()
    product_ids: tuple[ProductId, ...] = ()
    commodities: tuple[Identifier, ...] = ()
    services: tuple[ServiceCharacteristics, ...] = ()
    industry_codes: tuple[IndustryCodes, ...] = ()
    financial_codes: tuple[FinancialCodes, ...] = ()
    percents: tuple[Percent, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    totals: Totals | None = None
    unmapped: tuple[Unmapped, ...] = ()
