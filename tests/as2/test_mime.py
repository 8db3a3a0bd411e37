"""MIME on byte ranges: what is read is exactly what was sent, and nothing breaks the reader."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.as2.mime import (
    Entity,
    Headers,
    MimeError,
    parse_parameterized,
    quoted_string,
    read_entity,
    safe_filename,
    split_multipart,
)


def multipart(body: bytes, boundary: str = "b") -> Entity:
    headers = Headers([("Content-Type", f'multipart/mixed; boundary="{boundary}"')])
    return Entity(body, 0, 0, len(body), headers)


ENTITIES = [
    (b"A: 1\r\nB: 2\r\n\r\nbody", [("A", "1"), ("B", "2")], b"body"),
    (b"A: 1\nB: 2\n\nbody\n", [("A", "1"), ("B", "2")], b"body\n"),
    (b"\r\nbody", [], b"body"),
    (b"", [], b""),
    (b"A: 1", [("A", "1")], b""),
    (b"A: 1\r\n", [("A", "1")], b""),
    (b"A:\r\n  folded\r\n\tonce more\r\n\r\n", [("A", "folded\tonce more")], b""),
    (b"a-B \t: \xc3\xa4 \xff\r\n\r\n", [("a-B", "ä \udcff")], b""),
]


@pytest.mark.parametrize(("data", "fields", "body"), ENTITIES)
def test_entities(data, fields, body):
    for padded, start in ((data, 0), (b"xx" + data, 2)):
        entity = read_entity(padded, start)
        assert list(entity.headers) == fields
        assert entity.data[entity.body_start : entity.end] == body
        assert bytes(entity.encoded) == data


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b" folded: first\r\n\r\n", "continuation"),
        (b"no colon\r\n\r\n", "that is none"),
        (b": no name\r\n\r\n", "that is none"),
        (b"A b: c\r\n\r\n", "that is none"),
        (b"A: \x00\r\n\r\n", "control"),
        (b"A: b\rC: d\r\n\r\n", "control"),
        (b"A: " + b"x" * 70_000, "65536 bytes"),
        (b"A: " + b"x" * 70_000 + b"\r\n\r\n", "65536 bytes"),
        (b"A: b\r\n" * 201, "fields"),
        (b"A: bbbbbbbbbbbbbbbbbbbbbb\r\n b\r\n" * 8_000, "fields"),
        (b"A: b\r\n" + b" b\r\n" * 20_000, "65536 bytes"),
    ],
)
def test_what_is_no_entity(data, word):
    with pytest.raises(MimeError, match=word):
        read_entity(data)


PARTS = [
    (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--", [b"one", b"two"]),
    (b"preamble\r\n--b\r\n\r\none\r\n--b--\r\nepilogue", [b"one"]),
    (b"--b\n\none\n--b--\n", [b"one"]),
    (b"--b  \t\r\n\r\none\r\n--b-- \r\n", [b"one"]),
    (b"--b\r\n\r\none\r\n\r\n--b--", [b"one\r\n"]),
    (b"--b\r\n\r\none --b--\r\n--bx\r\n--b-\r\n--b--", [b"one --b--\r\n--bx\r\n--b-"]),
    (b"--b--\r\n", []),
    (b"--b\r\n--b--", [b""]),
    (b"--b\r\n\r\n--b--", [b""]),
    (b"--b\n--b--", [b""]),
]


@pytest.mark.parametrize(("body", "parts"), PARTS)
def test_multiparts(body, parts):
    found = split_multipart(multipart(body)).parts
    assert [bytes(part.data[part.body_start : part.end]) for part in found] == parts


def test_epilogue():
    body = b"--b\r\n\r\none\r\n--b--\r\nepilogue"
    assert body[split_multipart(multipart(body)).epilogue_start :] == b"epilogue"


@pytest.mark.parametrize(
    ("entity", "word"),
    [
        (multipart(b"--b\r\n\r\none\r\n"), "closing"),
        (multipart(b"--b\r\n\r\none\r\n--b"), "closing"),
        (multipart(b""), "closing"),
        (multipart(b"--b--", ""), "boundary"),
        (multipart(b"--b--", "b" * 71), "boundary"),
        (multipart(b"--b--", "ä"), "boundary"),
        (multipart(b"--b\r\n\r\n" * 102 + b"--b--"), "100 parts"),
        (multipart(b"--b\r\nnonsense\r\n\r\n--b--"), "that is none"),
        (
            Entity(
                b"",
                0,
                0,
                0,
                Headers([("Content-Type", "multipart/mixed; boundary=b"), ("content-transfer-encoding", "BASE64")]),
            ),
            "no transfer encoding",
        ),
    ],
)
def test_what_is_no_multipart(entity, word):
    with pytest.raises(MimeError, match=word):
        split_multipart(entity)


ENCODED = [
    ("", b"a\r\n", b"a\r\n"),
    ("Binary", b"\x00\n", b"\x00\n"),
    ('"8bit"', b"x", b"x"),
    ("BASE64", b"YWJj\r\nZGU=\r\n", b"abcde"),
    ("base64", b"", b""),
    ("Quoted-Printable", b"a=3Db=\r\nc", b"a=bc"),
]


@pytest.mark.parametrize(("encoding", "body", "content"), ENCODED)
def test_transfer_encodings(encoding, body, content):
    entity = Entity(body, 0, 0, len(body), Headers([("Content-Transfer-Encoding", encoding)]))
    data, start, end = entity.decoded()
    assert data[start:end] == content


@pytest.mark.parametrize(
    ("fields", "body", "word"),
    [
        ([("Content-Transfer-Encoding", "uuencode")], b"", "does not exist"),
        ([("Content-Transfer-Encoding", "base64")], b"YWJj!", "base64"),
        ([("Content-Transfer-Encoding", "base64")], b"YQ==YQ==", "base64"),
        ([("Content-Transfer-Encoding", "base64")], b"YWJ", "base64"),
        ([("Content-Transfer-Encoding", "base64")] * 2, b"", "repeated"),
    ],
)
def test_bodies_that_cannot_be_decoded(fields, body, word):
    with pytest.raises(MimeError, match=word):
        Entity(body, 0, 0, len(body), Headers(fields)).decoded()


PARAMETERIZED = [
    ("", "", {}),
    ("Text/Plain", "text/plain", {}),
    ("a/b; C=d", "a/b", {"c": "d"}),
    ('a/b;c="d;e=\\"f\\\\"; g = h ', "a/b", {"c": 'd;e="f\\', "g": "h"}),
    ("a/b; junk; c=d;;", "a/b", {"c": "d"}),
    ("a/b; c=d (a comment); e=f", "a/b", {"c": "d", "e": "f"}),
    ('a/b; c="open', "a/b", {"c": "open"}),
    ('a/b; c = "d" junk; e=f', "a/b", {"c": "d", "e": "f"}),
    ("a/b; f*=utf-8''%e2%82%ac%20x", "a/b", {"f": "€ x"}),
    ("a/b; f*=iso-8859-1'de'%e4", "a/b", {"f": "ä"}),
    ("a/b; f*=nonsense''%41", "a/b", {"f": "A"}),
    ("a/b; f*=''%41", "a/b", {"f": "A"}),
    ("a/b; f*=%41", "a/b", {"f": "A"}),
    ("a/b; f*1=b; f*0=a; f*2=c", "a/b", {"f": "abc"}),
    ("a/b; f*0*=utf-8''%e2%82; f*1*=%ac; f*2=%41", "a/b", {"f": "€%41"}),
    ("a/b; f=plain; f*=utf-8''%e4%b8%ad", "a/b", {"f": "中"}),
    ("a/b; f*x=y; *=z", "a/b", {}),
    ("a/b; f*=utf-16''%41", "a/b", {"f": "A"}),
    ("a/b; f*=idna''%ff%fe", "a/b", {"f": "\ufffd\ufffd"}),
]


@pytest.mark.parametrize(("text", "value", "parameters"), PARAMETERIZED)
def test_parameters(text, value, parameters):
    read = parse_parameterized(text)
    assert (read.value, dict(read.parameters)) == (value, parameters)


@pytest.mark.parametrize("text", ["a/b; c=1; c=2", "a/b; c*0=1; c*0=2", "a/b; c*=1; C*=2", "a/b" + "; c=d" * 65])
def test_parameters_that_contradict_each_other(text):
    with pytest.raises(MimeError):
        parse_parameterized(text)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.edi", "a.edi"),
        ("../a.edi", "a.edi"),
        ("C:\\x\\a.edi", "a.edi"),
        ("..", None),
        ("a/", None),
        ("", None),
        (" a\r\n\x00.edi ", "a.edi"),
        ("\udcff", None),
        ("ä" * 200, "ä" * 127),
    ],
)
def test_filenames(name, safe):
    assert safe_filename(name) == safe


@pytest.mark.parametrize(
    ("fields", "filename"),
    [
        ([("Content-Disposition", "attachment; filename=a.edi"), ("Content-Type", "a/b; name=b.edi")], "a.edi"),
        ([("Content-Disposition", "attachment"), ("Content-Type", "a/b; name=b.edi")], "b.edi"),
        ([], None),
    ],
)
def test_where_the_filename_stands(fields, filename):
    assert Entity(b"", 0, 0, 0, Headers(fields)).filename == filename


@pytest.mark.parametrize("name", ["Content-Type", "Content-Disposition"])
def test_repeated_fields_of_a_part(name):
    with pytest.raises(MimeError, match="repeated"):
        _ = Entity(b"", 0, 0, 0, Headers([(name, "a/b"), (name.lower(), "a/b")])).filename


def test_headers_keep_order_and_repetitions():
    headers = Headers.of([("A", " 1 "), ("a", "2")])
    assert Headers.of(headers) is headers
    assert (headers.get("A"), headers.count("a"), headers.get("b")) == ("1", 2, None)
    assert list(Headers.of({"A": "1"})) == [("A", "1")]
    assert repr(headers) == "Headers((('A', ' 1 '), ('a', '2')))"


def test_quoting():
    assert quoted_string('a"\\') == '"a\\"\\\\"'


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_parameters_never_break(text):
    try:
        parse_parameterized(text)
    except MimeError:
        return


_SNIPPETS = st.sampled_from(
    [b"--b", b"--", b"\r\n", b"\n", b"A: ", b"Content-Type: ", b"b", b" ", b"\r", b"\x00", b"=", b";"]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(_SNIPPETS, st.binary(max_size=5)), max_size=40))
def test_entities_and_multiparts_never_break(pieces):
    data = b"".join(pieces)
    try:
        entity = read_entity(data)
        assert bytes(entity.encoded) == data
        _ = entity.filename
        entity.decoded()
    except MimeError:
        pass
    try:
        found = split_multipart(multipart(data)).parts
    except MimeError:
        return
    assert all(0 <= part.start <= part.body_start <= part.end <= len(data) for part in found)
