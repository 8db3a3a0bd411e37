"""Why a signature was refused: the true cause for our audit, and the words that the partner may hear."""

from enum import StrEnum

# An unknown key, a key of another algorithm and a wrong signature are one answer: whoever guesses ids learns nothing.
NOT_VERIFIED = (
    "The signature does not verify. Check that `keyid` names a key that we have of you and that is in use, that the "
    "request is signed with its private key (or shared secret) and its algorithm, and that the signature base is "
    "built as RFC 9421, 2.5 has it from what is sent."
)

# A detail may quote what was sent, which may be long.
DETAIL_CHARACTERS_MAX = 600


class Cause(StrEnum):
    """The true cause, for the audit."""

    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    COVERAGE = "coverage"
    CLOCK = "clock"
    UNKNOWN_KEY = "unknown-key"
    OTHER_ALGORITHM = "other-algorithm"
    WRONG_SIGNATURE = "wrong-signature"
    DIGEST = "digest-mismatch"


class SignatureRefused(Exception):  # noqa: N818  # a refusal is an answer, not an error of ours
    """A request whose signature is not accepted.

    Attributes:
        cause: for our audit alone.
        detail: for the partner: what is wrong and what to do. The same for every cause that tells of a key.
        audit: what our people may read as well.
    """

    def __init__(self, cause: Cause, detail: str, *, audit: str | None = None) -> None:
        super().__init__(f"{cause.value}: {detail}")
        self.cause = cause
        self.detail = detail
        self.audit = audit or detail


def not_verified(cause: Cause, audit: str) -> SignatureRefused:
    """The one answer to an unknown key, a key of another algorithm and a wrong signature."""
    return SignatureRefused(cause, NOT_VERIFIED, audit=audit)


def malformed(what: str) -> SignatureRefused:
    """What is not written as the standards have it is told in full: it tells of no key."""
    return SignatureRefused(
        Cause.MALFORMED, what if len(what) <= DETAIL_CHARACTERS_MAX else f"{what[:DETAIL_CHARACTERS_MAX]}..."
    )
