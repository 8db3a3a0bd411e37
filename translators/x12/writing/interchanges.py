"""Documents as one interchange: sets in their groups, groups in ISA and IEA, bytes as the partner wants them."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

from translators.documents import Document
from translators.findings import Finding, Level, Severity
from translators.guide import Guide, Identity, Override, ReadingRules
from translators.x12.dictionary import choose_release
from translators.x12.reader import read
from translators.x12.reading import CONTROL_NUMBER_MAX, InterchangeHeader, SetRead
from translators.x12.sets import DOCUMENT_TYPES, FUNCTIONAL_IDS
from translators.x12.tree import Segment
from translators.x12.writer import Unwritable, group_date, isa_segment, segment, write_segments
from translators.x12.writing.framing import STANDARD_FRAMING_RULES, FramingRules, frame
from translators.x12.writing.sets import Written, write_set

Usage = Literal["P", "T", "I"]

_VERSION_WIDTH: Final = 5
_SET_NUMBER_WIDTH: Final = 4
_ID_MAX: Final = 15


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends to whom, when, and under which numbers.

    Attributes:
        sender: ISA05 and ISA06; ``sender_code`` is GS02.
        receiver: ISA07 and ISA08; ``receiver_code`` is GS03.
        release: GS08, with a suffix where one is agreed; it decides the tables that the sets are written by.
        at: the moment in ISA09, ISA10, GS04 and GS05.
        interchange_control_number: ISA13.
        group_control_number: GS06 of the first group; others count on.
        set_control_number: ST02 of the first set; others count on.
        usage: ISA15: P production, T test, I information.
        version: ISA12; that of the release when empty.
        acknowledgment_requested: ISA14, for a TA1.
        implementation: ST03 of every set, where it is agreed.
        rules: what the agreement demands and allows beyond the release.
    """

    sender: Identity
    sender_code: str
    receiver: Identity
    receiver_code: str
    release: str
    at: dt.datetime
    interchange_control_number: int
    group_control_number: int = 1
    set_control_number: int = 1
    usage: Usage = "P"
    version: str = ""
    acknowledgment_requested: bool = False
    implementation: str = ""
    rules: tuple[Override, ...] = ()

    @property
    def isa12(self) -> str:
        """ISA12: the version of the envelope, ``00401`` for release 004010."""
        return self.version or self.release[:_VERSION_WIDTH]


@dataclass(frozen=True, slots=True)
class WrittenInterchange:
    """The bytes of an interchange, or why there are none.

    Attributes:
        data: None when a finding of the interchange or of a set is an error.
        findings: those of the envelope and of the layout; each set has its own.
        sets: in the order of the documents, sound ones and others.
    """

    data: bytes | None
    findings: tuple[Finding, ...]
    sets: tuple[Written, ...]


def write_interchange(
    documents: Iterable[Document], envelope: Envelope, framing: FramingRules = STANDARD_FRAMING_RULES
) -> WrittenInterchange:
    """Writes documents as one interchange; those of a kind that follow each other share a functional group.

    Nothing is raised whatever the documents hold. One that cannot be written keeps the whole from being sent.
    """
    sets = tuple(
        write_set(
            document,
            envelope.release,
            set_control_number=str(envelope.set_control_number + count).zfill(_SET_NUMBER_WIDTH),
            implementation=envelope.implementation,
            rules=envelope.rules,
        )
        for count, document in enumerate(documents)
    )
    faults = [*_envelope_faults(envelope, sets), *_framing_faults(envelope, framing)]
    if faults or not all(written.is_sound for written in sets):
        return WrittenInterchange(None, tuple(faults), sets)
    groups = [list(held) for _, held in groupby(sets, key=lambda written: FUNCTIONAL_IDS[written.set_type])]
    body = [held for count, group in enumerate(groups) for held in _group(group, envelope, count)]
    framed = frame(body, framing, envelope.isa12)
    if any(finding.severity is Severity.ERROR for finding in framed.findings):
        return WrittenInterchange(None, framed.findings, sets)
    number = str(envelope.interchange_control_number).zfill(9)
    header = InterchangeHeader(
        sender_qualifier=envelope.sender.qualifier,
        sender_id=envelope.sender.id,
        receiver_qualifier=envelope.receiver.qualifier,
        receiver_id=envelope.receiver.id,
        date=envelope.at.strftime("%y%m%d"),
        time=envelope.at.strftime("%H%M"),
        version=envelope.isa12,
        control_number=number,
        acknowledgment_requested=envelope.acknowledgment_requested,
        usage=envelope.usage,
        start=0,
        delimiters=framed.framing.delimiters,
    )
    trailer = segment("IEA", str(len(groups)), number)
    data = write_segments([isa_segment(header), *framed.segments, trailer], framed.framing)
    if isinstance(data, Unwritable):
        return WrittenInterchange(
            None, (*framed.findings, _fault(f"{data.segment}{data.element:02} {data.reason}")), sets
        )
    # What was replaced may have been all that a mandatory element held.
    faults = list(_reading_faults(data, envelope, framing, sets)) if framed.findings else []
    return WrittenInterchange(None if faults else data, (*framed.findings, *faults), sets)


