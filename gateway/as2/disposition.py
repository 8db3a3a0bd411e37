"""Dispositions: what a receipt says became of a message (RFC 4130 7.4.3, 7.5.6; RFC 3798 3.2.6)."""

from dataclasses import dataclass
from enum import StrEnum

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

# What we do about it when a partner's receipt says it of a message of ours; told to the person who decides on it.
ADVICE = {
    Modifier.AUTHENTICATION_FAILED: "they do not know the certificate we sign with, or take it for expired: "
    "send them our current one (`gateway certs export`)",
    Modifier.DECRYPTION_FAILED: "they have no key for what we encrypted: ask for their current certificate",
    Modifier.DECOMPRESSION_FAILED: "they cannot unpack it: set `sending.compress: none`, or ask for their size limit",
    Modifier.INSUFFICIENT_MESSAGE_SECURITY: "they demand more than we do: compare `sending` with what was agreed",
    Modifier.INTEGRITY_CHECK_FAILED: "something changed the message on its way: look for a proxy, then send it again",
    Modifier.UNEXPECTED_PROCESSING_ERROR: "ask them what their log says of this Message-ID, then send it again",
    Modifier.UNKNOWN_TRADING_RELATIONSHIP: "compare our AS2 id and theirs with what was agreed; capitals count",
    Modifier.UNSUPPORTED_FORMAT: "they write no such receipt: ask for another in `sending.receipt`",
    Modifier.UNSUPPORTED_MIC_ALGORITHMS: "they speak none of the digests in `sending.receipt_digests`",
}
_NO_ADVICE = "ask them what their log says of this Message-ID"


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

    @property
    def said(self) -> str:
        """What became of the message without who decided it: ``processed/error: decryption-failed``."""
        return str(self).partition(";")[2].strip()

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


def refusal_in(disposition: Disposition) -> str | None:
    """For who sent the message: why the partner refused it, and what to do; None when it was processed.

    A refusal is final: the same bytes would earn the same answer, until somebody changed something on either side. What
    may pass by itself (no connection, 5xx) is told by HTTP. `duplicate-document` is a warning: they have the message.
    """
    if disposition.successful:
        return None
    known = next((modifier for modifier in Modifier if modifier.lower() == disposition.text.lower()), None)
    advice = ADVICE.get(known, _NO_ADVICE) if known is not None else _NO_ADVICE
    return f"the partner did not process the message ({disposition.said}); {advice}"


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
