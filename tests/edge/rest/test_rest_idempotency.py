"""Idempotency-Key: submits and changes are done once, by one process or several, and answered alike ever after."""

import asyncio
import secrets
from contextlib import asynccontextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import partial

import aiohttp
import pytest
from sqlalchemy import select, text

from gateway.edge.http import HttpServer, Routes, json_response
from gateway.edge.ports import _gate
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.api_keys import ApiKeys
from gateway.edge.rest.identity.callers import Identity
from gateway.edge.throttling.throttle import Throttle
from gateway.model.refusals import Reason, Refused
from gateway.store import idempotency, messages
from gateway.store.api_tables import IdempotentAnswer
from gateway.store.engine.statements import table_of
from tests.edge.house import ACME_KEY, GLOBEX_KEY, X12, open_house, problem_in, until

ACME = {"Authorization": f"Bearer {ACME_KEY}"}
GLOBEX = {"Authorization": f"Bearer {GLOBEX_KEY}"}
NOW_MS = 1_800_000_000_000
PATH = "/v1/webhooks"


class Changes:
    """A call that counts how often it was made; `on` lets a test meddle."""

    def __init__(self, house):
        self.house = house
        self.made = []
        self.on = lambda _request: None
        self.remembers = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.after = lambda: None

    async def change(self, request, caller):
        self.on(request)
        self.made.append(caller.partner.id)
        await self.gate.wait()
        told = {"secret": secrets.token_hex(8), "number": len(self.made)}
        response = json_response(told, status=201, headers={"Location": f"{PATH}/{len(self.made)}"})
        if self.remembers:
            await self.house.database.write(partial(request.remember, response=response))
        self.after()
        return response


@asynccontextmanager
async def changing(house):
    """A port of its own over the house, with one call that changes something."""
    edge = house.edge
    changes, routes = Changes(house), Routes()
    identity = Identity(edge, [ApiKeys(edge).find])
    Door(edge, house.bodies, identity, Throttle(edge.now_ms, edge.metrics)).add(
        routes, "create_webhook", changes.change
    )
    server = HttpServer("changes", edge, routes, house.bodies, _gate(edge))
    await server.start("127.0.0.1", 0)
    changes.server = server
    changes.url = f"http://127.0.0.1:{server.address[1]}{PATH}"
    try:
        yield changes
    finally:
        await server.stop(1)


@pytest.fixture
async def changes(house):
    async with changing(house) as changes:
        yield changes


async def call(client, changes, key="k", body=b"{}", headers=ACME, query=""):
    sent = headers | ({"Idempotency-Key": key} if key is not None else {})
    async with client.post(changes.url + query, data=body, headers=sent) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_a_change_is_made_once_and_answered_alike(client, changes):
    first = await call(client, changes)
    again = await call(client, changes, '"k"')
    assert (first[0], first[2]) == (again[0], again[2]) == (201, first[2])
    for name in ("Location", "Content-Type", "Cache-Control", "Idempotency-Expires"):
        assert first[1][name] == again[1][name]
    assert "Idempotency-Replayed" not in first[1]
    assert again[1]["Idempotency-Replayed"] == "true"
    assert len(changes.made) == 1


async def test_without_a_key_each_call_counts(client, changes):
    await call(client, changes, None)
    await call(client, changes, None)
    assert len(changes.made) == 2


async def test_a_key_stands_for_one_request(house, client, changes):
    await call(client, changes)
    status, _, body = await call(client, changes, body=b"{ }")
    assert status == 422
    assert b"idempotency-key-reused" in body
    (act,) = await house.acts("refused.idempotency-key-reused")
    assert (act.actor, act.subject, act.detail["path"]) == ("partner:acme", "k", PATH)
    # Another partner's key of this name is another key.
    assert (await call(client, changes, headers=GLOBEX, body=b"{ }"))[0] == 201


async def test_a_key_of_a_submission_is_no_key_for_a_change_nor_the_other_way(house, client, changes):
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=ACME | {"Idempotency-Key": "s"}) as answer:
        assert answer.status == 202
    assert (await call(client, changes, "s"))[0] == 422
    assert (await call(client, changes, "c"))[0] == 201
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=ACME | {"Idempotency-Key": "c"}) as answer:
        assert answer.status == 422


