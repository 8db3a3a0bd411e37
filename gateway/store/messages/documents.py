"""Documents of a message: staged in batches, decided with their message, read by people and by the relay."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import orjson
from sqlalchemy import Connection, and_, case, func, or_, select, update

from gateway.model.events import BusinessEvent
from gateway.model.message import EventState
from gateway.store.engine.statements import Prepared, constant, given, storable, table_of
from gateway.store.events import outbox
from gateway.store.tables import Document, OutboxEvent

REJECTED = "rejected"

_DOCUMENT = table_of(Document)
_EVENT = table_of(OutboxEvent)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """One row of `document`; `location` and `findings` are JSON text, `body` is the canonical JSON."""

    id: str
    message_id: str
    partner_id: str
    revision: int
    ordinal: int
    document_type: str
    number: str
    purchase_order_number: str
    status: str
    location: str
    findings: str
    findings_omitted: int
    schema_version: str
    body: bytes | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class StagedDocument:
    """A document and, when it was accepted, the event that will carry it (its sequence is given while staging)."""

    document: StoredDocument
    event: BusinessEvent | None


_COLUMNS = [_DOCUMENT.c[field.name] for field in fields(StoredDocument)]
_keep = Prepared(
    lambda insert: (
        statement := insert(_DOCUMENT).values({column.name: given(column.name) for column in _COLUMNS})
    ).on_conflict_do_update(
        index_elements=["id"],
        set_={column.name: statement.excluded[column.name] for column in _COLUMNS if column.name != "id"},
    )
)
_release = Prepared(
    lambda _: (
        update(_EVENT)
        .where(
            _EVENT.c.message_id == given("message_id"),
            _EVENT.c.revision == given("revision"),
            _EVENT.c.state == EventState.STAGED.value,
        )
        .values(state=EventState.READY.value, next_attempt_at_ms=given("now_ms"))
    )
)


def _in_range() -> Any:  # noqa: ANN401  # a condition
    return and_(
        _DOCUMENT.c.message_id == given("message_id"),
        _DOCUMENT.c.revision == given("revision"),
        _DOCUMENT.c.ordinal.between(given("first"), given("last")),
    )


_refuse_range = Prepared(
    lambda _: (
        update(_DOCUMENT).where(_in_range(), _DOCUMENT.c.status != constant(REJECTED)).values(status=constant(REJECTED))
    )
)
_drop_range = Prepared(
    lambda _: (
        update(_EVENT)
        .where(
            _EVENT.c.document_id.in_(select(_DOCUMENT.c.id).where(_in_range())),
            _EVENT.c.state == constant(EventState.STAGED.value),
        )
        .values(state=constant(EventState.DROPPED.value))
    )
)


def stage(connection: Connection, batch: Sequence[StagedDocument], now_ms: int) -> None:
    """Write a batch, invisible to the relay.

    Staging again (after a crash, or on a second attempt) changes the rows in place: a document keeps its position in
    its lane.
    """
    for item in batch:
        _keep.post(connection, **{column.name: getattr(item.document, column.name) for column in _COLUMNS})
        if item.event is not None:
            outbox.stage(connection, item.event, now_ms)


def refuse(connection: Connection, message_id: str, revision: int, ranges: Iterable[tuple[int, int]]) -> int:
    """Reject documents that read well, and drop their events: what they stand in is rejected as a whole.

    `ranges` are the first and last ordinal of each run of them. Returns how many were not rejected before.
    """
    refused = 0
    for first, last in ranges:
        place = {"message_id": message_id, "revision": revision, "first": first, "last": last}
        _drop_range.count(connection, **place)
        refused += _refuse_range.count(connection, **place)
    return refused


def release(connection: Connection, message_id: str, revision: int, now_ms: int) -> int:
    """Let the relay see the events of a decided message; returns how many."""
    return _release.count(connection, message_id=message_id, revision=revision, now_ms=now_ms)


def drop_staged_after(connection: Connection, message_id: str, revision: int, documents: int) -> None:
    """Drop what an earlier attempt staged and this one does not publish: documents beyond its last, or rejected."""
    beyond = (
        select(_DOCUMENT.c.id)
        .where(
            _DOCUMENT.c.message_id == message_id,
            _DOCUMENT.c.revision == revision,
            or_(_DOCUMENT.c.ordinal >= documents, _DOCUMENT.c.status == REJECTED),
        )
        .scalar_subquery()
    )
    connection.execute(
        update(_EVENT)
        .where(_EVENT.c.document_id.in_(beyond), _EVENT.c.state == EventState.STAGED.value)
        .values(state=EventState.DROPPED.value)
    )


def of_message(connection: Connection, message_id: str, most: int | None = None) -> list[StoredDocument]:
    """The documents of a message, all revisions, in their order; of very many the first `most` of the newest one."""
    query = select(*_COLUMNS).where(_DOCUMENT.c.message_id == message_id)
    if most is not None:
        query = query.order_by(_DOCUMENT.c.revision.desc(), _DOCUMENT.c.ordinal).limit(most)
    rows = connection.execute(query)
    return sorted((StoredDocument(*row) for row in rows), key=lambda document: (document.revision, document.ordinal))


def faulty(connection: Connection, message_id: str, revision: int, most: int) -> list[StoredDocument]:
    """The first documents of a revision that were rejected or have faults, in their order."""
    query = (
        select(*_COLUMNS)
        .where(
            _DOCUMENT.c.message_id == message_id,
            _DOCUMENT.c.revision == revision,
            _DOCUMENT.c.status != constant("accepted"),
        )
        .order_by(_DOCUMENT.c.ordinal)
        .limit(most)
    )
    return [StoredDocument(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many documents a message holds: of all revisions, of the newest one, and of these how many are rejected."""

    total: int
    current: int
    rejected: int


