"""Certificates and key pairs as values: parsed once, with everything that is asked of them per message at hand."""

import base64
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

CERTIFICATE_FILE_BYTES_MAX = 1_048_576
RSA_KEY_BITS_MIN = 2048
RSA_KEY_BITS_MAX = 16_384  # a larger modulus serves only to burn our time
EXPIRY_WARNING = timedelta(days=30)

_PEM_BLOCK = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----.*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----", re.DOTALL
)
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class CertificateError(ValueError):
    """A certificate or key that cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """An X.509 certificate; two are equal when their fingerprints are.

    Attributes:
        fingerprint: SHA-256 over the DER form, lower-case hex.
        subject: distinguished name as RFC 4514 writes it.
        issuer_der: the issuer's name encoded, as messages quote it to identify a certificate.
        subject_key_identifier: the other way to identify it; None where the extension is absent.
    """

    fingerprint: str
    subject: str = field(compare=False)
    issuer: str = field(compare=False)
    serial_number: int = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    der: bytes = field(repr=False, compare=False)
    issuer_der: bytes = field(repr=False, compare=False)
    subject_key_identifier: bytes | None = field(repr=False, compare=False)
    public_key: PublicKey = field(repr=False, compare=False)
    parsed: x509.Certificate = field(repr=False, compare=False)

    def valid_at(self, now: datetime) -> bool:
        """Whether the moment lies within the certificate's validity (RFC 5280 4.1.2.5, both ends included)."""
        return self.not_before <= now <= self.not_after

    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.parsed.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key with the certificate partners know it by; its repr shows no secret."""

    certificate: Certificate
    private_key: PrivateKey = field(repr=False, compare=False)


class ProblemCode(StrEnum):
    """What can be wrong with a certificate that parses."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRES_SOON = "expires-soon"
    WEAK_KEY = "weak-key"
    WEAK_SIGNATURE = "weak-signature"
    NOT_FOR_SIGNING = "not-for-signing"
    NOT_FOR_ENCRYPTION = "not-for-encryption"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a certificate, and the remedy; a fatal one forbids its use."""

    code: ProblemCode
    message: str
    fatal: bool


def certificate_of(parsed: x509.Certificate) -> Certificate:
    """The certificate as the gateway uses it."""
    try:
        public_key = parsed.public_key()
        subject, issuer = parsed.subject.rfc4514_string(), parsed.issuer.rfc4514_string()
        issuer_der = parsed.issuer.public_bytes()
        not_before, not_after = parsed.not_valid_before_utc, parsed.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"The certificate cannot be read ({error}). Ask for one made anew.") from None
    if not isinstance(public_key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise CertificateError(
            f"The certificate of {subject} holds neither an RSA nor an elliptic curve key. Ask for one that does."
        )
    if isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size > RSA_KEY_BITS_MAX:
        raise CertificateError(
            f"The RSA key of {subject} has {public_key.key_size} bits, more than {RSA_KEY_BITS_MAX}. "
            "Ask for one of 2048 to 4096 bits."
        )
    return Certificate(
        fingerprint=parsed.fingerprint(hashes.SHA256()).hex(),
        subject=subject,
        issuer=issuer,
        serial_number=parsed.serial_number,
        not_before=not_before,
        not_after=not_after,
        der=parsed.public_bytes(serialization.Encoding.DER),
        issuer_der=issuer_der,
        subject_key_identifier=_subject_key_identifier(parsed),
        public_key=public_key,
        parsed=parsed,
    )


def _subject_key_identifier(parsed: x509.Certificate) -> bytes | None:
    try:
        return parsed.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension, UnsupportedAlgorithm):
        return None


def read_certificates(data: bytes) -> tuple[Certificate, ...]:
    """All certificates in a file, in its order: PEM (other text around it is ignored), DER, or a PKCS#7 bundle.

    Raises `CertificateError` when there is none or one cannot be used.
    """
    if len(data) > CERTIFICATE_FILE_BYTES_MAX:
        raise CertificateError(f"The file is larger than {CERTIFICATE_FILE_BYTES_MAX} bytes: this is no certificate.")
    if b"PRIVATE KEY-----" in data:
        raise CertificateError(
            "The file holds a private key. Keep it secret and give the file with the certificate alone; "
            "if a partner sent it, their key is compromised and must be replaced."
        )
    try:
        blocks = _PEM_BLOCK.findall(data)
        if blocks:
            return tuple(certificate_of(parse_pem_block(block)) for block in blocks)
        if b"-----BEGIN PKCS7-----" in data:
            return tuple(map(certificate_of, parse_bundle(data)))
        return tuple(map(certificate_of, _read_der(data)))
    except CertificateError:
        raise
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            f"The file holds no readable certificate ({error}). "
            "Give it as PEM (-----BEGIN CERTIFICATE-----), DER or PKCS#7."
        ) from None


def parse_pem_block(block: bytes) -> x509.Certificate:
    """The certificate of one PEM block; OpenSSL's other labels mean the same. ValueError when there is none."""
    if b"TRUSTED CERTIFICATE" not in block:
        return x509.load_pem_x509_certificate(block.replace(b"X509 CERTIFICATE", b"CERTIFICATE"))
    # What OpenSSL trusts it for stands behind the certificate, which is the first element.
    held = base64.b64decode(b"".join(line for line in block.split(b"\n") if not line.startswith(b"-----")))
    octets = held[1] & 0x7F if len(held) > 1 and held[1] & 0x80 else 0
    length = int.from_bytes(held[2 : 2 + octets], "big") if octets else held[1] if len(held) > 1 else 0
    return x509.load_der_x509_certificate(held[: 2 + octets + length])


