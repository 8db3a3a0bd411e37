"""A partner's SFTP server once we are in: lists, reads, writes and renames there, each answer within its time.

Paths are bytes: nobody says in which encoding another machine writes them. Several things may be under way at once on
one connection. After a failure that leaves it open what their server still does (no answer in time, a broken answer, a
call of ours that was broken off) the connection `is_broken` and is not used again.
"""

import asyncio
import stat
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar, cast

import asyncssh

from gateway.buffers import Buffer, Sink, windows
from gateway.carriers.sftp_failures import BREAKS_CONNECTION, RemoteFailed, Step, Trouble, failure_of
from gateway.sftp import shown

# A folder with more names than this is not looked through to its end.
ENTRIES_MAX = 100_000
NAMES_BYTES_MAX = 33_554_432
ANSWERS_TIMEOUTS_MAX = 20  # of `timeout_s`, for all answers of one listing, and for a file beside what its size takes
RATE_BYTES_PER_S_MIN = 1_024  # of a whole file, however promptly each of its answers comes
# What one request carries. A server that says nothing takes packets of 34,000 bytes (filexfer-02 3); OpenSSH says
# 261,120.
BLOCK_BYTES = 32_768
BLOCK_BYTES_MIN = 4_096
BLOCK_BYTES_MAX = 261_120
# On the way without an answer, of one file: enough for a fast line far away, and what one file costs in memory.
WRITES_UNANSWERED_BYTES = 4_194_304
READS_UNANSWERED_BYTES = 2_097_152
CLOSE_S = 2.0
# A disk of theirs that writes a large file down slower than this answers too late.
SYNC_BYTES_PER_S = 1_048_576
_SAID_NOTHING = 16_384  # what asyncssh assumes then
T = TypeVar("T")
_FOREIGN = (asyncssh.Error, OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class RemoteAttributes:
    """What their server says of a file; None where it does not say it.

    Attributes:
        modified_s: seconds since 1970.
    """

    size: int | None
    modified_s: int | None
    is_folder: bool
    is_link: bool = False


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """A name in a folder of theirs, without the folder; a link is described itself, not what it leads to."""

    name: bytes
    size: int | None
    modified_s: int | None
    is_folder: bool
    is_link: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a file that was written.

    Attributes:
        size: as their server saw it before it was closed; None where it does not say.
        is_synced: whether it is on their disk, as far as their server says.
    """

    size: int | None
    is_synced: bool


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Whom we speak with.

    Attributes:
        address: the one that was connected to.
        host_key: its fingerprint, SHA256:...
        host_key_kind: such as ssh-ed25519.
        software: what it calls itself, such as SSH-2.0-OpenSSH_9.2.
        user: as whom we are in.
    """

    address: str
    host_key: str
    host_key_kind: str
    software: str
    user: str


class RemoteServer:
    """A session at a partner's server.

    Args:
        connection: logged in.
        client: its SFTP session, with paths as bytes.
        facts: whom we speak with.
        timeout_s: how long one answer may take.
    """

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        client: asyncssh.SFTPClient,
        facts: ServerFacts,
        timeout_s: float,
    ) -> None:
        self._connection = connection
        self._client = client
        self._timeout_s = timeout_s
        self.facts = facts
        self.is_broken = False

    @property
    def is_usable(self) -> bool:
        """Whether anything may be asked of it."""
        return not self.is_broken and not self._connection.is_closed()

    async def answers(self) -> bool:
        """Whether a connection that was idle is still alive."""
        try:
            await self._ask(Step.SFTP, b".", lambda: self._client.realpath(b"."))
        except RemoteFailed as failed:
            return failed.trouble not in BREAKS_CONNECTION
        return self.is_usable

    async def list(self, folder: bytes, *, entries_max: int = ENTRIES_MAX) -> list[RemoteEntry]:
        """What lies in a folder, in the order of their server, without `.` and `..` and without names that are paths.

        Raises:
            RemoteFailed: with `Trouble.TOO_LARGE` where there is more than that.
        """
        found: list[RemoteEntry] = []
        count = names_bytes = 0
        what = _named(folder)
        names = cast("AsyncGenerator[asyncssh.SFTPName, None]", self._client.scandir(folder))
        try:
            async with asyncio.timeout(self._timeout_s * ANSWERS_TIMEOUTS_MAX):
                while (item := await self._ask(Step.LIST, folder, lambda: anext(names, None))) is not None:
                    # An asyncssh name is bytes where the path was.
                    name = item.filename if isinstance(item.filename, bytes) else item.filename.encode()
                    count += name not in {b".", b".."}
                    names_bytes += len(name) + 1
                    if count > entries_max or names_bytes > NAMES_BYTES_MAX:
                        most = f"{entries_max} names, or longer ones than anybody needs"
                        words = f"{what} holds more than {most}; they have to be moved or removed there"
                        raise RemoteFailed(Step.LIST, words, Trouble.TOO_LARGE)
                    if name in {b"", b".", b".."} or b"/" in name or b"\x00" in name:
                        continue
                    said_ = _attributes(item.attrs, item.longname)
                    found.append(RemoteEntry(name, said_.size, said_.modified_s, said_.is_folder, said_.is_link))
        except TimeoutError:
            self.is_broken = True
            raise RemoteFailed(Step.LIST, f"the list of {what} does not come to an end", Trouble.LATE) from None
        finally:
            if self.is_usable:
                with suppress(RemoteFailed):
                    await self._ask(Step.LIST, folder, names.aclose)
        return found

    async def attributes(self, path: bytes) -> RemoteAttributes | None:
        """What lies under a path, links followed; None where nothing does."""
        try:
            return _attributes(await self._ask(Step.LOOK, path, lambda: self._client.stat(path)))
        except RemoteFailed as failed:
            if failed.trouble is Trouble.MISSING:
                return None
            raise

    async def read(self, path: bytes, sink: Sink, size_max: int) -> int:
        """Read a whole file into a sink, and return how many bytes it has.

        Raises:
            RemoteFailed: with `Trouble.TOO_LARGE` where it has more than `size_max`; the sink holds a part then.
        """
        what = _named(path)
        block = _block(self._client.limits.max_read_len)
        async with self._in_time(Step.READ, path, size_max), self._opened(Step.READ, path, "rb", block) as file:
            unanswered: deque[asyncio.Task[bytes]] = deque()
            # A small file costs two requests, a large one soon has as many under way as there may be.
            asked, count, most, at_end = 0, 0, 2, False
            try:
                while not at_end:
                    # What is asked for beyond the limit shows whether there is more.
                    while len(unanswered) < most and asked <= size_max:
                        unanswered.append(asyncio.ensure_future(file.read(block, asked)))
                        asked += block
                    piece = await self._answer(Step.READ, path, unanswered.popleft())
                    if len(piece) > block:
                        self.is_broken = True
                        words = f"their server answers more of {what} than was asked for"
                        raise RemoteFailed(Step.READ, words, Trouble.UNUSABLE)
                    count += len(piece)
                    if count > size_max:
                        words = f"{what} has more than {size_max} bytes, which is the most that is taken"
                        raise RemoteFailed(Step.READ, words, Trouble.TOO_LARGE)
                    if piece:
                        sink.write(piece)
                    # asyncssh asks again where an answer is short before the end of the file.
                    at_end = len(piece) < block
                    most = min(most * 2, max(2, READS_UNANSWERED_BYTES // block))
            finally:
                _leave(unanswered)
        return count

    async def write(self, path: bytes, payload: Buffer) -> Written:
        """Write a file from its beginning, whatever was there; synced where their server can do it."""
        block = _block(self._client.limits.max_write_len)
        async with self._in_time(Step.WRITE, path, len(payload)), self._opened(Step.WRITE, path, "wb", block) as file:
            most = max(2, WRITES_UNANSWERED_BYTES // block)
            unanswered: deque[asyncio.Task[int]] = deque()
            position = 0
            try:
                for piece in windows(payload, size=block):
                    if len(unanswered) == most:
                        await self._answer(Step.WRITE, path, unanswered.popleft())
                    # It waits for its answer, while the pages behind a window are let go of.
                    unanswered.append(asyncio.ensure_future(file.write(bytes(piece), position)))
                    position += len(piece)
                while unanswered:
                    await self._answer(Step.WRITE, path, unanswered.popleft())
            finally:
                _leave(unanswered)
            is_synced = await self._tried(Step.WRITE, path, file.fsync, more_s=len(payload) / SYNC_BYTES_PER_S)
            try:
                size = (await self._ask(Step.LOOK, path, file.stat)).size
            except RemoteFailed as failed:
                if failed.trouble in BREAKS_CONNECTION:
                    raise
                size = None
        return Written(size, is_synced)

    async def rename(self, path: bytes, to: bytes) -> None:
        """Give a file another name that is free; what has the name is never replaced.

        RENAME fails by itself where the name is taken (filexfer-02 6.5). Where a server cannot do it, or its disk knows
        no links, OpenSSH's own rename does, which would replace a file: so it is made sure of that there is none.
        """
        try:
            await self._ask(Step.RENAME, path, lambda: self._client.rename(path, to))
        except RemoteFailed as failed:
            if failed.trouble not in {Trouble.FAILED, Trouble.UNSUPPORTED}:
                raise
            if await self.attributes(to) is not None:
                words = f"{_named(path)} cannot become {_named(to)}: there is a file of this name already"
                raise RemoteFailed(Step.RENAME, words, Trouble.EXISTS) from None
            if not await self._tried(Step.RENAME, path, lambda: self._client.posix_rename(path, to)):
                raise

    async def remove(self, path: bytes) -> None:
        """Remove a file."""
        await self._ask(Step.REMOVE, path, lambda: self._client.remove(path))

    async def close(self) -> None:
        """End the session; one that is broken is cut off."""
        if not self.is_usable:
            self._connection.abort()
            return
        self.is_broken = True
        self._client.exit()
        self._connection.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._connection.wait_closed()
        except TimeoutError:
            self._connection.abort()

    @asynccontextmanager
    async def _in_time(self, step: Step, path: bytes, size: int) -> AsyncIterator[None]:
        """So much time for a whole file: a server that drips must not hold what is behind it in its lane for days."""
        try:
            async with asyncio.timeout(self._timeout_s * ANSWERS_TIMEOUTS_MAX + size / RATE_BYTES_PER_S_MIN):
                yield
        except TimeoutError:
            self.is_broken = True
            raise failure_of(TimeoutError(), step, _named(path)) from None

    @asynccontextmanager
    async def _opened(self, step: Step, path: bytes, mode: str, block: int) -> AsyncIterator[asyncssh.SFTPClientFile]:
        """An open file. Closing is part of the exchange: a server may say only then that its disk is full."""

        async def opening() -> asyncssh.SFTPClientFile:
            return await self._client.open(path, mode, encoding=None, block_size=block)

        file = await self._ask(step, path, opening)
        try:
            yield file
        except BaseException:
            if self.is_usable:
                with suppress(RemoteFailed):
                    await self._ask(step, path, file.close)
            raise
        await self._ask(step, path, file.close)

    async def _ask(self, step: Step, path: bytes, ask: Callable[[], Awaitable[T]], more_s: float = 0.0) -> T:
        """One answer, within its time, or so much more."""
        try:
            async with asyncio.timeout(self._timeout_s + more_s):
                return await ask()
        except asyncio.CancelledError:
            self.is_broken = True
            raise
        except _FOREIGN as error:
            failed = failure_of(error, step, _named(path))
            self.is_broken |= failed.trouble in BREAKS_CONNECTION
            raise failed from None

    async def _answer(self, step: Step, path: bytes, task: "asyncio.Task[T]") -> T:
        """What a request brought that is under way with others, within the time of one answer."""
        try:
            done, _ = await asyncio.wait({task}, timeout=self._timeout_s)
        except asyncio.CancelledError:
            _leave(deque([task]))
            self.is_broken = True
            raise
        if done:
            return await self._ask(step, path, lambda: task)
        _leave(deque([task]))
        self.is_broken = True
        raise failure_of(TimeoutError(), step, _named(path))

    async def _tried(self, step: Step, path: bytes, ask: Callable[[], Awaitable[object]], more_s: float = 0.0) -> bool:
        """Whether something came about that not every server can do."""
        try:
            await self._ask(step, path, ask, more_s)
        except RemoteFailed as failed:
            if failed.trouble is Trouble.UNSUPPORTED:
                return False
            raise
        return True


def _leave(tasks: "deque[asyncio.Task[T]]") -> None:
    """Nobody waits for these answers any more. They come, or fail with the connection.

    Breaking them off would leave what asyncssh runs inside of them, which then complains that nobody looked.
    """
    for task in tasks:
        task.add_done_callback(_look_away)


def _look_away(task: "asyncio.Task[T]") -> None:
    if not task.cancelled():
        task.exception()


def _block(said: int) -> int:
    """How much one request carries, by what their server says it takes."""
    return BLOCK_BYTES if said == _SAID_NOTHING else max(BLOCK_BYTES_MIN, min(said, BLOCK_BYTES_MAX))


def _named(path: bytes) -> str:
    return shown(path)


def _attributes(found: asyncssh.SFTPAttrs, long_name: bytes | str | None = None) -> RemoteAttributes:
    mode = found.permissions
    if mode is not None and stat.S_IFMT(mode):
        is_folder, is_link = stat.S_ISDIR(mode), stat.S_ISLNK(mode)
    else:
        # Some say it only in the line for people (filexfer-02 7).
        first = long_name[:1] if long_name else b""
        is_folder, is_link = first in {b"d", "d"}, first in {b"l", "l"}
    return RemoteAttributes(found.size, int(found.mtime) if found.mtime is not None else None, is_folder, is_link)
