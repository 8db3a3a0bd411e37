"""A partner's submissions page by page, the newest first, in a time that does not grow with their number.

No page looks at more than `VISITS_MAX` rows: where few of many rows fit a filter it ends early, and the next one goes
on behind the last row that was looked at. Which documents a submission holds is looked up in an index for each filter,
so that one of a million is found at once.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, select, tuple_

from gateway.model.ids import ID_LENGTH
from gateway.store.engine.statements import storable, table_of
from gateway.store.messages.documents import REJECTED, StoredDocument
from gateway.store.messages.rows import STORED_COLUMNS, StoredMessage
from gateway.store.tables import Document, Message

VISITS_MAX = 1_000
SAME_NUMBER_MAX = 10
_SAME_LOOKED_AT_MAX = 50
_BATCH_ROWS = 64
# Behind every id, whichever collation the database sorts by: ids begin with a digit.
_HIGHEST = "Z"
_MESSAGE = table_of(Message)
_DOCUMENT = table_of(Document)
_DocumentRow: TypeAlias = Row[tuple[str, str, str, str]]
_select_documents: Select[tuple[str, str, str, str]] = select(
    _DOCUMENT.c.id, _DOCUMENT.c.document_type, _DOCUMENT.c.number, _DOCUMENT.c.purchase_order_number
)
SelectedT = TypeVar("SelectedT", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which submissions.

    Attributes:
        partner_id: who sent them.
        whose: under whom documents of theirs stand: themselves and, for a connection, those whom it carries.
        states: of the message; any where empty.
        since: the least id.
        until: the id behind the greatest.
    """

    partner_id: str
    whose: tuple[str, ...] = ()
    states: frozenset[str] = frozenset()
    channel: str | None = None
    document_type: str | None = None
    number: str | None = None
    purchase_order_number: str | None = None
    since: str | None = None
    until: str | None = None

    @property
    def looks_into_documents(self) -> bool:
        """Whether it depends on what they hold."""
        return any((self.document_type, self.number, self.purchase_order_number))

    def takes(self, message: StoredMessage) -> bool:
        """Whether the message itself fits."""
        return (
            message.partner_id == self.partner_id
            and (not self.states or message.state in self.states)
            and self.channel in (None, message.channel)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A page of submissions.

    Attributes:
        position: where the next page begins: behind this id; None where there is no next page.
        visits: how many rows were looked at.
    """

    messages: tuple[StoredMessage, ...]
    position: str | None
    visits: int


def page(connection: Connection, wanted: Wanted, position: str | None, limit: int) -> Page:
    """The submissions that fit, behind a position.

    Args:
        connection: reads.
        wanted: which.
        position: of the page before; None for the first page.
        limit: how many at most.
    """
    start = min(position or _HIGHEST, wanted.until or _HIGHEST)
    if wanted.looks_into_documents:
        looked = _by_documents(connection, wanted, start)
    else:
        looked = _by_messages(connection, wanted, start, limit)
    found: list[StoredMessage] = []
    last, visits = start, 0
    for visit in looked:
        if len(found) == limit or visit.rows + visits > VISITS_MAX:
            # There is one more, or there may be.
            return Page(tuple(found), last, visits)
        visits += visit.rows
        last = visit.position
        if visit.message is not None and wanted.takes(visit.message):
            found.append(visit.message)
    return Page(tuple(found), None, visits)


def same_number(connection: Connection, document: StoredDocument) -> list[str]:
    """Other documents of this kind and number that came in other messages and were accepted, the newest first.

    Usually one of them was sent twice, under another id. Of very many with the number the newest are looked at.
    """
    if not document.number or document.status == REJECTED:
        return []
    columns = (_DOCUMENT.c.id, _DOCUMENT.c.document_type, _DOCUMENT.c.status)
    query: Select[tuple[str, str, str]] = select(*columns).where(_DOCUMENT.c.partner_id == document.partner_id)
    filtered = (_DOCUMENT.c.number, document.number)
    rows = connection.execute(_behind(query, filtered, _DOCUMENT.c.id, _HIGHEST).limit(_SAME_LOOKED_AT_MAX)).all()
    return [
        row.id
        for row in rows
        if row.document_type == document.document_type
        and row.status != REJECTED
        and row.id[:ID_LENGTH] != document.message_id
    ][:SAME_NUMBER_MAX]


@dataclass(frozen=True, slots=True)
class _Visit:
    """What was looked at: a message, or a document that does not fit.

    Attributes:
        position: behind it the list goes on.
        rows: how many rows it took.
    """

    position: str
    message: StoredMessage | None
    rows: int = 1


def _by_messages(connection: Connection, wanted: Wanted, start: str, limit: int) -> Iterator[_Visit]:
    filters = bool(wanted.states) or wanted.channel is not None
    batch = _BATCH_ROWS * 4 if filters else limit + 1
    query = select(*STORED_COLUMNS).limit(batch)
    while True:
        rows = connection.execute(
            _behind(query, (_MESSAGE.c.partner_id, wanted.partner_id), _MESSAGE.c.id, start)
        ).all()
        for row in rows:
            if wanted.since is not None and row.id < wanted.since:
                return
            message = StoredMessage(*row)
            yield _Visit(message.id, message)
        if len(rows) < batch:
            return
        start = rows[-1].id


def _behind(
    query: Select[SelectedT], filtered: tuple[ColumnElement[str], str], id_: ColumnElement[str], start: str
) -> Select[SelectedT]:
    """Rows of an index over a column that holds one value, and the id: the newest first, behind a position.

    Compared and ordered as rows: with the column as a mere condition PostgreSQL takes the index of the ids alone where
    most rows seem to fit, and reads however many of others lie between.
    """
    column, value = filtered
    return query.where(tuple_(column, id_) < tuple_(value, start), column >= value).order_by(column.desc(), id_.desc())


def _by_documents(connection: Connection, wanted: Wanted, start: str) -> Iterator[_Visit]:
    """Messages by the documents in them, each message once."""
    ours = [_Documents(connection, wanted, partner_id, start) for partner_id in wanted.whose]
    found: dict[str, StoredMessage] = {}
    while held := [documents for documents in ours if documents.next() is not None]:
        newest = max(held, key=lambda documents: documents.message_id)
        message_id = newest.message_id
        if message_id not in found:
            found |= _messages(connection, newest.messages_ahead())
        row = newest.take()
        if not _fits(row, wanted):
            yield _Visit(row.id, None)
            continue
        for documents in ours:
            documents.skip(message_id)
        yield _Visit(message_id, found.get(message_id), rows=2)


def _messages(connection: Connection, ids: Collection[str]) -> dict[str, StoredMessage]:
    rows = connection.execute(select(*STORED_COLUMNS).where(_MESSAGE.c.id.in_(ids)))
    return {row.id: StoredMessage(*row) for row in rows}


def _filter(wanted: Wanted) -> tuple[ColumnElement[str], str]:
    """The column, each of which has its index, that leaves the fewest documents, and what it holds."""
    if wanted.purchase_order_number is not None:
        return _DOCUMENT.c.purchase_order_number, storable(wanted.purchase_order_number)
    if wanted.number is not None:
        return _DOCUMENT.c.number, storable(wanted.number)
    return _DOCUMENT.c.document_type, storable(wanted.document_type or "")


def _fits(row: _DocumentRow, wanted: Wanted) -> bool:
    """Whether one document has everything that is asked for."""
    return (
        storable(wanted.document_type) in (None, row.document_type)
        and storable(wanted.number) in (None, row.number)
        and storable(wanted.purchase_order_number) in (None, row.purchase_order_number)
    )


class _Documents:
    """The documents of one partner that fit a filter, the newest first, a few at a time."""

    def __init__(self, connection: Connection, wanted: Wanted, partner_id: str, start: str) -> None:
        self._connection = connection
        self._since = wanted.since
        self._query = _select_documents.where(_DOCUMENT.c.partner_id == partner_id).limit(_BATCH_ROWS)
        self._filtered = _filter(wanted)
        self._start = start
        self._rows: Sequence[_DocumentRow] = ()
        self._index = 0
        self._is_over = False

    @property
    def message_id(self) -> str:
        """Of the next one."""
        return str(self._rows[self._index].id[:ID_LENGTH])

    def messages_ahead(self) -> set[str]:
        """Of those that were fetched and not taken."""
        return {row.id[:ID_LENGTH] for row in self._rows[self._index :]}

    def next(self) -> _DocumentRow | None:
        """The next one, which stays; None: no more."""
        if self._index == len(self._rows) and not self._is_over:
            rows = self._connection.execute(_behind(self._query, self._filtered, _DOCUMENT.c.id, self._start)).all()
            self._is_over = len(rows) < _BATCH_ROWS
            if rows:
                self._start = rows[-1].id
            if self._since is not None:
                since = self._since
                self._is_over |= any(row.id < since for row in rows)
                rows = [row for row in rows if row.id >= since]
            self._rows, self._index = rows, 0
        return self._rows[self._index] if self._index < len(self._rows) else None

    def take(self) -> _DocumentRow:
        """The next one."""
        row = self._rows[self._index]
        self._index += 1
        return row

    def skip(self, message_id: str) -> None:
        """Go on behind everything of a message, and of those that are newer."""
        while self._index < len(self._rows) and self.message_id >= message_id:
            self._index += 1
        if self._index == len(self._rows) and not self._is_over:
            # What is left of it in the index is left out in one step.
            self._start = min(self._start, message_id)
