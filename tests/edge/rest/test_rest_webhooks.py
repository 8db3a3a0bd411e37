"""Subscriptions by the API: set up, tried, changed, rotated and ended; guarded at each step, and each partner's own."""

import json
from base64 import b64decode
from functools import partial

import aiohttp
import pytest
import standardwebhooks
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select

from gateway.carriers.webhook_keys import read_key
from gateway.edge.rest import webhooks
from gateway.flow.operations import Actor
from gateway.flow.outward.send import Sending
from gateway.flow.webhooks import acts
from gateway.flow.webhooks.subscribing import bring_in
from gateway.flow.webhooks.telling import Telling
from gateway.model.partner_events import partner_event
from gateway.model.webhook import WEBHOOK
from gateway.settings import Limits
from gateway.store import partner_events
from gateway.store.api_tables import WebhookSubscription
from gateway.store.engine.statements import table_of
from gateway.store.oversight import timeline
from gateway.store.webhooks import subscriptions
from partners.directory import Directory
from tests.edge.house import ACME_KEY, GLOBEX_KEY, acme, globex, open_house
from tests.edge.rest.contract import assert_as_promised
from tests.flow.hooks import HMAC, HOST, Got, hooking, terms

ACME = {"Authorization": f"Bearer {ACME_KEY}"}
GLOBEX = {"Authorization": f"Bearer {GLOBEX_KEY}"}
PASSPHRASE = b"correct horse battery staple"


@pytest.fixture
async def hook():
    async with hooking() as opened:
        yield opened


class Resolver:
    def __init__(self) -> None:
        self.addresses = ["127.0.0.1"]
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        return self.addresses


@pytest.fixture
def resolver():
    return Resolver()


@pytest.fixture
async def house(tmp_path, hook, resolver, monkeypatch):
    monkeypatch.setenv("HOOK_KEY", HMAC.text)
    profiles = [acme(terms({"agreed": hook.url})), globex(terms({}))]
    async with open_house(tmp_path, profiles=profiles, passphrase=PASSPHRASE, resolve=resolver) as opened:
        await bring_in_profiles(opened)
        yield opened


async def bring_in_profiles(house):
    profiles = {loaded.id: loaded for loaded in house.edge.directory()}
    await house.database.write(lambda connection: bring_in(connection, profiles, house.edge.now_ms()))


@pytest.fixture
async def call(house):
    """Makes a call, and sees to it that the answer is as promised; gives status and body."""
    async with aiohttp.ClientSession() as client:

        async def call(operation, method, path, body=None, headers=ACME):
            data = None if body is None else json.dumps(body)
            async with client.request(method, f"{house.url}{path}", headers=headers, data=data) as answer:
                return answer.status, await assert_as_promised(operation, answer)

        yield call


async def subscribe(call, hook, name="orders", headers=ACME, **more):
    return await call("create_webhook", "POST", "/v1/webhooks", {"name": name, "url": hook.url} | more, headers)


async def happen(house, count=1, order="PO-1", partner="acme"):
    ids = []
    for number in range(count):
        now_ms = house.edge.now_ms()
        data = {"order": order, "step": number}
        event = partner_event(partner, "document.accepted", order, now_ms, data, cause=f"{order} {number}")
        await house.database.write(lambda connection, event=event: partner_events.record(connection, event))
        ids.append(event.id)
    return ids


async def deliver(house):
    """Tell of everything, and make every call that is due."""
    edge = house.edge
    sending = Sending(
        house.database,
        {WEBHOOK: edge.webhooks.carrier},
        edge.directory,
        owner="test",
        now_ms=edge.now_ms,
        metrics=house.metrics,
        limits=Limits(),
    )
    telling = Telling(house.database, edge.directory, owner="test", now_ms=edge.now_ms, told=lambda: None)
    while await telling.tell():
        pass
    while True:
        await sending.take()
        if not sending.in_flight:
            return
        await sending.drain(10)


