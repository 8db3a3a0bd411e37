"""The canonical documents: one shape for each kind of business document, whatever syntax it arrived in.

Numbers are `Decimal` inside and decimal strings in JSON, dates and times are ISO 8601. `as_json` writes a document,
`schema` describes it; the readers for JSON and XML follow the same dataclasses, so there is one place to change.
The envelope (who sent it, control numbers, offsets) is not part of a document.
"""

from datetime import date
from decimal import Decimal
from typing import ClassVar, Final, TypeAlias

from translators.acknowledgment_documents import (
    AcknowledgedSet,
    ApplicationAdvice,
    ApplicationResult,
    ElementNote,
    FunctionalAcknowledgment,
    SegmentNote,
)
from translators.document_parts import (
    Acknowledgment,
    Balance,
    CodeAsSent,
    Condition,
    DateReference,
    DeliveryTerms,
    Description,
    Equipment,
    Load,
    Mark,
    Measure,
    Packages,
    PackagingDescription,
    Pallet,
    Paperwork,
    ProductId,
    Reference,
    Routing,
    ShipmentTotals,
    SpecialHandling,
    Split,
)
from translators.document_structure import SCHEMA_VERSION, Header, Item, OrderLine, OrderReference, Subline
from translators.payment_documents import RemittanceAdvice
from translators.planning_documents import (
    InventoryAdvice,
    InventoryLine,
    OrderStatus,
    PlanningSchedule,
    ScheduleLine,
    ShippingSchedule,
    StatusLevel,
    StatusLine,
)
from translators.sparse import canonical

__all__ = [
    "DOCUMENTS",
    "SCHEMA_VERSION",
    "AcknowledgedSet",
    "AcknowledgmentLine",
    "ApplicationAdvice",
    "ApplicationResult",
    "ChangeAcknowledgmentLine",
    "ChangeHeader",
    "ChangeLine",
    "Document",
    "ElementNote",
    "FunctionalAcknowledgment",
    "Header",
    "InventoryAdvice",
    "InventoryLine",
    "Invoice",
    "InvoiceLine",
    "Item",
    "Level",
    "OrderLine",
    "OrderReference",
    "OrderStatus",
    "PackageReference",
    "PlanningSchedule",
    "PurchaseOrder",
    "PurchaseOrderAcknowledgment",
    "PurchaseOrderChange",
    "PurchaseOrderChangeAcknowledgment",
    "Receipt",
    "ReceiptCondition",
    "ReceiptLine",
    "RemittanceAdvice",
    "ScheduleLine",
    "SegmentNote",
    "ShipNotice",
    "ShipNoticeLine",
    "ShippingSchedule",
    "StatusLevel",
    "StatusLine",
    "Subline",
]


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
    """A line of an invoice (X12 IT1); ``quantity`` is what is invoiced.

    Attributes:
        order_line_id: the order's line, where its number differs from the invoice's.
        line_amount: the amount of the line before tax.
    """

    purchase_order_number: str | None = None
    order_line_id: str | None = None
    line_amount: Decimal | None = None
    conditions: tuple[Condition, ...] = ()


@canonical(kw_only=True)
class ReceiptCondition:
    """A quantity in question, or good, and in which condition it arrived (X12 RCD06 to RCD20).

    Attributes:
        condition: X12 element 412.
        unit: Rec 20 code, or null when the code as sent has no sure counterpart.
        quantity_as_sent: in the unit as sent, where the quantity is in another.
    """

    condition: str | None = None
    label: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    quantity_as_sent: Decimal | None = None


@canonical(kw_only=True)
class ReceiptLine(Item):
    """A line of a receipt (X12 RCD); ``quantity`` is what was received.

    Attributes:
        quantity_returned: what goes back, in ``returned_unit``; ``quantity_accepted`` what stays (RCD21).
        ship_notice_line_id: the line of the ship notice (SN101), which tells ``quantity_shipped``.
        returned_unit: Rec 20 code, or null when the code as sent has no sure counterpart; so is ``shipped_unit``.
        order: the order the goods belong to (PRF); ``purchase_order_number`` is its number.
    """

    line_id: str
    line_id_assigned: bool | None = None
    purchase_order_number: str | None = None
    order: OrderReference | None = None
    quantity_returned: Decimal | None = None
    returned_unit: str | None = None
    returned_unit_as_sent: CodeAsSent | None = None
    quantity_accepted: Decimal | None = None
    conditions: tuple[ReceiptCondition, ...] = ()
    ship_notice_line_id: str | None = None
    quantity_shipped: Decimal | None = None
    shipped_unit: str | None = None
    shipped_unit_as_sent: CodeAsSent | None = None
    quantity_shipped_to_date: Decimal | None = None
    quantity_ordered: Measure | None = None
    status: str | None = None
    status_code: str | None = None
    delivery_terms: tuple[DeliveryTerms, ...] = ()
    marks: tuple[Mark, ...] = ()
    packages: tuple[Packages, ...] = ()
    routing: tuple[Routing, ...] = ()
    equipment: tuple[Equipment, ...] = ()
    special_handling: tuple[SpecialHandling, ...] = ()
    sublines: tuple[Subline, ...] = ()


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
    loads: tuple[Load, ...] = ()
    conditions: tuple[Condition, ...] = ()
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
        quantity_as_sent: in the unit as sent, where the quantity is in another.
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
    quantity_as_sent: Decimal | None = None
    quantity_ordered: Measure | None = None
    quantity_shipped_to_date: Decimal | None = None
    status: str | None = None
    product_ids: tuple[ProductId, ...] = ()
    descriptions: tuple[Description, ...] = ()
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()
    packages: tuple[PackageReference, ...] = ()


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
    request_reference: str | None = None
    security_level: str | None = None


