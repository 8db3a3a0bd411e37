"""``erp.outbound`` on a real RabbitMQ: what is read, what is recorded before the ack, what is set aside and why."""

import asyncio
import base64
import json

import aio_pika
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.broker import MalformedWanted, Unusable, Wanted
from gateway.broker.asyncapi import OUTBOUND_REQUIRED, asyncapi
from gateway.broker.outbound import CHARACTERS_MAX, attributes_of, read_wanted
from gateway.broker.topology import OUTBOUND
from tests.broker.conftest import drained, next_message

DOCUMENT = b'{"document_type": "purchase_order", "quantity": 1.10}'
HEADERS = {"cloudEvents_id": "M-1", "cloudEvents_source": "/erp/sap", "cloudEvents_partner": "acme"}
READ = Wanted("acme", "/erp/sap", "M-1", DOCUMENT, "application/json")
BYTES_MAX = 10_000


def structured(**members):
    event = {"specversion": "1.0", "id": "M-1", "source": "/erp/sap", "partner": "acme"} | members
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


def with_data(data):
    return structured()[:-1] + b', "data": ' + data + b"}"


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "expected"),
    [
        (DOCUMENT, "application/json", HEADERS, READ),
        (DOCUMENT, "application/json", {name.replace("_", ":"): value for name, value in HEADERS.items()}, READ),
        (with_data(DOCUMENT), "application/cloudevents+json; charset=utf-8", {}, READ),
        (
            structured(data_base64=base64.b64encode(DOCUMENT).decode(), datacontenttype="application/json"),
            "application/cloudevents+json",
            {},
            READ,
        ),
        (
            structured(data="<a/>", datacontenttype="application/xml"),
            "application/cloudevents+json",
            {},
            Wanted("acme", "/erp/sap", "M-1", b"<a/>", "application/xml"),
        ),
        (
            DOCUMENT,
            None,
            HEADERS | {"cloudEvents_correlationid": "C", "cloudEvents_identity": "plant", "other": 7},
            Wanted("acme", "/erp/sap", "M-1", DOCUMENT, "", "C", "plant"),
        ),
    ],
)
def test_what_is_wanted_is_read_in_either_mode(body, content_type, headers, expected):
    assert read_wanted(body, content_type, attributes_of(headers), bytes_max=BYTES_MAX) == expected


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "words"),
    [
        (DOCUMENT, None, HEADERS | {"cloudEvents_id": ""}, "cloudEvents_id is missing"),
        (DOCUMENT, None, {}, "cloudEvents_id is missing"),
        (DOCUMENT, None, {"cloudEvents_id": "1"}, "cloudEvents_source is missing"),
        (DOCUMENT, None, HEADERS | {"cloudEvents_source": "a b"}, "URI reference"),
        (DOCUMENT, None, HEADERS | {"cloudEvents_partner": " "}, "cloudEvents_partner is missing"),
        (DOCUMENT, None, HEADERS | {"cloudEvents_id": "x" * 256}, "at most 255"),
        (DOCUMENT, None, HEADERS | {"cloudEvents_id": "a\x00b"}, "control character"),
        (b"x" * (BYTES_MAX + 1), None, HEADERS, "at most 10000"),
        (structured(id=None, data={}), "application/cloudevents+json", HEADERS, "id is missing"),
        (structured(), "application/cloudevents+json", {}, "no data"),
        (structured(data_base64="?"), "application/cloudevents+json", {}, "no base64"),
        (b"[]", "application/cloudevents+json", {}, "no CloudEvent"),
        (b'{"id": 1, "id": 2}', "application/cloudevents+json", {}, "no CloudEvent"),
        (b"[]", "application/cloudevents-batch+json", {}, "batch"),
    ],
)
def test_what_cannot_be_recorded_says_why(body, content_type, headers, words):
    with pytest.raises(MalformedWanted, match=words):
        read_wanted(body, content_type, attributes_of(headers), bytes_max=BYTES_MAX)


@given(
    st.binary(max_size=200) | st.just(structured()),
    st.sampled_from(["", "application/json", "application/cloudevents+json", "application/cloudevents"]),
    st.dictionaries(
        st.sampled_from([*HEADERS, "cloudEvents:id", "x"]), st.text(max_size=20) | st.binary(max_size=9) | st.none()
    ),
)
def test_any_message_is_read_or_says_why(body, content_type, headers):
    try:
        wanted = read_wanted(body, content_type, attributes_of(headers), bytes_max=BYTES_MAX)
    except MalformedWanted:
        return
    assert wanted.id
    assert wanted.source
    assert wanted.partner


