"""What is wrong with one value of an element: its type, its length, its code list."""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass

from translators.guide import Tolerance
from translators.x12.dictionary import ElementRule
from translators.x12.faults import ElementError, Implementation

CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # in no X12 character set

VALUE_SHOWN_MAX = 40
_CODES_SHOWN_MAX = 12
_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)
_EXPLICIT = re.compile(r"-?(?:[0-9]+\.[0-9]*|\.[0-9]+)", re.ASCII)
_DECIMAL = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:E-?[0-9]+)?", re.ASCII)
_TIME = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9][0-9]{0,2})?", re.ASCII)
_TEXT_TYPES = frozenset({"AN", "ID"})
_DATE_WIDTHS = {6: "YYMMDD", 8: "CCYYMMDD"}
_CENTURY_DATE_WIDTH = 8


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a value.

    Attributes:
        code: AK403.
        words: what follows "BEG01 Transaction Set Purpose Code" in a message, with the value and the remedy.
        tolerance: the tolerance that lets it pass as a warning.
        implementation: IK403 where the partner's agreement asks for more than the release.
        besides: what else is wrong with it, to be told where the tolerance lets this pass.
    """

    code: ElementError
    words: str
    tolerance: Tolerance | None = None
    implementation: Implementation | None = None
    besides: "Fault | None" = None


def has_outer_blanks(rule: ElementRule | None, value: str) -> bool:
    """Whether blanks stand around a value that are no padding up to its shortest length (X12.6 3.5.1.4).

    A mandatory value of blanks alone is missing, which says more.
    """
    if value.strip(" ") == value:
        return False
    if rule is None:
        return True
    if rule.required and not value.strip(" "):
        return False
    return value.startswith(" ") or len(value) != rule.min


def unpadded(rule: ElementRule, value: str) -> str:
    """A value without the blanks around it, but for those that fill a text up to its shortest length."""
    text = value.strip(" ")
    return text.ljust(min(rule.min, len(value))) if text and rule.type in _TEXT_TYPES else text


def value_fault(rule: ElementRule, value: str, release: str) -> Fault | None:
    """What is wrong with a value that is present, if anything is."""
    if rule.required and not value.strip(" "):
        return Fault(ElementError.MANDATORY_MISSING, "is mandatory and holds only blanks; send a value")
    if rule.type in {"DT", "TM"}:
        return _date_or_time_fault(rule, value, release)
    if rule.type == "R" or rule.type.startswith("N"):
        return _number_fault(rule, value, release)
    return _length_fault(rule, value, len(value), release) or _code_fault(rule, value, release)


def quoted(value: str) -> str:
    """A value for a message: control characters escaped, cut where it is long."""
    text = repr(value)[1:-1]
    return f"`{text[:VALUE_SHOWN_MAX]}...`" if len(text) > VALUE_SHOWN_MAX else f"`{text}`"


def _number_fault(rule: ElementRule, value: str, release: str) -> Fault | None:
    # Sign, decimal point and the exponent's E do not count (X12.6 section 3.5.1.2).
    length = _length_fault(rule, value, sum(map(str.isdigit, value)), release, "digit")
    if rule.type != "R":
        if not _INTEGER.fullmatch(value):
            implied = int(rule.type[1:] or 0)
            what = f"a whole number with {implied} implied decimals" if implied else "a whole number"
            words = f"{quoted(value)} is not {what}; send digits, with a minus sign before them at most"
            if _EXPLICIT.fullmatch(value):
                return Fault(ElementError.CHARACTER, words, "explicit-decimals", besides=length)
            return Fault(ElementError.CHARACTER, words, "element-types")
    elif not _DECIMAL.fullmatch(value):
        words = f"{quoted(value)} is no number; send digits, with a point and a minus sign before them at most"
        return Fault(ElementError.CHARACTER, words, "element-types")
    return length


def _length_fault(rule: ElementRule, value: str, length: int, release: str, unit: str = "character") -> Fault | None:
    if length < rule.min:
        bound, code, remedy = rule.min, ElementError.TOO_SHORT, "send the full value"
        than, agreed = f"fewer than the {bound}", "length_min" in rule.agreed
    elif length > rule.max:
        bound, code, remedy = rule.max, ElementError.TOO_LONG, "shorten it"
        than, agreed = f"more than the {bound}", "length_max" in rule.agreed
    else:
        return None
    who = "the partner's agreement" if agreed else f"release {release}"
    words = f"{quoted(value)} has {length} {unit}{'' if length == 1 else 's'}, {than} that {who} allows; {remedy}"
    return Fault(code, words, None if agreed else "element-lengths")


def _code_fault(rule: ElementRule, value: str, release: str) -> Fault | None:
    code = value.rstrip(" ")  # blanks behind a value only pad it
    if not rule.codes or code in rule.codes:
        return None
    if not code:
        remedy = "leave it empty"
    elif code.upper() in rule.codes:
        remedy = f"send {code.upper()}"
    else:
        remedy = f"send one of: {_listed(rule.codes)}"
    if "codes" in rule.agreed:
        words = f"{quoted(value)} is not among the codes that the partner's agreement allows; {remedy}"
        return Fault(ElementError.CODE, words, None, Implementation.CODE_NOT_USED)
    words = f"{quoted(value)} is not in code list {rule.number} of release {release}; {remedy}"
    return Fault(ElementError.CODE, words, "code-values")


def _listed(codes: Iterable[str]) -> str:
    known = sorted(codes)
    return ", ".join(known[:_CODES_SHOWN_MAX]) + (", ..." if len(known) > _CODES_SHOWN_MAX else "")


def _date_or_time_fault(rule: ElementRule, value: str, release: str) -> Fault | None:
    if rule.type == "DT":
        form = _DATE_WIDTHS.get(rule.max, "CCYYMMDD")
        invalid = Fault(ElementError.DATE, f"{quoted(value)} is no date; send it as {form}", "element-types")
    else:
        words = f"{quoted(value)} is no time of day; send it as HHMM, HHMMSS or HHMMSSDD"
        invalid = Fault(ElementError.TIME, words, "element-types")
    if not (value.isascii() and value.isdigit()):
        return invalid
    length = _length_fault(rule, value, len(value), release, "digit")
    if length is not None:
        return length
    if rule.type == "TM":
        return None if _TIME.fullmatch(value) else invalid
    return None if _is_date(value) else invalid


def _is_date(digits: str) -> bool:
    if len(digits) not in _DATE_WIDTHS:
        return False
    if len(digits) != _CENTURY_DATE_WIDTH:
        digits = "20" + digits  # a year without century: 2000 was a leap year as 1900 was not, and is nearer
    try:
        dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True
