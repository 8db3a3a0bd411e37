"""The inbox of a partner who fetches by the API: deliveries that wait, are confirmed or declined there.

Every delivery of the channel `inbox` that is not over is in it, also one that waits behind another of its lane: it can
be fetched, and even confirmed, before its turn. A page costs the same whatever lies there.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, func, select

from gateway.model.delivery import INBOX, DeliveryState
from gateway.store.deliveries.lifecycle import OVER
from gateway.store.deliveries.rows import COLUMNS, StoredDelivery, storable_facts, stored
from gateway.store.engine.statements import constant, storable, table_of
from gateway.store.oversight import timeline
from gateway.store.tables import Delivery, Dispatch, TimelineEntry

FETCHED = "fetched"
# However often they fetch: one entry in the timeline for so long.
FETCHED_NOTED_EVERY_MS = 3_600_000

_DELIVERY = table_of(Delivery)
_DISPATCH = table_of(Dispatch)
_TIMELINE = table_of(TimelineEntry)
# In the words and the order of the partial indexes.
_OVER_FOR_THEM = [*OVER, constant(DeliveryState.REFUSED.value)]
_other = _DELIVERY.alias("other")
# Looked up for each that is shown: joined, both tables would be read side by side.
_order = select(_DISPATCH.c.purchase_order_number).where(_DISPATCH.c.id == _DELIVERY.c.id).scalar_subquery()
_waits_for = (
    select(_other.c.id)
    .where(_other.c.lane == _DELIVERY.c.lane, _other.c.state.not_in(OVER), _other.c.sequence < _DELIVERY.c.sequence)
    .order_by(_other.c.sequence.desc())
    .limit(1)
    .scalar_subquery()
)


class Shelf(StrEnum):
    """Which part of the inbox."""

    OPEN = "open"  # neither confirmed nor declined
    CONFIRMED = "confirmed"
    DECLINED = "declined"


_STATE_OF = {Shelf.CONFIRMED: DeliveryState.DELIVERED, Shelf.DECLINED: DeliveryState.REFUSED}


@dataclass(frozen=True, slots=True)
class InboxDelivery:
    """A delivery as it lies in the inbox.

    Attributes:
        order: the purchase order that it speaks of; empty for none or several.
        waits_for: the one before it in its lane that is not over.
    """

    delivery: StoredDelivery
    order: str
    waits_for: str | None


def find(
    connection: Connection,
    partner_id: str,
    shelf: Shelf = Shelf.OPEN,
    *,
    document_type: str | None = None,
    purchase_order: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[InboxDelivery]:
    """What lies there, the oldest first; `after` is the id to go on from."""
    query = _of_partner(partner_id)
    if shelf is Shelf.OPEN:
        query = query.where(_DELIVERY.c.state.not_in(_OVER_FOR_THEM))
    else:
        # The list for the sake of the index, which knows it, and the one that is looked for.
        states = [constant(state.value) for state in _STATE_OF.values()]
        query = query.where(_DELIVERY.c.state.in_(states), _DELIVERY.c.state == _STATE_OF[shelf].value)
    if document_type is not None:
        query = query.where(_DELIVERY.c.document_type == storable(document_type))
    if purchase_order is not None:
        query = query.where(_DELIVERY.c.lane == storable(f"{partner_id}/{purchase_order}"))
    if after is not None:
        query = query.where(_DELIVERY.c.id > storable(after))
    return [_as_it_lies(row) for row in connection.execute(query.order_by(_DELIVERY.c.id).limit(limit))]


def get(connection: Connection, partner_id: str, delivery_id: str) -> InboxDelivery | None:
    """One delivery of a partner's inbox; None also where it is somebody else's, or went another way."""
    row = connection.execute(_of_partner(partner_id).where(_DELIVERY.c.id == storable(delivery_id))).one_or_none()
    return _as_it_lies(row) if row is not None else None


def fetched_lately(connection: Connection, delivery_id: str, now_ms: int) -> bool:
    """Whether the timeline says of the last hour that it was fetched."""
    last = connection.scalar(
        select(func.max(_TIMELINE.c.at_ms)).where(_TIMELINE.c.message_id == delivery_id, _TIMELINE.c.step == FETCHED)
    )
    return last is not None and now_ms - last < FETCHED_NOTED_EVERY_MS


def note_fetched(connection: Connection, delivery_id: str, now_ms: int, facts: dict[str, object]) -> None:
    """Have people see that it was fetched, once an hour at most; it settles nothing."""
    if not fetched_lately(connection, delivery_id, now_ms):
        timeline.note(connection, delivery_id, now_ms, FETCHED, storable_facts(facts))


def _of_partner(partner_id: str) -> Select[Any]:
    return select(*COLUMNS, _order, _waits_for).where(
        _DELIVERY.c.channel == constant(INBOX), _DELIVERY.c.partner_id == partner_id
    )


def _as_it_lies(row: Any) -> InboxDelivery:  # noqa: ANN401  # a row of either driver
    *columns, order, waits_for = row
    return InboxDelivery(stored(columns), order or "", waits_for)
