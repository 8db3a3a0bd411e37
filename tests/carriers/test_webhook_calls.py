"""Keys of Standard Webhooks, and calls over TLS that proves the other side."""

import asyncio
import hmac
from base64 import b64decode, b64encode

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.carriers.parcels import Delivered, Failed, Held
from gateway.carriers.webhook import CannotCall, Letter, WebhookCarrier, printable
from gateway.carriers.webhook_keys import KeyUnusable, make_key, read_key, signatures
from gateway.model.delivery import DeliveryKind
from gateway.model.webhook import WebhookState
from gateway.store.credentials.sealing import Sealing
from gateway.store.database import Database
from gateway.store.webhooks import subscriptions
from gateway.store.webhooks.subscriptions import Subscription
from tests.carriers.sending import consignment
from tests.carriers.servers import authority, localhost, opened, self_signed, server_context, serving, speaking
from tests.flow.hooks import HMAC
from tests.flow.sending import Clock
from tests.migrated import migrate
from tests.partners.profiles import loaded

HOST = "partner.test"


@pytest.mark.parametrize("kind", ["hmac-sha256", "ed25519"])
def test_a_key_is_read_as_it_was_written(kind):
    key = make_key(kind)
    assert read_key(f" {key.text}\n") == key
    assert read_key(key.text).kind == kind
    assert key.text not in repr(key)


def test_a_signing_key_may_come_without_its_public_half():
    key = make_key("ed25519")
    assert read_key("whsk_" + b64encode(key.secret).decode()).public_key == key.public_key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "whsec_",
        "whsec_" + b64encode(b"x" * 23).decode(),
        "whsec_" + b64encode(b"x" * 65).decode(),
        "whsec_not base64!",
        "whsk_" + b64encode(b"x" * 31).decode(),
        "whsk_" + b64encode(b"x" * 64).decode(),  # the public half is of another key
        pytest.param(make_key("ed25519").public_key, id="public"),
    ],
)
def test_what_is_no_key_is_refused_without_being_quoted(text):
    with pytest.raises(KeyUnusable) as refused:
        read_key(text)
    assert len(text) < 10 or text not in str(refused.value)


@given(st.text(max_size=120))
def test_no_text_does_worse_than_be_no_key(text):
    try:
        read_key(text)
    except KeyUnusable:
        return


@given(st.binary(max_size=200))
def test_both_kinds_sign_the_same_content(body):
    secret, pair = make_key("hmac-sha256"), make_key("ed25519")
    one, two = signatures([secret, pair], "evt_1", 1_700_000_000, body).split()
    assert one == secret.sign(b"evt_1.1700000000." + body)
    public = Ed25519PublicKey.from_public_bytes(_public(pair))
    public.verify(_decoded(two), b"evt_1.1700000000." + body)


def _public(pair):
    return b64decode(pair.public_key.removeprefix("whpk_"))


def _decoded(signature):
    return b64decode(signature.removeprefix("v1a,"))


def subscription(url, **changes):
    fixed = {
        "id": "wh_1",
        "partner_id": "acme",
        "name": "orders",
        "origin": "profile",
        "url": url,
        "events": (),
        "keys": (),
        "state": WebhookState.ACTIVE,
        "reason": "",
        "changed_by": "",
        "profile_digest": "",
        "failing_since_ms": None,
        "last_success_at_ms": None,
        "created_at_ms": 1,
        "changed_at_ms": 1,
    }
    return Subscription(**(fixed | changes))


def profile(url, more="", **files):
    named = f"{{name: orders, url: '{url}', secrets: env:HOOK_KEY}}"
    terms = f"hosts: [{HOST}], private_networks: 127.0.0.0/8, subscriptions: [{named}]{more}"
    return loaded(f"id: acme\nname: ACME\nas2: {{id: A, certificate: acme.pem}}\nwebhooks: {{{terms}}}\n", **files)


@pytest.fixture
async def caller(monkeypatch):
    monkeypatch.setenv("HOOK_KEY", HMAC.text)

    async def here(_host, _port):
        return ["127.0.0.1"]

    async with opened(resolve=here) as door:
        yield WebhookCarrier(None, door, Sealing(), now_ms=Clock())


def https(seen):
    return seen.url.replace("127.0.0.1", HOST)


