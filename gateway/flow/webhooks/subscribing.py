"""Subscriptions of profiles are brought into the table when profiles change; what paused by itself is resumed then."""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from sqlalchemy import Connection

from gateway.model.webhook import (
    BY_ITSELF,
    BY_PROFILE,
    WEBHOOK_FINAL_STATES,
    WEBHOOK_LIVING_STATES,
    WEBHOOK_TRANSITIONS,
    WebhookChange,
    WebhookState,
    profile_subscription_id,
)
from gateway.store.database import Database
from gateway.store.webhooks import moving, subscriptions
from gateway.store.webhooks.subscriptions import Subscription
from gateway.telemetry import Metrics
from partners.directory import Directory
from partners.loader import LoadedProfile
from partners.webhook_terms import Webhook

_KEPT_STATES = frozenset(WebhookState) - WEBHOOK_FINAL_STATES
_STOPPED = frozenset({WebhookState.PAUSED, WebhookState.DISABLED})
# Who changes what a profile says.
_PROFILE = "profile"

log = logging.getLogger(__name__)


class Subscriptions:
    """Keeps the table of subscriptions in step with the profiles in force.

    Args:
        database: the store.
        directory: the partners now.
        now_ms: the clock, milliseconds since 1970.
        metrics: shows how many subscriptions are in which state.
        resumed: called when something may be due again.
    """

    def __init__(
        self,
        database: Database,
        directory: Callable[[], Directory],
        *,
        now_ms: Callable[[], int],
        metrics: Metrics,
        resumed: Callable[[], None],
    ) -> None:
        self._database = database
        self._directory = directory
        self._now_ms = now_ms
        self._metrics = metrics
        self._resumed = resumed
        self._seen: Directory | None = None

    async def refresh(self) -> None:
        """Take up what changed in profiles since the last time, and measure."""
        directory = self._directory()
        if directory is not self._seen:
            unit = partial(bring_in, profiles={loaded.id: loaded for loaded in directory}, now_ms=self._now_ms())
            changed = await self._database.write(unit)
            self._seen = directory
            if changed:
                log.info("webhook subscriptions changed with profiles", extra={"subscriptions": changed})
                self._resumed()
        numbers = await self._database.read(subscriptions.counts)
        self._metrics.family("gateway_webhooks", "Webhook subscriptions by state.", ("state",), numbers)


def bring_in(connection: Connection, profiles: Mapping[str, LoadedProfile], now_ms: int) -> int:
    """One unit: the subscriptions of these profiles, and of no others, are in force; returns how many changed."""
    kept = {item.id: item for item in subscriptions.find(connection, states=_KEPT_STATES)}
    wanted = dict(_wanted(profiles.values()))
    changed = 0
    for known in kept.values():
        if known.origin != BY_PROFILE:
            changed += _resume_after_change(connection, known, profiles.get(known.partner_id), now_ms)
        elif known.id not in wanted and known.state in WEBHOOK_LIVING_STATES:
            changed += _move(connection, known, WebhookChange.REMOVE, "the profile names it no more", now_ms)
    for subscription_id, (loaded, named) in wanted.items():
        before = kept.get(subscription_id)
        if before is None:
            changed += subscriptions.add(connection, _new(subscription_id, loaded, named, now_ms))
        else:
            changed += _bring_up_to_date(connection, before, loaded, named, now_ms)
    return changed


def _wanted(profiles: Iterable[LoadedProfile]) -> Iterable[tuple[str, tuple[LoadedProfile, Webhook]]]:
    for loaded in profiles:
        if loaded.profile.webhooks is not None:
            for named in loaded.profile.webhooks.subscriptions:
                yield profile_subscription_id(loaded.id, named.name), (loaded, named)


def _new(subscription_id: str, loaded: LoadedProfile, named: Webhook, now_ms: int) -> Subscription:
    return Subscription(
        id=subscription_id,
        partner_id=loaded.id,
        name=named.name,
        origin=BY_PROFILE,
        url=named.url,
        events=named.events,
        keys=(),
        state=WebhookState.ACTIVE,
        reason="",
        changed_by=_PROFILE,
        profile_digest=loaded.digest,
        failing_since_ms=None,
        last_success_at_ms=None,
        created_at_ms=now_ms,
        changed_at_ms=now_ms,
    )


def _bring_up_to_date(
    connection: Connection, before: Subscription, loaded: LoadedProfile, named: Webhook, now_ms: int
) -> bool:
    is_changed = (before.url, before.events) != (named.url, named.events)
    if is_changed:
        subscriptions.change(connection, before.id, now_ms, url=named.url, events=named.events)
    if before.state is WebhookState.REMOVED:
        return _move(connection, before, WebhookChange.RESTORE, "the profile names it again", now_ms, loaded)
    return _resume_after_change(connection, before, loaded, now_ms) or is_changed


def _resume_after_change(
    connection: Connection, before: Subscription, loaded: LoadedProfile | None, now_ms: int
) -> bool:
    """A newer profile is a reason to try again what paused by itself; what somebody paused stays so."""
    if loaded is None or loaded.digest == before.profile_digest:
        return False
    if before.state in _STOPPED and before.changed_by == BY_ITSELF:
        return _move(connection, before, WebhookChange.RESUME, "a newer profile is in force", now_ms, loaded)
    subscriptions.change(connection, before.id, before.changed_at_ms, profile_digest=loaded.digest)
    return False


def _move(
    connection: Connection,
    before: Subscription,
    event: WebhookChange,
    reason: str,
    now_ms: int,
    loaded: LoadedProfile | None = None,
) -> bool:
    now = subscriptions.locked(connection, before.id)
    if now is None or (now.state, event) not in WEBHOOK_TRANSITIONS:
        return False  # somebody else, or another node, was faster
    digest = loaded.digest if loaded is not None else ""
    moving.move(connection, now, event, now_ms, by=_PROFILE, reason=reason, profile_digest=digest)
    return True
