"""Canonical documents as the body that leaves the house, and interchanges whose numbers come last."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from translators import xml
from translators.catalog import translate
from translators.document_reading import DocumentRead
from translators.guide import ElementOverride, Identity, ReadingRules
from translators.outgoing import Plan, write_outgoing
from translators.x12.writing import Envelope, FramingRules, PreparedInterchange, write_interchange

FIXTURES = Path(__file__).parents[1] / "fixtures" / "canonical"
ENVELOPE = Envelope(
    Identity("ZZ", "BIGCORP"), "BIG", Identity("01", "ACME"), "ACME", "004010", datetime(2026, 3, 1, 9, tzinfo=UTC), 1
)
NUMBERS = (7, [70, 71], [700, 701, 702])


def document(name):
    return json.dumps(json.loads((FIXTURES / f"{name}-004010.json").read_text())[0]).encode()


ORDER, CHANGE, INVOICE = document("850"), document("860"), document("846")
X12 = Plan("x12", ENVELOPE)


def prepared(documents, plan=X12, orders=None) -> PreparedInterchange:
    made = write_outgoing(documents, orders or [None] * len(documents), plan)
    assert isinstance(made.body, PreparedInterchange), made.findings
    return made.body


def segments(data, code):
    return [segment.split("*") for segment in data.decode().split("~") if segment.startswith(f"{code}*")]


def test_the_numbers_come_last():
    made = prepared([ORDER, ORDER, CHANGE])
    assert (len(made.groups), made.sets) == (2, 3)
    data = made.numbered(*NUMBERS)
    assert segments(data, "ISA")[0][13] == segments(data, "IEA")[0][2] == "000000007"
    assert [one[6] for one in segments(data, "GS")] == [one[2] for one in segments(data, "GE")] == ["70", "71"]
    assert (
        [one[2] for one in segments(data, "ST")] == [one[2] for one in segments(data, "SE")] == ["0700", "0701", "0702"]
    )
    *items, result = translate(data, ReadingRules())
    assert result.accepted
    assert len(items) == 3
    without = made.numbered(8, [72, 73])
    assert [one[2] for one in segments(without, "ST")] == ["0001", "0002", "0001"]


def test_too_few_numbers_are_a_fault_of_ours():
    made = prepared([ORDER, ORDER, CHANGE])
    for numbers in ((7, [70], []), (7, [70, 71, 72], []), (7, [70, 71], [1])):
        with pytest.raises(ValueError, match=r"shorter|longer|fewer"):
            made.numbered(*numbers)


def test_it_is_what_is_written_at_once():
    read = next(iter(xml.read(xml.write(*_documents(ORDER)))))
    assert isinstance(read, DocumentRead)
    envelope = replace(ENVELOPE, interchange_control_number=7, group_control_number=70, set_control_number=1)
    assert write_interchange(_documents(ORDER), envelope).data == prepared([ORDER]).numbered(7, [70], [1])


def _documents(*bodies):
    from translators.json import read  # noqa: PLC0415  # the package of the standard library is named the same

    return [next(read(body)).document for body in bodies]


def test_separators_are_chosen_for_what_stands_in_any_of_the_documents():
    held = json.loads(ORDER)
    held["parties"][0]["name"] = "Stars * and ~ more"
    framing = FramingRules(separators_in_data="choose")
    data = prepared([ORDER, json.dumps(held).encode()], replace(X12, framing=framing)).numbered(7, [70], [])
    *items, result = translate(data, ReadingRules())
    assert result.accepted
    assert json.loads(items[1].document)["parties"][0]["name"] == "Stars * and ~ more"


def test_each_document_is_held_to_the_rules_of_its_own_agreement():
    rules = {"purchase_order_change": (ElementOverride("BCH", 2, codes=frozenset({"RO"})),)}
    assert write_outgoing([ORDER], [None], replace(X12, rules=rules)).body is not None
    made = write_outgoing([ORDER, CHANGE], [None, None], replace(X12, rules=rules))
    assert made.body is None
    assert any(finding.segment == "BCH" for finding in made.findings)


def test_each_group_bears_the_code_that_is_agreed_for_its_documents():
    plan = replace(X12, group_codes={"purchase_order_change": "SC"})
    data = prepared([ORDER, CHANGE], plan).numbered(7, [70, 71], [])
    assert [line.split(b"*")[1] for line in data.split(b"~") if line.startswith(b"GS*")] == [b"PO", b"SC"]
    both = replace(X12, envelope=replace(ENVELOPE, group_code="SC"))
    data = prepared([ORDER, CHANGE], both).numbered(7, [70, 71], [])
    assert [line.split(b"*")[1] for line in data.split(b"~") if line.startswith(b"GS*")] == [b"SC", b"SC"]


def test_a_group_code_is_no_fault_where_what_was_replaced_is_read_again():
    held = json.loads(ORDER)
    held["parties"][0]["name"] = "Stars * and ~ more"
    plan = replace(X12, envelope=replace(ENVELOPE, group_code="SC"), framing=FramingRules(separators_in_data="replace"))
    made = write_outgoing([json.dumps(held).encode()], [None], plan)
    assert made.body is not None
    assert made.findings


def test_json_and_xml_carry_several_documents():
    made = write_outgoing([ORDER, CHANGE], [None, None], Plan("json"))
    assert [one["document_type"] for one in json.loads(made.body)] == ["purchase_order", "purchase_order_change"]
    assert write_outgoing([ORDER], [None], Plan("json")).body == ORDER
    for bodies in ([ORDER], [ORDER, CHANGE]):
        *items, result = translate(write_outgoing(bodies, [None] * len(bodies), Plan("xml")).body, ReadingRules())
        assert result.accepted
        assert len(items) == len(bodies)


@pytest.mark.parametrize(
    ("body", "plan", "words"),
    [
        (b"{}", X12, "cannot be read"),
        (b"", Plan("json"), "cannot be read"),
        (ORDER, Plan("x12"), "from whom to whom"),
        (INVOICE, X12, "is not written as X12"),
        (ORDER.replace(b"Main Street", b"Main \\ufffe Street"), Plan("xml"), "cannot be read"),
    ],
)
def test_what_cannot_be_written_says_why(body, plan, words):
    made = write_outgoing([body], [None], plan)
    assert made.body is None
    assert words in made.findings[0].message
