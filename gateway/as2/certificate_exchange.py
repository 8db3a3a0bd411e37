"""Certificate exchange messages (CEM, draft-meadors-certificate-exchange-14): read and written, bytes in, values out.

A message is a multipart/related: an XML part that says what is asked or answered, and certs-only PKCS#7 parts with the
certificates that a request is about. Products write the certificate's issuer in many spellings, so a certificate is
found by its serial number, and the issuer's name is for people.
"""

import hashlib
import re
from base64 import encodebytes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from lxml import etree

from certs.certificates import Certificate, CertificateError, read_certificates
from gateway.as2.disposition import As2Refused, Modifier
from gateway.as2.mime import Attachment, MimeError, quoted_string, read_entity, split_multipart
from gateway.as2.opening import Opened
from translators.xml.parsing import parse

MEDIA_TYPE: Final = "application/ediint-cert-exchange+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:ediintcertificateexchange"
SIGNATURE_NAMESPACE: Final = "http://www.w3.org/2000/09/xmldsig#"
XML_BYTES_MAX = 262_144
MESSAGE_BYTES_MAX = 4 * 1_048_576
TRUSTS_MAX = 64  # of one message
CERTIFICATES_MAX = 64
TEXT_CHARACTERS_MAX = 1_000
SERIAL_DIGITS_MAX = 80

_NSMAP: Final = {None: NAMESPACE, "ds": SIGNATURE_NAMESPACE}
_REQUEST, _RESPONSE = "EDIINTCertificateExchangeRequest", "EDIINTCertificateExchangeResponse"
_CERTIFICATE_TYPES = ("application/pkcs7-mime", "application/x-pkcs7-mime", "application/pkix-cert")
# What XML 1.0 cannot carry.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class CertUsage(StrEnum):
    """What a certificate is to be used for."""

    DIGITAL_SIGNATURE = "digitalSignature"
    KEY_ENCIPHERMENT = "keyEncipherment"
    TLS_CLIENT = "tlsClient"
    TLS_SERVER = "tlsServer"


class CertStatus(StrEnum):
    """What became of it."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ExchangeError(ValueError):
    """The bytes are no certificate exchange message; the text says why."""


@dataclass(frozen=True, slots=True)
class CertificateReference:
    """Issuer, in the writer's spelling, and serial number."""

    issuer: str
    serial_number: int


