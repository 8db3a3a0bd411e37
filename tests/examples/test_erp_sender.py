import asyncio

import pytest
from aio_pika.exceptions import PublishError

from gateway.broker import RabbitBroker, Wanted
from tests.examples.erp_sender import SOURCE, send


async def test_what_it_sends_is_what_the_gateway_reads(broker_url):
    arrived: asyncio.Queue[Wanted] = asyncio.Queue()
    broker = RabbitBroker(broker_url, on_outbound=arrived.put)
    await broker.start()
    try:
        await asyncio.wait_for(broker.wait_connected(), 30)
        await send(broker_url, "acme-supply", b'{"document_type": "purchase_order"}', "PO-1-1")
        wanted = await asyncio.wait_for(arrived.get(), 30)
    finally:
        await broker.close()
    assert wanted == Wanted(
        "acme-supply", SOURCE, "PO-1-1", b'{"document_type": "purchase_order"}', "application/json", "PO-1-1"
    )


async def test_without_the_queue_it_says_so(broker_url):
    with pytest.raises(PublishError):
        await send(broker_url, "acme-supply", b"{}", "1")
