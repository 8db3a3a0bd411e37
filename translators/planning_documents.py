"""What will be needed, what is in stock and how far orders are: schedules, inventory advices and order status."""

import datetime as dt
from decimal import Decimal
from typing import ClassVar

from translators.document_parts import (
    AllowanceCharge,
    CodeAsSent,
    DateReference,
    DeliveryTerms,
    Description,
    Equipment,
    Identifier,
    IndustryCodes,
    LeadTime,
    Mark,
    Measurement,
    Packages,
    PackagingDescription,
    Paperwork,
    Party,
    PaymentTerms,
    Quantity,
    Reference,
    Routing,
    Schedule,
    SpecialHandling,
    Split,
)
from translators.document_structure import Header, Item, OrderLine, OrderReference, Subline
from translators.sparse import canonical


@canonical
class DeliveryTime:
    """On which days and at what time goods are wanted (X12 SDP: elements 679 and 678)."""

    time_code: str
    pattern: str | None = None


@canonical(kw_only=True)
class JustInTime:
    """Part of a quantity with its own hour (X12 JIT)."""

    quantity: Decimal | None = None
    time: dt.time | None = None
    references: tuple[Reference, ...] = ()
    dates: tuple[DateReference, ...] = ()


@canonical(kw_only=True)
class Forecast:
    """A quantity that is needed, and how sure that is (X12 FST).

    Attributes:
        certainty: firm, planned, immediate; ``certainty_code`` as sent (X12 element 680).
        timing: discrete, weekly, monthly, flexible; ``timing_code`` as sent (X12 element 681).
        starts_on: the day, or the first day of the bucket that ends with ``ends_on``.
        time: the hour, of the kind that ``time_qualifier`` names (X12 element 374).
        reference: the order or release that the quantity belongs to (FST08, FST09).
    """

    quantity: Decimal | None = None
    certainty: str | None = None
    certainty_code: str | None = None
    timing: str | None = None
    timing_code: str | None = None
    starts_on: dt.date | None = None
    ends_on: dt.date | None = None
    time_qualifier: str | None = None
    time: dt.time | None = None
    reference: Identifier | None = None
    planning_type: str | None = None
    quantity_qualifier: str | None = None
    reason: str | None = None
    description: str | None = None
    quantities: tuple[Quantity, ...] = ()
    splits: tuple[Split, ...] = ()
    dates: tuple[DateReference, ...] = ()
    just_in_time: tuple[JustInTime, ...] = ()
    industry_codes: tuple[IndustryCodes, ...] = ()


@canonical(kw_only=True)
class DeliveryPattern:
    """A delivery pattern, and the forecasts that follow it (X12 SDP)."""

    times: tuple[DeliveryTime, ...] = ()
    forecasts: tuple[Forecast, ...] = ()


@canonical(kw_only=True)
class ShippedOrReceived:
    """What was shipped or received so far, or last (X12 SHP).

    Attributes:
        qualifier: X12 element 673: ``01`` a single quantity, ``02`` the sum of all since ``date``.
        date: of the kind that ``date_qualifier`` names (X12 element 374); ``ends_on`` closes a period.
    """

    qualifier: str | None = None
    quantity: Decimal | None = None
    date_qualifier: str | None = None
    date: dt.date | None = None
    time: dt.time | None = None
    ends_on: dt.date | None = None
    ends_at: dt.time | None = None
    references: tuple[Reference, ...] = ()


@canonical(kw_only=True)
class Authorization:
    """What the seller may make or buy at the buyer's risk (X12 ATH).

    Attributes:
        code: X12 element 672: ``FI`` to finish, ``MT`` material, ``PQ`` cumulative quantity required before.
        until: how far ahead; ``counted_from`` is where the sum begins.
        quantity: the sum that is authorized; ``quantity_maximum`` the highest ever.
    """

    code: str | None = None
    until: dt.date | None = None
    quantity: Decimal | None = None
    quantity_maximum: Decimal | None = None
    counted_from: dt.date | None = None


