"""Certificate exchange: what a partner's message does to our trust, what ours does to theirs.

A message is taken like any other: authenticated at the edge, kept, decided here in one transaction, never translated.
A request of theirs adds certificates, in force at once or after a person's word; a response of theirs is the answer to
a request of ours. Only a message that an agreed certificate signed comes this far.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Connection

from certs.certificates import Certificate, ProblemCode, problems
from certs.chain import Purpose
from gateway.as2.certificate_exchange import (
    Bundle,
    CertStatus,
    CertUsage,
    ExchangeError,
    ExchangeRequest,
    ExchangeResponse,
    TrustRequest,
    is_exchange,
    read_bundle,
    read_exchange,
)
from gateway.as2_agreements import partner_trust
from gateway.flow.certificates.answers import CHANNEL, profile_of, respond, settle_case
from gateway.flow.decide import OutOfTurn
from gateway.model.certificate_exchange import CertificateState, RequestState
from gateway.model.instants import moment
from gateway.model.message import MessageEvent, MessageState
from gateway.settings import IdentitySettings
from gateway.store import messages
from gateway.store.messages import StoredMessage
from gateway.store.oversight import audit, cases, timeline
from gateway.store.partners import certificates as partner_certificates
from gateway.store.partners.certificates import StoredCertificate
from partners.loader import LoadedProfile

GATEWAY = "gateway"  # who decides where the profile does
_USED_HERE = frozenset({CertUsage.DIGITAL_SIGNATURE, CertUsage.KEY_ENCIPHERMENT})
# What a person did not want comes into force by a person's word alone.
_TURNED_DOWN = frozenset({CertificateState.REJECTED, CertificateState.WITHDRAWN})
BESIDE_BYTES_MAX = 65_536  # kept with each certificate; a message may ask about many at a time


@dataclass(frozen=True, slots=True)
class Taken:
    """What a message says, read before the transaction that decides on it."""

    bundle: Bundle | None
    said: ExchangeRequest | ExchangeResponse | None
    fault: str = ""


def read(payload: bytes) -> Taken:
    """A kept message; what is wrong with it is a value."""
    try:
        bundle = read_bundle(payload)
        return Taken(bundle, read_exchange(bundle.xml))
    except ExchangeError as error:
        return Taken(None, None, str(error))


@dataclass(frozen=True, slots=True)
class Exchange:
    """How the line treats certificate exchange messages.

    Attributes:
        identities: ours.
        changed: called after a decision is committed: the certificates in force may be others, a response may be due.
    """

    identities: Sequence[IdentitySettings]
    changed: Callable[[], Awaitable[None]]

    def takes(self, message: StoredMessage) -> bool:
        """Whether a message is one: only the AS2 edge makes sure that an agreed certificate signed it."""
        return message.channel == CHANNEL and is_exchange(message.content_type)

    def unit(
        self, message: StoredMessage, payload: bytes, owner: str, now_ms: int
    ) -> Callable[[Connection], MessageState]:
        """What decides on a message, to be run in a transaction."""
        taken = read(payload)
        return lambda connection: decide(connection, owner, message, taken, self.identities, now_ms)


def decide(
    connection: Connection,
    owner: str,
    message: StoredMessage,
    taken: Taken,
    identities: Collection[IdentitySettings],
    now_ms: int,
) -> MessageState:
    """Decide a certificate exchange message.

    Raises:
        OutOfTurn: an earlier message of the partner comes first.
        ClaimLost: another process has taken the message over.
    """
    if messages.has_earlier_claimed(connection, owner, message):
        raise OutOfTurn(f"message {message.id} waits for an earlier one of {message.partner_id}")
    loaded = profile_of(connection, message)
    fault = taken.fault or _refusal(message, loaded, taken)
    if not fault and loaded is not None and taken.bundle is not None and isinstance(taken.said, ExchangeRequest):
        fault = _take_request(connection, message, loaded, taken.bundle, taken.said, identities, now_ms)
    elif not fault and isinstance(taken.said, ExchangeResponse):
        fault = _take_response(connection, message, taken.said, now_ms)
    if fault:
        timeline.note(connection, message.id, now_ms, "rejected", {"reason": fault})
        _audit(connection, message, "refused.certificate-exchange", {"reason": fault}, now_ms)
    event = MessageEvent.REJECT if fault else MessageEvent.ACCEPT
    state = messages.finish(connection, owner, message.id, event, reason=fault)
    if message.was_tried:
        cases.resolve(connection, now_ms, "processed", message_id=message.id)
        settle_case(connection, message, now_ms)
    if state is MessageState.QUEUED:
        messages.confirm(connection, message.id, now_ms)  # there is nothing to publish
        return MessageState.PUBLISHED
    return state


def _refusal(message: StoredMessage, loaded: LoadedProfile | None, taken: Taken) -> str:
    """Why a message is not even looked into; empty when it is."""
    if not orjson.loads(message.security).get("signer"):
        return "the message was not signed by an agreed certificate"
    as2 = loaded.profile.as2 if loaded is not None else None
    if as2 is None:
        return "there is no AS2 agreement with this partner"
    if taken.said is not None and taken.said.name not in ("", as2.id):
        return f"the message speaks for {taken.said.name!r}, but it came from {as2.id!r}"
    return ""


def _take_request(
    connection: Connection,
    message: StoredMessage,
    loaded: LoadedProfile,
    bundle: Bundle,
    said: ExchangeRequest,
    identities: Collection[IdentitySettings],
    now_ms: int,
) -> str:
    rows = [
        _judged(connection, message, loaded, bundle, said.request_id, number, asked, now_ms)
        for number, asked in enumerate(said.trust_requests, start=1)
    ]
    for row in rows:
        if partner_certificates.add(connection, row):
            _tell(connection, message, row, now_ms)
    kept = partner_certificates.of_message(connection, message.id)
    step = {
        "request": said.request_id,
        "certificates": [
            {"id": row.id, "fingerprint": row.fingerprint, "usages": row.usages, "state": row.state} for row in kept
        ],
    }
    timeline.note(connection, message.id, now_ms, "certificate-request", step)
    settle_case(connection, message, now_ms)
    respond(connection, message, loaded, identities, now_ms)
    refused = [row.reason for row in kept if row.state == CertificateState.REJECTED]
    return "; ".join(dict.fromkeys(refused)) if len(refused) == len(kept) else ""


def _judged(
    connection: Connection,
    message: StoredMessage,
    loaded: LoadedProfile,
    bundle: Bundle,
    request_id: str,
    number: int,
    asked: TrustRequest,
    now_ms: int,
) -> StoredCertificate:
    """One certificate with its first state."""
    found = bundle.certificate_of(asked.certificate)
    state, reason = _verdict(loaded, bundle, found, asked, moment(now_ms))
    if state is CertificateState.ACCEPTED and found is not None:
        # The signature covers neither Message-ID nor receiver: whoever recorded the message of then can send it again.
        earlier = partner_certificates.decided_by_a_person(connection, message.partner_id, found.fingerprint, GATEWAY)
        if earlier in _TURNED_DOWN:
            state = CertificateState.PENDING
    decided = state is not CertificateState.PENDING
    return StoredCertificate(
        id=f"{message.id}-certificate-{number}",
        partner_id=message.partner_id,
        identity=message.identity,
        fingerprint=found.fingerprint if found is not None else "",
        certificate=found.der if found is not None else b"",
        beside=_beside(bundle, found),
        serial_number=str(asked.certificate.serial_number),
        issuer=asked.certificate.issuer,
        usages=" ".join(usage.value for usage in asked.usages),
        valid_from_ms=None,
        request_id=request_id,
        message_id=message.id,
        respond_by_ms=int(asked.respond_by.timestamp() * 1_000) if asked.respond_by is not None else None,
        state=state.value,
        reason=reason,
        decided_by=GATEWAY if decided else "",
        decided_at_ms=now_ms if decided else None,
        created_at_ms=now_ms,
    )


def _beside(bundle: Bundle, found: Certificate | None) -> bytes:
    """What came with a certificate and may link it to an authority, as far as it is no more than a chain can be."""
    kept = b""
    for pem in (one.pem() for one in bundle.certificates if one != found):
        if len(kept) + len(pem) <= BESIDE_BYTES_MAX:
            kept += pem
    return kept


def _verdict(
    loaded: LoadedProfile, bundle: Bundle, found: Certificate | None, asked: TrustRequest, now: datetime
) -> tuple[CertificateState, str]:
    as2 = loaded.profile.as2
    mode = as2.certificate_exchange if as2 is not None else "refuse"
    if mode == "refuse":
        return CertificateState.REJECTED, "certificates are not exchanged by message here; send them by other means"
    if found is None:
        beside = f" ({bundle.unreadable[0]})" if bundle.unreadable else ""
        return CertificateState.REJECTED, f"no certificate of this serial number is in the message{beside}"
    objection = certificate_objection(loaded, found, bundle.certificates, asked.usages, now)
    if objection is not None:
        return CertificateState.REJECTED, objection
    if mode == "accept" and _USED_HERE.intersection(asked.usages):
        return CertificateState.ACCEPTED, ""
    return CertificateState.PENDING, ""


def certificate_objection(
    loaded: LoadedProfile,
    certificate: Certificate,
    beside: Sequence[Certificate],
    usages: Collection[CertUsage],
    now: datetime,
) -> str | None:
    """Why a certificate cannot be taken over, whoever wants it; None when it can. One of tomorrow may come today."""
    begins = max(now, certificate.not_before)
    fatal = [problem for problem in problems(certificate, begins) if problem.fatal]
    if fatal:
        return fatal[0].message
    codes = {problem.code for problem in problems(certificate, begins)}
    if CertUsage.DIGITAL_SIGNATURE in usages and ProblemCode.NOT_FOR_SIGNING in codes:
        return f"{certificate.subject} is not meant for signing (key usage)"
    if CertUsage.KEY_ENCIPHERMENT in usages and not isinstance(certificate.public_key, rsa.RSAPublicKey):
        return f"{certificate.subject} has no RSA key, and content keys travel under RSA alone; send one for encryption"
    if CertUsage.KEY_ENCIPHERMENT in usages and ProblemCode.NOT_FOR_ENCRYPTION in codes:
        return f"{certificate.subject} is not meant for encryption (key usage)"
    others = [one for one in beside if one != certificate]
    purpose: Purpose = "signing" if CertUsage.DIGITAL_SIGNATURE in usages else "encryption"
    return partner_trust(loaded).objection(certificate, purpose, now, beside=others, begins=begins)


def _tell(connection: Connection, message: StoredMessage, row: StoredCertificate, now_ms: int) -> None:
    detail: dict[str, object] = {
        "certificate": row.id,
        "fingerprint": row.fingerprint,
        "usages": row.usages,
        "message_id": message.id,
    }
    if row.reason:
        detail["reason"] = row.reason
    _audit(connection, message, f"certificate.{row.state}", detail, now_ms)


def _take_response(connection: Connection, message: StoredMessage, said: ExchangeResponse, now_ms: int) -> str:
    request = partner_certificates.request(connection, said.request_id)
    # The partner is the authenticated one: another's request id opens nothing.
    if request is None or request.partner_id != message.partner_id:
        return f"the response answers a request {said.request_id!r} that this partner never got from us"
    ours = [one for one in said.trust_responses if str(one.certificate.serial_number) == request.serial_number]
    if not ours:
        return "the response does not speak of the certificate that was asked about"
    rejected = next((one for one in ours if one.status is CertStatus.REJECTED), None)
    state = RequestState.ACCEPTED if rejected is None else RequestState.REJECTED
    reason = rejected.reason or "no reason given" if rejected is not None else ""
    partner_certificates.answer(connection, request.request_id, state, now_ms, message_id=message.id, reason=reason)
    step: dict[str, object] = {"request": request.request_id, "fingerprint": request.fingerprint}
    step |= {"state": state.value, "reason": reason}
    for subject in (message.id, request.delivery_id):
        timeline.note(connection, subject, now_ms, "certificate-response", step)
    _audit(connection, message, f"certificate-request.{state.value}", step, now_ms)
    return ""


def _audit(connection: Connection, message: StoredMessage, action: str, detail: dict[str, object], now_ms: int) -> None:
    actor = f"partner:{message.partner_id}"
    audit.record(connection, audit.Act(now_ms, actor, action, message.transport_id or "", message.remote, detail))
