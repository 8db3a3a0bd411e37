"""What is held while its partner is suspended: messages of theirs, and what the ERP wants sent to them.

Held messages have no next attempt, so nobody looks at them until their partner is resumed: one statement makes all of
a partner's due again, and they are taken up in the order of their ids, which is that of their arrival.
"""

from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, Connection, and_, func, insert, literal, select, update

from gateway.model.dispatch import DISPATCH_TRANSITIONS, DispatchEvent, DispatchState
from gateway.model.machine import advance
from gateway.model.message import MESSAGE_TRANSITIONS, MessageEvent, MessageState
from gateway.store.engine.statements import Prepared, constant, given, table_of
from gateway.store.oversight import cases, timeline
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.store.tables import Dispatch, Message, MessageBody, TimelineEntry

RESUMED = "was held until its partner was resumed"
_TO_DO = (
    "set `status: live` (or `testing`) in their profile: everything goes on by itself then, in its order. "
    "`gateway messages list --partner {partner} --state held` shows it; `gateway messages release ID` has one message "
    "processed although they are suspended, `gateway messages cancel ID` takes back what was to be sent to them"
)
_FULL = (
    "of what they send nothing more is taken until there is room; what is to be sent to them waits as ever. Set "
    "`status: live` (or `testing`) in their profile, have messages processed by `gateway messages release ID`, or "
    "raise `limits.held_bytes_per_partner_max` in the settings"
)

_MESSAGE = table_of(Message)
_BODY = table_of(MessageBody)
_DISPATCH = table_of(Dispatch)
_TIMELINE = table_of(TimelineEntry)
# Both databases use a partial index only where they see its condition.
_HELD = _MESSAGE.c.state == constant(MessageState.HELD.value)
_DISPATCH_WAITS = _DISPATCH.c.state.in_(
    [constant(state.value) for state in (DispatchState.HELD, DispatchState.RECEIVED)]
)
_DISPATCH_HELD = and_(_DISPATCH_WAITS, _DISPATCH.c.state == constant(DispatchState.HELD.value))
_APART_OPEN = and_(
    _MESSAGE.c.apart_from.is_not(None),
    _MESSAGE.c.state.in_(
        [constant(state.value) for state in (MessageState.HELD, MessageState.PROCESSING, MessageState.RECEIVED)]
    ),
)
_next_with_messages = Prepared(
    lambda _: select(func.min(_MESSAGE.c.partner_id)).where(_HELD, _MESSAGE.c.partner_id > given("after"))
)
_next_with_dispatches = Prepared(
    lambda _: select(func.min(_DISPATCH.c.partner_id)).where(_DISPATCH_HELD, _DISPATCH.c.partner_id > given("after"))
)
_any_message = Prepared(
    lambda _: select(_MESSAGE.c.id).where(_HELD, _MESSAGE.c.partner_id == given("partner_id")).limit(1)
)
_any_dispatch = Prepared(
    lambda _: select(_DISPATCH.c.id).where(_DISPATCH_HELD, _DISPATCH.c.partner_id == given("partner_id")).limit(1)
)
_waiting_dispatch = Prepared(
    lambda _: (
        select(_DISPATCH.c.state)
        .where(_DISPATCH_WAITS, _DISPATCH.c.partner_id == given("partner_id"), _DISPATCH.c.id != given("but"))
        .order_by(_DISPATCH.c.state)
        .limit(1)
    )
)
# Neither database reads a body to say how long it is.
_bytes_held = Prepared(
    lambda _: (
        select(func.sum(func.length(_BODY.c.data)))
        .select_from(_MESSAGE)
        .join(_BODY, _BODY.c.message_id == _MESSAGE.c.id)
        .where(_HELD, _MESSAGE.c.partner_id == given("partner_id"))
    )
)
_apart = Prepared(lambda _: select(_MESSAGE.c.partner_id).where(_APART_OPEN).distinct())


def case_of(partner_id: str) -> str:
    """The id of the case that says what waits for a partner."""
    return f"{CaseKind.PARTNER_SUSPENDED.value}:{partner_id}"


def note(connection: Connection, partner_id: str, item_id: str, now_ms: int, reason: str) -> None:
    """Say of one message or dispatch that it is held, and open its partner's case unless it is open."""
    timeline.note(connection, item_id, now_ms, "held", {"reason": reason})
    _open_case(connection, partner_id, now_ms, reason)


def _open_case(connection: Connection, partner_id: str, now_ms: int, reason: str) -> None:
    known = cases.get(connection, case_of(partner_id))
    # One that tells of no room is brought up to date: there is some again.
    if known is None or known.state == CaseState.RESOLVED or known.detail == _FULL:
        _raise_case(connection, partner_id, now_ms, reason, _TO_DO.format(partner=partner_id))


def tell_full(connection: Connection, partner_id: str, now_ms: int, reason: str) -> None:
    """Have the case of a partner say that no more is held of them, until more is."""
    _raise_case(connection, partner_id, now_ms, reason, _FULL)


def _raise_case(connection: Connection, partner_id: str, now_ms: int, reason: str, detail: str) -> None:
    cases.raise_case(
        connection,
        CaseKind.PARTNER_SUSPENDED,
        CaseState.OPEN,
        now_ms,
        partner_id=partner_id,
        subject=partner_id,
        reason=reason,
        detail=detail,
    )


