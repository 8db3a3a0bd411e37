"""Files that are named in a call, `-` being standard input."""

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from gateway.commands.output import note
from gateway.commands.parsing import UNUSABLE, Unusable
from translators.source import Source

IN_MEMORY_BYTES_MAX = 4_194_304  # a file up to that size is held as it is
_COPIED_BYTES = 1_048_576


def exit_code_over(names: Sequence[str], is_accepted: Callable[[str], bool]) -> int:
    """Works through files: 0 when all are accepted, 1 when one is not, 2 when one cannot be used: it stops no other."""
    code = 0
    for name in names:
        try:
            code = max(code, 0 if is_accepted(name) else 1)
        except Unusable as unusable:
            note(str(unusable))
            code = UNUSABLE
    return code


class FileSource:
    """The bytes of an open file, read slice by slice where they are asked for."""

    def __init__(self, descriptor: int, size_bytes: int) -> None:
        self._descriptor = descriptor
        self._size = size_bytes

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> bytes:
        """The bytes of a slice; fewer where the file became shorter since it was opened."""
        start, stop, _ = part.indices(self._size)
        pieces = []
        while start < stop and (piece := os.pread(self._descriptor, stop - start, start)):
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@contextlib.contextmanager
def open_input(name: str, bytes_max: int | None = None) -> Iterator[Source]:
    """A file of any size as a source of bytes, `-` being standard input, which is kept in a temporary file if long.

    Raises:
        Unusable: it cannot be read, or is larger than `bytes_max`.
    """
    with contextlib.ExitStack() as opened:
        try:
            source = opened.enter_context(_open(name, bytes_max))
        except OSError as error:
            raise _unreadable(name, error) from None
        if bytes_max is not None and len(source) > bytes_max:
            raise _too_large(name, bytes_max)
        yield source


@contextlib.contextmanager  # a temporary file has no name, and nobody else may read it
def _open(name: str, bytes_max: int | None) -> Iterator[Source]:
    if name == "-":
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES_MAX) as spool:
            yield _spooled(name, sys.stdin.buffer, spool, bytes_max)
        return
    with Path(name).open("rb") as stream, tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES_MAX) as spool:
        status = os.fstat(stream.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_size > IN_MEMORY_BYTES_MAX:
            yield FileSource(stream.fileno(), status.st_size)
        else:
            yield _spooled(name, stream, spool, bytes_max)


def _spooled(name: str, stream: BinaryIO, spool: tempfile.SpooledTemporaryFile[bytes], bytes_max: int | None) -> Source:
    """What a stream holds to its end, a pipe or a small file: held in memory, or in the spool where it is long."""
    data = stream.read(IN_MEMORY_BYTES_MAX + 1)
    if len(data) <= IN_MEMORY_BYTES_MAX:
        return data
    size = 0
    while data:
        spool.write(data)
        size += len(data)
        if bytes_max is not None and size > bytes_max:
            raise _too_large(name, bytes_max)
        data = stream.read(_COPIED_BYTES)
    spool.flush()
    return FileSource(spool.fileno(), size)


def read_input(name: str, bytes_max: int) -> bytes:
    """The bytes of a file that is held whole, `-` being standard input.

    Raises:
        Unusable: it cannot be read, or is larger than `bytes_max`.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read(bytes_max + 1)
        else:
            with Path(name).open("rb") as stream:
                data = stream.read(bytes_max + 1)
    except OSError as error:
        raise _unreadable(name, error) from None
    if len(data) > bytes_max:
        raise _too_large(name, bytes_max)
    return data


def _unreadable(name: str, error: OSError) -> Unusable:
    return Unusable(f"{name}: {error.strerror}; name a file that can be read, or - for standard input")


def _too_large(name: str, bytes_max: int) -> Unusable:
    return Unusable(f"{name}: has more than {bytes_max} bytes; split it")
