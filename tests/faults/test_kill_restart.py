"""kill -9 while a partner goes on with a large message (AS2 Restart): what was kept is true, or is sent again."""

import asyncio
import hashlib
import random
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.settings import SPOOL_FOLDER
from tests.faults.oracle import Store
from tests.faults.posting import Parcel, attempt
from tests.site import RunningGateway, Site, acknowledgment_855

MIB = 1_048_576
SYNCED = 16 * MIB  # what a transfer that is killed loses at most
WITHIN_S = 30


@pytest.fixture
def site(tmp_path):
    """Without a broker: what is looked at ends in the store."""
    as2 = {"id": "ACME-AS2", "certificate": "acme.pem", "receive_restarts": True}
    return Site(tmp_path, {"processing_paused": True, "limits": {"disk_free_bytes_min": 0}}, {"as2": as2})


@pytest.fixture
def payload():
    return acknowledgment_855(1) + random.Random(7).randbytes(22 * MIB)


@pytest.fixture
def parcel(site, payload):
    written = site.as2_message(payload, "<large@acme.example>")
    headers = (*written.headers, ("ETag", '"large"'))
    return Parcel("<large@acme.example>", "as2", "/as2", tuple(headers), bytes(written.body), "PO-1")


async def held(http, gateway, parcel):
    asked = [(name, value) for name, value in parcel.headers if name.lower() in {"as2-from", "as2-to", "etag"}]
    url, headers = gateway.edge_url + parcel.path, [*asked, ("Message-ID", parcel.key)]
    async with asyncio.timeout(WITHIN_S):
        while True:
            async with http.head(url, headers=headers) as answer:
                if answer.status == 200:
                    return int(answer.headers["Content-Length"])
                assert answer.status == 503


async def begin(gateway, parcel, start, end):
    """A transfer that stops at a byte, its connection open."""
    size = len(parcel.body)
    fields = [*parcel.headers, ("Content-Length", str(size - start))]
    if start:
        fields.append(("Content-Range", f"bytes {start}-{size - 1}/{size}"))
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.edge_port)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    writer.write(f"POST /as2 HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + parcel.body[start:end])
    with suppress(ConnectionError):
        await writer.drain()
    return writer


def rest_of(parcel, start):
    size = len(parcel.body)
    part = ("Content-Range", f"bytes {start}-{size - 1}/{size}")
    headers = (*parcel.headers, part) if start else parcel.headers
    return Parcel(parcel.key, parcel.channel, parcel.path, headers, parcel.body[start:], parcel.order)


def parts(site):
    folder = site.data_dir / SPOOL_FOLDER / "parts"
    return [file for file in folder.iterdir() if file.exists()] if folder.is_dir() else []


async def grown_to(site, size):
    """Until a part has so many bytes; nothing in the gateway tells from outside."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            with suppress(FileNotFoundError):  # it takes another name as it grows
                if any(file.stat().st_size >= size for file in parts(site)):
                    return
            await asyncio.sleep(0)


async def again(gateway):
    gateway.kill()
    await asyncio.to_thread(gateway.start)


async def assert_it_is_taken(http, site, gateway, parcel, payload):
    """Once and whole, in as many attempts as a sender makes; a repetition gets the same answer."""
    store = Store(site)
    answer = await attempt(http, gateway, rest_of(parcel, await held(http, gateway, parcel)))
    assert answer.is_positive, answer
    assert (await attempt(http, gateway, parcel)).body == answer.body
    assert list(store.accepted()) == [parcel.key]
    rows = store.rows("SELECT data FROM message_body WHERE part = 'payload' ORDER BY piece")
    kept = b"".join(bytes(row[0]) for row in rows)
    assert hashlib.sha256(kept).digest() == hashlib.sha256(payload).digest()
    assert parts(site) == []


async def test_what_was_kept_outlives_kills_and_is_gone_on_with(http, site, parcel, payload):
    gateway = RunningGateway(site)
    await asyncio.to_thread(gateway.start)
    try:
        (await begin(gateway, parcel, 0, 2 * MIB)).close()
        there = await held(http, gateway, parcel)
        assert MIB < there <= 2 * MIB
        # Killed on the way: what was not waited for is cut off again, what was stays.
        writer = await begin(gateway, parcel, there, there + MIB)
        await grown_to(site, there + 1)
        await again(gateway)
        writer.close()
        assert await held(http, gateway, parcel) == there
        writer = await begin(gateway, parcel, there, there + SYNCED + 2 * MIB)
        await grown_to(site, there + SYNCED + MIB)
        await again(gateway)
        writer.close()
        assert there + SYNCED <= await held(http, gateway, parcel) <= there + SYNCED + 2 * MIB
        await assert_it_is_taken(http, site, gateway, parcel, payload)
    finally:
        gateway.kill()


async def test_a_kill_with_everything_there_leaves_the_message_or_the_part(http, site, parcel, payload):
    gateway, store = RunningGateway(site), Store(site)
    await asyncio.to_thread(gateway.start)
    try:
        (await begin(gateway, parcel, 0, 18 * MIB)).close()
        there = await held(http, gateway, parcel)
        sending = asyncio.create_task(attempt(http, gateway, rest_of(parcel, there)))
        await grown_to(site, len(parcel.body))
        gateway.kill()
        await asyncio.wait([sending])
        await asyncio.to_thread(gateway.start)
        if not store.accepted():
            assert await held(http, gateway, parcel) >= there
        await assert_it_is_taken(http, site, gateway, parcel, payload)
    finally:
        gateway.kill()


async def test_memory_does_not_grow_with_what_is_put_together(http, site, parcel, payload):
    gateway = RunningGateway(site)
    await asyncio.to_thread(gateway.start)
    try:
        small = site.as2_message(payload[: 3 * MIB], "<small@acme.example>")
        warm = Parcel("<small@acme.example>", "as2", "/as2", tuple(small.headers), bytes(small.body), "PO-1")
        assert (await attempt(http, gateway, warm)).is_positive
        (await begin(gateway, parcel, 0, 11 * MIB)).close()
        there = await held(http, gateway, parcel)
        before = most = anonymous_bytes(gateway)
        taking = asyncio.create_task(attempt(http, gateway, rest_of(parcel, there)))
        while not taking.done():
            most = max(most, anonymous_bytes(gateway))
            await asyncio.sleep(0.002)
        assert (await taking).is_positive
        assert 10 * MIB < there <= 11 * MIB
        assert most - before < len(payload), (before, most)
    finally:
        gateway.kill()


def anonymous_bytes(gateway):
    """What the gateway has in memory that no file stands for."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1_024
