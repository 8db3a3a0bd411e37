"""The limits of a partner as it meets them: 429, Retry-After, RateLimit fields, and what is not let in."""

import asyncio
import re
from functools import partial

import pytest

from gateway.api.operations import RateClass
from gateway.edge.http import READ_OFF_BYTES_MAX
from gateway.edge.throttling import Limit, Strangers, Throttle
from gateway.edge.throttling.strangers import FAILURES_BURST, NETWORKS_MAX
from gateway.model.refusals import Reason, Refused
from gateway.store import messages
from tests.edge.acmes import send
from tests.edge.house import ACME_KEY, GLOBEX_KEY, X12, acme, globex, message, open_house, problem_in, until

ACME = {"X-API-Key": ACME_KEY}
NOW_MS = 1_800_000_000_000 - 1_800_000_000_000 % 86_400_000 + 86_400_000 - 90_500  # 90.5 s before midnight
NARROW = "throttling: {submit: {per_second: 2, burst: 3}, read: {per_second: 1, burst: 2}}\n"


@pytest.fixture
def clock():
    return [NOW_MS]


@pytest.fixture
def at(tmp_path, clock):
    return lambda extra, **limits: open_house(
        tmp_path, profiles=[acme(extra), globex()], now_ms=lambda: clock[0], **limits
    )


async def post(house, client, body=X12, headers=ACME):
    async with client.post(f"{house.url}/v1/documents", data=body, headers=headers) as answer:
        return answer.status, answer.headers, await answer.json(content_type=None)


async def read(house, client, headers=ACME):
    async with client.get(f"{house.url}/v1/documents", headers=headers) as answer:
        return answer.status, answer.headers, await answer.json(content_type=None)


async def test_each_answer_says_what_is_left(at, client):
    async with at(NARROW) as house:
        status, fields, _ = await post(house, client)
        assert status == 202
        assert fields["RateLimit-Policy"] == '"submit";q=3;w=2, "concurrent";q=64;qu="concurrent-requests"'
        assert fields["RateLimit"] == '"submit";r=2;t=1, "concurrent";r=63'
        status, fields, _ = await read(house, client)
        assert (status, fields["RateLimit"]) == (200, '"read";r=1;t=1, "concurrent";r=63')
        async with client.get(f"{house.url}/v1/documents/none", headers=ACME) as answer:
            assert (answer.status, answer.headers["RateLimit"][:11]) == (404, '"read";r=0;')
        async with client.get(f"{house.url}/v1/documents", headers={"X-API-Key": "wrong"}) as answer:
            assert (answer.status, "RateLimit" in answer.headers) == (401, False)


async def test_who_is_over_its_rate_is_told_which_and_for_how_long(at, client, clock):
    async with at(NARROW) as house:
        assert [(await post(house, client))[0] for _ in range(3)] == [202] * 3
        status, fields, told = await post(house, client)
        assert (status, fields["Retry-After"]) == (429, "1")
        assert fields["RateLimit"] == '"submit";r=0;t=1, "concurrent";r=64'
        assert told["detail"] == "more than 2 calls a second, 3 at once (throttling.submit)"
        assert told["violated-policies"] == ["submit"]
        assert (await read(house, client))[0] == 200, "reading has a rate of its own"
        assert (await post(house, client, headers={"X-API-Key": GLOBEX_KEY}))[0] == 202, "others do not notice"
        clock[0] += 500
        assert [(await post(house, client))[0] for _ in range(2)] == [202, 429]
        assert len(house.arrived) == 5
        assert not await house.acts(), "the audit is not written for this"
        assert house.metrics.throttled.values == {("submit", "submit"): 2}
        assert house.metrics.admitted.values == {("submit",): 5, ("read",): 1}


async def test_the_day_has_an_end(at, client, clock):
    async with at("throttling: {daily_max: 2}\n") as house:
        _, fields, _ = await post(house, client)
        assert fields["RateLimit-Policy"].startswith('"daily";q=2;w=86400, "submit";q=500;w=5, ')
        assert fields["RateLimit"].startswith('"daily";r=1;t=91, "submit";r=499;t=1, ')
        assert (await post(house, client))[0] == 202
        status, fields, told = await post(house, client)
        assert (status, fields["Retry-After"]) == (429, "91")
        assert told["detail"].startswith("2 documents were sent today (throttling.daily_max)")
        assert (await read(house, client))[0] == 200
        clock[0] += 90_500
        assert (await post(house, client))[0] == 202


