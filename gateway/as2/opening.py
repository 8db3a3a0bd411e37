"""A received message is opened layer by layer down to its business payload (RFC 4130 4, RFC 5402 3).

Each layer is the whole content of the one around it, so what comes out at the end stood under every signature and
inside every encryption that is reported: nothing can be put beside a signed part and pass as signed.

As long as a message is encrypted and no signature on it is verified, every failure is `decryption-failed`, and the
work goes on in spite of a wrong key or padding (see `gateway.as2.cms.enveloped_data`). This makes the padding of CBC
useless as an oracle. Only an agreement that takes encrypted messages without signature cannot be protected so: whether
they are accepted is then an answer to anyone; AES-GCM or a required signature helps.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from certs.certificates import Certificate, KeyPair
from certs.trust import PINNED, Trust
from gateway.as2.cms.algorithms import (
    AUTH_ENVELOPED_DATA,
    COMPRESSED_DATA,
    ENVELOPED_DATA,
    SIGNED_DATA,
    Cipher,
    Digest,
    KeyTransport,
)
from gateway.as2.cms.ber import BerError, Element
from gateway.as2.cms.compressed_data import decompress
from gateway.as2.cms.content_info import CmsError, Fault, read_content_info
from gateway.as2.cms.enveloped_data import decrypt
from gateway.as2.cms.signed_data import Content, Signature, SignedData, covered_by, read_signed_data, verify
from gateway.as2.disposition import As2Refused, Modifier
from gateway.as2.envelope import Envelope
from gateway.as2.mic import Mic, choose_algorithm, covered_content
from gateway.as2.mime import Attachment, Entity, Headers, MimeError, Multipart, read_entity, split_multipart
from gateway.as2.policy import Policy
from gateway.as2.signers import possible_signers, signer_objection
from gateway.buffers import Buffer, MemorySink, Scratch, in_memory_as_bytes, windows


class Layer(StrEnum):
    """A security or compression layer around the payload."""

    ENCRYPTED = "encrypted"
    SIGNED = "signed"
    COMPRESSED = "compressed"


# Which layer may stand inside which others: encryption only outermost, each at most once, compression on either side
# of the signature (RFC 5402 3). This also bounds the depth.
_E, _S, _C = Layer.ENCRYPTED, Layer.SIGNED, Layer.COMPRESSED
INSIDE: dict[tuple[Layer, ...], tuple[Layer, ...]] = {
    (): (_E, _S, _C),
    (_E,): (_S, _C),
    (_S,): (_C,),
    (_C,): (_S,),
    (_E, _S): (_C,),
    (_E, _C): (_S,),
    (_S, _C): (),
    (_C, _S): (),
    (_E, _S, _C): (),
    (_E, _C, _S): (),
}

_LAYER_OF_CONTENT = {
    ENVELOPED_DATA: Layer.ENCRYPTED,
    AUTH_ENVELOPED_DATA: Layer.ENCRYPTED,
    SIGNED_DATA: Layer.SIGNED,
    COMPRESSED_DATA: Layer.COMPRESSED,
}

# The answer for each fault of a signature; the other layers have one answer for everything.
_SIGNATURE_ANSWERS = {
    Fault.MALFORMED: Modifier.AUTHENTICATION_FAILED,
    Fault.UNSUPPORTED: Modifier.INSUFFICIENT_MESSAGE_SECURITY,
    Fault.UNKNOWN_SIGNER: Modifier.AUTHENTICATION_FAILED,
    Fault.BAD_SIGNATURE: Modifier.AUTHENTICATION_FAILED,
    Fault.BAD_DIGEST: Modifier.INTEGRITY_CHECK_FAILED,
}

# The answer for bytes that are no CMS at all, by the smime-type they claim; encryption is the usual one.
_CLAIM_ANSWERS = {
    "compressed-data": Modifier.DECOMPRESSION_FAILED,
    "signed-data": Modifier.AUTHENTICATION_FAILED,
}

_PKCS7_MIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_PKCS7_SIGNATURE = ("application/pkcs7-signature", "application/x-pkcs7-signature")
_COMPOUND = ("multipart/related", "multipart/mixed")


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that satisfies its agreement.

    Attributes:
        mic: for the receipt, with the algorithm the sender asked for where policy allows it.
        layers: from the outside in.
        signature: None when the message is not signed.
        cipher: None when it is not encrypted.
    """

    payload: Buffer
    content_type: str
    filename: str | None
    attachments: tuple[Attachment, ...]
    layers: tuple[Layer, ...]
    mic: Mic
    signature: Signature | None
    cipher: Cipher | None
    key_transport: KeyTransport | None
    decrypted_for: Certificate | None

    @property
    def signed(self) -> bool:
        """Whether a signature by an agreed certificate covers the payload."""
        return self.signature is not None

    @property
    def encrypted(self) -> bool:
        """Whether the payload was encrypted."""
        return self.cipher is not None

    @property
    def compressed(self) -> bool:
        """Whether the payload was compressed."""
        return Layer.COMPRESSED in self.layers

    @property
    def signer_fingerprint(self) -> str | None:
        """SHA-256 of the signer's certificate."""
        return self.signature.certificate.fingerprint if self.signature else None


