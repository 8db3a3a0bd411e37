"""Segments of X12 and the canonical fields of their elements. Element numbers as in 004010; releases only append.

An element without a row goes to the document's ``unmapped``, so a row left out never loses a value.
"""

from typing import Final

from translators.acknowledgment_documents import (
    AcknowledgedSet,
    ApplicationError,
    ApplicationResult,
    ElementNote,
    ErrorContext,
    RelatedData,
    SegmentNote,
)
from translators.document_parts import (
    Acknowledgment,
    Address,
    AllowanceCharge,
    Amount,
    Balance,
    Communication,
    Condition,
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
    Load,
    Measurement,
    Note,
    Pack,
    Packages,
    PackagingDescription,
    Pallet,
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
    ShipmentTotals,
    ShippedQuantity,
    SpecialHandling,
    Tax,
    Totals,
)
from translators.document_structure import OrderReference, Subline
from translators.x12.documents.places import (
    clock,
    coded,
    dated,
    day,
    implied,
    integer,
    line_of_text,
    measure,
    number,
    pairs,
    position,
    segment_map,
    text,
    texts,
    unit,
    word,
)

NOTHING: Final = segment_map(None)

# --- headers ---------------------------------------------------------------------------------------------------------

BEG: Final = segment_map(
    None,
    word(1, "purpose", "0353"),
    word(2, "order_type", "0092"),
    text(3, "number"),
    text(4, "release_number"),
    day(5, "issued_on", century=5),
    text(6, "contract"),
    text(7, "acknowledgment_type"),
    text(8, "invoice_type"),
    text(9, "contract_type"),
    text(10, "purchase_category"),
    text(11, "security_level"),
    text(12, "transaction_type"),
)
BAK: Final = segment_map(
    None,
    word(1, "purpose", "0353"),
    word(2, "status", "0587"),
    text(3, "purchase_order_number"),
    day(4, "purchase_order_date", century=4),
    text(5, "release_number"),
    text(6, "request_reference"),
    text(7, "contract"),
    text(8, "number"),
    day(9, "issued_on", century=9),
    text(10, "transaction_type"),
)
BSN: Final = segment_map(
    None,
    word(1, "purpose", "0353"),
    text(2, "number"),
    day(3, "issued_on"),
    clock(4, "issued_at"),
    word(5, "structure", "1005"),
    text(6, "transaction_type"),
    text(7, "status_reason"),
)
BCH: Final = segment_map(
    None,
    word(1, "purpose", "0353"),
    word(2, "order_type", "0092"),
    text(3, "purchase_order_number"),
    text(4, "release_number"),
    text(5, "sequence"),
    day(6, "purchase_order_date", century=6),
    text(7, "request_reference"),
    text(8, "contract"),
    text(9, "seller_order_number"),
    day(10, "acknowledged_on", century=10),
    day(11, "issued_on", century=11),
    text(12, "contract_type"),
    text(13, "security_level"),
    text(14, "acknowledgment_type"),
    text(15, "transaction_type"),
    text(16, "purchase_category"),
)
BCA: Final = segment_map(
    None,
    word(1, "purpose", "0353"),
    word(2, "status", "0587"),
    text(3, "purchase_order_number"),
    text(4, "release_number"),
    text(5, "sequence"),
    day(6, "purchase_order_date", century=6),
    text(7, "request_reference"),
    text(8, "contract"),
    text(9, "number"),
    day(10, "issued_on", century=10),
    day(11, "change_date", century=11),
    word(13, "order_type", "0092"),
    text(14, "security_level"),
    text(15, "transaction_type"),
)
BIG: Final = segment_map(
    None,
    day(1, "issued_on"),
    text(2, "number"),
    day(3, "purchase_order_date"),
    text(4, "purchase_order_number"),
    text(5, "release_number"),
    text(6, "change_sequence"),
    word(7, "kind", "0640"),
    word(8, "purpose", "0353"),
    text(9, "action"),
    text(10, "original_number"),
    word(11, "structure", "1005"),
)
BRA: Final = segment_map(
    None,
    text(1, "number"),
    day(2, "issued_on"),
    word(3, "purpose", "0353"),
    word(4, "kind", "0962"),
    clock(5, "issued_at"),
    word(6, "condition", "0412"),
    text(7, "action"),
)
CUR: Final = segment_map(
    None,
    text(1, "currency_party"),
    text(2, "currency"),
    number(3, "exchange_rate"),
)
CUR_OF_HEADER: Final = segment_map(
    None,
    text(1, "currency_party"),
    text(2, "currency"),
    number(3, "exchange_rate"),
    text(4, "target_currency_party"),
    text(5, "target_currency"),
)
CTT: Final = segment_map(
    Totals,
    number(1, "line_count"),
    number(2, "hash_total"),
    measure(3, "weight", unit=4),
    measure(5, "volume", unit=6),
    text(7, "description"),
)

