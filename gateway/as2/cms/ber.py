"""BER and DER on byte ranges (X.690): a reader that copies nothing it need not, and a writer of DER.

The reader walks what partners send: definite and indefinite lengths, octet strings in pieces, lengths that are
longer than needed. Whatever is wrong ends in `BerError`; depth and the number of elements are limited, and no walk
is recursive over more than `DEPTH_MAX` levels.
"""

from collections.abc import Iterator

from gateway.buffers import FORGET_EVERY_BYTES, WINDOW_BYTES, Buffer, MemorySink, Scratch, forget, windows

DEPTH_MAX = 24
CHILDREN_MAX = 4_096  # of a structure; pieces of an octet string count against the budget alone
# A piece of an octet string holds about 1,000 bytes in practice; far smaller ones are an attack on our time.
BYTES_PER_ELEMENT_MIN = 64
ELEMENTS_FREE = 10_000
# A value that is worked on as a whole: a name, a number, a key, a signature.
VALUE_BYTES_MAX = 65_536

INTEGER = 0x02
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
SET = 0x31
CONSTRUCTED = 0x20
CONTEXT_0, CONTEXT_1, CONTEXT_2 = 0xA0, 0xA1, 0xA2  # constructed, context-specific

_HIGH_TAG = 0x1F
_INDEFINITE = 0x80
_LENGTH_OCTETS_MAX = 6


class BerError(ValueError):
    """The bytes are no BER that this gateway reads; the message says why and where."""


class _Encoding:
    """The bytes under one outermost element, with what is known of them."""

    __slots__ = ("budget", "data", "ends", "forgotten", "view")

    def __init__(self, data: Buffer, size: int) -> None:
        self.data = data
        self.view = memoryview(data)
        self.ends: dict[int, int] = {}  # start of the content of an indefinite element -> its end-of-contents
        self.budget = ELEMENTS_FREE + size // BYTES_PER_ELEMENT_MIN
        self.forgotten = 0  # up to where the pages of a mapped file were let go of

    def passed(self, position: int) -> None:
        """A walk came to this place; what lies behind it need not stay in memory."""
        if position - self.forgotten >= FORGET_EVERY_BYTES:
            forget(self.view)
            self.forgotten = position
        elif position < self.forgotten:
            self.forgotten = position  # another walk began


