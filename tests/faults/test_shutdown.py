"""SIGTERM under load: it ends in time with 0, says nothing of errors, and nothing acknowledged is lost."""

import asyncio
import json
import time

from tests.faults.oracle import check_nothing_lost, check_same_answers
from tests.faults.posting import post_at_full_speed

SHUTDOWN_S = 20
MARGIN_S = 10


async def test_sigterm_under_load_ends_in_time_and_loses_nothing(http, gateway, store, erp, ledger):
    await asyncio.to_thread(gateway.start)
    enough = asyncio.Event()
    sending = asyncio.create_task(post_at_full_speed(http, gateway, ledger, enough))
    try:
        for _ in range(2):
            acknowledged = ledger.acknowledged
            while ledger.acknowledged < acknowledged + 100:
                assert not sending.done(), sending.exception()
                await asyncio.sleep(0.02)
            started = time.monotonic()
            assert await asyncio.to_thread(gateway.stop) == 0
            assert time.monotonic() - started < SHUTDOWN_S + MARGIN_S  # its own limit, and what the machine adds
            await asyncio.to_thread(gateway.start)
        enough.set()
        await sending
    finally:
        sending.cancel()
        await asyncio.wait([sending])
    await check_nothing_lost(store, ledger, erp)
    await check_same_answers(http, gateway, store, ledger, erp)
    assert await asyncio.to_thread(gateway.stop) == 0
    entries = [json.loads(line) for line in gateway.log]
    assert [entry for entry in entries if "exception" in entry or entry["level"] == "error"] == []
    assert not any("Traceback" in line for line in gateway.log)
