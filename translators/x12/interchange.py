"""What is wrong with the envelopes: ISA and IEA in the words of TA105, GS and GE in those of AK905."""

import functools
import re
from collections.abc import Collection
from dataclasses import replace

from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.guide import Identity, ReadingRules, Tolerance
from translators.x12.delimiters import ISA_WIDTHS, IsaText
from translators.x12.dictionary import ReleaseChoice, choose_release, load_release, releases
from translators.x12.faults import GroupError, InterchangeError, Ledger
from translators.x12.masking import masked
from translators.x12.reading import GroupHeader, InterchangeAcknowledgment, InterchangeHeader
from translators.x12.sets import FUNCTIONAL_IDS
from translators.x12.value_faults import quoted

ADDRESSES_NAMED_MAX = 3  # in a remedy
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
# What belongs into each ISA element, as a remedy says it.
_WANTED = (
    "00 or another code of I01", "", "00 or another code of I03", "",
    "the qualifier of the sender, such as ZZ", "the id of the sender",
    "the qualifier of the receiver, such as ZZ", "the id of the receiver",
    "a date as YYMMDD", "a time as HHMM", "U, or from 00402 on the repetition separator", "a version such as 00401",
    "a control number of nine digits", "0, or 1 to ask for a TA1", "P for production or T for test",
    "the component separator",
)  # fmt: skip
_DATE, _TIME = _PATTERNS[8], _PATTERNS[9]
_TA1_ELEMENTS = (
    (re.compile(r"[0-9]{9}", re.ASCII), "ISA13 of the interchange it speaks of, nine digits"),
    (_DATE, "its ISA09"),
    (_TIME, "its ISA10"),
    (re.compile(r"[AER]"), "A, E or R"),
    (re.compile(r"0[0-3][0-9]", re.ASCII), "a note code such as 000"),
)
# GS elements that say nothing about how a group is read, by their index.
_GS_ELEMENTS = {
    1: (re.compile(r".{1,15}", re.DOTALL), "two to fifteen characters"),
    2: (re.compile(r".{1,15}", re.DOTALL), "two to fifteen characters"),
    3: (re.compile(rf"(?:[0-9]{{2}})?{_DATE.pattern}", re.ASCII), "a date as CCYYMMDD"),
    4: (re.compile(rf"{_TIME.pattern}(?:[0-5][0-9](?:[0-9]{{1,2}})?)?", re.ASCII), "a time as HHMM"),
    6: (re.compile(r"[XT]"), "X, or T for transport industry data"),
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
        number_start=_offset(isa, 12),
    )


def _unpadded(value: str) -> str:
    # Files that went through a web page are padded with no-break spaces, in latin-1 or UTF-8.
    return value.strip(" ") if value.isascii() else _PADDING.sub("", value)


def check_isa(isa: IsaText, rules: ReadingRules, ledger: Ledger) -> None:
    """Note what is wrong with an ISA, in the words of TA105; of one that was cut short only that."""
    if not isa.complete:
        message = (
            "ISA has fewer than sixteen elements, so nobody can be answered; send all of them, padded to their widths"
        )
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
        message = f"{_address(sender)} is no address that is agreed for sending; {_agreed_senders(rules.senders)}"
        ledger.add(_isa_finding(isa, InterchangeError.SENDER_ID, message, Severity.ERROR, 5))
    receiver = Identity(header.receiver_qualifier, header.receiver_id)
    if rules.receivers is not None and receiver not in rules.receivers:
        message = f"{_address(receiver)} is no address of ours; put the agreed one into ISA07 and ISA08"
        ledger.add(_isa_finding(isa, InterchangeError.RECEIVER_ID, message, Severity.ERROR, 7))


def _agreed_senders(senders: frozenset[Identity]) -> str:
    """The remedy, for who wrote it and for who looks after the agreements; of very many addresses none is named."""
    agreed = ", ".join(sorted(map(_address, senders))) if len(senders) <= ADDRESSES_NAMED_MAX else ""
    named = f"agreed is {agreed}: send from that" if agreed else "send from one that is agreed"
    return f"{named}, or ask for an agreement on this one"


def _address(identity: Identity) -> str:
    return quoted(f"{identity.qualifier}/{identity.id}")


