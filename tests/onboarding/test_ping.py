"""`gateway partner ping` against real servers: what each step says when it works and when it does not."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certs.certificates import KeyPair, read_certificate
from certs.creation import certify
from certs.keyring import IdentityKeys, KeyRing, KeyRingError
from gateway.as2.cms.algorithms import Digest
from gateway.as2.mic import Mic
from gateway.onboarding.pinging.ping import Ping, Pinged, PingMessage
from gateway.onboarding.pinging.steps import Result
from gateway.settings import IdentitySettings, Limits, Settings
from partners.directory import Directory
from partners.loader import LoadedProfile, parse_profile
from tests.carriers.sending import Peer, negative, partner
from tests.carriers.servers import authority, localhost, proxy, self_signed, server_context, serving, speaking
from tests.edge.house import X12, acme_keys, our_keys, stranger_keys

NOW = datetime.now(UTC)
ALL = ["profile", "certificates", "dns", "tcp", "tls", "http", "receipt", "signature", "mic"]


@cache
def ending() -> KeyPair:
    return certify(our_keys().private_key, "bigcorp", now=NOW - timedelta(days=90), valid_days=100)


def ping(tmp_path: Path, loaded: Any, *, keys: bool = True, heard: list[str] | None = None, **settings: Any) -> Ping:
    identities = (IdentitySettings(name="acme", as2_id="ACME-AS2"),)
    told = heard if heard is not None else []

    def ring() -> KeyRing:
        if not keys:
            raise KeyRingError("There is no key.")
        return KeyRing({"acme": IdentityKeys("acme", acme_keys(), (acme_keys(),))})

    return Ping(
        Settings(data_dir=tmp_path, identities=identities, limits=Limits(connect_timeout_s=3), **settings),
        Directory([loaded]),
        ring,
        lambda: datetime.now(UTC),
        lambda step: told.append(step.name),
    )


def step(pinged: Pinged, name: str) -> tuple[Result, str]:
    (found,) = [step for step in pinged.steps if step.name == name]
    return found.result, "\n".join(found.words)


def results(pinged: Pinged) -> dict[str, str]:
    return {step.name: step.result.value for step in pinged.steps}


async def test_all_steps_in_their_order_when_all_of_it_works(tmp_path: Path):
    peer, heard = Peer(), []
    async with serving(peer, tls=server_context(localhost())) as server:
        loaded = partner(server.url, connection="authorities: ca.pem", ca_pem=authority().certificate.pem())
        pinged = await ping(tmp_path, loaded, heard=heard).whole("bigcorp")
    assert pinged.worked, results(pinged)
    assert [step.name for step in pinged.steps] == heard == ALL
    assert our_keys().certificate.fingerprint in step(pinged, "certificates")[1]
    assert acme_keys().certificate.fingerprint in step(pinged, "certificates")[1]
    assert localhost().certificate.fingerprint in step(pinged, "tls")[1]
    assert "TLSv1.3" in step(pinged, "tls")[1]
    assert "HTTP 200 by Python" in step(pinged, "http")[1]
    assert "as agreed" in step(pinged, "signature")[1]
    assert "agrees" in step(pinged, "mic")[1]
    (opened,) = peer.opened
    assert b"no business document" in opened.payload
    assert opened.content_type == "text/plain"
    assert peer.headers[0]["Message-ID"] == pinged.message_id
    assert all(step.as_json()["result"] in ("ok", "warning") for step in pinged.steps)


async def test_a_file_is_sent_as_it_is_and_an_asynchronous_receipt_is_asked_for_at_once(tmp_path: Path):
    peer = Peer()
    async with serving(peer) as server:
        loaded = partner(server.url, sending="receipt_by: request")
        message = PingMessage(X12, "application/edi-x12", "order.edi")
        pinged = await ping(tmp_path, loaded).whole("bigcorp", message)
    assert pinged.worked, results(pinged)
    assert "requests of their own" in step(pinged, "profile")[1]
    assert step(pinged, "tls")[0] is Result.WARNING
    assert peer.opened[0].payload == X12
    assert peer.opened[0].filename == "order.edi"
    assert "Receipt-Delivery-Option" not in peer.headers[0]


async def test_only_the_url_sends_nothing(tmp_path: Path):
    async with serving(tls=server_context(localhost())) as server:
        loaded = partner(server.url, connection="server_certificate: s.pem", s_pem=localhost().certificate.pem())
        pinged = await ping(tmp_path, loaded, keys=False).url_only("bigcorp")
        assert pinged.worked
        assert [step.name for step in pinged.steps] == ["profile", "dns", "tcp", "tls"]
        assert "the pinned one" in step(pinged, "tls")[1]
        assert not server.requests


async def test_a_certificate_that_nobody_vouches_for_is_shown_so_that_it_can_be_pinned(tmp_path: Path):
    async with serving(tls=server_context(self_signed())) as server:
        pinged = await ping(tmp_path, partner(server.url)).whole("bigcorp")
        assert not pinged.worked
        assert results(pinged)["tls"] == "failed"
        assert results(pinged)["http"] == "skipped"
        words = step(pinged, "tls")[1]
        assert "self-signed" in words.splitlines()[0]
        assert self_signed().certificate.fingerprint in words
        assert "compare the fingerprint" in words
        assert not server.requests


async def test_addresses_that_are_not_connected_to_are_named_with_the_reason(tmp_path: Path):
    pinged = await ping(tmp_path, partner("http://10.1.2.3/")).whole("bigcorp")
    result, words = step(pinged, "dns")
    assert result is Result.FAILED
    assert "private (RFC 1918)" in words
    assert "private_networks" in words
    assert results(pinged)["tcp"] == "skipped"
    pinged = await ping(tmp_path, partner(f"http://{'a' * 64}.invalid/")).whole("bigcorp")
    assert "cannot be resolved" in step(pinged, "dns")[1]


async def test_a_closed_port_is_told_with_the_remedy(tmp_path: Path):
    pinged = await ping(tmp_path, partner("https://127.0.0.1:1/")).whole("bigcorp")
    assert "nothing listens there" in step(pinged, "tcp")[1]
    assert results(pinged)["tls"] == "skipped"


async def test_a_receipt_by_an_unknown_certificate_names_it(tmp_path: Path):
    async with serving(Peer(signer=stranger_keys())) as server:
        pinged = await ping(tmp_path, partner(server.url)).whole("bigcorp")
    assert results(pinged)["receipt"] == "ok"
    result, words = step(pinged, "signature")
    assert result is Result.FAILED
    assert stranger_keys().certificate.fingerprint in words
    assert read_certificate(words[words.index("-----BEGIN") :].encode()) == stranger_keys().certificate
    assert results(pinged)["mic"] == "ok"
    assert not pinged.worked


@pytest.mark.parametrize(
    ("peer", "failing", "words"),
    [
        (Peer(signer=None), "signature", "unsigned receipts"),
        (Peer({"mic": Mic(bytes(32), Digest.SHA256, "sha-256")}), "mic", "usual reasons"),
        (Peer({"mic": None}), "mic", "states no MIC"),
        (Peer(relabel=Digest.SHA1), "mic", "another algorithm"),
        (Peer(negative("authentication-failed")), "receipt", "gateway certs list"),
        (Peer({"original_message_id": "<x@y>"}), "receipt", "another message"),
        (Peer({"as2_from": "EVIL"}), "receipt", "another partner"),
        (Peer(spoil=lambda _: ((), b"")), "receipt", "answer is empty"),
        (Peer(spoil=lambda _: ((("Content-Type", "text/html"),), b"<p>")), "receipt", "no receipt"),
        (Peer(status=500), "http", "HTTP 500"),
        (Peer(status=404), "http", "check the path"),
    ],
)
async def test_what_is_wrong_with_the_answer_is_said_at_its_step(tmp_path: Path, peer, failing, words):
    async with serving(peer) as server:
        pinged = await ping(tmp_path, partner(server.url)).whole("bigcorp")
    result, said = step(pinged, failing)
    assert result is Result.FAILED, results(pinged)
    assert words in said
    assert not pinged.worked


async def test_an_unsigned_receipt_and_none_can_be_agreed(tmp_path: Path):
    async with serving(Peer(signer=None)) as server:
        pinged = await ping(tmp_path, partner(server.url, sending="receipt: unsigned")).whole("bigcorp")
        assert pinged.worked, results(pinged)
        assert step(pinged, "profile")[0] is Result.WARNING
    async with serving() as server:
        pinged = await ping(tmp_path, partner(server.url, sending="receipt: none")).whole("bigcorp")
        assert pinged.worked, results(pinged)
        assert step(pinged, "mic") == (Result.OK, "none is agreed")


async def test_certificates_come_before_the_message_and_their_days_are_told(tmp_path: Path):
    async with serving() as server:
        pinged = await ping(tmp_path, partner(server.url), keys=False).whole("bigcorp")
        assert results(pinged)["certificates"] == "failed"
        assert results(pinged)["tcp"] == "ok"
        assert results(pinged)["http"] == "skipped"
        old = certify(our_keys().private_key, "bigcorp", now=NOW - timedelta(days=90), valid_days=10)
        pinged = await ping(tmp_path, partner(server.url, certificate=old)).whole("bigcorp")
        assert "expired" in step(pinged, "certificates")[1]
        assert not server.requests
    async with serving(Peer(signer=our_keys())) as server:
        pinged = await ping(tmp_path, partner(server.url, certificate=ending())).whole("bigcorp")
        assert step(pinged, "certificates")[0] is Result.WARNING
        assert "expires on" in step(pinged, "certificates")[1]


@pytest.mark.parametrize(
    ("loaded", "words"),
    [
        (partner(None), "as2"),
        (partner("https://x.example/", top="status: suspended"), "suspended"),
    ],
)
async def test_a_profile_without_a_way_ends_it(tmp_path: Path, loaded, words: str):
    pinged = await ping(tmp_path, loaded).whole("bigcorp")
    assert step(pinged, "profile")[0] is Result.FAILED
    assert words in step(pinged, "profile")[1]
    assert set(list(results(pinged).values())[1:]) == {"skipped"}
    assert not (await ping(tmp_path, loaded).url_only("bigcorp")).worked


async def test_a_password_that_is_missing_is_told_where_it_is_needed(tmp_path: Path):
    async with serving() as server:
        loaded = partner(server.url, connection="username: edi, password: env:NOT_SET_HERE")
        pinged = await ping(tmp_path, loaded).whole("bigcorp")
        assert "NOT_SET_HERE is not set" in step(pinged, "http")[1]
        assert "travel in clear" in step(pinged, "profile")[1]
        assert not server.requests


async def test_through_a_proxy_tls_is_told_with_the_message(tmp_path: Path):
    heads: list[bytes] = []
    believed = {"ca_pem": authority().certificate.pem()}
    async with serving(Peer(), tls=server_context(localhost())) as server, speaking(proxy(heads)) as port:
        connection = f"authorities: ca.pem, proxy: http://127.0.0.1:{port}"
        pinged = await ping(tmp_path, partner(server.url, connection=connection, **believed)).whole("bigcorp")
        assert pinged.worked, results(pinged)
        assert "through the proxy" in step(pinged, "tls")[1]
        assert heads[0].startswith(b"CONNECT")
    async with speaking(proxy(heads, status=b"403 No")) as port:
        connection = f"proxy: http://127.0.0.1:{port}"
        pinged = await ping(tmp_path, partner("https://127.0.0.1:1/", connection=connection)).whole("bigcorp")
        assert "the proxy forbids this host" in step(pinged, "http")[1]


async def test_what_goes_by_a_connection_is_told_so(tmp_path: Path):
    async with serving(Peer()) as server:
        van = partner(server.url)
        text = b"id: behind\nname: Behind\nvia: bigcorp\nx12: {qualifier: ZZ, id: BEHIND}\n"
        behind = parse_profile({"profile.yaml": text})
        assert isinstance(behind, LoadedProfile), behind
        walk = ping(tmp_path, van)
        walk._directory = Directory([van, behind])
        pinged = await walk.whole("behind")
        assert pinged.worked, results(pinged)
        assert "carried by bigcorp" in step(pinged, "profile")[1]


async def test_our_own_side_can_be_what_is_missing(tmp_path: Path):
    async with serving(tls=server_context(localhost())) as server:
        loaded = partner(server.url, connection="client_certificate: nobody")
        pinged = await ping(tmp_path, loaded).whole("bigcorp")
        assert "our TLS client certificate cannot be used" in step(pinged, "tls")[1]
        loaded = partner(server.url, connection="server_certificate: s.pem", s_pem=b"nothing")
        assert "server_certificate cannot be used" in step(await ping(tmp_path, loaded).url_only("bigcorp"), "tls")[1]
        elliptic = certify(ec.generate_private_key(ec.SECP256R1()), "bigcorp", now=NOW - timedelta(days=1))
        believed = {"ca_pem": authority().certificate.pem()}
        loaded = partner(server.url, connection="authorities: ca.pem", certificate=elliptic, **believed)
        pinged = await ping(tmp_path, loaded).whole("bigcorp")
        assert "needs RSA" in step(pinged, "http")[1]
        assert not server.requests


async def test_a_server_that_does_not_go_on_with_tls_is_told(tmp_path: Path):
    async def silent(reader, writer):
        await reader.read(65_536)
        await asyncio.Event().wait()

    async with speaking(silent) as port:
        walk = ping(tmp_path, partner(f"https://127.0.0.1:{port}/"))
        walk._settings = walk._settings.model_copy(update={"limits": Limits(connect_timeout_s=0.3)})
        pinged = await walk.url_only("bigcorp")
        assert step(pinged, "tls")[0] is Result.FAILED
