"""BER and DER: what is written is read again, other forms of the same value too, and nothing breaks the reader."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.as2.cms import ber
from gateway.as2.cms.ber import (
    BerError,
    der,
    der_integer,
    der_object_identifier,
    der_set,
    header,
    length_octets,
    read_element,
)

LENGTHS = [(0, "00"), (127, "7f"), (128, "8180"), (255, "81ff"), (256, "820100"), (65_536, "83010000")]


@pytest.mark.parametrize(("length", "octets"), LENGTHS)
def test_lengths(length, octets):
    assert length_octets(length).hex() == octets
    element = read_element(header(0x04, length) + bytes(length))
    assert len(element.content) == length


@pytest.mark.parametrize(
    ("value", "octets"), [(0, "020100"), (127, "02017f"), (128, "02020080"), (-1, "0201ff"), (65_537, "0203010001")]
)
def test_integers(value, octets):
    assert der_integer(value).hex() == octets
    assert read_element(bytes.fromhex(octets)).integer() == value


@pytest.mark.parametrize(
    ("dotted", "octets"),
    [("1.2.840.113549.1.7.2", "2a864886f70d010702"), ("2.5.4.3", "550403"), ("2.999.1", "883701"), ("0.9", "09")],
)
def test_object_identifiers(dotted, octets):
    assert der_object_identifier(dotted).hex() == octets
    assert read_element(der(0x06, bytes.fromhex(octets))).object_identifier().hex() == octets


def test_a_set_is_sorted():
    assert der_set([b"\x02\x01\x02", b"\x02\x01\x01"]).hex() == "3106020101020102"


# The same octet string "abcd" in every form that BER allows.
FORMS = [
    "0404 61626364",
    "048104 61626364",
    "04840000 0004 61626364",
    "2406 0404 61626364",
    "2408 0402 6162 0402 6364",
    "2480 0402 6162 0402 6364 0000",
    "2480 2480 0402 6162 0000 2404 0402 6364 0400 0000",
]


@pytest.mark.parametrize("form", FORMS)
def test_octet_strings_in_every_form(form):
    data = bytes.fromhex(form.replace(" ", ""))
    element = read_element(data + b"behind")
    assert bytes(element.octet_string()) == b"abcd"
    assert b"".join(element.pieces()) == b"abcd"
    assert element.end == len(data)
    assert bytes(element.encoded) == data


def test_definite_lengths_throughout():
    indefinite = bytes.fromhex("3080 3180 020101 0000 0401 61 0000".replace(" ", ""))
    assert read_element(indefinite).definite().hex() == "30083103020101040161"


@pytest.mark.parametrize(
    ("octets", "word"),
    [
        ("", "inside an element"),
        ("30", "inside an element"),
        ("1f8100", "tag number"),
        ("0480", "indefinite length of a primitive"),
        ("0485", "impossible length"),
        ("0487 01010101010101", "impossible length"),
        ("0405 00", "past its end"),
        ("3080", "inside an element"),
        ("3080 0000", None),
        ("3080 000100 0000", "end-of-contents"),
        ("3080 0405 00", "past its end"),
    ],
)
def test_what_is_no_ber(octets, word):
    data = bytes.fromhex(octets.replace(" ", ""))
    if word is None:
        assert read_element(data).children() == []
        return
    with pytest.raises(BerError, match=word):
        read_element(data)


@pytest.mark.parametrize(
    ("octets", "read", "word"),
    [
        ("0400", lambda element: element.children(), "holds no others"),
        ("0400", lambda element: element.expect(0x30), "0x30 belongs"),
        ("0200", lambda element: element.integer(), "empty integer"),
        ("3000", lambda element: element.only_child(), "0 elements"),
        ("3000", lambda element: element.members(1), "0 elements"),
        ("3003 020101", lambda element: element.members(2, 3), "1 elements"),
        ("3000", lambda element: element.octet_string(), "octet string belongs"),
        ("2403 020101", lambda element: element.octet_string(), "inside the octet string"),
        ("3003 0405 00", lambda element: element.children(), "past its end"),
    ],
)
def test_what_is_not_what_was_expected(octets, read, word):
    element = read_element(bytes.fromhex(octets.replace(" ", "")))
    with pytest.raises(BerError, match=word):
        read(element)


def descend(data: bytes) -> None:
    element = read_element(data)
    while True:
        children = element.children()
        if not children:
            return
        element = children[0]


@pytest.mark.parametrize("levels", [ber.DEPTH_MAX + 2, 100_000])
@pytest.mark.parametrize("indefinite", [True, False])
def test_depth_is_limited(levels, indefinite):
    data = b"0\x80" * levels + b"\x00\x00" * levels
    if not indefinite:
        data = b""
        for _ in range(min(levels, 2_000)):
            data = der(0x30, data)
    with pytest.raises(BerError, match="nested deeper"):
        descend(data)


def test_depth_of_pieces_is_limited():
    data = b"\x04\x01a"
    for _ in range(100):
        data = der(0x24, data)
    with pytest.raises(BerError, match="nested deeper"):
        read_element(data).octet_string()


@pytest.mark.parametrize("tag", [b"\x24\x80", b"\x30\x80"])
def test_a_flood_of_tiny_elements(tag):
    with pytest.raises(BerError, match="more elements"):
        read_element(tag + b"\x04\x00" * 200_000 + b"\x00\x00")


def test_a_flood_of_members_and_of_pieces():
    with pytest.raises(BerError, match="more than 4096"):
        read_element(der(0x30, b"\x04\x00" * 5_000)).children()
    with pytest.raises(BerError, match="more elements"):
        read_element(der(0x24, b"\x04\x00" * 200_000)).octet_string()


def test_large_strings_in_pieces_of_the_usual_size():
    piece = der(0x04, b"x" * 1_000)
    data = b"\x24\x80" + piece * 5_000 + b"\x00\x00"
    assert len(read_element(data).octets()) == 5_000_000


_TREES = st.recursive(
    st.binary(max_size=40).map(lambda content: der(0x04, content)),
    lambda inner: st.builds(
        lambda tag, members, indefinite: (
            bytes((tag, 0x80)) + b"".join(members) + b"\x00\x00" if indefinite else der(tag, *members)
        ),
        st.sampled_from([0x24, 0x30, 0x31, 0xA0]),
        st.lists(inner, max_size=4),
        st.booleans(),
    ),
    max_leaves=20,
)


def walk(element):
    if element.tag & ber.CONSTRUCTED:
        for child in element.children():
            walk(child)
    element.definite()


@settings(max_examples=200, deadline=None)
@given(_TREES)
def test_every_tree_is_read_and_its_definite_form_too(data):
    element = read_element(data)
    definite = element.definite()
    assert element.end == len(data)
    assert read_element(definite).definite() == definite


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=60), _TREES), st.data())
def test_no_bytes_break_the_reader(data, draws):
    changed = bytearray(data)
    if changed:
        changed[draws.draw(st.integers(0, len(changed) - 1))] ^= draws.draw(st.integers(0, 255))
    for start in (0, 1):
        try:
            element = read_element(bytes(changed), start, draws.draw(st.integers(0, len(data) + 2)))
            walk(element)
            element.octets()
        except BerError:
            continue
