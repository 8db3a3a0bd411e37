import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translators.document_reading import BodyRead, DocumentRead
from translators.findings import Severity
from translators.json import read
from translators.json.parsing import DEPTH_MAX, parse
from translators.shapes import to_bytes

FIXTURES = Path(__file__).parent.parent / "fixtures"


def documents(data):
    items = list(read(data))
    assert isinstance(items[-1], BodyRead)
    return items[:-1], items[-1].findings


def codes(data):
    found, findings = documents(data)
    return [finding.code for held in found for finding in held.findings] + [finding.code for finding in findings]


def only(data):
    (document,), findings = documents(data)
    assert findings == ()
    return document


@pytest.mark.parametrize("path", sorted((FIXTURES / "json").glob("*.json")), ids=lambda path: path.stem)
def test_fixture_is_read_whole(path):
    held = only(path.read_bytes())
    assert held.findings == ()
    sent = json.loads(path.read_text("utf-8"), parse_float=str, parse_int=str)
    assert json.loads(to_bytes(held.document)) == sent


@pytest.mark.parametrize("path", sorted((FIXTURES / "canonical").glob("*.json")), ids=lambda path: path.stem)
def test_canonical_json_to_model_and_back_is_the_identity(path):
    found, findings = documents(path.read_bytes())
    assert findings == ()
    assert [held.findings for held in found] == [()] * len(found)
    assert [json.loads(to_bytes(held.document)) for held in found] == json.loads(path.read_text("utf-8"))
    again = [only(to_bytes(held.document)) for held in found]
    assert [to_bytes(held.document) for held in again] == [to_bytes(held.document) for held in found]


ORDER = b'{"document_type": "purchase_order", "schema_version": "1.0", "number": "1"'


@pytest.mark.parametrize(
    ("data", "code", "pointer", "line"),
    [
        (b'{"a": {"b": 1,\n "b": 2}}', "duplicate-key", "/a", 2),
        (b'{"a":\n NaN}', "not-a-number", "/a", 2),
        (b'{"a": -Infinity}', "not-a-number", "/a", 1),
        (b'{"a": "\\ud800"}', "lone-surrogate", "/a", 1),
        (b'{"a": "\\ud800\\u0041"}', "lone-surrogate", "/a", 1),
        (b'{"a": "\xff"}', "invalid-utf8", "", 1),
        (b'{"a": "\n"}', "control-character", "/a", 1),
        (b'{"a": 1', "truncated", "", 1),
        (b'{"a": "x', "truncated", "/a", 1),
        (b"{} {}", "trailing-text", "", 1),
        (b'{"a": 01}', "syntax", "/a", 1),
        (b'{"a": 1,}', "syntax", "", 1),
        (b"[1 2]", "syntax", "", 1),
        (b'{"a": "\\x"}', "syntax", "/a", 1),
        (b'{"a": ' + b"9" * 101 + b"}", "number-too-long", "/a", 1),
        (b"", "truncated", "", 1),
    ],
)
def test_broken_json(data, code, pointer, line):
    found, findings = documents(data)
    assert found == []
    (finding,) = findings
    assert (finding.code, finding.pointer, finding.line) == (code, pointer, line)
    assert finding.byte_offset is not None


def test_place_counts_bytes_and_columns():
    finding = parse('{"é": 1,\n  "b": nope}'.encode()).findings[0]
    assert finding.byte_offset == len('{"é": 1,\n  "b": '.encode())
    assert finding.line == 2
    assert "column 8" in finding.message


def test_depth_is_limited():
    assert parse(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX).is_sound
    assert parse(b"[" * 100_000).findings[0].code == "too-deep"


def test_byte_order_mark_is_told_and_ignored():
    (held,), findings = documents(b"\xef\xbb\xbf" + ORDER + b"}")
    assert held.document.number == "1"
    assert [(finding.code, finding.severity) for finding in findings] == [("byte-order-mark", Severity.WARNING)]