# --- parties, references, dates, texts -------------------------------------------------------------------------------

N1: Final = segment_map(
    Party,
    word(1, "role", "0098"),
    text(2, "name"),
    coded(4, "identifiers", Identifier, 3, many=True),
    text(5, "relationship"),
    text(6, "related_role_code"),
)
N2: Final = segment_map(None, texts("additional_names", 1, 2))
IN2: Final = segment_map(None, coded(2, "name_components", Identifier, 1, many=True))
N3: Final = segment_map(Address, texts("lines", 1, 2), into="address")
NX2: Final = segment_map(
    Address,
    coded(2, "components", Identifier, 1, many=True),
    text(3, "county"),
    coded(5, "components", Identifier, 4, many=True),
    into="address",
)
NM1: Final = segment_map(
    Party,
    word(1, "role", "0098"),
    text(2, "entity_type"),
    text(3, "name"),
    text(4, "given_name"),
    text(5, "middle_name"),
    text(6, "name_prefix"),
    text(7, "name_suffix"),
    coded(9, "identifiers", Identifier, 8, many=True),
    text(10, "relationship"),
    text(11, "related_role_code"),
)
N4: Final = segment_map(
    Address,
    text(1, "city"),
    text(2, "region"),
    text(3, "postal_code"),
    text(4, "country"),
    text(5, "location_qualifier"),
    text(6, "location"),
    text(7, "subdivision"),
    into="address",
)
PER: Final = segment_map(
    Contact,
    text(1, "function", labels="0366"),
    text(2, "name"),
    pairs(3, 8, "communications", Communication, labels="0365"),
    text(9, "reference"),
)
REF: Final = segment_map(Reference, text(1, "qualifier", labels="0128"), text(2, "value"), text(3, "description"))
DTM: Final = segment_map(
    DateReference,
    text(1, "qualifier", labels="0374"),
    day(2, "date", century=5),
    clock(3, "time"),
    text(4, "time_zone"),
    text(5, "period_format"),
    text(6, "period"),
)
# Up to 003070 an element for the century stands between the time zone and the period.
DTM_TO_003070: Final = segment_map(
    DateReference,
    text(1, "qualifier", labels="0374"),
    day(2, "date", century=5),
    clock(3, "time"),
    text(4, "time_zone"),
    text(6, "period_format"),
    text(7, "period"),
)
DTP: Final = segment_map(
    DateReference, text(1, "qualifier", labels="0374"), text(2, "period_format"), text(3, "period")
)
MSG: Final = segment_map(Note, text(1, "text"))
MSG_OF_NOTE: Final = segment_map(None, line_of_text(1, "text"))
NTE: Final = segment_map(Note, text(1, "qualifier"), text(2, "text"))
MTX: Final = segment_map(
    Note, text(1, "qualifier"), line_of_text(2, "text"), line_of_text(3, "text"), text(6, "language")
)
MTX_OF_NOTE: Final = segment_map(
    None, text(1, "text_qualifier"), line_of_text(2, "text"), line_of_text(3, "text"), text(6, "language")
)
N9: Final = segment_map(
    Note,
    text(1, "qualifier"),
    text(2, "reference"),
    text(3, "description"),
    day(4, "date"),
    clock(5, "time"),
    text(6, "time_zone"),
)
PWK: Final = segment_map(
    Paperwork,
    text(1, "type"),
    text(2, "transmission"),
    number(3, "copies"),
    text(4, "party_role"),
    coded(6, "party", Identifier, 5),
    text(7, "description"),
    text(9, "request_category"),
    coded(11, "code", Identifier, 10),
)

# --- terms, money ----------------------------------------------------------------------------------------------------

