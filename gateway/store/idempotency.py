"""Answers to calls that changed something, under the Idempotency-Key of whoever made them.

    (nothing) --reserve--> running --finish--> answered
                 ^            |
                 +--release---+      also when its process is gone: after LEASE_MS the next one may try

A key is the partner's, whatever it is used for: it enters `transport_identity` as those of submissions do, so that one
key never stands for two things.
"""

from dataclasses import dataclass

import orjson
from sqlalchemy import ColumnElement, Connection, delete, select, update

from gateway.store.api_tables import IdempotentAnswer
from gateway.store.engine.statements import Insert, storable, table_of
from gateway.store.tables import TransportIdentity

CHANNEL = "rest"
# Longer than any call may take.
LEASE_MS = 120_000
_RUNNING = 0

_ANSWER = table_of(IdempotentAnswer)
_IDENTITY = table_of(TransportIdentity)
_insert_answer = Insert(IdempotentAnswer, or_ignore=True)
_insert_identity = Insert(TransportIdentity, or_ignore=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered.

    Attributes:
        body: sealed where `sealed` says so.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    sealed: bool
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """A call under way; whoever holds it may finish it."""

    partner_id: str
    key: str
    created_at_ms: int


class KeyReused(Exception):  # noqa: N818  # an event of the outside world
    """The key was used before for something else."""


class StillRunning(Exception):  # noqa: N818  # an event of the outside world
    """The first call with this key is under way, here or in another process."""


def reserve(connection: Connection, partner_id: str, key: str, sha256: str, now_ms: int) -> Reservation | Answer:
    """Begin a call under a key, or find the answer that it had.

    Raises:
        KeyReused: it stands for another request.
        StillRunning: the same request is being handled.
    """
    key = storable(key)
    reservation = Reservation(partner_id, key, now_ms)
    identity = {"partner_id": partner_id, "channel": CHANNEL, "transport_id": key, "message_id": "", "sha256": sha256}
    is_new = _insert_identity.run(connection, identity | {"created_at_ms": now_ms})
    if not is_new and _known_digest(connection, partner_id, key) != sha256:
        raise KeyReused(f"the Idempotency-Key {key} was used for another request")
    if is_new:
        # Whatever is left of an earlier use is older than keys are remembered.
        connection.execute(delete(_ANSWER).where(_at(partner_id, key)))
    row = {"partner_id": partner_id, "key": key, "sha256": sha256, "status": _RUNNING, "body": b""}
    if _insert_answer.run(connection, row | {"created_at_ms": now_ms}):
        return reservation
    columns = (_ANSWER.c.status, _ANSWER.c.headers, _ANSWER.c.body, _ANSWER.c.sealed, _ANSWER.c.created_at_ms)
    found = connection.execute(select(*columns).where(_at(partner_id, key)).with_for_update()).one()
    if found.status != _RUNNING:
        return Answer(
            found.status, orjson.loads(found.headers), bytes(found.body), bool(found.sealed), found.created_at_ms
        )
    if found.created_at_ms + LEASE_MS > now_ms:
        raise StillRunning(key)
    connection.execute(update(_ANSWER).where(_at(partner_id, key)).values(created_at_ms=now_ms))
    return reservation


def finish(
    connection: Connection,
    reservation: Reservation,
    *,
    status: int,
    headers: dict[str, str],
    body: bytes,
    sealed: bool,
) -> None:
    """Keep the answer of a call; belongs in the transaction of what the call changes. Once more changes nothing.

    Raises:
        StillRunning: the reservation ended, and the key is another call's: this one must change nothing any more.
    """
    told = {"status": status, "headers": orjson.dumps(headers).decode(), "body": body, "sealed": sealed}
    if connection.execute(update(_ANSWER).where(_mine(reservation)).values(told)).rowcount:
        return
    is_ours = _at(reservation.partner_id, reservation.key) & (_ANSWER.c.created_at_ms == reservation.created_at_ms)
    if not connection.scalar(select(_ANSWER.c.status).where(is_ours)):
        raise StillRunning(reservation.key)


def release(connection: Connection, reservation: Reservation) -> None:
    """Nothing came of the call: its key is free again."""
    if connection.execute(delete(_ANSWER).where(_mine(reservation))).rowcount:
        connection.execute(
            delete(_IDENTITY).where(
                _IDENTITY.c.partner_id == reservation.partner_id,
                _IDENTITY.c.channel == CHANNEL,
                _IDENTITY.c.transport_id == reservation.key,
            )
        )


def _known_digest(connection: Connection, partner_id: str, key: str) -> str:
    return str(
        connection.scalar(
            select(_IDENTITY.c.sha256).where(
                _IDENTITY.c.partner_id == partner_id,
                _IDENTITY.c.channel == CHANNEL,
                _IDENTITY.c.transport_id == key,
            )
        )
    )


def _at(partner_id: str, key: str) -> ColumnElement[bool]:
    return (_ANSWER.c.partner_id == partner_id) & (_ANSWER.c.key == key)


def _mine(reservation: Reservation) -> ColumnElement[bool]:
    return (
        _at(reservation.partner_id, reservation.key)
        & (_ANSWER.c.status == _RUNNING)
        & (_ANSWER.c.created_at_ms == reservation.created_at_ms)
    )
