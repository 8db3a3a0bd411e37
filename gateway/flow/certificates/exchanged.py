"""Exchanged certificates in a running gateway: read from the store, followed as they change on whichever node."""

import logging
from collections.abc import Sequence

from certs.certificates import CertificateError, read_certificate, read_certificates
from gateway.as2.certificate_exchange import CertUsage
from gateway.as2_agreements import ExchangedCertificate
from gateway.model.instants import moment
from gateway.store.database import Database
from gateway.store.partners import certificates as partner_certificates
from gateway.store.partners.certificates import StoredCertificate

log = logging.getLogger(__name__)


class ExchangedCertificates:
    """Those that are in force, by partner.

    Args:
        database: the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stored: list[StoredCertificate] = []
        self._by_partner: dict[str, tuple[ExchangedCertificate, ...]] = {}

    def of(self, partner_id: str) -> tuple[ExchangedCertificate, ...]:
        """Those of a partner; the same value until one of them changes."""
        return self._by_partner.get(partner_id, ())

    async def refresh(self) -> None:
        """Follow what changed in the store since the last look."""
        stored = await self._database.read(partner_certificates.in_force)
        if stored != self._stored:
            self._stored, self._by_partner = stored, by_partner(stored)


def by_partner(stored: Sequence[StoredCertificate]) -> dict[str, tuple[ExchangedCertificate, ...]]:
    """Rows that are in force, as values; one that cannot be read is left out and said."""
    found: dict[str, list[ExchangedCertificate]] = {}
    for row in stored:
        usages = row.usages.split()
        try:
            exchanged = ExchangedCertificate(
                certificate=read_certificate(row.certificate),
                for_signing=CertUsage.DIGITAL_SIGNATURE.value in usages,
                for_encryption=CertUsage.KEY_ENCIPHERMENT.value in usages,
                valid_from=moment(row.valid_from_ms) if row.valid_from_ms is not None else None,
                beside=read_certificates(row.beside) if row.beside else (),
            )
        except CertificateError:
            log.exception("an exchanged certificate cannot be read", extra={"certificate": row.id})
            continue
        found.setdefault(row.partner_id, []).append(exchanged)
    return {partner: tuple(certificates) for partner, certificates in found.items()}
