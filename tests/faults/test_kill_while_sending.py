"""kill -9 at each moment of sending: never lost, and the same Message-ID and bytes each time."""

import asyncio
import secrets
import time

import pytest

from gateway.flow.outward.ways import transport_id
from gateway.model.ids import IdSource
from gateway.settings import load_settings
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.store.deliveries import NewDelivery
from tests.faults.oracle import Store
from tests.faults.server_of_a_partner import ANSWERED, CONNECTED, RECEIVED, PartnerServer, listening, profile
from tests.site import RunningGateway, Site

PARTNER = "acme-supply"
WIRE = "SELECT data FROM delivery_body WHERE delivery_id = :id AND part = 'wire'"


def enqueue(site: Site, number: int, *, lane: str) -> list[str]:
    """Deliveries as some other process would enqueue them."""
    database = Database(load_settings(site.config, {}).settings.resolved_database_url())
    ids = IdSource(lambda: time.time_ns() // 1_000_000, secrets.randbits)
    made = []
    try:
        for _ in range(number):
            key = ids.next()
            now_ms = time.time_ns() // 1_000_000
            new = NewDelivery(
                id=key,
                partner_id=PARTNER,
                profile_digest="",
                identity="bigcorp",
                channel="as2",
                kind="file",
                lane=lane,
                transport_id=transport_id(key, "bigcorp.example"),
                content_type="application/edi-x12",
                filename="order.edi",
                subject="",
                payload=b"ISA*" + key.encode(),
                created_at_ms=now_ms,
                due_at_ms=now_ms,
            )
            database.write_now(lambda connection, new=new: deliveries.enqueue(connection, new))
            made.append(key)
    finally:
        database.close()
    return made


async def test_a_kill_at_any_moment_loses_nothing_and_sends_the_same_again(tmp_path):
    moments = [CONNECTED, RECEIVED, ANSWERED]
    killed: list[tuple[str, dict[str, bytes]]] = []
    restarting: list[asyncio.Task] = []
    up = asyncio.Event()
    gateway: RunningGateway
    store: Store

    async def start() -> None:
        await asyncio.to_thread(gateway.start)
        up.set()

    async def kill(moment: str) -> None:
        if moments and moment == moments[0]:
            moments.pop(0)
            await up.wait()
            up.clear()
            gateway.kill()
            rows = store.rows("SELECT delivery_id, data FROM delivery_body WHERE part = 'wire'")
            killed.append((moment, {key: bytes(data) for key, data in rows}))
            restarting.append(asyncio.create_task(start()))

    async with listening(PartnerServer(kill)) as server:
        site = Site(tmp_path / "site", acme_profile=profile(server.port))
        gateway, store = RunningGateway(site), Store(site)
        sent = enqueue(site, 4, lane="acme-supply/PO-1")
        await start()
        try:
            await store.wait_for("SELECT count(*) FROM delivery WHERE state <> 'delivered'", 0)
            await asyncio.gather(*restarting)
        finally:
            gateway.kill()
            print("\n".join(gateway.log[-60:]))
    assert [moment for moment, _ in killed] == [CONNECTED, RECEIVED, ANSWERED]
    assert set(server.parcels) == {transport_id(key, "bigcorp.example") for key in sent}
    assert all(len(bodies) == 1 for bodies in server.parcels.values()), "the same bytes under the same Message-ID"
    assert len(server.got) > len(sent), "nothing went twice: the kills proved nothing"
    order = list(server.parcels)
    assert order == sorted(order), "one behind the other"
    for _, kept in killed:
        assert kept, "the parcel is kept before the first byte leaves"
        for key, wire in kept.items():
            assert server.parcels[transport_id(key, "bigcorp.example")] == {wire}
    for key in sent:
        assert store.value(WIRE, id=key) in server.parcels[transport_id(key, "bigcorp.example")]


async def test_an_attempt_without_an_answer_is_broken_off_by_sigterm_and_made_again(tmp_path):
    halted, goes_on = asyncio.Event(), asyncio.Event()

    async def halt(moment: str) -> None:
        if moment == RECEIVED:
            halted.set()
            await goes_on.wait()

    async with listening(PartnerServer(halt)) as server:
        limits = {"limits": {"shutdown_timeout_s": 2}}
        gateway = RunningGateway(Site(tmp_path / "site", limits, acme_profile=profile(server.port)))
        (sent,) = enqueue(gateway.site, 1, lane="L")
        store = Store(gateway.site)
        try:
            await asyncio.to_thread(gateway.start)
            await asyncio.wait_for(halted.wait(), 60)
            assert await asyncio.to_thread(gateway.stop) == 0
            assert store.rows("SELECT state, attempts FROM delivery") == [("queued", 0)]
            goes_on.set()
            await asyncio.to_thread(gateway.start)
            await store.wait_for("SELECT count(*) FROM delivery WHERE state = 'delivered'", 1)
        finally:
            goes_on.set()
            gateway.kill()
        assert not any("Traceback" in line for line in gateway.log)
    assert {message_id: len(bodies) for message_id, bodies in server.parcels.items()} == {
        transport_id(sent, "bigcorp.example"): 1
    }


@pytest.fixture
def two_gateways(tmp_path, database_url):
    async def nothing(_moment: str) -> None:
        pass

    return tmp_path, database_url, PartnerServer(nothing)


async def test_another_gateway_takes_over_from_one_that_is_killed(two_gateways):
    root, database_url, server = two_gateways
    halted, goes_on = asyncio.Event(), asyncio.Event()

    async def halt(moment: str) -> None:
        if moment == RECEIVED and not goes_on.is_set():
            halted.set()
            await goes_on.wait()

    server.at = halt
    settings = {"database_url": database_url, "limits": {"claim_lease_s": 2}}
    async with listening(server):
        sites = [Site(root / name, settings, acme_profile=profile(server.port)) for name in ("one", "two")]
        one, two = (RunningGateway(site) for site in sites)
        (sent,) = enqueue(sites[0], 1, lane="L")
        try:
            await asyncio.to_thread(one.start)
            await asyncio.wait_for(halted.wait(), 60)
            await asyncio.to_thread(two.start)
            one.kill()
            goes_on.set()
            await Store(sites[1]).wait_for("SELECT count(*) FROM delivery WHERE state = 'delivered'", 1)
        finally:
            goes_on.set()
            one.kill()
            two.kill()
    assert set(server.parcels) == {transport_id(sent, "bigcorp.example")}
    assert [len(bodies) for bodies in server.parcels.values()] == [1]
