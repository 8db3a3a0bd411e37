"""`Prefer: wait=N`: the result in the same call, cheaply, and never for longer than was asked for."""

import asyncio
from functools import partial
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from gateway.edge.rest import waiting
from gateway.edge.rest.waiting import WAIT_S_MAX, read_wait
from gateway.store import messages
from gateway.store.messages import holds
from tests.edge.house import ACME_KEY, IDLE_KEY, X12, until
from tests.edge.rest.contract import assert_as_promised
from tests.edge.rest.whole import NORTHWIND, whole
from tests.site import acknowledgment_855, ship_notice_json

ACME = {"Authorization": f"Bearer {ACME_KEY}"}


@pytest.mark.parametrize(
    ("fields", "wait_s"),
    [
        (["wait=5"], 5),
        (["WAIT=5"], 5),
        (["respond-async, wait=10"], 10),
        (["respond-async", "wait=10"], 10),
        (['handling=lenient; a="x, wait=3", wait = "7"'], 7),
        (["wait=10;foo=bar"], 10),
        (["wait=10, wait=20"], 10),
        (["wait=0"], 0),
        (["wait=900"], WAIT_S_MAX),
        (["wait"], 0),
        (["wait=soon"], 0),
        (["wait=-1"], 0),
        (["wait=1.5"], 0),
        (["wait=99999999999999999999"], 0),
        (["await=5"], 0),
        (["", ","], 0),
        (['a="never ends, wait=3'], 0),
        ([], 0),
    ],
)
def test_how_long_is_read_off_the_preferences(fields, wait_s):
    request = SimpleNamespace(headers=CIMultiDict([("Prefer", field) for field in fields]))
    assert read_wait(request) == wait_s


def test_a_quotation_that_never_ends_is_looked_through_once():
    # One that was looked through from each of its places again took two seconds of everybody's time.
    assert waiting._PREFERENCES.findall('"' + '\\"' * 4_000) == ['"' + '\\"' * 4_000]


@given(st.lists(st.text(alphabet='wait=,;"\\ 0123', max_size=40), max_size=4))
def test_any_preference_is_some_seconds(fields):
    request = SimpleNamespace(headers=CIMultiDict([("Prefer", field) for field in fields]))
    assert 0 <= read_wait(request) <= WAIT_S_MAX


async def test_the_processed_result_comes_with_the_same_call(tmp_path):
    async with whole(tmp_path) as running:
        answer, view = await running.post("/v1/documents", acknowledgment_855(1), Prefer="wait=20")
        assert (answer.status, answer.headers["Preference-Applied"]) == (200, "wait=20")
        assert (view["outcome"], view["meaning"]) == ("accepted", "It was accepted.")
        assert [(one["type"], one["status"]) for one in view["documents"]] == [
            ("purchase_order_acknowledgment", "accepted")
        ]
        assert view["links"]["acknowledgment"] == f"{answer.headers['Location']}/acknowledgment"
        earned = await running.get(view["links"]["acknowledgment"])
        assert earned.body.startswith(b"ISA*")
        answer, view = await running.post(
            "/v1/documents", ship_notice_json(1).replace(b'"5"', b'"many"'), NORTHWIND, Prefer="wait=20"
        )
        assert (answer.status, view["outcome"], view["links"]["acknowledgment"]) == (200, "rejected", None)
        assert running.gateway.decisions.waiters == 0


async def test_a_plain_retry_gets_the_first_answer_and_one_that_waits_the_result(tmp_path):
    async with whole(tmp_path) as running:
        key = {"Idempotency_Key": "one"}
        first, told = await running.post("/v1/documents", acknowledgment_855(1), **key)
        waited, view = await running.post("/v1/documents", acknowledgment_855(1), Prefer="wait=20", **key)
        again, retold = await running.post("/v1/documents", acknowledgment_855(1), **key)
        assert (first.status, waited.status, again.status) == (202, 200, 202)
        assert first.body == again.body
        assert told == retold
        assert (view["id"], view["outcome"]) == (told["id"], "accepted")
        assert waited.headers["Idempotency-Replayed"] == again.headers["Idempotency-Replayed"] == "true"
        assert len({one.headers["Idempotency-Expires"] for one in (first, waited, again)}) == 1


async def test_what_is_not_decided_in_time_is_received(house, client):
    headers = ACME | {"Prefer": "wait=1", "Idempotency-Key": "k"}
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=headers) as answer:
        told = await assert_as_promised("submit_document", answer)
    assert (answer.status, told["status"]) == (202, "received")
    assert answer.headers["Preference-Applied"] == "wait=1"


async def test_what_is_held_is_told_at_once(house, client):
    headers = {"X-API-Key": IDLE_KEY, "Prefer": "wait=30"}
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=headers) as answer:
        told = await assert_as_promised("submit_document", answer)
    assert (answer.status, told["outcome"]) == (200, "on_hold")
    assert told["meaning"].startswith("We have it.")


async def waiting_call(house, client, **headers):
    call = asyncio.create_task(client.post(f"{house.url}/v1/documents", data=X12, headers=ACME | headers))
    await until(lambda: house.edge.decisions.waiters == 1)
    return call


async def decide(house):
    """As another process does it: nobody here is told."""

    def unit(connection):
        (message,) = messages.find(connection, partner_id="acme")
        messages.claim(connection, "elsewhere", house.edge.now_ms(), lease_ms=60_000, limit=1)
        messages.hold(connection, "elsewhere", message, "for a test", house.edge.now_ms())

    await house.database.write(unit)


async def test_what_another_process_decides_is_noticed_too(house, client):
    call = await waiting_call(house, client, Prefer="wait=30")
    await decide(house)
    answer = await call
    assert (answer.status, (await answer.json())["outcome"]) == (200, "on_hold")


async def test_whoever_waits_keeps_no_body_in_memory(house, client):
    call = await waiting_call(house, client, Prefer="wait=30")
    assert house.bodies.held_bytes == 0
    await decide(house)
    assert (await call).status == 200


async def test_while_one_waits_its_key_may_come_again(house, client):
    call = await waiting_call(house, client, Prefer="wait=30", **{"Idempotency-Key": "k"})
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=ACME | {"Idempotency-Key": "k"}) as again:
        assert again.status == 202
        assert again.headers["Idempotency-Replayed"] == "true"
    await decide(house)
    assert (await call).status == 200


async def test_nobody_waits_beyond_the_limit(house, client, monkeypatch):
    monkeypatch.setattr(waiting, "WAITERS_MAX", 1)
    call = await waiting_call(house, client, Prefer="wait=30")
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=ACME | {"Prefer": "wait=30"}) as answer:
        assert answer.status == 202
        assert "Preference-Applied" not in answer.headers
    message_id = (await house.database.read(partial(messages.find, partner_id="acme")))[-1].id
    assert await house.database.read(partial(messages.state, message_id=message_id)) == "received"
    assert not await house.database.read(partial(holds.has_messages, partner_id="acme"))
    call.cancel()


async def test_whoever_goes_away_waits_no_longer(house):
    body = b"POST /v1/documents HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nPrefer: wait=30\r\nContent-Length: %d\r\n\r\n%s"
    _, writer = await house.connect()
    writer.write(body % (ACME_KEY.encode(), len(X12), X12))
    await until(lambda: house.edge.decisions.waiters == 1)
    writer.close()
    await until(lambda: house.edge.decisions.waiters == 0)


async def test_the_end_of_the_gateway_ends_the_waiting(house, client):
    call = await waiting_call(house, client, Prefer="wait=30")
    async with asyncio.timeout(10):
        await house.server.stop(10)
        answer = await call
    assert answer.status == 202
