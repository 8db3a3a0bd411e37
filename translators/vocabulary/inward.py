"""What comes in gets our words, and keeps theirs."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from translators.codes import words
from translators.document_parts import CodeAsSent, DateReference, Identifier, Party, ProductId, Reference, Split
from translators.documents import Document
from translators.findings import Severity
from translators.vocabulary import units
from translators.vocabulary.compiled import UNITS, compiled
from translators.vocabulary.derived import with_hash_total
from translators.vocabulary.naming import (
    LABELS,
    id_of,
    identifier,
    label_of,
    named,
    product_id,
    qualifier_of,
    reference,
)
from translators.vocabulary.units import Group
from translators.vocabulary.values import IdentifierRule, UnitRule, Vocabulary
from translators.vocabulary.walking import Changes, Missed, Scope, Walk, Worded, line_of

_Named = TypeVar("_Named", ProductId, Identifier, Reference)
_Qualified = TypeVar("_Qualified", ProductId, Reference, DateReference)


def into_ours(document: Document, vocabulary: Vocabulary) -> Worded:
    """A document of a partner with our words beside theirs; once more changes nothing."""
    walk = _Inward(vocabulary, compiled(vocabulary))
    worded = walk.document(document)
    if UNITS in walk.compiled.needs and worded.document is not document:
        worded = replace(worded, document=with_hash_total(worded.document, document))
    return worded


class _Inward(Walk):
    """The walk through a document that comes in."""

    # --- identifiers and qualifiers ----------------------------------------------------------------------------------

    def product_ids(self, ids: tuple[ProductId, ...]) -> tuple[ProductId, ...]:
        return _joined(self._renamed("product_ids", ids), self._added("product_ids", ids, product_id))

    def identifiers(self, ids: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
        return _joined(ids, self._added("parties", ids, identifier))

    def references(self, references: tuple[Reference, ...]) -> tuple[Reference, ...]:
        return _joined(self._renamed("references", references), self._added("references", references, reference))

    def dates(self, dates: tuple[DateReference, ...]) -> tuple[DateReference, ...]:
        return self._renamed("dates", dates)

    def role(self, party: Party, changed: Changes) -> None:
        if party.role_code_as_sent is not None:
            return
        rule = self.compiled.qualifiers_in.get(("parties", party.role_code or party.role or ""))
        if rule is None or rule.ours is None:
            return
        changed["role_code_as_sent"] = rule.theirs
        changed["role_code"] = rule.ours
        changed["role"] = words(LABELS["parties"]).get(rule.ours)

    def location(self, split: Split, changed: Changes) -> None:
        if split.location_as_sent is not None:
            return
        sent = Identifier(split.location or "", split.location_qualifier)
        for rule in self.compiled.tables.get("parties", ()):
            if rule.theirs not in (None, sent.qualifier):
                continue
            ours = rule.in_ours(sent.id)
            if ours is not None:
                changed["location"], changed["location_as_sent"] = ours, sent
                changed["location_qualifier"] = rule.ours if rule.ours is not None else sent.qualifier
                return
            if rule.missing != "keep":
                self._miss("parties", rule, sent, "location")

    def _added(
        self, of: str, held: tuple[_Named, ...], made: Callable[[str | None, str], _Named]
    ) -> tuple[_Named, ...]:
        """Ours, for each of theirs that a table has and that has not got it yet."""
        added: list[_Named] = []
        for rule in self.compiled.tables.get(of, ()):
            first, is_found = None, False
            for one in held:
                sent = qualifier_of(one)
                if (rule.theirs is not None and rule.theirs != sent) or not id_of(one):
                    continue
                first = first or one
                ours = rule.in_ours(id_of(one))
                if ours is None:
                    continue
                is_found = True
                qualifier = rule.ours if rule.ours is not None else sent
                everything = held + tuple(added)
                if all(id_of(item) != ours or qualifier_of(item) != qualifier for item in everything):
                    self._compare(of, rule, one, ours, everything)
                    added.append(made(qualifier, ours))
            if first is not None and not is_found and rule.missing != "keep":
                self._miss(of, rule, first, held.index(first))
        return tuple(added)

    def _compare(self, of: str, rule: IdentifierRule, one: _Named, ours: str, all_of_them: tuple[_Named, ...]) -> None:
        """They may name ours themselves, and another one than the table."""
        if rule.ours in (None, rule.theirs):
            return
        for other in all_of_them:
            if qualifier_of(other) == rule.ours and other is not one and id_of(other) != ours:
                if self.once("identifier-contradiction", id_of(one), id_of(other)):
                    said = (
                        f"they name {rule.ours} {id_of(other)}, and by the table {named(of, one)} is {rule.ours} {ours}"
                    )
                    message = f"{said}; both are kept, ask them or mend the table"
                    self.tell("identifier-contradiction", message, Severity.WARNING, value=id_of(other))
                return

    def _miss(self, of: str, rule: IdentifierRule, one: _Named, where: int | str) -> None:
        if not self.once("identifier-unknown", of, qualifier_of(one), id_of(one)):
            return
        severity = Severity.ERROR if rule.missing == "reject" else Severity.WARNING
        qualifier = qualifier_of(one)
        message = f"{named(of, one)} is not known here; send one that is agreed, or have it added to the table"
        at = self.tell("identifier-unknown", message, severity, where, value=id_of(one))
        if at is not None:
            self.missed.append(Missed(of, qualifier, id_of(one), at))

    def _renamed(self, of: str, held: tuple[_Qualified, ...]) -> tuple[_Qualified, ...]:
        """Qualifiers in our words, theirs beside them."""
        items: list[_Qualified] | None = None
        for index, one in enumerate(held):
            if one.qualifier is None or one.qualifier_as_sent is not None:
                continue
            rule = self.compiled.qualifiers_in.get((of, one.qualifier))
            if rule is None or rule.ours is None or rule.ours == one.qualifier:
                continue
            items = items or list(held)
            items[index] = replace(
                one, qualifier=rule.ours, label=label_of(of, rule.ours), qualifier_as_sent=one.qualifier
            )
        return held if items is None else tuple(items)

    def fill(self, part: Any, level: str, changed: Changes) -> None:  # noqa: ANN401 - any canonical class
        for rule, name in self.compiled.fills_of(type(part), level):
            if getattr(part, name) not in (None, "") or name in changed:
                continue
            value = _value(part, rule.of, rule.theirs)
            if value is not None:
                changed[name] = value

    # --- units -------------------------------------------------------------------------------------------------------

    def units(self, held: Changes, group: Group, scope: Scope, changed: Changes) -> UnitRule | None:
        unit, as_sent = held.get(group.unit), held.get(group.as_sent)
        if unit is None and as_sent is None:
            rule = scope.unit if group.inherits else None
            if scope.unit is not None and group.prices and not group.inherits and "unit_price" in held:
                self._unsaid(held, scope)
        else:
            code = units.code_as_sent(unit, as_sent)
            rule = None if code is None else self._rule(code, scope.products)
            if rule is not None:
                factor = rule.factor if rule.factor != 1 else None
                listed = as_sent.list if as_sent is not None else units.list_of(rule.theirs)
                changed[group.unit] = rule.ours
                changed[group.as_sent] = CodeAsSent(rule.theirs, listed, factor)
        if rule is not None and rule.factor != 1:
            self._numbers(held, group, rule, scope, changed)
        return rule

    def _rule(self, code: str, products: frozenset[str]) -> UnitRule | None:
        general = None
        for rule in self.compiled.units_in.get(code, ()):
            if rule.product is None:
                general = general or rule
            elif rule.product in products:
                return rule
        return general

    def _numbers(self, held: Changes, group: Group, rule: UnitRule, scope: Scope, changed: Changes) -> None:
        for name in group.numbers:
            sent: Decimal | None = held.get(name)
            if sent is None:
                continue
            number = units.times(sent, rule.factor)
            if number is None:
                message = (
                    f"{line_of(scope)}{name} {units.shown(sent)} {rule.theirs} has too many digits in {rule.ours} "
                    f"(factor {units.shown(rule.factor)}); send it in smaller parts"
                )
                self.tell("quantity-too-large", message, Severity.ERROR, name, value=units.shown(sent))
                continue
            changed[name] = number
            if name == "quantity" and group.unit == "unit":
                changed["quantity_as_sent"] = sent
        basis = held.get(group.basis) or (scope.basis if group.inherits else None)
        for name in group.prices if basis not in units.OWN_UNIT_BASES else ():
            price: Decimal | None = held.get(name)
            if price is not None:
                self._price(name, price, rule, scope, changed)

    def _price(self, name: str, price: Decimal, rule: UnitRule, scope: Scope, changed: Changes) -> None:
        even = units.divided(price, rule.factor)
        made = even if even is not None else units.rounded(price, rule.factor)
        sent = f"{line_of(scope)}{units.shown(price)} for one {rule.theirs} of {units.shown(rule.factor)} {rule.ours}"
        if made is None:
            message = f"{sent} has too many digits for one {rule.ours}; mend the factor or the price"
            self.tell("price-too-large", message, Severity.ERROR, name, value=units.shown(price))
            return
        changed[name], changed[f"{name}_as_sent"] = made, price
        if even is None:
            message = f"{sent} does not come out even: {units.shown(made)} is rounded, {name}_as_sent is exact"
            self.tell("price-rounded", message, Severity.WARNING, name, value=units.shown(price))

    def _unsaid(self, held: Changes, scope: Scope) -> None:
        if scope.unit is None or scope.unit.factor == 1 or held.get("basis") in units.OWN_UNIT_BASES:
            return
        price = units.shown(held["unit_price"])
        message = (
            f"{line_of(scope)}the further price {price} names no unit, and the line is put from {scope.unit.theirs} in "
            f"{scope.unit.ours}; it is kept as sent, ask them which unit it is for"
        )
        self.tell("price-unit-unsaid", message, Severity.WARNING, "unit_price", value=price)


def _joined(held: tuple[_Named, ...], added: tuple[_Named, ...]) -> tuple[_Named, ...]:
    return held + added if added else held


def _value(part: Any, of: str, theirs: str) -> Any:  # noqa: ANN401 - any canonical class; a text or a date
    """The first value of a part that stands under a qualifier of theirs."""
    if of == "parties":
        for party in part.parties:
            if theirs in (party.role_code_as_sent, party.role_code or party.role):
                return next((one.id for one in party.identifiers), party.name)
        return None
    for one in getattr(part, of, ()):
        if theirs == (one.qualifier_as_sent or one.qualifier):
            if isinstance(one, DateReference):
                found: Any = one.date
            else:
                found = one.value or one.description if isinstance(one, Reference) else one.id
            if found:
                return found
    return None
