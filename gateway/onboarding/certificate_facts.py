"""A certificate as two people compare it on the telephone."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from certs.certificates import Certificate
from certs.lives import Life

Facts = list[tuple[str, str | None]]  # name and value, in the order in which they are shown


def certificate_facts(certificate: Certificate) -> Facts:
    """What identifies it."""
    return [
        ("Subject", certificate.subject),
        ("Issuer", certificate.issuer),
        ("Serial number", f"{certificate.serial_number:x}"),
        ("Key", key_of(certificate)),
        ("Valid from", f"{certificate.not_before:%Y-%m-%d %H:%M} UTC"),
        ("Valid until", f"{certificate.not_after:%Y-%m-%d %H:%M} UTC"),
        ("SHA-256 fingerprint", colons(certificate.fingerprint)),
        ("SHA-1 fingerprint", colons(sha1_of(certificate))),
    ]


def facts_of_ours(life: Life) -> Facts:
    """The same of a pair of ours, with the day from which it signs."""
    facts = certificate_facts(life.certificate)
    signs = f"{life.signs_from:%Y-%m-%d %H:%M} UTC" if life.signs_from is not None else None
    return [*facts[:-2], ("We sign with it from", signs), *facts[-2:]]


def key_of(certificate: Certificate) -> str:
    """The kind and size of its key."""
    key = certificate.public_key
    return f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else f"EC {key.curve.name}"


def sha1_of(certificate: Certificate) -> str:
    """The fingerprint that many products show, and nobody should rely on alone."""
    return certificate.parsed.fingerprint(hashes.SHA1()).hex()  # noqa: S303  # see above


def colons(fingerprint: str) -> str:
    """A fingerprint as other products show it."""
    return ":".join(fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2)).upper()
