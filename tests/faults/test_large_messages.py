"""kill -9 while a large message goes into the store: unseen till acknowledged, swept at start, taken when retried."""

import asyncio
import hashlib
import random
import sqlite3

import pytest

from gateway.store.engine.connections import WAL_BYTES_KEPT
from tests.faults.full_disk import SmallDisk
from tests.faults.oracle import Store
from tests.faults.posting import Parcel, attempt
from tests.site import RunningGateway, Site, acknowledgment_855

NOISE_BYTES = 2_621_440
PIECES = 6  # payload and wire, a MiB each at most


@pytest.fixture
def site(tmp_path):
    """Without a broker: what is looked at ends in the store."""
    return Site(tmp_path, {"processing_paused": True, "limits": {"disk_free_bytes_min": 0}})


@pytest.fixture
def payload():
    """An 855 that no compression makes small."""
    return acknowledgment_855(1) + random.Random(1).randbytes(NOISE_BYTES)


@pytest.fixture
def parcel(site, payload):
    written = site.as2_message(payload, "<large@acme.example>")
    return Parcel("<large@acme.example>", "as2", "/as2", tuple(written.headers), bytes(written.body), "PO-1")


def staged_pieces(site):
    """How many pieces the store has, as another process sees them."""
    with sqlite3.connect(f"file:{site.data_dir / 'gateway.db'}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT count(*) FROM message_body").fetchone()[0]


def assert_nothing_is_left(store):
    assert store.rows("SELECT id FROM message") == []
    assert store.value("SELECT count(*) FROM message_body") == 0
    assert store.value("SELECT count(*) FROM claim WHERE name LIKE 'staging:%'") == 0


async def assert_it_is_taken(http, gateway, store, parcel, payload):
    """Once and whole, and a duplicate gets the same answer."""
    answer = await attempt(http, gateway, parcel)
    assert answer.is_positive, answer
    again = await attempt(http, gateway, parcel)
    assert again.body == answer.body
    assert list(store.accepted()) == [parcel.key]
    for part, expected in (("payload", payload), ("wire", parcel.body)):
        pieces = [
            bytes(row[0])
            for row in store.rows("SELECT data FROM message_body WHERE part = :part ORDER BY piece", part=part)
        ]
        kept = b"".join(pieces)
        assert hashlib.sha256(kept[-len(expected) :]).digest() == hashlib.sha256(expected).digest()
    assert store.value("SELECT count(*) FROM claim WHERE name LIKE 'staging:%'") == 0


async def test_kills_between_the_steps_leave_nothing_and_the_retry_is_taken(http, site, parcel, payload):
    gateway, store = RunningGateway(site), Store(site)
    await asyncio.to_thread(gateway.start)
    try:
        for pieces in (2, PIECES):
            sending = asyncio.create_task(attempt(http, gateway, parcel))
            while staged_pieces(site) < pieces and not sending.done():
                await asyncio.sleep(0)
            gateway.kill()
            await asyncio.wait([sending])
            await asyncio.to_thread(gateway.start)
            if sending.exception() is None:
                break  # it was faster than the kill: now it has to be there
            if not store.accepted():
                assert_nothing_is_left(store)
        await assert_it_is_taken(http, gateway, store, parcel, payload)
    finally:
        gateway.kill()


async def test_a_disk_that_fills_up_on_the_way_is_answered_with_503_and_the_retry_is_taken(
    tmp_path, site, http, parcel, payload
):
    disk = SmallDisk(tmp_path / "data-of-its-own" / "data")
    small = Site(disk.folder.parent, site.settings)
    assert len(payload) + len(parcel.body) < WAL_BYTES_KEPT
    gateway, store = RunningGateway(small), Store(small)
    await asyncio.to_thread(lambda: gateway.start(before=disk.before))
    try:
        disk.fill()
        refused = await attempt(http, gateway, parcel)
        assert (refused.status, refused.retry_after is not None) == (503, True)
        disk.free(gateway.process.pid)
        assert store.rows("SELECT id FROM message") == []
        await assert_it_is_taken(http, gateway, store, parcel, payload)
    finally:
        gateway.kill()
        disk.close()
