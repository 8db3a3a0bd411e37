"""What may be wrong, in the codes of TA1 and 997, and the ledger that keeps the findings of one place."""

from dataclasses import replace
from enum import StrEnum

from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.guide import Tolerance
from translators.x12.masking import without_passwords


class InterchangeError(StrEnum):
    """TA105, interchange note code."""

    CONTROL_NUMBER_MISMATCH = "001"
    TERMINATOR = "004"
    SENDER_QUALIFIER = "005"
    SENDER_ID = "006"
    RECEIVER_QUALIFIER = "007"
    RECEIVER_ID = "008"
    AUTHORIZATION_QUALIFIER = "010"
    AUTHORIZATION = "011"
    SECURITY_QUALIFIER = "012"
    SECURITY = "013"
    DATE = "014"
    TIME = "015"
    STANDARDS_ID = "016"
    VERSION = "017"
    CONTROL_NUMBER = "018"
    ACKNOWLEDGMENT_REQUESTED = "019"
    USAGE = "020"
    GROUP_COUNT = "021"
    CONTROL_STRUCTURE = "022"
    END_OF_FILE = "023"
    CONTENT = "024"
    DUPLICATE = "025"
    COMPONENT_SEPARATOR = "027"


class GroupError(StrEnum):
    """AK905, functional group syntax error code."""

    NOT_SUPPORTED = "1"
    VERSION_NOT_SUPPORTED = "2"
    TRAILER_MISSING = "3"
    CONTROL_NUMBER_MISMATCH = "4"
    SET_COUNT = "5"
    CONTROL_NUMBER = "6"
    DUPLICATE = "19"


class SetError(StrEnum):
    """AK502, transaction set syntax error code."""

    NOT_SUPPORTED = "1"
    TRAILER_MISSING = "2"
    CONTROL_NUMBER_MISMATCH = "3"
    SEGMENT_COUNT = "4"
    SEGMENTS_IN_ERROR = "5"
    IDENTIFIER = "6"
    CONTROL_NUMBER = "7"
    DUPLICATE = "23"


class SegmentError(StrEnum):
    """AK304, segment syntax error code."""

    UNRECOGNIZED = "1"
    UNEXPECTED = "2"
    MANDATORY_MISSING = "3"
    LOOP_OVER_MAX = "4"
    OVER_MAX = "5"
    NOT_IN_SET = "6"
    NOT_IN_SEQUENCE = "7"
    ELEMENT_ERRORS = "8"


class ElementError(StrEnum):
    """AK403, data element syntax error code. 12 and 13 came with releases that have repetitions."""

    MANDATORY_MISSING = "1"
    CONDITIONAL_MISSING = "2"
    TOO_MANY_ELEMENTS = "3"
    TOO_SHORT = "4"
    TOO_LONG = "5"
    CHARACTER = "6"
    CODE = "7"
    DATE = "8"
    TIME = "9"
    EXCLUSION = "10"
    TOO_MANY_REPETITIONS = "12"
    TOO_MANY_COMPONENTS = "13"


class Implementation(StrEnum):
    """IK304 and IK403 of the 999 where a partner's agreement, not the standard, was broken.

    The 997 has no such codes; there the standard's code on the same fault speaks.
    """

    SEGMENT_NOT_USED = "I4"
    LOOP_UNDER_MIN = "I7"
    SEGMENT_UNDER_MIN = "I8"
    CODE_NOT_USED = "I6"
    ELEMENT_MISSING = "I9"
    ELEMENT_NOT_USED = "I10"


class Ledger:
    """The findings of a file, interchange, group or set: at most so many are kept, errors before warnings.

    Attributes:
        findings: those kept, in the order found.
        omitted: how many were not kept.
        errors: how many errors there were, kept or not.
        set_errors: how many of them speak of a transaction set as a whole (AK502).
        warnings: how many warnings.
    """

    def __init__(self, tolerances: frozenset[Tolerance], findings_max: int) -> None:
        self.findings: list[Finding] = []
        self.omitted = 0
        self.errors = 0
        self.set_errors = 0
        self.warnings = 0
        self.tolerances = tolerances
        self._max = max(1, findings_max)
        self._warnings_kept = 0

    def add(self, finding: Finding) -> None:
        """Note a finding; an error pushes a warning out when the ledger is full."""
        if finding.value is not None and "ISA" in finding.value:
            finding = replace(finding, value=without_passwords(finding.value)[:VALUE_CHARACTERS_MAX])
        is_error = finding.severity is Severity.ERROR
        self.errors += is_error
        self.set_errors += is_error and finding.level is Level.TRANSACTION_SET
        self.warnings += not is_error
        if len(self.findings) >= self._max:
            self.omitted += 1
            if not is_error or self._warnings_kept == 0:
                return
            last = max(at for at, kept in enumerate(self.findings) if kept.severity is Severity.WARNING)
            del self.findings[last]
            self._warnings_kept -= 1
        self.findings.append(finding)
        self._warnings_kept += not is_error

    def skips(self, severity: Severity) -> bool:
        """Count a finding below the level of sets that would not be kept; whoever asks need not make it then."""
        is_error = severity is Severity.ERROR
        if len(self.findings) < self._max or (is_error and self._warnings_kept):
            return False
        self.errors += is_error
        self.warnings += not is_error
        self.omitted += 1
        return True

    def severity(self, tolerance: Tolerance | None) -> Severity:
        """A departure that the agreement tolerates is a warning."""
        return Severity.WARNING if tolerance in self.tolerances else Severity.ERROR


def duplicate_group_code(release: str) -> GroupError:
    """AK905 for a group control number used before.

    Code 19 says just that, from 005010 on. Before, no code does; 6 (the group control number violates syntax) is the
    only one that sends the reader to GS06, where the fault lies.
    """
    return GroupError.DUPLICATE if release >= "005010" else GroupError.CONTROL_NUMBER


def duplicate_set_code(listed: frozenset[str]) -> SetError:
    """AK502 for a set control number used before: 23 where the release lists it, else 7 (invalid control number)."""
    return SetError.DUPLICATE if SetError.DUPLICATE in listed else SetError.CONTROL_NUMBER
