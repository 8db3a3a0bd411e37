import pytest

from gateway.api.operations import OPERATIONS
from gateway.api.promises import PROMISES
from tests.edge.house import ACME_KEY, X12
from tests.edge.rest.contract import assert_as_promised, assert_told_as_promised

ACME = {"Authorization": f"Bearer {ACME_KEY}"}


def test_each_operation_has_its_promise():
    assert set(PROMISES) == set(OPERATIONS)


async def test_documents_are_answered_as_promised(house, client):
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=ACME) as answer:
        told = await assert_as_promised("submit_document", answer)
    async with client.get(house.url + told["links"]["self"], headers=ACME) as answer:
        await assert_as_promised("get_document", answer)
    async with client.get(f"{house.url}/v1/documents", headers=ACME) as answer:
        assert len((await assert_as_promised("list_documents", answer))["submissions"]) == 1
    async with client.get(f"{house.url}/v1/documents") as answer:
        assert (await assert_as_promised("list_documents", answer))["status"] == 401


@pytest.mark.parametrize(
    ("operation", "status", "headers", "body", "says"),
    [
        ("get_event", 201, {}, b"", "answers 201"),
        ("get_event", 200, {"Content-Type": "text/html"}, b"", "with 'text/html'"),
        ("get_event", 200, {"Content-Type": "application/json"}, b"{}", "'id' is a required property"),
        (
            "get_event",
            200,
            {"Content-Type": "application/json"},
            b'{"id":"x","type":"t","timestamp":"2026-03-01T00:00:00Z","data":{},"more":1}',
            "'more' was unexpected",
        ),
        (
            "get_event",
            200,
            {"Content-Type": "application/json"},
            b'{"id":"x","type":"t","timestamp":"yesterday","data":{}}',
            "is not a 'date-time'",
        ),
        ("delete_webhook", 204, {}, b"{}", "no body is promised"),
        ("get_event", 503, {"Retry-After": "soon", "Content-Type": "application/problem+json"}, b"{}", "Retry-After"),
    ],
)
def test_a_broken_promise_is_seen(operation, status, headers, body, says):
    with pytest.raises(AssertionError, match=says):
        assert_told_as_promised(operation, status, headers, body)
