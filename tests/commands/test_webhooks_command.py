"""`gateway webhooks`, and the same on the operator port: what people see of subscriptions, and do to them."""

import asyncio
import json
import stat
from base64 import b64decode, b64encode
from dataclasses import replace

import aiohttp
import pytest
import standardwebhooks
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.carriers.webhook import purpose_of
from gateway.carriers.webhook_keys import make_key, read_key
from gateway.flow.webhooks.subscribing import bring_in
from gateway.flow.webhooks.telling import Telling
from gateway.model.partner_events import partner_event
from gateway.model.webhook import BY_API
from gateway.store import deliveries, partner_events
from gateway.store.credentials.sealing import Sealing
from gateway.store.oversight import audit
from gateway.store.oversight.operators import Role
from gateway.store.webhooks import subscriptions
from gateway.store.webhooks.subscriptions import SealedKey
from partners.directory import Directory
from tests.commands.conftest import Ended
from tests.edge.house import acme, globex, open_house
from tests.flow.hooks import HMAC, hooking, terms
from tests.flow.sending import Clock, profile
from tests.site import PASSPHRASE, Site

REACHED = "hosts: [localhost], without_tls: true, private_networks: [127.0.0.0/8, '::1/128']"


def local(port):
    named = f"{{name: orders, url: 'http://localhost:{port}/in', secrets: env:HOOK_KEY}}"
    return f"webhooks: {{{REACHED}, subscriptions: [{named}]}}\n"


def written(webhooks):
    return f"id: acme\nname: ACME\napi_keys: [{{label: a, sha256: {'a' * 64}}}]\n{webhooks}"


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.fixture
def call(site, run, database):
    def call(*words: object) -> Ended:
        return run("webhooks", *words, "--config", site.config)

    return call


@pytest.fixture
def told(site, database, monkeypatch):
    """A subscription, and three events that wait to be told there."""
    monkeypatch.setenv("HOOK_KEY", HMAC.text)
    text = local(9)
    partner = profile("acme", text)
    folder = site.partners_dir / "acme"
    folder.mkdir()
    (folder / "profile.yaml").write_text(written(text))
    clock = Clock()
    database.write_now(lambda connection: bring_in(connection, {"acme": partner}, clock()))
    directory = Directory([partner])

    def unit(connection):
        for number in range(3):
            event = partner_event("acme", "document.accepted", f"PO-{number}", clock(), {}, cause=str(number))
            partner_events.record(connection, event)

    database.write_now(unit)
    database.start()
    telling = Telling(database, lambda: directory, owner="test", now_ms=clock, told=lambda: None)
    assert asyncio.run(telling.tell()) == 3
    (subscription,) = database.read_now(subscriptions.find)
    return subscription


def states(database, subscription):
    found = database.read_now(lambda connection: deliveries.find(connection, destination=subscription.id))
    return sorted(delivery.state for delivery in found)


def test_subscriptions_are_listed_and_shown(call, told):
    (row,) = call("list", "--format", "json").rows
    assert (row["id"], row["partner"], row["name"], row["state"], row["waiting"]) == (
        told.id,
        "acme",
        "orders",
        "active",
        3,
    )
    assert "acme/orders" in call("list").out
    assert call("list", "--partner", "nobody", "--format", "json").rows == []
    shown = call("show", "acme/orders", "--format", "json").json
    assert {item["status"] for item in shown["deliveries"]} == {"queued"}
    assert {item["subject"] for item in shown["deliveries"]} == {"PO-0", "PO-1", "PO-2"}
    text = call("show", told.id).out
    assert "document.accepted" in text
    assert HMAC.text not in text


def test_one_is_paused_and_resumed_and_nothing_is_lost(call, told, database):
    assert call("pause", "acme/orders", "--reason", "they move house").code == 0
    assert states(database, told) == ["held"] * 3
    assert call("list", "--format", "json").json["reason"] == "they move house"
    assert call("resume", told.id, "--format", "json").json == {"webhook": told.id, "state": "active"}
    assert states(database, told) == ["queued"] * 3
    acts = database.read_now(audit.find)
    assert [act.action for act in acts] == ["webhook.resume", "webhook.pause"]


def test_events_are_told_again(call, told, database):
    (first, *_) = database.read_now(lambda connection: partner_events.since(connection, "acme", at_ms=0, limit=9))
    again = call("replay", "acme/orders", "--event", first.id, "--format", "json")
    assert again.json == {"webhook": told.id, "events": 0, "next_event": None}  # all of them wait still
    assert call("replay", "acme/orders", "--event", "evt_nonsense").code == 2
    assert call("replay", "acme/orders", "--since", "yesterday").code == 2
    assert call("replay", "acme/orders", "--since", "2020-01-01T00:00:00Z").code == 0


def test_what_does_not_exist_is_said(call, told):
    for verb in ("show", "pause", "resume", "test"):
        ended = call(verb, "acme/nothing")
        assert ended.code == 2
        assert "gateway webhooks list" in ended.err


