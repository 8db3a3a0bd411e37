"""What people may do to messages, events and cases. Each act is one unit of work with its audit entry."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.model.machine import IllegalTransition
from gateway.model.message import EventState, MessageState
from gateway.store import deliveries, messages, remote_folders
from gateway.store.deliveries import dispatches
from gateway.store.events import outbox
from gateway.store.messages import holds
from gateway.store.oversight import audit, cases, timeline
from gateway.store.oversight.cases import Case, CaseKind, CaseState
from gateway.store.webhooks import waiting

_RELEASE = "to have it processed although its partner is suspended use `gateway messages release`"
_GOES_BY_ITSELF = (
    "is suspended: what is held goes on by itself once their profile says `status: live` or `testing`; single messages "
    "go with `gateway messages release`"
)
_OF_DELIVERIES = frozenset(
    {
        CaseKind.DELIVERY_REFUSED,
        CaseKind.DELIVERY_GIVEN_UP,
        CaseKind.DELIVERY_HELD,
        CaseKind.DELIVERY_FAILING,
        CaseKind.DELIVERY_UNCONFIRMED,
    }
)
_OF_REMOTE_SERVERS = frozenset({CaseKind.REMOTE_SERVER, CaseKind.REMOTE_FOLDER, CaseKind.REMOTE_FILE})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: ``operator:LABEL`` or ``command:USER``, and from where."""

    name: str
    remote: str = ""


class NotPossible(Exception):  # noqa: N818  # told to a person
    """The act makes no sense now; the text says why and what would."""


class Unknown(Exception):  # noqa: N818  # told to a person
    """There is nothing under this id."""


def replay(connection: Connection, message_id: str, actor: Actor, now_ms: int) -> list[str]:
    """Publish the events of a message again: same ids, same bodies. Returns the event ids.

    Raises:
        Unknown: no such message.
        NotPossible: it has no event that could be published again now.
    """
    message = messages.get(connection, message_id)
    if message is None:
        raise Unknown(f"there is no message {message_id}")
    replayed = []
    for event in outbox.of_message(connection, message_id):
        if event.state in {EventState.PUBLISHED, EventState.HELD}:
            outbox.replay(connection, event.id, now_ms)
            replayed.append(event.id)
    if not replayed:
        raise NotPossible(
            f"message {message_id} is {message.state} and has no event to publish again; "
            + (_RELEASE if message.state == MessageState.HELD else "to translate it again use reprocess")
        )
    timeline.note(connection, message_id, now_ms, "replay", {"actor": actor.name, "events": replayed})
    _record(connection, actor, "message.replay", message_id, now_ms, {"events": replayed})
    return replayed


def reprocess(connection: Connection, message_id: str, actor: Actor, now_ms: int) -> int:
    """Translate a message again as its next revision, which supersedes the one before. Returns the revision.

    Raises:
        Unknown: no such message.
        NotPossible: it is being worked on, or its payload was purged.
    """
    try:
        message = messages.reprocess(connection, message_id, now_ms, actor.name)
    except IllegalTransition:
        raise NotPossible(f"message {message_id} is being worked on; wait until it is decided") from None
    if message is None:
        raise Unknown(f"there is no message {message_id}")
    # What an undecided attempt has staged is replaced by the new revision.
    outbox.drop_staged(connection, message_id)
    if messages.piece(connection, message_id, "payload", 0) is None:
        raise NotPossible(f"the content of message {message_id} was purged; ask the partner to send it again")
    cases.resolve(connection, now_ms, f"reprocessed by {actor.name}", message_id=message_id)
    _record(connection, actor, "message.reprocess", message_id, now_ms, {"revision": message.revision})
    return message.revision


def release(connection: Connection, message_id: str, actor: Actor, now_ms: int) -> None:
    """Have a held message processed although its partner is suspended.

    Raises:
        Unknown: no such message.
        NotPossible: it is not held.
    """
    message = messages.get(connection, message_id)
    if message is None:
        raise Unknown(f"there is no message {message_id}")
    if not holds.release(connection, message_id, now_ms):
        raise NotPossible(f"message {message_id} is {message.state}, not held; nothing has to be released")
    timeline.note(connection, message_id, now_ms, "released", {"actor": actor.name})
    _record(connection, actor, "message.release", message_id, now_ms, {"partner": message.partner_id})


