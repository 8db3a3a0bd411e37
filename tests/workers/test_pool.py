"""Translation in processes of their own: the same result, and whatever happens to one hurts nobody else."""

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from gateway.workers import WorkerFailed, WorkerPool
from gateway.workers.frames import Batch, Done, Failure, Job, decode, encode
from tests.workers.orders import purchase_orders
from translators.catalog import TranslationResult, translate
from translators.guide import ReadingRules

X12 = "application/edi-x12"
GIBIBYTE = 1_073_741_824
FIXTURES = Path(__file__).parent.parent / "fixtures" / "x12"


@pytest.fixture
async def pools():
    made = []

    def make(*, processes_max=1, memory_bytes_max=GIBIBYTE, timeout_s=60):
        made.append(WorkerPool(processes_max=processes_max, memory_bytes_max=memory_bytes_max, timeout_s=timeout_s))
        return made[-1]

    yield make
    for pool in made:
        await pool.close()


async def collect(pool, data, rules=None, content_type=X12):
    documents, results = [], []
    async with aclosing(pool.translate(data, rules or ReadingRules(), content_type)) as translated:
        async for found in translated:
            if isinstance(found, TranslationResult):
                results.append(found)
            else:
                documents += found
    return documents, results


def inline(data, content_type=X12):
    items = list(translate(data, ReadingRules(), content_type=content_type))
    return items[:-1], items[-1:]


def processes(pool):
    return {worker.pid for worker in pool._all}


async def test_a_worker_finds_what_translating_in_place_finds(pools):
    pool = pools()
    files = sorted(FIXTURES.glob("*.edi"))
    assert files
    for file in files:
        data = file.read_bytes()
        assert await collect(pool, data) == inline(data), file.name


@pytest.mark.parametrize("data", [b"", b"\x00", b"no document at all", b"{", b"<a>", b"ISA*00*"])
async def test_what_is_no_document_is_a_result_as_well(pools, data):
    documents, results = await collect(pools(), data, content_type="application/octet-stream")
    assert (documents, results) == inline(data, "application/octet-stream")
    assert len(results) == 1


async def test_a_large_body_comes_in_batches_in_its_order(pools):
    data = purchase_orders(sets=450)
    documents, results = await collect(pools(), data)
    assert len(documents) == 450
    assert [document.ordinal for document in documents] == list(range(450))
    assert (documents, results) == inline(data)


async def test_one_worker_serves_job_after_job(pools):
    pool = pools()
    data = purchase_orders(sets=2)
    await collect(pool, data)
    first = processes(pool)
    async with aclosing(pool.translate(data, ReadingRules(), X12)) as translated:
        async for found in translated:
            if isinstance(found, TranslationResult):
                break  # as most callers do
    await collect(pool, data)
    assert processes(pool) == first
    assert len(first) == 1


async def test_no_more_workers_than_allowed_work_at_once(pools):
    pool = pools(processes_max=2)
    data = purchase_orders(sets=2)
    outcomes = await asyncio.gather(*(collect(pool, data) for _ in range(6)))
    assert all(outcome == inline(data) for outcome in outcomes)
    assert len(processes(pool)) <= 2


async def test_a_job_that_takes_too_long_is_killed_and_the_next_one_works(pools):
    pool = pools(timeout_s=0.05)
    with pytest.raises(WorkerFailed, match="took longer than"):
        await collect(pool, purchase_orders(sets=20_000))
    assert processes(pool) == set()
    pool._timeout_s = 60
    assert len((await collect(pool, purchase_orders(sets=1)))[0]) == 1


async def test_the_time_that_the_caller_takes_between_two_batches_does_not_count(pools, monkeypatch):
    pool = pools(timeout_s=60)
    loop = asyncio.get_running_loop()
    number = 0
    async with aclosing(pool.translate(purchase_orders(sets=450), ReadingRules(), X12)) as translated:
        async for found in translated:
            with monkeypatch.context() as later:
                passed = loop.time() + 61
                later.setattr(loop, "time", lambda passed=passed: passed)
                await asyncio.sleep(0)  # every timer that is due now runs
            number += len(found) if isinstance(found, list) else 0
    assert number == 450


async def test_a_job_that_wants_too_much_memory_fails_and_the_next_one_works(pools):
    pool = pools(memory_bytes_max=400 * 1_048_576)
    with pytest.raises(WorkerFailed) as failed:
        await collect(pool, b"[" + b'"' + b"x" * (200 * 1_048_576) + b'"]', content_type="application/json")
    assert "xxx" not in str(failed.value)
    assert len((await collect(pool, purchase_orders(sets=1)))[0]) == 1


async def test_a_worker_that_is_killed_at_work_fails_its_job_alone(pools):
    pool = pools()
    async with aclosing(pool.translate(purchase_orders(sets=20_000), ReadingRules(), X12)) as translated:
        await anext(translated)
        for pid in processes(pool):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerFailed, match="died"):
            _ = [found async for found in translated]
    assert len((await collect(pool, purchase_orders(sets=1)))[0]) == 1


