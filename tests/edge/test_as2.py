import asyncio
import secrets
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from certs.creation import certify
from gateway.as2.cms.algorithms import Cipher, Digest
from gateway.as2.mdn import Mdn, objection, read_mdn
from gateway.as2.message import Encryption, Signing, WrittenMessage
from gateway.store import messages
from tests.edge.house import (
    ACME_KEY,
    X12,
    House,
    acme,
    acme_keys,
    digest,
    globex,
    message,
    open_house,
    our_keys,
    profile,
    stranger_keys,
)

NO_RECEIPT = {"mdn_request": None}


async def send(house: House, client: aiohttp.ClientSession, sent: WrittenMessage, body: bytes | None = None):
    async with client.post(
        f"{house.url}/as2", data=sent.body if body is None else body, headers=dict(sent.headers)
    ) as answer:
        return answer.status, answer.headers, await answer.read()


def receipt(headers, body: bytes, *, signed: bool = True) -> Mdn:
    return read_mdn(
        headers,
        body,
        partner_certificates=[our_keys().certificate],
        now=datetime.now(UTC),
        require_signed=signed,
    )


async def refusal(house: House, client: aiohttp.ClientSession, sent: WrittenMessage, body: bytes | None = None) -> Mdn:
    """The signed negative receipt; nothing was kept."""
    status, headers, answered = await send(house, client, sent, body)
    assert status == 200
    mdn = receipt(headers, answered)
    assert not mdn.disposition.successful
    assert mdn.original_message_id == sent.message_id
    assert not house.arrived
    return mdn


async def test_a_message_is_kept_and_gets_its_signed_receipt(house, client):
    sent = message(filename="order.edi")
    status, headers, body = await send(house, client, sent)
    assert status == 200
    mdn = receipt(headers, body)
    assert objection(mdn, message_id=sent.message_id, as2_from="ACME-AS2", as2_to="BIGCORP", mics=sent.mics) is None
    (kept,) = await house.database.read(messages.find)
    assert (kept.partner_id, kept.channel, kept.identity) == ("acme", "as2", "bigcorp")
    assert (kept.transport_id, kept.filename) == (sent.message_id, "order.edi")
    payload, wire, answer = await house.database.read(
        lambda c: [messages.body(c, kept.id, part) for part in ("payload", "wire", "answer")]
    )
    assert payload == X12
    assert wire.endswith(b"\r\n\r\n" + sent.body)
    assert body in answer
    assert '"signed"' in kept.security
    assert acme_keys().certificate.fingerprint in kept.security


async def test_a_duplicate_gets_the_stored_receipt_byte_for_byte(house, client):
    sent = message()
    _, first_headers, first = await send(house, client, sent)
    status, again_headers, again = await send(house, client, sent)
    assert (status, again) == (200, first)
    assert again_headers["Message-ID"] == first_headers["Message-ID"]
    assert len(house.arrived) == 1
    assert house.metrics.duplicates.values == {("as2",): 1}


async def test_a_retry_that_was_encrypted_anew_is_a_duplicate(house, client):
    _, _, first = await send(house, client, message(message_id="<again@acme>"))
    _, _, again = await send(house, client, message(message_id="<again@acme>"))
    assert again == first
    assert len(house.arrived) == 1


async def test_ten_at_once_are_kept_once(house, client):
    sent = message()
    answers = await asyncio.gather(*(send(house, client, sent) for _ in range(10)))
    assert len({body for _, _, body in answers}) == 1
    assert len(house.arrived) == 1


async def test_the_same_id_with_other_content_is_refused_and_audited(house, client):
    await send(house, client, message(message_id="<1@acme>"))
    house.arrived.clear()
    mdn = await refusal(house, client, message(X12 + b"\n", message_id="<1@acme>"))
    assert "used before" in mdn.text
    (act,) = await house.acts("refused.idempotency-key-reused")
    assert (act.actor, act.subject) == ("partner:acme", "<1@acme>")


async def test_without_receipt_the_same_id_with_other_content_is_a_422(house, client):
    await send(house, client, message(message_id="<1@acme>", **NO_RECEIPT))
    status, _, _ = await send(house, client, message(X12 + b"\n", message_id="<1@acme>", **NO_RECEIPT))
    assert status == 422


async def test_a_failed_message_does_not_burn_its_id(house, client):
    good = message(message_id="<1@acme>")
    forged = message(message_id="<1@acme>", signing=Signing(stranger_keys()))
    await refusal(house, client, forged)
    status, headers, body = await send(house, client, good)
    assert receipt(headers, body).disposition.successful
    assert status == 200


STRANGERS = [
    ({"as2_from": "NOBODY"}, "AS2-From is no partner"),
    ({"as2_from": "acme-as2"}, "AS2-From is no partner"),  # case counts
    ({"as2_to": "SOMEBODY-ELSE"}, "AS2-To is none of our identities"),
    ({"as2_from": "SKETCH-AS2"}, "is a draft"),
]


