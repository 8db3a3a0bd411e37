"""Attacks that have worked on AS2 products: each of them is refused, with the answer that gives nothing away."""

import zlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher as Primitive
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.as2 import opening
from gateway.as2.cms import enveloped_data
from gateway.as2.cms.algorithms import (
    CIPHERS,
    COMPRESSED_DATA,
    DATA,
    DIGESTS,
    ENVELOPED_DATA,
    NULL,
    RSA_ENCRYPTION,
    SIGNED_DATA,
    ZLIB,
    Cipher,
    Digest,
    algorithm,
)
from gateway.as2.cms.ber import CONTEXT_0, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, der
from gateway.as2.cms.compressed_data import compress
from gateway.as2.cms.content_info import write_content_info
from gateway.as2.cms.enveloped_data import encrypt
from gateway.as2.cms.identifiers import issuer_and_serial
from gateway.as2.cms.signed_data import Content, sign
from gateway.as2.message import As2Refused, Modifier, Policy, read_envelope
from gateway.as2.writing import Encryption, Part, compressed_part, encrypted_part, payload_part, signed_part
from tests.as2.parties import (
    ANY,
    NOW,
    PAYLOAD,
    encryption,
    enveloped,
    open_,
    partner,
    refusal,
    renewed,
    signing,
    stranger,
    us,
    write,
)

STRICT = Policy()
SIGNED_ONLY = Policy(require_encrypted=False)
INNER = payload_part(PAYLOAD, "application/edi-x12", None)


def sent(part: Part):
    """A part as the whole message."""
    return [*enveloped("", b"")[0][:3], *part.fields], part.body


def signed(part: Part, pair=None) -> Part:
    return signed_part(Content(part.encoded()), signing(pair), "<1@partner>", NOW)


def sealed(part: Part) -> Part:
    return encrypted_part(part, encryption())


# -- who signed ---------------------------------------------------------------------------------------------------


def test_the_certificate_in_the_message_does_not_count():
    assert refusal(write(signing=signing(stranger())), SIGNED_ONLY)[0] is Modifier.AUTHENTICATION_FAILED


def test_a_forged_certificate_with_the_right_names_does_not_count():
    forged = type(partner())(partner().certificate, stranger().private_key)
    modifier, reason = refusal(write(signing=signing(forged)), SIGNED_ONLY)
    assert modifier is Modifier.AUTHENTICATION_FAILED
    assert "not that of the agreed certificate" in reason


@pytest.mark.parametrize(
    ("policy", "accepted"),
    [(SIGNED_ONLY, False), (Policy(require_encrypted=False, require_valid_certificate=False), True)],
)
def test_an_expired_certificate_is_more_than_a_warning(policy, accepted):
    message = write(signing=signing(renewed()))
    if accepted:
        assert open_(message, policy, certificates=[renewed()]).signed
    else:
        modifier, reason = refusal(message, policy, certificates=[renewed()])
        assert modifier is Modifier.AUTHENTICATION_FAILED
        assert "not valid" in reason


def test_expiry_is_told_exactly_once_the_signature_is_verified():
    message = write(signing=signing(renewed()), encryption=encryption())
    assert refusal(message, STRICT, certificates=[renewed()])[0] is Modifier.AUTHENTICATION_FAILED


def test_empty_signer_infos():
    empty = der(
        SEQUENCE,
        b"\x02\x01\x01",
        der(SET),
        der(SEQUENCE, der(OBJECT_IDENTIFIER, DATA), der(CONTEXT_0, der(OCTET_STRING, INNER.encoded()))),
        der(SET),
    )
    body = write_content_info(SIGNED_DATA, empty)
    modifier, reason = refusal(enveloped("application/pkcs7-mime", body), SIGNED_ONLY)
    assert modifier is Modifier.AUTHENTICATION_FAILED
    assert "SignerInfos is empty" in reason


def test_no_agreed_certificates():
    assert refusal(write(signing=signing()), SIGNED_ONLY, certificates=[])[0] is Modifier.AUTHENTICATION_FAILED


