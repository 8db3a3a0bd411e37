"""Plain values that say how one partner's documents are read; `gateway.agreements` makes them from a profile."""

from dataclasses import dataclass, field
from typing import Literal

# Each departure from the standard that may be tolerated has a name; a partner's profile lists the names it allows.
# Strict is the default where a departure endangers meaning.
Tolerance = Literal[
    "isa-padding",  # ISA elements not padded to their fixed width
    "leading-bytes",  # BOM, blanks or line ends before ISA or a segment
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
    "newer-release",  # a release without tables is read with the nearest one
]

DuplicateAction = Literal["reject", "accept_with_error", "process"]


@dataclass(frozen=True, slots=True)
class Identity:
    """An interchange address: qualifier (ISA05/ISA07) and id (ISA06/ISA08), without padding."""

    qualifier: str
    id: str


@dataclass(frozen=True, slots=True)
class Guide:
    """How one kind of document is read under one agreement.

    Attributes:
        document_type: the canonical name, such as ``ship_notice``.
        syntax: ``x12``, ``json`` or ``xml``.
        releases: X12 releases (six digits, or with suffix) this agreement speaks; empty means any that has a grammar.
        tolerances: departures that this agreement allows beside those of the whole partner.
    """

    document_type: str
    syntax: Literal["x12", "json", "xml"]
    releases: tuple[str, ...] = ()
    tolerances: frozenset[Tolerance] = frozenset()


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
        duplicate_action: what a repeated ISA13, GS06 or ST02 earns.
        findings_per_set_max: findings kept for one set; the rest is counted.
    """

    guides: tuple[Guide, ...] | None = None
    senders: frozenset[Identity] | None = None
    receivers: frozenset[Identity] | None = None
    tolerances: frozenset[Tolerance] = field(default_factory=frozenset)
    encoding: Literal["latin-1", "utf-8"] = "latin-1"
    duplicate_action: DuplicateAction = "reject"
    findings_per_set_max: int = 100
