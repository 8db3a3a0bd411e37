"""The gateway is killed while it tells a partner of events: none is lost, none has two ids, and order is kept."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import orjson
import pytest
import standardwebhooks

from tests.flow.hooks import HMAC, Got, Hook, hooking
from tests.site import API_KEY, RunningGateway, Site, ship_notice_json

ORDERS = 3
ROUNDS = 2
WITHIN_S = 60
# The calls during which it dies: before the answer of the first one, and amid the others.
DIES_AT = (1, 4)


@pytest.fixture
async def hook():
    async with hooking() as opened:
        yield opened


@pytest.fixture
def site(tmp_path, hook):
    webhooks = {
        "hosts": ["localhost"],
        "without_tls": True,
        "private_networks": ["127.0.0.0/8", "::1/128"],
        "subscriptions": [
            {
                "name": "documents",
                "url": f"http://localhost:{hook.port}/in",
                "secrets": "env:HOOK_KEY",
                "events": "document.accepted",
            }
        ],
    }
    return Site(tmp_path / "site", northwind_profile={"webhooks": webhooks})


async def submit(gateway: RunningGateway, number: int) -> None:
    """Until it is acknowledged, as every client does."""
    body = ship_notice_json(number, order=f"NPO-{number % ORDERS}")
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": f"document-{number}"}
    while True:
        try:
            async with aiohttp.ClientSession() as client:
                url = f"{gateway.edge_url}/v1/documents"
                async with client.post(url, data=body, headers=headers) as answer:
                    assert answer.status == 202, await answer.text()
                    return
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)


def first_calls(hook: Hook) -> list[Got]:
    seen: set[str] = set()
    return [got for got in hook.calls if not (got.id in seen or seen.add(got.id))]


async def until(hook: Hook, condition: Callable[[], bool], beat: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await beat()
            await asyncio.sleep(0.05)


async def test_every_event_is_told_under_one_id_and_in_order_however_often_it_dies(site, hook):
    gateway = RunningGateway(site, HOOK_KEY=HMAC.text)
    dies = set(DIES_AT)
    dead = asyncio.Event()

    async def answer(_: Got) -> int:
        number = len(hook.calls)
        if number in dies:
            dies.discard(number)
            await asyncio.to_thread(gateway.kill)
            dead.set()
        return 200

    async def revive() -> None:
        if dead.is_set():
            dead.clear()
            await asyncio.to_thread(gateway.start)

    hook.answer = answer
    await asyncio.to_thread(gateway.start)
    try:
        wanted = ORDERS * ROUNDS
        # One after the other: the order of a partner's messages is that of their acceptance.
        submitting = asyncio.create_task(_submit_all(gateway, wanted))
        await until(hook, lambda: submitting.done() and len(first_calls(hook)) >= wanted and not dies, revive)
        await submitting
        assert await asyncio.to_thread(gateway.stop) == 0
    finally:
        await asyncio.to_thread(gateway.kill)
    told = first_calls(hook)
    assert len(told) == wanted
    bodies: dict[str, set[bytes]] = {}
    for got in hook.calls:
        bodies.setdefault(got.id, set()).add(got.body)
        standardwebhooks.Webhook(HMAC.text).verify(got.body, got.headers)
    assert all(len(different) == 1 for different in bodies.values())
    numbers: dict[str, list[int]] = {}
    for got in told:
        (document,) = orjson.loads(got.body)["data"]["documents"]
        numbers.setdefault(document["purchase_order_number"], []).append(int(document["number"].removeprefix("SN-")))
    assert numbers == {f"NPO-{order}": list(range(order, wanted, ORDERS)) for order in range(ORDERS)}
    assert len(hook.calls) >= wanted + len(DIES_AT)  # what was under way is told again
    assert HMAC.text not in "\n".join(gateway.log)


async def _submit_all(gateway: RunningGateway, wanted: int) -> None:
    for number in range(wanted):
        await submit(gateway, number)
