"""What a client can ask for, and how it is read out of a packet (draft-ietf-secsh-filexfer-02, sections 4, 6 and 8).

Reading never raises: a packet that is not what its first byte says becomes `Malformed`, one that we do not serve
`Unsupported`; both know the id under which they have to be answered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from gateway.sftp.fields import EXTENSION_BYTES_MAX, HANDLE_BYTES_MAX, PATH_BYTES_MAX, U32, Fields, UnreadableError
from gateway.sftp.paths import shown
from gateway.sftp.values import Attributes, OpenFlag

# Type and id; INIT has its version where others have the id.
HEAD_BYTES = 5


class PacketType(IntEnum):
    """The first byte of a packet (section 3)."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


@dataclass(frozen=True, slots=True)
class Init:
    """The first packet: the highest version the client speaks."""

    version: int
    extensions: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Open:
    """6.3: a file is to be read or written; answered with a handle."""

    id: int
    path: bytes
    flags: OpenFlag
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Close:
    """6.3: a handle of a file or directory is done with."""

    id: int
    handle: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """6.4: at most `length` bytes from `offset`."""

    id: int
    handle: bytes
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Write:
    """6.4: `data` belongs at `offset`; it is a view of what arrived, good for as long as it is held."""

    id: int
    handle: bytes
    offset: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class Lstat:
    """6.8: attributes of a name, symbolic links not followed."""

    id: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Fstat:
    """6.8: attributes of an open file."""

    id: int
    handle: bytes


@dataclass(frozen=True, slots=True)
class Setstat:
    """6.9: attributes of a name are to change."""

    id: int
    path: bytes
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Fsetstat:
    """6.9: attributes of an open file are to change."""

    id: int
    handle: bytes
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Opendir:
    """6.7: a directory is to be listed; answered with a handle."""

    id: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Readdir:
    """6.7: the next names of a directory."""

    id: int
    handle: bytes


@dataclass(frozen=True, slots=True)
class Remove:
    """6.5: a file is to go."""

    id: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Mkdir:
    """6.6: a new directory."""

    id: int
    path: bytes
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Rmdir:
    """6.6: a directory is to go."""

    id: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Realpath:
    """6.11: what a path is in full."""

    id: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Stat:
    """6.8: attributes of a name, symbolic links followed."""

    id: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Rename:
    """6.5: a new name, which must not exist yet."""

    id: int
    old_path: bytes
    new_path: bytes


@dataclass(frozen=True, slots=True)
class PosixRename:
    """posix-rename@openssh.com: a new name, whose former file is replaced."""

    id: int
    old_path: bytes
    new_path: bytes


@dataclass(frozen=True, slots=True)
class Readlink:
    """6.10: where a symbolic link leads."""

    id: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Symlink:
    """6.10: a new symbolic link; the order of the two is what the client made it, OpenSSH's being the other one."""

    id: int
    link_path: bytes
    target_path: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """limits@openssh.com: how large packets, reads and writes may be, and how many handles open."""

    id: int


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A type or extension that we do not serve; `name` may be shown."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not what its type says; `words` may be shown. To be answered with BAD_MESSAGE."""

    id: int
    words: str


Request = (
    Init
    | Open
    | Close
    | Read
    | Write
    | Lstat
    | Fstat
    | Setstat
    | Fsetstat
    | Opendir
    | Readdir
    | Remove
    | Mkdir
    | Rmdir
    | Realpath
    | Stat
    | Rename
    | PosixRename
    | Readlink
    | Symlink
    | Limits
    | Unsupported
    | Malformed
)


def read_request(packet: memoryview) -> Request:
    """The request in a packet without its length; `Malformed` under id 0 where it is too short to have one."""
    if len(packet) < HEAD_BYTES:
        return Malformed(0, f"a packet of {len(packet)} bytes, where type and id alone take {HEAD_BYTES}")
    kind, identity = packet[0], U32.unpack_from(packet, 1)[0]
    reader = _READERS.get(kind)
    if reader is None:
        return Unsupported(identity, f"packet type {kind}")
    try:
        return reader(identity, Fields(packet, HEAD_BYTES))
    except UnreadableError as unreadable:
        return Malformed(identity, f"{PacketType(kind).name}: {unreadable}")


