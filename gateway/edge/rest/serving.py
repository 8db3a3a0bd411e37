"""Content in answers: what its header says of it, whether the caller has it already, its bytes piece by piece."""

import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import hdrs

from gateway.edge.bodies import Request
from gateway.edge.http import safe_header
from gateway.store.database import StoreUnavailable

REPR_DIGEST: Final = "Repr-Digest"
# So much of what a caller says it has is looked at.
TAGS_CHARACTERS_MAX: Final = 4_096
_UNSAFE_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")
# RFC 9110 8.8.3.
_ENTITY_TAG: Final = re.compile(r'(?:W/)?("[!#-~\x80-\xff]*")')

# Reads a piece of a content by its number; None where it is not kept any more.
ReadPiece = Callable[[int], Awaitable[bytes | None]]


def safe_name(name: str) -> str:
    """What is left of a file's name: nothing hidden, no other letters than ASCII; nothing at all where none is."""
    return _UNSAFE_IN_NAMES.sub("_", name).strip("._")


def content_headers(content_type: str, filename: str, sha256: str, cache_control: str) -> dict[str, str]:
    """Header fields of a content: it is a file with a safe name, known by its digest, and no browser guesses at it.

    Args:
        content_type: as it is declared.
        filename: made of what `safe_name` gives.
        sha256: of the whole in hexadecimal digits, also where only the head is asked for.
        cache_control: who may keep it.
    """
    digest = base64.b64encode(bytes.fromhex(sha256)).decode("ascii")
    return {
        hdrs.CONTENT_TYPE: safe_header(content_type),
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{filename}"',
        hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
        hdrs.CACHE_CONTROL: cache_control,
        hdrs.ETAG: f'"{sha256}"',
        REPR_DIGEST: f"sha-256=:{digest}:",  # RFC 9530 3
    }


def is_known(request: Request, tag: str) -> bool:
    """Whether the caller has the content with this entity tag already (RFC 9110 13.1.2)."""
    text = ",".join(request.headers.getall(hdrs.IF_NONE_MATCH, ()))[:TAGS_CHARACTERS_MAX]
    return text.strip() == "*" or tag in _ENTITY_TAG.findall(text)


async def pieces(first: bytes, length: int, read: ReadPiece) -> AsyncIterator[bytes]:
    """A content from the store, one piece in memory at a time.

    Args:
        first: the piece with number 0.
        length: of the whole in bytes, as the head of the answer promised it.
        read: the other pieces.

    Raises:
        ConnectionAbortedError: it cannot be read to its end.
    """
    sent, number = 0, 0
    piece: bytes | None = first
    while piece is not None:
        yield piece
        sent, number = sent + len(piece), number + 1
        if sent >= length:
            return
        try:
            piece = await read(number)
        except StoreUnavailable:
            piece = None
    # The head promised more: only a connection that breaks off tells them that this is not the whole.
    raise ConnectionAbortedError(f"the content cannot be read beyond {sent} of {length} bytes")
