"""The AS2 headers of a request: who sends to whom, under which id, which receipt is asked for (RFC 4130 6 and 7)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.as2.cms.algorithms import digest_named
from gateway.as2.disposition import As2Refused, Modifier
from gateway.as2.mime import Headers

NAME_LENGTH_MAX = 128  # RFC 4130 6.2
MESSAGE_ID_LENGTH_MAX = 998  # RFC 2822 2.1.1
OPTIONS_LENGTH_MAX = 2_000
DIGESTS_REQUESTED_MAX = 16
# Announces that EDIINT-Features follows (RFC 6017 4), and with it compression (1.1, RFC 5402). Not 1.3: that stands in
# a draft alone and is for partners who agreed on it, and peers compare no more than the digit before the point.
VERSION = "1.2"
FEATURES = "multiple-attachments, CEM"  # RFC 6362 3; draft-meadors-certificate-exchange-14 4

# Whoever repeats one of these wants two readers to see two messages.
_SINGLE = (
    "as2-from",
    "as2-to",
    "as2-version",
    "message-id",
    "content-type",
    "content-disposition",
    "content-transfer-encoding",
    "disposition-notification-to",
    "disposition-notification-options",
    "receipt-delivery-option",
)

_NAME = re.compile(r"[ -~]{1,128}")
_NEEDS_NO_QUOTES = re.compile(r"[!#-\[\]-~]{1,128}")
_MESSAGE_ID = re.compile(r"[^\x00-\x1f\x7f]{1,998}")


@dataclass(frozen=True, slots=True)
class MdnRequest:
    """The receipt a sender asks for.

    Attributes:
        signed: whether the receipt is to be signed.
        micalgs: digest labels in the sender's order and spelling.
        micalg_required: whether failing is better than another digest (RFC 4130 7.3).
        delivery_url: where the receipt goes by a connection of its own; None for the HTTP response. As sent: whoever
            uses it must compare it with the profile first.
    """

    notification_to: str
    signed: bool = False
    micalgs: tuple[str, ...] = ()
    micalg_required: bool = False
    format_required: bool = False
    protocols: tuple[str, ...] = ()
    delivery_url: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers say.

    Attributes:
        as2_from: the sender's name without quotes; as sent where it is not a legal name, empty where absent.
        message_id: byte for byte as sent, for Original-Message-ID; empty where absent.
        mdn_request: None when no receipt is asked for.
        refusal: why the headers alone forbid acceptance; an answer can be made from the other fields.
    """

    as2_from: str
    as2_to: str
    message_id: str
    version: str
    subject: str
    features: frozenset[str]
    mdn_request: MdnRequest | None
    refusal: As2Refused | None = field(default=None, compare=False)


def read_envelope(headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]]) -> Envelope:
    """The envelope of a message; never raises, for an answer is owed even to headers that cannot be accepted."""
    fields = Headers.of(headers)
    problems: list[As2Refused] = []
    repeated = repeated_fields(fields)
    if repeated:
        problems.append(As2Refused(Modifier.UNEXPECTED_PROCESSING_ERROR, f"repeated headers: {', '.join(repeated)}"))
    as2_from = _read_name(fields, "AS2-From", problems)
    as2_to = _read_name(fields, "AS2-To", problems)
    message_id = fields.get("message-id") or ""
    if not _MESSAGE_ID.fullmatch(message_id):
        problems.append(
            As2Refused(Modifier.UNEXPECTED_PROCESSING_ERROR, "Message-ID absent, too long or not printable")
        )
    request = _read_mdn_request(fields)
    if request is not None and (problem := _unmet(request)):
        problems.append(problem)
    features = (fields.get("ediint-features") or "")[:OPTIONS_LENGTH_MAX].lower().split(",")
    return Envelope(
        as2_from=as2_from,
        as2_to=as2_to,
        message_id=message_id,
        version=fields.get("as2-version") or "1.0",  # absent means 1.0, and must not fail (RFC 4130 6.1)
        subject=fields.get("subject") or "",
        features=frozenset(feature.strip() for feature in features if feature.strip()),
        mdn_request=request,
        refusal=problems[0] if problems else None,
    )