class Element:
    """One tag, length and value: ``content_start..content_end`` is the value, ``end`` lies behind everything."""

    __slots__ = ("_depth", "_encoding", "content_end", "content_start", "end", "indefinite", "start", "tag")

    def __init__(self, encoding: _Encoding, start: int, limit: int, depth: int) -> None:
        tag, content_start, length = _header(encoding.data, start, limit)
        encoding.budget -= 1
        if encoding.budget < 0:
            raise BerError("more elements than a message of this size can need")
        if depth > DEPTH_MAX:
            raise BerError(f"nested deeper than {DEPTH_MAX} levels")
        self._encoding = encoding
        self._depth = depth
        self.tag = tag
        self.start = start
        self.content_start = content_start
        self.indefinite = length < 0
        if length < 0:
            self.content_end = _end_of_contents(encoding, content_start, limit, depth)
            self.end = self.content_end + 2
        else:
            self.content_end = self.end = content_start + length

    @property
    def content(self) -> memoryview:
        """The bytes of the value."""
        return self._encoding.view[self.content_start : self.content_end]

    @property
    def encoded(self) -> memoryview:
        """Tag, length and value as received."""
        return self._encoding.view[self.start : self.end]

    def expect(self, tag: int) -> "Element":
        """This element, if it has the tag."""
        if self.tag != tag:
            raise BerError(f"tag 0x{self.tag:02x} at byte {self.start} where 0x{tag:02x} belongs")
        return self

    def children(self) -> "list[Element]":
        """The elements directly inside."""
        if not self.tag & CONSTRUCTED:
            raise BerError(f"the element at byte {self.start} holds no others")
        found: list[Element] = []
        encoding, position, limit, depth = self._encoding, self.content_start, self.content_end, self._depth + 1
        while position < limit:
            child = Element(encoding, position, limit, depth)
            found.append(child)
            position = child.end
            if len(found) > CHILDREN_MAX:
                raise BerError(f"more than {CHILDREN_MAX} elements in the structure at byte {self.start}")
        return found

    def members(self, least: int, most: int | None = None) -> "list[Element]":
        """The members of a SEQUENCE that has `least` of them, or up to `most`."""
        found = self.expect(SEQUENCE).children()
        if not least <= len(found) <= (least if most is None else most):
            raise BerError(f"{len(found)} elements in the sequence at byte {self.start}")
        return found

    def only_child(self) -> "Element":
        """The single element inside an explicit tag or a set of one."""
        children = self.children()
        if len(children) != 1:
            raise BerError(f"{len(children)} elements at byte {self.start} where one belongs")
        return children[0]

    def object_identifier(self) -> bytes:
        """The encoded value of an object identifier."""
        return self.expect(OBJECT_IDENTIFIER).value()

    def integer(self) -> int:
        """The value of an integer."""
        content = self.expect(INTEGER).value()
        if not content:
            raise BerError(f"empty integer at byte {self.start}")
        return int.from_bytes(content, "big", signed=True)

    def octet_string(self, scratch: Scratch = MemorySink) -> memoryview:
        """The value of an OCTET STRING, whole or in pieces."""
        if self.tag & ~CONSTRUCTED != OCTET_STRING:
            raise BerError(f"tag 0x{self.tag:02x} at byte {self.start} where an octet string belongs")
        return self.octets(scratch)

    def value(self) -> bytes:
        """The value of a primitive element that is small by its nature."""
        if self.tag & CONSTRUCTED:
            raise BerError(f"a value in pieces at byte {self.start} where a whole one belongs")
        if self.content_end - self.content_start > VALUE_BYTES_MAX:
            raise BerError(f"a value of more than {VALUE_BYTES_MAX} bytes at byte {self.start}")
        return bytes(self.content)

    def small_octets(self) -> bytes:
        """The value of an octet string, whole or in pieces, that is small by its nature."""
        if self.content_end - self.content_start > VALUE_BYTES_MAX:
            raise BerError(f"an octet string of more than {VALUE_BYTES_MAX} bytes at byte {self.start}")
        return bytes(self.octet_string())

    def pieces(self) -> Iterator[memoryview]:
        """The value of an octet string, in the pieces it was sent in (X.690 8.7.3)."""
        if not self.tag & CONSTRUCTED:
            yield self.content
            return
        encoding, limit, depth = self._encoding, self.content_end, self._depth + 1
        position = self.content_start
        while position < limit:
            child = Element(encoding, position, limit, depth)
            if child.tag & ~CONSTRUCTED != OCTET_STRING:
                raise BerError(f"tag 0x{child.tag:02x} inside the octet string at byte {self.start}")
            yield from child.pieces()
            position = child.end
            encoding.passed(position)

    def windows(self) -> Iterator[Buffer]:
        """The value of an octet string in handy pieces: what came in small ones is put together, large ones are cut."""
        small: list[memoryview] = []
        gathered = 0
        for piece in self.pieces():
            if len(piece) >= WINDOW_BYTES:
                if small:
                    yield b"".join(small)
                    small, gathered = [], 0
                yield from windows(piece)
                continue
            small.append(piece)
            gathered += len(piece)
            if gathered >= WINDOW_BYTES:
                yield b"".join(small)
                small, gathered = [], 0
        if small:
            yield small[0] if len(small) == 1 else b"".join(small)

    def octets(self, scratch: Scratch = MemorySink) -> memoryview:
        """The value of an octet string under whatever tag; written to scratch only if it came in pieces."""
        if not self.tag & CONSTRUCTED:
            return self.content
        sink = scratch()
        for piece in self.windows():
            sink.write(piece)
        return memoryview(sink.view())

    def definite(self) -> bytes:
        """This element with definite lengths throughout, its members in the order received."""
        if self.content_end - self.content_start > VALUE_BYTES_MAX:
            raise BerError(f"a structure of more than {VALUE_BYTES_MAX} bytes at byte {self.start}")
        if not self.tag & CONSTRUCTED:
            return der(self.tag, bytes(self.content))
        return der(self.tag, *(child.definite() for child in self.children()))


