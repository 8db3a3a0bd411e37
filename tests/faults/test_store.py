"""A store that cannot commit: 503 with Retry-After, never a 2xx, and the retry is taken once it can."""

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from tests.faults.full_disk import SmallDisk
from tests.faults.oracle import Store, check_nothing_lost
from tests.faults.posting import as2_parcel, attempt, deliver, rest_parcel
from tests.site import RunningGateway, Site

PAYLOAD_BYTES = 200_000
UNTIL_FULL_MAX = 500
LEASE_S = 3_600  # what was under way when the disk filled up goes on as soon as there is room, not when a lease ends


def assert_invites_a_retry(answer):
    assert answer.status == 503
    assert int(answer.retry_after) > 0
    assert answer.content_type == "application/problem+json"
    assert b"store-unavailable" in answer.body


async def test_a_locked_database_is_answered_with_503_and_the_retry_is_kept(site, http, gateway, store, erp, ledger):
    await asyncio.to_thread(gateway.start)
    parcels = [rest_parcel(1), as2_parcel(site, 1)]
    intruder = sqlite3.connect(site.data_dir / "gateway.db", isolation_level=None)
    intruder.execute("BEGIN EXCLUSIVE")
    for answer in await asyncio.gather(*(attempt(http, gateway, parcel) for parcel in parcels)):
        assert_invites_a_retry(answer)
    intruder.execute("ROLLBACK")
    intruder.close()
    assert store.accepted() == {}
    for parcel in parcels:
        await deliver(http, gateway, parcel, ledger)
    await check_nothing_lost(store, ledger, erp)


@pytest.fixture
def small_disk(tmp_path):
    disk = SmallDisk(tmp_path / "site" / "data")
    yield disk
    disk.close()


async def test_a_full_disk_is_answered_with_503_and_the_retry_is_kept(
    tmp_path, small_disk, http, broker_url, erp, ledger
):
    site = Site(
        tmp_path / "site", {"broker_url": broker_url, "limits": {"disk_free_bytes_min": 0, "claim_lease_s": LEASE_S}}
    )
    store = Store(site)
    gateway = RunningGateway(site).start(before=small_disk.before)
    try:
        await deliver(http, gateway, rest_parcel(1), ledger)
        small_disk.fill()
        refused = await send_until_refused(http, gateway, ledger)
        assert_invites_a_retry(refused)
        assert_invites_a_retry(await attempt(http, gateway, as2_parcel(site, 1)))
        async with http.get(gateway.edge_url + "/health/live") as response:
            assert response.status == 200
        small_disk.free(gateway.process.pid)
        await deliver(http, gateway, as2_parcel(site, 1), ledger)
        await check_nothing_lost(store, ledger, erp)
        assert gateway.stop() == 0
    finally:
        gateway.kill()


async def send_until_refused(http, gateway, ledger):
    """The write-ahead log has some room of its own: what is still accepted counts like all else."""
    for number in range(2, UNTIL_FULL_MAX):
        parcel = rest_parcel(number)
        parcel = replace(parcel, body=parcel.body.replace(b"{", b"{" + b" " * PAYLOAD_BYTES, 1))
        ledger.parcels[parcel.key] = parcel
        answer = await attempt(http, gateway, parcel)
        if not answer.is_positive:
            del ledger.parcels[parcel.key]
            return answer
        ledger.answers[parcel.key] = answer
    raise AssertionError("the disk never became full")
