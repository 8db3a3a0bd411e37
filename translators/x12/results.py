"""What became of an interchange, in small values that outlive its bytes: enough to acknowledge it later.

Reading happens in one process, control numbers are given out in a transaction of another; between them travel these
values, by pickle or as JSON.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from translators.findings import Finding, Level, Severity
from translators.guide import DuplicateAction
from translators.x12.delimiters import Delimiters
from translators.x12.dictionary import choose_release, load_release
from translators.x12.faults import (
    InterchangeError,
    SegmentError,
    SetError,
    duplicate_group_code,
    duplicate_set_code,
)
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
FALLBACK_RELEASE = "004010"  # of an acknowledgment for a group whose release cannot be told


@dataclass(frozen=True, slots=True)
class ElementFault:
    """AK4: an element in error."""

    element: int
    component: int | None
    data_element: str | None
    code: str
    value: str | None


@dataclass(frozen=True, slots=True)
class SegmentFault:
    """AK3: a segment in error, with its elements in error."""

    segment: str | None
    position: int
    loop: str | None
    code: str
    elements: tuple[ElementFault, ...] = ()


@dataclass(frozen=True, slots=True)
class SetResult:
    """AK2 to AK5: a transaction set. ``codes`` are those of AK502 and after."""

    type: str
    control_number: str
    implementation: str
    status: Status
    codes: tuple[str, ...] = ()
    segments: tuple[SegmentFault, ...] = ()


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
    """An interchange: how it fared as a whole, and what TA1 says of its envelope (``code`` TA104, ``note`` TA105)."""

    header: InterchangeHeader
    status: Status
    code: str = "A"
    note: str = NO_ERROR
    groups: tuple[GroupResult, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "InterchangeResult":
        """The result that `as_json` wrote."""
        header = dict(values["header"])
        return cls(
            header=InterchangeHeader(**(header | {"delimiters": Delimiters(**header["delimiters"])})),
            status=Status(values["status"]),
            code=values["code"],
            note=values["note"],
            groups=tuple(_group_from_json(group) for group in values["groups"]),
        )


def _group_from_json(values: Mapping[str, Any]) -> GroupResult:
    own: dict[str, Any] = {
        "header": GroupHeader(**values["header"]),
        "status": Status(values["status"]),
        "codes": tuple(values["codes"]),
        "sets": tuple(_set_from_json(item) for item in values["sets"]),
    }
    return GroupResult(**(dict(values) | own))


def _set_from_json(values: Mapping[str, Any]) -> SetResult:
    segments = tuple(
        SegmentFault(**(dict(fault) | {"elements": tuple(ElementFault(**element) for element in fault["elements"])}))
        for fault in values["segments"]
    )
    own: dict[str, Any] = {"status": Status(values["status"]), "codes": tuple(values["codes"]), "segments": segments}
    return SetResult(**(dict(values) | own))


@dataclass(slots=True)
class ResultCollector:
    """Makes results of the pieces of a file; fed with every piece, it hands out each interchange as it closes."""

    _sets: list[SetResult] = field(default_factory=list)
    _groups: list[GroupResult] = field(default_factory=list)
    _tables: str | None = None

    def add(self, piece: Piece) -> InterchangeResult | None:
        """Take a piece; returns the result of an interchange when the piece closes it."""
        if isinstance(piece, SetRead):
            self._sets.append(set_result(piece))
        elif isinstance(piece, GroupOpened):
            self._tables = piece.tables
        elif isinstance(piece, GroupClosed):
            self._groups.append(self._group(piece))
            self._sets = []
        elif isinstance(piece, InterchangeClosed):
            groups, self._groups = tuple(self._groups), []
            code, note = _envelope(piece.findings)
            return InterchangeResult(piece.header, piece.status, code, note, groups)
        return None

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
        type=piece.type,
        control_number=piece.control_number,
        implementation=piece.implementation,
        status=piece.status,
        codes=tuple(dict.fromkeys(of_set)),
        segments=segments,
    )


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
        faults.append(SegmentFault(finding.segment, finding.position, finding.loop, code, elements))
    return sorted(faults, key=lambda fault: fault.position)


def _element_fault(finding: Finding) -> ElementFault:
    return ElementFault(
        element=finding.element or 1,
        component=finding.component,
        data_element=finding.data_element,
        code=str(finding.code),
        value=finding.value,
    )


def interchange_key(result: InterchangeResult) -> str:
    """What must not repeat within the window of an agreement: sender, receiver and ISA13."""
    header = result.header
    sender = f"{header.sender_qualifier}|{header.sender_id}"
    receiver = f"{header.receiver_qualifier}|{header.receiver_id}"
    return f"ISA|{sender}|{receiver}|{header.usage}|{_number(header.control_number)}"


def group_keys(result: InterchangeResult) -> tuple[str, ...]:
    """For each group what must not repeat: the application ids, the functional id and GS06."""
    return tuple(
        f"GS|{group.header.sender_code}|{group.header.receiver_code}|{group.header.functional_id}|"
        f"{result.header.usage}|{_number(group.header.control_number)}"
        for group in result.groups
    )


def _number(control_number: str) -> str:
    return control_number.lstrip("0") or "0"


def reject_duplicate_interchange(result: InterchangeResult, action: DuplicateAction = "reject") -> InterchangeResult:
    """The result of an interchange whose ISA13 was seen before, by the agreement's action: TA105 = 025."""
    match action:
        case "process":
            return result
        case "accept_with_error" if result.code != "R":
            status = Status.ACCEPTED_WITH_ERRORS if result.status is Status.ACCEPTED else result.status
            return replace(result, status=status, code="E", note=InterchangeError.DUPLICATE.value)
        case "accept_with_error":
            return result
    return replace(result, status=Status.REJECTED, code="R", note=InterchangeError.DUPLICATE.value)


