"""Partners are suspended and come back while they send and gateways are killed: nothing lost or early, all in order."""

import asyncio

import yaml

from tests.faults.oracle import Store, check_nothing_lost, check_order
from tests.faults.posting import post_at_full_speed

LEASE_S = 2
RELOAD_S = 0.2
ORDERS = 5
EACH_MIN = 20
PAUSE_S = 0.2  # while a gateway starts, the other is not sent a thousand messages that have to be gone through
PARTNERS = ("acme-supply", "northwind-parts")


def set_status(gateway, status):
    """Write it into the profiles of one gateway; the other's stay as they are."""
    for partner in PARTNERS:
        path = gateway.site.partners_dir / partner / "profile.yaml"
        written = path.with_name("profile.new")
        written.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"status": status}))
        written.replace(path)


async def test_nothing_is_lost_or_early_or_out_of_order(pair_of_gateways, http, erp, ledger):
    one, two = pair_of_gateways(profiles_reload_s=RELOAD_S, limits={"claim_lease_s": LEASE_S})
    await asyncio.gather(*(asyncio.to_thread(gateway.start) for gateway in (one, two)))
    store, enough = Store(one.site), asyncio.Event()
    load = {"rest_senders": 2, "as2_senders": 1, "orders": ORDERS, "pause_s": PAUSE_S}
    sending = [
        asyncio.create_task(post_at_full_speed(http, one, ledger, enough, first_number=1, **load)),
        asyncio.create_task(post_at_full_speed(http, two, ledger, enough, first_number=1_000_000, **load)),
    ]

    async def more():
        wanted = ledger.acknowledged + EACH_MIN
        await until(lambda: ledger.acknowledged >= wanted or any(task.done() for task in sending))

    try:
        await more()
        set_status(one, "suspended")
        await more()  # one of them knows it
        set_status(two, "suspended")
        await asyncio.to_thread(one.kill)
        await asyncio.gather(more(), asyncio.to_thread(one.start))
        await store.wait_until_decided()  # both know it, and what was under way is decided or held
        documents = store.value("SELECT count(*) FROM document")
        await more()
        assert store.value("SELECT count(*) FROM document") == documents, "processed although suspended"
        assert store.value("SELECT count(*) FROM message WHERE state = 'held'") > EACH_MIN
        set_status(two, "live")
        await asyncio.to_thread(two.kill)  # before, while or after it has resumed what is held
        await asyncio.gather(more(), asyncio.to_thread(two.start))
        set_status(one, "live")
        await more()
        enough.set()
        await asyncio.gather(*sending)
    finally:
        for task in sending:
            task.cancel()
        await asyncio.wait(sending)
    await store.wait_for("SELECT count(*) FROM message WHERE state = 'held'", 0)
    await check_nothing_lost(store, ledger, erp)
    assert check_order(erp) > 0
    await store.wait_for("SELECT count(*) FROM exception_case WHERE state <> 'resolved'", 0)


async def until(condition):
    async with asyncio.timeout(90):
        while not condition():
            await asyncio.sleep(0.05)
