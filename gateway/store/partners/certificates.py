"""Exchanged certificates: those of partners with what was decided on them, and our requests with their answers."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from sqlalchemy import Connection, select, update

from gateway.model.certificate_exchange import (
    CERTIFICATE_TRANSITIONS,
    CertificateEvent,
    CertificateState,
    RequestState,
)
from gateway.model.machine import advance
from gateway.store.engine.statements import Insert, storable, table_of
from gateway.store.tables import CertificateRequest, PartnerCertificate

_CERTIFICATE = table_of(PartnerCertificate)
_REQUEST = table_of(CertificateRequest)
_insert_certificate = Insert(PartnerCertificate, or_ignore=True)
_insert_request = Insert(CertificateRequest, or_ignore=True)
REASON_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """One row of `partner_certificate`; see there. Times are milliseconds since 1970."""

    id: str
    partner_id: str
    identity: str
    fingerprint: str
    certificate: bytes
    beside: bytes
    serial_number: str
    issuer: str
    usages: str
    valid_from_ms: int | None
    request_id: str
    message_id: str
    respond_by_ms: int | None
    state: str
    reason: str
    decided_by: str
    decided_at_ms: int | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """One row of `certificate_request`; see there."""

    request_id: str
    partner_id: str
    identity: str
    fingerprint: str
    serial_number: str
    usages: str
    delivery_id: str
    respond_by_ms: int | None
    state: str
    reason: str
    answer_message_id: str | None
    answered_at_ms: int | None
    created_at_ms: int


_CERTIFICATE_COLUMNS = [_CERTIFICATE.c[field.name] for field in fields(StoredCertificate)]
_REQUEST_COLUMNS = [_REQUEST.c[field.name] for field in fields(StoredRequest)]


def add(connection: Connection, row: StoredCertificate) -> bool:
    """Keep a certificate with its first state; False when this very one is kept already, and nothing changes."""
    return _insert_certificate.run(connection, {field.name: getattr(row, field.name) for field in fields(row)})


def get(connection: Connection, certificate_id: str) -> StoredCertificate | None:
    """One certificate."""
    query = select(*_CERTIFICATE_COLUMNS).where(_CERTIFICATE.c.id == certificate_id)
    return next(iter(_certificates(connection.execute(query))), None)


def find(
    connection: Connection,
    *,
    partner_id: str | None = None,
    state: CertificateState | None = None,
    limit: int = 100,
) -> list[StoredCertificate]:
    """The newest first."""
    query = select(*_CERTIFICATE_COLUMNS).order_by(_CERTIFICATE.c.id.desc()).limit(limit)
    if partner_id is not None:
        query = query.where(_CERTIFICATE.c.partner_id == partner_id)
    if state is not None:
        query = query.where(_CERTIFICATE.c.state == state.value)
    return list(_certificates(connection.execute(query)))


def in_force(connection: Connection) -> list[StoredCertificate]:
    """All that are accepted, of every partner."""
    query = select(*_CERTIFICATE_COLUMNS).where(_CERTIFICATE.c.state == CertificateState.ACCEPTED.value)
    return list(_certificates(connection.execute(query.order_by(_CERTIFICATE.c.id))))


def of_message(connection: Connection, message_id: str) -> list[StoredCertificate]:
    """What one message asked for, in its order."""
    query = select(*_CERTIFICATE_COLUMNS).where(_CERTIFICATE.c.message_id == message_id)
    return list(_certificates(connection.execute(query.order_by(_CERTIFICATE.c.id))))


def decided_by_a_person(connection: Connection, partner_id: str, fingerprint: str, gateway: str) -> str | None:
    """What a person (anybody but the gateway itself) last decided on a certificate of a partner: the state it is in.

    Args:
        connection: in a transaction.
        partner_id: whose certificate it is.
        fingerprint: of the certificate, whichever message it came in.
        gateway: the name under which the gateway decides.
    """
    query = (
        select(_CERTIFICATE.c.state)
        .where(
            _CERTIFICATE.c.partner_id == partner_id,
            _CERTIFICATE.c.fingerprint == fingerprint,
            _CERTIFICATE.c.state != CertificateState.PENDING.value,
            _CERTIFICATE.c.decided_by != gateway,
        )
        .order_by(_CERTIFICATE.c.decided_at_ms.desc(), _CERTIFICATE.c.id.desc())
        .limit(1)
    )
    return connection.scalar(query)


def decide(
    connection: Connection,
    certificate_id: str,
    event: CertificateEvent,
    now_ms: int,
    *,
    actor: str,
    reason: str = "",
    valid_from_ms: int | None = None,
) -> StoredCertificate | None:
    """Move a certificate; the row as it is then, None when there is none.

    Raises:
        IllegalTransition: its state has no way for this event.
    """
    query = select(_CERTIFICATE.c.state).where(_CERTIFICATE.c.id == certificate_id).with_for_update()
    state = connection.scalar(query)
    if state is None:
        return None
    after = advance(CERTIFICATE_TRANSITIONS, CertificateState(state), event)
    connection.execute(
        update(_CERTIFICATE)
        .where(_CERTIFICATE.c.id == certificate_id)
        .values(
            state=after.value,
            reason=storable(reason[:REASON_CHARACTERS_MAX]),
            decided_by=actor,
            decided_at_ms=now_ms,
            valid_from_ms=valid_from_ms,
        )
    )
    return get(connection, certificate_id)


def _certificates(rows: Iterable[tuple[object, ...]]) -> Iterable[StoredCertificate]:
    for row in rows:
        values = dict(zip([field.name for field in fields(StoredCertificate)], row, strict=True))
        for name in ("certificate", "beside"):
            values[name] = bytes(values[name])  # type: ignore[call-overload]  # both drivers give a bytes-like
        yield StoredCertificate(**values)  # type: ignore[arg-type]  # the columns are those of the fields


def ask(connection: Connection, row: StoredRequest) -> bool:
    """Keep a request of ours; False when it is kept already."""
    return _insert_request.run(connection, {field.name: getattr(row, field.name) for field in fields(row)})


def request(connection: Connection, request_id: str) -> StoredRequest | None:
    """One request of ours."""
    query = select(*_REQUEST_COLUMNS).where(_REQUEST.c.request_id == storable(request_id))
    row = connection.execute(query).one_or_none()
    return StoredRequest(*row) if row is not None else None


def requests(connection: Connection, *, identity: str | None = None, limit: int = 1_000) -> list[StoredRequest]:
    """Requests of ours, the newest first."""
    query = select(*_REQUEST_COLUMNS).order_by(_REQUEST.c.created_at_ms.desc(), _REQUEST.c.request_id).limit(limit)
    if identity is not None:
        query = query.where(_REQUEST.c.identity == identity)
    return [StoredRequest(*row) for row in connection.execute(query)]


def answer(
    connection: Connection, request_id: str, state: RequestState, now_ms: int, *, message_id: str, reason: str
) -> None:
    """The partner answered; a later answer replaces an earlier one."""
    connection.execute(
        update(_REQUEST)
        .where(_REQUEST.c.request_id == request_id)
        .values(
            state=state.value,
            reason=storable(reason[:REASON_CHARACTERS_MAX]),
            answer_message_id=message_id,
            answered_at_ms=now_ms,
        )
    )
