"""The broker stopped, killed, blocked by an alarm, silent: nothing confirmed is lost, nothing waits without limit."""

import asyncio
import itertools
from urllib.parse import urlsplit

import aio_pika
import pytest

from gateway.broker import BrokerUnavailable, RabbitBroker
from tests.broker.conftest import drained, event_of
from tests.broker.proxy import Proxy


async def publish_until_confirmed(broker, event):
    """What the relay does: the same event again as long as it is in doubt."""
    while True:
        try:
            await broker.publish(event)
        except BrokerUnavailable:
            await broker.wait_connected()
        else:
            return


async def arrived(broker_url):
    connection = await aio_pika.connect(broker_url)
    async with connection:
        channel = await connection.channel()
        return [message.message_id for message in await drained(channel, "erp.inbound")]


@pytest.mark.parametrize("outage", ["stop", "kill"])
async def test_nothing_is_lost_when_the_broker_goes_away_in_the_middle_of_a_stream(
    brokers, broker_url, rabbitmq, outage
):
    broker = await brokers(publish_seconds_max=5)
    flowing, enough = asyncio.Event(), asyncio.Event()
    numbers = itertools.count()

    async def relay():
        while not enough.is_set():
            await publish_until_confirmed(broker, event_of(next(numbers)))
            flowing.set()

    relays = [asyncio.create_task(relay()) for _ in range(10)]
    await asyncio.wait_for(flowing.wait(), 30)
    await asyncio.to_thread(getattr(rabbitmq, outage))
    assert not broker.connected
    await asyncio.to_thread(rabbitmq.start)
    flowing.clear()
    await asyncio.wait_for(flowing.wait(), 60)
    enough.set()
    await asyncio.wait_for(asyncio.gather(*relays), 60)
    sent = next(numbers)
    assert broker.counters.published == sent
    assert broker.counters.failures > 0
    assert broker.counters.reconnects >= 1
    assert set(await arrived(broker_url)) == {f"EV-{n}.received" for n in range(sent)}


async def test_a_memory_alarm_bounds_the_publish_and_passes(brokers, broker_url, rabbitmq):
    broker = await brokers(publish_seconds_max=1)
    await asyncio.to_thread(rabbitmq.memory_alarm, on=True)
    first = await asyncio.gather(*(broker.publish(event_of(n)) for n in range(20)), return_exceptions=True)
    assert all(isinstance(result, BrokerUnavailable) for result in first)
    assert not broker.connected
    assert "alarm" in broker.last_error
    with pytest.raises(BrokerUnavailable, match="alarm"):  # at once: who waits is told "no answer within"
        await broker.publish(event_of(20))
    await asyncio.to_thread(rabbitmq.memory_alarm, on=False)
    await asyncio.wait_for(broker.wait_connected(), 30)
    await broker.publish(event_of(21))
    assert broker.counters.reconnects == 0
    assert "EV-21.received" in await arrived(broker_url)


async def test_a_black_hole_ends_the_publish_and_is_left_behind(brokers, broker_url, rabbitmq):
    broker = await brokers(publish_seconds_max=1)
    await asyncio.to_thread(rabbitmq.suspend)
    in_flight = await asyncio.gather(*(broker.publish(event_of(n)) for n in range(20)), return_exceptions=True)
    assert all(isinstance(result, BrokerUnavailable) for result in in_flight)
    assert not broker.connected
    await asyncio.to_thread(rabbitmq.resume)
    await asyncio.wait_for(broker.wait_connected(), 60)
    for number in range(20):
        await publish_until_confirmed(broker, event_of(number))
    assert set(await arrived(broker_url)) == {f"EV-{n}.received" for n in range(20)}


async def test_closing_ends_while_the_broker_is_a_black_hole(broker_url, rabbitmq):
    async def ignore(*_):
        """Not called: nothing arrives."""

    broker = RabbitBroker(broker_url, on_outcome=ignore, on_unroutable=ignore, publish_seconds_max=60)
    await broker.start()
    await asyncio.wait_for(broker.wait_connected(), 30)
    await asyncio.to_thread(rabbitmq.suspend)
    waiting = asyncio.create_task(broker.publish(event_of(1)))
    await asyncio.sleep(0)
    await asyncio.wait_for(broker.close(), 20)
    with pytest.raises(BrokerUnavailable):
        await asyncio.wait_for(waiting, 20)


async def test_a_start_before_the_broker_is_there_connects_later(brokers, broker_url, rabbitmq):
    await asyncio.to_thread(rabbitmq.stop)
    broker = await brokers(connected=False)
    with pytest.raises(BrokerUnavailable):
        await broker.publish(event_of(1))
    await asyncio.to_thread(rabbitmq.start)
    await asyncio.wait_for(broker.wait_connected(), 60)
    await broker.publish(event_of(1))
    assert broker.last_error is None


async def test_a_connection_reset_is_mended(brokers, broker_url):
    """A relay in between resets every connection: RST, as a firewall sends it."""
    parts = urlsplit(broker_url)
    proxy = Proxy(parts.hostname, parts.port)
    async with proxy:
        broker = await brokers(parts._replace(netloc=f"guest:guest@127.0.0.1:{proxy.port}").geturl())
        await broker.publish(event_of(1))
        proxy.reset()
        await asyncio.gather(*(publish_until_confirmed(broker, event_of(n)) for n in range(2, 30)))
        await broker.close()
    assert set(await arrived(broker_url)) == {f"EV-{n}.received" for n in range(1, 30)}