FOB: Final = segment_map(
    DeliveryTerms,
    text(1, "freight_payment", labels="0146"),
    text(2, "place_qualifier"),
    text(3, "place"),
    text(4, "terms_list"),
    text(5, "terms"),
    text(6, "terms_place_qualifier"),
    text(7, "terms_place"),
    text(8, "risk_of_loss"),
    text(9, "description"),
)
ITD: Final = segment_map(
    PaymentTerms,
    text(1, "type", labels="0336"),
    text(2, "basis"),
    number(3, "discount_percent"),
    day(4, "discount_due_on"),
    number(5, "discount_days"),
    day(6, "due_on"),
    number(7, "net_days"),
    implied(8, "discount_amount"),
    day(9, "deferred_due_on"),
    implied(10, "deferred_amount"),
    number(11, "percent_payable"),
    text(12, "description"),
    number(13, "day_of_month"),
    text(14, "payment_method"),
    number(15, "percent"),
)
SAC: Final = segment_map(
    AllowanceCharge,
    text(1, "indicator"),
    text(2, "code", labels="1300"),
    text(3, "agency"),
    text(4, "agency_code"),
    implied(5, "amount"),
    text(6, "percent_basis"),
    number(7, "percent"),
    number(8, "rate"),
    unit(9),
    number(10, "quantity"),
    number(11, "quantity_to"),
    text(12, "handling"),
    text(13, "reference"),
    text(14, "option"),
    text(15, "description"),
    text(16, "language"),
)
TXI: Final = segment_map(
    Tax,
    text(1, "type", labels="0963"),
    number(2, "amount"),
    number(3, "percent"),
    text(4, "jurisdiction_qualifier"),
    text(5, "jurisdiction"),
    text(6, "exempt_code"),
    text(7, "relationship"),
    number(8, "base_amount"),
    text(9, "tax_id"),
    text(10, "line_id"),
)
TAX: Final = segment_map(Tax, text(1, "tax_id"), pairs(2, 11, "locations", Identifier), text(12, "exempt_code"))
# Before 003030, where SAC begins, ITA and SSS tell of allowances and charges.
ITA: Final = segment_map(
    AllowanceCharge,
    text(1, "indicator"),
    text(2, "agency"),
    text(3, "agency_code"),
    text(4, "handling"),
    text(5, "reference"),
    number(6, "rate"),
    implied(7, "amount"),
    text(8, "percent_basis"),
    number(9, "percent"),
    number(10, "quantity"),
    unit(11),
    text(13, "description"),
)
SSS: Final = segment_map(
    AllowanceCharge,
    text(1, "indicator"),
    text(2, "agency"),
    text(3, "agency_code"),
    text(4, "reference"),
    number(5, "rate"),
    implied(6, "amount"),
    text(7, "description"),
    number(8, "quantity"),
)
AMT: Final = segment_map(Amount, text(1, "qualifier"), number(2, "amount"), text(3, "credit_debit"))
CTP: Final = segment_map(
    Price,
    text(1, "class_of_trade"),
    text(2, "kind"),
    number(3, "unit_price"),
    number(4, "quantity"),
    unit(5),
    text(6, "multiplier_qualifier"),
    number(7, "multiplier"),
    number(8, "amount"),
    text(9, "basis"),
    text(10, "condition"),
    number(11, "multiple_price_quantity"),
)
CSH: Final = segment_map(
    SalesRequirement,
    text(1, "code"),
    text(2, "action"),
    implied(3, "amount"),
    text(4, "account"),
    day(5, "date"),
    text(6, "agency"),
    text(7, "service"),
    text(8, "substitution"),
    number(9, "percent"),
    text(10, "percent_qualifier"),
)

