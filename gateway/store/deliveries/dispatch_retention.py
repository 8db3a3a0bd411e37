"""Which dispatches go with age: those that a person gave up, and those whose delivery is gone; refused ones stay."""

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, or_, select

from gateway.model.dispatch import DISPATCH_FINAL_STATES
from gateway.store.deliveries.retention import old_deliveries
from gateway.store.engine.statements import table_of
from gateway.store.tables import Delivery, DeliveryBody, Dispatch, ExceptionCase, TimelineEntry

_DISPATCH = table_of(Dispatch)
_DELIVERY = table_of(Delivery)
_BODY = table_of(DeliveryBody)
_OVER = [state.value for state in DISPATCH_FINAL_STATES]


def _old(before_ms: int) -> ColumnElement[bool]:
    return and_(_DISPATCH.c.received_at_ms < before_ms, _DISPATCH.c.state.in_(_OVER))


def _without_delivery() -> ColumnElement[bool]:
    return ~exists().where(_DELIVERY.c.id == _DISPATCH.c.id)


def old_dispatches(before_ms: int) -> ColumnElement[bool]:
    """Dispatches that are over and older, and so is their delivery."""
    goes = exists().where(_DELIVERY.c.id == _DISPATCH.c.id, old_deliveries(before_ms))
    return and_(_old(before_ms), or_(_without_delivery(), goes))


def old_dispatch_bodies(before_ms: int) -> ColumnElement[bool]:
    """Those without a delivery, with which it would go, whose bytes are still there."""
    return and_(_old(before_ms), _without_delivery(), exists().where(_BODY.c.delivery_id == _DISPATCH.c.id))


def remove_dispatch_bodies(connection: Connection, before_ms: int, *, rows_max: int) -> int:
    """Remove what they held; returns of how many."""
    ids = connection.scalars(select(_DISPATCH.c.id).where(old_dispatch_bodies(before_ms)).limit(rows_max)).all()
    if ids:
        connection.execute(delete(_BODY).where(_BODY.c.delivery_id.in_(ids)))
    return len(ids)


def remove_dispatches(connection: Connection, before_ms: int, *, rows_max: int) -> int:
    """Remove those whose delivery is gone, with everything that speaks of them alone; returns how many."""
    query = select(_DISPATCH.c.id).where(_old(before_ms), _without_delivery()).limit(rows_max)
    ids = connection.scalars(query).all()
    if ids:
        connection.execute(delete(_BODY).where(_BODY.c.delivery_id.in_(ids)))
        for model in (TimelineEntry, ExceptionCase):
            table = table_of(model)
            connection.execute(delete(table).where(table.c.message_id.in_(ids)))
        connection.execute(delete(_DISPATCH).where(_DISPATCH.c.id.in_(ids)))
    return len(ids)
