"""What we say is understood by asyncssh's client and by paramiko's."""

import paramiko
import pytest
from asyncssh.packet import SSHPacket
from asyncssh.sftp import SFTPAttrs, SFTPLimits, SFTPName
from hypothesis import given
from hypothesis import strategies as st

from gateway.sftp import NOTHING_SAID, PACKET_BYTES_MAX, Attributes, Entry, Status, answers
from tests.sftp.sessions import attributes, some_bytes, two, u32, u64

NOT_EXTENDED = st.builds(
    lambda size, ids, permissions, times: Attributes(size, *ids, permissions, *times),
    *(st.none() | u64, two, st.none() | st.integers(0, 0xFFFF), two),
)


def opened(packet: bytes, kind: int, identity: int | None) -> SSHPacket:
    """The body of a packet, whose head is as it should be."""
    read = SSHPacket(packet)
    assert read.get_uint32() == len(packet) - 4
    assert read.get_byte() == kind
    if identity is not None:
        assert read.get_uint32() == identity
    return read


def test_version_and_extensions():
    read = opened(answers.version(), 2, None)
    assert read.get_uint32() == 3
    pairs = []
    while read:
        pairs.append((read.get_string(), read.get_string()))
    assert pairs == [(b"posix-rename@openssh.com", b"1"), (b"limits@openssh.com", b"1")]


@given(u32, st.sampled_from(Status), st.text(max_size=1_100))
def test_status(identity, code, words):
    read = opened(answers.status(identity, code, words), 101, identity)
    assert read.get_uint32() == code
    shown = read.get_string().decode()
    assert len(shown.encode()) <= 1_024
    assert words.encode("utf-8", "replace").decode().startswith(shown)
    assert read.get_string() == b""
    read.check_end()


def test_words_are_not_cut_within_a_character():
    read = opened(answers.status(1, Status.FAILURE, "x" + "é" * 600), 101, 1)
    assert read.get_uint32() == Status.FAILURE
    assert read.get_string().decode() == "x" + "é" * 511


def test_done():
    assert answers.ok(77) == answers.status(77, Status.OK, "Success")


@given(u32, some_bytes)
def test_handle_and_data(identity, content):
    for packet, kind in (
        (answers.handle(identity, content), 102),
        (answers.data(identity, content), 103),
        (answers.data(identity, memoryview(content)), 103),
    ):
        read = opened(packet, kind, identity)
        assert read.get_string() == content
        read.check_end()


@given(u32, attributes())
def test_attributes(identity, known):
    message = paramiko.Message(answers.attributes(identity, known)[9:])
    found = paramiko.SFTPAttributes._from_msg(message)
    assert message.get_remainder() == b""
    assert (found.st_size, found.st_uid, found.st_gid) == (known.size, known.uid, known.gid)
    assert (found.st_mode, found.st_atime, found.st_mtime) == (known.permissions, known.accessed_s, known.modified_s)
    # paramiko reads what stands first as the value.
    assert tuple((name, value) for value, name in found.attr.items()) == known.extended


@pytest.mark.parametrize("half", [Attributes(uid=1), Attributes(gid=1), Attributes(accessed_s=1)])
def test_half_of_a_pair_is_not_said(half):
    assert answers.attributes(1, half) == answers.attributes(1, NOTHING_SAID)


@given(u32, st.lists(st.builds(Entry, some_bytes, NOT_EXTENDED, some_bytes), max_size=5))
def test_names(identity, entries):
    read = opened(answers.names(identity, iter(entries)), 104, identity)
    found = [SFTPName.decode(read, 3) for _ in range(read.get_uint32())]
    read.check_end()
    assert [(name.filename, name.longname) for name in found] == [(entry.name, entry.long_name) for entry in entries]
    for name, entry in zip(found, entries, strict=True):
        alone = SSHPacket(answers.attributes(identity, entry.attributes)[9:])
        assert vars_of(name.attrs) == vars_of(SFTPAttrs.decode(alone, 3))
        assert name.attrs.size == entry.attributes.size
        assert name.attrs.mtime == entry.attributes.modified_s


def vars_of(attrs: SFTPAttrs) -> dict:
    return {name: getattr(attrs, name) for name in attrs.__slots__}


def test_usual_limits():
    read = opened(answers.limits(5, open_handles_max=64), 201, 5)
    found = SFTPLimits.decode(read)
    assert (found.max_packet_len, found.max_open_handles) == (PACKET_BYTES_MAX, 64)
    # A WRITE of that length, and a DATA, fit into a packet.
    assert max(found.max_read_len, found.max_write_len) + 1_024 <= PACKET_BYTES_MAX
    assert all(found.max_write_len % divisor for divisor in range(2, 512))


def test_limits():
    packet = answers.limits(
        5, packet_bytes_max=262_144, read_bytes_max=261_120, write_bytes_max=261_121, open_handles_max=100
    )
    read = opened(packet, 201, 5)
    found = SFTPLimits.decode(read)
    assert (found.max_packet_len, found.max_read_len) == (262_144, 261_120)
    assert (found.max_write_len, found.max_open_handles) == (261_121, 100)
    read.check_end()
