"""AS2 messages on their way out: made as the profile says, taken by a real gateway, held when they cannot go."""

import asyncio
import logging
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs.certificates import KeyPair
from certs.creation import certify
from gateway.carriers.parcels import Awaited, Delivered, Failed, Held, Parcel, Refused
from gateway.model.delivery import DeliveryKind
from gateway.store import messages
from tests.carriers.sending import Peer, consignment, make_carrier, partner, send
from tests.carriers.servers import authority, localhost, server_context, serving
from tests.edge.house import X12, acme, acme_keys, open_house, our_keys

LENIENT = "  require_signed: false\n  require_encrypted: false\n"
NOW = datetime.now(UTC)


@pytest.fixture
async def carrier(tmp_path: Path):
    made = make_carrier(tmp_path / "ours")
    yield made
    await made.close()


@cache
def expired() -> KeyPair:
    return certify(our_keys().private_key, "bigcorp", now=NOW - timedelta(days=100), valid_days=10)


# --- the matrix, with a real gateway at the other end ---------------------------------------------------------------


async def test_every_form_of_the_matrix_is_taken_by_a_gateway_and_proven(tmp_path: Path, carrier):
    count = 0
    async with open_house(tmp_path, profiles=[acme(as2=LENIENT)]) as house:
        for sign in ("true", "false"):
            for encrypt in ("true", "false"):
                for receipt in ("signed", "unsigned", "none"):
                    for compress in ("none", "before-signing", "after-signing"):
                        sending = f"sign: {sign}, encrypt: {encrypt}, receipt: {receipt}, compress: {compress}"
                        loaded = partner(f"{house.url}/as2", sending=sending)
                        parcel, outcome = await send(carrier, consignment(loaded))
                        assert isinstance(outcome, Delivered), (sending, outcome)
                        assert bool(outcome.receipt) == (receipt != "none"), sending
                        assert parcel.expects_receipt == (receipt != "none")
                        count += 1
        kept = await house.database.read(lambda connection: messages.find(connection, limit=100))
        assert len(kept) == count == 36
        assert {item.filename for item in kept} == {"order.edi"}
        assert {item.content_type for item in kept} == {"application/edi-x12"}


@pytest.mark.parametrize(
    "sending",
    [
        "cipher: aes128-gcm",
        "cipher: aes192-cbc",
        "cipher: aes256-gcm, key_transport: rsa-oaep",
        "signature: rsa-pss, digest: sha-512",
        "digest: sha-384, receipt_digests: [sha-512]",
        "receipt_digests: [sha-1, sha-256]",
    ],
)
async def test_algorithms_are_those_of_the_profile(tmp_path: Path, carrier, sending: str):
    async with open_house(tmp_path, profiles=[acme()]) as house:
        parcel, outcome = await send(carrier, consignment(partner(f"{house.url}/as2", sending=sending)))
        assert isinstance(outcome, Delivered), outcome
        said = " ".join(str(value) for value in parcel.facts.values())
        for words in sending.partition(", receipt")[0].split(", "):
            if not words.startswith("receipt"):
                assert words.partition(": ")[2] in said


async def test_a_repeated_message_gets_the_stored_receipt(tmp_path: Path, carrier):
    async with open_house(tmp_path, profiles=[acme()]) as house:
        what = consignment(partner(f"{house.url}/as2"))
        parcel, first = await send(carrier, what)
        second = await carrier.carry(what, parcel)
        assert isinstance(first, Delivered)
        assert isinstance(second, Delivered)
        assert first.receipt.partition(b"\r\n\r\n")[2] == second.receipt.partition(b"\r\n\r\n")[2]
        assert len(await house.database.read(messages.find)) == 1


async def test_a_large_body_goes_through_files_and_arrives_whole(tmp_path: Path):
    payload = X12 + secrets.token_bytes(3_000_000)
    carrier = make_carrier(tmp_path / "ours", spool_from_bytes=65_536)
    async with open_house(tmp_path, profiles=[acme()]) as house:
        what = consignment(partner(f"{house.url}/as2"), memoryview(payload))
        parcel, outcome = await send(carrier, what)
        assert isinstance(parcel.body, memoryview)
        assert isinstance(outcome, Delivered), outcome
        (kept,) = await house.database.read(messages.find)
        assert await house.database.read(lambda c: messages.body(c, kept.id, "payload")) == payload
    await carrier.close()
    assert not list((tmp_path / "ours" / "spool").iterdir())


