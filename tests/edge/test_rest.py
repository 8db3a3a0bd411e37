import asyncio
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from gateway.store import messages
from gateway.store.messages import holds
from gateway.store.oversight import cases
from tests.edge.house import (
    ACME_KEY,
    DRAFT_KEY,
    GLOBEX_KEY,
    IDLE_KEY,
    OLD_KEY,
    X12,
    House,
    acme,
    globex,
    open_house,
)

ACME = {"Authorization": f"Bearer {ACME_KEY}"}
GLOBEX = {"X-API-Key": GLOBEX_KEY}


async def submit(house: House, client: aiohttp.ClientSession, body: bytes = X12, **headers: str) -> tuple[int, dict]:
    async with client.post(f"{house.url}/v1/documents", data=body, headers=ACME | headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_a_document_is_kept_before_it_is_acknowledged(house, client):
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=ACME) as answer:
        told = await answer.json()
        assert answer.status == 202
        assert answer.headers["Location"] == told["links"]["self"] == f"/v1/documents/{told['id']}"
    kept = await house.database.read(lambda c: (messages.get(c, told["id"]), messages.body(c, told["id"], "payload")))
    assert kept[0].partner_id == "acme"
    assert kept[0].channel == "rest"
    assert kept[1] == X12
    assert house.arrived
    assert house.metrics.accepted.values == {("rest",): 1}


async def test_its_fate_is_shown_under_its_address(house, client):
    _, told = await submit(house, client)
    async with client.get(house.url + told["links"]["self"], headers=ACME) as answer:
        view = await answer.json()
    assert answer.status == 200
    assert view["id"] == told["id"]
    assert view["status"] == "received"
    assert view["timeline"][0]["step"] == "received"
    assert not {"security", "remote", "profile"} & set(view)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {OLD_KEY}"},
        {"Authorization": f"Basic {ACME_KEY}"},
        {"X-API-Key": ""},
        {"X-API-Key": "k" * 4_000},
        {"X-API-Key": "schl\u00fcssel"},
    ],
)
async def test_unknown_wrong_and_expired_keys_look_alike(house, client, headers):
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=headers) as answer:
        told = await answer.json(content_type=None)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"
    reference = told.pop("instance").rpartition(":")[2]
    assert told == {
        "type": "urn:partner-gateway:problem:unauthenticated",
        "title": "Not authenticated",
        "status": 401,
        "detail": "no partner has these credentials",
        "remedy": told["remedy"],
        "documentation": "/v1/problems/unauthenticated",
    }
    (act,) = await house.acts("refused.unauthenticated")
    assert act.detail["reference"] == reference
    assert act.actor == "unknown"
    assert act.remote == "127.0.0.1"


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        ({"Authorization": "Bearer nonsense", "X-API-Key": ACME_KEY}, 401),
        ({"Authorization": f"Bearer {ACME_KEY}", "X-API-Key": "nonsense"}, 401),
        ({"Authorization": f"Bearer {ACME_KEY}", "X-API-Key": GLOBEX_KEY}, 401),
        ({"Authorization": "Bearer", "X-API-Key": ACME_KEY}, 401),
        ({"Authorization": "Basic eDp5", "X-API-Key": ACME_KEY}, 401),
        ({"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30.", "X-API-Key": ACME_KEY}, 401),
        ({"Authorization": f"Bearer {ACME_KEY}", "X-API-Key": ACME_KEY}, 200),
        ({"Authorization": f"Bearer {ACME_KEY}", "X-API-Key": ""}, 200),
        ({"Authorization": "", "X-API-Key": ACME_KEY}, 200),
    ],
)
async def test_everything_that_is_shown_is_looked_at(house, client, shown, status):
    async with client.get(f"{house.url}/v1/documents", headers=shown) as answer:
        assert answer.status == status
    assert len(await house.acts("refused.unauthenticated")) == (status != 200)


@pytest.mark.parametrize(
    ("site", "status"), [("none", 202), ("same-origin", 202), ("same-site", 403), ("cross-site", 403)]
)
async def test_no_page_of_another_site_makes_calls_with_what_a_browser_shows(house, client, site, status):
    """Of mutual TLS, where the browser shows the certificate by itself, nothing else would tell them apart."""
    headers = ACME | {"Sec-Fetch-Site": site, "Content-Type": "text/plain"}
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=headers) as answer:
        assert answer.status == status


