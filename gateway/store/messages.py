"""Received messages: accepted once, claimed in order, decided once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

import orjson
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from gateway.buffers import Buffer, whole
from gateway.model.machine import advance
from gateway.model.message import FINAL_STATES, MESSAGE_TRANSITIONS, MessageEvent, MessageState
from gateway.store import claims, holds, staging, timeline
from gateway.store.staging import DEFLATED, PIECE_BYTES, restored
from gateway.store.statements import Insert, Prepared, constant, given, storable, table_of
from gateway.store.tables import Document, Message, MessageBody, TransportIdentity

# A message that was claimed so often without a decision may be what kills the process: it is tried alone.
SUSPECT_ATTEMPTS = 2

GIVEN_BACK = "given back undecided"
_PARTNER_CLAIM = "partner:"
_MESSAGE = table_of(Message)
_BODY = table_of(MessageBody)
_DOCUMENT = table_of(Document)
_IDENTITY = table_of(TransportIdentity)
_insert_message = Insert(Message, or_ignore=True)
_insert_body = Insert(MessageBody)
_insert_identity = Insert(TransportIdentity, or_ignore=True)


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


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One row of `message`, as the rooms above see it."""

    id: str
    partner_id: str
    profile_digest: str
    identity: str
    channel: str
    transport_id: str | None
    remote: str
    received_at_ms: int
    state: str
    revision: int
    attempts: int
    next_attempt_at_ms: int | None
    claim_owner: str | None
    payload_bytes: int
    payload_sha256: str
    content_type: str
    filename: str
    security: str
    syntax: str | None
    reason: str
    report: str | None
    acknowledged: bool
    by_hand: bool
    apart_from: str | None
    set_apart: str

    @property
    def was_tried(self) -> bool:
        """Whether an earlier attempt may have left staged documents or a case behind."""
        return self.attempts > 0 or bool(self.reason)


_STORED_COLUMNS = [_MESSAGE.c[field.name] for field in fields(StoredMessage)]
_any_due = Prepared(lambda _: select(_MESSAGE.c.id).where(_MESSAGE.c.next_attempt_at_ms <= given("now_ms")).limit(1))
_finish = Prepared(
    lambda _: (
        update(_MESSAGE)
        .where(_MESSAGE.c.id == given("message_id"), _held_by(given("owner")))
        .values(
            state=given("state"),
            claim_owner=None,
            reason=given("reason"),
            next_attempt_at_ms=given("next_attempt_at_ms"),
            # What this attempt did not find out stays as it was.
            syntax=func.coalesce(given("syntax"), _MESSAGE.c.syntax),
            report=func.coalesce(given("report"), _MESSAGE.c.report),
            acknowledged=func.coalesce(given("acknowledged"), _MESSAGE.c.acknowledged),
        )
    )
)
_earlier_claimed = Prepared(
    lambda _: (
        select(_MESSAGE.c.id)
        .where(
            _MESSAGE.c.partner_id == given("partner_id"),
            _MESSAGE.c.id < given("message_id"),
            _held_by(given("owner")),
        )
        .limit(1)
    )
)
_known = Prepared(
    lambda _: select(_IDENTITY.c.message_id).where(
        _IDENTITY.c.partner_id == given("partner_id"),
        _IDENTITY.c.channel == given("channel"),
        _IDENTITY.c.transport_id == given("transport_id"),
    )
)
_piece = Prepared(
    lambda _: select(_BODY.c.part, _BODY.c.data).where(
        _BODY.c.message_id == given("message_id"),
        or_(_BODY.c.part == given("part"), _BODY.c.part == given("deflated")),
        _BODY.c.piece == given("piece"),
    )
)
_confirm = Prepared(
    lambda _: (
        update(_MESSAGE)
        .where(_MESSAGE.c.id == given("message_id"), _MESSAGE.c.state == MessageState.QUEUED.value)
        .values(state=advance(MESSAGE_TRANSITIONS, MessageState.QUEUED, MessageEvent.CONFIRM).value)
    )
)


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
        _keep(connection, new.id, "payload", (new.payload,))
        if new.wire:
            _keep(connection, new.id, "wire", new.wire)
    if new.answer is not None:
        _keep(connection, new.id, "answer", (new.answer,))
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


