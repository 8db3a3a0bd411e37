"""Revocation lists (RFC 5280 5): read from files, believed when the authority signed them and they are not overdue."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtensionOID

from certs.certificates import Certificate, CertificateError
from certs.chain import Chain

REVOCATION_FILE_BYTES_MAX = 16 * 1_048_576
LISTS_PER_FILE_MAX = 16

_PEM_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
# Critical extensions of a list that are looked at here; a list with others must not be used (RFC 5280 5.2).
_UNDERSTOOD = frozenset(
    {ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER, ExtensionOID.ISSUING_DISTRIBUTION_POINT}
)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A list as its issuer signed it; two are equal when their fingerprints are.

    Attributes:
        fingerprint: SHA-256 over the DER form, lower-case hex.
        issuer_der: the name of whoever signed it, encoded.
        next_update: when the next one will be there at the latest; None where the list does not say.
        revoked: serial numbers and since when.
        unusable: what is critical in it and not understood here.
    """

    fingerprint: str
    issuer: str = field(compare=False)
    issuer_der: bytes = field(repr=False, compare=False)
    this_update: datetime = field(compare=False)
    next_update: datetime | None = field(compare=False)
    revoked: Mapping[int, datetime] = field(repr=False, compare=False)
    unusable: str | None = field(compare=False)
    users_only: bool = field(compare=False)
    authorities_only: bool = field(compare=False)
    parsed: x509.CertificateRevocationList = field(repr=False, compare=False)

    def overdue_at(self, now: datetime) -> bool:
        """Whether a newer one must exist by now; a list without an end is taken for one that ended."""
        return self.next_update is None or now > self.next_update

    def covers(self, certificate: Certificate) -> bool:
        """Whether the list speaks of certificates of this kind (RFC 5280 5.2.5)."""
        is_authority = _is_authority(certificate)
        return not (self.users_only and is_authority) and not (self.authorities_only and not is_authority)


def read_revocation_lists(data: bytes) -> tuple[RevocationList, ...]:
    """All lists of a file: PEM (-----BEGIN X509 CRL-----) or DER.

    Raises:
        CertificateError: there is none, or one cannot be read.
    """
    if len(data) > REVOCATION_FILE_BYTES_MAX:
        raise CertificateError(
            f"The file is larger than {REVOCATION_FILE_BYTES_MAX} bytes. Ask for a partitioned revocation list."
        )
    blocks = _PEM_BLOCK.findall(data)
    if len(blocks) > LISTS_PER_FILE_MAX:
        raise CertificateError(f"The file holds more than {LISTS_PER_FILE_MAX} revocation lists. Give them apart.")
    try:
        if blocks:
            return tuple(_list_of(x509.load_pem_x509_crl(block)) for block in blocks)
        return (_list_of(x509.load_der_x509_crl(data)),)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise CertificateError(
            f"The file holds no readable revocation list ({error}). Give it as PEM (-----BEGIN X509 CRL-----) or DER."
        ) from None


def _list_of(parsed: x509.CertificateRevocationList) -> RevocationList:
    unusable, users_only, authorities_only = None, False, False
    for extension in parsed.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            unusable = f"a critical extension {extension.oid.dotted_string}, not understood here"
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            point = extension.value
            users_only, authorities_only = point.only_contains_user_certs, point.only_contains_ca_certs
            if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs:
                unusable = "a scope that is not understood here (issuing distribution point)"
    revoked: dict[int, datetime] = {}
    for entry in parsed:
        revoked[entry.serial_number] = entry.revocation_date_utc
        for extension in entry.extensions:
            if extension.critical and not isinstance(extension.value, x509.CRLReason | x509.InvalidityDate):
                unusable = f"an entry with a critical extension {extension.oid.dotted_string}, not understood here"
    return RevocationList(
        fingerprint=parsed.fingerprint(hashes.SHA256()).hex(),
        issuer=parsed.issuer.rfc4514_string(),
        issuer_der=parsed.issuer.public_bytes(),
        this_update=parsed.last_update_utc,
        next_update=parsed.next_update_utc,
        revoked=revoked,
        unusable=unusable,
        users_only=users_only,
        authorities_only=authorities_only,
        parsed=parsed,
    )


def revocation_objection(chain: Chain, lists: Sequence[RevocationList], now: datetime) -> str | None:
    """Why a chain must not be trusted, as its authorities' lists say; None when they have nothing against it.

    Without any list nothing is asked. With some, the issuer of the end entity must have one; the authorities between
    are judged where there is a list of their issuer. A list that is overdue proves nothing any more, so what its
    authority issued is refused until a new one lies beside the profile.
    """
    if not lists:
        return None
    certificates = chain.certificates
    for position, (certificate, issuer) in enumerate(pairwise(certificates)):
        named = [one for one in lists if one.issuer_der == certificate.issuer_der and one.covers(certificate)]
        if not named:
            if position == 0:
                return f"there is no revocation list of {certificate.issuer} that covers {certificate.subject}"
            continue
        objection = _objection(certificate, issuer, named, now)
        if objection is not None:
            return objection
    return None


def _objection(
    certificate: Certificate, issuer: Certificate, lists: Iterable[RevocationList], now: datetime
) -> str | None:
    """The word of the newest usable list, or of any that knows the serial number: what was revoked stays so."""
    nearest: str | None = None
    current = False
    for one in sorted(lists, key=lambda one: one.this_update, reverse=True):
        fault = list_objection(one, issuer)
        if fault is not None:
            nearest = nearest or fault
            continue
        since = one.revoked.get(certificate.serial_number)
        if since is not None:
            return f"{certificate.subject} ({certificate.fingerprint}) was revoked by {one.issuer} on {since:%Y-%m-%d}"
        if one.this_update > now:
            nearest = nearest or f"the revocation list of {one.issuer} is of {one.this_update:%Y-%m-%d}, after today"
        elif one.overdue_at(now):
            nearest = nearest or overdue_words(one)
        else:
            current = True
    return None if current else nearest


def overdue_words(one: RevocationList) -> str:
    """That a list is overdue, for people."""
    if one.next_update is None:
        return f"the revocation list of {one.issuer} does not say until when it holds"
    return f"the revocation list of {one.issuer} is overdue: a new one was due on {one.next_update:%Y-%m-%d %H:%M} UTC"


def list_objection(one: RevocationList, issuer: Certificate) -> str | None:
    """Why a list counts for nothing, whatever the time: not its issuer's signature, or something not understood."""
    if one.unusable is not None:
        return f"the revocation list of {one.issuer} has {one.unusable}"
    if not _signed_by(one, issuer):
        return f"the revocation list of {one.issuer} is not signed by {issuer.subject} ({issuer.fingerprint})"
    return None


@lru_cache(maxsize=256)
def _signed_by(one: RevocationList, issuer: Certificate) -> bool:
    try:
        usage = issuer.parsed.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.crl_sign:
            return False
    except x509.ExtensionNotFound:
        pass
    except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm):
        return False
    try:
        if isinstance(one.parsed.signature_hash_algorithm, hashes.MD5 | hashes.SHA1):
            return False
        return one.parsed.is_signature_valid(issuer.public_key)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _is_authority(certificate: Certificate) -> bool:
    try:
        return certificate.parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension, UnsupportedAlgorithm):
        return False
