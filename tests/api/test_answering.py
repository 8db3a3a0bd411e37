"""From small answers to canonical documents: what is said, what comes from the order, what does not fit."""

from datetime import date
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.api.answering import acknowledgment, invoice, ship_notice, sound
from gateway.api.answers import NewAcknowledgment, NewInvoice, NewShipNotice
from gateway.api.reading import read_json
from gateway.model.refusals import Reason, Refused
from translators import json
from translators.document_reading import DocumentRead
from translators.documents import PurchaseOrder, ShipNotice
from translators.order_facts import order_facts
from translators.shapes import as_json, schema, to_bytes
from translators.shipped_lines import with_what_follows

TODAY = date(2026, 3, 2)
MODELS = {acknowledgment: NewAcknowledgment, ship_notice: NewShipNotice, invoice: NewInvoice}
ORDER = {
    "document_type": "purchase_order",
    "schema_version": "1.0",
    "number": "4711/2026",
    "issued_on": "2026-03-01",
    "currency": "USD",
    "parties": [{"role": "ship_to", "name": "Main plant", "identifiers": [{"qualifier": "92", "id": "P1"}]}],
    "references": [{"qualifier": "IA", "value": "778123"}],
    "lines": [
        {
            "line_id": "0001",
            "quantity": "100",
            "unit": "EA",
            "unit_price": "12.5",
            "product_ids": [{"qualifier": "BP", "id": "AX-1"}, {"qualifier": "VP", "id": "S-1"}],
            "descriptions": [{"text": "Bolt"}],
        },
        {
            "line_id": "0002",
            "quantity": "3",
            "unit": "XCS",
            "unit_as_sent": {"code": "CA", "list": "x12_355"},
            "unit_price": "7",
            "product_ids": [{"qualifier": "BP", "id": "AX-2"}],
        },
        {"line_id": "bare"},
    ],
}


def order(*lines, **more):
    wanted = (
        ORDER | {"lines": [line for line in ORDER["lines"] if line["line_id"] in (lines or ("0001", "0002"))]} | more
    )
    read = next(json.read(orjson.dumps(wanted)))
    assert isinstance(read, DocumentRead)
    assert isinstance(read.document, PurchaseOrder), read.findings
    return read.document


def made(make, said, of=None):
    return sound(make(read_json(orjson.dumps(said), MODELS[make]), of or order(), TODAY))


def shown(make, said, of=None):
    document = made(make, said, of)
    told = as_json(document)
    Draft202012Validator(schema(document.document_type)).validate(told)
    # And what is written is read back as it was.
    again = next(json.read(to_bytes(document)))
    assert again.document == document
    assert not again.findings
    return told


def words(told):
    return [[(one["status"], one["quantity"]) for one in line["acknowledgments"]] for line in told["lines"]]


def test_yes_alone_takes_the_whole_order_as_it_was_ordered():
    told = shown(acknowledgment, {"status": "accepted"})
    assert (told["status"], told["status_code"], told["purchase_order_number"]) == ("accepted", "AD", "4711/2026")
    assert (told["issued_on"], told["purchase_order_date"], told["currency"]) == ("2026-03-02", "2026-03-01", "USD")
    assert words(told) == [[("accepted", "100")], [("accepted", "3")]]
    assert told["lines"][0]["product_ids"] == ORDER["lines"][0]["product_ids"]
    assert told["lines"][0]["unit_price"] == "12.5"
    assert told["lines"][1]["acknowledgments"][0]["unit_as_sent"]["code"] == "CA"
    assert told["parties"] == ORDER["parties"]
    assert told["references"] == ORDER["references"]
    assert words(shown(acknowledgment, {"status": "rejected"})) == [[("rejected", "100")], [("rejected", "3")]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"line": 1, "status": "changed", "quantity": 90}, [("quantity_changed", "90")]),
        ({"line": "1", "quantity": "90.5"}, [("quantity_changed", "90.5")]),
        ({"line": "0001", "price": 13}, [("price_changed", "100")]),
        ({"line": 1, "deliver_on": "2026-12-05"}, [("date_changed", "100")]),
        ({"line": 1, "quantity": 90, "ship_on": "2026-12-05"}, [("accepted_with_changes", "90")]),
        ({"line": 1, "status": "backordered"}, [("backordered", "100")]),
        ({"line": 1, "status": "backordered", "quantity": 40}, [("accepted", "60"), ("backordered", "40")]),
        ({"line": 1, "status": "backordered", "quantity": 140}, [("backordered", "140")]),
        ({"line": 1, "status": "rejected", "reason": "not made any more"}, [("rejected", "100")]),
        ({"line": 1, "status": "accepted"}, [("accepted", "100")]),
        ({"line": 1, "status": "accepted", "quantity": 100, "ship_on": "2026-12-05"}, [("accepted", "100")]),
        # Over what was ordered is theirs to say.
        ({"line": 1, "quantity": 1000}, [("quantity_changed", "1000")]),
        ({"line": 1, "quantity": 9, "unit": "DZN"}, [("quantity_changed", "9")]),
    ],
    ids=range(13),
)
def test_what_is_said_of_a_line(line, said):
    told = shown(acknowledgment, {"status": "accepted_with_changes", "lines": [line]})
    assert words(told) == [said, [("accepted", "3")]]
    entry = told["lines"][0]["acknowledgments"][-1]
    if "ship_on" in line or "deliver_on" in line:
        assert entry["dates"][0]["date"] == "2026-12-05"
    if "price" in line:
        assert (entry["unit_price"], told["lines"][0]["unit_price"]) == ("13", "13")
    if "reason" in line:
        assert told["lines"][0]["notes"] == [{"text": "not made any more"}]
    if "unit" in line:
        assert entry["unit"] == "DZN"


