"""A consignment becomes an AS2 message: signed, encrypted and compressed as the profile says. Runs in a thread."""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs.certificates import Certificate, KeyPair
from certs.keyring import KeyRing, KeyRingError
from gateway.as2.cms.algorithms import Cipher, Digest, KeyTransport, SignatureScheme
from gateway.as2.message import Encryption, MdnRequest, Signing, write_message
from gateway.buffers import Buffer, Scratch
from gateway.carriers.destinations import read_url
from gateway.carriers.parcels import GOES_TO_THE_SUSPENDED, Consignment, Held, Parcel
from gateway.model.delivery import DeliveryKind
from gateway.settings import IdentitySettings, Settings
from gateway.spool import SpoolUnavailable
from partners.as2_terms import As2, As2Sending
from partners.loader import LoadedProfile

AS2_PATH = "/as2"
ETAG = "ETag"  # a transfer that can be gone on with (AS2 Restart, draft-harding-as2-restart)
_SNIFFED_BYTES = 256
_SUBJECTS = {
    DeliveryKind.DOCUMENT: "Business document",
    DeliveryKind.FILE: "File",
    DeliveryKind.ACKNOWLEDGMENT: "Functional acknowledgment",
    DeliveryKind.CERTIFICATE: "Certificate exchange",
    DeliveryKind.TEST: "AS2 connection test",
}
# What their media type says is part of what they are, whatever the profile wants for business documents.
_OWN_MEDIA_TYPE = frozenset({DeliveryKind.CERTIFICATE, DeliveryKind.TEST})
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"ISA", "application/edi-x12"),  # RFC 1767 1
    (b"UNA", "application/edifact"),
    (b"UNB", "application/edifact"),
    (b"<", "application/xml"),
    (b"{", "application/json"),
    (b"[", "application/json"),
)


class CertificatesOf(Protocol):
    """The certificates of a partner that may be used for a purpose now, the newest first."""

    def __call__(
        self,
        loaded: LoadedProfile,
        purpose: Literal["signing", "encryption"],
        now: datetime,
        *,
        whatever_their_dates: bool = False,
    ) -> tuple[Certificate, ...]:
        """See `gateway.as2_agreements.partner_certificates`."""


class CannotSend(Exception):  # noqa: N818  # said of the consignment
    """Nothing can be sent now; the words say why and what to do."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What packing stands on.

    Attributes:
        keyring: our keys as they are now.
        certificates: of partners.
        scratch: where messages are written; large ones into a file.
    """

    settings: Settings
    keyring: Callable[[], KeyRing]
    certificates: CertificatesOf
    scratch: Scratch


def as2_of(consignment: Consignment) -> As2:
    """The AS2 side of whoever carries the consignment.

    Raises:
        CannotSend: one of them is a draft or suspended, or has no AS2.
    """
    for loaded in (consignment.partner, consignment.bearer):
        status = loaded.profile.status
        if status == "draft":
            raise CannotSend(
                f"{loaded.id} is a draft: nothing is sent until its profile says `status: testing` or `live`"
            )
        if status == "suspended" and consignment.kind not in GOES_TO_THE_SUSPENDED:
            raise CannotSend(f"{loaded.id} is suspended: nothing is sent until its profile says `status: live`")
    as2 = consignment.bearer.profile.as2
    if as2 is None:
        raise CannotSend(f"the profile of {consignment.bearer.id} has no `as2:`; nothing can be sent by AS2")
    return as2


def url_of(consignment: Consignment, as2: As2) -> str:
    """Where their AS2 server takes messages.

    Raises:
        CannotSend: the profile does not say.
    """
    if as2.url is None:
        raise CannotSend(f"the profile of {consignment.bearer.id} has no `as2.url`; ask the partner for it")
    return as2.url


def pack_message(consignment: Consignment, bench: Bench, now: datetime) -> Parcel | Held:
    """The message as it will be sent in every attempt, or why none can be made now."""
    try:
        as2 = as2_of(consignment)
        if consignment.kind is DeliveryKind.RECEIPT:
            return Parcel(consignment.answers, consignment.payload, expects_receipt=False)
        url_of(consignment, as2)
        return _write(consignment, bench, as2, now)
    except (CannotSend, KeyRingError) as error:
        return Held(str(error))


