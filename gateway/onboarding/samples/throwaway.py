"""A folder that is gone afterwards, however the program that made it ended."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_PREFIX = "partner-gateway-samples-"
_LOCK = "in-use.lock"
_LEFTOVERS_MAX = 100  # looked at in one call


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """An empty folder for our eyes alone; what killed programs left behind goes first."""
    root = Path(tempfile.gettempdir())
    _remove_leftovers(root)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
    try:
        with (folder / _LOCK).open("wb") as lock:
            # The kernel lets go of it when this process ends, whatever ends it.
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(root: Path) -> None:
    with suppress(OSError):
        for folder in sorted(root.glob(f"{_PREFIX}*"))[:_LEFTOVERS_MAX]:
            with suppress(OSError):
                if folder.lstat().st_uid == os.getuid() and folder.is_dir() and not folder.is_symlink():
                    _remove_unused(folder)


def _remove_unused(folder: Path) -> None:
    """Remove a folder whose lock nobody holds; one without a lock is just being made, or just being removed."""
    lock: IO[bytes]
    with (folder / _LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