def _keep(connection: Connection, message_id: str, part: str, buffers: Sequence[Buffer]) -> None:
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


def get(connection: Connection, message_id: str) -> StoredMessage | None:
    """One message."""
    row = connection.execute(select(*_STORED_COLUMNS).where(_MESSAGE.c.id == message_id)).one_or_none()
    return StoredMessage(*row) if row is not None else None


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
    query = select(*_STORED_COLUMNS).order_by(_MESSAGE.c.id.desc()).limit(limit)
    if partner_id is not None:
        own = _MESSAGE.c.partner_id == partner_id
        brought = select(_DOCUMENT.c.message_id).where(_DOCUMENT.c.partner_id == partner_id)
        query = query.where(or_(own, _MESSAGE.c.id.in_(brought)) if also_brought else own)
    if state is not None:
        query = query.where(_MESSAGE.c.state == state)
    if before is not None:
        query = query.where(_MESSAGE.c.id < before)
    return [StoredMessage(*row) for row in connection.execute(query)]


def claim(
    connection: Connection, owner: str, now_ms: int, *, lease_ms: int, limit: int, busy_partners: Iterable[str] = ()
) -> list[StoredMessage]:
    """Take messages that are due, oldest first, whole partners at a time.

    A claim is a lease: while it runs nobody else takes the message, and when it ends without a decision (the process
    was killed) the message is due again. Each claim counts as an attempt, so that a message which kills the process
    cannot do so for ever, and one that was claimed before is in the end claimed alone, so that no other is charged with
    its attempts. Messages of one partner are worked on by one process at a time, in their order of arrival;
    `busy_partners` have one under way already, and partners that another process works for are passed over.
    """
    if not _any_due.rows(connection, now_ms=now_ms):
        return []
    due = connection.execute(
        select(*_STORED_COLUMNS)
        .where(
            _MESSAGE.c.next_attempt_at_ms <= now_ms,
            _MESSAGE.c.partner_id.not_in(list(busy_partners)),
            _MESSAGE.c.partner_id.not_in(claims.held_by_others(_PARTNER_CLAIM, owner, now_ms)),
        )
        .order_by(_MESSAGE.c.id)
        .limit(limit)
        # Whoever moves one of them right now comes first; then it is looked at as it has become.
        .with_for_update(of=_MESSAGE)
    ).all()
    wanted = _without_company([StoredMessage(*row) for row in due])
    mine = {
        partner_id: claims.take(connection, _PARTNER_CLAIM + partner_id, owner, now_ms, now_ms + lease_ms)
        for partner_id in sorted({message.partner_id for message in wanted})  # sorted: two processes cannot deadlock
    }
    wanted = [message for message in wanted if mine[message.partner_id]]
    for message in wanted:
        state = MessageState(message.state)
        if state is not MessageState.PROCESSING:
            advance(MESSAGE_TRANSITIONS, state, MessageEvent.CLAIM)
    if not wanted:
        return []
    # Asked again: between our look and our lease another process may have decided some of them.
    taken = connection.scalars(
        update(_MESSAGE)
        .where(_MESSAGE.c.id.in_([message.id for message in wanted]), _MESSAGE.c.next_attempt_at_ms <= now_ms)
        .values(
            state=MessageState.PROCESSING.value,
            attempts=_MESSAGE.c.attempts + 1,
            claim_owner=owner,
            next_attempt_at_ms=now_ms + lease_ms,
        )
        .returning(_MESSAGE.c.id)
    ).all()
    still_there = set(taken)
    return [message for message in wanted if message.id in still_there]


def _without_company(due: list[StoredMessage]) -> list[StoredMessage]:
    """The messages to take now: up to the first that is suspected of killing its process, or that one alone."""
    for index, message in enumerate(due):
        if message.state == MessageState.PROCESSING and message.attempts >= SUSPECT_ATTEMPTS:
            return due[:index] or [message]
    return due


