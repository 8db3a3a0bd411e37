"""pyas2lib as the other side, in both directions, with receipts."""

from itertools import product

import pytest

from gateway.as2.cms.algorithms import Cipher, Digest
from gateway.as2.mdn import objection, read_mdn, signing_digest, write_mdn
from gateway.as2.message import MdnRequest, Policy
from tests.as2.parties import NOW, PAYLOAD, encryption, open_, partner, signing, us, write
from tests.as2.pyas2_peer import build, organization, parse, parse_mdn, trading_partner

POLICY = Policy(require_signed=False, require_encrypted=False, digests=frozenset(Digest), ciphers=frozenset(Cipher))
CASES = list(product((False, True), (False, True), (False, True), (None, "unsigned", "sha256")))


@pytest.mark.parametrize(("sign", "encrypt", "compress", "receipt"), CASES)
def test_its_messages_and_our_receipts(sign, encrypt, compress, receipt):
    own, other = (
        organization("partner", partner()),
        trading_partner(
            "us",
            us(),
            sign=sign,
            encrypt=encrypt,
            compress=compress,
            enc_alg="aes_256_cbc",
            mdn_mode="SYNC" if receipt else None,
            mdn_digest_alg=receipt if receipt == "sha256" else None,
        ),
    )
    message = build(own, other, PAYLOAD, filename="a.edi")
    opened = open_((list(message.headers.items()), message.content), POLICY)
    assert opened.payload == PAYLOAD
    assert (opened.signed, opened.encrypted, opened.compressed) == (sign, encrypt, compress)
    if not receipt:
        return
    written = write_mdn(
        as2_from="us",
        as2_to="partner",
        message_id="<2@us>",
        original_message_id=f"<{message.message_id}>",
        now=NOW,
        reporting_ua="us",
        mic=opened.mic,
        signing=signing(us(), digest=signing_digest(opened.mic.algorithm)) if receipt == "sha256" else None,
    )
    assert parse_mdn(written.headers, written.body, message) == ("processed", None)


@pytest.mark.parametrize("cipher", ["tripledes_192_cbc", "aes_128_cbc", "aes_192_cbc", "aes_256_cbc"])
@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
def test_its_algorithms(cipher, digest):
    other = trading_partner("us", us(), sign=True, encrypt=True, enc_alg=cipher, digest_alg=digest)
    message = build(organization("partner", partner()), other, PAYLOAD)
    opened = open_((list(message.headers.items()), message.content), POLICY)
    assert opened.signature is not None
    assert opened.signature.digest.replace("-", "") == digest


@pytest.mark.parametrize("compression", [None, "before-signing"])
@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("signed_receipt", [False, True])
def test_our_messages_and_its_receipts(compression, sealed, signed_receipt):
    message = write(
        content_type="application/octet-stream",
        signing=signing(),
        encryption=encryption() if sealed else None,
        compression=compression,
        mdn_request=MdnRequest("edi@partner", signed=signed_receipt, micalgs=("sha256",)),
    )
    own, other = organization("us", us()), trading_partner("partner", partner())
    status, parsed, mdn = parse(message.headers, message.body, own, other)
    assert status == "processed"
    assert parsed.payload.get_payload(decode=True) == PAYLOAD
    received = read_mdn(
        list(mdn.headers.items()),
        mdn.content,
        partner_certificates=[us().certificate],
        now=NOW,
        require_signed=signed_receipt,
    )
    assert objection(received, message_id="<1@partner>", as2_from="partner", as2_to="us", mics=message.mics) is None


def test_its_receipt_for_a_failure():
    message = write(signing=signing(us()), encryption=encryption())
    _, _, mdn = parse(message.headers, message.body, organization("us", us()), trading_partner("partner", partner()))
    received = read_mdn(
        list(mdn.headers.items()), mdn.content, partner_certificates=[us().certificate], now=NOW, require_signed=True
    )
    complaint = objection(received, message_id="<1@partner>", as2_from="partner", as2_to="us", mics=message.mics)
    assert complaint is not None
    assert "authentication-failed" in complaint or "processing" in complaint