async def test_a_draft_is_nobody_yet(house, client):
    async with client.post(f"{house.url}/v1/documents", data=X12, headers={"X-API-Key": DRAFT_KEY}) as answer:
        assert answer.status == 401
        assert (await answer.json(content_type=None))["detail"] == "no partner has these credentials"
    (act,) = await house.acts("refused.unauthenticated")
    assert (act.actor, act.detail["cause"]) == ("partner:sketch", "api_key main: the partner is a draft")


async def test_what_a_suspended_partner_sends_is_kept_and_held(house, client):
    headers = {"X-API-Key": IDLE_KEY, "Idempotency-Key": "k 1"}
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=headers) as answer:
        original, told = await answer.read(), await answer.json()
        assert (answer.status, told["status"]) == (202, "held")
        assert answer.headers["Location"] == told["links"]["self"]
        assert told["reason"] == "idle is suspended; it goes on by itself once they are live or testing again"
    async with client.get(f"{house.url}{told['links']['self']}", headers=headers) as answer:
        view = await answer.json()
        assert (view["status"], view["reason"], view["received_at"]) == ("held", told["reason"], told["received_at"])
        assert [step["step"] for step in view["timeline"]] == ["received", "held"]
    # A retry is told the same, also once it has gone on.
    await house.database.write(partial(holds.release, message_id=told["id"], now_ms=1))
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=headers) as again:
        assert (again.status, await again.read()) == (202, original)
        assert again.headers["Idempotency-Replayed"] == "true"
    (case,) = await house.database.read(cases.find)
    assert (case.id, case.message_id) == ("partner_suspended:idle", None)
    assert not await house.acts()


async def test_the_same_key_and_bytes_get_the_stored_answer(house, client):
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=ACME | {"Idempotency-Key": "k 1"}) as first:
        original = await first.read()
        assert "Idempotency-Replayed" not in first.headers
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=ACME | {"Idempotency-Key": "k 1"}) as again:
        assert again.status == 202
        assert await again.read() == original
        assert again.headers["Idempotency-Replayed"] == "true"
    assert len(house.arrived) == 1


async def test_many_at_once_with_one_key_are_kept_once(house, client):
    told = await asyncio.gather(*(submit(house, client, **{"Idempotency-Key": "same"}) for _ in range(10)))
    # Whoever came while the first was under way is asked to come again.
    assert {status for status, _ in told} <= {202, 409}
    assert len({body["id"] for status, body in told if status == 202}) == 1
    assert len(house.arrived) == 1


@pytest.mark.parametrize(("first", "again"), [("k 1", '"k 1"'), ('"k 1"', "k 1"), ('"a\\"b"', 'a"b'), ("k", '"k";v=1')])
async def test_a_key_is_the_same_with_and_without_quotes(house, client, first, again):
    _, told = await submit(house, client, **{"Idempotency-Key": first})
    assert await submit(house, client, **{"Idempotency-Key": again}) == (202, told)
    assert len(house.arrived) == 1


async def test_the_same_key_with_other_bytes_is_refused(house, client):
    await submit(house, client, **{"Idempotency-Key": "k"})
    status, told = await submit(house, client, X12 + b"\n", **{"Idempotency-Key": "k"})
    assert status == 422
    assert told["type"].endswith("idempotency-key-reused")
    (act,) = await house.acts("refused.idempotency-key-reused")
    assert act.actor == "partner:acme"


async def test_two_partners_may_use_the_same_key(house, client):
    await submit(house, client, **{"Idempotency-Key": "k"})
    async with client.post(
        f"{house.url}/v1/documents", data=b"{}", headers=GLOBEX | {"Idempotency-Key": "k"}
    ) as answer:
        assert answer.status == 202


