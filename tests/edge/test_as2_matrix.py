"""Every form of a message that the standards allow, over HTTP: it is taken, and its receipt counts.

The 24 cases are {plain, encrypted, signed, both} x {no receipt, unsigned, signed} x {uncompressed, compressed}; here
compression stands on either side of the signature, and each receipt comes in the response and by a delivery.
"""

import secrets
from base64 import encodebytes
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certs.creation import certify
from gateway.as2.cms.algorithms import Cipher, Digest, KeyTransport, SignatureScheme
from gateway.as2.cms.signed_data import Content
from gateway.as2.mdn import objection, read_mdn
from gateway.as2.message import Attachment, Encryption, MdnRequest, Signing
from gateway.as2.mime import Headers
from gateway.as2.writing import encrypted_part, signed_part
from gateway.store import messages
from tests.as2.openssl_peer import OpenSsl
from tests.edge.acmes import ACME, ASKED, asking, owed, receipt_in, send
from tests.edge.house import X12, acme, acme_keys, globex, message, open_house, our_keys, profile, stranger_keys
from tests.edge.test_as2 import receipt

RECEIPTS = {
    "none": None,
    "unsigned": MdnRequest("edi@acme"),
    "signed": MdnRequest("edi@acme", signed=True, micalgs=("md5", "sha1", "SHA256", "sha-512")),
    "unsigned, asynchronous": asking(signed=False),
    "signed, asynchronous": asking(),
}
ORDERS = [(True, order) for order in (None, "before-signing", "after-signing")]
ORDERS += [(False, order) for order in (None, "before-signing")]
ANYTHING = ACME + "  require_signed: false\n  require_encrypted: false\n"


async def counts(house, sent, answer):
    """The receipt for what was sent counts; returns it."""
    status, headers, body = answer
    assert status == 200
    asked = Headers.of(sent.headers).get("receipt-delivery-option") is not None
    signed = Headers.of(sent.headers).get("disposition-notification-options") is not None
    if asked:
        assert body == b""
        mdn = await receipt_in(house, (await owed(house))[-1], signed=signed)
    else:
        mdn = receipt(headers, body, signed=signed)
    complaint = objection(mdn, message_id=sent.message_id, as2_from="ACME-AS2", as2_to="BIGCORP", mics=sent.mics)
    assert complaint is None
    assert (mdn.signature is not None) is signed
    return mdn


@pytest.mark.parametrize(("signed", "order"), ORDERS)
@pytest.mark.parametrize("encrypted", [True, False])
async def test_the_24_cases_in_every_order_and_way(at_acmes, client, signed, order, encrypted):
    async with at_acmes(ANYTHING) as house:
        for number, (name, asked) in enumerate(RECEIPTS.items(), start=1):
            payload = X12 + secrets.token_bytes(8)
            sent = message(
                payload,
                signing=Signing(acme_keys()) if signed else None,
                encryption=Encryption([our_keys().certificate]) if encrypted else None,
                compression=order,
                mdn_request=asked,
            )
            answer = await send(house, client, sent)
            if asked is None:
                assert (answer[0], answer[2]) == (204, b"")
            else:
                mdn = await counts(house, sent, answer)
                if name == "signed":  # the strongest, spelled as it was asked for
                    assert str(mdn.mic).endswith(", sha-512")
            newest, *before = await house.database.read(messages.find)
            assert len(before) == number - 1
            assert await house.database.read(partial(messages.body, message_id=newest.id, part="payload")) == payload
            assert len(await owed(house)) == max(number - 3, 0)


BODIES = ["application/edi-x12", "application/edifact", "application/xml", "application/octet-stream", "text/plain"]
ALGORITHMS = [
    *({"encryption": cipher} for cipher in Cipher if cipher is not Cipher.TRIPLE_DES),
    {"transport": KeyTransport.RSA_OAEP},
    *({"digest": digest} for digest in (Digest.SHA1, Digest.SHA256, Digest.SHA384, Digest.SHA512)),
    {"scheme": SignatureScheme.RSA_PSS},
    *({"content_type": kind} for kind in BODIES),
]


@pytest.mark.parametrize("asked", ["response", "request"])
async def test_every_algorithm_and_body(at_acmes, client, asked):
    async with at_acmes(ACME + "  digests: [sha-256, sha-384, sha-512, sha-1]\n") as house:
        for case in ALGORITHMS:
            choices = {"mdn_request": ASKED} if asked == "request" else {}
            if "content_type" in case:
                choices["content_type"] = case["content_type"]
            sent = message(
                X12 + secrets.token_bytes(3),
                signing=Signing(
                    acme_keys(), case.get("digest", Digest.SHA256), case.get("scheme", SignatureScheme.RSA_V1_5)
                ),
                encryption=Encryption(
                    [our_keys().certificate],
                    case.get("encryption", Cipher.AES256_CBC),
                    case.get("transport", KeyTransport.RSA_V1_5),
                ),
                **choices,
            )
            await counts(house, sent, await send(house, client, sent))
        assert len(house.arrived) == len(ALGORITHMS)


