"""Dispositions: what a receipt says became of a message (RFC 4130 7.4.3, 7.5.6; RFC 3798 3.2.6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

AUTOMATIC = "automatic-action/MDN-sent-automatically"
DISPOSITION_LENGTH_MAX = 1_000


class Modifier(StrEnum):
    """Why a message was not simply processed, in the words of the standards."""

    AUTHENTICATION_FAILED = "authentication-failed"
    DECRYPTION_FAILED = "decryption-failed"
    DECOMPRESSION_FAILED = "decompression-failed"
    INSUFFICIENT_MESSAGE_SECURITY = "insufficient-message-security"
    INTEGRITY_CHECK_FAILED = "integrity-check-failed"
    UNEXPECTED_PROCESSING_ERROR = "unexpected-processing-error"
    UNKNOWN_TRADING_RELATIONSHIP = "unknown-trading-relationship"
    UNSUPPORTED_FORMAT = "unsupported format"
    UNSUPPORTED_MIC_ALGORITHMS = "unsupported MIC-algorithms"
    DUPLICATE_DOCUMENT = "duplicate-document"


class Severity(StrEnum):
    """The AS2 disposition modifier in front of the text."""

    ERROR = "error"
    WARNING = "warning"
    FAILURE = "failure"


_FAILURES = frozenset({Modifier.UNSUPPORTED_FORMAT, Modifier.UNSUPPORTED_MIC_ALGORITHMS})  # RFC 4130 7.5.3
_WARNINGS = frozenset({Modifier.DUPLICATE_DOCUMENT})

# What the human readable part says. One sentence for each modifier and none for its causes: the cause of a failed
# decryption must not show (see `gateway.as2.cms.enveloped_data`).
EXPLANATIONS = {
    Modifier.AUTHENTICATION_FAILED: "The sender could not be authenticated: the signature is not that of an agreed "
    "certificate, or the certificate is not valid now. Compare the certificates on both sides.",
    Modifier.DECRYPTION_FAILED: "The message could not be decrypted and verified. "
    "Compare encryption and signature certificates on both sides.",
    Modifier.DECOMPRESSION_FAILED: "The message could not be decompressed, or its content is larger than agreed.",
    Modifier.INSUFFICIENT_MESSAGE_SECURITY: "The message is not signed or encrypted as agreed.",
    Modifier.INTEGRITY_CHECK_FAILED: "The content is not the one that was signed: it was changed on its way.",
    Modifier.UNEXPECTED_PROCESSING_ERROR: "The message could not be read.",
    Modifier.UNKNOWN_TRADING_RELATIONSHIP: "There is no trading relationship between AS2-From and AS2-To.",
    Modifier.UNSUPPORTED_FORMAT: "A receipt in the requested format is not available.",
    Modifier.UNSUPPORTED_MIC_ALGORITHMS: "None of the requested MIC algorithms is available.",
    Modifier.DUPLICATE_DOCUMENT: "The message was received before and has not been processed again.",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a modifier means for who sent the message.

    Attributes:
        may_pass: whether the same bytes may be taken another time.
        remedy: what a person can do about it.
    """

    may_pass: bool
    remedy: str


