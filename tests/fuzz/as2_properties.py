"""What holds for any bytes that come as an AS2 request: a value, or one of the refusals that are written down.

Each property takes bytes and raises AssertionError where it does not hold; any other exception is a fault as well.
"""

import contextlib
import re
from collections.abc import Callable

from gateway.as2.certificate_exchange import ExchangeError, read_bundle, read_exchange, write_exchange
from gateway.as2.cms.algorithms import AUTH_ENVELOPED_DATA, COMPRESSED_DATA, ENVELOPED_DATA, SIGNED_DATA, Cipher, Digest
from gateway.as2.cms.ber import BerError, Element, read_element
from gateway.as2.cms.compressed_data import decompress
from gateway.as2.cms.content_info import CmsError, read_content_info
from gateway.as2.cms.enveloped_data import decrypt
from gateway.as2.cms.signed_data import Content, covered_by, read_signed_data, verify
from gateway.as2.disposition import As2Refused, Modifier
from gateway.as2.envelope import MESSAGE_ID_LENGTH_MAX, quote_name, read_envelope, read_options, unquote_name
from gateway.as2.mdn import Mdn, MdnError, holds_mdn, judge_mdn, read_mdn
from gateway.as2.message import Layer, Opened, Policy, open_message
from gateway.as2.mime import (
    FILENAME_BYTES_MAX,
    PARTS_MAX,
    Entity,
    Headers,
    MimeError,
    parse_parameterized,
    read_entity,
    safe_filename,
    split_multipart,
)
from tests.fuzz.as2_parties import NOW, partner, us

DECOMPRESSED_BYTES_MAX = 1_048_576
DEPTH_MAX = 64
POLICIES = (
    Policy(decompressed_bytes_max=DECOMPRESSED_BYTES_MAX),
    Policy(
        require_signed=False,
        require_encrypted=False,
        digests=frozenset(Digest),
        ciphers=frozenset(Cipher),
        decompressed_bytes_max=DECOMPRESSED_BYTES_MAX,
    ),
)
# Made now: an input is not to be blamed for the time that keys take.
_OUR_KEYS, _THEIR_KEYS = us(), partner()
_LINE = re.compile(rb"([!-9;-~]{1,100}):[ \t]*([^\r\n]*)\r?\n")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f/\\]")


def request(data: bytes) -> tuple[Headers, bytes]:
    """Header fields and body, as an HTTP server hands them over: what is no field is left out."""
    head, _, body = data.partition(b"\r\n\r\n")
    fields = [
        (name.decode("ascii"), value.decode("utf-8", "surrogateescape")) for name, value in _LINE.findall(head + b"\n")
    ]
    return Headers(fields), body


def opens(data: bytes) -> None:
    """A message is opened or refused, the same in memory as in a view; what is encrypted tells no more than that."""
    headers, body = request(data)
    envelope = read_envelope(headers)
    for policy in POLICIES:
        outcome = _opened(envelope, headers, body, policy)
        again = _opened(envelope, headers, memoryview(body), policy)
        if isinstance(outcome, As2Refused):
            assert isinstance(again, As2Refused)
            assert outcome.modifier is again.modifier
            assert outcome.audit_reason
            continue
        assert isinstance(again, Opened)
        assert bytes(outcome.payload) == bytes(again.payload)
        assert outcome.mic == again.mic
        assert len(outcome.payload) <= max(len(body), DECOMPRESSED_BYTES_MAX)
        assert outcome.filename is None or _is_harmless(outcome.filename)
        assert outcome.signed or not policy.require_signed
        assert outcome.encrypted or not policy.require_encrypted
        assert len(set(outcome.layers)) == len(outcome.layers) <= len(Layer)
        assert len(outcome.attachments) < PARTS_MAX


def _opened(envelope, headers: Headers, body, policy: Policy) -> Opened | As2Refused:
    try:
        return open_message(
            envelope,
            headers,
            body,
            keys=[_OUR_KEYS],
            partner_certificates=[_THEIR_KEYS.certificate],
            policy=policy,
            now=NOW,
        )
    except As2Refused as refused:
        return refused


def oracle_stays_silent(data: bytes) -> None:
    """An encrypted message that is not authenticated by the partner has one answer, whatever is wrong inside."""
    headers, body = request(data)
    content_type = parse_of(headers)
    if content_type not in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        return
    try:
        kind, _ = read_content_info(body)
    except CmsError:
        return
    if kind != ENVELOPED_DATA or read_envelope(headers).refusal is not None:
        return
    if headers.get("content-transfer-encoding") not in (None, "binary"):
        return
    outcome = _opened(read_envelope(headers), headers, body, POLICIES[0])
    if isinstance(outcome, As2Refused):
        assert outcome.modifier in (
            Modifier.DECRYPTION_FAILED,
            # What anyone can see without a key: an algorithm that is not allowed.
            Modifier.INSUFFICIENT_MESSAGE_SECURITY,
        ), outcome.audit_reason


def parse_of(headers: Headers) -> str:
    """The media type, empty where there is none to be read."""
    if headers.count("content-type") != 1:
        return ""
    try:
        return parse_parameterized(headers.get("content-type") or "").value
    except MimeError:
        return ""