async def test_an_elliptic_curve_signs(at_acmes, client):
    pair = certify(ec.generate_private_key(ec.SECP256R1()), "other", now=datetime.now(UTC))
    other = profile(
        "id: other\nname: Other\nas2: {id: OTHER-AS2, certificates: [{file: other.pem, use: signing}]}\n",
        other_pem=pair.certificate.pem(),
    )
    async with at_acmes(others=[other]) as house:
        sent = message(as2_from="OTHER-AS2", signing=Signing(pair, scheme=SignatureScheme.ECDSA))
        status, headers, body = await send(house, client, sent)
        assert (status, receipt(headers, body).disposition.successful) == (200, True)


def without(*names):
    return lambda sent: replace(sent, headers=tuple(field for field in sent.headers if field[0] not in names))


def field(name, value):
    def change(sent):
        kept = tuple(item for item in sent.headers if item[0] != name)
        return replace(sent, headers=(*kept, (name, value)))

    return change


def in_base64(sent):
    changed = field("Content-Transfer-Encoding", "Base64")(sent)
    return replace(changed, body=encodebytes(sent.body))


OPTIONS = "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-256"
FORMS = {
    "as it is": lambda sent: sent,
    "no AS2-Version": without("AS2-Version"),
    "an old AS2-Version": field("AS2-Version", "1.0"),
    "an AS2-Version to come": field("AS2-Version", "1.9"),
    "no Content-Transfer-Encoding": without("Content-Transfer-Encoding"),
    "no MIME-Version": without("MIME-Version"),
    "no Subject, no Date": without("Subject", "Date"),
    "no features": without("EDIINT-Features"),
    "features that nobody knows": field("EDIINT-Features", "CEM, AS2-Reliability,,x"),
    "base64": in_base64,
    "odd case": lambda sent: replace(sent, headers=tuple((name.swapcase(), value) for name, value in sent.headers)),
    "quoted names": lambda sent: field("AS2-To", '"BIGCORP"')(field("AS2-From", '"ACME-AS2"')(sent)),
    "escaped names": field("AS2-From", '"ACME\\-AS2"'),
    "an older media type": field("Content-Type", 'application/x-pkcs7-mime; name="smime.p7m"'),
    "options the other way round": field(
        "Disposition-Notification-Options",
        "signed-receipt-micalg=optional, sha-256; signed-receipt-protocol=optional, pkcs7-signature",
    ),
    "options in quotes": field("Disposition-Notification-Options", OPTIONS.replace("sha-256", '"sha-256"')),
    "options without importance": field("Disposition-Notification-Options", OPTIONS.replace("optional, ", "")),
    "options of many digests": field("Disposition-Notification-Options", OPTIONS + ", sha1, md5, x-whirlpool"),
}


async def test_what_products_send(house, client):
    for number, (name, change) in enumerate(FORMS.items(), start=1):
        sent = change(message(message_id=f"<{name}@acme>"))
        mdn = await counts(house, sent, await send(house, client, sent))
        assert mdn.original_message_id == sent.message_id
        assert len(house.arrived) == number, name


async def test_in_chunks(house, client):
    sent = message()

    async def pieces():
        for start in range(0, len(sent.body), 1_000):
            yield sent.body[start : start + 1_000]

    async with client.post(f"{house.url}/as2", data=pieces(), headers=dict(sent.headers)) as answer:
        await counts(house, sent, (answer.status, answer.headers, await answer.read()))


IDS = ["<1@acme>", "no brackets", "<two words@acme>", '<"quoted"@acme>', "<a;b,c@acme>", "x" * 998, "<%0d%0a@acme>"]


async def test_the_message_id_comes_back_byte_for_byte(house, client):
    for message_id in IDS:
        sent = message(message_id=message_id)
        mdn = await counts(house, sent, await send(house, client, sent))
        assert mdn.original_message_id == message_id
        newest, *_ = await house.database.read(messages.find)
        assert newest.transport_id == message_id


FILENAMES = [
    ("order 1.edi", "order 1.edi"),
    ("../../etc/passwd", "passwd"),
    ("C:\\Windows\\system32\\cmd.exe", "cmd.exe"),
    ("/absolute", "absolute"),
    ("..", None),
    ("a\x00b\r\nX-Evil: 1\tc", "abX-Evil: 1c"),
    ("Bestellung Ä€.edi", "Bestellung Ä€.edi"),
    ("x" * 4_000, "x" * 255),
]


async def test_a_filename_is_data(tmp_path, house, client):
    """It is kept as a text beside our own id, never used as a path."""
    for sent_as, kept_as in FILENAMES:
        disposition = f"attachment; filename*=utf-8''{quote(sent_as, safe='')}"
        fields = f"Content-Type: application/edi-x12\r\nContent-Disposition: {disposition}\r\n\r\n"
        status, headers, body = await send(house, client, signed_and_sealed(fields.encode() + X12))
        assert (status, receipt(headers, body).disposition.successful) == (200, True)
        newest, *_ = await house.database.read(messages.find)
        assert (newest.filename or None) == kept_as
    assert {path.name.partition("-")[0] for path in tmp_path.rglob("*")} <= {"gateway.db", "spool"}


