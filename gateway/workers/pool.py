"""The pool of worker processes: each job has one to itself, and a job that takes too long is killed with it."""

import asyncio
import logging
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.settings import ENVIRONMENT_PREFIX
from gateway.workers.frames import (
    LENGTH_BYTES,
    Batch,
    Call,
    Done,
    Failure,
    Frame,
    Job,
    Returned,
    Tables,
    decode,
    encode,
    encode_naming,
)
from translators.catalog import TranslatedDocument, TranslationResult
from translators.guide import ReadingRules

FRAME_BYTES_MAX = 512 * 1_048_576
STREAM_BYTES = 1_048_576
TABLE_ROWS_HELD_MAX = 200_000  # of tables of identifiers, by one worker: about 60 MB
_TEMPORARY_FILES = Path(tempfile.gettempdir())

T = TypeVar("T")

log = logging.getLogger(__name__)


class WorkerFailed(Exception):  # noqa: N818  # said of the worker; the message is parked
    """The worker died, ran out of time or memory, or met a fault of ours. The text never holds payload."""


@dataclass(frozen=True, slots=True)
class PiecedBody:
    """A body that is handed over piece by piece, so that it is nowhere in memory as a whole."""

    length: int
    pieces: AsyncIterator[bytes]

    def __len__(self) -> int:
        """Bytes of all pieces together; they must be as many."""
        return self.length


class WorkerPool:
    """Starts workers when they are needed, up to a number, and keeps them for the next job.

    Args:
        processes_max: workers at the same time; further jobs wait for one.
        memory_bytes_max: address space of each (RLIMIT_AS).
        timeout_s: wall-clock time of a job.
        spool_dir: where a worker puts a body that is handed to it piece by piece.
    """

    def __init__(
        self,
        *,
        processes_max: int,
        memory_bytes_max: int,
        timeout_s: float,
        spool_dir: Path = _TEMPORARY_FILES,
    ) -> None:
        self._places = asyncio.Semaphore(processes_max)
        self._memory_bytes_max = memory_bytes_max
        self._timeout_s = timeout_s
        self._spool_dir = spool_dir
        self._idle: list[Process] = []
        # With the rows of each table that it holds.
        self._all: dict[Process, dict[str, int]] = {}

    async def translate(
        self, data: "bytes | PiecedBody", rules: ReadingRules, content_type: str
    ) -> AsyncGenerator[list[TranslatedDocument] | TranslationResult, None]:
        """Translate a body in a worker: batches of documents as they come, the result at the end.

        Raises:
            WorkerFailed: nothing more will come; what came before is void.
            Exception: what the pieces of the body raised.
        """
        async with self._turn() as turn:
            async with turn.clock.running():
                if isinstance(data, bytes):
                    job = Job(data, rules, content_type)
                else:
                    job = Job(None, rules, content_type, len(data))
                await self._send(turn.worker, job)
            if not isinstance(data, bytes):
                left = len(data)
                # What the pieces take to come is not the worker's time.
                async for piece in data.pieces:
                    left -= len(piece)
                    if left < 0:
                        break  # a worker would take what is too much for its next job
                    async with turn.clock.running():
                        await _write(turn.worker, piece)
                if left:
                    raise WorkerFailed("the body has another length than it was said to have")
            while not turn.finished:
                async with turn.clock.running():
                    frame = await _receive(turn.worker)
                if isinstance(frame, Batch):
                    yield list(frame.documents)
                elif isinstance(frame, Done):
                    # Before the caller gets it: most stop listening once they have the result.
                    turn.finished = True
                    yield frame.result
                else:
                    raise _failed(frame)

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """What a function of a module returns, run in a worker; function, arguments and value must be picklable.

        Raises:
            WorkerFailed: it returned nothing.
        """
        async with self._turn() as turn, turn.clock.running():
            await self._send(turn.worker, Call(function, arguments))
            frame = await _receive(turn.worker)
            if not isinstance(frame, Returned):
                raise _failed(frame)
            turn.finished = True
            value: T = frame.value
            return value

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator["_Turn"]:
        """A worker of one's own; it is killed where its job is not finished."""
        async with self._places:
            worker = self._rested() or await self._start()
            # Only what the worker takes counts; between two batches the caller may have to wait for the store.
            turn = _Turn(worker, _Clock(self._timeout_s))
            try:
                yield turn
            except TimeoutError:
                raise WorkerFailed(f"the worker took longer than {self._timeout_s:g} s and was stopped") from None
            except (ConnectionError, asyncio.IncompleteReadError):
                raise WorkerFailed("the worker died, most likely of its memory limit") from None
            finally:
                if turn.finished:
                    self._idle.append(worker)
                else:
                    await self._kill(worker)

    async def close(self) -> None:
        """End every worker."""
        for worker in list(self._all):
            await self._kill(worker)
        self._idle.clear()

    def _rested(self) -> Process | None:
        """A worker that waits for its next job; one that was killed while it waited is of no use."""
        while self._idle:
            worker = self._idle.pop()
            if worker.returncode is None:
                return worker
            self._all.pop(worker, None)
        return None

    async def _start(self) -> Process:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.workers.child", str(self._memory_bytes_max), str(os.getpid())),
            str(self._spool_dir),
            stdin=PIPE,
            stdout=PIPE,
            limit=STREAM_BYTES,
            # What a partner's mapping runs beside has no business with our passphrase and passwords.
            env={name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)},
        )
        self._all[worker] = {}
        return worker

    async def _send(self, worker: Process, job: Job | Call) -> None:
        """A job, and before it the tables that it names and this worker has not got."""
        frame, named = encode_naming(job)
        held = self._all.get(worker, {})
        lacking = [table for digest, table in named.items() if digest not in held]
        if lacking:
            rows = sum(held.values()) + sum(len(table.ours) for table in lacking)
            if is_full := rows > TABLE_ROWS_HELD_MAX:
                held.clear()
                lacking = list(named.values())
            await _write(worker, encode(Tables(tuple(lacking), only=is_full)))
            held.update((table.digest, len(table.ours)) for table in lacking)
        await _write(worker, frame)

    async def _kill(self, worker: Process) -> None:
        self._all.pop(worker, None)
        with suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()


class _Clock:
    """Runs down while somebody waits; TimeoutError when nothing is left."""

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(self._left_s):
            yield
        self._left_s -= loop.time() - began


@dataclass(slots=True)
class _Turn:
    """One job's hold of a worker."""

    worker: Process
    clock: _Clock
    finished: bool = False


def _failed(frame: Frame) -> WorkerFailed:
    if isinstance(frame, Failure):
        log.error("a worker met a fault", extra={"error": frame.error, "places": frame.traceback})
        return WorkerFailed(f"translation failed with {frame.error}")
    return WorkerFailed("the worker sent what nobody asked for")


async def _write(worker: Process, data: bytes) -> None:
    if worker.stdin is None:
        raise WorkerFailed("the worker has no standard input")
    worker.stdin.write(data)
    await worker.stdin.drain()


async def _receive(worker: Process) -> Frame:
    if worker.stdout is None:
        raise WorkerFailed("the worker has no standard output")
    length = int.from_bytes(await worker.stdout.readexactly(LENGTH_BYTES), "big")
    if length > FRAME_BYTES_MAX:
        raise WorkerFailed("the worker sent a frame larger than any it should")
    return decode(await worker.stdout.readexactly(length))
