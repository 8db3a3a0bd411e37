"""Where their words differ from ours: identifiers by table, units by factor, qualifiers by what they mean."""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from partners.fields import Boolean, FileName, Written, number, worded
from partners.parts import Contradiction, Part, repeated

Qualifier = Annotated[
    str, Written(r"[!-~](?:[ -~]{0,33}[!-~])?", "write the qualifier or code as it is sent, such as VN or 92")
]
FieldPath = Annotated[
    str,
    Written(
        r"[a-z][a-z0-9_]{0,63}(?:\.[a-z][a-z0-9_]{0,63}){0,3}",
        "write the field of the canonical document, such as purchase_order_number or lines.line_id",
    ),
]


def _decimal(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", value):
        try:
            return Decimal(value)
        except InvalidOperation:  # pragma: no cover  # the pattern above lets nothing else through
            pass
    if isinstance(value, Decimal):
        return value
    raise worded("is no number", "write digits, such as 12 or 0.5")


Number = Annotated[Decimal, BeforeValidator(_decimal, json_schema_input_type=float)]


class CrossReference(Part):
    """A table of their identifiers and ours: a CSV file beside the profile with the columns `theirs` and `ours`."""

    file: FileName
    """The CSV file: a header line with `theirs,ours`, then one pair a line. Where several of theirs are one of ours,
    the first goes out, or the one marked `yes` in a column `preferred`; further columns are for people."""
    of: Literal["product_ids", "parties", "references"]
    """product_ids: item numbers of lines; parties: identifiers of parties, such as plants, and the stores that
    a line is split among; references: reference numbers."""
    theirs: Qualifier | None = None
    """The qualifier under which they name it, such as VN (vendor's item number) or 92; any when absent."""
    ours: Qualifier | None = None
    """The qualifier under which the ERP wants it, such as BP (buyer's part number) or 91; theirs when absent."""
    missing: Literal["keep", "warn", "reject"] = "keep"
    """What an identifier earns that the table has not: keep: it stays as it is; warn: a finding; reject: the document
    is rejected, or not sent."""
    send_ours: Boolean = False
    """true: what goes out names ours too, behind theirs; else theirs takes its place."""


class UnitConversion(Part):
    """A unit of theirs as one of ours."""

    theirs: Qualifier
    """The unit as they send it, such as CA."""
    ours: Qualifier
    """The unit of UN/ECE Recommendation 20 that the ERP wants, such as EA."""
    factor: Number = Decimal(1)
    """So many of ours are one of theirs: 12 for a case of twelve. Prices are divided by it."""
    decimals: Annotated[int, *number(0, 9)] | None = None
    """What goes out is rounded to so many decimals of theirs where it does not come out even, with a warning. When
    absent such a document is not sent: 18 pieces are no whole case of twelve, and a case goes out whole."""
    product: Qualifier | None = None
    """Only for lines that name this item, in whichever of their identifiers; for all when absent."""


class QualifierMapping(Part):
    """A qualifier of theirs that means something else than the standard says, or that a field of ours is for."""

    of: Literal["references", "dates", "parties", "product_ids"]
    """Where the qualifier stands: REF01, DTM01, N101, the item number qualifiers, and their like in other syntaxes."""
    theirs: Qualifier
    """The qualifier that they use, such as ZZ."""
    ours: Qualifier | None = None
    """The qualifier that the ERP knows it by."""
    field: FieldPath | None = None
    """The field of the canonical document that its value fills, when it is empty, such as purchase_order_number."""


class Vocabulary(Part):
    """What is put in other words between them and us."""

    tables: tuple[CrossReference, ...] = Field(default=(), max_length=16)
    """Tables of their identifiers and ours. Documents that come in get ours beside theirs; those that go out theirs."""
    units: tuple[UnitConversion, ...] = Field(default=(), max_length=256)
    """Units that are converted, both ways; what was sent stays beside it."""
    qualifiers: tuple[QualifierMapping, ...] = Field(default=(), max_length=256)
    """Qualifiers that are translated, both ways."""

    def files(self) -> Iterator[str]:
        """The files beside the profile that are named here."""
        yield from (item.file for item in self.tables)

    def contradictions(self) -> Iterator[Contradiction]:
        """Fields that are each fine and together are not; the places are those below `vocabulary`."""
        yield from repeated(("tables",), [(item.of, item.theirs, item.ours) for item in self.tables], "")
        yield from repeated(("units",), [(item.theirs, item.product) for item in self.units], "theirs")
        yield from repeated(("qualifiers",), [(item.of, item.theirs) for item in self.qualifiers], "theirs")
        for index, unit in enumerate(self.units):
            if unit.factor == 0:
                yield ("units", index, "factor"), "a factor of 0 leaves nothing", "write how many of ours one holds"
        for index, item in enumerate(self.qualifiers):
            if item.ours is None and item.field is None:
                right = "give `ours`, `field` or both"
                yield ("qualifiers", index), "nothing says what the qualifier means", right
