"""Segments of remittance advices (820), as in `segments`."""

from typing import Final

from translators.document_parts import Identifier, ProductId
from translators.payment_documents import Adjustment, PaidDocument, RemittanceEntity, RemittanceLine, Trace
from translators.x12.documents.places import coded, day, number, pairs, segment_map, text, unit, word

BPR: Final = segment_map(
    None,
    text(1, "handling"),
    number(2, "amount"),
    text(3, "credit_debit"),
    text(4, "payment_method"),
    text(5, "payment_format"),
    coded(7, "payer_bank", Identifier, 6),
    coded(9, "payer_account", Identifier, 8),
    text(10, "originator"),
    text(11, "originator_detail"),
    coded(13, "payee_bank", Identifier, 12),
    coded(15, "payee_account", Identifier, 14),
    day(16, "effective_on"),
    text(17, "business_function"),
    coded(19, "return_bank", Identifier, 18),
    coded(21, "return_account", Identifier, 20),
)
# BPR took the place of BPS with 003020.
BPS: Final = segment_map(
    None,
    text(1, "payment_method"),
    number(2, "amount"),
    text(3, "handling"),
    coded(5, "payer_bank", Identifier, 4),
    text(7, "originator"),
    text(8, "originator_detail"),
    coded(10, "payee_bank", Identifier, 9),
    day(12, "effective_on"),
    day(13, "settled_on"),
)
TRN: Final = segment_map(Trace, text(1, "type"), text(2, "number"), text(3, "originator"), text(4, "reference"))
ENT: Final = segment_map(
    RemittanceEntity,
    text(1, "id"),
    word(2, "role", "0098"),
    coded(4, "identifier", Identifier, 3),
    text(5, "related_role_code"),
    coded(7, "related_identifier", Identifier, 6),
    coded(9, "reference", Identifier, 8),
)
# Up to 003010 the party of an N1 loop is what ENT became.
N1_OF_ENTITY: Final = segment_map(
    RemittanceEntity, word(1, "role", "0098"), text(2, "name"), coded(4, "identifier", Identifier, 3)
)
IT1: Final = segment_map(
    RemittanceLine,
    text(1, "line_id"),
    number(2, "quantity"),
    unit(3),
    number(4, "unit_price"),
    text(5, "price_basis"),
    pairs(6, 25, "product_ids", ProductId, labels="0235"),
)
RMR: Final = segment_map(
    PaidDocument,
    coded(2, "reference", Identifier, 1),
    text(3, "action"),
    number(4, "amount_paid"),
    number(5, "amount"),
    number(6, "discount"),
    text(7, "adjustment_reason"),
    number(8, "adjustment"),
)
# RMR took the place of RMT with 003020.
RMT: Final = segment_map(
    PaidDocument,
    coded(2, "reference", Identifier, 1),
    number(3, "amount_paid"),
    number(4, "amount"),
    number(5, "amount_subject_to_discount"),
    number(6, "amount_discounted"),
    number(7, "discount"),
    number(8, "adjustment"),
    text(9, "adjustment_reason"),
    text(10, "description"),
)
ADX: Final = segment_map(Adjustment, number(1, "amount"), text(2, "reason"), coded(4, "reference", Identifier, 3))
