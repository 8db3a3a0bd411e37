"""The order of segments and loops in a transaction set, as a machine that goes forward and never back.

``structure.tsv`` of a release holds one row for each place of a segment (``releases/README.md``): set, loop (the
trigger segments from outside in, parted by ``/``; empty outside loops), loop_max (``min..max`` of the loop, ``n``
unbounded), segment, min, max (uses inside its loop). The first row of a loop is its trigger. LS and LE bound a loop
named ``LS``. A set is a tree of `LoopRule` and `SegmentUse`: `Grammar.root`.

A segment code that has several places in a set is told apart by position alone: from where the reader stands, the
innermost loop is asked first, forward from its present place, then the loop around it, and so on. The first place with
room left is taken; each answer is remembered, so that a segment costs one look-up. A segment that floats is taken where
it stands when nothing ahead asks for it. A test walks every place of every grammar, and lists the few that this rule
reaches only when something else stands between.

What has no place ahead is told in the words of AK304: 1 when the release has no such segment, 6 when the set has none,
7 when one of the open loops had its place before (`Grammar.misplaced`), 2 when the loop that has it is not open.
"""

import functools
import itertools
import operator
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from translators.x12.dictionary import Release, load_release, read_table

UNBOUNDED = sys.maxsize
FLOATING = "F"  # the requirement designator of such segments in the standard


@dataclass(frozen=True, slots=True)
class SegmentUse:
    """A segment at its place in a loop, and how often it must and may stand there.

    A segment that ``floats`` may also stand anywhere else: such were the notes (NTE) of the early releases.
    ``limit`` is how often a partner's agreement lets it stand there (0: not at all). It judges and never places:
    segments find their places by ``max`` alone, so that an agreement cannot change what a segment means. ``agreed``
    says that the agreement alone demands it.
    """

    code: str
    min: int
    max: int
    limit: int | None = None
    agreed: bool = False
    floats: bool = False


@dataclass(slots=True)
class LoopRule:
    """A loop: its items in order, the trigger first. The whole set is a loop with an empty code.

    ``limit`` and ``agreed`` are those of `SegmentUse`.
    """

    code: str
    min: int
    max: int
    parent: "LoopRule | None"
    index: int  # its place among the parent's items
    items: "list[SegmentUse | LoopRule]" = field(default_factory=list)
    limit: int | None = None
    agreed: bool = False

    @property
    def path(self) -> str:
        """The codes of the loops from outside in, parted by ``/``; empty outside of loops."""
        return self.code if self.parent is None or not self.parent.code else f"{self.parent.path}/{self.code}"

    def missing(self, after: int, before: int | None = None) -> tuple["SegmentUse | LoopRule", ...]:
        """The mandatory items between two places."""
        return tuple(item for item in self.items[after + 1 : before] if item.min > 0)


@dataclass(slots=True)
class Move:
    """What placing a segment does.

    Attributes:
        closes: how many loops it leaves.
        place: where the reader stands afterwards.
        opens: it is the trigger of a loop.
        repeats: it uses the same place again; then at most ``max`` uses are allowed.
        missing: mandatory items that were passed over.
        otherwise: the next place for this code when this one is full.
        limit: how many uses a partner's agreement allows, in place of ``max``.
        floats: the reader stays where it stood, whatever was counted there.
    """

    closes: int
    place: "Place"
    opens: bool
    repeats: bool
    max: int
    missing: "tuple[SegmentUse | LoopRule, ...]"
    otherwise: "Move | None" = None
    limit: int | None = None
    floats: bool = False
    plain: bool = field(init=False)  # nothing to look at: no gap, no limit
    room: int = field(init=False)  # so many uses need no look; 0 where something is due in any case
    stays: bool = field(init=False)  # no loop is left or opened, and the use counts

    def __post_init__(self) -> None:
        self.stays = not (self.closes or self.opens or self.floats)
        unlimited = self.limit is None and (not self.repeats or self.max == UNBOUNDED)
        self.plain = unlimited and not self.missing
        limits = [self.max] if self.limit is None else [self.max, self.limit]
        self.room = 0 if self.missing or not self.repeats else min(limits)


class Place:
    """A point in the grammar: in ``loop``, at its item ``index``."""

    __slots__ = ("index", "loop", "moves")

    def __init__(self, loop: LoopRule, index: int) -> None:
        self.loop = loop
        self.index = index
        self.moves: dict[str, Move | None] = {}