def repeated_fields(fields: Headers) -> list[str]:
    """The fields that may come once and came more often: two readers would see two messages, or two receipts."""
    return [name for name in _SINGLE if fields.count(name) > 1]


def _read_name(fields: Headers, header: str, problems: list[As2Refused]) -> str:
    raw = fields.get(header) or ""
    name = unquote_name(raw)
    if name is None:
        problems.append(As2Refused(Modifier.UNKNOWN_TRADING_RELATIONSHIP, f"{header} is absent or no legal AS2 name"))
        return raw
    return name


def unquote_name(raw: str) -> str | None:
    """An AS2 name without its quotes and escapes (RFC 4130 6.2); None when it is not 1 to 128 printable characters."""
    name = raw
    if raw.startswith('"'):
        if len(raw) < 2 or not raw.endswith('"'):  # noqa: PLR2004 - two quotes
            return None
        name = re.sub(r"\\(.)", r"\1", raw[1:-1])
    return name if is_name(name) else None


def is_name(name: str) -> bool:
    """Whether this is an AS2 name: 1 to 128 printable ASCII characters, and not blanks alone."""
    return bool(_NAME.fullmatch(name)) and not name.isspace()


def quote_name(name: str) -> str:
    """An AS2 name as it stands in a header; raises ValueError for an illegal one."""
    if not is_name(name):
        raise ValueError(f"An AS2 name has 1 to {NAME_LENGTH_MAX} printable ASCII characters, not {name!r}.")
    if _NEEDS_NO_QUOTES.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _read_mdn_request(fields: Headers) -> MdnRequest | None:
    notification_to = fields.get("disposition-notification-to")
    if notification_to is None:
        return None
    options = read_options(fields.get("disposition-notification-options") or "")
    protocol_importance, protocols = options.get("signed-receipt-protocol", ("", ()))
    digest_importance, digests = options.get("signed-receipt-micalg", ("", ()))
    known = any(protocol.lower() in ("pkcs7-signature", "x-pkcs7-signature") for protocol in protocols)
    return MdnRequest(
        notification_to=notification_to,
        signed=known,
        micalgs=digests[:DIGESTS_REQUESTED_MAX],
        micalg_required=digest_importance == "required",
        format_required=protocol_importance == "required",
        protocols=protocols[:DIGESTS_REQUESTED_MAX],
        delivery_url=fields.get("receipt-delivery-option") or None,
    )


def _unmet(request: MdnRequest) -> As2Refused | None:
    """A receipt format or digest that is required and not spoken here (RFC 4130 7.5.3)."""
    if request.format_required and request.protocols and not request.signed:
        return As2Refused(Modifier.UNSUPPORTED_FORMAT, f"receipt protocols {', '.join(request.protocols)} required")
    if request.micalg_required and request.micalgs and not any(map(digest_named, request.micalgs)):
        return As2Refused(Modifier.UNSUPPORTED_MIC_ALGORITHMS, f"MIC algorithms {', '.join(request.micalgs)} required")
    return None


def read_options(value: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Disposition-Notification-Options: per parameter its importance and its values, in any order and quoting.

    The importance is empty where it is left out, as several products do.
    """
    options: dict[str, tuple[str, tuple[str, ...]]] = {}
    for parameter in value[:OPTIONS_LENGTH_MAX].replace('"', "").replace("'", "").split(";"):
        name, _, listed = parameter.partition("=")
        values = [item.strip() for item in listed.split(",") if item.strip()]
        importance = ""
        if values and values[0].lower() in ("required", "optional"):
            importance = values.pop(0).lower()
        if name.strip():
            options.setdefault(name.strip().lower(), (importance, tuple(values)))
    return options


def write_options(request: MdnRequest) -> str:
    """Disposition-Notification-Options for a signed receipt."""
    protocol = "required" if request.format_required else "optional"
    micalg = "required" if request.micalg_required else "optional"
    digests = ", ".join(request.micalgs or ("sha-256", "sha-384", "sha-512"))
    return f"signed-receipt-protocol={protocol}, pkcs7-signature; signed-receipt-micalg={micalg}, {digests}"
