"""SQLite's write-ahead log is copied into the database beside the writer.

By itself SQLite has the commit that makes the log too long copy all of it, with two syncs of the disk, while every
other unit waits: while a large message comes in, a quarter of a second again and again. A *passive* checkpoint on a
connection of its own makes nobody wait. It ends before the log does where the writer goes on meanwhile; what is left is
little, and SQLite's own checkpoint (`connections.CHECKPOINT_PAGES`), which bounds the log as before, finds only that.
To be killed in the middle of one is nothing special: the log stays whole until it is begun anew, which only a writer
does that finds all of it copied and synced.
"""

import threading
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine

# The log is copied whenever it has grown by about so much.
STEP_PAGES = 4_000
# What a commit writes again of pages that are there already.
COMMIT_PAGES = 10


class Checkpoints:
    """The checkpoints of one process, in a thread of their own.

    Args:
        engine: of the writer. Its pragmas hold here, too: a checkpoint that does not sync would lose data.
        step_pages: how often.
    """

    def __init__(self, engine: Engine, step_pages: int = STEP_PAGES) -> None:
        self._engine = engine
        self._step_pages = step_pages
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
                cursor = connection.cursor()
                cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
                cursor.fetchall()
                cursor.close()
                self.done += 1
        if connection is not None:
            with suppress(Exception):
                connection.close()
