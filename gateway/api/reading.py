"""JSON that a caller sends, read into a model: what is wrong with it is said where it stands, and what would be right.

The text is read by the strict parser of the translators (no key twice, no NaN, a limit on depth and on the length of
numbers, no half surrogate pairs); then pydantic judges it, strictly: a number in quotes is no number.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.buffers import Buffer
from gateway.model.refusals import Reason, Refused
from translators.building import NumberText, Path, Tree, pointer
from translators.json.parsing import parse

ModelT = TypeVar("ModelT", bound=BaseModel)

CONTENT_BYTES_MAX: Final = 1_048_576
FAULTS_MAX: Final = 50
# Several may be of one place, as where a value is none of a union's members.
FAULTS_WORDED_MAX: Final = 4 * FAULTS_MAX
ERRORS_MAX: Final = 2_000
# More than any model of ours has names, and room for items.
MEMBERS_MAX: Final = 200
ITEMS_MAX: Final = 10_000
NAMES_SHOWN_MAX: Final = 20
VALUE_CHARACTERS_MAX: Final = 99
# As many decimal digits as a binary floating-point number keeps exactly (IEEE 754 binary64).
_DIGITS_MAX: Final = 15
_CLOSE: Final = 0.6
_OPENINGS: Final = frozenset({b"{", b"["})
_LEADING: Final = re.compile(r"^-?[0.]*")
# What neither XML 1.0 nor a text column of PostgreSQL can carry.
_UNFIT_CHARACTERS: Final = r"\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff"
_UNFIT: Final = re.compile(f"[{_UNFIT_CHARACTERS}]")
# The same for schemas.
FIT_PATTERN: Final = f"^[^{_UNFIT_CHARACTERS}]*$"
_WHOLE_NUMBER: Final = re.compile(r"(-?[0-9]+)\.0+")
_UNSHOWN: Final = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]")
_QUOTED: Final = re.compile(r"'([^']*)'")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with what a caller sent.

    Attributes:
        pointer: where, as JSON pointer (RFC 6901); empty for the whole text.
        code: the kind of fault, such as ``missing`` or ``duplicate-key``; one word for programs.
        message: what is wrong and what would be right, for people.
    """

    pointer: str
    code: str
    message: str

    def as_json(self) -> dict[str, object]:
        """The fault as it stands in `errors` of a problem."""
        return {"pointer": self.pointer, "code": self.code, "message": self.message}


def read_json(body: Buffer, model: type[ModelT]) -> ModelT:
    """What a caller sent, as a model.

    Args:
        body: JSON in UTF-8.
        model: its `extra` is ``forbid``, so that a misspelt name is told.

    Raises:
        Refused: INVALID_CONTENT, with every fault in `errors`; BODY_EMPTY where nothing was sent.
    """
    if not body:
        raise Refused(Reason.BODY_EMPTY, "the request has no body; send a JSON object")
    if len(body) > CONTENT_BYTES_MAX:
        raise Refused(Reason.BODY_TOO_LARGE, f"the body of this call has {CONTENT_BYTES_MAX} bytes at most")
    tree = _sound(bytes(body))
    try:
        return _validated(tree, model)
    except ValidationError as error:
        if error.error_count() > ERRORS_MAX:
            # To hand out each of a hundred thousand takes seconds: those of the first few items say enough.
            error = _of_the_first_items(tree, model) or error
        if error.error_count() > ERRORS_MAX:
            words = f"more than {ERRORS_MAX} things are wrong; send one item, and all others like it once it is right"
            raise refused((Fault("", "too-many-faults", words),)) from None
        details = error.errors(include_url=False, include_context=True)
        # Each takes a while to be put into words.
        worded = [_fault(detail, tree, model) for detail in details[:FAULTS_WORDED_MAX]]
        faults = {fault.pointer + fault.code: fault for fault in worded}
        raise refused(tuple(faults.values()), others=len(details) - len(worded)) from None


def _validated(tree: Tree, model: type[ModelT]) -> ModelT:
    return model.model_validate_json(orjson.dumps(_plain(tree)), strict=True)


def _of_the_first_items(tree: Tree, model: type[BaseModel]) -> ValidationError | None:
    """What is wrong as far as only the first items of each list are looked at; None where that is nothing."""
    try:
        _validated(_shortened(tree), model)
    except ValidationError as error:
        return error
    return None


