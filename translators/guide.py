"""Plain values that say how one partner's documents are read; `gateway.agreements` makes them from a profile."""

from dataclasses import dataclass, field
from typing import Literal

from translators.vocabulary.values import Vocabulary

# Each departure from the standard that may be tolerated has a name; a partner's profile lists the names it allows.
# Strict is the default where a departure endangers meaning.
Tolerance = Literal[
    "isa-padding",  # ISA elements not padded to their fixed width
    "leading-bytes",  # blanks before a segment; before ISA they are a warning in any case, as is a BOM
    "trailing-garbage",  # bytes after the last IEA that are no interchange
    "missing-trailer",  # SE, GE or IEA absent
    "trailer-counts",  # wrong SE01, GE01, IEA01
    "trailer-numbers",  # SE02, GE02, IEA02 differ from their header
    "empty-segments",  # two terminators with nothing between
    "trailing-separators",  # separators after the last element with data
    "separators-in-data",  # a component or repetition separator inside a plain element: kept as text
    "segment-order",  # segments that come too late are placed where they belong
    "unknown-segments",  # kept as unmapped instead of rejecting the set
    "group-kind",  # a transaction set in a group of another functional identifier (GS01)
    "code-values",  # codes outside the release's list
    "element-lengths",  # too short or too long
    "newer-release",  # a release after the newest that has tables is read with those; others with the nearest
    "control-totals",  # CTT01 does not count the line items that were sent
    "hierarchy",  # HL01 used twice, HL02 that names no level before it
    "element-types",  # a value of another type than the standard's (a date that is none): kept as text
    "explicit-decimals",  # a decimal point in a number whose decimals the standard implies (N2): read as it is written
]

DuplicateAction = Literal["reject", "accept_with_error", "process"]

# What one bad transaction set takes with it: itself alone, its group, its interchange; or nothing, where it can still
# be understood.
OnBadSet = Literal["reject_set", "reject_group", "reject_interchange", "accept_with_errors"]


@dataclass(frozen=True, slots=True)
class Identity:
    """An interchange address: qualifier (ISA05/ISA07) and id (ISA06/ISA08), without padding."""

    qualifier: str
    id: str


Usage = Literal["required", "optional", "not_used"]


@dataclass(frozen=True, slots=True)
class SegmentOverride:
    """How often a segment must and may stand in a loop (``PO1/N1``; empty: outside of loops).

    With a ``qualifier`` it speaks of those segments alone that hold it in their first element: ``REF*DP``; of a segment
    that begins a loop there (``N1*ST``) it speaks of those loops.
    """

    segment: str
    loop: str = ""
    usage: Usage | None = None
    max_use: int | None = None
    qualifier: str | None = None


@dataclass(frozen=True, slots=True)
class LoopOverride:
    """How often a loop must and may occur where it stands."""

    loop: str
    usage: Usage | None = None
    repeat_max: int | None = None


@dataclass(frozen=True, slots=True)
class ElementOverride:
    """What an element must and may hold.

    Attributes:
        segment: such as ``PO1``; with ``element`` 4 the element is PO104.
        component: of a composite, 1-based.
        loop: the loop in which this holds, empty for outside of loops; None wherever the segment stands.
        codes: the only codes of the release that are agreed.
        codes_added: codes that are agreed though the release does not list them.
    """

    segment: str
    element: int
    component: int | None = None
    loop: str | None = None
    usage: Usage | None = None
    codes: frozenset[str] | None = None
    codes_added: frozenset[str] = frozenset()
    length_min: int | None = None
    length_max: int | None = None


@dataclass(frozen=True, slots=True)
class ExtraSegment:
    """A segment that the standard does not have behind another one or a loop (``PO1/PID``), kept as unmapped."""

    segment: str
    after: str
    max_use: int = 1


Override = SegmentOverride | LoopOverride | ElementOverride | ExtraSegment


@dataclass(frozen=True, slots=True)
class Validation:
    """How strictly X12 is judged from ST to SE, beyond the rules of the standard.

    Attributes:
        character_set: the characters that data may hold, by X12.6 3.3.1 (``basic``) or 3.3.2 (``extended``).
        spaces: around a value: ``keep`` leading ones as part of it, ``trim`` them off, ``reject`` the set. Blanks that
            fill a text up to its shortest length are padding in any case (X12.6 3.5.1.4).
        trailing_separators: behind the last element with data: ``not_allowed`` by the standard, ``optional`` without a
            word, or ``mandatory`` for each element that a segment of the release has.
    """

    character_set: Literal["any", "extended", "basic"] = "any"
    spaces: Literal["keep", "trim", "reject"] = "keep"
    trailing_separators: Literal["not_allowed", "optional", "mandatory"] = "not_allowed"


STANDARD_VALIDATION = Validation()


