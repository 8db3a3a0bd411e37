"""Spools: large bodies lie in unlinked files while they are worked on, so that memory does not grow with them.

A spool has no name in the folder: whatever ends the process ends the file. Nobody else can open it, nobody can make it
shorter under our eyes, and a crash leaves nothing behind. It is a place to work, not a place to keep: what must last is
written to the store.
"""

import mmap
import os
import tempfile
import weakref
from pathlib import Path

from gateway.buffers import Buffer, MemorySink, Scratch, Sink

LOOK_EVERY_BYTES = 4 * 1_048_576


class SpoolUnavailable(Exception):  # noqa: N818  # said of the disk, answered with 503
    """The disk cannot take a large body now (full, gone, too many open files); nothing of it was kept."""


class Spool:
    """Bytes on their way into an unlinked file, then a read-only view of all of them.

    The file goes when spool and views are garbage, or with `close` and the last view.
    """

    def __init__(self, directory: Path, free_bytes_min: int = 0) -> None:
        try:
            self._file = tempfile.TemporaryFile(dir=directory, prefix="spool-", buffering=0)  # noqa: SIM115  # finalised
        except OSError as error:
            raise _unavailable(error) from None
        self._finalize = weakref.finalize(self, self._file.close)
        self._free_bytes_min = free_bytes_min
        self._size = 0
        self._looked_at = -LOOK_EVERY_BYTES  # the disk, at this size
        self._view: memoryview | None = None

    def __len__(self) -> int:
        """How many bytes were written."""
        return self._size

    def write(self, piece: Buffer, /) -> None:
        """Add bytes at the end.

        Raises:
            SpoolUnavailable: the disk does not take them.
        """
        if self._size - self._looked_at >= LOOK_EVERY_BYTES:
            self._look_at_disk()
        rest = memoryview(piece)
        try:
            while rest:
                written = self._file.write(rest)
                self._size += written
                rest = rest[written:]
        except OSError as error:
            raise _unavailable(error) from None

    def _look_at_disk(self) -> None:
        """Stop before the disk is full: it may be the one on which the store has to write."""
        self._looked_at = self._size
        disk = os.fstatvfs(self._file.fileno())
        if disk.f_bavail * disk.f_frsize < self._free_bytes_min:
            raise SpoolUnavailable("the disk of the spool folder is low")

    def view(self) -> memoryview:
        """Everything that was written, mapped, for reading; nothing can be written any more.

        Raises:
            SpoolUnavailable: it cannot be mapped.
        """
        if self._view is None:
            try:
                # The mapping holds the file by itself.
                mapped = mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ) if self._size else b""
            except OSError as error:
                raise _unavailable(error) from None
            self._view = memoryview(mapped)
            self._finalize()
        return self._view

    def close(self) -> None:
        """The bytes are no longer needed here; views that others hold stay good."""
        self._view = None
        self._finalize()


class _GrowingSink:
    """In memory as long as it is small, then a spool."""

    def __init__(self, folder: "SpoolFolder", in_memory_bytes_max: int) -> None:
        self._folder = folder
        self._left = in_memory_bytes_max
        self._sink: Sink = MemorySink()

    def write(self, piece: Buffer, /) -> None:
        """Add bytes at the end."""
        if self._left >= 0:
            self._left -= len(piece)
            if self._left < 0:
                spool = self._folder.new()
                if small := self._sink.view():
                    spool.write(small)
                self._sink = spool
        self._sink.write(piece)

    def view(self) -> Buffer:
        """Everything that was written."""
        return self._sink.view()


class SpoolFolder:
    """The folder in which spools have their bytes.

    Args:
        directory: made, for us alone, when the first spool is needed.
        free_bytes_min: a spool takes nothing more when less than this is free on its disk.
    """

    def __init__(self, directory: Path, free_bytes_min: int = 0) -> None:
        self._directory = directory
        self._free_bytes_min = free_bytes_min

    def new(self) -> Spool:
        """An empty spool.

        Raises:
            SpoolUnavailable: the folder cannot be written.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unavailable(error) from None
        return Spool(self._directory, self._free_bytes_min)

    def scratch(self, in_memory_bytes_max: int) -> Scratch:
        """Sinks that stay in memory up to a size, and go on in a spool past it."""
        return lambda: _GrowingSink(self, in_memory_bytes_max)


def _unavailable(error: OSError) -> SpoolUnavailable:
    # Without the path, which is ours alone.
    return SpoolUnavailable(f"the spool folder does not take a large body: {error.strerror or type(error).__name__}")
