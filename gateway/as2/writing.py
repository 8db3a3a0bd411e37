"""A message is written: payload, compression, signature, encryption, and the headers around them (RFC 4130 4, 6)."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from certs.certificates import Certificate, KeyPair
from gateway.as2.cms.algorithms import Cipher, Digest, KeyTransport, SignatureScheme
from gateway.as2.cms.compressed_data import compress_pieces
from gateway.as2.cms.enveloped_data import encrypt_pieces
from gateway.as2.cms.signed_data import Content, sign
from gateway.as2.envelope import FEATURES, MESSAGE_ID_LENGTH_MAX, VERSION, MdnRequest, quote_name, write_options
from gateway.as2.mic import Mic, mics_of
from gateway.as2.mime import Attachment, quoted_string, safe_filename
from gateway.buffers import Buffer, MemorySink, Scratch, find, whole

Compression = Literal["before-signing", "after-signing"]
HeaderFields = tuple[tuple[str, str], ...]

_PLAIN_TEXT = re.compile(r"[^\x00-\x1f\x7f]*")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:;[ -~]*)?")


@dataclass(frozen=True, slots=True)
class Signing:
    """With which key and how to sign."""

    pair: KeyPair
    digest: Digest = Digest.SHA256
    scheme: SignatureScheme = SignatureScheme.RSA_V1_5


@dataclass(frozen=True, slots=True)
class Encryption:
    """For which certificates and how to encrypt."""

    certificates: Sequence[Certificate]
    cipher: Cipher = Cipher.AES256_CBC
    key_transport: KeyTransport = KeyTransport.RSA_V1_5


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """A message ready to be posted: a retry sends the same headers and body again.

    Attributes:
        mics: every MIC that a receipt may rightly state, for each digest; see `gateway.as2.mic.agrees`.
    """

    message_id: str
    headers: HeaderFields
    body: Buffer
    mics: tuple[Mic, ...]


class Part:
    """A MIME entity that is being written: its fields, and its body in buffers one behind the other."""

    __slots__ = ("buffers", "fields")

    def __init__(self, fields: HeaderFields, *buffers: Buffer) -> None:
        self.fields = fields
        self.buffers = buffers

    @property
    def body(self) -> bytes:
        """The body, copied together."""
        return whole(Content(*self.buffers).data)

    def content(self) -> Content:
        """Fields, empty line and body."""
        return Content(_field_lines(self.fields) + b"\r\n", *self.buffers)

    def encoded(self) -> bytes:
        """Fields, empty line and body, copied together."""
        return b"".join(self.content().buffers)


def _field_lines(fields: HeaderFields) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("utf-8", "surrogateescape")


def write_message(  # noqa: PLR0913 - each is a choice of the protocol
    payload: Buffer,
    *,
    as2_from: str,
    as2_to: str,
    message_id: str,
    content_type: str,
    now: datetime,
    filename: str | None = None,
    subject: str = "",
    attachments: Sequence[Attachment] = (),
    signing: Signing | None = None,
    encryption: Encryption | None = None,
    compression: Compression | None = None,
    mdn_request: MdnRequest | None = None,
    scratch: Scratch = MemorySink,
) -> WrittenMessage:
    """The message as headers and body.

    `now` is in UTC. What is compressed and encrypted is written to scratch, whose errors pass through.
    Raises ValueError for names, ids and types that cannot stand in a header.
    """
    part = payload_part(payload, content_type, filename)
    if attachments:
        part = related_part(part, attachments, message_id)
    covered = [part.content() if signing or encryption or compression else Content(*part.buffers)]
    if compression == "before-signing" or (compression and signing is None):
        uncompressed, part = part, compressed_part(part, scratch)
        if signing is None and encryption is None:
            # RFC 5402 4.3 wants the headers under the MIC, RFC 4130 7.3.1 does not: either answer is a right one.
            covered.append(Content(*uncompressed.buffers))
        elif signing is None:
            covered.append(part.content())
    if signing is not None:
        content = part.content()
        covered = [content]
        part = signed_part(content, signing, message_id, now)
        if compression == "after-signing":
            part = compressed_part(part, scratch)
    mics = mics_of(covered)
    if encryption is not None:
        part = encrypted_part(part, encryption, scratch)
    fields = message_headers(as2_from, as2_to, message_id, now)
    if subject:
        fields += (("Subject", plain_text("Subject", subject)),)
    if mdn_request is not None:
        fields += _request_fields(mdn_request)
    return WrittenMessage(message_id, fields + part.fields, _gathered(part.buffers, scratch), mics)


def _gathered(buffers: Sequence[Buffer], scratch: Scratch) -> Buffer:
    """The buffers as one."""
    if len(buffers) == 1:
        return buffers[0]
    sink = scratch()
    for piece in Content(*buffers).pieces():
        sink.write(piece)
    return sink.view()


def payload_part(payload: Buffer, content_type: str, filename: str | None) -> Part:
    """The business payload as an entity."""
    if not _MEDIA_TYPE.fullmatch(content_type):
        raise ValueError(f"not a media type: {content_type!r}")
    fields: HeaderFields = (("Content-Type", content_type), ("Content-Transfer-Encoding", "binary"))
    name = safe_filename(filename or "")
    if name:
        parameter = f"filename={quoted_string(name)}" if name.isascii() else f"filename*=utf-8''{quote(name, safe='')}"
        fields += (("Content-Disposition", f"attachment; {parameter}"),)
    return Part(fields, payload)


def related_part(root: Part, attachments: Sequence[Attachment], message_id: str) -> Part:
    """The payload with further documents beside it (RFC 6362 2, RFC 2387)."""
    beside = [payload_part(item.content, item.content_type, item.filename).content() for item in attachments]
    parts = [root.content(), *beside]
    boundary = boundary_for(message_id, "related", parts)
    root_type = quoted_string(dict(root.fields)["Content-Type"].partition(";")[0])
    kind = f'multipart/related; type={root_type}; boundary="{boundary}"'
    return Part((("Content-Type", kind),), *_multipart_buffers(parts, boundary))


def compressed_part(part: Part, scratch: Scratch = MemorySink) -> Part:
    """The entity compressed (RFC 5402 2)."""
    return _pkcs7_mime(compress_pieces(part.content().pieces(), scratch), "compressed-data", "smime.p7z")


def encrypted_part(part: Part, encryption: Encryption, scratch: Scratch = MemorySink) -> Part:
    """The entity encrypted (RFC 8551 3.3)."""
    content = part.content()
    sealed = encrypt_pieces(
        content.pieces(),
        len(content),
        encryption.certificates,
        cipher=encryption.cipher,
        key_transport=encryption.key_transport,
        scratch=scratch,
    )
    kind = "authEnveloped-data" if encryption.cipher.value.endswith("gcm") else "enveloped-data"
    return _pkcs7_mime((sealed,), kind, "smime.p7m")


def _pkcs7_mime(buffers: Sequence[Buffer], kind: str, name: str) -> Part:
    fields = (
        ("Content-Type", f'application/pkcs7-mime; smime-type={kind}; name="{name}"'),
        ("Content-Transfer-Encoding", "binary"),
        ("Content-Disposition", f'attachment; filename="{name}"'),
    )
    return Part(fields, *buffers)


def signed_part(content: Content, signing: Signing, message_id: str, now: datetime) -> Part:
    """An encoded entity under a detached signature (RFC 8551 3.5.3)."""
    signature = sign(content, signing.pair, digest=signing.digest, scheme=signing.scheme, now=now)
    signature_part = Part(
        (
            ("Content-Type", 'application/pkcs7-signature; name="smime.p7s"'),
            ("Content-Transfer-Encoding", "base64"),
            ("Content-Disposition", 'attachment; filename="smime.p7s"'),
        ),
        _base64_lines(signature),
    )
    parts = (content, signature_part.content())
    boundary = boundary_for(message_id, "signed", parts)
    kind = f'multipart/signed; protocol="application/pkcs7-signature"; micalg={signing.digest}; boundary="{boundary}"'
    return Part((("Content-Type", kind),), *_multipart_buffers(parts, boundary))


def _base64_lines(data: bytes) -> bytes:
    encoded = b64encode(data)
    return b"\r\n".join(encoded[start : start + 76] for start in range(0, len(encoded), 76))


def multipart_body(parts: Iterable[Buffer], boundary: str) -> bytes:
    """The body of a multipart, in memory."""
    return b"".join(_multipart_buffers(map(Content, parts), boundary))


def _multipart_buffers(parts: Iterable[Content], boundary: str) -> list[Buffer]:
    mark = b"--" + boundary.encode("ascii")
    buffers: list[Buffer] = []
    for part in parts:
        buffers += [mark + b"\r\n", *part.buffers, b"\r\n"]
    return [*buffers, mark + b"--\r\n"]


def boundary_for(message_id: str, role: str, parts: Iterable[Buffer | Content]) -> str:
    """A boundary that occurs in none of the parts, the same each time for the same message."""
    buffers = [buffer for part in parts for buffer in (part.buffers if isinstance(part, Content) else (part,))]
    number = 0
    while True:
        seed = f"{role}/{number}/{message_id}".encode("utf-8", "surrogateescape")
        boundary = "=_" + hashlib.sha256(seed).hexdigest()[:32]
        if all(find(buffer, boundary.encode()) < 0 for buffer in buffers):
            return boundary
        number += 1


def message_headers(as2_from: str, as2_to: str, message_id: str, now: datetime) -> HeaderFields:
    """The headers that messages and receipts have in common."""
    if len(message_id) > MESSAGE_ID_LENGTH_MAX or not message_id:
        raise ValueError(f"a Message-ID has 1 to {MESSAGE_ID_LENGTH_MAX} characters")
    return (
        ("AS2-Version", VERSION),
        ("EDIINT-Features", FEATURES),
        ("AS2-From", quote_name(as2_from)),
        ("AS2-To", quote_name(as2_to)),
        ("Message-ID", plain_text("Message-ID", message_id)),
        ("Date", f"{_DAYS[now.weekday()]}, {now:%d} {_MONTHS[now.month - 1]} {now:%Y %H:%M:%S} GMT"),
        ("MIME-Version", "1.0"),
    )


# strftime would speak the language of the machine.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def plain_text(name: str, value: str) -> str:
    """The value, if it can stand in a header; a line end in it would start another one."""
    if not _PLAIN_TEXT.fullmatch(value):
        raise ValueError(f"control character in {name}: {value!r}")
    return value


def _request_fields(request: MdnRequest) -> HeaderFields:
    fields: HeaderFields = (
        ("Disposition-Notification-To", plain_text("Disposition-Notification-To", request.notification_to)),
    )
    if request.signed:
        options = plain_text("Disposition-Notification-Options", write_options(request))
        fields += (("Disposition-Notification-Options", options),)
    if request.delivery_url:
        fields += (("Receipt-Delivery-Option", plain_text("Receipt-Delivery-Option", request.delivery_url)),)
    return fields
