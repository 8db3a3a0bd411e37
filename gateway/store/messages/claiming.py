"""Who works on which message: claims as leases, whole partners at a time, in order of arrival."""

from collections.abc import Iterable

from sqlalchemy import Connection, and_, select, update

from gateway.model.machine import advance
from gateway.model.message import MESSAGE_TRANSITIONS, MessageEvent, MessageState
from gateway.store import claims
from gateway.store.engine.statements import Prepared, given, table_of
from gateway.store.messages import staging
from gateway.store.messages.rows import STORED_COLUMNS, StoredMessage, held_by
from gateway.store.tables import Message

# A message that was claimed so often without a decision may be what kills the process: it is tried alone.
SUSPECT_ATTEMPTS = 2

GIVEN_BACK = "given back undecided"
_PARTNER_CLAIM = "partner:"
_MESSAGE = table_of(Message)
_any_due = Prepared(lambda _: select(_MESSAGE.c.id).where(_MESSAGE.c.next_attempt_at_ms <= given("now_ms")).limit(1))
_earlier_claimed = Prepared(
    lambda _: (
        select(_MESSAGE.c.id)
        .where(
            _MESSAGE.c.partner_id == given("partner_id"),
            _MESSAGE.c.id < given("message_id"),
            held_by(given("owner")),
        )
        .limit(1)
    )
)


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
        select(*STORED_COLUMNS)
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


def release_partner(connection: Connection, owner: str, partner_id: str) -> None:
    """This process has no message of the partner under way any more: another may take the next."""
    claims.drop(connection, owner, _PARTNER_CLAIM + partner_id)


def renew(connection: Connection, owner: str, message_ids: Iterable[str], now_ms: int, until_ms: int) -> None:
    """Lengthen the leases of messages that are still being worked on.

    Where another process works for the partner by now, its messages are left to that one.
    """
    held = and_(_MESSAGE.c.id.in_(list(message_ids)), held_by(owner))
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
        query = update(_MESSAGE).where(held_by(owner)).values(_unclaimed(now_ms))
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
    connection.execute(update(_MESSAGE).where(_MESSAGE.c.id == message_id, held_by(owner)).values(_unclaimed(now_ms)))


def _unclaimed(now_ms: int) -> dict[str, object]:
    return {
        "state": advance(MESSAGE_TRANSITIONS, MessageState.PROCESSING, MessageEvent.RELEASE).value,
        "claim_owner": None,
        "attempts": _MESSAGE.c.attempts - 1,
        "next_attempt_at_ms": now_ms,
        # What was staged until then is still there, and the next attempt has to know.
        "reason": GIVEN_BACK,
    }


def has_earlier_claimed(connection: Connection, owner: str, message: StoredMessage) -> bool:
    """Whether an earlier message of the same partner is still being worked on by this process."""
    return bool(_earlier_claimed.rows(connection, partner_id=message.partner_id, message_id=message.id, owner=owner))
