"""The link to a broker that is not there: each failed attempt ends with nothing left behind."""

import asyncio
import gc
import warnings

from gateway.broker.link import Link
from tests.services.processes import free_port


async def _never(*_):
    """Not called: there is no connection to set up."""


async def test_an_attempt_that_fails_leaves_no_connection_to_be_closed_by_the_garbage_collector():
    """Collected in a thread, the library's connection would begin to close itself where no loop can await it."""
    tried = asyncio.Semaphore(0)

    def delay(_):
        tried.release()
        return 0.01

    link = Link("test", f"amqp://guest:guest@127.0.0.1:{free_port()}/", _never, delay=delay)
    gc.collect()
    gc.disable()  # what the attempts leave is collected below, and there alone
    try:
        link.start()
        for _ in range(3):
            await asyncio.wait_for(tried.acquire(), 10)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            await asyncio.to_thread(gc.collect)
    finally:
        gc.enable()
        await link.close()
    assert [str(warning.message) for warning in warned] == []
