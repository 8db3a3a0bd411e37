"""Parts: what came of large bodies before their transfer broke off, in files that outlive the process.

A part is of nobody who proved anything: names are claims until a message is opened. So each partner may have a few, all
together take a bounded room, and an old one goes. The name of a file is digests and numbers, among them how many of its
bytes are known to be on the disk; whatever lies behind them after a crash is cut off and has to be sent again.
"""

import logging
import mmap
import os
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.buffers import Buffer
from gateway.settings import Limits
from gateway.spool import LOOK_EVERY_BYTES, SpoolUnavailable

PARTS_FOLDER = "parts"
# So much at most is lost of a transfer during which the process is killed.
SYNC_EVERY_BYTES = 16 * 1_048_576
_FILE = re.compile(r"part-([0-9a-f]{16})-([0-9a-f]{32})-([0-9a-f]{32})-([0-9]{1,15})-([0-9]{1,15})")

log = logging.getLogger("gateway.edge")


@dataclass(frozen=True, slots=True)
class PartName:
    """What tells one transfer from all others; digests in hexadecimal digits, since it becomes the name of a file.

    Attributes:
        partner: whose it claims to be.
        transfer: of both AS2 names and the id of the transfer.
        message: of all that and the Message-ID.
    """

    partner: str
    transfer: str
    message: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part as it lies on the disk.

    Attributes:
        total: bytes of the whole body; 0 where the sender did not say.
        held: how many of them are here for certain.
        touched_ms: when the last of them came.
        reserved: bytes that it may grow to while it is written, what it has otherwise.
        is_written: whether a transfer writes it now.
    """

    name: PartName
    total: int
    held: int
    touched_ms: int
    reserved: int
    is_written: bool = False

    @property
    def file(self) -> str:
        """The name of its file."""
        name = self.name
        return f"part-{name.partner}-{name.transfer}-{name.message}-{self.total}-{self.held}"


class PartsFull(Exception):  # noqa: N818  # said of the limits, not an error of ours
    """There is no room for a part now."""


class Parts:
    """The parts of this node and their limits. Its methods may be called from any thread.

    Args:
        directory: the folder of spools; parts have one of their own in it, for us alone.
        limits: the settings' limits.
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(self, directory: Path, limits: Limits, now_ms: Callable[[], int]) -> None:
        self._folder = directory / PARTS_FOLDER
        self._limits = limits
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._parts: dict[PartName, Part] = {}
        self._load()

    def find(self, partner: str, transfer: str, message: str | None) -> Part | None:
        """A part; without a Message-ID the one of this transfer, if there are not several."""
        with self._lock:
            if message is not None:
                return self._parts.get(PartName(partner, transfer, message))
            found = [part for name, part in self._parts.items() if (name.partner, name.transfer) == (partner, transfer)]
        return found[0] if len(found) == 1 else None

    def open(self, name: PartName, *, total: int, start: int, reserved: int) -> "PartFile":
        """The file of a part, to be written from a byte on. What was kept under the name goes where that is the first.

        Raises:
            PartsFull: the limits do not allow it, or another transfer writes it.
            SpoolUnavailable: the disk does not.
        """
        with self._lock:
            before = self._parts.get(name)
            if before is not None and before.is_written:
                raise PartsFull("another transfer of the same message is under way")
            if start and (before is None or before.held != start):
                raise PartsFull("the part is gone")
            gone = self._make_room(name, reserved)
            part = Part(name, total, start, self._now_ms(), reserved, is_written=True)
            self._parts[name] = part
        try:
            for file in gone:
                self._unlink(file)
            if before is not None and not start:
                self._unlink(before.file)
            return PartFile(self, self._folder, part, before.file if before and start else None, self._limits)
        except OSError as error:
            with self._lock:
                self._parts.pop(name, None)
            for left in (part, before):
                if left is not None:
                    self._unlink(left.file)
            raise _unavailable(error) from None

    def closed(self, part: Part) -> None:
        """A part is no longer written."""
        idle = replace(part, touched_ms=self._now_ms(), reserved=part.held, is_written=False)
        with self._lock:
            self._parts[part.name] = idle

    def removed(self, part: Part) -> None:
        """A part is gone."""
        with self._lock:
            self._parts.pop(part.name, None)

    def discard(self, name: PartName) -> None:
        """Remove a part that nobody writes: its message is here, or will never be."""
        with self._lock:
            part = self._parts.get(name)
            if part is None or part.is_written:
                return
            del self._parts[name]
        self._unlink(part.file)

    def expire(self) -> int:
        """Remove the parts that nobody went on with; how many they were."""
        oldest_ms = self._now_ms() - round(self._limits.restart_age_s_max * 1_000)
        with self._lock:
            old = [part for part in self._parts.values() if not part.is_written and part.touched_ms < oldest_ms]
            for part in old:
                del self._parts[part.name]
        for part in old:
            self._unlink(part.file)
        return len(old)

    def _make_room(self, name: PartName, reserved: int) -> list[str]:
        """The files that go so that a part may have its room: the oldest of the same partner, never another's.

        Whoever knows a partner's names can push out its parts; then its transfers begin at their start, no more.
        """
        limits = self._limits
        others = [part for part in self._parts.values() if part.name != name]
        own = [part for part in others if part.name.partner == name.partner]
        idle = sorted((part for part in own if not part.is_written), key=lambda part: part.touched_ms)
        gone: list[Part] = []

        def over() -> bool:
            left = [part for part in own if part not in gone]
            return (
                len(left) >= limits.restart_parts_per_partner_max
                or _reserved(left) + reserved > limits.restart_bytes_per_partner_max
            )

        while over():
            if not idle:
                raise PartsFull("the partner has as many parts as it may")
            gone.append(idle.pop(0))
        if _reserved(others) - _reserved(gone) + reserved > limits.restart_bytes_max:
            raise PartsFull("the parts of all partners take as much room as they may")
        for part in gone:
            del self._parts[part.name]
        return [part.file for part in gone]

    def _load(self) -> None:
        """Take over what an earlier process kept, as far as it is known to be on the disk."""
        try:
            files = [entry for entry in self._folder.iterdir() if entry.is_file() and not entry.is_symlink()]
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("the parts of broken transfers cannot be read", extra={"cause": error.strerror})
            return
        for file in files:
            try:
                part = _part_of(file)
                if part is None or part.name in self._parts:
                    file.unlink()
                else:
                    self._parts[part.name] = part
            except OSError as error:
                log.warning("a part of a broken transfer cannot be read", extra={"cause": error.strerror})
        self.expire()
        by_age, self._parts = sorted(self._parts.values(), key=lambda part: part.touched_ms), {}
        for part in by_age:  # the limits may have been lowered since
            try:
                gone = self._make_room(part.name, part.held)
            except PartsFull:
                gone = [part.file]
            else:
                self._parts[part.name] = part
            for left in gone:
                self._unlink(left)

    def _unlink(self, file: str) -> None:
        try:
            (self._folder / file).unlink(missing_ok=True)
        except OSError as error:
            log.warning("a part of a broken transfer cannot be removed", extra={"cause": error.strerror})


