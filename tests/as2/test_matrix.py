"""The 24 cases of the standard, and every algorithm: what one side writes the other opens, and both MICs agree."""

from itertools import product

import pytest

from gateway.as2.cms.algorithms import Cipher, Digest, KeyTransport, SignatureScheme
from gateway.as2.envelope import MdnRequest
from gateway.as2.mdn import objection, read_mdn, signing_digest, write_mdn
from gateway.as2.message import Layer, Policy
from gateway.as2.mic import agrees
from tests.as2.parties import ANY, NOW, PAYLOAD, elliptic, encryption, open_, partner, signing, us, write

RECEIPTS = {
    "none": None,
    "unsigned": MdnRequest("edi@partner"),
    "signed": MdnRequest("edi@partner", signed=True, micalgs=("sha512", "sha-256", "md5")),
}
CASES = list(product((False, True), (False, True), RECEIPTS, (None, "before-signing", "after-signing")))


@pytest.mark.parametrize(("signed", "encrypted", "receipt", "compression"), CASES)
def test_every_case_arrives_and_its_receipt_counts(signed, encrypted, receipt, compression):
    message = write(
        filename="order 1.edi",
        signing=signing() if signed else None,
        encryption=encryption() if encrypted else None,
        compression=compression,
        mdn_request=RECEIPTS[receipt],
    )
    opened = open_(message, Policy(require_signed=signed, require_encrypted=encrypted))

    assert opened.payload == PAYLOAD
    assert opened.content_type == "application/edi-x12"
    assert opened.filename == "order 1.edi"
    assert (opened.signed, opened.encrypted, opened.compressed) == (signed, encrypted, compression is not None)
    assert opened.signer_fingerprint == (partner().certificate.fingerprint if signed else None)
    assert opened.decrypted_for == (us().certificate if encrypted else None)
    assert agrees(opened.mic, message.mics)
    if receipt == "signed":
        assert str(opened.mic).endswith(", sha512")

    mdn_signing = signing(us(), digest=signing_digest(opened.mic.algorithm)) if receipt == "signed" else None
    written = write_mdn(
        as2_from="us",
        as2_to="partner",
        message_id="<2@us>",
        original_message_id=message.message_id,
        now=NOW,
        reporting_ua="us; gateway",
        mic=opened.mic,
        signing=mdn_signing,
    )
    mdn = read_mdn(
        written.headers,
        written.body,
        partner_certificates=[us().certificate],
        now=NOW,
        require_signed=receipt == "signed",
    )
    complaint = objection(mdn, message_id=message.message_id, as2_from="partner", as2_to="us", mics=message.mics)
    assert complaint is None
    assert (mdn.signature is not None) is (receipt == "signed")


@pytest.mark.parametrize("compression", ["before-signing", "after-signing"])
def test_compression_stands_on_either_side_of_the_signature(compression):
    opened = open_(write(signing=signing(), encryption=encryption(), compression=compression))
    inner = (Layer.SIGNED, Layer.COMPRESSED) if compression == "before-signing" else (Layer.COMPRESSED, Layer.SIGNED)
    assert opened.layers == (Layer.ENCRYPTED, *inner)


@pytest.mark.parametrize("cipher", [cipher for cipher in Cipher if cipher is not Cipher.TRIPLE_DES])
@pytest.mark.parametrize("key_transport", KeyTransport)
@pytest.mark.parametrize("size", [0, 15, 16, 70_000])
def test_every_cipher(cipher, key_transport, size):
    message = write(b"x" * size, encryption=encryption(cipher=cipher, key_transport=key_transport))
    opened = open_(message)
    assert (opened.payload, opened.cipher, opened.key_transport) == (b"x" * size, cipher, key_transport)


@pytest.mark.parametrize("digest", Digest)
@pytest.mark.parametrize("scheme", [SignatureScheme.RSA_V1_5, SignatureScheme.RSA_PSS, SignatureScheme.ECDSA])
def test_every_signature(digest, scheme):
    pair = elliptic() if scheme is SignatureScheme.ECDSA else partner()
    message = write(signing=signing(pair, digest=digest, scheme=scheme))
    policy = Policy(require_encrypted=False, digests=frozenset(Digest))
    opened = open_(message, policy, certificates=[partner(), elliptic()])
    assert opened.signature is not None
    assert (opened.signature.digest, opened.signature.scheme) == (digest, scheme)


def test_triple_des_is_not_written():
    with pytest.raises(ValueError, match="triple DES"):
        write(encryption=encryption(cipher=Cipher.TRIPLE_DES))


def test_an_elliptic_curve_certificate_cannot_be_encrypted_for():
    with pytest.raises(ValueError, match="no RSA key"):
        write(encryption=encryption(elliptic()))


def test_several_of_our_keys_decrypt():
    message = write(encryption=encryption(us()))
    assert open_(message, ANY, keys=[elliptic(), partner(), us()]).decrypted_for == us().certificate


def test_a_name_with_quotes_and_a_filename_beyond_ascii():
    message = write(as2_from='a "b\\c" d', filename="Bestellung Ä/€.edi", signing=signing())
    assert ("AS2-From", '"a \\"b\\\\c\\" d"') in message.headers
    assert open_(message).filename == "€.edi"


@pytest.mark.parametrize(
    "broken",
    [
        {"as2_from": "a\r\nX: y"},
        {"as2_from": ""},
        {"as2_from": "ä"},
        {"as2_to": "x" * 129},
        {"message_id": "<1>\r\nX: y"},
        {"message_id": ""},
        {"content_type": "text/plain\r\nX: y"},
        {"content_type": "nothing"},
        {"subject": "a\nb"},
        {"mdn_request": MdnRequest("a\r\nb")},
        {"mdn_request": MdnRequest("a", signed=True, micalgs=("a\r\nb",))},
        {"mdn_request": MdnRequest("a", delivery_url="http://x/\r\ny")},
    ],
)
def test_nothing_unprintable_reaches_a_header(broken):
    with pytest.raises(ValueError, match=r"."):
        write(**broken)


def test_a_retry_has_the_same_boundaries():
    first, second = write(signing=signing()), write(signing=signing())
    assert first == second


def test_a_payload_cannot_contain_the_boundary():
    boundary = dict(write(signing=signing()).headers)["Content-Type"].rpartition('boundary="')[2].strip('"')
    message = write(b"--" + boundary.encode() + b"--\r\n", signing=signing())
    assert open_(message).payload == b"--" + boundary.encode() + b"--\r\n"


def test_the_asked_for_receipt_is_readable_again():
    request = MdnRequest("edi@partner", signed=True, micalgs=("sha-384",), delivery_url="https://partner/mdn")
    message = write(subject="orders", mdn_request=request)
    assert ("Subject", "orders") in message.headers
    assert ("Receipt-Delivery-Option", "https://partner/mdn") in message.headers