# One table for receipts in the response and for those that come later (RFC 4130 7.4.3). Where somebody must change
# something first, on either side, another attempt would only earn the same answer.
MEANINGS: Mapping[Modifier, Meaning] = MappingProxyType(
    {
        Modifier.AUTHENTICATION_FAILED: Meaning(
            False,
            "they do not know the certificate that we sign with: give them the present one (`gateway certs list`)",
        ),
        Modifier.DECRYPTION_FAILED: Meaning(
            False,
            "they cannot decrypt it, or do not know the certificate that we sign with: compare their encryption "
            "certificate in the profile, and ours on their side",
        ),
        Modifier.DECOMPRESSION_FAILED: Meaning(
            False, "their product cannot decompress it: try `as2.sending.compress: none`"
        ),
        Modifier.INSUFFICIENT_MESSAGE_SECURITY: Meaning(
            False, "they want it signed or encrypted in another way: compare `as2.sending`"
        ),
        Modifier.UNKNOWN_TRADING_RELATIONSHIP: Meaning(
            False,
            "they do not know our AS2 id or theirs as we write it: compare both, capitals and blanks included",
        ),
        Modifier.UNSUPPORTED_FORMAT: Meaning(
            False, "they cannot make the receipt that we ask for: compare `as2.sending.receipt`"
        ),
        Modifier.UNSUPPORTED_MIC_ALGORITHMS: Meaning(
            False, "they know none of the digests: add one to `as2.sending.receipt_digests`"
        ),
        # They have had this message, and say no more than that: whether they processed it only they know.
        Modifier.DUPLICATE_DOCUMENT: Meaning(False, "they had it before: ask them whether they have processed it"),
        # The bytes were changed on their way; the next time they may not be.
        Modifier.INTEGRITY_CHECK_FAILED: Meaning(
            True, "something changes our messages on their way: a proxy or virus scanner"
        ),
        # Their own fault: a full disk, a restart, a database that is away.
        Modifier.UNEXPECTED_PROCESSING_ERROR: Meaning(True, "ask them to look into their log for our Message-ID"),
    }
)
_UNKNOWN = Meaning(True, "ask the partner what their product wants to say")


@dataclass(frozen=True, slots=True)
class Disposition:
    """The value of a Disposition field: ``action; type/severity: text``."""

    type: str = "processed"
    severity: str | None = None
    text: str = ""
    action: str = AUTOMATIC

    @property
    def successful(self) -> bool:
        """Whether the message was processed; a warning does not change that, an unknown severity does."""
        return self.type == "processed" and self.severity in (None, Severity.WARNING)

    def __str__(self) -> str:
        if self.severity is None:
            return f"{self.action}; {self.type}"
        # The standard writes failed/Failure with a capital (RFC 4130 7.5.3).
        severity = "Failure" if self.severity == Severity.FAILURE else self.severity
        return f"{self.action}; {self.type}/{severity}: {self.text}"


PROCESSED = Disposition()


def disposition_of(modifier: Modifier) -> Disposition:
    """The disposition that a modifier stands in."""
    if modifier in _FAILURES:
        return Disposition("failed", Severity.FAILURE, modifier.value)
    if modifier in _WARNINGS:
        return Disposition("processed", Severity.WARNING, modifier.value)
    return Disposition("processed", Severity.ERROR, modifier.value)


def meaning_of(disposition: Disposition) -> Meaning:
    """What a negative disposition means for who sent the message; words of the partner's own may pass."""
    text = disposition.text.strip().lower()
    return next((MEANINGS[modifier] for modifier in Modifier if text.startswith(modifier.lower())), _UNKNOWN)


def may_pass(disposition: Disposition) -> bool:
    """Whether the same message may be taken another time."""
    return meaning_of(disposition).may_pass


def remedy_for(disposition: Disposition) -> str:
    """What to do about a negative disposition."""
    return meaning_of(disposition).remedy


class As2Refused(Exception):  # noqa: N818 - it is an answer, and names one
    """A message that is not accepted: the modifier is for the partner, the audit reason for us alone."""

    def __init__(self, modifier: Modifier, audit_reason: str) -> None:
        super().__init__(f"{modifier}: {audit_reason}")
        self.modifier = modifier
        self.audit_reason = audit_reason

    @property
    def disposition(self) -> Disposition:
        """What the receipt says."""
        return disposition_of(self.modifier)

    @property
    def explanation(self) -> str:
        """What the human readable part of the receipt says."""
        return EXPLANATIONS[self.modifier]


def parse_disposition(value: str) -> Disposition | None:
    """A Disposition field; None when there is no disposition type in it."""
    action, semicolon, rest = value[:DISPOSITION_LENGTH_MAX].partition(";")
    if not semicolon:
        action, rest = "", action
    type_, slash, modifier = rest.partition("/")
    type_ = type_.strip().lower()
    if not type_:
        return None
    if not slash:
        return Disposition(type_, None, "", action.strip())
    severity, _, text = modifier.partition(":")
    return Disposition(type_, severity.strip().lower(), text.strip(), action.strip())
