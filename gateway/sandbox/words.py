"""The magic words: one table, from which the sandbox acts, `gateway sandbox` prints, and README and tests are fed.

A word stands in the number of an order, apart from the rest of it: ``PO-1001-HALF``. A number without one is accepted.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

LATE_S = 300
NUMBER_MAX = 86_400  # of what stands behind a word: seconds of a day
ORDER_CHARACTERS_MAX = 22  # BEG03


class Receipt(StrEnum):
    """What the transport does."""

    GIVEN = "given"
    FAILS = "fails"
    REFUSES = "refuses"
    NEVER = "never"


class Verdict(StrEnum):
    """What the supplier's software says of our X12, before anybody looks at the order."""

    JUDGED = "judged"  # by what is in it, as any software would
    REJECTS = "rejects"  # AK5 R
    DAMAGED = "damaged"
    MISTAKEN = "mistaken"  # speaks of a group that we never sent
    ENVELOPE = "envelope"  # TA1 R
    NONE = "none"


class Lines(StrEnum):
    """What the answer says of the lines."""

    AS_ORDERED = "as ordered"
    NONE = "none"
    HALF = "half"
    PRICE_UP = "price up"
    LATER = "later"
    OTHER_ITEM = "other item"
    BACKORDERED = "backordered"
    FIRST_REJECTED = "first rejected"
    WRONG_NUMBERS = "wrong numbers"


class Shipped(StrEnum):
    """How much is shipped of what was agreed."""

    AGREED = "agreed"
    MORE = "more"
    LESS = "less"


class Flaw(StrEnum):
    """What is wrong with the answer itself."""

    NONE = "none"
    DAMAGED = "damaged"
    TWICE = "twice"
    OTHER_ORDER = "other order"


class Act(StrEnum):
    """What the supplier sends of its own accord."""

    RESPONSE = "response"
    SHIPMENT = "shipment"
    FIRST_SHIPMENT = "first shipment"
    SECOND_SHIPMENT = "second shipment"
    INVOICE = "invoice"


# How many seconds after the order, if nothing else is said.
VERDICT_AFTER_S: Final = 1
_RESPONSE: Final = (Act.RESPONSE, 2)
_SHIPMENT: Final = (Act.SHIPMENT, 4)
_INVOICE: Final = (Act.INVOICE, 6)
_ALL: Final = (_RESPONSE, _SHIPMENT, _INVOICE)


@dataclass(frozen=True, slots=True)
class Word:
    """A magic word.

    Attributes:
        order: what the supplier does with an order (850), in words.
        change: what it does with a change of an order (860), in words.
        number: what a number behind the word means, such as ``LATE-30``; empty where it means nothing.
        number_default: without a number; None where that means for ever.
        status: of the answer (X12 element 587).
        acts: what comes when, in seconds after the order.
    """

    name: str
    order: str
    change: str
    number: str = ""
    number_default: int | None = None
    receipt: Receipt = Receipt.GIVEN
    verdict: Verdict = Verdict.JUDGED
    status: str = "AD"
    lines: Lines = Lines.AS_ORDERED
    shipped: Shipped = Shipped.AGREED
    price_up: bool = False
    flaw: Flaw = Flaw.NONE
    acts: tuple[tuple[Act, int], ...] = _ALL


