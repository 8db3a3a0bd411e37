"""Telling: each event becomes one delivery for each subscription that wants it, in the order of the events.

That an event was told stands in the same commit as its deliveries, whose ids are reckoned from event and subscription:
a process that is killed anywhere leaves an event that is told whole, or not at all, and never twice.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial

from sqlalchemy import Connection

from gateway.carriers.webhook import CONTENT_TYPE
from gateway.flow.rounds import Rounds
from gateway.model.delivery import DeliveryKind
from gateway.model.partner_events import PartnerEvent, reckoned_id
from gateway.model.webhook import WEBHOOK, WEBHOOK_TOLD_STATES, WebhookState, lane_of
from gateway.store import claims, deliveries, partner_events
from gateway.store.database import Database
from gateway.store.deliveries import NewDelivery
from gateway.store.webhooks import subscriptions, waiting
from gateway.store.webhooks.subscriptions import Subscription
from partners.directory import Directory

POLL_S = 1.0
LEASE_MS = 30_000
# Each may become as many deliveries as there are subscriptions, and others wait for the commit.
EVENTS_AT_ONCE = 25
_CLAIM = "webhooks:telling"

log = logging.getLogger(__name__)


class Telling:
    """Tells of events until stopped.

    Args:
        database: the store.
        directory: the partners now.
        owner: name of this process, for its claim: one process tells at a time, so that order is kept.
        now_ms: the clock, milliseconds since 1970.
        told: called when there are new deliveries; wakes the sending.
    """

    def __init__(
        self,
        database: Database,
        directory: Callable[[], Directory],
        *,
        owner: str,
        now_ms: Callable[[], int],
        told: Callable[[], None],
    ) -> None:
        self._database = database
        self._directory = directory
        self._owner = owner
        self._now_ms = now_ms
        self._told = told
        self._rounds = Rounds(POLL_S, log, "events for webhooks cannot be told now")

    def wake(self) -> None:
        """Something happened that somebody may want to hear of."""
        self._rounds.wake()

    async def run(self) -> None:
        """Tell until cancelled."""
        await self._rounds.run(self._round)

    async def _round(self) -> float:
        return POLL_S if await self.tell() < EVENTS_AT_ONCE else 0.0

    async def tell(self) -> int:
        """Tell of what nobody was told of yet, so much at once; returns of how many events."""
        if not await self._database.read(partial(partner_events.untold, limit=1)):
            return 0
        unit = partial(_tell, owner=self._owner, directory=self._directory(), now_ms=self._now_ms())
        # What a loss of power takes back is done again, to the same ids.
        told = await self._database.write(unit, durable=False)
        if told:
            self._told()
        return told


def _tell(connection: Connection, owner: str, directory: Directory, now_ms: int) -> int:
    if not claims.take(connection, _CLAIM, owner, now_ms, now_ms + LEASE_MS):
        return 0
    events = partner_events.untold(connection, EVENTS_AT_ONCE)
    partner_ids = {event.partner_id for event in events}
    paused: dict[str, Subscription] = {}
    wanting: dict[str, list[Subscription]] = {}
    for subscription in subscriptions.find(connection, partner_ids, states=WEBHOOK_TOLD_STATES):
        wanting.setdefault(subscription.partner_id, []).append(subscription)
    for event in events:
        for subscription in wanting.get(event.partner_id, ()):
            if subscription.wants(event.type):
                deliveries.enqueue(connection, notice_of(event, subscription, directory, now_ms))
                if subscription.state is not WebhookState.ACTIVE:
                    paused[subscription.id] = subscription
    for subscription in paused.values():
        # Before its deliveries, as everybody who needs both.
        subscriptions.locked(connection, subscription.id)
        waiting.hold(connection, subscription.id, subscription.reason or "the webhook is paused")
    partner_events.mark_told(connection, [event.id for event in events])
    return len(events)


def tell_again(
    connection: Connection,
    subscription: Subscription,
    events: Sequence[PartnerEvent],
    directory: Directory,
    now_ms: int,
) -> int:
    """Have a subscription told again of events, but for those that still wait to be told there; returns of how many.

    The row of the subscription is locked. Calls bear the same `webhook-id` as before.
    """
    wait = _waiting_of(connection, subscription.id, [event.id for event in events])
    again = [event for event in events if event.id not in wait]
    for event in again:
        new = notice_of(event, subscription, directory, now_ms, cause=f"again {now_ms}")
        deliveries.enqueue(connection, new)
    if again and subscription.state is not WebhookState.ACTIVE:
        waiting.hold(connection, subscription.id, subscription.reason or "the webhook is paused")
    return len(again)


def _waiting_of(connection: Connection, subscription_id: str, event_ids: Collection[str]) -> set[str]:
    found: set[str] = set()
    ordered = sorted(event_ids)
    for start in range(0, len(ordered), EVENTS_AT_ONCE):
        found |= waiting.events_among(connection, subscription_id, ordered[start : start + EVENTS_AT_ONCE])
    return found


def notice_of(
    event: PartnerEvent, subscription: Subscription, directory: Directory, now_ms: int, *, cause: str = ""
) -> NewDelivery:
    """The delivery of an event to a subscription; `cause` tells a later one from the first."""
    loaded = directory.by_id(event.partner_id)
    at_ms = now_ms if cause else event.at_ms
    return NewDelivery(
        id=reckoned_id(at_ms, f"{event.id}|{subscription.id}|{cause}"),
        partner_id=event.partner_id,
        profile_digest=loaded.digest if loaded is not None else "",
        identity="",
        channel=WEBHOOK,
        kind=DeliveryKind.NOTICE.value,
        lane=lane_of(subscription.id, event.subject),
        transport_id=event.id,
        content_type=CONTENT_TYPE,
        filename="",
        subject=event.type,
        payload=event.body,
        created_at_ms=now_ms,
        due_at_ms=now_ms,
        destination=subscription.id,
    )