def read_element(data: Buffer, start: int = 0, end: int | None = None) -> Element:
    """The element at `start`; the bytes behind its `end` are the caller's business."""
    limit = len(data) if end is None else min(end, len(data))
    return Element(_Encoding(data, limit - start), start, limit, 0)


def _header(data: Buffer, start: int, limit: int) -> tuple[int, int, int]:
    """Tag, start of the value and its length; -1 for the indefinite form."""
    if start + 2 > limit:
        raise BerError(f"ends inside an element at byte {start}")
    tag = data[start]
    if tag & _HIGH_TAG == _HIGH_TAG:
        raise BerError(f"tag number above 30 at byte {start}")
    length = data[start + 1]
    content_start = start + 2
    if length == _INDEFINITE:
        if not tag & CONSTRUCTED:
            raise BerError(f"indefinite length of a primitive element at byte {start}")
        return tag, content_start, -1
    if length > _INDEFINITE:
        octets = length & 0x7F
        content_start += octets
        if octets > _LENGTH_OCTETS_MAX or content_start > limit:
            raise BerError(f"impossible length at byte {start}")
        length = int.from_bytes(data[start + 2 : content_start], "big")
    if content_start + length > limit:
        raise BerError(f"element at byte {start} reaches past its end")
    return tag, content_start, length


def _end_of_contents(encoding: _Encoding, content_start: int, limit: int, depth: int) -> int:
    """Where the end-of-contents octets of an indefinite element stand.

    One walk finds the ends of all indefinite elements inside as well and remembers them, so that reading
    level by level costs no second walk over a large message.
    """
    known = encoding.ends.get(content_start)
    if known is not None:
        return known
    data, ends = encoding.data, encoding.ends
    position = content_start
    open_elements = [content_start]
    while open_elements:
        tag, inner_start, length = _header(data, position, limit)
        encoding.budget -= 1
        if encoding.budget < 0:
            raise BerError("more elements than a message of this size can need")
        if length < 0:
            if depth + len(open_elements) >= DEPTH_MAX:
                raise BerError(f"nested deeper than {DEPTH_MAX} levels")
            open_elements.append(inner_start)
            position = inner_start
        elif tag == 0:
            if length:
                raise BerError(f"end-of-contents with a value at byte {position}")
            ends[open_elements.pop()] = position
            position = inner_start
        else:
            position = inner_start + length
            encoding.passed(position)
    return ends[content_start]


def length_octets(length: int) -> bytes:
    """A definite length in its shortest form."""
    if length < _INDEFINITE:
        return bytes((length,))
    size = (length.bit_length() + 7) // 8
    return bytes((_INDEFINITE | size,)) + length.to_bytes(size, "big")


def header(tag: int, length: int) -> bytes:
    """Tag and length, for a value that is too large to be copied once more."""
    return bytes((tag,)) + length_octets(length)


def der(tag: int, *parts: bytes) -> bytes:
    """An element whose value is the parts, one behind the other."""
    content = b"".join(parts)
    return bytes((tag,)) + length_octets(len(content)) + content


def der_set(members: list[bytes], tag: int = SET) -> bytes:
    """A SET OF, its members in the order that DER asks for (X.690 11.6)."""
    return der(tag, *sorted(members))


def der_integer(value: int) -> bytes:
    """An INTEGER."""
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def der_object_identifier(dotted: str) -> bytes:
    """The encoded value (without tag and length) of an object identifier."""
    first, second, *others = (int(arc) for arc in dotted.split("."))
    encoded = bytearray()
    for arc in (first * 40 + second, *others):
        octets = [arc & 0x7F]
        while arc := arc >> 7:
            octets.append(arc & 0x7F | 0x80)
        encoded += bytes(reversed(octets))
    return bytes(encoded)
