"""What is wrong with the envelopes: ISA and IEA in the words of TA105, GS and GE in those of AK905."""

import re
from dataclasses import replace

from translators.findings import Finding, Level, Severity
from translators.guide import Identity, ReadingRules, Tolerance
from translators.x12.delimiters import ISA_WIDTHS, IsaText
from translators.x12.dictionary import ReleaseChoice, choose_release, load_release, releases
from translators.x12.faults import GroupError, InterchangeError, Ledger
from translators.x12.masking import masked
from translators.x12.reading import GroupHeader, InterchangeAcknowledgment, InterchangeHeader

# The note of TA105 that speaks of each ISA element.
_NOTES = (
    InterchangeError.AUTHORIZATION_QUALIFIER,
    InterchangeError.AUTHORIZATION,
    InterchangeError.SECURITY_QUALIFIER,
    InterchangeError.SECURITY,
    InterchangeError.SENDER_QUALIFIER,
    InterchangeError.SENDER_ID,
    InterchangeError.RECEIVER_QUALIFIER,
    InterchangeError.RECEIVER_ID,
    InterchangeError.DATE,
    InterchangeError.TIME,
    InterchangeError.STANDARDS_ID,
    InterchangeError.VERSION,
    InterchangeError.CONTROL_NUMBER,
    InterchangeError.ACKNOWLEDGMENT_REQUESTED,
    InterchangeError.USAGE,
    InterchangeError.COMPONENT_SEPARATOR,
)
# Elements with a code list in every release, by their index.
_CODED = {0: "I01", 2: "I03", 4: "I05", 6: "I05", 11: "I11", 13: "I13", 14: "I14"}
_BLANK_ALLOWED = (1, 3)  # ISA02 and ISA04 say nothing when their qualifier is 00
_PASSWORDS = (1, 3)  # else they may hold one
# Elements with a form of their own, by their index: date, time and control number.
_PATTERNS = {
    8: re.compile(r"[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])", re.ASCII),
    9: re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9]", re.ASCII),
    12: re.compile(r"[0-9]+", re.ASCII),
}
_PADDING = re.compile(r"^(?: |\xc2?\xa0)+|(?: |\xc2?\xa0)+$")
_GROUP_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_GS_NAMES = ("functional id", "sender", "receiver", "date", "time", "control number", "agency", "release")


def header_of(isa: IsaText) -> InterchangeHeader:
    """The header in the values of an ISA."""
    values = [_unpadded(value) for value in isa.elements]
    return InterchangeHeader(
        sender_qualifier=values[4],
        sender_id=values[5],
        receiver_qualifier=values[6],
        receiver_id=values[7],
        date=values[8],
        time=values[9],
        version=values[11],
        control_number=values[12],
        acknowledgment_requested=values[13] == "1",
        usage=values[14],
        start=isa.start,
        delimiters=isa.delimiters,
    )


def _unpadded(value: str) -> str:
    # Files that went through a web page are padded with no-break spaces, in latin-1 or UTF-8.
    return value.strip(" ") if value.isascii() else _PADDING.sub("", value)


def check_isa(isa: IsaText, rules: ReadingRules, ledger: Ledger) -> None:
    """Note what is wrong with an ISA, in the words of TA105; of one that was cut short only that."""
    if not isa.complete:
        message = "ISA has fewer than sixteen elements; nothing in this interchange can be acknowledged"
        ledger.add(_isa_finding(isa, InterchangeError.CONTROL_STRUCTURE, message, Severity.ERROR, None))
        return
    for index, (value, width, note) in enumerate(zip(isa.elements, ISA_WIDTHS, _NOTES, strict=True)):
        fault = _isa_fault(index, value, width)
        if fault is not None:
            message, tolerance = fault
            severity = Severity.ERROR if tolerance is None else ledger.severity(tolerance)
            finding = _isa_finding(isa, note, f"ISA{index + 1:02d} {message}", severity, index)
            if index in _PASSWORDS and rules.masks_passwords:
                finding = replace(finding, value=masked(value))
            ledger.add(finding)
    header = header_of(isa)
    sender = Identity(header.sender_qualifier, header.sender_id)
    if rules.senders is not None and sender not in rules.senders:
        message = f"{sender.qualifier}/{sender.id} is no address that this partner may send from"
        ledger.add(_isa_finding(isa, InterchangeError.SENDER_ID, message, Severity.ERROR, 5))
    receiver = Identity(header.receiver_qualifier, header.receiver_id)
    if rules.receivers is not None and receiver not in rules.receivers:
        message = f"{receiver.qualifier}/{receiver.id} is no address of ours"
        ledger.add(_isa_finding(isa, InterchangeError.RECEIVER_ID, message, Severity.ERROR, 7))


