"""Where orders stand, as their partner sees it."""

import orjson
import pytest
from yarl import URL

from tests.edge.rest.contract import assert_as_promised
from tests.edge.rest.ordering import KEYS, address, ask, deliver, ordering_house, send, tell

ODD = ["4711/2026", "100 %", "a?b#c", "Bestellung ü", "\U0001f4e6", "%2F", "+", "x" * 200, "'; --", "..", "ü" * 200]


@pytest.fixture
async def house(tmp_path):
    async with ordering_house(tmp_path) as opened:
        yield opened


async def listed(client, house, query="", partner="acme"):
    status, told = await ask(client, f"{house.url}/v1/purchase-orders{query}", partner)
    assert status == 200, told
    return [row["number"] for row in told["purchase_orders"]]


async def test_an_order_says_where_it_stands_what_it_says_and_how_it_is_answered(house, client):
    sent = await send(house, "PO-1", lines=2)
    headers = {"X-API-Key": KEYS["acme"]}
    async with client.get(f"{house.url}/v1/purchase-orders", headers=headers) as response:
        (row,) = (await assert_as_promised("list_purchase_orders", response))["purchase_orders"]
    assert (row["number"], row["state"], row["origin"], row["ordered_on"]) == (
        "PO-1",
        "transmitted",
        "sent",
        "2026-03-01",
    )
    assert row["expected"] == ["purchase_order_acknowledgment"]
    await deliver(house, sent)
    async with client.get(house.url + row["links"]["self"], headers=headers) as response:
        shown = await assert_as_promised("get_purchase_order", response)
    assert shown["state"] == "received"
    assert [line["line_id"] for line in shown["document"]["lines"]] == ["1", "2"]
    (step,) = shown["history"]
    assert (step["id"], step["document_type"], step["status"]) == (sent, "purchase_order", "delivered")
    status, _ = await ask(client, house.url + step["links"]["inbox"])
    assert status == 200
    assert shown["links"]["ship_notices"] == "/v1/purchase-orders/PO-1/ship-notices"


@pytest.mark.parametrize("number", ODD, ids=range(len(ODD)))
async def test_a_number_is_data(house, client, number):
    await send(house, number)
    status, told = await ask(client, f"{house.url}/v1/purchase-orders")
    assert (status, told["purchase_orders"][0]["number"]) == (200, number)
    for link, expected in (("self", 200), ("acknowledgment", 405), ("invoices", 405)):
        link_to = URL(house.url + told["purchase_orders"][0]["links"][link], encoded=True)
        status, shown = await ask(client, link_to)
        assert status == expected, shown
    status, shown = await ask(client, address(house, number))
    assert (status, shown["number"], shown["document"]["number"]) == (200, number, number)
    status, told = await tell(client, address(house, number, "/acknowledgment"), {"status": "accepted"})
    assert status == 202, told


@pytest.mark.parametrize("number", ["PO-2", "PO-1 ", "po-1", "PO-1%00", "PO-1/", "..%2fPO-1", "x" * 3_000])
async def test_what_is_no_order_of_theirs_is_not_found(house, client, number):
    await send(house, "PO-1")
    await send(house, "PO-2", "globex")
    url = URL(f"{house.url}/v1/purchase-orders/{number.replace(' ', '%20')}", encoded=True)
    assert (await ask(client, url))[0] == 404


async def test_another_partners_order_looks_like_none_on_every_route(house, client):
    await send(house, "PO-1", "globex")
    for rest in ("", "/acknowledgment", "/ship-notices", "/invoices"):
        of_others, of_nobody = address(house, "PO-1", rest), address(house, "NO-1", rest)
        answers = []
        for url in (of_others, of_nobody):
            if rest:
                answers.append(await tell(client, url, {"status": "accepted"}))
            else:
                answers.append(await ask(client, url))
        (status, told), (status_of_nobody, told_of_nobody) = answers
        told.pop("instance"), told_of_nobody.pop("instance")
        assert (status, told) == (status_of_nobody, told_of_nobody)
        assert status == 404
    assert await listed(client, house) == []
    assert await listed(client, house, partner="globex") == ["PO-1"]


async def test_without_a_credential_nobody_sees_anything(house, client):
    await send(house, "PO-1")
    for url in (f"{house.url}/v1/purchase-orders", address(house, "PO-1")):
        async with client.get(url) as response:
            assert response.status == 401


async def test_pages_states_and_moments(house, client):
    sent = [await send(house, f"PO-{number}") for number in range(5)]
    await deliver(house, sent[1])
    assert await listed(client, house, "?state=received") == ["PO-1"]
    assert await listed(client, house, "?open=false") == []
    assert len(await listed(client, house, "?open=all")) == 5
    assert await listed(client, house, "?since=2199-01-01T00:00:00Z") == []
    seen, url = [], f"{house.url}/v1/purchase-orders?limit=2&open=true"
    while url:
        status, told = await ask(client, url)
        assert status == 200
        seen += [row["number"] for row in told["purchase_orders"]]
        url = told["links"]["next"] and house.url + told["links"]["next"]
    assert sorted(seen) == [f"PO-{number}" for number in range(5)]


@pytest.mark.parametrize(
    "query",
    ["?state=lost", "?open=maybe", "?cursor=x", "?cursor=MS56eg", "?since=yesterday", "?limit=0", "?state=a&state=b",
     "?cursor=MS5mZg"],
)  # fmt: skip
async def test_a_senseless_question_is_told_so(house, client, query):
    status, told = await ask(client, f"{house.url}/v1/purchase-orders{query}")
    assert (status, told["type"]) == (400, "urn:partner-gateway:problem:invalid-request")


async def test_a_change_is_part_of_what_the_order_says(house, client):
    await send(house, "PO-1", lines=2)
    change = {
        "document_type": "purchase_order_change",
        "schema_version": "1.0",
        "number": "C-1",
        "purchase_order_number": "PO-1",
        "purpose": "change",
        "issued_on": "2026-03-02",
        "lines": [
            {"line_id": "1", "change": "quantity_raised", "quantity": "12"},
            {"line_id": "2", "change_code": "DI"},
            {"line_id": "3", "change_code": "AI", "quantity": "7", "unit": "EA", "unit_price": "1"},
        ],
    }
    answer = await house.edge.outbound.accept_document("acme", orjson.dumps(change))
    assert answer.is_accepted, answer
    _, shown = await ask(client, address(house, "PO-1"))
    lines = {line["line_id"]: line for line in shown["document"]["lines"]}
    assert {number: line["quantity"] for number, line in lines.items()} == {"1": "12", "3": "7"}
    assert lines["1"]["unit_price"] == "12.5"
    assert [step["document_type"] for step in shown["history"]] == ["purchase_order", "purchase_order_change"]