def test_sha1_needs_an_agreement():
    message = write(signing=signing(digest=Digest.SHA1))
    assert refusal(message, SIGNED_ONLY)[0] is Modifier.INSUFFICIENT_MESSAGE_SECURITY
    assert open_(message, Policy(require_encrypted=False, digests=frozenset({Digest.SHA1}))).signed


# -- what was signed ----------------------------------------------------------------------------------------------


def test_changed_content():
    message = write(signing=signing())
    body = message.body.replace(b"PARTNER ", b"PARTNEX ")
    assert refusal((message.headers, body), SIGNED_ONLY)[0] is Modifier.INTEGRITY_CHECK_FAILED


def test_changed_content_without_signed_attributes_is_another_signature():
    message = write(signing=signing())
    body = message.body.replace(b"Content-Type: application/edi-x12", b"Content-Type: application/edi-x13")
    assert refusal((message.headers, body), SIGNED_ONLY)[0] is Modifier.INTEGRITY_CHECK_FAILED


def beside(first: bytes, second: bytes) -> Part:
    body = b"--b\r\n" + first + b"\r\n--b\r\n" + second + b"\r\n--b--\r\n"
    return Part((("Content-Type", "multipart/mixed; boundary=b"),), body)


EVIL = payload_part(b"evil", "application/edi-x12", None)
HARMLESS = payload_part(b"harmless", "text/plain", None)


@pytest.mark.parametrize(
    "part",
    [
        beside(signed(HARMLESS).encoded(), EVIL.encoded()),
        beside(EVIL.encoded(), signed(HARMLESS).encoded()),
        compressed_part(beside(signed(HARMLESS).encoded(), EVIL.encoded())),
        EVIL,
        compressed_part(EVIL),
        Part(
            (("Content-Type", "application/pkcs7-signature"),),
            sign(Content(b"x"), partner(), digest=Digest.SHA256, scheme=signing().scheme, now=NOW),
        ),
    ],
)
def test_signing_something_else_is_not_signing_the_message(part):
    assert refusal(sent(part), SIGNED_ONLY)[0] is Modifier.INSUFFICIENT_MESSAGE_SECURITY
    assert refusal(sent(sealed(part)), STRICT)[0] is Modifier.DECRYPTION_FAILED


def test_a_third_part_in_a_signed_multipart():
    part = signed(HARMLESS)
    boundary = part.fields[0][1].rpartition('boundary="')[2].strip('"').encode()
    body = b"--" + boundary + b"\r\n" + EVIL.encoded() + b"\r\n" + part.body
    modifier, reason = refusal(sent(Part(part.fields, body)), SIGNED_ONLY)
    assert modifier is Modifier.UNEXPECTED_PROCESSING_ERROR
    assert "two parts" in reason


def test_content_beside_and_inside_the_signature():
    inside = sign(
        Content(HARMLESS.encoded()), partner(), digest=Digest.SHA256, scheme=signing().scheme, now=NOW, encapsulate=True
    )
    head = b"--b\r\n" + EVIL.encoded() + b"\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\n"
    message = Part((("Content-Type", "multipart/signed; boundary=b"),), head + inside + b"\r\n--b--\r\n")
    modifier, reason = refusal(sent(message), SIGNED_ONLY)
    assert modifier is Modifier.AUTHENTICATION_FAILED
    assert "inside a detached signature" in reason


def detached(signature_type: bytes, signature: bytes):
    body = b"--b\r\n" + EVIL.encoded() + b"\r\n--b\r\nContent-Type: " + signature_type + b"\r\n\r\n" + signature
    return sent(Part((("Content-Type", "multipart/signed; boundary=b"),), body + b"\r\n--b--\r\n"))