def verifies(got: Got, secret: str) -> bool:
    try:
        standardwebhooks.Webhook(secret).verify(got.body, got.headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


async def test_a_subscription_is_set_up_and_its_secret_is_shown_once(house, call, hook):
    status, made = await subscribe(call, hook, events=["document.accepted"])
    assert status == 201
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert (made["origin"], made["state"], made["events"]) == ("api", "active", ["document.accepted"])
    (event,) = await happen(house)
    await deliver(house)
    by_api = [got for got in hook.calls if verifies(got, secret)]
    assert [got.id for got in by_api] == [event]
    assert len(hook.calls) == 2  # that of the profile has another key
    for path, operation in ((f"/v1/webhooks/{made['id']}", "get_webhook"), ("/v1/webhooks", "list_webhooks")):
        status, shown = await call(operation, "GET", path)
        assert status == 200
        assert secret not in json.dumps(shown)
    assert {item["name"] for item in shown["webhooks"]} == {"agreed", "orders"}
    row = await house.database.read(lambda c: c.execute(select(table_of(WebhookSubscription))).all())
    assert secret.removeprefix("whsec_") not in repr(row)
    assert secret not in repr(await house.acts())


async def test_of_an_asymmetric_key_they_get_the_public_part(house, call, hook):
    _, made = await subscribe(call, hook, key="ed25519")
    assert made["secret"] is None
    (key,) = made["keys"]
    await happen(house)
    await deliver(house)
    public = Ed25519PublicKey.from_public_bytes(b64decode(key["public_key"].removeprefix("whpk_")))
    (got,) = [item for item in hook.calls if "v1a," in item.headers["webhook-signature"]]
    signature = b64decode(got.headers["webhook-signature"].removeprefix("v1a,"))
    public.verify(signature, f"{got.id}.{got.headers['webhook-timestamp']}.".encode() + got.body)


async def test_a_key_is_rotated_with_the_old_one_beside_it(house, call, hook):
    _, made = await subscribe(call, hook)
    path = f"/v1/webhooks/{made['id']}/keys"
    status, rotated = await call("rotate_webhook_key", "POST", path)
    assert status == 201
    assert rotated["secret"] not in (None, made["secret"])
    assert [key["ends_at"] is None for key in rotated["keys"]] == [False, True]
    await happen(house)
    await deliver(house)
    (got,) = [item for item in hook.calls if verifies(item, rotated["secret"])]
    assert verifies(got, made["secret"])
    _, at_once = await call("rotate_webhook_key", "POST", path, {"overlap_hours": 0})
    assert len(at_once["keys"]) == 1
    hook.calls.clear()
    await happen(house, order="PO-2")
    await deliver(house)
    (got,) = [item for item in hook.calls if verifies(item, at_once["secret"])]
    assert not verifies(got, rotated["secret"])


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/in",
        "https://127.0.0.1/in",
        f"https://{HOST}.evil.example/in",
        f"https://evil.example/{HOST}",
        f"https://{HOST}@evil.example/",
        f"https://evil.example\\@{HOST}/",
        "ftp://hooks.acme.test/",
        "nonsense",
        f"https://{HOST}/" + "a" * 3_000,
    ],
)
async def test_an_address_that_is_not_agreed_is_refused(call, url):
    body = {"name": "orders", "url": url}
    status, problem = await call("create_webhook", "POST", "/v1/webhooks", body)
    assert status == 422
    assert problem["errors"][0]["pointer"] == "/url"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "orders"}, "/url"),
        ({"name": "Orders!", "url": "https://hooks.acme.test/"}, "/name"),
        ({"name": "orders", "url": "https://hooks.acme.test/", "events": ["everything"]}, "/events/0"),
        ({"name": "orders", "url": "https://hooks.acme.test/", "secret": "whsec_mine"}, "/secret"),
        ({"name": "orders", "url": "https://hooks.acme.test/", "key": "rsa"}, "/key"),
    ],
)
async def test_what_is_wrong_is_said_where_it_stands(call, body, pointer):
    status, problem = await call("create_webhook", "POST", "/v1/webhooks", body)
    assert status == 422
    assert problem["errors"][0]["pointer"] == pointer


