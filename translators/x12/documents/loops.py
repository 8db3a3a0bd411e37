"""Which segment or loop fills which canonical field, by its place: orders, their answers, shipments and bills.

Each owner below is a transaction set; what they share stands in `shared_loops`. Schedules, inventory advices and order
status have theirs in `planning_loops`, remittance advices in `payment_loops`.
"""

from typing import Final

from translators.x12.documents import segments as s
from translators.x12.documents.places import Owner, Slot
from translators.x12.documents.shared_loops import (
    ACKNOWLEDGED_SUBLINES,
    ACKNOWLEDGMENTS,
    AMOUNTS,
    CARRIAGE,
    CONTACTS,
    DATES,
    DESCRIPTIONS,
    ENVELOPE,
    HEADER,
    INDUSTRY_CODES,
    ITEM,
    LINE,
    MARKS,
    NOTES,
    PACKAGING,
    PAPERWORK,
    PARTIES,
    PEOPLE,
    QUANTITIES,
    REFERENCES,
    SPLITS,
    SUBLINES,
)

PURCHASE_ORDER: Final[Owner] = {
    **HEADER,
    "BEG": Slot("", s.BEG),
    "PO1": Slot("lines", s.PO1, LINE, raw=True),
}

PURCHASE_ORDER_ACKNOWLEDGMENT: Final[Owner] = {
    **HEADER,
    "BAK": Slot("", s.BAK),
    "PO1": Slot("lines", s.PO1, {**LINE, **ACKNOWLEDGMENTS, **ACKNOWLEDGED_SUBLINES}, raw=True),
}

PURCHASE_ORDER_CHANGE: Final[Owner] = {
    **HEADER,
    "BCH": Slot("", s.BCH),
    "POC": Slot("lines", s.POC, LINE, raw=True),
}

PURCHASE_ORDER_CHANGE_ACKNOWLEDGMENT: Final[Owner] = {
    **HEADER,
    "BCA": Slot("", s.BCA),
    "POC": Slot("lines", s.POC, {**LINE, **ACKNOWLEDGMENTS, **ACKNOWLEDGED_SUBLINES}, raw=True),
}

_LEVEL: Final[Owner] = {
    **ITEM,
    "SN1": Slot("", s.SN1),
    "PRF": Slot("order", s.PRF, many=False),
    "PAL": Slot("pallet", s.PAL, many=False),
    "FOB": Slot("delivery_terms", s.FOB),
    "CLD": Slot("loads", s.CLD, {"REF": REFERENCES, "DTP": Slot("dates", s.DTP)}),
    "YNQ": Slot("conditions", s.YNQ),
    "SDQ": SPLITS,
    "MAN": MARKS,
    **CARRIAGE,
    **PACKAGING,
    **PAPERWORK,
    **SUBLINES,
}
# A level may hold levels where the reader nests them; the tree is made from HL02 in any case.
_LEVEL["HL"] = Slot("levels", s.HL, _LEVEL, special="level")

SHIP_NOTICE: Final[Owner] = {
    **HEADER,
    "BSN": Slot("", s.BSN),
    "HL": Slot("levels", s.HL, _LEVEL, special="level"),
}

_CONDITIONS: Final[Owner] = {"YNQ": Slot("conditions", s.YNQ)}
_CARRIERS: Final[Owner] = {"CAD": Slot("routing", s.CAD)}

INVOICE: Final[Owner] = {
    **HEADER,
    **_CONDITIONS,
    **_CARRIERS,
    "BIG": Slot("", s.BIG),
    "TDS": Slot("", s.TDS),
    "BAL": Slot("balances", s.BAL),
    "ISS": Slot("shipments", s.ISS, DESCRIPTIONS),
    "IT1": Slot("lines", s.IT1, {**LINE, **_CONDITIONS, **_CARRIERS}, raw=True),
}

_ORDER: Final[Owner] = {"PRF": Slot("order", s.PRF, many=False)}

RECEIPT: Final[Owner] = {
    **HEADER,
    **_ORDER,
    "BRA": Slot("", s.BRA),
    "RCD": Slot(
        "lines",
        s.RCD,
        {
            **ITEM,
            **_ORDER,
            "SN1": Slot("", s.SN1_OF_RECEIPT),
            "FOB": Slot("delivery_terms", s.FOB),
            "MAN": MARKS,
            **CARRIAGE,
            **SUBLINES,
        },
        raw=True,
        special="receipt_line",
    ),
}

_CONTEXTS: Final[Owner] = {"CTX": Slot("contexts", s.CTX)}
_SEGMENT_NOTES: Final[Owner] = {
    **_CONTEXTS,
    "AK4": Slot("elements", s.AK4),
    "IK4": Slot("elements", s.AK4, _CONTEXTS),
}

FUNCTIONAL_ACKNOWLEDGMENT: Final[Owner] = {
    "ST": ENVELOPE,
    "SE": ENVELOPE,
    "AK1": Slot("", s.AK1),
    "AK2": Slot(
        "transaction_sets",
        s.AK2,
        {
            "AK3": Slot("segments", s.AK3, _SEGMENT_NOTES),
            "IK3": Slot("segments", s.AK3, _SEGMENT_NOTES),
            "AK5": Slot("", s.AK5),
            "IK5": Slot("", s.AK5),
        },
    ),
    "AK9": Slot("", s.AK9),
}

APPLICATION_ADVICE: Final[Owner] = {
    **HEADER,
    "BGN": Slot("", s.BGN),
    "OTI": Slot(
        "results",
        s.OTI,
        {
            "REF": REFERENCES,
            "DTM": DATES,
            "PER": CONTACTS,
            "QTY": QUANTITIES,
            **AMOUNTS,
            **PARTIES,
            **PEOPLE,
            **INDUSTRY_CODES,
            "TED": Slot("errors", s.TED, {"NTE": NOTES["NTE"], "RED": Slot("related", s.RED), **_CONTEXTS}),
        },
        raw=True,
    ),
}
