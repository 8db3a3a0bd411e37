import re

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.api.openapi import openapi
from gateway.model.refusals import Reason
from tests.edge.house import ACME_KEY
from tests.edge.rest.contract import assert_as_promised
from translators.shapes import schema


async def test_the_openapi_document_is_valid_and_is_asked_for_again_cheaply(house, client):
    async with client.get(f"{house.url}/v1/openapi.json") as answer:
        document = await assert_as_promised("get_openapi", answer)
        tag = answer.headers["ETag"]
    OpenAPIV31SpecValidator(document).validate()
    assert document == orjson.loads(orjson.dumps(openapi()))
    for known in (tag, f'"other", W/{tag}', "*"):
        async with client.get(f"{house.url}/v1/openapi.json", headers={"If-None-Match": known}) as again:
            assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
    async with client.get(f"{house.url}/v1/openapi.json", headers={"If-None-Match": '"other"'}) as other:
        assert other.status == 200


async def test_every_schema_of_a_document_is_served(house, client):
    async with client.get(f"{house.url}/v1/schemas") as answer:
        listed = (await assert_as_promised("list_schemas", answer))["schemas"]
    assert len(listed) > 5
    for entry in listed:
        async with client.get(house.url + entry["links"]["self"]) as answer:
            assert await assert_as_promised("get_schema", answer) == schema(entry["name"])
    async with client.get(f"{house.url}/v1/schemas/nonsense") as answer:
        assert answer.status == 404
        assert "/v1/schemas lists" in (await assert_as_promised("get_schema", answer))["detail"]


async def test_every_kind_of_problem_is_explained_to_programs_and_people(house, client):
    async with client.get(f"{house.url}/v1/problems") as answer:
        listed = (await assert_as_promised("list_problems", answer))["problems"]
    assert {one["name"] for one in listed} == {reason.value for reason in Reason}
    for one in listed:
        async with client.get(house.url + one["documentation"]) as answer:
            assert await assert_as_promised("get_problem", answer) == one
            assert answer.headers["Vary"] == "Accept"
        async with client.get(house.url + one["documentation"], headers={"Accept": "text/html"}) as answer:
            assert one["title"] in (await assert_as_promised("get_problem", answer)).decode()
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("*/*", "application/json"),
        ("text/html;q=0.2, application/json", "application/json"),
        ("image/png", "application/problem+json"),
    ],
)
async def test_people_get_pages_and_programs_json(house, client, accept, media_type):
    async with client.get(f"{house.url}/v1/problems", headers={"Accept": accept}) as answer:
        await assert_as_promised("list_problems", answer)
        assert answer.content_type == media_type


async def test_the_operators_port_explains_its_problems_too(house, client):
    async with client.get(f"{house.operator_url}/nowhere") as answer:
        documentation = (await answer.json(content_type=None))["documentation"]
    async with client.get(house.operator_url + documentation) as answer:
        assert (await answer.json())["name"] == "not-found"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/problems/nonsense", 404),
        ("PUT", "/v1/documents", 405),
        ("DELETE", "/v1/openapi.json", 405),
        ("GET", "/oauth/nothing", 404),
        ("POST", "/", 404),
    ],
)
async def test_unknown_addresses_and_methods_have_the_shape_of_every_problem(house, client, method, path, status):
    async with client.request(method, house.url + path, headers={"X-API-Key": ACME_KEY}) as answer:
        told = await answer.json(content_type=None)
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        assert set(told) == {"type", "title", "status", "detail", "instance", "remedy", "documentation"}
        assert ("Allow" in answer.headers) == (status == 405)
    async with client.get(house.url + told["documentation"]) as explained:
        assert (await explained.json())["type"] == told["type"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/inbox/", "leave out the slash"),
        ("/v1/purchase-orders/4711/acknowledgment/", "leave out the slash"),
        ("/v1/purchase-order", "/v1/reference shows every address"),
        ("/", "/v1/reference shows every address"),
    ],
)
async def test_an_unknown_address_says_what_may_have_been_meant(house, client, path, words):
    async with client.get(house.url + path) as answer:
        assert words in (await answer.json(content_type=None))["detail"]
    async with client.get(f"{house.operator_url}/v1/nothing/") as answer:
        assert (await answer.json(content_type=None))["detail"] == "there is nothing at this address"


async def test_a_problem_leads_to_where_partners_reach_us(tmp_path, house, client):
    object.__setattr__(house.edge.settings, "__dict__", house.edge.settings.__dict__ | {"public_url": "https://b2b.x/"})
    async with client.get(f"{house.url}/v1/nothing") as answer:
        told = await answer.json(content_type=None)
    assert told["documentation"] == "https://b2b.x/v1/problems/not-found"


async def test_the_reference_needs_nothing_from_elsewhere_and_runs_no_script_of_its_own(house, client):
    async with client.get(f"{house.url}/v1/reference") as answer:
        page = (await assert_as_promised("get_reference", answer)).decode()
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<script(?![^>]*src=)|<style|\son[a-z]+=|style=|javascript:", page)
    parts = re.findall(r'(?:src|href)="([^"#][^"]*)"', page)
    assert parts
    assert all(part.startswith("/v1/") for part in parts), parts
    for part in parts:
        async with client.get(house.url + part) as answer:
            assert answer.status == 200, part