@dataclass(frozen=True, slots=True)
class TrustRequest:
    """One certificate that is to be trusted.

    Attributes:
        respond_by: until when an answer is wanted; for signatures the sender changes over then at the earliest.
        response_url: where the answer is wanted. As sent: whoever uses it must compare it with the profile first.
        content_id: of the part that holds the certificate; empty where the writer left it out.
    """

    usages: tuple[CertUsage, ...]
    certificate: CertificateReference
    respond_by: datetime | None = None
    response_url: str = ""
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class TrustResponse:
    """The answer on one certificate."""

    status: CertStatus
    certificate: CertificateReference
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ExchangeRequest:
    """A request; `name` is the AS2 name of whose certificates they are."""

    request_id: str
    name: str
    trust_requests: tuple[TrustRequest, ...]
    originated: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExchangeResponse:
    """The answer to a request, under its id as it was written there."""

    request_id: str
    name: str
    trust_responses: tuple[TrustResponse, ...]
    originated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A message with its parts: the XML, and the certificates beside it."""

    xml: bytes
    certificates: tuple[Certificate, ...]
    unreadable: tuple[str, ...] = ()

    def certificate_of(self, reference: CertificateReference) -> Certificate | None:
        """The certificate that a reference means; None when none, or more than one, has its serial number."""
        found = [one for one in self.certificates if one.serial_number == reference.serial_number]
        return found[0] if len(found) == 1 else None


def is_exchange(content_type: str) -> bool:
    """Whether a content type, of the whole or of its XML part, is that of a certificate exchange message."""
    return MEDIA_TYPE in content_type.lower()


# --- reading ---------------------------------------------------------------------------------------------------------


def read_exchange(data: bytes) -> ExchangeRequest | ExchangeResponse:
    """What the XML part says.

    Raises:
        ExchangeError: it is no such document, or says less than an answer could be made from.
    """
    if len(data) > XML_BYTES_MAX:
        raise ExchangeError(f"the exchange document is larger than {XML_BYTES_MAX} bytes")
    root, findings = parse(data)
    if root is None:
        raise ExchangeError(findings[0].message if findings else "the exchange document is no XML")
    name = etree.QName(root)
    if name.namespace != NAMESPACE or name.localname not in (_REQUEST, _RESPONSE):
        raise ExchangeError(f"the document is {name.localname[:99]}, neither {_REQUEST} nor {_RESPONSE}")
    request_id = _text(root.get("requestId") or root.get("requestID") or root.get("RequestId") or "")
    if not request_id:
        raise ExchangeError("the document has no requestId, so nothing could answer to it")
    partner = _child(root, "TradingPartnerInfo")
    as2_name = _value(partner, "Name") if partner is not None else ""
    originated = _moment(_value(partner, "MessageOriginated")) if partner is not None else None
    if name.localname == _REQUEST:
        asked = tuple(map(_trust_request, _children(root, "TrustRequest")))
        if not asked:
            raise ExchangeError("the request asks for no certificate")
        return ExchangeRequest(request_id, as2_name, asked, originated)
    answered = tuple(map(_trust_response, _children(root, "TrustResponse")))
    if not answered:
        raise ExchangeError("the response answers nothing")
    return ExchangeResponse(request_id, as2_name, answered, originated)


def _trust_request(element: etree._Element) -> TrustRequest:
    usages: list[CertUsage] = []
    for child in _children(element, "CertUsage"):
        word = _text(child.text or "")
        known = next((usage for usage in CertUsage if usage.value.lower() == word.lower()), None)
        if known is None:
            raise ExchangeError(f"the usage {word[:60]!r} is not known here")
        if known not in usages:
            usages.append(known)
    if not usages:
        raise ExchangeError("a certificate without a usage")
    entity = _child(element, "EndEntity")
    if entity is None:
        raise ExchangeError("a trust request without EndEntity")
    return TrustRequest(
        usages=tuple(usages),
        certificate=_reference(entity),
        respond_by=_moment(_value(element, "RespondByDate")),
        response_url=_value(element, "ResponseURL"),
        content_id=_value(entity, "CertificateContentID").strip("<>"),
    )


def _trust_response(element: etree._Element) -> TrustResponse:
    word = _value(element, "CertStatus")
    status = next((status for status in CertStatus if status.value.lower() == word.lower()), None)
    if status is None:
        raise ExchangeError(f"the status {word[:60]!r} is not known here")
    reference = _child(element, "CertificateReference")
    if reference is None:
        raise ExchangeError("a trust response without CertificateReference")
    return TrustResponse(status, _reference(reference), _value(element, "ReasonForRejection"))


def _reference(element: etree._Element) -> CertificateReference:
    """Issuer and serial number, wherever below the element they stand: products nest them differently."""
    issuer = serial = ""
    for child in element.iter(f"{{{SIGNATURE_NAMESPACE}}}*"):
        local = etree.QName(child).localname
        if local == "X509IssuerName":
            issuer = _text(child.text or "")
        elif local == "X509SerialNumber":
            serial = _text(child.text or "")
    if not serial.isascii() or not serial.isdigit() or len(serial) > SERIAL_DIGITS_MAX:
        raise ExchangeError("a certificate without a readable serial number (ds:X509SerialNumber)")
    return CertificateReference(issuer, int(serial))


def _children(element: etree._Element, name: str) -> list[etree._Element]:
    found = list(element.iterchildren(f"{{{NAMESPACE}}}{name}"))
    if len(found) > TRUSTS_MAX:
        raise ExchangeError(f"more than {TRUSTS_MAX} times {name}")
    return found


def _child(element: etree._Element, name: str) -> etree._Element | None:
    found = _children(element, name)
    if len(found) > 1:
        raise ExchangeError(f"{name} is repeated")
    return found[0] if found else None


def _value(element: etree._Element, name: str) -> str:
    child = _child(element, name)
    return _text(child.text or "") if child is not None else ""


def _text(text: str) -> str:
    stripped = text.strip()
    if len(stripped) > TEXT_CHARACTERS_MAX:
        raise ExchangeError(f"a value of more than {TEXT_CHARACTERS_MAX} characters")
    return stripped


def _moment(text: str) -> datetime | None:
    """An xsd:dateTime in UTC; without a zone it is taken for UTC. None where there is none that can be read."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def bundle_of(xml: bytes, parts: Iterable[Attachment]) -> Bundle:
    """The XML with the certificates of the parts beside it; parts that hold none are named in `unreadable`."""
    found: list[Certificate] = []
    unreadable: list[str] = []
    for part in parts:
        try:
            found += read_certificates(bytes(part.content))
        except CertificateError as error:
            unreadable.append(f"{part.content_type[:100]}: {error}")
        if len(found) > CERTIFICATES_MAX:
            raise ExchangeError(f"more than {CERTIFICATES_MAX} certificates in one message")
    return Bundle(xml, tuple(dict.fromkeys(found)), tuple(unreadable))


