"""The one door to translation: a partner's bytes in, canonical documents and one result out.

What comes out is frozen and can be pickled: reading happens in worker processes, deciding in another.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from translators import json, xml
from translators.document_reading import BodyRead, DocumentRead
from translators.documents import Document, FunctionalAcknowledgment, PurchaseOrder
from translators.findings import Finding, Level, Severity
from translators.guide import Guide, ReadingRules
from translators.rules import check
from translators.shapes import schema, to_bytes
from translators.source import Source, behind
from translators.vocabulary.inward import into_ours
from translators.vocabulary.places import in_segments
from translators.vocabulary.values import Vocabulary
from translators.vocabulary.walking import Worded
from translators.x12.delimiters import find_isa, read_isa
from translators.x12.documents import translate as translate_set
from translators.x12.faults import SetError
from translators.x12.reader import read as read_x12
from translators.x12.reading import (
    FileRead,
    GroupClosed,
    GroupOpened,
    InterchangeAcknowledgment,
    InterchangeClosed,
    InterchangeOpened,
    Piece,
    SetRead,
    Status,
)
from translators.x12.results import InterchangeResult, ResultCollector
from translators.x12.sets import DOCUMENT_TYPES
from translators.x12.tree import Loop

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

Syntax: TypeAlias = Literal["x12", "json", "xml"]

FINDINGS_MAX: Final = 1_000  # outside of documents; those of a document have a limit of their own
WHOLE_BYTES_MAX: Final = 134_217_728  # of JSON and XML
_SNIFFED_BYTES: Final = 4_096
_BLANKS: Final = b" \t\r\n\v\f\x00"


@dataclass(frozen=True, slots=True)
class DocumentLocation:
    """Where a document stands in what the partner sent.

    Attributes:
        interchange_index: of the ISA in the file, from 0; with ``interchange_control_number`` (ISA13) and its sender
            and receiver.
        group_index: of the GS in its interchange, from 0; with ``group_control_number`` (GS06) and ``release`` (GS08).
        set_index: of the ST in its group, from 0; with ``set_type`` (ST01) and ``set_control_number`` (ST02).
        start: offset of the first byte; ``end`` the offset behind the last.
        pointer: JSON pointer or XPath of the document, for JSON and XML.
    """

    interchange_index: int = 0
    interchange_control_number: str | None = None
    sender: str | None = None
    receiver: str | None = None
    usage: str | None = None
    group_index: int = 0
    group_control_number: str | None = None
    release: str | None = None
    set_index: int = 0
    set_type: str | None = None
    set_control_number: str | None = None
    start: int | None = None
    end: int | None = None
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class TranslatedDocument:
    """One document of what the partner sent.

    Attributes:
        ordinal: its position among all documents sent, from 0, rejected ones counted.
        document_type: canonical type; ``x12_`` and ST01 for a transaction set that has none.
        number: the document's own number.
        purchase_order_number: the order it belongs to, whose events keep their order; of an order its own number.
            None for a document that stands alone.
        document: canonical JSON; None when the document is rejected.
        status: of the document alone: its group or interchange may be rejected yet.
    """

    ordinal: int
    document_type: str
    number: str | None
    purchase_order_number: str | None
    document: bytes | None
    location: DocumentLocation
    status: Status
    findings: tuple[Finding, ...] = ()
    findings_omitted: int = 0


@dataclass(frozen=True, slots=True)
class TranslationResult:
    """The last item of a translation: what holds for the whole body.

    Attributes:
        syntax: what the body was read as; None when nobody could tell.
        accepted: no document, group or interchange was rejected, and nothing else was wrong with the body.
        interchanges: what `translators.x12.acknowledgment` needs to answer, one for each ISA.
        envelope_acknowledgments: TA1 segments that came in, about interchanges of ours.
        bytes_in_segments: bytes that were read as part of something; ``bytes_unaccounted`` is always 0, for what
            could not be read is told in a finding.
        findings: those of file, interchanges and groups; a document has its own.
    """

    syntax: Syntax | None
    accepted: bool
    documents: int
    interchanges: tuple[InterchangeResult, ...] = ()
    envelope_acknowledgments: tuple[InterchangeAcknowledgment, ...] = ()
    bytes_total: int = 0
    bytes_in_segments: int = 0
    bytes_unaccounted: int = 0
    findings: tuple[Finding, ...] = ()
    findings_omitted: int = 0


Translated: TypeAlias = TranslatedDocument | TranslationResult


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
            yield from _X12Translation(rules, closed).run(read_x12(data, rules), len(data))
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


# --- X12 -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _X12Translation:
    """The translation of one file: where reading stands, and what is kept for the result."""

    reading_rules: ReadingRules
    closed: Callable[[InterchangeResult], object] | None
    collector: ResultCollector = field(default_factory=ResultCollector)
    interchanges: list[InterchangeResult] = field(default_factory=list)
    acknowledgments: list[InterchangeAcknowledgment] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    omitted: int = 0
    ordinal: int = 0
    at: DocumentLocation = field(default_factory=DocumentLocation)
    tables: str = ""  # the release whose tables read the present group

    def run(self, pieces: Iterable[Piece], size: int) -> Iterator[Translated]:
        for piece in pieces:
            if isinstance(piece, SetRead):
                # The set's status is amended here, before collector and group count it.
                yield self._set(piece)
            result = self.collector.add(piece)
            if result is not None:
                self.interchanges.append(result)
                if self.closed is not None:
                    self.closed(result)
            self._keep(piece)
            if isinstance(piece, FileRead):
                yield self._result(piece, size)

    def _keep(self, piece: Piece) -> None:
        """Follows the envelopes, for the places of documents and the findings outside of them."""
        if isinstance(piece, InterchangeOpened):
            header = piece.header
            self.at = DocumentLocation(
                interchange_index=len(self.interchanges),
                interchange_control_number=header.control_number,
                sender=header.sender,
                receiver=header.receiver,
                usage=header.usage,
                group_index=-1,
            )
        elif isinstance(piece, GroupOpened):
            self.tables = piece.tables or ""
            self.at = replace(
                self.at,
                group_index=self.at.group_index + 1,
                group_control_number=piece.header.control_number,
                release=piece.header.release,
                set_index=-1,
            )
        elif isinstance(piece, GroupClosed | InterchangeClosed):
            self._note(piece.findings, piece.findings_omitted)
            if isinstance(piece, InterchangeClosed):
                self.acknowledgments.extend(piece.acknowledgments)

    def _note(self, findings: list[Finding], omitted: int) -> None:
        room = max(FINDINGS_MAX - len(self.findings), 0)
        self.findings.extend(findings[:room])
        self.omitted += omitted + len(findings[room:])

    def _set(self, piece: SetRead) -> TranslatedDocument:
        self.at = replace(
            self.at,
            set_index=self.at.set_index + 1,
            set_type=piece.type,
            set_control_number=piece.control_number,
            start=piece.start,
            end=piece.end,
        )
        document, found = self._document(piece)
        kept = [*piece.findings, *found]
        limit = max(self.reading_rules.findings_per_set_max, len(piece.findings))
        number, order = (None, None) if document is None else _numbers(document)
        is_published = document is not None and piece.status is not Status.REJECTED
        translated = TranslatedDocument(
            ordinal=self.ordinal,
            document_type=DOCUMENT_TYPES.get(piece.type) or f"x12_{piece.type}",
            number=number,
            purchase_order_number=order,
            document=to_bytes(document) if document is not None and is_published else None,
            location=self.at,
            status=piece.status,
            findings=tuple(kept[:limit]),
            findings_omitted=piece.findings_omitted + max(len(kept) - limit, 0),
        )
        self.ordinal += 1
        return translated

    def _document(self, piece: SetRead) -> tuple[Document | None, list[Finding]]:
        """The document of a set, and what translation finds; an error of its own rejects the set."""
        if piece.tree is None:
            return None, []
        mapped = translate_set(piece.type, piece.tree, self.tables)
        told = {_subject(finding) for finding in piece.findings}
        found = [finding for finding in mapped.findings if _subject(finding) not in told]
        worded = _worded(piece, piece.tree, mapped.document)
        told_in_segments = [finding for finding in worded.findings if finding.level is Level.ELEMENT]
        found = _without_known_units(found, piece)
        found.extend(finding for finding in worded.findings if finding.level is not Level.ELEMENT)
        if piece.status is not Status.REJECTED:
            found.extend(check(worded.document))
        faults = [finding for finding in (*told_in_segments, *found) if finding.severity is Severity.ERROR]
        piece.findings.extend(told_in_segments)
        piece.findings_omitted += worded.findings_omitted
        if faults:
            self._reject(piece, faults[0].message)
        return worded.document, found

    def amend(self, piece: Piece) -> None:
        """Adds to a set what the vocabulary of its agreement finds in it, as its acknowledgment tells."""
        if isinstance(piece, GroupOpened):
            self.tables = piece.tables or ""
        if isinstance(piece, SetRead) and piece.tree is not None and _vocabulary(piece) is not None:
            worded = _worded(piece, piece.tree, translate_set(piece.type, piece.tree, self.tables).document)
            faults = [finding for finding in worded.findings if finding.severity is Severity.ERROR]
            piece.findings[:] = [*_without_known_units(piece.findings, piece), *worded.findings]
            if faults:
                self._reject(piece, faults[0].message)

    def _reject(self, piece: SetRead, message: str) -> None:
        if piece.status is Status.REJECTED:
            return
        piece.status = Status.REJECTED
        piece.findings.append(
            Finding(
                level=Level.TRANSACTION_SET,
                code=SetError.SEGMENTS_IN_ERROR.value,
                message=message,
                segment="ST",
                position=1,
                byte_offset=piece.start,
            )
        )

    def _result(self, piece: FileRead, size: int) -> TranslationResult:
        findings = self.findings
        self.findings = []
        self._note(piece.findings, piece.findings_omitted)
        is_sound = not any(finding.severity is Severity.ERROR for finding in piece.findings)
        accepted = {Status.ACCEPTED, Status.ACCEPTED_WITH_ERRORS}
        return TranslationResult(
            syntax="x12",
            accepted=is_sound
            and bool(self.interchanges)
            and all(interchange.status in accepted for interchange in self.interchanges),
            documents=self.ordinal,
            interchanges=tuple(self.interchanges),
            envelope_acknowledgments=tuple(self.acknowledgments),
            bytes_total=size,
            bytes_in_segments=piece.bytes_in_segments,
            bytes_unaccounted=piece.bytes_unaccounted,
            findings=(*self.findings, *findings),
            findings_omitted=self.omitted,
        )


def with_words(pieces: Iterable[Piece], rules: ReadingRules) -> Iterator[Piece]:
    """The pieces of X12, each set with what its agreement's vocabulary finds in it, as `translate` acknowledges it."""
    translation = _X12Translation(rules, None)
    for piece in pieces:
        translation.amend(piece)
        yield piece