def test_days_of_the_whole_hold_for_its_lines():
    told = shown(acknowledgment, {"status": "accepted_with_changes", "deliver_on": "2026-12-05"})
    assert words(told) == [[("date_changed", "100")], [("date_changed", "3")]]
    told = shown(acknowledgment, {"status": "accepted", "ship_on": "2026-12-05", "acknowledgment_number": "SO-1"})
    assert words(told) == [[("accepted", "100")], [("accepted", "3")]]
    assert {line["acknowledgments"][0]["dates"][0]["date"] for line in told["lines"]} == {"2026-12-05"}
    assert told["number"] == "SO-1"


def test_everything_is_shipped_where_nothing_else_is_said():
    notice = made(ship_notice, {"shipment_number": "S-1", "shipped_on": "2026-03-03"})
    shown(ship_notice, {"shipment_number": "S-1", "shipped_on": "2026-03-03"})
    assert isinstance(notice, ShipNotice)
    whole = with_what_follows(notice)
    assert [(line.line_id, str(line.quantity), line.unit) for line in whole.lines] == [
        ("0001", "100", "EA"),
        ("0002", "3", "XCS"),
    ]
    facts = order_facts(whole)
    assert facts is not None
    assert (facts.orders, facts.deed, facts.lines) == (("4711/2026",), "ship", (2,))


def test_a_shipment_in_packages():
    said = {
        "shipment_number": "S-2",
        "shipped_on": "2026-03-03",
        "estimated_delivery_on": "2026-03-05",
        "carrier": "Yellow trucks",
        "carrier_code": "YELL",
        "tracking_numbers": ["1Z1", "1Z2"],
        "bill_of_lading": "B-1",
        "packages": [
            {"sscc": "003456789012345678", "weight_kg": 4.5, "lines": [{"line": 1, "quantity": 60, "lot": "L-7"}]},
            {"tracking_number": "1Z2", "lines": [{"line": 1, "quantity": 40, "serial_numbers": ["A", "B"]}]},
        ],
        "lines": [{"line": 2, "quantity": 1, "expires_on": "2027-01-01"}],
    }
    told = shown(ship_notice, said)
    (shipment,) = told["levels"]
    assert shipment["routing"] == [{"carrier": {"id": "YELL", "qualifier": "2"}, "description": "Yellow trucks"}]
    assert [item["value"] for item in shipment["references"]] == ["B-1", "1Z1", "1Z2"]
    (of_order,) = shipment["children"]
    assert of_order["order"]["purchase_order_number"] == "4711/2026"
    first, second, loose = of_order["children"]
    assert first["marks"][0]["sscc"] == "003456789012345678"
    assert first["packages"][0]["weight"]["value"] == "4.5"
    assert first["children"][0]["references"][0]["value"] == "L-7"
    assert [item["value"] for item in second["children"][0]["references"]] == ["A", "B"]
    assert (loose["line_id"], loose["quantity"], loose["quantity_ordered"]["value"]) == ("0002", "1", "3")
    facts = order_facts(with_what_follows(made(ship_notice, said)))
    assert facts is not None
    assert (facts.deed, facts.lines) == ("ship_part", (1,))


