"""Events told to partners' webhooks: signed, in order per purchase order, never lost and never given up."""

import asyncio
from base64 import b64decode

import orjson
import pytest
import standardwebhooks
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.carriers.webhook_keys import make_key
from gateway.flow import operations
from gateway.flow.operations import Actor
from gateway.flow.webhooks.telling import tell_again
from gateway.model.webhook import RETRY_AFTER_S, WebhookChange, WebhookState
from gateway.store import deliveries, partner_events
from gateway.store.database import Database
from gateway.store.deliveries import NewDelivery
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries.claims import Share
from gateway.store.events import outbox
from gateway.store.oversight import cases, timeline
from gateway.store.webhooks import moving, subscriptions, waiting
from tests.flow.hooks import HMAC, Got, Switchboard, exchange_over, hooking, terms

HOUR_S = 3_600


@pytest.fixture
async def exchange(tmp_path, store_url, monkeypatch):
    monkeypatch.setenv("HOOK_KEY", HMAC.text)
    async with exchange_over(store_url or f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
async def hook():
    async with hooking() as opened:
        yield opened


def verified(got: Got, *secrets: str) -> bool:
    for secret in secrets:
        try:
            standardwebhooks.Webhook(secret).verify(got.body, got.headers)
        except standardwebhooks.WebhookVerificationError:
            return False
    return True


def orders(calls: list[Got]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for got in calls:
        order, step = got.subject
        found.setdefault(order, []).append(step)
    return found


async def test_an_event_is_posted_and_signed_so_that_others_can_tell(exchange, hook):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    event = await exchange.happen("PO-1")
    assert await exchange.tell() == 1
    await exchange.send()
    (got,) = hook.calls
    assert got.id == event
    assert "." not in got.id
    assert got.headers["Content-Type"] == "application/json"
    assert got.json["type"] == "document.accepted"
    assert got.json["data"]["order"] == "PO-1"
    assert verified(got, HMAC.text)
    assert not verified(got, make_key("hmac-sha256").text)
    assert await exchange.states() == {"delivered": 1}
    assert exchange.board.metrics.webhook_calls.values == {("delivered",): 1}
    assert (await exchange.subscription()).last_success_at_ms == exchange.clock()


async def test_every_key_signs_while_one_takes_the_place_of_another(exchange, hook, monkeypatch):
    old, new, pair = make_key("hmac-sha256"), make_key("hmac-sha256"), make_key("ed25519")
    for name, key in (("OLD", old), ("NEW", new), ("PAIR", pair)):
        monkeypatch.setenv(f"HOOK_{name}", key.text)
    references = "env:HOOK_OLD, env:HOOK_NEW, env:HOOK_PAIR"
    await exchange.set_profile("acme", terms({"orders": hook.url}, secrets_=references))
    await exchange.happen("PO-1")
    await exchange.tell()
    await exchange.send()
    (got,) = hook.calls
    assert verified(got, old.text, new.text)
    signed = f"{got.id}.{got.headers['webhook-timestamp']}.".encode() + got.body
    (asymmetric,) = [item for item in got.headers["webhook-signature"].split() if item.startswith("v1a,")]
    public = Ed25519PublicKey.from_public_bytes(b64decode(pair.public_key.removeprefix("whpk_")))
    public.verify(b64decode(asymmetric.removeprefix("v1a,")), signed)


async def test_each_attempt_has_the_same_body_and_id_and_a_timestamp_of_its_own(exchange, hook):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    await exchange.happen("PO-1")
    await exchange.tell()
    hook.answer = lambda _: 500
    await exchange.send()
    hook.answer = lambda _: 200
    exchange.clock.pass_s(5)
    await exchange.send()
    first, second = hook.calls
    assert (first.id, first.body) == (second.id, second.body)
    assert int(second.headers["webhook-timestamp"]) == int(first.headers["webhook-timestamp"]) + 5
    assert verified(first, HMAC.text)
    assert verified(second, HMAC.text)
    assert await exchange.states() == {"delivered": 1}


async def test_retries_follow_the_schedule_and_never_end(exchange, hook):
    hook.answer = lambda _: 503
    await exchange.set_profile("acme", terms({"orders": hook.url}, more=", pause_after_hours: 720"))
    await exchange.happen("PO-1")
    await exchange.tell()
    await exchange.send()
    for number, pause_s in enumerate((*RETRY_AFTER_S, RETRY_AFTER_S[-1]), start=1):
        exchange.clock.pass_s(pause_s - 1)
        await exchange.send()
        assert len(hook.calls) == number
        exchange.clock.pass_s(1)
        await exchange.send()
        assert len(hook.calls) == number + 1
    assert await exchange.states() == {"queued": 1}


async def test_order_is_kept_per_purchase_order_and_one_that_is_stuck_blocks_no_other(exchange, hook):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    for _ in range(4):
        for order in ("PO-1", "PO-2", "PO-3"):
            await exchange.happen(order)
    await exchange.tell()
    failures = {"PO-1": 2, "PO-2": 1}

    def answer(got):
        order, _ = got.subject
        if failures.get(order, 0):
            failures[order] -= 1
            return 500
        return 200

    told: list[Got] = []
    hook.answer = lambda got: ((status := answer(got)) == 200 and told.append(got)) or status
    await exchange.send()
    assert orders(told)["PO-3"] == [3, 6, 9, 12]  # the others wait for their second attempt
    assert "PO-1" not in orders(told)
    for pause_s in (5, 300):
        exchange.clock.pass_s(pause_s)
        await exchange.send()
    assert orders(told) == {"PO-1": [1, 4, 7, 10], "PO-2": [2, 5, 8, 11], "PO-3": [3, 6, 9, 12]}


async def test_a_dead_address_slows_neither_another_one_nor_its_own_partner(exchange, hook):
    stuck = asyncio.Event()

    async def wait(_):
        await stuck.wait()
        return 200

    async with hooking() as dead:
        dead.answer = wait
        await exchange.set_profile("acme", terms({"dead": dead.url, "orders": hook.url}))
        for number in range(5):
            await exchange.happen(f"PO-{number}")
        await exchange.tell()
        try:
            async with asyncio.timeout(10):
                while len(hook.calls) < 5:
                    await exchange.board.sending.take()
                    await asyncio.sleep(0.005)
            assert len(dead.calls) <= 2  # its own share
        finally:
            stuck.set()
        await exchange.send()
    assert len(dead.calls) == 5


async def test_an_event_goes_to_those_who_want_its_type(exchange, hook):
    async with hooking() as other:
        text = terms({"orders": hook.url}, events="document.rejected")
        await exchange.set_profile("acme", text)
        await exchange.set_profile("globex", terms({"orders": other.url}))
        await exchange.happen("PO-1")
        rejected = await exchange.happen("PO-1", "document.rejected")
        theirs = await exchange.happen("PO-1", partner="globex")
        await exchange.tell()
        await exchange.send()
    assert [got.id for got in hook.calls] == [rejected]
    assert [got.id for got in other.calls] == [theirs]


async def test_they_say_when_they_can_take_more(exchange, hook):
    hook.answer = lambda _: web.Response(status=429, headers={"Retry-After": "120"})
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    for number in range(3):
        await exchange.happen(f"PO-{number}")
    await exchange.tell()
    await exchange.send()
    calls = len(hook.calls)
    assert calls <= 2  # what was under way; the third waits, though it never was tried
    hook.answer = lambda _: 200
    exchange.clock.pass_s(119)
    await exchange.send()
    assert len(hook.calls) == calls
    exchange.clock.pass_s(1)
    await exchange.send()
    assert await exchange.states() == {"delivered": 3}


async def test_gone_disables_the_subscription_and_what_waits_is_kept(exchange, hook):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    for number in range(3):
        await exchange.happen(f"PO-{number}")
    await exchange.tell()
    hook.answer = lambda _: 410
    await exchange.send()
    gone = await exchange.subscription()
    assert gone.state is WebhookState.DISABLED
    assert await exchange.states() == {"held": 3}
    await exchange.happen("PO-9")
    await exchange.tell()
    assert await exchange.states() == {"held": 3}  # nothing new is added
    exchange.clock.pass_s(HOUR_S)
    calls = len(hook.calls)
    await exchange.send()
    assert len(hook.calls) == calls
    case = (await exchange.open_cases())["webhook"]
    assert "410" in case.reason
    hook.answer = lambda _: 200
    await resume(exchange)
    await exchange.send()
    assert await exchange.states() == {"delivered": 3}
    assert await exchange.open_cases() == {}


async def resume(exchange):
    def unit(connection):
        found = subscriptions.locked(connection, held.id)
        moving.move(connection, found, WebhookChange.RESUME, exchange.clock(), by="partner:acme", reason="")

    held = await exchange.subscription()
    await exchange.do(unit)


async def fail_for_days(exchange, hook):
    hook.answer = lambda _: 500
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    for _ in range(3):
        for order in ("PO-1", "PO-2"):
            await exchange.happen(order)
    await exchange.tell()
    for _ in range(80):
        await exchange.send()
        if (await exchange.subscription()).state is not WebhookState.ACTIVE:
            return
        exchange.clock.pass_s(HOUR_S)
    raise AssertionError("it was never paused")


async def test_after_days_of_failures_it_is_paused_and_people_are_told(exchange, hook):
    await fail_for_days(exchange, hook)
    paused = await exchange.subscription()
    assert paused.state is WebhookState.PAUSED
    assert exchange.clock() - paused.failing_since_ms >= 72 * HOUR_S * 1_000
    assert await exchange.states() == {"held": 6}
    case = (await exchange.open_cases())["webhook"]
    assert "nothing but failures" in case.reason
    (notice,) = await exchange.do(outbox.claim, "test", exchange.clock(), lease_ms=1_000, limit=10)
    assert notice.routing_key == "webhook.paused.acme"
    body = orjson.loads(notice.body)
    assert body["waiting"] == 6
    assert body["host"] == "hooks.acme.test"


async def refuse_one_for_days(exchange, hook) -> deliveries.StoredDelivery:
    """One event of PO-1 is never taken, everything else is; what stands for it once somebody should look."""
    refused = await exchange.happen("PO-1")
    hook.answer = lambda got: 422 if got.id == refused else 204
    for _ in range(12):
        await exchange.happen("PO-1")
        await exchange.happen("PO-2")
        await exchange.tell()
        await exchange.send()
        if await exchange.open_cases():
            break
        exchange.clock.pass_s(12 * HOUR_S)
    stuck = await exchange.see(deliveries.by_transport_id, "acme", refused)
    assert stuck is not None
    return stuck


async def test_one_event_that_a_healthy_server_never_takes_is_told_to_people_once(exchange, hook):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    stuck = await refuse_one_for_days(exchange, hook)
    assert exchange.clock() - stuck.created_at_ms >= 72 * HOUR_S * 1_000
    assert (await exchange.subscription()).state is WebhookState.ACTIVE
    (case,) = await exchange.see(cases.find)
    assert (case.id, case.state, case.message_id) == (f"webhook:{stuck.id}", "open", stuck.id)
    for word in ("orders of acme", "hooks.acme.test", "document.accepted", stuck.transport_id, "422"):
        assert word in case.reason
    assert f"gateway messages cancel {stuck.id}" in case.detail
    exchange.clock.pass_s(25 * HOUR_S)
    await exchange.send()
    (later,) = await exchange.see(cases.find)
    assert later.id == case.id
    assert later.attempts > case.attempts
    await exchange.do(operations.retry_case, case.id, Actor("operator:me"), exchange.clock())
    hook.answer = lambda _: 204
    await exchange.send()
    assert set(await exchange.states()) == {"delivered"}
    assert await exchange.see(cases.find) == []


@pytest.mark.parametrize("act", ["cancel", "resolve"])
async def test_an_event_that_is_left_out_holds_nothing_up(exchange, hook, act):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    stuck = await refuse_one_for_days(exchange, hook)
    waits = (await exchange.states())["queued"]
    actor, now_ms = Actor("operator:me"), exchange.clock()
    if act == "cancel":
        await exchange.do(operations.cancel, stuck.id, actor, now_ms, why="they never sold it")
    else:
        await exchange.do(operations.give_up, f"webhook:{stuck.id}", actor, now_ms, why="they never sold it")
    assert await exchange.see(cases.find) == []
    hook.calls.clear()
    await exchange.send()
    assert len(hook.calls) == waits - 1
    assert (await exchange.states())["cancelled"] == 1


async def test_a_case_of_one_event_ends_with_its_subscription_and_begins_anew_with_a_pause(exchange, hook):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    stuck = await refuse_one_for_days(exchange, hook)

    def pause(connection):
        found = subscriptions.locked(connection, active.id)
        moving.move(connection, found, WebhookChange.PAUSE, exchange.clock(), by="partner:acme", reason="a rest")

    active = await exchange.subscription()
    await exchange.do(pause)
    with pytest.raises(operations.NotPossible, match="paused"):
        await exchange.do(operations.retry_case, f"webhook:{stuck.id}", Actor("operator:me"), exchange.clock())
    await resume(exchange)
    await exchange.send()
    assert await exchange.see(cases.find) == []  # since it was resumed it failed once
    for _ in range(9):
        exchange.clock.pass_s(12 * HOUR_S)
        await exchange.happen("PO-2")
        await exchange.tell()
        await exchange.send()
    assert [case.message_id for case in await exchange.see(cases.find)] == [stuck.id]
    await exchange.set_profile("acme", terms({"stock": hook.url}))
    assert await exchange.see(cases.find) == []


async def test_what_was_held_goes_on_in_order_once_it_is_resumed(exchange, hook):
    await fail_for_days(exchange, hook)
    await exchange.happen("PO-1")  # while it is paused, events go on being gathered
    await exchange.tell()
    assert await exchange.states() == {"held": 7}
    exchange.clock.pass_s(24 * HOUR_S)
    before = len(hook.calls)
    await exchange.send()
    assert len(hook.calls) == before
    hook.answer = lambda _: 200
    await resume(exchange)
    await exchange.send()
    assert orders(hook.calls[before:]) == {"PO-1": [1, 3, 5, 7], "PO-2": [2, 4, 6]}
    assert await exchange.states() == {"delivered": 7}


async def test_a_newer_profile_resumes_what_paused_by_itself_and_nothing_that_somebody_paused(exchange, hook):
    await fail_for_days(exchange, hook)
    hook.answer = lambda _: 200
    await exchange.set_profile("acme", terms({"orders": hook.url}, more=", timeout_s: 20"))
    assert (await exchange.subscription()).state is WebhookState.ACTIVE
    await exchange.send()
    assert await exchange.states() == {"delivered": 6}

    def pause(connection):
        found = subscriptions.locked(connection, active.id)
        moving.move(connection, found, WebhookChange.PAUSE, exchange.clock(), by="partner:acme", reason="a rest")

    active = await exchange.subscription()
    await exchange.do(pause)
    await exchange.set_profile("acme", terms({"orders": hook.url}, more=", timeout_s: 21"))
    assert (await exchange.subscription()).state is WebhookState.PAUSED
    assert await exchange.open_cases() == {}


async def test_a_server_that_is_back_hears_at_once_what_waits_for_its_next_attempt(exchange, hook):
    hook.answer = lambda _: 500
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    await exchange.happen("PO-1")
    await exchange.tell()
    for pause_s in RETRY_AFTER_S[:4]:
        await exchange.send()
        exchange.clock.pass_s(pause_s)
    await exchange.send()  # the next one is due in five hours
    hook.answer = lambda _: 200
    await exchange.happen("PO-2")
    await exchange.tell()
    await exchange.send()
    assert await exchange.states() == {"delivered": 2}


async def test_a_subscription_that_the_profile_names_no_more_is_told_nothing_more(exchange, hook):
    await exchange.set_profile("acme", terms({"orders": hook.url, "stock": hook.url}))
    first = await exchange.subscription()
    await exchange.happen("PO-1")
    await exchange.tell()
    await exchange.set_profile("acme", terms({"stock": hook.url}))
    assert (await exchange.subscription()).state is WebhookState.REMOVED
    assert await exchange.states() == {"cancelled": 1}
    (cancelled,) = await exchange.see(deliveries.find, destination=first.id)
    assert cancelled.reason == "the profile names it no more"
    await exchange.send()
    assert len(hook.calls) == 1
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    again = await exchange.subscription()
    assert (again.id, again.state) == (first.id, WebhookState.ACTIVE)
    await exchange.remove_profile("acme")
    assert (await exchange.subscription()).state is WebhookState.REMOVED


async def test_an_address_changes_with_the_profile_also_for_what_waits(exchange, hook):
    async with hooking() as elsewhere:
        await exchange.set_profile("acme", terms({"orders": hook.url}))
        hook.answer = lambda _: 500
        await exchange.happen("PO-1")
        await exchange.tell()
        await exchange.send()
        await exchange.set_profile("acme", terms({"orders": elsewhere.url}))
        exchange.clock.pass_s(5)
        await exchange.send()
    assert [got.subject for got in elsewhere.calls] == [("PO-1", 1)]


async def test_a_process_that_dies_between_the_call_and_its_end_makes_the_same_call_again(exchange, hook):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    event = await exchange.happen("PO-1")
    await exchange.tell()
    killed = exchange.new_board("killed")
    reached = asyncio.Event()

    async def die(_):
        reached.set()
        await asyncio.Event().wait()

    hook.answer = die
    await killed.sending.take()
    async with asyncio.timeout(10):
        await reached.wait()
    # As when it is killed: nothing is written down any more, and its lease runs out.
    for task in [item for item in asyncio.all_tasks() if item.get_name().startswith(("deliver ", "renew "))]:
        task.cancel()
    hook.answer = lambda _: 200
    await exchange.send()
    assert len(hook.calls) == 1  # its lease holds
    exchange.clock.pass_s(6)
    await exchange.send()
    assert [got.id for got in hook.calls] == [event, event]
    assert hook.calls[0].body == hook.calls[1].body
    assert await exchange.states() == {"delivered": 1}
    await killed.caller.close()


async def test_telling_twice_makes_one_delivery_and_two_tellers_take_turns(exchange, hook):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    await exchange.happen("PO-1")
    other = exchange.new_board("two")
    assert await exchange.tell() == 1
    await exchange.happen("PO-1")
    assert await other.telling.tell() == 0  # the other process has its turn still
    exchange.clock.pass_s(31)
    assert await other.telling.tell() == 1
    await exchange.send()
    assert orders(hook.calls) == {"PO-1": [1, 2]}
    await other.caller.close()


async def test_what_is_told_again_bears_the_same_id(exchange, hook):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    ids = [await exchange.happen("PO-1") for _ in range(3)]
    await exchange.tell()
    hook.answer = lambda got: 200 if got.id != ids[2] else 500
    await exchange.send()

    def again(connection):
        found = subscriptions.locked(connection, subscription.id)
        events = partner_events.since(connection, "acme", event_id=ids[1], limit=10)
        return tell_again(connection, found, events, exchange.directory, exchange.clock())

    subscription = await exchange.subscription()
    assert await exchange.do(again) == 1  # the last one waits still, and is told in any case
    hook.calls.clear()
    hook.answer = lambda _: 200
    exchange.clock.pass_s(5)
    await exchange.send()
    assert [got.id for got in hook.calls] == [ids[2], ids[1]]


async def test_a_key_that_is_missing_holds_events_under_one_case_until_it_is_there(exchange, hook, monkeypatch):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    monkeypatch.delenv("HOOK_KEY")
    for number in range(3):
        await exchange.happen(f"PO-{number}")
    await exchange.tell()
    await exchange.send()
    assert not hook.calls
    assert await exchange.states() == {"held": 3}
    assert list(await exchange.open_cases()) == ["webhook"]
    assert "HOOK_KEY" in (await exchange.subscription()).reason
    monkeypatch.setenv("HOOK_KEY", HMAC.text)
    exchange.clock.pass_s(301)
    await exchange.send()
    assert await exchange.states() == {"delivered": 3}
    assert await exchange.open_cases() == {}


async def test_the_log_says_how_each_call_went_and_holds_no_secret(exchange, hook):
    hook.answer = lambda _: web.Response(status=500, text="no \x00 room\n at the inn")
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    await exchange.happen("PO-1")
    await exchange.tell()
    await exchange.send()
    (delivery,) = await exchange.see(deliveries.find, destination=(await exchange.subscription()).id)
    steps = await exchange.see(timeline.of_message, delivery.id)
    failed = next(step for step in steps if step.step == "failed")
    assert failed.detail["status"] == 500
    assert failed.detail["response"] == "no room at the inn"
    assert failed.detail["duration_ms"] >= 0
    assert HMAC.text not in repr(steps)
    assert await exchange.see(waiting.count, delivery.destination) == 1


async def test_a_document_is_posted_as_it_is_and_given_up_by_the_partners_schedule(exchange, hook):
    schedule = "delivery: {attempts_max: 2, first_retry_after_s: 10}\n"
    await exchange.set_profile("acme", terms({"orders": hook.url}) + schedule)
    subscription = await exchange.subscription()

    async def post(name):
        new = NewDelivery(
            id=name,
            partner_id="acme",
            profile_digest="",
            identity="bigcorp",
            channel="webhook",
            kind="document",
            lane=f"acme/{name}",
            transport_id=f"<{name}@bigcorp.example>",
            content_type="application/edi-x12",
            filename="",
            subject="",
            payload=b"ISA*00*",
            created_at_ms=exchange.clock(),
            due_at_ms=exchange.clock(),
            destination=subscription.id,
        )
        await exchange.do(deliveries.enqueue, new)
        await exchange.send()

    await post("D1")
    (got,) = hook.calls
    assert (got.id, got.body, got.headers["Content-Type"]) == ("D1", b"ISA*00*", "application/edi-x12")
    standardwebhooks.Webhook(HMAC.text).verify(got.body, got.headers, json_parse=False)
    hook.answer = lambda _: 500
    await post("D2")
    exchange.clock.pass_s(10)
    await exchange.send()
    assert (await exchange.see(deliveries.get, "D2")).state == "given_up"
    assert list(await exchange.open_cases()) == ["delivery_given_up"]
    hook.answer = lambda _: 410
    await post("D3")
    assert (await exchange.subscription()).state is WebhookState.DISABLED
    exchange.clock.pass_s(10)
    await exchange.send()
    assert (await exchange.see(deliveries.get, "D3")).state == "held"
    hook.answer = lambda _: 200
    await resume(exchange)
    await exchange.send()
    assert (await exchange.see(deliveries.get, "D3")).state == "delivered"


async def test_an_address_has_a_share_of_its_own_whatever_else_goes_to_the_partner(exchange):
    def enqueue(connection, number, destination):
        new = NewDelivery(
            id=f"{destination or 'as2'}-{number}",
            partner_id="acme",
            profile_digest="",
            identity="",
            channel="webhook" if destination else "as2",
            kind="notice" if destination else "file",
            lane=f"{destination}/{number}",
            transport_id=f"{number}",
            content_type="",
            filename="",
            subject="",
            payload=b"{}",
            created_at_ms=1,
            due_at_ms=1,
            destination=destination,
        )
        deliveries.enqueue(connection, new)

    for number in range(200):
        await exchange.do(enqueue, number, "dead")
    for destination in ("alive", ""):
        for number in range(3):
            await exchange.do(enqueue, number, destination)
    shares = {"dead": 0, "alive": 2, "": 1}
    taken = await exchange.do(
        delivery_claims.claim,
        "test",
        exchange.clock(),
        lease_ms=1_000,
        limit=10,
        share_of=lambda partner, destination: Share(destination or partner, shares[destination]),
    )
    assert sorted(delivery.id for delivery in taken) == ["alive-0", "alive-1", "as2-0"]


async def test_two_processes_that_tell_at_once_make_one_delivery_of_each_event(exchange, hook):
    await exchange.set_profile("acme", terms({"orders": hook.url}))
    database = Database(exchange.database.engine.url.render_as_string(hide_password=False))
    database.start()
    other = Switchboard(database, exchange.clock, lambda: exchange.directory, "two")
    try:
        for _ in range(10):
            for order in ("PO-1", "PO-2"):
                await exchange.happen(order)
            await asyncio.gather(exchange.board.telling.tell(), other.telling.tell())
            exchange.clock.pass_s(31)  # now either may have the turn
        while await exchange.see(partner_events.untold, 1):
            await asyncio.gather(exchange.board.telling.tell(), other.telling.tell())
            exchange.clock.pass_s(31)
        found = await exchange.see(deliveries.find, destination=(await exchange.subscription()).id, limit=100)
        assert len({delivery.transport_id for delivery in found}) == len(found) == 20
        await exchange.send()
        assert orders(hook.calls) == {"PO-1": list(range(1, 20, 2)), "PO-2": list(range(2, 21, 2))}
    finally:
        await other.caller.close()
        database.close()