def signed_and_sealed(entity: bytes):
    """Somebody else's entity, signed by ACME and encrypted for us, in our own layers."""
    sent = message(mdn_request=MdnRequest("edi@acme", signed=True, micalgs=("sha-256",)))
    part = signed_part(Content(entity), Signing(acme_keys()), sent.message_id, datetime.now(UTC))
    part = encrypted_part(part, Encryption([our_keys().certificate]))
    own = [item for item in sent.headers if not item[0].startswith("Content-")]
    return replace(sent, headers=(*own, *part.fields), body=part.body)


async def test_attachments_are_taken_and_listed(house, client):
    beside = [Attachment(b"drawing", "application/pdf", "../plan.pdf"), Attachment(b"note", "text/plain", None)]
    sent = message(attachments=beside, filename="order.edi")
    await counts(house, sent, await send(house, client, sent))
    (kept,) = await house.database.read(messages.find)
    assert kept.filename == "order.edi"
    assert '"filename":"plan.pdf"' in kept.security


OPENSSL = [
    # signature form, what is done to it on the way, encryption
    (("-outform", "DER", "-nodetach"), "opaque", ("-outform", "DER", "-aes256")),
    (("-outform", "DER", "-nodetach", "-stream"), "opaque", ("-outform", "DER", "-aes256", "-stream")),
    (("-outform", "DER", "-nodetach", "-keyopt", "rsa_padding_mode:pss"), "opaque", ("-outform", "DER", "-aes128")),
    (("-outform", "SMIME", "-md", "sha512"), "multipart", ("-outform", "DER", "-aes192", "-stream")),
    (("-outform", "SMIME"), "multipart", ("-outform", "DER", "-aes256", "rsa_padding_mode:oaep")),
]


@pytest.mark.parametrize(("signature", "form", "encryption"), OPENSSL)
async def test_what_openssl_writes(tmp_path, house, client, signature, form, encryption):
    """BER of indefinite lengths (-stream), signatures around their content, PSS, OAEP: not of our making."""
    openssl = OpenSsl(tmp_path)
    entity = b"Content-Type: application/edi-x12\r\nContent-Transfer-Encoding: binary\r\n\r\n" + X12
    signed = openssl.sign(acme_keys(), entity, *signature)
    if form == "opaque":
        signed = b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\n" + signed
    body = openssl.encrypt(our_keys(), signed, *encryption)
    sent = message(signing=None, encryption=None, compression="before-signing")
    plain = message(signing=Signing(acme_keys()), encryption=None)  # the MIC is that of the signed entity
    own = [item for item in sent.headers if not item[0].startswith("Content-")]
    kind = ("Content-Type", "application/pkcs7-mime; smime-type=enveloped-data")
    sent = replace(sent, headers=(*own, kind), body=body, mics=plain.mics)
    await counts(house, sent, await send(house, client, sent))
    (kept,) = await house.database.read(messages.find)
    assert await house.database.read(partial(messages.body, message_id=kept.id, part="payload")) == X12


async def answer_of(house, client, pair, **choices):
    """The signed receipt of the identity that has this key."""
    sent = message(**choices)
    _, headers, body = await send(house, client, sent)
    theirs = [pair.certificate]
    mdn = read_mdn(headers, body, partner_certificates=theirs, now=datetime.now(UTC), require_signed=True)
    return mdn, objection(
        mdn, message_id=sent.message_id, as2_from="ACME-AS2", as2_to=choices["as2_to"], mics=sent.mics
    )


async def test_each_identity_answers_with_its_own_key(tmp_path, client):
    """Two of ours: the receipt comes from the one that was addressed, under its key."""
    plant = stranger_keys()
    agreements = (
        "x12: {qualifier: ZZ, id: ACME}\nagreements:\n"
        "  - {document: invoice, direction: inbound, syntax: x12, our_identity: plant}\n"
    )
    named = acme(agreements, as2="  our_identity: bigcorp\n")
    async with open_house(tmp_path, profiles=[named, globex()], plant=plant) as house:
        for as2_to, pair, name in (("PLANT", plant, "plant"), ("BIGCORP", our_keys(), "bigcorp")):
            encryption = Encryption([pair.certificate])
            _, complaint = await answer_of(house, client, pair, as2_to=as2_to, encryption=encryption)
            assert complaint is None
            newest, *_ = await house.database.read(messages.find)
            assert newest.identity == name
        house.arrived.clear()
        crossed, _ = await answer_of(house, client, plant, as2_to="PLANT")  # encrypted for the other of us
        assert crossed.disposition.text == "decryption-failed"
        assert not house.arrived


async def test_an_identity_that_the_profile_does_not_name_is_not_theirs_to_address(tmp_path, client):
    named, plant = acme(as2="  our_identity: bigcorp\n"), stranger_keys()
    async with open_house(tmp_path, profiles=[named], plant=plant) as house:
        encryption = Encryption([plant.certificate])
        refused, _ = await answer_of(house, client, plant, as2_to="PLANT", encryption=encryption)
        assert refused.disposition.text == "unknown-trading-relationship"
        assert not house.arrived
