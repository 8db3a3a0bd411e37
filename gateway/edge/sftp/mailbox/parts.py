"""Parts: what came of files whose upload is not over, in files that outlive the process.

A part has a name that no partner had a say in. What it is stands in front of its bytes, as a record: whose file, under
which name, how much of it is known to be on the disk. Records are written in turns into two places, so the last good
one survives a write that was cut off. Bytes are only ever added behind those that are there, without holes.

Everything here may wait for the disk and belongs into a thread.
"""

import fcntl
import logging
import mmap
import os
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import orjson

from gateway.buffers import Buffer
from gateway.spool import LOOK_EVERY_BYTES, SpoolUnavailable

PARTS_FOLDER = "uploads"
HEADER_BYTES = 4_096
_SLOT_BYTES = HEADER_BYTES // 2
_MAGIC = b"PGU1"
_FILE = re.compile(r"part-[0-9a-f]{32}")
_LOCK_FILE = "lock"
_FOLDERS_MAX = 16
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

log = logging.getLogger("gateway.edge")


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a part, as it stands in its file.

    Attributes:
        name: of the file, as the partner wrote it.
        held: bytes that are on the disk for certain.
        boot: while the machine was not started anew since, all that was written counts, since the kernel has it; empty
            where bytes were written over, so that only `held` can be relied on.
        is_closed: whether its client closed it in so many words, and has written nothing since.
        sha256: of the whole, where it was on its way into the store.
        goes_as: under which name it was.
        began_ms: when the upload began.
    """

    partner_id: str
    name: bytes
    began_ms: int
    held: int = 0
    boot: str = ""
    is_closed: bool = False
    sha256: str = ""
    goes_as: bytes = b""
    turn: int = 0

    def written(self) -> bytes:
        """As it stands in the file."""
        text = orjson.dumps(
            {
                "partner": self.partner_id,
                "name": self.name.hex(),
                "began_ms": self.began_ms,
                "held": self.held,
                "boot": self.boot,
                "closed": self.is_closed,
                "sha256": self.sha256,
                "goes_as": self.goes_as.hex(),
                "turn": self.turn,
            }
        )
        head = len(text).to_bytes(4, "big") + zlib.crc32(text).to_bytes(4, "big")
        return (_MAGIC + head + text).ljust(_SLOT_BYTES, b"\0")


def read_record(slot: bytes) -> Record | None:
    """A record as it stands in a file; None where its writing was cut off, or never began."""
    length, checksum = int.from_bytes(slot[4:8], "big"), int.from_bytes(slot[8:12], "big")
    text = slot[12 : 12 + length]
    if slot[:4] != _MAGIC or len(text) != length or zlib.crc32(text) != checksum:
        return None
    try:
        told = orjson.loads(text)
        return Record(
            partner_id=told["partner"],
            name=bytes.fromhex(told["name"]),
            began_ms=told["began_ms"],
            held=told["held"],
            boot=told["boot"],
            is_closed=told["closed"],
            sha256=told["sha256"],
            goes_as=bytes.fromhex(told["goes_as"]),
            turn=told["turn"],
        )
    except (ValueError, KeyError, TypeError):
        return None


@cache
def this_boot() -> str:
    """What tells this run of the machine from others; empty where it does not say."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


