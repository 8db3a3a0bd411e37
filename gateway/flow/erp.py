"""Towards the ERP: the broker that the settings name, and what is done with all that comes back over it.

Whatever comes back is written down before it is acknowledged there: outcomes of events, documents that the ERP wants
sent, and events that no queue took.
"""

import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from gateway.broker import BrokerUnavailable, EmbeddedLog, RabbitBroker, Unusable, Wanted
from gateway.flow.outward.outbound import Outbound, SourceKey
from gateway.model.events import BusinessEvent, Outcome
from gateway.model.partner_events import WantsEvents, nobody
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.deliveries.dispatches import SourceIdReused
from gateway.store.events import event_log, outbox, outcomes
from gateway.store.oversight import cases
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.telemetry import Metrics

log = logging.getLogger(__name__)


class ErpDesk:
    """Where everything that the broker hands in is kept.

    Args:
        database: of the gateway.
        outbound: takes what the ERP wants sent; asked for only then, since it is made after the broker.
        now_ms: the clock.
        wants_events: who may hear of outcomes.
    """

    def __init__(
        self,
        database: Database,
        outbound: Callable[[], Outbound],
        *,
        now_ms: Callable[[], int],
        wants_events: WantsEvents = nobody,
    ) -> None:
        self._database = database
        self._outbound = outbound
        self._now_ms = now_ms
        self._wants_events = wants_events

    async def append_to_log(self, event: BusinessEvent) -> None:
        """Keep an event in the log that stands in for a broker."""
        await self._database.write(lambda connection: event_log.append(connection, event.id, self._now_ms()))

    async def record_outcome(self, outcome: Outcome) -> None:
        """Keep what the ERP made of an event."""
        unit = partial(outcomes.record, outcome=outcome, now_ms=self._now_ms(), wants_events=self._wants_events)
        known = await self._database.write(unit)
        if not known:
            log.warning("the ERP reported on an event that is not ours", extra={"event_id": outcome.event_id})

    async def record_wanted(self, wanted: Wanted) -> None:
        """Keep what the ERP wants sent.

        Raises:
            Unusable: its source used the id before, for other content.
        """
        key = SourceKey(wanted.source, wanted.id)
        try:
            await self._outbound().accept_document(
                wanted.partner,
                wanted.body,
                source_key=key,
                correlation_id=wanted.correlation_id,
                content_type=wanted.content_type,
                identity=wanted.identity,
            )
        except SourceIdReused as reused:
            raise Unusable(f"{key.source} gave the id {key.id} before, for other content: {reused}") from reused

    async def report_unroutable(self, event_id: str, reason: str) -> None:
        """Put an event that no queue took on the exceptions list."""
        await self._database.write(partial(_raise_unroutable, event_id=event_id, reason=reason, now_ms=self._now_ms()))


def broker_of(settings: Settings, desk: ErpDesk, metrics: Metrics) -> RabbitBroker | EmbeddedLog:
    """The way to the ERP: RabbitMQ where the settings name one, else the embedded log; not started yet."""
    if settings.broker_url is None:
        return EmbeddedLog(desk.append_to_log)
    broker = RabbitBroker(
        settings.broker_url.get_secret_value(),
        on_outcome=desk.record_outcome,
        on_unroutable=desk.report_unroutable,
        on_outbound=desk.record_wanted,
        outbound_bytes_max=settings.limits.body_bytes_max,
        publish_seconds_max=settings.limits.publish_timeout_s,
    )
    text = "Messages from the ERP that were set aside to b2b.dead, since the start."
    metrics.family("gateway_broker_dead_letters", text, ("queue",), broker.counters.dead_lettered_from)
    return broker


async def look_for_delivery_limit(broker: RabbitBroker) -> None:
    """Warn where a poison message would be delivered for ever: RabbitMQ before 4.0 has no limit by itself."""
    await broker.wait_connected()
    try:
        if not await broker.is_delivery_limited():
            log.warning("the broker has no delivery limit; import what `gateway broker definitions` prints")
    except BrokerUnavailable as unavailable:
        log.warning("whether the broker limits deliveries could not be seen", extra={"cause": str(unavailable)})


def _raise_unroutable(connection: Connection, *, event_id: str, reason: str, now_ms: int) -> None:
    event = outbox.get(connection, event_id)
    if event is None:
        return
    cases.raise_case(
        connection,
        CaseKind.UNROUTABLE,
        CaseState.STOPPED,
        now_ms,
        partner_id=event.partner_id,
        message_id=event.message_id or None,
        event_id=event_id,
        reason="no queue of the broker wanted this event; bind one to b2b.events, then retry",
        detail=reason,
    )
