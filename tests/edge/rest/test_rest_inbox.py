"""The inbox: listed, fetched in the syntax that is asked for, confirmed or declined; each partner sees its own."""

import asyncio
import base64
import hashlib
import json
from functools import partial

import aiohttp
import pytest
from lxml import etree

from gateway.carriers.inbox import INBOX_CARRIER
from gateway.flow.evidence.archive import gather
from gateway.flow.outward.send import Sending
from gateway.store import deliveries, partner_events
from gateway.store.deliveries import bodies, inbox
from gateway.store.oversight import cases, timeline
from partners.directory import Directory
from tests.edge.house import GLOBEX_KEY, IDLE_KEY, acme, digest, open_house, profile
from tests.edge.rest.contract import assert_as_promised
from tests.flow.dispatching import order

GLOBEX = {"Authorization": f"Bearer {GLOBEX_KEY}"}
OTHER_KEY = "initech-key-0123456789"
OTHER = {"Authorization": f"Bearer {OTHER_KEY}"}
IDLE = {"Authorization": f"Bearer {IDLE_KEY}"}
JSON_OUT = "agreements: [{document: purchase_order, direction: outbound, syntax: json, our_identity: bigcorp}]\n"


def fetching(name, key, extra=JSON_OUT):
    return profile(f"id: {name}\nname: {name}\napi_keys: [{{label: main, sha256: {digest(key)}}}]\n{extra}")


@pytest.fixture
async def house(tmp_path):
    profiles = [acme(), fetching("globex", GLOBEX_KEY), fetching("initech", OTHER_KEY)]
    async with open_house(tmp_path, profiles=profiles) as opened:
        yield opened


async def put(house, number="PO-1", partner="globex", **more):
    """An order in somebody's inbox; its id."""
    answer = await house.edge.outbound.accept_document(partner, order(number, **more))
    assert answer.is_accepted, answer.reason
    return answer.id


async def put_file(house, data, name="parts.bin", content_type="application/octet-stream", partner="globex"):
    answer = await house.edge.outbound.accept_file(partner, data, name, content_type, identity="bigcorp")
    assert answer.is_accepted, answer.reason
    return answer.id


async def listed(house, client, headers=GLOBEX, query=""):
    async with client.get(f"{house.url}/v1/inbox{query}", headers=headers) as answer:
        assert answer.status == 200
        return await assert_as_promised("list_inbox", answer)


async def ids(house, client, headers=GLOBEX, query=""):
    return [item["id"] for item in (await listed(house, client, headers, query))["documents"]]


async def shown(house, client, name, headers=GLOBEX):
    async with client.get(f"{house.url}/v1/inbox/{name}", headers=headers) as answer:
        return answer.status, await assert_as_promised("get_inbox_document", answer)


async def told(house, client, name, verb, headers=GLOBEX, **body):
    operation = f"{verb}_inbox_document"
    data = json.dumps(body).encode() if body else b""
    async with client.post(f"{house.url}/v1/inbox/{name}/{verb}", headers=headers, data=data) as answer:
        return answer.status, await assert_as_promised(operation, answer)


async def fetched(house, client, name, headers=GLOBEX, method="GET", **fields):
    async with client.request(method, f"{house.url}/v1/inbox/{name}/content", headers=headers | fields) as answer:
        if method == "GET":
            await assert_as_promised("get_inbox_content", answer)
        return answer, await answer.read()


async def stored(house, name):
    return await house.database.read(partial(deliveries.get, delivery_id=name))


async def steps(house, name):
    return await house.database.read(partial(timeline.of_message, message_id=name))


def sender(house, **more):
    edge = house.edge
    return Sending(
        house.database,
        {"inbox": INBOX_CARRIER},
        edge.directory,
        owner="test",
        now_ms=edge.now_ms,
        metrics=edge.metrics,
        limits=edge.settings.limits,
        **more,
    )


async def look(sending):
    """One look at what is due, to its end."""
    while await sending.take() == 0.0:
        await sending.drain(5)
    await sending.drain(5)


