"""What an order says now: as it was sent, with the changes since, in the words of the partner whom it was sent to."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from sqlalchemy import Connection

from gateway.agreements import outbound_agreement, vocabulary_of
from gateway.store import orders
from gateway.store.deliveries import dispatches
from gateway.store.orders import StoredOrder
from partners.loader import LoadedProfile
from translators import json, xml
from translators.catalog import sniff
from translators.document_reading import DocumentRead
from translators.documents import ChangeLine, Document, OrderLine, PurchaseOrder, PurchaseOrderChange
from translators.findings import Severity
from translators.vocabulary.outward import into_theirs

CHANGES_MAX = 100
_LINE_FIELDS = tuple(field.name for field in fields(OrderLine))
_DELETED = ("line_deleted", "DI")  # X12 element 670


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent of an order, unread.

    Attributes:
        body: holds the order, and perhaps others; None where it was purged.
        changes: bodies that hold changes of it, in their order.
    """

    order: StoredOrder
    body: bytes | None
    changes: tuple[bytes, ...] = ()

    @property
    def size_bytes(self) -> int:
        """How much there is to read."""
        return len(self.body or b"") + sum(map(len, self.changes))


def load(connection: Connection, partner_id: str, number: str) -> Sent | None:
    """What was sent of an order; None where there is no such order of this partner."""
    order = orders.get(connection, partner_id, number)
    if order is None:
        return None
    body = dispatches.body(connection, order.dispatch_id) if order.dispatch_id is not None else None
    if body is None or order.sent_id in {None, order.dispatch_id}:
        return Sent(order, body)
    changed = orders.changes_of(connection, order, CHANGES_MAX)
    bodies = (dispatches.body(connection, dispatch_id) for dispatch_id in changed)
    return Sent(order, body, tuple(held for held in bodies if held is not None))


def read(sent: Sent, partner: LoadedProfile) -> PurchaseOrder | None:
    """The order as it is now; None where its content is not kept any more. Takes a while for a large one."""
    number = sent.order.number
    found = [item for item in _documents(sent.body or b"") if isinstance(item, PurchaseOrder) and item.number == number]
    if not found:
        return None
    order = found[-1]
    for body in (sent.body or b"", *sent.changes):
        for item in _documents(body):
            if isinstance(item, PurchaseOrderChange) and item.purchase_order_number == number:
                order = as_changed(order, item)
    return _in_their_words(order, partner)


def as_changed(order: PurchaseOrder, change: PurchaseOrderChange) -> PurchaseOrder:
    """The order with the lines of a change: replaced as far as they say something, added, or gone."""
    lines = {line.line_id: line for line in order.lines}
    for line in change.lines:
        if _DELETED[0] == line.change or _DELETED[1] == line.change_code:
            lines.pop(line.line_id, None)
        else:
            lines[line.line_id] = _changed_line(lines.get(line.line_id), line)
    return replace(order, lines=tuple(lines.values()))


def _changed_line(line: OrderLine | None, change: ChangeLine) -> OrderLine:
    said = {name: value for name in _LINE_FIELDS if (value := getattr(change, name)) not in (None, ())}
    if line is None:
        return OrderLine(**said)
    if "unit" in said or "unit_as_sent" in said:
        # One of the two alone would speak of two units.
        said = {"unit": None, "unit_as_sent": None} | said
    return replace(line, **said)


def _documents(body: bytes) -> Sequence[Document]:
    read_body = xml.read if sniff(body) == "xml" else json.read
    return [item.document for item in read_body(body) if isinstance(item, DocumentRead) and item.document is not None]


def _in_their_words(order: PurchaseOrder, partner: LoadedProfile) -> PurchaseOrder:
    """As it was sent, as far as there are words for it; their answers are put back into ours as they are read."""
    agreement = outbound_agreement(partner.profile, order.document_type)
    vocabulary = vocabulary_of(partner.profile, agreement, partner.tables)
    if vocabulary is None:
        return order
    worded = into_theirs(order, vocabulary, "json")
    is_sound = all(finding.severity is not Severity.ERROR for finding in worded.findings)
    return worded.document if is_sound and isinstance(worded.document, PurchaseOrder) else order
