"""A filter that nobody knows would be one that is not applied: the query of a call holds what the document promises."""

import pytest

from tests.edge.house import ACME_KEY

KEY = {"X-API-Key": ACME_KEY}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/v1/documents?typ=invoice", "there is no `typ` in the query of this call; did you mean `type`?"),
        ("/v1/inbox?since_then=1", "there is no `since_then` in the query of this call; there is `cursor`, `limit`"),
        ("/v1/me?x=1", "there is no `x` in the query of this call; it has none at all"),
    ],
)
async def test_an_unknown_name_is_refused_with_those_there_are(house, client, address, said):
    async with client.get(house.url + address, headers=KEY) as answer:
        told = await answer.json(content_type=None)
    assert (answer.status, told["title"]) == (400, "Invalid request")
    assert told["detail"].startswith(said)


async def test_strangers_are_told_nothing_of_it(house, client):
    async with client.get(f"{house.url}/v1/documents?typ=invoice") as answer:
        assert answer.status == 401
