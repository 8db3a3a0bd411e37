"""Answers to orders through the whole line: the ERP gets what canonical JSON of the same would have given it."""

import asyncio
import hashlib
import io
import json
from functools import partial

import orjson
import pytest

from gateway.api.operations import OPERATIONS
from gateway.api.promises import PROMISES
from gateway.store import messages
from gateway.store.deliveries import dispatches
from gateway.store.events import event_log, outbox
from gateway.store.messages import documents
from tests.edge.rest.contract import assert_as_promised
from tests.edge.rest.ordering import AGREED, KEYS, address, ask, ordering_house, payload, send, tell
from tests.edge.rest.whole import whole
from tests.flow.dispatching import order

INBOUND = ("purchase_order_acknowledgment", "ship_notice", "invoice")
PROFILE = {
    "delivery": {"way": "inbox"},
    "webhooks": {"hosts": ["hooks.acme.example"]},
    "agreements": [
        {"document": "purchase_order", "direction": "outbound", "syntax": "json"},
        *({"document": name, "direction": "inbound", "syntax": "json"} for name in INBOUND),
    ],
}
PATH = "/v1/purchase-orders/PO%2F1"
ANSWERS = {
    "acknowledgment": {
        "status": "accepted_with_changes",
        "acknowledgment_number": "SO-1",
        "acknowledged_on": "2026-03-02",
        "lines": [{"line": 1, "status": "changed", "quantity": 9, "deliver_on": "2026-12-05"}],
    },
    "ship-notices": {"shipment_number": "S-1", "shipped_on": "2026-03-03"},
    "invoices": {"invoice_number": "I-1", "invoiced_on": "2026-03-04", "total": 250},
}


async def ordered(gateway, number="PO/1", lines=2):
    answer = await gateway.outbound.accept_document("acme-supply", order(number, lines=lines))
    assert answer.is_accepted, answer


async def published(gateway, message_id):
    """The one event of a message, once the broker has it."""
    async with asyncio.timeout(20):
        while True:
            events = await gateway.database.read(partial(outbox.of_message, message_id=message_id))
            if events and events[0].published_at_ms is not None:
                break
            await asyncio.sleep(0.01)
    (held,) = await gateway.database.read(partial(documents.of_message, message_id=message_id))
    return events[0], held


async def test_each_answer_is_read_like_any_document_and_moves_its_order(tmp_path):
    async with whole(tmp_path, PROFILE) as site:
        await ordered(site.gateway)
        states = []
        for rest, said in ANSWERS.items():
            answer, told = await site.post(f"{PATH}/{rest}", orjson.dumps(said), Prefer="wait=20")
            assert (answer.status, told["outcome"]) == (200, "accepted"), told
            event, document = await published(site.gateway, told["id"])
            assert event.lane == "acme-supply/PO/1"
            # The same as canonical JSON gives the same, byte for byte.
            canonical = (await site.get(f"{answer.headers['Location']}/raw")).body
            again, told_again = await site.post("/v1/documents", await payload_of(site, told["id"]), Prefer="wait=20")
            assert again.status == 200, told_again
            _, as_canonical = await published(site.gateway, told_again["id"])
            assert document.body == as_canonical.body
            assert json.loads(canonical) == said
            shown = (await site.get(PATH)).told
            states.append(shown["state"])
        assert states == ["acknowledged_with_changes", "shipped", "invoiced"]
        kinds = [step["document_type"] for step in shown["history"]]
        assert kinds == ["purchase_order", *(kind for kind in INBOUND for _ in range(2))]
        assert {(await site.get(step["links"]["self"])).status for step in shown["history"][1:]} == {200}
        assert shown["expected"] == []
        log = await site.gateway.database.read(partial(event_log.read, after=0, limit=20))
        assert len(log) == 6
        told = (await site.get("/v1/events")).told
        changes = [item["data"]["state"] for item in told["events"] if item["type"] == "purchase_order.changed"]
        assert changes == ["invoiced", "shipped", "acknowledged_with_changes", "transmitted"]


async def payload_of(site, message_id):
    held = await site.gateway.database.read(partial(messages.payloads, message_ids=[message_id]))
    return held[message_id]


@pytest.fixture
async def house(tmp_path):
    async with ordering_house(tmp_path) as opened:
        yield opened


