"""Tables of identifiers beside a profile: CSV with their names and ours, read within limits.

    theirs,ours,description
    A-100,4711,Bolt M8
    A-200,4712,Nut M8

The header names the columns, in any order and case: `theirs` and `ours` are read, `preferred` marks the one of several
of theirs that goes out for the same one of ours; all others are for people. Cells stand between `,` or `;`, as the
header has it, in quotes where they hold one. Upper and lower case and leading zeros count, blanks around a cell do not.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

from partners.problems import Problem, Severity, one_of, shown

ROWS_MAX: Final = 100_000
CELL_CHARACTERS_MAX: Final = 200  # the longest identifier that is read anywhere
TABLE_BYTES_MAX: Final = 2_097_152
COLUMNS_MAX: Final = 100
FAULTS_MAX: Final = 100

_THEIRS, _OURS, _PREFERRED = "theirs", "ours", "preferred"
_NEEDED: Final = (_THEIRS, _OURS)
_MARKS: Final = frozenset({"yes", "true", "x", "1"})
_NO_MARKS: Final = frozenset({"", "no", "false", "0"})
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a table, or a warning about it; line and column count from 1, columns in characters."""

    line: int
    column: int
    what: str
    would_be_right: str
    severity: Severity = "error"

    def problem(self, file: str, where: str) -> Problem:
        """The fault with the table's file, and the field of the profile that names it."""
        return Problem(file, self.line, self.column, where, self.what, self.would_be_right, self.severity)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Table:
    """A table of identifiers.

    Attributes:
        digest: SHA-256 of the file, in hex.
        ours: each of theirs in our words.
        theirs: each of ours in their words: of several the one that is marked, else the first.
        warnings: what leaves the table usable.
    """

    digest: str
    ours: dict[str, str] = field(compare=False, repr=False)
    theirs: dict[str, str] = field(compare=False, repr=False)
    warnings: tuple[Fault, ...] = field(compare=False, default=())

    def __len__(self) -> int:
        """The pairs in it."""
        return len(self.ours)


# A profile is loaded again with every change of any of its files, and unpacked for each message that started with it:
# a table that somebody holds is not read again.
_HELD: "WeakValueDictionary[str, Table]" = WeakValueDictionary()


def read_table(data: bytes) -> Table | tuple[Fault, ...]:
    """The table that a file holds, or what is wrong with it, each fault with its place; nothing is raised."""
    digest = hashlib.sha256(data).hexdigest()
    held = _HELD.get(digest)
    if held is not None:
        return held
    text = _text(data)
    if isinstance(text, Fault):
        return (text,)
    reader = _Reader(text)
    try:
        reader.read()
    except csv.Error as error:
        reader.fault(1, f"not CSV: {error}", "double a quote inside quotes, and close each")
    wrong = tuple(item for item in reader.faults if item.severity == "error")
    if wrong:
        return wrong[:FAULTS_MAX]
    _HELD[digest] = table = Table(digest, reader.ours, reader.theirs, tuple(reader.faults[:FAULTS_MAX]))
    return table


def _text(data: bytes) -> str | Fault:
    if len(data) > TABLE_BYTES_MAX:
        return Fault(1, 1, f"the table has more than {TABLE_BYTES_MAX:,} bytes", "keep only the pairs that are used")
    if data.startswith(b"PK\x03\x04"):
        return Fault(1, 1, "this is a workbook, no CSV", "save it as `CSV UTF-8`")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Fault(1, 1, "the table is UTF-16", "save it as `CSV UTF-8`")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        column = len(before) - before.rfind("\n")
        what = f"byte 0x{data[error.start]:02x} is not UTF-8"
        return Fault(before.count("\n") + 1, column, what, "save it as `CSV UTF-8`")
    found = _CONTROL.search(text)
    if found is not None:
        before = text[: found.start()]
        what = f"the control character 0x{ord(found[0]):02x} stands in no table of identifiers"
        return Fault(before.count("\n") + 1, len(before) - before.rfind("\n"), what, "remove it, or save it as CSV")
    return text


def _is_fine(value: str) -> bool:
    return 0 < len(value) <= CELL_CHARACTERS_MAX and "\n" not in value and "\r" not in value


