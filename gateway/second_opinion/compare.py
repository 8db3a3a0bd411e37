"""Where our validator and pyx12 disagree about a file, and why, where that is known by rule.

Both speak of the same segment when they speak of the same offset. They agree when both object to the same thing there:
the same element, whatever the words (pyx12 tells of every fault of a value, we tell the first), or the same kind of
fault of the segment. What only one of them says is a disagreement.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway.second_opinion.explanations import Case, explain, is_floating
from gateway.second_opinion.judge import JUDGE, Judgment, judge
from gateway.second_opinion.maps import Maps
from gateway.second_opinion.observations import ELEMENT_KINDS, SAID_ONCE, Kind, Observation, Unjudged
from translators.findings import Finding, Level
from translators.guide import ReadingRules
from translators.source import Source
from translators.x12.delimiters import Delimiters, IsaText
from translators.x12.reader import read
from translators.x12.reading import SetRead

FINDINGS_PER_SET_MAX = 10_000
DISAGREEMENTS_MAX = 10_000
_LAST_SEGMENT_BYTES = 65_536

# What the codes of our findings mean, level by level. Codes without an entry are something else.
_KINDS = {
    Level.ELEMENT: ELEMENT_KINDS,
    Level.SEGMENT: {
        "1": Kind.PLACE,
        "2": Kind.PLACE,
        "3": Kind.SEGMENT_MISSING,
        "4": Kind.USES,
        "5": Kind.USES,
        "6": Kind.PLACE,
        "7": Kind.PLACE,
        "8": Kind.TRAILING_SEPARATORS,
    },
    Level.TRANSACTION_SET: {
        "2": Kind.TRAILER_MISSING,
        "3": Kind.CONTROL_NUMBER,
        "4": Kind.COUNT,
        "23": Kind.DUPLICATE,
    },
    Level.GROUP: {
        "3": Kind.TRAILER_MISSING,
        "4": Kind.CONTROL_NUMBER,
        "5": Kind.COUNT,
        "19": Kind.DUPLICATE,
    },
    Level.INTERCHANGE: {
        "001": Kind.CONTROL_NUMBER,
        "021": Kind.COUNT,
        "022": Kind.PLACE,
        "023": Kind.TRAILER_MISSING,
        "025": Kind.DUPLICATE,
    },
}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What one of the two says and the other does not.

    Attributes:
        where: set, segment and element, for people.
        byte_offset: of the segment.
        ours: what we say, None when we say nothing.
        theirs: what pyx12 says, None when it says nothing.
        explanation: why they differ, where that is known.
    """

    where: str
    byte_offset: int
    ours: Observation | None
    theirs: Observation | None
    explanation: str | None

    def as_json(self) -> dict[str, object]:
        """The disagreement as `gateway validate` shows it."""
        return {
            "where": self.where,
            "byte_offset": self.byte_offset,
            "ours": _as_json(self.ours),
            "theirs": _as_json(self.theirs),
            "explanation": self.explanation,
        }


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """The two side by side.

    Attributes:
        segments: how many segments pyx12 read.
        agreements: how many faults both see.
        disagreements: what only one of them sees.
        omitted: how many more of those there are.
        unjudged: what pyx12 could not judge; our findings there are not compared.
    """

    segments: int
    agreements: int
    disagreements: tuple[Disagreement, ...]
    omitted: int
    unjudged: tuple[Unjudged, ...]

    def as_json(self) -> dict[str, Any]:
        """The member ``second_opinion`` of `gateway validate`."""
        return {
            "judge": JUDGE,
            "judged": self.segments,
            "could_not_judge": [
                {
                    "byte_offset": one.start,
                    "bytes": one.end - one.start,
                    "reason": f"{JUDGE} could not judge: {one.reason}",
                }
                for one in self.unjudged
            ],
            "agreements": self.agreements,
            "disagreements": [one.as_json() for one in self.disagreements],
            "disagreements_omitted": self.omitted,
        }


