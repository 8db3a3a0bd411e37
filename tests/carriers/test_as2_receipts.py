"""What comes back on an AS2 message: only a receipt that proves everything is one; nothing else is counted."""

import base64
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from certs.certificates import KeyPair
from certs.creation import certify
from gateway.as2.cms.algorithms import Digest
from gateway.as2.message import MdnRequest, Signing, write_message
from gateway.as2.mic import Mic
from gateway.carriers.as2_answers import Terms, outcome_of, retry_after
from gateway.carriers.http import Answer
from gateway.carriers.http import Peer as HttpPeer
from gateway.carriers.parcels import Awaited, Delivered, Failed, Parcel, Refused
from tests.carriers.sending import Peer, consignment, make_carrier, negative, partner, replaced, send
from tests.carriers.servers import serving
from tests.edge.house import our_keys, stranger_keys

NOW = datetime.now(UTC)


@pytest.fixture
async def carrier(tmp_path: Path):
    made = make_carrier(tmp_path)
    yield made
    await made.close()


@cache
def expired() -> KeyPair:
    return certify(our_keys().private_key, "bigcorp", now=NOW - timedelta(days=100), valid_days=10)


async def answered(carrier, peer: Any, sending: str = "", **choices: Any):
    async with serving(peer) as server:
        _, outcome = await send(carrier, consignment(partner(server.url, sending=sending, **choices)))
        return outcome


async def test_a_good_receipt_is_kept_as_it_came(carrier):
    outcome = await answered(carrier, Peer())
    assert isinstance(outcome, Delivered), outcome
    head, _, body = outcome.receipt.partition(b"\r\n\r\n")
    assert b"multipart/signed" in head
    assert b"disposition-notification" in body
    assert outcome.facts["signer"] == our_keys().certificate.fingerprint
    assert outcome.facts["status"] == 200


@pytest.mark.parametrize("digest", list(Digest))
async def test_whichever_sha_they_choose_for_the_mic_agrees_by_its_label(carrier, digest: Digest):
    def with_digest(peer: Peer):
        async def handle(request: web.Request, body: bytes) -> web.StreamResponse:
            parcel_mic = next(mic for mic in sent.mics if mic.endswith(digest.value))
            raw = base64.b64decode(parcel_mic.partition(",")[0])
            peer.changes["mic"] = Mic(raw, digest, digest.value.replace("-", "").upper())
            return await peer(request, body)

        return handle

    async with serving(with_digest(Peer())) as server:
        what = consignment(partner(server.url))
        sent = await carrier.pack(what)
        assert isinstance(await carrier.carry(what, sent), Delivered)


def emptied(written):
    """SignerInfos = []: the certificate and everything else stay as they were."""
    mark = b"Content-Transfer-Encoding: base64"
    at = written.body.rindex(mark)
    head, rest = written.body[:at], written.body[at:]
    encoded = re.search(rb"\r\n\r\n([A-Za-z0-9+/=\r\n]+?)\r\n--", rest)
    assert encoded is not None
    der = base64.b64decode(encoded[1])
    return written.headers, head + rest.replace(encoded[1], base64.encodebytes(without_signers(der)).rstrip())


def without_signers(der: bytes) -> bytes:
    from asn1crypto import cms  # noqa: PLC0415 - a peer's tool, for this test alone

    info = cms.ContentInfo.load(der)
    info["content"]["signer_infos"] = cms.SignerInfos([])
    return info.dump(force=True)