@dataclass(slots=True)
class PartFile:
    """One part on the disk. Its methods are called one after the other, by whichever thread.

    Attributes:
        size: bytes that were written, without a hole; what lies behind them is not part of it.
        extent: bytes that it has taken on the disk, at its longest.
    """

    path: Path
    record: Record
    size: int
    free_bytes_min: int
    modified_ms: int = 0
    extent: int = 0
    _file: int = field(default=-1, repr=False)
    _looked_at: int = field(default=-LOOK_EVERY_BYTES, repr=False)

    @classmethod
    def create(cls, folder: Path, record: Record, free_bytes_min: int) -> "PartFile":
        """A new part, empty.

        Raises:
            OSError: the disk does not take it.
        """
        path = folder / f"part-{secrets.token_hex(16)}"
        part = cls(path, replace(record, boot=this_boot()), 0, free_bytes_min)
        part._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            part.note()
        except OSError:
            part.remove()
            raise
        return part

    def open(self) -> None:
        """Have it open for writing."""
        if self._file < 0:
            self._file = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)

    def append(self, pieces: Iterable[Buffer]) -> None:
        """Add bytes at the end. What was added before a failure counts.

        Raises:
            OSError: the disk does not take them.
            SpoolUnavailable: it is low.
        """
        if self.record.is_closed:
            self.note(is_closed=False)
        for piece in pieces:
            self._look_at_disk()
            rest = memoryview(piece)
            while rest:
                written = os.pwrite(self._file, rest, HEADER_BYTES + self.size)
                self.size += written
                self.extent = max(self.extent, self.size)
                rest = rest[written:]

    def overwrite(self, offset: int, piece: Buffer) -> None:
        """Put bytes over some that are there. Until the next `settle` only what lies before them is certain."""
        self._doubt(offset)
        rest = memoryview(piece)
        while rest:
            written = os.pwrite(self._file, rest, HEADER_BYTES + offset)
            offset += written
            rest = rest[written:]

    def shorten(self, size: int) -> None:
        """Have the end where it was before.

        The file is never made shorter: somebody may still look at a view of it, and reading a mapped page that is gone
        ends the process (SIGBUS).
        """
        self._doubt(size)
        self.size = size

    def _doubt(self, size: int) -> None:
        if self.record.boot or self.record.held > size or self.record.is_closed:
            self.note(held=min(self.record.held, size), boot="", is_closed=False)
            os.fdatasync(self._file)

    def note(self, **changes: object) -> None:
        """Write the record anew; it is durable with the next `settle`.

        Raises:
            OSError: the disk does not take it.
        """
        record = replace(self.record, turn=self.record.turn + 1, **changes)  # type: ignore[arg-type]  # its own fields
        os.pwrite(self._file, record.written(), record.turn % 2 * _SLOT_BYTES)
        self.record = record

    def settle(self, **changes: object) -> None:
        """Bring everything onto the disk, and only then into the record.

        Raises:
            OSError: it cannot be.
        """
        is_new = not self.record.held
        os.fdatasync(self._file)
        self.note(held=self.size, **changes)
        os.fdatasync(self._file)
        if is_new:
            sync_folder(self.path.parent)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes that were written.

        Raises:
            OSError: they cannot be read, or it is not open.
        """
        found = os.pread(self._file, length, HEADER_BYTES + offset)
        if len(found) != length:
            raise OSError("a part is shorter than it was")
        return found

    def view(self) -> memoryview:
        """All its bytes, mapped, for reading."""
        if not self.size:
            return memoryview(b"")
        mapped = mmap.mmap(self._file, HEADER_BYTES + self.size, access=mmap.ACCESS_READ)
        return memoryview(mapped)[HEADER_BYTES:]

    def close(self) -> None:
        """Nothing is written for now; the part stays."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """It is of no more use. Views of it stay readable."""
        self.close()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            # It is found again at the next start, and goes with its age.
            log.warning("a part of an upload cannot be removed", extra={"cause": error.strerror})

    def _look_at_disk(self) -> None:
        """Stop before the disk is full: it may be the one on which the store has to write."""
        if self.size - self._looked_at < LOOK_EVERY_BYTES:
            return
        self._looked_at = self.size
        disk = os.fstatvfs(self._file)
        if disk.f_bavail * disk.f_frsize < self.free_bytes_min:
            raise SpoolUnavailable("the disk is low")


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder onto the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class PartsFolder:
    """The folder of one process's parts. Where several processes share `data_dir`, each takes one of its own.

    Args:
        directory: the folder of spools.
        free_bytes_min: nothing more is written when less than this is free on its disk.
    """

    def __init__(self, directory: Path, free_bytes_min: int) -> None:
        self._directory = directory
        self._free_bytes_min = free_bytes_min
        self._folder: Path | None = None
        self._lock = -1

    def load(self) -> list[PartFile]:
        """Take the folder, with what an earlier process kept in it, as far as that can be relied on.

        Raises:
            OSError: it cannot be read.
        """
        folder = self._take()
        found: list[PartFile] = []
        for entry in folder.iterdir():
            if not _FILE.fullmatch(entry.name) or entry.is_symlink():
                continue
            part = self._read(entry)
            if part is None:
                entry.unlink(missing_ok=True)
            else:
                found.append(part)
        return found

    def seen(self) -> list[PartFile]:
        """The parts of all processes that keep theirs here, for a look from beside: none is taken, opened or removed.

        Raises:
            OSError: they cannot be read.
        """
        found: list[PartFile] = []
        for folder in self._folders():
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if _FILE.fullmatch(path.name) and not path.is_symlink():
                    with suppress(FileNotFoundError):  # it was complete, or went, at this moment
                        found += filter(None, [self._read(path)])
        return found

    def create(self, record: Record) -> PartFile:
        """A new part.

        Raises:
            OSError: the disk does not take it.
        """
        return PartFile.create(self._folder or self._take(), record, self._free_bytes_min)

    def close(self) -> None:
        """Another process may have the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock, self._folder = -1, None

    def _take(self) -> Path:
        for folder in self._folders():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                continue
            self._lock, self._folder = lock, folder
            return folder
        raise OSError("too many gateways keep their uploads in the same folder")

    def _folders(self) -> Iterator[Path]:
        yield self._directory / PARTS_FOLDER
        for number in range(2, _FOLDERS_MAX):
            yield self._directory / f"{PARTS_FOLDER}-{number}"

    def _read(self, path: Path) -> PartFile | None:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
            found = os.fstat(file.fileno())
        slots = (read_record(header[:_SLOT_BYTES]), read_record(header[_SLOT_BYTES:]))
        records = [record for record in slots if record is not None]
        if not records:
            return None
        record = max(records, key=lambda record: record.turn)
        there = found.st_size - HEADER_BYTES
        size = max(there, 0) if record.boot and record.boot == this_boot() else record.held
        if size > max(there, 0):
            return None
        return PartFile(path, record, size, self._free_bytes_min, found.st_mtime_ns // 1_000_000, max(there, 0))
