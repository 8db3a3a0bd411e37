"""What is shown of subscriptions, calls and events; never a key but its public part."""

import orjson

from gateway.flow.views import instant
from gateway.model.delivery import DeliveryState
from gateway.model.webhook import BY_API, WebhookState
from gateway.store.partner_events import RecordedEvent
from gateway.store.webhooks.log import Logged
from gateway.store.webhooks.subscriptions import Subscription

WEBHOOKS_PATH = "/v1/webhooks"
# What our people alone can mend is not spelled out to others.
_OURS = "we cannot call it as things are; our people see to it"


def subscription_view(subscription: Subscription, now_ms: int, *, for_partner: bool = True) -> dict[str, object]:
    """One subscription."""
    address = f"{WEBHOOKS_PATH}/{subscription.id}"
    is_active = subscription.state is WebhookState.ACTIVE
    keys = [
        {
            "id": key.id,
            "kind": key.kind,
            "public_key": key.public_key,
            "created_at": instant(key.created_at_ms),
            "ends_at": instant(key.ends_at_ms),
        }
        for key in subscription.keys
        if key.signs(now_ms)
    ]
    reason = subscription.reason or None
    view: dict[str, object] = {
        "id": subscription.id,
        "name": subscription.name,
        "origin": subscription.origin,
        "url": subscription.url,
        "events": list(subscription.events),
        "state": subscription.state.value,
        "reason": _OURS if reason and is_active and for_partner else reason,
        "failing_since": instant(subscription.failing_since_ms),
        "last_success_at": instant(subscription.last_success_at_ms),
        "keys": keys,
        "created_at": instant(subscription.created_at_ms),
        "changed_at": instant(subscription.changed_at_ms),
    }
    if for_partner:
        return view | {"links": {"self": address, "deliveries": f"{address}/deliveries"}}
    return {"partner": subscription.partner_id} | view | {"changed_by": subscription.changed_by}


def delivery_view(logged: Logged, subscription: Subscription, *, for_partner: bool = True) -> dict[str, object]:
    """One event on its way to a subscription."""
    delivery = logged.delivery
    is_ours = for_partner and delivery.state == DeliveryState.HELD and subscription.state is WebhookState.ACTIVE
    waits = delivery.state in {DeliveryState.QUEUED, DeliveryState.HELD}
    return {
        "id": delivery.id,
        "event_id": logged.event_id,
        "event_type": logged.event_type,
        "subject": logged.subject,
        "status": delivery.state,
        "attempts": delivery.attempts,
        "reason": _OURS if is_ours else delivery.reason or None,
        "created_at": instant(delivery.created_at_ms),
        "next_attempt_at": instant(delivery.next_attempt_at_ms) if waits else None,
        "settled_at": instant(delivery.settled_at_ms),
        "calls": [
            {
                "at": instant(call.at_ms),
                "delivered": call.delivered,
                "status": call.status,
                "duration_ms": call.duration_ms,
                "error": call.error,
                "response": call.response,
            }
            for call in logged.calls
        ],
    }


def event_view(event: RecordedEvent) -> dict[str, object]:
    """An event as it is told, with its id."""
    told: dict[str, object] = orjson.loads(event.body)
    return {"id": event.id} | told


def is_by_api(subscription: Subscription) -> bool:
    """Whether the partner set it up, and may change it."""
    return subscription.origin == BY_API
