"""Keys: read from files, checked when they are made, and nothing of them in what is shown."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from certs.creation import certify
from gateway.signatures import (
    Algorithm,
    KeyUnusable,
    SigningKey,
    VerificationKey,
    public_pem,
    read_public_key,
    read_signing_key,
    shared_secret,
)
from tests.signatures.requests import SECRET, signing_key
from tests.signatures.rfc9421 import ED25519_PRIVATE, ED25519_PUBLIC, P256_PUBLIC, RSA_PSS_PUBLIC

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def public(private) -> bytes:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("pem", "algorithm"),
    [
        (ED25519_PUBLIC, Algorithm.ED25519),
        (P256_PUBLIC, Algorithm.ECDSA_P256_SHA256),
        (RSA_PSS_PUBLIC, Algorithm.RSA_PSS_SHA512),
    ],
    ids=lambda one: one.value if isinstance(one, Algorithm) else "pem",
)
def test_a_public_key_knows_its_algorithm(pem, algorithm):
    key = read_public_key("k", pem)
    assert key.algorithm is algorithm
    assert read_public_key("k", pem, algorithm).algorithm is algorithm
    assert public_pem(key) == pem
    for other in set(Algorithm) - {algorithm}:
        with pytest.raises(KeyUnusable, match=f"not for {other.value}"):
            read_public_key("k", pem, other)


def test_a_certificate_does_as_well():
    private = ec.generate_private_key(ec.SECP256R1())
    pair = certify(private, "supplier", now=NOW)
    key = read_public_key("k", pair.certificate.pem())
    assert key.verifies(SigningKey("k", Algorithm.ECDSA_P256_SHA256, private).sign(b"x"), b"x")


@pytest.mark.parametrize("algorithm", Algorithm, ids=lambda one: one.value)
def test_what_one_half_signs_the_other_verifies(algorithm):
    key = signing_key(algorithm)
    signature = key.sign(b"base")
    assert key.public.could_have_made(signature)
    assert key.public.verifies(signature, b"base")
    assert not key.public.verifies(signature, b"Base")
    assert not key.public.could_have_made(signature[:-1])
    for damaged in (signature[:-1], b"", signature + b"\0", bytes(len(signature)), b"\xff" * len(signature)):
        assert not key.public.verifies(damaged, b"base")


def test_ecdsa_is_r_and_s_and_no_der():
    key = signing_key(Algorithm.ECDSA_P256_SHA256)
    assert {len(key.sign(b"x")) for _ in range(20)} == {64}
    der = key.material.sign(b"x", ec.ECDSA(SHA256()))
    assert not key.public.verifies(der, b"x")


UNUSABLE = {
    "rsa of 1,024 bits": (lambda: public(rsa.generate_private_key(65_537, 1_024)), "2,048 to 4,096 bits"),
    "exponent 3": (
        lambda: (
            rsa.RSAPublicNumbers(3, 2**2_048 - 1)
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        ),
        "exponent",
    ),
    "rsa too large": (
        lambda: (
            rsa.RSAPublicNumbers(65_537, 2**8_192 - 1)
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        ),
        "2,048 to 4,096 bits",
    ),
    "p-384": (lambda: public(ec.generate_private_key(ec.SECP384R1())), "not on P-256"),
    "secp256k1": (lambda: public(ec.generate_private_key(ec.SECP256K1())), "not on P-256"),
    "ed448": (lambda: public(ed448.Ed448PrivateKey.generate()), "neither Ed25519"),
    "private": (lambda: ED25519_PRIVATE, "private key, which belongs to the partner alone"),
    "nothing": (lambda: b"", "neither a public key nor a certificate"),
    "damaged": (lambda: ED25519_PUBLIC.replace(b"MCow", b"MCo?"), "neither a public key nor a certificate"),
    "der": (lambda: b"0*0\x05\x06\x03+ep", "neither a public key nor a certificate"),
    "large": (lambda: b"x" * 65_537, "65,536 bytes"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_keys_that_nobody_should_use(name):
    make, what = UNUSABLE[name]
    with pytest.raises(KeyUnusable, match=what):
        read_public_key("k", make())


def test_a_private_key_is_read_with_its_password_and_only_so():
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    assert read_signing_key("k", pem, b"word").public.verifies(private.sign(b"x"), b"x")
    for password in (None, b"other"):
        with pytest.raises(KeyUnusable, match="password"):
            read_signing_key("k", pem, password)
    for other in (
        ED25519_PUBLIC,
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"x" * 65_537,
    ):
        with pytest.raises(KeyUnusable):
            read_signing_key("k", other)
    old = dsa.generate_private_key(1_024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyUnusable, match="neither Ed25519"):
        read_signing_key("k", old)


@pytest.mark.parametrize("secret", [b"", b"x" * 31, b"x" * 1_025], ids=["empty", "short", "long"])
def test_a_shared_secret_is_long_enough(secret):
    with pytest.raises(KeyUnusable, match="32 to 1,024 bytes"):
        shared_secret("k", secret)


def test_a_public_key_is_no_shared_secret():
    """Whoever reads the public key could sign with it."""
    with pytest.raises(KeyUnusable, match="no key or certificate"):
        shared_secret("k", ED25519_PUBLIC)
    with pytest.raises(KeyUnusable, match="another kind"):
        VerificationKey("k", Algorithm.ED25519, SECRET)
    with pytest.raises(KeyUnusable, match="another kind"):
        VerificationKey("k", Algorithm.HMAC_SHA256, read_public_key("k", ED25519_PUBLIC).material)
    with pytest.raises(KeyUnusable, match="no public half"):
        public_pem(shared_secret("k", SECRET))


@pytest.mark.parametrize("key_id", ["", "x" * 256, "a\nb", "schlüssel"], ids=["empty", "long", "line break", "umlaut"])
def test_a_key_id_is_printable(key_id):
    with pytest.raises(KeyUnusable, match="key id"):
        shared_secret(key_id, SECRET)


@pytest.mark.parametrize("algorithm", Algorithm, ids=lambda one: one.value)
def test_nothing_of_a_key_is_shown(algorithm):
    key = signing_key(algorithm)
    assert repr(key) == f"SigningKey(id='{algorithm.value}', algorithm={algorithm!r})"
    assert repr(key.public) == f"VerificationKey(id='{algorithm.value}', algorithm={algorithm!r})"
