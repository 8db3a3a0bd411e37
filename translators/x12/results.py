"""What became of an interchange, in small values that outlive its bytes: enough to acknowledge it later.

Reading happens in one process, control numbers are given out in a transaction of another; between them travel these
values, pickled.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from sys import intern

from translators.findings import Finding, Level, Severity
from translators.x12.dictionary import choose_release
from translators.x12.faults import SegmentError, SetError
from translators.x12.reading import (
    GroupClosed,
    GroupHeader,
    GroupOpened,
    InterchangeClosed,
    InterchangeHeader,
    Piece,
    SetRead,
    Status,
)

NO_ERROR = "000"  # TA105
FAULTS_KEPT_MAX = 20_000  # AK3 and AK4 kept for the acknowledgments of one file
FALLBACK_RELEASE = "004010"  # of an acknowledgment for a group whose release cannot be told
SUBJECT_CHARACTERS_MAX = 35  # C99802
# Where a set holds its own number.
SUBJECTS = {
    "810": ("BIG", 2),
    "820": ("TRN", 2),
    "830": ("BFR", 2),
    "846": ("BIA", 3),
    "850": ("BEG", 3),
    "855": ("BAK", 3),
    "856": ("BSN", 2),
    "860": ("BCH", 3),
    "861": ("BRA", 1),
    "862": ("BSS", 2),
    "865": ("BCA", 3),
    "870": ("BSR", 3),
}


@dataclass(frozen=True, slots=True)
class ElementFault:
    """AK4: an element in error; ``implementation_code`` is what a 999 says where only the agreement asks for it."""

    element: int
    component: int | None
    data_element: str | None
    code: str
    value: str | None
    implementation_code: str | None = None


@dataclass(frozen=True, slots=True)
class SegmentFault:
    """AK3: a segment in error, with its elements in error."""

    segment: str | None
    position: int
    loop: str | None
    code: str
    elements: tuple[ElementFault, ...] = ()
    implementation_code: str | None = None


@dataclass(frozen=True, slots=True)
class SetResult:
    """AK2 to AK5: a transaction set. ``codes`` are those of AK502 and after.

    ``subject`` is where a set with faults holds its own number, and that number: ``("BEG03", "4500012345")``.
    """

    type: str
    control_number: str
    implementation: str
    status: Status
    codes: tuple[str, ...] = ()
    segments: tuple[SegmentFault, ...] = ()
    subject: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class GroupResult:
    """AK1 to AK9: a functional group. ``codes`` are those of AK905 and after, ``tables`` the release that read it."""

    header: GroupHeader
    tables: str
    status: Status
    sets_claimed: int | None
    sets_received: int
    sets_accepted: int
    codes: tuple[str, ...] = ()
    sets: tuple[SetResult, ...] = ()


@dataclass(frozen=True, slots=True)
class InterchangeResult:
    """An interchange: how it fared as a whole, and what TA1 says of its envelope (``code`` TA104, ``note`` TA105).

    ``acknowledgments`` counts the TA1 segments in it. ``is_told`` demands a TA1 although nobody asked for one: nothing
    else would tell of what was found.
    """

    header: InterchangeHeader
    status: Status
    code: str = "A"
    note: str = NO_ERROR
    groups: tuple[GroupResult, ...] = ()
    acknowledgments: int = 0
    is_told: bool = False


@dataclass(slots=True)
class ResultCollector:
    """Makes results of the pieces of a file; fed with every piece, it hands out each interchange as it closes.

    A bad set rejects its group or interchange, where the agreement wants that. Of a file with very many faults only
    so many are kept: behind them a set keeps its status and its codes.
    """

    faults_left: int = FAULTS_KEPT_MAX
    _sets: list[SetResult] = field(default_factory=list)
    _groups: list[GroupResult] = field(default_factory=list)
    _tables: str | None = None
    _rejects_group: bool = False
    _rejects_interchange: bool = False

    def add(self, piece: Piece) -> InterchangeResult | None:
        """Take a piece; returns the result of an interchange when the piece closes it."""
        if isinstance(piece, SetRead):
            self._sets.append(self._set(piece))
            if piece.status is Status.REJECTED:
                self._rejects_group |= piece.on_bad_set == "reject_group"
                self._rejects_interchange |= piece.on_bad_set == "reject_interchange"
        elif isinstance(piece, GroupOpened):
            self._tables = piece.tables
        elif isinstance(piece, GroupClosed):
            group = self._group(piece)
            self._groups.append(rejected(group) if self._rejects_group else group)
            self._sets, self._rejects_group = [], False
        elif isinstance(piece, InterchangeClosed):
            return self._interchange(piece)
        return None

    def _interchange(self, piece: InterchangeClosed) -> InterchangeResult:
        groups, self._groups = tuple(self._groups), []
        if self._rejects_interchange:
            groups, self._rejects_interchange = tuple(map(rejected, groups)), False
        code, note = _envelope(piece.findings)
        result = InterchangeResult(piece.header, piece.status, code, note, groups, len(piece.acknowledgments))
        return with_groups(result, groups) if groups else result

    def _set(self, piece: SetRead) -> SetResult:
        result = set_result(piece)
        faults = sum(len(fault.elements) or 1 for fault in result.segments)
        if faults > self.faults_left:
            return replace(result, segments=())
        self.faults_left -= faults
        return result

    def _group(self, piece: GroupClosed) -> GroupResult:
        return GroupResult(
            header=piece.header,
            tables=self._tables or choose_release(piece.header.release).name or FALLBACK_RELEASE,
            status=piece.status,
            sets_claimed=piece.sets_claimed,
            sets_received=piece.sets_received,
            sets_accepted=piece.sets_accepted,
            codes=tuple(dict.fromkeys(str(finding.code) for finding in piece.findings)),
            sets=tuple(self._sets),
        )


def collect_results(pieces: Iterable[Piece]) -> tuple[InterchangeResult, ...]:
    """The results of a file, an interchange each."""
    collector = ResultCollector()
    return tuple(result for piece in pieces if (result := collector.add(piece)) is not None)


def _envelope(findings: Iterable[Finding]) -> tuple[str, str]:
    """TA104 and TA105: the first error decides, else the first warning."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        return "R", str(errors[0].code)
    warnings = [finding for finding in findings if finding.severity is Severity.WARNING]
    return ("E", str(warnings[0].code)) if warnings else ("A", NO_ERROR)