async def test_what_we_have_is_listed_the_oldest_first_and_fetched_as_it_was_agreed(house, client):
    first, second = await put(house, "PO-1"), await put(house, "PO-2")
    page = await listed(house, client)
    assert [item["id"] for item in page["documents"]] == [first, second]
    item = page["documents"][0]
    assert (item["type"], item["number"], item["purchase_order_number"]) == ("purchase_order", "PO-1", "PO-1")
    assert (item["status"], item["test"], item["waits_for"]) == ("available", False, None)
    assert item["content_types"] == ["application/json", "application/xml"]
    answer, body = await fetched(house, client, first)
    assert json.loads(body)["number"] == "PO-1"
    assert hashlib.sha256(body).hexdigest() == item["sha256"]
    assert len(body) == item["bytes"]
    assert answer.headers["ETag"] == f'"{item["sha256"]}"'
    digest64 = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{digest64}:"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="purchase_order-PO-1.json"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert await ids(house, client) == [first, second]


async def test_confirming_settles_and_once_more_is_answered_alike(house, client):
    name = await put(house)
    status, item = await told(house, client, name, "confirm", reference="job 7")
    assert (status, item["status"]) == (200, "confirmed")
    assert await told(house, client, name, "confirm") == (200, item)
    assert await ids(house, client) == []
    assert await ids(house, client, query="?status=confirmed") == [name]
    delivery = await stored(house, name)
    assert delivery.state == "delivered"
    receipt = await house.database.read(lambda c: deliveries.body(c, name, "receipt"))
    assert receipt.startswith(f"POST /v1/inbox/{name}/confirm HTTP/1.1\r\n".encode())
    assert b"job 7" in receipt
    assert GLOBEX_KEY.encode() not in receipt
    (step,) = [step for step in await steps(house, name) if step.step == "delivered"]
    assert step.detail["credentials"] == {"api_key": "main"}
    assert step.detail["reference"] == "job 7"
    # It can be fetched again while it is kept.
    assert (await fetched(house, client, name))[0].status == 200


async def test_many_confirm_at_once_and_it_is_settled_once(house, client):
    name = await put(house)
    answers = await asyncio.gather(*(told(house, client, name, "confirm") for _ in range(8)))
    assert {status for status, _ in answers} == {200}
    assert len({json.dumps(item) for _, item in answers}) == 1
    assert [step.step for step in await steps(house, name)].count("delivered") == 1


async def test_what_they_decline_becomes_a_case_with_their_words(house, client):
    name = await put(house)
    reason = "line 1 names an item that we do not make"
    status, item = await told(house, client, name, "decline", reason=reason)
    assert (status, item["status"], item["reason"]) == (200, "declined", reason)
    assert await told(house, client, name, "decline", reason="another") == (200, item)
    (case,) = await house.database.read(cases.find)
    assert (case.kind, case.message_id, case.partner_id) == ("delivery_refused", name, "globex")
    assert reason in case.reason
    assert await ids(house, client) == []
    assert await ids(house, client, query="?status=declined") == [name]
    status, problem = await told(house, client, name, "confirm")
    assert (status, problem["type"].rpartition(":")[2]) == (409, "not-possible-now")
    # A person has it put there again, under the same id.
    await house.database.write(lambda c: deliveries.retry(c, name, 5, "operator:me"))
    assert await ids(house, client) == [name]
    assert (await told(house, client, name, "confirm"))[0] == 200


async def test_a_confirmation_cannot_be_taken_back_nor_what_was_withdrawn_confirmed(house, client):
    done, withdrawn = await put(house, "PO-1"), await put(house, "PO-2")
    await told(house, client, done, "confirm")
    assert (await told(house, client, done, "decline", reason="no"))[0] == 409
    held = await stored(house, withdrawn)
    await house.database.write(lambda c: deliveries.cancel(c, held.id, 5, "operator:me", "ordered twice"))
    assert await ids(house, client) == []
    assert (await shown(house, client, withdrawn))[1]["status"] == "cancelled"
    assert (await fetched(house, client, withdrawn))[0].status == 409
    assert (await told(house, client, withdrawn, "confirm"))[0] == 409


@pytest.mark.parametrize("body", [b"", b"{}", b'{"reason": ""}', b'{"reason": 5}', b'{"why": "no"}', b"[", b"\xff"])
async def test_declining_needs_a_reason(house, client, body):
    name = await put(house)
    async with client.post(f"{house.url}/v1/inbox/{name}/decline", headers=GLOBEX, data=body) as answer:
        assert answer.status in {400, 422}
        await assert_as_promised("decline_inbox_document", answer)
    assert (await stored(house, name)).state == "queued"


