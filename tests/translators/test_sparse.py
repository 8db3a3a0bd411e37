"""Canonical objects hold what is present, in the order of their class, whoever made them."""

from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest

from translators.document_parts import CodeAsSent, Measure, Unmapped
from translators.documents import OrderLine, PurchaseOrder
from translators.guide import ReadingRules
from translators.json import read as read_json
from translators.shapes import shape
from translators.sparse import canonical, field_order, in_field_order
from translators.x12.documents import translate
from translators.x12.reader import read
from translators.x12.reading import SetRead
from translators.x12.sets import DOCUMENT_TYPES

FIXTURES = Path(__file__).parent.parent / "fixtures"


def objects(held):
    if isinstance(held, tuple | list):
        for item in held:
            yield from objects(item)
    elif is_dataclass(held):
        yield held
        for value in vars(held).values():
            yield from objects(value)


def documents():
    for path in sorted((FIXTURES / "x12").glob("*.edi")):
        for piece in read(path.read_bytes(), ReadingRules()):
            if isinstance(piece, SetRead) and piece.tree is not None and piece.type in DOCUMENT_TYPES:
                yield translate(piece.type, piece.tree).document
    for path in sorted((FIXTURES / "json").glob("*.json")):
        yield from (item.document for item in read_json(path.read_bytes()) if getattr(item, "document", None))


def test_what_readers_make_holds_no_absent_field_and_keeps_its_order():
    seen = set()
    for held in (item for document in documents() for item in objects(document)):
        seen.add(type(held))
        names = tuple(vars(held))
        assert names == in_field_order(type(held), vars(held))
        for name, value in vars(held).items():
            assert value != ()
            assert not isinstance(value, list)
            assert value is not None or vars(held).get(f"{name}_as_sent") is not None
    assert len(seen) > 20


def test_an_object_shows_every_field_and_keeps_those_that_are_present():
    order = PurchaseOrder(currency="USD", number="", lines=(OrderLine(quantity=Decimal(0), line_id="1"),))
    assert vars(order) == {"number": "", "currency": "USD", "lines": order.lines}
    assert list(vars(order)) == ["number", "currency", "lines"]
    assert list(vars(order.lines[0])) == ["line_id", "quantity"]
    assert order.parties == ()
    assert order.contract is None
    assert {field.name for field in fields(order)} == set(field_order(PurchaseOrder))


def test_equality_copies_and_signature_are_those_of_a_dataclass():
    measure = Measure(Decimal(5), unit="KGM")
    assert measure == Measure(value=Decimal(5), qualifier=None, unit="KGM", unit_as_sent=None)
    assert hash(measure) == hash(Measure(Decimal(5), None, "KGM"))
    assert replace(measure, unit=None) == Measure(Decimal(5))
    assert vars(replace(measure, unit=None)) == {"value": Decimal(5)}
    assert Unmapped("ZZZ", 3).elements == ()
    with pytest.raises(TypeError):
        Measure()
    with pytest.raises(TypeError):
        PurchaseOrder("4500012345")
    with pytest.raises(AttributeError):
        measure.unit = "LBR"


def test_a_unit_without_counterpart_is_kept_as_none():
    assert vars(Measure(Decimal(5), unit_as_sent=CodeAsSent("XX", "x12_355"))) == {
        "value": Decimal(5),
        "unit": None,
        "unit_as_sent": CodeAsSent("XX", "x12_355"),
    }


def test_what_may_be_absent_has_none_or_an_empty_tuple_as_its_default():
    with pytest.raises(TypeError, match="count: what may be absent"):

        @canonical
        class _Wrong:
            count: int = 0


def test_a_document_holds_canonical_classes_alone():
    @dataclass(frozen=True)
    class Plain:
        count: int | None = None

    with pytest.raises(TypeError, match="Plain is no canonical class"):
        shape(Plain)