def _isa_fault(index: int, value: str, width: int) -> tuple[str, Tolerance | None] | None:
    text = _unpadded(value)
    # Whatever is said of ISA02 and ISA04, they are not shown: they may hold a password.
    said = "what it holds" if index in _PASSWORDS else quoted(text)
    if len(text) > width:
        return f"has {len(text)} characters, more than the {width} of its place; shorten {said}", None
    if not text and index not in _BLANK_ALLOWED:
        return f"is empty; send {_WANTED[index]}", "isa-padding" if index + 1 == len(ISA_WIDTHS) else None
    pattern = _PATTERNS.get(index)
    if pattern is not None and not pattern.fullmatch(text):
        return f"holds {said}; send {_WANTED[index]}", None
    listed = _envelope_codes(_CODED.get(index, ""))
    if listed and text not in listed:
        return f"holds {said}, which is no code of element {_CODED[index]}; send one that is listed", "code-values"
    if len(value) != width:
        return f"is {len(value)} characters wide; pad it with blanks to {width}", "isa-padding"
    return None


@functools.cache
def _envelope_codes(element: str) -> frozenset[str]:
    # The control segments are the same in every release; the newest tables know the most.
    return load_release(releases()[-1]).codes(element)


def _isa_finding(isa: IsaText, code: InterchangeError, message: str, severity: Severity, index: int | None) -> Finding:
    return Finding(
        Level.INTERCHANGE,
        code,
        message,
        severity,
        segment="ISA",
        element=None if index is None else index + 1,
        value=None if index is None else isa.elements[index][:VALUE_CHARACTERS_MAX],
        byte_offset=isa.start if index is None else _offset(isa, index),
    )


def _offset(isa: IsaText, index: int) -> int:
    """Where an element of the ISA begins, in the file."""
    return isa.start + len("ISA*") + sum(len(value) + 1 for value in isa.elements[:index])


def read_ta1(parts: list[str], start: int, ledger: Ledger) -> InterchangeAcknowledgment:
    """The TA1 in the parts of its text; what is wrong with it makes no interchange bad, but is told."""
    values = [*(value[:VALUE_CHARACTERS_MAX] for value in parts[1:6]), "", "", "", "", ""][:5]
    for index, (value, (pattern, wanted)) in enumerate(zip(values, _TA1_ELEMENTS, strict=True)):
        if not pattern.fullmatch(value):
            _content(ledger, ("TA1", index + 1, value), start, wanted)
    return InterchangeAcknowledgment(values[0], values[1], values[2], values[3], values[4], start)


def check_iea(parts: list[str], start: int, header: InterchangeHeader, groups: int, ledger: Ledger) -> None:
    """Compare IEA with what was read (IEA01 counts groups) and with ISA13."""
    count, number = _trailer_values(parts)
    if not _same_number(count, str(groups)):
        message = f"IEA01 is {quoted(count)}, but {_were(groups, 'group')} read; send all of them, or the right count"
        _trailer(ledger, InterchangeError.GROUP_COUNT, message, ("IEA", 1, count), start, "trailer-counts")
    if not _same_number(number, header.control_number):
        message = f"IEA02 is {quoted(number)}, but ISA13 is {quoted(header.control_number)}; send the same in both"
        _trailer(
            ledger, InterchangeError.CONTROL_NUMBER_MISMATCH, message, ("IEA", 2, number), start, "trailer-numbers"
        )


def is_closed_by(iea: list[str], header: InterchangeHeader) -> bool:
    """Whether IEA02 is the number of ISA13."""
    return _same_number(_trailer_values(iea)[1], header.control_number)


def implied_header(set_type: str, release: str, start: int) -> GroupHeader:
    """The header of transaction sets that stand in no group: the kind they belong to, the release they are read in."""
    return GroupHeader(FUNCTIONAL_IDS.get(set_type, ""), "", "", "", "", "", "", release, start)


def group_header(parts: list[str], start: int) -> GroupHeader:
    """The header in the parts of a GS."""
    # No value of a header is long; what is kept of one that is tells of it, and leads into no agreement.
    values = [*(value[:VALUE_CHARACTERS_MAX].strip(" ") for value in parts[1:9]), *[""] * len(_GS_NAMES)]
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


