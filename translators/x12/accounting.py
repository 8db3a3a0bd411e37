"""Keeps the books of a file: where its bytes went, what stood outside every envelope, how its parts fared."""

import re
from dataclasses import dataclass, field

from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.guide import Tolerance
from translators.source import WINDOW_BYTES, Source, behind
from translators.x12.delimiters import SEGMENT_CODE
from translators.x12.faults import InterchangeError, Ledger
from translators.x12.reading import Status
from translators.x12.tokenizer import Token

# Blanks, line ends, NUL and the byte order mark of UTF-8 say nothing.
_ISA = b"ISA"
# A segment of an envelope, in whatever separators: its code, a separator and the first byte of its first element.
_ENVELOPE = re.compile(rb"(?<![A-Za-z0-9])(?:GS|ST|SE|GE|IEA)[^A-Za-z0-9\s][A-Za-z0-9]")
_ENVELOPE_BYTES = 6
BLANKS = b" \t\r\n\x00\xef\xbb\xbf"

# Sets and groups of one file with damaged envelopes that are still read one by one. A megabyte of ``GS*~ST*~`` holds
# 125,000 of each; no partner's bad day does.
DAMAGED_ENVELOPES_MAX = 10_000


@dataclass(slots=True)
class Account:
    """Where the bytes of the file went; the ledger holds the findings of the file level.

    Attributes:
        damaged_envelopes: groups with an error of their own and sets with a missing or wrong trailer so far.
    """

    ledger: Ledger
    bytes_in_segments: int = 0
    bytes_in_findings: int = 0
    damaged_envelopes: int = 0

    @property
    def is_open(self) -> bool:
        """Whether groups and sets are still read; behind `DAMAGED_ENVELOPES_MAX` their segments are but counted."""
        return self.damaged_envelopes < DAMAGED_ENVELOPES_MAX

    def outside(self, data: Source, start: int, end: int) -> None:
        """Tell of bytes outside every interchange."""
        if start >= end:
            return
        self.bytes_in_findings += end - start
        first = behind(data, start, BLANKS)
        blank = first >= end
        tolerance: Tolerance | None = None
        # What says nothing endangers nothing, and no acknowledgment could tell of a rejection for it.
        severity = Severity.WARNING if blank and (start > 0 or end < len(data)) else None
        if not blank and bytes(data[first : first + len(_ISA)]) == _ISA:
            what = "begin with an ISA that cannot be read; send its sixteen elements in their widths and a terminator"
        elif start > 0 and not blank and _holds_segments(data, start, end):
            # No tolerance for garbage may swallow what a partner meant to send.
            what = "hold segments that stand in no interchange; send ISA before them and IEA behind them"
        elif start > 0 and (end == len(data) or not blank):
            tolerance, what = "trailing-garbage", "stand behind an interchange and belong to none; leave them out"
        elif blank and end < len(data):
            tolerance, what = "leading-bytes", "stand before an interchange and say nothing; begin with ISA"
        else:
            what = "belong to no interchange; X12 begins with ISA"
        self.ledger.add(
            Finding(
                Level.FILE,
                tolerance or "no-interchange",
                f"{end - start} bytes from {start} to {end} {what}",
                severity or self.ledger.severity(tolerance),
                value=str(data[start : min(end, start + VALUE_CHARACTERS_MAX)], "latin-1"),
                byte_offset=start,
            )
        )

    def end(self) -> None:
        """Tell of an account that was closed before the file ended."""
        if not self.is_open:
            message = (
                f"Groups and transaction sets behind {DAMAGED_ENVELOPES_MAX} damaged envelopes were not read; send the"
                " file again with its envelopes in order"
            )
            self.ledger.add(Finding(Level.FILE, "damaged-envelopes", message))

    def nothing(self) -> None:
        """Tell of a file without a byte."""
        self.ledger.add(Finding(Level.FILE, "no-interchange", "The file is empty; send an interchange", byte_offset=0))


def _holds_segments(data: Source, start: int, end: int) -> bool:
    """Whether there is a segment of an envelope in these bytes."""
    while start < end:
        window = data[start : min(start + WINDOW_BYTES, end)]
        if _ENVELOPE.search(window) is not None:
            return True
        start += max(len(window) - _ENVELOPE_BYTES, 1) if len(window) == WINDOW_BYTES else len(window) or end
    return False


class Strays:
    """Segments and other text outside every group or transaction set; each run is told of in one finding."""

    def __init__(self, where: str, separator: str, account: Account, ledger: Ledger) -> None:
        self._where = where
        self._separator = separator
        self._account = account
        self._ledger = ledger
        self._run: list[Token] = []  # the first and the last token of the present run
        self._count = 0
        self._only_empty = True

    def add(self, token: Token) -> None:
        """Put a token into the present run."""
        text, start, end = token
        if SEGMENT_CODE.fullmatch(text.partition(self._separator)[0]):
            self._account.bytes_in_segments += end - start
        else:
            self._account.bytes_in_findings += end - start
        self._only_empty = self._only_empty and not text.strip()
        self._run[1:] = [token]
        if self._count == 0:
            self._run = [token, token]
        self._count += 1

    def flush(self) -> None:
        """Tell of the run, if there is one, and begin anew."""
        if self._count == 0:
            return
        (text, start, _), (_, _, end) = self._run
        code = text.partition(self._separator)[0]
        pieces = "empty segments stand" if self._only_empty else f"{self._count} pieces of text stand"
        remedy = "leave them out" if self._only_empty else "put segments where they belong, leave out the rest"
        self._ledger.add(
            Finding(
                Level.INTERCHANGE,
                InterchangeError.CONTROL_STRUCTURE,
                f"From byte {start} to {end} {pieces} outside every {self._where}; {remedy}",
                self._ledger.severity("empty-segments") if self._only_empty else Severity.ERROR,
                segment=code if SEGMENT_CODE.fullmatch(code) else None,
                value=text[:VALUE_CHARACTERS_MAX],
                byte_offset=start,
            )
        )
        self._count, self._only_empty, self._run = 0, True, []


@dataclass(slots=True)
class Tally:
    """How the sets of a group, or the groups of an interchange, fared."""

    statuses: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))

    def add(self, status: Status) -> None:
        """Count one."""
        self.statuses[status] += 1

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.statuses.values())

    @property
    def accepted(self) -> int:
        """Those accepted, with or without errors."""
        return self.statuses[Status.ACCEPTED] + self.statuses[Status.ACCEPTED_WITH_ERRORS]

    def status(self, ledger: Ledger) -> Status:
        """The status of what holds them, given its own findings."""
        if ledger.errors or (self.total and self.statuses[Status.REJECTED] == self.total):
            return Status.REJECTED
        if self.statuses[Status.REJECTED] or self.statuses[Status.PARTIALLY_ACCEPTED]:
            return Status.PARTIALLY_ACCEPTED
        if ledger.warnings or self.statuses[Status.ACCEPTED_WITH_ERRORS]:
            return Status.ACCEPTED_WITH_ERRORS
        return Status.ACCEPTED
