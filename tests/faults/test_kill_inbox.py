"""Partners fetch and confirm while gateways are killed: nothing is lost or there twice, and what was said stands."""

import asyncio
import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.flow.dispatching import order
from tests.site import API_KEY, RunningGateway, Site

ORDERS = 16
KILLS = 1  # and once more when all is confirmed
WITHIN_S = 60
AGREED = {"agreements": [{"document": "purchase_order", "direction": "outbound", "syntax": "json"}]}
NORTHWIND = {"Authorization": f"Bearer {API_KEY}"}


@dataclass
class Program:
    """What the partner's program saw: under which ids each order lay there, and what was confirmed to have been."""

    ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    confirmed: set[str] = field(default_factory=set)

    async def round(self, http: aiohttp.ClientSession, url: str) -> int:
        """List, fetch and confirm what there is; returns how much that was."""
        async with http.get(f"{url}/v1/inbox?limit=200", headers=NORTHWIND) as answer:
            documents = (await answer.json())["documents"] if answer.status == 200 else []
        for item in documents:
            assert item["id"] not in self.confirmed, "what was confirmed lies there again"
            async with http.get(url + item["links"]["content"], headers=NORTHWIND) as answer:
                if answer.status != 200:
                    continue
                number = json.loads(await answer.read())["number"]
            assert number == item["number"]
            self.ids[number].add(item["id"])
            async with http.post(url + item["links"]["confirm"], headers=NORTHWIND) as answer:
                if answer.status == 200:
                    self.confirmed.add(item["id"])
        return len(documents)


async def put(http: aiohttp.ClientSession, gateway: RunningGateway, number: int, token: str) -> None:
    """Have an order sent, under one id however often it takes."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"order-{number}"}
    while True:
        with suppress(aiohttp.ClientError):
            url = f"{gateway.operator_url}/outbound?partner=northwind-parts"
            async with http.post(url, data=order(f"PO-{number}"), headers=headers) as answer:
                if answer.status == 202:
                    return
        await asyncio.sleep(0.05)


async def states(http: aiohttp.ClientSession, gateway: RunningGateway, token: str) -> dict[str, str]:
    url = f"{gateway.operator_url}/messages?direction=out&limit=200"
    async with http.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
        return {row["id"]: row["status"] for row in (await answer.json())["messages"]}


async def test_nothing_is_lost_or_there_twice_however_often_the_gateway_dies(tmp_path, http):
    gateway, program = RunningGateway(Site(tmp_path / "site", northwind_profile=AGREED)), Program()
    try:
        await asyncio.to_thread(gateway.start)
        token = await asyncio.to_thread(gateway.token, "operator")

        async def put_all() -> None:
            for number in range(ORDERS):
                await put(http, gateway, number, token)

        async def fetch_all() -> None:
            # An answer to a confirmation may be lost: what was confirmed is gone from the list all the same.
            lying = ORDERS
            while len(program.ids) < ORDERS or lying:
                with suppress(aiohttp.ClientError):
                    lying = await program.round(http, gateway.edge_url)
                await asyncio.sleep(0.01)

        async with asyncio.timeout(WITHIN_S):
            working = [asyncio.create_task(put_all()), asyncio.create_task(fetch_all())]
            try:
                for kill in range(1, KILLS + 1):
                    # Somewhere in the middle: by then so many are through.
                    while len(program.ids) < kill * ORDERS // (KILLS + 2):
                        assert not working[1].done(), working[1].exception()
                        await asyncio.sleep(0.01)
                    await asyncio.to_thread(gateway.kill)
                    await asyncio.to_thread(gateway.start)
                await asyncio.gather(*working)
            finally:
                for task in working:
                    task.cancel()
                await asyncio.wait(working)
        assert {number: len(ids) for number, ids in program.ids.items()} == {f"PO-{n}": 1 for n in range(ORDERS)}
        await asyncio.to_thread(gateway.kill)
        await asyncio.to_thread(gateway.start)
        found = await states(http, gateway, token)
        assert found == dict.fromkeys(set().union(*program.ids.values()), "delivered")
        assert program.confirmed <= found.keys()
        assert await program.round(http, gateway.edge_url) == 0
    finally:
        gateway.kill()


@pytest.fixture
def two_gateways(tmp_path, database_url):
    made = [
        RunningGateway(Site(tmp_path / name, {"database_url": database_url}, northwind_profile=AGREED))
        for name in ("one", "two")
    ]
    yield made
    for gateway in made:
        gateway.kill()


async def test_two_gateways_have_one_inbox(two_gateways, http):
    one, two = two_gateways
    await asyncio.gather(*(asyncio.to_thread(gateway.start) for gateway in two_gateways))
    token = await asyncio.to_thread(one.token, "operator")
    await asyncio.gather(*(put(http, one, number, token) for number in range(8)))
    async with http.get(f"{two.edge_url}/v1/inbox", headers=NORTHWIND) as answer:
        documents = (await answer.json())["documents"]
    assert sorted(item["number"] for item in documents) == [f"PO-{number}" for number in range(8)]

    async def confirm(gateway: RunningGateway, item: dict) -> str:
        async with http.post(gateway.edge_url + item["links"]["confirm"], headers=NORTHWIND) as answer:
            return f"{answer.status} {await answer.text()}"

    for item in documents:
        first, second = await asyncio.gather(confirm(one, item), confirm(two, item))
        assert first == second
        assert first.startswith("200 ")
    assert set((await states(http, one, token)).values()) == {"delivered"}
    for gateway in two_gateways:
        async with http.get(f"{gateway.edge_url}/v1/inbox", headers=NORTHWIND) as answer:
            assert (await answer.json())["documents"] == []
