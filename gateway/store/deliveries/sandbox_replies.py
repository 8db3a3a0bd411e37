"""What the sandbox still has to send: kept with the delivery that it answers, handed over once it is due."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, func, select, update

from gateway.store.engine.statements import Insert, table_of
from gateway.store.tables import SandboxReply

_REPLY = table_of(SandboxReply)
_insert = Insert(SandboxReply, or_ignore=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """One message of the supplier that the sandbox plays.

    Attributes:
        id: the same however often it is handed over; also the id that it bears on the transport.
        delivery_id: of ours, which it answers; ``ordinal`` counts its replies from 0.
        partner_id: who is played.
        identity: ours, by its name in the settings.
        about: what it is and why it is sent, for people.
    """

    id: str
    delivery_id: str
    ordinal: int
    partner_id: str
    identity: str
    about: str
    due_at_ms: int
    content_type: str
    payload: bytes


_COLUMNS = [_REPLY.c[name] for name in Reply.__dataclass_fields__]


def are_kept(connection: Connection, delivery_id: str) -> bool:
    """Whether a delivery was answered already."""
    query = select(_REPLY.c.id).where(_REPLY.c.delivery_id == delivery_id).limit(1)
    return connection.execute(query).first() is not None


def keep(connection: Connection, reply: Reply) -> bool:
    """Keep a reply; False when there is one of this delivery and ordinal already."""
    return _insert.run(connection, asdict(reply) | {"sent": False})


def due(connection: Connection, now_ms: int, limit: int) -> list[Reply]:
    """The replies that are due, the one that waits longest first."""
    query = (
        select(*_COLUMNS)
        .where(~_REPLY.c.sent, _REPLY.c.due_at_ms <= now_ms)
        .order_by(_REPLY.c.due_at_ms, _REPLY.c.id)
        .limit(limit)
    )
    return [Reply(*row) for row in connection.execute(query)]


def next_due(connection: Connection) -> int | None:
    """When the next reply is due (milliseconds since 1970); None where none waits."""
    found = connection.scalar(select(func.min(_REPLY.c.due_at_ms)).where(~_REPLY.c.sent))
    return None if found is None else int(found)


def of_delivery(connection: Connection, delivery_id: str) -> list[Reply]:
    """The replies to a delivery, those that were handed over, too."""
    query = select(*_COLUMNS).where(_REPLY.c.delivery_id == delivery_id).order_by(_REPLY.c.ordinal)
    return [Reply(*row) for row in connection.execute(query)]


def mark_sent(connection: Connection, reply_ids: Sequence[str]) -> None:
    """These were handed over, or will never be."""
    if reply_ids:
        connection.execute(update(_REPLY).where(_REPLY.c.id.in_(reply_ids)).values(sent=True))


def remove(connection: Connection, delivery_ids: Sequence[str]) -> None:
    """With deliveries that go, what answered them goes."""
    if delivery_ids:
        connection.execute(delete(_REPLY).where(_REPLY.c.delivery_id.in_(delivery_ids)))
