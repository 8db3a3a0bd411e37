"""Every key of a profile in the order of the model, with what an author wants to know of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from partners.layers import TESTING
from partners.yaml_text import on_one_line

Schema: TypeAlias = dict[str, Any]  # JSON has no better type

TITLE: Final = "Every key of a partner's profile"
INTRODUCTION: Final = (
    "A partner is a folder with a `profile.yaml` and the files that it names. A key that is not written has its "
    "default, or what the template says that the profile `extends`. Secrets never stand here. Where a list is asked "
    "for, *one or several* may be written as the only one, without brackets."
)
KEYS: Final = "keys"
_WORD: Final = "one word"
_SEVERAL: Final = {_WORD: "words", "text": "texts"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One key.

    Attributes:
        path: with those above it, such as ``as2.sending.receipt``; `[]` behind a list.
        type: what kind of value, in words.
        allowed: the only words that may be written.
        required: whether a profile without a template must say it (where its part is written at all).
        default: as it would be written; None where it has none, and for keys, which have their own.
        example: as it would be written.
        meaning: in words.
        part: the path of the part that its keys stand in; empty for a plain value.
    """

    path: str
    type: str
    allowed: tuple[str, ...]
    required: bool
    default: str | None
    example: str
    meaning: str
    part: str = ""

    @property
    def name(self) -> str:
        """The key itself."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Part:
    """Keys that stand together; `of` is the path of the key that holds them, empty for the profile itself."""

    of: str
    meaning: str
    entries: tuple[Entry, ...]
    same_as: str = ""  # the path of another part that has the same keys

    @property
    def heading(self) -> str:
        """What it is called."""
        return self.of or "profile.yaml"


def anchor(path: str) -> str:
    """Where a path is found in the page; the same in every form of it."""
    return path.replace("[]", "").replace(".", "-") or "profile"


def parts_of(schema: Schema) -> tuple[Part, ...]:
    """What a profile may say, part by part; keys that stand in several places are told once."""
    return tuple(_parts(schema, schema["$defs"], "", str(schema.get("description", "")), schema.get("else", {}), {}))


def _parts(
    part: Schema, known: Schema, path: str, meaning: str, demanded: Schema, told: dict[str, str]
) -> Iterator[Part]:
    required = {*part.get("required", ()), *demanded.get("required", ())}
    entries, below = [], []
    for name, held in part["properties"].items():
        at = f"{path}.{name}" if path else name
        held_in_list, inner = _inner(held, known)
        held_in = "" if inner is None or at == TESTING else f"{at}[]" if held_in_list else at
        entries.append(_entry(at, held, known, required=name in required, part=held_in))
        if inner is not None and held_in:
            deeper = demanded.get("properties", {}).get(name, {})
            below.append((held_in, inner, deeper, _one_line(held["description"])))
    yield Part(path, meaning, tuple(entries))
    for at, inner, deeper, says in below:
        title = inner.get("title", at)
        if title in told:
            yield Part(at, says, (), told[title])
        else:
            told[title] = at
            yield from _parts(inner, known, at, says, deeper, told)


def _inner(held: Schema, known: Schema) -> tuple[bool, Schema | None]:
    """The keys that a value has, and whether it is a list of such."""
    if "$ref" in held:
        return False, known[held["$ref"].rpartition("/")[2]]
    choices = held.get("anyOf", [held])
    for choice in choices:
        items = choice.get("items", {}) if isinstance(choice, dict) else {}
        for one in items.get("anyOf", [items]):
            if "$ref" in one:
                return True, known[one["$ref"].rpartition("/")[2]]
    return False, None


def _entry(path: str, held: Schema, known: Schema, *, required: bool, part: str) -> Entry:
    kind, allowed = _kind(held, known)
    default = on_one_line(held["default"]) if "default" in held and kind != KEYS else None
    example = on_one_line(held["examples"][0]) if held.get("examples") else ""
    return Entry(path, kind, allowed, required, default, example, _one_line(held.get("description", "")), part)


def _kind(held: Schema, known: Schema) -> tuple[str, tuple[str, ...]]:
    """The type of a value in words, and the words that it is chosen from."""
    if "anyOf" in held:
        choices = held["anyOf"]
        many = next((choice for choice in choices if choice.get("type") == "array"), None)
        if many is None:
            return " or ".join(_kind(choice, known)[0] for choice in choices), ()
        of, allowed = _kind(many["items"], known)
        return f"one or several: {_SEVERAL.get(of, of)}", allowed
    if held.get("type") == "array":
        of, allowed = _kind(held["items"], known)
        return f"list of {_SEVERAL.get(of, of)}", allowed
    return _single(held), tuple(dict.fromkeys(str(word) for word in held.get("enum", ())))


def _single(held: Schema) -> str:
    types = held.get("type", "string")
    if "$ref" in held or types == "object":
        return KEYS
    if "enum" in held:
        return _WORD
    if types == "boolean":
        return "true or false"
    if ("integer" in types and "minimum" in held) or "number" in types:
        return _number(held, types)
    return "day" if held.get("format") == "date" else "text"


def _number(held: Schema, types: list[str]) -> str:
    noun = "number" if "number" in types else "whole number"
    least, most = held.get("minimum"), held.get("maximum")
    if most is None:
        return noun if least is None else f"{noun} from {least:,}"
    return f"{noun} from {least or 0:,} to {most:,}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
