"""How a call to a webhook ended: what becomes of the event, of its subscription and of what else waits there."""

from collections.abc import Callable
from urllib.parse import urlsplit

from sqlalchemy import Connection

from gateway.carriers.parcels import Delivered, Failed, Held, Outcome
from gateway.flow.outward.routes import OUR_OWN
from gateway.flow.outward.verdicts import FAILURE_CLASSES, HELD_LOOK_MS, RETRY_AFTER_MS_MAX, Verdict
from gateway.model.delivery import DeliveryEvent, DeliveryKind, DeliveryState
from gateway.model.instants import DAY_MS, rfc3339
from gateway.model.webhook import (
    BY_ITSELF,
    WEBHOOK_LIVING_STATES,
    WEBHOOK_TRANSITIONS,
    WebhookChange,
    WebhookState,
    retry_after_ms,
)
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries.rows import StoredDelivery
from gateway.store.oversight import cases
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.store.webhooks import moving, subscriptions, waiting
from gateway.store.webhooks.subscriptions import Subscription
from gateway.telemetry import Metrics
from partners.directory import Directory

GONE = 410
_HOUR_MS = DAY_MS // 24
_PAUSE_AFTER_HOURS = 72
# Who was away for so long and answers again hears at once of everything that waits for its next attempt.
AWAY_MS = 5 * 60_000
_NOT_TAKEN = (
    "their server takes other events, and this one goes again about once a day; what is behind it in its lane waits: "
    "ask the partner what is wrong with it; `gateway exceptions retry` calls them again now, and `gateway messages "
    "cancel {delivery} --reason '...'` leaves this event out, so that the next ones are told. This case ends by itself "
    "once the event was taken or cancelled"
)


class WebhookEnds:
    """Judges calls to webhooks, and writes down what they mean.

    Args:
        directory: the partners now.
        metrics: counts calls.
    """

    def __init__(self, directory: Callable[[], Directory], metrics: Metrics) -> None:
        self._directory = directory
        self._metrics = metrics

    def count(self, outcome: Outcome) -> None:
        """Count a call by how it ended."""
        match outcome:
            case Delivered():
                word = "delivered"
            case Failed():
                word = "gone" if _is_gone(outcome) else _class_of(outcome)
            case _:
                word = "held"
        self._metrics.webhook_calls.add(word)

    def settle(
        self, connection: Connection, *, claimed: StoredDelivery, outcome: Outcome, verdict: Verdict, now_ms: int
    ) -> DeliveryState | None:
        """Write down how a call ended, in one commit with what follows for its subscription."""
        # Before the delivery, as everybody who needs both.
        subscription = subscriptions.locked(connection, claimed.destination)
        state = delivery_claims.settle(
            connection,
            claimed,
            verdict.event,
            now_ms,
            reason=verdict.reason,
            receipt=verdict.receipt,
            facts=verdict.facts,
            due_at_ms=verdict.due_at_ms,
            gives_attempt_back=verdict.gives_attempt_back,
        )
        if subscription is not None:
            follows = self._follow(connection, subscription, outcome, now_ms)
            if follows is WebhookState.ACTIVE and state is DeliveryState.QUEUED:
                self._tell_if_stuck(connection, subscription, claimed, outcome, now_ms)
        return state

    def _follow(
        self, connection: Connection, subscription: Subscription, outcome: Outcome, now_ms: int
    ) -> WebhookState:
        """What the end of a call means for its subscription; the state in which that is then."""
        state = subscription.state
        match outcome:
            case Delivered():
                _note_success(connection, subscription, now_ms)
            case Failed() if _is_gone(outcome):
                if (state, WebhookChange.GONE) in WEBHOOK_TRANSITIONS:
                    reason = f"their server answered 410 Gone: {outcome.reason}"
                    state = self._stop(connection, subscription, WebhookChange.GONE, reason, now_ms)
            case Failed() if not _is_ours(outcome):
                state = self._note_failure(connection, subscription, outcome, now_ms)
            case Held() if state is WebhookState.ACTIVE:
                _note_held(connection, subscription, outcome, now_ms)
        # What came back to the queue although the subscription stopped while it was under way.
        if state not in WEBHOOK_LIVING_STATES:
            waiting.cancel(connection, subscription.id, subscription.reason or "the subscription is gone", now_ms)
        elif state is not WebhookState.ACTIVE:
            waiting.hold(connection, subscription.id, subscription.reason or f"the subscription is {state.value}")
        return state

    def _tell_if_stuck(
        self, connection: Connection, subscription: Subscription, claimed: StoredDelivery, outcome: Outcome, now_ms: int
    ) -> None:
        """Have a person see an event that is refused for days by a server that takes others.

        A subscription that was resumed or changed begins anew.
        """
        if claimed.kind != DeliveryKind.NOTICE or not isinstance(outcome, Failed) or _is_ours(outcome):
            return
        since_ms = max(claimed.created_at_ms, subscription.changed_at_ms)
        if now_ms - since_ms < self._pause_after_hours(subscription.partner_id) * _HOUR_MS:
            return
        whose = f"webhook {subscription.name} of {subscription.partner_id}"
        host = urlsplit(subscription.url).hostname or ""
        reason = f"{whose}: {host} did not take {claimed.subject} {claimed.transport_id} since {rfc3339(since_ms)}"
        cases.raise_case(
            connection,
            CaseKind.WEBHOOK,
            CaseState.OPEN,
            now_ms,
            partner_id=subscription.partner_id,
            message_id=claimed.id,
            reason=f"{reason}: {outcome.reason}"[: moving.REASON_CHARACTERS_MAX],
            detail=_NOT_TAKEN.format(delivery=claimed.id),
            attempts=claimed.attempts,
        )

    def _note_failure(
        self, connection: Connection, subscription: Subscription, failed: Failed, now_ms: int
    ) -> WebhookState:
        since = subscription.failing_since_ms if subscription.failing_since_ms is not None else now_ms
        hours = self._pause_after_hours(subscription.partner_id)
        if subscription.state is WebhookState.ACTIVE and now_ms - since >= hours * _HOUR_MS:
            reason = f"nothing but failures since {rfc3339(since)}, the last one: {failed.reason}"
            return self._stop(connection, subscription, WebhookChange.PAUSE, reason, now_ms)
        subscriptions.note_call(
            connection,
            subscription,
            failing_since_ms=since,
            last_success_at_ms=subscription.last_success_at_ms,
            reason=subscription.reason,
        )
        if failed.retry_after_s is not None:
            # They speak for their server, and not for this one event.
            asked_ms = min(int(failed.retry_after_s * 1_000), RETRY_AFTER_MS_MAX)
            waiting.postpone(connection, subscription.id, now_ms + asked_ms)
        return subscription.state

    def _stop(
        self, connection: Connection, subscription: Subscription, event: WebhookChange, reason: str, now_ms: int
    ) -> WebhookState:
        loaded = self._directory().by_id(subscription.partner_id)
        digest = loaded.digest if loaded is not None else ""
        return moving.move(connection, subscription, event, now_ms, by=BY_ITSELF, reason=reason, profile_digest=digest)

    def _pause_after_hours(self, partner_id: str) -> int:
        loaded = self._directory().by_id(partner_id)
        webhooks = loaded.profile.webhooks if loaded is not None else None
        return webhooks.pause_after_hours if webhooks is not None else _PAUSE_AFTER_HOURS


