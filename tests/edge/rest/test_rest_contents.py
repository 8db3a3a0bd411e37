"""The bytes of a submission, and what it earned."""

import base64
import hashlib
import io
import os
from functools import partial

import aiohttp
import pytest

from gateway.edge.rest import views as rest_views
from gateway.flow import views
from gateway.store.messages import acknowledgments
from tests.edge.house import ACME_KEY, GLOBEX_KEY, X12, until
from tests.edge.rest.contract import assert_as_promised
from tests.edge.rest.whole import ACME as ACME_SUPPLY
from tests.edge.rest.whole import NORTHWIND, whole
from tests.flow.test_process import many_855
from tests.site import acknowledgment_855, ship_notice_json

ACME = {"Authorization": f"Bearer {ACME_KEY}"}
GLOBEX = {"X-API-Key": GLOBEX_KEY}


async def sent(house, client, body=X12, **headers):
    async with client.post(f"{house.url}/v1/documents", data=io.BytesIO(body), headers=ACME | headers) as answer:
        assert answer.status == 202
        return f"{house.url}{(await answer.json())['links']['self']}"


async def test_raw_is_what_was_sent(house, client):
    address = await sent(house, client, **{"Content-Type": "application/edi-x12; charset=us-ascii"})
    async with client.get(f"{address}/raw", headers=ACME) as answer:
        assert await assert_as_promised("get_document_raw", answer) == X12
    told = answer.headers
    digest = hashlib.sha256(X12)
    assert told["Content-Type"] == "application/edi-x12"
    assert told["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert told["ETag"] == f'"{digest.hexdigest()}"'
    assert told["X-Content-Type-Options"] == "nosniff"
    assert told["Content-Disposition"] == f'attachment; filename="{address[-26:]}.bin"'
    assert "sandbox" in told["Content-Security-Policy"]
    async with client.head(f"{address}/raw", headers=ACME) as head:
        assert (head.status, head.headers["Content-Length"], await head.read()) == (200, str(len(X12)), b"")
        assert head.headers["ETag"] == told["ETag"]
    for match in (told["ETag"], f'W/{told["ETag"]}, "other"', f'"a", {told["ETag"]}', "*"):
        async with client.get(f"{address}/raw", headers=ACME | {"If-None-Match": match}) as same:
            assert (same.status, await same.read()) == (304, b"")
    async with client.get(f"{address}/raw", headers=ACME | {"If-None-Match": '"other"'}) as other:
        assert other.status == 200


@pytest.mark.parametrize("name", ["", "-1", "/raw"])
async def test_somebody_elses_bytes_look_like_none(house, client, name):
    address = await sent(house, client)
    for path in (f"{address}{name}/raw", f"{address}{name}/acknowledgment"):
        async with client.get(path, headers=GLOBEX) as answer:
            assert answer.status == 404


@pytest.mark.parametrize(
    ("content_type", "told"),
    [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("Application/XML", "application/xml"),
        ("nonsense", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
async def test_no_browser_takes_it_for_anything_that_runs(house, client, content_type, told):
    address = await sent(house, client, b"<script>alert(1)</script>", **{"Content-Type": content_type})
    async with client.get(f"{address}/raw", headers=ACME) as answer:
        assert answer.headers["Content-Type"] == told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("order.edi", "order.edi"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\order 1.edi", "order_1.edi"),
        ("..", None),
        (".htaccess", "htaccess"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a" * 200 + ".edi", "a" * 96 + ".edi"),
    ],
)
async def test_the_name_of_the_file_is_harmless(house, client, name, told):
    disposition = f'attachment; filename="{name}"'
    address = await sent(house, client, **{"Content-Disposition": disposition})
    async with client.get(f"{address}/raw", headers=ACME) as answer:
        named = answer.headers["Content-Disposition"]
    assert named == f'attachment; filename="{told or address[-26:] + ".bin"}"'


async def test_a_large_body_comes_back_piece_by_piece(house, client):
    body = b"{" + b" " * 100 + os.urandom(5_000_000) + b"}"
    address = await sent(house, client, body)
    async with client.get(f"{address}/raw", headers=ACME) as answer:
        assert int(answer.headers["Content-Length"]) == len(body)
        assert await answer.read() == body
    async with client.head(f"{address}/raw", headers=ACME) as head:
        assert int(head.headers["Content-Length"]) == len(body)


async def test_a_reader_who_stops_keeps_no_more_than_a_little(house, client):
    body = b"{" + os.urandom(24_000_000) + b"}"
    address = await sent(house, client, body)
    asked = []
    read = house.database.read

    async def counting(unit):
        asked.append(unit)
        return await read(unit)

    house.database.read = counting
    reader, writer = await house.connect()
    path = address.removeprefix(house.url)
    writer.write(f"GET {path}/raw HTTP/1.1\r\nHost: x\r\nX-API-Key: {ACME_KEY}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    before = -1
    while before != len(asked):
        before = len(asked)
        async with client.get(f"{house.url}/v1/documents/{'0' * 26}", headers=GLOBEX):
            asked.pop()
    assert len(asked) < 20  # of the 24 pieces most are not read yet
    writer.close()


async def test_purged_bytes_are_gone_and_said_to_be(house, client):
    address = await sent(house, client)
    await house.database.write(lambda connection: connection.exec_driver_sql("DELETE FROM message_body"))
    async with client.get(f"{address}/raw", headers=ACME) as answer:
        assert (await assert_as_promised("get_document_raw", answer))["detail"].startswith("its bytes are not kept")


async def test_without_an_acknowledgment_the_answer_says_why(house, client):
    address = await sent(house, client)
    async with client.get(f"{address}/acknowledgment", headers=ACME) as answer:
        told = await assert_as_promised("get_document_acknowledgment", answer)
    assert (answer.status, told["outcome"]) == (404, "in_progress")
    assert told["detail"].startswith("there is no acknowledgment yet: it is being read")
    async with client.get(f"{address}/acknowledgment", headers=ACME | {"Accept": "image/png"}) as answer:
        await assert_as_promised("get_document_acknowledgment", answer)
        assert answer.status == 406


async def test_views_links_and_acknowledgments_as_promised(tmp_path, monkeypatch):
    async with whole(tmp_path) as running, aiohttp.ClientSession() as client:

        async def get(operation, path, headers=ACME_SUPPLY, **more):
            async with client.get(running.url + path, headers=headers | more) as answer:
                return await assert_as_promised(operation, answer)

        body = acknowledgment_855(1)
        async with client.post(
            f"{running.url}/v1/documents", data=body, headers=ACME_SUPPLY | {"Prefer": "wait=20"}
        ) as answer:
            view = await assert_as_promised("submit_document", answer)
        shown = await get("get_document", view["links"]["self"])
        assert {**shown, "timeline": [], "documents": [], "status": ""} == {
            **view,
            "timeline": [],
            "documents": [],
            "status": "",
        }
        assert await get("get_document_raw", view["links"]["raw"]) == body
        x12 = await get("get_document_acknowledgment", view["links"]["acknowledgment"])
        told = await get("get_document_acknowledgment", view["links"]["acknowledgment"], Accept="application/json")
        assert [one["x12"].encode() for one in told["acknowledgments"]] == [x12]
        assert told["acknowledgments"][0]["kinds"] == ["997"]
        asked = []
        with monkeypatch.context() as patched:
            patched.setattr(views.deliveries, "of_message", lambda _, message_id: asked.append(message_id) or [])
            earned = await running.gateway.database.read(partial(acknowledgments.of_message, message_id=view["id"]))
            assert len(views.acknowledgment_views(None, earned * 3)) == 3
        assert asked == [view["id"]], "deliveries are read once, however many acknowledgments there are"
        document = await get("get_document", view["documents"][0]["links"]["self"])
        assert document["document"]["purchase_order_number"] == "PO-1"
        assert document["links"]["submission"] == view["links"]["self"]
        assert await get("get_document_raw", document["links"]["raw"]) == body
        assert await get("get_document_acknowledgment", document["links"]["acknowledgment"]) == x12

        async with client.post(
            f"{running.url}/v1/documents", data=ship_notice_json(1), headers=NORTHWIND | {"Prefer": "wait=20"}
        ) as answer:
            view = await assert_as_promised("submit_document", answer)
        problem = await get("get_document_acknowledgment", f"{view['links']['self']}/acknowledgment", NORTHWIND)
        assert problem["detail"].startswith("it earned no acknowledgment")
        # Neither sees what the other sent.
        for path in (view["links"]["self"], view["documents"][0]["links"]["self"], view["links"]["raw"]):
            async with client.get(running.url + path, headers=ACME_SUPPLY) as answer:
                assert answer.status == 404
        await until(lambda: running.gateway.decisions.waiters == 0)


async def test_of_very_many_documents_the_first_are_shown_and_each_is_had(tmp_path, monkeypatch):
    monkeypatch.setattr(rest_views, "DOCUMENTS_SHOWN_MAX", 3)
    async with whole(tmp_path) as running:
        answer, view = await running.post("/v1/documents", many_855(5), Prefer="wait=20")
        assert answer.status == 200
        assert [one["id"] for one in view["documents"]] == [f"{view['id']}-{number}" for number in range(3)]
        assert view["documents_omitted"] == 2
        assert view["meaning"] == "All 5 documents were accepted."
        assert {step["document"] for step in view["timeline"] if "document" in step} <= {
            one["id"] for one in view["documents"]
        }
        last = await running.get(f"/v1/documents/{view['id']}-4")
        assert (last.status, last.told["id"]) == (200, f"{view['id']}-4")
        assert last.told["event"] is not None
