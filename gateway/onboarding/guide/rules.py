"""What a profile says of tolerances and words, in sentences for the partner."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from gateway.onboarding.guide.code_words import code_label
from gateway.onboarding.guide.words import counted
from partners.business_terms import BusinessTolerances
from partners.profile import Direction
from partners.vocabulary_terms import CrossReference, QualifierMapping, UnitConversion, Vocabulary

_WHOLE: Final = Decimal(100)
_OF_TABLE: Final = {
    "product_ids": ("item numbers", "235"),
    "parties": ("identifiers of parties", "66"),
    "references": ("reference numbers", "128"),
}
_OF_QUALIFIER: Final = {
    "references": ("the reference qualifier", "128"),
    "dates": ("the date qualifier", "374"),
    "parties": ("the party role", "98"),
    "product_ids": ("the item number qualifier", "235"),
}
_MISSING: Final = {
    "keep": "one that the table does not have stays as it was sent",
    "warn": "one that the table does not have is told as a finding",
    "reject": "a document with one that the table does not have is rejected",
}


def business_words(told: BusinessTolerances) -> Iterator[str]:
    """How far an answer may lie from what was ordered."""
    over, under = told.quantity_over_percent, told.quantity_under_percent
    if not over and not under:
        yield "Quantity: as ordered; any other quantity is looked at by a person."
    else:
        yield f"Quantity: {_between(under, over)} than ordered needs nobody's attention."
    early, late = told.date_early_days, told.date_late_days
    if not early and not late:
        yield "Date: on the day that was asked for; any other day is looked at by a person."
    else:
        yield (
            f"Date: up to {counted(early, 'day')} early and up to {counted(late, 'day')} late needs nobody's attention."
        )
    above, below = told.price_over_percent, told.price_under_percent
    dearer = f"up to {_percent(above)} above" if above else "not above"
    cheaper = "a lower one is fine" if below >= _WHOLE else f"down to {_percent(below)} below" if below else "not below"
    yield f"Price: {dearer} the ordered one, {cheaper}; anything else is looked at by a person."


def _between(under: Decimal, over: Decimal) -> str:
    words = [f"up to {_percent(over)} more"] if over else ["no more"]
    words.append(f"up to {_percent(under)} less" if under else "no less")
    return ", ".join(words)


def _percent(number: Decimal) -> str:
    return f"{number.normalize():f} %"


def vocabulary_words(own: Vocabulary | None, whole: Vocabulary, direction: Direction) -> Iterator[str]:
    """The words of theirs that are put in ours, or ours in theirs: those of the document first, then those of all."""
    inbound = direction == "inbound"
    for held in (own, whole):
        if held is None:
            continue
        for table in held.tables:
            yield _table_words(table, inbound=inbound)
        for unit in held.units:
            yield _unit_words(unit)
        for qualifier in held.qualifiers:
            yield from _qualifier_words(qualifier, inbound=inbound)


def _table_words(table: CrossReference, *, inbound: bool) -> str:
    noun, element = _OF_TABLE[table.of]
    theirs = f" under {_coded(element, table.theirs)}" if table.theirs else ""
    ours = f" under {_coded(element, table.ours)}" if table.ours else ""
    if not inbound:
        return f"Our {noun} are looked up in a table and sent as yours{theirs}, where the table has them."
    return f"Your {noun}{theirs} are looked up in a table and become ours{ours}; {_MISSING[table.missing]}."


def _unit_words(unit: UnitConversion) -> str:
    one = f"1 {_coded('355', unit.theirs)}"
    which = f" of item {unit.product}" if unit.product else ""
    return f"{one}{which} of yours is {unit.factor.normalize():f} {_coded('355', unit.ours)} of ours; prices likewise."


def _qualifier_words(item: QualifierMapping, *, inbound: bool) -> Iterator[str]:
    what, element = _OF_QUALIFIER[item.of]
    if item.field is not None:
        verb = "fills" if inbound else "is"
        yield f"What stands under {what} {_coded(element, item.theirs)} {verb} our field {item.field}."
    elif item.ours is not None:
        yield f"Your {_coded(element, item.theirs)} as {what.removeprefix('the ')} is our {_coded(element, item.ours)}."


def _coded(element: str, code: str) -> str:
    label = code_label(element, code)
    return f"{code} ({label})" if label else code
