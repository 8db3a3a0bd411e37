"""What clients send is read as what they mean, and nothing they send can do more than that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sftp import NOTHING_SAID, Attributes, OpenFlag, requests
from gateway.sftp.fields import EXTENSIONS_MAX, HANDLE_BYTES_MAX, PATH_BYTES_MAX
from gateway.sftp.requests import Malformed, PacketType, Unsupported, read_request
from tests.sftp.packets import long, packet, packet_of
from tests.sftp.sessions import inits, later_requests


def read(written: bytes) -> requests.Request:
    return read_request(memoryview(written)[4:])


@given(inits | later_requests)
def test_what_a_client_means_is_read(request):
    assert read(packet_of(request)) == request


@given(inits | later_requests, st.data())
def test_a_packet_cut_off_anywhere_is_malformed_under_its_id(request, data):
    whole = packet_of(request)
    cut = data.draw(st.integers(9, len(whole) - 1)) if len(whole) > 9 else 9
    found = read(whole[:cut])
    if isinstance(request, requests.Init):
        # INIT has as many extensions as there are, so it may end between two of them.
        assert isinstance(found, Malformed) or found.extensions == request.extensions[: len(found.extensions)]
    elif cut < len(whole):
        assert isinstance(found, (Malformed, Unsupported))
        assert found.id == request.id


@given(later_requests, st.binary(min_size=1, max_size=12).filter(lambda tail: len(tail) != 4))
def test_bytes_behind_a_request_make_it_malformed(request, tail):
    found = read(packet_of(request) + tail)
    assert isinstance(found, Malformed)
    assert found.id == request.id


@pytest.mark.parametrize(
    "request_",
    [
        *(requests.Stat(7, b"/inbox"), requests.Lstat(7, b"/inbox"), requests.Fstat(7, b"h")),
        requests.Rename(7, b"a", b"b"),
    ],
    ids=lambda request: type(request).__name__,
)
def test_flags_of_later_versions_are_let_be_where_clients_were_seen_to_send_them(request_):
    assert read(packet_of(request_) + b"\x80\x00\x00\x05") == request_


@pytest.mark.parametrize("size", range(5))
def test_too_short_for_type_and_id(size):
    assert read_request(memoryview(b"\x04" * size)) == Malformed(
        0, f"a packet of {size} bytes, where type and id alone take 5"
    )


@pytest.mark.parametrize("kind", [0, 2, 21, 100, 101, 105, 199, 201, 255])
def test_a_type_that_no_client_sends(kind):
    assert read(packet(kind, 9, b"anything")) == Unsupported(9, f"packet type {kind}")


@pytest.mark.parametrize(
    "name",
    [
        *("hardlink@openssh.com", "fsync@openssh.com", "statvfs@openssh.com", "fstatvfs@openssh.com"),
        *("lsetstat@openssh.com", "expand-path@openssh.com", "home-directory", "copy-data", "check-file-name"),
        *("users-groups-by-id@openssh.com", "text-seek", "vendor-id"),
    ],
)
def test_extensions_that_we_do_not_serve(name):
    assert read(packet(200, 9, name.encode(), b"/inbox/a", b"/inbox/b")) == Unsupported(9, f"extension {name}")


def test_an_extension_has_a_name_that_can_be_shown():
    assert read(packet(200, 9, b"\x1b[2Jevil\xff")) == Unsupported(9, r"extension \x1b[2Jevil\xff")


def test_bits_of_open_that_version_3_does_not_know_are_left_out():
    found = read(packet(PacketType.OPEN, 1, b"a", 0xFFFF_FF5A, NOTHING_SAID))
    assert found.flags == OpenFlag.WRITE | OpenFlag.CREAT | OpenFlag.TRUNC


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (packet(3, 1, b"a", 2, 0x10), "OPEN: attributes with flags 0x00000010"),
        (packet(10, 1, b"h", 1, 0), "FSETSTAT: the packet ends within a number"),
        (packet(9, 1, b"a", 0x8000_0000, 2**32 - 1), f"extended attributes, more than {EXTENSIONS_MAX}"),
        (packet(6, 1, b"h", long(0), tail=b"\xff\xff\xff\xffdata"), "a string of 4294967295 bytes where 4 are left"),
        (packet(6, 1, b"h", long(0), b"data", tail=b"more"), "4 bytes more than the request has"),
        (packet(6, 1, b"h", long(0), tail=b"\x00\x00"), "ends within a number"),
        (packet(5, 1, b"h", tail=b"\x00" * 7), "ends within a number"),
        (packet(17, 1, tail=b"\x00\x00"), "STAT: the packet ends within a number"),
        (packet(17, 1, tail=b"\x00\x00\x00\x09/inbox"), "STAT: a string of 9 bytes where 6 are left"),
        (packet(17, 1, b"x" * (PATH_BYTES_MAX + 1)), "a path of 4097 bytes, more than 4096"),
        (packet(4, 1, b"x" * (HANDLE_BYTES_MAX + 1)), "a handle of 257 bytes, more than 256"),
        (packet(200, 1, b"limits@openssh.com", b""), "EXTENDED: 4 bytes more"),
        (packet(1, 3, *([b"a", b"1"] * (EXTENSIONS_MAX + 1))), "INIT: more than 64 extensions"),
    ],
    ids=range(13),
)
def test_lengths_and_flags_that_lie(written, words):
    found = read(written)
    assert isinstance(found, Malformed)
    assert words in found.words


def test_attributes_know_directories():
    assert Attributes(permissions=0o040_755).is_directory
    assert not Attributes(permissions=0o100_644).is_directory
    assert not NOTHING_SAID.is_directory