class Grammar:
    """The structure of one transaction set in one release.

    Attributes:
        set_type: ST01.
        release: the dictionary of its segments.
        root: the whole set as a loop.
        codes: the segments that have a place in it.
    """

    def __init__(self, set_type: str, release: Release, root: LoopRule) -> None:
        self.set_type = set_type
        self.release = release
        self.root = root
        self.codes = frozenset(_codes(root))
        self._floating = {use.code: use for use in root.items if isinstance(use, SegmentUse) and use.floats}
        self._places: dict[tuple[int, int], Place] = {}
        self.start = self._place(self.root, 0)

    def move(self, place: Place, code: str) -> Move | None:
        """How a segment is placed from here; None when nothing ahead takes it."""
        if code not in self.codes:
            return None
        if code not in place.moves:
            place.moves[code] = self._resolve(place, code)
        return place.moves[code]

    def _place(self, loop: LoopRule, index: int) -> Place:
        return self._places.setdefault((id(loop), index), Place(loop, index))

    def _resolve(self, place: Place, code: str) -> Move | None:
        moves: list[Move] = []
        loop: LoopRule | None = place.loop
        index, closes = place.index, 0
        passed: tuple[SegmentUse | LoopRule, ...] = ()
        while loop is not None:
            # The trigger of the innermost loop is not used again inside it: that would be the loop once more.
            first = index + 1 if closes == 0 and index == 0 else index
            for at in range(first, len(loop.items)):
                item = loop.items[at]
                if item.code == code:
                    between = loop.missing(index, at) if at > index else ()
                    moves.append(self._move(loop, at, closes, repeats=at == index, missing=passed + between))
            passed += loop.missing(index)
            index, loop, closes = loop.index, loop.parent, closes + 1
        floating = self._floating.get(code)
        if floating is not None and (not moves or moves[0].missing):
            return Move(
                closes=0,
                place=place,
                opens=False,
                repeats=False,
                max=floating.max,
                missing=(),
                limit=floating.limit,
                floats=True,
            )
        for move, after in itertools.pairwise(moves):
            move.otherwise = after
        return moves[0] if moves else None

    def _move(
        self, loop: LoopRule, at: int, closes: int, *, repeats: bool, missing: "tuple[SegmentUse | LoopRule, ...]"
    ) -> Move:
        item = loop.items[at]
        opens = isinstance(item, LoopRule)
        place = self._place(item, 0) if isinstance(item, LoopRule) else self._place(loop, at)
        return Move(closes, place, opens, repeats, item.max, missing, limit=item.limit)

    def misplaced(self, place: Place, code: str) -> Move | None:
        """Where a segment that came too late belongs: an earlier place of the open loops, innermost first."""
        loop: LoopRule | None = place.loop
        index, closes = place.index, 0
        while loop is not None:
            for at in range(index - 1, 0, -1):
                if loop.items[at].code == code:
                    return self._move(loop, at, closes, repeats=False, missing=())
            index, loop, closes = loop.index, loop.parent, closes + 1
        return None

    def places(self) -> list[Place]:
        """Every place a reader can stand at."""
        found: list[Place] = []

        def visit(loop: LoopRule) -> None:
            for index, item in enumerate(loop.items):
                if isinstance(item, LoopRule):
                    visit(item)
                else:
                    found.append(self._place(loop, index))

        visit(self.root)
        return found


def _codes(loop: LoopRule) -> Iterator[str]:
    for item in loop.items:
        if isinstance(item, LoopRule):
            yield from _codes(item)
        else:
            yield item.code


def _build(rows: Iterable[list[str]]) -> LoopRule:
    root = LoopRule("", 1, 1, None, 0)
    loops = {"": root}
    for _, path, loop_max, segment, low, high in rows:
        loop = loops.get(path)
        if loop is None:
            outer, _, code = path.rpartition("/")
            least, _, most = loop_max.partition("..")
            parent = loops[outer]
            loop = loops[path] = LoopRule(code, int(least), _maximum(most), parent, len(parent.items))
            parent.items.append(loop)
        floats = low == FLOATING
        loop.items.append(SegmentUse(segment, 0 if floats else int(low), _maximum(high), floats=floats))
    return root


def _maximum(text: str) -> int:
    return UNBOUNDED if text == "n" else int(text)


@functools.cache
def _structures(release: str) -> dict[str, list[list[str]]]:
    rows = read_table(release, "structure")
    return {set_type: [*places] for set_type, places in itertools.groupby(rows, operator.itemgetter(0))}


def set_types(release: str) -> frozenset[str]:
    """The transaction sets (ST01) that have a grammar in a release with tables."""
    return frozenset(_structures(release))


def grammar(set_type: str, release: str) -> Grammar | None:
    """The grammar of a transaction set in a release with tables, or None when it has none."""
    # Only names that exist are remembered: ST01 comes from outside and would fill a cache.
    return _grammar(set_type, release) if set_type in _structures(release) else None


@functools.cache
def _grammar(set_type: str, release: str) -> Grammar:
    return Grammar(set_type, load_release(release), _build(_structures(release)[set_type]))
