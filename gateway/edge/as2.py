"""AS2 over HTTP (RFC 4130): a message is opened, kept, and only then acknowledged with its receipt.

What can go wrong ends in a negative receipt where one was asked for, in a 4xx where not. The store not being able to
keep a message is neither: that is a 503, after which a sender tries again (RFC 4130 5.2 leaves retries to it).
"""

import asyncio
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from aiohttp import web

from certs.keyring import IdentityKeys
from gateway.as2.disposition import EXPLANATIONS, As2Refused, Modifier, disposition_of
from gateway.as2.envelope import Envelope
from gateway.as2.mdn import holds_mdn
from gateway.as2.message import Opened, open_message, read_envelope
from gateway.as2.mime import Headers
from gateway.as2_agreements import As2Terms, As2TermsBook, identity_for
from gateway.edge.bodies import Bodies, Request
from gateway.edge.connection import log_fault
from gateway.edge.context import Edge
from gateway.edge.http import Routes
from gateway.edge.receipts import NOTHING_ASKED, Receipt, answer, unpack_receipt
from gateway.edge.refusals import ANSWERS, REASON_OF
from gateway.edge.throttle import AuditGate, Throttle, storable
from gateway.flow.receive import Arrival
from gateway.model.refusals import Reason, Refused
from gateway.settings import IdentitySettings
from gateway.store.messages import Acceptance
from partners.loader import LoadedProfile

T = TypeVar("T")

CHANNEL = "as2"
PATH = "/as2"
_UNREADABLE_TYPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")
# Header fields that belong to the message; those of the connection and of proxies (credentials, say) do not.
_EVIDENCE_FIELDS = frozenset(
    {
        "as2-version",
        "as2-from",
        "as2-to",
        "message-id",
        "date",
        "subject",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
        "ediint-features",
        "disposition-notification-to",
        "disposition-notification-options",
        "receipt-delivery-option",
    }
)
_REUSED = "The Message-ID was used before for other content. Use a new one; only a retry carries the same."


@dataclass(frozen=True, slots=True)
class _Relationship:
    """Both sides of a message whose names are known."""

    partner: LoadedProfile
    identity: IdentitySettings
    terms: As2Terms
    keys: IdentityKeys


