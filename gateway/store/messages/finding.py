"""Messages as they are looked up: one, a partner's, and how many."""

from collections.abc import Iterator

from sqlalchemy import Connection, func, or_, select

from gateway.model.message import FINAL_STATES, MessageState
from gateway.store.engine.statements import Prepared, given, table_of
from gateway.store.messages.rows import STORED_COLUMNS, StoredMessage
from gateway.store.tables import Document, Message

_MESSAGE = table_of(Message)
_DOCUMENT = table_of(Document)
_state = Prepared(lambda _: select(_MESSAGE.c.state).where(_MESSAGE.c.id == given("message_id")))


def get(connection: Connection, message_id: str) -> StoredMessage | None:
    """One message."""
    row = connection.execute(select(*STORED_COLUMNS).where(_MESSAGE.c.id == message_id)).one_or_none()
    return StoredMessage(*row) if row is not None else None


def state(connection: Connection, message_id: str) -> str | None:
    """Where a message stands; None where there is none."""
    rows = _state.rows(connection, message_id=message_id)
    return str(rows[0][0]) if rows else None


def find(
    connection: Connection,
    *,
    partner_id: str | None = None,
    state: str | None = None,
    before: str | None = None,
    limit: int = 50,
    also_brought: bool = False,
) -> list[StoredMessage]:
    """The newest messages first; `before` is the id to go on from.

    A partner's are those that it sent itself, and with `also_brought` those, too, that a connection sent and that hold
    documents of it: for our own people, since the others of that connection stand in them as well.
    """
    query = select(*STORED_COLUMNS).order_by(_MESSAGE.c.id.desc()).limit(limit)
    if partner_id is not None:
        own = _MESSAGE.c.partner_id == partner_id
        brought = select(_DOCUMENT.c.message_id).where(_DOCUMENT.c.partner_id == partner_id)
        query = query.where(or_(own, _MESSAGE.c.id.in_(brought)) if also_brought else own)
    if state is not None:
        query = query.where(_MESSAGE.c.state == state)
    if before is not None:
        query = query.where(_MESSAGE.c.id < before)
    return [StoredMessage(*row) for row in connection.execute(query)]


def counts(connection: Connection) -> Iterator[tuple[str, int]]:
    """(state, number of messages): of those that are not final, for metrics."""
    for state in (state for state in MessageState if state not in FINAL_STATES):
        number = connection.scalar(select(func.count()).select_from(_MESSAGE).where(_MESSAGE.c.state == state.value))
        yield state.value, number or 0
