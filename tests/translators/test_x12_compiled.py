"""Straight code for clean segments gives what the tables give, or leaves the segment to them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translators.x12.documents import segments
from translators.x12.documents.compiled import part_taker, values_taker
from translators.x12.documents.filling import Filling, complete
from translators.x12.documents.places import SegmentMap, Take, segment_map, text
from translators.x12.documents.special_segments import SPECIAL_SEGMENTS
from translators.x12.tree import Segment

MAPS = {name: held for name, held in vars(segments).items() if isinstance(held, SegmentMap) and held.places}
VALUES = [
    "", "", " ", "12", "12.5", "-3 ", ".", "1E5", "20260301", "260301", "20261399", "1430", "2599", "20", "EA", " EA",
    "XX", "VP", "00", "ST", "002", "TEXT WITH BLANKS  ", "\x1f", "\N{ARABIC-INDIC DIGIT THREE}", "9" * 40,
    (("EA", "12"),), (("", "A"), ("B",)),
]  # fmt: skip


def by_table(held, elements):
    filling = Filling(SPECIAL_SEGMENTS)
    values = {}
    filling._elements_by_table(held, Segment("DTM", elements, 2, 0, 0), values)
    return values, filling.unmapped or filling.reader.findings


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=40)
@given(elements=st.lists(st.sampled_from(VALUES), max_size=27))
def test_straight_code_gives_what_the_table_gives(name, elements):
    held = MAPS[name]
    take = values_taker(held)
    found = None if take is None else take(elements)
    if found is None:
        return
    expected, left = by_table(held, elements)
    assert not left
    assert found == expected
    if held.of is not None:
        part = part_taker(held)(elements)
        whole = complete(held.of, dict(expected))
        assert part == whole
        assert list(vars(part)) == list(vars(whole))


@pytest.mark.parametrize("name", MAPS)
def test_every_map_without_a_position_becomes_straight_code(name):
    # AK401 is a composite whose components are fields of their own.
    has_position = any(place is not None and place.take is Take.POSITION for place in MAPS[name].places)
    assert (values_taker(MAPS[name]) is None) == has_position


@pytest.mark.parametrize(
    ("name", "text", "fields"),
    [
        ("PO1", "1*10*EA*12.5*PE*VP*A-1*BP*B-1", {"line_id", "quantity", "unit", "unit_price", "product_ids"}),
        ("N1", "ST*STORE 12*92*0012", {"role", "role_code", "name", "identifiers"}),
        ("DTM", "002*20260301*1430", {"qualifier", "label", "date", "time"}),
        ("SAC", "C*D240***1250", {"indicator", "code", "label", "amount"}),
        ("TD1", "CTN25*10****G*120.5*LB", {"packaging_code", "quantity", "weight"}),
        ("SCH", "10*EA***002*20260301*1430", {"quantity", "unit", "unit_as_sent", "dates"}),
        ("MTX", "GEN*ONE*TWO", {"qualifier", "text"}),
        ("N2", "ONE*TWO", {"additional_names"}),
    ],
)
def test_clean_segments_need_no_table(name, text, fields):
    elements = text.split("*")
    found = values_taker(MAPS[name])(elements)
    assert found.keys() >= fields
    assert found == by_table(MAPS[name], elements)[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("REF", ""),
        ("REF", "**"),
        ("REF", "IA*1*A*MORE"),
        ("REF", "IA* "),
        ("PO1", "1*TEN*EA"),
        ("PO1", "1*10*XX"),
        ("PO1", "1*10*EA*1**VP**BP*2"),
        ("DTM", "002*260301"),
        ("DTM", "002*20260230"),
        ("PER", "BD**TE"),
        ("SAC", "C*D240***12.50"),
        ("PO4", "12**EA"),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_table(name, text):
    assert values_taker(MAPS[name])(text.split("*")) is None
    take = part_taker(MAPS[name])
    assert take is None or take(text.split("*")) is None


def test_two_rows_for_one_field_are_left_to_the_table():
    assert values_taker(segment_map(None, text(1, "number"), text(2, "number"))) is None
