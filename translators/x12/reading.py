"""What the X12 reader hands on, piece by piece: envelopes as they open and close, transaction sets as they end.

The order for one file is::

    (InterchangeOpened (GroupOpened SetRead* GroupClosed)* InterchangeClosed)* FileRead

Memory stays bounded by the largest transaction set: nothing here keeps the pieces that went before.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from translators.findings import Finding
from translators.guide import Guide, OnBadSet
from translators.x12.delimiters import STANDARD_DELIMITERS, Delimiters
from translators.x12.tree import Loop

CONTROL_NUMBER_MAX = 999_999_999  # ISA13, GS06 and ST02 have nine digits at most


class Status(StrEnum):
    """What an acknowledgment says of an interchange, group or set (AK501 and AK901 in words)."""

    ACCEPTED = "accepted"
    ACCEPTED_WITH_ERRORS = "accepted_with_errors"
    PARTIALLY_ACCEPTED = "partially_accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class InterchangeHeader:
    """ISA: who sends to whom, and under which number. Values are stripped of their padding, except where raw."""

    sender_qualifier: str  # ISA05
    sender_id: str  # ISA06
    receiver_qualifier: str  # ISA07
    receiver_id: str  # ISA08
    date: str  # ISA09, YYMMDD
    time: str  # ISA10, HHMM
    version: str  # ISA12, such as 00401
    control_number: str  # ISA13 as sent
    acknowledgment_requested: bool  # ISA14
    usage: str  # ISA15: P, T or I
    start: int
    delimiters: Delimiters = STANDARD_DELIMITERS
    number_start: int | None = field(default=None, compare=False)  # where ISA13 begins, of one that was read

    @property
    def sender(self) -> str:
        """Who sends, as people and reports name them: ``ZZ/ACMESUPPLY``."""
        return f"{self.sender_qualifier}/{self.sender_id}"

    @property
    def receiver(self) -> str:
        """To whom, as people and reports name them."""
        return f"{self.receiver_qualifier}/{self.receiver_id}"


@dataclass(frozen=True, slots=True)
class GroupHeader:
    """GS: the kind of documents, the application ids and the release."""

    functional_id: str  # GS01 such as PO, PR, SH, FA
    sender_code: str  # GS02
    receiver_code: str  # GS03
    date: str  # GS04
    time: str  # GS05
    control_number: str  # GS06 as sent
    agency: str  # GS07
    release: str  # GS08 as sent, such as 004010VICS
    start: int


@dataclass(frozen=True, slots=True)
class InterchangeAcknowledgment:
    """TA1: what the receiver of an earlier interchange of ours says of its envelope."""

    control_number: str  # TA101, ISA13 of ours
    date: str  # TA102
    time: str  # TA103
    code: str  # TA104: A, E or R
    note: str  # TA105
    start: int


@dataclass(slots=True)
class InterchangeOpened:
    """An ISA was read. ``findings`` so far; more may come with InterchangeClosed."""

    header: InterchangeHeader
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class GroupOpened:
    """A GS was read. ``tables`` is the release whose tables read the group: GS08's own or the nearest, if any."""

    header: GroupHeader
    tables: str | None = None


@dataclass(slots=True)
class SetRead:
    """A transaction set from ST to SE, structured and validated."""

    type: str  # ST01
    control_number: str  # ST02 as sent
    implementation: str  # ST03, from 004020 on
    status: Status
    segments: int
    tree: Loop | None  # None when no grammar exists for it
    findings: list[Finding]
    findings_omitted: int
    start: int
    end: int
    on_bad_set: OnBadSet = "reject_set"  # what it takes with it when it is rejected
    guide: Guide | None = None  # the agreement that it was read under


@dataclass(slots=True)
class GroupClosed:
    """A GE was read, or its place was found without one. ``findings`` are those of the group level alone."""

    header: GroupHeader
    status: Status
    sets_claimed: int | None  # GE01
    sets_received: int
    sets_accepted: int
    findings: list[Finding]
    findings_omitted: int = 0


@dataclass(slots=True)
class InterchangeClosed:
    """An IEA was read, or its place was found without one. ``findings`` are all of the interchange level."""

    header: InterchangeHeader
    status: Status
    findings: list[Finding]
    findings_omitted: int = 0
    acknowledgments: list[InterchangeAcknowledgment] = field(default_factory=list)
    end: int = 0


@dataclass(slots=True)
class FileRead:
    """The last piece: the byte account of the whole file."""

    bytes_total: int
    bytes_in_segments: int  # segments with their separators, terminators and the line ends after them
    bytes_unaccounted: int  # always 0: what is no segment is in a finding
    findings: list[Finding]
    findings_omitted: int


Piece = InterchangeOpened | GroupOpened | SetRead | GroupClosed | InterchangeClosed | FileRead
