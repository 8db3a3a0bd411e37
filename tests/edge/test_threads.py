"""The threads of the AS2 door: results and errors come back, nothing is lost with who no longer waits."""

import asyncio
import threading

import pytest

from gateway.edge.threads import Threads


@pytest.fixture
def threads():
    made = Threads(2, "test")
    yield made
    made.close()


async def test_results_and_errors_come_back(threads):
    assert await asyncio.gather(*(threads.run(lambda number=number: number * 2) for number in range(50))) == [
        number * 2 for number in range(50)
    ]
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    assert await threads.run(lambda: threading.current_thread().name.partition("_")[0]) == "test"


async def test_so_many_at_a_time(threads):
    both = threading.Barrier(2)
    await asyncio.wait_for(asyncio.gather(*(threads.run(both.wait) for _ in range(4))), 10)


async def test_work_goes_on_when_nobody_waits_any_more(threads):
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work():
        begun.set()
        go_on.wait(10)
        done.set()

    waiting = asyncio.create_task(threads.run(work))
    await asyncio.to_thread(begun.wait, 10)
    waiting.cancel()
    go_on.set()
    assert await asyncio.to_thread(done.wait, 10)
    assert await threads.run(lambda: "next") == "next"


async def test_what_was_given_is_done_after_closing():
    threads = Threads(1, "closing")
    results = [asyncio.create_task(threads.run(lambda number=number: number)) for number in range(5)]
    await asyncio.sleep(0)
    threads.close()
    assert await asyncio.wait_for(asyncio.gather(*results), 10) == list(range(5))