async def test_a_partner_sees_and_settles_its_own_and_no_other(house, client):
    name = await put(house)
    assert await ids(house, client, OTHER) == []
    for status, _ in (
        await shown(house, client, name, OTHER),
        await told(house, client, name, "confirm", OTHER),
        await told(house, client, name, "decline", OTHER, reason="mine"),
    ):
        assert status == 404
    assert (await fetched(house, client, name, OTHER))[0].status == 404
    assert (await stored(house, name)).state == "queued"
    nobody = {"Authorization": "Bearer nobody"}
    assert (await fetched(house, client, name, nobody))[0].status == 401


async def test_what_went_another_way_is_in_no_inbox(house, client, at_acmes):
    async with at_acmes() as other:
        answer = await other.edge.outbound.accept_file("acme", b"a file", "a.bin")
        headers = {"Authorization": "Bearer acme-key-0123456789"}
        assert await ids(other, client, headers) == []
        assert (await shown(other, client, answer.id, headers))[0] == 404


async def test_pages_go_on_where_the_one_before_ended(house, client):
    names = [await put(house, f"PO-{number}") for number in range(5)]
    first = await listed(house, client, query="?limit=2&type=purchase_order")
    assert [item["id"] for item in first["documents"]] == names[:2]
    second = await listed(house, client, query=first["links"]["next"].removeprefix("/v1/inbox"))
    assert [item["id"] for item in second["documents"]] == names[2:4]
    last = await listed(house, client, query=second["links"]["next"].removeprefix("/v1/inbox"))
    assert [item["id"] for item in last["documents"]] == names[4:]
    assert last["links"]["next"] is None


async def test_filters(house, client):
    one, two = await put(house, "PO-1"), await put(house, "PO-2")
    file = await put_file(house, b"drawing")
    assert await ids(house, client, query="?purchase_order=PO-2") == [two]
    assert await ids(house, client, query="?type=purchase_order") == [one, two]
    assert await ids(house, client, query="?type=invoice") == []
    assert await ids(house, client) == [one, two, file]


@pytest.mark.parametrize(
    "query",
    ["?limit=0", "?limit=x", "?status=all", "?cursor=!", "?cursor=" + "A" * 600, "?type=", "?limit=1&limit=2"],
)
async def test_a_question_that_cannot_be_understood_is_refused(house, client, query):
    async with client.get(f"{house.url}/v1/inbox{query}", headers=GLOBEX) as answer:
        assert answer.status == 400
        await assert_as_promised("list_inbox", answer)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/xml", "application/xml"),
        ("application/xml;q=0.4, application/json;q=0.5", "application/json"),
        ("application/json;q=0, */*", "application/xml"),
        ("text/html, application/*;q=0.1", "application/json"),
        ("APPLICATION/XML; charset=utf-8", "application/xml"),
    ],
)
async def test_the_syntax_is_what_they_like_best(house, client, accept, media_type):
    name = await put(house)
    answer, body = await fetched(house, client, name, **({"Accept": accept} if accept else {}))
    assert (answer.status, answer.content_type) == (200, media_type)
    if media_type == "application/xml":
        assert etree.fromstring(body) is not None
        assert b"PO-1" in body
        assert answer.headers["Content-Disposition"].endswith('purchase_order-PO-1.xml"')
    else:
        assert json.loads(body)["number"] == "PO-1"


async def test_what_cannot_be_had_is_refused_with_what_can(house, client):
    name, file = await put(house), await put_file(house, b"\x00\x01")
    answer, body = await fetched(house, client, name, Accept="application/edi-x12")
    assert answer.status == 406
    assert json.loads(body)["available"] == ["application/json", "application/xml"]
    answer, body = await fetched(house, client, file, Accept="application/json")
    assert (answer.status, json.loads(body)["available"]) == (406, ["application/octet-stream"])


@pytest.mark.parametrize("accept", ["json", "*/json", "a/b;q=2", "a/b;q=x", "/", ",".join(["a/b"] * 65), "a/b c"])
async def test_an_accept_that_is_none_is_refused(house, client, accept):
    name = await put(house)
    answer, _ = await fetched(house, client, name, Accept=accept)
    assert answer.status == 400


