"""The trace of system calls: a 2xx or receipt leaves after the flush of the message it speaks of, and a kill at any
commit on the way neither loses nor doubles anything."""

import asyncio

import pytest

from tests.faults.oracle import check_nothing_lost
from tests.faults.posting import as2_parcel, attempt, deliver, rest_parcel
from tests.faults.system_calls import TRACED, answered_before_flushed, read_trace
from tests.services.strace import find_or_install_strace, kill_at
from tests.site import SERVE, RunningGateway, Site

STRING_BYTES_SHOWN = 16_384
UNSAFE = ("-m", "tests.faults.unsafe_gateway")
COMMITS_MAX = 12


@pytest.fixture(scope="session")
def strace():
    return find_or_install_strace()


async def violations(program, site, strace, http, tmp_path):
    """Post one message over each channel and judge the trace."""
    trace = tmp_path / "trace"
    watching = (strace, "-D", "-f", "-y", "-s", str(STRING_BYTES_SHOWN), "-e", TRACED, "-o", str(trace))
    gateway = await asyncio.to_thread(lambda: RunningGateway(site).start(before=watching, program=program))
    try:
        rest = await attempt(http, gateway, rest_parcel(4711))
        assert rest.is_positive, rest
        as2 = await attempt(http, gateway, as2_parcel(site, 4712))
        assert as2.is_positive, as2
    finally:
        await asyncio.to_thread(gateway.stop)
    calls = read_trace(trace.read_text(errors="replace"))
    return [
        *answered_before_flushed(calls, "NPO-4711", "202 Accepted"),
        *answered_before_flushed(calls, "PO-4712", "disposition-notification"),
    ]


async def test_no_answer_leaves_before_its_message_is_flushed(strace, http, tmp_path):
    site = Site(tmp_path / "site", {"processing_paused": True})
    assert await violations(SERVE, site, strace, http, tmp_path) == []


async def test_the_trace_tells_a_gateway_that_does_not_flush(strace, http, tmp_path):
    site = Site(tmp_path / "site", {"processing_paused": True})
    found = await violations(UNSAFE, site, strace, http, tmp_path)
    assert len(found) == 2
    assert all("flushed" in violation for violation in found)


@pytest.mark.parametrize("channel", ["rest", "as2"])
async def test_a_kill_at_any_commit_neither_loses_nor_doubles_a_message(
    channel, strace, site, http, erp, store, ledger, tmp_path
):
    """Killed as it enters the nth flush of its own: the commit is in the file, nobody has been told."""
    gateway = RunningGateway(site)
    await asyncio.to_thread(gateway.start)
    commits = 0
    try:
        for number in range(1, COMMITS_MAX):
            parcel = rest_parcel(number) if channel == "rest" else as2_parcel(site, number)
            killing = await asyncio.to_thread(
                kill_at, strace, gateway.process.pid, "fdatasync", number, tmp_path / "said"
            )
            try:
                sending = asyncio.create_task(deliver(http, gateway, parcel, ledger))
                died = await died_or_published(gateway, store, number)
                if died:
                    commits += 1
                    await asyncio.to_thread(gateway.start)
                await sending
            finally:
                killing.terminate()
                killing.wait()
            await check_nothing_lost(store, ledger, erp)
            if not died:
                break
    finally:
        gateway.kill()
    # Kept, decided; claims and confirms do not wait for the disk.
    assert commits >= 2


async def died_or_published(gateway, store, number):
    """Whether the gateway died; else everything that was sent is published."""
    async with asyncio.timeout(60):
        while gateway.process.poll() is None:
            if store.value("SELECT count(*) FROM message WHERE state = 'published'") == number:
                return False
            await asyncio.sleep(0.02)
    return True