@dataclass(frozen=True, slots=True)
class Guide:
    """How one kind of document is read under one agreement.

    Attributes:
        document_type: the canonical name, such as ``ship_notice``.
        syntax: ``x12``, ``json`` or ``xml``.
        releases: X12 releases (six digits, or with suffix) this agreement speaks; empty means any that has a grammar.
        tolerances: departures that this agreement allows beside those of the whole partner.
        on_bad_set: what a bad set of this agreement takes with it; None as all documents of the partner.
        rules: what the agreement demands and allows beyond the X12 release, compiled by `translators.x12.overrides`.
        senders: interchange ids it holds for; None means any of those that the reading rules allow.
        receivers: our interchange ids it holds for; None means any.
        validation: how strictly its documents are judged; None as all documents of the partner.
        encoding: of their text; None as of all documents of the partner.
        vocabulary: what is put in our words in them.
        group_code: GS01 of their groups; the standard's for the kind when empty.
    """

    document_type: str
    syntax: Literal["x12", "json", "xml"]
    releases: tuple[str, ...] = ()
    tolerances: frozenset[Tolerance] = frozenset()
    on_bad_set: OnBadSet | None = None
    rules: tuple[Override, ...] = ()
    senders: frozenset[Identity] | None = None
    receivers: frozenset[Identity] | None = None
    validation: Validation | None = None
    encoding: Literal["latin-1", "utf-8"] | None = None
    vocabulary: Vocabulary | None = None
    group_code: str = ""

    def holds_for(self, sender: Identity, receiver: Identity) -> bool:
        """Whether an interchange between these two is read under this agreement."""
        return (self.senders is None or sender in self.senders) and (
            self.receivers is None or receiver in self.receivers
        )


Functional = Literal["997", "999", "none"]


@dataclass(frozen=True, slots=True)
class GroupAnswer:
    """What the groups of one kind of document earn under one agreement.

    Attributes:
        document_type: the canonical name of what the group holds.
        releases: as in `Guide`.
        receivers: as in `Guide`.
        functional: the functional acknowledgment; None as all groups of the partner.
        accepted_sets: AK2 and AK5 also for sets in which nothing was wrong; None as all groups of the partner.
    """

    document_type: str
    releases: tuple[str, ...] = ()
    receivers: frozenset[Identity] | None = None
    functional: Functional | None = None
    accepted_sets: bool | None = None


@dataclass(frozen=True, slots=True)
class AcknowledgmentRules:
    """What X12 that arrives from one partner earns.

    Attributes:
        ta1: ``as_requested`` is ISA14 = 1, a rejected envelope or one accepted with an error that nothing else tells
            of, ``on_error`` an envelope with any error, ``always`` every interchange that holds more than TA1 segments.
        functional: of each group; 999 is written where the group's release has it, else 997.
        accepted_sets: AK2 and AK5 also for sets in which nothing was wrong.
        envelope: the groups' answers in one interchange, or each in an interchange of its own.
        ours: our address, in the place of a blank one in what arrived.
        groups: what the groups of single agreements earn; each that was agreed stands here, where any differs.
    """

    ta1: Literal["never", "on_error", "as_requested", "always"] = "as_requested"
    functional: Functional = "997"
    accepted_sets: bool = True
    envelope: Literal["per_interchange", "per_group"] = "per_interchange"
    ours: Identity | None = None
    groups: tuple[GroupAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class RepetitionRules:
    """What a control number earns that an earlier message bore, within so many days.

    Attributes:
        interchange: ISA13.
        group: GS06.
        transaction_set: ST02.
        out_of_sequence: an ISA13 that is not the one after the last.
        window_days: how long a number is remembered.
    """

    interchange: DuplicateAction = "reject"
    group: DuplicateAction = "process"
    transaction_set: DuplicateAction = "process"
    out_of_sequence: DuplicateAction = "process"
    window_days: int = 90


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """How everything that arrives from one partner is read.

    Attributes:
        guides: the inbound agreements; a document without one is rejected (X12: AK502 = 1, set not supported).
            None accepts every kind that has a reader (the offline commands do that).
        senders: interchange ids the partner may speak for; None allows any (offline commands). Others earn TA105 = 006.
        receivers: our interchange ids; None allows any. Others earn TA105 = 008.
        tolerances: departures that the partner's profile allows on every document.
        encoding: character encoding of X12 element text, ``latin-1`` or ``utf-8``.
        duplicate_action: what a GS06 repeated in its interchange, or an ST02 repeated in its group, earns.
        on_bad_set: what a bad transaction set takes with it.
        masks_passwords: ISA02 and ISA04, which may hold a password, are never shown in a finding.
        findings_per_set_max: findings kept for one set; the rest is counted.
        validation: how strictly documents are judged, where their agreement says nothing else.
    """

    guides: tuple[Guide, ...] | None = None
    senders: frozenset[Identity] | None = None
    receivers: frozenset[Identity] | None = None
    tolerances: frozenset[Tolerance] = field(default_factory=frozenset)
    encoding: Literal["latin-1", "utf-8"] = "latin-1"
    duplicate_action: DuplicateAction = "reject"
    on_bad_set: OnBadSet = "reject_set"
    masks_passwords: bool = True
    findings_per_set_max: int = 100
    validation: Validation = STANDARD_VALIDATION
