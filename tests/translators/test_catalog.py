import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translators.catalog import TranslatedDocument, TranslationResult, schema, sniff, translate
from translators.findings import Finding, Level
from translators.guide import Guide, ReadingRules
from translators.x12.reading import Status

FIXTURES = Path(__file__).parent.parent / "fixtures"
ANY = ReadingRules()


def translated(data, rules=ANY, content_type=None):
    *documents, result = translate(data, rules, content_type=content_type)
    assert all(isinstance(document, TranslatedDocument) for document in documents)
    assert isinstance(result, TranslationResult)
    assert result.bytes_total == len(data)
    assert result.bytes_unaccounted == 0
    assert result.documents == len(documents)
    assert [document.ordinal for document in documents] == list(range(len(documents)))
    return documents, result


def x12(name):
    return (FIXTURES / "x12" / f"{name}.edi").read_bytes()


@pytest.mark.parametrize(
    ("data", "content_type", "syntax"),
    [
        (b"ISA*00*", "application/json", "x12"),
        (b"\xef\xbb\xbf\r\n ISA*00*", None, "x12"),
        (b" \n{", "application/xml", "json"),
        (b"[", None, "json"),
        (b"\xef\xbb\xbf<a/>", None, "xml"),
        ("<a/>".encode("utf-16"), None, "xml"),
        (b"nonsense", "application/edi-x12; charset=ascii", "x12"),
        (b"nonsense", "application/cloudevents+json", "json"),
        (b"nonsense", "text/xml", "xml"),
        (b"nonsense", "text/plain", None),
        (b"", None, None),
    ],
)
def test_sniff(data, content_type, syntax):
    assert sniff(data, content_type) == syntax


def test_x12_order():
    (document,), result = translated(x12("850-004010"))
    assert (document.document_type, document.number, document.purchase_order_number) == (
        "purchase_order",
        "4500012345",
        "4500012345",
    )
    assert document.status is Status.ACCEPTED
    assert json.loads(document.document)["number"] == "4500012345"
    where = document.location
    assert (where.interchange_control_number, where.group_control_number, where.set_control_number) == (
        "000001001",
        "101",
        "0001",
    )
    assert x12("850-004010")[where.start :].startswith(b"ST*850*0001")
    assert result.accepted
    assert result.syntax == "x12"
    assert [interchange.groups[0].sets[0].status for interchange in result.interchanges] == [Status.ACCEPTED]


def test_places_in_several_interchanges_and_groups():
    documents, result = translated(x12("850-two-interchanges"))
    places = [(document.location.interchange_index, document.location.group_index) for document in documents]
    assert places == sorted(places)
    assert {place[0] for place in places} == {0, 1}
    assert len(result.interchanges) == 2
    documents, _ = translated(x12("850-two-groups"))
    assert {document.location.group_index for document in documents} == {0, 1}


def test_rejected_set_is_told_without_document():
    documents, result = translated(x12("broken-850-elements"))
    rejected = [document for document in documents if document.status is Status.REJECTED]
    assert rejected
    assert all(document.document is None and document.findings for document in rejected)
    assert not result.accepted


def test_what_translation_rejects_counts_in_the_group(monkeypatch):
    def unusable(document):
        return [Finding(Level.DOCUMENT, "number-missing", "the document has no number; send one", pointer="/number")]

    monkeypatch.setattr("translators.x12.translation.check", unusable)
    (document,), result = translated(x12("855-004010"))
    interchange = result.interchanges[0]
    group = interchange.groups[0]
    assert (document.status, document.document) == (Status.REJECTED, None)
    assert [finding.code for finding in document.findings] == ["5", "number-missing"]
    assert (group.status, group.sets_received, group.sets_accepted) == (Status.REJECTED, 1, 0)
    assert (group.sets[0].status, group.sets[0].codes) == (Status.REJECTED, ("5",))
    assert interchange.status is Status.REJECTED
    assert not result.accepted


def test_set_without_translation_is_not_supported():
    documents, result = translated(x12("841-004010-binary"))
    assert [document.status for document in documents] == [Status.REJECTED]
    assert documents[0].document_type == "x12_841"
    assert result.interchanges[0].groups[0].sets[0].codes[0] == "1"


def test_ta1_alone():
    documents, result = translated(x12("ta1-004010"))
    assert documents == []
    assert len(result.envelope_acknowledgments) == 1


@pytest.mark.parametrize("name", ["json/purchase_order_acknowledgment.json", "xml/purchase_order_acknowledgment.xml"])
def test_agreements_decide_for_json_and_xml(name):
    data = (FIXTURES / name).read_bytes()
    syntax = name.partition("/")[0]
    agreed = ReadingRules(guides=(Guide("purchase_order_acknowledgment", syntax),))
    (document,), result = translated(data, agreed)
    assert (document.status, result.accepted, result.syntax) == (Status.ACCEPTED, True, syntax)
    assert document.purchase_order_number == "4500012345"
    (document,), result = translated(data, ReadingRules(guides=(Guide("ship_notice", syntax),)))
    assert [finding.code for finding in document.findings] == ["document-not-agreed"]
    assert document.document is None
    assert not result.accepted


def test_two_orders_have_no_lane_of_their_own():
    (document,), _ = translated((FIXTURES / "json" / "ship_notice-two-orders.json").read_bytes())
    assert document.status is Status.ACCEPTED
    assert document.purchase_order_number is None
    assert document.number == "ACME-SHP-5001"