async def test_a_worker_that_was_killed_while_it_rested_is_not_used_again(pools):
    pool = pools()
    await collect(pool, purchase_orders(sets=1))
    (worker,) = pool._all
    worker.kill()
    await worker.wait()
    assert len((await collect(pool, purchase_orders(sets=1)))[0]) == 1
    assert worker not in pool._all


async def test_a_stop_signal_to_the_whole_group_leaves_workers_to_their_job(pools):
    pool = pools()
    await collect(pool, purchase_orders(sets=1))
    before = processes(pool)
    for number in (signal.SIGINT, signal.SIGTERM):
        for pid in before:
            os.kill(pid, number)
    assert len((await collect(pool, purchase_orders(sets=1)))[0]) == 1
    assert processes(pool) == before


async def test_a_cancelled_caller_leaves_no_busy_worker_behind(pools):
    pool = pools()
    begun = asyncio.Event()

    async def work():
        async with aclosing(pool.translate(purchase_orders(sets=20_000), ReadingRules(), X12)) as translated:
            async for _ in translated:
                begun.set()

    task = asyncio.create_task(work())
    await begun.wait()
    (pid,) = processes(pool)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert processes(pool) == set()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert len((await collect(pool, purchase_orders(sets=1)))[0]) == 1


async def test_closing_ends_every_worker_also_a_busy_one(pools):
    pool = pools(processes_max=2)
    await collect(pool, purchase_orders(sets=1))
    async with aclosing(pool.translate(purchase_orders(sets=20_000), ReadingRules(), X12)) as translated:
        await anext(translated)
        pids = processes(pool)
        await pool.close()
        assert processes(pool) == set()
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
        with pytest.raises(WorkerFailed):
            _ = [found async for found in translated]


async def test_workers_do_not_see_our_secrets(pools, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY_PASSPHRASE", "canary")
    pool = pools()
    await collect(pool, purchase_orders(sets=1))
    (pid,) = processes(pool)
    environment = await asyncio.to_thread(Path(f"/proc/{pid}/environ").read_bytes)
    assert environment
    assert b"canary" not in environment


PARENT = """
import asyncio, sys
from contextlib import aclosing
from gateway.workers import WorkerPool
from tests.workers.orders import purchase_orders
from translators.guide import ReadingRules

async def main():
    pool = WorkerPool(processes_max=1, memory_bytes_max=1 << 30, timeout_s=600)
    async with aclosing(pool.translate(purchase_orders(sets=50_000), ReadingRules(), "application/edi-x12")) as found:
        await anext(found)
        print(*(worker.pid for worker in pool._all), flush=True)
        sys.stdin.read()  # the loop stands still and the worker works on

asyncio.run(main())
"""


def test_the_death_of_the_gateway_ends_its_workers_in_the_middle_of_a_job():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent,
    ) as parent:
        worker = int(parent.stdout.readline())
        handle = os.pidfd_open(worker)
        parent.kill()
    try:
        # Readable once the process has ended.
        assert select.select([handle], [], [], 30)[0], "the worker outlived the gateway"
    finally:
        os.close(handle)


@pytest.mark.parametrize(
    "frame",
    [
        Job(b"\x00data", ReadingRules(), "text/plain"),
        Batch([]),
        Failure("MemoryError", "somewhere"),
        Done(inline(b"", "text/plain")[1][0]),
    ],
)
def test_a_frame_crosses_the_pipe_whole(frame):
    data = encode(frame)
    assert int.from_bytes(data[:8], "big") == len(data) - 8
    assert decode(data[8:]) == frame


def test_the_orders_of_these_tests_are_orders():
    documents, _ = inline(purchase_orders(sets=1))
    assert json.loads(documents[0].document)["document_type"] == "purchase_order"


def add(first, second):
    return first + second


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def fail():
    raise ValueError("what a document holds")


async def test_a_call_returns_what_its_function_does_and_the_worker_is_kept(pools):
    pool = pools()
    assert await pool.call(add, b"a" * 200_000, b"b") == b"a" * 200_000 + b"b"
    known = processes(pool)
    assert [await pool.call(add, number, 1) for number in range(3)] == [1, 2, 3]
    assert processes(pool) == known
    data = purchase_orders(sets=1)
    assert await collect(pool, data) == inline(data)


@pytest.mark.parametrize(("function", "words"), [(die, "died"), (fail, "ValueError")])
async def test_a_call_that_fails_says_so_and_nothing_of_the_content(pools, function, words):
    pool = pools()
    with pytest.raises(WorkerFailed, match=words) as failed:
        await pool.call(function)
    assert "what a document holds" not in str(failed.value)
    assert await pool.call(add, 1, 1) == 2
