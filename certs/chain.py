"""Chains of certificates up to an authority (RFC 5280 6.1), for partners whose certificates are issued and not pinned.

What stands between a partner's certificate and its authority comes from outside, so the search is bounded: so many
levels, so many signatures looked at. Nothing that is marked critical and not understood here is passed over.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from certs.certificates import Certificate, problems
from certs.name_constraints import name_objection

CHAIN_CERTIFICATES_MAX = 8
SIGNATURES_MAX = 32  # looked at in one search; certificates in a message may be made to multiply paths

Purpose = Literal["signing", "encryption"]
E = TypeVar("E", bound=x509.ExtensionType)

# Extensions that are looked at here, or that can take nothing away while no policy is demanded (RFC 5280 6.1.1).
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    }
)
# What an AS2 certificate may be meant for, where it says so critically: mail is S/MIME's own, the others are practice.
_EXTENDED_USES = frozenset(
    {
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.SERVER_AUTH,
    }
)
_WEAK_DIGESTS = (hashes.MD5, hashes.SHA1)


@dataclass(frozen=True, slots=True)
class Chain:
    """The certificate first, each issued by the next, the authority last."""

    certificates: tuple[Certificate, ...]

    @property
    def authority(self) -> Certificate:
        """Where it ends."""
        return self.certificates[-1]


@dataclass(frozen=True, slots=True)
class Unchained:
    """Why no chain was found; the reason that came nearest to one."""

    reason: str


def find_chain(
    certificate: Certificate,
    *,
    authorities: Sequence[Certificate],
    between: Iterable[Certificate] = (),
    now: datetime,
    purpose: Purpose | None = None,
) -> Chain | Unchained:
    """The chain from a certificate to one of the authorities at this moment.

    Args:
        certificate: the end entity's.
        authorities: trusted as they are given, self-signed or not, while they are valid.
        between: certificates that may link the two, trusted for nothing by themselves.
        now: moment at which every certificate of the chain must be valid.
        purpose: what the certificate is used for; its key usage must allow it.
    """
    objection = _end_objection(certificate, now, purpose)
    if objection is not None:
        return Unchained(objection)
    if certificate in authorities:
        return Chain((certificate,))
    return _Search(tuple(authorities), tuple(dict.fromkeys(between)), now).from_(certificate)


class _Search:
    """Depth first, nearest authority first."""

    def __init__(self, authorities: tuple[Certificate, ...], between: tuple[Certificate, ...], now: datetime) -> None:
        self._authorities = authorities
        self._between = between
        self._now = now
        self._signatures = 0
        self._nearest: str | None = None

    def from_(self, certificate: Certificate) -> Chain | Unchained:
        found = self._extend((certificate,))
        if found is not None:
            return found
        stranger = f"{certificate.subject} was issued by {certificate.issuer}, which is none of the agreed authorities"
        return Unchained(self._nearest or f"{stranger}, and no certificate leads from it to one")

    def _extend(self, path: tuple[Certificate, ...]) -> Chain | None:
        if len(path) >= CHAIN_CERTIFICATES_MAX:
            self._nearest = f"the chain of {path[0].subject} is longer than {CHAIN_CERTIFICATES_MAX} certificates"
            return None
        last = path[-1]
        for issuer, is_authority in self._issuers(last):
            if issuer in path:
                continue
            self._signatures += 1
            if self._signatures > SIGNATURES_MAX:
                self._nearest = "too many certificates of the same name stand between it and an authority"
                return None
            objection = _issuer_objection(issuer, path, self._now)
            if objection is not None:
                self._nearest = objection
                continue
            extended = (*path, issuer)
            found = self._end(extended) if is_authority else self._extend(extended)
            if found is not None:
                return found
        return None

    def _end(self, path: tuple[Certificate, ...]) -> Chain | None:
        objection = name_objection(path)
        if objection is None:
            return Chain(path)
        self._nearest = objection
        return None

    def _issuers(self, certificate: Certificate) -> Iterator[tuple[Certificate, bool]]:
        """Those that bear the issuer's name; names are compared as they are encoded (RFC 5280 7.1, strictly)."""
        for candidates, is_authority in ((self._authorities, True), (self._between, False)):
            for candidate in candidates:
                if candidate.parsed.subject.public_bytes() == certificate.issuer_der:
                    yield candidate, is_authority


def _end_objection(certificate: Certificate, now: datetime, purpose: Purpose | None) -> str | None:
    fatal = [problem for problem in problems(certificate, now) if problem.fatal]
    if fatal:
        return fatal[0].message
    unknown = _not_understood(certificate)
    if unknown is not None:
        return unknown
    usage = _key_usage(certificate)
    if usage is not None and purpose == "signing" and not (usage.digital_signature or usage.content_commitment):
        return f"{certificate.subject} is not meant for signing (key usage)"
    if usage is not None and purpose == "encryption" and not (usage.key_encipherment or usage.key_agreement):
        return f"{certificate.subject} is not meant for encryption (key usage)"
    return None


def _issuer_objection(issuer: Certificate, path: tuple[Certificate, ...], now: datetime) -> str | None:
    """Why this one has not rightly issued the last of the path; the cheap reasons before the signature."""
    issued = path[-1]
    fatal = [problem for problem in problems(issuer, now) if problem.fatal]
    if fatal:
        return f"in the chain of {path[0].subject}: {fatal[0].message}"
    unknown = _not_understood(issuer)
    if unknown is not None:
        return unknown
    constraints = _extension(issuer, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        return f"{issuer.subject} is no certificate authority, but {issued.subject} names it as its issuer"
    usage = _key_usage(issuer)
    if usage is not None and not usage.key_cert_sign:
        return f"{issuer.subject} may not issue certificates (key usage), but {issued.subject} names it as its issuer"
    # A certificate that an authority issued to itself does not count (RFC 5280 4.2.1.9).
    below = sum(1 for one in path[1:] if one.subject != one.issuer)
    if constraints.path_length is not None and below > constraints.path_length:
        return (
            f"{issuer.subject} allows {constraints.path_length} authorities below it, "
            f"the chain of {path[0].subject} has {below}"
        )
    return _signature_objection(issued, issuer)


def _signature_objection(issued: Certificate, issuer: Certificate) -> str | None:
    try:
        digest = issued.parsed.signature_hash_algorithm
        if digest is None or isinstance(digest, _WEAK_DIGESTS):
            name = digest.name if digest is not None else "no digest that is known here"
            return f"the signature on {issued.subject} is made with {name}, which proves nothing"
        issued.parsed.verify_directly_issued_by(issuer.parsed)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return f"{issued.subject} names {issuer.subject} as its issuer, but the signature on it is another's"
    return None


def _not_understood(certificate: Certificate) -> str | None:
    """What is critical in a certificate and not understood here (RFC 5280 4.2): then it must not be used."""
    try:
        extensions = list(certificate.parsed.extensions)
    except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm) as error:
        return f"the extensions of {certificate.subject} cannot be read ({error})"
    for extension in extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            return f"{certificate.subject} has a critical extension {extension.oid.dotted_string}, not understood here"
        if (
            extension.critical
            and isinstance(extension.value, x509.ExtendedKeyUsage)
            and not _EXTENDED_USES.intersection(extension.value)
        ):
            return f"{certificate.subject} is meant for other uses alone (extended key usage)"
    return None


def _key_usage(certificate: Certificate) -> x509.KeyUsage | None:
    return _extension(certificate, x509.KeyUsage)


def _extension(certificate: Certificate, kind: type[E]) -> E | None:
    """An extension of a certificate whose extensions were read before (`_not_understood`)."""
    try:
        return certificate.parsed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
