import asyncio

import pytest

from gateway.broker import BrokerUnavailable, RabbitBroker, Unroutable
from tests.broker.conftest import drained, event_of, next_message


async def test_an_event_arrives_with_its_body_and_headers(brokers, client):
    broker = await brokers()
    await broker.publish(event_of(7, body=b'{"number":"ASN-7"}'))
    message = await next_message(client, "erp.inbound")
    assert message.body == b'{"number":"ASN-7"}'
    assert message.routing_key == "ship_notice.received.bigcorp"
    assert message.exchange == "b2b.events"
    assert message.message_id == "EV-7.received"
    assert message.correlation_id == "MSG-7"
    assert message.type == "ship_notice.received"
    assert message.content_type == "application/json"
    assert message.delivery_mode == 2
    assert message.timestamp.isoformat() == "2026-03-02T10:11:12+00:00"
    assert message.headers == {
        "cloudEvents_specversion": "1.0",
        "cloudEvents_id": "EV-7.received",
        "cloudEvents_source": "/gateway/bigcorp",
        "cloudEvents_type": "b2b.ship_notice.received",
        "cloudEvents_subject": "ASN-7",
        "cloudEvents_time": "2026-03-02T10:11:12.131415+00:00",
        "cloudEvents_dataschema": "urn:partner-gateway:schema:ship_notice:1.0",
        "cloudEvents_partner": "bigcorp",
        "cloudEvents_documentid": "DOC-7",
        "cloudEvents_correlationid": "MSG-7",
        "cloudEvents_partitionkey": "bigcorp/PO-7",
        "cloudEvents_sequence": "00000000000000000007",
        "cloudEvents_revision": 1,
    }
    assert broker.counters.published == 1


async def test_a_hundred_in_flight_are_all_confirmed_and_there(brokers, client):
    broker = await brokers()
    await asyncio.gather(*(broker.publish(event_of(n)) for n in range(100)))
    found = {message.message_id for message in await drained(client, "erp.inbound")}
    assert found == {f"EV-{n}.received" for n in range(100)}


async def test_an_event_that_no_queue_wants_is_reported_through_the_alternate_exchange(brokers, client):
    reports = asyncio.Queue()

    async def report(event_id, reason):
        reports.put_nowait((event_id, reason))

    broker = await brokers(on_unroutable=report)
    inbound = await client.get_queue("erp.inbound")
    await inbound.unbind("b2b.events", "*.*.*")
    await broker.publish(event_of(1))
    event_id, reason = await asyncio.wait_for(reports.get(), 10)
    assert event_id == "EV-1.received"
    assert "ship_notice.received.bigcorp" in reason


async def test_an_event_that_leads_nowhere_at_all_is_unroutable(brokers, client):
    broker = await brokers()
    inbound = await client.get_queue("erp.inbound")
    await inbound.unbind("b2b.events", "*.*.*")
    await client.exchange_delete("b2b.unroutable")
    with pytest.raises(Unroutable, match=r"ship_notice\.received\.bigcorp"):
        await broker.publish(event_of(1))
    assert broker.counters.returned == 1
    assert broker.connected


async def test_an_address_beyond_what_amqp_allows_is_refused_for_good(brokers):
    broker = await brokers()
    with pytest.raises(Unroutable, match="255 bytes"):
        await broker.publish(event_of(1, partner="p" * 300))
    await broker.publish(event_of(2))


async def test_without_a_connection_publishing_fails_at_once():
    broker = RabbitBroker("amqp://127.0.0.1:1/", publish_seconds_max=60)
    await broker.start()
    with pytest.raises(BrokerUnavailable, match="connect"):
        await broker.publish(event_of(1))
    assert not broker.connected
    assert broker.counters.failures == 1
    await broker.close()


def test_a_url_of_another_scheme_is_refused():
    with pytest.raises(ValueError, match="amqps"):
        RabbitBroker("http://broker/")


async def test_no_queue_is_declared_where_the_erp_binds_its_own(brokers, client):
    await brokers(inbound_queue=None)
    own = await client.declare_queue("own", exclusive=True)
    await own.bind("b2b.events", "ship_notice.#")
    broker = await brokers(inbound_queue=None)
    await broker.publish(event_of(1))
    assert (await next_message(client, "own")).message_id == "EV-1.received"


async def test_a_deleted_exchange_is_declared_again(brokers, client):
    broker = await brokers()
    await client.exchange_delete("b2b.events")
    with pytest.raises(BrokerUnavailable):
        await broker.publish(event_of(1))
    await asyncio.wait_for(broker.wait_connected(), 10)
    await broker.publish(event_of(1))
    assert broker.counters.reconnects == 1


async def test_a_full_queue_leaves_the_event_with_us(brokers, broker_url, rabbitmq):
    broker = await brokers()
    vhost = broker_url.rsplit("/", 1)[1]
    limit = '{"max-length": 1, "overflow": "reject-publish"}'
    await asyncio.to_thread(rabbitmq.ctl, "set_policy", "--vhost", vhost, "full", "^erp[.]inbound$", limit)
    with pytest.raises(BrokerUnavailable, match="full"):  # noqa: PT012  # how many still fit is RabbitMQ's affair
        for number in range(100):
            await broker.publish(event_of(number))
    assert broker.connected


async def test_cancelled_publishes_leave_nothing_hanging(brokers, client):
    broker = await brokers()
    tasks = [asyncio.create_task(broker.publish(event_of(n))) for n in range(50)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    await broker.publish(event_of(99))
    assert "EV-99.received" in {message.message_id for message in await drained(client, "erp.inbound")}
