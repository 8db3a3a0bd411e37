"""What the answer to an AS2 message means: proof of delivery, a refusal, or nothing that counts. Pure.

A receipt counts only when it was asked for as it came: signed by a certificate of the profile, for this message, from
this partner, with the MIC of what was sent. Everything else is kept as evidence and changes nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from certs.certificates import Certificate
from certs.trust import PINNED, Trust
from gateway.as2.cms.algorithms import Digest
from gateway.as2.disposition import remedy_for
from gateway.as2.envelope import Envelope, read_envelope
from gateway.as2.mdn import Mdn, MdnError, Verdict, judge_mdn, read_mdn
from gateway.as2.mic import parse_mic
from gateway.carriers.as2_claims import Claims, claims_of
from gateway.carriers.http import Answer
from gateway.carriers.parcels import Awaited, Delivered, Failed, Parcel, Refused

Meant: TypeAlias = Delivered | Awaited | Failed | Refused

RETRY_AFTER_S_MAX = 86_400
SHOWN_CHARACTERS_MAX = 200
REASON_CHARACTERS_MAX = 600

# Fields that are read of an answer: whoever repeats one wants two readers to see two receipts.
_SINGLE = ("content-type", "content-transfer-encoding", "as2-from", "as2-to", "as2-version", "message-id", "subject")

_DOES_NOT_COUNT = "the receipt does not count"
_OK, _MULTIPLE_CHOICES, _BAD_REQUEST, _SERVER_ERROR = 200, 300, 400, 500
_MOVED_FOR_GOOD = (301, 308)
_PASSES = (408, 429)  # the 4xx that are worth another attempt: too slow, too many

_STATUS_WORDS: Mapping[int, str] = {
    400: "they could not read the request: most products answer so to an AS2 id that they do not know",
    401: "they want a user and password, or others than ours: as2.connection.username and password",
    403: "they forbid it: our address, user or client certificate is not allowed there",
    404: "no AS2 service is at this path: check the path of `as2.url`",
    405: "nothing takes messages at this path: check the path of `as2.url`",
    407: "a proxy on the way wants a user and password",
    408: "they did not get the whole message in time",
    411: "they want another way of sending lengths",
    413: "the message is too large for them",
    415: "they do not take this media type: see `as2.sending.content_type`",
    421: "their server does not know this host name: check `as2.url`",
    426: "they want another protocol: check scheme and port of `as2.url`",
    429: "they want fewer messages at a time",
    500: "their product failed: often on an AS2 id or certificate that it does not know; ask them to look into their "
    "log for our Message-ID",
    502: "their proxy cannot reach their AS2 server",
    503: "their server is overloaded or being maintained",
    504: "their AS2 server does not answer their proxy in time",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a receipt must satisfy.

    Attributes:
        certificates: those that the partner may sign with, whatever their dates.
        digests: those that its signature may use.
        retry_after_s_max: how far they may put us off.
        trust: what its certificate must show beside being one of them.
    """

    certificates: Sequence[Certificate]
    digests: Collection[Digest]
    retry_after_s_max: float = RETRY_AFTER_S_MAX
    trust: Trust = PINNED


def outcome_of(parcel: Parcel, answer: Answer, terms: Terms, now: datetime) -> Meant:
    """What the answer to a parcel means."""
    facts: dict[str, object] = {"status": answer.status, "seconds": round(answer.seconds, 3)}
    facts |= {name: value for name, value in (("address", answer.peer.address), ("tls", answer.peer.tls)) if value}
    if not _OK <= answer.status < _MULTIPLE_CHOICES:
        return _by_status(answer, terms, now, facts)
    sent = read_envelope(parcel.headers)
    if not parcel.expects_receipt or sent.mdn_request is None:
        return Delivered(b"", facts)
    holds_report = _kind(answer) in ("multipart/report", "multipart/signed")
    if sent.mdn_request.delivery_url is not None and not holds_report:
        return Awaited(facts)
    if not answer.body.strip():
        return Failed(
            f"they answered {answer.status} without a receipt, though one is agreed: their product must send it in the "
            "answer (synchronous MDN)",
            receipt=raw(answer),
            facts=facts | {"step": "receipt"},
        )
    return _judge(parcel, sent, answer, terms, now, facts)


