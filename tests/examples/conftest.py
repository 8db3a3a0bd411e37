"""The gateway's side of the examples: a broker that publishes, and what it was told."""

import asyncio
import contextlib

import pytest

from gateway.broker import RabbitBroker


@pytest.fixture
async def gateway_broker(broker_url):
    """The started broker and a queue of the outcomes that reached it."""
    outcomes = asyncio.Queue()
    broker = RabbitBroker(broker_url, on_outcome=outcomes.put, delay=lambda _: 0.05)
    await broker.start()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(broker.close)
        await asyncio.wait_for(broker.wait_connected(), 30)
        yield broker, outcomes
