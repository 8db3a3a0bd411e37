"""What waits to be told at one address, moved as a whole: there may be thousands of events, and they share one fate.

Only notices: a document that is posted to an address is a delivery as any other, with a case of its own.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from gateway.model.delivery import DELIVERY_TRANSITIONS, DeliveryEvent, DeliveryKind, DeliveryState
from gateway.model.machine import advance
from gateway.store.deliveries.lifecycle import OVER
from gateway.store.engine.statements import constant, storable, table_of
from gateway.store.oversight import cases
from gateway.store.oversight.cases import CaseKind
from gateway.store.tables import Delivery

_DELIVERY = table_of(Delivery)
_QUEUED, _HELD = DeliveryState.QUEUED, DeliveryState.HELD


def hold(connection: Connection, subscription_id: str, reason: str) -> int:
    """Nothing more is told for now; returns how many wait. What is under way is held when it comes back."""
    values: dict[str, object] = {
        "state": advance(DELIVERY_TRANSITIONS, _QUEUED, DeliveryEvent.HOLD).value,
        # Not looked at by itself: whoever resumes the subscription makes them due.
        "next_attempt_at_ms": None,
        "reason": storable(reason),
    }
    count = connection.execute(update(_DELIVERY).where(_notices(subscription_id, _QUEUED)).values(values)).rowcount
    looked_at = and_(_notices(subscription_id, _HELD), _DELIVERY.c.next_attempt_at_ms.is_not(None))
    connection.execute(update(_DELIVERY).where(looked_at).values(next_attempt_at_ms=None, reason=values["reason"]))
    return count


def release(connection: Connection, subscription_id: str, now_ms: int) -> int:
    """Everything that was held is due now, its attempts counted anew; the lanes keep their order."""
    values = {
        "state": advance(DELIVERY_TRANSITIONS, _HELD, DeliveryEvent.RESUME).value,
        "next_attempt_at_ms": now_ms,
        "attempts": 0,
        "reason": "",
    }
    _resolve_cases(connection, subscription_id, now_ms, "the webhook is told again, from the beginning")
    count = connection.execute(update(_DELIVERY).where(_notices(subscription_id, _HELD)).values(values)).rowcount
    documents = and_(_open(subscription_id), _DELIVERY.c.state == _HELD.value)
    connection.execute(update(_DELIVERY).where(documents).values(next_attempt_at_ms=now_ms))
    return count


def cancel(connection: Connection, subscription_id: str, reason: str, now_ms: int) -> int:
    """The subscription is gone: what waited is not told any more, and says why."""
    count = 0
    _resolve_cases(connection, subscription_id, now_ms, "the webhook is gone")
    for state in (_QUEUED, _HELD):
        values = {
            "state": advance(DELIVERY_TRANSITIONS, state, DeliveryEvent.CANCEL).value,
            "next_attempt_at_ms": None,
            "settled_at_ms": now_ms,
            "reason": storable(reason),
        }
        waits = _notices(subscription_id, state)
        count += connection.execute(update(_DELIVERY).where(waits).values(values)).rowcount
    return count


def postpone(connection: Connection, subscription_id: str, until_ms: int) -> None:
    """They asked for a pause: nothing is told before."""
    early = and_(_notices(subscription_id, _QUEUED), _DELIVERY.c.next_attempt_at_ms < until_ms)
    connection.execute(update(_DELIVERY).where(early).values(next_attempt_at_ms=until_ms))


def hasten(connection: Connection, subscription_id: str, now_ms: int) -> None:
    """Their server is back: what waits for its next attempt is due now."""
    late = and_(_notices(subscription_id, _QUEUED), _DELIVERY.c.next_attempt_at_ms > now_ms)
    connection.execute(update(_DELIVERY).where(late).values(next_attempt_at_ms=now_ms))


def try_now(connection: Connection, delivery_id: str, now_ms: int) -> bool:
    """Make one event that waits for its next attempt due now; False where it waits for nothing of the kind."""
    waits = and_(
        _DELIVERY.c.id == delivery_id,
        _DELIVERY.c.kind == DeliveryKind.NOTICE.value,
        _DELIVERY.c.state == _QUEUED.value,
    )
    return connection.execute(update(_DELIVERY).where(waits).values(next_attempt_at_ms=now_ms)).rowcount > 0


def count(connection: Connection, subscription_id: str) -> int:
    """How many events wait to be told."""
    query = select(func.count()).where(_open(subscription_id))
    return connection.scalar(query) or 0


def _resolve_cases(connection: Connection, subscription_id: str, now_ms: int, resolution: str) -> None:
    """Close the cases of single events that were not taken."""
    ids = select(_DELIVERY.c.id).where(_open(subscription_id), _DELIVERY.c.kind == DeliveryKind.NOTICE.value)
    cases.resolve_among(connection, CaseKind.WEBHOOK, ids, now_ms, resolution)


def _notices(subscription_id: str, state: DeliveryState) -> ColumnElement[bool]:
    return and_(_open(subscription_id), _DELIVERY.c.kind == DeliveryKind.NOTICE.value, _DELIVERY.c.state == state.value)


def _open(subscription_id: str) -> ColumnElement[bool]:
    """What is not over, found by its partial index, whatever was told there in all the weeks before."""
    return and_(
        _DELIVERY.c.destination == subscription_id,
        _DELIVERY.c.destination != constant(""),
        _DELIVERY.c.state.not_in(OVER),
    )


def events_among(connection: Connection, subscription_id: str, event_ids: Sequence[str]) -> set[str]:
    """Which of these events still wait to be told there."""
    query = select(_DELIVERY.c.transport_id).where(_open(subscription_id), _DELIVERY.c.transport_id.in_(event_ids))
    return set(connection.scalars(query))