def set_result(piece: SetRead) -> SetResult:
    """What an acknowledgment says of a transaction set."""
    of_set = [str(finding.code) for finding in piece.findings if finding.level is Level.TRANSACTION_SET]
    segments = tuple(_segment_faults(piece.findings))
    if any(finding.level in {Level.SEGMENT, Level.ELEMENT} for finding in piece.findings):
        of_set.append(SetError.SEGMENTS_IN_ERROR.value)
    return SetResult(
        type=intern(piece.type),  # a large file has results by the hundred thousand, and few types
        control_number=piece.control_number,
        implementation=piece.implementation,
        status=piece.status,
        codes=tuple(dict.fromkeys(of_set)),
        segments=segments,
        subject=_subject(piece) if segments else None,
    )


def _subject(piece: SetRead) -> tuple[str, str] | None:
    """The place and the value of a set's own number, as far as an acknowledgment can name it (C998)."""
    code, element = SUBJECTS.get(piece.type, ("", 0))
    segment = piece.tree.segment(code) if piece.tree is not None and code else None
    value = segment.value(element)[:SUBJECT_CHARACTERS_MAX].strip() if segment is not None else ""
    return (f"{code}{element:02d}", value) if value.isascii() and value.isprintable() and value else None


def _segment_faults(findings: Iterable[Finding]) -> list[SegmentFault]:
    """The findings gathered under their segments: an AK3 for each segment error, one more for element errors."""
    faults: list[SegmentFault] = []
    with_elements: dict[tuple[str | None, int | None], int] = {}
    for finding in findings:
        if finding.level not in {Level.SEGMENT, Level.ELEMENT} or finding.position is None:
            continue
        place = (finding.segment, finding.position)
        elements: tuple[ElementFault, ...] = ()
        if finding.level is Level.ELEMENT:
            elements = (_element_fault(finding),)
        is_about_elements = finding.level is Level.ELEMENT or finding.code == SegmentError.ELEMENT_ERRORS
        if is_about_elements and place in with_elements:
            known = faults[with_elements[place]]
            faults[with_elements[place]] = replace(known, elements=known.elements + elements)
            continue
        code = SegmentError.ELEMENT_ERRORS.value if is_about_elements else str(finding.code)
        if is_about_elements:
            with_elements[place] = len(faults)
        own = None if is_about_elements else finding.implementation_code
        faults.append(SegmentFault(finding.segment, finding.position, finding.loop, code, elements, own))
    return sorted(faults, key=lambda fault: fault.position)


def _element_fault(finding: Finding) -> ElementFault:
    return ElementFault(
        element=finding.element or 1,
        component=finding.component,
        data_element=finding.data_element,
        code=str(finding.code),
        value=finding.value,
        implementation_code=finding.implementation_code,
    )


def rejected(group: GroupResult) -> GroupResult:
    """A group that is rejected as a whole, whatever its sets are."""
    return replace(group, status=Status.REJECTED, sets_accepted=0)


def with_groups(result: InterchangeResult, groups: tuple[GroupResult, ...]) -> InterchangeResult:
    """An interchange with other verdicts on its groups, and the verdict on itself that follows from them."""
    if result.code == "R":
        return replace(result, groups=groups)
    statuses = {item.status for item in groups}
    if result.code == "E" and statuses != {Status.REJECTED}:
        statuses.add(Status.ACCEPTED_WITH_ERRORS)
    return replace(result, groups=groups, status=joined(statuses))


def joined(statuses: set[Status]) -> Status:
    """The status of what holds parts of these statuses."""
    if statuses == {Status.REJECTED}:
        return Status.REJECTED
    if statuses & {Status.REJECTED, Status.PARTIALLY_ACCEPTED}:
        return Status.PARTIALLY_ACCEPTED
    return Status.ACCEPTED_WITH_ERRORS if Status.ACCEPTED_WITH_ERRORS in statuses else Status.ACCEPTED
