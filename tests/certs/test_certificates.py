"""Certificates as files bring them, and what stands against using them."""

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from certs.certificates import (
    CertificateError,
    ProblemCode,
    certificate_of,
    problems,
    read_certificate,
    read_certificates,
)
from certs.creation import certify, create_key_pair

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@cache
def pair():
    return create_key_pair("partner", now=NOW, organization="Partner Ltd")


@cache
def elliptic():
    return certify(ec.generate_private_key(ec.SECP384R1()), "elliptic", now=NOW)


def built(key, issuer_key=None, *, subject="leaf", issuer="leaf", digest=None, extensions=()):
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .serial_number(5)
        .public_key(key.public_key())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(issuer_key or key, digest or hashes.SHA256())


USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def usage(**uses):
    return x509.KeyUsage(**{name: uses.get(name, False) for name in USES})


def signed_with(certificate, algorithm):
    """The certificate with the last octet of its signature algorithm changed; nothing here verifies the signature."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    rsa_sha256 = bytes.fromhex("2a864886f70d01010b")
    assert der.count(rsa_sha256) == 2
    return x509.load_der_x509_certificate(der.replace(rsa_sha256, rsa_sha256[:-1] + bytes((algorithm,))))


def test_a_new_pair():
    certificate = pair().certificate
    assert (certificate.subject, certificate.issuer) == ("CN=partner,O=Partner Ltd",) * 2
    assert certificate.fingerprint == certificate.parsed.fingerprint(hashes.SHA256()).hex()
    assert problems(certificate, NOW) == ()
    assert certificate.subject_key_identifier is not None
    assert (certificate.not_before, certificate.not_after) == (NOW - timedelta(minutes=5), NOW + timedelta(days=730))
    assert "private_key" not in repr(pair())


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb"])
def test_names_that_cannot_be_certified(name):
    with pytest.raises(CertificateError, match="common name"):
        certify(pair().private_key, name, now=NOW)


def forms():
    certificate = pair().certificate
    pem = certificate.pem()
    return {
        "pem": pem,
        "pem with text": b"subject=partner\r\n" + pem.replace(b"\n", b"\r\n") + b"end",
        "x509 label": pem.replace(b" CERTIFICATE", b" X509 CERTIFICATE"),
        "der": certificate.der,
        "pkcs7 der": pkcs7.serialize_certificates([certificate.parsed], serialization.Encoding.DER),
        "pkcs7 pem": pkcs7.serialize_certificates([certificate.parsed], serialization.Encoding.PEM),
    }


@pytest.mark.parametrize("form", ["pem", "pem with text", "x509 label", "der", "pkcs7 der", "pkcs7 pem"])
def test_every_form_of_file(form):
    assert read_certificate(forms()[form]) == pair().certificate


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "no readable certificate"),
        (b"hello", "no readable certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "no readable certificate"),
        (b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----", "no readable certificate"),
        (b"-----BEGIN PRIVATE KEY-----", "private key"),
        (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", "private key"),
        (b"x" * 1_048_577, "larger"),
    ],
)
def test_files_that_hold_none(data, word):
    with pytest.raises(CertificateError, match=word):
        read_certificates(data)


def test_the_leaf_of_a_chain():
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    chain = [built(root, subject="root", issuer="root"), built(leaf, root, issuer="root")]
    pem = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain)
    assert read_certificate(pem).subject == "CN=leaf"
    assert len(read_certificates(pem)) == 2


def test_two_leaves_are_one_too_many():
    with pytest.raises(CertificateError, match="CN=partner,O=Partner Ltd; CN=elliptic"):
        read_certificate(pair().certificate.pem() + elliptic().certificate.pem())


def test_keys_of_another_kind():
    certificate = pair().certificate.parsed
    edwards = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.subject)
        .serial_number(1)
        .public_key(ed25519.Ed25519PrivateKey.generate().public_key())
        .not_valid_before(NOW)
        .not_valid_after(NOW)
        .sign(pair().private_key, hashes.SHA256())
    )
    with pytest.raises(CertificateError, match="neither an RSA nor"):
        certificate_of(edwards)


def test_a_modulus_that_only_burns_time():
    numbers = rsa.RSAPublicNumbers(65_537, (1 << 16_999) + 1)
    key = type("Key", (), {"public_key": lambda self: numbers.public_key()})()
    with pytest.raises(CertificateError, match="more than 16384"):
        certificate_of(built(key, pair().private_key))


def test_a_certificate_that_breaks_in_a_corner():
    """A version 3 certificate whose key cannot be parsed is a problem with a remedy, and no traceback."""
    data = bytearray(pair().certificate.der)
    at = bytes(data).index(bytes.fromhex("2a864886f70d010101"))
    data[at + 8] = 0x7F
    with pytest.raises(CertificateError):
        read_certificates(bytes(data))


@pytest.mark.parametrize(
    ("at", "codes"),
    [
        (timedelta(0), []),
        (timedelta(days=-1), [ProblemCode.NOT_YET_VALID]),
        (timedelta(days=701), [ProblemCode.EXPIRES_SOON]),
        (timedelta(days=731), [ProblemCode.EXPIRED]),
    ],
)
def test_validity(at, codes):
    found = problems(pair().certificate, NOW + at)
    assert [problem.code for problem in found] == codes
    assert all(problem.fatal is (problem.code is not ProblemCode.EXPIRES_SOON) for problem in found)
    assert pair().certificate.valid_at(NOW + at) is not any(problem.fatal for problem in found)


def test_weak_keys_and_signatures():
    weak = certificate_of(signed_with(built(rsa.generate_private_key(65_537, 1_024)), 0x05))
    found = {problem.code: problem for problem in problems(weak, NOW)}
    assert set(found) == {ProblemCode.WEAK_KEY, ProblemCode.WEAK_SIGNATURE}
    assert "1024 bits" in found[ProblemCode.WEAK_KEY].message
    assert not found[ProblemCode.WEAK_SIGNATURE].fatal


def test_a_signature_algorithm_nobody_knows_is_no_obstacle():
    assert problems(certificate_of(signed_with(built(pair().private_key), 0x7F)), NOW) == ()


def test_curves():
    odd = certificate_of(built(ec.generate_private_key(ec.SECP256K1())))
    assert [problem.code for problem in problems(odd, NOW)] == [ProblemCode.WEAK_KEY]
    assert problems(elliptic().certificate, NOW) == ()


@pytest.mark.parametrize(
    ("uses", "codes"),
    [
        ({"digital_signature": True}, [ProblemCode.NOT_FOR_ENCRYPTION]),
        ({"key_encipherment": True}, [ProblemCode.NOT_FOR_SIGNING]),
        ({"content_commitment": True, "key_encipherment": True}, []),
    ],
)
def test_key_usage(uses, codes):
    certificate = certificate_of(built(pair().private_key, extensions=[usage(**uses)]))
    assert [problem.code for problem in problems(certificate, NOW)] == codes
    assert certificate.subject_key_identifier is None