_ACCEPTED_CHANGE: Final = "997, 865 accepts"
ACCEPT: Final = Word("ACCEPT", "997, 855 accepts every line, 856 ships all, 810", _ACCEPTED_CHANGE)
TABLE: Final[tuple[Word, ...]] = (
    ACCEPT,
    # --- what the supplier decides
    Word(
        "REJECT",
        "997, 855 rejects it (BAK02 RJ)",
        "997, 865 rejects it (BCA02 RJ)",
        status="RJ",
        lines=Lines.NONE,
        acts=(_RESPONSE,),
    ),
    Word(
        "REJECT-LINE",
        "855 rejects the first line (ACK01 IR), the others are shipped and invoiced",
        "865 rejects the first line",
        status="AC",
        lines=Lines.FIRST_REJECTED,
    ),
    Word(
        "HALF",
        "855 accepts half of each quantity (IA), the rest is backordered (IB); 856 and 810 of the half",
        "865 accepts half, the rest is backordered",
        status="AC",
        lines=Lines.HALF,
    ),
    Word(
        "CHANGE-PRICE",
        "855 with every price 10 % higher (IP); 856, 810 at the new prices",
        "865 with every price 10 % higher",
        status="AC",
        lines=Lines.PRICE_UP,
    ),
    Word(
        "CHANGE-DATE",
        "855 with delivery a week later (DR); 856, 810",
        "865 with delivery a week later",
        status="AC",
        lines=Lines.LATER,
    ),
    Word(
        "SUBSTITUTE",
        "855 offers another item for each (IS); 856 and 810 with it",
        "865 offers another item for each",
        status="AC",
        lines=Lines.OTHER_ITEM,
    ),
    Word(
        "BACKORDER",
        "855 with every line backordered (IB), nothing is shipped",
        "865 with every line backordered",
        status="AC",
        lines=Lines.BACKORDERED,
        acts=(_RESPONSE,),
    ),
    Word(
        "HOLD",
        "855 on hold (BAK02 AH), then nothing",
        "865 on hold (BCA02 AH)",
        status="AH",
        lines=Lines.NONE,
        acts=(_RESPONSE,),
    ),
    # --- what is shipped and invoiced
    Word(
        "PARTIAL",
        "855 accepts; two 856, half of each quantity in each; 810",
        _ACCEPTED_CHANGE,
        acts=(_RESPONSE, (Act.FIRST_SHIPMENT, 4), (Act.SECOND_SHIPMENT, 6), (Act.INVOICE, 8)),
    ),
    Word(
        "EARLY-SHIP",
        "856 before the 855 that accepts, then 810",
        _ACCEPTED_CHANGE,
        acts=((Act.SHIPMENT, 2), (Act.RESPONSE, 4), _INVOICE),
    ),
    Word(
        "OVERSHIP", "855 accepts, 856 ships 10 % more than ordered, 810 of it", _ACCEPTED_CHANGE, shipped=Shipped.MORE
    ),
    Word(
        "SHORT",
        "855 accepts, 856 ships half of the first line and says nothing of the rest, 810 of it",
        _ACCEPTED_CHANGE,
        shipped=Shipped.LESS,
    ),
    Word("NO-SHIP", "855 accepts, then nothing: no 856, no 810", _ACCEPTED_CHANGE, acts=(_RESPONSE,)),
    Word("NO-INVOICE", "855 accepts, 856 ships all, no 810", _ACCEPTED_CHANGE, acts=(_RESPONSE, _SHIPMENT)),
    Word(
        "INVOICE-TOO-HIGH",
        "855 accepts, 856 ships all, 810 with every price 10 % higher than agreed",
        _ACCEPTED_CHANGE,
        price_up=True,
    ),
    # --- when it answers
    Word(
        "LATE",
        f"997 at once; 855, 856 and 810 N seconds later ({LATE_S} without N); beside another word, too: HALF-LATE-30",
        "997 at once, 865 later",
        number="seconds of delay",
        number_default=LATE_S,
    ),
    Word("NO-ANSWER", "997 accepts, then nothing: no 855", "997 accepts, then nothing: no 865", acts=()),
    Word("SILENT", "a receipt, then nothing: no 997, no 855", "a receipt, then nothing", verdict=Verdict.NONE, acts=()),
    # --- what its software makes of our X12
    Word(
        "REJECT997",
        "997 rejects the order (AK5 R, with AK3 and AK4), then nothing",
        "997 rejects the change, then nothing",
        verdict=Verdict.REJECTS,
        acts=(),
    ),
    Word(
        "BROKEN997",
        "a 997 without AK9 and with a wrong segment count, which we cannot read; then as ACCEPT",
        "the same 997, 865 accepts",
        verdict=Verdict.DAMAGED,
    ),
    Word(
        "WRONG997",
        "a 997 about a group that we never sent; then as ACCEPT",
        "the same 997, 865 accepts",
        verdict=Verdict.MISTAKEN,
    ),
    Word(
        "TA1",
        "TA1 rejects the interchange (R, note 006), then nothing",
        "TA1 rejects the interchange, then nothing",
        verdict=Verdict.ENVELOPE,
        acts=(),
    ),
    # --- what its answer lacks
    Word(
        "BROKEN855",
        "an 855 without the number of the order (BAK03), which we reject with a 997",
        "an 865 without the number of the order (BCA03)",
        flaw=Flaw.DAMAGED,
        acts=(_RESPONSE,),
    ),
    Word(
        "DUPLICATE",
        "the same 855 twice, with the same control numbers: the second is rejected as a duplicate",
        "the same 865 twice",
        flaw=Flaw.TWICE,
        acts=(_RESPONSE,),
    ),
    Word(
        "UNKNOWN-ORDER",
        "855 accepts an order that you never placed",
        "865 accepts a change of an order that you never placed",
        flaw=Flaw.OTHER_ORDER,
        acts=(_RESPONSE,),
    ),
    Word(
        "WRONG-LINE",
        "855 accepts lines that the order does not have",
        "865 accepts lines that the change does not have",
        lines=Lines.WRONG_NUMBERS,
        acts=(_RESPONSE,),
    ),
    # --- what the transport does
    Word(
        "TIMEOUT",
        "nobody answers: tried again until given up (an exception); with N it fails N times, then as ACCEPT",
        "the same; with N it fails N times, then 997 and 865",
        number="failures before it works",
        receipt=Receipt.FAILS,
    ),
    Word(
        "REFUSE",
        "the server refuses the message for good (an exception)",
        "the same",
        receipt=Receipt.REFUSES,
        verdict=Verdict.NONE,
        acts=(),
    ),
    Word(
        "NO-RECEIPT",
        "answers as ACCEPT, but the asynchronous receipt never comes: sent again until given up (an exception)",
        "997 and 865, but the receipt never comes",
        receipt=Receipt.NEVER,
    ),
)
WORDS: Final = MappingProxyType({word.name: word for word in TABLE})
LATE: Final = WORDS["LATE"]

