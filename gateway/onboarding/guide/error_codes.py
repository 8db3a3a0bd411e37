"""The codes of acknowledgments and receipts in words, and what to do about each."""

from dataclasses import dataclass
from typing import Final


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
INTERCHANGE_ERRORS: Final = _table(
    "ta105",
    "TA105",
    "Interchange note codes",
    ("000", "no error", ""),
    ("001", "ISA13 and IEA02 differ", "Put the same control number into both."),
    ("004", "a segment terminator is wrong or missing", "End every segment, the last one too, as ISA declares."),
    ("005", "ISA05 is not the sender qualifier that was agreed", "Send the qualifier in the envelope table."),
    (
        "006",
        "ISA06 is not a sender id that was agreed",
        "Send the id in the envelope table.",
    ),
    ("007", "ISA07 is not our qualifier", "Send the qualifier in the envelope table."),
    ("008", "ISA08 is not our id", "Send the id in the envelope table."),
    ("010", "ISA01 is no code of the list", "Send 00."),
    ("011", "ISA02 is wrong", "Send ten blanks."),
    ("012", "ISA03 is no code of the list", "Send 00."),
    ("013", "ISA04 is wrong", "Send ten blanks."),
    ("014", "ISA09 is no date", "Send YYMMDD."),
    ("015", "ISA10 is no time", "Send HHMM, 24 hours."),
    ("016", "ISA11 is wrong", "Send U up to version 00401, your repetition separator after it."),
    ("017", "ISA12 is no version that we read", "Send the version in the envelope table."),
    ("018", "ISA13 is no valid control number, or out of sequence", "Send nine digits, each number once, ascending."),
    ("019", "ISA14 is neither 0 nor 1", "Send 0, or 1 to ask for a TA1."),
    ("020", "ISA15 is none of P, T, I", "Send T while you test, P in production."),
    ("021", "IEA01 does not count the groups that were sent", "Count the GS segments."),
    ("022", "the order of ISA, GS, GE, IEA is broken", "Close every group and interchange before the next begins."),
    ("023", "the file ends before IEA", "Send the whole file; look whether the transfer was cut off."),
    ("024", "something between ISA and IEA cannot be read", "Compare with the example of the document."),
    ("025", "ISA13 was used before", "Give each interchange a number of its own. Never send old bytes again."),
    ("027", "the component separator (ISA16) cannot be used", "Send a character that occurs nowhere in your data."),
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
GROUP_ERRORS: Final = _table(
    "ak905",
    "AK905",
    "Functional group errors",
    ("1", "the functional group (GS01) is not supported", "Compare GS01 with the document."),
    ("2", "the release (GS08) is not supported", "Send one of the releases that this guide names."),
    ("3", "GE is missing", "End each group with GE."),
    ("4", "GS06 and GE02 differ", "Put the same control number into both."),
    ("5", "GE01 does not count the sets that were sent", "Count the ST segments."),
    ("6", "GS06 is no valid control number, or was used before", "Number the groups without repetition."),
    ("19", "GS06 was used before (from release 005010 on)", "Number the groups without repetition."),
)
SET_STATUS: Final = _table(
    "ak501",
    "AK501 / IK501",
    "The verdict on the transaction set",
    ("A", "accepted", ""),
    ("E", "accepted, with errors that are told", "The document was processed; mend the errors."),
    ("R", "rejected: this document was not processed", "Mend the errors and send the document again."),
)
SET_ERRORS: Final = _table(
    "ak502",
    "AK502 / IK502",
    "Transaction set errors",
    ("1", "the transaction set is not supported, or not agreed", "Send only documents that this guide names."),
    ("2", "SE is missing", "End each set with SE."),
    ("3", "ST02 and SE02 differ", "Put the same control number into both."),
    ("4", "SE01 does not count the segments", "Count from ST to SE, both included."),
    ("5", "one or more segments are in error", "Look at AK3 and AK4, which name them."),
    ("6", "ST01 is missing or wrong", "Compare ST01 with the document."),
    ("7", "ST02 is missing, wrong or was used before", "Number the sets of a group without repetition."),
    ("23", "ST02 is not unique in its group", "Number the sets of a group without repetition."),
    ("I5", "the agreement of this guide is broken (999)", "Look at the segments and elements that are named."),
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
