"""What we sent, read as a supplier's software would: by our own reader, which knows nothing of how it was written."""

from dataclasses import dataclass, replace

from gateway.sandbox.words import NO_MAGIC, Magic, Receipt, Verdict, magic_of
from translators import json
from translators.catalog import DocumentLocation, Syntax, TranslatedDocument, TranslationResult, translate
from translators.document_reading import DocumentRead
from translators.documents import Document, PurchaseOrder, PurchaseOrderChange
from translators.guide import ReadingRules
from translators.x12.reading import GroupHeader, InterchangeHeader, Status
from translators.x12.results import InterchangeResult

PAYLOAD_BYTES_MAX = 1_048_576
ORDERS_MAX = 50  # of one delivery


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order, or a change of one, with what its number asks for.

    Attributes:
        syntax: of the file.
        header: its ISA; None for JSON and XML, as is ``group``, its GS.
    """

    document: PurchaseOrder | PurchaseOrderChange
    magic: Magic
    syntax: Syntax
    header: InterchangeHeader | None = None
    group: GroupHeader | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a supplier sees.

    Attributes:
        orders: those that can be answered.
        orders_omitted: further ones.
        leading: what decides for the transport and for all of the file.
        interchanges: those that came, each with its fate; empty for JSON and XML.
    """

    syntax: Syntax | None
    orders: tuple[Ordered, ...] = ()
    orders_omitted: int = 0
    leading: Magic = NO_MAGIC
    interchanges: tuple[InterchangeResult, ...] = ()


def see(payload: bytes, content_type: str) -> Seen:
    """Read what came; nothing is raised whatever it is."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        return Seen(None)
    held: list[tuple[PurchaseOrder | PurchaseOrderChange, DocumentLocation]] = []
    omitted = 0
    for item in translate(payload, ReadingRules(), content_type=content_type):
        if isinstance(item, TranslationResult):
            orders = [made for one in held if (made := _ordered(*one, item)) is not None]
            return Seen(item.syntax, tuple(orders), omitted, _leading(orders), item.interchanges)
        document = _document(item)
        if document is not None and len(held) < ORDERS_MAX:
            held.append((document, item.location))
        elif document is not None:
            omitted += 1
    return Seen(None)


def _ordered(
    document: PurchaseOrder | PurchaseOrderChange, place: DocumentLocation, whole: TranslationResult
) -> Ordered | None:
    """What can be answered; None where its interchange or group is rejected, which its TA1 or 997 tells."""
    number = document.purchase_order_number if isinstance(document, PurchaseOrderChange) else document.number
    ordered = Ordered(document, magic_of(number), whole.syntax or "json")
    if whole.syntax != "x12":
        return ordered
    result = next(iter(whole.interchanges[place.interchange_index : place.interchange_index + 1]), None)
    group = next(iter(result.groups[place.group_index : place.group_index + 1]), None) if result is not None else None
    if result is None or group is None or result.code == "R" or group.status is Status.REJECTED:
        return None
    return replace(ordered, header=result.header, group=group.header)


def _document(item: TranslatedDocument) -> PurchaseOrder | PurchaseOrderChange | None:
    if item.document is None:
        return None
    read: Document | None = None
    first = next(json.read(item.document))
    if isinstance(first, DocumentRead):
        read = first.document
    return read if isinstance(read, PurchaseOrder | PurchaseOrderChange) else None


def _leading(orders: list[Ordered]) -> Magic:
    """Of several orders in one file the first that asks for something of the transport, or of its 997, decides."""
    for ordered in orders:
        word = ordered.magic.word
        if word.receipt is not Receipt.GIVEN or word.verdict is not Verdict.JUDGED:
            return ordered.magic
    return orders[0].magic if orders else NO_MAGIC
