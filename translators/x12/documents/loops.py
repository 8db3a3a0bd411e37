"""Which segment or loop fills which canonical field, by the place it stands in.

A code means the same as segment and as loop: releases differ in what they call a loop (CTP, PID, REF, AMT).
"""

from typing import Final

from translators.x12.documents import segments as s
from translators.x12.documents.places import Owner, Slot

_REFERENCES: Final = Slot("references", s.REF)
_DATES: Final = Slot("dates", s.DTM)
_CONTACTS: Final = Slot("contacts", s.PER)
_MESSAGES: Final = Slot("notes", s.MSG)
_MEASUREMENTS: Final = Slot("measurements", s.MEA)
_QUANTITIES: Final = Slot("quantities", s.QTY)
_CURRENCY: Final = Slot("", s.CUR)
_MARKS: Final = Slot("marks", s.NOTHING, special="marks")
_SPLITS: Final = Slot("splits", s.NOTHING, special="splits")
_ENVELOPE: Final = Slot("", s.NOTHING, special="envelope")

_CARRIAGE: Final[Owner] = {
    "TD1": Slot("packages", s.TD1),
    "TD5": Slot("routing", s.TD5),
    "TD3": Slot("equipment", s.TD3),
    "TD4": Slot("special_handling", s.TD4),
}
_PACKAGING: Final[Owner] = {"PKG": Slot("packaging", s.PKG, {"MEA": _MEASUREMENTS})}
_PAPERWORK: Final[Owner] = {"PWK": Slot("paperwork", s.PWK)}
_LEAD_TIMES: Final[Owner] = {
    "LDT": Slot("lead_times", s.LDT, {"QTY": _QUANTITIES, "MSG": _MESSAGES, "REF": _REFERENCES, "MAN": _MARKS})
}
_NOTES: Final[Owner] = {
    "N9": Slot("notes", s.N9, {"DTM": _DATES, "MSG": Slot("", s.MSG_OF_NOTE)}, special="note"),
    "MSG": _MESSAGES,
    "NTE": Slot("notes", s.NTE),
    "MTX": Slot("notes", s.MTX),
}
_TAXES: Final[Owner] = {"TXI": Slot("taxes", s.TXI), "TAX": Slot("taxes", s.TAX)}
_CHARGES: Final[Owner] = {
    "SAC": Slot("allowances_charges", s.SAC, {"CUR": _CURRENCY, "TXI": Slot("taxes", s.TXI)}, special="charge")
}
_AMOUNTS: Final[Owner] = {"AMT": Slot("amounts", s.AMT, {"REF": _REFERENCES, "DTM": _DATES})}
_PRICES: Final[Owner] = {"CTP": Slot("prices", s.CTP, {"CUR": _CURRENCY})}
_DESCRIPTIONS: Final[Owner] = {"PID": Slot("descriptions", s.PID, {"MEA": _MEASUREMENTS})}
_SCHEDULES: Final[Owner] = {"SCH": Slot("schedules", s.SCH, {**_CARRIAGE, "REF": _REFERENCES})}

_PARTIES: Final[Owner] = {
    "N1": Slot(
        "parties",
        s.N1,
        {
            "N2": Slot("", s.N2),
            "N3": Slot("", s.N3),
            "N4": Slot("", s.N4),
            "REF": _REFERENCES,
            "PER": _CONTACTS,
            "DTM": _DATES,
            "MSG": _MESSAGES,
            "FOB": Slot("delivery_terms", s.FOB),
            "QTY": _QUANTITIES,
            **_CARRIAGE,
            **_PACKAGING,
            **_SCHEDULES,
            **_LEAD_TIMES,
        },
    )
}

