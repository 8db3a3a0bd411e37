"""Deliveries as they lie in a mailbox, and what became of them."""

import itertools
from typing import Any

from sqlalchemy import delete, insert, select

from gateway.model.ids import ulid
from gateway.store import deliveries
from gateway.store.deliveries import NewDelivery, StoredDelivery
from gateway.store.deliveries import bodies as delivery_bodies
from gateway.store.engine.statements import table_of
from gateway.store.oversight import timeline
from gateway.store.tables import Delivery
from tests.edge.sftp.mailboxes import Office

_CHANCE = itertools.count(1)
OWNER = "acme-supply"


def new_delivery(payload: bytes = b"ISA*order~", owner: str = OWNER, **fields: Any) -> NewDelivery:
    """A document that waits in a mailbox."""
    now_ms = fields.pop("created_at_ms", 1_764_000_000_000)
    key = ulid(now_ms, next(_CHANCE))
    return NewDelivery(
        **{
            "id": key,
            "partner_id": owner,
            "profile_digest": "digest",
            "identity": "bigcorp",
            "channel": "mailbox",
            "kind": "document",
            "lane": f"{owner}/{key}",
            "transport_id": f"<{key}@us>",
            "content_type": "application/edi-x12",
            "filename": "purchase_order-7.edi",
            "subject": "",
            "payload": payload,
            "created_at_ms": now_ms,
            "due_at_ms": now_ms,
            "document_type": "purchase_order",
            "number": "7",
            "destination": f"mailbox/{owner}",
        }
        | fields
    )


async def lay(office: Office, *news: NewDelivery) -> list[str]:
    """Put them there; their names by the usual pattern."""

    def unit(connection: Any) -> None:
        for new in news:
            deliveries.enqueue(connection, new)

    await office.house.database.write(unit)
    return [f"{new.document_type}-{new.number}-{new.id}.edi" for new in news]


async def lay_many(office: Office, number: int) -> list[str]:
    """Very many of them, quickly: rows without content."""
    table, first = table_of(Delivery), new_delivery()
    ids = [new_delivery().id for _ in range(number)]

    def unit(connection: Any) -> None:
        deliveries.enqueue(connection, first)
        row = dict(connection.execute(select(table)).mappings().one())
        connection.execute(delete(table))
        connection.execute(insert(table), [row | {"id": key, "lane": key, "transport_id": key} for key in ids])

    await office.house.database.write(unit)
    return [f"purchase_order-7-{key}.edi" for key in ids]


async def seen(office: Office, delivery_id: str) -> StoredDelivery:
    """How it stands."""
    found = await office.house.database.read(lambda connection: deliveries.get(connection, delivery_id))
    assert found is not None
    return found


async def steps(office: Office, delivery_id: str) -> list[tuple[str, dict[str, Any]]]:
    """What its timeline says."""
    entries = await office.house.database.read(lambda connection: timeline.of_message(connection, delivery_id))
    return [(entry.step, entry.detail) for entry in entries]


async def receipt(office: Office, delivery_id: str) -> str:
    """What is kept as proof that they have it."""
    found = await office.house.database.read(
        lambda connection: deliveries.body(connection, delivery_id, delivery_bodies.RECEIPT)
    )
    return (found or b"").decode()
