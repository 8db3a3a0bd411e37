"""Files and folders that are there as a whole or not at all: written under a hidden name, synced, then renamed.

Hidden folders are no partners, so that a gateway which runs meanwhile, or a kill at any moment, sees nothing half.
"""

import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

_FOLDER_MODE_MAX: Final = 0o2775  # never more than the folder around it, and never for everybody to write
_FILE_MODE_MAX: Final = 0o664
_LEFT_OVER_S: Final = 3_600  # of a call that was killed; none takes so long between its two steps


class FolderExists(Exception):  # noqa: N818  # told to the caller
    """The place is taken; nothing was written."""


def place_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder with its files; it appears at once and complete.

    Raises:
        FolderExists: something is there already.
        OSError: it cannot be written; nothing is left behind.
    """
    if os.path.lexists(folder):
        raise FolderExists
    _sweep(folder)
    made = Path(tempfile.mkdtemp(prefix=f".new-{folder.name}-", dir=folder.parent))
    try:
        for name, content in files.items():
            _write(made / name, content)
        _like_its_parent(made, folder.parent)
        _sync(made)
        try:
            made.rename(folder)  # onto a folder with something in it this fails, onto nothing it does not
        except OSError:
            if os.path.lexists(folder):
                raise FolderExists from None
            raise
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    _sync(folder.parent)


def place_file(path: Path, content: bytes, mode: int | None = None) -> bool:
    """Make a file, complete from its first moment on; False, and nothing is changed, where there is one already.

    `mode` are its permissions; those of the folder, without the right to execute, when absent.
    """
    _sweep(path)
    descriptor, name = tempfile.mkstemp(prefix=f".new-{path.name}-", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), path.parent.stat().st_mode & _FILE_MODE_MAX if mode is None else mode)
            os.fsync(stream.fileno())
        try:
            os.link(made, path)
        except FileExistsError:
            return False
    finally:
        made.unlink()
    _sync(path.parent)
    return True


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in the place of another, whose rights and owner it takes, or where there is none yet.

    A link stays, and what it leads to is replaced.

    Raises:
        OSError: it cannot be written; the file that was there stays.
    """
    target = path.resolve()
    _sweep(target)
    made = target.with_name(f".new-{target.name}-{secrets.token_hex(4)}")
    try:
        _write(made, content)
        with suppress(FileNotFoundError):
            _like(made, target.stat())
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)
    _sync(target.parent)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _like(made: Path, before: os.stat_result) -> None:
    """The gateway's own user goes on reading what root writes for it."""
    with suppress(PermissionError):
        os.chown(made, before.st_uid, before.st_gid)
    made.chmod(stat.S_IMODE(before.st_mode))


def _like_its_parent(made: Path, parent: Path) -> None:
    """Whoever may read the other partners' folders (the gateway's user, a group of operators) may read this one."""
    like = parent.stat()
    for path in (*made.iterdir(), made):
        path.chmod(like.st_mode & (_FOLDER_MODE_MAX if path == made else _FILE_MODE_MAX))
        if os.geteuid() == 0:
            os.chown(path, like.st_uid, like.st_gid)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(place: Path) -> None:
    """What calls that were killed left of this folder or file."""
    for left in place.parent.glob(f".new-{place.name}-*"):
        with suppress(OSError):
            if time.time() - left.lstat().st_mtime > _LEFT_OVER_S:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