def _isa_fault(index: int, value: str, width: int) -> tuple[str, Tolerance | None] | None:
    text = _unpadded(value)
    if len(text) > width:
        return f"is longer than {width} characters", None
    if not text and index not in _BLANK_ALLOWED:
        return "is empty", "isa-padding" if index + 1 == len(ISA_WIDTHS) else None
    pattern = _PATTERNS.get(index)
    if pattern is not None and not pattern.fullmatch(text):
        return "is not valid", None
    listed = _envelope_codes(_CODED.get(index, ""))
    if listed and text not in listed:
        return "holds a code that is not listed", "code-values"
    if len(value) != width:
        return f"must be {width} characters wide, padded if need be, not {len(value)}", "isa-padding"
    return None


def _envelope_codes(element: str) -> frozenset[str]:
    # The control segments are the same in every release; the newest tables know the most.
    return load_release(releases()[-1]).codes(element)


def _isa_finding(isa: IsaText, code: InterchangeError, message: str, severity: Severity, index: int | None) -> Finding:
    offset = 0 if index is None else 4 + sum(len(value) + 1 for value in isa.elements[:index])
    return Finding(
        Level.INTERCHANGE,
        code,
        message,
        severity,
        segment="ISA",
        element=None if index is None else index + 1,
        value=None if index is None else isa.elements[index],
        byte_offset=isa.start + offset,
    )


def acknowledgment_of(parts: list[str], start: int) -> InterchangeAcknowledgment:
    """The TA1 in the parts of its text."""
    values = [*parts[1:6], "", "", "", "", ""]
    return InterchangeAcknowledgment(values[0], values[1], values[2], values[3], values[4], start)


def check_iea(parts: list[str], start: int, header: InterchangeHeader, groups: int, ledger: Ledger) -> None:
    """Compare IEA with what was read (IEA01 counts groups) and with ISA13."""
    count, number = _trailer_values(parts)
    if not _same_number(count, str(groups)):
        message = f"IEA01 counts {count or 'no'} groups, {groups} were read"
        _trailer(ledger, InterchangeError.GROUP_COUNT, message, ("IEA", 1, count), start, "trailer-counts")
    if not _same_number(number, header.control_number):
        message = f"IEA02 is {number or 'empty'}, ISA13 is {header.control_number}"
        _trailer(
            ledger, InterchangeError.CONTROL_NUMBER_MISMATCH, message, ("IEA", 2, number), start, "trailer-numbers"
        )


def group_header(parts: list[str], start: int) -> GroupHeader:
    """The header in the parts of a GS."""
    values = [*(value.strip(" ") for value in parts[1:9]), *[""] * len(_GS_NAMES)]
    return GroupHeader(
        functional_id=values[0],
        sender_code=values[1],
        receiver_code=values[2],
        date=values[3],
        time=values[4],
        control_number=values[5],
        agency=values[6],
        release=values[7],
        start=start,
    )


