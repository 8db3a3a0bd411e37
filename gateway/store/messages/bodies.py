"""The bytes of messages: as they came, as they were opened, and what was answered; in pieces, some of them deflated."""

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, or_, select

from gateway.buffers import Buffer, whole
from gateway.store.engine.statements import Insert, Prepared, given, table_of
from gateway.store.messages.staging import DEFLATED, PIECE_BYTES, restored
from gateway.store.tables import MessageBody

_BODY = table_of(MessageBody)
_insert_body = Insert(MessageBody)
_piece = Prepared(
    lambda _: select(_BODY.c.part, _BODY.c.data).where(
        _BODY.c.message_id == given("message_id"),
        or_(_BODY.c.part == given("part"), _BODY.c.part == given("deflated")),
        _BODY.c.piece == given("piece"),
    )
)


def keep(connection: Connection, message_id: str, part: str, buffers: Sequence[Buffer]) -> None:
    """Keep one part with its message; `buffers` are one behind the other."""
    data = buffers[0] if len(buffers) == 1 else b"".join(buffers)
    for number, start in enumerate(range(0, max(len(data), 1), PIECE_BYTES)):
        piece = data if len(data) <= PIECE_BYTES else data[start : start + PIECE_BYTES]
        _insert_body.post(connection, {"message_id": message_id, "part": part, "piece": number, "data": whole(piece)})


def body(connection: Connection, message_id: str, part: str) -> bytes | None:
    """The bytes of one part (`payload`, `wire`, `answer`); None when it was never kept, or purged."""
    rows = connection.execute(
        select(_BODY.c.part, _BODY.c.data)
        .where(_BODY.c.message_id == message_id, _BODY.c.part.in_((part, part + DEFLATED)))
        .order_by(_BODY.c.piece)
    ).all()
    return b"".join(restored(kept_as, data) for kept_as, data in rows) if rows else None


def piece(connection: Connection, message_id: str, part: str, number: int) -> bytes | None:
    """One piece of a part, counted from 0, for whoever does not want all of a large one in memory; None: no more."""
    rows = _piece.rows(connection, message_id=message_id, part=part, deflated=part + DEFLATED, piece=number)
    return restored(*rows[0]) if rows else None


def pieces(connection: Connection, message_id: str, part: str) -> Iterator[bytes]:
    """The bytes of one part, one piece in memory at a time; none when it was never kept, or purged."""
    number = 0
    while (one := piece(connection, message_id, part, number)) is not None:
        yield one
        number += 1


def payloads(connection: Connection, message_ids: Iterable[str]) -> dict[str, bytes]:
    """The opened content of many messages at once, all of them small; those whose content was purged are absent."""
    rows = connection.execute(
        select(_BODY.c.message_id, _BODY.c.part, _BODY.c.data)
        .where(_BODY.c.message_id.in_(list(message_ids)), _BODY.c.part.in_(("payload", "payload" + DEFLATED)))
        .order_by(_BODY.c.message_id, _BODY.c.piece)
    )
    pieces: dict[str, list[bytes]] = {}
    for message_id, part, data in rows:
        pieces.setdefault(message_id, []).append(restored(part, data))
    return {message_id: found[0] if len(found) == 1 else b"".join(found) for message_id, found in pieces.items()}
