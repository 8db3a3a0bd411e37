"""What people decide on certificates that partners sent by message."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from certs.certificates import Certificate, CertificateError, read_certificate, read_certificates
from gateway.as2.certificate_exchange import CertUsage
from gateway.flow.certificates.answers import profile_of, respond, settle_case
from gateway.flow.certificates.exchange import certificate_objection
from gateway.model.certificate_exchange import CertificateEvent, CertificateState
from gateway.model.instants import moment
from gateway.model.machine import IllegalTransition
from gateway.settings import IdentitySettings
from gateway.store import messages
from gateway.store.oversight import audit, timeline
from gateway.store.partners import certificates as partner_certificates
from gateway.store.partners.certificates import StoredCertificate
from partners.loader import LoadedProfile


class NoSuchCertificate(Exception):  # noqa: N818  # told to a person
    """There is none with this id."""


class NotPossible(Exception):  # noqa: N818  # told to a person
    """The act makes no sense now; the text says why and what would."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A person's decision: the certificate as it is now, and the response that goes out because of it, if one does."""

    certificate: StoredCertificate
    delivery_id: str | None


def settle(
    connection: Connection,
    certificate_id: str,
    event: CertificateEvent,
    now_ms: int,
    *,
    actor: str,
    identities: Collection[IdentitySettings],
    reason: str = "",
    valid_from_ms: int | None = None,
) -> Decided:
    """A person accepts or rejects a certificate; the partner is answered when the last of its message is decided on.

    Raises:
        NoSuchCertificate: there is none with this id.
        NotPossible: it is decided so already, or cannot be used at all.
    """
    row = partner_certificates.get(connection, certificate_id)
    if row is None:
        raise NoSuchCertificate(f"there is no exchanged certificate {certificate_id}")
    message = messages.get(connection, row.message_id)
    loaded = profile_of(connection, message) if message is not None else None
    if event is CertificateEvent.ACCEPT:
        _check_acceptable(row, loaded, moment(now_ms))
    try:
        after = partner_certificates.decide(
            connection, certificate_id, event, now_ms, actor=actor, reason=reason, valid_from_ms=valid_from_ms
        )
    except IllegalTransition:
        raise NotPossible(f"certificate {certificate_id} is {row.state} already") from None
    if after is None:
        raise NoSuchCertificate(f"there is no exchanged certificate {certificate_id}")
    detail: dict[str, object] = {"fingerprint": after.fingerprint, "usages": after.usages, "partner": after.partner_id}
    detail |= {"reason": reason} if reason else {}
    audit.record(connection, audit.Act(now_ms, actor, f"certificate.{after.state}", certificate_id, "", detail))
    step = {"certificate": certificate_id, "state": after.state, "actor": actor, "reason": reason}
    timeline.note(connection, row.message_id, now_ms, "certificate-decided", step)
    delivery_id = None
    if message is not None:
        settle_case(connection, message, now_ms)
        if row.state == CertificateState.PENDING and loaded is not None:
            delivery_id = respond(connection, message, loaded, identities, now_ms)
    return Decided(after, delivery_id)


def _check_acceptable(row: StoredCertificate, loaded: LoadedProfile | None, now: datetime) -> None:
    if not row.certificate or loaded is None:
        raise NotPossible(f"there is nothing to accept: {row.reason or 'the profile of its message is gone'}")
    certificate, beside = certificates_of(row)
    objection = certificate_objection(loaded, certificate, beside, usages_of(row), now)
    if objection is not None:
        raise NotPossible(objection)


def usages_of(row: StoredCertificate) -> tuple[CertUsage, ...]:
    """What the partner wants it used for."""
    return tuple(CertUsage(word) for word in row.usages.split())


def certificates_of(row: StoredCertificate) -> tuple[Certificate, tuple[Certificate, ...]]:
    """The certificate of a row, and those that came with it.

    Raises:
        NotPossible: the row holds none.
    """
    try:
        return read_certificate(row.certificate), read_certificates(row.beside) if row.beside else ()
    except CertificateError as error:
        raise NotPossible(str(error)) from None