def read_bundle(entity: bytes) -> Bundle:
    """A message that was kept by `keep_bundle`.

    Raises:
        ExchangeError: it is none.
    """
    try:
        parts = split_multipart(read_entity(entity)).parts
        contents = []
        for part in parts:
            data, start, end = part.decoded()
            contents.append(Attachment(bytes(data[start:end]), part.content_type.value, None))
    except MimeError as error:
        raise ExchangeError(str(error)) from None
    xml = next((part.content for part in contents if part.content_type == MEDIA_TYPE), None)
    if xml is None:
        raise ExchangeError(f"no part is {MEDIA_TYPE}")
    return bundle_of(bytes(xml), (part for part in contents if part.content_type != MEDIA_TYPE))


def in_one_piece(opened: Opened) -> Opened:
    """A certificate exchange message as it is kept: its XML and what came beside it as one payload.

    The same message gives the same payload, so that a repetition of it is seen.

    Raises:
        As2Refused: nobody signed it. Who may change our trust must be trusted already.
    """
    if opened.signature is None:
        reason = "a certificate exchange message that is not signed"
        raise As2Refused(Modifier.INSUFFICIENT_MESSAGE_SECURITY, reason)
    if len(opened.payload) + sum(len(part.content) for part in opened.attachments) > MESSAGE_BYTES_MAX:
        reason = f"a certificate exchange message of more than {MESSAGE_BYTES_MAX} bytes"
        raise As2Refused(Modifier.UNEXPECTED_PROCESSING_ERROR, reason)
    xml = bytes(opened.payload)
    content_type, entity = keep_bundle(xml, opened.attachments, hashlib.sha256(xml).hexdigest())
    return replace(opened, payload=entity, content_type=content_type, filename=None, attachments=())


# --- writing ---------------------------------------------------------------------------------------------------------


def write_exchange(message: ExchangeRequest | ExchangeResponse) -> bytes:
    """The XML part."""
    is_request = isinstance(message, ExchangeRequest)
    root = etree.Element(f"{{{NAMESPACE}}}{_REQUEST if is_request else _RESPONSE}", nsmap=_NSMAP)  # type: ignore[arg-type]  # the stubs know no default namespace
    root.set("requestId", _writable(message.request_id))
    partner = _add(root, "TradingPartnerInfo")
    _add(partner, "Name", message.name).set("qualifier", "AS2")
    if message.originated is not None:
        _add(partner, "MessageOriginated", _written_moment(message.originated))
    if isinstance(message, ExchangeRequest):
        for asked in message.trust_requests:
            _add_request(root, asked)
    else:
        for answered in message.trust_responses:
            _add_response(root, answered)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _add_request(root: etree._Element, asked: TrustRequest) -> None:
    element = _add(root, "TrustRequest")
    for usage in asked.usages:
        _add(element, "CertUsage", usage.value)
    if asked.respond_by is not None:
        _add(element, "RespondByDate", _written_moment(asked.respond_by))
    _add(element, "ResponseURL", asked.response_url)
    entity = _add(element, "EndEntity")
    _add_reference(_add(entity, "CertificateIdentifier"), asked.certificate)
    _add(entity, "CertificateContentID", asked.content_id)