def verdict_of_call(outcome: Outcome, attempts: int, *, now_ms: int, chance: float) -> Verdict:
    """What the end of a call makes of its event: it is told, or again later; it is never given up.

    Args:
        outcome: of the call.
        attempts: at least 1, this one included.
        now_ms: the clock.
        chance: 0 <= chance < 1, spreads retries.
    """
    match outcome:
        case Delivered():
            return Verdict(DeliveryEvent.CONFIRM, facts=outcome.facts)
        case Failed():
            wait_ms = retry_after_ms(attempts, chance)
            if outcome.retry_after_s is not None:
                wait_ms = max(wait_ms, min(int(outcome.retry_after_s * 1_000), RETRY_AFTER_MS_MAX))
            facts = {"failed_at" if name == "step" else name: value for name, value in outcome.facts.items()}
            return Verdict(
                DeliveryEvent.DEFER,
                outcome.reason,
                facts=facts,
                due_at_ms=now_ms + wait_ms,
                failure=_class_of(outcome),
            )
        case Held():
            due_at_ms = now_ms + HELD_LOOK_MS
            return Verdict(DeliveryEvent.HOLD, outcome.reason, due_at_ms=due_at_ms, gives_attempt_back=True)
        case _:
            raise TypeError(f"no end of a call to a webhook: {type(outcome).__name__}")


def _note_success(connection: Connection, subscription: Subscription, now_ms: int) -> None:
    since = subscription.failing_since_ms
    is_active = subscription.state is WebhookState.ACTIVE
    reason = "" if is_active else subscription.reason
    subscriptions.note_call(connection, subscription, failing_since_ms=None, last_success_at_ms=now_ms, reason=reason)
    if is_active and subscription.reason:
        moving.resolve_case(connection, subscription, now_ms, "it is called again")
    if is_active and since is not None and now_ms - since >= AWAY_MS:
        waiting.hasten(connection, subscription.id, now_ms)


def _note_held(connection: Connection, subscription: Subscription, held: Held, now_ms: int) -> None:
    """It cannot be called as things are: one case says so, however much waits."""
    if held.reason == subscription.reason:
        return
    subscriptions.note_call(
        connection,
        subscription,
        failing_since_ms=subscription.failing_since_ms,
        last_success_at_ms=subscription.last_success_at_ms,
        reason=held.reason[: moving.REASON_CHARACTERS_MAX],
    )
    moving.raise_case(connection, subscription, CaseState.OPEN, held.reason, now_ms)


def _is_gone(failed: Failed) -> bool:
    return failed.facts.get("status") == GONE


def _is_ours(failed: Failed) -> bool:
    """Whether it failed before it could reach them."""
    return failed.facts.get("step") in OUR_OWN


def _class_of(failed: Failed) -> str:
    named = failed.facts.get("step")
    return named if isinstance(named, str) and named in FAILURE_CLASSES else "other"