async def test_an_answer_is_kept_as_it_came_and_told_as_promised(house, client):
    await send(house, "PO-1", lines=2)
    body = b'{"status":  "accepted"}'
    headers = {"X-API-Key": KEYS["acme"], "Content-Type": "application/json", "Idempotency-Key": "k-1"}
    async with client.post(address(house, "PO-1", "/acknowledgment"), data=body, headers=headers) as response:
        told = await assert_as_promised("acknowledge_purchase_order", response)
        assert response.status == 202
    wire = await house.database.read(partial(messages.body, message_id=told["id"], part="wire"))
    assert wire == body
    document = await payload(house, told["id"])
    assert [line["acknowledgments"][0]["quantity"] for line in document["lines"]] == ["10", "10"]
    for rest, said in (("/ship-notices", ANSWERS["ship-notices"]), ("/invoices", ANSWERS["invoices"])):
        async with client.post(
            address(house, "PO-1", rest), json=said, headers={"X-API-Key": KEYS["acme"]}
        ) as response:
            await assert_as_promised("ship_purchase_order" if "ship" in rest else "invoice_purchase_order", response)
            assert response.status == 202


async def test_a_key_stands_for_one_answer_to_one_order(house, client):
    for number in ("PO-1", "PO-2"):
        await send(house, number)
    url, key = address(house, "PO-1", "/acknowledgment"), {"Idempotency-Key": "k-1"}
    first = await tell(client, url, {"status": "accepted"}, **key)
    assert await tell(client, url, {"status": "accepted"}, **key) == first
    elsewhere = address(house, "PO-2", "/acknowledgment")
    for other, said in ((url, {"status": "rejected"}), (elsewhere, {"status": "accepted"})):
        status, told = await tell(client, other, said, **key)
        assert (status, told["type"]) == (422, "urn:partner-gateway:problem:idempotency-key-reused")
    # Somebody else's key is another one.
    await send(house, "PO-1", "globex")
    assert (await tell(client, url, {"status": "accepted"}, "globex", **key))[0] == 202


@pytest.mark.parametrize("operation", ["acknowledge_purchase_order", "ship_purchase_order", "invoice_purchase_order"])
async def test_what_the_reference_gives_as_an_example_is_taken(house, client, operation):
    await send(house, "PO-1")
    taken = PROMISES[operation].takes
    rest = OPERATIONS[operation].path.rpartition("/")[2]
    status, told = await tell(client, address(house, "PO-1", f"/{rest}"), taken.examples["application/json"])
    assert status == 202, told


async def test_a_long_order_is_answered_like_a_short_one(house, client):
    await send(house, "PO-1", lines=150)
    for rest, said in (("/acknowledgment", {"status": "accepted"}), ("/ship-notices", ANSWERS["ship-notices"])):
        status, told = await tell(client, address(house, "PO-1", rest), said)
        assert status == 202
        document = await payload(house, told["id"])
        items = document.get("lines") or document["levels"][0]["children"][0]["children"]
        assert [item["line_id"] for item in items] == [str(number) for number in range(1, 151)]


async def test_what_does_not_fit_the_order_is_told_and_nothing_is_kept(house, client):
    await send(house, "PO-1")
    said = {"status": "accepted_with_changes", "lines": [{"line": 7, "quantity": 1}]}
    status, told = await tell(client, address(house, "PO-1", "/acknowledgment"), said)
    assert (status, told["errors"][0]["pointer"], told["errors"][0]["code"]) == (422, "/lines/0/line", "unknown-line")
    for body in (b"", b"[]", b"{", b'{"status":"accepted","status":"rejected"}', b"\xff", b"null"):
        status, _ = await tell(client, address(house, "PO-1", "/acknowledgment"), body)
        assert status in {400, 422}
    headers = {"X-API-Key": KEYS["acme"]}
    large = io.BytesIO(b" " * 1_048_577)
    async with client.post(address(house, "PO-1", "/acknowledgment"), data=large, headers=headers) as response:
        assert response.status == 413
    assert await house.database.read(messages.find) == []


