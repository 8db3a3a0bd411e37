"""Brokers of the gateway and plain clients beside them, for the tests against a real RabbitMQ."""

import asyncio
import contextlib

import aio_pika
import pytest

from gateway.broker import RabbitBroker
from gateway.model.events import BusinessEvent

DELAY_SECONDS = 0.05


def event_of(number=1, *, partner="bigcorp", document_type="ship_notice", body=b'{"document_type":"ship_notice"}'):
    return BusinessEvent(
        id=f"EV-{number}.received",
        partner=partner,
        document_type=document_type,
        event="received",
        subject=f"ASN-{number}",
        source=f"/gateway/{partner}",
        time="2026-03-02T10:11:12.131415+00:00",
        lane=f"{partner}/PO-{number}",
        sequence=number,
        correlation_id=f"MSG-{number}",
        causation_id=None,
        revision=1,
        message_id=f"MSG-{number}",
        document_id=f"DOC-{number}",
        schema_version="1.0",
        body=body,
    )


@pytest.fixture
async def brokers(broker_url):
    """Makes started brokers, and closes them."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(url=broker_url, *, connected=True, **options):
            broker = RabbitBroker(url, **({"delay": lambda _: DELAY_SECONDS} | options))
            stack.push_async_callback(broker.close)
            await broker.start()
            if connected:
                await asyncio.wait_for(broker.wait_connected(), 30)
            return broker

        yield make


@pytest.fixture
async def client(broker_url):
    """A channel of a plain client, as an ERP or an operator would have one."""
    connection = await aio_pika.connect(broker_url)
    async with connection:
        yield await connection.channel()


async def next_message(channel, queue_name):
    """The next message of the queue, acknowledged."""
    queue = await channel.get_queue(queue_name, ensure=False)
    async with queue.iterator() as messages:
        message = await anext(messages)
        await message.ack()
    return message


async def drained(channel, queue_name):
    """Everything that waits in the queue now."""
    queue = await channel.declare_queue(queue_name, passive=True)
    waiting = queue.declaration_result.message_count
    if not waiting:
        return []
    async with queue.iterator(no_ack=True) as messages:
        return [await anext(messages) for _ in range(waiting)]
