"""The profile model's complaints in words for a person: what is wrong on which line, and what would be right."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from partners.fields import WORDED
from partners.layers import place_to_mend
from partners.nodes import Mapping, Node, Sequence, key_place
from partners.problems import Location, Place, Problem, dotted, one_of, shown
from partners.profile import fields_at


def in_our_words(error: ValidationError, nodes: Mapping, path: str, most: int) -> tuple[Problem, ...]:
    """Complaints on the lines of the fields that they speak of, in the order of the file, so many at most."""
    details = error.errors(include_url=False)
    # A list whose items are all wrong is also reported as empty; that helps nobody.
    wrong_inside = {detail["loc"][:-1] for detail in details}
    details = [item for item in details if item["type"] != "too_short" or item["loc"] not in wrong_inside]
    placed = [_Placed(detail, *_place(detail, nodes)) for detail in details]
    # Finding what was probably meant takes its time, so only those that are told are put in words.
    told = sorted(placed, key=lambda item: (item.place.line, item.place.column))[:most]
    return tuple(_problem(item.detail, item.location, item.place, path) for item in told)


@dataclass(frozen=True, slots=True)
class _Placed:
    detail: ErrorDetails
    location: Location
    place: Place


def _place(detail: ErrorDetails, nodes: Mapping) -> tuple[Location, Place]:
    location = _as_written(detail["loc"], nodes)
    is_key = detail["type"] == "extra_forbidden"
    return location, key_place(nodes, location) if is_key else place_to_mend(nodes, location)


def _problem(detail: ErrorDetails, location: Location, place: Place, path: str) -> Problem:
    kind = detail["type"]
    wrong = _Complaint(location, detail["input"], detail.get("ctx", {}), detail["msg"])
    what, right = _WORDS.get(kind, _other)(wrong)
    return Problem(place.file or path, place.line, place.column, wrong.name, what, right)


def _as_written(location: Location, nodes: Mapping) -> Location:
    """The location without the index that a single value standing for a list of one never had."""
    written: list[str | int] = []
    node: Node | None = nodes
    for part in location:
        if isinstance(part, int):
            if not isinstance(node, Sequence):
                continue
            node = node.items[part] if part < len(node.items) else None
        else:
            node = node.values.get(part) if isinstance(node, Mapping) else None
        written.append(part)
    return tuple(written)


# Problems are logged, kept and sent to the ERP.
_MAY_HOLD_SECRETS = ("url", "proxy", "password")


@dataclass(frozen=True, slots=True)
class _Complaint:
    location: Location
    value: object
    context: dict[str, Any]
    message: str

    @property
    def name(self) -> str:
        return dotted(self.location)

    def in_brackets(self) -> str:
        """The value; not where a secret may stand by mistake: an API key, a password, a URL with one."""
        may_be_secret = self.name.startswith("api_keys") or self.name.endswith(_MAY_HOLD_SECRETS)
        return f" ({shown(self.value)})" if isinstance(self.value, str) and not may_be_secret else ""


_Words = tuple[str, str]  # what is wrong, what would be right


def _worded(wrong: _Complaint) -> _Words:
    return f"`{wrong.name}`{wrong.in_brackets()} {wrong.context['what']}", str(wrong.context["right"])


def _missing(wrong: _Complaint) -> _Words:
    *parents, field = wrong.location
    description = " ".join(fields_at(tuple(parents)).get(str(field), "").split()).rstrip(".")
    return f"`{wrong.name}` is missing", f"add `{field}:` ({description})" if description else f"add `{field}:`"


def _unknown_key(wrong: _Complaint) -> _Words:
    return f"there is no key `{wrong.name}`", one_of(str(wrong.location[-1]), fields_at(wrong.location[:-1]))


def _not_among(wrong: _Complaint) -> _Words:
    allowed = [text.strip("'") for text in str(wrong.context["expected"]).replace(" or ", ", ").split(", ")]
    if not isinstance(wrong.value, str):
        return f"`{wrong.name}` holds no single word", f"use one of: {', '.join(allowed)}"
    return f"`{wrong.name}` is {shown(wrong.value)}", one_of(wrong.value, allowed)


def _no_text(wrong: _Complaint) -> _Words:
    return f"`{wrong.name}` holds no text", "write one value, not a list or keys"


def _no_list(wrong: _Complaint) -> _Words:
    return f"`{wrong.name}` is no list", "begin each item with `- `"


def _no_keys(wrong: _Complaint) -> _Words:
    return f"`{wrong.name}` holds no keys", f"write its keys below it: {', '.join(fields_at(wrong.location))}"


def _no_date(wrong: _Complaint) -> _Words:
    return f"`{wrong.name}`{wrong.in_brackets()} is no date", "write it as 2027-01-31"


def _too_small(wrong: _Complaint) -> _Words:
    return f"`{wrong.name}` is {shown(wrong.value)}", f"write at least {wrong.context['ge']}"


def _too_large(wrong: _Complaint) -> _Words:
    return f"`{wrong.name}` is {shown(wrong.value)}", f"write at most {wrong.context['le']}"


def _too_many(wrong: _Complaint) -> _Words:
    return f"`{wrong.name}` has too many items", f"write at most {wrong.context['max_length']}"


def _too_few(wrong: _Complaint) -> _Words:
    return f"`{wrong.name}` is empty", "name at least one or leave the key out"


def _other(wrong: _Complaint) -> _Words:
    return f"`{wrong.name}`: {wrong.message}", "see `gateway schema profile`"


_WORDS: dict[str, Callable[[_Complaint], _Words]] = {
    WORDED: _worded,
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "literal_error": _not_among,
    "string_type": _no_text,
    "tuple_type": _no_list,
    "model_type": _no_keys,
    "date_type": _no_date,
    "date_parsing": _no_date,
    "date_from_datetime_parsing": _no_date,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_large,
    "too_long": _too_many,
    "too_short": _too_few,
}
