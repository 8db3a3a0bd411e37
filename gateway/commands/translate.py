"""`gateway translate`: documents of files in canonical form or as X12, one JSON object a document."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.collection import collect_rarely
from gateway.commands.decided import decided
from gateway.commands.files import exit_code_over, open_input
from gateway.commands.findings import print_findings
from gateway.commands.output import note, print_bytes, print_json, say
from gateway.commands.parsing import Parser, Unusable, add_config, control_number, leaf
from gateway.commands.profiles import reading_rules_of
from gateway.commands.validate import bar
from gateway.commands.x12_writing import X12Writing
from translators.catalog import TranslatedDocument, TranslationResult
from translators.findings import Finding
from translators.guide import ReadingRules


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway translate order-response.edi | jq '.document.lines[].acknowledgments'\n"
        "gateway translate --partner acme-supply --raw ship-notice.edi > ship-notice.json\n"
        "gateway translate --to x12 --partner acme-supply --control-number 1207 --raw order.json > order.edi",
    )
    parser.add_argument("file", nargs="+", metavar="FILE", help="X12, canonical JSON or XML; - is standard input")
    parser.add_argument(
        "--partner",
        metavar="ID",
        help="read it as this partner's: their agreements, tolerances and addresses; "
        "with --to x12 write it for them: their outbound agreement, address and framing",
    )
    parser.add_argument(
        "--to",
        choices=("canonical", "json", "x12"),
        default="canonical",
        help="the form: canonical and json are both the canonical JSON",
    )
    parser.add_argument(
        "--release",
        metavar="GS08",
        help="with --to x12: the release to write, such as 004010 or 004010VICS; the agreement's, or that of the file",
    )
    parser.add_argument(
        "--control-number",
        type=control_number,
        default=1,
        metavar="N",
        help="with --to x12: ISA13 of the first document; every further one counts on from it (default 1)",
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
    collect_rarely()
    if called.to != "x12":
        if called.release is not None:
            raise Unusable("--release belongs to --to x12")
        rules = ReadingRules() if called.partner is None else reading_rules_of(called)
        return exit_code_over(called.file, lambda name: _translate(called, name, rules, None))
    # What is written for a partner is ours: no agreement on what they send speaks of it.
    writing = X12Writing(called, datetime.now(UTC))
    return exit_code_over(called.file, lambda name: _translate(called, name, ReadingRules(), writing))


def _translate(called: argparse.Namespace, name: str, rules: ReadingRules, writing: X12Writing | None) -> bool:
    is_written = True
    with open_input(name) as source, bar(called, name, source) as advance:
        for item in decided(source, rules, advance):
            if isinstance(item, TranslationResult):
                return _close(called, name, item) and is_written
            if writing is None:
                _show(called, name, item)
            else:
                is_written = _show_written(called, name, item, writing) and is_written
    return False


def _show_written(called: argparse.Namespace, name: str, item: TranslatedDocument, writing: X12Writing) -> bool:
    written = writing.write(item)
    found = [*written.findings, *(finding for held in written.sets for finding in held.findings)]
    findings = _findings([*item.findings, *found])
    omitted = item.findings_omitted + sum(held.findings_omitted for held in written.sets)
    status = "rejected" if written.data is None else item.status.value
    if called.raw:
        if written.data is not None:
            print_bytes(written.data)
        else:
            reasons = [finding["message"] for finding in findings if finding["severity"] == "error"]
            note(f"{name}: {item.document_type} {item.ordinal + 1} is not written: {'; '.join(reasons[:3])}")
    elif called.format == "text":
        say(f"{name}: {item.document_type} {item.number or ''} as X12: {status.replace('_', ' ')}")
        print_findings(findings, omitted)
        if written.data is not None:
            print_bytes(written.data + b"\n")
    else:
        print_json({"document": _text(written.data, writing)} | _shown(name, item, status, findings, omitted))
    return written.data is not None


def _text(data: bytes | None, writing: X12Writing) -> str | None:
    return None if data is None else data.decode(writing.encoding)


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
    document = orjson.Fragment(item.document) if item.document is not None else None
    print_json({"document": document} | _shown(name, item, item.status.value, findings, item.findings_omitted))


def _shown(
    name: str, item: TranslatedDocument, status: str, findings: list[dict[str, Any]], omitted: int
) -> dict[str, Any]:
    place = {key: value for key, value in asdict(item.location).items() if value is not None}
    return {
        "document_type": item.document_type,
        "status": status,
        "source": {"file": name, "ordinal": item.ordinal} | place,
        "findings": findings,
        "findings_omitted": omitted,
    }


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
