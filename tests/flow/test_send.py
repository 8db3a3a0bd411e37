"""Sending: packed once, the same bytes until they are proven to have arrived, one lane behind the other."""

import asyncio
import hashlib
import sqlite3
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from gateway.carriers.parcels import Carrier
from gateway.flow import operations
from gateway.flow.operations import Actor
from gateway.model.delivery import DeliveryEvent
from gateway.spool import SpoolFolder
from gateway.store import deliveries
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries.claims import Share
from gateway.store.oversight import audit, cases, timeline
from tests.flow.sending import SCHEDULE, Partner, listening, office_over

ME = Actor("operator:me")


@pytest.fixture
async def acme():
    async with listening(Partner()) as partner:
        yield partner


@pytest.fixture
async def other():
    async with listening(Partner()) as partner:
        yield partner


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'gateway.db'}"


@pytest.fixture
async def office(url, acme, other):
    async with office_over(url, {"acme": acme, "other": other}) as office:
        yield office


async def never(_transport_id, _body):
    await asyncio.Event().wait()


def says(*statuses, headers=None):
    """Answers one after the other; the last for ever."""
    left = list(statuses)

    async def answer(_transport_id, _body):
        status = left.pop(0) if len(left) > 1 else left[0]
        return web.Response(status=status, body=f"said {status}".encode(), headers=headers)

    return answer


async def test_what_is_enqueued_is_delivered_in_the_order_of_its_lane(office, acme):
    sent = [await office.enqueue(lane="L", payload=str(number).encode()) for number in range(4)]
    office.run()
    for delivery in sent:
        await office.until(delivery, "delivered")
    assert [transport_id for transport_id, _ in acme.got] == [f"<{delivery}@us>" for delivery in sent]
    assert await office.steps(sent[0]) == ["queued", "packed", "attempt", "delivered"]
    assert await office.see(deliveries.body, sent[0], "receipt") == f"receipt for <{sent[0]}@us>".encode()
    assert await office.see(deliveries.body, sent[0], "wire") == acme.got[0][1]
    exposed = office.metrics.expose()
    assert 'gateway_deliveries_settled_total{channel="as2",state="delivered"} 4' in exposed
    assert 'gateway_delivery_seconds_count{channel="as2"} 4' in exposed


async def test_a_failure_is_tried_again_with_the_same_bytes_by_the_schedule(office, acme):
    acme.answer = says(503, 500, 200)
    delivery = await office.enqueue()
    office.run()
    for failures, wait_s in ((1, 10), (2, 15)):  # the second would be 20, but for the longest pause
        await office.wait_for(lambda: office.steps(delivery), lambda it, n=failures: it.count("failed") == n)
        due_at_ms = (await office.get(delivery)).next_attempt_at_ms
        assert wait_s * 1_000 - 100 < due_at_ms - office.clock() <= wait_s * 1_000
        office.clock.pass_s(wait_s)
        office.sending.wake()
    await office.until(delivery, "delivered")
    assert len(acme.got) == 3
    assert [len(bodies) for bodies in acme.parcels.values()] == [1]
    assert office.posting.packed == [delivery]
    failed = [step.detail for step in await office.see(timeline.of_message, delivery) if step.step == "failed"]
    assert [(item["reason"], item["attempt"]) for item in failed] == [("they said 503", 1), ("they said 500", 2)]
    assert 'gateway_delivery_failures_total{reason="status"} 2' in office.metrics.expose()


async def test_a_partner_is_not_asked_earlier_than_it_wants(office, acme):
    acme.answer = says(503, headers={"Retry-After": "600"})
    one = await office.enqueue()
    await office.sending.take()
    await office.wait_for(lambda: office.get(one), lambda it: it.state == "queued")
    assert (await office.get(one)).next_attempt_at_ms == office.clock() + 600_000


async def test_what_fails_each_time_is_given_up_and_goes_on_when_a_person_says_so(office, acme):
    acme.answer = says(503)
    delivery, behind = await office.enqueue(lane="L"), await office.enqueue(lane="L")
    office.run()
    for failures in (1, 2):
        await office.wait_for(lambda: office.steps(delivery), lambda it, n=failures: it.count("failed") == n)
        office.clock.pass_s(20)
        office.sending.wake()
    await office.until(delivery, "given_up")
    case = (await office.open_cases())["delivery_given_up"]
    assert (case.state, case.attempts) == ("stopped", 3)
    assert case.reason == "they said 503 (the last of 3 attempts)"
    assert (await office.get(behind)).state == "queued", "its lane waits for a person"
    acme.answer = None
    await office.do(operations.retry_case, case.id, ME, office.clock())
    office.sending.wake()
    await office.until(behind, "delivered")
    assert [len(bodies) for bodies in acme.parcels.values()] == [1, 1]
    assert await office.open_cases() == {}
    assert (await office.see(cases.get, case.id)).resolution == "retried by operator:me"