@canonical(kw_only=True)
class ScheduleLine(Item):
    """An item of a schedule.

    Attributes:
        line_id: the sender's number of the line, or its position when none was sent.
        line_id_assigned: true when the number is the position.
        purchase_order_number: the order among the item's ids (qualifier ``PO``).
        release_status: whether the part is released for production (X12 element 682).
    """

    line_id: str
    line_id_assigned: bool | None = None
    purchase_order_number: str | None = None
    release_status: str | None = None
    release_status_description: str | None = None
    forecasts: tuple[Forecast, ...] = ()
    patterns: tuple[DeliveryPattern, ...] = ()
    shipped: tuple[ShippedOrReceived, ...] = ()
    authorizations: tuple[Authorization, ...] = ()
    delivery_terms: tuple[DeliveryTerms, ...] = ()
    payment_terms: tuple[PaymentTerms, ...] = ()
    packages: tuple[Packages, ...] = ()
    routing: tuple[Routing, ...] = ()
    equipment: tuple[Equipment, ...] = ()
    special_handling: tuple[SpecialHandling, ...] = ()
    packaging: tuple[PackagingDescription, ...] = ()
    paperwork: tuple[Paperwork, ...] = ()
    lead_times: tuple[LeadTime, ...] = ()
    marks: tuple[Mark, ...] = ()
    sublines: tuple[Subline, ...] = ()


@canonical(kw_only=True)
class ScheduleHeader(Header):
    """What both kinds of schedule have in common.

    Attributes:
        schedule_type: by what the dates count, X12 element 675: ``DL`` delivery, ``SH`` shipment.
        quantity_type: how quantities count, X12 element 676: ``A`` each for itself, ``C`` as sums.
        starts_on: the first day that the schedule speaks of; ``ends_on`` the last.
    """

    schedule_type: str | None = None
    quantity_type: str | None = None
    starts_on: dt.date | None = None
    ends_on: dt.date | None = None
    lines: tuple[ScheduleLine, ...] = ()


@canonical(kw_only=True)
class PlanningSchedule(ScheduleHeader):
    """What will be needed in weeks and months (X12 830, UBL Forecast, cXML ProductActivityMessage).

    Attributes:
        revised_on: when it was brought up to date (BFR09).
        planning_type: X12 element 783.
        action: X12 element 306.
    """

    document_type: ClassVar[str] = "planning_schedule"

    revised_on: dt.date | None = None
    planning_type: str | None = None
    action: str | None = None


@canonical(kw_only=True)
class ShippingSchedule(ScheduleHeader):
    """What is to be shipped in the next days, by the hour (X12 862).

    Attributes:
        related_number: the schedule or release that this one refines (BSS08).
    """

    document_type: ClassVar[str] = "shipping_schedule"

    related_number: str | None = None


