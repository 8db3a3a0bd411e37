"""A folder that somebody else may have filled: names and contents within limits, links only as far as they stay inside.

Everything that cannot be used comes back as words that follow a name: "`sent.edi` is no regular file".
"""

import os
import stat
from pathlib import Path

NOT_THERE = "is missing"
_HIDDEN = (".", "#")
_LEFT_BY_EDITORS = ("~", ".swp", ".bak", ".orig")


def names_in(folder: Path, within: Path, entries_max: int) -> tuple[str, ...] | str:
    """The names in a folder, sorted, without hidden files and what editors leave behind; or why there are none.

    Args:
        folder: whose names.
        within: what the folder has to lie in once links are followed.
        entries_max: more are not looked at.
    """
    try:
        if not folder.resolve(strict=True).is_relative_to(within.resolve(strict=True)):
            return "is a link that leaves the partner's folder"
        names = []
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= entries_max:
                    return f"holds more than {entries_max} files"
                if not entry.name.startswith(_HIDDEN) and not entry.name.endswith(_LEFT_BY_EDITORS):
                    names.append(entry.name)
    except FileNotFoundError:
        return NOT_THERE
    except NotADirectoryError:
        return "is no folder"
    except (OSError, ValueError, RuntimeError) as error:
        return _unreadable(error)
    return tuple(sorted(names))


def bytes_of(path: Path, within: Path, bytes_max: int) -> bytes | str:
    """The content of a regular file, or why there is none.

    Args:
        path: of the file.
        within: what it has to lie in once links are followed.
        bytes_max: how long it may be.
    """
    try:
        resolved = path.resolve(strict=True)
        if not resolved.is_relative_to(within.resolve(strict=True)):
            return "is a link that leaves the partner's folder"
        # A pipe or device in its place must not hold the reader up.
        handle = os.open(resolved, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return "is no regular file"
            data = stream.read(bytes_max + 1)
    except FileNotFoundError:
        return NOT_THERE
    except IsADirectoryError:
        return "is no regular file"
    except (OSError, ValueError, RuntimeError) as error:
        return _unreadable(error)
    return data if len(data) <= bytes_max else f"has more than {bytes_max:,} bytes"


def _unreadable(error: Exception) -> str:
    return f"cannot be read ({getattr(error, 'strerror', None) or 'a broken path'})"