async def test_what_is_refused_waits_for_a_person_and_is_packed_anew(office, acme):
    acme.answer = says(400)
    delivery, behind = await office.enqueue(lane="L"), await office.enqueue(lane="L")
    office.run()
    await office.until(delivery, "refused")
    case = (await office.open_cases())["delivery_refused"]
    assert case.reason == "they said no"
    assert await office.see(deliveries.body, delivery, "receipt") == b"said 400"
    acme.answer = says(200)
    await office.do(operations.retry_case, case.id, ME, office.clock())
    office.sending.wake()
    await office.until(behind, "delivered")
    first, second = [transport_id for transport_id, _ in acme.got][:2]
    assert (first, second) == (f"<{delivery}@us>", f"<{delivery}.p2@us>")
    act = (await office.see(audit.find, action="exception.retry"))[0]
    assert act.detail == {"delivery": delivery, "packed_anew_as": second}


async def test_what_a_person_gives_up_frees_its_lane(office, acme):
    acme.answer = says(400, 200)
    delivery, behind = await office.enqueue(lane="L"), await office.enqueue(lane="L")
    office.run()
    await office.until(delivery, "refused")
    case = (await office.open_cases())["delivery_refused"]
    await office.do(operations.give_up, case.id, ME, office.clock(), why="sent by mail")
    office.sending.wake()
    await office.until(behind, "delivered")
    assert (await office.get(delivery)).state == "cancelled"
    assert (await office.see(cases.get, case.id)).resolution == "given up by operator:me: sent by mail"
    with pytest.raises(operations.NotPossible):
        await office.do(operations.retry_case, case.id, ME, office.clock())


async def test_an_asynchronous_receipt_confirms_or_is_missed(office, acme):
    acme.answer = says(202)
    confirmed, missed = await office.enqueue(), await office.enqueue()
    office.run()
    for delivery in (confirmed, missed):
        await office.until(delivery, "awaiting_receipt")
    assert (await office.get(missed)).next_attempt_at_ms == office.clock() + 3_600_000
    await office.do(deliveries.apply, confirmed, DeliveryEvent.CONFIRM, office.clock(), receipt=b"mdn")
    office.clock.pass_s(3_601)
    office.sending.wake()
    await office.wait_for(lambda: office.steps(missed), lambda steps: steps.count("awaiting-receipt") == 2)
    assert len(acme.got) == 3
    assert len(acme.parcels[f"<{missed}@us>"]) == 1
    assert "receipt-overdue" in await office.steps(missed)
    for _ in range(2):
        office.clock.pass_s(3_601)
        office.sending.wake()
        await asyncio.sleep(0)
        await office.wait_for(
            lambda: office.get(missed),
            lambda it: it.state == "given_up" or (it.state == "awaiting_receipt" and it.attempts == 3),
        )
    await office.until(missed, "given_up")
    assert (await office.get(confirmed)).state == "delivered"
    await office.do(deliveries.apply, missed, DeliveryEvent.CONFIRM, office.clock(), receipt=b"late")
    assert (await office.get(missed)).state == "delivered"
    assert await office.open_cases() == {}, "the late receipt has resolved it"


async def test_a_receipt_before_the_answer_is_not_overwritten_by_it(office, acme):
    gate = asyncio.Event()

    async def answer(_transport_id, _body):
        await gate.wait()
        return web.Response(status=503)

    acme.answer = answer
    delivery = await office.enqueue()
    office.run()
    await acme.arrived.wait()
    await office.do(deliveries.apply, delivery, DeliveryEvent.CONFIRM, office.clock(), receipt=b"mdn")
    gate.set()
    await office.wait_for(lambda: asyncio.sleep(0), lambda _: not office.sending.in_flight)
    assert (await office.get(delivery)).state == "delivered"
    assert await office.see(deliveries.body, delivery, "receipt") == b"mdn"
    assert (await office.steps(delivery))[-1] == "delivered"


async def test_what_cannot_be_sent_now_is_held_and_goes_by_itself(office, acme):
    office.change("acme", SCHEDULE + "status: suspended\n")
    suspended = await office.enqueue()
    unknown = await office.enqueue("nobody")
    carrierless = await office.enqueue("other", channel="pigeon")
    office.run()
    for delivery in (suspended, unknown, carrierless):
        await office.until(delivery, "held")
    assert {case.message_id: case.kind for case in await office.see(cases.find)} == dict.fromkeys(
        (suspended, unknown, carrierless), "delivery_held"
    )
    assert "suspended" in (await office.get(suspended)).reason
    assert (await office.get(suspended)).attempts == 0
    office.change("acme", SCHEDULE)
    office.sending.wake()
    await office.until(suspended, "delivered")
    assert await office.steps(suspended) == ["queued", "held", "packed", "delivered"]
    assert acme.got
    assert {case.message_id for case in await office.see(cases.find)} == {unknown, carrierless}