async def test_all_calls_together_have_a_rate_too(at, client):
    async with at("limits: {requests_per_second_max: 2}\n") as house:
        assert [(await post(house, client))[0], (await read(house, client))[0]] == [202, 200]
        status, fields, told = await read(house, client)
        assert (status, told["violated-policies"]) == (429, ["all"])
        assert '"all";r=0;t=1' in fields["RateLimit"]


async def test_so_many_calls_may_be_under_way(at, client):
    async with at("throttling: {concurrent_max: 2}\n") as house:
        head = (
            b"POST /v1/documents HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\nContent-Length: 200\r\n\r\n"
            % ACME_KEY.encode()
        )
        slow = [await house.connect() for _ in range(2)]
        for _, writer in slow:
            writer.write(head + X12[:10])
        await until(lambda: house.metrics.admitted.values.get(("submit",)) == 2)
        status, fields, told = await read(house, client)
        assert (status, fields["Retry-After"], told["violated-policies"]) == (429, "1", ["concurrent"])
        assert '"concurrent";r=0' in fields["RateLimit"]
        assert (await read(house, client, {"X-API-Key": GLOBEX_KEY}))[0] == 200
        for _, writer in slow:
            writer.close()

        async def free():
            return (await read(house, client))[0] == 200

        async with asyncio.timeout(10):
            while not await free():  # the server notices by itself that they are gone
                await asyncio.sleep(0.01)


async def test_a_body_that_never_comes_frees_its_place(at, client):
    async with at("throttling: {concurrent_max: 1}\n", body_timeout_s=0.3, header_timeout_s=0.3) as house:
        head = f"POST /v1/documents HTTP/1.1\r\nHost: h\r\nX-API-Key: {ACME_KEY}\r\nContent-Length: 200\r\n\r\n"
        slow = await house.raw(head.encode() + X12[:10])
        assert slow.startswith(b"HTTP/1.1 408 ")
        assert b'RateLimit: "submit";r=499;t=1, "concurrent";r=0\r\n' in slow
        assert (await post(house, client))[0] == 202