@pytest.mark.parametrize(
    ("message", "modifier", "word"),
    [
        (detached(b"text/plain", b"I did"), Modifier.AUTHENTICATION_FAILED, "no PKCS#7 signature"),
        (detached(b"application/pkcs7-signature", b"?"), Modifier.AUTHENTICATION_FAILED, "no CMS"),
        (detached(b"application/pkcs7-signature", compress(b"x")), Modifier.AUTHENTICATION_FAILED, "no SignedData"),
        (
            enveloped("application/pkcs7-mime", write_content_info(DATA, der(SEQUENCE))),
            Modifier.UNEXPECTED_PROCESSING_ERROR,
            "is not spoken here",
        ),
        (enveloped("application/pkcs7-mime; smime-type=signed-data", b"?"), Modifier.AUTHENTICATION_FAILED, "no CMS"),
        (enveloped("application/pkcs7-mime", b"?"), Modifier.DECRYPTION_FAILED, "no CMS"),
        (
            enveloped("multipart/mixed; boundary=b", b"--b--\r\n"),
            Modifier.UNEXPECTED_PROCESSING_ERROR,
            "without parts",
        ),
    ],
)
def test_what_is_no_signature_and_no_content(message, modifier, word):
    found, reason = refusal(message)
    assert found is modifier
    assert word in reason


def test_an_opaque_signature_without_content():
    detached = sign(Content(INNER.encoded()), partner(), digest=Digest.SHA256, scheme=signing().scheme, now=NOW)
    assert refusal(enveloped("application/pkcs7-mime", detached), SIGNED_ONLY)[0] is Modifier.AUTHENTICATION_FAILED


def test_signed_attributes_passed_off_as_content():
    """A signature without signed attributes over what were the attributes of another one (RFC 5652 5.3)."""
    attributes = b"1" + b"\x0d" + b": a\r\n\r\nevil.."
    key = partner().private_key

    signature = key.sign(attributes, padding.PKCS1v15(), hashes.SHA256())
    body = signed_without_attributes(attributes, signature)
    modifier, reason = refusal(enveloped("application/pkcs7-mime", body), SIGNED_ONLY)
    assert modifier is Modifier.AUTHENTICATION_FAILED
    assert "signed attributes" in reason


def signed_without_attributes(content: bytes, signature: bytes) -> bytes:
    signer = der(
        SEQUENCE,
        b"\x02\x01\x01",
        issuer_and_serial(partner().certificate),
        algorithm(DIGESTS[Digest.SHA256].identifier),
        algorithm(RSA_ENCRYPTION, NULL),
        der(OCTET_STRING, signature),
    )
    held = der(SEQUENCE, der(OBJECT_IDENTIFIER, DATA), der(CONTEXT_0, der(OCTET_STRING, content)))
    return write_content_info(SIGNED_DATA, der(SEQUENCE, b"\x02\x01\x01", der(SET), held, der(SET, signer)))


# -- what was encrypted -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part",
    [INNER, compressed_part(INNER), signed(INNER), signed(compressed_part(INNER)), compressed_part(signed(INNER))],
)
def test_only_encryption_is_encryption(part):
    for policy in (STRICT, Policy(require_signed=False)):
        modifier, reason = refusal(sent(part), policy)
        assert modifier is Modifier.INSUFFICIENT_MESSAGE_SECURITY
        assert "not encrypted" in reason


@pytest.mark.parametrize("part", [signed(INNER, stranger()), compressed_part(Part((), b" " * 3_000_000))])
def test_what_is_not_encrypted_is_not_worked_on_at_all(part):
    assert refusal(sent(part), STRICT)[0] is Modifier.INSUFFICIENT_MESSAGE_SECURITY


@pytest.mark.parametrize(
    ("part", "modifier"),
    [
        (sealed(sealed(INNER)), Modifier.DECRYPTION_FAILED),
        (signed(sealed(INNER)), Modifier.UNEXPECTED_PROCESSING_ERROR),
        (signed(signed(INNER)), Modifier.UNEXPECTED_PROCESSING_ERROR),
        (compressed_part(compressed_part(INNER)), Modifier.UNEXPECTED_PROCESSING_ERROR),
        (compressed_part(sealed(INNER)), Modifier.UNEXPECTED_PROCESSING_ERROR),
        (sealed(signed(sealed(INNER))), Modifier.UNEXPECTED_PROCESSING_ERROR),  # the signature is verified by then
        (signed(compressed_part(signed(INNER))), Modifier.UNEXPECTED_PROCESSING_ERROR),
    ],
)
def test_layers_that_make_no_sense(part, modifier):
    found, reason = refusal(sent(part))
    assert "layers in an order" in reason
    assert found is modifier


