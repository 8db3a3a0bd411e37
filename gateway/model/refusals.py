"""Why something was refused at the edge. A refusal carries its reason; each edge turns reasons into its own tongue."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a request was refused. The texts for people stand beside their status in `gateway.edge.refusals`."""

    UNAUTHENTICATED = "unauthenticated"  # unknown and wrong credentials look alike
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    HEADERS_TOO_LARGE = "headers-too-large"
    HEADERS_TOO_SLOW = "headers-too-slow"
    BODY_TOO_LARGE = "body-too-large"
    BODY_TOO_SLOW = "body-too-slow"
    BODY_EMPTY = "body-empty"
    BODY_INCOMPLETE = "body-incomplete"
    RANGE_NOT_HELD = "range-not-held"
    RESTART_FAILED = "restart-failed"
    CONTENT_ENCODING = "content-encoding-not-supported"
    UNSUPPORTED_SYNTAX = "unsupported-syntax"
    INVALID_REQUEST = "invalid-request"
    NOT_POSSIBLE = "not-possible-now"
    NOT_SENDABLE = "not-sendable"
    IDEMPOTENCY_CONFLICT = "idempotency-key-reused"
    IDEMPOTENCY_RUNNING = "idempotency-key-in-use"  # the first request with it is still under way
    NOT_ACCEPTABLE = "not-acceptable"  # none of the media types asked for can be given
    INVALID_CONTENT = "invalid-content"  # read, and found wrong; `errors` says where
    SIGNATURE_INCOMPLETE = "signature-incomplete"  # it does not cover, or say, what it must
    SIGNATURE_CLOCK = "signature-clock"  # made too long ago, or ahead of our clock
    SIGNATURE_REPLAYED = "signature-replayed"
    DIGEST_MISMATCH = "digest-mismatch"
    TOO_MANY_REQUESTS = "too-many-requests"
    STORE_UNAVAILABLE = "store-unavailable"
    HOLDS_TOO_MUCH = "holds-too-much"  # of a suspended partner
    OVERLOADED = "overloaded"
    TOO_MANY_CONNECTIONS = "too-many-connections"
    SHUTTING_DOWN = "shutting-down"
    INTERNAL = "internal-error"
    # What AS2 has words of its own for (RFC 4130 7.5.6).
    UNKNOWN_TRADING_RELATIONSHIP = "unknown-trading-relationship"
    AUTHENTICATION_FAILED = "authentication-failed"
    DECRYPTION_FAILED = "decryption-failed"
    DECOMPRESSION_FAILED = "decompression-failed"
    INTEGRITY_CHECK_FAILED = "integrity-check-failed"
    INSUFFICIENT_MESSAGE_SECURITY = "insufficient-message-security"
    UNEXPECTED_PROCESSING_ERROR = "unexpected-processing-error"
    UNSUPPORTED_RECEIPT = "unsupported-receipt"
    RECEIPT_ADDRESS = "receipt-address-not-agreed"
    RECEIPT_NOT_ACCEPTED = "receipt-not-accepted"


class Refused(Exception):  # noqa: N818  # a refusal is an answer, not an error of ours
    """A request that gets a refusal as its answer.

    Attributes:
        reason: decides the status.
        detail: one or two sentences for the caller: what is wrong and what to do. Never a secret, never payload.
        audit: the true cause, for our audit alone.
        extra: further members of the problem details, such as ``errors``.
        retry_after_s: when trying again makes sense.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        audit: str | None = None,
        extra: dict[str, object] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.audit = audit or detail
        self.extra = extra or {}
        self.retry_after_s = retry_after_s