async def test_a_large_body_waits_where_the_store_needs_the_disk(tmp_path: Path):
    carrier = make_carrier(tmp_path / "ours", spool_from_bytes=65_536, disk_free_bytes_min=1 << 60)
    held = await carrier.pack(consignment(partner("https://acme.example/as2"), X12 + bytes(200_000)))
    assert isinstance(held, Held)
    assert "the disk of the spool folder is low" in held.reason
    await carrier.close()


async def test_over_tls_with_a_client_certificate_and_a_password(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("BIGCORP_PASSWORD", "canary-password")
    peer = Peer()
    carrier = make_carrier(tmp_path)
    ours = KeyPair(acme_keys().certificate, acme_keys().private_key)
    context = server_context(localhost(), clients=ours)
    async with serving(peer, tls=context) as server:
        loaded = partner(
            server.url,
            connection="authorities: ca.pem, client_certificate: acme, username: edi, password: env:BIGCORP_PASSWORD",
            ca_pem=authority().certificate.pem(),
        )
        _, outcome = await send(carrier, consignment(loaded))
        assert isinstance(outcome, Delivered), outcome
        assert server.client_certificates == [acme_keys().certificate.der]
        assert peer.headers[0]["Authorization"].startswith("Basic ")
        assert outcome.facts["tls"] == "TLSv1.3"
    await carrier.close()


class Restarting:
    """A server that speaks AS2 Restart, and whose line breaks in the first attempt."""

    def __init__(self, keeps: int) -> None:
        self.keeps = keeps
        self.peer = Peer()
        self.there: dict[str, bytes] = {}
        self.said: list[tuple[str, str | None, int]] = []
        self.broken = False

    async def __call__(self, request: web.Request, body: bytes) -> web.StreamResponse:
        name = request.headers["ETag"]
        part = request.headers.get("Content-Range")
        self.said.append((request.method, part, len(body)))
        if request.method == "HEAD":
            return web.Response(headers={"Content-Length": str(len(self.there.get(name, b"")))})
        if not self.broken:
            self.broken = True
            self.there[name] = body[: self.keeps]
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        whole = body
        if part is not None:
            assert part == f"bytes {self.keeps}-{self.keeps + len(body) - 1}/{self.keeps + len(body)}"
            whole = self.there[name] + body
        return await self.peer(request, whole)


async def test_a_large_transfer_goes_on_where_it_broke_off(tmp_path: Path):
    carrier = make_carrier(tmp_path, spool_from_bytes=65_536)
    payload = X12 + secrets.token_bytes(300_000)
    server = Restarting(100_000)
    async with serving(server) as at:
        what = consignment(partner(at.url, sending="restart: true"), payload)
        parcel, first = await send(carrier, what)
        assert isinstance(first, Failed), first
        second = await carrier.carry(what, parcel)
        assert isinstance(second, Delivered), second
        size = len(parcel.body)
        methods = [(method, length) for method, _, length in server.said]
        assert methods == [("HEAD", 0), ("POST", size), ("HEAD", 0), ("POST", size - 100_000)]
        assert server.peer.opened[0].payload == payload
    await carrier.close()


@pytest.mark.parametrize("restart", ["restart: true", "restart: false"])
async def test_a_small_message_and_one_to_somebody_else_are_sent_whole(tmp_path: Path, restart: str):
    carrier = make_carrier(tmp_path, spool_from_bytes=65_536)
    payload = X12 if restart == "restart: true" else secrets.token_bytes(200_000)
    async with serving(Peer()) as at:
        parcel, outcome = await send(carrier, consignment(partner(at.url, sending=restart), payload))
        assert isinstance(outcome, Delivered)
        assert "etag" not in fields(parcel)
        assert len(at.requests) == 1
    await carrier.close()


@pytest.mark.parametrize("answer", [404, 200, 500, 0])
async def test_who_does_not_speak_restart_gets_the_whole(tmp_path: Path, answer: int):
    peer = Peer()

    async def handle(request: web.Request, body: bytes) -> web.StreamResponse:
        if request.method == "HEAD":
            if not answer:
                assert request.transport is not None
                request.transport.abort()
            return web.Response(status=answer or 200, headers={"Content-Length": "99999999999"})
        return await peer(request, body)

    carrier = make_carrier(tmp_path, spool_from_bytes=65_536)
    async with serving(handle) as at:
        what = consignment(partner(at.url, sending="restart: true"), secrets.token_bytes(100_000))
        assert isinstance((await send(carrier, what))[1], Delivered)
    await carrier.close()


async def test_a_part_that_is_refused_is_followed_by_the_whole(tmp_path: Path):
    peer = Peer()

    async def handle(request: web.Request, body: bytes) -> web.StreamResponse:
        if request.method == "HEAD":
            return web.Response(headers={"Content-Length": "1000"})
        if "Content-Range" in request.headers:
            return web.Response(status=400)
        return await peer(request, body)

    carrier = make_carrier(tmp_path, spool_from_bytes=65_536)
    async with serving(handle) as at:
        what = consignment(partner(at.url, sending="restart: true"), secrets.token_bytes(100_000))
        assert isinstance((await send(carrier, what))[1], Delivered)
        assert len(at.requests) == 3
    await carrier.close()


# --- what the message says -------------------------------------------------------------------------------------------


def fields(parcel: Parcel) -> dict[str, str]:
    names = [name.lower() for name, _ in parcel.headers]
    assert len(set(names)) == len(names)
    return {name.lower(): value for name, value in parcel.headers}


async def test_the_headers_are_those_of_the_standard_and_the_profile(carrier):
    loaded = partner("https://as2.bigcorp.example/in", sending="receipt_by: request, receipt_within_minutes: 30")
    what = consignment(loaded, subject="Order 4711", filename="order 4711.edi")
    parcel = await carrier.pack(what)
    assert isinstance(parcel, Parcel)
    said = fields(parcel)
    assert (said["as2-from"], said["as2-to"]) == ("ACME-AS2", "BIGCORP")
    assert said["message-id"] == what.transport_id
    assert said["subject"] == "Order 4711"
    assert said["receipt-delivery-option"] == "https://acme.example/as2"
    assert said["disposition-notification-options"].startswith("signed-receipt-protocol=optional, pkcs7-signature")
    assert "sha-256, sha-384, sha-512" in said["disposition-notification-options"]
    assert "multiple-attachments" in said["ediint-features"].lower()
    assert said["disposition-notification-to"] == "acme@acme.example"
    assert parcel.receipt_within_s == 1_800
    assert "authorization" not in said
    assert len(parcel.mics) >= 5
    assert parcel.facts["encrypted_to"] == our_keys().certificate.fingerprint


@pytest.mark.parametrize(
    ("payload", "given", "sending", "expected"),
    [
        (X12, "", "", "application/edi-x12"),
        (b"UNA:+.? 'UNB+", "", "", "application/edifact"),
        (b"\xef\xbb\xbf <Order/>", "", "", "application/xml"),
        (b'{"a": 1}', "", "", "application/json"),
        (b"\x00\x01", "", "", "application/octet-stream"),
        (X12, "text/plain", "", "text/plain"),
        (X12, "text/plain", "content_type: application/edi-consent", "application/edi-consent"),
    ],
)
async def test_the_media_type_is_the_profiles_else_the_given_one_else_by_syntax(
    carrier, payload, given, sending, expected
):
    loaded = partner("https://as2.bigcorp.example/in", sending=f"sign: false, encrypt: false, {sending}")
    parcel = await carrier.pack(consignment(loaded, payload, content_type=given))
    assert isinstance(parcel, Parcel)
    assert fields(parcel)["content-type"] == expected


async def test_what_a_test_says_of_itself_stands(carrier):
    loaded = partner("https://x.example/", sending="sign: false, encrypt: false, content_type: application/edi-x12")
    parcel = await carrier.pack(consignment(loaded, b"x", kind=DeliveryKind.TEST, content_type="text/plain"))
    assert fields(parcel)["content-type"] == "text/plain"


async def test_a_certificate_exchange_message_is_always_signed(carrier):
    loaded = partner("https://x.example/", sending="sign: false, encrypt: false")
    what = consignment(loaded, b"x", kind=DeliveryKind.CERTIFICATE, content_type='multipart/related; boundary="b"')
    parcel = await carrier.pack(what)
    assert isinstance(parcel, Parcel)
    assert fields(parcel)["content-type"].startswith("multipart/signed")


# --- held ------------------------------------------------------------------------------------------------------------


async def held(carrier, what) -> str:
    found = await carrier.pack(what)
    assert isinstance(found, Held), found
    return found.reason


async def test_nothing_is_packed_without_a_way(carrier):
    assert "no `as2.url`" in await held(carrier, consignment(partner(None)))
    suspended = partner("https://x.example/", top="status: suspended")
    assert "suspended" in await held(carrier, consignment(suspended))
    fine = partner("https://x.example/")
    assert "suspended" in await held(carrier, consignment(fine, bearer=suspended))
    assert "no identity" in await held(carrier, consignment(fine, identity="other"))


async def test_an_expired_or_weak_certificate_of_theirs_holds_it(carrier):
    loaded = partner("https://x.example/", certificate=expired())
    reason = await held(carrier, consignment(loaded))
    assert "expired on" in reason
    assert "ask the partner" in reason
    weak = certify(rsa.generate_private_key(65_537, 1_024), "weak", now=NOW)
    assert "partner check" in await held(carrier, consignment(partner("https://x.example/", certificate=weak)))
    elliptic = certify(ec.generate_private_key(ec.SECP256R1()), "elliptic", now=NOW)
    assert "needs RSA" in await held(carrier, consignment(partner("https://x.example/", certificate=elliptic)))


async def test_the_newest_valid_certificate_is_encrypted_to(carrier):
    newer = our_keys()
    older = certify(newer.private_key, "bigcorp", now=NOW - timedelta(days=10))
    coming = certify(our_keys().private_key, "bigcorp", now=NOW + timedelta(days=5))
    listed = "certificates: [bigcorp.pem, newer.pem, coming.pem, {file: signing.pem, use: signing}]"
    loaded = partner(
        "https://x.example/",
        certificates=listed,
        certificate=older,
        newer_pem=newer.certificate.pem(),
        coming_pem=coming.certificate.pem(),
        signing_pem=acme_keys().certificate.pem(),
    )
    parcel = await carrier.pack(consignment(loaded))
    assert isinstance(parcel, Parcel)
    assert parcel.facts["encrypted_to"] == newer.certificate.fingerprint


async def test_our_own_key_can_hold_it(tmp_path: Path):
    loaded = partner("https://x.example/")
    old = certify(acme_keys().private_key, "acme", now=NOW - timedelta(days=100), valid_days=10)
    carrier = make_carrier(tmp_path, keys=old)
    assert "our certificate" in await held(carrier, consignment(loaded))
    assert "gateway certs roll acme --new" in await held(carrier, consignment(loaded))
    await carrier.close()
    elliptic = certify(ec.generate_private_key(ec.SECP256R1()), "acme", now=NOW)
    carrier = make_carrier(tmp_path, keys=elliptic)
    wanted = partner("https://x.example/", sending="signature: rsa-pss")
    assert "our key is an elliptic curve key" in await held(carrier, consignment(wanted))
    assert isinstance(await carrier.pack(consignment(loaded)), Parcel)
    await carrier.close()


async def test_an_asynchronous_receipt_needs_an_address_of_ours(tmp_path: Path):
    carrier = make_carrier(tmp_path, public_url=None)
    reason = await held(carrier, consignment(partner("https://x.example/", sending="receipt_by: request")))
    assert "public_url" in reason
    assert isinstance(await carrier.pack(consignment(partner("https://x.example/"))), Parcel)
    await carrier.close()


async def test_what_changed_since_it_was_packed_holds_the_next_attempt(tmp_path: Path):
    moment = [datetime.now(UTC)]
    carrier = make_carrier(tmp_path, now=lambda: moment[0])
    peer = Peer()
    async with serving(peer) as server:
        what = consignment(partner(server.url))
        parcel = await carrier.pack(what)
        moment[0] += timedelta(days=4_000)
        outcome = await carrier.carry(what, parcel)
        assert isinstance(outcome, Held)
        assert "expired" in outcome.reason
        suspended = consignment(partner(server.url, top="status: suspended"))
        assert isinstance(await carrier.carry(suspended, parcel), Held)
        assert not server.requests
    await carrier.close()


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ("username: edi, password: env:ABSENT_PASSWORD", "ABSENT_PASSWORD is not set"),
        ("username: e:di, password: env:PRESENT", "colon"),
        ("client_certificate: nobody", "no key for the identity"),
        ("server_certificate: broken.pem", "server_certificate cannot be used"),
        ("authorities: broken.pem", "authorities cannot be used"),
    ],
)
async def test_a_connection_that_cannot_be_made_as_the_profile_says_holds_it(carrier, monkeypatch, connection, words):
    monkeypatch.setenv("PRESENT", "secret")
    loaded = partner("https://127.0.0.1:1/", connection=connection, broken_pem=b"nothing")
    _, outcome = await send(carrier, consignment(loaded))
    assert isinstance(outcome, Held), outcome
    assert words in outcome.reason