def nested(depth: int) -> Part:
    part = INNER
    for level in range(depth):
        body = b"--b%d\r\n" % level + part.encoded() + b"\r\n--b%d--\r\n" % level
        part = Part((("Content-Type", f"multipart/mixed; boundary=b{level}"),), body)
    return part


def test_nested_multiparts_are_not_descended():
    opened = open_(sent(nested(200)))
    assert opened.content_type == "multipart/mixed"
    assert opened.attachments == ()


# -- the padding of CBC as an oracle ------------------------------------------------------------------------------


def flipped(body: bytes, position: int, bits: int = 1) -> bytes:
    return body[:position] + bytes((body[position] ^ bits,)) + body[position + 1 :]


@pytest.mark.parametrize("where", [-1, -17, -33, -200, -1500])
@pytest.mark.parametrize("cipher", [Cipher.AES128_CBC, Cipher.AES256_CBC, Cipher.AES256_GCM])
def test_every_changed_ciphertext_has_the_same_answer(where, cipher):
    message = write(signing=signing(), encryption=encryption(cipher=cipher))
    body = flipped(message.body, len(message.body) + where)
    assert refusal((message.headers, body), STRICT)[0] is Modifier.DECRYPTION_FAILED


def test_blocks_behind_the_signature():
    """The classical attack: the block to be read is appended, its padding answers by acceptance or refusal."""
    part = signed(INNER)
    for tail in (b"\r\n" * 3, b"x" * 20, b"\x00" * 16):
        longer = Part(part.fields, part.body + tail)
        if tail.strip():
            assert refusal(sent(sealed(longer)), STRICT)[0] is Modifier.DECRYPTION_FAILED
        else:
            assert open_(sent(sealed(longer)), STRICT).payload == PAYLOAD


@pytest.mark.parametrize("broken", ["unwrap", "wrong length", "padding", "nothing"])
def test_all_failures_take_the_same_path(broken, monkeypatch):
    """After a failed unwrap or padding the content is still decrypted, parsed and its signature verified."""
    seen = []

    for module, name in (
        (enveloped_data, "_unwrap"),
        (enveloped_data, "_decrypt_content"),
        (opening, "read_entity"),
    ):
        original = getattr(module, name)

        def spy(*arguments, original=original, name=name, **options):
            seen.append(name)
            return original(*arguments, **options)

        monkeypatch.setattr(module, name, spy)
    message = write(signing=signing(), encryption=encryption())
    body = message.body
    if broken == "unwrap":
        at = body.index(bytes.fromhex("04820100")) + 4
        body = flipped(body, at + 100)
    elif broken == "wrong length":
        wrong = us().certificate.public_key.encrypt(b"short", padding.PKCS1v15())
        at = body.index(bytes.fromhex("04820100")) + 4
        body = body[:at] + wrong + body[at + 256 :]
    elif broken == "padding":
        body = flipped(body, len(body) - 17, 0x80)
    if broken == "nothing":
        open_((message.headers, body), STRICT)
    else:
        assert refusal((message.headers, body), STRICT)[0] is Modifier.DECRYPTION_FAILED
    assert seen[:3] == ["_unwrap", "_decrypt_content", "read_entity"]


def test_wrong_padding_over_a_good_signature_is_refused_at_the_end():
    """Without its padding the rest of the message is intact: all the work is done, and then refused."""
    message = write(signing=signing(), encryption=encryption())
    whole = open_(message, STRICT)
    assert whole.signed
    body = flipped(message.body, len(message.body) - 17, 0x40)
    modifier, reason = refusal((message.headers, body), STRICT)
    assert (modifier, "wrong padding" in reason) == (Modifier.DECRYPTION_FAILED, True)


