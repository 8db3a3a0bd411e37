"""What commands print: JSON for programs, tables and lines for people; colours only where a person looks.

What partners sent is shown with its control characters made visible, so that no content can drive the terminal.
"""

import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

# Where nobody looks, lines are as long as they are: a program that reads them wants no line breaks of ours.
_WIDTH_WITHOUT_TERMINAL = 10_000
STYLES = {
    "accepted": "green",
    "published": "green",
    "posted": "green",
    "ok": "green",
    "active": "green",
    "resolved": "green",
    "accepted_with_errors": "yellow",
    "partially_accepted": "yellow",
    "warning": "yellow",
    "open": "yellow",
    "queued": "cyan",
    "received": "cyan",
    "processing": "cyan",
    "ready": "cyan",
    "rejected": "red",
    "refused": "red",
    "parked": "red",
    "stopped": "red",
    "held": "red",
    "error": "red",
    "suspended": "red",
    "expired": "red",
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
    print_bytes(orjson.dumps(value) + b"\n")


def print_document(value: object) -> None:
    """A JSON document that goes into a file: indented, so that people and version control can read it."""
    print_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


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
    """A table, or a sentence where there is nothing to show."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*[styled(cell) for cell in row])
    if table.row_count:
        _print_table(table)
    else:
        say(empty)


def print_pairs(pairs: Iterable[tuple[str, Cell]]) -> None:
    """Names and values below each other; what has no value is left out."""
    table = Table(box=None, pad_edge=False, show_header=False, show_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None and value != "":
            table.add_row(name, styled(value))
    _print_table(table)


def _print_table(table: Table) -> None:
    target = console()
    with target.capture() as captured:
        target.print(table)
    # A table fills its last column with blanks, which nobody needs.
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


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
    with Progress(*columns, TimeRemainingColumn(), console=console(sys.stderr), transient=True) as bar:
        task = bar.add_task(visible(what), total=total)
        yield lambda done: bar.update(task, completed=done)


def size(number_bytes: int) -> str:
    """A number of bytes for people."""
    value, unit = float(number_bytes), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1_024:  # noqa: PLR2004  # the factor between units
            break
        value, unit = value / 1_024, larger
    return f"{number_bytes:,} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
