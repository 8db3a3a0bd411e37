"""What comes in and goes out again is what was sent; what goes out and comes in again is what was meant."""

from dataclasses import is_dataclass, replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.vocabulary.words import WORDS, words
from tests.translators.x12.writing.plausible import Maker
from translators import json
from translators.codes import rec20_units
from translators.document_parts import CodeAsSent, ProductId
from translators.documents import DOCUMENTS, Document, OrderLine, PurchaseOrder
from translators.shapes import as_json, to_bytes
from translators.vocabulary.inward import into_ours
from translators.vocabulary.outward import into_theirs
from translators.vocabulary.values import IdentifierRule, QualifierRule, UnitRule, Vocabulary
from translators.x12.writing import SET_TYPES

# Whatever a maker's dice give is a word of this partner.
_CODES = st.sampled_from(["EA", "CA", "BX", "LB", "KG", "PC", "DZ", "FT", "PL", "CT", "BG", "GA"])
_OURS = st.sampled_from(["EA", "KGM", "MTR", "H87", "LTR"])
_FACTORS = st.sampled_from([Decimal(text) for text in ("1", "12", "0.5", "3", "0.45359237", "1000", "7")])
_QUALIFIERS = {"references": ("DP", "IA", "ZZ", "CT"), "dates": ("001", "002", "010"), "product_ids": ("VN", "BP")}


@st.composite
def vocabularies(draw: st.DrawFn) -> Vocabulary:
    units = draw(st.lists(st.builds(UnitRule, _CODES, _OURS, _FACTORS), max_size=6, unique_by=lambda rule: rule.theirs))
    qualifiers = [
        QualifierRule(of, theirs, f"OURS-{index}")
        for of, codes in _QUALIFIERS.items()
        for index, theirs in enumerate(draw(st.sets(st.sampled_from(codes))))
    ]
    tables = WORDS.identifiers if draw(st.booleans()) else ()
    return Vocabulary(tables, tuple(units), tuple(qualifiers))


def as_read(part: Any) -> Any:  # any canonical class
    """A part as the reader of X12 gives it: beside each unit stands its code. What is counted is whole."""
    held: dict[str, Any] = {}
    for name, value in vars(part).items():
        if isinstance(value, tuple):
            held[name] = tuple(as_read(item) if is_dataclass(item) else item for item in value)
        else:
            held[name] = as_read(value) if is_dataclass(value) else value
            if isinstance(value, Decimal) and name not in {"unit_price", "rate"}:
                held[name] = value.to_integral_value()
        if name.endswith("unit") and value is not None and getattr(part, f"{name}_as_sent") is None:
            held[f"{name}_as_sent"] = CodeAsSent(_X12_UNITS[value], "x12_355")
    return type(part)(**held)


_X12_UNITS = {unit: code for code, unit in rec20_units().items()}


def bare(document: object) -> object:
    """What a document says, without words that follow from codes, zeros behind the point, and empty parts."""
    if isinstance(document, dict):
        held = {name: bare(value) for name, value in document.items() if name not in {"label", "role"}}
        return {name: value for name, value in held.items() if value not in (None, {}, [])}
    if isinstance(document, list):
        return [bare(item) for item in document]
    return Decimal(document).normalize() if isinstance(document, str) and _is_number(document) else document


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).lstrip("-").isdigit()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sorted(SET_TYPES, key=str)), vocabularies())
def test_what_came_in_goes_out_as_it_was_sent(seed: int, of: type[Document], vocabulary: Vocabulary) -> None:
    document = as_read(Maker(seed, 0.3).document(of))
    inward = into_ours(document, vocabulary)
    assert [finding for finding in inward.findings if finding.severity == "error"] == []
    ours = inward.document
    read = next(json.read(to_bytes(ours)))
    assert read.document == ours, read.findings
    assert into_ours(ours, vocabulary).document == ours
    outward = into_theirs(ours, vocabulary, "x12")
    assert bare(as_json(outward.document)) == bare(as_json(document)), (inward.findings, outward.findings)


_LINES = st.builds(
    lambda quantity, unit, price, ids: OrderLine(
        line_id="1", quantity=Decimal(quantity), unit=unit, unit_price=price, product_ids=ids
    ),
    st.integers(0, 100).map(lambda number: number * 12),
    st.sampled_from(["EA", "KGM", "MTR"]),
    st.decimals(0, 10_000, places=4),
    st.lists(
        st.builds(ProductId, st.sampled_from(["4711", "4712", "9999"]), st.sampled_from(["BP", "SK"])),
        max_size=3,
        unique=True,
    ).map(tuple),
)


@settings(deadline=None)
@given(st.lists(_LINES, max_size=4), st.sampled_from(["x12", "json", "xml"]), st.booleans())
def test_what_goes_out_comes_in_as_it_was_meant(
    lines: list[OrderLine], syntax: str, send_ours: bool
) -> None:  # from hypothesis
    rules = tuple(replace(rule, send_ours=send_ours) for rule in WORDS.identifiers)
    vocabulary = words(identifiers=rules, units=WORDS.units[:1])
    document = PurchaseOrder(number="1", release_number="R-3", lines=tuple(lines))
    sent = into_theirs(document, vocabulary, syntax)
    assert sent.findings == ()
    back = into_ours(sent.document, vocabulary).document
    assert isinstance(back, PurchaseOrder)
    assert back.release_number == "R-3"
    for line, was in zip(back.lines, lines, strict=True):
        assert (line.quantity, line.unit, line.unit_price) == (was.quantity, was.unit, was.unit_price)
        named = {(one.qualifier, one.id) for one in line.product_ids}
        assert {(one.qualifier, one.id) for one in was.product_ids} <= named


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(DOCUMENTS)), st.integers(0, 1_000))
def test_a_document_without_their_words_stays_the_very_same(name: str, seed: int) -> None:
    of = DOCUMENTS[name]
    document = Maker(seed).document(of) if of in SET_TYPES else of()
    stranger = Vocabulary(
        (IdentifierRule("product_ids", WORDS.identifiers[0].tables, "??", "BP", "reject"),),
        (UnitRule("??", "EA", Decimal(2)),),
        (QualifierRule("dates", "??", "001"),),
    )
    assert into_ours(document, stranger).document is document
    assert into_ours(document, stranger).findings == ()