def hold(connection: Connection, owner: str, message: StoredMessage, reason: str, now_ms: int) -> MessageState:
    """Put a message aside that was claimed and may not be processed now; it does not count as an attempt.

    Raises:
        ClaimLost: the message is no longer ours.
    """
    state = advance(MESSAGE_TRANSITIONS, MessageState.PROCESSING, MessageEvent.HOLD)
    values = {
        "state": state.value,
        "claim_owner": None,
        "attempts": _MESSAGE.c.attempts - 1,
        "next_attempt_at_ms": None,
        "reason": reason,
    }
    held = update(_MESSAGE).where(_MESSAGE.c.id == message.id, _held_by(owner)).values(values)
    if not connection.execute(held).rowcount:
        raise ClaimLost(f"message {message.id} is no longer claimed by {owner}")
    holds.note(connection, message.partner_id, message.id, now_ms, reason)
    return state


def shorten(
    connection: Connection,
    owner: str,
    message: StoredMessage,
    changed: StoredMessage,
    now_ms: int,
    step: dict[str, object],
) -> None:
    """Note that bytes of a claimed message are no part of it any more, and whose message they are now.

    Raises:
        ClaimLost: the message is no longer ours.
    """
    values = {"set_apart": changed.set_apart, "revision": changed.revision}
    held = update(_MESSAGE).where(_MESSAGE.c.id == message.id, _held_by(owner)).values(values)
    if not connection.execute(held).rowcount:
        raise ClaimLost(f"message {message.id} is no longer claimed by {owner}")
    timeline.note(connection, message.id, now_ms, "set-apart", step)


def release_partner(connection: Connection, owner: str, partner_id: str) -> None:
    """This process has no message of the partner under way any more: another may take the next."""
    claims.drop(connection, owner, _PARTNER_CLAIM + partner_id)


def renew(connection: Connection, owner: str, message_ids: Iterable[str], now_ms: int, until_ms: int) -> None:
    """Lengthen the leases of messages that are still being worked on.

    Where another process works for the partner by now, its messages are left to that one.
    """
    held = and_(_MESSAGE.c.id.in_(list(message_ids)), _held_by(owner))
    partners = connection.scalars(select(_MESSAGE.c.partner_id).where(held).distinct()).all()
    ours = [
        partner_id
        for partner_id in sorted(partners)
        if claims.take(connection, _PARTNER_CLAIM + partner_id, owner, now_ms, until_ms)
    ]
    if ours:
        query = update(_MESSAGE).where(held, _MESSAGE.c.partner_id.in_(ours))
        connection.execute(query.values(next_attempt_at_ms=until_ms))


def release_claims(connection: Connection, owner: str | None, now_ms: int) -> int:
    """Give back what a process holds, at its end, or (None) what every process held, at the start of the only one.

    Who ends in good order gives the attempt back, too; where a process is gone it counts.
    """
    if owner is not None:
        query = update(_MESSAGE).where(_held_by(owner)).values(_unclaimed(now_ms))
    else:
        held = _MESSAGE.c.state == MessageState.PROCESSING.value
        query = update(_MESSAGE).where(held).values(claim_owner=None, next_attempt_at_ms=now_ms)
    released = connection.execute(query).rowcount
    claims.drop(connection, owner)
    if owner is None:
        staging.sweep(connection, None)
    return released


def unclaim(connection: Connection, owner: str, message_id: str, now_ms: int) -> None:
    """Give back one message undecided, at the end of the process; it does not count as an attempt."""
    connection.execute(update(_MESSAGE).where(_MESSAGE.c.id == message_id, _held_by(owner)).values(_unclaimed(now_ms)))


def _unclaimed(now_ms: int) -> dict[str, object]:
    return {
        "state": advance(MESSAGE_TRANSITIONS, MessageState.PROCESSING, MessageEvent.RELEASE).value,
        "claim_owner": None,
        "attempts": _MESSAGE.c.attempts - 1,
        "next_attempt_at_ms": now_ms,
        # What was staged until then is still there, and the next attempt has to know.
        "reason": GIVEN_BACK,
    }