async def test_a_test_is_a_real_call(site, call, told, database):
    async with hooking() as hook:
        text = local(hook.port)
        (site.partners_dir / "acme" / "profile.yaml").write_text(written(text))
        database.write_now(lambda connection: bring_in(connection, {"acme": profile("acme", text)}, 1))
        ended = await asyncio.to_thread(call, "test", "acme/orders", "--format", "json")
        assert (ended.code, ended.json["status"]) == (0, 204)
        (got,) = hook.calls
        standardwebhooks.Webhook(HMAC.text).verify(got.body, got.headers)
        hook.answer = lambda _: 500
        ended = await asyncio.to_thread(call, "test", "acme/orders")
        assert ended.code == 1
        assert "HTTP 500" in ended.out


async def test_one_that_the_partner_made_by_the_api_is_called_with_its_sealed_key(site, call, told, database):
    sealing = Sealing(database, PASSPHRASE.encode, now_ms=Clock())
    sealing.start_now()
    key, subscription_id = make_key("ed25519"), "wh_of_the_api"
    sealed = b64encode(sealing.seal(key.text.encode(), purpose_of(subscription_id))).decode()
    async with hooking() as hook:
        (site.partners_dir / "acme" / "profile.yaml").write_text(written(f"webhooks: {{{REACHED}}}"))
        made = replace(
            told,
            id=subscription_id,
            name="theirs",
            origin=BY_API,
            url=f"http://localhost:{hook.port}/in",
            keys=(SealedKey("k1", key.kind, sealed, told.created_at_ms, key.public_key),),
        )
        database.write_now(lambda connection: subscriptions.add(connection, made))
        ended = await asyncio.to_thread(call, "test", "acme/theirs", "--format", "json")
        assert (ended.code, ended.json["status"]) == (0, 204)
        (got,) = hook.calls
        signed = f"{got.id}.{got.headers['webhook-timestamp']}.".encode() + got.body
        signature = b64decode(got.headers["webhook-signature"].removeprefix("v1a,"))
        public = Ed25519PublicKey.from_public_bytes(b64decode(key.public_key.removeprefix("whpk_")))
        public.verify(signature, signed)
        assert got.json["type"] == "webhook.test"
        config = yaml.safe_load(site.config.read_text())
        del config["key_passphrase"]
        site.config.write_text(yaml.safe_dump(config))
        ended = await asyncio.to_thread(call, "test", "acme/theirs")
        assert ended.code == 2
        assert "passphrase" in ended.err
        assert len(hook.calls) == 1
    assert key.text not in call("show", "acme/theirs").out


def test_a_key_is_made_for_a_file(run, tmp_path):
    secret = run("webhooks", "key").out.strip()
    assert read_key(secret).kind == "hmac-sha256"
    made = run("webhooks", "key", "--kind", "ed25519", "--format", "json").json
    assert read_key(made["secret"]).public_key == made["public_key"]
    file = tmp_path / "acme-webhook"
    ended = run("webhooks", "key", "--kind", "ed25519", "--out", file)
    key = read_key(file.read_text())
    assert key.public_key in ended.out
    assert key.text not in ended.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("webhooks", "key", "--out", file).code == 2


async def test_the_operator_port_does_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK_KEY", HMAC.text)

    async def here(_host, _port):
        return ["127.0.0.1"]

    async with hooking() as hook, aiohttp.ClientSession() as client:
        partner = acme(terms({"orders": hook.url}))
        async with open_house(tmp_path, profiles=[partner, globex()], resolve=here) as house:
            await house.database.write(lambda connection: bring_in(connection, {"acme": partner}, 1))
            viewer, operator = await house.token(Role.VIEWER), await house.token(Role.OPERATOR)

            async def ask(method, path, headers=operator, **more):
                async with client.request(method, house.operator_url + path, headers=headers, **more) as answer:
                    return answer.status, await answer.json(content_type=None)

            _, listed = await ask("GET", "/webhooks?partner=acme", viewer)
            (row,) = listed["webhooks"]
            path = f"/webhooks/{row['id']}"
            assert (await ask("GET", path, viewer))[1]["waiting"] == 0
            assert (await ask("POST", f"{path}/pause", viewer))[0] == 403
            assert (await ask("POST", f"{path}/pause", data=json.dumps({"reason": "a rest"})))[0] == 200
            assert (await ask("GET", path))[1]["reason"] == "a rest"
            assert (await ask("POST", f"{path}/resume"))[0] == 202
            assert (await ask("POST", f"{path}/replay?since=2026-01-01T00:00:00Z"))[1]["events"] == 0
            assert (await ask("POST", f"{path}/replay"))[0] == 400
            status, tried = await ask("POST", f"{path}/test")
            assert (status, tried["delivered"]) == (200, True)
            assert (await ask("GET", "/webhooks/wh_nothing"))[0] == 404
            assert (await ask("POST", "/webhooks/wh_nothing/pause"))[0] == 404
            assert [act.action for act in await house.acts()][:2] == ["refused.webhook.pause", "webhook.test"]
    standardwebhooks.Webhook(HMAC.text).verify(hook.calls[0].body, hook.calls[0].headers)
