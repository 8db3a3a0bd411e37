"""The gateway is killed while the ERP publishes: each document becomes one delivery, no control number is missing."""

import asyncio
import random
import sqlite3
from contextlib import closing

import pytest
from aio_pika.abc import AbstractChannel

from gateway.broker.topology import OUTBOUND
from tests.faults.erp import RECONNECT_S, outbound_channel, send
from tests.flow.dispatching import order
from tests.site import RunningGateway, Site

DOCUMENTS = 90
KILLS = 3
ALIVE_S = (0.1, 0.8)
WITHIN_S = 60


@pytest.fixture
def site(tmp_path, broker_url):
    # Nobody answers there: what counts here is what was kept.
    as2 = {"id": "ACME-AS2", "certificate": "acme.pem", "url": "https://as2.acme.invalid/as2"}
    agreement = {"document": "purchase_order", "direction": "outbound", "syntax": "x12", "releases": ["004010"]}
    return Site(tmp_path / "site", {"broker_url": broker_url}, acme_profile={"as2": as2, "agreements": [agreement]})


async def publish(channel: AbstractChannel, number: int, body: bytes | None = None) -> None:
    await send(channel, body or order(f"PO-{number}"), source_id=str(number), partner="acme-supply")


async def drained(channel: AbstractChannel, site: Site, wanted: int) -> None:
    """Until everything is recorded and nothing waits in the queue."""
    async with asyncio.timeout(WITHIN_S):
        while len(rows(site, "SELECT id FROM dispatch")) < wanted:
            await asyncio.sleep(RECONNECT_S)
        while (await channel.declare_queue(OUTBOUND, passive=True)).declaration_result.message_count:
            await asyncio.sleep(RECONNECT_S)


def rows(site: Site, query: str) -> list[tuple]:
    with closing(sqlite3.connect(site.data_dir / "gateway.db")) as connection:
        return connection.execute(query).fetchall()


async def test_every_document_is_one_delivery_however_often_the_gateway_dies(gateway: RunningGateway, site, broker_url):
    await asyncio.to_thread(gateway.start)
    async with outbound_channel(broker_url) as channel:

        async def send_all() -> None:
            for number in range(DOCUMENTS):
                await publish(channel, number)
                if number % 7 == 0:
                    await publish(channel, number)  # the ERP is not sure that it did

        sending = asyncio.create_task(send_all())
        for _ in range(KILLS):
            await asyncio.sleep(random.uniform(*ALIVE_S))
            await asyncio.to_thread(gateway.kill)
            await asyncio.to_thread(gateway.start)
        await sending
        await drained(channel, site, DOCUMENTS)
        dead = await channel.declare_queue("b2b.dead", passive=True)
        assert dead.declaration_result.message_count == 0
        await publish(channel, 0, order("ANOTHER"))  # the id of another document
        async with asyncio.timeout(WITHIN_S):
            while (letter := await dead.get(fail=False)) is None:
                await asyncio.sleep(RECONNECT_S)
        assert "gave the id 0 before, for other content" in str(letter.headers["gateway_reason"])
    await asyncio.to_thread(gateway.stop)

    wanted = rows(site, "SELECT id, source_id, state FROM dispatch ORDER BY id")
    assert sorted(int(source_id) for _, source_id, _ in wanted) == list(range(DOCUMENTS))
    assert {state for *_, state in wanted} == {"accepted"}
    kept = dict(rows(site, "SELECT delivery_id, data FROM delivery_body WHERE part = 'payload'"))
    assert {one for one, *_ in rows(site, "SELECT id FROM delivery")} == {one for one, *_ in wanted} == set(kept)
    # Each number once, none left out, and none listed as left out.
    assert sorted(int(payload[90:99]) for payload in kept.values()) == list(range(1, DOCUMENTS + 1))
    assert rows(site, "SELECT * FROM control_number_gap") == []
    assert rows(site, "SELECT last FROM control_number WHERE scope LIKE 'ISA|%'") == [(DOCUMENTS,)]
    assert all(f"*PO-{source_id}*".encode() in kept[one] for one, source_id, _ in wanted)
