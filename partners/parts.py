"""What all parts of a profile have in common."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from partners.problems import Location

Contradiction: TypeAlias = tuple[Location, str, str]  # field, what is wrong, what would be right


class Part(BaseModel):
    """A part of a profile: frozen, without unknown keys, each field described by the docstring below it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


def repeated(
    where: tuple[str, ...], values: Sequence[object], field: str, *, below: str = ""
) -> Iterator[Contradiction]:
    """The items that came before: `field` is what is the same in them, `below` the part that the list is in."""
    first: dict[object, int] = {}
    for index, value in enumerate(values):
        if value in first:
            location: Location = (*where, index, field) if field else (*where, index)
            yield location, f"the same as {below}{'.'.join(where)}[{first[value]}]", "keep one of the two"
        first.setdefault(value, index)


PartT = TypeVar("PartT", bound=Part)


def laid_over(below: PartT, above: PartT | None) -> PartT:
    """What holds where a narrower part says something of its own: each key that it names, of the other the rest."""
    if above is None:
        return below
    named: dict[str, object] = {}
    for name in above.model_fields_set:
        value, other = getattr(above, name), getattr(below, name)
        named[name] = laid_over(other, value) if isinstance(value, Part) and isinstance(other, Part) else value
    return below.model_copy(update=named)
