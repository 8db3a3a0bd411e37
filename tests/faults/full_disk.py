"""A disk that is full for real: a file system of its own, or limited file sizes where nothing may be mounted."""

import os
import resource
import subprocess
from pathlib import Path

DISK_BYTES = 24 * 1_048_576
FILE_BYTES_MAX = 6 * 1_048_576
FILL_BYTES = 65_536


class SmallDisk:
    """A folder whose space can be taken away and given back.

    Without the right to mount, the gateway's files are limited in size instead: `before` goes before its command.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before: tuple[str, ...] = ()
        folder.mkdir(parents=True)
        mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
        self._is_mounted = os.geteuid() == 0 and subprocess.run(mounting, check=False).returncode == 0
        if not self._is_mounted:
            self.before = ("prlimit", f"--fsize={FILE_BYTES_MAX}:")

    def fill(self) -> None:
        if not self._is_mounted:
            return
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(FILL_BYTES))
            except OSError:
                return

    def free(self, pid: int) -> None:
        (self.folder / "filler").unlink(missing_ok=True)
        if not self._is_mounted:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self) -> None:
        if self._is_mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