class ClaimLost(Exception):  # noqa: N818  # an event between processes
    """The lease ran out and another process took the message; whatever this one did with it is void."""


def finish(
    connection: Connection,
    owner: str,
    message_id: str,
    event: MessageEvent,
    *,
    reason: str = "",
    syntax: str | None = None,
    report: dict[str, object] | None = None,
    acknowledged: bool | None = None,
    next_attempt_at_ms: int | None = None,
) -> MessageState:
    """End this process's work on a message.

    Raises:
        ClaimLost: the message is no longer ours.
    """
    state = advance(MESSAGE_TRANSITIONS, MessageState.PROCESSING, event)
    changed = _finish.count(
        connection,
        message_id=message_id,
        owner=owner,
        state=state.value,
        reason=reason,
        next_attempt_at_ms=next_attempt_at_ms,
        syntax=syntax,
        report=orjson.dumps(report).decode() if report is not None else None,
        acknowledged=acknowledged,
    )
    if not changed:
        raise ClaimLost(f"message {message_id} is no longer claimed by {owner}")
    return state


def _held_by(owner: str | ColumnElement[str]) -> ColumnElement[bool]:
    return and_(_MESSAGE.c.state == constant(MessageState.PROCESSING.value), _MESSAGE.c.claim_owner == owner)


def has_earlier_claimed(connection: Connection, owner: str, message: StoredMessage) -> bool:
    """Whether an earlier message of the same partner is still being worked on by this process."""
    return bool(_earlier_claimed.rows(connection, partner_id=message.partner_id, message_id=message.id, owner=owner))


def confirm(connection: Connection, message_id: str, now_ms: int) -> None:
    """Every event of the message is confirmed: it is published."""
    if _confirm.count(connection, message_id=message_id):
        timeline.note(connection, message_id, now_ms, "published", {})


def reprocess(connection: Connection, message_id: str, now_ms: int, actor: str) -> StoredMessage | None:
    """Have a message translated again as its next revision; None when there is no such message.

    Raises:
        IllegalTransition: it is being worked on, or its events still wait for the broker.
    """
    query = select(*_STORED_COLUMNS).where(_MESSAGE.c.id == message_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    message = StoredMessage(*row)
    state = advance(MESSAGE_TRANSITIONS, MessageState(message.state), MessageEvent.REPROCESS)
    revision = message.revision + 1
    connection.execute(
        update(_MESSAGE)
        .where(_MESSAGE.c.id == message_id)
        .values(state=state.value, revision=revision, attempts=0, next_attempt_at_ms=now_ms, by_hand=True)
    )
    timeline.note(connection, message_id, now_ms, "reprocess", {"actor": actor, "revision": revision})
    return get(connection, message_id)


def retry(connection: Connection, message_id: str, now_ms: int) -> bool:
    """Make a parked message due now, with its attempts counted from the start; False when it is not parked."""
    return bool(
        connection.execute(
            update(_MESSAGE)
            .where(_MESSAGE.c.id == message_id, _MESSAGE.c.state == MessageState.PARKED.value)
            .values(attempts=0, next_attempt_at_ms=now_ms)
        ).rowcount
    )


def abandon(connection: Connection, message_id: str) -> None:
    """A parked message is not tried again unless a person asks for it."""
    connection.execute(
        update(_MESSAGE)
        .where(_MESSAGE.c.id == message_id, _MESSAGE.c.state == MessageState.PARKED.value)
        .values(next_attempt_at_ms=None)
    )


def counts(connection: Connection) -> Iterator[tuple[str, int]]:
    """(state, number of messages): of those that are not final, for metrics."""
    for state in (state for state in MessageState if state not in FINAL_STATES):
        number = connection.scalar(select(func.count()).select_from(_MESSAGE).where(_MESSAGE.c.state == state.value))
        yield state.value, number or 0
