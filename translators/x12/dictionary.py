"""One X12 release: its segments, elements, code lists and syntax notes, compiled for checking at speed.

The tables of a release lie in ``releases/RELEASE/`` as tab-separated files:

``elements.tsv``
    element number, name, type (AN ID DT TM R Nn B COMPOSITE), min and max length, codes (none: an open list).
``segments.tsv``
    segment or composite (``C040``), its elements in order, its syntax notes. ``!`` behind an element means mandatory,
    ``x10`` that it may repeat ten times. Notes: P all or none; R at least one; E at most one; C the first present
    demands all others; L the first present demands one of the others (``P0607``: elements 6 and 7).
``structure.tsv``
    read by `translators.x12.grammar`.

A release is read when it is first asked for, and once.
"""

import csv
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Literal

# Releases whose syntax notes were checked against several sources. In the others the notes were carried over from
# 004010: a breach there is told, but rejects nothing.
RELEASES_WITH_OWN_NOTES = frozenset({"004010", "005010"})

BASE_RELEASE_WIDTH = 6
_PRESENCES_REMEMBERED_MAX = 4_096
_ITEM = re.compile(r"(?P<element>\w+?)(?P<required>!?)(?:x(?P<repeat>\d+))?")
_NOTE = re.compile(r"([PRECL])((?:\d\d)+)")

# Control characters are outside every X12 character set; the star stands for the element separator.
TEXT = r"[^\x00-\x1f\x7f*]"
_MONTH_AND_DAY = (
    "(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)|02(?:0[1-9]|1[0-9]|2[0-8]))"
)
_TIME = "(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9][0-9]{0,2})?"
_NEVER = "(?!)"  # leaves the decision to the element by element check

# What a partner's agreement may demand of an element: `translators.x12.overrides`.
Agreed = Literal["required", "not_used", "codes", "length_min", "length_max"]


@dataclass(frozen=True, slots=True)
class Note:
    """A syntax note: its kind and the positions it binds, 1-based."""

    kind: str
    positions: tuple[int, ...]

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

    @property
    def pattern(self) -> str:
        """A regular expression for a value that is present; what it refuses may still be valid (a leap day)."""
        if self.components:
            first, *others = self.components
            more = any(rule.required for rule in others) or self.notes_need_more or "not_used" in first.agreed
            return _NEVER if more else first.pattern
        low, high = self.min, self.max
        if self.type == "DT":
            return {6: "[0-9]{2}", 8: "[0-9]{4}"}.get(high, _NEVER) + _MONTH_AND_DAY
        if self.type == "TM":
            return rf"(?={TEXT}{{{low},{high}}}(?:\*|\Z)){_TIME}"
        if self.type == "R":
            return rf"-?(?:[0-9]{{{low},{high}}}|(?=[0-9.]{{{low + 1},{high + 1}}}(?:\*|\Z))[0-9]*\.[0-9]+)"
        if self.type.startswith("N"):
            return rf"-?[0-9]{{{low},{high}}}"
        blank = r"(?! +(?:\*|\Z))" if self.required else ""  # a mandatory text of blanks alone says nothing
        return rf"{blank}{TEXT}{{{low},{high}}}+"

    @property
    def plain_codes(self) -> frozenset[str]:
        """The code list for a value without separators: of a composite that is its first component."""
        return self.components[0].codes if self.components else self.codes

    @property
    def notes_need_more(self) -> bool:
        """Whether the first component alone may break a note."""
        return any(note.is_broken(b"\x01\x01") for note in self.notes)