@pytest.mark.parametrize(
    "key", ["", " ", "x" * 256, "caf\u00e9", '"', '""', '"a', '"a"b', '"a"b"', '" a"', '"\\a"', '"' + "x" * 256 + '"']
)
async def test_an_idempotency_key_is_printable_and_short(house, client, key):
    status, told = await submit(house, client, **{"Idempotency-Key": key})
    assert status == 400
    assert "Idempotency-Key" in told["detail"]


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"hello", 415), (b"\x00\x01", 415), (b"{}", 202)])
async def test_what_is_no_document_is_refused_at_the_door(house, client, body, status):
    assert (await submit(house, client, body))[0] == status


async def test_a_partners_own_limit_holds(tmp_path: Path, client):
    async with open_house(tmp_path, profiles=[acme("limits: {body_bytes_max: 2000}\n"), globex()]) as house:
        status, told = await submit(house, client, b"{" + b" " * 2_000)
        assert (status, told["body_bytes_max"]) == (413, 2_000)
        async with client.post(f"{house.url}/v1/documents", data=b"{" + b" " * 2_000, headers=GLOBEX) as answer:
            assert answer.status == 202


async def test_a_partner_over_its_rate_is_told_to_wait(tmp_path: Path, client):
    now = [1_800_000_000_000]
    slow = acme("limits: {requests_per_second_max: 2}\n")
    async with open_house(tmp_path, profiles=[slow, globex()], now_ms=lambda: now[0]) as house:
        assert [(await submit(house, client))[0] for _ in range(3)] == [202, 202, 429]
        async with client.post(f"{house.url}/v1/documents", data=b"{}", headers=GLOBEX) as answer:
            assert answer.status == 202  # the others do not notice
        async with client.post(f"{house.url}/v1/documents", data=X12, headers=ACME) as answer:
            assert answer.headers["Retry-After"] == "1"
        now[0] += 600
        assert (await submit(house, client))[0] == 202


async def test_another_partners_documents_look_like_none(house, client):
    _, told = await submit(house, client)
    address = house.url + told["links"]["self"]
    async with client.get(address, headers=GLOBEX) as theirs:
        hidden = await theirs.json(content_type=None)
    async with client.get(f"{house.url}/v1/documents/{'0' * 26}", headers=GLOBEX) as none:
        absent = await none.json(content_type=None)
    assert theirs.status == none.status == 404
    assert {**hidden, "instance": ""} == {**absent, "instance": ""}
    async with client.get(f"{address}-1", headers=GLOBEX) as theirs:
        assert theirs.status == 404
    async with client.get(f"{house.url}/v1/documents", headers=GLOBEX) as listed:
        assert (await listed.json())["submissions"] == []


async def test_the_list_goes_on_where_it_ended(house, client):
    ids = [(await submit(house, client))[1]["id"] for _ in range(5)]
    seen, address = [], "/v1/documents?limit=2"
    while address:
        async with client.get(house.url + address, headers=ACME) as answer:
            page = await answer.json()
        seen += [row["id"] for row in page["submissions"]]
        address = page["links"]["next"]
    assert seen == ids[::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=%C2%B2", "before=nonsense", "limit=-1"])
async def test_a_senseless_query_is_refused(house, client, query):
    async with client.get(f"{house.url}/v1/documents?{query}", headers=ACME) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("name", ["x", "..", "%2e%2e", "'--", "0" * 26 + "-x", "0" * 26 + "-1-r1", "%00"])
async def test_a_senseless_id_is_not_found(house, client, name):
    async with client.get(f"{house.url}/v1/documents/{name}", headers=ACME) as answer:
        assert answer.status == 404


async def test_a_store_that_cannot_write_is_a_503_and_nothing_is_lost_silently(house, client):
    writer = house.database.engine.connect()
    writer.exec_driver_sql("DROP TABLE message")
    writer.commit()
    writer.close()
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=ACME) as answer:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert (await answer.json(content_type=None))["type"].endswith("store-unavailable")


async def test_the_kinds_of_problems_are_listed(house, client):
    async with client.get(f"{house.url}/v1/problems") as answer:
        kinds = (await answer.json())["problems"]
    assert {"urn:partner-gateway:problem:body-too-large", "urn:partner-gateway:problem:decryption-failed"} <= {
        kind["type"] for kind in kinds
    }
