"""What commands print: JSON for programs, tables and lines for people; colours only where a person looks.

What partners sent is shown with its control characters made visible, so that no content can drive the terminal.
"""

import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO

import orjson
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from gateway.json_text import json_bytes

PROGRESS_BYTES_MIN = 4_194_304  # of a file

# Where nobody looks, lines are as long as they are: a program that reads them wants no line breaks of ours.
_WIDTH_WITHOUT_TERMINAL = 1_000_000
_LAST_COLUMN_WIDTH_MIN = 30
_GAP = "  "
_BELOW = "    "
STYLES = {
    "accepted": "green",
    "published": "green",
    "posted": "green",
    "ok": "green",
    "live": "green",
    "resolved": "green",
    "delivered": "green",
    "accepted_with_errors": "yellow",
    "partially_accepted": "yellow",
    "warning": "yellow",
    "open": "yellow",
    "testing": "cyan",
    "skipped": "yellow",
    "queued": "cyan",
    "received": "cyan",
    "processing": "cyan",
    "ready": "cyan",
    "sending": "cyan",
    "awaiting_receipt": "cyan",
    "rejected": "red",
    "refused": "red",
    "parked": "red",
    "stopped": "red",
    "held": "red",
    "error": "red",
    "failed": "red",
    "suspended": "red",
    "expired": "red",
    "given_up": "red",
}

Cell = str | int | None
Advance = Callable[[int], None]  # gets how much is done by now


def console(stream: TextIO | None = None) -> Console:
    """Where a person reads; rich obeys NO_COLOR and knows whether it is a terminal."""
    target = stream if stream is not None else sys.stdout
    width = None if target.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(file=target, width=width, highlight=False, markup=False, emoji=False)


def print_json(value: object) -> None:
    """One JSON object on one line."""
    print_bytes(json_bytes(value) + b"\n")


def print_document(value: object) -> None:
    """A JSON document that goes into a file: indented, so that people and version control can read it."""
    print_bytes(json_bytes(value, option=orjson.OPT_INDENT_2) + b"\n")


def print_bytes(data: bytes) -> None:
    """Bytes as they are, in order with the text printed before."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def visible(value: object) -> str:
    """A value as text without control characters: each is shown as its escape."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    # Cc: controls; Cf: bidirectional overrides and the like; Cs, Cn, Co: no characters; Zl, Zp: line ends.
    if character == " " or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}:
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def styled(value: Cell) -> Text:
    """A cell; words for states have their colour."""
    text = visible(value)
    return Text(text, style=STYLES.get(text, ""))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Cell]], *, empty: str) -> None:
    """A table, or a sentence where there is nothing to show.

    Nothing but the last column is ever broken, so that ids can be copied; where a terminal is too narrow for it, what
    stands in it goes below its row.
    """
    held = [list(row) for row in rows]
    if not held:
        say(empty)
        return
    target = console()
    widths = [max(cell_len(visible(cell)) for cell in column) for column in zip(headings, *held, strict=True)]
    before = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    room = target.width - before
    is_below = room < min(widths[-1], _LAST_COLUMN_WIDTH_MIN)
    heading = _joined([Text(name.ljust(width)) for name, width in zip(headings, widths, strict=True)])
    heading.stylize("bold")
    heading.rstrip()
    target.print(heading, soft_wrap=True)
    for row in held:
        line = _joined([_padded(cell, width) for cell, width in zip(row[:-1], widths, strict=False)])
        last, indentation = visible(row[-1]), len(_BELOW) if is_below else before
        pieces = textwrap.wrap(last, target.width - indentation, break_on_hyphens=False) if last else []
        if pieces and not is_below:
            line = _joined([line, Text(pieces.pop(0), style=STYLES.get(last, ""))])
        line.rstrip()
        target.print(line, soft_wrap=True)
        for piece in pieces:
            target.print(Text(" " * indentation + piece), soft_wrap=True)


def _padded(cell: Cell, width: int) -> Text:
    text = styled(cell)
    blanks = " " * (width - cell_len(text.plain))
    return Text.assemble(blanks, text) if isinstance(cell, int) else Text.assemble(text, blanks)


def _joined(texts: Sequence[Text]) -> Text:
    return Text(_GAP).join(texts)


def print_pairs(pairs: Iterable[tuple[str, Cell]]) -> None:
    """Names and values below each other; what has no value is left out."""
    held = [(name, value) for name, value in pairs if value is not None and value != ""]
    width = max((cell_len(name) for name, _ in held), default=0)
    for name, value in held:
        console().print(Text.assemble((name.ljust(width), "bold"), _GAP, styled(value)), soft_wrap=True)


def say(text: str = "", style: str = "") -> None:
    """A line on standard output."""
    console().print(Text(visible(text), style=style), soft_wrap=True)


def note(text: str) -> None:
    """A line beside the result, on standard error."""
    console(sys.stderr).print(Text(visible(text), style="dim"), soft_wrap=True)


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """A bar on standard error while something long goes on; nothing where nobody looks."""
    if not sys.stderr.isatty() or total <= 0:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    # What is printed meanwhile goes above the bar on a terminal, and nowhere but to its file otherwise.
    shared = sys.stdout.isatty()
    bar = Progress(*columns, TimeRemainingColumn(), console=console(sys.stderr), transient=True, redirect_stdout=shared)
    with bar:
        task = bar.add_task(visible(what), total=total)
        yield lambda done: bar.update(task, completed=done)


def file_progress(name: str, size_bytes: int) -> AbstractContextManager[Advance]:
    """A bar while a file is read; over one that is read at once it would only flicker."""
    return progress(name, size_bytes if size_bytes >= PROGRESS_BYTES_MIN else 0)


def counted(number: int, noun: str) -> str:
    """`1 error`, `3 errors`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def size(number_bytes: int) -> str:
    """A number of bytes for people."""
    value, unit = float(number_bytes), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1_024:  # noqa: PLR2004  # the factor between units
            break
        value, unit = value / 1_024, larger
    return f"{number_bytes:,} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