def cancel(connection: Connection, item_id: str, actor: Actor, now_ms: int, *, why: str) -> None:
    """Have something not be sent that waits to be: a delivery, or what is held for a suspended partner.

    Raises:
        Unknown: nothing of ours that is sent has this id.
        NotPossible: it is on its way right now, or over.
    """
    wanted, delivery = dispatches.get(connection, item_id), deliveries.get(connection, item_id)
    if delivery is not None:
        _cancel_delivery(connection, item_id, actor, now_ms, why)
    elif wanted is None:
        raise Unknown(f"nothing that is sent has the id {item_id}")
    elif dispatches.abandon(connection, item_id):
        timeline.note(connection, item_id, now_ms, "given-up", {"actor": actor.name, "reason": why})
    else:
        raise NotPossible(f"{item_id} is {wanted.state} already")
    cases.resolve(connection, now_ms, f"cancelled by {actor.name}: {why}", message_id=item_id)
    _record(connection, actor, "message.cancel", item_id, now_ms, {"reason": why})


def retry_case(connection: Connection, case_id: str, actor: Actor, now_ms: int) -> None:
    """Have the gateway try again now what a case waits for.

    A delivery that was given up, is held or fails again and again goes with the same bytes; one that was refused is
    packed anew under another transport id.

    Raises:
        Unknown: no such case.
        NotPossible: it is resolved, or what it waits for has moved on.
    """
    case = _to_be_retried(connection, case_id)
    if case.kind == CaseKind.WEBHOOK or case.kind in _OF_REMOTE_SERVERS:
        retry = _retry_event if case.kind == CaseKind.WEBHOOK else _retry_look
        retry(connection, case, actor, now_ms)
        return
    if case.kind in _OF_DELIVERIES and case.message_id is not None:
        detail = _retry_delivery(connection, case, case.message_id, actor, now_ms)
        _record(connection, actor, "exception.retry", case_id, now_ms, detail)
        return
    if case.kind == CaseKind.PROCESSING and case.message_id is not None:
        done = messages.retry(connection, case.message_id, now_ms)
    elif case.kind == CaseKind.OUTBOUND_REFUSED and case.message_id is not None:
        done = dispatches.retry(connection, case.message_id)
    else:
        done = case.event_id is not None and _try_replay(connection, case.event_id, now_ms)
    if not done:
        raise NotPossible(f"case {case_id} waits for nothing that could be tried again; it is {case.state}")
    if case.message_id is not None:
        timeline.note(connection, case.message_id, now_ms, "retry", {"actor": actor.name, "case": case_id})
    if case.kind == CaseKind.OUTBOUND_REFUSED:
        cases.resolve(connection, now_ms, f"retried by {actor.name}", message_id=case.message_id)
    elif case.kind != CaseKind.PROCESSING:
        cases.resolve(connection, now_ms, f"retried by {actor.name}", event_id=case.event_id)
    _record(connection, actor, "exception.retry", case_id, now_ms, {})


def _to_be_retried(connection: Connection, case_id: str) -> Case:
    """A case that something can be tried for.

    Raises:
        Unknown: no such case.
        NotPossible: it is resolved, or only something else than another attempt ends it.
    """
    case = cases.get(connection, case_id)
    if case is None:
        raise Unknown(f"there is no case {case_id}")
    if case.state == CaseState.RESOLVED:
        raise NotPossible(f"case {case_id} is resolved ({case.resolution}); to take its message up again use reprocess")
    if case.kind == CaseKind.PARTNER_SUSPENDED:
        raise NotPossible(f"{case.partner_id} {_GOES_BY_ITSELF}")
    if case.kind == CaseKind.FETCHED_REJECTED:
        raise NotPossible(
            f"message {case.message_id} is decided, and its partner does not know: tell them, then `gateway exceptions "
            "resolve`; `gateway messages reprocess` has it translated again"
        )
    return case


def give_up(connection: Connection, case_id: str, actor: Actor, now_ms: int, *, why: str) -> None:
    """Close a case without another attempt: what it waits for is never published, and its lane goes on without it.

    A delivery is cancelled. A message stays, with its content and timeline; `reprocess` can take it up again.

    Raises:
        Unknown: no such case.
        NotPossible: it is resolved already.
    """
    case = cases.get(connection, case_id)
    if case is None:
        raise Unknown(f"there is no case {case_id}")
    if case.state == CaseState.RESOLVED:
        raise NotPossible(f"case {case_id} is resolved already: {case.resolution}")
    if case.kind == CaseKind.PARTNER_SUSPENDED:
        raise NotPossible(f"{case.partner_id} {_GOES_BY_ITSELF}")
    resolution = f"given up by {actor.name}: {why}"
    cases.resolve(connection, now_ms, resolution, message_id=case.message_id, event_id=case.event_id, case_id=case_id)
    dropped = []
    if case.kind in {*_OF_DELIVERIES, CaseKind.WEBHOOK} and case.message_id is not None:
        _cancel_delivery(connection, case.message_id, actor, now_ms, why)
        _record(connection, actor, "exception.resolve", case_id, now_ms, {"reason": why, "delivery": case.message_id})
        return
    if case.event_id is not None:
        # An event that was published after all (a queue was missing, its alternate took it) has nothing to give up.
        with suppress(IllegalTransition):
            outbox.drop(connection, case.event_id, now_ms)
            dropped.append(case.event_id)
    elif case.message_id is not None and case.kind == CaseKind.OUTBOUND_REFUSED:
        dispatches.abandon(connection, case.message_id)
    elif case.kind == CaseKind.FETCHED_REJECTED and case.message_id is not None:
        # It is decided and waits for nothing: the partner knows.
        step: dict[str, object] = {"actor": actor.name, "case": case_id, "reason": why}
        timeline.note(connection, case.message_id, now_ms, "case-closed", step)
        _record(connection, actor, "exception.resolve", case_id, now_ms, {"reason": why})
        return
    elif case.message_id is not None:
        messages.abandon(connection, case.message_id)
        dropped = outbox.drop_staged(connection, case.message_id)
    if case.message_id is not None:
        given_up = {"actor": actor.name, "case": case_id, "reason": why, "events": dropped}
        timeline.note(connection, case.message_id, now_ms, "given-up", given_up)
    _record(connection, actor, "exception.resolve", case_id, now_ms, {"reason": why, "events": dropped})