# --- asynchronous receipts of ours -----------------------------------------------------------------------------------


def receipt(loaded, url: str | None):
    answers = (("AS2-From", "ACME-AS2"), ("AS2-To", "BIGCORP"), ("Content-Type", "multipart/report; boundary=x"))
    return consignment(
        loaded, b"the receipt", kind=DeliveryKind.RECEIPT, url=url, answers=answers, content_type="", filename=""
    )


async def test_a_receipt_of_ours_goes_to_the_partners_own_address_as_it_was_written(carrier):
    async with serving() as server:
        for url in (server.url, server.url.replace("/as2", "/elsewhere?id=1"), None):
            parcel, outcome = await send(carrier, receipt(partner(server.url), url))
            assert isinstance(outcome, Delivered), outcome
            assert not parcel.expects_receipt
        headers, body = server.requests[0]
        assert (headers["AS2-To"], body) == ("BIGCORP", b"the receipt")


async def test_a_receipt_of_ours_goes_nowhere_else(carrier):
    async with serving() as server:
        listed = partner("https://as2.bigcorp.example/in")
        for url in (server.url, "http://169.254.169.254/", "https://as2.bigcorp.example@127.0.0.1/", "file:///etc"):
            _, outcome = await send(carrier, receipt(listed, url))
            assert isinstance(outcome, Held), (url, outcome)
        assert not server.requests


