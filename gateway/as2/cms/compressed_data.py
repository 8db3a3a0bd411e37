"""CompressedData (RFC 3274) with limits on what may come out.

The library is Intel's ISA-L: zlib takes seventeen times as long to compress a large interchange, and more than twice as
long to decompress it.
"""

from collections.abc import Iterable, Iterator
from typing import cast

from isal import isal_zlib

from gateway.as2.cms.algorithms import COMPRESSED_DATA, DATA, ZLIB, algorithm
from gateway.as2.cms.ber import (
    CONSTRUCTED,
    CONTEXT_0,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    BerError,
    Element,
    der,
    header,
)
from gateway.as2.cms.content_info import CmsError, Fault
from gateway.buffers import Buffer, MemorySink, Scratch

# Up to this size the ratio does not count: a small file of blanks is no bomb.
RATIO_FREE_BYTES = 1_048_576

_PIECE_BYTES = 262_144
# The annotations of the library call the class an instance.
_ZlibError = cast("type[Exception]", isal_zlib.error)
_LEVEL = 1  # the higher ones of ISA-L take longer and make nothing smaller of business documents


def decompress(element: Element, *, bytes_max: int, ratio_max: int, scratch: Scratch = MemorySink) -> Buffer:
    """The content, unless it grows over `bytes_max` or, past the first MiB, over `ratio_max` times its size."""
    try:
        _version, algorithm_identifier, encapsulated = element.members(3)
        kind = algorithm_identifier.members(1, 2)[0].object_identifier()
        octets = encapsulated.members(2)[1].expect(CONTEXT_0).only_child()
        octets.expect(OCTET_STRING | octets.tag & CONSTRUCTED)
        if kind == ZLIB:
            sink = scratch()
            for inflated in _inflate(octets.windows(), bytes_max, ratio_max):
                sink.write(inflated)
            return sink.view()
    except BerError as error:
        raise CmsError(Fault.MALFORMED, f"CompressedData: {error}") from None
    raise CmsError(Fault.UNSUPPORTED, "compressed with something other than zlib")


def _inflate(deflated: Iterable[Buffer], bytes_max: int, ratio_max: int) -> Iterator[bytes]:
    inflater = isal_zlib.decompressobj()
    taken = made = 0
    try:
        for piece in deflated:
            if inflater.eof and len(piece):
                raise CmsError(Fault.MALFORMED, "bytes behind the zlib stream")
            taken += len(piece)
            waiting: Buffer = piece
            while True:
                inflated = inflater.decompress(waiting, _PIECE_BYTES)
                waiting = inflater.unconsumed_tail
                made += len(inflated)
                if made > bytes_max:
                    raise CmsError(Fault.TOO_LARGE, f"decompresses to more than {bytes_max} bytes")
                if made > RATIO_FREE_BYTES and made > taken * ratio_max:
                    raise CmsError(Fault.TOO_LARGE, f"decompresses to more than {ratio_max} times its size")
                if inflated:
                    yield inflated
                # A full piece may leave output behind in the inflater though all input is consumed.
                if inflater.eof or (not waiting and len(inflated) < _PIECE_BYTES):
                    break
    except _ZlibError as error:
        raise CmsError(Fault.MALFORMED, f"zlib: {error}") from None
    if not inflater.eof or inflater.unused_data:
        raise CmsError(Fault.MALFORMED, "the zlib stream ends too early or has bytes behind it")


def compress(content: Buffer) -> bytes:
    """A ContentInfo with the content compressed, in memory."""
    return b"".join(compress_pieces((content,)))


def compress_pieces(content: Iterable[Buffer], scratch: Scratch = MemorySink) -> tuple[bytes, Buffer]:
    """A ContentInfo with the content compressed, as two buffers: the deflated bytes, in scratch, end it."""
    deflater = isal_zlib.compressobj(_LEVEL)
    sink = scratch()
    for piece in content:
        if deflated := deflater.compress(piece):
            sink.write(deflated)
    sink.write(deflater.flush())
    octets = sink.view()
    # Tags and lengths from the inside out, so that the deflated bytes stay where they are.
    head = b""
    for tag, before in (
        (OCTET_STRING, b""),
        (CONTEXT_0, der(OBJECT_IDENTIFIER, DATA)),
        (SEQUENCE, b"\x02\x01\x00" + algorithm(ZLIB)),
        (SEQUENCE, b""),
        (CONTEXT_0, der(OBJECT_IDENTIFIER, COMPRESSED_DATA)),
        (SEQUENCE, b""),
    ):
        head = before + header(tag, len(head) + len(octets)) + head
    return head, octets
