"""What the store says of a message that was decided, in the files of a sample."""

from collections.abc import Mapping

import orjson
from sqlalchemy import Connection

from gateway.onboarding.samples.reading import ACKNOWLEDGMENT, DOCUMENTS, FINDINGS
from gateway.store import messages
from gateway.store.messages import acknowledgments, documents
from gateway.store.messages.documents import REJECTED

NOT_SENT, REFUSED = "not-sent", "rejected"  # codes of what is no finding of a document


def outcome_of(connection: Connection, message_id: str) -> dict[str, bytes]:
    """The documents that were accepted, what was found, and the acknowledgments that it earned."""
    decided = messages.get(connection, message_id)
    stored = documents.of_message(connection, message_id)
    answers = acknowledgments.of_message(connection, message_id)
    bodies = [orjson.loads(item.body) for item in stored if item.status != REJECTED and item.body is not None]
    report = orjson.loads(decided.report) if decided is not None and decided.report else {}
    findings = [said(finding) for finding in report.get("findings", ())]
    for item in stored:
        findings += [said(finding, item.ordinal + 1) for finding in orjson.loads(item.findings)]
    if decided is not None and decided.reason:
        findings = with_reason(findings, REFUSED, decided.reason)
    files = {DOCUMENTS: written(bodies)}
    if findings:
        files[FINDINGS] = written(findings)
    if answers:
        files[ACKNOWLEDGMENT] = b"".join(answer.body for answer in answers)
    return files


def said(finding: Mapping[str, object], document: int | None = None) -> dict[str, object]:
    """A finding without what it does not know; `document` is which of those that came it speaks of, from 1."""
    about: dict[str, object] = {} if document is None else {"document": document}
    return about | {key: value for key, value in finding.items() if value is not None}


def with_reason(findings: list[dict[str, object]], code: str, reason: str) -> list[dict[str, object]]:
    """The findings, and why nothing came of it where none of them says so."""
    if any(finding.get("severity") == "error" for finding in findings):
        return findings
    return [*findings, {"code": code, "message": reason, "level": "file", "severity": "error"}]


def written(value: object) -> bytes:
    """JSON as it stands in a file that people read and version control compares."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
