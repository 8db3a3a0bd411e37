"""What one agreement says of a partner's words: plain frozen values, made by `gateway.agreements` from a profile."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Missing = Literal["keep", "warn", "reject"]
Identified = Literal["product_ids", "parties", "references"]
Qualified = Literal["references", "dates", "parties", "product_ids"]


@dataclass(frozen=True, slots=True)
class IdentifierTable:
    """A table of identifiers; two with the same digest are the same.

    Attributes:
        digest: SHA-256 of what it was read from, in hex.
        ours: each of theirs in our words.
        theirs: each of ours in theirs.
    """

    digest: str
    ours: dict[str, str] = field(compare=False, repr=False)
    theirs: dict[str, str] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IdentifierRule:
    """Where a table holds.

    Attributes:
        tables: looked up one after the other until one has the identifier.
        theirs: the qualifier under which they name it; None for any.
        ours: the qualifier under which the ERP wants it; None for theirs.
        missing: what an identifier earns that no table has.
        send_ours: what goes out names ours too, behind theirs.
    """

    of: Identified
    tables: tuple[IdentifierTable, ...]
    theirs: str | None = None
    ours: str | None = None
    missing: Missing = "keep"
    send_ours: bool = False

    def in_ours(self, theirs: str) -> str | None:
        """An identifier of theirs as ours."""
        for table in self.tables:
            if theirs in table.ours:
                return table.ours[theirs]
        return None

    def in_theirs(self, ours: str) -> str | None:
        """An identifier of ours as theirs."""
        for table in self.tables:
            if ours in table.theirs:
                return table.theirs[ours]
        return None


@dataclass(frozen=True, slots=True)
class UnitRule:
    """A unit of theirs in one of ours.

    Attributes:
        theirs: as they send it, in whichever list they take it from.
        ours: a code of UN/ECE Recommendation 20.
        factor: so many of ours are one of theirs.
        product: an identifier of the only item that it holds for.
        decimals: what goes out is rounded to so many; None refuses what does not come out even.
    """

    theirs: str
    ours: str
    factor: Decimal = Decimal(1)
    product: str | None = None
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class QualifierRule:
    """What a qualifier of theirs means.

    Attributes:
        ours: the qualifier that the ERP knows it by.
        field: the field that its value fills where it is empty, of the document (``contract``) or of its lines
            (``lines.purchase_order_number``).
    """

    of: Qualified
    theirs: str
    ours: str | None = None
    field: str | None = None


@dataclass(frozen=True)
class Vocabulary:
    """What is put in other words in one kind of document; of several rules for the same the first holds."""

    identifiers: tuple[IdentifierRule, ...] = ()
    units: tuple[UnitRule, ...] = ()
    qualifiers: tuple[QualifierRule, ...] = ()

    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """What is made of a vocabulary is looked up with each document, so the hash is reckoned once."""
        object.__setattr__(self, "_hash", hash((self.identifiers, self.units, self.qualifiers)))

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.identifiers or self.units or self.qualifiers)

    def __hash__(self) -> int:
        """Equal ones have it in common."""
        return self._hash

    def __reduce__(self) -> tuple[type["Vocabulary"], tuple[object, ...]]:
        """Hashes of texts differ from process to process, so a worker reckons its own."""
        return Vocabulary, (self.identifiers, self.units, self.qualifiers)
