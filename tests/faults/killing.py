"""Partners send at full speed while the gateway is killed and started again: small in the suite, long in the soak."""

import asyncio
import random

import aiohttp

from tests.faults.erp import Erp
from tests.faults.oracle import Store, check_nothing_lost, check_same_answers
from tests.faults.posting import Ledger, post_at_full_speed
from tests.site import RunningGateway

ALIVE_S = (0.2, 1.6)


async def kill_under_load(
    http: aiohttp.ClientSession,
    gateway: RunningGateway,
    erp: Erp,
    *,
    rounds: int,
    acknowledged_min: int,
    alive_s: tuple[float, float] = ALIVE_S,
) -> Ledger:
    """At least so many kills and so many acknowledged messages; then nothing is lost and nothing is there twice.

    Args:
        alive_s: between which limits chance says how long the gateway lives each time.
    """
    ledger, enough = Ledger(), asyncio.Event()
    await asyncio.to_thread(gateway.start)
    sending = asyncio.create_task(post_at_full_speed(http, gateway, ledger, enough))
    try:
        kills = 0
        while kills < rounds or ledger.acknowledged < acknowledged_min:
            await asyncio.sleep(random.uniform(*alive_s))
            assert not sending.done(), sending.exception()
            await asyncio.to_thread(gateway.kill)
            await asyncio.to_thread(gateway.start)
            kills += 1
        enough.set()
        await sending
    finally:
        sending.cancel()
        await asyncio.wait([sending])
    store = Store(gateway.site)
    await check_nothing_lost(store, ledger, erp)
    await check_same_answers(http, gateway, store, ledger, erp)
    return ledger