ATTACKS: dict[str, tuple[Peer, str]] = {
    "no signers": (Peer(spoil=emptied), "SignerInfos is empty"),
    "unsigned": (Peer(signer=None), "not signed"),
    "without a MIC": (Peer({"mic": None}), "no MIC"),
    "another MIC": (Peer({"mic": Mic(bytes(32), Digest.SHA256, "sha-256")}), "something else arrived"),
    "a right MIC under a wrong label": (Peer(relabel=Digest.SHA256), "something else arrived"),
    "for another message": (Peer({"original_message_id": "<other@acme>"}), "another message"),
    "from another partner": (Peer({"as2_from": "EVILCORP"}), "another partner"),
    "for another sender": (Peer({"as2_to": "SOMEBODY"}), "another partner"),
    "by another certificate": (Peer(signer=stranger_keys()), "fingerprint"),
    "changed after it was signed": (
        Peer(spoil=lambda written: replaced(written, b"processed", b"Processed")),
        "does not count",
    ),
    "with a repeated content type": (
        Peer(spoil=lambda written: ((*written.headers, ("Content-Type", "text/plain")), written.body)),
        "repeats",
    ),
    "with a repeated AS2-From": (
        Peer(spoil=lambda written: ((*written.headers, ("as2-from", "BIGCORP")), written.body)),
        "repeats",
    ),
    "empty": (Peer(spoil=lambda written: ((), b"")), "without a receipt"),
    "a web page": (Peer(spoil=lambda _: ((("Content-Type", "text/html"),), b"<html>ok</html>")), "does not count"),
    "half": (Peer(spoil=lambda written: (written.headers, written.body[: len(written.body) // 2])), "does not count"),
}


@pytest.mark.parametrize(("peer", "words"), ATTACKS.values(), ids=ATTACKS)
async def test_what_proves_nothing_is_kept_as_evidence_and_counts_for_nothing(carrier, peer: Peer, words: str):
    outcome = await answered(carrier, peer)
    assert isinstance(outcome, Failed), outcome
    assert words in outcome.reason
    assert outcome.receipt
    later = await answered(carrier, peer, "receipt_by: request")
    assert isinstance(later, Awaited), later


async def test_a_repeated_field_inside_the_report_counts_for_nothing(carrier):
    def twice(written):
        line = next(line for line in written.body.split(b"\r\n") if line.startswith(b"Original-Message-ID"))
        return replaced(written, line, line + b"\r\n" + line)

    outcome = await answered(carrier, Peer(signer=None, spoil=twice), "receipt: unsigned")
    assert isinstance(outcome, Failed)
    assert "repeated" in outcome.reason


async def test_an_expired_certificate_of_theirs_proves_nothing(carrier):
    outcome = await answered(carrier, Peer(signer=expired()), "encrypt: false", certificate=expired())
    assert isinstance(outcome, Failed)
    assert "not valid now" in outcome.reason


async def test_a_digest_that_is_not_agreed_proves_nothing(carrier):
    peer = Peer({"signing": Signing(our_keys(), Digest.SHA384)})
    outcome = await answered(carrier, peer, "receipt_digests: [sha-256]")
    assert isinstance(outcome, Failed)
    assert "does not allow" in outcome.reason
    assert isinstance(await answered(carrier, peer, "receipt_digests: [sha-384]"), Delivered)


async def test_the_certificate_that_signed_is_named_so_that_a_person_can_compare_it(carrier):
    outcome = await answered(carrier, Peer(signer=stranger_keys()))
    assert isinstance(outcome, Failed)
    assert stranger_keys().certificate.fingerprint in outcome.reason
    assert "compare it with the partner" in outcome.reason


# --- negative receipts -----------------------------------------------------------------------------------------------

FOR_GOOD = [
    "authentication-failed",
    "decryption-failed",
    "Decryption-Failed",
    "decompression-failed",
    "insufficient-message-security",
    "unknown-trading-relationship",
    "unknown-trading-partner",
    "unsupported format",
    "unsupported MIC-algorithms",
    "duplicate-document",
]
MAY_PASS = ["unexpected-processing-error", "integrity-check-failed", "disk full"]


@pytest.mark.parametrize("text", [text for text in FOR_GOOD if text != "unknown-trading-partner"])
async def test_a_signed_no_is_a_refusal_with_its_remedy(carrier, text: str):
    outcome = await answered(carrier, Peer(negative(text)))
    assert isinstance(outcome, Refused), outcome
    assert text.lower() in outcome.reason.lower()
    assert outcome.receipt


@pytest.mark.parametrize("text", MAY_PASS)
async def test_a_signed_no_that_may_pass_is_tried_again(carrier, text: str):
    outcome = await answered(carrier, Peer(negative(text)))
    assert isinstance(outcome, Failed), outcome
    assert text in outcome.reason


async def test_a_no_that_anybody_could_have_written_is_none(carrier):
    outcome = await answered(carrier, Peer(negative("decryption-failed"), signer=None))
    assert isinstance(outcome, Failed)
    assert "it claims" in outcome.reason
    assert "decryption-failed" in outcome.reason
    agreed = await answered(carrier, Peer(negative("decryption-failed"), signer=None), "receipt: unsigned")
    assert isinstance(agreed, Refused)
    other = await answered(carrier, Peer(negative("decryption-failed") | {"original_message_id": "<x@y>"}))
    assert isinstance(other, Failed)


async def test_their_words_come_without_control_characters(carrier):
    outcome = await answered(carrier, Peer(negative("decryption-failed") | {"text": "see \x1b[31mlog\u202e " * 100}))
    assert isinstance(outcome, Refused)
    assert outcome.reason.isprintable()
    assert len(outcome.reason) < 1_000


async def test_a_no_in_the_answer_ends_the_wait_for_an_asynchronous_receipt(carrier):
    assert isinstance(await answered(carrier, Peer(), "receipt_by: request"), Delivered)
    outcome = await answered(carrier, Peer(negative("decryption-failed")), "receipt_by: request")
    assert isinstance(outcome, Refused)
    outcome = await answered(carrier, Peer(negative("disk full")), "receipt_by: request")
    assert isinstance(outcome, Failed)


# --- statuses --------------------------------------------------------------------------------------------------------


def status(code: int, **headers: str):
    async def handle(_: web.Request, __: bytes) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, headers=named, body=b"no")

    return handle


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 411, 413, 415, 418, 422, 301, 308])
async def test_a_refusal_by_status_is_final(carrier, code: int):
    outcome = await answered(carrier, status(code, Location="https://elsewhere.example/as2?token=canary"))
    assert isinstance(outcome, Refused), outcome
    assert f"HTTP {code}" in outcome.reason
    assert "canary" not in outcome.reason
    assert ("elsewhere.example" in outcome.reason) == (code < 400)


@pytest.mark.parametrize("code", [408, 429, 500, 501, 502, 503, 504, 302, 303, 307])
async def test_what_may_pass_is_tried_again(carrier, code: int):
    outcome = await answered(carrier, status(code, Retry_After="120", Location="/x"))
    assert isinstance(outcome, Failed), outcome
    assert outcome.retry_after_s == 120


async def test_they_cannot_put_us_off_for_longer_than_the_schedule(carrier):
    outcome = await answered(carrier, status(503, Retry_After="99999999"))
    assert isinstance(outcome, Failed)
    assert outcome.retry_after_s == 3_600


async def test_a_receipt_that_comes_with_a_status_of_failure_proves_nothing_and_is_told(carrier):
    outcome = await answered(carrier, Peer(negative("unknown-trading-relationship"), status=500))
    assert isinstance(outcome, Failed)
    assert "unknown-trading-relationship" in outcome.reason
    assert isinstance(await answered(carrier, Peer(status=500)), Failed)
    assert isinstance(await answered(carrier, Peer(status=403)), Refused)
    assert isinstance(await answered(carrier, Peer(status=202)), Delivered)


@pytest.mark.parametrize("code", [200, 202, 204])
async def test_without_an_agreed_receipt_any_2xx_is_delivered(carrier, code: int):
    assert isinstance(await answered(carrier, status(code), "receipt: none"), Delivered)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 30 ", 30),
        ("86401", 86_400),
        ("9" * 500, 86_400),
        # With a name each: two workers that collect a second apart must find the same tests.
        pytest.param(format_datetime(NOW + timedelta(seconds=90), usegmt=False), 90, id="date soon"),
        pytest.param(format_datetime(NOW - timedelta(days=90)), 0, id="date past"),
        pytest.param(format_datetime(NOW + timedelta(days=900)), 86_400, id="date far"),
        ("-5", None),
        ("soon", None),
        ("٣", None),
        ("Fri, 99 Foo 2026 99:99:99 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_within_limits(value: str | None, seconds: float | None):
    read = retry_after(value, NOW)
    assert read == (pytest.approx(seconds, abs=1) if seconds is not None else None)


async def test_a_network_failure_is_tried_again_and_says_its_step(carrier):
    _, outcome = await send(carrier, consignment(partner("http://127.0.0.1:1/")))
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("tcp: ")
    _, outcome = await send(carrier, consignment(partner("http://10.0.0.1/")))
    assert isinstance(outcome, Failed)
    assert "private_networks" in outcome.reason


# --- whatever comes back ---------------------------------------------------------------------------------------------

FIELD = st.sampled_from(["Content-Type", "AS2-From", "AS2-To", "Content-Encoding", "Location", "Retry-After", "X"])
VALUE = st.sampled_from(
    [
        "text/\x00\x1b[2J",
        "multipart/report; boundary=b",
        "multipart/signed; boundary=b; protocol=x",
        "message/disposition-notification",
        "text/plain; charset=\udcff",
        "BIGCORP",
        '"BIG\\',
        "gzip",
        "",
    ]
) | st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b" ").decode("utf-8", "surrogateescape"))
PIECE = st.sampled_from(
    [
        b"--b\r\n",
        b"--b--\r\n",
        b"\r\n",
        b"Content-Type: multipart/report; boundary=b\r\n\r\n",
        b"Content-Type: message/disposition-notification\r\n\r\n",
        b"Content-Type: application/pkcs7-signature\r\n\r\n",
        b"Disposition: automatic-action/MDN-sent-automatically; processed\r\n",
        b"Received-Content-MIC: AAAA, sha-256\r\n",
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80",
    ]
) | st.binary(max_size=40)


@given(
    status=st.integers(100, 599),
    headers=st.lists(st.tuples(FIELD, VALUE), max_size=5),
    body=st.lists(PIECE, max_size=12).map(b"".join),
    asked=st.sampled_from([MdnRequest("a@b", signed=True), MdnRequest("a@b"), MdnRequest("a@b", delivery_url="x")]),
)
def test_no_bytes_make_a_fault_or_a_proof(status: int, headers: list[tuple[str, str]], body: bytes, asked: MdnRequest):
    written = write_message(
        b"x", as2_from="A", as2_to="BIGCORP", message_id="<1@a>", content_type="text/plain", now=NOW, mdn_request=asked
    )
    parcel = Parcel(written.headers, written.body, tuple(map(str, written.mics)))
    terms = Terms((our_keys().certificate,), frozenset(Digest))
    outcome = outcome_of(parcel, Answer(status, "", tuple(headers), body, HttpPeer(), 0.1), terms, NOW)
    assert not isinstance(outcome, Delivered)
    if isinstance(outcome, Failed | Refused):
        assert outcome.reason.isprintable()
        assert outcome.receipt.endswith(body)
