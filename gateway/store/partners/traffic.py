"""When each partner was last heard of and last sent to: one look into an index each, however much lies in the store."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from gateway.store.engine.statements import table_of
from gateway.store.tables import Delivery, Message, PartnerState

_STATE = table_of(PartnerState)
_MESSAGE = table_of(Message)
_DELIVERY = table_of(Delivery)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The last of what went either way, milliseconds since 1970; None where nothing did.

    Attributes:
        in_at_ms: what they sent was kept.
        out_at_ms: what we sent was settled, or made where it is not settled.
    """

    in_at_ms: int | None = None
    out_at_ms: int | None = None


# Ids ascend with time, and those of each partner stand together in an index.
_LAST_IN = (
    select(_MESSAGE.c.received_at_ms)
    .where(_MESSAGE.c.partner_id == _STATE.c.partner_id)
    .order_by(_MESSAGE.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_LAST_OUT = (
    select(func.coalesce(_DELIVERY.c.settled_at_ms, _DELIVERY.c.created_at_ms))
    .where(_DELIVERY.c.partner_id == _STATE.c.partner_id, _DELIVERY.c.attempts > 0)
    .order_by(_DELIVERY.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_LAST = select(_STATE.c.partner_id, _LAST_IN, _LAST_OUT)


def last(connection: Connection) -> dict[str, Traffic]:
    """The last traffic of each partner whom the gateway knows."""
    return {row[0]: Traffic(row[1], row[2]) for row in connection.execute(_LAST)}
