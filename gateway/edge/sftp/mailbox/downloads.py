"""A file that is read: its bytes come out of the store piece by piece, and what was read of it is known."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from gateway.sftp import Attributes, Coverage, Declined, OpenFlag, Status
from gateway.store.database import StoreUnavailable
from gateway.store.deliveries.bodies import PIECE_BYTES

# The next piece is read from the store while this much of the one before is still to be sent.
AHEAD_BYTES = PIECE_BYTES // 2

# A piece of the content by its number; None where it is not kept any more.
ReadPiece: TypeAlias = Callable[[int], Awaitable[bytes | None]]
Closed: TypeAlias = Callable[["Download"], Awaitable[None]]


class Ended(Protocol):
    """What becomes of a file whose connection ended."""

    def __call__(self, download: "Download", /, *, in_order: bool) -> None:
        """As `OpenFile.abandon`."""


def _nobody_waits(_: "Download", *, in_order: bool) -> None:  # however it ended
    """What becomes of it is nobody's business."""


async def _nothing_follows(_: "Download") -> None:
    """Having read it changes nothing."""


class Download:
    """A file that is open for reading; at most two pieces of it are in memory.

    Args:
        attributes: as they are told, with the size.
        read: gives pieces of `PIECE_BYTES`, but for the last.
        closed: awaited when the client closes it in so many words.
        ended: told when the connection ended before that.

    Attributes:
        coverage: which bytes were given away.
        has_seen_end: whether the last byte was, or that there are no more.
    """

    def __init__(
        self, attributes: Attributes, read: ReadPiece, closed: Closed = _nothing_follows, ended: Ended = _nobody_waits
    ) -> None:
        self.coverage = Coverage()
        self.has_seen_end = False
        self.bytes_read = 0
        self.size = attributes.size or 0
        self._attributes = attributes
        self._read_piece = read
        self._closed = closed
        self._ended = ended
        self._pieces: dict[int, asyncio.Task[bytes | None]] = {}
        self._is_counted = True

    async def read(self, offset: int, length: int) -> bytes:
        """Bytes from a place on, fewer at the end, none behind it.

        Raises:
            Declined: they are not kept any more, or cannot be read now.
        """
        end = min(offset + length, self.size)
        if offset >= self.size:
            self.has_seen_end = True
            return b""
        found: list[bytes] = []
        at = offset
        while at < end:
            number, start = divmod(at, PIECE_BYTES)
            piece = await self._piece(number)
            cut = piece[start : start + end - at]
            if not cut:
                raise _gone()
            found.append(cut)
            at += len(cut)
            self._look_ahead(number, start + len(cut))
        self._count(offset, end)
        return found[0] if len(found) == 1 else b"".join(found)

    def write(self, offset: int, data: bytes | memoryview) -> None:  # noqa: ARG002  # whatever it is
        """Nothing can be written."""
        raise Declined(Status.PERMISSION_DENIED, "this file is open for reading")

    async def attributes(self) -> Attributes:
        """As it is."""
        return self._attributes

    async def set_attributes(self, wanted: Attributes) -> None:  # noqa: ARG002  # whatever it is
        """Nothing can be set."""
        raise Declined(Status.PERMISSION_DENIED, "this file cannot be changed")

    async def close(self) -> None:
        """The client has what it wanted.

        Raises:
            Declined: what follows from that could not be done.
        """
        self._drop()
        await self._closed(self)

    def abandon(self, *, in_order: bool = False) -> None:
        """The connection ended while it was open."""
        self._drop()
        self._ended(self, in_order=in_order)

    async def _piece(self, number: int) -> bytes:
        task = self._pieces.get(number) or self._begin(number)
        for other in [one for one in self._pieces if one not in {number, number + 1}]:
            self._pieces.pop(other).cancel()
        try:
            # Whoever gives up waiting must not take it from the others.
            piece = await asyncio.shield(task)
        except StoreUnavailable:
            self._pieces.pop(number, None)
            raise Declined(Status.FAILURE, "the store is away; try again later") from None
        if piece is None:
            raise _gone()
        return piece

    def _begin(self, number: int) -> "asyncio.Task[bytes | None]":
        task = asyncio.get_running_loop().create_task(_of(self._read_piece, number), name="read a piece for SFTP")
        # Nobody may be there any more to hear how it failed.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._pieces[number] = task
        return task

    def _look_ahead(self, number: int, read_up_to: int) -> None:
        following = number + 1
        if PIECE_BYTES - read_up_to <= AHEAD_BYTES and following * PIECE_BYTES < self.size:
            if following not in self._pieces:
                self._begin(following)
            if read_up_to == PIECE_BYTES:
                self._pieces.pop(number, None)
        elif number * PIECE_BYTES + read_up_to >= self.size:
            # The end: a handle that nobody closes holds nothing.
            self._drop()

    def _count(self, offset: int, end: int) -> None:
        self.bytes_read += end - offset
        self.has_seen_end = self.has_seen_end or end >= self.size
        if self._is_counted:
            try:
                self.coverage.add(offset, end - offset)
            except Declined:
                # Read here and there in hundreds of places: nothing tells any more that it was read whole.
                self._is_counted = False

    def _drop(self) -> None:
        for task in self._pieces.values():
            task.cancel()
        self._pieces.clear()


async def _of(read: ReadPiece, number: int) -> bytes | None:
    return await read(number)


def in_memory(attributes: Attributes, content: bytes) -> Download:
    """A small file that is read from memory."""

    async def read(number: int) -> bytes:
        return content[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]

    return Download(attributes, read)


def check_reading(flags: OpenFlag, folder: str) -> None:
    """Refuse to open a file for anything but reading.

    Raises:
        Declined: it would be written.
    """
    if flags & ~OpenFlag.READ:
        raise Declined(Status.PERMISSION_DENIED, f"{folder}/ is for fetching; put files into inbox/")


def _gone() -> Declined:
    return Declined(Status.FAILURE, "its content is no longer kept: it was removed with age")