async def test_what_is_held_is_looked_at_from_time_to_time(office):
    office.posting.held = "their certificate is not valid yet"
    delivery = await office.enqueue()
    office.run()
    await office.until(delivery, "held")
    office.posting.held = None
    office.sending.wake()
    office.clock.pass_s(301)
    office.sending.wake()
    await office.until(delivery, "delivered")
    assert await office.open_cases() == {}


async def test_other_keys_are_a_reason_to_look_again(office):
    ring = [object()]
    sending = office.new_sending("keys", keyring=lambda: ring[0])
    office.posting.held = "no key"
    delivery = await office.enqueue()
    office.run(sending)
    await office.until(delivery, "held")
    office.posting.held = None
    ring[0] = object()
    sending.wake()
    await office.until(delivery, "delivered")


async def test_a_dead_partner_does_not_delay_the_others(url, other):
    gate = asyncio.Event()

    async def never(_transport_id, _body):
        await gate.wait()
        return web.Response(status=503)

    async with AsyncExitStack() as stack:
        dead = {
            f"dead-{number}": await stack.enter_async_context(listening(Partner(answer=never))) for number in (1, 2, 3)
        }
        office = await stack.enter_async_context(office_over(url, {**dead, "other": other}, deliveries_in_flight_max=8))
        stack.callback(gate.set)
        for partner in dead:
            for _ in range(20):
                await office.enqueue(partner)
        lively = [await office.enqueue("other") for _ in range(20)]
        office.run()
        for delivery in lively:
            await office.until(delivery, "delivered")
        assert [len(partner.got) for partner in dead.values()] == [2, 2, 2], "no more than its share"


async def test_those_that_fail_share_half_of_what_may_be_under_way(url, other):
    gate = asyncio.Event()
    gate.set()

    async def answer(_transport_id, _body):
        await gate.wait()
        return web.Response(status=503)

    async with AsyncExitStack() as stack:
        names = [f"dead-{number}" for number in range(4)]
        dead = {name: await stack.enter_async_context(listening(Partner(answer=answer))) for name in names}
        office = await stack.enter_async_context(office_over(url, {**dead, "other": other}, deliveries_in_flight_max=4))
        stack.callback(gate.set)
        first = [await office.enqueue(partner) for partner in dead]
        office.run()
        for delivery in first:
            await office.wait_for(lambda key=delivery: office.get(key), lambda it: it.state == "queued" and it.reason)
        gate.clear()
        for partner in dead:
            for _ in range(5):
                await office.enqueue(partner)
        await office.wait_for(lambda: asyncio.sleep(0), lambda _: len(office.sending.in_flight) == 2)
        lively = [await office.enqueue("other") for _ in range(10)]
        for delivery in lively:
            await office.until(delivery, "delivered")
        # One that is delivered may still be landing; one too many of those that fail would never land.
        await office.wait_for(lambda: asyncio.sleep(0), lambda _: len(office.sending.in_flight) == 2)


async def test_an_attempt_that_the_end_breaks_off_is_made_again_with_the_same_bytes(office, acme):
    gate = asyncio.Event()

    async def answer(transport_id, _body):
        if not gate.is_set():
            await asyncio.Event().wait()
        return web.Response(body=transport_id.encode())

    acme.answer = answer
    delivery = await office.enqueue()
    office.run()
    await acme.arrived.wait()
    await office.stop()
    await office.sending.drain(0.01)
    stored = await office.get(delivery)
    assert (stored.state, stored.attempts, stored.claim_owner) == ("queued", 0, None)
    gate.set()
    office.run(office.new_sending("two"))
    await office.until(delivery, "delivered")
    assert len(acme.got) == 2
    assert [len(bodies) for bodies in acme.parcels.values()] == [1]


async def test_what_ends_the_process_each_time_is_given_up_unsent(office):
    delivery = await office.enqueue()
    for owner in ("one", "two", "three"):
        await office.do(
            delivery_claims.claim,
            owner,
            office.clock(),
            lease_ms=1_000,
            limit=1,
            share_of=lambda name, _: Share(name, 1),
        )
        office.clock.pass_s(1)
    office.run(office.new_sending("four"))
    await office.until(delivery, "given_up")
    assert office.posting.carried == []
    assert "the process ended" in (await office.open_cases())["delivery_given_up"].reason