@pytest.mark.parametrize(("names", "reason"), STRANGERS)
async def test_unknown_names_get_a_signed_refusal(house, client, names, reason):
    mdn = await refusal(house, client, message(**names))
    assert mdn.disposition.text == "unknown-trading-relationship"
    (act,) = await house.acts("refused.unknown-trading-relationship")
    assert reason in act.detail["cause"]
    assert act.detail["reference"] in mdn.text
    assert reason not in mdn.text


@pytest.mark.parametrize(("names", "reason"), STRANGERS)
async def test_unknown_names_get_a_403_where_no_receipt_was_asked_for(house, client, names, reason):
    status, headers, body = await send(house, client, message(**names, **NO_RECEIPT))
    assert status == 403
    assert headers["Content-Type"] == "application/problem+json"
    assert reason.encode() not in body


async def test_without_any_name_there_is_still_an_answer(house, client):
    async with client.post(f"{house.url}/as2", data=X12, headers={"Message-ID": "<1@x>"}) as answer:
        assert answer.status == 403
    asked = {"Message-ID": "<1@x>", "Disposition-Notification-To": "a@b"}
    async with client.post(f"{house.url}/as2", data=X12, headers=asked) as answer:
        mdn = receipt(answer.headers, await answer.read(), signed=False)
    assert mdn.disposition.text == "unknown-trading-relationship"
    assert mdn.original_message_id == "<1@x>"


def tampered(sent: WrittenMessage) -> bytes:
    middle = len(sent.body) // 2
    return sent.body[:middle] + bytes([sent.body[middle] ^ 1]) + sent.body[middle + 1 :]


async def test_every_failure_of_an_encrypted_message_looks_the_same(tmp_path: Path, client):
    foreign_key = message(encryption=Encryption([stranger_keys().certificate]))
    foreign_signature = message(signing=Signing(stranger_keys()))
    unsigned = message(signing=None)
    weak = message(encryption=Encryption([our_keys().certificate], Cipher.AES128_CBC))
    changed = message()
    cases = [
        (foreign_key, None),
        (foreign_signature, None),
        (unsigned, None),
        (weak, None),
        (changed, tampered(changed)),
    ]
    cases += [(changed, changed.body[:-16]), (changed, changed.body[:200]), (changed, b"0")]
    texts = set()
    async with open_house(tmp_path, profiles=[acme(as2="  ciphers: [aes256-cbc]\n")]) as house:
        for sent, body in cases:
            mdn = await refusal(house, client, sent, body)
            assert mdn.disposition.text == "decryption-failed"
            assert mdn.mic is None
            texts.add(mdn.text.rpartition("Reference:")[0])
        causes = {act.detail["cause"] for act in await house.acts("refused.decryption-failed")}
    assert len(texts) == 1
    assert len(causes) >= 4  # the audit alone tells them apart


async def test_unencrypted_failures_are_named(tmp_path: Path, client):
    expired = certify(acme_keys().private_key, "acme", now=datetime(2020, 1, 1, tzinfo=UTC), valid_days=1)
    changed = message(encryption=None)
    cases = [
        (message(encryption=None, signing=Signing(stranger_keys())), None, "authentication-failed"),
        (message(encryption=None, signing=Signing(expired)), None, "authentication-failed"),
        (message(encryption=None, signing=None), None, "insufficient-message-security"),
        (message(encryption=None, signing=Signing(acme_keys(), Digest.SHA1)), None, "insufficient-message-security"),
        (changed, changed.body.replace(b"BIGCORP", b"BADCORP"), "integrity-check-failed"),
        (changed, b"", "unexpected-processing-error"),
    ]
    async with open_house(tmp_path, profiles=[acme(as2="  require_encrypted: false\n")]) as house:
        for sent, body, modifier in cases:
            assert (await refusal(house, client, sent, body)).disposition.text == modifier
            assert await house.acts(f"refused.{modifier}") or modifier == "unexpected-processing-error"


async def test_plain_where_security_was_agreed_is_refused(house, client):
    plain = message(signing=None, encryption=None)
    assert (await refusal(house, client, plain)).disposition.text == "insufficient-message-security"
    compressed = message(signing=None, encryption=None, compression="before-signing")
    assert (await refusal(house, client, compressed)).disposition.text == "insufficient-message-security"


async def test_a_compression_bomb_is_refused(tmp_path: Path, client):
    async with open_house(tmp_path, decompressed_bytes_max=100_000) as house:
        mdn = await refusal(house, client, message(b" " * 5_000_000, compression="before-signing"))
        assert mdn.disposition.text == "decompression-failed"


async def test_a_certificate_outside_its_window_does_not_count(tmp_path: Path, client):
    loaded = profile(
        "id: acme\nname: ACME\nas2:\n  id: ACME-AS2\n  require_encrypted: false\n"
        "  certificates: [{file: acme.pem, not_after: 2021-01-01}]\n"
        f"api_keys: [{{label: main, sha256: {digest(ACME_KEY)}}}]\n",
        acme_pem=acme_keys().certificate.pem(),
    )
    async with open_house(tmp_path, profiles=[loaded]) as house:
        mdn = await refusal(house, client, message(encryption=None))
        assert mdn.disposition.text == "authentication-failed"


