"""Client certificates of mutual TLS: exactly those of the profiles count, whoever issued them.

A certificate that no profile has is like none: TLS libraries show what they were given to everybody who asks, and what
else a call shows may be right. One that a profile has, but whose days are over, is refused.
"""

import hashlib
from datetime import UTC, date, datetime
from functools import lru_cache

from cryptography import x509

from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.rest.identity.callers import UNKNOWN, Credential
from gateway.model.refusals import Reason, Refused
from gateway.store.keys.certificate_uses import Use

SHOWN_CHARACTERS = 16


class ClientCertificates:
    """Finds the owner of the certificate that a client showed in TLS.

    Args:
        edge: what it stands on.
    """

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def find(self, request: Request, today: date) -> Credential | None:
        """Whose certificate it is; None where none was shown, or one that nobody has.

        Raises:
            Refused: its days in the profile, or its own, are over or have not begun.
        """
        der = request.certificate
        if der is None:
            return None
        fingerprint = hashlib.sha256(der).hexdigest()
        partner = self._edge.directory().by_client_certificate(fingerprint)
        if partner is None:
            request.subject = request.subject or f"certificate {fingerprint[:SHOWN_CHARACTERS]}"
            return None
        item = partner.profile.api.certificates[partner.client_certificates.index(fingerprint)]
        if not item.opens_on(today):
            cause = f"certificate {item.label} of {partner.id}: not open today"
            raise Refused(Reason.UNAUTHENTICATED, UNKNOWN, audit=cause)
        first, last = _validity(der)
        if not first <= datetime.fromtimestamp(self._edge.now_ms() / 1_000, UTC) <= last:
            cause = f"certificate {item.label} of {partner.id}: good from {first} to {last}"
            raise Refused(Reason.UNAUTHENTICATED, UNKNOWN, audit=cause)
        self._edge.uses.theirs(partner.id, fingerprint, Use.TLS, self._edge.now_ms())
        return Credential(partner, "certificate", item.label, item.scopes)


@lru_cache(maxsize=1_024)
def _validity(der: bytes) -> tuple[datetime, datetime]:
    """The first and the last moment (RFC 5280 4.1.2.5); no moment at all where it is no certificate."""
    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc
