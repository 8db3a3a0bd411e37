"""The gateway is killed at each step of taking a file: what was answered is there, and nothing is there twice."""

import asyncio
import hashlib
import random
import subprocess
from contextlib import suppress

import asyncssh
import pytest
from asyncssh import FXF_APPEND, FXF_CREAT, FXF_TRUNC, FXF_WRITE

from tests.faults.oracle import Store
from tests.faults.test_mailbox_faults import GONE, PARTNER, USER, connect
from tests.services.strace import find_or_install_strace, kill_at
from tests.site import UNHINDERED, RunningGateway, Site

WITHIN_S = 40
# More than stays in memory, less than is written before the end: all of it goes to the disk at CLOSE.
BYTES = 300_000
NEW = FXF_WRITE | FXF_CREAT | FXF_TRUNC
# A thread counts for itself. That of the part makes it, writes its bytes, and notes what it is about to become; that of
# the store writes pages by the dozen and flushes. Only then the first thread sends the answer, and the part goes.
NOTED, FLUSHED, ANSWERED, REMOVED = ("pwrite64", 3), ("fdatasync", 1), ("write", 1), ("unlink", 1)
FEW = (NOTED, FLUSHED, ANSWERED, REMOVED)
MANY = tuple(("pwrite64", nth) for nth in (1, 2, 4, 5, 8, 15, 30, 60, 90, 120))


@pytest.fixture(scope="module")
def strace():
    return find_or_install_strace()


@pytest.fixture
def key():
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def site(tmp_path, key):
    terms = {"user": USER, "keys": [{"label": "first", "file": "acme.pub"}]}
    site = Site(
        tmp_path,
        {"sftp_port": 0, "processing_paused": True},
        acme_profile={"sftp": terms, "throttling": UNHINDERED},
    )
    (site.partners_dir / PARTNER / "acme.pub").write_bytes(key.export_public_key())
    return site


async def close_while_it_is_killed(gateway, key, strace, name, content, step, said):
    """Whether CLOSE was answered, and whether the gateway died."""
    async with connect(gateway, key) as connection:
        async with connection.start_sftp_client() as client:
            file = await client.open(name, NEW, encoding=None)
            await file.write(content, 0)
            pid, is_first = gateway.process.pid, step == ANSWERED
            killing = await asyncio.to_thread(kill_at, strace, pid, *step, said, first_thread_only=is_first)
            try:
                is_answered = False
                with suppress(*GONE):
                    async with asyncio.timeout(WITHIN_S):
                        await file.close()
                        is_answered = True
                # What comes behind the answer has no other sign.
                with suppress(subprocess.TimeoutExpired):
                    await asyncio.to_thread(gateway.process.wait, 2 if is_answered else WITHIN_S)
            finally:
                killing.terminate()
                await asyncio.to_thread(killing.wait)
        return is_answered, gateway.process.poll() is not None


async def send_again(gateway, key, name, content, *, resumes):
    """As programs do that were not answered: they go on with it, or send all of it."""
    async with connect(gateway, key) as connection, connection.start_sftp_client() as client:
        there = 0
        with suppress(asyncssh.SFTPNoSuchFile):
            there = (await client.stat(name)).size
        if resumes and there:
            with suppress(asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure):
                file = await client.open(name, FXF_WRITE | FXF_APPEND, encoding=None)
                await file.write(content[there:], there)
                await file.close()
                return
        file = await client.open(name, NEW, encoding=None)
        await file.write(content, 0)
        await file.close()


@pytest.mark.parametrize("steps", [FEW, pytest.param(MANY, marks=pytest.mark.soak)], ids=["few", "many"])
async def test_a_kill_at_any_step_neither_loses_nor_doubles_a_file(site, key, strace, tmp_path, steps):
    died, answered, store = [], [], Store(site)
    with RunningGateway(site) as gateway:
        for number, step in enumerate(steps):
            name = f"{number}.edi"
            content = random.Random(number).randbytes(BYTES)
            is_answered, has_died = await close_while_it_is_killed(
                gateway, key, strace, f"/inbox/{name}", content, step, tmp_path / "said"
            )
            if has_died:
                died.append(step)
                await asyncio.to_thread(gateway.start)
            query = "SELECT payload_sha256 FROM message WHERE filename = :name"
            sha256 = hashlib.sha256(content).hexdigest()
            if is_answered:
                answered.append(step)
                assert [tuple(row) for row in store.rows(query, name=name)] == [(sha256,)]
            for resumes in (number % 2 == 0, False):
                await send_again(gateway, key, f"/inbox/{name}", content, resumes=resumes)
                assert [tuple(row) for row in store.rows(query, name=name)] == [(sha256,)]
    assert died == list(steps)
    assert set(answered) <= {REMOVED}
    assert list((site.data_dir / "spool" / "uploads").glob("part-*")) == []
