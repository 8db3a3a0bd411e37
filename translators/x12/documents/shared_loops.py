"""What segments and loops mean wherever they stand: parties, references, charges, and what lines and headers share.

A code means the same as segment and as loop: releases differ in what they call a loop (CTP, PID, REF, AMT).
"""

from typing import Final

from translators.x12.documents import segments as s
from translators.x12.documents.places import Owner, Slot

ENVELOPE: Final = Slot("", s.NOTHING, special="envelope")
DATES: Final = Slot("dates", s.DTM)
REFERENCES: Final = Slot("references", s.REF, {"DTM": DATES})
CONTACTS: Final = Slot("contacts", s.PER)
MESSAGES: Final[Owner] = {"MSG": Slot("notes", s.MSG), "MTX": Slot("notes", s.MTX)}
MEASUREMENTS: Final = Slot("measurements", s.MEA)
QUANTITIES: Final = Slot("quantities", s.QTY)
CURRENCY: Final = Slot("", s.CUR)
MARKS: Final = Slot("marks", s.NOTHING, special="marks")
SPLITS: Final = Slot("splits", s.NOTHING, special="splits")
PERCENTS: Final = Slot("percents", s.PCT)

CARRIAGE: Final[Owner] = {
    "TD1": Slot("packages", s.TD1),
    "TD5": Slot("routing", s.TD5),
    "TD3": Slot("equipment", s.TD3),
    "TD4": Slot("special_handling", s.TD4),
}
PACKAGING: Final[Owner] = {"PKG": Slot("packaging", s.PKG, {"MEA": MEASUREMENTS})}
PAPERWORK: Final[Owner] = {"PWK": Slot("paperwork", s.PWK)}
INDUSTRY_CODES: Final[Owner] = {"LM": Slot("industry_codes", s.LM, {"LQ": Slot("", s.LQ)})}
FINANCIAL_CODES: Final[Owner] = {"FA1": Slot("financial_codes", s.FA1, {"FA2": Slot("", s.FA2)})}
LEAD_TIMES: Final[Owner] = {
    "LDT": Slot("lead_times", s.LDT, {"QTY": QUANTITIES, "REF": REFERENCES, "MAN": MARKS, **MESSAGES, **INDUSTRY_CODES})
}
# LS and LE bound a loop and say nothing of their own.
BOUNDED_LEAD_TIMES: Final[Owner] = {
    "LS": Slot("", s.NOTHING, {**LEAD_TIMES, "LE": ENVELOPE}, special="envelope"),
}
NOTES: Final[Owner] = {
    "N9": Slot(
        "notes",
        s.N9,
        {"DTM": DATES, "MSG": Slot("", s.MSG_OF_NOTE), "MTX": Slot("", s.MTX_OF_NOTE)},
        special="note",
    ),
    "NTE": Slot("notes", s.NTE),
    **MESSAGES,
}
TAXES: Final[Owner] = {"TXI": Slot("taxes", s.TXI), "TAX": Slot("taxes", s.TAX)}
PRICES: Final[Owner] = {"CTP": Slot("prices", s.CTP, {"CUR": CURRENCY})}
# ITA and SSS are SAC's elders, of releases up to 003030.
CHARGES: Final[Owner] = {
    "SAC": Slot("allowances_charges", s.SAC, {"CUR": CURRENCY, "TXI": Slot("taxes", s.TXI)}, special="charge"),
    "ITA": Slot("allowances_charges", s.ITA, {"TXI": Slot("taxes", s.TXI)}, special="charge"),
    "SSS": Slot("allowances_charges", s.SSS, special="charge"),
}
AMOUNTS: Final[Owner] = {
    "AMT": Slot("amounts", s.AMT, {"REF": REFERENCES, "DTM": DATES, "PCT": PERCENTS, **FINANCIAL_CODES})
}
DESCRIPTIONS: Final[Owner] = {"PID": Slot("descriptions", s.PID, {"MEA": MEASUREMENTS})}
SCHEDULES: Final[Owner] = {"SCH": Slot("schedules", s.SCH, {**CARRIAGE, "REF": REFERENCES})}