class As2:
    """The AS2 interface of the partner port.

    Args:
        edge: what it stands on.
        bodies: reads bodies within the limits.
        throttle: each partner's rate, over all its doors.
        gate: to the audit.
    """

    def __init__(self, edge: Edge, bodies: Bodies, throttle: Throttle, gate: AuditGate) -> None:
        self._edge = edge
        self._bodies = bodies
        self._throttle = throttle
        self._gate = gate
        self._terms = As2TermsBook(edge.settings.limits)
        # As many as there are cores: OpenSSL leaves Python's lock alone meanwhile, and more would only wait.
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="as2")

    def add_to(self, routes: Routes) -> None:
        """Put its route among the others."""
        routes.add("POST", PATH, self.receive)

    def close(self) -> None:
        """End the threads; what they work on is finished first, by nobody waited for."""
        self._threads.shutdown(wait=False)

    async def receive(self, request: Request) -> web.Response:
        """Receive one message and answer it."""
        began_ms = self._edge.now_ms()
        limits = self._edge.settings.limits
        self._bodies.check(request, limits.body_bytes_max)
        headers = Headers.of(request.headers)
        envelope = read_envelope(headers)
        request.subject = f"{envelope.as2_from} -> {envelope.as2_to} {envelope.message_id}"
        found = self._relationship(envelope)
        partner_limit = found.partner.profile.limits.body_bytes_max if isinstance(found, _Relationship) else None
        body = await self._bodies.read(request, partner_limit or limits.body_bytes_max)
        if holds_mdn(headers, body):
            # A receipt never earns a receipt (RFC 3798 2.1).
            raise Refused(Reason.INVALID_REQUEST, "a receipt came, but no message of ours waits for one here")
        if envelope.mdn_request is not None and envelope.mdn_request.delivery_url is not None:
            raise Refused(
                Reason.ASYNCHRONOUS_RECEIPT,
                "the message asks for an asynchronous receipt; ask for a synchronous one and send it again",
            )
        if isinstance(found, As2Refused):
            return await self._refuse(request, envelope, found, self._keys_for(envelope.as2_to))
        if not body:
            failure = As2Refused(Modifier.UNEXPECTED_PROCESSING_ERROR, "the body is empty")
            return await self._refuse(request, envelope, failure, found.keys)
        message_id = self._edge.reception.new_id()
        now = self._now()
        opened, receipt = await self._in_thread(
            lambda: _open_and_answer(envelope, headers, body, found, message_id, now)
        )
        if isinstance(opened, As2Refused):
            return await self._refuse(request, envelope, opened, found.keys)
        request.actor = f"partner:{found.partner.id}"
        rate = found.partner.profile.limits.requests_per_second_max
        if rate is not None:
            self._throttle.admit(found.partner.id, rate)
        arrival = _arrival(envelope, opened, _entity(headers, body), found, request)
        try:
            acceptance = await self._edge.reception.keep(arrival, message_id=message_id, answer=receipt.pack())
        except Refused as refused:
            if refused.reason is not Reason.IDEMPOTENCY_CONFLICT or envelope.mdn_request is None:
                raise
            self._edge.metrics.refused.add(CHANNEL, refused.reason.value)
            failed = disposition_of(Modifier.UNEXPECTED_PROCESSING_ERROR)
            negative = await self._in_thread(
                lambda: answer(envelope, found.keys, message_id, now, disposition=failed, text=_REUSED)
            )
            return negative.response()
        self._count(acceptance, began_ms)
        return (unpack_receipt(acceptance.answer) if acceptance.answer is not None else receipt).response()

    def _relationship(self, envelope: Envelope) -> "_Relationship | As2Refused":
        """Who sends to whom; the names are claims until the signature is verified."""
        identity = next((item for item in self._edge.settings.identities if item.as2_id == envelope.as2_to), None)
        if identity is None or not envelope.as2_to:
            return _unknown("AS2-To is none of our identities")
        partner = self._edge.directory().by_as2_id(envelope.as2_from) if envelope.as2_from else None
        as2 = partner.profile.as2 if partner is not None else None
        if partner is None or as2 is None:
            return _unknown("AS2-From is no partner of ours")
        if not partner.profile.is_active:
            return _unknown(f"partner {partner.id} is suspended")
        if identity_for(partner.profile, self._edge.settings.identities) != identity:
            return _unknown(f"partner {partner.id} was agreed with another of our identities")
        keys = self._edge.keyring.identities.get(identity.name)
        if keys is None:
            log_fault("an AS2 identity has no key", None, identity=identity.name)
            raise Refused(Reason.INTERNAL, "the message cannot be opened now", audit="no key for the identity")
        return _Relationship(partner, identity, self._terms.of(partner, as2), keys)

    def _keys_for(self, as2_to: str) -> IdentityKeys | None:
        """Who signs the receipt for a message that was refused by its names: whom it was for, else our first."""
        identities = self._edge.settings.identities
        named = [identity for identity in identities if identity.as2_id == as2_to]
        rings = (self._edge.keyring.identities.get(identity.name) for identity in (*named, *identities))
        return next((keys for keys in rings if keys is not None), None)

    async def _refuse(
        self, request: Request, envelope: Envelope, failure: As2Refused, keys: IdentityKeys | None
    ) -> web.Response:
        """The negative receipt; where none was asked for the same words with a 4xx."""
        text = EXPLANATIONS[failure.modifier]
        refused = Refused(REASON_OF[failure.modifier], text, audit=f"{failure.modifier.value}: {failure.audit_reason}")
        if envelope.mdn_request is None:
            raise refused
        reference = self._edge.reception.new_id()
        await self._gate.record(CHANNEL, request, refused, reference)
        text = f"{text}\n{ANSWERS[refused.reason].remedy}\nReference: {reference}"
        failed, now = disposition_of(failure.modifier), self._now()
        receipt = await self._in_thread(lambda: answer(envelope, keys, reference, now, disposition=failed, text=text))
        return receipt.response()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._edge.now_ms() / 1_000, UTC)

    def _count(self, acceptance: Acceptance, began_ms: int) -> None:
        metrics = self._edge.metrics
        (metrics.duplicates if acceptance.duplicate else metrics.accepted).add(CHANNEL)
        metrics.answer_seconds.observe(CHANNEL, (self._edge.now_ms() - began_ms) / 1_000)