def _retry_event(connection: Connection, case: Case, actor: Actor, now_ms: int) -> None:
    """Tell a webhook now of the event that it did not take; the case ends once it does."""
    if case.message_id is None:
        raise NotPossible(f"what waits there goes on with `gateway webhooks resume {case.id.partition(':')[2]}`")
    if not waiting.try_now(connection, case.message_id, now_ms):
        raise NotPossible("the webhook is called right now, or paused: `gateway webhooks list` shows which")
    timeline.note(connection, case.message_id, now_ms, "retry", {"actor": actor.name, "case": case.id})
    _record(connection, actor, "exception.retry", case.id, now_ms, {"delivery": case.message_id})


def _retry_look(connection: Connection, case: Case, actor: Actor, now_ms: int) -> None:
    """Look now at the server or into the folder that a case is about; the case ends once that goes well."""
    _, slash, rest = case.id.partition(":")[2].partition("/")
    theirs = remote_folders.every(connection, case.partner_id)
    names = [folder.name for folder in theirs if not slash or folder.name == rest.partition("/")[0]]
    if not names:
        raise NotPossible("nothing is fetched from there any more; `gateway sftp folders` shows what is")
    remote_folders.look_now(connection, case.partner_id, names, now_ms)
    _record(connection, actor, "exception.retry", case.id, now_ms, {"folders": names})


def _retry_delivery(
    connection: Connection, case: Case, delivery_id: str, actor: Actor, now_ms: int
) -> dict[str, object]:
    if case.kind == CaseKind.DELIVERY_FAILING:
        # Due at once, unless it is already, or on its way; the case ends with what comes of it.
        deliveries.attempt_now(connection, delivery_id, now_ms, actor.name)
        return {"delivery": delivery_id}
    cases.resolve(connection, now_ms, f"retried by {actor.name}", message_id=delivery_id)
    with _told_where_it_stands(connection, delivery_id):
        deliveries.retry(connection, delivery_id, now_ms, actor.name)
    delivery = deliveries.get(connection, delivery_id)
    detail: dict[str, object] = {"delivery": delivery_id}
    if delivery is not None and case.kind == CaseKind.DELIVERY_REFUSED:
        detail["packed_anew_as"] = delivery.transport_id
    return detail


def _cancel_delivery(connection: Connection, delivery_id: str, actor: Actor, now_ms: int, why: str) -> None:
    with _told_where_it_stands(connection, delivery_id):
        deliveries.cancel(connection, delivery_id, now_ms, actor.name, why)


@contextmanager
def _told_where_it_stands(connection: Connection, delivery_id: str) -> Iterator[None]:
    try:
        yield
    except deliveries.UnknownDelivery:
        raise NotPossible(f"delivery {delivery_id} is no longer there: it was purged") from None
    except IllegalTransition:
        delivery = deliveries.get(connection, delivery_id)
        where = delivery.state.replace("_", " ") if delivery is not None else "gone"
        raise NotPossible(f"delivery {delivery_id} is {where} right now; look again in a moment") from None


def _try_replay(connection: Connection, event_id: str, now_ms: int) -> bool:
    event = outbox.get(connection, event_id)
    if event is None:
        return False
    if event.state == EventState.READY:
        outbox.defer(connection, event_id, now_ms, event.last_error)
        return True
    try:
        return outbox.replay(connection, event_id, now_ms)
    except IllegalTransition:
        return False


def _record(
    connection: Connection, actor: Actor, action: str, subject: str, now_ms: int, detail: dict[str, object]
) -> None:
    audit.record(connection, audit.Act(now_ms, actor.name, action, subject, actor.remote, detail))
