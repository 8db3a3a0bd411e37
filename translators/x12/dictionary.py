"""One X12 release: its segments, elements, code lists and syntax notes, compiled for checking at speed.

The tables of a release lie in ``releases/RELEASE/`` as tab-separated files (``releases/README.md`` tells their form,
how sure they are, and how to add one):

``elements.tsv``
    element number, name, type, min and max length, codes (none: an open list).
``segments.tsv``
    segment or composite (``C040``), its elements in order, its syntax notes: ``128! 127 352`` and ``R0203``.
``structure.tsv``
    read by `translators.x12.grammar`.

A release is read when it is first asked for, and once: its rows are split then, and an element or segment is made of
its row when it is first met. GS08 names the release (`choose_release`).
"""

import copy
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from translators.guide import STANDARD_VALIDATION, Validation
from translators.x12.character_sets import text_pattern

# Releases whose syntax notes were checked against several sources. In the others the notes were carried over from
# 004010: a breach there is told, but rejects nothing.
RELEASES_WITH_OWN_NOTES = frozenset({"004010", "005010"})

BASE_RELEASE_WIDTH = 6
CHECKS_BEFORE_COMPILING = 4
_COMBINATIONS_REMEMBERED_MAX = 4_096  # for each segment; short strings all of them
_ITEM = re.compile(r"(?P<element>\w+?)(?P<required>!?)(?:x(?P<repeat>\d+))?")
_NOTE = re.compile(r"([PRECL])((?:\d\d)+)(\??)")

_MONTH_AND_DAY = (
    "(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)|02(?:0[1-9]|1[0-9]|2[0-8]))"
)
_TIME = "(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9][0-9]{0,2})?"
_NEVER = "(?!)"  # leaves the decision to the element by element check

# What a partner's agreement may demand of an element: `translators.x12.overrides`.
Agreed = Literal["required", "not_used", "codes", "length_min", "length_max"]


@dataclass(frozen=True, slots=True)
class Note:
    """A syntax note: its kind and the positions it binds, 1-based. A doubtful one is told of and rejects nothing."""

    kind: str
    positions: tuple[int, ...]
    doubtful: bool = False

    def is_broken(self, presence: bytes) -> bool:
        """Whether elements present (1) and absent (0) break the note; index 0 stands for the segment code."""
        present = [position < len(presence) and presence[position] == 1 for position in self.positions]
        match self.kind:
            case "P":
                return any(present) and not all(present)
            case "R":
                return not any(present)
            case "E":
                return sum(present) > 1
            case "C":
                return present[0] and not all(present)
            case _:
                return present[0] and not any(present[1:])

    def __str__(self) -> str:
        return self.kind + "".join(f"{position:02d}" for position in self.positions)


@dataclass(frozen=True, slots=True)
class ElementRule:
    """An element at its place in a segment or composite; a composite has components and their notes.

    ``agreed`` names what a partner's agreement demands beyond the release.
    """

    number: str
    name: str
    type: str
    min: int
    max: int
    codes: frozenset[str]
    required: bool = False
    repeat: int = 1
    components: "tuple[ElementRule, ...]" = ()
    notes: tuple[Note, ...] = ()
    agreed: frozenset[Agreed] = frozenset()

    def pattern(self, validation: Validation = STANDARD_VALIDATION) -> str:
        """A regular expression for a value that is present; what it refuses may still be valid (a leap day)."""
        if self.components:
            first, *others = self.components
            more = any(rule.required for rule in others) or self.notes_need_more or "not_used" in first.agreed
            return _NEVER if more else first.pattern(validation)
        low, high = self.min, self.max
        if self.type == "DT":
            return {6: "[0-9]{2}", 8: "[0-9]{4}"}.get(high, _NEVER) + _MONTH_AND_DAY
        if self.type == "TM":
            return rf"(?=[0-9]{{{low},{high}}}(?:\*|\Z)){_TIME}"
        if self.type == "R":
            return rf"-?(?:[0-9]{{{low},{high}}}|(?=[0-9.]{{{low + 1},{high + 1}}}(?:\*|\Z))[0-9]*\.[0-9]+)"
        return rf"-?[0-9]{{{low},{high}}}" if self.type.startswith("N") else self._text_pattern(validation)

    def _text_pattern(self, validation: Validation) -> str:
        low, high = self.min, self.max
        # The star stands for the element separator; text holds one character for each byte.
        text = text_pattern("any" if self.type == "B" else validation.character_set)
        if validation.spaces != "keep" and self.type != "B":
            return rf"(?! ){text}{{{low},{high}}}+(?<! )"
        blank = r"(?! +(?:\*|\Z))" if self.required else ""  # a mandatory text of blanks alone says nothing
        return rf"{blank}{text}{{{low},{high}}}+"

    @property
    def plain_codes(self) -> frozenset[str]:
        """The code list for a value without separators: of a composite that is its first component."""
        return self.components[0].codes if self.components else self.codes

    @property
    def notes_need_more(self) -> bool:
        """Whether the first component alone may break a note."""
        return any(note.is_broken(b"\x01\x01") for note in self.notes)


