"""`gateway translate`: documents of files in canonical form, one JSON object a document."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson

from gateway.commands.files import read_input
from gateway.commands.findings import print_findings
from gateway.commands.output import note, print_bytes, print_json, progress, say
from gateway.commands.parsing import Parser, add_config, leaf
from gateway.commands.profiles import reading_rules_of
from gateway.commands.validate import PROGRESS_BYTES_MIN
from translators.catalog import TranslatedDocument, TranslationResult, translate
from translators.findings import Finding
from translators.guide import ReadingRules


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway translate order-response.edi | jq '.document.lines[].acknowledgments'\n"
        "gateway translate --partner acme-supply --raw ship-notice.edi > ship-notice.json",
    )
    parser.add_argument("file", nargs="+", metavar="FILE", help="X12, canonical JSON or XML; - is standard input")
    parser.add_argument(
        "--partner", metavar="ID", help="read it as this partner's: their agreements, tolerances and addresses"
    )
    parser.add_argument(
        "--to", choices=("canonical", "json"), default="canonical", help="the form; both are the canonical JSON"
    )
    parser.add_argument("--raw", action="store_true", help="only the documents' own bytes, one a line")
    parser.add_argument(
        "--format",
        choices=("json", "text"),
        default="json",
        help="json (default): one object a line, one line a document",
    )
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    rules = ReadingRules() if called.partner is None else reading_rules_of(called)
    accepted = [_translate(called, name, rules) for name in called.file]
    return 0 if all(accepted) else 1


def _translate(called: argparse.Namespace, name: str, rules: ReadingRules) -> bool:
    data = read_input(name)
    with progress(name, len(data) if len(data) >= PROGRESS_BYTES_MIN else 0) as advance:
        for item in translate(data, rules):
            if isinstance(item, TranslationResult):
                return _close(called, name, item)
            advance(item.location.end or 0)
            _show(called, name, item)
    return False


def _show(called: argparse.Namespace, name: str, item: TranslatedDocument) -> None:
    if called.raw:
        if item.document is not None:
            print_bytes(item.document + b"\n")
        else:
            note(f"{name}: {item.document_type} {item.ordinal + 1} is rejected; see `gateway validate {name}`")
        return
    findings = _findings(item.findings)
    if called.format == "text":
        order = f" for order {item.purchase_order_number}" if item.purchase_order_number else ""
        say(f"{name}: {item.document_type} {item.number or ''}{order}: {item.status.value.replace('_', ' ')}")
        print_findings(findings, item.findings_omitted)
        if item.document is not None:
            print_bytes(orjson.dumps(orjson.loads(item.document), option=orjson.OPT_INDENT_2) + b"\n")
        return
    place = {key: value for key, value in asdict(item.location).items() if value is not None}
    print_json(
        {
            "document": orjson.Fragment(item.document) if item.document is not None else None,
            "document_type": item.document_type,
            "status": item.status.value,
            "source": {"file": name, "ordinal": item.ordinal} | place,
            "findings": findings,
            "findings_omitted": item.findings_omitted,
        }
    )


def _close(called: argparse.Namespace, name: str, result: TranslationResult) -> bool:
    """What was wrong outside of documents would otherwise be lost: an object without a document says it."""
    findings = _findings(result.findings)
    if findings and called.format == "json" and not called.raw:
        print_json(
            {
                "document": None,
                "document_type": None,
                "status": "accepted" if result.accepted else "rejected",
                "source": {"file": name},
                "findings": findings,
                "findings_omitted": result.findings_omitted,
            }
        )
    elif findings and not called.raw:
        say(f"{name}: outside of documents")
        print_findings(findings, result.findings_omitted)
    elif findings:
        note(f"{name}: {findings[0]['message']}; see `gateway validate {name}`")
    return result.accepted


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [finding.as_json() for finding in findings]
