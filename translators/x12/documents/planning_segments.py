"""Segments of schedules, inventory advices and order status reports (830, 862, 846, 870), as in `segments`."""

from typing import Final

from translators.document_parts import Identifier
from translators.planning_documents import (
    Authorization,
    DeliveryPattern,
    DeliveryTime,
    Forecast,
    InventoryQuantity,
    ItemStatus,
    JustInTime,
    ShippedOrReceived,
)
from translators.x12.documents.places import (
    clock,
    coded,
    day,
    number,
    pairs,
    segment_map,
    text,
    unit,
    word,
)

BFR: Final = segment_map(
    None,
    word(1, "purpose", "0353"),
    text(2, "number"),
    text(3, "release_number"),
    text(4, "schedule_type"),
    text(5, "quantity_type"),
    day(6, "starts_on"),
    day(7, "ends_on"),
    day(8, "issued_on"),
    day(9, "revised_on"),
    text(10, "contract"),
    text(11, "purchase_order_number"),
    text(12, "planning_type"),
    text(13, "action"),
)
BSS: Final = segment_map(
    None,
    word(1, "purpose", "0353"),
    text(2, "number"),
    day(3, "issued_on"),
    text(4, "schedule_type"),
    day(5, "starts_on"),
    day(6, "ends_on"),
    text(7, "release_number"),
    text(8, "related_number"),
    text(9, "contract"),
    text(10, "purchase_order_number"),
    text(11, "quantity_type"),
)
BIA: Final = segment_map(
    None,
    word(1, "purpose", "0353"),
    text(2, "report_type"),
    text(3, "number"),
    day(4, "issued_on"),
    clock(5, "issued_at"),
    text(6, "action"),
)
BSR: Final = segment_map(
    None,
    text(1, "report_type"),
    text(2, "scope"),
    text(3, "number"),
    day(4, "issued_on"),
    text(5, "product_type"),
    text(6, "location_type"),
    clock(7, "issued_at"),
    text(8, "request_reference"),
    day(9, "requested_on"),
    clock(10, "requested_at"),
    word(11, "purpose", "0353"),
    text(12, "action"),
)
PRS: Final = segment_map(None, text(1, "release_status"), text(2, "release_status_description"))
FST: Final = segment_map(
    Forecast,
    number(1, "quantity"),
    word(2, "certainty", "0680"),
    word(3, "timing", "0681"),
    day(4, "starts_on"),
    day(5, "ends_on"),
    text(6, "time_qualifier"),
    clock(7, "time"),
    coded(9, "reference", Identifier, 8),
    text(10, "planning_type"),
    text(11, "quantity_qualifier"),
    text(12, "reason"),
    text(13, "description"),
)
SDP: Final = segment_map(DeliveryPattern, pairs(1, 8, "times", DeliveryTime))
JIT: Final = segment_map(JustInTime, number(1, "quantity"), clock(2, "time"))
SHP: Final = segment_map(
    ShippedOrReceived,
    text(1, "qualifier"),
    number(2, "quantity"),
    text(3, "date_qualifier"),
    day(4, "date"),
    clock(5, "time"),
    day(6, "ends_on"),
    clock(7, "ends_at"),
)
ATH: Final = segment_map(
    Authorization,
    text(1, "code"),
    day(2, "until"),
    number(3, "quantity"),
    number(4, "quantity_maximum"),
    day(5, "counted_from"),
)
QTY_OF_STOCK: Final = segment_map(
    InventoryQuantity, text(1, "qualifier"), number(2, "quantity"), unit(3), text(4, "text")
)
ISR: Final = segment_map(ItemStatus, text(1, "status"), day(2, "date"), text(3, "reason"))