def _shortened(tree: Tree) -> Tree:
    if isinstance(tree, dict):
        return {name: _shortened(held) for name, held in tree.items()}
    return [_shortened(held) for held in tree[:FAULTS_MAX]] if isinstance(tree, list) else tree


def refused(faults: tuple[Fault, ...], *, others: int = 0) -> Refused:
    """The refusal that names these faults, of which there is at least one; of very many the first.

    Args:
        faults: in words.
        others: how many more there are.
    """
    first, number = faults[0], len(faults) + others
    where = f"{first.pointer}: " if first.pointer else ""
    more = f"; {number - 1} more in `errors`" if number > 1 else ""
    extra: dict[str, object] = {"errors": [fault.as_json() for fault in faults[:FAULTS_MAX]]}
    if number > FAULTS_MAX:
        extra["errors_omitted"] = number - min(len(faults), FAULTS_MAX)
    return Refused(Reason.INVALID_CONTENT, f"{where}{first.message}{more}", extra=extra)


def did_you_mean(word: str, known: list[str]) -> str:
    """`; did you mean X?`, else the words that there are."""
    close = difflib.get_close_matches(word[:VALUE_CHARACTERS_MAX].lower(), known, n=1, cutoff=_CLOSE)
    if close:
        return f"; did you mean `{close[0]}`?"
    shown = ", ".join(f"`{name}`" for name in known[:NAMES_SHOWN_MAX])
    return f"; there is {shown}" if shown else ""


def _sound(body: bytes) -> Tree:
    parsed = parse(body)
    if not parsed.is_sound:
        # A form, most likely: programs send one where nobody tells them to send JSON.
        hint = "" if body.lstrip()[:1] in _OPENINGS else "; the body of this call is a JSON object, {...}, and no form"
        raise refused(
            tuple(
                Fault(item.pointer or "", item.code, item.message + hint * (item.code == "syntax"))
                for item in parsed.findings
            )
        )
    if faults := tuple(_faults_of_values(parsed.tree, ())):
        raise refused(faults)
    return parsed.tree


def _plain(tree: Tree) -> object:
    """The tree as JSON again; a whole number is written like one, since 3.0 is 3 in JSON Schema and in JavaScript."""
    if isinstance(tree, NumberText):
        whole = _WHOLE_NUMBER.fullmatch(tree)
        return orjson.Fragment(whole[1] if whole is not None else str(tree))
    if isinstance(tree, dict):
        return {name: _plain(held) for name, held in tree.items()}
    if isinstance(tree, list):
        return [_plain(held) for held in tree]
    return tree


def _faults_of_values(tree: Tree, path: Path) -> Iterator[Fault]:
    """What a model could not see any more, or takes without a word."""
    # No deeper than the parser allows.
    if isinstance(tree, NumberText):
        digits = tree.lower().partition("e")[0]
        if "." in tree and len(_LEADING.sub("", digits).replace(".", "")) > _DIGITS_MAX:
            yield Fault(pointer(path), "number-too-precise", f"a fraction has {_DIGITS_MAX} digits at most")
    elif isinstance(tree, str):
        if _UNFIT.search(tree) is not None:
            yield Fault(pointer(path), "control-character", "a text holds no control characters but tab and line ends")
    elif isinstance(tree, dict):
        if len(tree) > MEMBERS_MAX:
            yield Fault(pointer(path), "too-many-members", f"an object has {MEMBERS_MAX} members at most")
            return
        for name, held in tree.items():
            yield from _faults_of_values(held, (*path, name))
    elif isinstance(tree, list):
        if len(tree) > ITEMS_MAX:
            yield Fault(pointer(path), "too-long", f"has too many items; {ITEMS_MAX} at most")
            return
        for index, held in enumerate(tree):
            yield from _faults_of_values(held, (*path, index))


