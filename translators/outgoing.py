"""Canonical documents as the one body that leaves the house: X12 that lacks only its numbers, canonical JSON or XML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from translators import json
from translators.document_reading import DocumentRead
from translators.documents import Document, PurchaseOrder
from translators.findings import Finding, Level, Severity
from translators.guide import Override
from translators.shapes import to_bytes
from translators.vocabulary.outward import into_theirs
from translators.vocabulary.values import Vocabulary
from translators.vocabulary.walking import Worded
from translators.x12.writing import Envelope, FramingRules, PreparedInterchange, prepare_interchange, with_context
from translators.xml import write as write_xml


@dataclass(frozen=True, slots=True)
class Plan:
    """How documents are written.

    Attributes:
        envelope: of X12; its control numbers do not count.
        framing: of X12.
        rules: of X12, by document type: what each agreement demands and allows.
        vocabularies: by document type: what is put in the partner's words.
        group_codes: of X12, by document type: GS01 where another than the standard's is agreed.
    """

    syntax: Literal["x12", "json", "xml"]
    envelope: Envelope | None = None
    framing: FramingRules = field(default_factory=FramingRules)
    rules: Mapping[str, tuple[Override, ...]] = field(default_factory=dict)
    vocabularies: Mapping[str, Vocabulary] = field(default_factory=dict)
    group_codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The body, or why there is none.

    Attributes:
        body: None when a finding is an error.
        findings: also what the body does not say of a document.
        findings_omitted: further warnings.
    """

    body: bytes | PreparedInterchange | None
    findings: tuple[Finding, ...] = ()
    findings_omitted: int = 0


def write_outgoing(documents: Sequence[bytes], orders: Sequence[bytes | None], plan: Plan) -> Outgoing:
    """Documents as one body.

    Args:
        documents: canonical JSON.
        orders: for each document the purchase order that it answers, canonical JSON, where it is known; partners who
            read X12 want what it says repeated.
        plan: how they are written.

    Nothing is raised whatever the documents hold.
    """
    held: list[Document] = []
    for document, order in zip(documents, orders, strict=True):
        read = _read(document)
        if read is None:
            return Outgoing(None, (_fault("the document cannot be read; check it with `gateway validate`"),))
        answered = None if order is None or plan.syntax != "x12" else _read(order)
        held.append(with_context(read, answered) if isinstance(answered, PurchaseOrder) else read)
    words = [_worded(document, plan) for document in held]
    said = tuple(finding for worded in words for finding in worded.findings)
    omitted = sum(worded.findings_omitted for worded in words)
    if any(finding.severity is Severity.ERROR for finding in said):
        return Outgoing(None, said, omitted)
    if plan.syntax == "json":
        bodies = [
            body if worded.document is document else to_bytes(worded.document)
            for body, document, worded in zip(documents, held, words, strict=True)
        ]
        return Outgoing(bodies[0] if len(bodies) == 1 else b"[" + b",".join(bodies) + b"]", said, omitted)
    held = [worded.document for worded in words]
    if plan.syntax == "xml":
        return Outgoing(write_xml(*held), said, omitted)  # no text that XML cannot carry is read
    if plan.envelope is None:
        return Outgoing(None, (*said, _fault("nothing says from whom to whom the interchange goes")), omitted)
    made = prepare_interchange(held, plan.envelope, plan.framing, plan.rules, plan.group_codes)
    findings = (*said, *made.findings, *(finding for written in made.sets for finding in written.findings))
    return Outgoing(made.interchange, findings, omitted + sum(written.findings_omitted for written in made.sets))


def _worded(document: Document, plan: Plan) -> Worded:
    vocabulary = plan.vocabularies.get(document.document_type)
    return Worded(document) if not vocabulary else into_theirs(document, vocabulary, plan.syntax)


def _read(document: bytes) -> Document | None:
    first = next(json.read(document))
    return first.document if isinstance(first, DocumentRead) else None


def _fault(message: str) -> Finding:
    return Finding(Level.DOCUMENT, "not-writable", message, Severity.ERROR)
