"""The translation of X12: each set of a file becomes a document, and what translation finds is told of its set."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from translators.documents import Document
from translators.findings import Finding, Level, Severity
from translators.guide import ReadingRules
from translators.order_facts import order_facts
from translators.rules import check
from translators.shapes import to_bytes
from translators.translated import DocumentLocation, Translated, TranslatedDocument, TranslationResult, numbers_of
from translators.vocabulary.inward import into_ours
from translators.vocabulary.places import in_segments
from translators.vocabulary.values import Vocabulary
from translators.vocabulary.walking import Worded
from translators.x12.documents import translate as translate_set
from translators.x12.faults import SetError
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

FINDINGS_MAX: Final = 1_000  # outside of documents; those of a document have a limit of their own


@dataclass(slots=True)
class X12Translation:
    """The translation of one file: where reading stands, and what is kept for the result.

    ``closed`` is called with each interchange when its documents were handed out and none of the next one was.
    """

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
        """The documents of a file of ``size`` bytes, and its result at last."""
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
        number, order = (None, None) if document is None else numbers_of(document)
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
            orders=order_facts(document) if document is not None else None,
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
    translation = X12Translation(rules, None)
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
