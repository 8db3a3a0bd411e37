"""What every folder of a mailbox can be asked, as one visitor sees it."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Protocol

from gateway.sftp.values import Attributes, Entry, OpenFlag


class OpenFile(Protocol):
    """A file that a visitor has open. What it cannot do, it declines."""

    async def read(self, offset: int, length: int) -> bytes:
        """Bytes from a place on, fewer at the end, none behind it.

        Raises:
            Declined: it cannot be read.
        """

    def write(self, offset: int, data: bytes | memoryview) -> Awaitable[None] | None:
        """Put bytes at a place; they are durable with `close`. Quick: called for each packet, in the loop.

        What is returned, if anything, is to be waited for before more is read from the client.

        Raises:
            Declined: it cannot be written there.
        """

    async def attributes(self) -> Attributes:
        """As it is now."""

    async def set_attributes(self, wanted: Attributes) -> None:
        """What a client wants it to be.

        Raises:
            Declined: nothing of this can be set.
        """

    async def close(self) -> None:
        """The client closes it in so many words: what is complete by that is durable when this returns.

        Raises:
            Declined: it was not taken; the words say why, and whether it can be gone on with.
        """

    def abandon(self, *, in_order: bool = False) -> None:
        """The connection ended while it was open: nothing that is written is complete by that.

        Args:
            in_order: whether its client left of its own accord, and has shown that it has all that was read.
        """


class Folder(Protocol):
    """A folder. Names are bytes without a slash; whoever asks has judged nothing else of them."""

    def entries(self) -> AsyncIterator[Sequence[Entry]]:
        """All that is in it, some at a time, as many as there are.

        Raises:
            Declined: it cannot be listed now.
        """

    async def attributes(self, name: bytes) -> Attributes:
        """What a file is.

        Raises:
            Declined: NO_SUCH_FILE.
        """

    async def open(self, name: bytes, flags: OpenFlag) -> OpenFile:
        """Open a file.

        Raises:
            Declined: there is none, or not in this way.
        """

    async def remove(self, name: bytes) -> None:
        """Remove a file.

        Raises:
            Declined: there is none, or it may not go.
        """

    async def rename(self, name: bytes, to: "Folder", new_name: bytes, *, replaces: bool) -> None:
        """Give a file another name, perhaps in another folder.

        Args:
            name: of the file, in this folder.
            to: the folder where it shall be; perhaps this one.
            new_name: its name there.
            replaces: whether a file of that name may be there, as with posix-rename@openssh.com.

        Raises:
            Declined: there is none, or it may not be there.
        """