async def test_a_call_over_tls_is_made_where_the_server_proves_itself(caller):
    async with serving(tls=server_context(localhost())) as seen:
        url = https(seen)
        trusted = profile(url, ", authorities: ca.pem", ca_pem=authority().certificate.pem())
        called = await caller.call(subscription(url), trusted, Letter("evt_1", b'{"a": 1}'))
        assert isinstance(called.outcome, Delivered)
        assert (called.status, called.excerpt) == (200, "got 8")
        (headers, body), *_ = seen.requests
        assert headers["webhook-id"] == "evt_1"
        assert headers["webhook-timestamp"] == str(Clock().now_ms // 1_000)
        signed = f"v1,{b64encode(_hmac(headers, body)).decode()}"
        assert headers["webhook-signature"] == signed
        # Without the authority nobody vouches for it.
        called = await caller.call(subscription(url), profile(url), Letter("evt_2", b"{}"))
        assert called.outcome.facts["step"] == "tls"
        assert len(seen.requests) == 1


def _hmac(headers, body):
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return hmac.digest(b64decode(HMAC.text.removeprefix("whsec_")), content, "sha256")


async def test_a_server_with_another_certificate_is_told_nothing(caller):
    async with serving(tls=server_context(self_signed())) as seen:
        url = https(seen)
        trusted = profile(url, ", authorities: ca.pem", ca_pem=authority().certificate.pem())
        called = await caller.call(subscription(url), trusted, Letter("evt_1", b"{}"))
        assert called.outcome.facts["step"] == "tls"
        assert not seen.requests


async def test_an_address_without_tls_is_called_only_where_the_profile_says_so(caller):
    async with serving() as seen:
        url = https(seen)
        with pytest.raises(CannotCall, match="without TLS"):
            await caller.call(subscription(url), profile(url.replace("http:", "https:")), Letter("evt_1", b"{}"))
        assert not seen.requests
        called = await caller.call(subscription(url), profile(url, ", without_tls: true"), Letter("evt_1", b"{}"))
        assert isinstance(called.outcome, Delivered)


async def test_a_slow_answer_has_its_time_and_no_more(caller):
    async def drip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with speaking(drip) as port:
        url = f"http://{HOST}:{port}/in"
        slow = profile(url, ", without_tls: true, timeout_s: 1")
        called = await caller.call(subscription(url), slow, Letter("evt_1", b"{}"))
    assert isinstance(called.outcome, Failed)
    assert "did not come whole in time" in called.outcome.reason


async def test_without_a_key_nothing_is_sent_and_the_words_name_no_secret(caller, monkeypatch):
    async with serving() as seen:
        url = https(seen)
        partner = profile(url, ", without_tls: true")
        monkeypatch.setenv("HOOK_KEY", "whsec_tooshort")
        with pytest.raises(CannotCall) as cannot:
            await caller.call(subscription(url), partner, Letter("evt_1", b"{}"))
        assert "tooshort" not in str(cannot.value)
        assert cannot.value.is_ours
        monkeypatch.delenv("HOOK_KEY")
        with pytest.raises(CannotCall, match="HOOK_KEY"):
            await caller.call(subscription(url), partner, Letter("evt_1", b"{}"))
        assert not seen.requests


async def test_a_subscription_of_somebody_else_is_not_called(tmp_path, caller):
    """A delivery names its subscription; that it is the partner's own is looked at again."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(database)
    database.start()
    try:
        await database.write(lambda connection: subscriptions.add(connection, subscription("https://x.example/")))
        own = WebhookCarrier(database, caller._door, Sealing(), now_ms=Clock())
        what = consignment(
            loaded(GLOBEX), b"{}", kind=DeliveryKind.NOTICE, destination="wh_1", content_type="application/json"
        )
        parcel = await own.pack(what)
        outcome = await own.carry(what, parcel)
    finally:
        database.close()
    assert isinstance(outcome, Held)
    assert "no such webhook" in outcome.reason


GLOBEX = "id: globex\nname: Globex\nas2: {id: G, certificate: acme.pem}\n"


def test_what_they_answer_is_shown_on_one_line_and_not_for_ever():
    assert printable(b"no\x00 room\r\n\x1b[31m at \xff all") == "no room [31m at \ufffd all"
    assert len(printable(b"x" * 100_000)) == 300


async def test_a_redirect_is_a_failure_that_says_where_to(caller):
    async def away(_request, _body):
        return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest?key=1"})

    async with serving(away) as seen:
        url = https(seen)
        called = await caller.call(subscription(url), profile(url, ", without_tls: true"), Letter("evt_1", b"{}"))
        assert len(seen.requests) == 1
    assert "redirect to http://169.254.169.254/latest" in called.error
    assert "key=1" not in called.error