async def test_a_receipt_never_earns_a_receipt(house, client):
    _, headers, body = await send(house, client, message())
    house.arrived.clear()
    fields = {name: headers[name] for name in ("Content-Type", "MIME-Version", "Message-ID")}
    posted = fields | {"AS2-From": "ACME-AS2", "AS2-To": "BIGCORP", "Disposition-Notification-To": "a@b"}
    async with client.post(f"{house.url}/as2", data=body, headers=posted) as answer:
        assert answer.status == 400
    assert not house.arrived


async def test_an_unknown_receipt_protocol_is_answered(house, client):
    headers = dict(message().headers)
    headers["Disposition-Notification-Options"] = (
        "signed-receipt-protocol=required, pgp; signed-receipt-micalg=optional, sha1"
    )
    sent = message()
    status, answered, body = await send(
        house, client, WrittenMessage(sent.message_id, tuple(headers.items()), sent.body, sent.mics)
    )
    assert status == 200
    mdn = receipt(answered, body, signed=False)
    assert (mdn.disposition.type, mdn.disposition.text) == ("failed", "unsupported format")


async def test_a_partner_cannot_speak_with_anothers_key(tmp_path: Path, client):
    other = profile(
        "id: other\nname: Other\nas2: {id: OTHER-AS2, certificate: other.pem}\n",
        other_pem=stranger_keys().certificate.pem(),
    )
    async with open_house(tmp_path, profiles=[acme(), other, globex()]) as house:
        crossed = message(as2_from="OTHER-AS2")  # signed by ACME
        assert (await refusal(house, client, crossed)).disposition.text == "decryption-failed"
        honest = message(as2_from="OTHER-AS2", message_id="<1@acme>", signing=Signing(stranger_keys()))
        await send(house, client, honest)
        await send(house, client, message(message_id="<1@acme>"))
        assert len(house.arrived) == 2  # the same Message-ID of two partners is two messages


async def test_a_repeated_header_is_refused(house, client):
    sent = message(encryption=None)
    doubled = [*sent.headers, ("AS2-From", "ACME-AS2")]
    async with client.post(f"{house.url}/as2", data=sent.body, headers=doubled) as answer:
        assert not receipt(answer.headers, await answer.read(), signed=False).disposition.successful
    assert not house.arrived


async def test_names_cannot_break_out_of_the_answer(house, client):
    nasty = {
        "AS2-From": '"A\\"; x=\\\\1"',
        "AS2-To": "BIG\tCORP",
        "Message-ID": "<1@x>; boundary=x\t<b>",
        "Disposition-Notification-To": "a@b",
        "Subject": "x" * 3_000,
    }
    async with client.post(f"{house.url}/as2", data=X12, headers=nasty) as answer:
        mdn = receipt(answer.headers, await answer.read(), signed=False)
    assert mdn.disposition.text == "unknown-trading-relationship"


async def test_what_is_no_utf8_is_answered_too(house):
    head = (
        b"POST /as2 HTTP/1.1\r\nHost: x\r\nAS2-From: ACME-AS2\r\nAS2-To: BIGCORP\r\nMessage-ID: <\xff\xfe@x>\r\n"
        b"Disposition-Notification-To: \xe9@b\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
    )
    answered = await house.raw(head)
    assert answered.startswith(b"HTTP/1.1 200 ")
    assert b"Original-Message-ID: <\xff\xfe@x>" in answered


async def test_reading_the_address_says_how_to_use_it(house, client):
    async with client.get(f"{house.url}/as2") as answer:
        assert answer.status == 200
        assert "AS2 address" in await answer.text()
    async with client.head(f"{house.url}/as2") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    async with client.head(f"{house.url}/as2", headers={"ETag": '"1"'}) as answer:
        assert answer.status == 404  # of a broken transfer nothing is here (AS2 Restart)
    async with client.put(f"{house.url}/as2", data=b"x") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, HEAD, POST"
    sent = message()
    part = {"Content-Range": f"bytes 0-{len(sent.body) - 1}/{len(sent.body)}"}
    async with client.post(f"{house.url}/as2", data=sent.body, headers=dict(sent.headers) | part) as answer:
        assert answer.status == 400
    assert not house.arrived


async def test_a_store_that_cannot_write_gives_no_receipt(house, client):
    with house.database.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE message")
        connection.commit()
    status, headers, body = await send(house, client, message())
    assert status == 503
    assert "Retry-After" in headers
    assert b"disposition" not in body.lower()


async def test_oversize_by_the_partners_profile_is_refused_before_it_is_read(tmp_path: Path, client):
    async with open_house(tmp_path, profiles=[acme("limits: {body_bytes_max: 5000}\n")]) as house:
        sent = message(secrets.token_bytes(20_000))
        status, _, _ = await send(house, client, sent)
        assert status == 413
        (act,) = await house.acts("refused.body-too-large")
        assert sent.message_id in act.subject
