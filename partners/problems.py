"""What is wrong in a partner's files, with the line it stands on and what would be right."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

SHOWN_CHARACTERS_MAX = 60

Location = tuple[str | int, ...]  # keys and list indexes from the root of a profile
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text file, line and column counted from 1 as editors do, columns in characters.

    `file` is empty for the profile itself, else the template or overlay that the value comes from.
    """

    line: int = 1
    column: int = 1
    file: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in one file.

    Attributes:
        file: the file as the operator named it, or relative to the profile's folder for stored profiles.
        line: from 1.
        column: from 1, in characters.
        field: dotted path such as ``as2.certificates[0].file``; empty for the whole file.
        what: what is wrong, in words for a person.
        would_be_right: what to write instead.
        severity: a warning leaves the profile usable.
    """

    file: str
    line: int
    column: int
    field: str
    what: str
    would_be_right: str
    severity: Severity = "error"

    def __str__(self) -> str:
        warning = "warning: " if self.severity == "warning" else ""
        return f"{self.file}:{self.line}:{self.column}: {warning}{self.what}; {self.would_be_right}"

    def as_json(self) -> dict[str, object]:
        """The problem as commands show it."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "field": self.field,
            "severity": self.severity,
            "what": self.what,
            "would_be_right": self.would_be_right,
        }


def dotted(location: Location) -> str:
    """A field path as people write it: ``("as2", "certificates", 0)`` is ``as2.certificates[0]``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{_escaped(part)}"
    return text.removeprefix(".")


def _escaped(text: str) -> str:
    """What somebody wrote as a key, without control characters and cut where it is long."""
    escaped = repr(text)[1:-1]
    return f"{escaped[:SHOWN_CHARACTERS_MAX]}..." if len(escaped) > SHOWN_CHARACTERS_MAX else escaped


def shown(value: object) -> str:
    """A value for a message: quoted, control characters escaped, cut where it is long."""
    return f"`{_escaped(str(value))}`"


def one_of(wrong: str, known: Iterable[str]) -> str:
    """What would be right where only certain names are: the one that was probably meant, or all of them."""
    names = list(known)
    # Matching costs the square of the length: a key of thousands of letters is no typing mistake.
    close = difflib.get_close_matches(wrong[:SHOWN_CHARACTERS_MAX].lower(), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"use one of: {', '.join(names)}" if names else "remove it"