def second_opinion(data: Source, maps: Maps | None = None) -> SecondOpinion:
    """Have pyx12 judge a file beside us; nothing is raised, whatever the bytes are."""
    judgment = judge(data, maps)
    if not judgment.starts:
        return SecondOpinion(0, 0, (), 0, tuple(judgment.unjudged))
    sets: list[SetRead] = []
    unjudged = _Ranges(judgment.unjudged, len(data))
    everything = list(_ours(data, judgment, sets))
    ours = [one for offset, one in everything if offset not in unjudged and one.start not in unjudged]
    theirs = [one for one in judgment.observations if one.start not in unjudged]
    places = _Places(data, judgment, sets)
    all_of_both = (*(one for _, one in everything), *judgment.observations)
    broken = {places.interchange(one).start for one in all_of_both if _breaks_envelope(one)}
    return _compare(judgment, ours, theirs, places, broken)


class _Ranges:
    """Which bytes pyx12 did not judge."""

    def __init__(self, unjudged: list[Unjudged], length: int) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for one in sorted(unjudged, key=lambda one: one.start):
            end = one.end + (one.end == length)  # what is missing at the end of the file is told behind it
            if self._ends and one.start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(one.start)
                self._ends.append(end)

    def __contains__(self, offset: int) -> bool:
        at = bisect_right(self._starts, offset) - 1
        return at >= 0 and offset < self._ends[at]


def _ours(data: Source, judgment: Judgment, sets: list[SetRead]) -> Iterator[tuple[int, Observation]]:
    """Our findings with their offsets, each at the segment that pyx12 read there or before."""
    for piece in read(data, ReadingRules(findings_per_set_max=FINDINGS_PER_SET_MAX)):
        if isinstance(piece, SetRead):
            piece.tree = None  # a file's worth of trees would be many
            sets.append(piece)
        for finding in getattr(piece, "findings", ()):
            offset = finding.byte_offset or 0
            # No element begins where a segment does: what is missing at the end of one is told right behind it.
            place = offset - (finding.level is Level.ELEMENT)
            at = bisect_right(judgment.starts, place) - 1
            if finding.level is not Level.FILE and at >= 0:
                yield place, _observation(finding, judgment.starts[at])


def _observation(finding: Finding, start: int) -> Observation:
    kind = _KINDS.get(finding.level, {}).get(finding.code, Kind.OTHER)
    if "used before" in finding.message:
        kind = Kind.DUPLICATE  # older releases have no code of their own for it
    elif kind is Kind.TRAILING_SEPARATORS and finding.element is None:
        kind = Kind.EMPTY
    elif finding.code == "022" and finding.segment == "IEA":
        kind = Kind.TRAILER_MISSING
    return Observation(
        start,
        finding.segment or "",
        finding.element,
        finding.component,
        kind,
        str(finding.code),
        finding.message,
        finding.value,
    )


def _compare(
    judgment: Judgment,
    ours: list[Observation],
    theirs: list[Observation],
    places: "_Places",
    broken: set[int],
) -> SecondOpinion:
    agreements = omitted = 0
    disagreements: list[Disagreement] = []
    theirs_at, ours_at = _by_start(theirs), _by_start(ours)
    diverged: int | None = None  # the set in which the two stand at different places
    for start in sorted(ours_at.keys() | theirs_at.keys()):
        here, there = tuple(ours_at.get(start, ())), tuple(theirs_at.get(start, ()))
        ours_said, theirs_said = _said(here), _said(there)
        agreements += len(ours_said & theirs_said)
        set_start = places.set_start(start)
        for one, is_ours in (*((one, True) for one in here), *((one, False) for one in there)):
            if (theirs_said if is_ours else ours_said).isdisjoint(_keys(one)):
                isa = places.interchange(one)
                case = Case(
                    one=one,
                    ours=here,
                    theirs=there,
                    diverged=set_start is not None and diverged == set_start,
                    outside=set_start is None,
                    broken=isa.start in broken,
                    elements=places.elements(start, isa.delimiters),
                    before=places.before(start, isa.delimiters),
                    delimiters=isa.delimiters,
                )
                why = explain(case, is_ours=is_ours)
                disagreements.append(
                    Disagreement(places.name(one), start, one if is_ours else None, None if is_ours else one, why)
                )
        if any(one.kind is Kind.PLACE and not is_floating(one, here) for one in (*here, *there)):
            diverged = set_start
        if len(disagreements) > DISAGREEMENTS_MAX:
            omitted += len(disagreements) - DISAGREEMENTS_MAX
            del disagreements[DISAGREEMENTS_MAX:]
    return SecondOpinion(len(judgment.starts), agreements, tuple(disagreements), omitted, tuple(judgment.unjudged))


