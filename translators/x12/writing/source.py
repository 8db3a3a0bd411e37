"""A canonical object while it is written: what of it has found its place in the set, and what has not yet."""

from collections.abc import Iterator
from typing import Any, Final

from translators.building import Path
from translators.shapes import shape
from translators.x12.writing.losses import Loss

# What follows from other fields and has no element of its own, and what a partner's own words once were.
DERIVED: Final = frozenset(
    {
        *("label", "line_id_assigned", "is_charge", "sscc", "derived"),
        *(
            "quantity_as_sent",
            "unit_price_as_sent",
            "rate_as_sent",
            "qualifier_as_sent",
            "role_code_as_sent",
            "location_as_sent",
        ),
    }
)


_FIELDS: Final[dict[type[Any], tuple[tuple[str, bool], ...]]] = {}


def _fields(of: type[Any]) -> tuple[tuple[str, bool], ...]:
    """The names of a class's fields, and whether each is a list."""
    if of not in _FIELDS:
        _FIELDS[of] = tuple((field.name, field.many) for field in shape(of).fields.values())
    return _FIELDS[of]


class Lines(list[str]):
    """The lines of a text that were not written yet, the next one first."""

    __slots__ = ()


class Source:
    """A canonical object with its path in the document.

    Attributes:
        part: the object itself.
        path: where it stands in the document.
        left: the fields that were not written yet; of a list its items with their indexes, the next one last.
        reasons: why a field that stays is not carried, where that is known better than "no place".
    """

    __slots__ = ("_inner", "left", "part", "path", "reasons")

    def __init__(self, part: Any, path: Path) -> None:  # noqa: ANN401 - any canonical class
        self.part = part
        self.path = path
        self.left: dict[str, Any] = {}
        self.reasons: dict[str, tuple[Loss, str]] = {}
        self._inner: dict[str, Source] = {}
        for name, is_list in _fields(type(part)):
            value = getattr(part, name)
            if value is None or value == ():
                continue
            if is_list:
                self.left[name] = list(enumerate(value))[::-1]
            elif value != "":
                self.left[name] = value

    def copy(self) -> "Source":
        """The same, for a trial that takes nothing from this one."""
        made = object.__new__(Source)
        made.part, made.path = self.part, self.path
        made.left = {name: type(held)(held) if isinstance(held, list) else held for name, held in self.left.items()}
        made.reasons = {}
        made._inner = {name: held.copy() for name, held in self._inner.items()}
        return made

    def take(self, *names: str) -> None:
        """These fields are written."""
        for name in names:
            self.left.pop(name, None)

    def has_any(self, names: frozenset[str]) -> bool:
        """Whether one of these fields may still be written."""
        return not names.isdisjoint(self.left) or not names.isdisjoint(self._inner)

    def next(self, name: str) -> tuple[int, Any] | None:
        """The next item of a list, which stays until it is popped."""
        held = self.left.get(name)
        return held[-1] if held else None

    def pop(self, name: str) -> None:
        """The next item of a list is written."""
        held = self.left[name]
        held.pop()
        if not held:
            del self.left[name]

    def restore(self, before: "Source") -> None:
        """What was taken since the copy ``before`` was made cannot stand there after all."""
        self.left, self._inner = before.left, before._inner  # noqa: SLF001 - of the same class

    def inside(self, name: str, of: type[Any]) -> "Source":
        """The object in a field whose fields belong to segments of their own, such as the address of a party."""
        if name not in self._inner:
            held = self.left.pop(name, None)
            self._inner[name] = Source(of() if held is None else held, (*self.path, name))
        return self._inner[name]

    def at(self, name: str, index: int | None = None) -> Path:
        """The path of a field, or of one item of it."""
        return (*self.path, name) if index is None else (*self.path, name, index)

    def leftovers(self) -> Iterator[tuple[Path, Any, tuple[Loss, str] | None]]:
        """What was not written, each with its path and, where it is known, the reason."""
        for name, held in self.left.items():
            if name in DERIVED:
                continue
            reason = self.reasons.get(name)
            if type(held) is list:
                yield from ((self.at(name, index), value, reason) for index, value in reversed(held))
            else:
                yield self.at(name), held, reason
        for inner in self._inner.values():
            yield from inner.leftovers()
