"""The stream of a session, cut into requests: each packet has its length before it (section 3)."""

from collections.abc import Iterator

from gateway.sftp.fields import U32
from gateway.sftp.requests import HEAD_BYTES, Malformed, PacketType, Request, read_request
from gateway.sftp.values import PACKET_BYTES_MAX

_LENGTH_BYTES = 4


class ProtocolError(Exception):
    """The stream cannot be read any further; the words may be shown. The session has to end."""


class PacketReader:
    """Takes bytes as they come and gives the requests in them, each as soon as its last byte is there.

    A packet that lies within one piece is read where it lies, one that came in several is put together once, in a
    buffer of its own; so the data of a WRITE is copied once at most, and stays good while the reader goes on. Never
    more than one packet is held back.
    """

    def __init__(self, packet_bytes_max: int = PACKET_BYTES_MAX) -> None:
        self._packet_bytes_max = packet_bytes_max
        self._begun = bytearray()
        self._broken: str | None = None
        self._greeted = False

    @property
    def pending_bytes(self) -> int:
        """How much of a packet has come whose end is still missing; 0 between packets."""
        return len(self._begun)

    def feed(self, data: bytes) -> Iterator[Request]:
        """The requests that are complete with `data`; to be iterated to the end, or some of it is lost.

        Raises:
            ProtocolError: a length that cannot be, or a session that does not begin with INIT, and that once. Requests
                before it have been given; nothing comes after it.
        """
        if self._broken is not None:
            raise ProtocolError(self._broken)
        try:
            yield from self._requests(memoryview(data))
        except ProtocolError as error:
            self._broken = str(error)
            self._begun = bytearray()
            raise

    def _requests(self, data: memoryview) -> Iterator[Request]:
        at = 0
        if self._begun:
            at = self._continue_with(data)
            if at < 0:
                return
            packet, self._begun = memoryview(self._begun)[_LENGTH_BYTES:], bytearray()
            yield self._request(packet)
        end = len(data)
        while end - at >= _LENGTH_BYTES:
            start = at + _LENGTH_BYTES
            after = start + self._checked(U32.unpack_from(data, at)[0])
            if after > end:
                break
            yield self._request(data[start:after])
            at = after
        if at < end:
            self._begun += data[at:]

    def _continue_with(self, data: memoryview) -> int:
        """Add to the packet that has begun; where the next one starts in `data`, or -1 if all of it was taken."""
        begun = self._begun
        at = 0
        if len(begun) < _LENGTH_BYTES:
            at = _LENGTH_BYTES - len(begun)
            begun += data[:at]
            if len(begun) < _LENGTH_BYTES:
                return -1
        missing = _LENGTH_BYTES + self._checked(U32.unpack_from(begun)[0]) - len(begun)
        begun += data[at : at + missing]
        return at + missing if len(data) - at >= missing else -1

    def _checked(self, length: int) -> int:
        if length > self._packet_bytes_max:
            raise ProtocolError(f"a packet of {length} bytes, more than {self._packet_bytes_max}")
        if length < HEAD_BYTES:
            raise ProtocolError(f"a packet of {length} bytes, where type and id alone take {HEAD_BYTES}")
        return length

    def _request(self, packet: memoryview) -> Request:
        """Section 4: INIT comes first, and only then."""
        if (packet[0] == PacketType.INIT) is self._greeted:
            raise ProtocolError("a second INIT" if self._greeted else "the session does not begin with INIT")
        request = read_request(packet)
        if not self._greeted:
            if isinstance(request, Malformed):
                raise ProtocolError(request.words)
            self._greeted = True
        return request
