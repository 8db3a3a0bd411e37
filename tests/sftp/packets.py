"""Packets as paramiko's and asyncssh's clients write them: independent hands for what our reader reads."""

from asyncssh import SFTPAttrs
from paramiko import Message

from gateway.sftp import Attributes, requests
from gateway.sftp.requests import PacketType

INIT = b"\x00\x00\x00\x05\x01\x00\x00\x00\x03"


def packet(kind: int, *fields, tail: bytes = b"") -> bytes:
    """Length, type and fields: an int is a uint32, bytes are a string, the rest writes itself."""
    message = Message()
    for field in fields:
        if isinstance(field, int):
            message.add_int(field)
        elif isinstance(field, (bytes, memoryview)):
            message.add_string(bytes(field))
        elif isinstance(field, Attributes):
            message.add_bytes(written(field))
        else:
            message.add_int64(field[0])
    body = bytes([kind]) + message.asbytes() + tail
    return len(body).to_bytes(4, "big") + body


def written(attributes: Attributes) -> bytes:
    known = SFTPAttrs(
        size=attributes.size,
        uid=attributes.uid,
        gid=attributes.gid,
        permissions=attributes.permissions,
        atime=attributes.accessed_s,
        mtime=attributes.modified_s,
        extended=attributes.extended,
    )
    return known.encode(3)


def long(number: int) -> tuple[int]:
    """A uint64."""
    return (number,)


def packet_of(request: requests.Request) -> bytes:
    """What a client sends that means this."""
    fields: tuple
    match request:
        case requests.Init(version, extensions):
            fields = (version, *(text for pair in extensions for text in pair))
        case requests.Open(identity, path, flags, attributes):
            fields = (identity, path, int(flags), attributes)
        case requests.Read(identity, handle, offset, length):
            fields = (identity, handle, long(offset), length)
        case requests.Write(identity, handle, offset, data):
            fields = (identity, handle, long(offset), data)
        case requests.PosixRename(identity, old, new):
            fields = (identity, b"posix-rename@openssh.com", old, new)
        case requests.Limits(identity):
            fields = (identity, b"limits@openssh.com")
        case _:
            fields = tuple(getattr(request, name) for name in request.__slots__)
    return packet(_KINDS[type(request)], *fields)


_KINDS = {requests.PosixRename: PacketType.EXTENDED, requests.Limits: PacketType.EXTENDED} | {
    kind: PacketType[kind.__name__.upper()]
    for kind in (
        *(requests.Init, requests.Open, requests.Read, requests.Write),
        *(requests.Close, requests.Lstat, requests.Fstat, requests.Setstat, requests.Fsetstat, requests.Opendir),
        *(requests.Readdir, requests.Remove, requests.Mkdir, requests.Rmdir, requests.Realpath, requests.Stat),
        *(requests.Rename, requests.Readlink, requests.Symlink),
    )
}