class PartFile:
    """A part while it is written: takes bytes behind those that are there, and gives all of them back as one view.

    It ends with `keep` or `remove`, from any thread, once. After a failure of the disk nothing of it is kept.

    Args:
        parts: knows about it.
        folder: of the files; made when it is not there.
        part: what it is to be.
        before: the name of the file as it was left, to go on with.
        limits: the settings' limits.
    """

    def __init__(self, parts: Parts, folder: Path, part: Part, before: str | None, limits: Limits) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        self._parts = parts
        self._folder = folder
        self._part = part
        self._free_bytes_min = limits.disk_free_bytes_min
        self._lock = threading.Lock()
        if before is None:
            self._file = os.open(folder / part.file, flags | os.O_CREAT | os.O_EXCL, 0o600)
        else:
            self._file = os.open(folder / before, flags)
            (folder / before).rename(folder / part.file)
        try:
            _go_to(self._file, part.held)
        except OSError:
            os.close(self._file)
            raise
        self._size = part.held
        self._looked_at = -LOOK_EVERY_BYTES
        self._view: memoryview | None = None
        self._failed = self._ended = False

    def write(self, piece: Buffer, /) -> None:
        """Add bytes at the end.

        Raises:
            SpoolUnavailable: the disk does not take them, or it has ended.
        """
        with self._lock:
            if self._ended:
                raise SpoolUnavailable("the transfer is over")
            try:
                self._look_at_disk()
                rest = memoryview(piece)
                while rest:
                    written = os.write(self._file, rest)
                    self._size += written
                    rest = rest[written:]
                if self._size - self._part.held >= SYNC_EVERY_BYTES:
                    self._settle()
            except OSError as error:
                self._failed = True
                raise _unavailable(error) from None

    def view(self) -> memoryview:
        """Everything that came, mapped, for reading.

        Raises:
            SpoolUnavailable: it cannot be mapped.
        """
        with self._lock:
            if self._ended:
                raise SpoolUnavailable("the transfer is over")
            if self._view is None:
                try:
                    mapped = mmap.mmap(self._file, self._size, access=mmap.ACCESS_READ) if self._size else b""
                except OSError as error:
                    self._failed = True
                    raise _unavailable(error) from None
                self._view = memoryview(mapped)
            return self._view

    def keep(self) -> None:
        """The transfer broke off, or its message could not be kept now: what came stays, to be gone on with."""
        with self._lock:
            if self._ended:
                return
            try:
                if not self._failed:
                    self._settle()
            except OSError as error:
                log.warning("a part of a broken transfer could not be kept", extra={"cause": error.strerror})
                self._failed = True
            if self._failed or not self._part.held:
                self._remove()
            else:
                self._end()
                self._parts.closed(self._part)

    def remove(self) -> None:
        """The message is kept elsewhere, or refused for good. Views of it stay readable."""
        with self._lock:
            if not self._ended:
                self._remove()

    def _remove(self) -> None:
        self._end()
        try:
            (self._folder / self._part.file).unlink(missing_ok=True)
        except OSError as error:
            # After the next start it goes by its age.
            log.warning("a part of a transfer cannot be removed", extra={"cause": error.strerror})
        self._parts.removed(self._part)

    def _end(self) -> None:
        self._ended = True
        self._view = None
        os.close(self._file)

    def _settle(self) -> None:
        """Bring what came onto the disk, and only then into the name."""
        total = self._part.total
        # One byte of a whole body is always asked for again: nobody could send nothing as the rest of it.
        held = min(self._size, total - 1) if total else self._size
        os.fsync(self._file)
        settled = replace(self._part, held=held)
        if settled.file != self._part.file:
            (self._folder / self._part.file).rename(self._folder / settled.file)
            self._part = settled
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _look_at_disk(self) -> None:
        """Stop before the disk is full: it may be the one on which the store has to write."""
        if self._size - self._looked_at < LOOK_EVERY_BYTES:
            return
        self._looked_at = self._size
        disk = os.fstatvfs(self._file)
        if disk.f_bavail * disk.f_frsize < self._free_bytes_min:
            raise OSError("the disk of the spool folder is low")


def _go_to(file: int, held: int) -> None:
    if os.fstat(file).st_size < held:
        raise OSError("a part is shorter than it was")
    # What lies behind is written over. The file is never made shorter: a thread of the attempt before may still look at
    # all of it, and reading a mapped page that is gone ends the process (SIGBUS).
    os.lseek(file, held, os.SEEK_SET)


def _part_of(file: Path) -> Part | None:
    """The part that a file holds, cut to what its name says; None where it holds none."""
    named = _FILE.fullmatch(file.name)
    if named is None:
        return None
    partner, transfer, message, total, held = *named.groups()[:3], int(named[4]), int(named[5])
    found = file.stat()
    if not 0 < held <= found.st_size or (total and held >= total):
        return None
    if found.st_size > held:
        os.truncate(file, held)
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    return Part(PartName(partner, transfer, message), total, held, found.st_mtime_ns // 1_000_000, held)


def _reserved(parts: Iterable[Part]) -> int:
    return sum(part.reserved for part in parts)


def _unavailable(error: OSError) -> SpoolUnavailable:
    # Without the path, which is ours alone.
    return SpoolUnavailable(f"a part of a large body cannot be kept: {error.strerror or error}")