async def test_after_a_refusal_the_connection_goes_on(at):
    async with at("throttling: {submit: {per_second: 1, burst: 1}}\n") as house:
        request = (
            b"POST /v1/documents HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\nContent-Length: %d\r\n\r\n"
            % (ACME_KEY.encode(), len(X12))
        ) + X12
        received = await house.raw(request * 3 + b"GET /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert re.findall(rb"HTTP/1.1 (\d+) ", received) == [b"202", b"429", b"429", b"200"]


@pytest.mark.parametrize(
    "framing",
    [
        f"Content-Length: {READ_OFF_BYTES_MAX + 1}\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 300\r\nExpect: 100-continue\r\n",
    ],
    ids=["long", "endless", "asked for"],
)
async def test_a_body_that_is_not_worth_reading_is_not_read(at, client, framing):
    async with at("throttling: {submit: {per_second: 1, burst: 1}}\n", header_timeout_s=0.2) as house:
        assert (await post(house, client))[0] == 202
        head = f"POST /v1/documents HTTP/1.1\r\nHost: h\r\nX-API-Key: {ACME_KEY}\r\n{framing}\r\n".encode()
        received = await house.raw(head)
        assert received.startswith(b"HTTP/1.1 429 ")
        assert b"Connection: close" in received
        assert problem_in(received)["violated-policies"] == ["submit"]
        assert house.bodies.held_bytes == 0


async def test_as2_is_told_at_the_head(at_acmes, client):
    clock = [NOW_MS]
    async with at_acmes(extra=NARROW, now_ms=lambda: clock[0], header_timeout_s=0.2) as house:
        sent = [message() for _ in range(4)]
        assert [(await send(house, client, item))[0] for item in sent] == [200, 200, 200, 429]
        head = "".join(f"{name}: {value}\r\n" for name, value in sent[3].headers)
        received = await house.raw(
            f"POST /as2 HTTP/1.1\r\nHost: h\r\n{head}Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert received.startswith(b"HTTP/1.1 429 ")
        assert b"Retry-After: 1\r\n" in received
        clock[0] += 500
        assert (await send(house, client, sent[3]))[0] == 200, "its id is not burnt"
        assert len(house.arrived) == 4
        kept = await house.database.read(lambda connection: messages.find(connection, partner_id="acme", limit=10))
        assert len(kept) == 4


async def test_a_name_alone_uses_nothing_up(at_acmes, client):
    async with at_acmes(extra=NARROW, now_ms=lambda: NOW_MS) as house:
        forged = partial(message, as2_from="ACME-AS2", encryption=None, signing=None)
        for _ in range(10):
            assert (await send(house, client, forged()))[0] == 200  # a negative receipt
        assert [(await send(house, client, message()))[0] for _ in range(4)] == [200, 200, 200, 429]


async def test_a_sprayer_gets_429_and_a_right_key_is_let_in(at, client, clock):
    async with at("") as house:
        wrong = {"X-API-Key": "guessed"}
        statuses = [(await read(house, client, wrong))[0] for _ in range(int(FAILURES_BURST) + 5)]
        assert statuses == [401] * int(FAILURES_BURST) + [429] * 5
        status, fields, told = await read(house, client, wrong)
        assert (status, fields["Retry-After"]) == (429, "1")
        assert "without a right credential" in told["detail"]
        assert (await read(house, client))[0] == 200, "whoever else is behind the address"
        assert len(await house.acts("refused.unauthenticated")) == int(FAILURES_BURST)
        clock[0] += 1_000
        assert [(await read(house, client, wrong))[0] for _ in range(2)] == [401, 429]


def test_networks_are_told_apart_and_bounded():
    strangers = Strangers(lambda: NOW_MS)
    wrong = Refused(Reason.UNAUTHENTICATED, "unknown")
    for _ in range(int(FAILURES_BURST)):
        assert strangers.judge("192.0.2.1", wrong) is wrong
    assert strangers.judge("192.0.2.1", wrong).reason is Reason.TOO_MANY_REQUESTS
    assert strangers.judge("192.0.2.2", wrong) is wrong
    other = Refused(Reason.FORBIDDEN, "no")
    assert strangers.judge("192.0.2.1", other) is other
    for number in range(NETWORKS_MAX + 10):
        strangers.judge(str(number), wrong)
    assert len(strangers._buckets) == NETWORKS_MAX


def test_state_shows_every_limit():
    throttle = Throttle(lambda: NOW_MS)
    partner = acme("throttling: {daily_max: 10, concurrent_max: 3}\nlimits: {requests_per_second_max: 20}\n")
    with throttle.enter(partner, RateClass.SUBMIT):
        state = {limit.name: limit for limit in throttle.state(partner)}
    assert list(state) == ["daily", "submit", "all", "read", "change", "validate_only", "token", "concurrent"]
    assert state["daily"] == Limit("daily", 10, 86_400, 9, 91)
    assert state["submit"] == Limit("submit", 500, 5, 499, 1)
    assert state["all"] == Limit("all", 20, 1, 19, 1)
    assert state["concurrent"] == Limit("concurrent", 3, None, 2, None)


def test_a_refusal_uses_nothing_up():
    throttle = Throttle(lambda: NOW_MS)
    partner = acme("throttling: {daily_max: 2}\nlimits: {requests_per_second_max: 3}\n")
    for _ in range(2):
        throttle.enter(partner, RateClass.SUBMIT).release()
    for _ in range(5):
        with pytest.raises(Refused, match="today"):
            throttle.enter(partner, RateClass.SUBMIT)
    throttle.enter(partner, RateClass.READ).release()
    with pytest.raises(Refused, match="requests_per_second_max"):
        throttle.enter(partner, RateClass.READ)
    left = {limit.name: limit.left for limit in throttle.state(partner)}
    assert (left["submit"], left["read"], left["all"], left["concurrent"]) == (498, 499, 0, 64)


def test_a_profile_read_again_forgets_nothing():
    throttle = Throttle(lambda: NOW_MS)
    for _ in range(3):
        throttle.enter(acme(NARROW), RateClass.SUBMIT).release()
    wider = acme("throttling: {submit: {per_second: 2, burst: 5}}\n")
    throttle.enter(wider, RateClass.SUBMIT).release()
    throttle.enter(wider, RateClass.SUBMIT).release()
    with pytest.raises(Refused, match="5 at once"):
        throttle.enter(wider, RateClass.SUBMIT)


def test_an_admission_is_released_once():
    throttle = Throttle(lambda: NOW_MS)
    partner = acme("throttling: {concurrent_max: 1}\n")
    first = throttle.enter(partner, RateClass.READ)
    with pytest.raises(Refused, match="under way"):
        throttle.enter(partner, RateClass.READ)
    first.release()
    first.release()
    second = throttle.enter(partner, RateClass.READ)
    with pytest.raises(Refused, match="under way"):
        throttle.enter(partner, RateClass.READ)
    second.release()
