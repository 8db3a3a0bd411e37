"""Handles of one session: what a client has open, under names that mean nothing to anybody else."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from gateway.edge.sftp.leaving import GoingOn
from gateway.edge.sftp.mailbox.folders import OpenFile
from gateway.sftp import Declined, Entry, Status

_HANDLE_BYTES = 4


@dataclass(slots=True, eq=False)
class Listing:
    """A folder that is being read; entries come in pages, and are told some at a time."""

    pages: AsyncIterator[Sequence[Entry]]
    left: list[Entry] = field(default_factory=list)

    async def next(self, count: int) -> Sequence[Entry]:
        """The next entries, at most so many; none at the end.

        Raises:
            Declined: the folder cannot be read now.
        """
        while not self.left:
            page = await anext(self.pages, None)
            if page is None:
                return ()
            self.left = list(page)
        told, self.left = self.left[:count], self.left[count:]
        return told


@dataclass(slots=True, eq=False)
class Handle:
    """Something open: a file or a folder, and the path under which it was opened."""

    path: tuple[bytes, ...]
    file: OpenFile | None = None
    listing: Listing | None = None
    is_closing: bool = False
    going_on: GoingOn = field(default_factory=GoingOn)


class Handles:
    """All handles of a session."""

    def __init__(self) -> None:
        self._open: dict[bytes, Handle] = {}
        self._number = 0

    def add(self, handle: Handle) -> bytes:
        """Give it a name; none comes twice in a session."""
        self._number += 1
        name = self._number.to_bytes(_HANDLE_BYTES, "big")
        self._open[name] = handle
        return name

    def find(self, name: bytes) -> Handle:
        """What is open under a name.

        Raises:
            Declined: nothing is.
        """
        handle = self._open.get(name)
        if handle is None or handle.is_closing:
            raise Declined(Status.FAILURE, "no such handle is open")
        return handle

    def path_of(self, name: bytes) -> tuple[bytes, ...] | None:
        """The path under which something was opened; None where nothing is open."""
        handle = self._open.get(name)
        return handle.path if handle is not None else None

    def going_on(self, name: bytes) -> GoingOn | None:
        """How far a client has come with a file; None where nothing is open."""
        handle = self._open.get(name)
        return handle.going_on if handle is not None else None

    def file(self, name: bytes) -> OpenFile:
        """The file that is open under a name.

        Raises:
            Declined: there is none.
        """
        file = self.find(name).file
        if file is None:
            raise Declined(Status.FAILURE, "the handle is that of a folder")
        return file

    def discard(self, name: bytes) -> None:
        """It is closed."""
        self._open.pop(name, None)

    def all(self) -> list[Handle]:
        """Everything that is open."""
        return list(self._open.values())

    def clear(self) -> None:
        """Nothing is open any more."""
        self._open.clear()