def _unknown(audit_reason: str) -> As2Refused:
    return As2Refused(Modifier.UNKNOWN_TRADING_RELATIONSHIP, audit_reason)


def _open_and_answer(
    envelope: Envelope, headers: Headers, body: bytes, between: _Relationship, message_id: str, now: datetime
) -> tuple[Opened | As2Refused, Receipt]:
    """Open a message and write its receipt. Runs in a thread."""
    try:
        opened = open_message(
            envelope,
            headers,
            body,
            keys=between.keys.decryption,
            partner_certificates=between.terms.signing_certificates(now),
            policy=between.terms.policy,
            now=now,
        )
    except As2Refused as failure:
        return failure, NOTHING_ASKED
    except Exception as error:
        log_fault("an AS2 message could not be opened", error, message_id=message_id)
        if _claims_encryption(headers):
            # A fault of ours that depends on what was decrypted must not tell more than any other failure.
            return As2Refused(Modifier.DECRYPTION_FAILED, f"fault: {type(error).__name__}"), NOTHING_ASKED
        raise
    return opened, answer(envelope, between.keys, message_id, now, mic=opened.mic)


def _arrival(envelope: Envelope, opened: Opened, wire: bytes, between: _Relationship, request: Request) -> Arrival:
    protection: dict[str, object] = {
        "layers": [layer.value for layer in opened.layers],
        "cipher": opened.cipher.value if opened.cipher is not None else None,
        "key_transport": opened.key_transport.value if opened.key_transport is not None else None,
        "signature_digest": opened.signature.digest.value if opened.signature is not None else None,
        "signer": opened.signer_fingerprint,
        "decrypted_for": opened.decrypted_for.fingerprint if opened.decrypted_for is not None else None,
        "mic": str(opened.mic),
        "tls": request.secure,
    }
    if opened.attachments:
        protection["attachments"] = [
            {
                "filename": storable(item.filename or ""),
                "content_type": storable(item.content_type),
                "bytes": len(item.content),
                "sha256": hashlib.sha256(item.content).hexdigest(),
            }
            for item in opened.attachments
        ]
    return Arrival(
        partner_id=between.partner.id,
        profile_digest=between.partner.digest,
        channel=CHANNEL,
        identity=between.identity.name,
        transport_id=storable(envelope.message_id),
        payload=opened.payload,
        wire=wire,
        authenticated=_authenticated(opened),
        content_type=storable(opened.content_type),
        filename=storable(opened.filename or ""),
        remote=request.address,
        security=protection,
    )


def _entity(headers: Headers, body: bytes) -> bytes:
    """The message as a MIME entity, as evidence: without its own header fields nobody can verify it again."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers if name.lower() in _EVIDENCE_FIELDS)
    return fields.encode("utf-8", "surrogateescape") + b"\r\n" + body


def _authenticated(opened: Opened) -> bytes:
    """What makes two messages the same: what was sent, not how. A sender may sign and encrypt a retry anew."""
    seen = hashlib.sha256()
    parts = [(opened.content_type, opened.filename, opened.payload)]
    parts += [(item.content_type, item.filename, item.content) for item in opened.attachments]
    for content_type, filename, content in parts:
        for value in (content_type.encode(errors="replace"), (filename or "").encode(errors="replace"), content):
            seen.update(len(value).to_bytes(8, "big"))
            seen.update(value)
    return seen.digest()


def _claims_encryption(headers: Headers) -> bool:
    return (headers.get("content-type") or "").partition(";")[0].strip().lower() in _UNREADABLE_TYPES
