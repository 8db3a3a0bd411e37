"""Bytes that may be too many for memory: a buffer is `bytes`, or a `memoryview` of a mapped file for something large.

Whoever works on a buffer goes over it in `windows`, which let go of the mapped pages behind them: what a message
occupies in memory does not grow with its size. Whoever makes one writes it into a sink, which a `Scratch` hands out;
where its bytes lie (in memory, in a file) is the affair of whoever handed in the scratch. No I/O.
"""

from collections.abc import Callable, Iterator
from mmap import MADV_DONTNEED, mmap
from typing import Protocol, TypeAlias

Buffer: TypeAlias = bytes | memoryview

# Fits the second-level cache beside what is made of it.
WINDOW_BYTES = 262_144
# Mapped pages are let go of after so many bytes: often enough to stay small, rarely enough to cost nothing.
FORGET_EVERY_BYTES = 4_194_304


class Sink(Protocol):
    """Takes bytes one behind the other and gives them back as one buffer."""

    def write(self, piece: Buffer, /) -> None:
        """Add bytes at the end."""

    def view(self) -> Buffer:
        """Everything that was written; nothing can be written any more."""


Scratch: TypeAlias = Callable[[], Sink]


class MemorySink:
    """A sink in memory, for what is small and for callers without a disk."""

    def __init__(self) -> None:
        self._pieces: list[Buffer] = []

    def write(self, piece: Buffer, /) -> None:
        """Add bytes at the end."""
        self._pieces.append(piece)

    def view(self) -> bytes:
        """Everything that was written."""
        pieces = self._pieces
        if len(pieces) != 1 or not isinstance(pieces[0], bytes):
            pieces[:] = [b"".join(pieces)]
        whole = pieces[0]
        return whole if isinstance(whole, bytes) else bytes(whole)


def windows(buffer: Buffer, start: int = 0, end: int | None = None, size: int = WINDOW_BYTES) -> Iterator[Buffer]:
    """A range of a buffer in pieces of at most `size` bytes, without copies; none for an empty range.

    Of a mapped file the pages behind are let go of, so each piece is for immediate use.
    """
    limit = len(buffer) if end is None else end
    if limit - start <= size:
        if limit > start:
            yield buffer if limit - start == len(buffer) else buffer[start:limit]
        return
    view = memoryview(buffer)
    unforgotten = 0
    for position in range(start, limit, size):
        piece = view[position : min(position + size, limit)]
        yield piece
        unforgotten += len(piece)
        if unforgotten >= FORGET_EVERY_BYTES:
            unforgotten = 0
            forget(view)
    forget(view)


def forget(buffer: Buffer) -> None:
    """Let go of the pages of a mapped file; they are read again when somebody looks. Other buffers stay as they are."""
    mapping = buffer.obj if isinstance(buffer, memoryview) else None
    if isinstance(mapping, mmap) and not mapping.closed:
        mapping.madvise(MADV_DONTNEED)


def find(buffer: Buffer, wanted: bytes, start: int = 0, end: int | None = None) -> int:
    """Where the bytes first stand as a whole within a range; -1 when nowhere."""
    limit = len(buffer) if end is None else min(end, len(buffer))
    if isinstance(buffer, bytes):
        return buffer.find(wanted, start, limit)
    overlap = len(wanted) - 1
    position, unforgotten = start, 0
    size = 4_096  # most things that are looked for stand near
    while position + overlap < limit:
        window_end = min(position + size + overlap, limit)
        found = bytes(buffer[position:window_end]).find(wanted)
        if found >= 0:
            return position + found
        unforgotten += window_end - position
        if unforgotten >= FORGET_EVERY_BYTES:
            unforgotten = 0
            forget(buffer)
        position = window_end - overlap
        size = WINDOW_BYTES
    return -1


def in_memory_as_bytes(buffer: Buffer) -> Buffer:
    """The buffer as `bytes` if it lies in memory anyway: a view is only ever one of a mapped file."""
    return buffer if isinstance(buffer, memoryview) and isinstance(buffer.obj, mmap) else whole(buffer)


def whole(buffer: Buffer) -> bytes:
    """A buffer that is known to be small, as bytes."""
    return buffer if isinstance(buffer, bytes) else bytes(buffer)