async def test_while_the_first_is_under_way_the_second_is_told_to_wait(client, changes):
    changes.gate.clear()
    first = asyncio.create_task(call(client, changes))
    await until(lambda: changes.made)
    status, headers, _ = await call(client, changes)
    assert (status, headers["Retry-After"]) == (409, "1")
    changes.gate.set()
    done = await first
    assert (await call(client, changes))[2] == done[2]
    assert len(changes.made) == 1


async def test_what_was_refused_may_come_again_with_the_same_key(client, changes):
    def refuse(request):
        if not request.brought.endswith(b"good"):
            raise Refused(Reason.INVALID_CONTENT, "it is not good")

    changes.on = refuse
    assert (await call(client, changes, body=b"bad"))[0] == 422
    assert (await call(client, changes, body=b"good"))[0] == 201
    assert changes.made == ["acme"]


async def test_a_fault_of_ours_leaves_the_key_free(client, changes):
    changes.on = lambda _: 1 / 0
    assert (await call(client, changes))[0] == 500
    changes.on = lambda _: None
    assert (await call(client, changes))[0] == 201


async def test_what_was_kept_with_the_change_is_answered_also_when_nobody_heard_it(client, changes):
    changes.remembers = True
    changes.after = lambda: 1 / 0  # the commit is there, the answer never leaves
    assert (await call(client, changes))[0] == 500
    status, headers, body = await call(client, changes)
    assert (status, headers["Idempotency-Replayed"], headers["Location"]) == (201, "true", f"{PATH}/1")
    assert b'"number":1' in body
    assert len(changes.made) == 1


async def test_a_key_widens_no_limit_of_a_body(house, client):
    path = f"{house.url}/v1/webhooks"
    for headers in (ACME, ACME | {"Idempotency-Key": "large"}):
        async with client.post(path, data=b" " * 70_000, headers=headers) as answer:
            told = await answer.json(content_type=None)
        assert (answer.status, told["body_bytes_max"]) == (413, 65_536)


async def test_a_call_that_is_cut_off_leaves_its_key_taken(changes):
    """What it began may be committed after all: a repetition must not make it a second time."""
    changes.gate.clear()
    async with aiohttp.ClientSession() as own:
        with suppress(aiohttp.ClientError):
            first = asyncio.create_task(call(own, changes))
            await until(lambda: changes.made)
            for connection in list(changes.server._server._open):
                connection.cut()
            await first
        changes.gate.set()
        assert (await call(own, changes))[0] == 409
    assert len(changes.made) == 1


async def test_a_secret_in_an_answer_lies_sealed_in_the_store(tmp_path, client):
    async with open_house(tmp_path, passphrase=b"a passphrase") as house, changing(house) as changes:
        _, _, told = await call(client, changes)
        rows = await house.database.read(
            lambda connection: connection.execute(select(table_of(IdempotentAnswer))).all()
        )
        assert [row.sealed for row in rows] == [True]
        assert b"secret" not in rows[0].body
        assert (await call(client, changes))[2] == told


async def test_a_sealed_answer_without_its_passphrase_is_to_be_asked_for_later(tmp_path, client):
    async with open_house(tmp_path, passphrase=b"a passphrase") as house, changing(house) as changes:
        _, _, told = await call(client, changes)
        cipher, house.edge.sealing._cipher = house.edge.sealing._cipher, None
        status, headers, body = await call(client, changes)
        assert (status, headers["Retry-After"]) == (503, "60")
        assert b"was done" in body
        assert b"secret" not in body
        (act,) = await house.acts("refused.store-unavailable")
        assert (act.actor, act.subject) == ("partner:acme", "k")
        assert "key_passphrase_file" in act.detail["cause"]
        house.edge.sealing._cipher = cipher
        assert (await call(client, changes))[2] == told
    assert len(changes.made) == 1


async def test_how_long_a_key_is_remembered_is_said_and_kept(tmp_path, client):
    now = [NOW_MS]
    named = {"retention": {"duplicates_days": 3}}
    async with open_house(tmp_path, now_ms=lambda: now[0], named=named) as house, changing(house) as changes:
        _, headers, _ = await call(client, changes)
        until_ms = NOW_MS + 3 * 86_400_000
        assert parsedate_to_datetime(headers["Idempotency-Expires"]).timestamp() * 1_000 == until_ms
        key = ACME | {"Idempotency-Key": "s"}
        now[0] += 60_000
        for replayed in (None, "true"):
            async with client.post(f"{house.url}/v1/documents", data=X12, headers=key) as answer:
                told = parsedate_to_datetime(answer.headers["Idempotency-Expires"]).timestamp() * 1_000
                assert (told, answer.headers.get("Idempotency-Replayed")) == (until_ms + 60_000, replayed)
            now[0] += 60_000


