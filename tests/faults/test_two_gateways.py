"""Two gateways on one PostgreSQL and one RabbitMQ: nothing lost, nothing twice, both work, one takes over."""

import asyncio

from tests.faults.oracle import Store, check_nothing_lost, check_order
from tests.faults.posting import post_at_full_speed

LEASE_S = 3
ORDERS = 5
EACH_MIN = 150


async def test_two_gateways_share_the_work_and_one_takes_over_when_the_other_is_killed(
    pair_of_gateways, http, erp, ledger
):
    one, two = pair_of_gateways(limits={"claim_lease_s": LEASE_S})
    for gateway in (one, two):
        await asyncio.to_thread(gateway.start)
    store = Store(one.site)
    enough = asyncio.Event()
    # Each sender stays with its gateway: order is promised to a sender that waits for its answers.
    first = {"rest_senders": 3, "as2_senders": 2, "orders": ORDERS}
    sending = [
        asyncio.create_task(post_at_full_speed(http, one, ledger, enough, first_number=1, **first)),
        asyncio.create_task(post_at_full_speed(http, two, ledger, enough, first_number=1_000_000, **first)),
    ]
    try:
        await until(lambda: ledger.acknowledged >= EACH_MIN)
        await asyncio.to_thread(one.kill)
        before = len(erp.event_ids)
        await until(lambda: len(erp.event_ids) > before + EACH_MIN)
        await asyncio.to_thread(one.start)
        acknowledged = ledger.acknowledged
        await until(lambda: ledger.acknowledged >= acknowledged + EACH_MIN)
        enough.set()
        await asyncio.gather(*sending)
    finally:
        for task in sending:
            task.cancel()
        await asyncio.wait(sending)
    await check_nothing_lost(store, ledger, erp)
    assert check_order(erp) > 0
    for gateway in (one, two):
        metrics = gateway.metrics()
        assert metrics["gateway_events_published_total"] > 0, "a gateway never published anything"


async def until(condition):
    async with asyncio.timeout(90):
        while not condition():
            await asyncio.sleep(0.05)
