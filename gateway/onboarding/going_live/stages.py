"""Changes the stage of a partner where its profile says it, and nothing else in the file."""

import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.onboarding.whole_files import replace_file
from partners.loader import LoadedProfile, Problems, parse_profile
from partners.problems import Place, Problem
from partners.profile import Status

_WRITTEN = re.compile(r"""(["']?)[a-z]+\1""")
_ID_LINE = re.compile(r"id\s*:")
_LOCK_WAIT_S: Final = 10.0  # for another call that compares and replaces, which takes milliseconds
_LOCK_POLL_S: Final = 0.02
# A file system that locks no folders, NFS among them; the comparison alone has to do there.
_NO_LOCKS: Final = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


@dataclass(frozen=True, slots=True)
class StageEdit:
    """A profile as it is, and as it would be at another stage.

    Attributes:
        path: the file that says it: the profile, or the overlay of the environment.
        before: its bytes now; whoever writes looks first whether they still are.
        content: its bytes then.
        after: the profile then.
    """

    path: Path
    before: bytes
    content: bytes
    after: LoadedProfile


def stage_edit(loaded: LoadedProfile, status: Status) -> StageEdit | Problems:
    """The edit that brings a partner to a stage, or why there is none: the profile would be wrong there."""
    place = loaded.origins().get(("status",))
    path = Path(loaded.path)
    own = place is not None and Path(place.file).parent == path.parent
    file = Path(place.file) if own and place is not None else path
    before = loaded.file(file.name)
    text = before.decode("utf-8")
    changed = _replaced(text, place, status) if own and place is not None else _inserted(text, status)
    files = dict(loaded.files) | {file.name: changed.encode("utf-8")}
    after = parse_profile(files, loaded.path, {name: str(path.parent / name) for name in files if "/" not in name})
    if isinstance(after, tuple):
        return after
    if after.profile.status != status:
        what = f"the stage could not be written into {file.name}"
        line = place.line if own and place is not None else 1
        return (Problem(str(file), line, 1, "status", what, f"write `status: {status}` yourself"),)
    return StageEdit(file, before, changed.encode("utf-8"), after)


def write_stage(edit: StageEdit) -> None:
    """Write the file: all of it or nothing, and only while it is what the edit was made from.

    Raises:
        FileChanged: somebody wrote it meanwhile, or is about to.
        OSError: it cannot be written.
    """
    with _alone_in(edit.path.parent):
        if edit.path.read_bytes() != edit.before:
            raise FileChanged(f"{edit.path} was changed meanwhile; look at it and call again")
        replace_file(edit.path, edit.content)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Nobody else writes a stage in this folder; the lock goes with the process, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    until = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise FileChanged(f"another call is changing {folder}; wait for it and call again") from None
            time.sleep(_LOCK_POLL_S)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return
        else:
            return


class FileChanged(Exception):  # noqa: N818  # told to a person
    """The file is not what it was when the edit was made."""


def _replaced(text: str, place: Place, status: Status) -> str:
    """The word at a place exchanged, quotes and comments left as they are."""
    lines = text.split("\n")
    # A byte order mark is no character of the first line, but stands in it.
    skipped = 1 if place.line == 1 and text.startswith("\ufeff") else 0
    line, column = lines[place.line - 1], place.column - 1 + skipped
    written = _WRITTEN.match(line, column)
    if written is not None:
        quote = written[1]
        lines[place.line - 1] = f"{line[:column]}{quote}{status}{quote}{line[written.end() :]}"
    return "\n".join(lines)


def _inserted(text: str, status: Status) -> str:
    """A line of its own behind that of the id."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if _ID_LINE.match(line.removeprefix("\ufeff")):
            end = "\r" if line.endswith("\r") else ""
            return "\n".join([*lines[: index + 1], f"status: {status}{end}", *lines[index + 1 :]])
    return text