class _Reader:
    """Reads one table; `faults` hold what is wrong in the order of the lines."""

    def __init__(self, text: str) -> None:
        self.ours: dict[str, str] = {}
        self.theirs: dict[str, str] = {}
        self.faults: list[Fault] = []
        self._lines = list(io.StringIO(text, newline=""))  # as editors count them
        self._line = 0
        self._first_line: dict[str, int] = {}  # of theirs
        self._preferred: dict[str, int] = {}  # of ours, the line that marks one of theirs
        self._doubtful: dict[str, int] = {}  # of ours, the line of the second of theirs
        head = next((line for line in self._lines if line.strip()), "")
        self._delimiter = ";" if head.count(";") > head.count(",") else ","

    def fault(self, column: int, what: str, right: str, severity: Severity = "error", line: int | None = None) -> None:
        """Keeps a fault of the present line, or of another."""
        if len(self.faults) < 2 * FAULTS_MAX:
            self.faults.append(Fault(self._line if line is None else line, column, what, right, severity))

    def read(self) -> None:
        """The whole table, as far as it can be understood."""
        rows = self._rows()
        self._line, header = next(rows, (1, []))
        columns = self._columns(header)
        if columns is None:
            return
        theirs_at, ours_at = columns[_THEIRS], columns[_OURS]
        is_plain, width = _PREFERRED not in columns, max(theirs_at, ours_at)
        for count, (line, cells) in enumerate(rows):
            if count == ROWS_MAX:
                self._line = line
                self.fault(1, f"more than {ROWS_MAX:,} pairs", "keep only the pairs that are used")
                return
            # Most rows are a new pair and nothing else.
            if is_plain and width < len(cells):
                theirs, ours = cells[theirs_at].strip(), cells[ours_at].strip()
                if _is_fine(theirs) and _is_fine(ours) and theirs not in self.ours and ours not in self.theirs:
                    self.ours[theirs], self.theirs[ours] = ours, theirs
                    self._first_line[theirs] = line
                    continue
            self._line = line
            self._row(cells, columns)
        for ours, line in self._doubtful.items():
            if ours not in self._preferred:
                what = f"several of theirs are our {shown(ours)}; {shown(self.theirs[ours])} goes out, as the first"
                self.fault(1, what, "mark the one that shall go out in a column `preferred`", "warning", line)

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Every row that holds something, with the line it begins in."""
        reader = csv.reader(self._lines, delimiter=self._delimiter, strict=True)
        line = 1
        try:
            for cells in reader:
                if any(cells) and any(cell.strip() for cell in cells):
                    yield line, cells
                line = reader.line_num + 1
        except csv.Error:
            self._line = line
            raise

    def _columns(self, header: Sequence[str]) -> dict[str, int] | None:
        names = [cell.strip().lower() for cell in header]
        right = "begin the file with the line `theirs,ours`"
        if not names:
            self.fault(1, "the table is empty", right)
            return None
        if len(names) > COLUMNS_MAX:
            self.fault(1, f"more than {COLUMNS_MAX} columns", "keep `theirs`, `ours` and what people need beside them")
            return None
        for name in _NEEDED:
            if name not in names:
                given = [cell.strip() for cell in header if cell.strip()][:8]
                right = f"name it in the first line, which has: {', '.join(map(shown, given))}"
                self.fault(1, f"the column `{name}` is missing", right)
        for index, name in enumerate(names):
            if name in {*_NEEDED, _PREFERRED} and name in names[:index]:
                self.fault(self._column(header, index), f"the column `{name}` stands twice", "remove one of the two")
        if self.faults:
            return None
        return {name: names.index(name) for name in (*_NEEDED, _PREFERRED) if name in names}

    def _row(self, cells: Sequence[str], columns: dict[str, int]) -> None:
        pair: dict[str, str] = {}
        for name in _NEEDED:
            index = columns[name]
            value = cells[index].strip() if index < len(cells) else ""
            if not value:
                self.fault(self._column(cells, index), f"`{name}` is empty", "fill it in, or remove the line")
            elif not _is_fine(value):
                what = f"`{name}` has more than {CELL_CHARACTERS_MAX} characters, or a line break"
                self.fault(self._column(cells, index), what, "write the identifier alone")
            else:
                pair[name] = value
        is_preferred = self._mark(cells, columns)
        if len(pair) == len(_NEEDED):
            self._pair(pair[_THEIRS], pair[_OURS], cells, columns, is_preferred=is_preferred)

    def _mark(self, cells: Sequence[str], columns: dict[str, int]) -> bool:
        index = columns.get(_PREFERRED)
        mark = cells[index].strip().lower() if index is not None and index < len(cells) else ""
        if mark not in _MARKS and mark not in _NO_MARKS:
            right = one_of(mark, ["yes", "no"])
            self.fault(self._column(cells, index or 0), f"`preferred` is {shown(mark)}", right)
        return mark in _MARKS

    def _pair(
        self, theirs: str, ours: str, cells: Sequence[str], columns: dict[str, int], *, is_preferred: bool
    ) -> None:
        known = self.ours.get(theirs)
        if known is not None and known != ours:
            what = f"{shown(theirs)} is {shown(known)} in line {self._first_line[theirs]} and {shown(ours)} here"
            self.fault(self._column(cells, columns[_THEIRS]), what, "keep one of the two")
            return
        if known is None:
            self.ours[theirs] = ours
            self._first_line[theirs] = self._line
        first = self.theirs.setdefault(ours, theirs)
        if is_preferred:
            marked = self._preferred.setdefault(ours, self._line)
            if marked != self._line and self.theirs[ours] != theirs:
                what = f"{shown(ours)} has another of theirs that is preferred, in line {marked}"
                self.fault(self._column(cells, columns[_PREFERRED]), what, "mark one of them")
                return
            self.theirs[ours] = theirs
        elif first != theirs:
            self._doubtful.setdefault(ours, self._line)

    def _column(self, cells: Sequence[str], index: int) -> int:
        """Where a cell begins in its line; asked for where something is wrong alone."""
        line = self._lines[self._line - 1] if 0 < self._line <= len(self._lines) else ""
        at = 0
        for cell in cells[:index]:
            written = f'"{cell.replace(chr(34), chr(34) * 2)}"' if line[at : at + 1] == '"' else cell
            at += len(written) + 1
        return min(at, len(line.rstrip())) + 1
