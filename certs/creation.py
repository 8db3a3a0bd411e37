"""New keys with self-signed certificates, the usual kind between AS2 partners.

Making an RSA key of 2048 bits takes about 0.1 s of one core, varying widely; 3072 bits about three times as long.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from certs.certificates import CertificateError, KeyPair, PrivateKey, certificate_of

RSA_KEY_BITS = 2048
VALID_DAYS = 730
CURVES: Mapping[str, type[ec.EllipticCurve]] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
NAME_LENGTH_MAX = 64  # X.520 ub-common-name

_CLOCK_SKEW = timedelta(minutes=5)


def create_key_pair(
    common_name: str,
    *,
    now: datetime,
    valid_days: int = VALID_DAYS,
    rsa_key_bits: int = RSA_KEY_BITS,
    organization: str | None = None,
) -> KeyPair:
    """A new RSA key and a certificate of its own signature, valid from five minutes ago (partners' clocks differ)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=rsa_key_bits)
    return certify(key, common_name, now=now, valid_days=valid_days, organization=organization)


def create_curve_pair(
    common_name: str,
    *,
    now: datetime,
    curve: str,
    valid_days: int = VALID_DAYS,
    organization: str | None = None,
) -> KeyPair:
    """A new key on one of `CURVES` and a certificate of its own signature. It signs; nobody can encrypt to it here."""
    key = ec.generate_private_key(CURVES[curve]())
    return certify(key, common_name, now=now, valid_days=valid_days, organization=organization)


def certify(
    key: PrivateKey,
    common_name: str,
    *,
    now: datetime,
    valid_days: int = VALID_DAYS,
    organization: str | None = None,
) -> KeyPair:
    """A self-signed certificate for an RSA or elliptic curve key."""
    if not 1 <= len(common_name) <= NAME_LENGTH_MAX or not common_name.isprintable():
        raise CertificateError(f"A common name has 1 to {NAME_LENGTH_MAX} printable characters, not {common_name!r}.")
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    name = x509.Name(attributes)
    is_rsa = not isinstance(key, ec.EllipticCurvePrivateKey)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=is_rsa,
        data_encipherment=False,
        key_agreement=not is_rsa,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    public_key = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=valid_days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(key, hashes.SHA256())
    )
    return KeyPair(certificate_of(certificate), key)
