"""Messages as they are accepted: each transport id once, with the answer that its sender was given."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from gateway.buffers import Buffer
from gateway.model.machine import advance
from gateway.model.message import MESSAGE_TRANSITIONS, MessageEvent, MessageState
from gateway.store.engine.statements import Insert, Prepared, given, storable, table_of
from gateway.store.messages import holds, staging
from gateway.store.messages.bodies import body, keep
from gateway.store.oversight import timeline
from gateway.store.tables import Message, TransportIdentity

_IDENTITY = table_of(TransportIdentity)
_insert_message = Insert(Message, or_ignore=True)
_insert_identity = Insert(TransportIdentity, or_ignore=True)
_known = Prepared(
    lambda _: select(_IDENTITY.c.message_id).where(
        _IDENTITY.c.partner_id == given("partner_id"),
        _IDENTITY.c.channel == given("channel"),
        _IDENTITY.c.transport_id == given("transport_id"),
    )
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What the edge hands in: authenticated, opened, not yet kept.

    Attributes:
        sha256: digest of the authenticated bytes; the same transport id with another digest is refused.
        payload: the opened content; `wire` are the bytes as they came, one buffer behind the other, when they differ.
        answer: what the partner will be told, byte for byte; a duplicate gets the same.
        security: how it was protected, JSON object as text.
        staged_by: who staged payload and wire beforehand; empty when they are kept with the message.
        held: why it waits, in words; empty when it is due at once.
        apart_from: the message of a connection that it was a part of.
    """

    id: str
    partner_id: str
    profile_digest: str
    identity: str
    channel: str
    transport_id: str | None
    remote: str
    received_at_ms: int
    sha256: str
    payload: Buffer
    payload_sha256: str
    wire: tuple[Buffer, ...]
    answer: bytes | None
    content_type: str
    filename: str
    security: str
    staged_by: str = ""
    held: str = ""
    apart_from: str | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The message that stands for this transport id: the new one, or the one that was there already."""

    message_id: str
    received_at_ms: int
    duplicate: bool
    answer: bytes | None


class TransportIdReused(Exception):  # noqa: N818  # an event of the outside world
    """The transport id was used before for other bytes."""

    def __init__(self, message_id: str) -> None:
        super().__init__(f"the id was used before, for message {message_id} with other content")
        self.message_id = message_id


def accept(connection: Connection, new: NewMessage) -> Acceptance:
    """Keep a message, or recognise it as one that is kept already.

    Raises:
        TransportIdReused: same transport id, other bytes.
        StagingLost: what was staged for it is gone; nothing is kept.
    """
    if new.transport_id is not None and not _insert_identity.run(
        connection,
        {
            "partner_id": new.partner_id,
            "channel": new.channel,
            "transport_id": new.transport_id,
            "message_id": new.id,
            "sha256": new.sha256,
            "created_at_ms": new.received_at_ms,
        },
    ):
        return _recognise(connection, new)
    acceptance = Acceptance(new.id, new.received_at_ms, duplicate=False, answer=new.answer)
    row = {
        "id": new.id,
        "partner_id": new.partner_id,
        "profile_digest": new.profile_digest,
        "identity": new.identity,
        "channel": new.channel,
        "transport_id": new.transport_id,
        "remote": new.remote,
        "received_at_ms": new.received_at_ms,
        "state": _first_state(new).value,
        "next_attempt_at_ms": None if new.held else new.received_at_ms,
        "reason": new.held,
        "apart_from": new.apart_from,
        "payload_bytes": len(new.payload),
        "payload_sha256": new.payload_sha256,
        "content_type": new.content_type,
        "filename": new.filename,
        "security": new.security,
    }
    if new.transport_id is not None:
        _insert_message.post(connection, row)  # a second run would have found its identity
    elif not _insert_message.run(connection, row):
        return acceptance  # its commit was in doubt, yet had succeeded; this is the second run
    if new.staged_by:
        staging.settle(connection, new.staged_by, new.id)
    else:
        keep(connection, new.id, "payload", (new.payload,))
        if new.wire:
            keep(connection, new.id, "wire", new.wire)
    if new.answer is not None:
        keep(connection, new.id, "answer", (new.answer,))
    if new.held:
        holds.note(connection, new.partner_id, new.id, new.received_at_ms, new.held)
    return acceptance


def _first_state(new: NewMessage) -> MessageState:
    received = MessageState.RECEIVED
    return advance(MESSAGE_TRANSITIONS, received, MessageEvent.HOLD) if new.held else received


def is_known(connection: Connection, partner_id: str, channel: str, transport_id: str) -> bool:
    """Whether a message was accepted under this transport id."""
    return bool(_known.rows(connection, partner_id=partner_id, channel=channel, transport_id=storable(transport_id)))


def _recognise(connection: Connection, new: NewMessage) -> Acceptance:
    known = connection.execute(
        select(_IDENTITY.c.message_id, _IDENTITY.c.sha256, _IDENTITY.c.created_at_ms).where(
            _IDENTITY.c.partner_id == new.partner_id,
            _IDENTITY.c.channel == new.channel,
            _IDENTITY.c.transport_id == storable(new.transport_id),
        )
    ).one()
    if known.message_id == new.id:
        return Acceptance(new.id, new.received_at_ms, duplicate=False, answer=new.answer)
    if known.sha256 != new.sha256:
        raise TransportIdReused(known.message_id)
    if new.staged_by:
        staging.discard(connection, new.staged_by, new.id)
    answer = body(connection, known.message_id, "answer")
    timeline.note(connection, known.message_id, new.received_at_ms, "duplicate", {"remote": new.remote})
    return Acceptance(known.message_id, known.created_at_ms, duplicate=True, answer=answer)
