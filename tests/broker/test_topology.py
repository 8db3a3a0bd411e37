import asyncio
import json
import re
from dataclasses import replace

import aio_pika
import pytest

from gateway.broker import BrokerUnavailable, RabbitBroker, definitions
from gateway.broker.topology import DELIVERY_LIMIT
from tests.broker.conftest import drained, event_of, next_message

LIMIT = 3


@pytest.fixture
async def limited(rabbitmq, broker_url):
    vhost = broker_url.rsplit("/", 1)[1]
    await asyncio.to_thread(rabbitmq.import_definitions, definitions(vhost, delivery_limit=LIMIT))
    return vhost


def test_definitions_are_plain_json_for_the_queues_by_name():
    printed = json.loads(json.dumps(definitions("b2b")))
    patterns = {policy["pattern"]: policy["definition"]["delivery-limit"] for policy in printed["policies"]}
    assert set(patterns.values()) == {DELIVERY_LIMIT}
    for queue in (
        "erp.inbound",
        "erp.test",
        "erp.outcomes",
        "erp.outbound",
        "b2b.unroutable",
        "erp.inbound.probe.0a1b",
    ):
        assert sum(re.search(pattern, queue) is not None for pattern in patterns) == 1
    for queue in ("erpxinbound", "erp.inbound.own", "my.erp.inbound", "b2b.dead"):
        assert not any(re.search(pattern, queue) for pattern in patterns)


async def test_imported_definitions_arrive_as_policies(rabbitmq, limited):
    policies = await asyncio.to_thread(rabbitmq.policies, limited)
    assert {policy["name"] for policy in policies} == {
        "partner-gateway-inbound",
        "partner-gateway-test",
        "partner-gateway-outcomes",
        "partner-gateway-outbound",
        "partner-gateway-unroutable",
    }


@pytest.mark.usefixtures("limited")
async def test_a_message_that_makes_its_consumer_fail_ends_in_the_dead_letters(brokers, client, rabbitmq):
    broker = await brokers()
    await broker.publish(event_of(1, body=b"poison"))
    deliveries = 0

    async def fail(message):
        nonlocal deliveries
        deliveries += 1
        await message.reject(requeue=True)

    await (await client.get_queue("erp.inbound")).consume(fail)
    letter = await asyncio.wait_for(next_message(client, "b2b.dead"), 30)
    assert deliveries == LIMIT + 1
    assert letter.body == b"poison"
    assert letter.message_id == "EV-1.received"
    assert letter.headers["x-death"][0]["reason"] == "delivery_limit"
    assert letter.headers["x-death"][0]["queue"] == "erp.inbound"
    assert letter.headers["cloudEvents_id"] == "EV-1.received"


@pytest.mark.usefixtures("limited")
async def test_the_probe_finds_the_limit_and_leaves_nothing_behind(brokers, rabbitmq, limited):
    broker = await brokers()
    assert await broker.is_delivery_limited()
    queues = await asyncio.to_thread(rabbitmq.ctl, "list_queues", "--vhost", limited, "name")
    assert set(queues.split()) - {"name"} == {
        "erp.inbound",
        "erp.test",
        "erp.outbound",
        "erp.outcomes",
        "b2b.dead",
        "b2b.unroutable",
    }


async def test_the_probe_finds_that_the_limit_is_missing(brokers, rabbitmq):
    broker = await brokers()
    version = (await asyncio.to_thread(rabbitmq.ctl, "version")).strip()
    has_a_default = int(version.split(".")[0]) >= 4
    assert await broker.is_delivery_limited() == has_a_default


async def test_without_a_connection_the_probe_says_so():
    with pytest.raises(BrokerUnavailable):
        await RabbitBroker("amqp://127.0.0.1:1/").is_delivery_limited()


async def test_a_queue_declared_otherwise_by_somebody_is_reported_and_left_alone(brokers, broker_url, client):
    await client.declare_queue("erp.inbound", durable=True)  # classic
    broker = await brokers(connected=False)
    while "erp.inbound" not in (broker.last_error or ""):  # no event tells of a failed attempt
        await asyncio.sleep(0.01)
    assert not broker.connected
    with pytest.raises(BrokerUnavailable, match="inequivalent arg"):
        await broker.publish(event_of(1))
    await client.queue_delete("erp.inbound")
    await asyncio.wait_for(broker.wait_connected(), 30)


async def test_two_gateways_share_one_topology(brokers, client):
    first, second = await brokers(), await brokers()
    await first.publish(event_of(1))
    await second.publish(event_of(2))
    found = {(await next_message(client, "erp.inbound")).message_id for _ in range(2)}
    assert found == {"EV-1.received", "EV-2.received"}


def of_a_partner_in_testing(number):
    return replace(event_of(number), test=True, from_testing=True)


async def test_events_of_partners_in_testing_go_to_the_tests_queue_and_to_no_other(brokers, client):
    broker = await brokers()
    test = of_a_partner_in_testing(1)
    marked = replace(event_of(2), test=True)  # of a live partner: with the mark, and where it always went
    for event in (test, marked, event_of(3)):
        await broker.publish(event)
    (letter,) = await drained(client, "erp.test")
    assert (letter.message_id, letter.routing_key) == (test.id, "test.ship_notice.received.bigcorp")
    assert letter.headers["cloudEvents_test"] is True
    inbound = {message.message_id: message for message in await drained(client, "erp.inbound")}
    assert set(inbound) == {marked.id, "EV-3.received"}
    assert inbound[marked.id].headers["cloudEvents_test"] is True
    assert inbound[marked.id].routing_key == "ship_notice.received.bigcorp"
    assert "cloudEvents_test" not in inbound["EV-3.received"].headers


async def test_a_queue_of_an_earlier_version_gets_no_tests_any_more(brokers, client):
    await brokers()
    inbound = await client.get_queue("erp.inbound")
    await inbound.bind("b2b.events", "#")
    broker = await brokers()
    test = of_a_partner_in_testing(1)
    await broker.publish(test)
    await broker.publish(event_of(2))
    assert [message.message_id for message in await drained(client, "erp.inbound")] == ["EV-2.received"]
    assert len(await drained(client, "erp.test")) == 1


async def test_a_test_that_is_rejected_reaches_the_dead_letters(brokers, client):
    broker = await brokers()
    test = of_a_partner_in_testing(1)
    await broker.publish(test)
    message = await (await client.get_queue("erp.test")).get()
    await message.reject(requeue=False)
    letter = await asyncio.wait_for(next_message(client, "b2b.dead"), 30)
    assert (letter.message_id, letter.headers["x-death"][0]["queue"]) == (test.id, "erp.test")


async def test_what_the_erp_rejects_reaches_the_dead_letters(brokers, client):
    broker = await brokers()
    await broker.publish(event_of(1))
    queue = await client.get_queue("erp.inbound")
    message = await queue.get()
    assert isinstance(message, aio_pika.IncomingMessage)
    await message.reject(requeue=False)
    letter = await asyncio.wait_for(next_message(client, "b2b.dead"), 30)
    assert letter.headers["x-death"][0]["reason"] == "rejected"