def _init(version: int, fields: Fields) -> Request:
    return Init(version, fields.pairs_to_the_end())


def _open(identity: int, fields: Fields) -> Request:
    # Bits that version 3 does not know (TEXT of version 4 was seen) would change nothing of what is stored.
    path, flags = fields.path(), OpenFlag(fields.u32() & _OPEN_FLAGS)
    request = Open(identity, path, flags, fields.attributes())
    fields.end()
    return request


def _read(identity: int, fields: Fields) -> Request:
    request = Read(identity, fields.handle(), fields.u64(), fields.u32())
    fields.end()
    return request


def _write(identity: int, fields: Fields) -> Request:
    request = Write(identity, fields.handle(), fields.u64(), fields.view())
    fields.end()
    return request


def _of_path(
    kind: Callable[[int, bytes], Request], end: Callable[[Fields], None] = Fields.end
) -> Callable[[int, Fields], Request]:
    def read(identity: int, fields: Fields) -> Request:
        request = kind(identity, fields.path())
        end(fields)
        return request

    return read


def _of_handle(
    kind: Callable[[int, bytes], Request], end: Callable[[Fields], None] = Fields.end
) -> Callable[[int, Fields], Request]:
    def read(identity: int, fields: Fields) -> Request:
        request = kind(identity, fields.handle())
        end(fields)
        return request

    return read


def _of_two_paths(
    kind: Callable[[int, bytes, bytes], Request], end: Callable[[Fields], None] = Fields.end
) -> Callable[[int, Fields], Request]:
    def read(identity: int, fields: Fields) -> Request:
        request = kind(identity, fields.path(), fields.path())
        end(fields)
        return request

    return read


def _with_attributes(
    kind: Callable[[int, bytes, Attributes], Request], bytes_max: int, what: str
) -> Callable[[int, Fields], Request]:
    def read(identity: int, fields: Fields) -> Request:
        request = kind(identity, fields.string(bytes_max, what), fields.attributes())
        fields.end()
        return request

    return read


def _extended(identity: int, fields: Fields) -> Request:
    name = fields.string(EXTENSION_BYTES_MAX, "the name of an extension")
    if name == b"posix-rename@openssh.com":
        return _posix_rename(identity, fields)
    if name == b"limits@openssh.com":
        fields.end()
        return Limits(identity)
    return Unsupported(identity, f"extension {shown(name)}")


_OPEN_FLAGS = 0x3F
_posix_rename = _of_two_paths(PosixRename)
_READERS: dict[int, Callable[[int, Fields], Request]] = {
    PacketType.INIT: _init,
    PacketType.OPEN: _open,
    PacketType.CLOSE: _of_handle(Close),
    PacketType.READ: _read,
    PacketType.WRITE: _write,
    PacketType.LSTAT: _of_path(Lstat, Fields.end_or_flags),
    PacketType.FSTAT: _of_handle(Fstat, Fields.end_or_flags),
    PacketType.SETSTAT: _with_attributes(Setstat, PATH_BYTES_MAX, "a path"),
    PacketType.FSETSTAT: _with_attributes(Fsetstat, HANDLE_BYTES_MAX, "a handle"),
    PacketType.OPENDIR: _of_path(Opendir),
    PacketType.READDIR: _of_handle(Readdir),
    PacketType.REMOVE: _of_path(Remove),
    PacketType.MKDIR: _with_attributes(Mkdir, PATH_BYTES_MAX, "a path"),
    PacketType.RMDIR: _of_path(Rmdir),
    PacketType.REALPATH: _of_path(Realpath),
    PacketType.STAT: _of_path(Stat, Fields.end_or_flags),
    PacketType.RENAME: _of_two_paths(Rename, Fields.end_or_flags),
    PacketType.READLINK: _of_path(Readlink),
    PacketType.SYMLINK: _of_two_paths(Symlink),
    PacketType.EXTENDED: _extended,
}
