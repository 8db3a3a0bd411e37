"""The documents of a message without their content: what is told of them when it is decided."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from gateway.store.engine.statements import Prepared, given, table_of
from gateway.store.messages.documents import REJECTED
from gateway.store.tables import Document

_DOCUMENT = table_of(Document)


@dataclass(frozen=True, slots=True)
class Outline:
    """One document, by its fields of the same names."""

    id: str
    partner_id: str
    document_type: str
    number: str
    purchase_order_number: str
    status: str


@dataclass(frozen=True, slots=True)
class Outlines:
    """The documents of one revision of a message.

    Attributes:
        first: the first so many.
        total: how many there are.
        order: the purchase order that all of them are about; empty where they are about several, or about none.
    """

    first: tuple[Outline, ...]
    total: int
    order: str

    @property
    def all_rejected(self) -> bool:
        """Whether there are some, and none of them was accepted; of very many nobody knows."""
        return 0 < self.total == len(self.first) and all(item.status == REJECTED for item in self.first)


_COLUMNS = [_DOCUMENT.c[name] for name in Outline.__dataclass_fields__]
_of = (_DOCUMENT.c.message_id == given("message_id"), _DOCUMENT.c.revision == given("revision"))
_theirs = _DOCUMENT.c.partner_id == given("partner_id")
_order = _DOCUMENT.c.purchase_order_number
_totals = [func.count(), func.min(_order), func.max(_order)]
_count_all = Prepared(lambda _: select(*_totals).where(*_of))
_count_theirs = Prepared(lambda _: select(*_totals).where(*_of, _theirs))
_find_all = Prepared(lambda _: select(*_COLUMNS).where(*_of).order_by(_DOCUMENT.c.ordinal).limit(given("most")))
_find_theirs = Prepared(
    lambda _: select(*_COLUMNS).where(*_of, _theirs).order_by(_DOCUMENT.c.ordinal).limit(given("most"))
)


def outlines(
    connection: Connection, message_id: str, revision: int, most: int, *, partner_id: str | None = None
) -> Outlines:
    """The documents of a message, or of one partner among those that it carries."""
    values: dict[str, object] = {"message_id": message_id, "revision": revision}
    count, find = _count_all, _find_all
    if partner_id is not None:
        values["partner_id"] = partner_id
        count, find = _count_theirs, _find_theirs
    total, least, greatest = count.rows(connection, **values)[0]
    rows = find.rows(connection, **values, most=most)
    return Outlines(tuple(Outline(*row) for row in rows), int(total), str(least or "") if least == greatest else "")