def bytes_held(connection: Connection, partner_id: str) -> int:
    """What the bodies of a partner's held messages take, and the answers to them; a look at each of their pieces."""
    return int(_bytes_held.rows(connection, partner_id=partner_id)[0][0] or 0)


def partners(connection: Connection) -> tuple[set[str], set[str]]:
    """The partners of whom something is held, one look into an index for each, and those whose case says so."""
    found: set[str] = set()
    for query in (_next_with_messages, _next_with_dispatches):
        found.update(_one_by_one(connection, query))
    return found, {case.rpartition(":")[2] for case in cases.open_of_kind(connection, CaseKind.PARTNER_SUSPENDED)}


def _one_by_one(connection: Connection, query: Prepared) -> Iterator[str]:
    after = ""
    while (found := query.rows(connection, after=after)[0][0]) is not None:
        yield found
        after = found


def has_messages(connection: Connection, partner_id: str) -> bool:
    """Whether a message of the partner is held."""
    return bool(_any_message.rows(connection, partner_id=partner_id))


def waiting_dispatch(connection: Connection, partner_id: str, but: str) -> DispatchState | None:
    """What came for the partner before this one and waits: held, or to be translated; None: nothing."""
    rows = _waiting_dispatch.rows(connection, partner_id=partner_id, but=but)
    return DispatchState(rows[0][0]) if rows else None


def set_apart(connection: Connection) -> set[str]:
    """The partners of whom parts of a connection's messages were set apart that are not decided yet."""
    return {row[0] for row in _apart.rows(connection)}


def profiles(connection: Connection, partner_id: str) -> list[str]:
    """The digests of the profiles that a partner's held messages started with."""
    return list(connection.scalars(select(_MESSAGE.c.profile_digest).where(_held_of(partner_id)).distinct()))


def resume(
    connection: Connection,
    partner_id: str,
    now_ms: int,
    *,
    kept: Collection[str],
    replaced: Collection[str],
    by: str,
    sends: bool,
) -> int:
    """Make everything due again that is held of a partner; returns how much.

    Args:
        connection: in a transaction.
        partner_id: who is live or testing again.
        now_ms: the clock.
        kept: digests of profiles that messages go on with, since they started with them while the partner was active.
        replaced: digests of those under which the partner was suspended: these messages start with `by`.
        by: the digest of the profile in force.
        sends: whether what is to be sent goes on, too: its connection may be suspended still.
    """
    state = advance(MESSAGE_TRANSITIONS, MessageState.HELD, MessageEvent.RESUME)
    resumed = 0
    for digests, values in ((kept, {}), (replaced, {"profile_digest": by})):
        held = and_(_held_of(partner_id), _MESSAGE.c.profile_digest.in_(list(digests)))
        _note_resumed(connection, _MESSAGE.c.id, held, now_ms)
        due = {"state": state.value, "next_attempt_at_ms": now_ms, "reason": RESUMED}
        resumed += connection.execute(update(_MESSAGE).where(held).values(due | values)).rowcount
    if not sends:
        return resumed
    wanted = and_(_DISPATCH_HELD, _DISPATCH.c.partner_id == partner_id)
    _note_resumed(connection, _DISPATCH.c.id, wanted, now_ms)
    received = advance(DISPATCH_TRANSITIONS, DispatchState.HELD, DispatchEvent.RESUME)
    resumed += connection.execute(update(_DISPATCH).where(wanted).values(state=received.value)).rowcount
    return resumed


def _note_resumed(connection: Connection, key: ColumnElement[str], held: ColumnElement[bool], now_ms: int) -> None:
    rows = select(key, literal(now_ms), literal("resumed"), literal("{}")).where(held).order_by(key)
    columns = [_TIMELINE.c.message_id, _TIMELINE.c.at_ms, _TIMELINE.c.step, _TIMELINE.c.detail]
    connection.execute(insert(_TIMELINE).from_select(columns, rows))


def keep_told(connection: Connection, partner_id: str, now_ms: int, reason: str) -> None:
    """Open the case of a partner of whom something is held, unless it is open; close it where nothing is."""
    close(connection, partner_id, now_ms, "nothing is held any more")
    if has_messages(connection, partner_id) or _any_dispatch.rows(connection, partner_id=partner_id):
        _open_case(connection, partner_id, now_ms, reason)


def count_dispatches(connection: Connection) -> int:
    """How much is held that was to be sent."""
    return connection.scalar(select(func.count()).select_from(_DISPATCH).where(_DISPATCH_HELD)) or 0


def close(connection: Connection, partner_id: str, now_ms: int, why: str) -> None:
    """Resolve the case of a partner of whom nothing is held any more."""
    if not has_messages(connection, partner_id) and not _any_dispatch.rows(connection, partner_id=partner_id):
        cases.resolve(connection, now_ms, why, case_id=case_of(partner_id))


def release(connection: Connection, message_id: str, now_ms: int) -> bool:
    """A person has a held message processed although its partner is suspended; False when it is not held."""
    state = advance(MESSAGE_TRANSITIONS, MessageState.HELD, MessageEvent.RESUME)
    values = {"state": state.value, "next_attempt_at_ms": now_ms, "reason": RESUMED, "by_hand": True}
    held = and_(_MESSAGE.c.id == message_id, _MESSAGE.c.state == MessageState.HELD.value)
    return bool(connection.execute(update(_MESSAGE).where(held).values(values)).rowcount)


def _held_of(partner_id: str) -> ColumnElement[bool]:
    return and_(_HELD, _MESSAGE.c.partner_id == partner_id)
