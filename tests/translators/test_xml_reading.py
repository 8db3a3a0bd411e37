import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translators import json as canonical_json
from translators.document_parts import Address, Note, Party
from translators.document_reading import BodyRead
from translators.documents import OrderLine, PurchaseOrder
from translators.shapes import to_bytes
from translators.xml import read, write
from translators.xml.canonical import NAMESPACE
from translators.xml.parsing import DEPTH_MAX

FIXTURES = Path(__file__).parent.parent / "fixtures"
CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "xml"


def documents(data):
    items = list(read(data))
    assert isinstance(items[-1], BodyRead)
    return items[:-1], items[-1].findings


def only(data):
    (document,), findings = documents(data)
    assert findings == ()
    return document


def order(inside, attributes=""):
    return (
        f'<purchase_order xmlns="{NAMESPACE}"{attributes}><schema_version>1.0</schema_version>{inside}</purchase_order>'
    )


def test_fixture_is_read_whole():
    held = only((FIXTURES / "xml" / "purchase_order_acknowledgment.xml").read_bytes())
    assert held.findings == ()
    assert json.loads(to_bytes(held.document)) == {
        "document_type": "purchase_order_acknowledgment",
        "schema_version": "1.0",
        "number": "ACME-SO-7781",
        "issued_on": "2026-01-07",
        "purchase_order_number": "4500012345",
        "parties": [
            {
                "role": "seller",
                "name": "ACME Supply Inc.",
                "address": {"lines": ["5 Mill Road", "Dock 4"], "city": "Albany"},
            }
        ],
        "status": "accepted",
        "lines": [
            {
                "line_id": "1",
                "quantity": "24",
                "unit": "EA",
                "acknowledgments": [{"status": "accepted", "quantity": "24", "derived": False}],
            }
        ],
    }


@pytest.mark.parametrize("path", sorted((FIXTURES / "canonical").glob("*.json")), ids=lambda path: path.stem)
def test_json_to_xml_and_back_is_the_identity(path):
    for held in list(canonical_json.read(path.read_bytes()))[:-1]:
        again = only(write(held.document))
        assert again.findings == ()
        assert to_bytes(again.document) == to_bytes(held.document)


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"], include_characters="\n\t\r"))


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, max_size=3), texts, texts)
def test_any_text_survives_the_round_trip(lines, number, text):
    document = PurchaseOrder(
        number=number,
        parties=(Party(name=text, address=Address(lines=tuple(lines), city=text)),),
        notes=(Note(text=text),),
        lines=(OrderLine(line_id=number),),
    )
    again = only(write(document))
    # An address without anything is an empty element, and an empty element is an address without anything.
    assert to_bytes(again.document) == to_bytes(document)


BOMB = '<!DOCTYPE purchase_order [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + order("<number>&b;</number>")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (BOMB.encode(), "doctype-forbidden"),
        (BOMB.encode("utf-16"), "doctype-forbidden"),
        (b'<?xml version="1.0"?><!-- x --><!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "doctype-forbidden"),
        (b'<!DOCTYPE cXML [<!ENTITY x SYSTEM "file:///etc/passwd">]><cXML>&x;</cXML>', "doctype-forbidden"),
        (b'<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.071/cXML.dtd"><cXML/>', "unsupported-document"),
        (b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>', "unsupported-document"),
        (b"<purchase_order/>", "unsupported-document"),
        (b"<a><b></a>", "syntax"),
        (b"", "syntax"),
        (b"<a>&nbsp;</a>", "syntax"),
        (b'<?xml version="1.0" encoding="UTF-7"?>+ADw-a/+AD4-', "unsupported-encoding"),
        ("<a/>".encode("utf-16-le"), "unsupported-encoding"),
        ("<a/>".encode("utf-32"), "unsupported-encoding"),
        (b"<a>" * 100 + b"</a>" * 100, "too-deep"),
        (b"<a>" * 5000, "syntax"),
        (f'<documents xmlns="{NAMESPACE}"/>'.encode(), "no-document"),
    ],
)
def test_what_is_not_read(data, code):
    found, findings = documents(data)
    assert found == []
    assert [finding.code for finding in findings] == [code]
    assert findings[0].pointer is not None


@pytest.mark.parametrize(
    ("inside", "code", "pointer"),
    [
        ("<nmuber>1</nmuber>", "unknown-field", "/purchase_order/nmuber"),
        ("<number>1</number><number>2</number>", "repeated-element", "/purchase_order/number"),
        ("<number a='1'>1</number>", "unexpected-attribute", "/purchase_order/number"),
        ("<number><b/></number>", "unexpected-element", "/purchase_order/number"),
        ("text", "unexpected-text", "/purchase_order"),
        ("<issued_on>2026-13-01</issued_on>", "wrong-date", "/purchase_order/issued_on"),
        (
            "<lines><line_id>1</line_id></lines><lines><quantity>x</quantity></lines>",
            "wrong-number",
            "/purchase_order/lines[2]/quantity",
        ),
        ("<document_type>invoice</document_type>", "unknown-field", "/purchase_order/document_type"),
        ("<number xmlns='urn:x'>1</number>", "unknown-field", "/purchase_order/{urn:x}number"),
    ],
)
def test_departures_from_the_shape(inside, code, pointer):
    held = only(order(inside).encode())
    assert held.document is None
    assert (held.findings[0].code, held.findings[0].pointer) == (code, pointer)
    assert held.findings[0].line == 1


def test_unknown_document_of_our_namespace():
    held = only(f'<purchase_ordr xmlns="{NAMESPACE}"/>'.encode())
    assert held.findings[0].code == "unsupported-document"
    assert "purchase_order" in held.findings[0].message


def test_several_documents_in_a_body():
    body = f'<documents xmlns="{NAMESPACE}">{order("<number>1</number>")}{order("<x/>")}</documents>'
    found, findings = documents(body.encode())
    assert findings == ()
    assert [held.document is None for held in found] == [False, True]
    assert found[1].findings[0].pointer == "/documents/*[2]/x"


def test_encodings_of_one_document():
    text = order("<number>É</number>")
    declared = f'<?xml version="1.0" encoding="iso-8859-1"?>{text}'.encode("iso-8859-1")
    bodies = [text.encode(), text.encode("utf-8-sig"), text.encode("utf-16"), declared]
    assert {only(body).document.number for body in bodies} == {"É"}


def test_depth_within_the_limit_is_told_by_the_shape():
    levels = "<children><id>1</id>" * (DEPTH_MAX - 4) + "</children>" * (DEPTH_MAX - 4)
    body = f'<ship_notice xmlns="{NAMESPACE}"><levels><id>1</id>{levels}</levels></ship_notice>'
    assert only(body.encode()).document.levels[0].children[0].id == "1"


@pytest.mark.parametrize(
    "path", sorted(CORPUS.rglob("*.xml")) + sorted((FIXTURES / "xml").glob("*.xml")), ids=lambda p: p.name
)
def test_documents_of_other_standards_are_named(path):
    found, findings = documents(path.read_bytes())
    if path.is_relative_to(FIXTURES):
        assert found
        return
    assert found == []
    assert findings[0].code in {"unsupported-document", "doctype-forbidden", "syntax"}


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60), st.text("<>/!?[]-&;\"'= xa\n", max_size=60).map(lambda text: order(text).encode())
    )
)
def test_whatever_the_bytes_nothing_is_raised(data):
    items = list(read(data))
    assert isinstance(items[-1], BodyRead)
    assert items[:-1] or items[-1].findings