@pytest.mark.parametrize(
    ("rest", "code", "pointer", "word"),
    [
        (b', "nmuber": "2"}', "unknown-field", "/nmuber", "number"),
        (b', "issued_on": "2026-02-30"}', "wrong-date", "/issued_on", "2026"),
        (b', "issued_at": "25:00"}', "wrong-time", "/issued_at", "14:30"),
        (b', "exchange_rate": "1e3"}', "wrong-number", "/exchange_rate", "decimal"),
        (b', "exchange_rate": 1e3}', "wrong-number", "/exchange_rate", "exponent"),
        (b', "lines": {}}', "wrong-type", "/lines", "list"),
        (b', "lines": [{"quantity": "1"}]}', "missing-field", "/lines/0/line_id", "line_id"),
        (b', "lines": [{"line_id": 1}]}', "wrong-type", "/lines/0/line_id", "quotes"),
        (b', "lines": [1]}', "wrong-type", "/lines/0", "object"),
        (
            b', "lines": [{"line_id": "1", "line_id_assigned": "true"}]}',
            "wrong-type",
            "/lines/0/line_id_assigned",
            "true",
        ),
        (b', "currency": "\\u0000"}', "control-character", "/currency", "control"),
        (b', "unmapped": [{"segment": "ZZ", "position": "1"}]}', "wrong-type", "/unmapped/0/position", "whole"),
    ],
)
def test_departures_from_the_shape(rest, code, pointer, word):
    held = only(ORDER + rest)
    assert held.document is None
    assert [(finding.code, finding.pointer) for finding in held.findings] == [(code, pointer)]
    assert word in held.findings[0].message
    assert held.findings[0].line == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{}", "document-type-missing"),
        (b'{"document_type": "purchase_ordr"}', "unsupported-document"),
        (b'{"document_type": 1}', "document-type-missing"),
        (b'"text"', "wrong-type"),
        (b"[]", "no-document"),
        (b'{"documents": []}', "no-document"),
        (ORDER[:-15].replace(b"1.0", b"2.0") + b', "number": "1"}', "schema-version-unsupported"),
    ],
)
def test_bodies_that_are_no_documents(data, code):
    assert code in codes(data)


def test_did_you_mean():
    held = only(b'{"document_type": "purchase_ordr"}')
    assert "did you mean purchase_order?" in held.findings[0].message
    assert held.document_type == "purchase_ordr"


@pytest.mark.parametrize(("wrap", "place"), [(b"[%b, %b]", "/1"), (b'{"documents": [%b, %b]}', "/documents/1")])
def test_several_documents_in_a_body(wrap, place):
    found, findings = documents(wrap % (ORDER + b"}", ORDER + b', "x": 1}'))
    assert findings == ()
    assert [held.document is None for held in found] == [False, True]
    assert found[1].pointer == place
    assert found[1].findings[0].pointer == f"{place}/x"


def test_numbers_keep_their_text():
    held = only(ORDER + b', "exchange_rate": 1.10, "lines": [{"line_id": "1", "quantity": 12345678901234567890.123}]}')
    assert str(held.document.exchange_rate) == "1.10"
    assert str(held.document.lines[0].quantity) == "12345678901234567890.123"


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text('{}[]:,"\\ \n019.eE-+ntrufalsé\ud7ff', max_size=40).map(str.encode)))
def test_whatever_the_bytes_nothing_is_raised(data):
    items = list(read(data))
    assert isinstance(items[-1], BodyRead)
    assert all(isinstance(item, DocumentRead) for item in items[:-1])
    try:
        json.loads(data.decode("utf-8").removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        assert items[-1].findings


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.one_of(
            st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.text(st.characters(exclude_categories=["Cs"]))
        ),
        lambda inner: st.one_of(
            st.lists(inner), st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
        ),
        max_leaves=20,
    )
)
def test_values_are_those_of_the_standard_library(value):
    parsed = parse(json.dumps(value).encode())
    assert parsed.findings == ()
    assert parsed.tree == json.loads(json.dumps(value), parse_int=str)
