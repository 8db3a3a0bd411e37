"""Which transaction sets carry which documents, and under which functional identifier (GS01) they travel."""

# ST01 -> canonical document type.
DOCUMENT_TYPES = {
    "810": "invoice",
    "820": "remittance_advice",
    "824": "application_advice",
    "830": "planning_schedule",
    "846": "inventory_advice",
    "850": "purchase_order",
    "855": "purchase_order_acknowledgment",
    "856": "ship_notice",
    "860": "purchase_order_change",
    "861": "receipt",
    "862": "shipping_schedule",
    "865": "purchase_order_change_acknowledgment",
    "870": "order_status",
    "997": "functional_acknowledgment",
    "999": "functional_acknowledgment",
}

# Functional acknowledgments need no agreement and earn no acknowledgment themselves.
FUNCTIONAL_ACKNOWLEDGMENTS = frozenset({"997", "999"})
FUNCTIONAL_ACKNOWLEDGMENT_GROUP = "FA"

# ST01 -> GS01, for every set that has a grammar.
FUNCTIONAL_IDS = {
    "810": "IN",  # invoice
    "820": "RA",  # payment order, remittance advice
    "824": "AG",  # application advice
    "830": "PS",  # planning schedule with release capability
    "846": "IB",  # inventory inquiry, advice
    "850": "PO",  # purchase order
    "855": "PR",  # purchase order acknowledgment
    "856": "SH",  # ship notice, manifest
    "860": "PC",  # purchase order change, buyer initiated
    "861": "RC",  # receiving advice, acceptance certificate
    "862": "SS",  # shipping schedule
    "865": "CA",  # purchase order change acknowledgment, request by the seller
    "870": "RS",  # order status report
    "997": FUNCTIONAL_ACKNOWLEDGMENT_GROUP,
    "999": FUNCTIONAL_ACKNOWLEDGMENT_GROUP,
}