class SegmentRule:
    """A segment of the release: its elements, its notes, and the fast check of a whole segment text."""

    def __init__(self, code: str, elements: tuple[ElementRule, ...], notes: tuple[Note, ...]) -> None:
        self.code = code
        self.elements = elements
        self.notes = notes
        # Elements with a closed code list, by their index in the segment text split at its separator.
        self.coded = tuple(
            (index, rule.plain_codes | {""}) for index, rule in enumerate(elements, 1) if rule.plain_codes
        )
        self._presences: dict[bytes, tuple[Note, ...]] = {}

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches a text with stars between plain elements whose presence, types and lengths are right.

        Element by element checking decides about every text that does not match.
        """
        return re.compile(re.escape(self.code) + self._from(0), re.ASCII)

    def _from(self, index: int) -> str:
        if index == len(self.elements):
            return ""
        rule = self.elements[index]
        one = rf"\*{rule.pattern}" if rule.required else rf"\*(?:{rule.pattern})?"
        if "not_used" in rule.agreed:
            one = r"\*"
        rest = one + self._from(index + 1)
        return rest if any(other.required for other in self.elements[index:]) else f"(?:{rest})?"

    def is_clean(self, text: str, parts: list[str]) -> bool:
        """Whether a segment text, with stars between its plain elements, is right beyond doubt.

        ``parts`` is the text split at its separators. False only means that a closer look is due.
        """
        if self.pattern.fullmatch(text) is None or text[-1] == "*":
            return False
        count = len(parts)
        for index, codes in self.coded:
            if index >= count:
                break
            if parts[index] not in codes:
                return False
        return not self.notes or not self.broken_notes(bytes(map(bool, parts)))

    def broken_notes(self, presence: bytes) -> tuple[Note, ...]:
        """The syntax notes broken by elements present (1) and absent (0); index 0 stands for the segment code."""
        known = self._presences.get(presence)
        if known is None:
            if len(self._presences) >= _PRESENCES_REMEMBERED_MAX:
                self._presences.clear()
            known = tuple(note for note in self.notes if note.is_broken(presence))
            self._presences[presence] = known
        return known


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
        self._elements = {row["element"]: _element(row) for row in read_table(name, "elements")}
        rows = {row["segment"]: row for row in read_table(name, "segments")}
        self._composites = {code: self._items(row) for code, row in rows.items() if code in self._elements}
        self._composite_notes = {code: _notes(rows[code]["notes"]) for code in self._composites}
        self.segments = {
            code: SegmentRule(code, self._items(row), _notes(row["notes"]))
            for code, row in rows.items()
            if code not in self._elements
        }

    def codes(self, element: str) -> frozenset[str]:
        """The code list of an element; empty when it is open or unknown here."""
        rule = self._elements.get(element)
        return frozenset() if rule is None else rule.codes

    def _items(self, row: dict[str, str]) -> tuple[ElementRule, ...]:
        return tuple(self._item(text) for text in row["elements"].split())

    def _item(self, text: str) -> ElementRule:
        parts = _ITEM.fullmatch(text)
        if parts is None:
            raise ValueError(f"segments.tsv of release {self.name}: {text!r} is no element")
        base = self._elements[parts["element"]]
        composite = base.type == "COMPOSITE"
        return ElementRule(
            number=base.number,
            name=base.name,
            type=base.type,
            min=base.min,
            max=base.max,
            codes=base.codes,
            required=bool(parts["required"]),
            repeat=int(parts["repeat"] or 1),
            components=self._composites[base.number] if composite else (),
            notes=self._composite_notes[base.number] if composite else (),
        )


def _element(row: dict[str, str]) -> ElementRule:
    return ElementRule(
        number=row["element"],
        name=row["name"],
        type=row["type"],
        min=int(row["min"] or 0),
        max=int(row["max"] or 0),
        codes=frozenset(row["codes"].split()),
    )


def _notes(text: str) -> tuple[Note, ...]:
    return tuple(
        Note(kind, tuple(int(digits[at : at + 2]) for at in range(0, len(digits), 2)))
        for kind, digits in _NOTE.findall(text)
    )


def read_table(release: str, table: str) -> Iterator[dict[str, str]]:
    """The rows of one table of a release, by column; FileNotFoundError for a release without tables."""
    text = resources.files(__package__).joinpath("releases", release, f"{table}.tsv").read_text("utf-8")
    return csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)


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
    """Which tables read a group: those of its own release (``exact``) or those of the nearest; none for nonsense."""

    name: str | None
    exact: bool


def choose_release(gs08: str) -> ReleaseChoice:
    """The tables for GS08: its first six digits (004010VICS is 004010; 00401 too), else the nearest release.

    Nearest is the newest release before it, since a release mostly adds to the one before; the oldest one when
    there is none before. GS08 without five digits at its start has no tables.
    """
    digits = re.match(r"[0-9]{5,6}", gs08, re.ASCII)
    if digits is None:
        return ReleaseChoice(None, exact=False)
    wanted = digits[0].ljust(BASE_RELEASE_WIDTH, "0")
    if wanted in releases():
        return ReleaseChoice(wanted, exact=True)
    before = [name for name in releases() if name < wanted]
    return ReleaseChoice(before[-1] if before else releases()[0], exact=False)
