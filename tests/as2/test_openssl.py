"""OpenSSL as the other side: its messages are opened, ours are verified and decrypted by it."""

import email

import pytest

from gateway.as2.cms.algorithms import Cipher, Digest, KeyTransport, SignatureScheme
from gateway.as2.message import Policy
from gateway.as2.mic import agrees
from gateway.as2.writing import payload_part
from tests.as2.openssl_peer import OpenSsl
from tests.as2.parties import PAYLOAD, elliptic, encryption, enveloped, open_, partner, signing, us, write

ENTITY = payload_part(PAYLOAD, "application/edi-x12", "a.edi").encoded()
LENIENT = Policy(require_signed=False, require_encrypted=False, digests=frozenset(Digest), ciphers=frozenset(Cipher))
LARGE = b"Content-Type: application/edi-x12\r\n\r\n" + b"0123456789abcdef" * 20_000


@pytest.fixture
def openssl(tmp_path):
    return OpenSsl(tmp_path)


def multipart_of(smime: bytes):
    """OpenSSL's S/MIME output as an AS2 message: its header lines end in LF, its preamble is text."""
    head, _, body = smime.partition(b"\n\n")
    fields = [tuple(line.split(": ", 1)) for line in head.decode().replace("\r", "").splitlines()]
    content_type = dict(fields)["Content-Type"]
    headers, _ = enveloped(content_type, b"")
    return headers[:-1], body


@pytest.mark.parametrize(
    ("arguments", "cipher"),
    [
        (("-aes-128-cbc",), Cipher.AES128_CBC),
        (("-aes-192-cbc",), Cipher.AES192_CBC),
        (("-aes-256-cbc",), Cipher.AES256_CBC),
        (("-aes-256-cbc", "-keyid"), Cipher.AES256_CBC),
        (("-aes-256-cbc", "-stream"), Cipher.AES256_CBC),
        (("-aes-256-cbc", "rsa_padding_mode:oaep"), Cipher.AES256_CBC),
        (("-aes-256-cbc", "rsa_padding_mode:oaep", "rsa_oaep_md:sha256"), Cipher.AES256_CBC),
        (("-aes-128-cbc", "rsa_padding_mode:oaep", "rsa_oaep_md:sha512", "rsa_mgf1_md:sha1"), Cipher.AES128_CBC),
        (("-aes-128-cbc", "rsa_padding_mode:oaep", "rsa_oaep_label:6c6162656c"), Cipher.AES128_CBC),
        (("-aes-128-gcm",), Cipher.AES128_GCM),
        (("-aes-192-gcm",), Cipher.AES192_GCM),
        (("-aes-256-gcm", "-stream"), Cipher.AES256_GCM),
        (("-des3",), Cipher.TRIPLE_DES),
    ],
)
@pytest.mark.parametrize("entity", [ENTITY, LARGE], ids=["small", "large"])
def test_what_openssl_encrypts(openssl, arguments, cipher, entity):
    sealed = openssl.encrypt(us(), entity, "-outform", "DER", *arguments)
    opened = open_(enveloped("application/pkcs7-mime; smime-type=enveloped-data", sealed), LENIENT)
    assert opened.payload == entity.partition(b"\r\n\r\n")[2]
    assert opened.cipher is cipher
    oaep = any(argument.startswith("rsa_") for argument in arguments)
    assert opened.key_transport is (KeyTransport.RSA_OAEP if oaep else KeyTransport.RSA_V1_5)


def test_the_stream_was_really_indefinite(openssl):
    sealed = openssl.encrypt(us(), LARGE, "-outform", "DER", "-stream", "-aes128")
    assert sealed[:2] == b"\x30\x80"


def test_several_recipients(openssl):
    other, _ = openssl.files(partner())
    elliptic_certificate, _ = openssl.files(elliptic())
    sealed = openssl.encrypt(
        us(), ENTITY, "-outform", "DER", "-aes128", "-recip", other, "-recip", elliptic_certificate
    )
    message = enveloped("application/pkcs7-mime", sealed)
    assert open_(message).payload == PAYLOAD
    assert open_(message, keys=[partner()]).decrypted_for == partner().certificate


