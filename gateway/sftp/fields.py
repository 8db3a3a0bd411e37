"""The fields of a packet, one after another: numbers, strings, attributes (draft-ietf-secsh-filexfer-02, section 5)."""

from enum import IntFlag
from struct import Struct

from gateway.sftp.values import NOTHING_SAID, Attributes

U32 = Struct(">I")
U64 = Struct(">Q")
PAIR = Struct(">II")

# A path longer than any system takes tells of a client that is broken, or means ill.
PATH_BYTES_MAX = 4_096
# "The length of the handle string MUST NOT exceed 256 data bytes" (section 6.2).
HANDLE_BYTES_MAX = 256
EXTENSIONS_MAX = 64
EXTENSION_BYTES_MAX = 4_096


class AttributeFlag(IntFlag):
    """Which attributes follow (section 5)."""

    SIZE = 0x01
    UIDGID = 0x02
    PERMISSIONS = 0x04
    ACMODTIME = 0x08
    EXTENDED = 0x8000_0000


_SIZE, _UIDGID, _PERMISSIONS = int(AttributeFlag.SIZE), int(AttributeFlag.UIDGID), int(AttributeFlag.PERMISSIONS)
_ACMODTIME, _EXTENDED = int(AttributeFlag.ACMODTIME), int(AttributeFlag.EXTENDED)
_KNOWN = _SIZE | _UIDGID | _PERMISSIONS | _ACMODTIME | _EXTENDED


class UnreadableError(Exception):
    """The bytes are not the fields they should be; never leaves the room."""


class Fields:
    """What is left of a packet; each call takes the next field, or raises `UnreadableError`."""

    __slots__ = ("_at", "_end", "_packet")

    def __init__(self, packet: memoryview, at: int) -> None:
        self._packet = packet
        self._at = at
        self._end = len(packet)

    def u32(self) -> int:
        """A uint32."""
        at = self._at
        if at + 4 > self._end:
            raise UnreadableError("the packet ends within a number")
        self._at = at + 4
        return int(U32.unpack_from(self._packet, at)[0])

    def u64(self) -> int:
        """A uint64."""
        at = self._at
        if at + 8 > self._end:
            raise UnreadableError("the packet ends within a number")
        self._at = at + 8
        return int(U64.unpack_from(self._packet, at)[0])

    def view(self) -> memoryview:
        """A string, without copying it."""
        length = self.u32()
        at = self._at
        if length > self._end - at:
            raise UnreadableError(f"a string of {length} bytes where {self._end - at} are left")
        self._at = at + length
        return self._packet[at : at + length]

    def string(self, bytes_max: int, what: str) -> bytes:
        """A string of at most so many bytes."""
        # Without a call to `view`: most fields of most packets are read here.
        at, end = self._at + 4, self._end
        if at > end:
            raise UnreadableError("the packet ends within a number")
        length = U32.unpack_from(self._packet, self._at)[0]
        if length > end - at:
            raise UnreadableError(f"a string of {length} bytes where {end - at} are left")
        if length > bytes_max:
            raise UnreadableError(f"{what} of {length} bytes, more than {bytes_max}")
        self._at = at + length
        return bytes(self._packet[at : at + length])

    def path(self) -> bytes:
        """A name of a file or directory, as the client wrote it."""
        return self.string(PATH_BYTES_MAX, "a path")

    def handle(self) -> bytes:
        """A handle that we gave away, or so it says."""
        return self.string(HANDLE_BYTES_MAX, "a handle")

    def attributes(self) -> Attributes:
        """What is said of a file.

        Flags of later versions change what the following bytes mean ("New flags can only be added by incrementing the
        protocol version number", section 5), so nothing behind them could be relied on.
        """
        flags = self.u32()
        if not flags:
            return NOTHING_SAID
        if flags & ~_KNOWN:
            raise UnreadableError(f"attributes with flags 0x{flags:08x}, of which version 3 does not know all")
        size = self.u64() if flags & _SIZE else None
        uid, gid = (self.u32(), self.u32()) if flags & _UIDGID else (None, None)
        permissions = self.u32() if flags & _PERMISSIONS else None
        accessed_s, modified_s = (self.u32(), self.u32()) if flags & _ACMODTIME else (None, None)
        extended = self._pairs(self.u32()) if flags & _EXTENDED else ()
        return Attributes(size, uid, gid, permissions, accessed_s, modified_s, extended)

    def pairs_to_the_end(self) -> tuple[tuple[bytes, bytes], ...]:
        """The extensions of INIT: pairs of strings, as many as there are (section 4)."""
        pairs: list[tuple[bytes, bytes]] = []
        while self._at < self._end:
            pairs += self._pairs(1)
            if len(pairs) > EXTENSIONS_MAX:
                raise UnreadableError(f"more than {EXTENSIONS_MAX} extensions")
        return tuple(pairs)

    def _pairs(self, count: int) -> tuple[tuple[bytes, bytes], ...]:
        if count > EXTENSIONS_MAX:
            raise UnreadableError(f"{count} extended attributes, more than {EXTENSIONS_MAX}")
        limit = EXTENSION_BYTES_MAX
        return tuple((self.string(limit, "an extension"), self.string(limit, "an extension")) for _ in range(count))

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != self._end:
            raise UnreadableError(f"{self._end - self._at} bytes more than the request has")

    def end_or_flags(self) -> None:
        """Nothing may be left, but for the flags that later versions put there.

        Clients that agreed on version 3 were seen to send the flags of version 4 behind STAT all the same, and other
        servers let them; they only say which attributes are wanted, or (RENAME, version 5) how.
        """
        if self._at + 4 != self._end:
            self.end()


def written_attributes(attributes: Attributes) -> bytes:
    """The other way round."""
    flags = 0
    parts: list[bytes] = []
    if attributes.size is not None:
        flags |= _SIZE
        parts.append(U64.pack(attributes.size))
    if attributes.uid is not None and attributes.gid is not None:
        flags |= _UIDGID
        parts.append(PAIR.pack(attributes.uid, attributes.gid))
    if attributes.permissions is not None:
        flags |= _PERMISSIONS
        parts.append(U32.pack(attributes.permissions))
    if attributes.accessed_s is not None and attributes.modified_s is not None:
        flags |= _ACMODTIME
        parts.append(PAIR.pack(attributes.accessed_s, attributes.modified_s))
    if attributes.extended:
        flags |= _EXTENDED
        parts.append(U32.pack(len(attributes.extended)))
        parts.extend(written_string(text) for pair in attributes.extended for text in pair)
    return U32.pack(flags) + b"".join(parts)


def written_string(text: bytes) -> bytes:
    """A string: its length, then its bytes."""
    return U32.pack(len(text)) + text