def reads_headers(data: bytes) -> None:
    """An envelope is read from any fields; names survive being quoted; nothing in it is longer than it may be."""
    headers, body = request(data)
    envelope = read_envelope(headers)
    assert envelope.refusal is not None or len(envelope.message_id) <= MESSAGE_ID_LENGTH_MAX
    if envelope.refusal is None:
        for name in (envelope.as2_from, envelope.as2_to):
            assert unquote_name(quote_name(name)) == name
    holds_mdn(headers, body)
    text = data[:4_096].decode("utf-8", "surrogateescape")
    read_options(text)
    unquote_name(text)
    name = safe_filename(text)
    assert name is None or _is_harmless(name)
    try:
        parameterized = parse_parameterized(text)
    except MimeError:
        return
    assert parameterized.value == parameterized.value.lower()


def _is_harmless(name: str) -> bool:
    encoded = name.encode("utf-8", "strict")
    return not _UNPRINTABLE.search(name) and name not in {".", ".."} and 0 < len(encoded) <= FILENAME_BYTES_MAX


def reads_mime(data: bytes) -> None:
    """Entities and their parts lie inside what they are part of, in their order; everything else is a MimeError."""
    try:
        _walk(read_entity(data), 0)
    except MimeError:
        return


def _walk(entity: Entity, depth: int) -> None:
    assert entity.start <= entity.body_start <= entity.end <= len(entity.data)
    content_type = entity.content_type
    name = entity.filename
    assert name is None or _is_harmless(name)
    content, start, end = entity.decoded()
    assert 0 <= start <= end <= len(content)
    assert end - start <= entity.end - entity.body_start
    if content_type.value.startswith("multipart/") and depth < DEPTH_MAX:
        position = entity.body_start
        for part in split_multipart(entity).parts:
            assert position <= part.start <= part.end <= entity.end
            position = part.end
            _walk(part, depth + 1)


def reads_ber(data: bytes) -> None:
    """Elements lie inside each other; written in definite form they read as the same."""
    try:
        element = read_element(data)
        _walk_ber(element, 0)
        definite = element.definite()
    except BerError:
        return
    assert read_element(definite).end == len(definite)
    assert read_element(definite).definite() == definite


def _walk_ber(element: Element, depth: int) -> None:
    assert element.start < element.content_start <= element.content_end <= element.end
    if element.tag & 0x20 and depth < DEPTH_MAX:
        for child in element.children():
            assert element.content_start <= child.start <= child.end <= element.content_end
            _walk_ber(child, depth + 1)


def reads_cms(data: bytes) -> None:
    """What can be done with a CMS structure is done, or ends in a CmsError."""
    try:
        kind, element = read_content_info(data)
        if kind in (ENVELOPED_DATA, AUTH_ENVELOPED_DATA):
            decrypted = decrypt(kind, element, keys=[_OUR_KEYS, _THEIR_KEYS], ciphers=frozenset(Cipher))
            assert len(decrypted.content) <= len(data)
        elif kind == COMPRESSED_DATA:
            content = decompress(element, bytes_max=DECOMPRESSED_BYTES_MAX, ratio_max=200)
            assert len(content) <= DECOMPRESSED_BYTES_MAX
        elif kind == SIGNED_DATA:
            signed = read_signed_data(element)
            detached = Content(b"x") if signed.content is None else None
            content = covered_by(signed, detached)
            verify(signed, content, certificates=[_THEIR_KEYS.certificate], digests=frozenset(Digest))
    except (CmsError, BerError):
        return


def reads_receipts(data: bytes) -> None:
    """A receipt is a value or an MdnError; without a signature of the partner it is none where one is required."""
    headers, body = request(data)
    for require_signed in (False, True):
        mdn = _mdn(headers, body, require_signed=require_signed)
        if mdn is None:
            continue
        assert mdn.signature is not None or not require_signed
        judged = judge_mdn(mdn, message_id="<1@us>", as2_from="us", as2_to="partner", mics=())
        assert judged.reason or mdn.original_message_id == "<1@us>"


def _mdn(headers: Headers, body: bytes, *, require_signed: bool) -> Mdn | None:
    certificates = [_THEIR_KEYS.certificate]
    try:
        return read_mdn(headers, body, partner_certificates=certificates, now=NOW, require_signed=require_signed)
    except MdnError:
        return None


def reads_exchanges(data: bytes) -> None:
    """A certificate exchange message is a value that can be written and read again, or an ExchangeError."""
    with contextlib.suppress(ExchangeError):
        read_bundle(data)
    try:
        message = read_exchange(data)
    except ExchangeError:
        return
    assert read_exchange(write_exchange(message)) == message


AS2_PROPERTIES: dict[str, Callable[[bytes], None]] = {
    "as2-message": opens,
    "as2-oracle": oracle_stays_silent,
    "as2-headers": reads_headers,
    "as2-mime": reads_mime,
    "as2-ber": reads_ber,
    "as2-cms": reads_cms,
    "as2-receipt": reads_receipts,
    "as2-exchange": reads_exchanges,
}
