"""GET /v1/me: a partner learns what opens the door for it and how much it may ask for, and no secret."""

import aiohttp
import pytest

from gateway.store.credentials import uses
from tests.edge.house import ACME_KEY, GLOBEX_KEY, IDLE_KEY, X12, acme, digest, globex, idle, open_house
from tests.edge.rest.contract import assert_as_promised

SECRET = "s3cret-of-acme-0123456789abcdef"
API = (
    "api:\n  oauth_clients:\n"
    f"    - {{client_id: acme-erp, secret_sha256: {digest(SECRET)}, scopes: [documents:read]}}\n"
)
TERMS = (
    "throttling: {submit: {per_second: 3, burst: 9}, daily_max: 5}\n"
    "limits: {body_bytes_max: 4096, requests_per_second_max: 70}\n"
)


@pytest.fixture
def me(client):
    async def me(house, key):
        async with client.get(f"{house.url}/v1/me", headers={"Authorization": f"Bearer {key}"}) as answer:
            assert answer.status == 200
            return await assert_as_promised("get_caller", answer)

    return me


async def test_a_partner_learns_what_we_know_of_it(tmp_path, client, me):
    async with open_house(
        tmp_path, profiles=[acme(API + TERMS), globex(), idle()], passphrase=b"the passphrase of the day"
    ) as house:
        told = await me(house, ACME_KEY)
        assert (told["partner"], told["name"], told["status"], told["required"]) == ("acme", "ACME", "live", [])
        assert told["shown"] == [{"means": "api_key", "label": "main", "scopes": []}]
        known = {(item["means"], item["label"]): item for item in told["credentials"]}
        assert set(known) == {("api_key", "main"), ("api_key", "old"), ("oauth", "acme-erp")}
        assert known["api_key", "main"]["last_used_at"] is not None
        assert known["api_key", "old"]["expires_on"] == "2020-01-01"
        assert known["oauth", "acme-erp"]["scopes"] == ["documents:read"]
        assert known["oauth", "acme-erp"]["last_used_at"] is None
        assert told["limits"]["rates"]["submit"] == {"per_second": 3, "burst": 9}
        assert set(told["limits"]["rates"]) == {"submit", "read", "change", "validate_only", "token"}
        assert told["limits"]["body_bytes_max"] == 4_096
        assert told["limits"]["requests_per_second_max"] == 70
        assert (told["limits"]["daily_max"], told["limits"]["daily_left"]) == (5, 5)
        async with client.post(
            f"{house.url}/v1/documents", data=X12, headers={"Authorization": f"Bearer {ACME_KEY}"}
        ) as answer:
            assert answer.status == 202
        assert (await me(house, ACME_KEY))["limits"]["daily_left"] == 4
        form = {"grant_type": "client_credentials", "scope": "documents:read"}
        basic = {"Authorization": aiohttp.encode_basic_auth("acme-erp", SECRET)}
        async with client.post(f"{house.url}/oauth/token", data=form, headers=basic) as answer:
            token = (await answer.json())["access_token"]
        told = await me(house, token)
        assert told["shown"] == [{"means": "oauth", "label": "acme-erp", "scopes": ["documents:read"]}]
        assert all(secret not in str(told) for secret in (ACME_KEY, SECRET, digest(ACME_KEY), digest(SECRET), token))


async def test_each_learns_of_itself_alone(tmp_path, me):
    async with open_house(tmp_path) as house:
        told = await me(house, GLOBEX_KEY)
        assert (told["partner"], told["limits"]["daily_left"]) == ("globex", None)
        assert (await me(house, IDLE_KEY))["status"] == "suspended"


async def test_the_last_use_that_any_node_saw_counts(tmp_path, me):
    async with open_house(tmp_path, now_ms=lambda: 1_000_000_000_000) as house:
        key = ("acme", "api_key", "main")
        await house.database.write(lambda connection: uses.keep(connection, {key: 1_000_000_060_000}))
        (main, _) = (await me(house, ACME_KEY))["credentials"]
        assert main["last_used_at"] == "2001-09-09T01:47:40.000Z"