def open_message(
    envelope: Envelope,
    headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]],
    body: Buffer,
    *,
    keys: Sequence[KeyPair],
    partner_certificates: Sequence[Certificate],
    policy: Policy,
    now: datetime,
    scratch: Scratch = MemorySink,
    trust: Trust = PINNED,
) -> Opened:
    """The payload of a message with what protected it, or `As2Refused`.

    Args:
        envelope: of the same headers, by `read_envelope`.
        headers: of the HTTP request.
        body: of the HTTP request, transfer coding (chunks) undone.
        keys: our keys that partners may encrypt for, older ones included.
        partner_certificates: the certificates the partner may sign with; those inside the message do not count, unless
            `trust` says so.
        policy: what the agreement demands and allows.
        now: moment at which the signer's certificate must be valid, in UTC.
        scratch: where what is decrypted, decompressed and decoded is written; its errors pass through.
        trust: the authorities that the signer's certificate must chain to, if any.
    """
    if envelope.refusal is not None:
        raise As2Refused(envelope.refusal.modifier, envelope.refusal.audit_reason)
    opening = _Opening(keys, partner_certificates, policy, scratch, trust, now)
    entity = Entity(body, 0, 0, len(body), Headers.of(headers))
    try:
        return opening.open(entity, envelope)
    except As2Refused as refusal:
        raise opening.answer(refusal) from None
    except (MimeError, BerError) as error:
        raise opening.answer(As2Refused(Modifier.UNEXPECTED_PROCESSING_ERROR, str(error))) from None


