"""A canonical document as a transaction set of one release, proved by our own reader before it is handed out."""

from dataclasses import dataclass, replace
from typing import Final

from translators.building import Path
from translators.documents import (
    Document,
    Invoice,
    PurchaseOrder,
    PurchaseOrderAcknowledgment,
    PurchaseOrderChange,
    PurchaseOrderChangeAcknowledgment,
    ShipNotice,
)
from translators.findings import Finding, Level, Severity
from translators.guide import Override
from translators.x12.dictionary import BASE_RELEASE_WIDTH, choose_release, releases
from translators.x12.documents import OWNERS
from translators.x12.documents.eras import in_release
from translators.x12.grammar import Grammar
from translators.x12.overrides import AgreedTables, agreed_tables
from translators.x12.tree import Segment
from translators.x12.writer import segment
from translators.x12.writing.invoices import with_parts
from translators.x12.writing.leftovers import leftovers_of
from translators.x12.writing.levels import with_levels
from translators.x12.writing.loops import Placed, SetWriter
from translators.x12.writing.losses import Loss, Losses
from translators.x12.writing.source import Source
from translators.x12.writing.totals import with_totals
from translators.x12.writing.verification import Asked, verify

SET_TYPES: Final[dict[type[Document], str]] = {
    PurchaseOrder: "850",
    PurchaseOrderAcknowledgment: "855",
    ShipNotice: "856",
    PurchaseOrderChange: "860",
    PurchaseOrderChangeAcknowledgment: "865",
    Invoice: "810",
}
"""The transaction set that each canonical document is written as."""

_IMPLEMENTATION_SINCE: Final = "004020"  # ST03


@dataclass(frozen=True, slots=True)
class Written:
    """A transaction set, or why there is none.

    Attributes:
        set_type: ST01; empty for a document that is no transaction set here.
        release: the release it is written in, as GS08 will say it.
        segments: from ST to SE; empty when a finding is an error.
        findings: what the set does not say of the document, with JSON pointers.
        findings_omitted: further warnings of that kind.
    """

    set_type: str
    release: str
    segments: tuple[Segment, ...]
    findings: tuple[Finding, ...] = ()
    findings_omitted: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether it may be sent."""
        return bool(self.segments)


def write_set(
    document: Document,
    release: str,
    *,
    set_control_number: str = "0001",
    implementation: str = "",
    rules: tuple[Override, ...] = (),
) -> Written:
    """Writes a document as a transaction set.

    Args:
        document: any canonical document of `SET_TYPES`.
        release: as in GS08: six digits that have tables, perhaps with a suffix such as ``004010VICS``.
        set_control_number: ST02 and SE02, four to nine digits.
        implementation: ST03, where the agreement names one; from 004020 on.
        rules: what the agreement demands and allows beyond the release.

    Nothing is raised whatever the document holds. A set that our own validator would refuse is not handed out.
    """
    set_type = SET_TYPES.get(type(document), "")
    chosen = choose_release(release)
    tables = agreed_tables(set_type, chosen.name, rules) if chosen.name is not None and chosen.exact else None
    if tables is None:
        return Written(set_type, release, (), (_unwritable(document, set_type, release),))
    losses = Losses()
    placed = _placed(document, tables, losses)
    segments = _with_envelope(placed, tables.grammar, set_control_number, implementation)
    if not losses.has_errors:
        asked = Asked(tables.grammar.release, set_type, release, rules)
        losses.extend(verify(document, segments, placed, asked, losses))
    return Written(set_type, release, () if losses.has_errors else segments, tuple(losses.findings), losses.omitted)


def _unwritable(document: Document, set_type: str, release: str) -> Finding:
    if not set_type or set_type not in OWNERS:
        message = f"{document.document_type} is not written as X12; it can be sent as canonical JSON or XML"
    elif release[:BASE_RELEASE_WIDTH] not in releases():
        message = f"release {release} has no tables; write one of {', '.join(releases())}"
    else:
        message = f"release {release} has no transaction set {set_type}"
    return Finding(Level.DOCUMENT, "not-writable", message, Severity.ERROR, pointer="/document_type")


def _placed(document: Document, tables: AgreedTables, losses: Losses) -> list[Placed]:
    release, set_type = tables.grammar.release, tables.grammar.set_type
    left, lost = leftovers_of(document.unmapped)
    level_paths: dict[str, Path] = {}
    if isinstance(document, ShipNotice):
        made = with_levels(document, losses)
        document, level_paths = made.notice, made.paths
    elif isinstance(document, Invoice):
        document = with_parts(document)
    document = with_totals(document, release)
    source = Source(document, ())
    source.take("unmapped")
    _take_what_follows(document, source)
    writer = SetWriter(tables, document, losses, level_paths)
    writer.write(in_release(OWNERS[set_type], release.name), source, left)
    for leftover in (*lost, *left.rest()):
        kept = leftover.kept
        place = kept.place or kept.loop or "the top"
        message = f"{kept.segment} was at {place}, where nothing stands now; it was left out"
        losses.add(Loss.NOT_CARRIED, ("unmapped", leftover.index), message)
    return writer.placed


def _take_what_follows(document: Document, source: Source) -> None:
    """Fields that repeat what other fields of the same document say."""
    if isinstance(document, PurchaseOrder) and document.purchase_order_number == document.number:
        source.take("purchase_order_number")
    if isinstance(document, PurchaseOrder) and document.purchase_order_date == document.issued_on:
        source.take("purchase_order_date")
    if isinstance(document, ShipNotice):
        source.take("lines", "purchase_order_numbers", "purchase_order_number", "purchase_order_date")
    if isinstance(document, Invoice):
        source.take("due_on")


def _with_envelope(
    placed: list[Placed], rules: Grammar, set_control_number: str, implementation: str
) -> tuple[Segment, ...]:
    names = [implementation] if implementation and rules.release.name >= _IMPLEMENTATION_SINCE else []
    head = segment("ST", rules.set_type, set_control_number, *names)
    body = [segment(held.code, *held.elements) for held in placed]
    made = [head, *body, segment("SE", str(len(body) + 2), set_control_number)]
    return tuple(replace(held, position=position) for position, held in enumerate(made, 1))
