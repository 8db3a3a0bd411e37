"""What counts as a difference, and where it is said to be."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.onboarding.samples.comparing import DIFFERENCES_MAX, differences

ISA = "ISA*00*          *00*          *ZZ*ACME           *ZZ*BIGCORP        *260102*0304*U*00401*000000001*0*T*>~"
FILE = (
    f"{ISA}GS*FA*ACME*BIGCORP*20260102*0304*1*X*004010~ST*997*0001~AK1*PR*7~AK2*855*0001~AK5*R*5~AK9*R*1*1*0~"
    "SE*6*0001~GE*1*1~IEA*1*000000001~"
)


def told(file: str, expected: bytes | str, came: bytes | str) -> list[tuple[str, str | None, str | None]]:
    held = [text.encode("latin-1") if isinstance(text, str) else text for text in (expected, came)]
    found = differences(file, *held)
    assert {item.file for item in found} <= {file}
    return [(item.place, item.expected, item.came) for item in found]


@pytest.mark.parametrize(
    ("expected", "came", "differs"),
    [
        ({"a": 1, "b": "x"}, {"b": "x", "a": 1.0}, []),
        ({"a": {"b/c": [1, 2]}}, {"a": {"b/c": [1, 3]}}, [("/a/b~1c/1", "2", "3")]),
        ([1], [1, 2], [("/1", None, "2")]),
        ([1, 2], [], [("/0", "1", None), ("/1", "2", None)]),
        ({"a~": "0"}, {}, [("/a~0", '"0"', None)]),
        ({"a": True}, {"a": 1}, [("/a", "true", "1")]),
        ({"a": "2"}, {"a": 2}, [("/a", '"2"', "2")]),
        ({"a": []}, {"a": {}}, [("/a", "[]", "{}")]),
    ],
    ids=range(8),
)
def test_json_by_value(expected: object, came: object, differs: list[object]) -> None:
    assert told("documents.json", orjson.dumps(expected), orjson.dumps(came)) == differs


def test_findings_by_their_meaning() -> None:
    recorded = [{"code": "7", "segment": "PO1", "message": "old words", "byte_offset": 12, "value": None}]
    came = [{"code": "7", "segment": "PO1", "message": "better words", "byte_offset": 14}]
    assert told("findings.json", orjson.dumps(recorded), orjson.dumps(came)) == []
    assert told("documents.json", orjson.dumps(recorded), orjson.dumps(came)) != []


@pytest.mark.parametrize(
    ("was", "becomes", "differs"),
    [
        ("~", "~\r\n", []),
        ("260102*0304", "270809*1011", []),
        ("000000001", "000004711", []),
        ("*1~IEA", "*815~IEA", []),
        ("*T*>", "*P*>", []),
        ("20260102*0304*1", "20270809*1011*815", []),
        ("20260102", "260102", [("segment 2 (GS), element 4", "20260102", "260102")]),
        ("AK5*R*5", "AK5*R", [("segment 6 (AK5), element 2", "5", None)]),
        ("AK5*R*5", "AK5*R*5**", []),
        ("AK1*PR*7", "AK1*PR*8", [("segment 4 (AK1), element 2", "7", "8")]),
        ("AK2*855*0001~", "", [("segment 5 (AK2)", "AK2*855*0001", None)]),
        ("AK9", "AK3*PO1*3~AK9", [("segment 7 (AK3)", None, "AK3*PO1*3")]),
        ("AK5*R*5", "AK6*R*5", [("segment 6", "AK5*R*5", "AK6*R*5")]),
        ("ACME ", "ACMF ", [("segment 1 (ISA), element 6", "ACME           ", "ACMF           ")]),
    ],
    ids=range(14),
)
def test_x12_by_segment_and_element(was: str, becomes: str, differs: list[object]) -> None:
    assert told("acknowledgment.edi", FILE, FILE.replace(was, becomes)) == differs


def test_separators_of_x12_are_told_once() -> None:
    came = FILE.replace("*", "|").replace("~", "'")
    assert told("sent.edi", FILE, came) == [("element separator", "'*'", "'|'"), ("segment terminator", "'~'", '"\'"')]
    assert told("sent.edi", FILE, FILE.replace("*>~", "*:~")) == [("segment 1 (ISA), element 16", ">", ":")]


def test_composites_whatever_parts_them() -> None:
    first = FILE.replace("AK1*PR*7", "AK1*PR*7>x")
    assert told("sent.edi", first, first.replace(">", ":")) == [("segment 1 (ISA), element 16", ">", ":")]
    assert told("sent.edi", first, first.replace("7>x", "7>y")) == [("segment 4 (AK1), element 2", "7:x", "7:y")]


def test_several_interchanges_in_one_file() -> None:
    assert told("acknowledgment.edi", FILE * 2, FILE * 2) == []
    assert told("acknowledgment.edi", FILE * 2, FILE)[0] == ("segment 11 (ISA)", ISA[:-1], None)


def test_what_is_no_x12() -> None:
    assert told("sent.edi", "x\ny", FILE) == [("", "x", FILE[:200] + "...")]
    assert told("sent.edi", "x", "x") == []
    assert told("sent.edi", "x", "y") == [("", "x", "y")]


@pytest.mark.parametrize(
    ("expected", "came", "differs"),
    [
        ("<a x='1' y='2'><b>t</b></a>", "<a y='2' x='1'>\n <b> t </b>\n</a>", []),
        ("<p:a xmlns:p='u'/>", "<a xmlns='u'/>", []),
        ("<a><b>t</b><b>u</b></a>", "<a><b>t</b><b>v</b></a>", [("/a/b[2]/text()", "u", "v")]),
        ("<a x='1'/>", "<a/>", [("/a/@x", "1", None)]),
        ("<a><b/></a>", "<a><b/><c>1</c></a>", [("/a/c[1]", None, "<c>1</c>")]),
        ("<a><b/></a>", "<a><c/></a>", [("/a/b[1]", "b", "c")]),
    ],
    ids=range(6),
)
def test_xml_by_elements(expected: str, came: str, differs: list[object]) -> None:
    assert told("sent.xml", expected, came) == differs


def test_what_is_no_xml() -> None:
    ((place, words, _),) = told("sent.xml", "<a>", "<a/>")
    assert place == ""
    assert words is not None
    assert words.startswith("the text is no well-formed XML")


def test_what_is_no_json() -> None:
    assert told("sent.json", "{", "{}") == [("", "no JSON: unexpected end of data", "{}")]


def test_so_many_differences_are_enough() -> None:
    assert len(told("documents.json", orjson.dumps([*range(50)]), b"[]")) == DIFFERENCES_MAX


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab/~", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(_VALUES, _VALUES)
def test_json_differs_where_its_values_do(one: object, other: object) -> None:
    def exact(value: object) -> object:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

    found = told("documents.json", orjson.dumps(one), orjson.dumps(other))
    assert bool(found) == (exact(one) != exact(other))


@given(st.text("*~>AKISGX1 \n", max_size=60), st.text("*~>AKISGX1 \n", max_size=60))
def test_any_bytes_are_compared(one: str, other: str) -> None:
    for file in ("sent.edi", "sent.xml", "sent.json"):
        assert isinstance(told(file, ISA + one, other), list)
        assert told(file, ISA + one, ISA + one) == [] or file != "sent.edi"