def test_the_description_names_the_headers_that_are_read():
    headers = asyncapi({"purchase_order": {}})["components"]["schemas"]["outboundHeaders"]
    assert set(headers["properties"]) == {f"cloudEvents_{name}" for name in CHARACTERS_MAX}
    assert headers["required"] == [f"cloudEvents_{name}" for name in OUTBOUND_REQUIRED]


# --- on a broker ------------------------------------------------------------------------------------------------------


class Recorder:
    """Keeps what is wanted; fails first as often as told, and refuses ids for good."""

    def __init__(self, failures=0, unusable=()):
        self.wanted = asyncio.Queue()
        self.failures = failures
        self.unusable = unusable
        self.calls = 0

    async def __call__(self, wanted):
        self.calls += 1
        if wanted.id in self.unusable:
            raise Unusable("the id was used before")
        if self.calls <= self.failures:
            raise OSError("the database is away")
        self.wanted.put_nowait(wanted)

    async def next(self):
        return await asyncio.wait_for(self.wanted.get(), 30)


async def say(client, body=DOCUMENT, headers=HEADERS, *, exchange=None, routing_key=OUTBOUND, **properties):
    message = aio_pika.Message(body, headers=headers, **properties)
    await (exchange or client.default_exchange).publish(message, routing_key)


async def test_what_the_erp_publishes_is_recorded_and_gone(brokers, client):
    record = Recorder()
    broker = await brokers(on_outbound=record)
    await say(client, content_type="application/json", correlation_id="C-1")
    wanted = await record.next()
    assert (wanted.partner, wanted.id, wanted.correlation_id) == ("acme", "M-1", "C-1")
    async with asyncio.timeout(30):
        while broker.counters.consumed < 1:
            await asyncio.sleep(0.01)
    assert await drained(client, OUTBOUND) == []


async def test_the_partner_may_stand_in_the_routing_key(brokers, client):
    record = Recorder()
    await brokers(on_outbound=record)
    exchange = await client.declare_exchange("erp.out", aio_pika.ExchangeType.TOPIC)
    await (await client.get_queue(OUTBOUND)).bind(exchange, "#")
    headers = {name: value for name, value in HEADERS.items() if name != "cloudEvents_partner"}
    await say(client, headers=headers, exchange=exchange, routing_key="purchase_order.created.globex")
    assert (await record.next()).partner == "globex"


async def test_what_cannot_be_recorded_is_set_aside_with_the_reason(brokers, client):
    record = Recorder(unusable={"M-2"})
    broker = await brokers(on_outbound=record)
    await say(client, headers={"cloudEvents_source": "/erp/sap", "own": "kept"})
    letter = await asyncio.wait_for(next_message(client, "b2b.dead"), 30)
    assert letter.body == DOCUMENT
    assert letter.headers["gateway_queue"] == OUTBOUND
    assert "cloudEvents_id is missing" in letter.headers["gateway_reason"]
    assert letter.headers["own"] == "kept"
    await say(client, headers=HEADERS | {"cloudEvents_id": "M-2"})
    letter = await asyncio.wait_for(next_message(client, "b2b.dead"), 30)
    assert letter.headers["gateway_reason"] == "the id was used before"
    assert record.wanted.empty()
    async with asyncio.timeout(30):
        while broker.counters.dead_lettered_from != {(OUTBOUND,): 2}:
            await asyncio.sleep(0.01)


async def test_what_could_not_be_recorded_comes_again(brokers, client):
    record = Recorder(failures=2)
    await brokers(on_outbound=record)
    await say(client)
    assert (await record.next()).id == "M-1"
    assert record.calls == 3


async def test_one_gateway_consumes_at_a_time_so_the_order_is_kept(brokers, client):
    first, second = Recorder(), Recorder()
    one = await brokers(on_outbound=first)
    await brokers(on_outbound=second)
    for number in range(20):
        await say(client, headers=HEADERS | {"cloudEvents_id": str(number)})
    assert [(await first.next()).id for _ in range(20)] == [str(number) for number in range(20)]
    await one.close()
    await say(client)
    assert (await second.next()).id == "M-1"


async def test_a_large_event_leaves_the_loop_free_and_is_not_overtaken(brokers, client):
    record = Recorder()
    await brokers(on_outbound=record)
    lines = [{"line_id": str(number), "quantity": "1"} for number in range(10_000)]
    large = structured(id="large", data={"lines": lines})
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += record.wanted.empty()

    await say(client, large, {}, content_type="application/cloudevents+json")
    for number in range(3):
        await say(client, headers=HEADERS | {"cloudEvents_id": str(number)})
    beating = asyncio.create_task(beat())
    assert [(await record.next()).id for _ in range(4)] == ["large", "0", "1", "2"]
    beating.cancel()
    assert beats > 10
