from datetime import UTC, datetime

from aiohttp import web

from gateway.api.openapi import openapi
from gateway.api.operations import OPERATIONS, Deprecation, Operation, Tag
from gateway.api.promises import PROMISES
from gateway.edge.http import HttpServer, Routes
from gateway.edge.ports import _gate, new_bodies
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.api_keys import ApiKeys
from gateway.edge.rest.identity.callers import Identity
from gateway.edge.throttling import Throttle
from gateway.model.refusals import Reason, Refused
from tests.edge.house import ACME_KEY
from tests.edge.rest.contract import assert_as_promised

ACME = {"X-API-Key": ACME_KEY}
OLD = Operation(
    "list_events",
    "GET",
    "/v0/events",
    Tag.WEBHOOKS,
    "As it was",
    deprecated=Deprecation(
        datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), "/v1/events"
    ),
)


async def test_a_call_on_its_way_out_says_so_whatever_it_answers(house, client):
    bodies, throttle, routes = new_bodies(house.edge.settings, house.edge.now_ms), Throttle(house.edge.now_ms), Routes()
    door = Door(house.edge, bodies, Identity(house.edge, [ApiKeys(house.edge).find]), throttle, {OLD.id: OLD})

    async def handler(request, caller):
        if "fail" in request.query:
            raise Refused(Reason.INVALID_REQUEST, "asked for")
        return web.Response(text="fine")

    door.add(routes, OLD.id, handler)
    server = HttpServer("old", house.edge, routes, bodies, _gate(house.edge))
    await server.start("127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{server.address[1]}/v0/events"
        for query, headers, status in (("", ACME, 200), ("?fail=1", ACME, 400), ("", {}, 401)):
            async with client.get(url + query, headers=headers) as answer:
                assert answer.status == status
                assert answer.headers["Deprecation"] == "@1767225600"
                assert answer.headers["Sunset"] == "Thu, 31 Dec 2026 23:59:59 GMT"
                assert answer.headers["Link"] == (
                    '</v1/events>; rel="successor-version", '
                    '</v1/reference#list_events>; rel="deprecation"; type="text/html"'
                )
    finally:
        await server.stop(1)


def test_the_document_tells_it_too():
    told = openapi(operations={OLD.id: OLD}, promises={OLD.id: PROMISES[OLD.id]})["paths"]["/v0/events"]["get"]
    assert told["deprecated"] is True
    assert {"Deprecation", "Sunset", "Link"} <= set(told["responses"]["200"]["headers"])


async def test_a_parameter_on_its_way_out_says_so_where_it_is_used(house, client):
    async with client.get(f"{house.url}/v1/documents", headers=ACME, params={"before": "0" * 26}) as answer:
        await assert_as_promised("list_documents", answer)
        assert answer.status == 200
        assert answer.headers["Deprecation"] == "@1796083200"
        assert 'rel="deprecation"' in answer.headers["Link"]
        assert "successor-version" not in answer.headers["Link"]
    async with client.get(f"{house.url}/v1/documents?limit=1", headers=ACME) as answer:
        assert "Deprecation" not in answer.headers


def test_no_call_of_this_release_is_on_its_way_out():
    assert not [operation.id for operation in OPERATIONS.values() if operation.deprecated is not None]
