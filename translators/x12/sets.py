"""Which transaction sets carry which documents, and under which functional identifier (GS01) they travel."""

# ST01 -> canonical document type.
DOCUMENT_TYPES = {
    "810": "invoice",
    "850": "purchase_order",
    "855": "purchase_order_acknowledgment",
    "856": "ship_notice",
    "860": "purchase_order_change",
    "861": "receipt",
    "865": "purchase_order_change_acknowledgment",
    "997": "functional_acknowledgment",
    "999": "functional_acknowledgment",
}

# Functional acknowledgments need no agreement and earn no acknowledgment themselves.
FUNCTIONAL_ACKNOWLEDGMENTS = frozenset({"997", "999"})
FUNCTIONAL_ACKNOWLEDGMENT_GROUP = "FA"

# ST01 -> GS01.
FUNCTIONAL_IDS = {
    "810": "IN",
    "850": "PO",
    "855": "PR",
    "856": "SH",
    "860": "PC",
    "861": "RC",
    "865": "CA",
    "997": FUNCTIONAL_ACKNOWLEDGMENT_GROUP,
    "999": FUNCTIONAL_ACKNOWLEDGMENT_GROUP,
}