def parse_bundle(data: bytes) -> list[x509.Certificate]:
    """The certificates of a PKCS#7 bundle, PEM or DER. ValueError or UnsupportedAlgorithm when it is none."""
    load = pkcs7.load_pem_pkcs7_certificates if b"-----BEGIN" in data else pkcs7.load_der_pkcs7_certificates
    with warnings.catch_warnings():
        # OpenSSL, Windows and others write the set in the order of the chain; DER would have it sorted.
        warnings.simplefilter("ignore", UserWarning)
        return load(data)


def _read_der(data: bytes) -> Iterable[x509.Certificate]:
    try:
        return [x509.load_der_x509_certificate(data)]
    except ValueError as error:
        try:
            return parse_bundle(data)
        except (ValueError, UnsupportedAlgorithm):
            raise error from None


def read_certificate(data: bytes) -> Certificate:
    """The end entity's certificate in a file: the one that did not issue any other in it."""
    certificates = read_certificates(data)
    issuers = {certificate.issuer for certificate in certificates if certificate.issuer != certificate.subject}
    leaves = [certificate for certificate in certificates if certificate.subject not in issuers]
    if len(leaves) != 1:
        subjects = "; ".join(certificate.subject for certificate in certificates) or "none"
        raise CertificateError(f"One certificate is wanted, the file holds: {subjects}. Give them one file each.")
    return leaves[0]


def problems(certificate: Certificate, now: datetime) -> tuple[Problem, ...]:
    """What stands against using the certificate at this moment, with remedies."""
    found = [*_validity_problems(certificate, now), *_key_problems(certificate), *_usage_problems(certificate)]
    return tuple(found)


def _validity_problems(certificate: Certificate, now: datetime) -> Iterable[Problem]:
    until, since = certificate.not_after.date(), certificate.not_before.date()
    if now > certificate.not_after:
        message = f"{certificate.subject} expired on {until}. Exchange a new certificate with the partner."
        yield Problem(ProblemCode.EXPIRED, message, fatal=True)
    elif now < certificate.not_before:
        message = f"{certificate.subject} is valid only from {since}. Wait until then or check this machine's clock."
        yield Problem(ProblemCode.NOT_YET_VALID, message, fatal=True)
    elif now > certificate.not_after - EXPIRY_WARNING:
        message = f"{certificate.subject} expires on {until}. Start the exchange of a new certificate now."
        yield Problem(ProblemCode.EXPIRES_SOON, message, fatal=False)


def _key_problems(certificate: Certificate) -> Iterable[Problem]:
    key = certificate.public_key
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < RSA_KEY_BITS_MIN:
            message = f"The RSA key of {certificate.subject} has {key.key_size} bits. Ask for 2048 bits or more."
            yield Problem(ProblemCode.WEAK_KEY, message, fatal=True)
    elif not isinstance(key.curve, _CURVES):
        message = (
            f"The curve {key.curve.name} of {certificate.subject} is not spoken here. Ask for P-256, P-384 or P-521."
        )
        yield Problem(ProblemCode.WEAK_KEY, message, fatal=True)
    try:
        digest = certificate.parsed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        digest = None
    # A pinned certificate is trusted by its fingerprint, so a weak signature on it is a blemish and no danger.
    if isinstance(digest, (hashes.MD5, hashes.SHA1)):
        message = f"{certificate.subject} is signed with {digest.name}. Ask for a certificate signed with SHA-256."
        yield Problem(ProblemCode.WEAK_SIGNATURE, message, fatal=False)


def _usage_problems(certificate: Certificate) -> Iterable[Problem]:
    try:
        usage = certificate.parsed.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension, UnsupportedAlgorithm):
        return  # without the extension every use is allowed (RFC 5280 4.2.1.3)
    if not (usage.digital_signature or usage.content_commitment):
        message = f"{certificate.subject} is not meant for signing (key usage). Use it for encryption alone."
        yield Problem(ProblemCode.NOT_FOR_SIGNING, message, fatal=False)
    if not (usage.key_encipherment or usage.key_agreement):
        message = f"{certificate.subject} is not meant for encryption (key usage). Use it for signatures alone."
        yield Problem(ProblemCode.NOT_FOR_ENCRYPTION, message, fatal=False)