async def test_large_bytes_go_by_a_spool_and_in_steps(office, acme, tmp_path):
    office.posting.parcel_bytes = 20_000_003
    spools = SpoolFolder(tmp_path / "spool")
    sending = office.new_sending("large", scratch=spools.scratch(65_536))
    acme.answer = says(503, 200)
    delivery = await office.enqueue(payload=b"x" * 3_000_000)
    office.run(sending)
    await office.wait_for(lambda: office.get(delivery), lambda it: it.state == "queued" and it.reason)
    office.clock.pass_s(20)
    sending.wake()
    await office.until(delivery, "delivered")
    assert [len(body) for _, body in acme.got] == [23_000_003] * 2
    assert len({hashlib.sha256(body).digest() for _, body in acme.got}) == 1


async def test_a_carrier_that_fails_by_our_fault_is_told_without_its_words(office, caplog):
    async def explode(*_arguments):
        raise RuntimeError("secret")

    sending = office.new_sending("broken")
    sending._routes._carriers = {"as2": Carrier(explode, explode)}
    delivery = await office.enqueue()
    office.run(sending)
    await office.wait_for(lambda: office.get(delivery), lambda it: it.state == "queued" and it.reason)
    reason = (await office.get(delivery)).reason
    assert "RuntimeError" in reason
    assert "secret" not in reason
    assert 'reason="internal"' in office.metrics.expose()
    assert "an attempt failed by our own fault" in caplog.text


async def test_a_store_that_cannot_write_an_outcome_sends_the_same_again(office, acme, other, tmp_path):
    locked = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)

    async def answer(_transport_id, _body):
        if len(acme.got) == 1:
            await other.arrived.wait()
            locked.execute("BEGIN IMMEDIATE")
        return web.Response(body=b"mdn")

    acme.answer = answer
    delivery, hanging = await office.enqueue(), await office.enqueue("other")
    other.answer = never
    office.run()
    await other.arrived.wait()
    await acme.arrived.wait()
    await office.wait_for(lambda: asyncio.sleep(0), lambda _: office.sending.in_flight == {hanging})
    locked.execute("ROLLBACK")
    locked.close()
    office.sending.wake()
    await office.until(delivery, "delivered")
    assert len(acme.got) == 2
    assert [len(bodies) for bodies in acme.parcels.values()] == [1]
    assert office.sending.in_flight == {hanging}, "what is still under way is left alone"
    assert (await office.get(hanging)).state == "sending"


async def test_a_connection_carries_for_its_partners_but_not_their_receipts(office, acme, other):
    office.change("acme", SCHEDULE + "x12: {qualifier: ZZ, id: ACME}\nvia: other\n")
    carried = await office.enqueue()
    receipt = await office.enqueue(kind="receipt")
    office.run()
    await office.until(carried, "delivered")
    await office.until(receipt, "delivered")
    assert [transport_id for transport_id, _ in other.got] == [f"<{carried}@us>"]
    assert [transport_id for transport_id, _ in acme.got] == [f"<{receipt}@us>"]
    assert (await office.get(carried)).bearer_id == "other"
    assert (await office.see(deliveries.by_transport_id, "other", f"<{carried}@us>")).id == carried


async def test_two_processes_share_deliveries_and_what_a_partner_may_take(database_url, acme):
    at_once, most = 0, 0
    both = asyncio.Event()

    async def answer(_transport_id, _body):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await both.wait()
        at_once -= 1
        return web.Response(body=b"mdn")

    acme.answer = answer
    each = {"deliveries_in_flight_max": 1}
    async with (
        office_over(database_url, {"acme": acme}, **each) as one,
        office_over(database_url, {"acme": acme}, **each) as two,
        office_over(database_url, {"acme": acme}) as three,
    ):
        two.sending, three.sending = two.new_sending("two"), three.new_sending("three")
        sent = [await one.enqueue(lane=f"L{number % 8}") for number in range(24)]
        one.run()
        two.run()
        await one.wait_for(lambda: asyncio.sleep(0), lambda _: at_once == 2)
        three.run()
        await three.sending.take()
        assert three.posting.packed == [], "two are under way already"
        both.set()
        for delivery in sent:
            await one.until(delivery, "delivered")
        assert sorted(transport_id for transport_id, _ in acme.got) == [f"<{delivery}@us>" for delivery in sent]
        assert one.posting.packed
        assert two.posting.packed
        assert most == 2
        for lane in range(8):
            arrived = [transport_id for transport_id, _ in acme.got if transport_id[1:-4] in sent[lane::8]]
            assert arrived == sorted(arrived), "the order of the lane"
