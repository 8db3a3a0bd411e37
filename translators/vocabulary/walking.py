"""A walk through a canonical document that builds a new one where something is put in other words.

What nothing is said of stays the very object that it was, so a document costs as much as there is to change in it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from translators import documents
from translators.building import pointer
from translators.document_parts import DateReference, Identifier, Party, ProductId, Reference, Split
from translators.documents import Document, PackageReference, Subline
from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.vocabulary.compiled import Compiled, Touch
from translators.vocabulary.fields import LINES
from translators.vocabulary.units import Group
from translators.vocabulary.values import UnitRule, Vocabulary

FINDINGS_MAX: Final = 100
_LINE_DEPTH: Final = 2  # of ("lines", 0)

Changes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Missed:
    """An identifier that no table has.

    Attributes:
        of: where it stands: ``product_ids``, ``parties`` or ``references``.
        index: of its finding.
    """

    of: str
    qualifier: str | None
    id: str
    index: int


@dataclass(frozen=True, slots=True)
class Worded:
    """A document in other words.

    Attributes:
        findings: an error says why it cannot be put in other words, or must not go on.
        findings_omitted: further ones.
        missed: identifiers that the findings speak of, for whoever knows where they stood.
    """

    document: Document
    findings: tuple[Finding, ...] = ()
    findings_omitted: int = 0
    missed: tuple[Missed, ...] = ()


class Scope(NamedTuple):
    """What the parts around say of a part.

    Attributes:
        products: the identifiers of the item.
        unit: the rule that its quantities were put in other words by.
        basis: what its price is for.
        line: how a person finds it.
    """

    products: frozenset[str] = frozenset()
    unit: UnitRule | None = None
    basis: str | None = None
    line: str = ""


def line_of(scope: Scope) -> str:
    """The beginning of a message about a line."""
    return f"line {scope.line}: " if scope.line else ""


class Walk(ABC):
    """One walk through one document; what differs between the two directions is abstract."""

    def __init__(self, vocabulary: Vocabulary, compiled: Compiled) -> None:
        self.vocabulary = vocabulary
        self.compiled = compiled
        self.findings: list[Finding] = []
        self.findings_omitted = 0
        self.missed: list[Missed] = []
        self.path: list[str | int] = []
        self._level_units: dict[str, UnitRule | None] = {}
        self._plans = compiled.plans
        self._told: set[tuple[object, ...]] = set()

    @abstractmethod
    def product_ids(self, ids: tuple[ProductId, ...]) -> tuple[ProductId, ...]:
        """Item numbers in other words."""

    @abstractmethod
    def identifiers(self, ids: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
        """Identifiers of a party in other words."""

    @abstractmethod
    def references(self, references: tuple[Reference, ...]) -> tuple[Reference, ...]:
        """References in other words."""

    @abstractmethod
    def dates(self, dates: tuple[DateReference, ...]) -> tuple[DateReference, ...]:
        """Dates in other words."""

    @abstractmethod
    def role(self, party: Party, changed: Changes) -> None:
        """A party's role in other words."""

    @abstractmethod
    def location(self, split: Split, changed: Changes) -> None:
        """The location of a split, which is a party's, in other words."""

    @abstractmethod
    def units(self, held: Changes, group: Group, scope: Scope, changed: Changes) -> UnitRule | None:
        """The numbers of a group in another unit; returns the rule that they were put in other words by."""

    @abstractmethod
    def fill(self, part: Any, level: str, changed: Changes) -> None:  # noqa: ANN401 - any canonical class
        """Fields that a qualifier's value fills, or qualifiers that a field's value belongs to."""

    def document(self, document: Document) -> Worded:
        """The whole document."""
        changed = self.part(document, Scope())
        return Worded(changed, tuple(self.findings), self.findings_omitted, tuple(self.missed))

    def part(self, part: Any, scope: Scope) -> Any:  # noqa: ANN401 - any canonical class
        """A part with all that it holds."""
        plan = self._plans.get(type(part)) or self.compiled.plan(type(part))
        if not plan.touches:
            return part
        held: Changes = part.__dict__
        changed: Changes = {}
        ids = held.get("product_ids", ()) if plan.has_products else ()
        if plan.fields.get("product_ids") is Touch.PRODUCT_IDS and ids:
            ids = self._list("product_ids", ids, self.product_ids, changed)
        if plan.groups:
            scope = self._counted(part, plan.groups, ids, scope, changed)
        fields = plan.fields
        for name, value in held.items():
            if name in fields:
                self._field(fields[name], name, value, scope, changed)
        if plan.is_party:
            self.role(part, changed)
        elif plan.is_split and part.location:
            self.location(part, changed)
        if self.compiled.fills:
            if not self.path:
                self.fill(part, "", changed)
            elif len(self.path) == _LINE_DEPTH and self.path[0] == LINES:
                self.fill(part, LINES, changed)
        return type(part)(**(held | changed)) if changed else part

    def _field(self, touch: Touch, name: str, value: Any, scope: Scope, changed: Changes) -> None:  # noqa: ANN401 - of any kind
        if touch is Touch.INSIDE:
            self._inside(name, value, scope, changed)
        elif touch is Touch.REFERENCES:
            self._references(name, value, scope, changed)
        elif touch is Touch.DATES:
            self._list(name, value, self.dates, changed)
        elif touch is Touch.IDENTIFIERS:
            self._list(name, value, self.identifiers, changed)
        # Item numbers came first, for they say which item the units are of.

    def _counted(
        self,
        part: Any,  # noqa: ANN401 - any canonical class
        groups: tuple[Group, ...],
        ids: tuple[ProductId, ...],
        scope: Scope,
        changed: Changes,
    ) -> Scope:
        """Puts the numbers of a part in other units; returns the scope of what is inside of it."""
        held: Changes = part.__dict__
        products, unit, basis, line = scope
        if self.compiled.has_products:
            if ids:
                products = frozenset([one.id for one in ids])
            elif isinstance(part, Subline):  # a component is another item than its line
                products = frozenset()
        named = held.get("line_id") or held.get("id")
        if isinstance(named, str):
            line = named
        if isinstance(part, PackageReference):
            # It counts as its level does; where there is none, as its line. The levels stand before the lines.
            unit = self._level_units.get(part.level_id, unit)
        inside = Scope(products, unit, basis, line)
        for at, group in enumerate(groups):
            rule = self.units(held, group, inside, changed)
            # What stands in the unit of the part around leaves that to what is inside of it.
            if at == 0 and (not group.inherits or group.unit in held or group.as_sent in held):
                inside = Scope(products, rule, held.get(group.basis), line)
                if isinstance(part, documents.Level):
                    self._level_units[part.id] = rule
        return inside

    def _inside(self, name: str, value: Any, scope: Scope, changed: Changes) -> None:  # noqa: ANN401 - object or list
        self.path.append(name)
        if isinstance(value, tuple):
            items: list[Any] | None = None
            for index, item in enumerate(value):
                self.path.append(index)
                made = self.part(item, scope)
                self.path.pop()
                if made is not item:
                    items = items or list(value)
                    items[index] = made
            if items is not None:
                changed[name] = tuple(items)
        else:
            made = self.part(value, scope)
            if made is not value:
                changed[name] = made
        self.path.pop()

    def _references(self, name: str, value: tuple[Reference, ...], scope: Scope, changed: Changes) -> None:
        if "dates" in self.compiled.needs:
            self._inside(name, value, scope, changed)
        if "references" in self.compiled.needs:
            self._list(name, changed.get(name, value), self.references, changed)

    def _list(self, name: str, value: tuple[Any, ...], wording: Any, changed: Changes) -> tuple[Any, ...]:  # noqa: ANN401 - a method for the items
        self.path.append(name)
        made: tuple[Any, ...] = wording(value)
        self.path.pop()
        if made is not value:
            changed[name] = made
        return made

    # --- findings ----------------------------------------------------------------------------------------------------

    def tell(
        self, code: str, message: str, severity: Severity, *more: str | int, value: str | None = None
    ) -> int | None:
        """Keeps a finding on the present part; returns its index, None where there is no more room."""
        if len(self.findings) >= FINDINGS_MAX and severity is not Severity.ERROR:
            self.findings_omitted += 1
            return None
        if len(self.findings) >= 2 * FINDINGS_MAX:
            self.findings_omitted += 1
            return None
        place = pointer((*self.path, *more))
        shown = None if value is None else value[:VALUE_CHARACTERS_MAX]
        self.findings.append(Finding(Level.DOCUMENT, code, message, severity, value=shown, pointer=place))
        return len(self.findings) - 1

    def once(self, *key: object) -> bool:
        """Whether this was not told of the document before: a ship notice names an item twice, at its level too."""
        if key in self._told:
            return False
        self._told.add(key)
        return True
