"""Canonical values as texts of X12 elements, by the type and length that the release gives the element."""

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

from translators.findings import VALUE_CHARACTERS_MAX
from translators.x12.dictionary import ElementRule
from translators.x12.documents.element_values import calendar_date
from translators.x12.writing.losses import Loss

# Texts for people: names, address lines, descriptions, messages. Cut, they still say most of it; an id would be false.
_MAY_BE_CUT: Final = frozenset({"3", "19", "61", "93", "166", "352", "369", "933", "1551"})
_CODES_SHOWN_MAX: Final = 24
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_EXACT: Final = Context(prec=120)  # canonical numbers have 38 digits on each side of the point at most
_CENTURY_DATE_WIDTH: Final = 8
_SECONDS_WIDTH: Final = 6
_HUNDREDTHS_WIDTH: Final = 8
_MICROSECONDS_OF_HUNDREDTH: Final = 10_000


@dataclass(frozen=True, slots=True)
class Fitted:
    """The text of an element, or None where it cannot hold the value.

    Attributes:
        text: what stands in the element.
        loss: what happened to the value, which ``why`` says in words.
        why: goes on behind the name of the element.
        forbidden: why the partner's agreement, and not the release, keeps the value out, and what to do.
    """

    text: str | None
    loss: Loss | None = None
    why: str = ""
    forbidden: str = ""


NOTHING: Final = Fitted(None)


def plain(rule: ElementRule) -> ElementRule:
    """The rule for a value without separators: of a composite that of its first component."""
    return rule.components[0] if rule.components else rule


def fit_text(rule: ElementRule, text: str) -> Fitted:
    """A text or code."""
    rule = plain(rule)
    cleaned = _CONTROL.sub(" ", text).rstrip()
    replaced = Fitted(None, Loss.CHARACTER, "held control characters; each is a blank now")
    told = replaced if cleaned != text.rstrip() else NOTHING
    if not cleaned.strip():
        return Fitted(None, told.loss, told.why)
    if rule.type == "R" or rule.type.startswith("N"):
        return _number_as_text(rule, cleaned)
    if rule.codes and cleaned not in rule.codes:
        where = "among the codes of the agreement" if "codes" in rule.agreed else "in the code list of the release"
        why = f"is not {where}; it was left out"
        return Fitted(None, Loss.CODE_NOT_LISTED, why, forbidden_code(rule, cleaned))
    if len(cleaned) > rule.max:
        if rule.number not in _MAY_BE_CUT:
            why = f"is longer than {rule.max} characters; it was left out"
            return Fitted(None, Loss.TOO_LONG, why, _forbidden_length(rule, cleaned))
        cut = cleaned[: rule.max].rstrip()
        return Fitted(cut.ljust(rule.min), Loss.TOO_LONG, f"is longer than {rule.max} characters; it was cut")
    # X12.6 section 3.5.1: blanks at the end only as the minimum length asks for them.
    return Fitted(cleaned.ljust(rule.min), told.loss, told.why)


def forbidden_code(rule: ElementRule, code: str) -> str:
    """Why a code is kept out, where the agreement's list of codes does it; else nothing."""
    if "codes" not in rule.agreed:
        return ""
    known = sorted(rule.codes)
    codes = ", ".join(known[:_CODES_SHOWN_MAX]) + (", ..." if len(known) > _CODES_SHOWN_MAX else "")
    remedy = "send one of these, map it in `vocabulary`, or agree the code in `rules`"
    return f"cannot be {code!r}: the codes that are agreed are {codes}; {remedy}"


def _forbidden_length(rule: ElementRule, text: str) -> str:
    if "length_max" not in rule.agreed:
        return ""
    remedy = "send a shorter one, map it in `vocabulary`, or agree a greater `length_max` in `rules`"
    return f"cannot be {text[:VALUE_CHARACTERS_MAX]!r}: no more than {rule.max} characters are agreed; {remedy}"


def _number_as_text(rule: ElementRule, text: str) -> Fitted:
    if not re.fullmatch(r"-?[0-9]{1,38}(\.[0-9]{1,38})?", text):
        return Fitted(None, Loss.NUMBER, "must be a number here; it was left out")
    return fit_number(rule, Decimal(text))


def fit_number(rule: ElementRule, number: Decimal) -> Fitted:
    """A number of type R, or of type N with its implied decimals; as text elsewhere."""
    rule = plain(rule)
    if rule.type.startswith("N"):
        return _implied(rule, number, int(rule.type[1:] or 0))
    text = format(number, "f")
    if rule.type != "R":
        return fit_text(rule, text)
    # Sign and decimal point do not count (X12.6 section 3.5.1.2).
    if _digits(text) > rule.max and "." in text:
        text = text.rstrip("0").rstrip(".")
        if _digits(text) > rule.max:
            text = re.sub(r"^(-?)0\.", r"\1.", text)
    if _digits(text) > rule.max:
        return Fitted(None, Loss.NUMBER, f"has more than {rule.max} digits; shorten it")
    return Fitted(_filled(text, rule.min))


def _implied(rule: ElementRule, number: Decimal, decimals: int) -> Fitted:
    scaled = number.scaleb(decimals, context=_EXACT)
    if scaled != scaled.to_integral_value():
        allowed = f"at most {decimals} decimals" if decimals else "a whole number"
        return Fitted(None, Loss.NUMBER, f"must be {allowed} here; round it")
    text = format(scaled.to_integral_value(), "f")
    if _digits(text) > rule.max:
        return Fitted(None, Loss.NUMBER, f"has more than {rule.max} digits; shorten it")
    return Fitted(_filled(text, rule.min))


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _filled(text: str, least: int) -> str:
    missing = "0" * max(least - _digits(text), 0)
    return f"-{missing}{text[1:]}" if text.startswith("-") else missing + text


def fit_date(rule: ElementRule, date: dt.date, *, has_century: bool = False) -> Fitted:
    """A date of six or eight digits; ``has_century`` where its first two digits have an element of their own."""
    rule = plain(rule)
    text = f"{date.year:04}{date.month:02}{date.day:02}"
    if rule.max >= _CENTURY_DATE_WIDTH:
        return Fitted(text)
    if not has_century and calendar_date(text[2:], "") != date:
        return Fitted(None, Loss.DATE, "has no century in this release and would be read as another date")
    return Fitted(text[2:])


def needs_century(date: dt.date) -> bool:
    """Whether the date's six digits alone would be read as another date."""
    return calendar_date(f"{date.year % 100:02}{date.month:02}{date.day:02}", "") != date


def fit_time(rule: ElementRule, time: dt.time) -> Fitted:
    """A time of the day, as exact as the element takes it."""
    rule = plain(rule)
    text = f"{time.hour:02}{time.minute:02}"
    hundredths, finer = divmod(time.microsecond, _MICROSECONDS_OF_HUNDREDTH)
    is_cut = finer > 0
    if time.second or hundredths:
        if rule.max >= _SECONDS_WIDTH:
            text += f"{time.second:02}"
        else:
            is_cut = True
    if hundredths:
        if rule.max >= _HUNDREDTHS_WIDTH:
            text += f"{hundredths:02}"
        else:
            is_cut = True
    text = text.ljust(rule.min, "0")
    return Fitted(text, Loss.TOO_LONG, "is more exact than the element; it was cut") if is_cut else Fitted(text)