async def test_head_tells_all_but_the_document_and_is_no_fetch(house, client):
    name = await put(house)
    whole, _ = await fetched(house, client, name)
    head, nothing = await fetched(house, client, name, method="HEAD")
    assert (head.status, nothing) == (200, b"")
    for field in ("ETag", "Repr-Digest", "Content-Type", "Content-Length", "Content-Disposition"):
        assert head.headers[field] == whole.headers[field]
    xml, rendered = await fetched(house, client, name, Accept="application/xml")
    head, nothing = await fetched(house, client, name, method="HEAD", Accept="application/xml")
    assert (head.headers["Content-Length"], nothing) == (str(len(rendered)), b"")
    again, nothing = await fetched(house, client, name, **{"If-None-Match": f'"x", {whole.headers["ETag"]}'})
    assert (again.status, nothing) == (304, b"")
    again, _ = await fetched(house, client, name, **{"If-None-Match": xml.headers["ETag"]})
    assert again.status == 200


async def test_fetching_is_noted_once_an_hour_and_settles_nothing(tmp_path, client):
    clock = [1_780_000_000_000]
    async with open_house(tmp_path, profiles=[fetching("globex", GLOBEX_KEY)], now_ms=lambda: clock[0]) as house:
        name = await put(house)

        async def noted():
            return [step.detail["media_type"] for step in await steps(house, name) if step.step == inbox.FETCHED]

        await fetched(house, client, name, method="HEAD")
        assert await noted() == []
        await fetched(house, client, name)
        await fetched(house, client, name, Accept="application/xml")
        assert await noted() == ["application/json"]
        clock[0] += 3_600_000
        await fetched(house, client, name, Accept="application/xml")
        assert await noted() == ["application/json", "application/xml"]
        assert (await stored(house, name)).state == "queued"


async def test_a_large_one_is_streamed_whole(house, client):
    data = bytes(range(256)) * 4 * 2_600  # more than two pieces
    assert len(data) > 2 * bodies.PIECE_BYTES
    name = await put_file(house, data)
    answer, body = await fetched(house, client, name)
    assert body == data
    assert answer.headers["Content-Length"] == str(len(data))
    assert {"RateLimit", "RateLimit-Policy"} <= set(answer.headers), "as on every other answer"
    head, nothing = await fetched(house, client, name, method="HEAD")
    assert (head.headers["Content-Length"], nothing) == (str(len(data)), b"")


async def test_a_document_that_breaks_off_in_the_store_breaks_off_for_them_too(house, client):
    data = b"0123456789abcdef" * 200_000
    name = await put_file(house, data)
    lost = bodies._BODY.delete().where(bodies._BODY.c.delivery_id == name, bodies._BODY.c.piece == 2)
    await house.database.write(lambda c: c.execute(lost))
    with pytest.raises(aiohttp.ClientPayloadError):
        async with client.get(f"{house.url}/v1/inbox/{name}/content", headers=GLOBEX) as answer:
            await answer.read()


@pytest.mark.parametrize(
    ("name", "shown_as"),
    [('..\\..\\a"\r\nX: y', "a"), ("/etc/passwd", "passwd"), ("ü.edi", "edi"), ("", None)],
)
async def test_the_name_is_data_and_nothing_else(house, client, name, shown_as):
    file = await put_file(house, b"x", name)
    answer, _ = await fetched(house, client, file)
    disposition = answer.headers["Content-Disposition"]
    inside = disposition.removeprefix('attachment; filename="').removesuffix('"')
    assert set(inside) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert (shown_as or file) in inside
    assert "X" not in answer.headers


async def test_a_suspended_partner_confirms_and_fetches_nothing(house, client):
    name = await put(house)
    suspended = fetching("globex", GLOBEX_KEY, "status: suspended\n" + JSON_OUT)
    house.directories.append(Directory([suspended]))
    assert (await shown(house, client, name))[1]["status"] == "held"
    answer, _ = await fetched(house, client, name)
    assert answer.status == 409
    status, item = await told(house, client, name, "confirm")
    assert (status, item["status"]) == (200, "confirmed")


async def test_what_is_for_a_partner_who_tests_is_marked(tmp_path, client):
    testing = fetching("globex", GLOBEX_KEY, "status: testing\n" + JSON_OUT)
    async with open_house(tmp_path, profiles=[testing]) as house:
        await put(house)
        (item,) = (await listed(house, client))["documents"]
        assert item["test"] is True


