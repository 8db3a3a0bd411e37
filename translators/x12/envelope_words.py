"""What the codes on envelopes and on sets as a whole say (TA105, AK905, AK502), and what whoever earns one does.

For people: the standard's own names of the codes say neither where the fault lies nor what helps.
"""

from dataclasses import dataclass
from typing import Final

from translators.x12.faults import GroupError, InterchangeError, SetError


@dataclass(frozen=True, slots=True)
class CodeWords:
    """One code: what it says, and what whoever gets it does; empty where there is nothing to do."""

    code: str
    says: str
    remedy: str = ""


def _words(*rows: tuple[str, str, str]) -> tuple[CodeWords, ...]:
    return tuple(CodeWords(*row) for row in rows)


INTERCHANGE_NOTES: Final = _words(
    ("000", "no error", ""),
    ("001", "ISA13 and IEA02 differ", "Put the same control number into both."),
    ("004", "a segment terminator is wrong or missing", "End every segment, the last one too, as ISA declares."),
    (
        "005",
        "ISA05 is not the sender qualifier that was agreed",
        "Send the qualifier that is agreed; the guide's envelope table has it.",
    ),
    (
        "006",
        "ISA06 is not a sender id that was agreed",
        "Send the id that is agreed; the guide's envelope table has it.",
    ),
    ("007", "ISA07 is not our qualifier", "Send the qualifier that is agreed; the guide's envelope table has it."),
    ("008", "ISA08 is not our id", "Send the id that is agreed; the guide's envelope table has it."),
    ("010", "ISA01 is no code of the list", "Send 00."),
    ("011", "ISA02 is wrong", "Send ten blanks."),
    ("012", "ISA03 is no code of the list", "Send 00."),
    ("013", "ISA04 is wrong", "Send ten blanks."),
    ("014", "ISA09 is no date", "Send YYMMDD."),
    ("015", "ISA10 is no time", "Send HHMM, 24 hours."),
    ("016", "ISA11 is wrong", "Send U up to version 00401, your repetition separator after it."),
    ("017", "ISA12 is no version that we read", "Send the version that is agreed; the guide's envelope table has it."),
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
GROUP_ERRORS: Final = _words(
    ("1", "the functional group (GS01) is not supported", "Compare GS01 with the document."),
    ("2", "the release (GS08) is not supported", "Send one of the releases that are agreed; the guide names them."),
    ("3", "GE is missing", "End each group with GE."),
    ("4", "GS06 and GE02 differ", "Put the same control number into both."),
    ("5", "GE01 does not count the sets that were sent", "Count the ST segments."),
    ("6", "GS06 is no valid control number, or was used before", "Number the groups without repetition."),
    ("19", "GS06 was used before (from release 005010 on)", "Number the groups without repetition."),
)
SET_ERRORS: Final = _words(
    (
        "1",
        "the transaction set is not supported, or not agreed",
        "Send only documents that are agreed; the guide names them.",
    ),
    ("2", "SE is missing", "End each set with SE."),
    ("3", "ST02 and SE02 differ", "Put the same control number into both."),
    ("4", "SE01 does not count the segments", "Count from ST to SE, both included."),
    ("5", "one or more segments are in error", "Look at AK3 and AK4, which name them."),
    ("6", "ST01 is missing or wrong", "Compare ST01 with the document."),
    ("7", "ST02 is missing, wrong or was used before", "Number the sets of a group without repetition."),
    ("23", "ST02 was used before", "Number the sets without repetition."),
    ("I5", "the agreement of this guide is broken (999)", "Look at the segments and elements that are named."),
)
_TABLES: Final = {
    "interchange": {words.code: words for words in INTERCHANGE_NOTES},
    "group": {words.code: words for words in GROUP_ERRORS},
    "transaction_set": {words.code: words for words in SET_ERRORS},
}
# Where the element lies that a code speaks of, for those that a control number earns.
NUMBERED: Final = {
    ("interchange", InterchangeError.CONTROL_NUMBER.value): ("ISA", 13),
    ("interchange", InterchangeError.DUPLICATE.value): ("ISA", 13),
    ("group", GroupError.CONTROL_NUMBER.value): ("GS", 6),
    ("group", GroupError.DUPLICATE.value): ("GS", 6),
    ("transaction_set", SetError.DUPLICATE.value): ("ST", 2),
}


def words_of(level: str, code: str) -> CodeWords:
    """What a code says on its level, one of `Level`; of a code that nobody knows the code itself."""
    return _TABLES.get(level, {}).get(code) or CodeWords(code, f"code {code} of the standard")
