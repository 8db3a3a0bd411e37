"""What is right of uploads: a model of the inbox, and programs that upload into it and into the real one.

The model knows what each program means to be a file, byte for byte, and what lies under a name. What is meant and ends
well becomes a message, once; what broke off, has a hole or failed never does, whatever is done to it afterwards.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from gateway.edge.sftp.mailbox import contents, uploads
from gateway.edge.sftp.mailbox.parts import HEADER_BYTES, PartFile
from gateway.edge.sftp.mailbox.uploads import Upload
from gateway.flow.receive import Reception
from gateway.model.refusals import Reason, Refused
from gateway.sftp import OpenFlag, answers

NAMES = (b"a.edi", b"b.edi", b"a.part")
READ, WRITE, CREAT, TRUNC, APPEND = OpenFlag.READ, OpenFlag.WRITE, OpenFlag.CREAT, OpenFlag.TRUNC, OpenFlag.APPEND
NEW = WRITE | CREAT | TRUNC
BLOCK = 7
AHEAD = 30
LARGEST = 1_024
LENGTHS = (5, 12, 20, 21, 33, 47)
# Small enough that what is written goes to the disk, in several pieces.
SMALL = {"MEMORY_BYTES_MAX": 16, "WRITE_BYTES": 8, "BACKLOG_BYTES_MAX": 32}


@dataclass(frozen=True)
class Way:
    """How a program uploads.

    Attributes:
        resumes: it begins where the file that is there ends.
        in_blocks: it asked how long its writes may be, and makes them that long.
        counts_from_0: it tells where it writes from where it began, whatever was there.
        ends: with which size it confirms what it has sent, if any.
        breaks: what it does when it is interrupted.
    """

    program: str
    flags: OpenFlag
    resumes: bool = False
    in_blocks: bool = False
    counts_from_0: bool = False
    ends: str = ""
    breaks: str = "leaves"

    def __repr__(self) -> str:
        return self.program


WAYS = (
    Way("sftp put", NEW, in_blocks=True, breaks="closes"),
    Way("sftp reput", WRITE | CREAT | APPEND, resumes=True, in_blocks=True, breaks="sets size"),
    Way("scp", WRITE | CREAT, in_blocks=True, ends="size"),
    Way("lftp put", NEW, ends="size and times"),
    Way("lftp put -c", WRITE | CREAT, resumes=True, ends="size and times"),
    Way("curl -T", NEW, breaks="shortens"),
    Way("curl -C -", WRITE | APPEND, resumes=True),
    Way("curl --append", WRITE | CREAT | APPEND, resumes=True, counts_from_0=True),
    Way("paramiko r+b", READ | WRITE, resumes=True),
    Way("one that writes over", WRITE | CREAT),
)


@dataclass(eq=False)
class File:
    """What lies under a name: a byte for each place, and whether it was closed since it was last written."""

    places: dict[int, int] = field(default_factory=dict)
    is_closed: bool = False

    @property
    def size(self) -> int:
        """Up to the first hole."""
        return next(at for at in range(len(self.places) + 1) if at not in self.places)

    @property
    def content(self) -> bytes:
        return bytes(self.places[at] for at in range(self.size))

    def cut(self, size: int) -> None:
        """Have nothing behind a place."""
        self.places = {at: byte for at, byte in self.places.items() if at < size}


@dataclass(eq=False)
class Transfer:
    """A program at work.

    Attributes:
        meant: what the file is to be as a whole.
        next: how far it has sent it.
        closed_as: what had been closed under the name before; None where nothing was.
        owed: places that it has left out, or filled with something else for now.
        is_lost: something of it was declined, so that it cannot end well.
    """

    way: Way
    name: bytes
    flags: OpenFlag
    upload: Upload
    file: File
    meant: bytes
    next: int
    began_at: int
    closed_as: bytes | None = None
    owed: list[tuple[int, int]] = field(default_factory=list)
    has_written: bool = False
    only_blocks: bool = True
    is_lost: bool = False
    is_too_large: bool = False


def is_temporary(name: bytes) -> bool:
    return name.endswith((b".part", b".tmp"))


def pattern(version: int, length: int) -> bytes:
    """The content of a version of a file: no two places near each other are alike, nor those of two versions."""
    return hashlib.shake_128(bytes([version])).digest(length)


class Faults:
    """What goes wrong on purpose."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nothing does."""
        self.store_refuses = False
        self.disk_is_full = False
        self.parts_stay = False

    @contextmanager
    def in_force(self) -> Iterator[None]:
        keep, write, remove = Reception.keep, os.pwrite, PartFile.remove

        async def keeping(*words: Any, **more: Any) -> Any:
            if self.store_refuses:
                self.store_refuses = False
                raise Refused(Reason.STORE_UNAVAILABLE, "the store is away")
            return await keep(*words, **more)

        def writing(file: int, data: Any, offset: int) -> int:
            if self.disk_is_full and offset >= HEADER_BYTES:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(file, data, offset)

        def removing(part: PartFile) -> None:
            (PartFile.close if self.parts_stay else remove)(part)

        with ExitStack() as stack:
            for patched in (
                patch.object(Reception, "keep", keeping),
                patch("os.pwrite", writing),
                patch.object(PartFile, "remove", removing),
                # Nothing here is about the power going off.
                patch("os.fdatasync"),
                patch("os.fsync"),
                patch.multiple(contents, **SMALL),
                patch.object(answers, "WRITE_BYTES_MAX", BLOCK),
                patch.object(uploads, "AHEAD_OF_FILE_BYTES_MAX", AHEAD),
            ):
                stack.enter_context(patched)
            yield