def wrongly_padded(part: Part):
    """The part encrypted with blanks where its padding belongs; every signature inside stays good."""
    content = part.encoded()
    content += b" " * (-len(content) % 16)
    key, nonce = bytes(16), bytes(16)
    sealer = Primitive(algorithms.AES(key), modes.CBC(nonce)).encryptor()
    recipient = der(
        SEQUENCE,
        b"\x02\x01\x00",
        issuer_and_serial(us().certificate),
        algorithm(RSA_ENCRYPTION, NULL),
        der(OCTET_STRING, us().certificate.public_key.encrypt(key, padding.PKCS1v15())),
    )
    cipher = algorithm(CIPHERS[Cipher.AES128_CBC].identifier, der(OCTET_STRING, nonce))
    inner = der(SEQUENCE, der(OBJECT_IDENTIFIER, DATA), cipher, der(0x80, sealer.update(content)))
    body = write_content_info(ENVELOPED_DATA, der(SEQUENCE, b"\x02\x01\x00", der(SET, recipient), inner))
    return enveloped("application/pkcs7-mime", body)


@pytest.mark.parametrize(
    "part",
    [INNER, signed(INNER), signed(compressed_part(Part((), b" " * 3_000_000))), signed(signed(INNER))],
)
def test_a_wrong_padding_outweighs_everything_inside(part):
    for policy in (STRICT, ANY):
        modifier, reason = refusal(wrongly_padded(part), policy)
        assert modifier is Modifier.DECRYPTION_FAILED
        assert "wrong padding" in reason


ENCRYPTED_FAILURES = {
    "not for us": lambda: write(signing=signing(), encryption=encryption(partner())),
    "not signed": lambda: write(encryption=encryption()),
    "signed by a stranger": lambda: write(signing=signing(stranger()), encryption=encryption()),
    "signed with sha-1": lambda: write(signing=signing(digest=Digest.SHA1), encryption=encryption()),
    "changed inside": lambda: sent(sealed(Part(signed(INNER).fields, signed(INNER).body.replace(b"ISA", b"ISB")))),
    "no mime inside": lambda: sent(Part(sealed(INNER).fields, encrypt(b"\x00\x01", [us().certificate]))),
    "no multipart inside": lambda: sent(sealed(Part((("Content-Type", "multipart/signed"),), b""))),
    "bomb before the signature": lambda: sent(sealed(compressed_part(Part((), b" " * 3_000_000)))),
    "broken compression": lambda: sent(
        sealed(Part((("Content-Type", "application/pkcs7-mime; smime-type=compressed-data"),), b"0"))
    ),
    "no cms": lambda: enveloped("application/pkcs7-mime; smime-type=enveloped-data", b"nothing"),
    "no base64": lambda: enveloped("application/pkcs7-mime; smime-type=enveloped-data", b"?", "base64"),
    "cut short": lambda: (write(encryption=encryption()).headers, write(encryption=encryption()).body[:-5]),
}


@pytest.mark.parametrize("kind", ENCRYPTED_FAILURES)
def test_one_answer_for_everything_before_the_verified_signature(kind):
    modifier, reason = refusal(ENCRYPTED_FAILURES[kind](), STRICT)
    assert modifier is Modifier.DECRYPTION_FAILED
    assert reason


def test_a_cipher_that_is_not_agreed():
    message = write(signing=signing(), encryption=encryption(cipher=Cipher.AES128_CBC))
    policy = Policy(ciphers=frozenset({Cipher.AES256_GCM}))
    modifier, reason = refusal(message, policy)
    assert modifier is Modifier.DECRYPTION_FAILED
    assert "aes128-cbc" in reason


def test_exact_answers_behind_the_verified_signature():
    bomb = sealed(signed(compressed_part(Part((), b" " * 3_000_000))))
    assert refusal(sent(bomb), STRICT)[0] is Modifier.DECOMPRESSION_FAILED


# -- bombs and other strains --------------------------------------------------------------------------------------


