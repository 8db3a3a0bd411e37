import re

import pytest

from gateway.api.openapi import openapi
from gateway.api.operations import OPERATIONS, Operation
from gateway.api.prose import PROBLEMS
from gateway.edge.refusals import ANSWERS
from tests.edge.house import ACME_KEY
from tests.edge.rest.contract import assert_as_promised

NAMED = {"get_schema": "invoice", "get_problem": "not-found"}


def address(operation: Operation, part: str = "0" * 26) -> str:
    return re.sub(r"\{[a-z_]+\}", NAMED.get(operation.id, part), operation.path)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
async def test_every_operation_is_answered(house, client, operation):
    """To those that it is for, and to nobody else."""
    url = house.url + address(operation)
    async with client.request(operation.method, url) as answer:
        await assert_as_promised(operation.id, answer)
        assert (answer.status == 401) == (not operation.is_public and operation.path != "/oauth/token"), answer.status
        if not operation.is_public:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    async with client.request(operation.method, url, headers={"X-API-Key": ACME_KEY}) as answer:
        told = await assert_as_promised(operation.id, answer)
        assert answer.status != 405
        if answer.status == 404:
            # Nothing of theirs has this id; the address itself is known.
            assert operation.open_parts
            assert "there is nothing at this address" not in told["detail"]


def test_the_statuses_of_problems_are_those_that_are_answered():
    assert {answer.status for answer in ANSWERS.values()} <= set(PROBLEMS) | {416}
    responses = openapi()["components"]["responses"]
    assert len(responses) == len(PROBLEMS)


def test_no_two_operations_have_one_route():
    routes = [(operation.method, operation.route) for operation in OPERATIONS.values()]
    assert len(routes) == len(set(routes))