@canonical(kw_only=True)
class PurchaseOrderChange(ChangeHeader):
    """A change of an order (X12 860, UBL OrderChange and OrderCancellation, cXML OrderRequest type update or delete).

    Attributes:
        issued_on: the date of the change (BCH11).
        seller_order_number: the seller's number of the order (BCH09).
        acknowledged_on: the date of the acknowledgment of the order (BCH10).
        acknowledgment_type: the answer that the buyer asks for (X12 element 587).
    """

    document_type: ClassVar[str] = "purchase_order_change"

    seller_order_number: str | None = None
    acknowledged_on: date | None = None
    acknowledgment_type: str | None = None
    contract_type: str | None = None
    purchase_category: str | None = None
    lines: tuple[ChangeLine, ...] = ()


@canonical(kw_only=True)
class PurchaseOrderChangeAcknowledgment(ChangeHeader):
    """The seller's answer to a change, or a change the seller asks for (X12 865).

    Attributes:
        number: the seller's number of the order (BCA09).
        change_date: the date of the change that is answered (BCA11).
        status: as in a purchase order acknowledgment; ``status_code`` as sent (X12 element 587).
    """

    document_type: ClassVar[str] = "purchase_order_change_acknowledgment"

    change_date: date | None = None
    status: str | None = None
    status_code: str | None = None
    lines: tuple[ChangeAcknowledgmentLine, ...] = ()


@canonical(kw_only=True)
class Invoice(Header):
    """An invoice or credit note (X12 810, UBL Invoice and CreditNote, cXML InvoiceDetailRequest).

    Attributes:
        kind: invoice, credit_note, debit_note and so on; ``kind_code`` as sent (X12 element 640).
        change_sequence: the change of the order that the invoice follows (BIG06).
        original_number: the invoice that this one corrects (BIG10).
        action: X12 element 306.
        structure: the order of levels that the sender promises (X12 element 1005).
        amount_due: the total to be paid (TDS01).
        amount_subject_to_discount: the part of it that a discount may be taken of (TDS02).
        amount_discounted: what is to be paid when the discount is taken (TDS03).
        shipments: what was shipped in all (ISS).
    """

    document_type: ClassVar[str] = "invoice"

    kind: str | None = None
    kind_code: str | None = None
    change_sequence: str | None = None
    original_number: str | None = None
    action: str | None = None
    structure: str | None = None
    structure_code: str | None = None
    due_on: date | None = None
    amount_due: Decimal | None = None
    amount_subject_to_discount: Decimal | None = None
    amount_discounted: Decimal | None = None
    discount_amount: Decimal | None = None
    balances: tuple[Balance, ...] = ()
    conditions: tuple[Condition, ...] = ()
    shipments: tuple[ShipmentTotals, ...] = ()
    lines: tuple[InvoiceLine, ...] = ()


@canonical(kw_only=True)
class Receipt(Header):
    """What arrived (X12 861, UBL ReceiptAdvice, cXML ReceiptRequest).

    Attributes:
        kind: when and where the goods were looked at; ``kind_code`` as sent (X12 element 962).
        condition: of the whole, ``condition_code`` as sent (X12 element 412).
        action: X12 element 306.
        order: the order, where the whole receipt belongs to one (PRF); ``purchase_order_number`` is its number.
    """

    document_type: ClassVar[str] = "receipt"

    kind: str | None = None
    kind_code: str | None = None
    condition: str | None = None
    condition_code: str | None = None
    action: str | None = None
    order: OrderReference | None = None
    shipment_number: str | None = None
    received_on: date | None = None
    lines: tuple[ReceiptLine, ...] = ()


Document: TypeAlias = (
    PurchaseOrder
    | PurchaseOrderAcknowledgment
    | ShipNotice
    | PurchaseOrderChange
    | PurchaseOrderChangeAcknowledgment
    | Invoice
    | Receipt
    | ApplicationAdvice
    | RemittanceAdvice
    | PlanningSchedule
    | ShippingSchedule
    | InventoryAdvice
    | OrderStatus
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
        ApplicationAdvice,
        RemittanceAdvice,
        PlanningSchedule,
        ShippingSchedule,
        InventoryAdvice,
        OrderStatus,
        FunctionalAcknowledgment,
    )
}
"""Each canonical document by its ``document_type``."""