def reject_duplicate_group(
    result: InterchangeResult, index: int, action: DuplicateAction = "reject"
) -> InterchangeResult:
    """The result of an interchange in which the GS06 of one group was seen before."""
    if action == "process":
        return result
    group = result.groups[index]
    codes = tuple(dict.fromkeys((*group.codes, duplicate_group_code(group.tables).value)))
    if action == "accept_with_error":
        status = Status.ACCEPTED_WITH_ERRORS if group.status is Status.ACCEPTED else group.status
        return _with_group(result, index, replace(group, status=status, codes=codes))
    return _with_group(result, index, replace(group, status=Status.REJECTED, sets_accepted=0, codes=codes))


def reject_duplicate_set(
    result: InterchangeResult, group_index: int, set_index: int, action: DuplicateAction = "reject"
) -> InterchangeResult:
    """The result of an interchange in which the ST02 of one set was seen before."""
    if action == "process":
        return result
    group = result.groups[group_index]
    one = group.sets[set_index]
    code = duplicate_set_code(load_release(group.tables).codes("718")).value
    codes = tuple(dict.fromkeys((*one.codes, code)))
    if action == "accept_with_error":
        status = Status.ACCEPTED_WITH_ERRORS if one.status is Status.ACCEPTED else one.status
    else:
        status = Status.REJECTED
    sets = (*group.sets[:set_index], replace(one, status=status, codes=codes), *group.sets[set_index + 1 :])
    if group.status is Status.REJECTED:
        return _with_group(result, group_index, replace(group, sets=sets))
    accepted = sum(item.status is not Status.REJECTED for item in sets)
    statuses = {item.status for item in sets}
    if group.status is Status.ACCEPTED_WITH_ERRORS:
        statuses.add(group.status)
    return _with_group(result, group_index, replace(group, sets=sets, sets_accepted=accepted, status=_joined(statuses)))


def _with_group(result: InterchangeResult, index: int, group: GroupResult) -> InterchangeResult:
    groups = (*result.groups[:index], group, *result.groups[index + 1 :])
    if result.code == "R":
        return replace(result, groups=groups)
    statuses = {item.status for item in groups}
    if result.code == "E":
        statuses.add(Status.ACCEPTED_WITH_ERRORS)
    joined = Status.REJECTED if all(item.status is Status.REJECTED for item in groups) else _joined(statuses)
    return replace(result, groups=groups, status=joined)


def _joined(statuses: set[Status]) -> Status:
    """The status of what holds parts of these statuses."""
    if statuses == {Status.REJECTED}:
        return Status.REJECTED
    if statuses & {Status.REJECTED, Status.PARTIALLY_ACCEPTED}:
        return Status.PARTIALLY_ACCEPTED
    return Status.ACCEPTED_WITH_ERRORS if Status.ACCEPTED_WITH_ERRORS in statuses else Status.ACCEPTED
