"""TA1, 997 and 999 that messages earned: kept, or delivered under their own id.

One that goes out has a delivery of the same id, and its state is that of the delivery, which sees to it
(`store.deliveries`).
"""

from dataclasses import dataclass, fields

from sqlalchemy import Connection, select

from gateway.store.engine.statements import Insert, table_of
from gateway.store.tables import Acknowledgment

KEPT = "kept"  # written; nothing says how the partner is reached, so nobody sends it

_ACKNOWLEDGMENT = table_of(Acknowledgment)
_insert_acknowledgment = Insert(Acknowledgment)


@dataclass(frozen=True, slots=True)
class StoredAcknowledgment:
    """One interchange of acknowledgments; `kinds` such as ``997`` or ``TA1 997``."""

    id: str
    message_id: str
    partner_id: str
    kinds: str
    control_number: int
    state: str
    body: bytes
    created_at_ms: int


def keep(connection: Connection, acknowledgment: StoredAcknowledgment) -> None:
    """Keep an acknowledgment for delivery."""
    _insert_acknowledgment.post(
        connection, {field.name: getattr(acknowledgment, field.name) for field in fields(StoredAcknowledgment)}
    )


def of_message(connection: Connection, message_id: str) -> list[StoredAcknowledgment]:
    """What a message earned."""
    columns = [_ACKNOWLEDGMENT.c[field.name] for field in fields(StoredAcknowledgment)]
    rows = connection.execute(
        select(*columns).where(_ACKNOWLEDGMENT.c.message_id == message_id).order_by(_ACKNOWLEDGMENT.c.id)
    )
    return [StoredAcknowledgment(*row) for row in rows]
