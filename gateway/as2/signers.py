"""Whose signature counts: that of an agreed certificate, and under `trust: chain` that of its successor.

Without a trust the certificates inside a message are never looked at.
"""

from collections.abc import Sequence
from datetime import datetime

from certs.certificates import Certificate, CertificateError, read_certificates
from certs.trust import MESSAGE_CERTIFICATES_MAX, Trust
from gateway.as2.cms.ber import SEQUENCE, BerError
from gateway.as2.cms.signed_data import Signature, SignedData

CERTIFICATE_BYTES_MAX = 65_536


def certificates_in(signed: SignedData) -> tuple[Certificate, ...]:
    """The certificates inside a message; what cannot be read among them, or is too much, is left out."""
    if signed.certificates is None:
        return ()
    found: list[Certificate] = []
    try:
        for element in signed.certificates.children()[:MESSAGE_CERTIFICATES_MAX]:
            # CertificateChoices (RFC 5652 10.2.2): all but the plain certificate are obsolete or none.
            if element.tag == SEQUENCE and element.end - element.start <= CERTIFICATE_BYTES_MAX:
                found += _readable(bytes(element.encoded))
    except BerError:
        pass
    return tuple(found)


def _readable(der: bytes) -> tuple[Certificate, ...]:
    try:
        return read_certificates(der)
    except CertificateError:
        return ()


def possible_signers(
    signed: SignedData, agreed: Sequence[Certificate], trust: Trust, now: datetime
) -> Sequence[Certificate]:
    """The certificates that the signature may be made with."""
    if not trust.from_messages:
        return agreed
    known = set(agreed)
    offered = (one for one in trust.signers(agreed, certificates_in(signed), now) if one not in known)
    return (*agreed, *offered)


def signer_objection(signature: Signature, signed: SignedData, trust: Trust, now: datetime) -> str | None:
    """Why a good signature does not count after all: its certificate does not chain to an authority, or is revoked."""
    beside = certificates_in(signed) if trust.authorities else ()
    return trust.objection(signature.certificate, "signing", now, beside=beside)