def _fault(detail: ErrorDetails, tree: Tree, model: type[BaseModel]) -> Fault:
    path = _place(detail["loc"], tree, is_missing=detail["type"] == "missing")
    kind, context = detail["type"], detail.get("ctx", {})
    name = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        known = sorted(_names_at(model, path[:-1]))
        message = f"there is no `{_shown(name)}` here{did_you_mean(name, known)}"
    elif kind == "missing":
        message = f"`{name}` is missing; give it a value"
    elif kind in {"literal_error", "enum"}:
        known = _QUOTED.findall(str(context.get("expected", "")))
        given = detail["input"]
        word = given if isinstance(given, str) else ""
        message = f"{_shown(word)!r} is none of the values that there are{did_you_mean(word, known)}"
    elif kind == "value_error":
        # What a model of ours says of itself.
        message = str(context.get("error", detail["msg"]))
    elif kind in _WORDS:
        message = _WORDS[kind].format_map(context)
    else:
        message = detail["msg"][:1].lower() + detail["msg"][1:]
    return Fault(pointer(path), kind.replace("_", "-"), message)


def _place(location: tuple[int | str, ...], tree: Tree, *, is_missing: bool) -> Path:
    """The path in what was sent: names of union members, which pydantic puts in between, are none of it."""
    path: list[int | str] = []
    at: Tree = tree
    for index, step in enumerate(location):
        if isinstance(at, dict) and step in at:
            at = at[str(step)]
        elif isinstance(at, list) and isinstance(step, int) and step < len(at):
            at = at[step]
        elif not (is_missing and index == len(location) - 1):
            continue
        path.append(step)
    return tuple(path)


def _names_at(model: type[BaseModel], path: Path) -> set[str]:
    """The names that an object at a path may have."""
    models = [model]
    for step in path:
        if isinstance(step, str):
            models = [
                inner
                for one in models
                for name, field in one.model_fields.items()
                if step in {name, field.alias}
                for inner in _models_in(field.annotation)
            ]
    return {field.alias or name for one in models for name, field in one.model_fields.items()}


def _models_in(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401  # an annotation may be anything
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [inner for held in get_args(annotation) for inner in _models_in(held)]


def _shown(text: str) -> str:
    return _UNSHOWN.sub("?", text[:VALUE_CHARACTERS_MAX])


_TEXT: Final = "is not text; write it in quotes"
_OBJECT: Final = "is no object; write {{...}}"
_LIST: Final = "is no list; write [...]"
_DATE: Final = "is no date; write it as 2026-03-01"
_INSTANT: Final = "is no time; write it as 2026-03-01T12:00:00Z (RFC 3339)"
_NUMBER: Final = "is no number; write it without quotes"
_WHOLE: Final = "is no whole number; write it without quotes and fraction"
# What pydantic calls it -> what is wrong and what would be right.
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "string_type": _TEXT,
        "model_type": _OBJECT,
        "model_attributes_type": _OBJECT,
        "dict_type": _OBJECT,
        "list_type": _LIST,
        "tuple_type": _LIST,
        "date_type": _DATE,
        "date_parsing": _DATE,
        "date_from_datetime_parsing": _DATE,
        "datetime_type": _INSTANT,
        "datetime_parsing": _INSTANT,
        "datetime_from_date_parsing": _INSTANT,
        "timezone_aware": "has no time zone; write it as 2026-03-01T12:00:00Z (RFC 3339)",
        "int_type": _WHOLE,
        "int_parsing": _WHOLE,
        "int_from_float": _WHOLE,
        "float_type": _NUMBER,
        "decimal_type": _NUMBER,
        "decimal_parsing": "is no number; write digits with a point, such as 12.50",
        "finite_number": "is too large a number",
        "bool_type": "is neither true nor false; write one of them, without quotes",
        "string_too_short": "is too short; it has {min_length} characters at least",
        "string_too_long": "is too long; it has {max_length} characters at most",
        "string_pattern_mismatch": "is not formed as it must be; it matches {pattern}",
        "too_short": "has too few items; {min_length} at least",
        "too_long": "has too many items; {max_length} at most",
        "greater_than": "is too small; it is more than {gt}",
        "greater_than_equal": "is too small; it is {ge} at least",
        "less_than": "is too large; it is less than {lt}",
        "less_than_equal": "is too large; it is {le} at most",
        "decimal_max_digits": "has too many digits; {max_digits} at most",
        "decimal_max_places": "has too many digits behind the point; {decimal_places} at most",
        "decimal_whole_digits": "has too many digits before the point; {whole_digits} at most",
    }
)