class _Opening:
    """One message on its way from the outermost layer to the payload."""

    def __init__(
        self,
        keys: Sequence[KeyPair],
        certificates: Sequence[Certificate],
        policy: Policy,
        scratch: Scratch,
        trust: Trust,
        now: datetime,
    ) -> None:
        self.keys = keys
        self.certificates = certificates
        self.policy = policy
        self.scratch = scratch
        self.trust = trust
        self.now = now
        self.signed_data: SignedData | None = None
        self.layers: tuple[Layer, ...] = ()
        self.noise = ""  # why what was decrypted is not what was encrypted
        self.signature: Signature | None = None
        self.signed_content: Content | None = None
        self.cipher: Cipher | None = None
        self.key_transport: KeyTransport | None = None
        self.decrypted_for: Certificate | None = None

    def answer(self, refusal: As2Refused) -> As2Refused:
        """The refusal that may be shown: while nothing is authenticated, that of a failed decryption."""
        if Layer.ENCRYPTED not in self.layers or (self.signature is not None and not self.noise):
            return refusal
        reason = f"{self.noise or refusal.modifier}: {refusal.audit_reason}"
        return As2Refused(Modifier.DECRYPTION_FAILED, reason)

    def open(self, entity: Entity, envelope: Envelope) -> Opened:
        while (inner := self._peel(entity)) is not None:
            entity = inner
        self._check()
        content, beside = _payload(entity)
        payload = self._decoded(content)
        attachments = tuple(Attachment(self._decoded(part), part.content_type.value, part.filename) for part in beside)
        return Opened(
            payload=payload,
            content_type=content.content_type.value,
            filename=content.filename,
            attachments=attachments,
            layers=self.layers,
            mic=self._mic(entity, envelope, payload if content is entity else None),
            signature=self.signature,
            cipher=self.cipher,
            key_transport=self.key_transport,
            decrypted_for=self.decrypted_for,
        )

    def _decoded(self, entity: Entity) -> Buffer:
        data, start, end = entity.decoded(self.scratch)
        return data[start:end]

    def _peel(self, entity: Entity) -> Entity | None:
        """What is inside the outermost layer of the entity; None when it is the payload."""
        content_type = entity.content_type.value
        if content_type == "multipart/signed":
            self._enter(Layer.SIGNED)
            return self._open_multipart_signed(entity)
        if content_type not in _PKCS7_MIME:
            self._require_encryption()
            return None
        try:
            kind, element = read_content_info(*entity.decoded(self.scratch))
        except (CmsError, MimeError) as error:
            claimed = entity.content_type.parameters.get("smime-type", "").lower()
            modifier = _CLAIM_ANSWERS.get(claimed, Modifier.DECRYPTION_FAILED)
            raise As2Refused(modifier, str(error)) from None
        layer = _LAYER_OF_CONTENT.get(kind)
        if layer is None:
            raise As2Refused(Modifier.UNEXPECTED_PROCESSING_ERROR, f"CMS content type {kind.hex()} is not spoken here")
        self._enter(layer)
        if layer is Layer.ENCRYPTED:
            return self._decrypt(kind, element)
        if layer is Layer.COMPRESSED:
            return self._decompress(element)
        return self._open_opaque(element)

    def _enter(self, layer: Layer) -> None:
        if layer is not Layer.ENCRYPTED:
            self._require_encryption()
        if layer not in INSIDE[self.layers]:
            order = " in ".join((layer, *reversed(self.layers)))
            raise As2Refused(Modifier.UNEXPECTED_PROCESSING_ERROR, f"layers in an order that makes no sense: {order}")
        self.layers = (*self.layers, layer)

    def _require_encryption(self) -> None:
        """Compressed data have the media type of encrypted data; here only encryption counts."""
        if self.policy.require_encrypted and Layer.ENCRYPTED not in self.layers:
            raise As2Refused(Modifier.INSUFFICIENT_MESSAGE_SECURITY, "not encrypted, though the agreement demands it")

    def _decrypt(self, kind: bytes, element: Element) -> Entity:
        try:
            decrypted = decrypt(
                kind,
                element,
                keys=self.keys,
                ciphers=self.policy.ciphers,
                key_transports=self.policy.key_transports,
                scratch=self.scratch,
            )
        except CmsError as error:
            raise As2Refused(Modifier.DECRYPTION_FAILED, error.reason) from None
        self.cipher = decrypted.cipher
        self.key_transport = decrypted.key_transport
        self.decrypted_for = decrypted.recipient
        self.noise = decrypted.reason
        return read_entity(decrypted.content, 0, decrypted.size)

    def _decompress(self, element: Element) -> Entity:
        limits = self.policy
        try:
            content = decompress(
                element,
                bytes_max=limits.decompressed_bytes_max,
                ratio_max=limits.decompression_ratio_max,
                scratch=self.scratch,
            )
        except CmsError as error:
            raise As2Refused(Modifier.DECOMPRESSION_FAILED, error.reason) from None
        return read_entity(content)

    def _open_multipart_signed(self, entity: Entity) -> Entity:
        multipart = split_multipart(entity)
        self._refuse_epilogue(entity, multipart)
        if len(multipart.parts) != 2:  # noqa: PLR2004 - RFC 1847 2.1
            raise As2Refused(Modifier.UNEXPECTED_PROCESSING_ERROR, "multipart/signed without exactly two parts")
        content, signature = multipart.parts
        if signature.content_type.value not in _PKCS7_SIGNATURE:
            raise As2Refused(Modifier.AUTHENTICATION_FAILED, "the second part is no PKCS#7 signature")
        try:
            kind, element = read_content_info(*signature.decoded(self.scratch))
        except CmsError as error:
            raise As2Refused(_SIGNATURE_ANSWERS[error.fault], error.reason) from None
        if kind != SIGNED_DATA:
            raise As2Refused(Modifier.AUTHENTICATION_FAILED, "the second part holds no SignedData")
        self._verify(element, Content(content.encoded))
        return content

    def _refuse_epilogue(self, entity: Entity, multipart: Multipart) -> None:
        """Inside an encryption nothing may follow the signature.

        Blocks appended to a CBC ciphertext would decrypt to an epilogue that no signature covers: the message would
        be accepted exactly when their padding is right.
        """
        if Layer.ENCRYPTED not in self.layers or self.noise:
            return
        behind = windows(entity.data, multipart.epilogue_start, entity.end)
        if any(bytes(piece).strip(b"\r\n\t ") for piece in behind):
            raise As2Refused(Modifier.UNEXPECTED_PROCESSING_ERROR, "bytes behind the signature of an encrypted message")

    def _open_opaque(self, element: Element) -> Entity:
        return read_entity(in_memory_as_bytes(self._verify(element, None).data))

    def _verify(self, element: Element, detached: Content | None) -> Content:
        try:
            signed = read_signed_data(element, self.scratch)
            content = covered_by(signed, detached)
            self.signature = verify(
                signed,
                content,
                certificates=possible_signers(signed, self.certificates, self.trust, self.now),
                digests=self.policy.digests,
                schemes=self.policy.signatures,
            )
        except CmsError as error:
            raise As2Refused(_SIGNATURE_ANSWERS[error.fault], error.reason) from None
        self.signed_content, self.signed_data = content, signed
        return content

    def _check(self) -> None:
        if self.noise:
            raise As2Refused(Modifier.DECRYPTION_FAILED, self.noise)
        if self.signature is None or self.signed_data is None:
            if self.policy.require_signed:
                raise As2Refused(Modifier.INSUFFICIENT_MESSAGE_SECURITY, "not signed, though the agreement demands it")
            return
        certificate = self.signature.certificate
        if self.policy.require_valid_certificate and not certificate.valid_at(self.now):
            reason = f"the signer's certificate {certificate.fingerprint} is not valid on {self.now:%Y-%m-%d}"
            raise As2Refused(Modifier.AUTHENTICATION_FAILED, reason)
        objection = signer_objection(self.signature, self.signed_data, self.trust, self.now)
        if objection is not None:
            raise As2Refused(Modifier.AUTHENTICATION_FAILED, f"the signer's certificate is not trusted: {objection}")

    def _mic(self, payload: Entity, envelope: Envelope, decoded: Buffer | None) -> Mic:
        requested = envelope.mdn_request.micalgs if envelope.mdn_request else ()
        default = self.signature.digest if self.signature else Digest.SHA256
        digest, label = choose_algorithm(requested, self.policy.mic_digests, default)
        if decoded is not None and not self.layers:
            content = Content(decoded)  # what `covered_content` says of a plain message, without decoding it again
        else:
            content = covered_content(signed=self.signed_content, payload=payload, secured=bool(self.layers))
        return Mic(content.digest(digest), digest, label)


def _payload(entity: Entity) -> tuple[Entity, tuple[Entity, ...]]:
    """The payload's entity and the parts beside it; parts are not looked into further."""
    if entity.content_type.value not in _COMPOUND:
        return entity, ()
    parts = list(split_multipart(entity).parts)
    if not parts:
        raise MimeError("multipart without parts")
    root = parts[0]
    start = entity.content_type.parameters.get("start")  # RFC 2387 3.2
    for part in parts:
        if start and (part.headers.get("content-id") or "").strip("<> ") == start.strip("<> "):
            root = part
    return root, tuple(part for part in parts if part is not root)
