"""Large bodies on their way into the store: piece by piece, in transactions before the one that decides.

A message of many megabytes in a single transaction would keep every other partner waiting for its answer. So its pieces
go in beforehand, a few at a time, and nobody sees them until the message has its row. These commits need not wait for
the disk: what the deciding commit waits for covers them, since both databases write one log in one order (SQLite:
frames of the write-ahead log are valid only up to the first that is missing, so a synced commit has every frame before
it, and a checkpoint syncs the log first; PostgreSQL: the log is flushed up to the deciding commit's record, and theirs
lie before it, whichever connection wrote them).

While pieces wait for their message a claim names them. The deciding transaction takes the claim away; where it never
comes (the process ended, the sender's retry was faster) the claim runs out, and `sweep` removes pieces and claim in
one transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from isal import isal_zlib
from sqlalchemy import Connection, delete, select

from gateway.buffers import Buffer, forget
from gateway.store import claims
from gateway.store.engine.statements import Insert, table_of
from gateway.store.tables import Claim, MessageBody

PIECE_BYTES = 1_048_576
# Pieces of one transaction: some milliseconds of the writer.
STEP_BYTES = 2 * PIECE_BYTES
DEFLATED_STEP_BYTES = 2 * STEP_BYTES  # before they are deflated
# How long pieces wait for more of them, or for their message.
LEASE_MS = 120_000
SWEEP_MESSAGES_MAX = 20
# Part names of pieces that are deflated, each for itself.
DEFLATED = "+zlib"

_LEVEL = 1
# Deflating is worth its time from this share on.
_WORTH_IT = 0.75
_PROBE_BYTES = 65_536
_CLAIM = table_of(Claim)
_BODY = table_of(MessageBody)
_insert_piece = Insert(MessageBody, or_ignore=True)


class StagingLost(Exception):  # noqa: N818  # an event between processes
    """The pieces are gone: their claim ran out before their message came."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One row of a body."""

    part: str
    number: int
    data: bytes


Step: TypeAlias = Callable[[], list[Piece]]


def steps_of(part: str, buffers: Iterable[Buffer]) -> Iterator[Step]:
    """Buffers, one behind the other, as rows, a transaction's worth in each step.

    A step makes its pieces when it is called; several may be called at once, in threads. Pieces are deflated where the
    first bytes of the longest buffer say that it is worth it.
    """
    buffers = tuple(buffer for buffer in buffers if buffer)
    deflates = is_worth_deflating(max(buffers, key=len, default=b""))
    step_bytes = DEFLATED_STEP_BYTES if deflates else STEP_BYTES
    for start in range(0, max(sum(map(len, buffers)), 1), step_bytes):
        yield partial(_make, part, buffers, start, start + step_bytes, deflates=deflates)


def pieces_of(part: str, buffers: Iterable[Buffer]) -> Iterator[Piece]:
    """The rows of all steps."""
    for step in steps_of(part, buffers):
        yield from step()


def is_worth_deflating(buffer: Buffer) -> bool:
    """Whether the first bytes of a buffer become much shorter by it."""
    probe = bytes(buffer[:_PROBE_BYTES])
    return len(isal_zlib.compress(probe, _LEVEL)) < len(probe) * _WORTH_IT


def piece_of(part: str, number: int, raw: bytes, *, deflates: bool) -> Piece:
    """One row; all of a part are deflated, or none."""
    if deflates:
        return Piece(part + DEFLATED, number, isal_zlib.compress(raw, _LEVEL))
    return Piece(part, number, raw)


def _make(part: str, buffers: Sequence[Buffer], start: int, end: int, *, deflates: bool) -> list[Piece]:
    pieces: list[Piece] = []
    for begin in range(start, end, PIECE_BYTES):
        raw = b"".join(_cut(buffers, begin, begin + PIECE_BYTES))
        if not raw and begin:
            break
        pieces.append(piece_of(part, begin // PIECE_BYTES, raw, deflates=deflates))
        for buffer in buffers:
            forget(buffer)
    return pieces


def _cut(buffers: Iterable[Buffer], start: int, end: int) -> Iterator[Buffer]:
    """A range of buffers that stand one behind the other."""
    for buffer in buffers:
        if start < len(buffer) and end > 0:
            yield buffer[max(start, 0) : end]
        start -= len(buffer)
        end -= len(buffer)


def restored(part: str, data: bytes) -> bytes:
    """The bytes of a row."""
    return isal_zlib.decompress(data) if part.endswith(DEFLATED) else bytes(data)


def stage(
    connection: Connection, owner: str, message_id: str, pieces: Sequence[Piece], now_ms: int, *, begins: bool
) -> None:
    """Keep some pieces, the first ones or more of them, for a message that is not there yet.

    A second run of the unit changes nothing.

    Raises:
        StagingLost: somebody swept away what came before.
    """
    name = _name(message_id)
    held = connection.scalar(select(_CLAIM.c.owner).where(_CLAIM.c.name == name))
    if held != owner and not (begins and held is None):
        raise StagingLost(f"the pieces of message {message_id} were given up before all of them had come")
    claims.take(connection, name, owner, now_ms, now_ms + LEASE_MS)
    for piece in pieces:
        _insert_piece.post(
            connection, {"message_id": message_id, "part": piece.part, "piece": piece.number, "data": piece.data}
        )


def settle(connection: Connection, owner: str, message_id: str) -> None:
    """The pieces belong to their message, in the same transaction.

    Raises:
        StagingLost: they are gone.
    """
    mine = delete(_CLAIM).where(_CLAIM.c.name == _name(message_id), _CLAIM.c.owner == owner)
    if not connection.execute(mine).rowcount:
        raise StagingLost(f"the pieces of message {message_id} were given up before it was decided")


def discard(connection: Connection, owner: str, message_id: str) -> None:
    """The pieces are not needed: the message was there before."""
    mine = delete(_CLAIM).where(_CLAIM.c.name == _name(message_id), _CLAIM.c.owner == owner)
    if connection.execute(mine).rowcount:
        connection.execute(delete(_BODY).where(_BODY.c.message_id == message_id))


def sweep(connection: Connection, now_ms: int | None) -> int:
    """Remove pieces whose claim ran out; None: all, for the start of the only process. How many messages' they were."""
    staged = select(_CLAIM.c.name).where(_CLAIM.c.name.startswith(claims.STAGING, autoescape=True))
    if now_ms is not None:
        staged = staged.where(_CLAIM.c.until_ms < now_ms).limit(SWEEP_MESSAGES_MAX)
    # Locked: a message that settles its pieces right now comes first, and is then not among them.
    names = connection.scalars(staged.with_for_update(skip_locked=True)).all()
    for name in names:
        connection.execute(delete(_BODY).where(_BODY.c.message_id == name.removeprefix(claims.STAGING)))
        connection.execute(delete(_CLAIM).where(_CLAIM.c.name == name))
    return len(names)


def _name(message_id: str) -> str:
    return claims.STAGING + message_id
