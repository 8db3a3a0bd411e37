"""What goes out gets their words in the place of ours."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, TypeVar

from translators.codes import rec20_units, words
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
    reference,
)
from translators.vocabulary.units import Group
from translators.vocabulary.values import IdentifierRule, QualifierRule, UnitRule, Vocabulary
from translators.vocabulary.walking import Changes, Scope, Walk, Worded, line_of

_Named = TypeVar("_Named", ProductId, Identifier, Reference)
_Qualified = TypeVar("_Qualified", ProductId, Reference, DateReference)

_X12_UNITS: Final = "x12_355"


def into_theirs(document: Document, vocabulary: Vocabulary, syntax: str) -> Worded:
    """A document of ours in the partner's words, as `inward.into_ours` would read it back.

    An error says what has no word of theirs; then the document must not go out.
    """
    walk = _Outward(vocabulary, syntax)
    worded = walk.document(document)
    if UNITS in walk.compiled.needs and worded.document is not document:
        worded = replace(worded, document=with_hash_total(worded.document, document))
    return worded


class _Outward(Walk):
    """The walk through a document that goes out."""

    def __init__(self, vocabulary: Vocabulary, syntax: str) -> None:
        super().__init__(vocabulary, compiled(vocabulary))
        self._is_x12 = syntax == "x12"

    # --- identifiers and qualifiers ----------------------------------------------------------------------------------

    def product_ids(self, ids: tuple[ProductId, ...]) -> tuple[ProductId, ...]:
        return self._put("product_ids", ids, product_id, self._renamed)

    def identifiers(self, ids: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
        return self._put("parties", ids, identifier, lambda _, one: one)

    def references(self, references: tuple[Reference, ...]) -> tuple[Reference, ...]:
        return self._put("references", references, reference, self._renamed)

    def dates(self, dates: tuple[DateReference, ...]) -> tuple[DateReference, ...]:
        made = tuple(self._renamed("dates", one) for one in dates)
        return dates if made == dates else made

    def role(self, party: Party, changed: Changes) -> None:
        rule = self._rule_back("parties", party.role_code or party.role, party.role_code_as_sent)
        if party.role_code_as_sent is not None:
            changed["role_code_as_sent"] = None
        if rule is not None:
            changed["role_code"] = rule.theirs
            changed["role"] = words(LABELS["parties"]).get(rule.theirs)

    def location(self, split: Split, changed: Changes) -> None:
        ours, as_sent = Identifier(split.location or "", split.location_qualifier), split.location_as_sent
        if as_sent is not None:
            changed["location_as_sent"] = None
        for rule in self.compiled.tables.get("parties", ()):
            wanted = rule.ours if rule.ours is not None else rule.theirs
            if wanted not in (None, ours.qualifier):
                continue
            is_used = as_sent is not None and rule.in_ours(as_sent.id) == ours.id
            theirs = as_sent.id if as_sent is not None and is_used else rule.in_theirs(ours.id)
            if theirs is not None:
                changed["location"] = theirs
                changed["location_qualifier"] = rule.theirs if rule.theirs is not None else ours.qualifier
                return
            if rule.missing != "keep" and rule.in_ours(ours.id) is None:
                self._miss("parties", rule, ours, "location")

    def _put(
        self,
        of: str,
        held: tuple[_Named, ...],
        made: Callable[[str | None, str], _Named],
        renamed: Callable[[str, _Named], _Named],
    ) -> tuple[_Named, ...]:
        """Theirs in the place of ours; what no table has goes by its qualifier."""
        kept: list[_Named] = []
        known = {(one.qualifier, id_of(one)) for one in held}
        for index, one in enumerate(held):
            found = self._theirs(of, one, held)
            if found is None:
                self._check(of, one, held, index)
                kept.append(renamed(of, one))
                continue
            rule, theirs = found
            qualifier = rule.theirs if rule.theirs is not None else one.qualifier
            if all((item.qualifier, id_of(item)) != (qualifier, theirs) for item in kept) and (
                (qualifier, theirs) not in known or (qualifier, theirs) == (one.qualifier, id_of(one))
            ):
                kept.append(made(qualifier, theirs))
            if rule.send_ours and (qualifier, theirs) != (one.qualifier, id_of(one)):
                kept.append(one)
        result = tuple(kept)
        return held if result == held else result

    def _theirs(self, of: str, one: _Named, held: tuple[_Named, ...]) -> tuple[IdentifierRule, str] | None:
        """The rule by which something is named in their words, and how.

        Of several names of theirs the one that they used goes out, where it stands beside ours.
        """
        for rule in self.compiled.tables.get(of, ()):
            wanted = rule.ours if rule.ours is not None else rule.theirs
            if wanted not in (None, one.qualifier) or not id_of(one):
                continue
            beside = [item for item in held if rule.theirs in (None, item.qualifier)]
            if rule.ours is None and any(id_of(item) == rule.in_ours(id_of(one)) for item in beside):
                return None  # it is theirs, and ours stands beside it under the same qualifier
            used = next((item for item in beside if rule.in_ours(id_of(item)) == id_of(one)), None)
            theirs = id_of(used) if used is not None else rule.in_theirs(id_of(one))
            if theirs is not None:
                return rule, theirs
        return None

    def _check(self, of: str, one: _Named, held: tuple[_Named, ...], index: int) -> None:
        """Ours that no table has, where nothing beside it is theirs."""
        for rule in self.compiled.tables.get(of, ()):
            wanted = rule.ours if rule.ours is not None else rule.theirs
            if rule.missing == "keep" or wanted not in (None, one.qualifier) or not id_of(one):
                continue
            if any(rule.theirs in (None, item.qualifier) and rule.in_ours(id_of(item)) for item in held):
                continue
            if any(rule.in_theirs(id_of(item)) for item in held if wanted in (None, item.qualifier)):
                continue
            self._miss(of, rule, one, index)
            return

    def _miss(self, of: str, rule: IdentifierRule, one: _Named, where: int | str) -> None:
        if self.once("identifier-unknown", of, one.qualifier, id_of(one)):
            severity = Severity.ERROR if rule.missing == "reject" else Severity.WARNING
            message = f"{named(of, one)} has no name of theirs in the table; add it there"
            self.tell("identifier-unknown", message, severity, where, value=id_of(one))

    def _renamed(self, of: str, one: _Qualified) -> _Qualified:
        rule = self._rule_back(of, one.qualifier, one.qualifier_as_sent)
        if rule is None:
            return one if one.qualifier_as_sent is None else replace(one, qualifier_as_sent=None)
        return replace(one, qualifier=rule.theirs, label=label_of(of, rule.theirs), qualifier_as_sent=None)

    def _rule_back(self, of: str, ours: str | None, as_sent: str | None) -> QualifierRule | None:
        """The rule that leads from our qualifier to theirs; of several the one that they used."""
        rules = self.compiled.qualifiers_out.get((of, ours or ""), ())
        return next((rule for rule in rules if rule.theirs == as_sent), rules[0] if rules else None)

    def fill(self, part: Any, level: str, changed: Changes) -> None:  # noqa: ANN401 - any canonical class
        for rule, name in self.compiled.fills_of(type(part), level):
            value = getattr(part, name)
            if value in (None, "") or rule.of == "parties":
                continue
            held = changed.get(rule.of, getattr(part, rule.of))
            if any(one.qualifier == rule.theirs for one in held):
                continue
            label = label_of(rule.of, rule.theirs)
            added: Reference | DateReference | ProductId
            if rule.of == "references":
                added = Reference(rule.theirs, label, value)
            elif rule.of == "dates":
                added = DateReference(rule.theirs, label, value)
            else:
                added = ProductId(value, rule.theirs, label)
            changed[rule.of] = (*held, added)

    # --- units -------------------------------------------------------------------------------------------------------

    def units(self, held: Changes, group: Group, scope: Scope, changed: Changes) -> UnitRule | None:
        unit: str | None = held.get(group.unit)
        as_sent: CodeAsSent | None = held.get(group.as_sent)
        if unit is None:
            rule = scope.unit if group.inherits and as_sent is None else None
        else:
            rule = self._rule(unit, as_sent, scope.products)
            if rule is not None:
                self._unit(group.unit, rule, changed)
        if rule is not None and rule.factor != 1:
            self._numbers(held, group, rule, scope, changed)
        for name in ("quantity_as_sent", *(f"{price}_as_sent" for price in group.prices)):
            if name in held:
                changed[name] = None
        return rule

    def _rule(self, unit: str, as_sent: CodeAsSent | None, products: frozenset[str]) -> UnitRule | None:
        """How a unit goes out: by the word that they used where they sent it, else as the first rule has it.

        Rules for the item go before those for all. A unit that they themselves sent as it is stays.
        """
        rules = self.compiled.units_out.get(unit, ())
        holding = [rule for rule in rules if rule.product is not None and rule.product in products]
        holding += [rule for rule in rules if rule.product is None]
        if as_sent is not None:
            used = next((rule for rule in holding if rule.theirs == as_sent.code), None)
            if used is not None or units.standard(as_sent) == unit:
                return used
        return holding[0] if holding else None

    def _unit(self, name: str, rule: UnitRule, changed: Changes) -> None:
        if self._is_x12:
            changed[name] = rec20_units().get(rule.theirs)
            changed[f"{name}_as_sent"] = CodeAsSent(rule.theirs, _X12_UNITS)
        else:
            changed[name] = rule.theirs
            changed[f"{name}_as_sent"] = None

    def _numbers(self, held: Changes, group: Group, rule: UnitRule, scope: Scope, changed: Changes) -> None:
        for name in group.numbers:
            ours: Decimal | None = held.get(name)
            if ours is None:
                continue
            sent: Decimal | None = held.get("quantity_as_sent") if name == "quantity" else None
            if sent is not None and units.times(sent, rule.factor) == ours:
                changed[name] = sent  # as they said it, though they may count in halves
            else:
                self._number(name, ours, rule, scope, changed)
        basis = held.get(group.basis) or (scope.basis if group.inherits else None)
        for name in group.prices if basis not in units.OWN_UNIT_BASES else ():
            price: Decimal | None = held.get(name)
            if price is None:
                continue
            as_sent: Decimal | None = held.get(f"{name}_as_sent")
            if as_sent is not None and units.rounded(as_sent, rule.factor) == units.rounded(price, Decimal(1)):
                changed[name] = as_sent  # it was rounded on its way in
                continue
            made = units.times(price, rule.factor)
            if made is None:
                message = f"{line_of(scope)}{units.shown(price)} has too many digits for one {rule.theirs}; shorten it"
                self.tell("price-too-large", message, Severity.ERROR, name, value=units.shown(price))
            else:
                changed[name] = made

    def _number(self, name: str, ours: Decimal, rule: UnitRule, scope: Scope, changed: Changes) -> None:
        even = units.divided(ours, rule.factor)
        is_whole = even is not None and even == even.to_integral_value()
        must_be_whole = rule.decimals is None and units.is_counted(rule.theirs, rule.ours, is_x12=self._is_x12)
        if even is not None and (is_whole or not must_be_whole) and self._has_room(even, rule):
            changed[name] = even
            return
        said = f"{line_of(scope)}{name} {units.shown(ours)} {rule.ours} is no " + (
            "whole number of" if must_be_whole else "even number of"
        )
        said += f" {rule.theirs} (each {units.shown(rule.factor)} {rule.ours})"
        made = None if rule.decimals is None else units.rounded(ours, rule.factor, rule.decimals)
        if made is None:
            whole = units.whole_below(ours, rule.factor)
            near = units.shown(units.following(whole, rule.factor))
            if whole:
                near = f"{units.shown(whole)} or {near}"
            message = f"{said}; send {near} {rule.ours}, or allow rounding with `decimals` of the unit in the profile"
            self.tell("quantity-uneven", message, Severity.ERROR, name, value=units.shown(ours))
            return
        changed[name] = made
        message = f"{said}; {units.shown(made)} goes out, rounded as the profile says"
        self.tell("quantity-rounded", message, Severity.WARNING, name, value=units.shown(ours))

    def _has_room(self, number: Decimal, rule: UnitRule) -> bool:
        """Whether a number has no more decimals than the rule lets go out."""
        return rule.decimals is None or units.rounded(number, Decimal(1), rule.decimals) == number
