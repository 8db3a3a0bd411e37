"""A vocabulary laid out for work: rules by what they are looked up by, and which parts of documents they can touch."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final
from weakref import WeakKeyDictionary

from translators import document_parts as parts
from translators.shapes import Kind, shape
from translators.vocabulary.fields import filled_field
from translators.vocabulary.units import Group, groups_of
from translators.vocabulary.values import IdentifierRule, Qualified, QualifierRule, UnitRule, Vocabulary

Need = Qualified | str  # what a vocabulary speaks of: that which stands under qualifiers, and ``units``
UNITS: Final = "units"


class Touch(Enum):
    """What is to be done with a field."""

    INSIDE = auto()  # its objects may hold something
    PRODUCT_IDS = auto()
    REFERENCES = auto()
    DATES = auto()
    IDENTIFIERS = auto()  # of a party


_LISTS: Final[dict[type[Any], tuple[Touch, str]]] = {
    parts.ProductId: (Touch.PRODUCT_IDS, "product_ids"),
    parts.Reference: (Touch.REFERENCES, "references"),
    parts.DateReference: (Touch.DATES, "dates"),
}


@dataclass(frozen=True, slots=True)
class PartPlan:
    """What a vocabulary may touch in the objects of one class.

    Attributes:
        fields: what is to be done with each field; the others stay as they are.
        groups: the units in it.
        has_products: its item numbers say which item the units are of.
        is_party: its role may be put in other words.
        is_split: its location is a party's, named by a table of parties.
        touches: whether anything is to be done at all.
    """

    fields: dict[str, Touch]
    groups: tuple[Group, ...]
    has_products: bool
    is_party: bool
    is_split: bool
    touches: bool


@dataclass(slots=True)
class Compiled:
    """A vocabulary laid out.

    Attributes:
        tables: the rules of each kind of identifier, in their order.
        units_in: by the code as sent.
        units_out: by our code.
        qualifiers_in: by what it stands in and the qualifier as sent.
        qualifiers_out: by ours.
        fills: the rules that fill a field, by what they stand in.
    """

    needs: frozenset[Need]
    tables: dict[str, tuple[IdentifierRule, ...]]
    units_in: dict[str, tuple[UnitRule, ...]]
    units_out: dict[str, tuple[UnitRule, ...]]
    qualifiers_in: dict[tuple[str, str], QualifierRule]
    qualifiers_out: dict[tuple[str, str], tuple[QualifierRule, ...]]
    fills: tuple[QualifierRule, ...]
    has_products: bool
    plans: dict[type[Any], PartPlan] = field(default_factory=dict)
    _fills: dict[tuple[type[Any], str], tuple[tuple[QualifierRule, str], ...]] = field(default_factory=dict)

    def plan(self, of: type[Any]) -> PartPlan:
        """What may be touched in objects of a class."""
        found = self.plans.get(of)
        if found is None:
            key = of, self.needs
            found = _PLANS.get(key)
            if found is None:
                found = _PLANS[key] = _plan(of, self.needs)
            self.plans[of] = found
        return found

    def fills_of(self, of: type[Any], level: str) -> tuple[tuple[QualifierRule, str], ...]:
        """The rules that fill a field of a class, each with the field; ``level`` is ``lines`` for documents' lines."""
        key = of, level
        if key not in self._fills:
            named = ((rule, filled_field(of, level, rule)) for rule in self.fills)
            self._fills[key] = tuple((rule, name) for rule, name in named if name is not None)
        return self._fills[key]


# By class and what a vocabulary speaks of: a few hundred at most.
_PLANS: Final[dict[tuple[type[Any], frozenset[Need]], PartPlan]] = {}
_COMPILED: "WeakKeyDictionary[Vocabulary, Compiled]" = WeakKeyDictionary()


def compiled(vocabulary: Vocabulary) -> Compiled:
    """The vocabulary laid out; once for each, since every document is put through it."""
    found = _COMPILED.get(vocabulary)
    if found is None:
        found = _COMPILED[vocabulary] = _laid_out(vocabulary)
    return found


def _laid_out(vocabulary: Vocabulary) -> Compiled:
    needs: set[Need] = {rule.of for rule in vocabulary.identifiers} | {rule.of for rule in vocabulary.qualifiers}
    if vocabulary.units:
        needs.add(UNITS)
    qualifiers_in: dict[tuple[str, str], QualifierRule] = {}
    for rule in vocabulary.qualifiers:
        qualifiers_in.setdefault((rule.of, rule.theirs), rule)
    said = [rule for rule in qualifiers_in.values() if rule.ours is not None]
    return Compiled(
        frozenset(needs),
        {of: tuple(rule for rule in vocabulary.identifiers if rule.of == of) for of in needs},
        _grouped((rule.theirs, rule) for rule in vocabulary.units),
        _grouped((rule.ours, rule) for rule in vocabulary.units),
        qualifiers_in,
        _grouped(((rule.of, rule.ours), rule) for rule in said),
        tuple(rule for rule in qualifiers_in.values() if rule.field is not None),
        any(rule.product is not None for rule in vocabulary.units),
    )


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, tuple[Any, ...]]:
    found: dict[Any, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in found.items()}


def _plan(of: type[Any], needs: frozenset[Need]) -> PartPlan:
    fields: dict[str, Touch] = {}
    has_products = False
    for name, held in shape(of).fields.items():
        if held.kind is not Kind.OBJECT or held.type is None:
            continue
        touch, need = _LISTS.get(held.type, (Touch.INSIDE, ""))
        has_products |= touch is Touch.PRODUCT_IDS
        if held.type is parts.Identifier and of is parts.Party and name == "identifiers":
            touch, need = Touch.IDENTIFIERS, "parties"
        if touch is Touch.INSIDE:
            if _may_hold(held.type, needs):
                fields[name] = touch
        elif need in needs or (touch is Touch.REFERENCES and "dates" in needs):
            fields[name] = touch
    is_party = of is parts.Party and "parties" in needs
    groups = groups_of(of) if UNITS in needs else ()
    is_split = of is parts.Split and "parties" in needs
    touches = bool(fields or groups or is_party or is_split)
    return PartPlan(fields, groups, has_products, is_party, is_split, touches)


def _may_hold(of: type[Any], needs: frozenset[Need]) -> bool:
    """Whether objects of a class, or those inside of them, can hold something that the vocabulary speaks of."""
    todo, seen = [of], {of}
    while todo:
        one = todo.pop()
        if (UNITS in needs and groups_of(one)) or (one in {parts.Party, parts.Split} and "parties" in needs):
            return True
        for held in shape(one).fields.values():
            if held.type is None:
                continue
            if _LISTS.get(held.type, (None, ""))[1] in needs:
                return True
            if held.type not in seen:
                seen.add(held.type)
                todo.append(held.type)
    return False