DATED_BEFORE_ISSUE = (
    '"document_type": "purchase_order", "number": "1", "issued_on": "2026-02-01", '
    '"dates": [{"qualifier": "002", "date": "2026-01-01"}]'
)


@pytest.mark.parametrize(
    ("members", "code", "status"),
    [
        ('"document_type": "purchase_order"', "number-missing", Status.REJECTED),
        ('"document_type": "purchase_order", "number": "' + "9" * 201 + '"', "number-too-long", Status.REJECTED),
        ('"document_type": "purchase_order_acknowledgment"', "order-number-missing", Status.REJECTED),
        ('"document_type": "functional_acknowledgment"', "group-number-missing", Status.REJECTED),
        ('"document_type": "ship_notice", "number": "1", "lines": [{}]', "order-number-missing", Status.ACCEPTED),
        (
            '"document_type": "ship_notice", "number":"1","purchase_order_number": "P", "lines": [{"quantity": "-1"}]',
            "quantity-negative",
            Status.ACCEPTED,
        ),
        (
            '"document_type": "purchase_order", "number": "1", "lines": [{"line_id": "1"}, {"line_id": "1"}]',
            "line-id-repeated",
            Status.ACCEPTED,
        ),
        (
            '"document_type": "purchase_order", "number": "1", "lines": [{"line_id": "1", "quantity": "0"}]',
            "quantity-zero",
            Status.ACCEPTED,
        ),
        (
            '"document_type": "purchase_order", "number": "1", "lines": [{"line_id": "1", "quantity": "-2"}]',
            "quantity-negative",
            Status.ACCEPTED,
        ),
        (
            DATED_BEFORE_ISSUE,
            "date-before-issue",
            Status.ACCEPTED,
        ),
    ],
)
def test_rules_of_all_syntaxes(members, code, status):
    (document,), _ = translated(f'{{"schema_version": "1.0", {members}}}'.encode())
    assert [finding.code for finding in document.findings] == [code]
    assert document.status is status


def test_unknown_syntax_and_nothing():
    for data, word in ((b"hello", "neither"), (b" \n", "empty")):
        documents, result = translated(data)
        assert documents == []
        assert (result.syntax, result.accepted, result.findings[0].code) == (None, False, "unknown-syntax")
        assert word in result.findings[0].message


def test_broken_json_holds_no_document():
    documents, result = translated(b'{"a": 1, "a": 2}')
    assert documents == []
    assert not result.accepted
    assert result.bytes_in_segments == 0
    assert result.findings[0].code == "duplicate-key"


@pytest.mark.parametrize("path", sorted((FIXTURES / "x12").glob("*.edi")), ids=lambda path: path.stem)
def test_everything_can_be_pickled_and_repeats(path):
    documents, result = translated(path.read_bytes())
    assert pickle.loads(pickle.dumps([*documents, result])) == [*documents, result]
    assert translated(path.read_bytes()) == (documents, result)


def test_schema_is_handed_on():
    assert schema("ship_notice")["title"] == "ship_notice"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([None, "application/edi-x12", "application/json", "application/xml"]))
def test_whatever_the_bytes_every_one_is_accounted_for(data, content_type):
    translated(data, content_type=content_type)


def notice(**given):
    """A ship notice in JSON: a carton of an order, an item in it."""
    item = {"id": "4", "code": "I", "line_id": "1", "quantity": "5", "unit": "EA"}
    item["product_ids"] = [{"qualifier": "BP", "id": "A-1"}]
    carton = {"id": "3", "code": "P", "marks": [{"qualifier": "GM", "sscc": "340123450000000018"}], "children": [item]}
    order = {"id": "2", "code": "O", "order": {"purchase_order_number": "4711"}, "children": [carton]}
    levels = [{"id": "1", "code": "S", "children": [order]}]
    return {"document_type": "ship_notice", "schema_version": "1.0", "number": "N1", "levels": levels, **given}


def as_xml(value, name):
    if isinstance(value, list):
        return "".join(as_xml(one, name) for one in value)
    inside = "".join(as_xml(one, key) for key, one in value.items()) if isinstance(value, dict) else value
    return f"<{name}>{inside}</{name}>"


@pytest.mark.parametrize("syntax", ["json", "xml"])
def test_the_lines_of_a_ship_notice_follow_from_its_levels_in_every_syntax(syntax):
    given = notice()
    body = json.dumps(given)
    if syntax == "xml":
        del given["document_type"]
        body = as_xml(given, "ship_notice")
        body = body.replace("<ship_notice>", '<ship_notice xmlns="urn:partner-gateway:canonical:1">', 1)
    (document,), _ = translated(body.encode())
    assert document.findings == ()
    made = json.loads(document.document)
    assert (made["purchase_order_number"], made["purchase_order_numbers"]) == ("4711", ["4711"])
    (line,) = made["lines"]
    assert (line["line_id"], line["level_id"], line["quantity"], line["unit"]) == ("1", "4", "5", "EA")
    assert (line["purchase_order_number"], line["packages"][0]["sscc"]) == ("4711", "340123450000000018")
    assert document.purchase_order_number == "4711"


def test_what_the_sender_gave_beside_the_levels_stays():
    given = {"lines": [{"line_id": "9", "quantity": "1"}], "purchase_order_numbers": ["1", "2"]}
    (document,), _ = translated(json.dumps(notice(**given)).encode())
    made = json.loads(document.document)
    assert [line["line_id"] for line in made["lines"]] == ["9"]
    assert made["purchase_order_numbers"] == ["1", "2"]
    assert "purchase_order_number" not in made
