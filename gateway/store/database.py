"""The door to the database: one writer thread that commits in groups, and readers beside it.

A *unit of work* is a plain function of a connection. The writer takes whatever units queued while the last commit ran,
runs each under a savepoint and commits them together: no timer, one sync of the disk for many units, and a unit that
fails, fails alone. A unit may be run a second time (alone) when its group could not commit, so it must not change
anything outside its connection.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from gateway.store.engine.checkpoints import Checkpoints
from gateway.store.engine.connections import postgresql_engine, sqlite_engine
from gateway.store.engine.failures import StoreFault, StoreUnavailable, failure_of, is_database_error, means_unavailable
from gateway.store.engine.units import units_of

__all__ = ["BUSY_TIMEOUT_MS", "Database", "StoreFault", "StoreUnavailable", "Unit"]

T = TypeVar("T")
Unit = Callable[[Connection], T]

GROUP_UNITS_MAX = 256
READERS_MAX = 4
BUSY_TIMEOUT_MS = 5_000
ANSWER_TIMEOUT_S = 30.0


class _NotBegun(Exception):  # noqa: N818  # a word between two functions of this file
    """No transaction could be begun, so no unit of the group was run."""


@dataclass(slots=True)
class _Job:
    unit: Unit[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    durable: bool = True
    result: Any = None
    error: Exception | None = None


class Database:
    """The store of one process.

    Args:
        url: SQLAlchemy URL, ``sqlite:///FILE`` or ``postgresql+pg8000://``.
        queued_max: units that may wait for the writer; one more is refused with StoreUnavailable.
        synchronous: SQLite's ``synchronous`` pragma. FULL is what makes an acknowledgment true; a test takes it away
            to show that it would notice.
        busy_timeout_ms: how long SQLite waits for another process's write lock.
        answer_timeout_s: how long PostgreSQL may stay silent before its connection counts as dead.
    """

    def __init__(
        self,
        url: str,
        *,
        queued_max: int = 4_096,
        synchronous: str = "FULL",
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            self.engine, self._reader_engine = (
                sqlite_engine(url, writes=writes, synchronous=synchronous, busy_timeout_ms=busy_timeout_ms)
                for writes in (True, False)
            )
        else:
            self.engine = self._reader_engine = postgresql_engine(url, answer_timeout_s=answer_timeout_s)
        self._jobs: queue.Queue[_Job | None] = queue.Queue(queued_max)
        self._readers = ThreadPoolExecutor(READERS_MAX, thread_name_prefix="store-reader")
        self._writer: threading.Thread | None = None
        self._checkpoints: Checkpoints | None = None
        self._closed = False
        self.commits = 0
        self.units = 0

    @property
    def is_started(self) -> bool:
        """Whether the writer runs: without it a unit would wait for ever."""
        return self._writer is not None

    @property
    def waiting(self) -> int:
        """Units that wait for the writer now."""
        return self._jobs.qsize()

    def start(self) -> None:
        """Start the writer. Commands that write a single unit use `write_now` and need no writer."""
        if self.is_sqlite:
            self._checkpoints = Checkpoints(self.engine)
        self._writer = threading.Thread(target=self._write_groups, name="store-writer", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Let the writer finish what is queued, then close every connection; what comes later is refused."""
        self._closed = True
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join()
            self._writer = None
        if self._checkpoints is not None:
            self._checkpoints.close()
            self._checkpoints = None
        _deliver(self._refuse_queued())
        self._readers.shutdown(wait=True)
        self.engine.dispose()
        self._reader_engine.dispose()

    async def write(self, unit: Unit[T], *, durable: bool = True) -> T:
        """Run a unit in the writer and return its result once it is durable.

        Args:
            unit: what to do.
            durable: False where a loss of power may take it back, because it would only be done again (claims,
                confirms): such a commit does not wait for the disk. It survives the end of the process all the same.

        Raises:
            StoreUnavailable: it could not be committed; nothing of it was kept.
            StoreFault: the database refused it for good; nothing of it was kept.
            Exception: what the unit itself raised; nothing of it was kept.
        """
        return await self.submit(unit, durable=durable)

    def submit(self, unit: Unit[T], *, durable: bool = True) -> asyncio.Future[T]:
        """Queue a unit now; units are committed in the order in which they were submitted.

        A unit is committed even if nobody waits for its future any more.

        Raises:
            StoreUnavailable: too many units wait already, or the store is closed.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        loop = asyncio.get_running_loop()
        job = _Job(unit, loop, loop.create_future(), durable)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise StoreUnavailable("too many writes are waiting for the database") from None
        return job.future

    def write_now(self, unit: Unit[T]) -> T:
        """Run a unit in a transaction of its own, in this thread.

        Raises:
            StoreUnavailable: it could not be committed; nothing of it was kept.
            StoreFault: the database refused it for good; nothing of it was kept.
            Exception: what the unit itself raised; nothing of it was kept.
        """
        try:
            with self.engine.begin() as connection:
                return unit(connection)
        except Exception as error:
            if is_database_error(error):
                raise failure_of(error) from None
            raise

    async def read(self, unit: Unit[T]) -> T:
        """Run a reading unit on a connection of its own, beside the writer; raises what `read_now` raises."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, unit)

    def read_now(self, unit: Unit[T]) -> T:
        """Run a reading unit in this thread.

        Raises:
            StoreUnavailable: the database cannot be read now.
            StoreFault: the database refused the question for good.
        """
        try:
            with self._reader_engine.connect() as connection:
                return unit(connection)
        except Exception as error:
            if is_database_error(error):
                raise failure_of(error) from None
            raise

    def _write_groups(self) -> None:
        connection: Connection | None = None
        stopping = False
        while not stopping:
            jobs, stopping = self._next_group()
            if jobs:
                connection = self._commit(connection, jobs)
                _deliver(jobs)
        _discard(connection)

    def _commit(self, connection: Connection | None, jobs: Sequence[_Job]) -> Connection | None:
        """Commit a group, or find out which of its units can be; returns the connection to go on with."""
        # SQLite's connection cannot go stale; where it cannot begin, another process holds the database.
        is_kept = connection is not None and not self.is_sqlite
        try:
            connection = connection or self._connect()
            self._commit_group(connection, jobs)
        except Exception as error:  # noqa: BLE001  # the writer must outlive whatever happens to one group
            _discard(connection)
            begun = not isinstance(error, _NotBegun)
            if is_kept or (begun and len(jobs) > 1):
                self._commit_one_by_one(jobs)
            else:
                _fail(jobs, error)
            return None
        return connection

    def _connect(self) -> Connection:
        try:
            return self.engine.connect()
        except Exception as error:
            raise _NotBegun from error

    def _next_group(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == GROUP_UNITS_MAX:
                return jobs, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, False
        return jobs, True

    def _refuse_queued(self) -> list[_Job]:
        """What slipped in behind the writer's last group."""
        jobs = []
        with suppress(queue.Empty):
            while True:
                if (job := self._jobs.get_nowait()) is not None:
                    job.error = StoreUnavailable("the store is closed")
                    jobs.append(job)
        return jobs

    def _commit_group(self, connection: Connection, jobs: Sequence[_Job]) -> None:
        """Run the units under savepoints and commit.

        Raises:
            _NotBegun: no unit was run.
            Exception: the group as a whole could not be committed; the connection is of no more use.
        """
        try:
            units = units_of(connection)
            units.choose_durability(waits_for_disk=any(job.durable for job in jobs))
            transaction = connection.begin()
            units.begin_units()
        except Exception as error:
            raise _NotBegun from error
        last = jobs[-1]
        for job in jobs:
            job.result = job.error = None
            try:
                job.result = job.unit(connection)
                if job is last:
                    # What the others posted is sent with those after them.
                    units.flush()
            except Exception as failure:
                if is_database_error(failure) and means_unavailable(failure):
                    raise
                # The unit's own failure belongs to its caller alone. Where the connection is gone this raises.
                units.undo_unit()
                job.error = failure_of(failure)
            if job is not last:
                units.next_unit()
        if self._checkpoints is not None:
            self._checkpoints.note_commit(connection)
        transaction.commit()
        if self._checkpoints is not None:
            self._checkpoints.bound_log(connection)
        self.commits += 1
        self.units += len(jobs)

    def _commit_one_by_one(self, jobs: Sequence[_Job]) -> None:
        """The group could not commit: find out which of its units can, each on a fresh connection."""
        for index, job in enumerate(jobs):
            connection: Connection | None = None
            try:
                connection = self._connect()
                self._commit_group(connection, [job])
            except _NotBegun as error:
                # It would be the same for every other one, and each would wait its full time.
                _discard(connection)
                _fail(jobs[index:], error)
                return
            except Exception as failure:  # noqa: BLE001  # handed to the caller of the unit
                _discard(connection)
                _fail([job], failure)
            else:
                connection.close()


def _fail(jobs: Sequence[_Job], error: Exception) -> None:
    """Each caller gets an exception of its own: one raised in several tasks would gather all their tracebacks."""
    cause = error.__cause__ if isinstance(error, _NotBegun) and isinstance(error.__cause__, Exception) else error
    for job in jobs:
        job.error = failure_of(cause)


def _deliver(jobs: Sequence[_Job]) -> None:
    """Hand the results over with one wake-up of each event loop, not one a unit."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, done in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more, what was committed stays
            loop.call_soon_threadsafe(_resolve, done)


def _resolve(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue  # the caller was cancelled meanwhile
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)


def _discard(connection: Connection | None) -> None:
    if connection is not None:
        with suppress(Exception):
            connection.invalidate()
        with suppress(Exception):
            connection.close()