def test_an_invoice_takes_prices_from_the_order_and_adds_up():
    told = shown(
        invoice,
        {
            "invoice_number": "I-1",
            "invoiced_on": "2026-03-04",
            "due_on": "2026-04-04",
            "lines": [{"line": 1, "quantity": 10}, {"line": 2, "unit_price": "7.77"}],
            "charges": [
                {"amount": "5", "description": "Freight"},
                {"kind": "allowance", "amount": 1, "description": "Rebate"},
            ],
            "tax": 10.5,
            "tax_percent": 7,
            "total": 162.81,
        },
    )
    assert (told["amount_due"], told["currency"], told["purchase_order_number"]) == ("162.81", "USD", "4711/2026")
    first, second = told["lines"]
    assert (first["unit_price"], first["line_amount"], first["product_ids"][0]["id"]) == ("12.5", "125.00", "AX-1")
    assert (second["quantity"], second["unit_price"], second["line_amount"]) == ("3", "7.77", "23.31")
    assert [(item["is_charge"], item["amount"]) for item in told["allowances_charges"]] == [(True, "5"), (False, "1")]
    assert told["taxes"] == [{"amount": "10.5", "percent": "7"}]
    whole = shown(invoice, {"invoice_number": "I-2", "invoiced_on": "2026-03-04"})
    assert (whole["amount_due"], len(whole["lines"])) == ("1271.00", 2)


SHIP = {"shipment_number": "S", "shipped_on": "2026-03-03"}
BILL = {"invoice_number": "I", "invoiced_on": "2026-03-03"}
CHANGED = {"status": "accepted_with_changes"}


@pytest.mark.parametrize(
    ("make", "said", "pointer", "code"),
    [
        (acknowledgment, CHANGED | {"lines": [{"line": 9}]}, "/lines/0/line", "unknown-line"),
        (acknowledgment, CHANGED | {"lines": [{"line": 1}, {"line": "0001"}]}, "/lines/1/line", "line-twice"),
        (acknowledgment, CHANGED | {"lines": [{"line": 1, "quantity": 0}]}, "/lines/0/quantity", "greater-than"),
        (acknowledgment, CHANGED | {"lines": [{"line": 1, "quantity": -1}]}, "/lines/0/quantity", "greater-than"),
        (acknowledgment, CHANGED | {"lines": [{"line": 1, "unit": "smidgen"}]}, "/lines/0/unit", "unknown-unit"),
        (acknowledgment, CHANGED | {"lines": [{"line": 1, "status": "changed"}]}, "/lines/0/status", "contradiction"),
        (
            acknowledgment,
            CHANGED | {"lines": [{"line": 1, "status": "accepted", "quantity": 5}]},
            "/lines/0/status",
            "contradiction",
        ),
        (
            acknowledgment,
            CHANGED | {"lines": [{"line": 1, "status": "rejected", "quantity": 5}]},
            "/lines/0/status",
            "contradiction",
        ),
        (
            acknowledgment,
            {"status": "accepted", "lines": [{"line": 1, "quantity": 5}]},
            "/lines/0/status",
            "contradiction",
        ),
        (acknowledgment, {"status": "accepted", "lines": [{"line": 1, "status": "rejected"}]}, "", "value-error"),
        (acknowledgment, {"status": "rejected", "lines": [{"line": 1, "status": "accepted"}]}, "", "value-error"),
        (acknowledgment, CHANGED, "", "value-error"),
        (acknowledgment, {"status": "maybe"}, "/status", "literal-error"),
        (
            acknowledgment,
            {"status": "accepted", "acknowledgement_number": "1"},
            "/acknowledgement_number",
            "extra-forbidden",
        ),
        (ship_notice, SHIP | {"lines": [{"line": "x"}]}, "/lines/0/line", "unknown-line"),
        (ship_notice, SHIP | {"packages": [{"lines": [{"line": 7}]}]}, "/packages/0/lines/0/line", "unknown-line"),
        (
            ship_notice,
            SHIP | {"lines": [{"line": 1}], "packages": [{"lines": [{"line": 1}]}]},
            "/lines/0/line",
            "line-twice",
        ),
        (ship_notice, SHIP | {"packages": [{"sscc": "12"}]}, "/packages/0/sscc", "string-pattern-mismatch"),
        (ship_notice, {"shipped_on": "2026-02-30"}, "/shipment_number", "missing"),
        (invoice, BILL | {"total": 1}, "/total", "total-differs"),
        (invoice, BILL | {"tax_percent": 8}, "/tax", "missing"),
        (invoice, BILL | {"tax": -8}, "/tax", "greater-than-equal"),
        (invoice, BILL | {"currency": "dollars"}, "/currency", "string-pattern-mismatch"),
        (invoice, BILL | {"lines": [{"line": 1, "unit": "DZN"}]}, "/lines/0/unit_price", "missing"),
        (invoice, BILL | {"lines": [{"line": 1, "quantity": "9" * 25}]}, "/lines/0/quantity", "decimal-max-digits"),
    ],
    ids=range(25),
)
def test_what_does_not_fit_is_refused_with_its_place(make, said, pointer, code):
    with pytest.raises(Refused) as refused:
        made(make, said)
    assert refused.value.reason is Reason.INVALID_CONTENT
    faults = [(fault["pointer"], fault["code"]) for fault in refused.value.extra["errors"]]
    assert (pointer, code) in faults, faults
    if code == "unknown-line":
        assert "0001, 0002" in str(refused.value)


