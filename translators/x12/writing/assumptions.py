"""What stands in a mandatory element when the document does not say it, and codes for the words that it says.

Only answers that are safe: each is told in a finding. Whatever else is mandatory and missing is an error.
"""

from collections.abc import Callable, Collection
from functools import cache
from typing import Any, Final

from translators.codes import rec20_units, units_from, words
from translators.document_parts import AllowanceCharge, CodeAsSent, Mark
from translators.documents import PurchaseOrder, PurchaseOrderChange
from translators.x12.writing.source import Source

# The code that stands for a word when several do; others follow in the order of their list.
_PREFERRED: Final[dict[str, tuple[str, ...]]] = {
    "0098": ("BY", "SE", "ST", "Z7", "BT", "SF", "RI", "EN", "CA", "FW"),
    "0587": ("AD", "AC", "AE", "AH", "RD"),  # with detail: the lines follow
    "0668": ("IA", "IR", "IH"),
}
# Element 716 and its like are lists of qualifiers; ZZ is "agreed between partners" wherever it is listed.
_MUTUALLY_DEFINED: Final = "ZZ"
_NO_CHANGE: Final = frozenset({"accepted"})


@cache
def _codes_of(code_list: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    known = words(code_list)
    first = [code for code in _PREFERRED.get(code_list, ()) if code in known]
    for code in dict.fromkeys([*first, *known]):
        found.setdefault(known[code], []).append(code)
    return {word: tuple(codes) for word, codes in found.items()}


def code_for(code_list: str, word: str, listed: Collection[str]) -> str | None:
    """The code of a list for one of our words, of those that the release has."""
    return next((code for code in _codes_of(code_list).get(word, ()) if not listed or code in listed), None)


@cache
def _x12_units() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for code, unit in rec20_units().items():
        found.setdefault(unit, []).append(code)
    return {unit: tuple(codes) for unit, codes in found.items()}


def x12_unit(unit: str | None, as_sent: CodeAsSent | None, listed: Collection[str]) -> str | None:
    """The code of element 355 for a unit: the one that was sent where it means the same, else by Rec 20."""
    if as_sent is not None and as_sent.list == "x12_355" and (unit is None or rec20_units().get(as_sent.code) == unit):
        return as_sent.code
    if unit is None and as_sent is not None:
        if as_sent.list == "rec20":
            unit = units_from("rec20").get(as_sent.code)
        elif as_sent.list.startswith("cxml"):
            unit = units_from("rec20").get(as_sent.code) or units_from("cxml_older").get(as_sent.code)
    return next((code for code in _x12_units().get(unit or "", ()) if not listed or code in listed), None)


def qualifier_for(data_element: str, value: str, listed: Collection[str]) -> str | None:
    """The qualifier of an id that has none, where the standard asks for one."""
    if data_element == "365":  # communication number qualifier
        return "EM" if "@" in value else "TE"
    return _MUTUALLY_DEFINED if _MUTUALLY_DEFINED in listed else None


# --- what follows from other fields of the same part ------------------------------------------------------------------


def _indicator(part: AllowanceCharge) -> str | None:
    return None if part.is_charge is None else ("C" if part.is_charge else "A")


def _mark_number(part: Mark) -> str | None:
    if part.sscc is None:
        return None
    return f"00{part.sscc}" if part.qualifier in {None, "GM"} else part.sscc


_FOLLOWING: Final[dict[tuple[type[Any], str], Callable[[Any], str | None]]] = {
    (AllowanceCharge, "indicator"): _indicator,
    (Mark, "number"): _mark_number,
}


def following(part: object, field: str) -> str | None:
    """The value of an absent field that the other fields of its part tell."""
    found = _FOLLOWING.get((type(part), field))
    return None if found is None else found(part)


# --- mandatory elements -----------------------------------------------------------------------------------------------


def _currency_party(document: object, _: Source) -> str:
    return "BY" if isinstance(document, PurchaseOrder | PurchaseOrderChange) else "SE"


def _status(document: Any, _: Source) -> str | None:  # noqa: ANN401 - the answer to an order or to a change
    said = [held.status for line in document.lines for held in getattr(line, "acknowledgments", ())]
    if not said:
        return None
    return "AD" if set(said) <= _NO_CHANGE else "AC"


def _description_type(_: object, source: Source) -> str:
    has_code, has_text = source.part.code is not None, source.part.text is not None
    return "X" if has_code and has_text else "S" if has_code else "F"


Assumption = str | Callable[[Any, Source], str | None]

ASSUMED: Final[dict[tuple[str, int], Assumption]] = {
    ("BEG", 1): "00",  # original
    ("BEG", 2): "SA",  # an order that stands alone
    ("BAK", 1): "00",
    ("BAK", 2): _status,
    ("BSN", 1): "00",
    ("BCH", 1): "04",  # change
    ("BCH", 2): "SA",
    ("BCA", 1): "00",
    ("BCA", 2): _status,
    ("CUR", 1): _currency_party,
    ("FOB", 1): "DF",  # defined by buyer and seller
    ("MAN", 1): "GM",
    ("N9", 1): "L1",  # letters or notes
    ("N9", 2): "NOTE",
    ("PER", 1): "IC",  # information contact
    ("PID", 1): _description_type,
    ("PKG", 1): _description_type,
    ("REF", 1): _MUTUALLY_DEFINED,
    ("SAC", 2): "ZZZZ",  # agreed between partners
    ("SLN", 3): "I",  # included
    ("TXI", 1): "TX",  # all taxes
}
"""Segment and element -> what stands there when the document does not say it."""


def assumed(segment: str, element: int, document: object, source: Source, listed: Collection[str]) -> str | None:
    """The safe answer for a mandatory element; None where there is none or the release does not list it."""
    held = ASSUMED.get((segment, element))
    found = held(document, source) if callable(held) else held
    return found if found is not None and (not listed or found in listed) else None
