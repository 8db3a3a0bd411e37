"""What a translation hands out: documents one by one, and at last the result of the whole body.

All of it is frozen and can be pickled: reading happens in worker processes, deciding in another.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from translators.documents import Document, FunctionalAcknowledgment, PurchaseOrder
from translators.findings import Finding
from translators.order_facts import OrderFacts
from translators.x12.reading import InterchangeAcknowledgment, Status
from translators.x12.results import InterchangeResult

Syntax: TypeAlias = Literal["x12", "json", "xml"]


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
        orders: what it says of the orders that it belongs to; None for one that belongs to none.
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
    orders: OrderFacts | None = None


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


def numbers_of(document: Document) -> tuple[str | None, str | None]:
    """The document's own number and that of its order."""
    if isinstance(document, FunctionalAcknowledgment):
        return document.group_control_number, None
    if isinstance(document, PurchaseOrder):
        return document.number, document.number
    return document.number, document.purchase_order_number
