"""Reads X12 files: bytes in, pieces out, every byte accounted for, nothing raised whatever the bytes are.

Each interchange is read with the separators of its own ISA. Where the order of envelopes is broken, reading finds its
footing at the next segment that opens something: ST, GS or ISA.
"""

from collections.abc import Iterator

from translators.findings import Finding, Level, Severity
from translators.guide import ReadingRules
from translators.source import Source, behind
from translators.x12.accounting import BLANKS, Account, Strays, Tally
from translators.x12.delimiters import IsaFinder, IsaText, read_isa
from translators.x12.faults import InterchangeError, Ledger
from translators.x12.groups import GroupReader, rules_between
from translators.x12.interchange import check_iea, check_isa, header_of, is_closed_by, read_ta1
from translators.x12.reading import (
    FileRead,
    InterchangeAcknowledgment,
    InterchangeClosed,
    InterchangeHeader,
    InterchangeOpened,
    Piece,
    Status,
)
from translators.x12.tokenizer import Token, TokenStream

ACKNOWLEDGMENTS_MAX = 10_000  # TA1 segments of one interchange that are handed on; the rest is told of
DAMAGED_ISA_MAX = 100  # ISA segments cut short that are still read; a file of them is no X12

_LINE_ENDS = b"\r\n"


def read(data: Source, rules: ReadingRules) -> Iterator[Piece]:
    """Read a file, piece by piece, in the order that `translators.x12.reading` tells.

    Memory is bounded by the largest transaction set, however long the source is. Whatever the bytes are, nothing is
    raised, and each byte lies in a segment or in a finding.
    """
    account = Account(Ledger(rules.tolerances, rules.findings_per_set_max))
    if not len(data):
        account.nothing()
    position = damaged = 0
    finder = IsaFinder(data)
    while True:
        isa = _next_isa(data, position, finder, may_be_damaged=damaged < DAMAGED_ISA_MAX)
        account.outside(data, position, len(data) if isa is None else isa.start)
        if isa is None:
            break
        damaged += not isa.complete
        interchange = _InterchangeReader(data, isa, rules, account, finder)
        yield from interchange.pieces()
        position = interchange.end
    account.end()
    unaccounted = len(data) - account.bytes_in_segments - account.bytes_in_findings
    yield FileRead(len(data), account.bytes_in_segments, unaccounted, account.ledger.findings, account.ledger.omitted)


def _next_isa(data: Source, position: int, finder: IsaFinder, *, may_be_damaged: bool) -> IsaText | None:
    """The next ISA whose separators can be told: a damaged one only where an interchange is due."""
    isa = read_isa(data, behind(data, position, BLANKS))
    if isa is not None and (isa.complete or may_be_damaged):
        return isa
    start = finder.next(position)
    while start is not None:
        isa = read_isa(data, start)
        if isa is not None:
            return isa
        start = finder.next(start + 1)
    return None


class _InterchangeReader:
    """Reads one interchange; `end` is where the next may begin, once all pieces were taken."""

    def __init__(self, data: Source, isa: IsaText, rules: ReadingRules, account: Account, finder: IsaFinder) -> None:
        self._data = data
        self._isa = isa
        self._rules = rules
        self._account = account
        self._stream = TokenStream(data, isa.end, isa.delimiters, finder)
        self._ledger = Ledger(rules.tolerances, rules.findings_per_set_max)
        between = rules_between(rules, header_of(isa))
        self._groups = GroupReader(self._stream, isa.delimiters, between, account, self._ledger)
        self.end = isa.end

    def pieces(self) -> Iterator[Piece]:
        """ISA to IEA, or to where the next interchange begins."""
        self._account.bytes_in_segments += self._isa.end - self._isa.start
        header = header_of(self._isa)
        check_isa(self._isa, self._rules, self._ledger)
        yield InterchangeOpened(header, list(self._ledger.findings))
        tally = Tally()
        acknowledgments: list[InterchangeAcknowledgment] = []
        strays = Strays("functional group", self._isa.delimiters.element, self._account, self._ledger)
        while (token := self._stream.next()) is not None:
            code = self._stream.code(token)
            opens = code in {"GS", "ST"} and self._account.is_open
            ends = code == "ISA" or (code == "IEA" and self._is_end(token, header))
            answers = code == "TA1" and len(acknowledgments) < ACKNOWLEDGMENTS_MAX
            if opens or ends or answers:
                strays.flush()
            if ends:
                break
            if opens:
                tally.add((yield from self._groups.pieces(token, header)))
                self.end = self._groups.end
                continue
            if answers:
                self._account.bytes_in_segments += token[2] - token[1]
                acknowledgments.append(read_ta1(self._stream.parts(token), token[1], self._ledger))
            else:
                strays.add(token)
            self.end = token[2]
        strays.flush()
        self._close(token, header, tally)
        self._tell_leading_bytes()
        ledger = self._ledger
        status = Status.REJECTED if self._groups.takes_interchange else tally.status(ledger)
        yield InterchangeClosed(header, status, ledger.findings, ledger.omitted, acknowledgments, self.end)

    def _is_end(self, token: Token, header: InterchangeHeader) -> bool:
        """Whether an IEA closes this interchange: one with another number does not when segments follow it."""
        return is_closed_by(self._stream.parts(token), header) or not self._stream.is_followed_by_segment()

    def _close(self, token: Token | None, header: InterchangeHeader, tally: Tally) -> None:
        if token is None or self._stream.code(token) == "ISA":
            if token is not None:
                self.end = token[1]  # blanks before it were told of here
            at_end = token is None and self._stream.tokenizer.end == len(self._data)
            code = InterchangeError.END_OF_FILE if at_end else InterchangeError.CONTROL_STRUCTURE
            where = "the file ends" if at_end else "the next interchange begins"
            severity = self._ledger.severity("missing-trailer")
            message = f"IEA is missing where {where}; end each interchange with IEA"
            self._ledger.add(Finding(Level.INTERCHANGE, code, message, severity, segment="IEA", byte_offset=self.end))
            return
        _, start, self.end = token
        self.end = behind(self._data, self.end, _LINE_ENDS)
        self._account.bytes_in_segments += self.end - start
        check_iea(self._stream.parts(token), start, header, tally.total, self._ledger)
        if self._stream.is_unterminated(token):
            # Its number agrees with ISA13 or was told to differ, so nothing can be lost behind it.
            self._ledger.add(
                Finding(
                    Level.INTERCHANGE,
                    InterchangeError.TERMINATOR,
                    "IEA has no terminator; end the last segment with one, too",
                    Severity.WARNING,
                    segment="IEA",
                    byte_offset=self.end,
                )
            )

    def _tell_leading_bytes(self) -> None:
        tokenizer = self._stream.tokenizer
        if tokenizer.leading_bytes == 0:
            return
        self._account.bytes_in_findings += tokenizer.leading_bytes
        self._ledger.add(
            Finding(
                Level.INTERCHANGE,
                InterchangeError.CONTROL_STRUCTURE,
                f"{tokenizer.leading_bytes} blanks stand before segments, the first at byte {tokenizer.leading_at};"
                " send each segment right behind the terminator of the one before, with line ends at most",
                self._ledger.severity("leading-bytes"),
                byte_offset=tokenizer.leading_at,
            )
        )
