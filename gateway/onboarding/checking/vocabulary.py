"""What is wrong with a partner's words before the first document: tables, units, qualifiers, the fields they fill."""

import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from partners.loader import LoadedProfile
from partners.problems import SHOWN_CHARACTERS_MAX, Location, Problem, dotted, shown
from partners.profile import Agreement
from partners.vocabulary_terms import CrossReference, QualifierMapping, UnitConversion, Vocabulary
from translators.codes import rec20_units, units_from
from translators.documents import DOCUMENTS
from translators.vocabulary.fields import field_fault
from translators.vocabulary.units import divided, is_counted
from translators.x12.dictionary import choose_release, load_release, releases

# The X12 elements whose codes stand as qualifiers, and those under which tables name what they translate.
_QUALIFIERS: Final = {"references": "128", "dates": "374", "parties": "98", "product_ids": "235"}
_TABLES: Final = {"references": "128", "parties": "66", "product_ids": "235"}
_UNITS: Final = "355"
_CLOSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Words:
    """A vocabulary with where it stands, and the agreements that it holds for."""

    vocabulary: Vocabulary
    where: Location
    agreements: tuple[Agreement, ...]

    @property
    def documents(self) -> tuple[str, ...]:
        """The documents that it holds for; any where nothing is agreed yet."""
        agreed = tuple(dict.fromkeys(item.document for item in self.agreements))
        return agreed or tuple(DOCUMENTS)

    @property
    def speaks_x12_alone(self) -> bool:
        """Whether the codes are those of X12: a partner's JSON and XML may hold any."""
        return bool(self.agreements) and all(item.syntax == "x12" for item in self.agreements)

    @property
    def goes_out(self) -> bool:
        """Whether anything is put in their words."""
        return any(item.direction == "outbound" for item in self.agreements)

    def codes(self, element: str) -> frozenset[str]:
        """The codes of an element in the releases that are agreed; of all where none is named."""
        named = {choose_release(release).name for item in self.agreements for release in item.releases}
        return _codes(element, tuple(sorted(filter(None, named))) or releases())


@cache
def _codes(element: str, of: tuple[str, ...]) -> frozenset[str]:
    return frozenset().union(*(load_release(name).codes(element) for name in of))


def vocabulary_problems(loaded: LoadedProfile) -> Iterator[Problem]:
    """What is wrong with the words of a profile that loads, those of the partner and those of each agreement."""
    profile = loaded.profile
    yield from _problems(loaded, _Words(profile.vocabulary, ("vocabulary",), profile.agreements))
    for index, agreement in enumerate(profile.agreements):
        if agreement.vocabulary is not None:
            words = _Words(agreement.vocabulary, ("agreements", index, "vocabulary"), (agreement,))
            yield from _problems(loaded, words)


def _problems(loaded: LoadedProfile, words: _Words) -> Iterator[Problem]:
    for index, table in enumerate(words.vocabulary.tables):
        yield from _table_problems(loaded, words, (*words.where, "tables", index), table)
    for index, unit in enumerate(words.vocabulary.units):
        yield from _unit_problems(loaded, words, (*words.where, "units", index), unit)
    for index, mapping in enumerate(words.vocabulary.qualifiers):
        where: Location = (*words.where, "qualifiers", index)
        yield from _qualifier_problems(loaded, words, where, mapping)
        yield from _field_problems(loaded, words, where, mapping)
    if words.goes_out:
        yield from _ways_back(loaded, words)


def _table_problems(loaded: LoadedProfile, words: _Words, where: Location, item: CrossReference) -> Iterator[Problem]:
    table = loaded.tables.get(item.file)
    if table is not None:
        path = str(Path(loaded.path).with_name(item.file))
        yield from (fault.problem(path, dotted((*where, "file"))) for fault in table.warnings if words.goes_out)
        if not len(table):
            what, right = f"the table {shown(item.file)} has no rows", "add one line for each pair, or remove the table"
            yield loaded.problem((*where, "file"), what, right, warning=True)
    element = _TABLES[item.of]
    if item.theirs is not None and words.speaks_x12_alone:
        yield from _unknown_code(loaded, (*where, "theirs"), item.theirs, element, words.codes(element))
    if item.ours is not None:
        yield from _unknown_code(loaded, (*where, "ours"), item.ours, element, _codes(element, releases()[-1:]))
    for mapping in words.vocabulary.qualifiers:
        if mapping.of == item.of and item.ours is not None and mapping.theirs == item.ours:
            what = f"{shown(item.ours)} is ours here, and in `qualifiers` it is a word of theirs"
            right = "let one word mean one thing: name ours by another qualifier"
            yield loaded.problem((*where, "ours"), what, right, warning=True)