async def test_what_waits_behind_another_of_its_order_is_shown_and_can_be_had(house, client):
    first = await put(house, "PO-1")
    second = await put(house, "PO-1", order_type="blanket_order")
    one, two = (await listed(house, client))["documents"]
    assert (one["status"], one["waits_for"]) == ("available", None)
    assert (two["status"], two["waits_for"]) == ("waiting", first)
    assert (await fetched(house, client, second))[0].status == 200
    assert (await told(house, client, second, "confirm"))[0] == 200
    assert await ids(house, client) == [first]


async def test_unconfirmed_too_long_it_is_a_case_and_stays(tmp_path, client):
    clock = [1_780_000_000_000]
    extra = "delivery: {confirm_within_hours: 2}\n" + JSON_OUT
    async with open_house(tmp_path, profiles=[fetching("globex", GLOBEX_KEY, extra)], now_ms=lambda: clock[0]) as house:
        sending = sender(house)
        name = await put(house)
        await look(sending)
        item = (await shown(house, client, name))[1]
        assert (item["status"], item["confirm_by"]) == ("available", "2026-05-28T22:26:40.000Z")
        clock[0] += 2 * 3_600_000
        await look(sending)
        (case,) = await house.database.read(cases.find)
        assert (case.kind, case.message_id, case.state) == ("delivery_unconfirmed", name, "open")
        assert (await shown(house, client, name))[1]["status"] == "overdue"
        assert await ids(house, client) == [name]
        await look(sending)  # and nothing turns in circles
        assert (await stored(house, name)).next_attempt_at_ms is None
        assert (await fetched(house, client, name))[0].status == 200
        assert (await told(house, client, name, "confirm"))[0] == 200
        assert await house.database.read(cases.find) == []


async def test_who_has_webhooks_is_told_once_it_lies_there(tmp_path, client):
    async with open_house(tmp_path, profiles=[fetching("globex", GLOBEX_KEY), fetching("initech", OTHER_KEY)]) as house:
        sending = sender(house, wants_events=lambda partner_id: partner_id == "globex")
        first, second = await put(house, "PO-1"), await put(house, "PO-1", order_type="blanket_order")
        await put(house, "PO-1", "initech")
        await look(sending)
        (event,) = await house.database.read(partial(partner_events.find, partner_id="globex"))
        assert (event.type, event.subject) == ("inbox.available", "PO-1")
        data = json.loads(event.body)["data"]
        assert (data["id"], data["number"], data["links"]["content"]) == (first, "PO-1", f"/v1/inbox/{first}/content")
        assert await house.database.read(partial(partner_events.find, partner_id="initech")) == []
        await told(house, client, first, "confirm")
        await look(sending)
        later = await house.database.read(partial(partner_events.find, partner_id="globex"))
        assert [json.loads(event.body)["data"]["id"] for event in later] == [second, first]


async def test_no_share_is_taken_by_what_waits(tmp_path, client):
    async with open_house(tmp_path, profiles=[fetching("globex", GLOBEX_KEY)]) as house:
        names = [await put(house, f"PO-{number}") for number in range(20)]
        sending = sender(house)
        await sending.take()
        assert sending.in_flight == set(names)  # `concurrent_max` is 2
        await sending.drain(5)
        assert await ids(house, client) == names


async def test_the_evidence_holds_what_they_confirmed_and_no_secret(house, client, tmp_path):
    name = await put(house)
    await told(house, client, name, "confirm", reference="job 7")
    folder = tmp_path / "evidence"
    folder.mkdir()
    await house.database.read(partial(gather, subject_id=name, folder=folder, our_keys=(), decompressed_bytes_max=1))
    assert json.loads((folder / "payload").read_bytes())["number"] == "PO-1"
    assert b"job 7" in (folder / "confirmation.http").read_bytes()
    assert not (folder / "message.eml").exists()
    assert not any(GLOBEX_KEY.encode() in path.read_bytes() for path in folder.iterdir() if path.is_file())
    text = (folder / "README.txt").read_text()
    commands = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
    assert len(commands) == 2
    for command in commands:
        process = await asyncio.create_subprocess_shell(command, cwd=folder, stdout=asyncio.subprocess.DEVNULL)
        assert await process.wait() == 0, command
