import json
from dataclasses import fields, is_dataclass
from decimal import Decimal

import jsonschema
import pytest

from translators.document_parts import CodeAsSent, Unmapped, UnmappedElement
from translators.documents import DOCUMENTS, OrderLine, PurchaseOrder
from translators.shapes import Kind, as_json, decimal_text, schema, shape, to_bytes


@pytest.mark.parametrize("document_type", DOCUMENTS)
def test_schema_is_valid_and_closed(document_type):
    described = schema(document_type)
    jsonschema.Draft202012Validator.check_schema(described)
    assert described["additionalProperties"] is False
    assert all(held["additionalProperties"] is False for held in described["$defs"].values())
    assert described["properties"]["document_type"] == {"const": document_type}
    assert json.loads(json.dumps(described)) == described


def test_schema_refuses_an_unknown_type():
    with pytest.raises(KeyError):
        schema("love_letter")


def test_schema_describes_what_is_not_obvious():
    line = schema("purchase_order")["$defs"]["OrderLine"]["properties"]
    assert "position" in line["line_id"]["description"]
    assert line["unit"]["type"] == ["string", "null"]
    assert schema("purchase_order")["$defs"]["OrderLine"]["required"] == ["line_id"]


@pytest.mark.parametrize("document_type", DOCUMENTS)
def test_every_canonical_class_has_more_than_one_field(document_type):
    seen, todo = set(), [DOCUMENTS[document_type]]
    while todo:
        of = todo.pop()
        if of in seen:
            continue
        seen.add(of)
        assert is_dataclass(of)
        assert len(fields(of)) > 1
        todo.extend(field.type for field in shape(of).fields.values() if field.kind is Kind.OBJECT)


def test_absent_is_left_out_but_a_unit_without_counterpart_is_null():
    line = OrderLine(line_id="1", quantity=Decimal("1.50"), unit_as_sent=CodeAsSent("CS", "x12_355"))
    shown = as_json(PurchaseOrder(number="1", lines=(line,)))
    assert shown == {
        "document_type": "purchase_order",
        "schema_version": "1.0",
        "number": "1",
        "lines": [
            {
                "line_id": "1",
                "quantity": "1.50",
                "unit": None,
                "unit_as_sent": {"code": "CS", "list": "x12_355"},
            }
        ],
    }


def test_falsy_values_are_no_absence():
    order = PurchaseOrder(
        number="",
        exchange_rate=Decimal(0),
        lines=(OrderLine(line_id="1", line_id_assigned=False),),
        unmapped=(Unmapped("ZZZ", 0, None, (UnmappedElement(1, ""),)),),
    )
    shown = as_json(order)
    assert shown["number"] == ""
    assert shown["exchange_rate"] == "0"
    assert shown["lines"][0]["line_id_assigned"] is False
    assert shown["unmapped"] == [{"segment": "ZZZ", "position": 0, "elements": [{"element": 1, "value": ""}]}]


@pytest.mark.parametrize(
    ("number", "text"),
    [("1.50", "1.50"), ("0.00000001", "0.00000001"), ("1E+3", "1000"), ("-0.5", "-0.5"), ("100", "100")],
)
def test_decimals_have_no_exponent(number, text):
    assert decimal_text(Decimal(number)) == text


def test_same_document_same_bytes():
    order = PurchaseOrder(number="4500012345", currency="USD")
    assert to_bytes(order) == to_bytes(PurchaseOrder(currency="USD", number="4500012345"))