def _write(consignment: Consignment, bench: Bench, as2: As2, now: datetime) -> Parcel:
    sending = as2.sending
    identity = identity_of(consignment, bench.settings.identities)
    # A certificate that nobody signed for would be believed by nobody: exchange messages are always signed.
    signs = sending.sign or consignment.kind is DeliveryKind.CERTIFICATE
    signing = signing_for(consignment, bench, as2, now) if signs else None
    recipient = recipient_for(consignment, bench, sending, now) if sending.encrypt else None
    cipher = Cipher(sending.cipher or as2.ciphers[0])
    request = _receipt_request(sending, identity, bench.settings)
    content_type = media_type(consignment, sending)
    key_transport = KeyTransport(sending.key_transport)
    is_large = len(consignment.payload) >= bench.settings.limits.spool_from_bytes
    try:
        written = write_message(
            consignment.payload,
            as2_from=identity.as2_id or "",
            as2_to=as2.id,
            message_id=consignment.transport_id,
            content_type=content_type,
            now=now,
            filename=consignment.filename or None,
            subject=sending.subject or consignment.subject or _SUBJECTS.get(consignment.kind, ""),
            signing=signing,
            encryption=Encryption([recipient], cipher, key_transport) if recipient is not None else None,
            compression=sending.compress if sending.compress != "none" else None,
            mdn_request=request,
            scratch=bench.scratch,
        )
    except SpoolUnavailable as error:
        raise CannotSend(f"there is no room to write it now: {error}") from None
    except ValueError as error:
        raise CannotSend(f"no message can be made of it: {error}") from None
    facts: dict[str, object] = {
        "as2_from": identity.as2_id,
        "as2_to": as2.id,
        "content_type": content_type,
        "receipt": "none" if request is None else f"{sending.receipt}, by {sending.receipt_by}",
        "compression": sending.compress,
    }
    if signing is not None:
        facts |= {"signed_with": signing.pair.certificate.fingerprint, "signature_digest": signing.digest.value}
        facts["signature_scheme"] = signing.scheme.value
    if recipient is not None:
        facts |= {"encrypted_to": recipient.fingerprint, "encrypted_to_until": recipient.not_after.isoformat()}
        facts |= {"cipher": cipher.value, "key_transport": key_transport.value}
    headers = written.headers
    if sending.restart and is_large:
        headers += ((ETAG, transfer_id(consignment.transport_id)),)
    waits = sending.receipt_within_minutes * 60 if request is not None and request.delivery_url else None
    mics = tuple(dict.fromkeys(str(mic) for mic in written.mics))
    return Parcel(headers, written.body, mics, request is not None, waits, facts)


def transfer_id(message_id: str) -> str:
    """The name under which a receiver keeps what it has of a large message, the same in every attempt."""
    return f'"{hashlib.sha256(message_id.encode("utf-8", "surrogateescape")).hexdigest()[:40]}"'


def identity_of(consignment: Consignment, identities: Collection[IdentitySettings]) -> IdentitySettings:
    """Our side of it.

    Raises:
        CannotSend: the settings know no such identity, or it has no AS2 id.
    """
    found = next((identity for identity in identities if identity.name == consignment.identity), None)
    if found is None or found.as2_id is None:
        raise CannotSend(
            f"the settings have no identity {consignment.identity} with an `as2_id`; add it to `identities:`"
        )
    return found


def signing_for(consignment: Consignment, bench: Bench, as2: As2, now: datetime) -> Signing:
    """With which key and how we sign.

    Raises:
        CannotSend: our certificate is out of its days, or the scheme is none of our key's.
        KeyRingError: there is no key.
    """
    pair = bench.keyring().keys_of(consignment.identity).signing
    certificate = pair.certificate
    if not certificate.valid_at(now):
        words = _dates(certificate, now)
        raise CannotSend(
            f"our certificate {words}; change over to a new one with "
            f"`gateway certs roll {consignment.identity} --new` and give it to the partners"
        )
    return Signing(pair, Digest(as2.sending.digest or as2.digests[0]), _scheme(pair, as2.sending))


