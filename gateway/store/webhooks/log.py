"""The calls to a subscription: what was told there, each with its attempts as the timeline has them."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, func, select

from gateway.model.delivery import DeliveryKind
from gateway.store import deliveries
from gateway.store.deliveries import StoredDelivery
from gateway.store.engine.statements import table_of
from gateway.store.tables import TimelineEntry

CALLS_SHOWN_MAX = 20
_TIMELINE = table_of(TimelineEntry)
_DELIVERED, _FAILED = "delivered", "failed"


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One attempt.

    Attributes:
        status: of their answer; None where none came.
        error: why it failed.
        response: the beginning of their answer, printable.
    """

    at_ms: int
    delivered: bool
    status: int | None
    duration_ms: int | None
    error: str | None
    response: str | None


@dataclass(frozen=True, slots=True)
class Logged:
    """A delivery with its last calls, the newest first."""

    delivery: StoredDelivery
    calls: tuple[LoggedCall, ...]

    @property
    def event_id(self) -> str:
        """`webhook-id` of its calls."""
        return self.delivery.transport_id if self._is_notice else self.delivery.id

    @property
    def event_type(self) -> str:
        """The type of the event; for anything else that is posted there, what it is."""
        return self.delivery.subject if self._is_notice else self.delivery.kind

    @property
    def subject(self) -> str | None:
        """What it is about: order is kept among what is about the same."""
        if self._is_notice:
            return self.delivery.lane.split("/", 2)[-1]
        return self.delivery.number or None

    @property
    def _is_notice(self) -> bool:
        return self.delivery.kind == DeliveryKind.NOTICE


def find(
    connection: Connection,
    subscription_id: str,
    *,
    state: str | None = None,
    before: str | None = None,
    limit: int,
) -> list[Logged]:
    """What was told, or waits to be, the newest first; `before` is the id to go on from."""
    found = deliveries.find(connection, destination=subscription_id, state=state, before=before, limit=limit)
    calls = _calls_of(connection, [delivery.id for delivery in found])
    return [Logged(delivery, tuple(calls.get(delivery.id, ()))) for delivery in found]


def _calls_of(connection: Connection, delivery_ids: Sequence[str]) -> dict[str, list[LoggedCall]]:
    # Whoever pauses and resumes has what waits called anew each time: of very many calls the last ones are read.
    nth = func.row_number().over(partition_by=_TIMELINE.c.message_id, order_by=_TIMELINE.c.id.desc()).label("nth")
    calls = (
        select(_TIMELINE.c.id, _TIMELINE.c.message_id, _TIMELINE.c.at_ms, _TIMELINE.c.step, _TIMELINE.c.detail, nth)
        .where(_TIMELINE.c.message_id.in_(delivery_ids), _TIMELINE.c.step.in_([_DELIVERED, _FAILED]))
        .subquery()
    )
    query = (
        select(calls.c.message_id, calls.c.at_ms, calls.c.step, calls.c.detail)
        .where(calls.c.nth <= CALLS_SHOWN_MAX)
        .order_by(calls.c.id.desc())
    )
    found: dict[str, list[LoggedCall]] = {}
    for delivery_id, at_ms, step, detail in connection.execute(query):
        said = orjson.loads(detail)
        call = LoggedCall(
            at_ms=at_ms,
            delivered=step == _DELIVERED,
            status=said.get("status"),
            duration_ms=said.get("duration_ms"),
            error=said.get("reason") if step == _FAILED else None,
            response=said.get("response"),
        )
        found.setdefault(delivery_id, []).append(call)
    return found
