"""Which segment or loop fills which canonical field in schedules, inventory advices and order status, as in `loops`."""

from typing import Final

from translators.x12.documents import planning_segments as p
from translators.x12.documents import segments as s
from translators.x12.documents.places import Owner, Slot
from translators.x12.documents.shared_loops import (
    CARRIAGE,
    CHARGES,
    CONTACTS,
    DATES,
    DESCRIPTIONS,
    ENVELOPE,
    HEADER,
    INDUSTRY_CODES,
    ITEM,
    LEAD_TIMES,
    LINE,
    MARKS,
    MEASUREMENTS,
    PACKAGING,
    PAPERWORK,
    PARTIES,
    QUANTITIES,
    REFERENCES,
    SCHEDULES,
    SPLITS,
    SUBLINES,
)

_UNIT_PRICE: Final[Owner] = {"UIT": Slot("", s.UIT)}
_FORECASTS: Final[Owner] = {
    "FST": Slot(
        "forecasts",
        p.FST,
        {
            "QTY": QUANTITIES,
            "SDQ": SPLITS,
            "DTM": DATES,
            "JIT": Slot("just_in_time", p.JIT, {"REF": REFERENCES, "DTM": DATES}),
            **INDUSTRY_CODES,
        },
    )
}
_SCHEDULE_LINE: Final[Owner] = {
    **ITEM,
    **_UNIT_PRICE,
    **_FORECASTS,
    "SDP": Slot("patterns", p.SDP, _FORECASTS),
    "SHP": Slot("shipped", p.SHP, {"REF": REFERENCES}),
    "ATH": Slot("authorizations", p.ATH),
    "PRS": Slot("", p.PRS),
    "FOB": Slot("delivery_terms", s.FOB),
    "ITD": Slot("payment_terms", s.ITD),
    "MAN": MARKS,
    **CARRIAGE,
    **PACKAGING,
    **PAPERWORK,
    **LEAD_TIMES,
    **SUBLINES,
}

PLANNING_SCHEDULE: Final[Owner] = {
    **HEADER,
    "BFR": Slot("", p.BFR),
    "LIN": Slot("lines", s.LIN, _SCHEDULE_LINE, raw=True),
}

SHIPPING_SCHEDULE: Final[Owner] = {
    **HEADER,
    "BSS": Slot("", p.BSS),
    "LIN": Slot("lines", s.LIN, _SCHEDULE_LINE, raw=True),
}

_STOCK: Final[Owner] = {
    "QTY": Slot(
        "stock",
        p.QTY_OF_STOCK,
        {
            **_UNIT_PRICE,
            "MEA": MEASUREMENTS,
            "DTM": DATES,
            "LS": Slot("", s.NOTHING, {"REF": REFERENCES, "LE": ENVELOPE}, special="envelope"),
            **LEAD_TIMES,
            **SCHEDULES,
            **PARTIES,
            **INDUSTRY_CODES,
        },
    )
}

INVENTORY_ADVICE: Final[Owner] = {
    **HEADER,
    "BIA": Slot("", p.BIA),
    "LIN": Slot(
        "lines",
        s.LIN,
        {
            **ITEM,
            **_UNIT_PRICE,
            **_STOCK,
            "SDQ": SPLITS,
            "MAN": MARKS,
            **PACKAGING,
            **LEAD_TIMES,
            **SUBLINES,
        },
        raw=True,
    ),
}

_STATUSES: Final[Owner] = {
    "ISR": Slot(
        "statuses",
        p.ISR,
        {
            "QTY": QUANTITIES,
            "DTM": DATES,
            "REF": REFERENCES,
            **DESCRIPTIONS,
            **PARTIES,
            **CARRIAGE,
            **CHARGES,
            **INDUSTRY_CODES,
        },
    )
}
_STATUS_LEVEL: Final[Owner] = {
    "PRF": Slot("order", s.PRF, many=False),
    "PER": CONTACTS,
    "DTM": DATES,
    "REF": REFERENCES,
    **PARTIES,
    **INDUSTRY_CODES,
    **_STATUSES,
    "PO1": Slot("lines", s.PO1, {**LINE, **_STATUSES}, raw=True),
}
# As in a ship notice, the tree is made from HL02.
_STATUS_LEVEL["HL"] = Slot("levels", s.HL, _STATUS_LEVEL, special="level")

ORDER_STATUS: Final[Owner] = {
    **HEADER,
    "BSR": Slot("", p.BSR),
    "HL": Slot("levels", s.HL, _STATUS_LEVEL, special="level"),
}