def _unit_problems(loaded: LoadedProfile, words: _Words, where: Location, item: UnitConversion) -> Iterator[Problem]:
    known = units_from("rec20")
    if item.ours not in known:
        meant = rec20_units().get(item.ours)
        what = f"{shown(item.ours)} is no unit of Rec 20 that is known here"
        right = f"did you mean `{meant}`? In X12 that is {item.ours}" if meant else _meant(item.ours, list(known))
        yield loaded.problem((*where, "ours"), what, right, warning=True)
    if words.speaks_x12_alone:
        yield from _unknown_code(loaded, (*where, "theirs"), item.theirs, _UNITS, words.codes(_UNITS))
    is_measured = not is_counted(item.theirs, item.ours, is_x12=words.speaks_x12_alone)
    if words.goes_out and is_measured and item.decimals is None and divided(Decimal(1), item.factor) is None:
        what = f"what goes out in {item.theirs} seldom comes out even by {item.factor}, and then it is not sent"
        yield loaded.problem((*where, "factor"), what, "give `decimals`, such as 3, to round it", warning=True)
    standard = rec20_units() if words.speaks_x12_alone else known
    if item.factor == 1 and standard.get(item.theirs) == item.ours and item.product is None:
        what = f"{shown(item.theirs)} is {item.ours} by the standard"
        yield loaded.problem((*where, "theirs"), what, "remove it, or write the factor that is meant", warning=True)


def _qualifier_problems(
    loaded: LoadedProfile, words: _Words, where: Location, item: QualifierMapping
) -> Iterator[Problem]:
    element = _QUALIFIERS[item.of]
    if words.speaks_x12_alone:
        yield from _unknown_code(loaded, (*where, "theirs"), item.theirs, element, words.codes(element))
    if item.ours is not None:
        yield from _unknown_code(loaded, (*where, "ours"), item.ours, element, _codes(element, releases()[-1:]))
        if item.ours == item.theirs and item.field is None:
            what = f"{shown(item.theirs)} is made {item.ours}, which says nothing"
            yield loaded.problem((*where, "ours"), what, "remove it, or name what it means", warning=True)


def _field_problems(loaded: LoadedProfile, words: _Words, where: Location, item: QualifierMapping) -> Iterator[Problem]:
    """A field that none of the documents has: the mapping would never do anything."""
    if item.field is None:
        return
    faults = [field_fault(document, item.of, item.field) for document in words.documents]
    if faults and all(fault is not None for fault in faults):
        what, right = next(fault for fault in faults if fault is not None)
        yield loaded.problem((*where, "field"), f"the mapping does not compile: {what}", right)


def _ways_back(loaded: LoadedProfile, words: _Words) -> Iterator[Problem]:
    """Several words of theirs for one of ours: going out, the first is taken."""
    units = [(item.ours, item.product) for item in words.vocabulary.units]
    yield from _first_goes(loaded, (*words.where, "units"), [item.theirs for item in words.vocabulary.units], units)
    mapped = [(item.of, item.ours) if item.ours is not None else None for item in words.vocabulary.qualifiers]
    theirs = [item.theirs for item in words.vocabulary.qualifiers]
    yield from _first_goes(loaded, (*words.where, "qualifiers"), theirs, mapped)
    filled = [(item.of, item.field) if item.field is not None else None for item in words.vocabulary.qualifiers]
    for index, key in enumerate(filled):
        if key is not None and filled.index(key) < index:
            first = theirs[filled.index(key)]
            what = f"{shown(first)} fills {key[1]} too, and going out its value stands under both"
            right = "keep the one that they read, or put the other into the agreement it belongs to"
            yield loaded.problem((*words.where, "qualifiers", index, "field"), what, right, warning=True)


def _first_goes(
    loaded: LoadedProfile, where: Location, theirs: Sequence[str], ours: Sequence[tuple[str, str | None] | None]
) -> Iterator[Problem]:
    for index, key in enumerate(ours):
        if key is not None and ours.index(key) < index:
            first = theirs[ours.index(key)]
            word = key[0] if where[-1] == "units" else key[1]
            what = (
                f"{shown(first)} and {shown(theirs[index])} are both our {word}; {shown(first)} goes out, as the first"
            )
            right = "put the one that shall go out first; where they sent the other one, that goes back to them"
            yield loaded.problem((*where, index, "ours"), what, right, warning=True)


def _unknown_code(
    loaded: LoadedProfile, where: Location, code: str, element: str, known: Collection[str]
) -> Iterator[Problem]:
    if known and code not in known:
        what = f"{shown(code)} is no code of X12 element {element}"
        yield loaded.problem(where, what, _meant(code, list(known)), warning=True)


def _meant(code: str, known: Sequence[str]) -> str:
    """The code that was probably meant; lists of qualifiers are too long to be told whole."""
    close = difflib.get_close_matches(code[:SHOWN_CHARACTERS_MAX].upper(), sorted(known), n=1, cutoff=_CLOSE)
    return f"did you mean `{close[0]}`?" if close else "write a code of the list, or keep it if they agreed to it"