def check_gs(
    header: GroupHeader, ledger: Ledger, interchange: Ledger, agreed_codes: Collection[str] = ()
) -> ReleaseChoice:
    """Note what is wrong with a GS; tells the tables that read its sets (none when the release is refused).

    ``agreed_codes`` may stand in GS01 beside those of the standard.
    """
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
                f"{', '.join(empty)} must not be empty; send {'it' if len(empty) == 1 else 'them'}",
                segment="GS",
                byte_offset=header.start,
            )
        )
    for index, (pattern, wanted) in _GS_ELEMENTS.items():
        if values[index] and not pattern.fullmatch(values[index]):
            _content(interchange, ("GS", index + 1, values[index]), header.start, wanted)
    is_agreed = not header.functional_id or header.functional_id in agreed_codes
    if not is_agreed and header.functional_id not in _envelope_codes("479"):
        message = f"GS01 {quoted(header.functional_id)} is no functional identifier; send one such as PO"
        _group(ledger, GroupError.NOT_SUPPORTED, message, 1, header.functional_id, header.start)
    if not _GROUP_NUMBER.fullmatch(header.control_number):
        message = f"GS06 {quoted(header.control_number)} is no control number; send one to nine digits"
        _group(ledger, GroupError.CONTROL_NUMBER, message, 6, header.control_number, header.start)
    return _check_release(header, ledger)


def _check_release(header: GroupHeader, ledger: Ledger) -> ReleaseChoice:
    choice = choose_release(header.release)
    if choice.exact:
        return choice
    if choice.name is None:
        message = f"GS08 {quoted(header.release)} names no release; send one such as 004010"
        _group(ledger, GroupError.VERSION_NOT_SUPPORTED, message, 8, header.release, header.start)
        return choice
    severity = ledger.severity("newer-release") if choice.newer else Severity.WARNING
    reading = "it is read as" if severity is Severity.WARNING else "tolerate `newer-release` to have it read as"
    message = f"GS08 {quoted(header.release)} is a release without tables here; {reading} {choice.name}"
    _group(ledger, GroupError.VERSION_NOT_SUPPORTED, message, 8, header.release, header.start, severity)
    return choice if severity is Severity.WARNING else ReleaseChoice(None, exact=False)


def check_ge(parts: list[str], start: int, header: GroupHeader, sets: int, ledger: Ledger) -> int | None:
    """Compare GE with what was read and with GS06; returns GE01, the sets it claims."""
    count, number = _trailer_values(parts)
    if not _same_number(count, str(sets)):
        message = f"GE01 is {quoted(count)}, but {_were(sets, 'transaction set')} read; send all, or the right count"
        _trailer(ledger, GroupError.SET_COUNT, message, ("GE", 1, count), start, "trailer-counts")
    if not _same_number(number, header.control_number):
        message = f"GE02 is {quoted(number)}, but GS06 is {quoted(header.control_number)}; send the same in both"
        _trailer(ledger, GroupError.CONTROL_NUMBER_MISMATCH, message, ("GE", 2, number), start, "trailer-numbers")
    return int(count) if _GROUP_NUMBER.fullmatch(count) else None


def _were(count: int, what: str) -> str:
    return f"one {what} was" if count == 1 else f"{count} {what}s were"


def _trailer_values(parts: list[str]) -> tuple[str, str]:
    count, number = [*(value[:VALUE_CHARACTERS_MAX].strip(" ") for value in parts[1:3]), "", ""][:2]
    return count, number


def _same_number(sent: str, expected: str) -> bool:
    """Control numbers and counts are numbers: leading zeros make no difference."""
    both_digits = sent.isascii() and expected.isascii() and sent.isdigit() and expected.isdigit()
    return sent.lstrip("0") == expected.lstrip("0") if both_digits else sent == expected


def _content(ledger: Ledger, place: tuple[str, int, str], start: int, wanted: str) -> None:
    """A warning: what an envelope segment holds departs from the standard without a doubt about what is meant."""
    if ledger.skips(Severity.WARNING):
        return
    segment, element, value = place
    ledger.add(
        Finding(
            Level.INTERCHANGE,
            InterchangeError.CONTENT,
            f"{segment}{element:02d} holds {quoted(value)}; send {wanted}",
            Severity.WARNING,
            segment=segment,
            element=element,
            value=value[:VALUE_CHARACTERS_MAX],
            byte_offset=start,
        )
    )


def _group(
    ledger: Ledger,
    code: GroupError,
    message: str,
    element: int,
    value: str,
    start: int,
    severity: Severity = Severity.ERROR,
) -> None:
    value = value[:VALUE_CHARACTERS_MAX]
    ledger.add(
        Finding(Level.GROUP, code, message, severity, segment="GS", element=element, value=value, byte_offset=start)
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
    value = value[:VALUE_CHARACTERS_MAX]
    ledger.add(
        Finding(level, code, message, severity, segment=segment, element=element, value=value, byte_offset=start)
    )
