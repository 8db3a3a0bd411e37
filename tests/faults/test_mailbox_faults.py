"""A partner drops files while the gateway is killed, or its disk is full: what was acknowledged is there, once."""

import asyncio
import hashlib
import random
from contextlib import suppress
from dataclasses import dataclass, field

import asyncssh
import pytest
from asyncssh import FXF_APPEND, FXF_CREAT, FXF_TRUNC, FXF_WRITE

from tests.faults.full_disk import SmallDisk
from tests.faults.oracle import Store
from tests.site import LOOPBACK, UNHINDERED, RunningGateway, Site

KILLS = 2
ALIVE_S = (0.3, 1.2)
WITHIN_S = 40
SIZES = (300, 5_000, 70_000, 400_000, 9_000_000)
PARTNER, USER = "acme-supply", "acme"
GONE = (OSError, asyncssh.Error, TimeoutError)


@dataclass
class Ledger:
    """What the partner was told."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    resumed: int = 0


@pytest.fixture
def key():
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def small_disk(tmp_path):
    disk = SmallDisk(tmp_path / "data")
    yield disk
    disk.close()


@pytest.fixture
def site(tmp_path, key):
    terms = {"user": USER, "keys": [{"label": "first", "file": "acme.pub"}]}
    site = Site(
        tmp_path,
        {"sftp_port": 0, "processing_paused": True, "limits": {"disk_free_bytes_min": 0}},
        acme_profile={"sftp": terms, "throttling": UNHINDERED},
    )
    (site.partners_dir / PARTNER / "acme.pub").write_bytes(key.export_public_key())
    return site


def connect(gateway, key):
    return asyncssh.connect(
        LOOPBACK,
        gateway.sftp_port,
        username=USER,
        client_keys=[key],
        known_hosts=None,
        config=None,
        agent_path=None,
        connect_timeout=5,
    )


async def drop_files(gateway, key, ledger, enough, lane):
    """One partner's program: it sends each file until it is told that it is taken, and goes on where it was."""
    chance, number = random.Random(lane), 0
    while not enough.is_set():
        number += 1
        name = f"{lane}-{number:04}.edi"
        content = chance.randbytes(SIZES[chance.randrange(len(SIZES))] + number)
        temporary = bool(chance.getrandbits(1))
        is_taken = False
        while not is_taken:
            with suppress(*GONE):
                async with (
                    asyncio.timeout(WITHIN_S / 2),
                    connect(gateway, key) as connection,
                    connection.start_sftp_client() as client,
                ):
                    is_taken = await drop(client, name, content, temporary, ledger)
            if not is_taken:
                await asyncio.sleep(0.02)
        ledger.acknowledged[name] = hashlib.sha256(content).hexdigest()


async def drop(client, name, content, temporary, ledger):
    """One attempt; as programs do that are careful."""
    target = f"/inbox/{name}.part" if temporary else f"/inbox/{name}"
    there = 0
    with suppress(asyncssh.SFTPNoSuchFile):
        there = (await client.stat(target)).size
    if 0 < there < len(content):
        file = await client.open(target, FXF_WRITE | FXF_APPEND, encoding=None)
        ledger.resumed += 1
    else:
        there = 0
        file = await client.open(target, FXF_WRITE | FXF_CREAT | FXF_TRUNC, encoding=None)
    await file.write(content[there:], there)
    await file.close()
    if temporary:
        await client.rename(target, f"/inbox/{name}")
    return True


async def test_what_was_acknowledged_is_there_once(site, key):
    ledger, enough = Ledger(), asyncio.Event()
    with RunningGateway(site) as gateway:
        dropping = [asyncio.create_task(drop_files(gateway, key, ledger, enough, lane)) for lane in range(3)]
        try:
            for _ in range(KILLS):
                await asyncio.sleep(random.uniform(*ALIVE_S))
                await asyncio.to_thread(gateway.kill)
                await asyncio.to_thread(gateway.start)
            enough.set()
            async with asyncio.timeout(WITHIN_S):
                await asyncio.gather(*dropping)
        finally:
            for task in dropping:
                task.cancel()
            await asyncio.wait(dropping)
        async with connect(gateway, key) as connection, connection.start_sftp_client() as client:
            shown = {name for name in await client.listdir("/inbox") if not name.startswith(".")}
    kept = Store(site).rows("SELECT filename, payload_sha256 FROM message WHERE channel = 'sftp' ORDER BY filename")
    assert [tuple(row) for row in kept] == sorted(ledger.acknowledged.items())
    assert shown == set(ledger.acknowledged)


async def test_a_full_disk_declines_a_file_and_takes_it_later(small_disk, site, key):
    content = random.Random(1).randbytes(6_300_000)
    with RunningGateway(site).start(before=small_disk.before) as gateway:
        async with connect(gateway, key) as connection, connection.start_sftp_client() as client:
            small_disk.fill()
            with pytest.raises(asyncssh.SFTPFailure):
                await drop(client, "a.edi", content, False, Ledger())
            assert Store(site).value("SELECT count(*) FROM message") == 0
            small_disk.free(gateway.process.pid)
        async with connect(gateway, key) as connection, connection.start_sftp_client() as client:
            assert await drop(client, "a.edi", content, False, Ledger())
    sha256 = Store(site).value("SELECT payload_sha256 FROM message")
    assert sha256 == hashlib.sha256(content).hexdigest()