def _judge(
    parcel: Parcel, sent: Envelope, answer: Answer, terms: Terms, now: datetime, facts: Mapping[str, object]
) -> Meant:
    request = sent.mdn_request
    signed = request is not None and request.signed
    evidence = raw(answer)

    def without_proof(reason: str, step: str) -> Meant:
        if request is not None and request.delivery_url is not None:
            # It says nothing that counts, so it takes nothing from the receipt that is still to come.
            return Awaited({**facts, "answer": reason})
        return Failed(reason, receipt=evidence, facts={**facts, "step": step})

    repeated = [name for name in _SINGLE if sum(known.lower() == name for known, _ in answer.headers) > 1]
    if repeated:
        return without_proof(f"{_DOES_NOT_COUNT}: it repeats the header fields {', '.join(repeated)}", "receipt")
    try:
        mdn = read_mdn(
            answer.headers,
            answer.body,
            partner_certificates=terms.certificates,
            trust=terms.trust,
            now=now,
            require_signed=signed,
            digests=terms.digests,
        )
    except MdnError as error:
        claims = claims_of(answer.headers, answer.body)
        return without_proof(_not_counting(error, claims, answer), "signature" if claims.mdn is not None else "receipt")
    facts = {**facts, **_mdn_facts(mdn)}
    mics = [mic for mic in map(parse_mic, parcel.mics) if mic is not None]
    judged = judge_mdn(
        mdn, message_id=sent.message_id, as2_from=sent.as2_from, as2_to=sent.as2_to, mics=mics, mic_wanted=signed
    )
    if judged.verdict is Verdict.DELIVERED:
        return Delivered(evidence, facts)
    if judged.verdict is Verdict.WORTHLESS:
        return without_proof(f"{_DOES_NOT_COUNT}: {judged.reason}", "mic" if "MIC" in judged.reason else "receipt")
    reason = shown(judged.reason, REASON_CHARACTERS_MAX) + _their_words(mdn.text)
    if judged.verdict is Verdict.REFUSED:
        return Refused(reason, receipt=evidence, facts=facts)
    return Failed(reason, receipt=evidence, facts={**facts, "step": "receipt"})


def _not_counting(error: MdnError, claims: Claims, answer: Answer) -> str:
    words = f"{_DOES_NOT_COUNT}: {shown(str(error))}"
    if answer.header("content-encoding") not in (None, "identity"):
        words += (
            f"; the answer is compressed ({shown(answer.header('content-encoding') or '')}), which we did not offer"
        )
    if claims.stranger is not None:
        words += (
            f"; it is signed with {claims.stranger.subject}, SHA-256 fingerprint {claims.stranger.fingerprint}, which "
            "the profile does not name: compare it with the partner, and add it if it is theirs"
        )
    if claims.disposition is not None and not claims.disposition.successful:
        words += f"; it claims: {shown(str(claims.disposition))} ({remedy_for(claims.disposition)})"
    return words


def _mdn_facts(mdn: Mdn) -> dict[str, object]:
    facts: dict[str, object] = {"disposition": shown(str(mdn.disposition))}
    if mdn.mic is not None:
        facts["mic"] = str(mdn.mic)
    if mdn.signature is not None:
        facts |= {"signer": mdn.signature.certificate.fingerprint, "signature_digest": mdn.signature.digest.value}
    return facts


def _by_status(answer: Answer, terms: Terms, now: datetime, facts: dict[str, object]) -> Meant:
    status = answer.status
    words = status_words(answer)
    disposition = claims_of(answer.headers, answer.body).disposition
    if disposition is not None:
        words += f"; with it came a receipt that claims: {shown(str(disposition))} ({remedy_for(disposition)})"
    if (_BAD_REQUEST <= status < _SERVER_ERROR and status not in _PASSES) or status in _MOVED_FOR_GOOD:
        return Refused(words, receipt=raw(answer), facts=facts)
    after = retry_after(answer.header("retry-after"), now)
    waits = min(after, terms.retry_after_s_max) if after is not None else None
    return Failed(words, retry_after_s=waits, receipt=raw(answer), facts=facts | {"step": "status"})


def status_words(answer: Answer) -> str:
    """What an HTTP status means with AS2 products."""
    status = answer.status
    location = answer.header("location")
    if _MULTIPLE_CHOICES <= status < _BAD_REQUEST:
        where = f" to {shown(location.partition('?')[0])}" if location else ""
        return (
            f"HTTP {status}: they redirect{where}, which is not followed: somebody else could read the message there; "
            "write the right address into `as2.url`"
        )
    usual = _STATUS_WORDS.get(status) or ("their server failed" if status >= _SERVER_ERROR else "they refuse it")
    return f"HTTP {status}: {usual}"


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds until they want to hear of us again (RFC 9110 10.2.3); None where they do not say so legibly."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:10]), RETRY_AFTER_S_MAX))
    try:
        moment = parsedate_to_datetime(text[:64])
    except (ValueError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), RETRY_AFTER_S_MAX)


def _kind(answer: Answer) -> str:
    return (answer.header("content-type") or "").partition(";")[0].strip().lower()


def _their_words(text: str) -> str:
    return f"; they say: {shown(text)}" if text.strip() else ""


def shown(text: str, characters_max: int = SHOWN_CHARACTERS_MAX) -> str:
    """What the other side wrote, as one short line without control characters."""
    line = " ".join(text.split())
    plain = "".join(character if character.isprintable() else "?" for character in line)
    return plain if len(plain) <= characters_max else plain[: characters_max - 1] + "…"


def raw(answer: Answer) -> bytes:
    """An answer as it came: header fields, empty line, body."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    return fields.encode("utf-8", "surrogateescape") + b"\r\n" + answer.body
