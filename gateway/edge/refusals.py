"""One table: why something was refused -> what each edge says. Problem details are written here (RFC 9457)."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

import orjson

from gateway.as2.disposition import Modifier
from gateway.model.refusals import Reason, Refused
from gateway.sftp import Status

PROBLEM_TYPE_PREFIX = "urn:partner-gateway:problem:"
PROBLEMS_PATH = "/v1/problems"
PROBLEM_CONTENT_TYPE = "application/problem+json"
REFERENCE_PREFIX = "urn:partner-gateway:refusal:"
# Members of RFC 9457 and ours: what a refusal adds must not speak over them.
_OWN_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "remedy", "documentation"})


@dataclass(frozen=True, slots=True)
class Answer:
    """How one reason is told.

    Attributes:
        status: of HTTP.
        title: the same words each time.
        remedy: what the caller can do about it.
        modifier: what an AS2 receipt says, where there is one to give.
        audited: whether the audit holds each case: all that touches identity, rights or somebody's data.
        closes: whether the connection ends with the answer, because what follows on it cannot be trusted.
    """

    status: int
    title: str
    remedy: str
    modifier: Modifier | None = None
    audited: bool = False
    closes: bool = False

    @property
    def phrase(self) -> str:
        """The reason phrase of the status line."""
        return HTTPStatus(self.status).phrase


R, M = Reason, Modifier
ANSWERS: Mapping[Reason, Answer] = MappingProxyType(
    {
        R.UNAUTHENTICATED: Answer(
            401,
            "Not authenticated",
            "Send your key as `Authorization: Bearer KEY`, or what else your profile asks for; if it was rolled over "
            "or expired, ask for a new one.",
            audited=True,
        ),
        R.FORBIDDEN: Answer(403, "Not allowed", "Ask for a credential that has the right to do this.", audited=True),
        R.NOT_FOUND: Answer(404, "Not found", "Check the address; ids and numbers stand in full in lists and answers."),
        R.METHOD_NOT_ALLOWED: Answer(405, "Method not allowed", "Use one of the methods named in the Allow header."),
        R.HEADERS_TOO_LARGE: Answer(
            431, "Header fields too large", "Send fewer and shorter header fields.", closes=True
        ),
        R.HEADERS_TOO_SLOW: Answer(408, "Headers came too slowly", "Send the request without pauses.", closes=True),
        R.BODY_TOO_LARGE: Answer(
            413,
            "Body too large",
            "Send smaller bodies, several if need be, or have the limit raised in your profile.",
            M.UNEXPECTED_PROCESSING_ERROR,
            audited=True,
            closes=True,
        ),
        R.BODY_TOO_SLOW: Answer(408, "Body came too slowly", "Send the body without pauses, then again.", closes=True),
        R.BODY_EMPTY: Answer(400, "Empty body", "Send the document as the body.", M.UNEXPECTED_PROCESSING_ERROR),
        R.BODY_INCOMPLETE: Answer(400, "Body incomplete", "Send the whole request again.", closes=True),
        R.RANGE_NOT_HELD: Answer(
            416,
            "Range does not continue what is held",
            "Ask with HEAD how many bytes are held and send those that follow, up to the last; or send the whole.",
            closes=True,
        ),
        R.RESTART_FAILED: Answer(
            503,
            "Restart failed",
            "What was held of the message and what followed make no message. Nothing is held now: send the whole.",
            audited=True,
        ),
        R.CONTENT_ENCODING: Answer(
            415,
            "Content encoding not supported",
            "Send the body as it is, without Content-Encoding; AS2 compresses inside the message (RFC 5402).",
            closes=True,
        ),
        R.UNSUPPORTED_SYNTAX: Answer(
            415, "Unsupported syntax", "Send an X12 interchange, canonical JSON or canonical XML."
        ),
        R.INVALID_REQUEST: Answer(
            400, "Invalid request", "Correct what the detail names and send the request again.", closes=True
        ),
        R.NOT_POSSIBLE: Answer(409, "Not possible now", "Do what the detail names first."),
        R.NOT_SENDABLE: Answer(
            422,
            "Cannot be sent",
            "It is kept as a case. Mend what the detail names and have the case retried, or send it under a new id.",
        ),
        R.IDEMPOTENCY_CONFLICT: Answer(
            422,
            "Identifier used for other content",
            "Use a new Idempotency-Key or Message-ID for new content, the same one only for the same bytes.",
            M.UNEXPECTED_PROCESSING_ERROR,
        ),
        R.IDEMPOTENCY_RUNNING: Answer(
            409,
            "First request still under way",
            "Wait as long as Retry-After says and send the same again: the answer will be that of the first.",
        ),
        R.NOT_ACCEPTABLE: Answer(
            406, "Not to be had in this syntax", "Ask by `Accept` for one of the media types that the detail names."
        ),
        R.INVALID_CONTENT: Answer(422, "Invalid content", "Correct what `errors` names and send it again."),
        R.SIGNATURE_INCOMPLETE: Answer(
            401,
            "Signature incomplete",
            "Sign again, with every component and parameter that the detail names (RFC 9421).",
            audited=True,
        ),
        R.SIGNATURE_CLOCK: Answer(
            401,
            "Signature outside its time",
            "Set your clock by the time in `server_time`, and sign each request when it is sent.",
            audited=True,
        ),
        R.SIGNATURE_REPLAYED: Answer(
            401,
            "Signature used before",
            "Sign each request anew, with a nonce of its own; to repeat one, keep its Idempotency-Key and sign again.",
            audited=True,
        ),
        R.DIGEST_MISMATCH: Answer(
            400,
            "Digest of other content",
            "Compute Content-Digest over the body exactly as it is sent (RFC 9530).",
            audited=True,
        ),
        R.TOO_MANY_REQUESTS: Answer(429, "Too many requests", "Wait as long as Retry-After says."),
        R.STORE_UNAVAILABLE: Answer(
            503, "Store unavailable", "Nothing was accepted. Send the same again later, as Retry-After says."
        ),
        R.HOLDS_TOO_MUCH: Answer(
            503,
            "Too much waits",
            "Nothing was accepted. Keep it and send the same again as Retry-After says, or ask when it goes on.",
            audited=True,
        ),
        R.OVERLOADED: Answer(503, "Overloaded", "Nothing was accepted. Send the same again as Retry-After says."),
        R.TOO_MANY_CONNECTIONS: Answer(
            503, "Too many connections", "Use fewer connections, and keep them open between requests.", closes=True
        ),
        R.SHUTTING_DOWN: Answer(503, "Shutting down", "Send the same again as Retry-After says.", closes=True),
        R.INTERNAL: Answer(
            500,
            "Internal error",
            "The fault is ours. Send the same again later, and name the instance if it stays.",
            M.UNEXPECTED_PROCESSING_ERROR,
        ),
        R.UNKNOWN_TRADING_RELATIONSHIP: Answer(
            403,
            "Unknown trading relationship",
            "Compare AS2-From and AS2-To with what was agreed; capital and small letters differ.",
            M.UNKNOWN_TRADING_RELATIONSHIP,
            audited=True,
        ),
        R.AUTHENTICATION_FAILED: Answer(
            403,
            "Authentication failed",
            "Sign with the certificate that was agreed, while it is valid.",
            M.AUTHENTICATION_FAILED,
            audited=True,
        ),
        R.DECRYPTION_FAILED: Answer(
            400,
            "Decryption failed",
            "Encrypt to our current certificate and sign with yours.",
            M.DECRYPTION_FAILED,
            audited=True,
        ),
        R.DECOMPRESSION_FAILED: Answer(
            400,
            "Decompression failed",
            "Compress with ZLIB (RFC 5402), within the size that was agreed.",
            M.DECOMPRESSION_FAILED,
            audited=True,
        ),
        R.INTEGRITY_CHECK_FAILED: Answer(
            400,
            "Integrity check failed",
            "The content was changed after it was signed; send it again.",
            M.INTEGRITY_CHECK_FAILED,
            audited=True,
        ),
        R.INSUFFICIENT_MESSAGE_SECURITY: Answer(
            403,
            "Insufficient message security",
            "Sign and encrypt as was agreed, with the algorithms that were agreed.",
            M.INSUFFICIENT_MESSAGE_SECURITY,
            audited=True,
        ),
        R.UNEXPECTED_PROCESSING_ERROR: Answer(
            400,
            "Message not readable",
            "Check that the message is built as RFC 4130 says.",
            M.UNEXPECTED_PROCESSING_ERROR,
            audited=True,
        ),
        R.UNSUPPORTED_RECEIPT: Answer(
            400,
            "Receipt not available",
            "Ask for a receipt by pkcs7-signature with sha-256, or for none.",
            M.UNSUPPORTED_FORMAT,
            audited=True,
        ),
        R.RECEIPT_ADDRESS: Answer(
            403,
            "Receipt address not agreed",
            "Leave out Receipt-Delivery-Option, so that the receipt comes in the response, or have the address added "
            "to your profile.",
            audited=True,
        ),
        R.RECEIPT_NOT_ACCEPTED: Answer(
            400,
            "Receipt not accepted",
            "Send the receipt for a message that you had from us, with its MIC, signed as it was asked for.",
            audited=True,
        ),
    }
)

# Version 3 of SFTP has a word for these (draft-ietf-secsh-filexfer-02, section 7); all others are failures.
_SFTP: Mapping[Reason, Status] = MappingProxyType(
    {
        R.UNAUTHENTICATED: Status.PERMISSION_DENIED,
        R.FORBIDDEN: Status.PERMISSION_DENIED,
        R.NOT_FOUND: Status.NO_SUCH_FILE,
        R.METHOD_NOT_ALLOWED: Status.OP_UNSUPPORTED,
    }
)

# The reason under which a failure that AS2 has a word for is counted, audited and answered without a receipt.
REASON_OF: Mapping[Modifier, Reason] = MappingProxyType(
    {
        M.UNKNOWN_TRADING_RELATIONSHIP: R.UNKNOWN_TRADING_RELATIONSHIP,
        M.AUTHENTICATION_FAILED: R.AUTHENTICATION_FAILED,
        M.DECRYPTION_FAILED: R.DECRYPTION_FAILED,
        M.DECOMPRESSION_FAILED: R.DECOMPRESSION_FAILED,
        M.INTEGRITY_CHECK_FAILED: R.INTEGRITY_CHECK_FAILED,
        M.INSUFFICIENT_MESSAGE_SECURITY: R.INSUFFICIENT_MESSAGE_SECURITY,
        M.UNEXPECTED_PROCESSING_ERROR: R.UNEXPECTED_PROCESSING_ERROR,
        M.UNSUPPORTED_FORMAT: R.UNSUPPORTED_RECEIPT,
        M.UNSUPPORTED_MIC_ALGORITHMS: R.UNSUPPORTED_RECEIPT,
        M.DUPLICATE_DOCUMENT: R.IDEMPOTENCY_CONFLICT,
    }
)


def sftp_status(reason: Reason) -> Status:
    """How a session of SFTP is told of a refusal; the words are those of the refusal."""
    return _SFTP.get(reason, Status.FAILURE)


def problem(refused: Refused, reference: str, public_url: str | None = None) -> bytes:
    """The problem details of a refusal (RFC 9457 3.1) as JSON.

    Args:
        refused: what is told; its `audit` is not.
        reference: id under which the audit and the log know this occurrence.
        public_url: what partners reach us under.
    """
    answer = ANSWERS[refused.reason]
    members: dict[str, object] = {
        "type": PROBLEM_TYPE_PREFIX + refused.reason.value,
        "title": answer.title,
        "status": answer.status,
        "detail": refused.detail,
        "instance": REFERENCE_PREFIX + reference,
        "remedy": answer.remedy,
        "documentation": documentation(refused.reason, public_url),
    }
    members |= {name: value for name, value in refused.extra.items() if name not in _OWN_MEMBERS}
    return orjson.dumps(members, default=str)


def bare_problem(reason: Reason, detail: str, public_url: str | None = None) -> bytes:
    """A whole HTTP answer, for connections that are ended before there is a request to answer."""
    answer = ANSWERS[reason]
    body = orjson.dumps(
        {
            "type": PROBLEM_TYPE_PREFIX + reason.value,
            "title": answer.title,
            "status": answer.status,
            "detail": detail,
            "remedy": answer.remedy,
            "documentation": documentation(reason, public_url),
        }
    )
    retry = "Retry-After: 5\r\n" if answer.status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {answer.status} {answer.phrase}\r\nContent-Type: {PROBLEM_CONTENT_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n{retry}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def documentation(reason: Reason, public_url: str | None = None) -> str:
    """Where a kind of problem is explained: absolute where it is known what partners reach us under."""
    return f"{(public_url or '').rstrip('/')}{PROBLEMS_PATH}/{reason.value}"


def catalogue(public_url: str | None = None) -> list[dict[str, object]]:
    """Every kind of problem there is, for `GET /v1/problems`."""
    return [
        {
            "type": PROBLEM_TYPE_PREFIX + reason.value,
            "name": reason.value,
            "title": answer.title,
            "status": answer.status,
            "remedy": answer.remedy,
            "as2_modifier": answer.modifier.value if answer.modifier is not None else None,
            "documentation": documentation(reason, public_url),
        }
        for reason, answer in ANSWERS.items()
    ]
