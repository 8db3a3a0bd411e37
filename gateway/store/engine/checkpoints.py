"""SQLite's write-ahead log is copied into the database beside the writer.

By itself SQLite has the commit that makes the log too long copy all of it, with two syncs of the disk, while every
other unit waits: while a large message comes in, a quarter of a second again and again. A *passive* checkpoint on a
connection of its own makes nobody wait. It ends before the log does where the writer goes on meanwhile; what is left is
little, and SQLite's own checkpoint (`connections.CHECKPOINT_PAGES`) finds only that. Its own is left out, though, while
another is under way; on a slow disk that may be always, so what bounds the log is that the writer waits (`bound_log`).
To be killed in the middle of one is nothing special: the log stays whole until it is begun anew, which only a writer
does that finds all of it copied and synced.
"""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from gateway.store.engine.connections import WAL_BYTES_KEPT

# The log is copied whenever it has grown by about so much.
STEP_PAGES = 4_000
# What a commit writes again of pages that are there already.
COMMIT_PAGES = 10
# From here on the writer copies the log itself. A log that was begun anew is cut to `WAL_BYTES_KEPT`, so its file is
# longer only while the log is.
LOG_BYTES_MAX = WAL_BYTES_KEPT * 3 // 2


class Checkpoints:
    """The checkpoints of one process, in a thread of their own.

    Args:
        engine: of the writer. Its pragmas hold here, too: a checkpoint that does not sync would lose data.
        step_pages: how often.
        log_bytes_max: how long the log may become before the writer waits for it.
    """

    def __init__(self, engine: Engine, step_pages: int = STEP_PAGES, log_bytes_max: int = LOG_BYTES_MAX) -> None:
        self._engine = engine
        self._step_pages = step_pages
        self._log = Path(f"{engine.url.database}-wal")
        self._log_bytes_max = log_bytes_max
        self._one_at_a_time = threading.Lock()
        self._pages: int | None = None
        self._written_pages = 0
        self._due = threading.Event()
        self._ends = False
        self.done = 0
        self._thread = threading.Thread(target=self._run, name="store-checkpoints", daemon=True)
        self._thread.start()

    def note_commit(self, connection: Connection) -> None:
        """Called by the writer at the end of each transaction.

        How long the log is SQLite tells only to those who checkpoint; how much the database grows is near enough.
        """
        driver: Any = connection.connection.dbapi_connection
        ((pages,),) = driver.execute("PRAGMA page_count").fetchall()
        self._written_pages += COMMIT_PAGES + max(pages - (self._pages or pages), 0)
        self._pages = pages
        if self._written_pages >= self._step_pages:
            self._written_pages = 0
            self._due.set()

    def bound_log(self, connection: Connection) -> None:
        """Called by the writer after each transaction: copies the log where it has become too long beside it."""
        # What fails here has failed after the commit: the commit stands, and the next one tries again.
        with suppress(Exception):
            if self._log.stat().st_size > self._log_bytes_max:
                with self._one_at_a_time:
                    _checkpoint(connection.connection.dbapi_connection)

    def close(self) -> None:
        """End the thread; a checkpoint that is under way is finished."""
        self._ends = True
        self._due.set()
        self._thread.join()

    def _run(self) -> None:
        connection = None
        while self._due.wait() and not self._ends:
            self._due.clear()
            # Where it fails (no room on the disk, say) SQLite's own will, too, and tells the writer.
            with suppress(Exception):
                connection = connection or self._engine.raw_connection()
                with self._one_at_a_time:
                    _checkpoint(connection)
                self.done += 1
        if connection is not None:
            with suppress(Exception):
                connection.close()


def _checkpoint(driver: Any) -> None:  # noqa: ANN401  # the driver's own type
    cursor = driver.cursor()
    cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
    cursor.fetchall()
    cursor.close()
