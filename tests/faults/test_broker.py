"""The broker stopped, blocked, silent, cut off, without a queue: accepting goes on, nothing is lost or reordered."""

import asyncio
import json
import re

import aio_pika
import pytest
from yarl import URL

from gateway.broker.topology import EVENTS, INBOUND, LIVE_KEYS, OUTBOUND
from tests.faults.erp import Erp, queue_when_declared, wait_until_consumed
from tests.faults.oracle import Store, check_nothing_lost, check_order
from tests.faults.posting import as2_parcel, attempt, deliver, rest_parcel
from tests.faults.wire import Wire
from tests.site import RunningGateway, Site

PUBLISH_TIMEOUT_S = 2
MEASURE_S = 0.5


@pytest.fixture
def site(tmp_path, broker_url):
    limits = {"publish_timeout_s": PUBLISH_TIMEOUT_S}
    return Site(tmp_path / "site", {"broker_url": broker_url, "limits": limits, "profiles_reload_s": MEASURE_S})


async def send_through(http, gateway, ledger, first, number, orders):
    """So many parcels of either partner, over a few orders each, one after the other within a partner."""

    async def rest():
        for count in range(first, first + number):
            await deliver(http, gateway, rest_parcel(count, order=f"NPO-{count % orders}"), ledger)

    async def as2():
        for count in range(first, first + number):
            await deliver(http, gateway, as2_parcel(gateway.site, count, order=f"PO-{count % orders}"), ledger)

    await asyncio.gather(rest(), as2())


async def readiness(http, gateway):
    async with http.get(gateway.edge_url + "/health/ready") as response:
        return response.status, await response.json()


async def wait_until_not_ready_for_the_broker(http, gateway):
    async with asyncio.timeout(40):
        while True:
            status, report = await readiness(http, gateway)
            if status == 503 and any("broker" in reason for reason in report["reasons"]):
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        pytest.param("stop", "start", id="stopped"),
        pytest.param("suspend", "resume", id="black-hole"),
        pytest.param("alarm", "no alarm", id="memory-alarm"),
    ],
)
async def test_an_outage_of_the_broker_stops_nobody_and_reorders_nothing(
    begin, end, rabbitmq, http, gateway, store, erp, ledger
):
    acts = {
        "alarm": lambda: rabbitmq.memory_alarm(on=True),
        "no alarm": lambda: rabbitmq.memory_alarm(on=False),
    }
    await asyncio.to_thread(gateway.start)
    await send_through(http, gateway, ledger, 1, 4, orders=4)
    await erp.wait_for_count(8)
    await asyncio.to_thread(acts.get(begin) or getattr(rabbitmq, begin))
    await send_through(http, gateway, ledger, 5, 20, orders=4)
    assert not ledger.in_doubt, "a request hung or was cut while the broker was away"
    await store.wait_until_decided()
    await wait_until_not_ready_for_the_broker(http, gateway)
    assert store.value("SELECT count(*) FROM outbox_event WHERE state = 'ready'") > 0
    await until_backlog(gateway, lambda waiting: waiting > 0)
    await send_through(http, gateway, ledger, 25, 4, orders=4)
    await asyncio.to_thread(acts.get(end) or getattr(rabbitmq, end))
    await check_nothing_lost(store, ledger, erp)
    assert check_order(erp) == 8
    await until_backlog(gateway, lambda waiting: waiting == 0)


async def until_backlog(gateway, condition):
    """Until the backlog that operators see is as expected."""
    async with asyncio.timeout(30):
        while not condition((await asyncio.to_thread(gateway.metrics)).get("gateway_outbox_events", -1)):
            await asyncio.sleep(MEASURE_S / 2)


async def test_a_confirm_that_is_lost_means_the_same_event_again(tmp_path, http, broker_url, erp, ledger):
    async with Wire(URL(broker_url).port, cuts=True) as wire:
        site = Site(tmp_path / "site", {"broker_url": str(URL(broker_url).with_port(wire.port))})
        store = Store(site)
        with RunningGateway(site) as gateway:
            await deliver(http, gateway, rest_parcel(1), ledger)
            await deliver(http, gateway, as2_parcel(site, 1), ledger)
            await asyncio.wait_for(wire.confirm_lost.wait(), 30)
            await check_nothing_lost(store, ledger, erp)
            assert len(erp.deliveries) > len(erp.event_ids), "nothing came twice: the confirm was not lost after all"
            gateway.kill()  # an orderly end would talk to the broker, over a wire that stands still meanwhile


async def test_a_kill_after_publishing_and_before_marking_publishes_the_same_event_again(
    tmp_path, http, broker_url, erp, ledger
):
    async with Wire(URL(broker_url).port, cuts=False) as wire:
        site = Site(tmp_path / "site", {"broker_url": str(URL(broker_url).with_port(wire.port))})
        store = Store(site)
        with RunningGateway(site) as gateway:
            await deliver(http, gateway, rest_parcel(1), ledger)
            await erp.wait_for_count(1)  # published and safe, but the gateway has not heard of it
            assert store.value("SELECT count(*) FROM outbox_event WHERE state = 'published'") == 0
            gateway.kill()
            wire.armed = False
            gateway.start()
            await check_nothing_lost(store, ledger, erp)
            assert len(erp.deliveries) == 2
            assert len(erp.bodies) == 1
            gateway.kill()  # an orderly end would talk to the broker, over a wire that stands still meanwhile


async def test_an_event_that_no_queue_wants_becomes_a_case_and_is_published_on_retry(
    site, http, gateway, store, broker_url, ledger
):
    await asyncio.to_thread(gateway.start)
    connection = await aio_pika.connect(broker_url)
    async with connection:
        channel = await connection.channel()
        # The gateway binds by two connections, in whichever order: after both, what is unbound stays so.
        await wait_until_consumed(connection, OUTBOUND)
        await deliver(http, gateway, rest_parcel(1), ledger)
        await store.wait_for("SELECT count(*) FROM outbox_event WHERE state = 'published'", 1)
        inbound = await queue_when_declared(connection, INBOUND)
        await inbound.unbind(EVENTS, LIVE_KEYS)
        await deliver(http, gateway, rest_parcel(2), ledger)
        await store.wait_for("SELECT count(*) FROM exception_case WHERE kind = 'unroutable'", 1)
        [case] = [json.loads(line) for line in gateway.command("exceptions", "list", "--format", "json").splitlines()]
        [[_], [event_id]] = store.event_ids().values()
        assert case["event"] == event_id
        assert re.search("bind", case["reason"])
        await inbound.bind(EVENTS, LIVE_KEYS)
        gateway.command("exceptions", "retry", case["id"])
        async with Erp(broker_url) as erp:
            await check_nothing_lost(store, ledger, erp)
        assert store.value("SELECT state FROM exception_case") == "resolved"
        await channel.close()


async def test_an_answered_request_is_not_held_up_by_a_broker_that_was_never_there(tmp_path, http, ledger):
    site = Site(tmp_path / "site", {"broker_url": "amqp://guest:guest@127.0.0.1:1/"})
    with RunningGateway(site) as gateway:
        answer = await attempt(http, gateway, rest_parcel(1))
        assert answer.status == 202
        await Store(site).wait_until_decided()
        await wait_until_not_ready_for_the_broker(http, gateway)