async def test_names_are_given_once_and_subscriptions_are_counted(house, call, hook):
    assert (await subscribe(call, hook))[0] == 201
    assert (await subscribe(call, hook))[0] == 409
    assert (await subscribe(call, hook, "agreed"))[0] == 409  # that of the profile has it
    for number in range(30):
        assert (await subscribe(call, hook, f"n{number}"))[0] == 201
    status, problem = await subscribe(call, hook, "one-more")
    assert status == 409
    assert "32" in problem["detail"]
    assert (await subscribe(call, hook, headers=GLOBEX))[0] == 201  # another partner's are its own


async def test_nobody_sees_or_moves_another_partners_subscription(house, call, hook):
    _, made = await subscribe(call, hook)
    path = f"/v1/webhooks/{made['id']}"
    calls = [
        ("get_webhook", "GET", path, None),
        ("update_webhook", "PATCH", path, {"state": "paused"}),
        ("delete_webhook", "DELETE", path, None),
        ("rotate_webhook_key", "POST", f"{path}/keys", None),
        ("test_webhook", "POST", f"{path}/test", None),
        ("replay_webhook", "POST", f"{path}/replay", {"since": "2026-01-01T00:00:00Z"}),
        ("list_webhook_deliveries", "GET", f"{path}/deliveries", None),
    ]
    for operation, method, at, body in calls:
        theirs = await call(operation, method, at, body, GLOBEX)
        never = await call(operation, method, at.replace(made["id"], "wh_" + "0" * 26), body, GLOBEX)
        assert theirs[0] == never[0] == 404
        assert theirs[1]["detail"] == never[1]["detail"]
    (event,) = await happen(house)
    assert (await call("get_event", "GET", f"/v1/events/{event}", headers=GLOBEX))[0] == 404
    assert (await call("list_events", "GET", "/v1/events", headers=GLOBEX))[1]["events"] == []
    assert (await call("get_webhook", "GET", path))[1]["state"] == "active"
    assert not hook.calls


async def test_without_a_passphrase_profiles_have_webhooks_and_the_api_says_why_not(
    tmp_path, hook, resolver, monkeypatch
):
    monkeypatch.setenv("HOOK_KEY", HMAC.text)
    async with open_house(tmp_path, profiles=[acme(terms({"agreed": hook.url}))], resolve=resolver) as house:
        await bring_in_profiles(house)
        async with aiohttp.ClientSession() as client:
            body = json.dumps({"name": "orders", "url": hook.url})
            async with client.post(f"{house.url}/v1/webhooks", data=body, headers=ACME) as answer:
                problem = await assert_as_promised("create_webhook", answer)
        assert answer.status == 409
        assert "passphrase" in problem["detail"]
        await happen(house)
        await deliver(house)
        assert verifies(hook.calls[0], HMAC.text)


@pytest.mark.parametrize("text", [terms({}, more=", by_api: false"), ""], ids=["not by the API", "none"])
async def test_a_profile_may_keep_subscribing_to_our_people(house, call, hook, text):
    house.directories.append(Directory([acme(text)]))
    status, problem = await subscribe(call, hook)
    assert status == 409
    assert "profile" in problem["detail"]


async def test_what_the_profile_agreed_is_paused_and_resumed_but_not_changed(house, call, hook):
    _, page = await call("list_webhooks", "GET", "/v1/webhooks")
    (agreed,) = page["webhooks"]
    path = f"/v1/webhooks/{agreed['id']}"
    assert (await call("update_webhook", "PATCH", path, {"url": hook.url}))[0] == 409
    assert (await call("delete_webhook", "DELETE", path))[0] == 409
    assert (await call("rotate_webhook_key", "POST", f"{path}/keys"))[0] == 409
    status, paused = await call("update_webhook", "PATCH", path, {"state": "paused"})
    assert (status, paused["state"]) == (200, "paused")
    await happen(house)
    await deliver(house)
    assert not hook.calls
    _, log = await call("list_webhook_deliveries", "GET", f"{path}/deliveries")
    assert [item["status"] for item in log["deliveries"]] == ["held"]
    assert (await call("update_webhook", "PATCH", path, {"state": "active"}))[1]["state"] == "active"
    assert house.woken
    await deliver(house)
    assert len(hook.calls) == 1


