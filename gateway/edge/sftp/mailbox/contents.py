"""The content of a file while it comes: in memory as long as it is small, then in a part on the disk.

The loop only takes the bytes; they are written and hashed in a thread, a megabyte at a time, since each call out of a
thread and back waits for Python's lock.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from gateway.buffers import Buffer, windows
from gateway.edge.sftp.mailbox.parts import PartFile, PartsFolder, Record
from gateway.edge.threads import Threads
from gateway.flow.ahead import StagingAhead
from gateway.spool import SpoolUnavailable

T = TypeVar("T")
Ahead = Callable[[], StagingAhead]

# What is smaller never touches the disk before it is in the store.
MEMORY_BYTES_MAX = 65_536
WRITE_BYTES = 1_048_576
# Of what waits for the disk; whoever sends more has to wait as well.
BACKLOG_BYTES_MAX = 4 * WRITE_BYTES
# What is smaller is copied: a piece of a packet keeps all of the packet in memory.
PIECE_BYTES_MIN = 16_384
# What becomes larger goes into the store while it comes.
AHEAD_FROM_BYTES = 8 * WRITE_BYTES
# A machine that goes down takes what came since; a process that does, nothing.
SETTLE_EVERY_S = 10.0


class Content:
    """The bytes of one file, from 0 on without a hole.

    Args:
        folder: where parts lie.
        threads: in which they are written.
        record: what the part is.
        file: where it lies already.
        ahead: puts a payload into the store while it still comes.

    Attributes:
        size: how many bytes have come.
        failure: why the disk took no more; empty while it does.
        staged_as: the id of the message that is in the store already but for its row; set by `whole`.
    """

    def __init__(
        self,
        folder: PartsFolder,
        threads: Threads,
        record: Record,
        file: PartFile | None = None,
        ahead: Ahead | None = None,
    ) -> None:
        self.size = file.size if file is not None else 0
        self.failure = ""
        self.staged_as = ""
        # Of what an earlier process left nobody knows whether it will be gone on with soon.
        self._new_ahead = ahead if file is None else None
        self._ahead: StagingAhead | None = None
        self._folder = folder
        self._threads = threads
        self._record = record
        self._file = file
        self._memory: bytearray | None = bytearray() if file is None else None
        self._pieces: list[Buffer | bytearray] = []
        self._waiting_bytes = 0
        self._backlog = 0
        self._turn = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None
        # Of all bytes so far; None once bytes changed that had been counted, or were there before.
        self._hash = hashlib.sha256() if file is None else None
        self._settled_at = asyncio.get_running_loop().time()

    @property
    def room_bytes(self) -> int:
        """How much room it takes: a part that became shorter takes on the disk what it took before."""
        return max(self.size, self._file.extent if self._file is not None else 0)

    @property
    def is_on_disk(self) -> bool:
        """Whether it has outgrown memory."""
        return self._memory is None

    def append(self, data: Buffer) -> None:
        """Add bytes at the end."""
        self.size += len(data)
        if self._memory is not None:
            if self.size <= MEMORY_BYTES_MAX:
                self._memory += data
                return
            self._leave_memory()
        self._wait(data)
        self._backlog += len(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= WRITE_BYTES and self._writing is None:
            self._writing = asyncio.create_task(self._write())

    def room(self) -> "asyncio.Future[None] | None":
        """What to wait for before more bytes are taken; None where the disk keeps up."""
        if self._backlog < BACKLOG_BYTES_MAX or self._writing is None:
            return None
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()
        return self._room

    async def overwrite(self, offset: int, data: Buffer) -> None:
        """Put bytes over some that have come."""
        if self._memory is not None:
            self._memory[offset : offset + len(data)] = data
            return
        self._hash = None
        await self._stop_ahead()
        await self._do(lambda file: file.overwrite(offset, data))

    async def shorten(self, size: int) -> None:
        """Have the end where it was before."""
        self.size = min(self.size, size)
        if self._memory is not None:
            del self._memory[size:]
            return
        await self._stop_ahead()
        await self._do(lambda file: file.shorten(min(size, file.size)))
        self._hash = None

    async def settle(self, *, is_closed: bool) -> None:
        """Have all of it durable, so that it can be gone on with.

        Args:
            is_closed: whether its client said that this is all.
        """
        if self._memory is not None:
            if not self._memory:
                return
            self._leave_memory()
        if not is_closed:
            await self._stop_ahead()
        # What the disk did not take all of is not closed, whatever its client said.
        await self._do(lambda file: file.settle(is_closed=is_closed and not self.failure))

    async def rename(self, name: bytes) -> None:
        """Have the part, where there is one, under another name, durably."""
        self._record = replace(self._record, name=name)
        if self._file is not None:
            await self._do(lambda file: file.settle(name=name))

    async def whole(self, name: bytes) -> tuple[Buffer, str]:
        """All of it for the store, and its SHA-256 in hexadecimal digits.

        A part notes both, and under which name it goes in: should the process end before the part is removed, it is
        recognised as what it is.
        """
        if self._memory is not None:
            content = bytes(self._memory)
            return content, hashlib.sha256(content).hexdigest()
        await self._flush()
        file, counted = self._file, self._hash
        if file is None or self.failure:
            return b"", ""
        found = await self._run(lambda: _whole(file, name, counted))
        ahead, self._ahead = self._ahead, None
        self.staged_as = ahead.message_id if ahead and await ahead.finish(file.size, file.read) else ""
        return found

    async def failed_to_go(self) -> None:
        """The store did not take it: it is durable here, and can be closed again."""
        if self._memory is not None:
            self._leave_memory()
        await self._do(lambda file: file.settle(sha256="", is_closed=not self.failure))

    async def rest(self) -> None:
        """Nobody writes it for now."""
        await self._flush()
        if self._ahead is not None:
            await self._ahead.rest()
        if self._file is not None:
            await self._run(self._file.close)

    async def remove(self) -> None:
        """It is of no more use."""
        self.failure = self.failure or "the file was removed"
        self._pieces.clear()
        self._waiting_bytes = 0
        await self._stop_ahead()
        async with self._turn:
            if self._file is not None:
                await self._threads.run(self._file.remove)

    def _wait(self, data: Buffer) -> None:
        if len(data) >= PIECE_BYTES_MIN:
            self._pieces.append(data)
            return
        last = self._pieces[-1] if self._pieces else None
        if isinstance(last, bytearray) and len(last) < PIECE_BYTES_MIN:
            last += data
        else:
            self._pieces.append(bytearray(data))

    def _leave_memory(self) -> None:
        if self._memory:
            self._pieces.insert(0, bytes(self._memory))
            self._backlog += len(self._memory)
            self._waiting_bytes += len(self._memory)
        self._memory = None

    async def _write(self) -> None:
        """Write what waits, as long as there is enough of it to be worth it."""
        try:
            while self._waiting_bytes >= WRITE_BYTES and not self.failure:
                async with self._turn:
                    await self._write_waiting()
        finally:
            self._writing = None
            self._make_room()

    async def _flush(self) -> None:
        """Everything that has come is in the file, or it failed."""
        async with self._turn:
            await self._write_waiting()

    async def _write_waiting(self) -> None:
        if self._memory is not None or self.failure or not (self._pieces or self._file is None):
            return
        pieces, self._pieces = self._pieces, []
        count, self._waiting_bytes = self._waiting_bytes, 0
        now = asyncio.get_running_loop().time()
        settles = now - self._settled_at >= SETTLE_EVERY_S
        if settles:
            self._settled_at = now
        try:
            await self._threads.run(partial(self._put, pieces, settles=settles))
            self._go_ahead()
        except (OSError, SpoolUnavailable) as error:
            self._fail(error)
        finally:
            self._backlog -= count
            if self._backlog < BACKLOG_BYTES_MAX // 2:
                self._make_room()

    def _put(self, pieces: list[Buffer | bytearray], *, settles: bool) -> None:
        """In a thread."""
        if self._file is None:
            self._file = self._folder.create(self._record)
        file = self._file
        file.open()
        data = memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        file.append((data,))
        if self._hash is not None:
            self._hash.update(data)
        if settles:
            file.settle(is_closed=False)

    def _go_ahead(self) -> None:
        file = self._file
        if file is None or self._hash is None or self._new_ahead is None or file.size < AHEAD_FROM_BYTES:
            return
        if self._ahead is None:
            self._ahead = self._new_ahead()
        self._ahead.grown(file.size, file.read)

    async def _stop_ahead(self) -> None:
        self._new_ahead = None
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await ahead.discard()

    async def _do(self, change: Callable[[PartFile], None]) -> None:
        """Change the part, behind everything that came before."""
        async with self._turn:
            await self._write_waiting()
            file = self._file
            if file is None:
                return
            try:
                await self._threads.run(partial(_change, file, change))
            except (OSError, SpoolUnavailable) as error:
                self._fail(error)

    async def _run(self, work: Callable[[], T]) -> T:
        async with self._turn:
            return await self._threads.run(work)

    def _fail(self, error: Exception) -> None:
        # Without the path, which is ours alone.
        self.failure = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
        self.size = self._file.size if self._file is not None else 0
        self._hash = None
        self._pieces.clear()
        self._waiting_bytes = 0

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None


def _change(file: PartFile, change: Callable[[PartFile], None]) -> None:
    """In a thread."""
    file.open()
    change(file)


def _whole(file: PartFile, name: bytes, counted: "hashlib._Hash | None") -> tuple[Buffer, str]:
    """In a thread."""
    file.open()
    view = file.view()
    if counted is None:
        counted = hashlib.sha256()
        for window in windows(view):
            counted.update(window)
    sha256 = counted.hexdigest()
    file.note(goes_as=name, is_closed=True, sha256=sha256)
    return view, sha256
