"""Receipts: message disposition notifications, signed or not (RFC 4130 7, RFC 3798)."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from certs.certificates import Certificate
from certs.trust import PINNED, Trust
from gateway.as2.cms.algorithms import SIGNED_DATA, Digest
from gateway.as2.cms.ber import BerError
from gateway.as2.cms.content_info import CmsError, read_content_info
from gateway.as2.cms.signed_data import Content, Signature, covered_by, read_signed_data, verify
from gateway.as2.disposition import PROCESSED, Disposition, may_pass, parse_disposition, remedy_for
from gateway.as2.envelope import is_name, unquote_name
from gateway.as2.mic import Mic, agrees, parse_mic
from gateway.as2.mime import Entity, Headers, MimeError, read_entity, split_multipart
from gateway.as2.policy import DIGESTS_DEFAULT
from gateway.as2.signers import possible_signers, signer_objection
from gateway.as2.writing import HeaderFields, Part, Signing, boundary_for, message_headers, multipart_body, signed_part

_LINE_BREAKING = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNNAMED = "unknown"  # in place of an AS2 name that is absent or illegal: an answer is owed all the same


@dataclass(frozen=True, slots=True)
class WrittenMdn:
    """A receipt as the headers and the body of an HTTP response, or of a request of its own when asynchronous."""

    message_id: str
    headers: HeaderFields
    body: bytes


class MdnError(ValueError):
    """What came back is no receipt that counts; the message says why."""


@dataclass(frozen=True, slots=True)
class Mdn:
    """A receipt as received; `signature` is that of an agreed certificate, or None when it is not signed."""

    original_message_id: str
    disposition: Disposition
    mic: Mic | None
    as2_from: str
    as2_to: str
    final_recipient: str
    text: str
    signature: Signature | None


def write_mdn(
    *,
    as2_from: str,
    as2_to: str,
    message_id: str,
    original_message_id: str,
    now: datetime,
    reporting_ua: str,
    disposition: Disposition = PROCESSED,
    text: str = "The message was received and is being processed.",
    mic: Mic | None = None,
    signing: Signing | None = None,
) -> WrittenMdn:
    """The receipt for a message.

    Args:
        as2_from: our name; what the message had as AS2-To. An illegal name is answered as `unknown`.
        as2_to: the sender's name.
        message_id: of the receipt itself.
        original_message_id: as received, echoed byte for byte.
        now: in UTC.
        reporting_ua: product that answers, such as ``gateway.example; partner-gateway 1.0``.
        disposition: what became of the message.
        text: what a person reads.
        mic: of the message; none where it could not be opened.
        signing: for a receipt that was asked for signed, also when it reports a failure; see `signing_digest`.
    """
    recipient = _field(as2_from) or _UNNAMED
    fields = [
        ("Reporting-UA", _field(reporting_ua)),
        ("Original-Recipient", f"rfc822; {recipient}"),
        ("Final-Recipient", f"rfc822; {recipient}"),
        ("Original-Message-ID", _field(original_message_id)),
        ("Disposition", _field(str(disposition))),
    ]
    if mic is not None:
        fields.append(("Received-Content-MIC", _field(str(mic))))
    human = Part((("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", "8bit")), _lines(text))
    notification = "".join(f"{name}: {value}\r\n" for name, value in fields if value)
    machine = Part(
        (("Content-Type", "message/disposition-notification"), ("Content-Transfer-Encoding", "8bit")),
        notification.encode("utf-8", "surrogateescape"),
    )
    parts = (human.encoded(), machine.encoded())
    boundary = boundary_for(message_id, "report", parts)
    kind = f'multipart/report; report-type=disposition-notification; boundary="{boundary}"'
    part = Part((("Content-Type", kind),), multipart_body(parts, boundary))
    if signing is not None:
        part = signed_part(Content(part.encoded()), signing, message_id, now)
    headers = message_headers(_name(as2_from), _name(as2_to), message_id, now)
    return WrittenMdn(message_id, headers + part.fields, part.body)


def signing_digest(requested: Digest | None) -> Digest:
    """The digest to sign a receipt with: that of its MIC, as peers expect, unless it is too weak to sign with."""
    return requested if requested in DIGESTS_DEFAULT and requested is not None else Digest.SHA256


def _field(value: str) -> str:
    """The value without anything that could end the line; legal values stay as they are."""
    return _LINE_BREAKING.sub("", value)


def _name(value: str) -> str:
    return value if is_name(value) else _UNNAMED


def _lines(text: str) -> bytes:
    return "".join(f"{_field(line)}\r\n" for line in text.splitlines()).encode("utf-8", "replace")


def holds_mdn(headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]], body: bytes) -> bool:
    """Whether a request carries a receipt (asynchronous delivery) and no business message."""
    entity = Entity(body, 0, 0, len(body), Headers.of(headers))
    try:
        if entity.content_type.value == "multipart/signed":
            parts = split_multipart(entity).parts
            entity = parts[0] if parts else entity
        kind = entity.content_type.value
    except MimeError:
        return False
    return kind == "multipart/report"


def is_no_mdn(headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]]) -> bool:
    """Whether the head alone shows that no receipt follows: encrypted, compressed, or wanting a receipt itself.

    Nobody encrypts receipts, and RFC 8098 2.1 lets none be asked for one.
    """
    fields = Headers.of(headers)
    if fields.get("Disposition-Notification-To"):
        return True
    try:
        kind = Entity(b"", 0, 0, 0, fields).content_type.value
    except MimeError:
        return False
    return kind not in {"multipart/signed", "multipart/report"}


def read_mdn(
    headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]],
    body: bytes,
    *,
    partner_certificates: Sequence[Certificate],
    now: datetime,
    require_signed: bool,
    digests: Collection[Digest] = DIGESTS_DEFAULT,
    trust: Trust = PINNED,
) -> Mdn:
    """The receipt in an HTTP response or request; raises `MdnError` when it is none or is not signed as it must be.

    A signature that is there must be good, required or not. What the receipt says is judged by `objection`.
    """
    fields = Headers.of(headers)
    entity = Entity(bytes(body), 0, 0, len(body), fields)
    signature = None
    try:
        if entity.content_type.value == "multipart/signed":
            entity, signature = _verified(entity, partner_certificates, digests, trust, now)
            if not signature.certificate.valid_at(now):
                raise MdnError("the signer's certificate is not valid now")
        elif require_signed and entity.content_type.value == "multipart/report":
            raise MdnError("the receipt is not signed, though a signed one is required")
        return _read_report(entity, fields, signature)
    except (CmsError, BerError, MimeError) as error:
        raise MdnError(str(error)) from None


def _verified(
    entity: Entity, certificates: Sequence[Certificate], digests: Collection[Digest], trust: Trust, now: datetime
) -> tuple[Entity, Signature]:
    parts = split_multipart(entity).parts
    if len(parts) != 2:  # noqa: PLR2004 - RFC 1847 2.1
        raise MdnError("multipart/signed without exactly two parts")
    kind, element = read_content_info(*parts[1].decoded())
    if kind != SIGNED_DATA:
        raise MdnError("the second part holds no SignedData")
    signed = read_signed_data(element)
    content = covered_by(signed, Content(parts[0].encoded))
    signers = possible_signers(signed, certificates, trust, now)
    signature = verify(signed, content, certificates=signers, digests=digests)
    objection = signer_objection(signature, signed, trust, now)
    if objection is not None:
        raise MdnError(f"the signer's certificate is not trusted: {objection}")
    return parts[0], signature


def _read_report(entity: Entity, headers: Headers, signature: Signature | None) -> Mdn:
    if entity.content_type.value != "multipart/report":
        raise MdnError(f"{entity.content_type.value} is no receipt")
    text, notification = "", None
    for part in split_multipart(entity).parts:
        data, start, end = part.decoded()
        if part.content_type.value == "message/disposition-notification" and notification is None:
            notification = read_entity(data, start, end).headers
        elif part.content_type.value.startswith("text/") and not text:
            text = bytes(data[start:end]).decode("utf-8", "replace").strip()
    if notification is None:
        raise MdnError("multipart/report without a disposition notification")
    for name in ("Original-Message-ID", "Disposition", "Received-Content-MIC"):
        if notification.count(name) > 1:
            raise MdnError(f"{name} is repeated")
    disposition = parse_disposition(notification.get("disposition") or "")
    if disposition is None:
        raise MdnError("the receipt has no disposition")
    return Mdn(
        original_message_id=notification.get("original-message-id") or "",
        disposition=disposition,
        mic=parse_mic(notification.get("received-content-mic") or ""),
        as2_from=unquote_name(headers.get("as2-from") or "") or "",
        as2_to=unquote_name(headers.get("as2-to") or "") or "",
        final_recipient=(notification.get("final-recipient") or "").rpartition(";")[2].strip(),
        text=text,
        signature=signature,
    )


class Verdict(StrEnum):
    """What a receipt proves to who sent the message."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # they do not take it, and would not another time
    FAILED = "failed"  # they did not take it this time
    WORTHLESS = "worthless"  # it proves nothing of this message, whatever it says


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and, unless it is `DELIVERED`, its reason for people."""

    verdict: Verdict
    reason: str = ""


def judge_mdn(
    mdn: Mdn, *, message_id: str, as2_from: str, as2_to: str, mics: Iterable[Mic], mic_wanted: bool = True
) -> Judgement:
    """What a receipt proves of this message, sent by `as2_from` to `as2_to`; its signature was judged by `read_mdn`.

    `mic_wanted`: a receipt without MIC proves nothing. So it is with signed ones; who asks for an unsigned receipt
    names no algorithm (signed-receipt-micalg), and products state a MIC then or do not (RFC 4130 7.3, 7.4.3).

    The order counts: a refusal is believed only in a receipt that is for this message and from this partner. It needs
    no MIC, since a message that cannot be opened has none (RFC 4130 7.4.3).
    """
    if mdn.original_message_id.strip("<>") != message_id.strip("<>"):
        return Judgement(Verdict.WORTHLESS, "the receipt is for another message")
    if mdn.as2_from != as2_to or mdn.as2_to not in ("", as2_from):
        return Judgement(Verdict.WORTHLESS, "the receipt is from another partner")
    if not mdn.disposition.successful:
        verdict = Verdict.FAILED if may_pass(mdn.disposition) else Verdict.REFUSED
        reason = f"the partner did not process the message: {mdn.disposition}; {remedy_for(mdn.disposition)}"
        return Judgement(verdict, reason)
    if mdn.mic is None and mic_wanted:
        return Judgement(Verdict.WORTHLESS, "the receipt states no MIC")
    if mdn.mic is not None and not agrees(mdn.mic, mics):
        reason = "the MIC of the receipt is not that of the message: something else arrived"
        return Judgement(Verdict.WORTHLESS, reason)
    return Judgement(Verdict.DELIVERED)


def objection(mdn: Mdn, *, message_id: str, as2_from: str, as2_to: str, mics: Iterable[Mic]) -> str | None:
    """Why the receipt does not prove that this message, sent by `as2_from` to `as2_to`, arrived; None when it does."""
    judgement = judge_mdn(mdn, message_id=message_id, as2_from=as2_from, as2_to=as2_to, mics=mics)
    return None if judgement.verdict is Verdict.DELIVERED else judgement.reason
