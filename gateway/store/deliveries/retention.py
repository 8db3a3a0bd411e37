"""Which deliveries go with age: only what is delivered or cancelled; whatever is open stays, however old."""

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, select

from gateway.model.delivery import DELIVERY_FINAL_STATES, DeliveryKind
from gateway.store.deliveries import sandbox_replies
from gateway.store.engine.statements import table_of
from gateway.store.tables import Delivery, DeliveryBody, ExceptionCase, TimelineEntry

_DELIVERY = table_of(Delivery)
_BODY = table_of(DeliveryBody)
_CASE = table_of(ExceptionCase)
_TIMELINE = table_of(TimelineEntry)
_OVER = [state.value for state in DELIVERY_FINAL_STATES]


def old_deliveries(before_ms: int) -> ColumnElement[bool]:
    """Deliveries that are over and older."""
    return and_(_DELIVERY.c.created_at_ms < before_ms, _DELIVERY.c.state.in_(_OVER))


def old_notices(before_ms: int) -> ColumnElement[bool]:
    """Calls to webhooks that are over and older."""
    return and_(old_deliveries(before_ms), _DELIVERY.c.kind == DeliveryKind.NOTICE.value)


def old_bodies(before_ms: int) -> ColumnElement[bool]:
    """Those of them whose bytes are still there."""
    return and_(old_deliveries(before_ms), exists().where(_BODY.c.delivery_id == _DELIVERY.c.id))


def remove_bodies(connection: Connection, before_ms: int, *, rows_max: int, bytes_max: int) -> int:
    """Remove payload, parcel and receipt of old deliveries, a few at a time; returns of how many."""
    query = (
        select(_DELIVERY.c.id, func.max(_DELIVERY.c.payload_bytes))
        # Looked for among the bodies that are left, not among all deliveries of a year.
        .join(_BODY, _BODY.c.delivery_id == _DELIVERY.c.id)
        .where(old_deliveries(before_ms))
        .group_by(_DELIVERY.c.id)
        .order_by(_DELIVERY.c.id)
        .limit(rows_max)
    )
    ids: list[str] = []
    size = 0
    for delivery_id, payload_bytes in connection.execute(query):
        size += 2 * payload_bytes  # as it is, and as it was packed
        if ids and size > bytes_max:
            break
        ids.append(delivery_id)
    if ids:
        connection.execute(delete(_BODY).where(_BODY.c.delivery_id.in_(ids)))
        sandbox_replies.remove(connection, ids)
    return len(ids)


def remove_notices(connection: Connection, before_ms: int, *, rows_max: int) -> int:
    """Remove old calls to webhooks; returns how many."""
    return _remove(connection, old_notices(before_ms), rows_max)


def remove_rows(connection: Connection, before_ms: int, *, rows_max: int) -> int:
    """Remove old deliveries with everything that speaks of them alone; returns how many."""
    return _remove(connection, old_deliveries(before_ms), rows_max)


def _remove(connection: Connection, old: ColumnElement[bool], rows_max: int) -> int:
    ids = connection.scalars(select(_DELIVERY.c.id).where(old).limit(rows_max)).all()
    if ids:
        connection.execute(delete(_BODY).where(_BODY.c.delivery_id.in_(ids)))
        sandbox_replies.remove(connection, ids)
        for table in (_TIMELINE, _CASE):
            connection.execute(delete(table).where(table.c.message_id.in_(ids)))
        connection.execute(delete(_DELIVERY).where(_DELIVERY.c.id.in_(ids)))
    return len(ids)
