"""`gateway validate`: what is wrong in files, for programs as JSON and for people as a table."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from gateway.commands.files import read_input
from gateway.commands.findings import print_findings
from gateway.commands.output import STYLES, Advance, console, print_json, progress, say, visible
from gateway.commands.parsing import Parser, add_format, leaf
from translators.catalog import TranslatedDocument, sniff, translate
from translators.guide import ReadingRules
from translators.x12.reader import read
from translators.x12.reading import Piece, SetRead
from translators.x12.report import report_of

# Below that a bar would only flicker.
PROGRESS_BYTES_MIN = 4_194_304


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway validate order-response.edi\n"
        "cat *.edi | gateway validate --format json - | jq '.interchanges[].groups[].transaction_sets[].findings'",
    )
    parser.add_argument(
        "file", nargs="+", metavar="FILE", help="X12 interchanges, or a document as canonical JSON; - is standard input"
    )
    add_format(parser, "one object a line, one line a file")


def _run(called: argparse.Namespace) -> int:
    code = 0
    for name in called.file:
        data = read_input(name)
        with progress(name, len(data) if len(data) >= PROGRESS_BYTES_MIN else 0) as advance:
            found = _report(name, data, advance)
        if not found["accepted"]:
            code = 1
        if called.format == "json":
            print_json(found)
        else:
            print_report(found)
    return code


def _report(name: str, data: bytes, advance: Advance) -> dict[str, Any]:
    if sniff(data) in {"json", "xml"}:
        return _report_of_documents(name, data)
    return report_of(name, _watched(data, advance))


def _report_of_documents(name: str, data: bytes) -> dict[str, Any]:
    """The same members for JSON and XML, which have no interchanges but documents."""
    documents = []
    for item in translate(data, ReadingRules()):
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
    return {
        "file": name,
        "bytes_total": result.bytes_total,
        "bytes_in_segments": result.bytes_in_segments,
        "bytes_unaccounted": result.bytes_unaccounted,
        "accepted": result.accepted,
        "findings": [finding.as_json() for finding in result.findings],
        "findings_omitted": result.findings_omitted,
        "interchanges": [],
        "documents": documents,
    }


def _watched(data: bytes, advance: Advance) -> Iterator[Piece]:
    for piece in read(data, ReadingRules()):
        if isinstance(piece, SetRead):
            advance(piece.end)
        yield piece


def print_report(found: Mapping[str, Any]) -> None:
    """The report on one file, for people."""
    verdict = "accepted" if found["accepted"] else "rejected"
    name = "(standard input)" if found["file"] == "-" else found["file"]
    console().print(_line(name, verdict), soft_wrap=True)
    print_findings(found["findings"])
    for interchange in found["interchanges"]:
        who = f"{interchange['sender']} to {interchange['receiver']}, {interchange['release']}"
        console().print(
            _line(f"  interchange {interchange['control_number']}", interchange["status"], who), soft_wrap=True
        )
        print_findings(interchange["findings"])
        for group in interchange["groups"]:
            what = f"{group['functional_id']} {group['release']}"
            console().print(_line(f"    group {group['control_number']}", group["status"], what), soft_wrap=True)
            print_findings(group["findings"])
            for one in group["transaction_sets"]:
                what = f"{one['segments']} segments"
                label = f"      {one['type']} {one['control_number']}"
                console().print(_line(label, one["status"], what), soft_wrap=True)
                print_findings(one["findings"], one["findings_omitted"])
    for document in found.get("documents", ()):
        label = f"  {document['type']} {document['number'] or ''}".rstrip()
        console().print(_line(label, document["status"]), soft_wrap=True)
        print_findings(document["findings"], document["findings_omitted"])
    segments, total = found["bytes_in_segments"], found["bytes_total"]
    say(f"  {total:,} bytes, {segments:,} in segments, {found['bytes_unaccounted']} unaccounted for", style="dim")


def _line(label: str, status: str, what: str = "") -> Text:
    line = Text(f"{visible(label)}  ", style="bold")
    line.append(visible(status.replace("_", " ")), style=f"not bold {STYLES.get(status, '')}".strip())
    if what:
        line.append(f"  {visible(what)}", style="not bold dim")
    return line
