"""Numbers, lists, lengths and relations between elements as people read them."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from translators.x12.dictionary import ElementRule, Note
from translators.x12.grammar import UNBOUNDED

_PAIR: Final = 2
_PAIRS_JOINED_MIN: Final = 3
_PLAIN: Final = {
    " ": "blank",
    "\r": "carriage return",
    "\n": "line feed",
    "\t": "tab",
    "*": "asterisk",
    "~": "tilde",
    ">": "greater-than",
    "<": "less-than",
    "^": "circumflex",
    "|": "bar",
    ":": "colon",
    "!": "exclamation mark",
    "'": "apostrophe",
    "+": "plus",
    "\\": "backslash",
    "$": "dollar",
    "U": "letter U",
}
_TYPES: Final = {
    "AN": "text",
    "ID": "code",
    "DT": "date",
    "TM": "time",
    "R": "decimal number",
    "N": "whole number",
    "N0": "whole number",
    "B": "binary",
    "COMPOSITE": "composite",
}


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    if len(words) < 2:  # noqa: PLR2004  # nothing to part
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 document`, `3 documents`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def times(most: int) -> str:
    """How often something may occur."""
    return ">1" if most >= UNBOUNDED else str(most)


def byte_words(number: int) -> str:
    """A size as people say it."""
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if number >= size:
            held = Decimal(number) / size
            exact = held == held.to_integral_value()
            return f"{int(held)} {unit}" if exact else f"{held:.1f} {unit} ({number:,} bytes)"
    return f"{number:,} bytes"


def separator_words(character: str) -> str:
    """A separator as character, name and hexadecimal value."""
    if not character:
        return "none"
    code = f"hex {ord(character):02X}"
    name = _PLAIN.get(character)
    if not character.isprintable() or character == " ":
        return f"{name} ({code})" if name else code
    return f"{character}  {name} ({code})" if name else f"{character}  ({code})"


def type_words(element: ElementRule) -> str:
    """The type of an element in words, such as `decimal number`."""
    kind = element.type
    if kind in _TYPES:
        return _TYPES[kind]
    return f"number, {kind[1:]} implied decimals" if kind.startswith("N") else kind


def length_words(element: ElementRule) -> str:
    """Minimum and maximum length; empty for a composite, whose components have theirs."""
    return "" if element.components else f"{element.min}/{element.max}"


def notes_words(notes: Sequence[Note], segment: str) -> tuple[str, ...]:
    """Syntax notes as sentences; pairs that stand or fall together, of which some segments have ten, in one."""
    pairs = [note for note in notes if note.kind == "P" and len(note.positions) == _PAIR and not note.doubtful]
    if len(pairs) < _PAIRS_JOINED_MIN:
        return tuple(note_words(note, segment) for note in notes)
    joined = ", ".join(" and ".join(f"{segment}{position:02d}" for position in note.positions) for note in pairs)
    others = (note_words(note, segment) for note in notes if note not in pairs)
    return (*others, f"These pairs are sent both or not at all: {joined}.")


def note_words(note: Note, segment: str) -> str:
    """A syntax note as a sentence."""
    names = [f"{segment}{position:02d}" for position in note.positions]
    match note.kind:
        case "P":
            text = f"If one of {listed(names, 'or')} is sent, all of them are."
        case "R":
            text = f"At least one of {listed(names, 'or')} is sent."
        case "E":
            text = f"At most one of {listed(names, 'or')} is sent."
        case "C":
            text = f"If {names[0]} is sent, {listed(names[1:])} {'is' if len(names) == 2 else 'are'}, too."  # noqa: PLR2004
        case _:
            text = f"If {names[0]} is sent, at least one of {listed(names[1:], 'or')} is, too."
    return f"{text} (A breach is told and rejects nothing.)" if note.doubtful else text


def date_words(value: str) -> str | None:
    """CCYYMMDD or YYMMDD as a day people read; None where it is none."""
    if not (value.isascii() and value.isdigit()):
        return None
    form = {8: "%Y%m%d", 6: "%y%m%d"}.get(len(value))
    if form is None:
        return None
    try:
        return f"{dt.datetime.strptime(value, form).replace(tzinfo=dt.UTC):%-d %B %Y}"
    except ValueError:
        return None


def time_words(value: str) -> str | None:
    """HHMM and further as a time people read; None where it is none."""
    if not (value.isascii() and value.isdigit() and len(value) in {4, 6, 7, 8}):
        return None
    hours, minutes, seconds = value[:2], value[2:4], value[4:6]
    if int(hours) > 23 or int(minutes) > 59:  # noqa: PLR2004  # a day's hours, an hour's minutes
        return None
    return f"{hours}:{minutes}" + (f":{seconds}" if seconds else "")


def day_words(at: dt.datetime | dt.date) -> str:
    """A day in a table: 31 March 2027."""
    return f"{at.day} {at:%B %Y}"
