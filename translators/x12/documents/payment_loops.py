"""Which segment or loop fills which canonical field in remittance advices, as in `loops`."""

from typing import Final

from translators.x12.documents import payment_segments as p
from translators.x12.documents import segments as s
from translators.x12.documents.places import Owner, Slot
from translators.x12.documents.shared_loops import (
    CONTACTS,
    CURRENCY,
    DATES,
    ENVELOPE,
    HEADER,
    ITEM,
    NOTES,
    PARTIES,
    PEOPLE,
    REFERENCES,
    SUBLINES,
)

_REASONS: Final[Owner] = {"NTE": NOTES["NTE"], "REF": REFERENCES, "DTM": DATES}
_LINES: Final[Owner] = {"IT1": Slot("lines", p.IT1, {**ITEM, **SUBLINES})}
_ADJUSTMENTS: Final[Owner] = {"ADX": Slot("adjustments", p.ADX, {**_REASONS, **_LINES, "PER": CONTACTS})}

REMITTANCE_ADVICE: Final[Owner] = {
    **HEADER,
    "BPR": Slot("", p.BPR),
    "BPS": Slot("", p.BPS),
    "TRN": Slot("traces", p.TRN),
    "ENT": Slot(
        "entities",
        p.ENT,
        {
            "REF": REFERENCES,
            "DTM": DATES,
            **PARTIES,
            **PEOPLE,
            **_ADJUSTMENTS,
            "RMR": Slot("documents", p.RMR, {**_REASONS, **_ADJUSTMENTS, **_LINES}),
        },
    ),
    # Up to 003010 the documents stand in a loop of parties bounded by LS and LE.
    "LS": Slot(
        "",
        s.NOTHING,
        {
            "N1": Slot(
                "entities",
                p.N1_OF_ENTITY,
                {"RMT": Slot("documents", p.RMT, {"CUR": CURRENCY, "REF": REFERENCES, "DTM": DATES})},
            ),
            "LE": ENVELOPE,
        },
        special="envelope",
    ),
}
