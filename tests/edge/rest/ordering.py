"""A house that sends orders to ACME and Globex, who answer by the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import orjson
from yarl import URL

from gateway.edge.paths import encoded
from gateway.model.delivery import DeliveryEvent
from gateway.store import deliveries, messages
from tests.edge.house import ACME_KEY, GLOBEX_KEY, House, acme, globex, open_house
from tests.edge.rest.contract import assert_as_promised
from tests.flow.dispatching import order

AGREED = """
delivery: {way: inbox}
agreements:
  - {document: purchase_order, direction: outbound, syntax: json, our_identity: bigcorp}
  - {document: purchase_order_change, direction: outbound, syntax: json, our_identity: bigcorp}
  - {document: purchase_order_acknowledgment, direction: inbound, syntax: json}
  - {document: ship_notice, direction: inbound, syntax: json}
  - {document: invoice, direction: inbound, syntax: json}
"""
# By what is posted behind the number of an order, else by how many parts the address has.
OPERATIONS = {
    "acknowledgment": "acknowledge_purchase_order",
    "ship-notices": "ship_purchase_order",
    "invoices": "invoice_purchase_order",
    "GET 3": "list_purchase_orders",
    "GET 4": "get_purchase_order",
}
KEYS = {"acme": ACME_KEY, "globex": GLOBEX_KEY}


@asynccontextmanager
async def ordering_house(tmp_path: Any, extra: str = AGREED, **choices: Any) -> AsyncIterator[House]:
    async with open_house(tmp_path, profiles=[acme(extra), globex(AGREED)], **choices) as house:
        yield house


async def send(house: House, number: str = "PO-1", partner: str = "acme", **more: Any) -> str:
    """An order of ours; returns its id."""
    assert house.edge.outbound is not None
    answer = await house.edge.outbound.accept_document(partner, order(number, **more))
    assert answer.is_accepted, answer
    return answer.id


async def deliver(house: House, delivery_id: str) -> None:
    await house.database.write(
        partial(deliveries.apply, delivery_id=delivery_id, event=DeliveryEvent.CONFIRM, now_ms=house.edge.now_ms())
    )


def address(house: House, number: str, rest: str = "") -> URL:
    return URL(f"{house.url}/v1/purchase-orders/{encoded(number)}{rest}", encoded=True)


async def ask(
    client: aiohttp.ClientSession, url: URL | str, partner: str = "acme", **headers: str
) -> tuple[int, dict[str, Any]]:
    sent = {"X-API-Key": KEYS[partner], **headers}
    async with client.get(url, headers=sent) as response:
        return response.status, await as_promised("GET", response)


async def tell(
    client: aiohttp.ClientSession, url: URL | str, body: Any, partner: str = "acme", **headers: str
) -> tuple[int, dict[str, Any]]:
    sent = {"X-API-Key": KEYS[partner], "Content-Type": "application/json", **headers}
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    async with client.post(url, data=data, headers=sent) as response:
        return response.status, await as_promised("POST", response)


async def as_promised(method: str, response: aiohttp.ClientResponse) -> dict[str, Any]:
    """What was answered, which is as it was promised."""
    parts = response.url.raw_path.split("/")
    asked = parts[4] if len(parts) > 4 and method == "POST" else f"{method} {len(parts)}"
    told: dict[str, Any] = orjson.loads(await response.read())
    if "/purchase-orders" in response.url.raw_path and asked in OPERATIONS and response.status != 405:
        await assert_as_promised(OPERATIONS[asked], response)
    return told


async def payload(house: House, message_id: str) -> dict[str, Any]:
    """The canonical document that an answer became."""
    held = await house.database.read(partial(messages.payloads, message_ids=[message_id]))
    found: dict[str, Any] = orjson.loads(held[message_id])
    return found