def _scheme(pair: KeyPair, sending: As2Sending) -> SignatureScheme:
    is_elliptic = isinstance(pair.private_key, ec.EllipticCurvePrivateKey)
    natural = SignatureScheme.ECDSA if is_elliptic else SignatureScheme.RSA_V1_5
    wanted = SignatureScheme(sending.signature) if sending.signature is not None else natural
    if (wanted is SignatureScheme.ECDSA) != is_elliptic:
        kind = "an elliptic curve" if is_elliptic else "an RSA"
        raise CannotSend(
            f"the profile wants {wanted} signatures, but our key is {kind} key; change "
            "`as2.sending.signature` or the key"
        )
    return wanted


def recipient_for(consignment: Consignment, bench: Bench, sending: As2Sending, now: datetime) -> Certificate:
    """The certificate we encrypt to: the newest of theirs that is valid.

    Raises:
        CannotSend: there is none (faults: it expired while this was queued).
    """
    bearer = consignment.bearer
    usable = bench.certificates(bearer, "encryption", now)
    if usable:
        certificate = usable[0]
        if not isinstance(certificate.public_key, rsa.RSAPublicKey):
            raise CannotSend(
                f"the newest encryption certificate of {bearer.id} ({certificate.subject}) has an elliptic curve key; "
                f"{sending.key_transport} needs RSA: ask the partner for an RSA certificate"
            )
        return certificate
    out_of_date = bench.certificates(bearer, "encryption", now, whatever_their_dates=True)
    if out_of_date:
        words = _dates(out_of_date[0], now)
        raise CannotSend(f"the encryption certificate of {bearer.id} {words}; ask the partner for their new one")
    raise CannotSend(
        f"{bearer.id} has no encryption certificate that can be used today; see `gateway partner check {bearer.id}`"
    )


def _dates(certificate: Certificate, now: datetime) -> str:
    if now > certificate.not_after:
        return f"{certificate.subject} expired on {certificate.not_after:%Y-%m-%d}"
    return f"{certificate.subject} is valid only from {certificate.not_before:%Y-%m-%d}"


def receipt_url(settings: Settings) -> str:
    """Where partners send asynchronous receipts.

    Raises:
        CannotSend: the settings do not say under which name partners reach us.
    """
    if settings.public_url is None:
        raise CannotSend(
            "the receipt is to come by a request of its own, but `public_url` is not set; set it to the address under "
            "which partners reach this gateway, or `as2.sending.receipt_by: response` in the profile"
        )
    return settings.public_url.rstrip("/") + AS2_PATH


def _receipt_request(sending: As2Sending, identity: IdentitySettings, settings: Settings) -> MdnRequest | None:
    if sending.receipt == "none":
        return None
    by_request = sending.receipt_by == "request"
    address = read_url(settings.public_url) if settings.public_url is not None else "none"
    host = "partner-gateway.invalid" if isinstance(address, str) else address.host
    return MdnRequest(
        # Nothing is ever mailed there; products only look whether the field is there (RFC 4130 7.3).
        notification_to=f"{identity.name}@{host}",
        signed=sending.receipt == "signed",
        micalgs=tuple(sending.receipt_digests),
        delivery_url=receipt_url(settings) if by_request else None,
    )


def media_type(consignment: Consignment, sending: As2Sending) -> str:
    """The media type: of the profile, else as given, else by what the payload begins with."""
    if consignment.kind in _OWN_MEDIA_TYPE and consignment.content_type:
        return consignment.content_type
    return sending.content_type or consignment.content_type or sniffed_media_type(consignment.payload)


def sniffed_media_type(payload: Buffer) -> str:
    """The media type by what a payload begins with."""
    begins = bytes(payload[:_SNIFFED_BYTES]).removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((kind for mark, kind in _SIGNATURES if begins.startswith(mark)), "application/octet-stream")