async def test_credentials_stay_with_the_origin_of_the_profiles_url(carrier, monkeypatch):
    monkeypatch.setenv("BIGCORP_PASSWORD", "canary-password")
    async with serving() as own, serving() as other:
        loaded = partner(
            own.url,
            as2=f"receipts_to: [127.0.0.1, '{other.url}']",
            connection="username: edi, password: env:BIGCORP_PASSWORD",
        )
        assert isinstance((await send(carrier, receipt(loaded, own.url)))[1], Delivered)
        assert isinstance((await send(carrier, receipt(loaded, other.url)))[1], Delivered)
        assert "Authorization" in own.requests[0][0]
        assert "Authorization" not in other.requests[0][0]


async def test_the_client_certificate_stays_there_too(carrier):
    context = server_context(localhost())
    context.verify_mode = 1  # asks, and takes no for an answer
    context.load_verify_locations(cadata=acme_keys().certificate.pem().decode())
    async with serving(tls=context) as own, serving(tls=context) as other:
        loaded = partner(
            own.url,
            as2=f"receipts_to: '{other.url}'",
            connection="client_certificate: acme, authorities: ca.pem",
            ca_pem=authority().certificate.pem(),
        )
        assert isinstance((await send(carrier, receipt(loaded, own.url)))[1], Delivered)
        assert isinstance((await send(carrier, receipt(loaded, other.url)))[1], Delivered)
        assert own.client_certificates == [acme_keys().certificate.der]
        assert other.client_certificates == [None]