async def test_a_submission_holds_its_key_from_its_head_on(house, client):
    head = f"POST /v1/documents HTTP/1.1\r\nHost: x\r\nX-API-Key: {ACME_KEY}\r\nIdempotency-Key: k\r\n"
    reader, writer = await house.connect()
    writer.write(f"{head}Content-Length: {len(X12)}\r\n\r\n".encode() + X12[:10])
    request = f"{head}Connection: close\r\nContent-Length: {len(X12)}\r\n\r\n".encode() + X12
    await until(lambda: house.bodies.held_bytes > 0)
    told = await house.raw(request)
    assert b" 409 " in told.partition(b"\r\n")[0]
    assert b"\r\nRetry-After: 1\r\n" in told
    assert problem_in(told)["type"].endswith("idempotency-key-in-use")
    writer.write(X12[10:])
    assert b" 202 " in await reader.readline()
    again = await house.raw(request)
    assert b" 202 " in again.partition(b"\r\n")[0]
    assert b"Idempotency-Replayed: true" in again
    assert len(house.arrived) == 1


async def test_a_submission_that_broke_off_leaves_its_key_free(house, client):
    _, writer = await house.connect()
    head = f"POST /v1/documents HTTP/1.1\r\nHost: x\r\nX-API-Key: {ACME_KEY}\r\nIdempotency-Key: k\r\n"
    writer.write(f"{head}Content-Length: {len(X12)}\r\n\r\n".encode() + X12[:10])
    await until(lambda: house.bodies.held_bytes > 0)
    writer.close()
    await until(lambda: house.bodies.held_bytes == 0)
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=ACME | {"Idempotency-Key": "k"}) as answer:
        assert answer.status == 202


@pytest.fixture
async def two_processes(tmp_path, migrated_database_url):
    """Two edges over one PostgreSQL, that know nothing of each other."""
    named = {"database_url": migrated_database_url}
    async with open_house(tmp_path / "a", named=named) as one, open_house(tmp_path / "b", named=named) as other:
        yield one, other


async def test_between_processes_the_store_decides_on_submissions(two_processes, client):
    async def submit(house, body=X12):
        headers = ACME | {"Idempotency-Key": "k"}
        async with client.post(f"{house.url}/v1/documents", data=body, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers.get("Idempotency-Replayed")

    told = await asyncio.gather(*(submit(house) for house in two_processes for _ in range(5)))
    kept = [answer for answer in told if answer[0] == 202]
    assert {status for status, _, _ in told} <= {202, 409}
    assert len({body for _, body, _ in kept}) == 1
    assert [replayed for _, _, replayed in kept].count(None) == 1
    found = await two_processes[0].database.read(partial(messages.find, partner_id="acme"))
    assert len(found) == 1
    assert [(await submit(house, X12 + b"\n"))[0] for house in two_processes] == [422, 422]


async def test_between_processes_the_store_decides_on_changes(two_processes, client):
    async with changing(two_processes[0]) as here, changing(two_processes[1]) as there:
        here.gate.clear()
        first = asyncio.create_task(call(client, here))
        await until(lambda: here.made)
        assert (await call(client, there))[0] == 409
        here.gate.set()
        done = await first
        again = await call(client, there)
        assert (again[0], again[2]) == (201, done[2])
        assert (await call(client, there, body=b"{ }"))[0] == 422
        assert not there.made


async def test_a_change_whose_process_was_killed_is_made_by_the_next_one(two_processes, client):
    one, other = two_processes
    async with changing(one) as here, changing(other) as there:
        here.gate.clear()
        first = asyncio.create_task(call(client, here))
        await until(lambda: here.made)
        age = text("UPDATE idempotent_answer SET created_at_ms = created_at_ms - :lease")
        lease = {"lease": idempotency.LEASE_MS}
        await other.database.write(lambda connection: connection.execute(age, lease))
        status, _, body = await call(client, there)
        assert (status, len(there.made)) == (201, 1)
        # Should it live on after all, the answer that was given stays.
        here.gate.set()
        assert (await first)[0] == 409
        assert (await call(client, there))[2] == body
