"""How a subscription changes its state, in one commit with what waits for it and with whom it is told to."""

from urllib.parse import urlsplit

from sqlalchemy import Connection

from gateway.model.instants import rfc3339
from gateway.model.machine import advance
from gateway.model.notices import Notice
from gateway.model.webhook import BY_ITSELF, WEBHOOK_LIVING_STATES, WEBHOOK_TRANSITIONS, WebhookChange, WebhookState
from gateway.store.events import outbox
from gateway.store.oversight import cases
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.store.webhooks import subscriptions, waiting
from gateway.store.webhooks.subscriptions import Subscription

# Of a text in a case or a row.
REASON_CHARACTERS_MAX = 1_000
_TO_DO = (
    "what is to be told there is held and not lost: settle the reason with the partner, try it with `gateway webhooks "
    "test`, then `gateway webhooks resume` tells everything in its order; so does a newer profile of the partner"
)
_CANNOT_BE_CALLED = (
    "nothing was sent; what is to be told there goes by itself once the reason is gone, and is looked at every few "
    "minutes and whenever profiles change"
)


def move(
    connection: Connection,
    subscription: Subscription,
    event: WebhookChange,
    now_ms: int,
    *,
    by: str,
    reason: str,
    profile_digest: str = "",
) -> WebhookState:
    """Move a subscription whose row is locked.

    Args:
        connection: in a transaction.
        subscription: as it was locked.
        event: what moves it.
        now_ms: the clock.
        by: who wants it; `BY_ITSELF` where nobody does.
        reason: in words.
        profile_digest: of the partner's profile now; a newer one resumes what paused by itself.

    Raises:
        IllegalTransition: its state has no way for this event.
    """
    state = advance(WEBHOOK_TRANSITIONS, subscription.state, event)
    reason = reason[:REASON_CHARACTERS_MAX]
    is_active = state is WebhookState.ACTIVE
    subscriptions.change(
        connection,
        subscription.id,
        now_ms,
        state=state.value,
        reason="" if is_active else reason,
        changed_by=by,
        profile_digest=profile_digest or subscription.profile_digest,
        **({"failing_since_ms": None} if is_active else {}),
    )
    if is_active:
        waiting.release(connection, subscription.id, now_ms)
    elif state in WEBHOOK_LIVING_STATES:
        waiting.hold(connection, subscription.id, reason)
    else:
        waiting.cancel(connection, subscription.id, reason, now_ms)
    is_by_itself = by == BY_ITSELF and event in {WebhookChange.PAUSE, WebhookChange.GONE}
    if is_by_itself:
        raise_case(connection, subscription, CaseState.STOPPED, reason, now_ms)
        _announce(connection, subscription, state, reason, now_ms)
    else:
        resolve_case(connection, subscription, now_ms, f"the subscription is {state.value}")
    return state


def raise_case(
    connection: Connection, subscription: Subscription, standing: CaseState, reason: str, now_ms: int
) -> None:
    """Have a person see that a subscription is not called."""
    cases.raise_case(
        connection,
        CaseKind.WEBHOOK,
        standing,
        now_ms,
        partner_id=subscription.partner_id,
        subject=subscription.id,
        reason=f"webhook {subscription.name} of {subscription.partner_id}: {reason}"[:REASON_CHARACTERS_MAX],
        detail=_TO_DO if standing is CaseState.STOPPED else _CANNOT_BE_CALLED,
    )


def resolve_case(connection: Connection, subscription: Subscription, now_ms: int, resolution: str) -> None:
    """It is called again, or there is no subscription any more."""
    cases.resolve(connection, now_ms, resolution, case_id=f"{CaseKind.WEBHOOK.value}:{subscription.id}")


def _announce(
    connection: Connection, subscription: Subscription, state: WebhookState, reason: str, now_ms: int
) -> None:
    since = subscription.failing_since_ms
    notice = Notice(
        key=f"webhook.{state.value}:{subscription.id}:{now_ms}",
        document_type="webhook",
        event=state.value,
        partner_id=subscription.partner_id,
        subject=subscription.id,
        body={
            "partner_id": subscription.partner_id,
            "webhook": subscription.id,
            "name": subscription.name,
            "origin": subscription.origin,
            "host": urlsplit(subscription.url).hostname or "",
            "failing_since": rfc3339(since) if since is not None else None,
            "waiting": waiting.count(connection, subscription.id),
            "reason": reason,
        },
    )
    outbox.announce(connection, notice, now_ms)