def _breaks_envelope(one: Observation) -> bool:
    """Whether what is observed leaves the two at different places of the envelopes."""
    is_stray = one.code == "022" or "stands in no transaction set" in one.message
    return is_stray or one.kind is Kind.TRAILER_MISSING


def _by_start(observations: Iterable[Observation]) -> dict[int, list[Observation]]:
    found: dict[int, list[Observation]] = {}
    for one in observations:
        found.setdefault(one.start, []).append(one)
    return found


def _keys(one: Observation) -> set[tuple[object, ...]]:
    """What an observation speaks of, however it is worded."""
    if one.kind in {Kind.SEGMENT_MISSING, Kind.USES}:
        return {(one.kind, one.segment)}
    keys: set[tuple[object, ...]] = set()
    if one.kind in SAID_ONCE:
        keys.add((one.kind,))
    if one.element is not None:
        keys.add((one.element, one.component))
    return keys or {(one.kind, None)}


def _said(observations: Iterable[Observation]) -> set[tuple[object, ...]]:
    return {key for one in observations for key in _keys(one)}


class _Places:
    """What stands where, and its name for people."""

    def __init__(self, data: Source, judgment: Judgment, sets: list[SetRead]) -> None:
        self._data = data
        self._judgment = judgment
        self._starts = judgment.starts
        self._sets = sets
        self._set_starts = [one.start for one in sets]

    def interchange(self, one: Observation) -> IsaText:
        """The interchange that an observation stands in."""
        return self._judgment.interchange_at(one.start)

    def elements(self, start: int, delimiters: Delimiters) -> tuple[str, ...]:
        """The texts of a segment between its separators, its code first."""
        at = bisect_right(self._starts, start)
        end = self._starts[at] if at < len(self._starts) else start + _LAST_SEGMENT_BYTES
        text = str(self._data[start:end], "latin-1").split(delimiters.terminator, 1)[0]
        return tuple(text.split(delimiters.element))

    def before(self, start: int, delimiters: Delimiters) -> str:
        """The code of the segment before one."""
        at = bisect_right(self._starts, start) - 2
        return self.elements(self._starts[at], delimiters)[0] if at >= 0 else ""

    def set_start(self, start: int) -> int | None:
        """Where the set begins that a segment stands in."""
        at = bisect_right(self._set_starts, start) - 1
        return self._set_starts[at] if at >= 0 and start < self._sets[at].end else None

    def name(self, one: Observation) -> str:
        """``850 0001 segment 3 BEG02``."""
        element = "" if one.element is None else f"{one.element:02d}"
        component = "" if one.component is None else f"-{one.component}"
        named = f"{one.segment}{element}{component}"
        at = bisect_right(self._set_starts, one.start) - 1
        if at < 0 or one.start >= self._sets[at].end:
            return named
        found = self._sets[at]
        number = bisect_right(self._starts, one.start) - bisect_right(self._starts, found.start) + 1
        return f"{found.type} {found.control_number} segment {number} {named}"


def _as_json(one: Observation | None) -> dict[str, object] | None:
    return (
        None if one is None else {"code": one.code, "kind": one.kind.value, "value": one.value, "message": one.message}
    )