async def test_what_is_not_agreed_is_said_before_it_is_kept(tmp_path, client):
    agreed = AGREED.replace("  - {document: invoice, direction: inbound, syntax: json}\n", "")
    async with ordering_house(tmp_path, agreed) as house:
        await send(house, "PO-1")
        status, told = await tell(client, address(house, "PO-1", "/invoices"), ANSWERS["invoices"])
        assert (status, told["type"]) == (403, "urn:partner-gateway:problem:forbidden")
        assert "invoice in JSON is not agreed" in told["detail"]


async def test_an_order_whose_content_is_gone_asks_for_the_whole_document(house, client):
    sent = await send(house, "PO-1")
    await house.database.write(partial(dispatches.drop_body, dispatch_id=sent))
    status, told = await tell(client, address(house, "PO-1", "/acknowledgment"), {"status": "accepted"})
    assert (status, told["type"]) == (409, "urn:partner-gateway:problem:not-possible-now")
    assert "POST /v1/documents" in told["detail"]
    status, shown = await ask(client, address(house, "PO-1"))
    assert (status, shown["document"]) == (200, None)


async def test_a_credential_without_the_right_answers_nothing(tmp_path, client):
    digest = hashlib.sha256(b"a key that only reads").hexdigest()
    reading = f"  - {{label: reads, sha256: {digest}, scopes: [orders:read]}}\n"
    async with ordering_house(tmp_path, reading + AGREED) as house:
        await send(house, "PO-1")
        headers = {"X-API-Key": "a key that only reads"}
        async with client.get(address(house, "PO-1"), headers=headers) as response:
            assert response.status == 200
        async with client.post(
            address(house, "PO-1", "/acknowledgment"), json={"status": "accepted"}, headers=headers
        ) as response:
            assert response.status == 403


async def test_an_order_is_shown_and_answered_in_their_words_and_the_erp_reads_its_own(tmp_path):
    words = {"units": [{"theirs": "CA", "ours": "EA", "factor": 5}]}
    async with whole(tmp_path, PROFILE | {"vocabulary": words}) as site:
        await ordered(site.gateway, lines=1)
        (line,) = (await site.get(PATH)).told["document"]["lines"]
        assert (line["quantity"], line["unit"], line["unit_price"]) == ("2", "CA", "62.5"), line
        bodies = []
        for rest, said in (
            ("acknowledgment", {"status": "accepted"}),
            ("acknowledgment", {"status": "accepted_with_changes", "lines": [{"line": 1, "quantity": 1}]}),
            ("ship-notices", ANSWERS["ship-notices"]),
            ("invoices", {"invoice_number": "I-1", "invoiced_on": "2026-03-04"}),
        ):
            answer, told = await site.post(f"{PATH}/{rest}", orjson.dumps(said), Prefer="wait=20")
            assert (answer.status, told["outcome"]) == (200, "accepted"), told
            _, document = await published(site.gateway, told["id"])
            bodies.append(orjson.loads(document.body))
    accepted, changed, shipped, invoiced = bodies
    assert [one["lines"][0]["acknowledgments"][0]["quantity"] for one in (accepted, changed)] == ["10", "5"]
    assert (shipped["lines"][0]["quantity"], shipped["lines"][0]["unit"]) == ("10", "EA")
    assert (invoiced["lines"][0]["quantity"], invoiced["lines"][0]["unit_price"]) == ("10", "12.5")
    assert invoiced["amount_due"] == "125.00"


async def test_an_acknowledgment_of_two_kilobytes_goes_the_same_way(tmp_path):
    async with whole(tmp_path, PROFILE) as site:
        await ordered(site.gateway, lines=20)
        lines = [
            {"line": number, "status": "changed", "quantity": 9, "deliver_on": "2026-12-05", "reason": "one is broken"}
            for number in range(1, 21)
        ]
        body = orjson.dumps({"status": "accepted_with_changes", "acknowledgment_number": "SO-1", "lines": lines})
        assert 1_800 < len(body) < 2_400
        answer, told = await site.post(f"{PATH}/acknowledgment", body, Prefer="wait=20")
        assert (answer.status, told["outcome"]) == (200, "accepted"), told
        _, document = await published(site.gateway, told["id"])
    said = [line["acknowledgments"][0]["quantity"] for line in orjson.loads(document.body)["lines"]]
    assert said == ["9"] * 20
