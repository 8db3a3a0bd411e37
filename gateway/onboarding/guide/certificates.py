"""The certificates of both sides as people compare them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from certs.certificates import Certificate
from gateway.flow.certificates.inventory import Entry
from gateway.onboarding.certificate_facts import colons, sha1_of
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.words import day_words, listed

_PURPOSES: Final = {
    "signing": "signing",
    "encryption": "encryption",
    "tls": "TLS of the server",
    "authority": "certificate authority",
    "client": "TLS of your programs",
}


@dataclass(frozen=True, slots=True)
class CertificateView:
    """One certificate.

    Attributes:
        use: what it is for, and what is done with it.
        pem: for ours, so that it can be copied.
    """

    anchor: str
    title: str
    use: str
    subject: str
    issuer: str
    serial: str
    key: str
    valid: str
    sha256: str
    sha1: str
    pem: str = ""
    remark: str = ""


def our_certificates(facts: Facts) -> tuple[CertificateView, ...]:
    """Those of ours that the partner needs, with their PEM."""
    return tuple(_views(facts, "identity"))


def their_certificates(facts: Facts) -> tuple[CertificateView, ...]:
    """Those of theirs that we hold."""
    return tuple(_views(facts, "partner"))


def _views(facts: Facts, kind: str) -> Iterator[CertificateView]:
    entries = [entry for entry in facts.certificates.entries if entry.owner_kind == kind and not entry.is_retired]
    for number, entry in enumerate(entries, 1):
        ours = kind == "identity"
        yield _view(entry, f"certificate-{'ours' if ours else 'theirs'}-{number}", facts, ours=ours)


def _view(entry: Entry, anchor: str, facts: Facts, *, ours: bool) -> CertificateView:
    certificate = entry.certificate
    return CertificateView(
        anchor=anchor,
        title=_title(entry, facts, ours=ours),
        use=_use(entry, ours=ours),
        subject=certificate.subject,
        issuer="itself (self-signed)" if certificate.issuer == certificate.subject else certificate.issuer,
        serial=f"{certificate.serial_number:X}",
        key=_key(certificate),
        valid=f"{day_words(certificate.not_before)} to {day_words(certificate.not_after)}",
        sha256=colons(certificate.fingerprint),
        sha1=colons(sha1_of(certificate)),
        pem=certificate.pem().decode("ascii") if ours else "",
        remark=_remark(entry, facts.at),
    )


def _title(entry: Entry, facts: Facts, *, ours: bool) -> str:
    who = facts.us if ours else facts.profile.name
    if entry.cut_over is not None:
        return f"{who}: the next certificate"
    return f"{who}: {listed([_PURPOSES[name] for name in entry.purposes]) or 'certificate'}"


def _use(entry: Entry, *, ours: bool) -> str:
    if not ours:
        words = {"signing": "we verify your signatures with it", "encryption": "we encrypt to it"}
        return listed([words.get(name, f"it is your {_PURPOSES[name]}") for name in entry.purposes])
    words = {"signing": "verify our signatures with it", "encryption": "encrypt to it"}
    said = listed([words[name] for name in entry.purposes if name in words])
    if entry.cut_over is not None:
        return f"install it beside the one in use: we sign with it from {day_words(entry.cut_over)} on"
    return said or "keep it installed: what is under way was made with it"


def _remark(entry: Entry, at: datetime) -> str:
    days = entry.days_left(at)
    if days < 0:
        return "It has expired."
    if entry.begins > at:
        return f"It is used from {day_words(entry.begins)} on."
    if days < 60:  # noqa: PLR2004  # two months are what a change of certificates takes
        follows = "its successor is installed already" if entry.succeeded else "exchange the next one in time"
        return f"It ends in {days} days; {follows}."
    return ""


def _key(certificate: Certificate) -> str:
    key = certificate.public_key
    return f"RSA, {key.key_size} bits" if isinstance(key, rsa.RSAPublicKey) else f"elliptic curve {key.curve.name}"
