"""Our own certificates on their way to partners: requests by certificate exchange message, and who answered what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from certs.certificates import Certificate
from gateway.as2.certificate_exchange import (
    CertUsage,
    ExchangeRequest,
    TrustRequest,
    content_id_of,
    reference_to,
    write_exchange,
    write_message,
)
from gateway.flow.certificates.answers import PRODUCT, delivery_of
from gateway.model.certificate_exchange import RequestState
from gateway.model.delivery import DeliveryState
from gateway.model.instants import moment
from gateway.settings import IdentitySettings
from gateway.store import deliveries
from gateway.store.oversight import audit
from gateway.store.partners import certificates as partner_certificates
from gateway.store.partners.certificates import StoredRequest
from partners.loader import LoadedProfile

USAGES = (CertUsage.DIGITAL_SIGNATURE, CertUsage.KEY_ENCIPHERMENT)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and whether it was made now; a partner is not asked twice about one certificate."""

    request: StoredRequest
    is_new: bool


def speaks_exchange(loaded: LoadedProfile) -> bool:
    """Whether certificate exchange messages are agreed with a partner, and there is an address to send them to."""
    as2 = loaded.profile.as2
    return (
        loaded.profile.is_active
        and as2 is not None
        and as2.url is not None
        and as2.certificate_exchange in ("ask", "accept")
    )


def ask(
    connection: Connection,
    loaded: LoadedProfile,
    identity: IdentitySettings,
    certificate: Certificate,
    *,
    chain: Iterable[Certificate] = (),
    respond_by: datetime | None,
    response_url: str,
    delivery_id: str,
    now_ms: int,
    actor: str,
) -> Asked:
    """Ask a partner to trust a certificate of ours: the request and its delivery in one.

    A request that waits or was accepted is not made again; one that was rejected is.
    """
    for known in partner_certificates.requests(connection, identity=identity.name):
        same = (known.partner_id, known.fingerprint) == (loaded.id, certificate.fingerprint)
        if same and known.state != RequestState.REJECTED and not _failed(connection, known):
            return Asked(known, is_new=False)
    request_id = f"{delivery_id}@{PRODUCT}"
    content_id = content_id_of(certificate, PRODUCT)
    wanted = TrustRequest(USAGES, reference_to(certificate), respond_by, response_url, content_id)
    said = ExchangeRequest(request_id, identity.as2_id or "", (wanted,), moment(now_ms))
    parts = [(content_id, certificate), *((content_id_of(one, PRODUCT), one) for one in chain)]
    content_type, body = write_message(write_exchange(said), parts, delivery_id)
    deliveries.enqueue(connection, delivery_of(delivery_id, loaded, identity, content_type, body, now_ms))
    row = StoredRequest(
        request_id=request_id,
        partner_id=loaded.id,
        identity=identity.name,
        fingerprint=certificate.fingerprint,
        serial_number=str(certificate.serial_number),
        usages=" ".join(usage.value for usage in USAGES),
        delivery_id=delivery_id,
        respond_by_ms=int(respond_by.timestamp() * 1_000) if respond_by is not None else None,
        state=RequestState.WAITING.value,
        reason="",
        answer_message_id=None,
        answered_at_ms=None,
        created_at_ms=now_ms,
    )
    partner_certificates.ask(connection, row)
    detail = {"partner": loaded.id, "fingerprint": certificate.fingerprint, "delivery": delivery_id}
    audit.record(connection, audit.Act(now_ms, actor, "certificate-request.sent", request_id, "", detail))
    return Asked(row, is_new=True)


def _failed(connection: Connection, request: StoredRequest) -> bool:
    delivery = deliveries.get(connection, request.delivery_id)
    return delivery is not None and delivery.state in (DeliveryState.CANCELLED, DeliveryState.REFUSED)


class Progress(StrEnum):
    """How far a partner is with a certificate of ours."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DELIVERED = "delivered"  # they have it and did not answer yet
    OVERDUE = "overdue"  # the day by which an answer was wanted has passed
    UNDER_WAY = "under way"
    FAILED = "failed"  # it could not be delivered
    NOT_ASKED = "not asked"  # by message: they have to be told by other means


@dataclass(frozen=True, slots=True)
class Standing:
    """One partner and one certificate of ours."""

    partner_id: str
    progress: Progress
    request: StoredRequest | None


def standings(
    connection: Connection, partners: Iterable[str], identity: str, fingerprint: str, now_ms: int
) -> list[Standing]:
    """How far each partner is; the newest request of each counts."""
    newest: dict[str, StoredRequest] = {}
    for row in partner_certificates.requests(connection, identity=identity):
        if row.fingerprint == fingerprint:
            newest.setdefault(row.partner_id, row)
    known = dict.fromkeys((*partners, *newest))
    return [
        Standing(partner, _progress(connection, newest.get(partner), now_ms), newest.get(partner)) for partner in known
    ]


_OF_DELIVERY: Mapping[str, Progress] = {
    DeliveryState.DELIVERED: Progress.DELIVERED,
    DeliveryState.REFUSED: Progress.FAILED,
    DeliveryState.GIVEN_UP: Progress.FAILED,
    DeliveryState.CANCELLED: Progress.FAILED,
}


def _progress(connection: Connection, request: StoredRequest | None, now_ms: int) -> Progress:
    if request is None:
        return Progress.NOT_ASKED
    if request.state != RequestState.WAITING:
        return Progress(request.state)
    delivery = deliveries.get(connection, request.delivery_id)
    progress = _OF_DELIVERY.get(delivery.state, Progress.UNDER_WAY) if delivery is not None else Progress.DELIVERED
    is_late = request.respond_by_ms is not None and now_ms > request.respond_by_ms
    return Progress.OVERDUE if is_late and progress is not Progress.FAILED else progress