IT8: Final = segment_map(
    SalesRequirement,
    text(1, "code"),
    text(2, "action"),
    implied(3, "amount"),
    text(4, "account"),
    day(5, "date"),
    text(6, "agency"),
    text(7, "substitution"),
    pairs(8, 27, "product_ids", ProductId, labels="0235"),
)
PCT: Final = segment_map(Percent, text(1, "qualifier"), number(2, "percent"))
CTB: Final = segment_map(
    Restriction,
    text(1, "qualifier"),
    text(2, "description"),
    text(3, "quantity_qualifier"),
    number(4, "quantity"),
    text(5, "amount_qualifier"),
    implied(6, "amount"),
    unit(7),
)
CN1: Final = segment_map(
    ContractTerms,
    text(1, "type"),
    number(2, "amount"),
    number(3, "percent"),
    text(4, "number"),
    number(5, "discount_percent"),
    text(6, "version"),
)
FA1: Final = segment_map(FinancialCodes, text(1, "agency"), text(2, "code", labels="1300"), text(3, "indicator"))
FA2: Final = segment_map(None, coded(2, "codes", Identifier, 1, many=True))
TDS: Final = segment_map(
    None,
    implied(1, "amount_due"),
    implied(2, "amount_subject_to_discount"),
    implied(3, "amount_discounted"),
    implied(4, "discount_amount"),
)
BAL: Final = segment_map(Balance, text(1, "type"), text(2, "qualifier"), number(3, "amount"))

# --- carriage and packing --------------------------------------------------------------------------------------------

TD1: Final = segment_map(
    Packages,
    text(1, "packaging_code"),
    number(2, "quantity"),
    text(3, "commodity_qualifier"),
    text(4, "commodity"),
    text(5, "description"),
    measure(7, "weight", unit=8, qualifier=6),
    measure(9, "volume", unit=10),
)
TD3: Final = segment_map(
    Equipment,
    text(1, "description_code"),
    text(2, "initial"),
    text(3, "number"),
    measure(5, "weight", unit=6, qualifier=4),
    text(7, "ownership"),
    text(8, "seal_status"),
    text(9, "seal_number"),
    text(10, "equipment_type"),
)
TD4: Final = segment_map(
    SpecialHandling,
    text(1, "code"),
    text(2, "hazard_qualifier"),
    text(3, "hazard_class"),
    text(4, "description"),
    text(5, "is_hazardous"),
)
TD5: Final = segment_map(
    Routing,
    text(1, "sequence"),
    coded(3, "carrier", Identifier, 2),
    text(4, "mode", labels="0091"),
    text(5, "description"),
    text(6, "status"),
    text(7, "location_qualifier"),
    text(8, "location"),
    text(9, "transit_direction"),
    text(10, "transit_time_qualifier"),
    number(11, "transit_time"),
    texts("service_levels", 12, 13, 14),
    text(15, "country"),
)
CAD: Final = segment_map(
    Routing,
    text(1, "mode", labels="0091"),
    text(2, "equipment_initial"),
    text(3, "equipment_number"),
    text(4, "scac"),
    text(5, "description"),
    text(6, "status"),
    coded(8, "reference", Identifier, 7),
    texts("service_levels", 9),
)
CLD: Final = segment_map(
    Load, number(1, "loads"), number(2, "quantity"), text(3, "packaging_code"), measure(4, "size", unit=5)
)
PO4: Final = segment_map(
    Pack,
    number(1, "pack"),
    measure(2, "size", unit=3),
    text(4, "packaging_code"),
    measure(6, "gross_weight", unit=7, qualifier=5),
    measure(8, "gross_volume", unit=9),
    number(10, "length"),
    number(11, "width"),
    number(12, "height"),
    unit(13, "dimension_unit"),
    number(14, "inner_pack"),
    text(15, "surface"),
    text(16, "assigned_id"),
    text(17, "assigned_id_to"),
    number(18, "number"),
)
PAL: Final = segment_map(
    Pallet,
    text(1, "type"),
    number(2, "tiers"),
    number(3, "blocks"),
    number(4, "pack"),
    measure(5, "unit_weight", unit=6),
    number(7, "length"),
    number(8, "width"),
    number(9, "height"),
    unit(10, "dimension_unit"),
    measure(11, "gross_weight", unit=12),
    measure(13, "gross_volume", unit=14),
    text(15, "exchange"),
    number(16, "inner_pack"),
)
PKG: Final = segment_map(
    PackagingDescription,
    text(1, "type"),
    text(2, "characteristic"),
    text(3, "agency"),
    text(4, "code"),
    text(5, "text"),
    text(6, "unit_load"),
)
MEA: Final = segment_map(
    Measurement,
    text(1, "reference"),
    text(2, "qualifier"),
    number(3, "value"),
    unit(4),
    number(5, "minimum"),
    number(6, "maximum"),
    text(7, "significance"),
    text(8, "attribute"),
    text(9, "surface"),
    text(10, "method"),
    coded(12, "code", Identifier, 11),
)

