"""Throw-away authorities, what they issue and what they revoke; elliptic curves, since those keys are made at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from certs.certificates import Certificate, KeyPair, PrivateKey, certificate_of

Extensions = Iterable[tuple[x509.ExtensionType, bool]]


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def usage(**allowed: bool) -> x509.KeyUsage:
    every = (
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
    return x509.KeyUsage(**{one: allowed.get(one, False) for one in every})


@cache
def curve_key(_: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(_: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def issue(
    subject: str | x509.Name,
    issuer: KeyPair | None,
    now: datetime,
    *,
    key: PrivateKey | None = None,
    ca: bool | None = False,
    path_length: int | None = None,
    key_usage: x509.KeyUsage | None = None,
    extensions: Extensions = (),
    starts: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=365),
    digest: hashes.HashAlgorithm | None = None,
    signer: PrivateKey | None = None,
    serial: int | None = None,
) -> KeyPair:
    """A certificate of `issuer` (its own, without one); `signer` signs in the issuer's name with another key."""
    subject_name = subject if isinstance(subject, x509.Name) else name(subject)
    own = key or curve_key(str(subject))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject_name)
        .issuer_name(issuer.certificate.parsed.subject if issuer else subject_name)
        .public_key(own.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
    if key_usage is not None:
        builder = builder.add_extension(key_usage, critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    with_key = signer or (issuer.private_key if issuer else own)
    return KeyPair(certificate_of(builder.sign(with_key, digest or hashes.SHA256())), own)


def revoke(
    issuer: KeyPair,
    now: datetime,
    revoked: Sequence[Certificate] = (),
    *,
    ends: timedelta | None = timedelta(days=7),
    starts: timedelta = timedelta(days=-1),
    signer: PrivateKey | None = None,
    extensions: Extensions = (),
    encoding: serialization.Encoding = serialization.Encoding.PEM,
) -> bytes:
    """A revocation list of the issuer."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.parsed.subject)
        .last_update(now + starts)
        .next_update(now + (ends if ends is not None else timedelta(days=1)))
    )
    for certificate in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(now - timedelta(hours=5)).build())
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer or issuer.private_key, hashes.SHA256()).public_bytes(encoding)


@dataclass(frozen=True, slots=True)
class Family:
    """A root, an authority below it, and a partner that the latter issued for."""

    root: KeyPair
    middle: KeyPair
    leaf: KeyPair


def family(now: datetime) -> Family:
    root = issue("root", None, now, ca=True)
    middle = issue("middle", root, now, ca=True, path_length=0)
    return Family(root, middle, issue("partner", middle, now))
