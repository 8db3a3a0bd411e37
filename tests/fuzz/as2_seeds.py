"""AS2 messages and receipts of our own making to begin with: header fields, an empty line, the body."""

import base64
from collections.abc import Iterable, Iterator
from itertools import product

from gateway.as2.certificate_exchange import MEDIA_TYPE
from gateway.as2.cms.algorithms import Cipher, Digest, KeyTransport, SignatureScheme
from gateway.as2.disposition import PROCESSED, Modifier, disposition_of
from gateway.as2.mdn import write_mdn
from gateway.as2.message import Attachment, Encryption, MdnRequest, Signing, write_message
from gateway.as2.mic import Mic
from tests.fuzz.as2_parties import NOW, partner, us
from tests.fuzz.seeds import FOUND

FOUND_IN_AS2 = FOUND / "as2"
PAYLOAD = b"ISA*00*          *00*          *ZZ*PARTNER        *ZZ*US             *260301*1200*U*00401*1*0*P*>~\r\n"
WORDS = (
    b"\r\n\r\n",
    b"--b\r\n",
    b"--b--\r\n",
    b"Content-Type: ",
    b"Content-Transfer-Encoding: base64\r\n",
    b"application/pkcs7-mime; smime-type=",
    b"enveloped-data",
    b"signed-data",
    b"compressed-data",
    b'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b',
    b"multipart/report; report-type=disposition-notification; boundary=b",
    b"Disposition: automatic-action/MDN-sent-automatically; processed",
    b"signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, sha256",
    b"Received-Content-MIC: ",
    b"\x30\x80",
    b"\x24\x80",
    b"\xa0\x80",
    b"\x00\x00",
    b"\x30\x84\xff\xff\xff\xff",
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07",
    b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01",
    b"filename*0*=utf-8''%",
)


def messages() -> Iterator[bytes]:
    """Every way that we write a message ourselves."""
    request = MdnRequest("edi@partner", signed=True, micalgs=("sha-256", "sha1"))
    signings = (None, Signing(partner()), Signing(partner(), Digest.SHA512, SignatureScheme.RSA_PSS))
    encryptions = (
        None,
        Encryption([us().certificate]),
        Encryption([us().certificate], Cipher.AES128_GCM, KeyTransport.RSA_OAEP),
    )
    for signing, encryption, compression in product(signings, encryptions, (None, "before-signing", "after-signing")):
        yield _message(signing=signing, encryption=encryption, compression=compression, mdn_request=request)
    beside = (Attachment(b"%PDF-", "application/pdf", "a (1).pdf"), Attachment(b"x", "text/plain", None))
    yield _message(signing=signings[1], attachments=beside, filename="Bestellung \u00fc.edi")
    asynchronous = MdnRequest("edi@partner", signed=True, micalgs=("sha-512",), delivery_url="http://partner/mdn")
    yield _message(mdn_request=asynchronous, subject="order 4711")
    yield _message(b"<CertificateExchange/>", content_type=MEDIA_TYPE, signing=signings[1])


def _message(payload: bytes = PAYLOAD, **choices: object) -> bytes:
    fixed: dict[str, object] = {
        "as2_from": "partner",
        "as2_to": "us",
        "message_id": "<1@partner>",
        "content_type": "application/edi-x12",
        "now": NOW,
    }
    written = write_message(payload, **(fixed | choices))  # type: ignore[arg-type]
    return joined(written.headers, bytes(written.body))


def receipts() -> Iterator[bytes]:
    """Receipts, signed and not, good and bad."""
    mic = Mic(b"\x01" * 32, Digest.SHA256, "sha-256")
    for signing in (None, Signing(partner())):
        for disposition in (PROCESSED, *map(disposition_of, Modifier)):
            written = write_mdn(
                as2_from="partner",
                as2_to="us",
                message_id="<2@partner>",
                original_message_id="<1@us>",
                now=NOW,
                reporting_ua="partner",
                disposition=disposition,
                text="It was received.",
                mic=mic,
                signing=signing,
            )
            yield joined(written.headers, bytes(written.body))


def structures() -> Iterator[bytes]:
    """The CMS of the messages alone, as BER; what is base64 there is decoded."""
    for message in messages():
        head, _, body = message.partition(b"\r\n\r\n")
        if b"pkcs7-mime" in head:
            yield body
        signature = body.partition(b'filename="smime.p7s"\r\n\r\n')[2].partition(b"\r\n--")[0]
        if signature:
            yield base64.b64decode(signature)


def joined(headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """A request as one run of bytes."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode() + b"\r\n" + body


def as2_seeds() -> Iterator[bytes]:
    """All of them, and what broke something once."""
    yield from messages()
    yield from receipts()
    yield from structures()
    yield from (path.read_bytes() for path in sorted(FOUND_IN_AS2.glob("*.bin")))


def as2_dictionary() -> str:
    """What the formats are made of, in libFuzzer's notation."""
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in WORDS)