# --- lines -----------------------------------------------------------------------------------------------------------

PO1: Final = segment_map(
    None,
    text(1, "line_id"),
    number(2, "quantity"),
    unit(3),
    number(4, "unit_price"),
    text(5, "price_basis"),
    pairs(6, 25, "product_ids", ProductId, labels="0235"),
)
POC: Final = segment_map(
    None,
    text(1, "line_id"),
    word(2, "change", "0670"),
    number(3, "quantity"),
    number(4, "quantity_left"),
    unit(5),
    number(6, "unit_price"),
    text(7, "price_basis"),
    pairs(8, 27, "product_ids", ProductId, labels="0235"),
)
IT1: Final = PO1
RCD: Final = segment_map(
    None,
    text(1, "line_id"),
    number(2, "quantity"),
    unit(3),
    number(4, "quantity_returned"),
    unit(5, "returned_unit"),
    number(21, "quantity_accepted"),
)
LIN: Final = segment_map(None, text(1, "line_id"), pairs(2, 31, "product_ids", ProductId, labels="0235"))
LIN_OF_HEADER: Final = segment_map(None, pairs(2, 31, "product_ids", ProductId, labels="0235"))
PID: Final = segment_map(
    Description,
    text(1, "type"),
    text(2, "characteristic"),
    text(3, "agency"),
    text(4, "code"),
    text(5, "text"),
    text(6, "surface"),
    text(7, "source"),
    text(8, "response"),
    text(9, "language"),
)
UIT: Final = segment_map(None, unit(1), number(2, "unit_price"), text(3, "price_basis"))
TC2: Final = segment_map(None, coded(2, "commodities", Identifier, 1, many=True))
SI: Final = segment_map(ServiceCharacteristics, text(1, "agency"), pairs(2, 21, "characteristics", Identifier))
LM: Final = segment_map(IndustryCodes, text(1, "agency"), text(2, "source"))
LQ: Final = segment_map(None, coded(2, "codes", Identifier, 1, many=True))
YNQ: Final = segment_map(
    Condition,
    text(1, "condition"),
    text(2, "response"),
    text(3, "period_format"),
    text(4, "period"),
    line_of_text(5, "text"),
    line_of_text(6, "text"),
    line_of_text(7, "text"),
    coded(9, "code", Identifier, 8),
    line_of_text(10, "text"),
)
PO3: Final = segment_map(
    ItemDetail,
    text(1, "reason"),
    day(2, "date"),
    text(3, "price_kind"),
    number(4, "unit_price"),
    text(5, "price_basis"),
    number(6, "quantity"),
    unit(7),
    text(8, "description"),
)
IT3: Final = segment_map(
    ShippedQuantity,
    number(1, "quantity"),
    unit(2),
    text(3, "status"),
    number(4, "difference"),
    text(5, "reason"),
)
ISS: Final = segment_map(
    ShipmentTotals,
    number(1, "quantity"),
    unit(2),
    measure(3, "weight", unit=4),
    measure(5, "volume", unit=6),
    number(7, "pallets"),
    number(8, "pallets_weight"),
)
QTY: Final = segment_map(Quantity, text(1, "qualifier"), number(2, "quantity"), unit(3), text(4, "text"))
LDT: Final = segment_map(LeadTime, text(1, "code"), number(2, "quantity"), text(3, "period"), day(4, "date"))
SCH: Final = segment_map(
    Schedule,
    number(1, "quantity"),
    unit(2),
    word(3, "role", "0098"),
    text(4, "name"),
    dated(6, "dates", qualifier=5, time=7),
    dated(9, "dates", qualifier=8, time=10),
    text(11, "request_reference"),
    text(12, "line_id"),
)
SLN: Final = segment_map(
    Subline,
    text(1, "line_id"),
    text(2, "parent_line_id"),
    text(3, "relationship"),
    number(4, "quantity"),
    unit(5),
    number(6, "unit_price"),
    text(7, "price_basis"),
    text(8, "price_relationship"),
    pairs(9, 28, "product_ids", ProductId, labels="0235"),
)
ACK: Final = segment_map(
    Acknowledgment,
    word(1, "status", "0668", code_field="code"),
    number(2, "quantity"),
    unit(3),
    dated(5, "dates", qualifier=4),
    text(6, "request_reference"),
    pairs(7, 26, "product_ids", ProductId, labels="0235"),
    text(27, "agency"),
    text(28, "source"),
    text(29, "industry_code"),
)

