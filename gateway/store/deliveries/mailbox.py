"""The mailbox of a partner who fetches by SFTP: what waits there, and what was fetched, a page at a time.

Every delivery of the channel `mailbox` that is not over is in it, also one that waits behind another of its lane. Whose
mailbox it is stands in the destination: a connection's holds what is for those who come by it, too.
"""

from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, and_, func, select, tuple_

from gateway.model.delivery import MAILBOX, DeliveryKind, DeliveryState
from gateway.store.deliveries.inbox import FETCHED
from gateway.store.deliveries.lifecycle import OVER
from gateway.store.engine.statements import Prepared, constant, given, table_of
from gateway.store.tables import Delivery, TimelineEntry

_DELIVERY = table_of(Delivery)
_TIMELINE = table_of(TimelineEntry)
_ACKNOWLEDGMENT = constant(DeliveryKind.ACKNOWLEDGMENT.value)
# In the words of the partial indexes.
_LIES_HERE = _DELIVERY.c.channel == constant(MAILBOX)
_WAITS = and_(_LIES_HERE, _DELIVERY.c.state.not_in(OVER))
_FETCHED = and_(_LIES_HERE, _DELIVERY.c.state == constant(DeliveryState.DELIVERED.value))


@dataclass(frozen=True, slots=True)
class MailboxDelivery:
    """A delivery as it lies in a mailbox: what a listing says of it.

    Attributes:
        partner_id: whom it is for; of a connection's mailbox somebody who comes by it.
        settled_at_ms: when it was fetched.
    """

    id: str
    partner_id: str
    destination: str
    kind: str
    document_type: str
    number: str
    filename: str
    content_type: str
    payload_bytes: int
    payload_sha256: str
    created_at_ms: int
    state: str
    settled_at_ms: int | None

    @property
    def is_acknowledgment(self) -> bool:
        """Whether it lies in acknowledgments/, not in outbox/."""
        return self.kind == DeliveryKind.ACKNOWLEDGMENT


_COLUMNS = [_DELIVERY.c[item.name] for item in fields(MailboxDelivery)]
_get = Prepared(lambda _: select(*_COLUMNS).where(_DELIVERY.c.id == given("delivery_id"), _LIES_HERE))


def get(connection: Connection, destination: str, delivery_id: str) -> MailboxDelivery | None:
    """One delivery of a mailbox, whatever became of it; None also where it lies elsewhere."""
    rows = _get.rows(connection, delivery_id=delivery_id)
    found = MailboxDelivery(*rows[0]) if rows else None
    return found if found is not None and found.destination == destination else None


def waiting(
    connection: Connection, destination: str, *, acknowledgments: bool, after: str = "", limit: int = 500
) -> list[MailboxDelivery]:
    """A page of what waits to be fetched, the oldest first; `after` is the id to go on from."""
    query = (
        select(*_COLUMNS)
        .where(_DELIVERY.c.destination == destination, _of_kind(acknowledgments=acknowledgments))
        .order_by(_DELIVERY.c.id)
        .limit(limit)
    )
    if after:
        query = query.where(_DELIVERY.c.id > after)
    return [MailboxDelivery(*row) for row in connection.execute(query)]


def fetched(
    connection: Connection,
    destination: str,
    *,
    since_ms: int,
    kept_since_ms: int = 0,
    after: MailboxDelivery | None = None,
    limit: int = 500,
) -> list[MailboxDelivery]:
    """A page of what was fetched, the newest first; `after` is the last one of the page before.

    Args:
        connection: reads.
        destination: whose mailbox.
        since_ms: what was fetched before is not in it.
        kept_since_ms: what was made before has no content any more.
        after: where the page before ended.
        limit: of the page.
    """
    place = (_DELIVERY.c.settled_at_ms, _DELIVERY.c.id)
    query = (
        select(*_COLUMNS)
        .where(_DELIVERY.c.destination == destination, _FETCHED, _DELIVERY.c.settled_at_ms >= since_ms)
        .order_by(*(column.desc() for column in place))
        .limit(limit)
    )
    if kept_since_ms:
        query = query.where(_DELIVERY.c.created_at_ms >= kept_since_ms)
    if after is not None:
        query = query.where(tuple_(*place) < tuple_(after.settled_at_ms, after.id))
    return [MailboxDelivery(*row) for row in connection.execute(query)]


def count_waiting(connection: Connection, destination: str, *, acknowledgments: bool) -> tuple[int, int]:
    """How many deliveries wait to be fetched, and how many bytes they have."""
    query = select(func.count(), func.coalesce(func.sum(_DELIVERY.c.payload_bytes), 0)).where(
        _DELIVERY.c.destination == destination, _of_kind(acknowledgments=acknowledgments)
    )
    number, size = connection.execute(query).one()
    return int(number), int(size)


def count_fetched(connection: Connection, destination: str, *, since_ms: int) -> int:
    """How many were fetched since then."""
    query = select(func.count()).where(
        _DELIVERY.c.destination == destination, _FETCHED, _DELIVERY.c.settled_at_ms >= since_ms
    )
    return int(connection.scalar(query) or 0)


def was_fetched(connection: Connection, delivery_id: str) -> bool:
    """Whether its timeline says that it was fetched, at any time."""
    noted = select(_TIMELINE.c.at_ms).where(_TIMELINE.c.message_id == delivery_id, _TIMELINE.c.step == FETCHED)
    return connection.scalar(noted.limit(1)) is not None


def _of_kind(*, acknowledgments: bool) -> ColumnElement[bool]:
    kind = _DELIVERY.c.kind
    return and_(_WAITS, kind == _ACKNOWLEDGMENT if acknowledgments else kind != _ACKNOWLEDGMENT)
