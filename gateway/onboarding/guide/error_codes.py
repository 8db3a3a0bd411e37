"""The codes of acknowledgments and receipts in words, and what to do about each."""

from dataclasses import dataclass
from typing import Final

from translators.x12 import envelope_words
from translators.x12.envelope_words import CodeWords


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One code of a list: what it says, and what whoever gets it does."""

    code: str
    says: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class CodeTable:
    """The codes of one element of an acknowledgment."""

    anchor: str
    element: str
    title: str
    codes: tuple[ErrorCode, ...]


def _told(anchor: str, element: str, title: str, words: tuple[CodeWords, ...]) -> CodeTable:
    return CodeTable(anchor, element, title, tuple(ErrorCode(item.code, item.says, item.remedy) for item in words))


def _table(anchor: str, element: str, title: str, *rows: tuple[str, str, str]) -> CodeTable:
    return CodeTable(anchor, element, title, tuple(ErrorCode(*row) for row in rows))


INTERCHANGE_STATUS: Final = _table(
    "ta104",
    "TA104",
    "The verdict on the envelope",
    ("A", "accepted without errors", ""),
    ("E", "accepted, with errors that are told", "Nothing is lost; mend what TA105 names before it becomes an error."),
    ("R", "rejected: nothing inside was processed", "Mend what TA105 names and send again under a new ISA13."),
)
INTERCHANGE_ERRORS: Final = _told(
    "ta105",
    "TA105",
    "Interchange note codes",
    envelope_words.INTERCHANGE_NOTES,
)
GROUP_STATUS: Final = _table(
    "ak901",
    "AK901",
    "The verdict on the group",
    ("A", "accepted: every transaction set", ""),
    ("E", "accepted, with errors that are told", "Mend them; the documents were processed."),
    ("P", "partially accepted", "Look at AK5 of each set: send those again that were rejected."),
    ("R", "rejected: nothing of it was processed", "Mend what is told and send the documents again."),
)
GROUP_ERRORS: Final = _told(
    "ak905",
    "AK905",
    "Functional group errors",
    envelope_words.GROUP_ERRORS,
)
SET_STATUS: Final = _table(
    "ak501",
    "AK501 / IK501",
    "The verdict on the transaction set",
    ("A", "accepted", ""),
    ("E", "accepted, with errors that are told", "The document was processed; mend the errors."),
    ("R", "rejected: this document was not processed", "Mend the errors and send the document again."),
)
SET_ERRORS: Final = _told(
    "ak502",
    "AK502 / IK502",
    "Transaction set errors",
    envelope_words.SET_ERRORS,
)
SEGMENT_ERRORS: Final = _table(
    "ak304",
    "AK304 / IK304",
    "Segment errors",
    ("1", "the release has no such segment", "Take it out, or ask us to agree on it."),
    ("2", "the segment is not expected where it stands", "Compare the order with the segment table."),
    ("3", "a mandatory segment is missing", "Send it: `must` in the segment table."),
    ("4", "a loop occurs too often", "Compare with the repeat of the loop."),
    ("5", "a segment occurs too often", "Compare with its maximum use."),
    ("6", "the segment is not part of this transaction set", "Take it out."),
    ("7", "the segment comes too late or too early", "Compare the order with the segment table."),
    ("8", "elements of the segment are in error", "Look at the AK4 segments that follow."),
    ("I4", "the agreement does not use this segment (999)", "Take it out."),
    ("I7", "a loop that was agreed is missing (999)", "Send it."),
    ("I8", "a segment that was agreed is missing (999)", "Send it."),
)
ELEMENT_ERRORS: Final = _table(
    "ak403",
    "AK403 / IK403",
    "Element errors",
    ("1", "a mandatory element is missing", "Send it: `must` in the element table."),
    ("2", "an element is missing that another one demands", "Look at the relations below the element table."),
    ("3", "the segment has too many elements", "Take those at its end out."),
    ("4", "the value is too short", "Compare with the minimum length."),
    ("5", "the value is too long", "Compare with the maximum length."),
    ("6", "the value holds a character that is not allowed", "Compare with the character set of the envelope."),
    ("7", "the code is not one of the list, or not agreed", "Send one of the codes in the element table."),
    ("8", "this is no date", "Send CCYYMMDD (YYMMDD up to release 003070)."),
    ("9", "this is no time", "Send HHMM, 24 hours."),
    ("10", "elements that exclude each other were sent together", "Look at the relations below the element table."),
    ("12", "the element is repeated too often", "Compare with its repetitions."),
    ("13", "the composite has too many components", "Take those at its end out."),
    ("I6", "the agreement does not use this code (999)", "Send one of the codes in the element table."),
    ("I9", "an element that was agreed is missing (999)", "Send it."),
    ("I10", "the agreement does not use this element (999)", "Leave it empty."),
)
DISPOSITIONS: Final = (
    ErrorCode("processed", "received, decrypted, verified and kept", "Nothing to do: delivery is proved."),
    ErrorCode(
        "processed/error: authentication-failed",
        "the signature is missing or made with another certificate",
        "Sign with the certificate that we hold; its fingerprint is in this guide.",
    ),
    ErrorCode(
        "processed/error: decryption-failed",
        "encrypted to another certificate, or with an algorithm that was not agreed",
        "Encrypt to our current certificate; compare the fingerprint.",
    ),
    ErrorCode("processed/error: decompression-failed", "the compressed part is damaged", "Compress with ZLIB."),
    ErrorCode(
        "processed/error: integrity-check-failed",
        "the content was changed after it was signed",
        "Look for proxies or line end conversion between your AS2 and us; send again.",
    ),
    ErrorCode(
        "processed/error: insufficient-message-security",
        "not signed or not encrypted as agreed, or with an algorithm that was not",
        "Set your AS2 product to what this guide demands.",
    ),
    ErrorCode(
        "processed/error: unknown-trading-relationship",
        "AS2-From and AS2-To are no pair that we know",
        "Compare both names letter by letter; capital and small letters differ.",
    ),
    ErrorCode(
        "processed/error: unexpected-processing-error",
        "the message cannot be read, or is larger than agreed",
        "Compare size and structure; ask us with the Message-ID.",
    ),
    ErrorCode(
        "failed/failure: unsupported format",
        "you asked for a receipt that we cannot make",
        "Ask for a receipt signed as pkcs7-signature, or for none.",
    ),
    ErrorCode(
        "failed/failure: unsupported MIC-algorithms",
        "you named no digest for the receipt that we can make",
        "Name sha-256 in Disposition-Notification-Options.",
    ),
)