def _add_response(root: etree._Element, answered: TrustResponse) -> None:
    element = _add(root, "TrustResponse")
    _add(element, "CertStatus", answered.status.value)
    if answered.reason and answered.status is CertStatus.REJECTED:
        _add(element, "ReasonForRejection", answered.reason)
    _add_reference(_add(element, "CertificateReference"), answered.certificate)


def _add_reference(element: etree._Element, reference: CertificateReference) -> None:
    for name, value in (("X509IssuerName", reference.issuer), ("X509SerialNumber", str(reference.serial_number))):
        child = etree.SubElement(element, f"{{{SIGNATURE_NAMESPACE}}}{name}")
        child.text = _writable(value)


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if text is not None:
        child.text = _writable(text)
    return child


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("?", text)


def _written_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reference_to(certificate: Certificate) -> CertificateReference:
    """How a certificate is named in these messages."""
    return CertificateReference(certificate.issuer, certificate.serial_number)


def content_id_of(certificate: Certificate, domain: str) -> str:
    """A Content-ID for the part of a certificate, without angle brackets."""
    return f"{certificate.fingerprint[:32]}@{domain}"


def write_message(xml: bytes, certificates: Sequence[tuple[str, Certificate]], seed: str) -> tuple[str, bytes]:
    """Content type and body of the multipart/related, with a certs-only part for each (Content-ID, certificate).

    The same arguments give the same bytes; `seed` makes the boundary.
    """
    root_id = f"exchange.{seed}"
    parts = [_part((("Content-Type", MEDIA_TYPE), ("Content-ID", f"<{root_id}>")), xml)]
    for content_id, certificate in certificates:
        encoded = pkcs7.serialize_certificates([certificate.parsed], serialization.Encoding.DER)
        fields = (
            ("Content-Type", 'application/pkcs7-mime; smime-type=certs-only; name="certificate.p7c"'),
            ("Content-Transfer-Encoding", "base64"),
            ("Content-ID", f"<{content_id}>"),
            ("Content-Disposition", 'attachment; filename="certificate.p7c"'),
        )
        parts.append(_part(fields, _base64_lines(encoded)))
    return _related(parts, seed)


def keep_bundle(xml: bytes, parts: Iterable[Attachment], seed: str) -> tuple[str, bytes]:
    """Content type and MIME entity under which a received message is kept: what was opened, in one piece."""
    encoded = [_part((("Content-Type", MEDIA_TYPE),), xml)]
    for part in parts:
        kind = part.content_type if part.content_type in _CERTIFICATE_TYPES else "application/octet-stream"
        fields = (("Content-Type", kind), ("Content-Transfer-Encoding", "base64"))
        encoded.append(_part(fields, _base64_lines(bytes(part.content))))
    content_type, body = _related(encoded, seed)
    return content_type, _part((("Content-Type", content_type),), body)


def _part(fields: Iterable[tuple[str, str]], body: bytes) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return b"".join((head.encode("ascii"), b"\r\n", body))


def _base64_lines(data: bytes) -> bytes:
    return encodebytes(data).rstrip(b"\n").replace(b"\n", b"\r\n")


def _related(parts: Sequence[bytes], seed: str) -> tuple[str, bytes]:
    number = 0
    while True:
        boundary = "=_" + hashlib.sha256(f"{number}/{seed}".encode()).hexdigest()[:32]
        if not any(boundary.encode() in part for part in parts):
            break
        number += 1
    mark = b"--" + boundary.encode()
    body = b"".join(piece for part in parts for piece in (mark, b"\r\n", part, b"\r\n")) + mark + b"--\r\n"
    return f'multipart/related; type={quoted_string(MEDIA_TYPE)}; boundary="{boundary}"', body
