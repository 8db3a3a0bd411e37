"""CompressedData (RFC 3274) with limits on what may come out."""

import zlib

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
)
from gateway.as2.cms.content_info import CmsError, Fault, write_content_info

# Up to this size the ratio does not count: a small file of blanks is no bomb.
RATIO_FREE_BYTES = 1_048_576

_PIECE_BYTES = 262_144


def decompress(element: Element, *, bytes_max: int, ratio_max: int) -> bytes:
    """The content, unless it grows over `bytes_max` or, past the first MiB, over `ratio_max` times its size."""
    try:
        _version, algorithm_identifier, encapsulated = element.members(3)
        kind = algorithm_identifier.members(1, 2)[0].object_identifier()
        octets = encapsulated.members(2)[1].expect(CONTEXT_0).only_child()
        octets.expect(OCTET_STRING | octets.tag & CONSTRUCTED)
        if kind == ZLIB:
            return _inflate(octets, bytes_max, ratio_max)
    except BerError as error:
        raise CmsError(Fault.MALFORMED, f"CompressedData: {error}") from None
    raise CmsError(Fault.UNSUPPORTED, "compressed with something other than zlib")


def _inflate(octets: Element, bytes_max: int, ratio_max: int) -> bytes:
    inflater = zlib.decompressobj()
    output: list[bytes] = []
    taken = made = 0
    try:
        for piece in octets.pieces():
            if inflater.eof and len(piece):
                raise CmsError(Fault.MALFORMED, "bytes behind the zlib stream")
            taken += len(piece)
            waiting: bytes | memoryview = piece
            while True:
                inflated = inflater.decompress(waiting, _PIECE_BYTES)
                waiting = inflater.unconsumed_tail
                made += len(inflated)
                output.append(inflated)
                if made > bytes_max:
                    raise CmsError(Fault.TOO_LARGE, f"decompresses to more than {bytes_max} bytes")
                if made > RATIO_FREE_BYTES and made > taken * ratio_max:
                    raise CmsError(Fault.TOO_LARGE, f"decompresses to more than {ratio_max} times its size")
                # A full piece may leave output behind in the inflater though all input is consumed.
                if inflater.eof or (not waiting and len(inflated) < _PIECE_BYTES):
                    break
    except zlib.error as error:
        raise CmsError(Fault.MALFORMED, f"zlib: {error}") from None
    if not inflater.eof or inflater.unused_data:
        raise CmsError(Fault.MALFORMED, "the zlib stream ends too early or has bytes behind it")
    return b"".join(output)


def compress(content: bytes) -> bytes:
    """A ContentInfo with the content compressed."""
    deflated = zlib.compress(content)
    held = der(SEQUENCE, der(OBJECT_IDENTIFIER, DATA), der(CONTEXT_0, der(OCTET_STRING, deflated)))
    return write_content_info(COMPRESSED_DATA, der(SEQUENCE, b"\x02\x01\x00", algorithm(ZLIB), held))
