"""The one door to translation: a partner's bytes in, canonical documents and one result out.

What comes out is frozen and can be pickled: reading happens in worker processes, deciding in another.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal

from translators import json, xml
from translators.document_reading import BodyRead, DocumentRead
from translators.documents import ShipNotice
from translators.findings import Finding, Level, Severity
from translators.guide import Guide, ReadingRules
from translators.order_facts import order_facts
from translators.rules import check
from translators.shapes import schema, to_bytes
from translators.shipped_lines import with_what_follows
from translators.source import Source, behind
from translators.translated import (
    DocumentLocation,
    Syntax,
    Translated,
    TranslatedDocument,
    TranslationResult,
    numbers_of,
)
from translators.vocabulary.inward import into_ours
from translators.x12.delimiters import find_isa, read_isa
from translators.x12.reader import read as read_x12
from translators.x12.reading import Status
from translators.x12.results import InterchangeResult
from translators.x12.translation import X12Translation, with_words

__all__ = [
    "DocumentLocation",
    "Syntax",
    "Translated",
    "TranslatedDocument",
    "TranslationResult",
    "schema",
    "sniff",
    "translate",
    "with_words",
]

WHOLE_BYTES_MAX: Final = 134_217_728  # of JSON and XML
_SNIFFED_BYTES: Final = 4_096
_BLANKS: Final = b" \t\r\n\v\f\x00"


def sniff(data: Source, content_type: str | None = None) -> Syntax | None:
    """The syntax of a body by what it begins with; the content type decides only where the bytes do not."""
    head = bytes(data[:_SNIFFED_BYTES])
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            head = head.decode(encoding, "replace").encode().removeprefix(codecs.BOM_UTF8)
            break
    head = head.lstrip(_BLANKS)
    if head.startswith(b"ISA"):
        return "x12"
    if head.startswith(b"<"):
        return "xml"
    if head.startswith((b"{", b"[")):
        return "json"
    declared = _declared(content_type)
    if declared is not None:
        return declared
    start = find_isa(data, 0)
    return "x12" if start is not None and read_isa(data, start) is not None else None


def _declared(content_type: str | None) -> Syntax | None:
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type in {"application/edi-x12", "application/x12", "text/x12"}:
        return "x12"
    if media_type == "application/json" or media_type.endswith("+json"):
        return "json"
    return "xml" if media_type in {"application/xml", "text/xml"} or media_type.endswith("+xml") else None


def translate(
    data: Source,
    rules: ReadingRules,
    *,
    content_type: str | None = None,
    closed: Callable[[InterchangeResult], object] | None = None,
) -> Iterator[Translated]:
    """The documents of a body one by one, rejected ones too, and at last the result of the whole.

    Memory is bounded by the largest transaction set in X12, by the body in JSON and XML, which are read whole. Nothing
    that a partner can send makes it raise. ``closed`` is called with each interchange when its documents were handed
    out and none of the next one was.
    """
    syntax = sniff(data, content_type)
    match syntax:
        case "x12":
            yield from X12Translation(rules, closed).run(read_x12(data, rules), len(data))
        case "json" | "xml" if len(data) > WHOLE_BYTES_MAX:
            message = f"{syntax} of more than {WHOLE_BYTES_MAX} bytes is not read; send its documents in several bodies"
            yield _unread(syntax, data, Finding(Level.FILE, "body-too-large", message, byte_offset=WHOLE_BYTES_MAX))
        case "json":
            body = bytes(data[:])
            yield from _translate_bodies("json", body, json.read(body), rules)
        case "xml":
            body = bytes(data[:])
            yield from _translate_bodies("xml", body, xml.read(body), rules)
        case None:
            message = "the content is neither X12 (no ISA), nor JSON, nor XML; send one of them"
            if behind(data, 0, _BLANKS) == len(data):
                message = "the content is empty; send a document"
            yield _unread(None, data, Finding(Level.FILE, "unknown-syntax", message, byte_offset=0))


def _unread(syntax: Syntax | None, data: Source, finding: Finding) -> TranslationResult:
    return TranslationResult(syntax, accepted=False, documents=0, bytes_total=len(data), findings=(finding,))


def _translate_bodies(
    syntax: Literal["json", "xml"], data: bytes, read: Iterable[DocumentRead | BodyRead], reading_rules: ReadingRules
) -> Iterator[Translated]:
    ordinal = 0
    is_sound = True
    for item in read:
        if isinstance(item, DocumentRead):
            translated = _translated(syntax, item, ordinal, reading_rules)
            is_sound &= translated.status is not Status.REJECTED
            ordinal += 1
            yield translated
            continue
        is_sound &= all(finding.severity is not Severity.ERROR for finding in item.findings)
        yield TranslationResult(
            syntax=syntax,
            accepted=is_sound and ordinal > 0,
            documents=ordinal,
            bytes_total=len(data),
            # What holds no document is told in a finding that speaks of all of it.
            bytes_in_segments=len(data) if ordinal else 0,
            findings=item.findings,
        )


def _translated(
    syntax: Literal["json", "xml"], item: DocumentRead, ordinal: int, reading_rules: ReadingRules
) -> TranslatedDocument:
    findings = list(item.findings)
    document = item.document
    if isinstance(document, ShipNotice):
        document = with_what_follows(document)
    guide = _agreement(syntax, item.document_type, reading_rules)
    omitted = item.findings_omitted
    if document is not None and guide is not None and guide.vocabulary is not None:
        worded = into_ours(document, guide.vocabulary)
        document = worded.document
        findings.extend(worded.findings)
        omitted += worded.findings_omitted
    if document is not None:
        findings.extend(check(document))
    if item.document_type is not None and reading_rules.guides is not None and guide is None:
        message = f"{item.document_type} as {syntax} is not agreed; send what is, or ask for an agreement on it"
        findings.append(Finding(Level.DOCUMENT, "document-not-agreed", message, pointer=item.pointer))
    is_rejected = document is None or any(finding.severity is Severity.ERROR for finding in findings)
    number, order = (None, None) if document is None else numbers_of(document)
    return TranslatedDocument(
        ordinal=ordinal,
        document_type=item.document_type or "unknown",
        number=number,
        purchase_order_number=order,
        document=to_bytes(document) if document is not None and not is_rejected else None,
        location=DocumentLocation(pointer=item.pointer),
        status=Status.REJECTED if is_rejected else Status.ACCEPTED,
        findings=tuple(findings),
        findings_omitted=omitted,
        orders=order_facts(document) if document is not None else None,
    )


def _agreement(syntax: Syntax, document_type: str | None, reading_rules: ReadingRules) -> Guide | None:
    fitting = (
        guide for guide in reading_rules.guides or () if guide.syntax == syntax and guide.document_type == document_type
    )
    return next(fitting, None)
