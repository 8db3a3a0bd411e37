"""A partner's folder as it lies on the disk: the bytes of the regular files in it, and what changes when they do."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

MISSING = "is missing"

# Of a file that is there: inode, size, time of the last change of its bytes and of its row; None where none is.
Stamp = tuple[int, int, int, int] | None

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW  # a pipe must not hold the reader up


def stamp_of(path: str) -> Stamp:
    """The stamp of a file, that of its target for a link."""
    try:
        return _stamp(os.stat(path))  # noqa: PTH116  # thousands of files are looked at every few seconds
    except (OSError, ValueError):
        return None


@dataclass(slots=True)
class Folder:
    """One look into a folder; `stamps` holds every path that was looked for, as it was before it was read."""

    path: Path
    stamps: dict[str, Stamp] = field(default_factory=dict)

    def exists(self, name: str) -> bool:
        """Whether a file is there, a broken link counts."""
        path = f"{self.path}/{name}"
        self.stamps[path] = stamp_of(path)
        return os.path.lexists(path)

    def read(self, name: str, bytes_max: int) -> bytes | str:
        """The bytes of a regular file, or why not. Links are followed as long as they stay inside the folder."""
        path = f"{self.path}/{name}"
        self.stamps[path] = None
        try:
            try:
                handle = os.open(path, _FLAGS)
            except OSError:
                self.stamps[path] = stamp_of(path)
                inside, target = self.path.resolve(strict=True), Path(path).resolve(strict=True)
                if not target.is_relative_to(inside):
                    return "is a link that leaves the profile's folder"
                handle = os.open(target, _FLAGS)
            try:
                return self._bytes(path, handle, bytes_max)
            finally:
                os.close(handle)
        except FileNotFoundError:
            return MISSING
        except (OSError, ValueError, RuntimeError) as error:
            return f"cannot be read ({getattr(error, 'strerror', None) or 'a broken path'})"

    def _bytes(self, path: str, handle: int, bytes_max: int) -> bytes | str:
        status = os.fstat(handle)
        self.stamps[path] = _stamp(status)
        if not stat.S_ISREG(status.st_mode):
            return "is no regular file"
        # No more room than the file needs, and one byte to see whether it has grown.
        data = os.read(handle, min(status.st_size, bytes_max) + 1)
        # A file system over the network may give less than was asked for.
        while len(data) <= bytes_max and (more := os.read(handle, bytes_max + 1)):
            data += more
        return data if len(data) <= bytes_max else f"has more than {bytes_max} bytes"


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