# What tells more of a party, in its own loop.
OF_PARTY: Final[Owner] = {
    "N2": Slot("", s.N2),
    "IN2": Slot("", s.IN2),
    "N3": Slot("", s.N3),
    "N4": Slot("", s.N4),
    "NX2": Slot("", s.NX2),
    "REF": REFERENCES,
    "PER": CONTACTS,
    "DTM": DATES,
}
PARTIES: Final[Owner] = {
    "N1": Slot(
        "parties",
        s.N1,
        {
            **OF_PARTY,
            **MESSAGES,
            "FOB": Slot("delivery_terms", s.FOB),
            "QTY": QUANTITIES,
            **CARRIAGE,
            **PACKAGING,
            **SCHEDULES,
            **LEAD_TIMES,
        },
    )
}
PEOPLE: Final[Owner] = {"NM1": Slot("parties", s.NM1, OF_PARTY)}

# What a line, a component and a level of a ship notice have in common.
ITEM: Final[Owner] = {
    "LIN": Slot("", s.LIN),
    "CUR": CURRENCY,
    "REF": REFERENCES,
    "DTM": DATES,
    "PER": CONTACTS,
    "MEA": MEASUREMENTS,
    "PO3": Slot("details", s.PO3),
    "PO4": Slot("packs", s.PO4),
    "QTY": QUANTITIES,
    "SI": Slot("services", s.SI),
    "TC2": Slot("", s.TC2),
    **DESCRIPTIONS,
    **PRICES,
    **CHARGES,
    **TAXES,
    **AMOUNTS,
    **NOTES,
    **PARTIES,
    **INDUSTRY_CODES,
    **FINANCIAL_CODES,
}
ACKNOWLEDGMENTS: Final[Owner] = {"ACK": Slot("acknowledgments", s.ACK, {"DTM": DATES})}
SUBLINES: Final[Owner] = {"SLN": Slot("sublines", s.SLN, {**ITEM, **PEOPLE})}
ACKNOWLEDGED_SUBLINES: Final[Owner] = {"SLN": Slot("sublines", s.SLN, {**ITEM, **ACKNOWLEDGMENTS})}

LINE: Final[Owner] = {
    **ITEM,
    "FOB": Slot("delivery_terms", s.FOB),
    "ITD": Slot("payment_terms", s.ITD),
    "CSH": Slot("sales_requirements", s.CSH),
    "IT8": Slot("conditions_of_sale", s.IT8),
    "CN1": Slot("contracts", s.CN1),
    "CTB": Slot("restrictions", s.CTB),
    "PCT": PERCENTS,
    "IT3": Slot("shipped", s.IT3),
    "SDQ": SPLITS,
    "MAN": MARKS,
    **CARRIAGE,
    **PACKAGING,
    **PAPERWORK,
    **SCHEDULES,
    **LEAD_TIMES,
    **BOUNDED_LEAD_TIMES,
    **SUBLINES,
}

HEADER: Final[Owner] = {
    "ST": ENVELOPE,
    "SE": ENVELOPE,
    "CUR": Slot("", s.CUR_OF_HEADER),
    "REF": REFERENCES,
    "PER": CONTACTS,
    "DTM": DATES,
    "MEA": MEASUREMENTS,
    "FOB": Slot("delivery_terms", s.FOB),
    "ITD": Slot("payment_terms", s.ITD),
    "CSH": Slot("sales_requirements", s.CSH),
    "CTB": Slot("restrictions", s.CTB),
    "PCT": PERCENTS,
    "LIN": Slot("", s.LIN_OF_HEADER),
    "SI": Slot("services", s.SI),
    "TC2": Slot("", s.TC2),
    "MAN": MARKS,
    "CTT": Slot("totals", s.CTT, AMOUNTS, many=False),
    **DESCRIPTIONS,
    **PRICES,
    **CHARGES,
    **TAXES,
    **AMOUNTS,
    **NOTES,
    **PARTIES,
    **CARRIAGE,
    **PACKAGING,
    **PAPERWORK,
    **LEAD_TIMES,
    **INDUSTRY_CODES,
    **FINANCIAL_CODES,
}
