"""What a certificate exchange message leads to: a case as long as a person is to decide, then a response."""

from collections.abc import Collection

from sqlalchemy import Connection

from gateway.as2.certificate_exchange import (
    CertificateReference,
    CertStatus,
    ExchangeResponse,
    TrustResponse,
    write_exchange,
    write_message,
)
from gateway.model.certificate_exchange import CertificateState
from gateway.model.delivery import DeliveryKind
from gateway.model.instants import moment, rfc3339
from gateway.settings import IdentitySettings
from gateway.store import deliveries
from gateway.store.deliveries import NewDelivery
from gateway.store.messages import StoredMessage
from gateway.store.oversight import cases, timeline
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.store.partners import certificates as partner_certificates
from gateway.store.partners import profiles
from partners.loader import LoadedProfile, unpack

CHANNEL = "as2"
PRODUCT = "partner-gateway"
_NO_ADDRESS = "the profile has no `as2.url`, so the partner has to be told by other means"


def profile_of(connection: Connection, message: StoredMessage) -> LoadedProfile | None:
    """The profile that a message started with; None when it cannot be read any more."""
    packed = profiles.get(connection, message.profile_digest)
    loaded = unpack(packed) if packed is not None else None
    return loaded if isinstance(loaded, LoadedProfile) else None


def settle_case(connection: Connection, message: StoredMessage, now_ms: int) -> None:
    """The case of a message is open as long as one of its certificates waits for a person."""
    waiting = [
        row
        for row in partner_certificates.of_message(connection, message.id)
        if row.state == CertificateState.PENDING.value
    ]
    if not waiting:
        cases.resolve(connection, now_ms, "every certificate is decided on", message_id=message.id)
        return
    respond_by = min((row.respond_by_ms for row in waiting if row.respond_by_ms is not None), default=None)
    until = f"; they want an answer by {rfc3339(respond_by)}" if respond_by is not None else ""
    cases.raise_case(
        connection,
        CaseKind.CERTIFICATE,
        CaseState.OPEN,
        now_ms,
        partner_id=message.partner_id,
        message_id=message.id,
        reason=f"{message.partner_id} sent a new certificate; compare its fingerprint with them by another way, then "
        f"`gateway certs exchange accept {waiting[0].id}`, or reject it{until}",
        detail="\n".join(f"{row.id} {row.usages} {row.fingerprint}" for row in waiting),
    )


def respond(
    connection: Connection,
    message: StoredMessage,
    loaded: LoadedProfile,
    identities: Collection[IdentitySettings],
    now_ms: int,
) -> str | None:
    """Send the response once every certificate of the message is decided on; the delivery's id, when there is one."""
    rows = partner_certificates.of_message(connection, message.id)
    if not rows or any(row.state == CertificateState.PENDING for row in rows):
        return None
    identity = next((one for one in identities if one.name == message.identity), None)
    as2 = loaded.profile.as2
    if identity is None or as2 is None or as2.url is None:
        timeline.note(connection, message.id, now_ms, "not-answered", {"reason": _NO_ADDRESS})
        return None
    answered = tuple(
        TrustResponse(
            CertStatus.ACCEPTED if row.state == CertificateState.ACCEPTED else CertStatus.REJECTED,
            CertificateReference(row.issuer, int(row.serial_number)),
            row.reason,
        )
        for row in rows
    )
    response = ExchangeResponse(rows[0].request_id, identity.as2_id or "", answered, moment(now_ms))
    delivery_id = f"{message.id}-response"
    content_type, body = write_message(write_exchange(response), (), delivery_id)
    enqueued = deliveries.enqueue(
        connection,
        delivery_of(delivery_id, loaded, identity, content_type, body, now_ms, message_id=message.id),
    )
    if not enqueued.duplicate:
        step = {"delivery": enqueued.delivery_id, "request": response.request_id}
        timeline.note(connection, message.id, now_ms, "certificate-response", step)
    return enqueued.delivery_id


def delivery_of(
    delivery_id: str,
    loaded: LoadedProfile,
    identity: IdentitySettings,
    content_type: str,
    body: bytes,
    now_ms: int,
    *,
    message_id: str | None = None,
) -> NewDelivery:
    """A certificate exchange message on its way to a partner."""
    return NewDelivery(
        id=delivery_id,
        partner_id=loaded.id,
        profile_digest=loaded.digest,
        identity=identity.name,
        channel=CHANNEL,
        kind=DeliveryKind.CERTIFICATE.value,
        lane=f"{loaded.id}/certificate-exchange",
        transport_id=f"<{delivery_id}@{PRODUCT}>",
        content_type=content_type,
        filename="",
        subject="Certificate exchange",
        payload=body,
        created_at_ms=now_ms,
        due_at_ms=now_ms,
        message_id=message_id,
        source_key=f"certificate-exchange:{delivery_id}",
    )
