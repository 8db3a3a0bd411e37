"""The timeline: one entry a step, in the words that people read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, func, or_, select

from gateway.store.engine.statements import Insert, table_of
from gateway.store.tables import TimelineEntry

_TIMELINE = table_of(TimelineEntry)
_insert_entry = Insert(TimelineEntry, omit=("id",))


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the timeline."""

    at_ms: int
    step: str
    document_id: str | None
    detail: dict[str, object]


def note(
    connection: Connection,
    message_id: str,
    at_ms: int,
    step: str,
    detail: Mapping[str, object],
    *,
    document_id: str | None = None,
) -> None:
    """Add an entry."""
    _insert_entry.post(
        connection,
        {
            "message_id": message_id,
            "document_id": document_id,
            "at_ms": at_ms,
            "step": step,
            "detail": orjson.dumps(detail).decode(),
        },
    )


def count(connection: Connection, message_id: str, step: str) -> int:
    """How many entries of a step there are."""
    query = select(func.count()).where(_TIMELINE.c.message_id == message_id, _TIMELINE.c.step == step)
    return connection.scalar(query) or 0


def of_message(connection: Connection, message_id: str, document_ids: Collection[str] | None = None) -> list[Step]:
    """The entries of a message and its documents, or some of them, in the order in which they were written."""
    query = select(_TIMELINE.c.at_ms, _TIMELINE.c.step, _TIMELINE.c.document_id, _TIMELINE.c.detail).where(
        _TIMELINE.c.message_id == message_id
    )
    if document_ids is not None:
        query = query.where(or_(_TIMELINE.c.document_id.is_(None), _TIMELINE.c.document_id.in_(document_ids)))
    rows = connection.execute(query.order_by(_TIMELINE.c.id))
    return [Step(row.at_ms, row.step, row.document_id, orjson.loads(row.detail)) for row in rows]