@canonical(kw_only=True)
class InventoryQuantity:
    """A quantity in stock, sold or on its way, and where (X12 QTY in 846).

    Attributes:
        qualifier: X12 element 673: ``33`` available, ``17`` on hand, ``QS`` sold.
        unit: Rec 20 code, or null when the code as sent has no sure counterpart.
        quantity_as_sent: in the unit as sent, where the quantity is in another; so is ``unit_price_as_sent``.
    """

    qualifier: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_as_sent: CodeAsSent | None = None
    quantity_as_sent: Decimal | None = None
    text: str | None = None
    unit_price: Decimal | None = None
    unit_price_as_sent: Decimal | None = None
    price_basis: str | None = None
    measurements: tuple[Measurement, ...] = ()
    lead_times: tuple[LeadTime, ...] = ()
    dates: tuple[DateReference, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    references: tuple[Reference, ...] = ()
    parties: tuple[Party, ...] = ()
    industry_codes: tuple[IndustryCodes, ...] = ()


@canonical(kw_only=True)
class InventoryLine(Item):
    """An item of an inventory advice.

    Attributes:
        line_id: the sender's number of the line, or its position when none was sent.
        line_id_assigned: true when the number is the position.
        stock: its quantities, each with what it is.
    """

    line_id: str
    line_id_assigned: bool | None = None
    stock: tuple[InventoryQuantity, ...] = ()
    splits: tuple[Split, ...] = ()
    packaging: tuple[PackagingDescription, ...] = ()
    lead_times: tuple[LeadTime, ...] = ()
    marks: tuple[Mark, ...] = ()
    sublines: tuple[Subline, ...] = ()


@canonical(kw_only=True)
class InventoryAdvice(Header):
    """What is in stock, sold or on its way (X12 846, UBL InventoryReport).

    Attributes:
        report_type: X12 element 755, such as ``DD`` for a distributor's inventory.
        action: X12 element 306.
    """

    document_type: ClassVar[str] = "inventory_advice"

    report_type: str | None = None
    action: str | None = None
    lines: tuple[InventoryLine, ...] = ()


@canonical(kw_only=True)
class ItemStatus:
    """How far goods are (X12 ISR).

    Attributes:
        status: X12 element 368; ``reason`` is X12 element 641.
        date: when it became so, or will.
    """

    status: str | None = None
    date: dt.date | None = None
    reason: str | None = None
    descriptions: tuple[Description, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    dates: tuple[DateReference, ...] = ()
    references: tuple[Reference, ...] = ()
    parties: tuple[Party, ...] = ()
    packages: tuple[Packages, ...] = ()
    routing: tuple[Routing, ...] = ()
    equipment: tuple[Equipment, ...] = ()
    special_handling: tuple[SpecialHandling, ...] = ()
    allowances_charges: tuple[AllowanceCharge, ...] = ()
    industry_codes: tuple[IndustryCodes, ...] = ()


@canonical(kw_only=True)
class StatusLine(OrderLine):
    """A line of an order with how far it is (X12 PO1 in 870).

    Attributes:
        purchase_order_number: the order of the level that the line stands on, or of one around it.
        level_id: that level.
    """

    purchase_order_number: str | None = None
    level_id: str | None = None
    statuses: tuple[ItemStatus, ...] = ()


@canonical(kw_only=True)
class StatusLevel(Item):
    """A level of an order status report, as sent.

    Attributes:
        id: the level's own id (HL01).
        parent_id: the id of the level it belongs to (HL02).
        kind: shipment, order, item and so on; null for another ``code`` (HL03).
        children: the levels below.
    """

    id: str
    parent_id: str | None = None
    kind: str | None = None
    code: str | None = None
    child_code: str | None = None
    order: OrderReference | None = None
    statuses: tuple[ItemStatus, ...] = ()
    children: "tuple[StatusLevel, ...]" = ()


@canonical(kw_only=True)
class OrderStatus(Header):
    """How far orders are (X12 870).

    Attributes:
        report_type: why it is sent, X12 element 850; ``scope`` X12 element 847.
        product_type: X12 element 848; ``location_type`` X12 element 849.
        request_reference: the inquiry that is answered, of ``requested_on`` and ``requested_at``.
        purchase_order_number: the order, when the whole report speaks of one.
        purchase_order_numbers: every order that the report speaks of.
        levels: the roots of the tree, as sent.
        lines: the lines of orders, each with its order and status.
    """

    document_type: ClassVar[str] = "order_status"

    report_type: str | None = None
    scope: str | None = None
    product_type: str | None = None
    location_type: str | None = None
    request_reference: str | None = None
    requested_on: dt.date | None = None
    requested_at: dt.time | None = None
    action: str | None = None
    purchase_order_numbers: tuple[str, ...] = ()
    levels: tuple[StatusLevel, ...] = ()
    lines: tuple[StatusLine, ...] = ()