_BLANKS = re.compile(r"[\s_./]+")
_NAMED = re.compile(
    rf"(?<![A-Z0-9])(?P<name>{'|'.join(sorted(map(re.escape, WORDS), key=len, reverse=True))})"
    r"(?:-(?P<number>[0-9]{1,6}))?(?![A-Z0-9])"
)


@dataclass(frozen=True, slots=True)
class Magic:
    """What the number of an order asks for.

    Attributes:
        number: what stands behind the word, or what the word means without one.
        late_s: how many seconds later the business answers come.
    """

    word: Word
    number: int | None = None
    late_s: int = 0

    def __str__(self) -> str:
        """As it is told: ``HALF``, ``TIMEOUT-2``, ``HALF-LATE-30``."""
        shown = self.word.name if self.number is None else f"{self.word.name}-{self.number}"
        return shown if self.word is LATE or not self.late_s else f"{shown}-LATE-{self.late_s}"


NO_MAGIC: Final = Magic(ACCEPT)


def magic_of(number: str | None) -> Magic:
    """What the number of an order asks for: the first word in it, and LATE beside it; ACCEPT without any."""
    text = _BLANKS.sub("-", (number or "").upper())
    chosen: Word | None = None
    behind: int | None = None
    late_s = 0
    for found in _NAMED.finditer(text):
        word, digits = WORDS[found["name"]], found["number"]
        value = min(int(digits), NUMBER_MAX) if digits is not None and word.number else word.number_default
        if word is LATE:
            late_s = late_s or value or 0
        elif chosen is None:
            chosen, behind = word, value
    if chosen is None:
        return Magic(LATE, late_s, late_s) if late_s else NO_MAGIC
    return Magic(chosen, behind, late_s)