def bomb(size: int) -> bytes:
    deflated = zlib.compress(bytes(size), 9)
    held = der(SEQUENCE, der(OBJECT_IDENTIFIER, DATA), der(CONTEXT_0, der(OCTET_STRING, deflated)))
    return write_content_info(COMPRESSED_DATA, der(SEQUENCE, b"\x02\x01\x00", algorithm(ZLIB), held))


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        (ANY, "times its size"),
        (
            Policy(
                require_signed=False,
                require_encrypted=False,
                decompression_ratio_max=2_000,
                decompressed_bytes_max=5_000_000,
            ),
            "more than 5000000 bytes",
        ),
    ],
)
def test_a_compression_bomb(policy, word):
    message = enveloped("application/pkcs7-mime; smime-type=compressed-data", bomb(30 * 1_048_576))
    modifier, reason = refusal(message, policy)
    assert modifier is Modifier.DECOMPRESSION_FAILED
    assert word in reason


def test_a_small_file_of_blanks_is_no_bomb():
    assert open_(sent(compressed_part(Part(INNER.fields, b" " * 900_000)))).payload == b" " * 900_000


@pytest.mark.parametrize(
    "change", [lambda body: body[:-3] + b"abc", lambda body: body + b"tail", lambda body: body[:40]]
)
def test_broken_compression(change):
    message = enveloped("application/pkcs7-mime; smime-type=compressed-data", change(compress(INNER.encoded())))
    assert refusal(message)[0] is Modifier.DECOMPRESSION_FAILED


# -- headers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["AS2-From", "as2-to", "MESSAGE-ID", "Content-Type", "Receipt-Delivery-Option"])
def test_repeated_headers(name):
    headers, body = enveloped("application/edi-x12", PAYLOAD)
    modifier, reason = refusal(([*headers, ("receipt-delivery-option", "x"), (name, "other")], body))
    assert modifier is Modifier.UNEXPECTED_PROCESSING_ERROR
    assert name.lower() in reason


@pytest.mark.parametrize(
    "filename", ["../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "a\x00b/passwd", "C:\\passwd"]
)
def test_paths_in_filenames(filename):
    disposition = 'attachment; filename="' + filename.replace("\\", "\\\\") + '"'
    headers, body = enveloped("application/edi-x12", PAYLOAD)
    opened = open_(([*headers, ("Content-Disposition", disposition)], body))
    assert opened.filename in ("passwd", "boot.ini")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_change_of_an_encrypted_message_is_ever_accepted_or_told_apart(data):
    message = ENCRYPTED
    position = data.draw(st.integers(len(message.body) // 2, len(message.body) - 1))
    bits = data.draw(st.integers(1, 255))
    assert refusal((message.headers, flipped(message.body, position, bits)), STRICT)[0] is Modifier.DECRYPTION_FAILED


ENCRYPTED = write(signing=signing(), encryption=Encryption([us().certificate]))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_change_of_any_message_raises_anything_but_a_refusal(data):
    message = data.draw(st.sampled_from(SAMPLES))
    body = bytearray(message[1])
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(body) - 1))
        body[position : position + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        if not body:
            break
    try:
        opened = open_((message[0], bytes(body)), SIGNED_ONLY)
    except As2Refused:
        return
    assert opened.payload == PAYLOAD


SAMPLES = [
    sent(signed(INNER)),
    sent(sealed(signed(INNER))),
    sent(compressed_part(signed(INNER))),
    sent(signed(compressed_part(INNER))),
    enveloped(
        "application/pkcs7-mime",
        sign(
            Content(INNER.encoded()),
            partner(),
            digest=Digest.SHA256,
            scheme=signing().scheme,
            now=NOW,
            encapsulate=True,
        ),
    ),
]


def test_a_message_without_a_legal_envelope_is_refused():
    headers, body = enveloped("application/edi-x12", PAYLOAD)
    assert read_envelope(headers[1:]).refusal is not None
    assert refusal((headers[1:], body))[0] is Modifier.UNKNOWN_TRADING_RELATIONSHIP
