"""What is said to requests: packets with their length before them (draft-ietf-secsh-filexfer-02, sections 4 and 7)."""

from collections.abc import Iterable
from struct import Struct

from gateway.sftp.fields import written_attributes, written_string
from gateway.sftp.requests import PacketType
from gateway.sftp.values import PACKET_BYTES_MAX, Attributes, Entry, Status

VERSION = 3
# What we serve beyond the draft, in the versions of it (OpenSSH's PROTOCOL, sections 4.3 and 4.8). There is no fsync:
# what a CLOSE acknowledges is durable anyway; and no links.
EXTENSIONS = ((b"posix-rename@openssh.com", b"1"), (b"limits@openssh.com", b"1"))

# A prime: OpenSSH's client writes blocks of just this length, and a file that was interrupted by its user ends after a
# whole one, as no file of usual lengths does. It says nothing else of an interruption before it closes the file.
WRITE_BYTES_MAX = 261_101
READ_BYTES_MAX = 261_120

# Length, type, id; then what most answers have next.
_HEAD = Struct(">IBI")
_HEAD_AND_U32 = Struct(">IBII")
_LIMITS = Struct(">IBIQQQQ")
_HEAD_BYTES_COUNTED = 5
_WORDS_BYTES_MAX = 1_024
_OK_TAIL = written_string(b"Success") + written_string(b"")


def version(extensions: Iterable[tuple[bytes, bytes]] = EXTENSIONS) -> bytes:
    """The answer to INIT: version 3 and what we serve beyond it."""
    pairs = b"".join(written_string(text) for pair in extensions for text in pair)
    return _HEAD.pack(_HEAD_BYTES_COUNTED + len(pairs), PacketType.VERSION, VERSION) + pairs


def status(identity: int, code: Status, words: str) -> bytes:
    """How a request ended, in words that the person at the other end reads."""
    text = words.encode("utf-8", "replace")[:_WORDS_BYTES_MAX]
    # A cut within a character would not be UTF-8, which section 7 asks for.
    text = text.decode("utf-8", "ignore").encode()
    tail = written_string(text) + written_string(b"")
    return _HEAD_AND_U32.pack(9 + len(tail), PacketType.STATUS, identity, code) + tail


def ok(identity: int) -> bytes:
    """A request was done; the answer to every WRITE, so it is made of one piece."""
    return _HEAD_AND_U32.pack(9 + len(_OK_TAIL), PacketType.STATUS, identity, Status.OK) + _OK_TAIL


def handle(identity: int, text: bytes) -> bytes:
    """The handle of what was opened."""
    return _HEAD_AND_U32.pack(9 + len(text), PacketType.HANDLE, identity, len(text)) + text


def data(identity: int, content: bytes | bytearray | memoryview) -> bytes:
    """Bytes of a file."""
    return b"".join((_HEAD_AND_U32.pack(9 + len(content), PacketType.DATA, identity, len(content)), content))


def names(identity: int, entries: Iterable[Entry]) -> bytes:
    """Names of a directory, or the one that REALPATH asked for."""
    parts = [
        written_string(entry.name) + written_string(entry.long_name) + written_attributes(entry.attributes)
        for entry in entries
    ]
    content = b"".join(parts)
    return _HEAD_AND_U32.pack(9 + len(content), PacketType.NAME, identity, len(parts)) + content


def attributes(identity: int, known: Attributes) -> bytes:
    """What is known of a file."""
    content = written_attributes(known)
    return _HEAD.pack(_HEAD_BYTES_COUNTED + len(content), PacketType.ATTRS, identity) + content


def limits(
    identity: int,
    *,
    open_handles_max: int,
    packet_bytes_max: int = PACKET_BYTES_MAX,
    read_bytes_max: int = READ_BYTES_MAX,
    write_bytes_max: int = WRITE_BYTES_MAX,
) -> bytes:
    """The answer to limits@openssh.com; 0 is "not said" (OpenSSH's PROTOCOL, section 4.8)."""
    return _LIMITS.pack(
        37, PacketType.EXTENDED_REPLY, identity, packet_bytes_max, read_bytes_max, write_bytes_max, open_handles_max
    )
