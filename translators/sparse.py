"""The decorator of canonical classes: their objects hold what is present and nothing else.

A line of an order has fifty fields of which ten were sent, and a file holds lines by the hundred thousand. So an
object keeps in its ``__dict__`` the fields that say something, in the order of canonical JSON; every other field is
found in the class, as its default. What is absent costs nothing when an object is made, and JSON is written from
``__dict__`` as it stands. `dataclasses` does the rest: comparing, ``repr``, ``fields`` and ``replace`` see every field.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import wraps
from typing import Any, Final, TypeVar, dataclass_transform, overload

_T = TypeVar("_T")

# What tells a thing from its neighbours comes first, though a base class may hold the other fields.
_LEADING: Final = frozenset({"id", "parent_id", "kind", "code", "line_id", "line_id_assigned"})
_FIELDS: Final[dict[type[Any], tuple[str, ...]]] = {}
_ORDERS: Final[dict[type[Any], dict[tuple[str, ...], tuple[str, ...]]]] = {}
_ORDERS_MAX: Final = 256  # of each class


@overload
def canonical(of: type[_T]) -> type[_T]: ...
@overload
def canonical(*, kw_only: bool = False) -> Callable[[type[_T]], type[_T]]: ...
@dataclass_transform(frozen_default=True)
def canonical(of: type[_T] | None = None, *, kw_only: bool = False) -> type[_T] | Callable[[type[_T]], type[_T]]:
    """A frozen dataclass whose objects hold only what is present.

    A field that may be absent has None or an empty tuple as its default, which the class holds for all its objects.
    A unit that is None stays where ``unit_as_sent`` stands beside it: it says that the code has no sure counterpart.
    """

    def made(of: type[_T]) -> type[_T]:
        whole: type[Any] = dataclass(frozen=True, kw_only=kw_only)(of)
        _FIELDS[whole] = tuple(sorted((field.name for field in fields(whole)), key=lambda name: name not in _LEADING))
        _ORDERS[whole] = {}
        setattr(whole, "__init__", _init(whole))  # noqa: B010 - mypy forbids to assign to a method
        return whole

    return made if of is None else made(of)


def field_order(of: type[Any]) -> tuple[str, ...]:
    """The fields of a class as JSON shows them; TypeError for one that `canonical` did not make."""
    order = _FIELDS.get(of)
    if order is None:
        raise TypeError(f"{of.__name__} is no canonical class")
    return order


def _init(of: type[Any]) -> Callable[..., None]:
    """An ``__init__`` that keeps what is present.

    That of a measure reads::

        def __init__(self, value, qualifier=None, unit=None, unit_as_sent=None):
            held = self.__dict__
            held['value'] = value
            if qualifier is not None: held['qualifier'] = qualifier
            if unit is not None or unit_as_sent is not None: held['unit'] = unit
            if unit_as_sent is not None: held['unit_as_sent'] = unit_as_sent
    """
    known = {field.name: field for field in fields(of)}
    positional = [_parameter(field) for field in known.values() if not field.kw_only]
    by_name = [_parameter(field) for field in known.values() if field.kw_only]
    parameters = ["self", *positional, *(["*", *by_name] if by_name else [])]
    lines = [f"def __init__({', '.join(parameters)}):", " held = self.__dict__"]
    for name in field_order(of):
        present = _presence(known[name])
        if present and name.endswith("unit") and f"{name}_as_sent" in known:
            present += f" or {name}_as_sent is not None"
        lines.append(f" {f'if {present}: ' if present else ''}held[{name!r}] = {name}")
    space: dict[str, Any] = {}
    exec("\n".join(lines), space)  # noqa: S102 - made of nothing but the names of our own fields
    made: Callable[..., None] = wraps(of.__init__)(space["__init__"])
    return made


def _parameter(field: "Field[Any]") -> str:
    return field.name if field.default is MISSING else f"{field.name}={field.default!r}"


def _presence(field: "Field[Any]") -> str:
    if field.default is MISSING and field.default_factory is MISSING:
        return ""
    if field.default is None:
        return f"{field.name} is not None"
    if field.default == ():
        return field.name
    raise TypeError(f"{field.name}: what may be absent from a canonical object has None or () as its default")


def in_field_order(of: type[Any], values: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of these values in the order of the class; the combinations that occur are few and remembered."""
    names = tuple(values)
    known = _ORDERS[of]
    order = known.get(names)
    if order is None:
        if len(known) >= _ORDERS_MAX:
            known.clear()
        order = known[names] = tuple(name for name in field_order(of) if name in values)
    return order