class SegmentRule:
    """A segment of the release: its elements, its notes, and the fast check of a whole segment text.

    ``elements`` may be given as a function that is asked when the segment is first met: of the 180 segments of a
    release a purchase order uses twenty. ``validation`` is built into the check, so that judging more strictly takes
    no longer.
    """

    def __init__(
        self,
        code: str,
        elements: tuple[ElementRule, ...] | Callable[[], tuple[ElementRule, ...]],
        notes: tuple[Note, ...],
        validation: Validation = STANDARD_VALIDATION,
    ) -> None:
        self.code = code
        self.notes = notes
        self.validation = validation
        self._given = elements
        self._checks = 0
        self._patterns: dict[int, re.Pattern[str] | None] = {}
        # What the pattern captured of texts that were right.
        self._right: set[tuple[str | None, ...]] = set()

    def judged_by(self, validation: Validation) -> "SegmentRule":
        """The same segment, judged by other settings."""
        return SegmentRule(self.code, lambda: self.elements, self.notes, validation)

    @functools.cached_property
    def elements(self) -> tuple[ElementRule, ...]:
        """The elements in order: ``elements[0]`` is element 1."""
        return self._given() if callable(self._given) else self._given

    def pattern(self, count: int) -> re.Pattern[str] | None:
        """Matches a text with stars between so many plain elements whose presence, types and lengths are right.

        Its groups hold what else decides: the values that have a code list, and nothing (instead of None) for those
        that a syntax note asks for. Element by element checking decides about every text that does not match, and
        about one with more elements than the segment has, or without one that is mandatory.
        """
        if count not in self._patterns:
            self._patterns[count] = self._compiled(count)
        return self._patterns[count]

    def _compiled(self, count: int) -> re.Pattern[str] | None:
        if not 0 < count <= len(self.elements) or any(rule.required for rule in self.elements[count:]):
            return None
        elements = "".join(self._element(index) for index in range(count))
        match self.validation.trailing_separators:
            case "not_allowed":  # a segment ends with an element
                return re.compile(rf"{re.escape(self.code)}{elements}(?<!\*)", re.ASCII)
            case "mandatory" if count < len(self.elements):
                return None
            case _:  # it holds an element
                return re.compile(rf"{re.escape(self.code)}(?=\*+[^*]){elements}", re.ASCII)

    def _element(self, index: int) -> str:
        rule = self.elements[index]
        if "not_used" in rule.agreed:
            return r"\*"
        value = rule.pattern(self.validation)
        if rule.plain_codes:
            value = f"({value})"
        elif any(index + 1 in note.positions for note in self.notes):
            value += "()"
        # An empty alternative costs half of what a question mark behind a group does.
        return rf"\*{value}" if rule.required else rf"\*(?:{value}|)"

    def is_clean(self, text: str, parts: list[str]) -> bool:
        """Whether a segment text, with stars between its plain elements, is right beyond doubt.

        ``parts`` is the text split at its separators. False only means that a closer look is due: the first texts
        of a segment get one without being asked, since compiling the pattern takes as long as fifty closer looks.
        """
        count = len(parts) - 1
        pattern = self._patterns.get(count) or self._worthwhile_pattern(count)
        match = None if pattern is None else pattern.fullmatch(text)
        if match is None:
            return False
        captured = match.groups()
        # Few combinations of codes and presence stand in one file, however long it is.
        return captured in self._right or self._is_right(captured, parts)

    def _worthwhile_pattern(self, count: int) -> re.Pattern[str] | None:
        if self._checks < CHECKS_BEFORE_COMPILING:
            self._checks += 1
            return None
        return self.pattern(count)

    def _is_right(self, captured: tuple[str | None, ...], parts: list[str]) -> bool:
        listed = (
            not rule.plain_codes or not value or value in rule.plain_codes
            for rule, value in zip(self.elements, parts[1:], strict=False)
        )
        if not all(listed):
            return False
        presence = bytes(map(bool, parts))
        if any(note.is_broken(presence) for note in self.notes):
            return False
        if len(self._right) >= _COMBINATIONS_REMEMBERED_MAX:
            self._right.clear()
        self._right.add(captured)
        return True


