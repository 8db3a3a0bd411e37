import asyncio
import json
from datetime import UTC, datetime

import aio_pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import decode, encode
from pamqp.commands import Basic

from gateway.broker.consuming import DELIVERIES_MAX, _writable
from gateway.broker.outcomes import OUTCOME_BYTES_MAX, MalformedOutcome, read_outcome
from gateway.model.events import Outcome
from tests.broker.conftest import drained, next_message

POSTED = {"event_id": "EV-1", "status": "posted", "code": "OK", "text": "goods receipt 4711"}
# Every type of field that AMQP knows: what cannot be written again could not be set aside.
OWN_HEADERS = {
    "text": "kept \u2713",
    "number": 7,
    "big": 2**40,
    "ratio": 0.5,
    "yes": True,
    "nothing": None,
    "bytes": bytearray(b"\x00\xff"),
    "when": datetime(2026, 3, 2, tzinfo=UTC),
    "list": ["a", 1],
    "table": {"a": {"b": "c"}},
}
READ = Outcome("EV-1", "posted", "OK", "goods receipt 4711")


class Recorder:
    """Keeps outcomes; fails as often as told first."""

    def __init__(self, failures=0):
        self.outcomes = asyncio.Queue()
        self.failures = failures
        self.calls = 0

    async def __call__(self, outcome):
        self.calls += 1
        if self.calls <= self.failures:
            raise OSError("the database is away")
        self.outcomes.put_nowait(outcome)

    async def next(self):
        return await asyncio.wait_for(self.outcomes.get(), 30)


async def say(client, body, **properties):
    await client.default_exchange.publish(aio_pika.Message(body, **properties), "erp.outcomes")


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (POSTED, "application/json", READ),
        (POSTED, None, READ),
        ({"specversion": "1.0", "data": POSTED}, "application/cloudevents+json; charset=utf-8", READ),
        ({"event_id": "EV-1", "status": "refused"}, "application/json", Outcome("EV-1", "refused", "", "")),
        (POSTED | {"code": None, "extra": [1]}, "application/json", Outcome("EV-1", "posted", "", POSTED["text"])),
    ],
)
def test_outcomes_are_read(body, content_type, expected):
    assert read_outcome(json.dumps(body).encode(), content_type) == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b"[]", "JSON object"),
        (b'{"event_id":"E","status":"done"}', "posted, refused"),
        (b'{"event_id":"E","status":["posted"]}', "posted, refused"),
        (b'{"status":"posted"}', "event_id"),
        (b'{"event_id":"","status":"posted"}', "event_id"),
        (b'{"event_id":7,"status":"posted"}', "event_id"),
        (b'{"event_id":"E\\u0000","status":"posted"}', "NUL"),
        (b'{"event_id":"E","status":"posted","text":7}', "text"),
        (b'{"event_id":"E","status":"posted","text":"' + b"x" * 4001 + b'"}', "4000"),
        (b'"' + b"x" * OUTCOME_BYTES_MAX + b'"', "bytes"),
    ],
)
def test_what_is_no_outcome_is_refused_with_the_reason(body, reason):
    with pytest.raises(MalformedOutcome, match=reason):
        read_outcome(body, "application/json")


@given(st.binary() | st.recursive(st.none() | st.text() | st.integers(), lambda s: st.dictionaries(st.text(), s)))
def test_any_bytes_are_an_outcome_or_malformed(content):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    for content_type in ("application/json", "application/cloudevents+json"):
        try:
            outcome = read_outcome(body, content_type)
        except MalformedOutcome:
            continue
        assert outcome.status in {"posted", "refused"}


async def test_an_outcome_is_acknowledged_once_it_is_recorded(brokers, client):
    record = Recorder()
    broker = await brokers(on_outcome=record)
    await say(client, json.dumps(POSTED).encode(), content_type="application/json")
    assert await record.next() == READ
    await broker.close()
    assert broker.counters.consumed == 1
    assert await drained(client, "erp.outcomes") == []


