"""`gateway validate`: what is wrong in files, for programs as JSON and for people with the segment that is meant."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from rich.text import Text

from gateway.collection import collect_rarely
from gateway.commands import excerpts
from gateway.commands.excerpts import Excerpt
from gateway.commands.files import exit_code_over, open_input
from gateway.commands.findings import print_findings
from gateway.commands.output import STYLES, Advance, console, file_progress, print_json, say, visible
from gateway.commands.parsing import Parser, add_config, add_format, leaf
from gateway.commands.second_opinions import Ask, print_second_opinion, second_opinions
from translators.catalog import TranslatedDocument, TranslationResult, sniff, translate, with_words
from translators.findings import Finding
from translators.guide import ReadingRules
from translators.source import Source
from translators.x12.reader import read
from translators.x12.reading import (
    FileRead,
    GroupClosed,
    GroupOpened,
    InterchangeClosed,
    InterchangeHeader,
    InterchangeOpened,
    Piece,
    SetRead,
    Status,
)
from translators.x12.report import Verdict, report_lines

SOUND_SETS_SHOWN_MAX = 20  # of one group; those without findings behind them are but counted


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway validate order-response.edi\n"
        "cat *.edi | gateway validate --format json - | jq '.interchanges[].groups[].transaction_sets[].findings'",
    )
    parser.add_argument(
        "file", nargs="+", metavar="FILE", help="X12 interchanges, or a document as JSON or XML; - is standard input"
    )
    parser.add_argument(
        "--partner", metavar="ID", help="read it as this partner's: their agreements, tolerances, rules and addresses"
    )
    parser.add_argument(
        "--second-opinion",
        action="store_true",
        help="have pyx12 judge X12 by the standard too, and list where the two disagree (some seconds for a megabyte)",
    )
    add_format(parser, "one object a line, one line a file")
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    collect_rarely()
    rules = _rules(called)
    with second_opinions(called) as ask:
        return exit_code_over(called.file, lambda name: _validate(called, name, rules, ask))


def _rules(called: argparse.Namespace) -> ReadingRules:
    if called.partner is None:
        return ReadingRules()
    from gateway.commands.profiles import reading_rules_of  # noqa: PLC0415  # only a profile needs its heavy libraries

    return reading_rules_of(called)


def _validate(called: argparse.Namespace, name: str, rules: ReadingRules, ask: Ask | None) -> bool:
    """Report on one file while it is read; tells whether it is accepted."""
    with open_input(name) as source:
        if sniff(source) in {"json", "xml"}:
            return _validate_documents(called, name, source, rules)
        verdict = Verdict()
        with bar(called, name, source) as advance:
            pieces = _watched(with_words(read(source, rules), rules), verdict, advance)
            if called.format == "json":
                sys.stdout.flush()
                more = None if ask is None else lambda: {"second_opinion": ask(source).as_json()}
                sys.stdout.buffer.writelines(report_lines(name, pieces, more))
                sys.stdout.buffer.flush()
            else:
                printer = _Printer(name, source)
                for piece in pieces:
                    printer.print(piece)
                printer.close(verdict)
                if ask is not None:
                    print_second_opinion(ask(source))
    return verdict.accepted


def bar(called: argparse.Namespace, name: str, source: Source) -> AbstractContextManager[Advance]:
    """A bar for a long file; none over JSON that goes to a terminal itself."""
    is_covered = called.format == "json" and sys.stdout.isatty()
    return file_progress(name, 0 if is_covered else len(source))


def _watched(pieces: Iterator[Piece], verdict: Verdict, advance: Advance) -> Iterator[Piece]:
    for piece in pieces:
        verdict.add(piece)
        if isinstance(piece, SetRead):
            advance(piece.end)
        yield piece


# --- X12 for people --------------------------------------------------------------------------------------------------


class _Printer:
    """Prints the pieces of a file as they are read."""

    def __init__(self, name: str, source: Source) -> None:
        self._name = "(standard input)" if name == "-" else name
        self._source = source
        self._header: InterchangeHeader | None = None
        self._sound_sets = 0
        self._is_partly_accepted = False
        self._file: FileRead | None = None
        say(self._name, style="bold")

    def print(self, piece: Piece) -> None:
        """Print what a piece tells."""
        match piece:
            case InterchangeOpened(header=header):
                self._header = header
                _say_line(
                    f"  interchange {header.control_number}",
                    "",
                    f"{header.sender} to {header.receiver}, {header.version}",
                )
            case GroupOpened(header=header):
                self._sound_sets = 0
                _say_line(f"    group {header.control_number}", "", f"{header.functional_id} {header.release}")
            case SetRead():
                self._print_set(piece)
            case GroupClosed(header=header):
                if self._sound_sets > SOUND_SETS_SHOWN_MAX:
                    more = self._sound_sets - SOUND_SETS_SHOWN_MAX
                    say(f"      and {more:,} more transaction sets without findings")
                self._print_findings(piece.findings, piece.findings_omitted, 6)
                what = f"{piece.sets_accepted:,} of {piece.sets_received:,} transaction sets accepted"
                _say_line(f"    group {header.control_number}", piece.status, what)
            case InterchangeClosed(header=header):
                for one in piece.acknowledgments:
                    say(f"    TA1 for interchange {one.control_number}: {one.code} {one.note}")
                self._print_findings(piece.findings, piece.findings_omitted, 4)
                _say_line(f"  interchange {header.control_number}", piece.status)
                self._is_partly_accepted |= piece.status is not Status.REJECTED
                self._header = None
            case FileRead():
                self._print_findings(piece.findings, piece.findings_omitted, 2)
                self._file = piece

    def close(self, verdict: Verdict) -> None:
        """Print what holds for the whole file."""
        # "Rejected" would have the reader send again what was taken.
        otherwise = Status.PARTIALLY_ACCEPTED if self._is_partly_accepted else Status.REJECTED
        _say_line(self._name, Status.ACCEPTED if verdict.accepted else otherwise)
        if verdict.findings_omitted:
            say(f"  {verdict.findings_omitted:,} findings are not shown, only counted")
        if self._file is not None:
            total, segments = self._file.bytes_total, self._file.bytes_in_segments
            say(
                f"  {total:,} bytes, {segments:,} in segments, {self._file.bytes_unaccounted} unaccounted for",
                style="dim",
            )

    def _print_set(self, piece: SetRead) -> None:
        if not piece.findings and piece.status is Status.ACCEPTED:
            self._sound_sets += 1
            if self._sound_sets > SOUND_SETS_SHOWN_MAX:
                return
        _say_line(f"      {piece.type} {piece.control_number}", piece.status, f"{piece.segments:,} segments")
        self._print_findings(piece.findings, piece.findings_omitted, 8)

    def _print_findings(self, findings: list[Finding], omitted: int, indentation: int) -> None:
        if findings or omitted:
            print_findings(
                [finding.as_json() for finding in findings], omitted, indentation=indentation, excerpt=self._excerpt
            )

    def _excerpt(self, finding: Mapping[str, Any]) -> Excerpt | None:
        header, offset = self._header, finding["byte_offset"]
        if header is None or offset is None:
            return None
        return excerpts.of_segment(self._source, header.start, header.delimiters, offset, finding["element"])


def _say_line(label: str, status: str, what: str = "") -> None:
    line = Text(visible(label), style="bold")
    if status:
        line.append(f"  {status.replace('_', ' ')}", style=f"not bold {STYLES.get(status, '')}".strip())
    if what:
        line.append(f"  {visible(what)}", style="not bold dim")
    console().print(line, soft_wrap=True)


# --- JSON and XML ----------------------------------------------------------------------------------------------------


def _validate_documents(called: argparse.Namespace, name: str, source: Source, rules: ReadingRules) -> bool:
    """The same for JSON and XML, which have no interchanges but documents."""
    documents: list[dict[str, Any]] = []
    for item in translate(source, rules):
        if isinstance(item, TranslatedDocument):
            documents.append(
                {
                    "type": item.document_type,
                    "number": item.number,
                    "status": item.status.value,
                    "findings": [finding.as_json() for finding in item.findings],
                    "findings_omitted": item.findings_omitted,
                }
            )
        else:
            result = item
    if called.format == "json":
        print_json(_report_of_documents(name, result, documents))
    else:
        _print_documents(name, source, result, documents)
    return result.accepted


def _report_of_documents(name: str, result: TranslationResult, documents: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "file": name,
        "bytes_total": result.bytes_total,
        "bytes_in_segments": result.bytes_in_segments,
        "bytes_unaccounted": result.bytes_unaccounted,
        "accepted": result.accepted,
        "findings": [finding.as_json() for finding in result.findings],
        "findings_omitted": result.findings_omitted + sum(one["findings_omitted"] for one in documents),
        "interchanges": [],
        "documents": documents,
    }


def _print_documents(name: str, source: Source, result: TranslationResult, documents: list[dict[str, Any]]) -> None:
    def excerpt(finding: Mapping[str, Any]) -> Excerpt | None:
        offset = finding["byte_offset"]
        return None if offset is None else excerpts.of_line(source, offset)

    shown_name = "(standard input)" if name == "-" else name
    say(shown_name, style="bold")
    for one in documents:
        _say_line(f"  {one['type']} {one['number'] or ''}".rstrip(), one["status"])
        print_findings(one["findings"], one["findings_omitted"], indentation=4, excerpt=excerpt)
    print_findings(
        [finding.as_json() for finding in result.findings], result.findings_omitted, indentation=2, excerpt=excerpt
    )
    _say_line(shown_name, "accepted" if result.accepted else "rejected")
    say(f"  {result.bytes_total:,} bytes, {result.bytes_unaccounted} unaccounted for", style="dim")
