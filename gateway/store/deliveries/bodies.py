"""The bytes of deliveries, in pieces: what is delivered, as it was packed for the way, and what came back."""

from collections.abc import Iterator

from sqlalchemy import Connection, delete, func, select

from gateway.buffers import Buffer
from gateway.store.engine.statements import Insert, Prepared, given, table_of
from gateway.store.tables import DeliveryBody

PIECE_BYTES = 1_048_576
PAYLOAD, WIRE, RECEIPT = "payload", "wire", "receipt"
PARTS = (PAYLOAD, WIRE, RECEIPT)

_BODY = table_of(DeliveryBody)
_insert_piece = Insert(DeliveryBody)
_piece = Prepared(
    lambda _: select(_BODY.c.data).where(
        _BODY.c.delivery_id == given("delivery_id"), _BODY.c.part == given("part"), _BODY.c.piece == given("piece")
    )
)

_drop = Prepared(
    lambda _: delete(_BODY).where(_BODY.c.delivery_id == given("delivery_id"), _BODY.c.part == given("part"))
)


def keep(connection: Connection, delivery_id: str, part: str, data: Buffer, *, first_piece: int = 0) -> int:
    """Add bytes to a part, from a piece on; returns the number of the piece that comes next."""
    piece = first_piece
    for start in range(0, max(len(data), 1), PIECE_BYTES):
        # Both drivers want bytes, and never more than one piece of a large buffer is in memory.
        values = {"delivery_id": delivery_id, "part": part, "piece": piece}
        _insert_piece.post(connection, values | {"data": bytes(data[start : start + PIECE_BYTES])})
        piece += 1
    return piece


def replace(connection: Connection, delivery_id: str, part: str, data: Buffer) -> None:
    """Keep bytes in the place of what the part held."""
    drop(connection, delivery_id, part)
    keep(connection, delivery_id, part, data)


def drop(connection: Connection, delivery_id: str, part: str) -> None:
    """Forget a part."""
    _drop.post(connection, delivery_id=delivery_id, part=part)


def body(connection: Connection, delivery_id: str, part: str) -> bytes | None:
    """The bytes of one part (`payload`, `wire`, `receipt`); None when it was never kept, or purged."""
    found = list(pieces(connection, delivery_id, part))
    if not found:
        return None
    return found[0] if len(found) == 1 else b"".join(found)


def pieces(connection: Connection, delivery_id: str, part: str) -> Iterator[bytes]:
    """The bytes of one part, one piece in memory at a time; none when it was never kept, or purged."""
    number = 0
    while rows := _piece.rows(connection, delivery_id=delivery_id, part=part, piece=number):
        yield bytes(rows[0][0])
        number += 1


def piece(connection: Connection, delivery_id: str, part: str, number: int) -> bytes | None:
    """One piece of a part, for those who read it step by step; None behind the last."""
    rows = _piece.rows(connection, delivery_id=delivery_id, part=part, piece=number)
    return bytes(rows[0][0]) if rows else None


def size(connection: Connection, delivery_id: str, part: str) -> int | None:
    """How many bytes a part has; None when it was never kept, or purged."""
    query = select(func.sum(func.length(_BODY.c.data))).where(_BODY.c.delivery_id == delivery_id, _BODY.c.part == part)
    found = connection.scalar(query)
    return None if found is None else int(found)