async def test_a_malformed_outcome_is_set_aside_with_the_reason_and_blocks_nobody(brokers, client):
    record = Recorder()
    broker = await brokers(on_outcome=record)
    await say(client, b"posted!", message_id="M-1", correlation_id="C-1", headers=OWN_HEADERS)
    await say(client, json.dumps(POSTED).encode())
    assert await record.next() == READ
    letter = await asyncio.wait_for(next_message(client, "b2b.dead"), 30)
    assert letter.body == b"posted!"
    assert (letter.message_id, letter.correlation_id) == ("M-1", "C-1")
    assert {name: letter.headers[name] for name in OWN_HEADERS} == OWN_HEADERS
    assert letter.headers["gateway_queue"] == "erp.outcomes"
    assert "not JSON" in letter.headers["gateway_reason"]
    await broker.close()
    assert broker.counters.dead_lettered == 1


def test_strings_that_are_not_utf_8_can_be_set_aside_too():
    read = {"a": b"\xff", "b": {"c": [b"\xfe", "d", 1]}}
    written = _writable(read)
    assert written == read
    _size, decoded = decode.field_table(encode.field_table(written))
    assert decoded == read


async def test_an_outcome_that_cannot_be_recorded_now_is_tried_again(brokers, client):
    record = Recorder(failures=2)
    await brokers(on_outcome=record)
    await say(client, json.dumps(POSTED).encode())
    assert await record.next() == READ
    assert record.calls == 3


async def test_an_outcome_that_can_never_be_recorded_is_set_aside(brokers, client):
    record = Recorder(failures=1_000)
    await brokers(on_outcome=record, delay=lambda _: 0.001)
    await say(client, json.dumps(POSTED).encode())
    letter = await asyncio.wait_for(next_message(client, "b2b.dead"), 30)
    assert "the database is away" in letter.headers["gateway_reason"]
    assert record.calls == DELIVERIES_MAX


async def test_closing_lets_the_outcome_at_work_end(brokers, client):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(outcome):
        begun.set()
        await go_on.wait()

    broker = await brokers(on_outcome=slow)
    await say(client, json.dumps(POSTED).encode())
    await asyncio.wait_for(begun.wait(), 10)
    closing = asyncio.create_task(broker.close())
    await asyncio.sleep(0)
    assert not closing.done()
    go_on.set()
    await asyncio.wait_for(closing, 10)
    assert broker.counters.consumed == 1


async def test_consumption_goes_on_after_the_queue_was_deleted(brokers, client):
    record = Recorder()
    broker = await brokers(on_outcome=record)
    await client.queue_delete("erp.outcomes")
    while broker.counters.reconnects == 0:  # the broker tells of it when it likes
        await asyncio.sleep(0.01)
    await asyncio.wait_for(broker.wait_connected(), 30)
    await say(client, json.dumps(POSTED).encode())
    assert await record.next() == READ


async def test_consumption_goes_on_after_the_broker_was_killed(brokers, broker_url, rabbitmq):
    record = Recorder()
    broker = await brokers(on_outcome=record)
    await asyncio.to_thread(rabbitmq.kill)
    await asyncio.to_thread(rabbitmq.start)
    await asyncio.wait_for(broker.wait_connected(), 60)
    connection = await aio_pika.connect(broker_url)
    async with connection:
        await say(await connection.channel(), json.dumps(POSTED).encode())
        assert await record.next() == READ


async def test_a_foreign_message_among_the_unroutable_is_set_aside(brokers, client):
    async def report(event_id, reason):
        raise AssertionError(event_id)

    await brokers(on_unroutable=report)
    # aio-pika invents a message id where there is none; an empty header is what other clients send.
    underlay = await client.get_underlay_channel()
    properties = Basic.Properties(message_id=" ")
    await underlay.basic_publish(b"stray", exchange="b2b.unroutable", properties=properties)
    letter = await asyncio.wait_for(next_message(client, "b2b.dead"), 30)
    assert letter.body == b"stray"
    assert "no event of the gateway" in letter.headers["gateway_reason"]
