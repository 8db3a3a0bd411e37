"""The parts of webhooks that one process runs, put together."""

from collections.abc import Callable

from gateway.carriers.http import Door
from gateway.carriers.webhook import WebhookCarrier
from gateway.flow.webhooks.subscribing import Subscriptions
from gateway.flow.webhooks.telling import Telling
from gateway.settings import Limits
from gateway.store.credentials.sealing import Sealing
from gateway.store.database import Database
from gateway.telemetry import Metrics
from partners.directory import Directory


class WebhookRoom:
    """Subscriptions, what tells of events, and what makes the calls.

    Args:
        database: the store.
        directory: the partners now.
        limits: of calls.
        sealing: opens the keys of subscriptions.
        owner: name of this process, for its claims.
        now_ms: the clock, milliseconds since 1970.
        metrics: shows how many subscriptions are in which state.
        wake_sending: called when something is due.
    """

    def __init__(
        self,
        database: Database,
        directory: Callable[[], Directory],
        limits: Limits,
        sealing: Sealing,
        *,
        owner: str,
        now_ms: Callable[[], int],
        metrics: Metrics,
        wake_sending: Callable[[], None],
    ) -> None:
        self.caller = WebhookCarrier(database, Door(limits), sealing, now_ms=now_ms)
        self.telling = Telling(database, directory, owner=owner, now_ms=now_ms, told=wake_sending)
        self.subscriptions = Subscriptions(database, directory, now_ms=now_ms, metrics=metrics, resumed=wake_sending)