def test_what_the_order_does_not_say_has_to_be_said():
    bare = order("bare")
    for make, said, pointer in (
        (ship_notice, SHIP, "/lines"),
        (ship_notice, SHIP | {"lines": [{"line": "bare"}]}, "/lines/0/quantity"),
        (invoice, BILL | {"lines": [{"line": "bare", "quantity": 1}]}, "/lines/0/unit_price"),
    ):
        with pytest.raises(Refused) as refused:
            made(make, said, bare)
        assert refused.value.extra["errors"][0]["pointer"] == pointer
    told = shown(invoice, BILL | {"lines": [{"line": "bare", "quantity": 1, "unit_price": "2"}]}, bare)
    assert told["amount_due"] == "2.00"
    assert shown(acknowledgment, {"status": "accepted"}, bare)["lines"][0]["line_id"] == "bare"


def test_a_price_by_the_hundred_is_not_reckoned_with():
    per_hundred = order(lines=[ORDER["lines"][0] | {"price_basis": "HP"}])
    told = shown(invoice, BILL | {"total": 12.5}, per_hundred)
    assert told["amount_due"] == "12.5"
    assert "line_amount" not in told["lines"][0]
    assert "amount_due" not in shown(invoice, BILL, per_hundred)


numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=Decimal("0.001"), max_value=10**12)


@given(
    quantity=numbers, price=numbers, status=st.sampled_from(["accepted", "changed", "backordered", "rejected", None])
)
def test_whatever_is_said_of_a_line_is_a_sound_document_or_a_refusal(quantity, price, status):
    line = {"line": 1, "quantity": str(quantity), "price": str(price)} | ({"status": status} if status else {})
    try:
        told = shown(acknowledgment, CHANGED | {"lines": [line]})
    except Refused as refused:
        told = None
        assert refused.reason is Reason.INVALID_CONTENT  # noqa: PT017  # either way is right
    assert told is None or told["lines"][0]["line_id"] == "0001"
    bill = shown(invoice, BILL | {"lines": [{"line": 1, "quantity": str(quantity), "unit_price": str(price)}]})
    assert abs(Decimal(bill["amount_due"]) - quantity * price) <= Decimal("0.005")


@pytest.mark.parametrize("written", ['"1_0"', '"1e5"', '" 5"', '"٣"', '"NaN"', "true", "[]"])
def test_only_digits_and_a_point_are_a_quantity(written):
    body = f'{{"status": "accepted_with_changes", "lines": [{{"line": 1, "quantity": {written}}}]}}'.encode()
    with pytest.raises(Refused) as refused:
        read_json(body, NewAcknowledgment)
    (fault,) = refused.value.extra["errors"]
    assert (fault["pointer"], fault["message"]) == (
        "/lines/0/quantity",
        "is no number; write digits and a point, such as 12.5",
    )
