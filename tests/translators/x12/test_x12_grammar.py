import itertools
from collections import Counter

import pytest

from translators.x12.dictionary import choose_release, load_release, releases
from translators.x12.grammar import LoopRule, grammar, set_types

ALL = [(set_type, release) for release in releases() for set_type in sorted(set_types(release))]


def loops_of(loop: LoopRule):
    yield loop
    for item in loop.items:
        if isinstance(item, LoopRule):
            yield from loops_of(item)


# Before 003060 the total AMT stands behind CTT outside any loop, and a loop AMT stands in the header.
TWICE_IN_A_LOOP = {("850", "003050", "", "AMT"), ("860", "003050", "", "AMT")}


def test_a_loop_never_holds_one_code_twice():
    # Then a place in the loop that was asked is told by the code alone, without a look at what follows.
    found = {
        (set_type, release, loop.code, code)
        for set_type, release in ALL
        for loop in loops_of(grammar(set_type, release).root)
        for code, count in Counter(item.code for item in loop.items).items()
        if count > 1
    }
    assert found == TWICE_IN_A_LOOP


@pytest.mark.parametrize(("set_type", "release"), ALL)
def test_every_place_can_be_reached_and_the_innermost_one_comes_first(set_type, release):
    book = grammar(set_type, release)
    reached = {(id(book.start.loop), book.start.index)}
    waiting = [book.start]
    while waiting:
        place = waiting.pop()
        for code in book.codes:
            depths = []
            move = book.move(place, code)
            while move is not None:
                depths.append((move.closes, move.place.index))
                key = (id(move.place.loop), move.place.index)
                if key not in reached:
                    reached.add(key)
                    waiting.append(move.place)
                move = move.otherwise
            # Alternatives are asked inner before outer and forward: there is never a choice between two.
            assert all(one < other for one, other in itertools.pairwise(depths)), (code, depths)
    assert reached == {(id(place.loop), place.index) for place in book.places()}


@pytest.mark.parametrize(("set_type", "release"), ALL)
def test_every_segment_of_a_set_is_in_the_dictionary(set_type, release):
    book = grammar(set_type, release)
    assert book.codes <= set(load_release(release).segments)
    assert [book.root.items[0].code, book.root.items[-1].code] == ["ST", "SE"]


@pytest.mark.parametrize("release", releases())
def test_every_segment_pattern_compiles_and_every_note_binds_elements_that_exist(release):
    for rule in load_release(release).segments.values():
        assert rule.pattern.fullmatch("ZZZZ") is None
        assert all(position <= len(rule.elements) for note in rule.notes for position in note.positions), rule.code


def test_tables_are_loaded_once():
    assert grammar("850", "004010") is grammar("850", "004010")
    assert load_release("004010") is load_release("004010")
    assert grammar("999", "004010") is None


@pytest.mark.parametrize(
    ("gs08", "name", "exact"),
    [
        ("004010", "004010", True),
        ("004010VICS", "004010", True),
        ("00401", "004010", True),
        ("005010X231A1", "005010", True),
        ("004060", max(name for name in releases() if name <= "004060"), "004060" in releases()),
        ("999999", releases()[-1], False),
        ("001000", releases()[0], False),
        ("VICS", None, False),
        ("", None, False),
        ("٠٠٤٠١٠", None, False),
    ],
)
def test_gs08_chooses_the_release_or_the_nearest_before_it(gs08, name, exact):
    choice = choose_release(gs08)
    assert (choice.name, choice.exact) == (name, exact)