def _vocabulary(piece: SetRead) -> Vocabulary | None:
    return piece.guide.vocabulary if piece.guide is not None else None


def _worded(piece: SetRead, tree: Loop, document: Document) -> Worded:
    """The document of a set in our words; as it is where it is rejected, or nothing is said of words."""
    vocabulary = _vocabulary(piece)
    if vocabulary is None or piece.status is Status.REJECTED:
        return Worded(document)
    worded = into_ours(document, vocabulary)
    return replace(worded, findings=tuple(in_segments(worded.findings, worded.missed, tree)))


def _without_known_units(findings: list[Finding], piece: SetRead) -> list[Finding]:
    """The findings but those on units that the standard has no sure counterpart for, and the vocabulary has."""
    vocabulary = _vocabulary(piece)
    if vocabulary is None or not vocabulary.units:
        return findings
    known = {rule.theirs for rule in vocabulary.units if rule.product is None}
    return [finding for finding in findings if finding.code != "unit-unknown" or finding.value not in known]


def _subject(finding: Finding) -> tuple[str, int | None, int | None]:
    """What a finding is about: of a level without its place reading tells in AK403's words, translation in its own."""
    return "HL" if finding.segment == "HL" else finding.code, finding.position, finding.element


def _numbers(document: Document) -> tuple[str | None, str | None]:
    """The document's own number and that of its order."""
    if isinstance(document, FunctionalAcknowledgment):
        return document.group_control_number, None
    if isinstance(document, PurchaseOrder):
        return document.number, document.number
    return document.number, document.purchase_order_number


# --- JSON and XML ----------------------------------------------------------------------------------------------------


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
        message = f"{item.document_type} as {syntax} is not agreed with this partner; add it to the agreements"
        findings.append(Finding(Level.DOCUMENT, "document-not-agreed", message, pointer=item.pointer))
    is_rejected = document is None or any(finding.severity is Severity.ERROR for finding in findings)
    number, order = (None, None) if document is None else _numbers(document)
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
    )


def _agreement(syntax: Syntax, document_type: str | None, reading_rules: ReadingRules) -> Guide | None:
    fitting = (
        guide for guide in reading_rules.guides or () if guide.syntax == syntax and guide.document_type == document_type
    )
    return next(fitting, None)