# What a line, a component and a level of a ship notice have in common.
_ITEM: Final[Owner] = {
    "LIN": Slot("", s.LIN),
    "CUR": _CURRENCY,
    "REF": _REFERENCES,
    "DTM": _DATES,
    "PER": _CONTACTS,
    "MEA": _MEASUREMENTS,
    "PO4": Slot("packs", s.PO4),
    "QTY": _QUANTITIES,
    **_DESCRIPTIONS,
    **_PRICES,
    **_CHARGES,
    **_TAXES,
    **_AMOUNTS,
    **_NOTES,
    **_PARTIES,
}
_ACKNOWLEDGMENTS: Final[Owner] = {"ACK": Slot("acknowledgments", s.ACK, {"DTM": _DATES})}
_SUBLINES: Final[Owner] = {"SLN": Slot("sublines", s.SLN, _ITEM)}
_ACKNOWLEDGED_SUBLINES: Final[Owner] = {"SLN": Slot("sublines", s.SLN, {**_ITEM, **_ACKNOWLEDGMENTS})}

_LINE: Final[Owner] = {
    **_ITEM,
    "FOB": Slot("delivery_terms", s.FOB),
    "ITD": Slot("payment_terms", s.ITD),
    "CSH": Slot("sales_requirements", s.CSH),
    "SDQ": _SPLITS,
    "MAN": _MARKS,
    **_CARRIAGE,
    **_PACKAGING,
    **_PAPERWORK,
    **_SCHEDULES,
    **_LEAD_TIMES,
    **_SUBLINES,
}

_HEADER: Final[Owner] = {
    "ST": _ENVELOPE,
    "SE": _ENVELOPE,
    "CUR": Slot("", s.CUR_OF_HEADER),
    "REF": _REFERENCES,
    "PER": _CONTACTS,
    "DTM": _DATES,
    "MEA": _MEASUREMENTS,
    "FOB": Slot("delivery_terms", s.FOB),
    "ITD": Slot("payment_terms", s.ITD),
    "CSH": Slot("sales_requirements", s.CSH),
    "MAN": _MARKS,
    "CTT": Slot("totals", s.CTT, _AMOUNTS, many=False),
    **_DESCRIPTIONS,
    **_PRICES,
    **_CHARGES,
    **_TAXES,
    **_AMOUNTS,
    **_NOTES,
    **_PARTIES,
    **_CARRIAGE,
    **_PACKAGING,
    **_PAPERWORK,
    **_LEAD_TIMES,
}

PURCHASE_ORDER: Final[Owner] = {
    **_HEADER,
    "BEG": Slot("", s.BEG),
    "PO1": Slot("lines", s.PO1, _LINE, raw=True),
}

PURCHASE_ORDER_ACKNOWLEDGMENT: Final[Owner] = {
    **_HEADER,
    "BAK": Slot("", s.BAK),
    "PO1": Slot("lines", s.PO1, {**_LINE, **_ACKNOWLEDGMENTS, **_ACKNOWLEDGED_SUBLINES}, raw=True),
}

_LEVEL: Final[Owner] = {
    **_ITEM,
    "SN1": Slot("", s.SN1),
    "PRF": Slot("order", s.PRF, many=False),
    "PAL": Slot("pallet", s.PAL, many=False),
    "FOB": Slot("delivery_terms", s.FOB),
    "SDQ": _SPLITS,
    "MAN": _MARKS,
    **_CARRIAGE,
    **_PACKAGING,
    **_PAPERWORK,
    **_SUBLINES,
}
# A level may hold levels where the reader nests them; the tree is made from HL02 in any case.
_LEVEL["HL"] = Slot("levels", s.HL, _LEVEL, special="level")

SHIP_NOTICE: Final[Owner] = {
    **_HEADER,
    "BSN": Slot("", s.BSN),
    "HL": Slot("levels", s.HL, _LEVEL, special="level"),
}

_ELEMENT_NOTES: Final[Owner] = {"AK4": Slot("elements", s.AK4), "IK4": Slot("elements", s.AK4)}

FUNCTIONAL_ACKNOWLEDGMENT: Final[Owner] = {
    "ST": _ENVELOPE,
    "SE": _ENVELOPE,
    "AK1": Slot("", s.AK1),
    "AK2": Slot(
        "transaction_sets",
        s.AK2,
        {
            "AK3": Slot("segments", s.AK3, _ELEMENT_NOTES),
            "IK3": Slot("segments", s.AK3, _ELEMENT_NOTES),
            "AK5": Slot("", s.AK5),
            "IK5": Slot("", s.AK5),
        },
    ),
    "AK9": Slot("", s.AK9),
}
