import itertools
from collections import Counter

import pytest

from tests.translators.x12.conftest import interchange, pieces_of, sets_of
from translators.guide import ReadingRules
from translators.x12.dictionary import choose_release, load_release, releases
from translators.x12.grammar import UNBOUNDED, LoopRule, grammar, set_types
from translators.x12.reading import GroupClosed

ALL = [(set_type, release) for release in releases() for set_type in sorted(set_types(release))]


def loops_of(loop: LoopRule):
    yield loop
    for item in loop.items:
        if isinstance(item, LoopRule):
            yield from loops_of(item)


def distinct():
    """One release for each structure of a set: what does not differ need not be walked twice."""
    seen = {}
    for set_type, release in ALL:
        loops = loops_of(grammar(set_type, release).root)
        structure = tuple((one.path, one.max, tuple((i.code, i.min, i.max) for i in one.items)) for one in loops)
        seen.setdefault((set_type, structure), release)
    return [(set_type, release) for (set_type, _), release in seen.items()]


DISTINCT = distinct()


# Before 003060 the total AMT stands behind CTT outside any loop, and a loop AMT stands in the header.
TWICE_IN_A_LOOP = {("850", "003050", "", "AMT"), ("860", "003050", "", "AMT")}

# Places behind an inner loop that has a place for the same segment, with nothing mandatory between the two: without
# another segment between them the inner place takes it. A description (PID) or list of codes (LM) then speaks of the
# subline that it follows, and of the line item once the subline is over. No qualifier tells the two apart either;
# later releases have moved the places.
BEHIND_AN_INNER_PLACE = {
    ("830", "002040", "LIN/SLN", "PID"),
    ("830", "003010", "LIN/SLN", "PID"),
    ("861", "003030", "RCD/SLN", "LM"),
}


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


def chain(move):
    """A move and those that stand in for it, one after the other, when its place is full."""
    while move is not None:
        yield move
        can_be_full = move.repeats and move.max < UNBOUNDED
        move = move.otherwise if can_be_full else None


def codes_ahead(place):
    loop, codes = place.loop, set()
    while loop is not None:
        codes.update(item.code for item in loop.items)
        loop = loop.parent
    return codes


@pytest.mark.parametrize(("set_type", "release"), DISTINCT)
def test_every_place_is_reached_by_single_look_ups(set_type, release):
    book = grammar(set_type, release)
    reached = {(id(book.start.loop), book.start.index)}
    waiting = [book.start]
    while waiting:
        place = waiting.pop()
        for code in codes_ahead(place):
            moves = list(chain(book.move(place, code)))
            # A full place has at most one other behind it: nothing to search, nothing to take back.
            assert len(moves) <= 2
            for move in moves:
                key = (id(move.place.loop), move.place.index)
                if key not in reached:
                    reached.add(key)
                    waiting.append(move.place)
            # The first choice never leaves a gap that another would not.
            if moves and moves[0].missing:
                alternatives = []
                move = moves[0].otherwise
                while move is not None:
                    alternatives.append(move)
                    move = move.otherwise
                assert all(move.missing for move in alternatives), (place.loop.path, code)
    assert reached == {(id(place.loop), place.index) for place in book.places()}
    assert book.move(book.start, "ZZZ") is None


def in_order(loop: LoopRule):
    """Each place of a loop, in order; loops that may repeat twice over."""
    for index, item in enumerate(loop.items):
        if isinstance(item, LoopRule):
            for _ in range(min(item.max, 2)):
                yield from in_order(item)
        else:
            yield loop, index


@pytest.mark.parametrize(("set_type", "release"), DISTINCT)
def test_a_set_that_uses_every_place_is_read_as_it_was_meant(set_type, release):
    book = grammar(set_type, release)
    place = book.start
    for loop, index in itertools.islice(in_order(book.root), 1, None):
        move = book.move(place, loop.items[index].code)
        assert move is not None
        assert (move.place.loop.path, move.place.index, move.missing) == (loop.path, index, ())
        place = move.place


def test_what_stands_between_places_of_the_same_segment():
    found = set()
    for set_type, release in ALL:
        for loop in loops_of(grammar(set_type, release).root):
            for index, item in enumerate(loop.items[1:], 1):
                between, inner, outer = loop.missing(index), loop, loop.parent
                while outer is not None:
                    for at in range(inner.index + 1, len(outer.items)):
                        passed = (*between, *outer.missing(inner.index, at))
                        if outer.items[at].code == item.code and not passed:
                            found.add((set_type, release, loop.path, item.code))
                    between, inner, outer = (*between, *outer.missing(inner.index)), outer, outer.parent
    assert found == BEHIND_AN_INNER_PLACE


@pytest.mark.parametrize(("set_type", "release"), ALL)
def test_every_segment_of_a_set_is_in_the_dictionary(set_type, release):
    book = grammar(set_type, release)
    assert book.codes <= set(load_release(release).segments)
    assert [book.root.items[0].code, book.root.items[-1].code] == ["ST", "SE"]


@pytest.mark.parametrize("release", releases())
def test_every_segment_pattern_compiles_and_every_note_binds_elements_that_exist(release):
    for rule in load_release(release).segments.values():
        pattern = rule.pattern(len(rule.elements))
        assert pattern is not None
        assert pattern.fullmatch("ZZZZ") is None
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
        ("004040", "004050", False),
        ("004060", "005010", False),
        ("00406", "005010", False),
        ("004060VICS", "005010", False),
        ("004011", "004020", False),
        ("005020", "005030", False),
        ("002001", "002040", False),
        ("001000", "002040", False),
        ("000000", None, False),
        ("0040", None, False),
        ("4010", None, False),
        ("T", None, False),
        ("VICS", None, False),
        ("", None, False),
        ("٠٠٤٠١٠", None, False),
    ],
)
def test_gs08_chooses_the_release_or_the_next_one_after_it(gs08, name, exact):
    choice = choose_release(gs08)
    assert (choice.name, choice.exact, choice.newer) == (name, exact, False)


@pytest.mark.parametrize("gs08", ["006040", "007010", "00801", "007010VICS", "999999"])
def test_a_release_after_all_tables_gets_the_newest(gs08):
    choice = choose_release(gs08)
    assert (choice.name, choice.exact, choice.newer) == ("006030", False, True)


def group_findings(release, *tolerances):
    body = "BEG*00*SA*1**20260105~PO1*1*5*EA*9.95**VP*AC-1001~CTT*1~"
    pieces = pieces_of(interchange(body, release=release), ReadingRules(tolerances=frozenset(tolerances)))
    found = [
        (finding.code, finding.element, finding.severity.value)
        for piece in pieces
        if isinstance(piece, GroupClosed)
        for finding in piece.findings
    ]
    return found, [one.status.value for one in sets_of(pieces)]


def test_a_release_without_tables_is_read_with_a_finding():
    assert group_findings("005010VICS") == ([], ["accepted"])
    assert group_findings("004060") == ([("2", 8, "warning")], ["accepted"])
    assert group_findings("002001")[0] == [("2", 8, "warning")]
    assert group_findings("007010") == ([("2", 8, "error")], ["rejected"])
    assert group_findings("007010", "newer-release") == ([("2", 8, "warning")], ["accepted"])
    assert group_findings("VICS", "newer-release") == ([("2", 8, "error")], ["rejected"])
