"""The door to the database: one writer thread that commits in groups, and readers beside it.

A *unit of work* is a plain function of a connection. The writer takes whatever units queued while the last commit ran,
runs each under a savepoint and commits them together: no timer, one sync of the disk for many units, and a unit that
fails, fails alone. A unit may be run a second time (alone) when its group could not commit, so it must not change
anything outside its connection.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool, QueuePool

T = TypeVar("T")
Unit = Callable[[Connection], T]

GROUP_UNITS_MAX = 256
READERS_MAX = 4
BUSY_TIMEOUT_MS = 5_000

# Errors that put the whole transaction in doubt: locked, full, gone. Statements of the hot path run on the driver's
# own cursor, so the driver's class stands beside SQLAlchemy's.
_TRANSACTION_ERRORS = (OperationalError, sqlite3.OperationalError)


class StoreUnavailable(Exception):  # noqa: N818  # said of the store, answered with 503
    """The database cannot commit now (locked, full, unreachable). Nothing of the unit was kept; try again later."""


@dataclass(slots=True)
class _Job:
    unit: Unit[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
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
    """

    def __init__(
        self,
        url: str,
        *,
        queued_max: int = 4_096,
        synchronous: str = "FULL",
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    ) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self._synchronous = synchronous
        self._busy_timeout_ms = busy_timeout_ms
        self.engine = self._create_engine(url, writes=True)
        self._reader_engine = self._create_engine(url, writes=False) if self.is_sqlite else self.engine
        self._jobs: queue.Queue[_Job | None] = queue.Queue(queued_max)
        self._readers = ThreadPoolExecutor(READERS_MAX, thread_name_prefix="store-reader")
        self._writer: threading.Thread | None = None
        self.commits = 0
        self.units = 0

    @property
    def waiting(self) -> int:
        """Units that wait for the writer now."""
        return self._jobs.qsize()

    def start(self) -> None:
        """Start the writer. Commands that write a single unit use `write_now` and need no writer."""
        self._writer = threading.Thread(target=self._write_groups, name="store-writer", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Let the writer finish what is queued, then close every connection."""
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join()
            self._writer = None
        self._readers.shutdown(wait=True)
        self.engine.dispose()
        self._reader_engine.dispose()

    async def write(self, unit: Unit[T]) -> T:
        """Run a unit in the writer and return its result once it is durable.

        Raises:
            StoreUnavailable: it could not be committed; nothing of it was kept.
            Exception: what the unit itself raised; nothing of it was kept.
        """
        return await self.submit(unit)

    def submit(self, unit: Unit[T]) -> asyncio.Future[T]:
        """Queue a unit now; units are committed in the order in which they were submitted.

        Raises:
            StoreUnavailable: too many units wait already.
        """
        loop = asyncio.get_running_loop()
        job = _Job(unit, loop, loop.create_future())
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise StoreUnavailable("too many writes are waiting for the database") from None
        return job.future

    def write_now(self, unit: Unit[T]) -> T:
        """Run a unit in a transaction of its own, in this thread."""
        try:
            with self.engine.begin() as connection:
                return unit(connection)
        except (DBAPIError, sqlite3.Error) as error:
            raise _unavailable(error) from error

    async def read(self, unit: Unit[T]) -> T:
        """Run a reading unit on a connection of its own, beside the writer."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, unit)

    def read_now(self, unit: Unit[T]) -> T:
        """Run a reading unit in this thread.

        Raises:
            StoreUnavailable: the database cannot be read now.
        """
        try:
            with self._reader_engine.connect() as connection:
                return unit(connection)
        except (DBAPIError, sqlite3.Error) as error:
            raise _unavailable(error) from error

    def _create_engine(self, url: str, *, writes: bool) -> Engine:
        if not self.is_sqlite:
            return create_engine(url, pool_size=READERS_MAX + 2, pool_pre_ping=True, pool_timeout=10)
        # The writer keeps its one connection; other writes of a process (commands) open their own.
        pool = NullPool if writes else QueuePool
        engine = create_engine(url, poolclass=pool, connect_args={"check_same_thread": False})
        begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

        @event.listens_for(engine, "connect")
        def _connected(connection: Any, _record: object) -> None:  # noqa: ANN401  # the driver's own type
            connection.isolation_level = None  # we say BEGIN ourselves
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={self._busy_timeout_ms}")
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute(f"PRAGMA synchronous={self._synchronous}")
            cursor.execute("PRAGMA foreign_keys=ON")
            if not writes:
                cursor.execute("PRAGMA query_only=ON")
            cursor.close()

        @event.listens_for(engine, "begin")
        def _begun(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    def _write_groups(self) -> None:
        connection: Connection | None = None
        stopping = False
        while not stopping:
            jobs, stopping = self._next_group()
            if not jobs:
                continue
            try:
                if connection is None:
                    connection = self.engine.connect()
                self._commit_group(connection, jobs)
            except Exception as error:  # noqa: BLE001  # the writer must outlive whatever happens to one group
                _discard(connection)
                connection = None
                if len(jobs) == 1:
                    jobs[0].error = _unavailable(error)
                else:
                    self._commit_one_by_one(jobs)
            _deliver(jobs)
        if connection is not None:
            connection.close()

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

    def _commit_group(self, connection: Connection, jobs: Sequence[_Job]) -> None:
        """Run the units under savepoints and commit.

        Raises:
            Exception: the group as a whole could not be committed; nothing of it was kept.
        """
        with connection.begin():
            cursor = connection.connection.cursor()
            for job in jobs:
                job.result = job.error = None
                cursor.execute("SAVEPOINT unit")
                try:
                    job.result = job.unit(connection)
                except _TRANSACTION_ERRORS:
                    raise
                except Exception as failure:  # noqa: BLE001  # the unit's own failure belongs to its caller alone
                    # Where the connection itself is gone this raises, and the group is tried one by one.
                    cursor.execute("ROLLBACK TO SAVEPOINT unit")
                    job.error = _unavailable(failure) if isinstance(failure, DBAPIError) else failure
                cursor.execute("RELEASE SAVEPOINT unit")
            cursor.close()
        self.commits += 1
        self.units += len(jobs)

    def _commit_one_by_one(self, jobs: Sequence[_Job]) -> None:
        """The group could not commit: find out which of its units can, each on a fresh connection."""
        for job in jobs:
            try:
                with self.engine.connect() as connection:
                    self._commit_group(connection, [job])
            except Exception as failure:  # noqa: BLE001  # handed to the caller of the unit
                job.error = _unavailable(failure)


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


def _unavailable(error: Exception) -> StoreUnavailable:
    """The driver's own words, without the statement and its parameters (they hold payload)."""
    failure = StoreUnavailable(str(error.orig) if isinstance(error, DBAPIError) else str(error))
    failure.__cause__ = error
    return failure