SIGNATURES = [
    (("-md", "sha1"), partner, Digest.SHA1, SignatureScheme.RSA_V1_5),
    (("-md", "sha256"), partner, Digest.SHA256, SignatureScheme.RSA_V1_5),
    (("-md", "sha384"), partner, Digest.SHA384, SignatureScheme.RSA_V1_5),
    (("-md", "sha512", "-keyid"), partner, Digest.SHA512, SignatureScheme.RSA_V1_5),
    (("-md", "sha256", "-noattr"), partner, Digest.SHA256, SignatureScheme.RSA_V1_5),
    (("-md", "sha256", "-nocerts", "-nosmimecap"), partner, Digest.SHA256, SignatureScheme.RSA_V1_5),
    (("-md", "sha256", "-stream"), partner, Digest.SHA256, SignatureScheme.RSA_V1_5),
    (("-md", "sha256", "-keyopt", "rsa_padding_mode:pss"), partner, Digest.SHA256, SignatureScheme.RSA_PSS),
    (
        ("-md", "sha512", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:20"),
        partner,
        Digest.SHA512,
        SignatureScheme.RSA_PSS,
    ),
    (("-md", "sha256"), elliptic, Digest.SHA256, SignatureScheme.ECDSA),
    (("-md", "sha512"), elliptic, Digest.SHA512, SignatureScheme.ECDSA),
]


@pytest.mark.parametrize(("arguments", "pair", "digest", "scheme"), SIGNATURES)
@pytest.mark.parametrize("form", ["multipart", "opaque"])
def test_what_openssl_signs(openssl, arguments, pair, digest, scheme, form):
    if form == "multipart":
        message = multipart_of(openssl.sign(pair(), ENTITY, "-outform", "SMIME", *arguments))
    else:
        signed = openssl.sign(pair(), ENTITY, "-outform", "DER", "-nodetach", *arguments)
        message = enveloped("application/pkcs7-mime; smime-type=signed-data", signed)
    opened = open_(message, LENIENT, certificates=[partner(), elliptic()])
    assert opened.payload == PAYLOAD
    assert opened.filename == "a.edi"
    assert opened.signature is not None
    assert (opened.signature.digest, opened.signature.scheme) == (digest, scheme)
    assert agrees(opened.mic, write(filename="a.edi", signing=signing()).mics)


def test_two_signers_of_whom_one_is_ours(openssl):
    other, other_key = openssl.files(us())
    arguments = ("-outform", "DER", "-nodetach", "-signer", other, "-inkey", other_key)
    message = enveloped("application/pkcs7-mime", openssl.sign(partner(), ENTITY, *arguments))
    assert open_(message).signed


def test_signed_and_encrypted_by_openssl(openssl):
    smime = openssl.sign(partner(), ENTITY, "-outform", "SMIME", "-md", "sha256")
    sealed = openssl.encrypt(us(), smime, "-outform", "DER", "-aes256", "-stream")
    opened = open_(enveloped("application/pkcs7-mime; smime-type=enveloped-data", sealed), Policy())
    assert opened.payload == PAYLOAD
    assert (opened.signed, opened.encrypted) == (True, True)


def test_base64_around_the_encryption(openssl):
    sealed = openssl.encrypt(us(), ENTITY, "-outform", "PEM", "-aes256")
    body = b"".join(line for line in sealed.splitlines(keepends=True) if not line.startswith(b"-----"))
    assert open_(enveloped("application/x-pkcs7-mime", body, "Base64")).payload == PAYLOAD


@pytest.mark.parametrize("cipher", [cipher for cipher in Cipher if cipher is not Cipher.TRIPLE_DES])
@pytest.mark.parametrize("transport", KeyTransport)
def test_openssl_decrypts_ours(openssl, cipher, transport):
    message = write(encryption=encryption(cipher=cipher, key_transport=transport), filename="a.edi")
    assert openssl.decrypt(us(), message.body) == ENTITY


@pytest.mark.parametrize("digest", Digest)
@pytest.mark.parametrize("scheme", SignatureScheme)
def test_openssl_verifies_ours(openssl, digest, scheme):
    pair = elliptic() if scheme is SignatureScheme.ECDSA else partner()
    message = write(signing=signing(pair, digest=digest, scheme=scheme), filename="a.edi")
    smime = b"Content-Type: " + dict(message.headers)["Content-Type"].encode() + b"\r\n\r\n" + message.body
    _, signature = email.message_from_bytes(smime).get_payload()
    openssl.verify(pair, ENTITY, signature.get_payload(decode=True))
