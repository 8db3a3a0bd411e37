"""Documents as one interchange: sets in their groups, groups in ISA and IEA, bytes as the partner wants them."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, Literal

from translators.documents import Document
from translators.findings import Finding, Level, Severity
from translators.guide import Guide, Identity, Override, ReadingRules, Validation
from translators.x12.dictionary import choose_release, load_release
from translators.x12.reader import read
from translators.x12.reading import CONTROL_NUMBER_MAX, InterchangeHeader, SetRead
from translators.x12.sets import DOCUMENT_TYPES, FUNCTIONAL_IDS
from translators.x12.tree import Element, Segment
from translators.x12.writer import Framing, Unwritable, filled, group_date, isa_segment, segment, write_segments
from translators.x12.writing.framing import STANDARD_FRAMING_RULES, FramingRules, frame
from translators.x12.writing.sets import Written, write_set

Usage = Literal["P", "T", "I"]

_VERSION_WIDTH: Final = 5
_SET_NUMBER_WIDTH: Final = 4
_ID_MAX: Final = 15
_OPTIONAL: Final = Validation(trailing_separators="optional")


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
        group_code: GS01 of every group; the standard's for the kind of its sets when empty.
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
    group_code: str = ""

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


@dataclass(frozen=True, slots=True)
class PreparedSet:
    """A set of which only its control number is missing.

    Attributes:
        head: what stands behind ST02.
        body: the bytes between ST and SE.
        segments: SE01.
    """

    set_type: str
    head: tuple[str, ...]
    body: bytes
    segments: int


@dataclass(frozen=True, slots=True)
class PreparedInterchange:
    """An interchange of which only the control numbers are missing.

    Everything that takes time is done: `numbered` may be called in the transaction that gives the numbers out.

    Attributes:
        envelope: its own control numbers do not count.
        groups: the sets of each functional group.
        codes: GS01 of each group.
    """

    envelope: Envelope
    framing: Framing
    groups: tuple[tuple[PreparedSet, ...], ...]
    codes: tuple[str, ...]

    @property
    def sets(self) -> int:
        """How many transaction sets it holds."""
        return sum(map(len, self.groups))

    def numbered(self, interchange: int, groups: Sequence[int], sets: Sequence[int] = ()) -> bytes:
        """The bytes under these numbers.

        Args:
            interchange: ISA13.
            groups: GS06 of each group.
            sets: ST02 of each set; without any each group begins with 0001.

        Raises:
            ValueError: there are not as many numbers as groups or sets.
        """
        pieces = [self._segments(isa_segment(self._header(interchange)))]
        following = iter(sets)
        for number, code, held in zip(groups, self.codes, self.groups, strict=True):
            pieces.append(self._segments(_group_head(self.envelope, code, number)))
            for count, prepared in enumerate(held, 1):
                given = next(following, None) if sets else count
                if given is None:
                    raise ValueError("fewer control numbers than transaction sets")
                shown = str(given).zfill(_SET_NUMBER_WIDTH)
                # The head may end with empty elements, which `segment` would leave out.
                head: list[Element] = [prepared.set_type, shown, *prepared.head]
                pieces.append(self._segments(Segment("ST", head, position=0, start=0, end=0)))
                pieces.append(prepared.body)
                pieces.append(self._segments(segment("SE", str(prepared.segments), shown)))
            pieces.append(self._segments(segment("GE", str(len(held)), str(number))))
        pieces.append(self._segments(segment("IEA", str(len(self.groups)), str(interchange).zfill(9))))
        return b"".join(pieces)

    def _header(self, number: int) -> InterchangeHeader:
        envelope = self.envelope
        return InterchangeHeader(
            sender_qualifier=envelope.sender.qualifier,
            sender_id=envelope.sender.id,
            receiver_qualifier=envelope.receiver.qualifier,
            receiver_id=envelope.receiver.id,
            date=envelope.at.strftime("%y%m%d"),
            time=envelope.at.strftime("%H%M"),
            version=envelope.isa12,
            control_number=str(number).zfill(9),
            acknowledgment_requested=envelope.acknowledgment_requested,
            usage=envelope.usage,
            start=0,
            delimiters=self.framing.delimiters,
        )

    def _segments(self, *held: Segment) -> bytes:
        data = write_segments(held, self.framing)
        if isinstance(data, Unwritable):
            raise ValueError(f"{data.segment}{data.element:02} {data.reason}")  # noqa: TRY004 - it is no type that is wrong
        return data


@dataclass(frozen=True, slots=True)
class Preparation:
    """What became of documents: the interchange that only lacks its numbers, or why there is none.

    Attributes:
        interchange: None when a finding of the interchange or of a set is an error.
        findings: those of the envelope and of the layout; each set has its own.
        sets: in the order of the documents, sound ones and others.
    """

    interchange: PreparedInterchange | None
    findings: tuple[Finding, ...]
    sets: tuple[Written, ...]


def prepare_interchange(
    documents: Iterable[Document],
    envelope: Envelope,
    framing: FramingRules = STANDARD_FRAMING_RULES,
    rules: Mapping[str, tuple[Override, ...]] | None = None,
    group_codes: Mapping[str, str] | None = None,
) -> Preparation:
    """Documents written, proved and laid out, all but the control numbers; groups are as `write_interchange` has them.

    Args:
        documents: as they follow each other.
        envelope: its control numbers do not count.
        framing: how it is laid out.
        rules: by document type, in place of the envelope's, where several agreements hold.
        group_codes: by document type, in place of the envelope's.

    Nothing is raised whatever the documents hold.
    """
    held = tuple(documents)
    of_type = {item.document_type: envelope.rules for item in held} | dict(rules or {})
    sets = tuple(
        write_set(
            document,
            envelope.release,
            implementation=envelope.implementation,
            rules=of_type[document.document_type],
        )
        for document in held
    )
    code_of = dict.fromkeys(of_type, envelope.group_code) | dict(group_codes or {})
    faults = [*_envelope_faults(envelope, sets), *_framing_faults(envelope, framing)]
    if faults or not all(written.is_sound for written in sets):
        return Preparation(None, tuple(faults), sets)
    groups = [list(held) for _, held in groupby(sets, key=lambda written: written.set_type)]
    kinds = [group[0].set_type for group in groups]
    codes = tuple(code_of[DOCUMENT_TYPES[kind]] or FUNCTIONAL_IDS[kind] for kind in kinds)
    # The addresses of the groups are looked at, too, where separators are chosen that occur nowhere.
    heads = [_group_head(envelope, code, 1) for code in codes]
    framed = frame([*heads, *(one for written in sets for one in written.segments[1:-1])], framing, envelope.isa12)
    if any(finding.severity is Severity.ERROR for finding in framed.findings):
        return Preparation(None, framed.findings, sets)
    following = (_laid_out(one, envelope, framing) for one in framed.segments[len(heads) :])
    prepared: list[tuple[PreparedSet, ...]] = []
    for group in groups:
        made = []
        for written in group:
            body = [next(following) for _ in written.segments[1:-1]]
            data = write_segments(body, framed.framing)
            if isinstance(data, Unwritable):
                fault = _fault(f"{data.segment}{data.element:02} {data.reason}")
                return Preparation(None, (*framed.findings, fault), sets)
            opening = _laid_out(written.segments[0], envelope, framing)
            head = tuple(str(element) for element in opening.elements[2:])
            made.append(PreparedSet(written.set_type, head, data, len(written.segments)))
        prepared.append(tuple(made))
    interchange = PreparedInterchange(envelope, framed.framing, tuple(prepared), codes)
    # What was replaced may have been all that a mandatory element held.
    guides = tuple(
        Guide(name, "x12", rules=of_type[name], group_code=code_of[name])
        for name in dict.fromkeys(DOCUMENT_TYPES[written.set_type] for written in sets)
    )
    faults = list(_reading_faults(interchange, framing, guides)) if framed.findings else []
    return Preparation(None if faults else interchange, (*framed.findings, *faults), sets)


def _laid_out(held: Segment, envelope: Envelope, framing: FramingRules) -> Segment:
    release = choose_release(envelope.release).name
    return filled(held, load_release(release)) if framing.trailing_separators and release is not None else held


def write_interchange(
    documents: Iterable[Document], envelope: Envelope, framing: FramingRules = STANDARD_FRAMING_RULES
) -> WrittenInterchange:
    """Writes documents as one interchange; those of a kind that follow each other share a functional group.

    Nothing is raised whatever the documents hold. One that cannot be written keeps the whole from being sent.
    """
    made = prepare_interchange(documents, envelope, framing)
    faults = tuple(_number_faults(envelope, len(made.sets)))
    if made.interchange is None or faults:
        return WrittenInterchange(None, (*faults, *made.findings), made.sets)
    first_group, first_set = envelope.group_control_number, envelope.set_control_number
    data = made.interchange.numbered(
        envelope.interchange_control_number,
        range(first_group, first_group + len(made.interchange.groups)),
        range(first_set, first_set + len(made.sets)),
    )
    return WrittenInterchange(data, made.findings, made.sets)


def _reading_faults(
    prepared: PreparedInterchange, framing: FramingRules, guides: tuple[Guide, ...]
) -> Iterator[Finding]:
    """The errors that our own reader finds in the bytes; no verdict depends on the control numbers."""
    data = prepared.numbered(1, range(1, len(prepared.groups) + 1))
    agreed = guides if any(guide.rules or guide.group_code for guide in guides) else None
    reading = ReadingRules(guides=agreed, encoding=framing.encoding)
    if framing.trailing_separators:
        reading = replace(reading, validation=_OPTIONAL)
    for piece in read(data, reading):
        if isinstance(piece, SetRead):
            yield from (finding for finding in piece.findings if finding.severity is Severity.ERROR)


def _group_head(envelope: Envelope, code: str, number: int) -> Segment:
    return segment(
        "GS",
        code,
        envelope.sender_code,
        envelope.receiver_code,
        group_date(envelope.at, choose_release(envelope.release).name or ""),
        envelope.at.strftime("%H%M"),
        str(number),
        "X",
        envelope.release,
    )


def _number_faults(envelope: Envelope, sets: int) -> Iterable[Finding]:
    numbers = (
        ("ISA13", envelope.interchange_control_number),
        ("GS06", envelope.group_control_number + sets),
        ("ST02", envelope.set_control_number + sets),
    )
    for name, number in numbers:
        if not 0 < number <= CONTROL_NUMBER_MAX:
            yield _fault(f"{name} cannot be {number}; control numbers go from 1 to {CONTROL_NUMBER_MAX}")


def _envelope_faults(envelope: Envelope, sets: Sequence[Written]) -> Iterable[Finding]:
    if not sets:
        yield _fault("there is no document to write")
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
