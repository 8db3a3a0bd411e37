"""The tables of segments and loops against the canonical classes and against the releases they are read in."""

import pytest

from translators.documents import (
    DOCUMENTS,
    Level,
    OrderStatus,
    StatusLevel,
    StatusLine,
)
from translators.shapes import shape
from translators.x12.dictionary import load_release, releases
from translators.x12.documents import OWNERS
from translators.x12.documents.eras import in_release
from translators.x12.documents.places import Take
from translators.x12.grammar import grammar, set_types
from translators.x12.sets import DOCUMENT_TYPES

DOCUMENT_TABLES = [(DOCUMENTS[DOCUMENT_TYPES[set_type]], owner) for set_type, owner in OWNERS.items()]


def names_of(place):
    match place.take:
        case Take.BESIDE:
            return set()
        case Take.POSITION:
            return {"element", "component", "repetition"}
        case Take.WORD:
            return {place.field, place.code_field}
        case Take.UNIT:
            return {place.field, f"{place.field}_as_sent"}
        case Take.TEXT if place.code_list:
            return {place.field, "label"}
    return {place.field}


def misnamed(of, owner, seen):
    """Fields that the tables name and the classes do not have."""
    if (of, id(owner)) in seen:
        return
    seen.add((of, id(owner)))
    for code, slot in owner.items():
        held = of
        if slot.special == "level":
            held = StatusLevel if of in {OrderStatus, StatusLevel} else Level
        elif of is StatusLevel and slot.field == "lines":
            held = StatusLine  # the report gathers the lines of all levels
        elif slot.field:
            if slot.field not in shape(of).fields:
                yield f"{of.__name__}.{slot.field} of {code}"
                continue
            held = shape(of).fields[slot.field].type
            assert slot.segment.of in {None, held}
        filled = slot.segment.of if slot.segment.into else held
        names = {name for place in slot.segment.places if place is not None for name in names_of(place)}
        yield from (f"{filled.__name__}.{name} of {code}" for name in names - shape(filled).fields.keys())
        yield from misnamed(held, slot.inner, seen)


@pytest.mark.parametrize("release", ["003070", "004010"])
@pytest.mark.parametrize(("of", "owner"), DOCUMENT_TABLES, ids=lambda value: getattr(value, "__name__", ""))
def test_every_field_that_a_table_names_exists(of, owner, release):
    assert list(misnamed(of, in_release(owner, release), set())) == []


def test_every_canonical_document_has_a_table_and_every_set_a_document():
    assert OWNERS.keys() == DOCUMENT_TYPES.keys()
    assert {of.document_type for of, _ in DOCUMENT_TABLES} == set(DOCUMENTS)
    for release in releases():
        assert set_types(release) <= DOCUMENT_TYPES.keys()


# The types of elements that each way of taking may meet; numbers of the envelope are kept as texts.
TYPES = {
    Take.TEXT: {"AN", "ID", "N0"},
    Take.WORD: {"ID"},
    Take.NUMBER: {"R", "N0"},
    Take.MEASURE: {"R", "N0"},
    Take.INTEGER: {"N0"},
    Take.IMPLIED_2: {"N2"},
    Take.DATE: {"DT"},
    Take.DATED: {"DT"},
    Take.TIME: {"TM"},
    Take.UNIT: {"ID"},
    Take.TEXTS: {"AN", "ID"},
    Take.PARAGRAPH: {"AN"},
    Take.CODED_ID: {"AN", "ID"},
    Take.POSITION: {"N0"},
}


def maps_of(owner, seen):
    for code, slot in owner.items():
        yield code, slot.segment
        if id(slot.inner) not in seen:
            seen.add(id(slot.inner))
            yield from maps_of(slot.inner, seen)


def mistaken(set_type, owner, release):
    """Rows that take an element for another type than the release gives it, or that the release does not have."""
    segments = load_release(release).segments
    codes = grammar(set_type, release).codes
    for code, segment_map in maps_of(in_release(owner, release), set()):
        if code not in codes:
            continue
        elements = segments[code].elements
        for place in segment_map.places:
            if place is None or place.take is Take.BESIDE or place.element > len(elements):
                continue
            rule = elements[place.element - 1]
            held = rule.components[0].type if rule.components else rule.type
            if held not in TYPES[place.take]:
                yield f"{code}{place.element:02} is {held}, taken as {place.take.name}"


@pytest.mark.parametrize("release", releases())
def test_every_element_is_taken_as_what_the_release_says_it_is(release):
    wrong = {found for set_type in set_types(release) for found in mistaken(set_type, OWNERS[set_type], release)}
    assert wrong == set()