async def test_the_audit_holds_no_query_of_an_address(house, call, hook):
    path = hook.url + "?token=a-secret-of-theirs"
    status, made = await call("create_webhook", "POST", "/v1/webhooks", {"name": "orders", "url": path})
    assert (status, made["url"]) == (201, path)
    (act,) = await house.acts("webhook.create")
    assert act.detail["url"] == hook.url


async def test_nobody_pauses_and_resumes_without_end(house, call, hook):
    """Each moves everything that waits there, however much that is."""
    _, made = await subscribe(call, hook)
    path = f"/v1/webhooks/{made['id']}"
    states = ["paused", "active"] * (webhooks.TURNS_PER_MINUTE // 2)
    assert [(await call("update_webhook", "PATCH", path, {"state": state}))[0] for state in states] == [200] * len(
        states
    )
    assert (await call("update_webhook", "PATCH", path, {"state": "paused"}))[0] == 429
    assert (await call("update_webhook", "PATCH", path, {"state": "active"}))[0] == 200, "it is so already"
    assert (await call("update_webhook", "PATCH", path, {"url": hook.url + "x"}))[0] == 200


async def test_which_of_our_people_paused_it_is_not_told(house, call, hook):
    _, made = await subscribe(call, hook)
    pause = partial(acts.pause, subscription_id=made["id"], actor=Actor("operator:jane"), now_ms=1)
    await house.database.write(pause)
    _, shown = await call("get_webhook", "GET", f"/v1/webhooks/{made['id']}")
    assert (shown["state"], shown["reason"]) == ("paused", "paused by our people")
    (act,) = await house.acts("webhook.pause")
    assert act.actor == "operator:jane"


async def test_a_subscription_is_changed_and_ended(house, call, hook):
    _, made = await subscribe(call, hook)
    path = f"/v1/webhooks/{made['id']}"
    other = hook.url.replace("/in", "/elsewhere")
    status, changed = await call("update_webhook", "PATCH", path, {"url": other, "events": ["document.rejected"]})
    assert (status, changed["url"], changed["events"]) == (200, other, ["document.rejected"])
    assert (await call("update_webhook", "PATCH", path, {"url": "https://evil.example/"}))[0] == 422
    assert (await call("delete_webhook", "DELETE", path))[0] == 204
    assert (await call("get_webhook", "GET", path))[0] == 404
    assert (await call("delete_webhook", "DELETE", path))[0] == 404
    assert (await subscribe(call, hook))[0] == 201  # its name is free again
    assert [act.action for act in await house.acts()][:3] == ["webhook.create", "webhook.delete", "webhook.update"]


async def test_a_test_is_a_real_call_and_says_how_it_went(house, call, hook):
    _, made = await subscribe(call, hook)
    path = f"/v1/webhooks/{made['id']}/test"
    status, told = await call("test_webhook", "POST", path)
    assert (status, told["delivered"], told["status"], told["error"]) == (200, True, 204, None)
    (got,) = hook.calls
    assert got.id == told["event_id"]
    assert got.json["type"] == "webhook.test"
    assert verifies(got, made["secret"])
    hook.answer = lambda _: 503
    _, told = await call("test_webhook", "POST", path)
    assert (told["delivered"], told["status"]) == (False, 503)
    assert "HTTP 503" in told["error"]


async def test_tests_are_rated(house, call, hook):
    _, made = await subscribe(call, hook)
    path = f"/v1/webhooks/{made['id']}/test"
    statuses = [(await call("test_webhook", "POST", path))[0] for _ in range(8)]
    assert statuses == [200] * 6 + [429] * 2
    assert len(hook.calls) == 6


@pytest.mark.parametrize("address", ["10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1", "::1", "100.64.0.1"])
async def test_a_name_that_leads_into_our_own_network_is_not_called(tmp_path, hook, resolver, address):
    reached = f"hosts: [{HOST}], without_tls: true"
    async with open_house(
        tmp_path, profiles=[acme(f"webhooks: {{{reached}}}\n")], passphrase=PASSPHRASE, resolve=resolver
    ) as house:
        resolver.addresses = [address]
        async with aiohttp.ClientSession() as client:
            body = json.dumps({"name": "orders", "url": hook.url})
            async with client.post(f"{house.url}/v1/webhooks", data=body, headers=ACME) as answer:
                made = await answer.json()
            async with client.post(f"{house.url}/v1/webhooks/{made['id']}/test", headers=ACME) as answer:
                told = await assert_as_promised("test_webhook", answer)
    assert not told["delivered"]
    assert "no public address" in told["error"]
    assert "webhooks.private_networks" in told["error"]
    assert not hook.calls


async def test_a_name_is_judged_at_each_call_whatever_it_led_to_before(house, call, hook, resolver):
    _, made = await subscribe(call, hook)
    path = f"/v1/webhooks/{made['id']}/test"
    assert (await call("test_webhook", "POST", path))[1]["delivered"]
    resolver.addresses = ["169.254.169.254"]
    hook.answer = lambda _: web.Response(headers={"Connection": "close"})
    await call("test_webhook", "POST", path)  # may go over the connection that was made before
    _, told = await call("test_webhook", "POST", path)
    assert not told["delivered"]
    assert "link-local" in told["error"]


async def test_a_subscription_is_called_no_more_once_its_host_is_not_in_the_profile(house, call, hook):
    _, made = await subscribe(call, hook)
    await happen(house)
    changed = terms({}).replace(HOST, "other.acme.test")
    house.directories.append(Directory([acme(changed), globex(terms({}))]))
    await bring_in_profiles(house)
    await deliver(house)
    path = f"/v1/webhooks/{made['id']}"
    _, told = await call("test_webhook", "POST", f"{path}/test")
    assert not told["delivered"]
    assert "webhooks.hosts" in told["error"]
    assert not hook.calls
    _, log = await call("list_webhook_deliveries", "GET", f"{path}/deliveries")
    assert [item["status"] for item in log["deliveries"]] == ["held"]


async def test_nobody_redirects_us(house, call, hook):
    _, made = await subscribe(call, hook)
    hook.answer = lambda _: web.Response(status=307, headers={"Location": f"{hook.url}/secret?token=1"})
    _, told = await call("test_webhook", "POST", f"/v1/webhooks/{made['id']}/test")
    assert (told["delivered"], told["status"]) == (False, 307)
    assert "not followed" in told["error"]
    assert "token" not in told["error"]
    assert len(hook.calls) == 1


async def test_of_an_endless_answer_the_beginning_is_enough(house, call, hook):
    _, made = await subscribe(call, hook)
    sent = 0

    async def endless(request):
        nonlocal sent
        response = web.StreamResponse(status=200)
        await response.prepare(request)
        while sent < 100_000_000:
            await response.write(b"x" * 65_536)
            sent += 65_536
        return response

    application = web.Application()
    application.router.add_post("/{path:.*}", endless)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://{HOST}:{runner.addresses[0][1]}/in"
    try:
        await call("update_webhook", "PATCH", f"/v1/webhooks/{made['id']}", {"url": url})
        _, told = await call("test_webhook", "POST", f"/v1/webhooks/{made['id']}/test")
        assert told["delivered"]
        assert sent < 50_000_000
    finally:
        await runner.cleanup()


async def test_events_are_told_again_since_a_moment_or_an_event(house, call, hook):
    _, made = await subscribe(call, hook)
    ids = await happen(house, 3)
    await deliver(house)
    hook.calls.clear()
    path = f"/v1/webhooks/{made['id']}/replay"
    status, told = await call("replay_webhook", "POST", path, {"since_event": ids[1]})
    assert (status, told) == (202, {"events": 2, "next_event": None})
    await deliver(house)
    assert [got.id for got in hook.calls] == ids[1:]
    _, told = await call("replay_webhook", "POST", path, {"since": "2020-01-01T00:00:00Z"})
    assert told["events"] == 3
    _, told = await call("replay_webhook", "POST", path, {"since": "2020-01-01T00:00:00Z"})
    assert told["events"] == 0  # they wait to be told already
    assert (await call("replay_webhook", "POST", path, {}))[0] == 422
    assert (await call("replay_webhook", "POST", path, {"since_event": "evt_" + "0" * 26}))[0] == 409
    both = {"since_event": ids[0], "since": "2020-01-01T00:00:00Z"}
    assert (await call("replay_webhook", "POST", path, both))[0] == 422


async def test_a_replay_is_bounded_and_says_where_to_go_on(house, call, hook, monkeypatch):
    monkeypatch.setattr(acts, "REPLAYED_MAX", 2)
    _, made = await subscribe(call, hook)
    ids = await happen(house, 5)
    await deliver(house)
    path = f"/v1/webhooks/{made['id']}/replay"
    told, again = {"next_event": ids[0]}, 0
    while told["next_event"] is not None:
        _, told = await call("replay_webhook", "POST", path, {"since_event": told["next_event"]})
        again += told["events"]
    assert again == 5


async def test_the_log_shows_each_call_and_goes_on_page_by_page(house, call, hook):
    _, made = await subscribe(call, hook)
    hook.answer = lambda _: web.Response(status=500, text="no room")
    await happen(house, 1, "PO-1")
    await happen(house, 1, "PO-2")
    await deliver(house)
    path = f"/v1/webhooks/{made['id']}/deliveries"
    _, first = await call("list_webhook_deliveries", "GET", f"{path}?limit=1&status=queued")
    _, second = await call("list_webhook_deliveries", "GET", first["links"]["next"])
    assert second["links"]["next"] is None
    shown = first["deliveries"] + second["deliveries"]
    assert {item["subject"] for item in shown} == {"PO-1", "PO-2"}
    for item in shown:
        (made_call,) = item["calls"]
        assert (made_call["status"], made_call["response"], made_call["delivered"]) == (500, "no room", False)
        assert (item["event_type"], item["attempts"]) == ("document.accepted", 1)
        assert item["next_attempt_at"] is not None
    assert (await call("list_webhook_deliveries", "GET", f"{path}?status=lost"))[0] == 400
    # Of very many calls the last ones are shown.
    name = shown[0]["id"]

    def more(connection):
        for number in range(30):
            timeline.note(connection, name, number, "failed", {"status": 500 + number})

    await house.database.write(more)
    _, log = await call("list_webhook_deliveries", "GET", path)
    calls = {item["id"]: item["calls"] for item in log["deliveries"]}
    assert [one["status"] for one in calls.pop(name)] == list(range(529, 509, -1))
    assert [len(one) for one in calls.values()] == [1]


async def test_events_are_listed_and_shown(house, call):
    ids = await happen(house, 3)
    _, first = await call("list_events", "GET", "/v1/events?limit=2&type=document.accepted")
    _, second = await call("list_events", "GET", first["links"]["next"])
    assert [event["id"] for event in first["events"] + second["events"]] == ids[::-1]
    assert second["links"]["next"] is None
    status, event = await call("get_event", "GET", f"/v1/events/{ids[0]}")
    assert (status, event["data"]["order"]) == (200, "PO-1")
    assert (await call("get_event", "GET", "/v1/events/evt_nonsense"))[0] == 404
    assert (await call("list_events", "GET", "/v1/events?type=nonsense"))[0] == 400


async def test_the_same_key_sets_up_one_subscription(house, call, hook):
    once = ACME | {"Idempotency-Key": "a-key"}
    first, second = [await subscribe(call, hook, headers=once) for _ in range(2)]
    assert first == second
    found = await house.database.read(lambda connection: subscriptions.find(connection, ["acme"]))
    assert len([item for item in found if item.origin == "api"]) == 1
    assert read_key(first[1]["secret"]).kind == "hmac-sha256"
