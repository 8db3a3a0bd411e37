"""However the bytes are cut, the requests are the same; and what cannot be read ends the session, nothing else does."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.sftp import PACKET_BYTES_MAX, PacketReader, ProtocolError, requests
from tests.sftp.packets import INIT, long, packet, packet_of
from tests.sftp.sessions import inits, later_requests


def read_all(pieces) -> tuple[list[requests.Request], str | None]:
    """The requests before the end or the error, and its words."""
    reader = PacketReader(4 * 4_096)
    found: list[requests.Request] = []
    try:
        for piece in pieces:
            for request in reader.feed(piece):
                found.append(request)
                assert reader.pending_bytes <= 4 * 4_096 + 4
    except ProtocolError as error:
        return found, str(error)
    return found, None


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(inits, st.lists(later_requests, max_size=8), st.lists(st.integers(0, 2**32), max_size=40))
def test_any_cutting_gives_the_same_requests(init, later, at):
    written = b"".join(map(packet_of, [init, *later]))
    assert read_all(cut(written, at)) == ([init, *later], None)


@settings(max_examples=25)
@given(inits, st.lists(later_requests, max_size=3))
def test_byte_by_byte(init, later):
    written = b"".join(map(packet_of, [init, *later]))
    assert read_all(written[at : at + 1] for at in range(len(written))) == ([init, *later], None)


@given(st.sampled_from([b"", INIT]), st.binary(max_size=200), st.lists(st.integers(0, 2**32), max_size=20))
@example(INIT, b"\x00\x00\x00\x05\x01\x00\x00\x00\x03", [3])
@example(b"", b"\x00\x00\x00\x00", [])
def test_any_bytes_are_requests_or_a_protocol_error_wherever_they_are_cut(head, data, at):
    whole = read_all([head + data])
    assert read_all(cut(head + data, at)) == whole


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x00\x00\x00\x00", "a packet of 0 bytes"),
        (b"\x00\x00\x00\x04", "a packet of 4 bytes, where type and id alone take 5"),
        ((PACKET_BYTES_MAX + 1).to_bytes(4, "big"), "a packet of 262145 bytes, more than 262144"),
        (b"\xff\xff\xff\xff", "more than 262144"),
        (packet(17, 1, b"/"), "does not begin with INIT"),
        (INIT + INIT, "a second INIT"),
        (packet(1, 3, tail=b"\x00"), "INIT: the packet ends within a number"),
    ],
    ids=range(7),
)
def test_what_ends_a_session(data, words):
    reader = PacketReader()
    with pytest.raises(ProtocolError, match=words):
        list(reader.feed(data))
    assert reader.pending_bytes == 0
    with pytest.raises(ProtocolError, match=words):
        list(reader.feed(INIT))


def test_requests_before_an_error_are_given():
    reader = PacketReader()
    found = []
    with pytest.raises(ProtocolError):
        found.extend(reader.feed(INIT + packet(17, 1, b"/") + b"\x00\x00\x00\x00"))
    assert found == [requests.Init(3), requests.Stat(1, b"/")]


def test_the_data_of_a_write_stays_as_it_was_while_the_reader_goes_on():
    reader = PacketReader()
    written = [packet(6, number, b"h", long(0), bytes([number]) * 100_000) for number in range(1, 6)]
    stream = INIT + b"".join(written)
    found = [
        request for at in range(0, len(stream), 32_768) for request in reader.feed(bytearray(stream[at : at + 32_768]))
    ][1:]
    assert [bytes(request.data) == bytes([request.id]) * 100_000 for request in found] == [True] * 5


def test_the_largest_packet_is_taken_and_the_rest_of_a_packet_waited_for():
    reader = PacketReader()
    largest = packet(6, 1, b"", long(0), b"x" * (PACKET_BYTES_MAX - 21))
    assert list(reader.feed(INIT + largest[:-1])) == [requests.Init(3)]
    assert reader.pending_bytes == PACKET_BYTES_MAX + 3
    (write,) = reader.feed(largest[-1:])
    assert len(write.data) == PACKET_BYTES_MAX - 21
    assert reader.pending_bytes == 0
