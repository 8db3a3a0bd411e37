"""Compares two versions of a profile value by value, and the files that they name."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel

from gateway.onboarding.differences.files import file_words
from gateway.onboarding.differences.words import sentence
from partners.api_terms import ApiKey
from partners.effective import EffectiveValue, effective_values, plain_value
from partners.loader import LoadedProfile
from partners.people_terms import Person
from partners.problems import Location, dotted
from partners.profile import Agreement, InterchangeAddress

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        name: the field as people write it; an item of a list by what it is about:
            ``agreements[invoice inbound x12].on_bad_set``. Empty for the partner as a whole.
        before: as JSON has it; None when there was nothing.
        after: the same afterwards.
        words: what it means for the business.
        is_weighty: whether somebody should look twice: who gets in, what passes, where things go, what counts.
    """

    kind: Kind
    name: str
    before: object
    after: object
    words: str
    is_weighty: bool


def compare(before: LoadedProfile | None, after: LoadedProfile | None) -> tuple[Change, ...]:
    """What changes from one version of a partner to another, the weighty first.

    Args:
        before: None where the partner is new.
        after: None where it goes.
    """
    if after is None:
        words = "the partner goes: what they send is refused, and nothing is sent to them"
        return (Change("removed", "", before.id, None, words, is_weighty=True),) if before is not None else ()
    if before is None:
        words = f"{after.profile.name} becomes a partner, {after.profile.status}"
        whole = Change("added", "", None, after.id, words, is_weighty=True)
        return whole, *(
            change for change in _values(_Flat({}, {}), _flat(after)) if change.name.startswith("agreements")
        )
    found = [*_values(_flat(before), _flat(after)), *_files(before, after)]
    return tuple(sorted(found, key=lambda change: not change.is_weighty))


@dataclass(frozen=True, slots=True)
class _Flat:
    """A profile without nesting: its values by name, and the items of the lists in which order says nothing."""

    items: Mapping[str, BaseModel]
    values: Mapping[str, EffectiveValue]


def _agreement(item: Agreement) -> str:
    return " ".join((item.document, item.direction, item.syntax, item.our_identity or "")).rstrip()


def _address(item: InterchangeAddress) -> str:
    return f"{item.qualifier}/{item.id}"


def _key(item: ApiKey) -> str:
    return item.label


def _person(item: Person) -> str:
    return item.name


# What an item of such a list is about, whatever its place in the list.
_ABOUT: Mapping[str, Callable[..., str]] = MappingProxyType(
    {"agreements": _agreement, "x12": _address, "speaks_for": _address, "api_keys": _key, "contacts": _person}
)


def _flat(loaded: LoadedProfile) -> _Flat:
    items: dict[str, BaseModel] = {}
    names: dict[Location, str] = {}
    for field, about in _ABOUT.items():
        for index, item in enumerate(getattr(loaded.profile, field)):
            name = f"{field}[{about(item)}]"
            while name in items:
                name = f"{name[:-1]} again]"
            items[name] = item
            names[field, index] = name
    values: dict[str, EffectiveValue] = {}
    for value in effective_values(loaded):
        item_name = names.get(value.location[:2])
        rest = dotted(value.location[2:])
        name = value.name if item_name is None else f"{item_name}.{rest}" if rest else item_name
        values[name] = value
    return _Flat(items, values)


def _values(before: _Flat, after: _Flat) -> Iterator[Change]:
    for name in before.items.keys() - after.items.keys():
        yield _change("removed", name, name, None, before.items[name])
    for name in sorted(after.items.keys() - before.items.keys()):
        yield _change("added", name, None, name, after.items[name])
    one_sided = before.items.keys() ^ after.items.keys()
    for name in dict.fromkeys((*after.values, *before.values)):
        if any(name.startswith(f"{item}.") or name == item for item in one_sided):
            continue
        old, new = before.values.get(name), after.values.get(name)
        if old is not None and new is not None:
            if old.value != new.value:
                yield _change("changed", name, plain_value(old.value), plain_value(new.value), new)
        elif new is not None and new.origin is not None:
            yield _change("added", name, None, plain_value(new.value), new)
        elif old is not None and old.origin is not None:
            yield _change("removed", name, plain_value(old.value), None, old)


def _change(kind: Kind, name: str, before: object, after: object, of: EffectiveValue | BaseModel) -> Change:
    words, is_weighty = sentence(kind, name, before, after, of)
    return Change(kind, name, before, after, words, is_weighty)


def _files(before: LoadedProfile, after: LoadedProfile) -> Iterator[Change]:
    """Files that both versions name and that hold something else now; the values tell of the others."""
    named = set(before.profile.files()) & set(after.profile.files())
    for name in sorted(named):
        old, new = before.file(name), after.file(name)
        if old != new:
            yield Change("changed", "", None, None, file_words(after, name, old, new), is_weighty=True)
    for name in after.template_names():
        file = f"_templates/{name}.yaml"
        if file in before.files and before.files[file] != after.files[file]:
            words = f"the template {name} is another version; what it changes stands in the other lines"
            yield Change("changed", file, None, None, words, is_weighty=False)