# --- secrets ---------------------------------------------------------------------------------------------------------


async def test_secrets_appear_in_no_outcome_and_no_log(tmp_path: Path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    file = tmp_path / "proxy-secret"
    file.write_text("canary-two\n")
    monkeypatch.setenv("BIGCORP_PASSWORD", "canary-one")
    carrier = make_carrier(tmp_path, connect_timeout_s=1)
    login = "username: edi, password: env:BIGCORP_PASSWORD"
    proxied = f"{login}, proxy: http://127.0.0.1:1, proxy_username: us, proxy_password: 'file:{file}'"
    said: list[object] = []
    async with serving() as server:
        for url, connection in (
            (server.url, login),
            (server.url.replace("http:", "https:"), login),
            ("http://127.0.0.1:1/?token=canary-three", login),
            ("https://127.0.0.1:1/?token=canary-three", proxied),
            (server.url, proxied),
        ):
            parcel, outcome = await send(carrier, consignment(partner(url, connection=connection)))
            assert isinstance(outcome, Failed | Refused), outcome
            said += [parcel.headers, parcel.facts, outcome]
    await carrier.close()
    everything = repr(said) + caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert "canary" not in everything
    assert "BEGIN" not in everything


async def test_awaited_when_the_receipt_comes_later(carrier):
    async with serving() as server:
        loaded = partner(server.url, sending="receipt_by: request")
        parcel, outcome = await send(carrier, consignment(loaded))
        assert isinstance(outcome, Awaited)
        assert parcel.receipt_within_s == 240 * 60
