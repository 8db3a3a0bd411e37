"""Makes an example document of ours hold what an agreement demands: references, dates, terms, item numbers."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from partners.rules import Rule

# Where the first item number of a line stands: the element of its qualifier.
_ITEM_QUALIFIERS: Final = frozenset({"PO106", "IT106", "LIN02", "POC08", "ACK07"})
# Numbers that are right in their scheme, check digit and all; any other scheme takes plain digits.
_ITEM_NUMBERS: Final = {
    "UP": ("036000291452", "012345678905"),
    "UA": ("036000291452", "012345678905"),
    "EN": ("4006381333931", "9780201379624"),
    "UK": ("10036000291459", "10012345678902"),
}
_PLAIN_NUMBERS: Final = ("70001", "70002")
_TERMS: Final = {"type": "01", "basis": "3", "discount_percent": "2", "discount_days": "10", "net_days": "30"}
_PLACE: Final = {"qualifier": "92", "id": "3000"}
_HEADER: Final = frozenset({None, "header"})


def fitted(document: Mapping[str, Any], rules: Iterable[Rule]) -> dict[str, Any]:
    """The canonical document with what the rules want besides; whether it keeps them all is for a writer to say."""
    made = dict(document)
    for rule in rules:
        if rule.usage == "required" and rule.loop in _HEADER:
            _with_segment(made, rule)
        if rule.element in _ITEM_QUALIFIERS and rule.codes:
            at = itertools.count()
            for name in ("lines", "levels"):
                if name in made:
                    made[name] = [_with_items(one, rule.codes[0], at) for one in made[name]]
    return made


def _with_segment(made: dict[str, Any], rule: Rule) -> None:
    match rule.segment, rule.qualifier:
        case "REF", qualifier:
            _add(made, "references", {"qualifier": qualifier or "ZZ", "value": "100200"})
        case "DTM", qualifier:
            _add(made, "dates", {"qualifier": qualifier or "002", "date": "2026-03-16"})
        case "N1", str(qualifier):
            _add(made, "parties", {"role_code": qualifier, "name": "Example", "identifiers": [_PLACE]})
        case "ITD", None:
            made.setdefault("payment_terms", [_TERMS])
        case "CUR", None:
            made.setdefault("currency", "USD")
        case _:
            pass


def _add(made: dict[str, Any], name: str, value: dict[str, Any]) -> None:
    """Add a part to a list of the document, where none says the same yet."""
    held = list(made.get(name, ()))
    key = next(iter(value))
    if not any(one.get(key) == value[key] for one in held):
        made[name] = [*held, value]


def _with_items(part: Mapping[str, Any], qualifier: str, at: Iterator[int]) -> dict[str, Any]:
    """A line, or a level with those below, whose first item number stands under a qualifier."""
    made = dict(part)
    if "product_ids" in made:
        numbers = _ITEM_NUMBERS.get(qualifier, _PLAIN_NUMBERS)
        others = [one for one in made["product_ids"] if one["qualifier"] != qualifier]
        made["product_ids"] = [{"qualifier": qualifier, "id": numbers[next(at) % len(numbers)]}, *others]
    if "children" in made:
        made["children"] = [_with_items(one, qualifier, at) for one in made["children"]]
    return made
