"""A file of theirs is read whole, or not at all: its size is what the listing said, and it is the same afterwards."""

import asyncio
import hashlib
from dataclasses import dataclass
from enum import StrEnum

from gateway.buffers import Buffer, Sink
from gateway.carriers.sftp_connection import RemoteFailed, Step, Trouble
from gateway.carriers.sftp_failures import BREAKS_CONNECTION
from gateway.flow.collecting.sights import Sight
from gateway.flow.collecting.visits import Visit
from gateway.sftp import shown


class Missed(StrEnum):
    """Why there is nothing whole to keep, where nothing is wrong."""

    GREW = "grew"  # it was not at rest after all
    GONE = "gone"  # before it was read


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole file.

    Attributes:
        modified_s: as the server said behind it; that of the listing where it did not say.
    """

    content: Buffer
    sha256: str
    modified_s: int


class _Measured:
    """A sink that knows how much it was given, and the digest of it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._seen = hashlib.sha256()
        self.size = 0

    def write(self, piece: Buffer, /) -> None:
        """Add bytes at the end."""
        self._seen.update(piece)
        self._sink.write(piece)
        self.size += len(piece)

    def view(self) -> Buffer:
        """Everything that was written."""
        return self._sink.view()

    @property
    def sha256(self) -> str:
        """Of everything that was written, in hex."""
        return self._seen.hexdigest()


async def read_whole(visit: Visit, sight: Sight, *, was_listed_so: bool) -> Whole | Missed:
    """Read a file.

    A server may end the connection, or have the file vanish, as soon as somebody has read all of it: mailboxes do, and
    count it as delivered. So all the bytes that were listed are a whole file, unless it is there and another one now.

    Args:
        visit: the look that it belongs to.
        sight: the file.
        was_listed_so: whether it was listed and read like this before and only its time was another behind it: then
            their server tells times in two ways, and its size alone counts.

    Raises:
        RemoteFailed: it cannot be read, or the connection is of no more use.
    """
    sink = _Measured(visit.desk.scratch())
    try:
        await _read(visit, sight, sink)
        now = await visit.remote.attributes(sight.path)
    except RemoteFailed as failed:
        if failed.trouble in BREAKS_CONNECTION and sink.size == sight.size:
            return Whole(sink.view(), sink.sha256, sight.modified_s)
        if failed.trouble is Trouble.MISSING:
            return Missed.GONE
        if failed.trouble is Trouble.TOO_LARGE:
            return Missed.GREW
        raise
    modified_s = sight.modified_s if now is None or now.modified_s is None else now.modified_s
    has_other_size = sink.size != sight.size or (now is not None and now.size not in (None, sight.size))
    if has_other_size or (modified_s != sight.modified_s and not was_listed_so):
        return Missed.GREW
    return Whole(sink.view(), sink.sha256, modified_s)


async def _read(visit: Visit, sight: Sight, sink: _Measured) -> None:
    slowest = visit.desk.rate_bytes_per_s_min
    within_s = visit.timeout_s + sight.size / slowest if slowest else None
    try:
        async with asyncio.timeout(within_s):
            # Not a byte more than was listed: what has more grows still, or has no end.
            await visit.remote.read(sight.path, sink, sight.size)
    except TimeoutError:
        words = f"{shown(sight.path)} comes with less than {slowest} bytes a second"
        raise RemoteFailed(Step.READ, words, Trouble.LATE) from None