class Release:
    """The dictionary of one release.

    Attributes:
        name: six digits such as ``004010``.
        segments: segment code -> its rule.
        notes_decide: whether a broken syntax note is an error here.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes_decide = name in RELEASES_WITH_OWN_NOTES
        self._elements = _Elements(name)
        self.segments = {
            row[0]: SegmentRule(row[0], functools.partial(self._elements.sequence, row[1]), notes_of(row[2]))
            for row in self._elements.segment_rows
        }

    def codes(self, element: str) -> frozenset[str]:
        """The code list of an element; empty when it is open or unknown here."""
        return self._elements.codes(element)

    def judged_by(self, validation: Validation) -> "Release":
        """The same release, its segments judged by other settings."""
        if validation == STANDARD_VALIDATION:
            return self
        return _judged(self, validation)

    def with_segments(self, segments: Mapping[str, SegmentRule]) -> "Release":
        """The same release with other segments: what an agreement adds to the standard or takes away."""
        derived = copy.copy(self)
        derived.segments = dict(segments)
        return derived


_JUDGED_REMEMBERED_MAX = 64  # a partner speaks few releases, and most are judged alike


@functools.lru_cache(maxsize=_JUDGED_REMEMBERED_MAX)
def _judged(release: Release, validation: Validation) -> Release:
    return release.with_segments({code: rule.judged_by(validation) for code, rule in release.segments.items()})


class _Elements:
    """The elements and composites of a release, each read when a segment that holds it is first met."""

    def __init__(self, release: str) -> None:
        self._release = release
        self._rows = {row[0]: row for row in read_table(release, "elements")}
        rows = [*read_table(release, "segments")]
        self.segment_rows = [row for row in rows if row[0] not in self._rows]
        self._composites = {row[0]: row for row in rows if row[0] in self._rows}
        # The same element stands in many segments; one rule serves all that agree on presence and repetitions.
        self._rules: dict[str, ElementRule] = {}

    def sequence(self, text: str) -> tuple[ElementRule, ...]:
        """The elements of a segment or composite, as ``segments.tsv`` lists them."""
        return tuple([self._rules.get(item) or self._rule(item) for item in text.split(" ")])

    def codes(self, number: str) -> frozenset[str]:
        if number not in self._rows:
            return frozenset()
        return (self._rules.get(number) or self._rule(number)).codes

    def _rule(self, item: str) -> ElementRule:
        parts = _ITEM.fullmatch(item)
        if parts is None:
            raise ValueError(f"segments.tsv of release {self._release}: {item!r} is no element")
        number, name, kind, low, high, codes = self._rows[parts["element"]]
        composite = self._composites[number] if kind == "COMPOSITE" else None
        rule = ElementRule(
            number=number,
            name=name,
            type=kind,
            min=int(low or 0),
            max=int(high or 0),
            codes=frozenset(codes.split()),
            required=bool(parts["required"]),
            repeat=int(parts["repeat"] or 1),
            components=() if composite is None else self.sequence(composite[1]),
            notes=() if composite is None else notes_of(composite[2]),
        )
        self._rules[item] = rule
        return rule


def notes_of(text: str) -> tuple[Note, ...]:
    """The notes in a text such as ``P0304 R0102``."""
    return tuple(
        Note(kind, tuple(int(digits[at : at + 2]) for at in range(0, len(digits), 2)), bool(doubt))
        for kind, digits, doubt in _NOTE.findall(text)
    )


def read_table(release: str, table: str) -> Iterator[list[str]]:
    """The rows of one table of a release without its header; FileNotFoundError for a release without tables.

    The tables are ours: no cell holds a quote, a tab or a line end, so that splitting reads them, in a tenth of the
    time of `csv`.
    """
    text = resources.files(__package__).joinpath("releases", release, f"{table}.tsv").read_text("utf-8")
    return (line.split("\t") for line in text.split("\n")[1:] if line)


@functools.cache
def releases() -> tuple[str, ...]:
    """The releases that have tables, oldest first."""
    folder = resources.files(__package__).joinpath("releases")
    return tuple(sorted(entry.name for entry in folder.iterdir() if re.fullmatch(r"[0-9]{6}", entry.name)))


@functools.cache
def load_release(name: str) -> Release:
    """The dictionary of a release that has tables; FileNotFoundError for any other."""
    return Release(name)


@dataclass(frozen=True, slots=True)
class ReleaseChoice:
    """Which tables read a group.

    Attributes:
        name: the release whose tables read it; None when GS08 names no release.
        exact: they are those of the release that GS08 names.
        newer: GS08 names a release after all that have tables.
    """

    name: str | None
    exact: bool
    newer: bool = False


def choose_release(gs08: str) -> ReleaseChoice:
    """The tables for GS08: those of its first six digits (004010VICS is 004010; 00401 too), else of the nearest.

    Nearest is the next release after it that has tables, since a release keeps nearly all of the one before: the
    tables of 005010 lack 17 of the codes and one of the segments of 004050, those of 004050 lack 300 codes and three
    segments of 005010. Older tables would refuse what the partner may send; newer ones refuse next to nothing.
    Behind the newest tables there are only older ones: what such a release changed nobody here knows (``newer``).
    GS08 without five digits at its start, or of a version 000, names no release.
    """
    digits = re.match(r"[0-9]{5,6}", gs08, re.ASCII)
    if digits is None or digits[0].startswith("000"):
        return ReleaseChoice(None, exact=False)
    wanted = digits[0].ljust(BASE_RELEASE_WIDTH, "0")
    after = next((name for name in releases() if name >= wanted), None)
    if after is None:
        return ReleaseChoice(releases()[-1], exact=False, newer=True)
    return ReleaseChoice(after, exact=after == wanted)
