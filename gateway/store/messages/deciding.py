"""What becomes of messages: each is decided once by its claimant, and moved on by the broker or a person."""

import orjson
from sqlalchemy import Connection, func, select, update

from gateway.model.machine import advance
from gateway.model.message import MESSAGE_TRANSITIONS, MessageEvent, MessageState
from gateway.store.engine.statements import Prepared, given, table_of
from gateway.store.messages import holds
from gateway.store.messages.finding import get
from gateway.store.messages.rows import STORED_COLUMNS, ClaimLost, StoredMessage, held_by
from gateway.store.oversight import timeline
from gateway.store.tables import Message

_MESSAGE = table_of(Message)
_finish = Prepared(
    lambda _: (
        update(_MESSAGE)
        .where(_MESSAGE.c.id == given("message_id"), held_by(given("owner")))
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
_confirm = Prepared(
    lambda _: (
        update(_MESSAGE)
        .where(_MESSAGE.c.id == given("message_id"), _MESSAGE.c.state == MessageState.QUEUED.value)
        .values(state=advance(MESSAGE_TRANSITIONS, MessageState.QUEUED, MessageEvent.CONFIRM).value)
    )
)


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
    held = update(_MESSAGE).where(_MESSAGE.c.id == message.id, held_by(owner)).values(values)
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
    held = update(_MESSAGE).where(_MESSAGE.c.id == message.id, held_by(owner)).values(values)
    if not connection.execute(held).rowcount:
        raise ClaimLost(f"message {message.id} is no longer claimed by {owner}")
    timeline.note(connection, message.id, now_ms, "set-apart", step)


def confirm(connection: Connection, message_id: str, now_ms: int) -> None:
    """Every event of the message is confirmed: it is published."""
    if _confirm.count(connection, message_id=message_id):
        timeline.note(connection, message_id, now_ms, "published", {})


def reprocess(connection: Connection, message_id: str, now_ms: int, actor: str) -> StoredMessage | None:
    """Have a message translated again as its next revision; None when there is no such message.

    Raises:
        IllegalTransition: it is being worked on, or its events still wait for the broker.
    """
    query = select(*STORED_COLUMNS).where(_MESSAGE.c.id == message_id).with_for_update()
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