def tally(connection: Connection, message_id: str) -> Tally:
    """How many documents a message holds."""
    rejected = func.sum(case((_DOCUMENT.c.status == REJECTED, 1), else_=0))
    query = select(_DOCUMENT.c.revision, func.count(), rejected).where(_DOCUMENT.c.message_id == message_id)
    rows = connection.execute(query.group_by(_DOCUMENT.c.revision).order_by(_DOCUMENT.c.revision)).all()
    if not rows:
        return Tally(0, 0, 0)
    return Tally(sum(row[1] for row in rows), rows[-1][1], int(rows[-1][2]))


def get(connection: Connection, document_id: str) -> StoredDocument | None:
    """One document."""
    row = connection.execute(select(*_COLUMNS).where(_DOCUMENT.c.id == document_id)).one_or_none()
    return StoredDocument(*row) if row is not None else None


def orders(connection: Connection, partner_id: str, purchase_order_numbers: Sequence[str]) -> dict[str, bytes]:
    """The purchase orders of a partner with these numbers, the newest of each, as canonical JSON."""
    rows = connection.execute(
        select(_DOCUMENT.c.purchase_order_number, _DOCUMENT.c.body)
        .where(
            _DOCUMENT.c.partner_id == partner_id,
            _DOCUMENT.c.purchase_order_number.in_([storable(number) for number in purchase_order_numbers]),
            _DOCUMENT.c.document_type == "purchase_order",
            _DOCUMENT.c.status != REJECTED,
            _DOCUMENT.c.body.is_not(None),
        )
        .order_by(_DOCUMENT.c.created_at_ms, _DOCUMENT.c.revision)
    )
    return {str(number): bytes(body) for number, body in rows}


def first_error(connection: Connection, message_id: str) -> str | None:
    """The message of the first error in the documents of a message."""
    rows = connection.execute(
        select(_DOCUMENT.c.findings)
        .where(
            _DOCUMENT.c.message_id == message_id,
            _DOCUMENT.c.status == REJECTED,
            # One that was refused with its group may have none, or warnings alone.
            _DOCUMENT.c.findings.contains('"severity":"error"'),
        )
        .order_by(_DOCUMENT.c.revision.desc(), _DOCUMENT.c.ordinal)
        .limit(1)
    )
    for row in rows:
        for finding in orjson.loads(row.findings):
            if finding["severity"] == "error":
                return str(finding["message"])
    return None
