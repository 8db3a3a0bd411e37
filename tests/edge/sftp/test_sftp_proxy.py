"""The PROXY protocol: for whom a balancer speaks, in any pieces, and nothing else."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.sftp.proxy import SIGNATURE, NotProxied, Preface, read_preface


def v2(source: str, *, command: int = 1, more: bytes = b"") -> bytes:
    """A header of version 2, as balancers write it."""
    address = ipaddress.ip_address(source)
    other = b"\x00" * len(address.packed)
    body = address.packed + other + struct.pack("!HH", 50_000, 22) + more
    family = 0x11 if address.version == 4 else 0x21
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack("!H", len(body)) + body


CASES = [
    pytest.param(b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 22\r\n", "192.0.2.7", id="v1 IPv4"),
    pytest.param(b"PROXY TCP6 2001:db8::7 2001:db8::1 50000 22\r\n", "2001:db8::7", id="v1 IPv6"),
    pytest.param(b"PROXY UNKNOWN\r\n", None, id="v1 unknown"),
    pytest.param(b"PROXY UNKNOWN ffff:f...f:ffff 1 2 3\r\n", None, id="v1 unknown with words"),
    pytest.param(v2("192.0.2.7"), "192.0.2.7", id="v2 IPv4"),
    pytest.param(v2("2001:db8::7"), "2001:db8::7", id="v2 IPv6"),
    pytest.param(v2("::ffff:192.0.2.7"), "192.0.2.7", id="v2 IPv4 in IPv6"),
    pytest.param(v2("192.0.2.7", more=b"\x04\x00\x10" + b"\x00" * 16), "192.0.2.7", id="v2 with more"),
    pytest.param(v2("192.0.2.7", command=0), None, id="v2 local"),
]


@pytest.mark.parametrize(("header", "address"), CASES)
def test_headers_in_any_pieces(header: bytes, address: str | None):
    whole = header + b"SSH-2.0-client\r\n"
    assert read_preface(whole) == Preface(address, len(header))
    for length in range(len(header)):
        assert read_preface(whole[:length]) is None, length


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"SSH-2.0-client\r\n", id="SSH"),
        pytest.param(b"PROXY TCP4 192.0.2.777 10.0.0.1 50000 22\r\n", id="no address"),
        pytest.param(b"PROXY TCP4 192.0.2.7\r\n", id="too short"),
        pytest.param(b"PROXY " + b"A" * 200, id="a line without end"),
        pytest.param(SIGNATURE + b"\x11\x11\x00\x0c" + bytes(12), id="another version"),
        pytest.param(SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12), id="another command"),
        pytest.param(SIGNATURE + b"\x21\x31\x00\x0c" + bytes(12), id="a socket of the file system"),
        pytest.param(SIGNATURE + b"\x21\x21\x00\x0c" + bytes(12), id="too few bytes of IPv6"),
        pytest.param(SIGNATURE + b"\x21\x11\xff\xff", id="much too long"),
    ],
)
def test_what_is_none(data: bytes):
    with pytest.raises(NotProxied):
        read_preface(data)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda tail: SIGNATURE + tail)))
def test_whatever_comes_is_understood_waited_for_or_refused(data: bytes):
    try:
        found = read_preface(data)
    except NotProxied:
        return
    assert found is None or 0 < found.length <= len(data)
