"""What is put in other words: the tables, units and qualifiers of a partner and of one agreement."""

from collections.abc import Mapping
from dataclasses import replace

from partners.profile import Agreement, Profile
from partners.tables import Table
from translators.vocabulary.values import IdentifierRule, IdentifierTable, QualifierRule, UnitRule, Vocabulary


def vocabulary_of(profile: Profile, agreement: Agreement | None, tables: Mapping[str, Table]) -> Vocabulary | None:
    """What is put in other words in the documents of an agreement; None where nothing is.

    `tables` are those of the loaded profile. What the agreement says goes before what holds for the whole partner: a
    table of its own is looked up first, its unit or qualifier takes the place of the same one.
    """
    of_agreement = () if agreement is None or agreement.vocabulary is None else (agreement.vocabulary,)
    said = (*of_agreement, profile.vocabulary)
    references = [item for words in said for item in words.tables if item.file in tables]
    if not references and not any(words.units or words.qualifiers for words in said):
        return None
    rules: dict[object, IdentifierRule] = {}
    for item in references:
        of, table = (item.of, item.theirs, item.ours), tables[item.file]
        held = IdentifierTable(table.digest, table.ours, table.theirs)
        known = rules.get(of)
        if known is None:
            rules[of] = IdentifierRule(item.of, (held,), item.theirs, item.ours, item.missing, item.send_ours)
        else:
            rules[of] = replace(known, tables=(*known.tables, held))
    units: dict[object, UnitRule] = {}
    qualifiers: dict[object, QualifierRule] = {}
    for words in said:
        for unit in words.units:
            made = UnitRule(unit.theirs, unit.ours, unit.factor, unit.product, unit.decimals)
            units.setdefault((unit.theirs, unit.product), made)
        for item_of in words.qualifiers:
            rule = QualifierRule(item_of.of, item_of.theirs, item_of.ours, item_of.field)
            qualifiers.setdefault((rule.of, rule.theirs), rule)
    return Vocabulary(tuple(rules.values()), tuple(units.values()), tuple(qualifiers.values()))
