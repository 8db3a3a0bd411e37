"""The write-ahead log is copied beside the writer, stays bounded, and loses nothing when the process is killed."""

import os
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from sqlalchemy import text

from gateway.store.database import Database
from gateway.store.engine.checkpoints import Checkpoints
from gateway.store.engine.connections import CHECKPOINT_PAGES, WAL_BYTES_KEPT
from gateway.store.messages import staging
from gateway.store.messages.staging import PIECE_BYTES, Piece
from tests.migrated import migrate

PAGE_BYTES = 4_096
ROWS = 12  # pieces until the process is killed

# Writes one piece after the other and says of each that it is kept; checkpoints are always under way.
WRITER = """
import asyncio, os, sys
from gateway.store.engine import checkpoints
checkpoints.Checkpoints.__init__.__defaults__ = (64, checkpoints.LOG_BYTES_MAX)
from gateway.store.messages import staging
from gateway.store.database import Database

async def main():
    database = Database(sys.argv[1])
    database.start()
    number = 0
    while True:
        piece = staging.Piece("wire", number, os.urandom(300_000))
        unit = lambda connection: staging.stage(connection, "me", "m", [piece], 1, begins=number == 0)
        await database.write(unit)
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""


def kept(number, size=PIECE_BYTES):
    piece = Piece("wire", number, os.urandom(size))
    return lambda connection: staging.stage(connection, "me", "m", [piece], 1, begins=number == 0)


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(database)
    yield database
    database.close()


async def test_what_is_written_comes_into_the_database_beside_the_writer(database, tmp_path):
    database.start()
    before = (tmp_path / "store.db").stat().st_size
    for number in range(40):  # less than what makes a commit copy the log itself
        await database.write(kept(number))
    assert 40 * PIECE_BYTES < CHECKPOINT_PAGES * PAGE_BYTES
    # All of it but the last step.
    until(lambda: (tmp_path / "store.db").stat().st_size - before > 20 * PIECE_BYTES)


async def test_the_log_stays_bounded(database, tmp_path):
    database.start()
    longest = 0
    for number in range(150):
        await database.write(kept(number), durable=False)
        longest = max(longest, (tmp_path / "store.db-wal").stat().st_size)
    assert longest < 2 * WAL_BYTES_KEPT


def test_the_log_stays_bounded_where_another_checkpoint_is_always_under_way(database, tmp_path):
    """SQLite leaves its own out then, and says nothing: the writer has to wait for the other."""
    log_bytes_max = 4 * PIECE_BYTES
    log = tmp_path / "store.db-wal"
    connection = database.engine.connect()
    checkpoints = Checkpoints(database.engine, step_pages=1, log_bytes_max=log_bytes_max)
    try:
        connection.connection.dbapi_connection.execute(f"PRAGMA journal_size_limit={PIECE_BYTES}")
        longest = 0
        for number in range(60):
            with connection.begin():
                kept(number)(connection)
                checkpoints.note_commit(connection)
            checkpoints.bound_log(connection)
            longest = max(longest, log.stat().st_size)
    finally:
        connection.close()
        checkpoints.close()
    assert longest <= log_bytes_max + 2 * PIECE_BYTES


def test_small_commits_count_too_and_a_step_has_one_checkpoint(database):
    with database.engine.connect() as connection:
        checkpoints = Checkpoints(database.engine, step_pages=100)
        try:
            for _ in range(9):
                checkpoints.note_commit(connection)
            assert checkpoints.done == 0
            checkpoints.note_commit(connection)
            until(lambda: checkpoints.done == 1)
        finally:
            checkpoints.close()


def test_a_checkpoint_that_fails_ends_nothing(database, tmp_path):
    checkpoints = Checkpoints(database.engine, step_pages=1)
    try:
        with database.engine.connect() as connection:
            file, aside = tmp_path / "store.db", tmp_path / "aside.db"
            file.rename(aside)
            file.mkdir()  # cannot be opened
            checkpoints.note_commit(connection)
            until(lambda: not checkpoints._due.is_set())
            file.rmdir()
            aside.rename(file)
            until(lambda: checkpoints.note_commit(connection) or checkpoints.done)
    finally:
        checkpoints.close()


def test_no_thread_is_left_behind(database):
    database.start()
    assert "store-checkpoints" in {thread.name for thread in threading.enumerate()}
    database.close()
    assert "store-checkpoints" not in {thread.name for thread in threading.enumerate()}


def test_nothing_is_lost_when_the_process_is_killed(database, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, f"sqlite:///{tmp_path / 'store.db'}"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    last = -1
    with process:
        while last < ROWS:
            assert select.select([process.stdout], [], [], 30)[0], "it writes nothing"
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        last = max([last, *map(int, process.stdout.read().split())])
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with database.engine.connect() as connection:
        numbers = connection.scalars(text("SELECT piece FROM message_body ORDER BY piece")).all()
    assert numbers[: last + 1] == list(range(last + 1))