def check_gs(header: GroupHeader, ledger: Ledger, interchange: Ledger) -> ReleaseChoice:
    """Note what is wrong with a GS; tells the tables that read its sets (none when the release is refused)."""
    values = (
        header.functional_id,
        header.sender_code,
        header.receiver_code,
        header.date,
        header.time,
        header.control_number,
        header.agency,
        header.release,
    )
    empty = [f"GS{index:02d} ({name})" for index, name in enumerate(_GS_NAMES, 1) if not values[index - 1]]
    if empty:
        interchange.add(
            Finding(
                Level.INTERCHANGE,
                InterchangeError.CONTENT,
                f"{', '.join(empty)} must not be empty",
                segment="GS",
                byte_offset=header.start,
            )
        )
    if header.functional_id and header.functional_id not in _envelope_codes("479"):
        message = f"GS01 {header.functional_id} is no functional identifier"
        _group(ledger, GroupError.NOT_SUPPORTED, message, 1, header.functional_id, header.start)
    if not _GROUP_NUMBER.fullmatch(header.control_number):
        message = "GS06 must be a number of one to nine digits"
        _group(ledger, GroupError.CONTROL_NUMBER, message, 6, header.control_number, header.start)
    return _check_release(header, ledger)


def _check_release(header: GroupHeader, ledger: Ledger) -> ReleaseChoice:
    choice = choose_release(header.release)
    if choice.exact:
        return choice
    if choice.name is None:
        message = f"GS08 {header.release} names no release"
        _group(ledger, GroupError.VERSION_NOT_SUPPORTED, message, 8, header.release, header.start)
        return choice
    severity = ledger.severity("newer-release") if choice.newer else Severity.WARNING
    reading = "read as" if severity is Severity.WARNING else "tolerate `newer-release` to read it as"
    message = f"Release {header.release} has no tables here; {reading} {choice.name}"
    _group(ledger, GroupError.VERSION_NOT_SUPPORTED, message, 8, header.release, header.start, severity)
    return choice if severity is Severity.WARNING else ReleaseChoice(None, exact=False)


def check_ge(parts: list[str], start: int, header: GroupHeader, sets: int, ledger: Ledger) -> int | None:
    """Compare GE with what was read and with GS06; returns GE01, the sets it claims."""
    count, number = _trailer_values(parts)
    if not _same_number(count, str(sets)):
        message = f"GE01 counts {count or 'no'} transaction sets, {sets} were read"
        _trailer(ledger, GroupError.SET_COUNT, message, ("GE", 1, count), start, "trailer-counts")
    if not _same_number(number, header.control_number):
        message = f"GE02 is {number or 'empty'}, GS06 is {header.control_number}"
        _trailer(ledger, GroupError.CONTROL_NUMBER_MISMATCH, message, ("GE", 2, number), start, "trailer-numbers")
    return int(count) if _GROUP_NUMBER.fullmatch(count) else None


def _trailer_values(parts: list[str]) -> tuple[str, str]:
    count, number = [*(value.strip(" ") for value in parts[1:3]), "", ""][:2]
    return count, number


def _same_number(sent: str, expected: str) -> bool:
    """Control numbers and counts are numbers: leading zeros make no difference."""
    both_digits = sent.isascii() and expected.isascii() and sent.isdigit() and expected.isdigit()
    return sent.lstrip("0") == expected.lstrip("0") if both_digits else sent == expected


def _group(
    ledger: Ledger,
    code: GroupError,
    message: str,
    element: int,
    value: str,
    start: int,
    severity: Severity = Severity.ERROR,
) -> None:
    ledger.add(
        Finding(
            Level.GROUP, code, message, severity, segment="GS", element=element, value=value[:99], byte_offset=start
        )
    )


def _trailer(
    ledger: Ledger,
    code: InterchangeError | GroupError,
    message: str,
    place: tuple[str, int, str],
    start: int,
    tolerance: Tolerance,
) -> None:
    segment, element, value = place
    level = Level.GROUP if isinstance(code, GroupError) else Level.INTERCHANGE
    severity = ledger.severity(tolerance)
    ledger.add(
        Finding(level, code, message, severity, segment=segment, element=element, value=value[:99], byte_offset=start)
    )
