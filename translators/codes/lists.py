"""Code lists in our own short words, units between X12, Rec 20 and cXML, and the canonical words made of codes.

A list is named by its X12 element number, such as ``0128`` for reference qualifiers.
"""

import re
from functools import cache
from importlib import resources
from typing import Final, Literal

# Word for each party role that the canonical documents know by a name of their own; several codes may share one.
# The code as sent stays beside it in ``role_code``.
_PARTY_ROLES: Final = {
    "BY": "buyer",
    "OB": "buyer",
    "SO": "buyer",
    "SE": "seller",
    "VN": "seller",
    "SU": "seller",
    "ST": "ship_to",
    "DA": "ship_to",
    "CN": "ship_to",
    "Z7": "mark_for",
    "MA": "mark_for",
    "UC": "mark_for",
    "BT": "bill_to",
    "BS": "bill_and_ship_to",
    "SF": "ship_from",
    "SH": "ship_from",
    "RI": "remit_to",
    "PE": "remit_to",
    "RE": "remit_to",
    "EN": "originator",
    "R6": "originator",
    "XT": "originator",
    "CA": "carrier",
    "FW": "forwarder",
}

# Element 668, and what it says of a line. Several may stand on one line.
LINE_STATUS: Final = {
    "IA": "accepted",
    "AC": "accepted",
    "AR": "accepted",
    "AA": "accepted",
    "IC": "accepted_with_changes",
    "IQ": "quantity_changed",
    "IP": "price_changed",
    "DR": "date_changed",
    "IS": "substituted",
    "BP": "partly_backordered",
    "IB": "backordered",
    "IR": "rejected",
    **{f"R{number}": "rejected" for number in range(1, 9)},
    "ID": "deleted",
    "IH": "on_hold",
    "IF": "on_hold",
    "IW": "on_hold",
    "IE": "price_to_follow",
    "SP": "date_to_follow",
}

# Element 587, and what it says of the whole document.
DOCUMENT_STATUS: Final = {
    "AK": "accepted",
    "AD": "accepted",
    "AT": "accepted",
    "AC": "accepted_with_changes",
    "AE": "accepted_with_exceptions",
    "AH": "on_hold",
    "RJ": "rejected",
    "RD": "rejected",
    "RF": "rejected",
    "RN": "rejected",
    "RV": "rejected",
    "RO": "counter_offer",
    "NA": "no_acknowledgment_needed",
}

# Element 640 in an invoice, by what it makes of the bill.
_INVOICE_KINDS: Final = {
    **dict.fromkeys(("CI", "DI", "DO", "FB", "PP", "PR"), "invoice"),
    **dict.fromkeys(("CN", "CR"), "credit_note"),
    "DR": "debit_note",
    "ME": "memorandum",
    "RA": "request_for_credit",
}

# Element 110: the first character tells what is spoken of, the second what became of it.
_APPLICATION_SCOPES: Final = {"B": "batch", "G": "group", "T": "transaction_set", "I": "item"}
_APPLICATION_STATUS: Final = {
    "A": "accepted",
    "C": "accepted_with_changes",
    "E": "accepted_with_errors",
    "P": "partially_accepted",
    "R": "rejected",
}
APPLICATION_SCOPE: Final = {
    scope + status: word for scope, word in _APPLICATION_SCOPES.items() for status in _APPLICATION_STATUS
}

# Elements 680 and 681: how sure a forecast is, and what its date means.
_FORECAST_CERTAINTY: Final = {"A": "immediate", "C": "firm", "D": "planned"}
_FORECAST_TIMING: Final = {"D": "discrete", "F": "flexible", "M": "monthly", "W": "weekly"}

# Elements 715 and 717: AK901 and AK501, the words of `reading.Status`.
_ACKNOWLEDGE_CODES: Final = {
    "A": "accepted",
    "E": "accepted_with_errors",
    "P": "partially_accepted",
    "R": "rejected",
    "M": "rejected",  # authentication failed
    "W": "rejected",  # assurance failed
    "X": "rejected",  # content could not be decrypted
}

_WORDS_OF_OUR_OWN: Final = {
    "0110": {scope + status: word for scope in _APPLICATION_SCOPES for status, word in _APPLICATION_STATUS.items()},
    "0587": DOCUMENT_STATUS,
    "0640": _INVOICE_KINDS,
    "0668": LINE_STATUS,
    "0680": _FORECAST_CERTAINTY,
    "0681": _FORECAST_TIMING,
    "0715": _ACKNOWLEDGE_CODES,
    "0717": _ACKNOWLEDGE_CODES,
}

_WORD_BREAKS: Final = re.compile(r"[^a-z0-9]+")


@cache
def labels(code_list: str) -> dict[str, str]:
    """The codes of one list with their labels; empty when the list is not known."""
    for file in resources.files(__package__).iterdir():
        if file.name.startswith(f"{code_list}-") and code_list != "0355":
            rows = file.read_text("utf-8").splitlines()[1:]
            return dict(row.split("\t")[:2] for row in rows if row)
    return {}


@cache
def words(code_list: str) -> dict[str, str]:
    """The codes of one list as words for programs: ``advance_notice`` for ``14`` of list 0353."""
    if code_list in _WORDS_OF_OUR_OWN:
        return _WORDS_OF_OUR_OWN[code_list]
    named = {code: _as_word(label) for code, label in labels(code_list).items()}
    return named | _PARTY_ROLES if code_list == "0098" else named


def _as_word(label: str) -> str:
    # What stands in brackets or behind a comma explains the word and is no part of it: "tare (pallet)".
    head = label.split("(", maxsplit=1)[0].strip()
    return _WORD_BREAKS.sub("_", head.lower().replace("'", "")).strip("_")


@cache
def rec20_units() -> dict[str, str]:
    """X12 element 355 -> Rec 20 code of today, only where the pair is sure or likely.

    Codes look alike in both lists and mean different things (KG is a keg in old Rec 20): nothing passes untranslated.
    """
    return {row[0]: row[1] for row in _unit_pairs() if row[1] and row[5] in {"sure", "likely"}}


@cache
def unit_labels() -> dict[str, str]:
    """X12 element 355 -> the unit in words."""
    return {row[0]: row[4] for row in _unit_pairs() if row[0] and row[4]}


@cache
def units_from(code_list: Literal["x12_355", "rec20", "cxml_older"]) -> dict[str, str]:
    """Codes of one list -> Rec 20 of today; for ``rec20`` each known code stands for itself."""
    if code_list == "x12_355":
        return rec20_units()
    if code_list == "rec20":
        return {row[1]: row[1] for row in _unit_pairs() if row[1]}
    return {row[3]: row[1] for row in _unit_pairs() if row[3] and row[1]}


@cache
def _unit_pairs() -> tuple[tuple[str, ...], ...]:
    text = resources.files(__package__).joinpath("0355-unit-pairs.tsv").read_text("utf-8")
    return tuple(tuple(f"{row}\t\t\t\t\t\t".split("\t")[:7]) for row in text.splitlines()[1:] if row)
