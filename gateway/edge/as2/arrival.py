"""An AS2 message is opened, and becomes what the line keeps: the payload, the evidence, and what protected it."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from gateway.as2.certificate_exchange import in_one_piece, is_exchange
from gateway.as2.disposition import As2Refused, Modifier
from gateway.as2.envelope import Envelope
from gateway.as2.message import Opened, open_message
from gateway.as2.mime import Headers
from gateway.buffers import Buffer, Scratch, windows
from gateway.edge.as2.parties import Relationship
from gateway.edge.as2.receipts import NOTHING_ASKED, Receipt, answer
from gateway.edge.bodies import Request
from gateway.edge.connection import log_fault
from gateway.flow.holding import why_held
from gateway.flow.receive import Arrival
from gateway.spool import SpoolUnavailable
from gateway.store.engine.statements import storable

CHANNEL = "as2"
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


class Taken(NamedTuple):
    """A message that satisfies its agreement, the receipt for it, and what is kept of it."""

    opened: Opened
    receipt: Receipt
    arrival: Arrival


def take(
    envelope: Envelope,
    headers: Headers,
    body: Buffer,
    between: Relationship,
    request: Request,
    message_id: str,
    now: datetime,
    scratch: Scratch,
) -> Taken | As2Refused:
    """Open a message, write its receipt, and make it ready to be kept. Runs in a thread."""
    opened, receipt = open_and_answer(envelope, headers, body, between, message_id, now, scratch)
    if isinstance(opened, As2Refused):
        return opened
    return Taken(opened, receipt, arrival_of(envelope, headers, body, opened, between, request))


def open_and_answer(
    envelope: Envelope,
    headers: Headers,
    body: Buffer,
    between: Relationship,
    message_id: str,
    now: datetime,
    scratch: Scratch,
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
            scratch=scratch,
            trust=between.terms.trust,
        )
        if is_exchange(opened.content_type):
            opened = in_one_piece(opened)
    except SpoolUnavailable:
        raise  # whatever the message is, it has to be sent again
    except As2Refused as failure:
        return failure, NOTHING_ASKED
    except Exception as error:
        log_fault("an AS2 message could not be opened", error, message_id=message_id)
        if _claims_encryption(headers):
            # A fault of ours that depends on what was decrypted must not tell more than any other failure.
            return As2Refused(Modifier.DECRYPTION_FAILED, f"fault: {type(error).__name__}"), NOTHING_ASKED
        raise
    return opened, answer(envelope, between.keys, message_id, now, mic=opened.mic)


def arrival_of(
    envelope: Envelope, headers: Headers, body: Buffer, opened: Opened, between: Relationship, request: Request
) -> Arrival:
    """What the line keeps of an opened message; all of its content is gone over here."""
    digests = [_sha256(content) for content in (opened.payload, *(item.content for item in opened.attachments))]
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
                "sha256": digest.hex(),
            }
            for item, digest in zip(opened.attachments, digests[1:], strict=True)
        ]
    return Arrival(
        partner_id=between.partner.id,
        profile_digest=between.partner.digest,
        channel=CHANNEL,
        identity=between.identity.name,
        transport_id=storable(envelope.message_id),
        payload=opened.payload,
        payload_sha256=digests[0].hex(),
        wire=(evidence_fields(headers), body),
        authenticated=_authenticated(opened, digests),
        content_type=storable(opened.content_type),
        filename=storable(opened.filename or ""),
        remote=request.address,
        security=protection,
        # Certificates go on being exchanged, so that the partner can come back.
        held="" if is_exchange(opened.content_type) else why_held(between.partner),
    )


def evidence_fields(headers: Headers) -> bytes:
    """What makes the body a MIME entity, as evidence: without its own header fields nobody can verify it again."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers if name.lower() in _EVIDENCE_FIELDS)
    return fields.encode("utf-8", "surrogateescape") + b"\r\n"


def _authenticated(opened: Opened, digests: Sequence[bytes]) -> bytes:
    """What makes two messages the same: what was sent, not how. A sender may sign and encrypt a retry anew."""
    parts = (
        (opened.content_type, opened.filename),
        *((item.content_type, item.filename) for item in opened.attachments),
    )
    same: list[bytes] = []
    for (content_type, filename), digest in zip(parts, digests, strict=True):
        for value in (content_type.encode(errors="replace"), (filename or "").encode(errors="replace"), digest):
            same += [len(value).to_bytes(8, "big"), value]
    return b"".join(same)


def _sha256(content: Buffer) -> bytes:
    seen = hashlib.sha256()
    for piece in windows(content):
        seen.update(piece)
    return seen.digest()


def _claims_encryption(headers: Headers) -> bool:
    return (headers.get("content-type") or "").partition(";")[0].strip().lower() in _UNREADABLE_TYPES