def _reading_faults(
    data: bytes, envelope: Envelope, framing: FramingRules, sets: Sequence[Written]
) -> Iterator[Finding]:
    """The errors that our own reader finds in the finished bytes."""
    named = dict.fromkeys(DOCUMENT_TYPES[written.set_type] for written in sets)
    guides = tuple(Guide(document_type, "x12", rules=envelope.rules) for document_type in named)
    for piece in read(data, ReadingRules(guides=guides if envelope.rules else None, encoding=framing.encoding)):
        if isinstance(piece, SetRead):
            yield from (finding for finding in piece.findings if finding.severity is Severity.ERROR)


def _group(group: Sequence[Written], envelope: Envelope, count: int) -> list[Segment]:
    number = str(envelope.group_control_number + count)
    head = segment(
        "GS",
        FUNCTIONAL_IDS[group[0].set_type],
        envelope.sender_code,
        envelope.receiver_code,
        group_date(envelope.at, choose_release(envelope.release).name or ""),
        envelope.at.strftime("%H%M"),
        number,
        "X",
        envelope.release,
    )
    body = [held for written in group for held in written.segments]
    return [head, *body, segment("GE", str(len(group)), number)]


def _envelope_faults(envelope: Envelope, sets: Sequence[Written]) -> Iterable[Finding]:
    if not sets:
        yield _fault("there is no document to write")
    numbers = (
        ("ISA13", envelope.interchange_control_number),
        ("GS06", envelope.group_control_number + len(sets)),
        ("ST02", envelope.set_control_number + len(sets)),
    )
    for name, number in numbers:
        if not 0 < number <= CONTROL_NUMBER_MAX:
            yield _fault(f"{name} cannot be {number}; control numbers go from 1 to {CONTROL_NUMBER_MAX}")
    for name, held in (("ISA06", envelope.sender.id), ("ISA08", envelope.receiver.id)):
        if not (held.isascii() and held.isprintable() and 0 < len(held) <= _ID_MAX):
            yield _fault(f"{name} {held!r} is no interchange id of 1 to {_ID_MAX} characters")
    for name, held in (("GS02", envelope.sender_code), ("GS03", envelope.receiver_code)):
        if not (held.isascii() and held.isprintable() and 1 < len(held) <= _ID_MAX):
            yield _fault(f"{name} {held!r} is no application id of 2 to {_ID_MAX} characters")
    if not (envelope.isa12.isdecimal() and len(envelope.isa12) == _VERSION_WIDTH):
        yield _fault(f"ISA12 {envelope.isa12!r} is no version; write five digits such as 00401")


def _framing_faults(envelope: Envelope, framing: FramingRules) -> Iterable[Finding]:
    separators = framing.delimiters.all()
    if len(set(separators)) < len(separators) or not (framing.delimiters.element and framing.delimiters.terminator):
        yield _fault(f"the separators {separators!r} are not four different characters")
    codes = (envelope.sender.id, envelope.sender_code, envelope.receiver.id, envelope.receiver_code)
    for held in codes:
        if any(character in separators for character in held):
            yield _fault(f"the address {held!r} holds one of the separators {separators!r}; choose others")


def _fault(message: str) -> Finding:
    return Finding(Level.INTERCHANGE, "not-writable", message, Severity.ERROR)
