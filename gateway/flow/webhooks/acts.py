"""What people and partners do to a subscription, each act one unit of work with its audit entry."""

from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.flow.operations import Actor, NotPossible, Unknown
from gateway.flow.webhooks.telling import tell_again
from gateway.model.partner_events import partner_event
from gateway.model.webhook import WEBHOOK_LIVING_STATES, WebhookChange, WebhookState
from gateway.store import partner_events
from gateway.store.oversight import audit
from gateway.store.webhooks import moving, subscriptions
from gateway.store.webhooks.subscriptions import Subscription
from partners.directory import Directory

# Told again by one act.
REPLAYED_MAX = 500
TEST_EVENT = "webhook.test"


@dataclass(frozen=True, slots=True)
class Replay:
    """Which events are told again.

    Attributes:
        since_ms: from when on; ``event_id``: from which event on; one of both.
        until_ms: before when.
        types: of events; those of the subscription when empty.
    """

    since_ms: int | None = None
    event_id: str | None = None
    until_ms: int | None = None
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many are told again; `next_event` is the first that is not, where there were too many at once."""

    events: int
    next_event: str | None


def living(connection: Connection, subscription_id: str, partner_id: str | None = None) -> Subscription:
    """A subscription that is there, locked.

    Raises:
        Unknown: there is none with this id, or it is somebody else's.
    """
    found = subscriptions.locked(connection, subscription_id)
    if found is None or found.state not in WEBHOOK_LIVING_STATES or partner_id not in (None, found.partner_id):
        raise Unknown("there is no webhook subscription with this id")
    return found


def pause(connection: Connection, subscription_id: str, actor: Actor, now_ms: int, *, why: str = "") -> None:
    """Nothing more is told there until somebody resumes it; what happens meanwhile is held.

    Raises:
        Unknown: no such subscription.
    """
    found = living(connection, subscription_id)
    if found.state is WebhookState.PAUSED:
        return
    # Their partner reads it; which of our people it was stands in the audit.
    reason = why or "paused by our people"
    moving.move(connection, found, WebhookChange.PAUSE, now_ms, by=actor.name, reason=reason)
    note(connection, actor, "webhook.pause", found, now_ms, {"reason": reason})


def resume(connection: Connection, subscription_id: str, actor: Actor, now_ms: int) -> None:
    """Everything that was held is told, in its order.

    Raises:
        Unknown: no such subscription.
    """
    found = living(connection, subscription_id)
    if found.state is WebhookState.ACTIVE:
        return
    moving.move(connection, found, WebhookChange.RESUME, now_ms, by=actor.name, reason="")
    note(connection, actor, "webhook.resume", found, now_ms, {"was": found.state.value, "reason": found.reason})


def replay(
    connection: Connection,
    subscription_id: str,
    actor: Actor,
    now_ms: int,
    *,
    wanted: Replay,
    directory: Directory,
) -> Replayed:
    """Have events told again, with the ids that they had.

    Raises:
        Unknown: no such subscription.
        NotPossible: the event to begin with is not kept (any more).
    """
    found = living(connection, subscription_id)
    if wanted.event_id is not None and partner_events.get(connection, found.partner_id, wanted.event_id) is None:
        raise NotPossible("the event to begin with is not kept (any more); /v1/events lists those that are")
    events = partner_events.since(
        connection,
        found.partner_id,
        at_ms=wanted.since_ms,
        until_ms=wanted.until_ms,
        event_id=wanted.event_id,
        types=wanted.types or found.events,
        limit=REPLAYED_MAX + 1,
    )
    following = events[REPLAYED_MAX].id if len(events) > REPLAYED_MAX else None
    count = tell_again(connection, found, events[:REPLAYED_MAX], directory, now_ms)
    note(connection, actor, "webhook.replay", found, now_ms, {"events": count})
    return Replayed(count, following)


def note(
    connection: Connection,
    actor: Actor,
    action: str,
    subscription: Subscription,
    now_ms: int,
    detail: dict[str, object],
) -> None:
    """Put an act into the audit."""
    told = {"partner": subscription.partner_id, "name": subscription.name} | detail
    audit.record(connection, audit.Act(now_ms, actor.name, action, subscription.id, actor.remote, told))


def test_event(partner_id: str, subscription_id: str, now_ms: int, cause: str) -> tuple[str, bytes]:
    """Id and body of an event that means nothing."""
    data = {"webhook": subscription_id, "text": "This is a test; nothing happened."}
    event = partner_event(partner_id, TEST_EVENT, subscription_id, now_ms, data, cause=f"test {cause}")
    return event.id, event.body
