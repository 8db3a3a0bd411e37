"""The canonical documents: one shape for each kind of business document, whatever syntax it arrived in.

Numbers are `Decimal` inside and decimal strings in JSON, dates and times are ISO 8601. `as_json` writes a document,
`schema` describes it; the readers for JSON and XML follow the same dataclasses, so there is one place to change.
The envelope (who sent it, control numbers, offsets) is not part of a document.
"""

from datetime import date, time
from decimal import Decimal
from typing import ClassVar, Final, TypeAlias

from translators.document_parts import (
    Acknowledgment,
    AllowanceCharge,
    Amount,
    CodeAsSent,
    Contact,
    DateReference,
    DeliveryTerms,
    Description,
    Equipment,
    LeadTime,
    Mark,
    Measure,
    Measurement,
    Note,
    Pack,
    Packages,
    PackagingDescription,
    Pallet,
    Paperwork,
    Party,
    PaymentTerms,
    Price,
    ProductId,
    Quantity,
    Reference,
    Routing,
    SalesRequirement,
    Schedule,
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
    """What a line or a component of a line says of its goods."""

    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    unit_price: Decimal | None = None
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


@canonical(kw_only=True)
class AcknowledgmentLine(OrderLine):
    """A line of a purchase order acknowledgment."""

    acknowledgments: tuple[Acknowledgment, ...] = ()


@canonical(kw_only=True)
class ChangeLine(OrderLine):
    """A line of an order change.

    Attributes:
        change: what happens to the line; ``change_code`` as sent (X12 element 670).
        quantity: the quantity after the change.
        quantity_left: what is still to be received.
    """

    change: str | None = None
    change_code: str | None = None
    quantity_left: Decimal | None = None


@canonical(kw_only=True)
class ChangeAcknowledgmentLine(ChangeLine):
    """A line of the answer to an order change."""

    acknowledgments: tuple[Acknowledgment, ...] = ()


@canonical(kw_only=True)
class InvoiceLine(OrderLine):
    """A line of an invoice; ``quantity`` is what is invoiced.

    Attributes:
        order_line_id: the order's line, where its number differs from the invoice's.
        line_amount: the amount of the line before tax.
    """

    purchase_order_number: str | None = None
    order_line_id: str | None = None
    line_amount: Decimal | None = None


@canonical(kw_only=True)
class ReceiptCondition:
    """A quantity that did not arrive as it should (X12 RCD).

    Attributes:
        condition: X12 element 412.
        unit: Rec 20 code, or null when the code as sent has no sure counterpart.
    """

    condition: str | None = None
    label: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None


@canonical(kw_only=True)
class ReceiptLine(Item):
    """A line of a receipt; ``quantity`` is what was received."""

    line_id: str
    line_id_assigned: bool | None = None
    purchase_order_number: str | None = None
    quantity_returned: Decimal | None = None
    conditions: tuple[ReceiptCondition, ...] = ()
    marks: tuple[Mark, ...] = ()
    packages: tuple[Packages, ...] = ()


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
class Level(Item):
    """A level of a ship notice's tree, as sent.

    Attributes:
        id: the level's own id (HL01).
        parent_id: the id of the level it belongs to (HL02).
        kind: shipment, order, tare, pack, subpack, item, component, assembly, kit, serial_number, transport_equipment;
            null for another ``code`` (HL03).
        children: the levels below.
        quantity: what was shipped of the item.
    """

    id: str
    parent_id: str | None = None
    kind: str | None = None
    code: str | None = None
    child_code: str | None = None
    order: OrderReference | None = None
    line_id: str | None = None
    quantity_shipped_to_date: Decimal | None = None
    quantity_ordered: Measure | None = None
    status: str | None = None
    status_code: str | None = None
    container_code: str | None = None
    delivery_terms: tuple[DeliveryTerms, ...] = ()
    packages: tuple[Packages, ...] = ()
    routing: tuple[Routing, ...] = ()
    equipment: tuple[Equipment, ...] = ()
    special_handling: tuple[SpecialHandling, ...] = ()
    packaging: tuple[PackagingDescription, ...] = ()
    paperwork: tuple[Paperwork, ...] = ()
    pallet: Pallet | None = None
    marks: tuple[Mark, ...] = ()
    splits: tuple[Split, ...] = ()
    sublines: tuple[Subline, ...] = ()
    children: "tuple[Level, ...]" = ()


@canonical(kw_only=True)
class PackageReference:
    """A package that holds goods of a line.

    Attributes:
        level_id: the level it stands on.
        kind: pack, tare and so on.
        sscc: its serial shipping container code, 18 digits.
        quantity: how much of the line it holds, where it says so.
    """

    level_id: str
    kind: str | None = None
    sscc: str | None = None
    marks: tuple[Mark, ...] = ()
    quantity: Decimal | None = None


@canonical(kw_only=True)
class ShipNoticeLine:
    """An item of a ship notice with what the levels around it say: its order and its packages.

    Attributes:
        line_id: the order's line, as the seller repeats it; null when it was not sent.
        level_id: the level of the tree it stands on, with all further detail.
        quantity: the quantity shipped.
        packages: from the innermost outwards.
    """

    line_id: str | None = None
    level_id: str | None = None
    purchase_order_number: str | None = None
    release_number: str | None = None
    purchase_order_date: date | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    quantity_ordered: Measure | None = None
    quantity_shipped_to_date: Decimal | None = None
    status: str | None = None
    product_ids: tuple[ProductId, ...] = ()
    descriptions: tuple[Description, ...] = ()
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()
    packages: tuple[PackageReference, ...] = ()


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
    totals: Totals | None = None
    unmapped: tuple[Unmapped, ...] = ()


@canonical(kw_only=True)
class PurchaseOrder(Header):
    """A purchase order (X12 850, UBL Order, cXML OrderRequest).

    Attributes:
        order_type: new_order, blanket and so on; ``order_type_code`` as sent (X12 element 92).
        acknowledgment_type: the answer that the buyer asks for (X12 element 587).
    """

    document_type: ClassVar[str] = "purchase_order"

    order_type: str | None = None
    order_type_code: str | None = None
    acknowledgment_type: str | None = None
    invoice_type: str | None = None
    contract_type: str | None = None
    purchase_category: str | None = None
    security_level: str | None = None
    lines: tuple[OrderLine, ...] = ()


@canonical(kw_only=True)
class PurchaseOrderAcknowledgment(Header):
    """The seller's answer to an order (X12 855, UBL OrderResponse, cXML ConfirmationRequest).

    Attributes:
        number: the seller's number of the order.
        status: accepted, accepted_with_changes, accepted_with_exceptions, on_hold, rejected, counter_offer,
            no_acknowledgment_needed; ``status_code`` as sent (X12 element 587).
    """

    document_type: ClassVar[str] = "purchase_order_acknowledgment"

    status: str | None = None
    status_code: str | None = None
    request_reference: str | None = None
    lines: tuple[AcknowledgmentLine, ...] = ()


@canonical(kw_only=True)
class ShipNotice(Header):
    """What has left, in which packages and for which orders (X12 856, UBL DespatchAdvice, cXML ShipNoticeRequest).

    Attributes:
        purchase_order_number: the order, when the whole shipment belongs to one.
        purchase_order_numbers: every order the shipment holds goods of.
        structure: the order of levels that the sender promises (X12 element 1005); the tree itself rules.
        levels: the roots of the tree, as sent.
        lines: the same goods flattened, each with its order and packages.
    """

    document_type: ClassVar[str] = "ship_notice"

    structure: str | None = None
    structure_code: str | None = None
    status_reason: str | None = None
    purchase_order_numbers: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    lines: tuple[ShipNoticeLine, ...] = ()


@canonical(kw_only=True)
class ChangeHeader(Header):
    """What a change of an order and the answer to it have in common.

    Attributes:
        order_type: new_order, blanket and so on; ``order_type_code`` as sent (X12 element 92).
        sequence: the number of the change, counted by the buyer.
        request_reference: the buyer's number of the request (X12 element 326).
    """

    order_type: str | None = None
    order_type_code: str | None = None
    sequence: str | None = None
    change_date: date | None = None
    request_reference: str | None = None


@canonical(kw_only=True)
class PurchaseOrderChange(ChangeHeader):
    """A change of an order (X12 860, UBL OrderChange and OrderCancellation, cXML OrderRequest type update or delete).

    Attributes:
        acknowledgment_type: the answer that the buyer asks for (X12 element 587).
    """

    document_type: ClassVar[str] = "purchase_order_change"

    acknowledgment_type: str | None = None
    lines: tuple[ChangeLine, ...] = ()


@canonical(kw_only=True)
class PurchaseOrderChangeAcknowledgment(ChangeHeader):
    """The seller's answer to a change, or a change the seller asks for (X12 865).

    Attributes:
        status: as in a purchase order acknowledgment; ``status_code`` as sent (X12 element 587).
    """

    document_type: ClassVar[str] = "purchase_order_change_acknowledgment"

    status: str | None = None
    status_code: str | None = None
    lines: tuple[ChangeAcknowledgmentLine, ...] = ()


@canonical(kw_only=True)
class Invoice(Header):
    """An invoice or credit note (X12 810, UBL Invoice and CreditNote, cXML InvoiceDetailRequest).

    Attributes:
        kind: invoice, credit_note, debit_note and so on; ``kind_code`` as sent.
        amount_due: the total to be paid.
    """

    document_type: ClassVar[str] = "invoice"

    kind: str | None = None
    kind_code: str | None = None
    due_on: date | None = None
    amount_due: Decimal | None = None
    amount_subject_to_discount: Decimal | None = None
    amount_discounted: Decimal | None = None
    discount_amount: Decimal | None = None
    lines: tuple[InvoiceLine, ...] = ()


@canonical(kw_only=True)
class Receipt(Header):
    """What arrived (X12 861, UBL ReceiptAdvice, cXML ReceiptRequest)."""

    document_type: ClassVar[str] = "receipt"

    kind: str | None = None
    kind_code: str | None = None
    shipment_number: str | None = None
    received_on: date | None = None
    lines: tuple[ReceiptLine, ...] = ()


@canonical(kw_only=True)
class ElementNote:
    """An element that was found wrong (AK4, IK4).

    Attributes:
        element: its position in the segment, ``component`` and ``repetition`` inside of it, all from 1 (AK401).
        data_element: its number in the standard's dictionary (AK402).
        code: what is wrong, X12 element 723 (AK403, IK403 has 621).
        value: a copy of what was sent (AK404).
    """

    element: int | None = None
    component: int | None = None
    repetition: int | None = None
    data_element: str | None = None
    code: str | None = None
    value: str | None = None


@canonical(kw_only=True)
class SegmentNote:
    """A segment that was found wrong (AK3, IK3).

    Attributes:
        position: in the transaction set, ST being 1 (AK302).
        loop: the loop it stands in (AK303).
        code: what is wrong, X12 element 720 (AK304, IK304 has 620).
    """

    segment: str | None = None
    position: int | None = None
    loop: str | None = None
    code: str | None = None
    elements: tuple[ElementNote, ...] = ()


@canonical(kw_only=True)
class AcknowledgedSet:
    """One transaction set as the receiver judged it (AK2 to AK5, IK5)."""

    type: str | None = None
    control_number: str | None = None
    implementation: str | None = None
    status: str | None = None
    status_code: str | None = None
    codes: tuple[str, ...] = ()
    segments: tuple[SegmentNote, ...] = ()


@canonical(kw_only=True)
class FunctionalAcknowledgment:
    """What the receiver's software made of a functional group (X12 997 or 999).

    Attributes:
        acknowledgment_type: ``997`` or ``999``.
        functional_id: GS01 of the group (AK101); ``group_control_number`` is its GS06 (AK102).
        status: accepted, accepted_with_errors, partially_accepted or rejected; ``status_code`` as sent (AK901).
        codes: what was wrong with the group (AK905 to AK909).
    """

    schema_version: ClassVar[str] = SCHEMA_VERSION
    document_type: ClassVar[str] = "functional_acknowledgment"

    acknowledgment_type: str | None = None
    functional_id: str | None = None
    group_control_number: str | None = None
    release: str | None = None
    status: str | None = None
    status_code: str | None = None
    sets_included: int | None = None
    sets_received: int | None = None
    sets_accepted: int | None = None
    codes: tuple[str, ...] = ()
    transaction_sets: tuple[AcknowledgedSet, ...] = ()
    unmapped: tuple[Unmapped, ...] = ()


Document: TypeAlias = (
    PurchaseOrder
    | PurchaseOrderAcknowledgment
    | ShipNotice
    | PurchaseOrderChange
    | PurchaseOrderChangeAcknowledgment
    | Invoice
    | Receipt
    | FunctionalAcknowledgment
)

DOCUMENTS: Final[dict[str, type[Document]]] = {
    document.document_type: document
    for document in (
        PurchaseOrder,
        PurchaseOrderAcknowledgment,
        ShipNotice,
        PurchaseOrderChange,
        PurchaseOrderChangeAcknowledgment,
        Invoice,
        Receipt,
        FunctionalAcknowledgment,
    )
}
"""Each canonical document by its ``document_type``."""