# --- ship notice -----------------------------------------------------------------------------------------------------

HL: Final = segment_map(
    None,
    text(1, "id"),
    text(2, "parent_id"),
    word(3, "kind", "0735", code_field="code"),
    text(4, "child_code"),
)
PRF: Final = segment_map(
    OrderReference,
    text(1, "purchase_order_number"),
    text(2, "release_number"),
    text(3, "change_sequence"),
    day(4, "issued_on"),
    text(5, "line_id"),
    text(6, "contract"),
    word(7, "order_type", "0092"),
)
SN1: Final = segment_map(
    None,
    text(1, "line_id"),
    number(2, "quantity"),
    unit(3),
    number(4, "quantity_shipped_to_date"),
    measure(5, "quantity_ordered", unit=6),
    text(7, "container_code"),
    word(8, "status", "0668"),
)

SN1_OF_RECEIPT: Final = segment_map(
    None,
    text(1, "ship_notice_line_id"),
    number(2, "quantity_shipped"),
    unit(3, "shipped_unit"),
    number(4, "quantity_shipped_to_date"),
    measure(5, "quantity_ordered", unit=6),
    word(8, "status", "0668"),
)

# --- functional acknowledgments --------------------------------------------------------------------------------------

AK1: Final = segment_map(None, text(1, "functional_id"), text(2, "group_control_number"), text(3, "release"))
AK2: Final = segment_map(AcknowledgedSet, text(1, "type"), text(2, "control_number"), text(3, "implementation"))
AK3: Final = segment_map(
    SegmentNote,
    text(1, "segment"),
    integer(2, "position"),
    text(3, "loop"),
    text(4, "code"),
    texts("further_codes", 5, 6, 7, 8),
)
AK4: Final = segment_map(ElementNote, position(1), text(2, "data_element"), text(3, "code"), text(4, "value"))
AK5: Final = segment_map(None, word(1, "status", "0717"), texts("codes", 2, 3, 4, 5, 6))
AK9: Final = segment_map(
    None,
    word(1, "status", "0715"),
    integer(2, "sets_included"),
    integer(3, "sets_received"),
    integer(4, "sets_accepted"),
    texts("codes", 5, 6, 7, 8, 9),
)

# --- application advices ---------------------------------------------------------------------------------------------

BGN: Final = segment_map(
    None,
    word(1, "purpose", "0353"),
    text(2, "number"),
    day(3, "issued_on", century=10),
    clock(4, "issued_at"),
    text(5, "time_zone"),
    text(6, "original_number"),
    text(7, "transaction_type"),
    text(8, "action"),
    text(9, "security_level"),
)
OTI: Final = segment_map(
    ApplicationResult,
    word(1, "status", "0110"),
    coded(3, "reference", Identifier, 2),
    text(4, "sender"),
    text(5, "receiver"),
    day(6, "group_date"),
    clock(7, "group_time"),
    text(8, "group_control_number"),
    text(9, "set_control_number"),
    text(10, "set_type"),
    text(11, "release"),
    word(12, "purpose", "0353"),
    text(13, "transaction_type"),
    text(14, "application_type"),
    text(15, "action"),
    text(16, "handling"),
    text(17, "status_reason"),
)
TED: Final = segment_map(
    ApplicationError,
    text(1, "code"),
    text(2, "message"),
    text(3, "segment"),
    integer(4, "position"),
    position(5),
    text(6, "data_element"),
    text(7, "value"),
    text(8, "new_value"),
)
CTX: Final = segment_map(
    ErrorContext,
    text(1, "name"),
    text(2, "segment"),
    integer(3, "position"),
    text(4, "loop"),
    position(5),
    text(6, "data_element"),
)
RED: Final = segment_map(
    RelatedData,
    text(1, "description"),
    text(2, "kind"),
    text(3, "agency"),
    text(4, "source"),
    coded(6, "code", Identifier, 5),
)
