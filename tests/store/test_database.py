"""The one writer: groups, units that fail alone, and a database that is locked, full or gone."""

import asyncio
import gc
import os
import signal
import socket
import sqlite3
import threading
from contextlib import closing

import pytest
from sqlalchemy import make_url, text

from gateway.store import messages
from gateway.store.database import Database, StoreFault, StoreUnavailable
from gateway.store.engine.connections import split_tls
from gateway.store.engine.failures import failure_of
from gateway.store.oversight import operators
from gateway.store.oversight.operators import Role
from tests.migrated import migrate
from tests.store.stock import message_id, new_message


def put(number, **fields):
    return lambda connection: messages.accept(connection, new_message(number, **fields))


def numbers(database):
    rows = database.read_now(lambda connection: connection.execute(text("SELECT id FROM message ORDER BY id")).all())
    return [int(row.id) for row in rows]


class Gate:
    """A unit that stands still in the writer until it is opened, so that others queue behind it."""

    def __init__(self):
        self._entered = threading.Event()
        self._opened = threading.Event()

    def __call__(self, connection):
        self._entered.set()
        assert self._opened.wait(60)

    async def entered(self):
        assert await asyncio.to_thread(self._entered.wait, 60)

    def open(self):
        self._opened.set()


async def behind_a_gate(database, *units):
    """The outcomes of units that were committed as one group."""
    gate = Gate()
    held = database.submit(gate)
    await gate.entered()
    before = database.commits
    waiting = [database.submit(unit) for unit in units]
    gate.open()
    await held
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    return outcomes, database.commits - before - 1


async def test_units_are_committed_in_the_order_of_their_submission_and_in_one_group(writer):
    order = []

    def unit(number):
        def run(connection):
            order.append(number)
            return number

        return run

    outcomes, commits = await behind_a_gate(writer, *(unit(number) for number in range(100)))
    assert outcomes == order == list(range(100))
    assert commits == 1
    assert writer.units == 101


async def test_a_unit_that_raises_fails_alone_and_leaves_nothing(writer):
    def broken(connection):
        put(2)(connection)
        raise KeyError("mine")

    outcomes, commits = await behind_a_gate(writer, put(1), broken, put(3))
    assert isinstance(outcomes[1], KeyError)
    assert numbers(writer) == [1, 3]
    assert commits == 1


async def test_a_broken_constraint_is_a_fault_of_its_unit_alone(writer):
    def twice(connection):
        for _ in range(2):
            connection.execute(text("INSERT INTO claim (name, owner, until_ms) VALUES ('n', 'secret-payload', 1)"))

    outcomes, commits = await behind_a_gate(writer, put(1), twice, put(2))
    assert isinstance(outcomes[1], StoreFault)
    assert "INSERT" not in str(outcomes[1])
    assert "secret-payload" not in str(outcomes[1])
    assert numbers(writer) == [1, 2]
    assert commits == 1


async def test_what_the_drivers_own_cursor_raises_is_a_fault_as_well_and_tells_no_values(writer):
    def twice(connection):
        for _ in range(2):
            operators.add(connection, "the-digest", "eve", Role.ADMIN, 1)

    outcomes, commits = await behind_a_gate(writer, put(1), twice, put(2))
    assert isinstance(outcomes[1], StoreFault)
    assert "the-digest" not in str(outcomes[1])
    assert numbers(writer) == [1, 2]
    assert commits == 1


async def test_a_value_that_the_database_cannot_hold_is_a_fault(writer):
    def wrong(connection):
        connection.execute(text("INSERT INTO claim (name, owner, until_ms) VALUES ('n', NULL, 1)"))

    with pytest.raises(StoreFault):
        await writer.write(wrong)
    with pytest.raises(StoreFault):
        writer.write_now(wrong)


async def test_when_a_group_cannot_commit_each_unit_is_tried_alone(writer):
    """The third unit dooms whatever transaction it is in."""

    def dooming(connection):
        raise sqlite3.OperationalError("disk I/O error")

    outcomes, commits = await behind_a_gate(writer, put(1), put(2), dooming, put(4))
    assert isinstance(outcomes[2], StoreUnavailable)
    assert [outcomes[index].message_id for index in (0, 1, 3)] == [message_id(number) for number in (1, 2, 4)]
    assert numbers(writer) == [1, 2, 4]
    assert commits == 3


async def test_a_cancelled_caller_leaves_its_unit_to_be_committed(writer):
    gate = Gate()
    held = writer.submit(gate)
    await gate.entered()
    waiting = asyncio.create_task(writer.write(put(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.open()
    await held
    await writer.write(put(2))
    assert numbers(writer) == [1, 2]


async def test_too_many_waiting_units_are_refused(store_url, store):
    database = Database(store_url, queued_max=2)
    database.start()
    gate = Gate()
    held = database.submit(gate)
    await gate.entered()
    waiting = [database.submit(put(number)) for number in (1, 2)]
    assert database.waiting == 2
    with pytest.raises(StoreUnavailable, match="waiting"):
        database.submit(put(3))
    gate.open()
    await asyncio.gather(held, *waiting)
    await asyncio.to_thread(database.close)
    assert numbers(store) == [1, 2]


async def test_closing_finishes_what_is_queued_and_refuses_what_comes_later(store_url, store):
    database = Database(store_url)
    database.start()
    waiting = [database.submit(put(number)) for number in range(20)]
    await asyncio.to_thread(database.close)
    assert len(await asyncio.gather(*waiting)) == 20
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.write(put(30))
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.read(lambda connection: None)
    assert numbers(store) == list(range(20))


async def test_readers_see_what_was_committed_and_cannot_write(writer):
    await writer.write(put(1))
    assert await writer.read(lambda connection: messages.get(connection, message_id(1))) is not None
    if writer.is_sqlite:
        with pytest.raises(StoreUnavailable, match="readonly"):
            await writer.read(put(2))


@pytest.fixture
def sqlite_file(tmp_path, request):
    file = tmp_path / "alone.db"
    database = Database(f"sqlite:///{file}", busy_timeout_ms=50)
    migrate(database)
    database.start()
    yield file, database
    database.close()


async def test_a_locked_database_is_unavailable_for_all_that_wait_and_recovers(sqlite_file):
    file, database = sqlite_file
    await database.write(put(1))
    attempts = []
    connect = database._connect
    database._connect = lambda: attempts.append(1) or connect()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        gate = Gate()
        held = database.submit(gate)
        await gate.entered()
        waiting = [database.submit(put(number)) for number in range(2, 52)]
        gate.open()
        await held
        await asyncio.gather(*waiting)
        other.execute("BEGIN IMMEDIATE")
        locked = [database.submit(put(number)) for number in range(100, 150)]
        outcomes = await asyncio.gather(*locked, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
        assert len(attempts) <= 2, "nobody waits out the lock for each unit by itself"
        with pytest.raises(StoreUnavailable, match="locked"):
            database.write_now(put(200))
        assert len(numbers(database)) == 51, "readers go on"
        other.execute("ROLLBACK")
    await database.write(put(300))
    assert numbers(database)[-1] == 300


async def test_a_full_disk_is_unavailable_and_what_fits_goes_on(sqlite_file):
    _, database = sqlite_file

    def pages(connection):
        return connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    limit = await database.write(pages) + 40
    await database.write(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={limit}"))
    large = put(2, payload=b"x" * 1_048_576)
    outcomes, _ = await behind_a_gate(database, put(1), large)
    assert isinstance(outcomes[1], StoreUnavailable) or numbers(database) == [1, 2]
    full = Database(f"sqlite:///{sqlite_file[0]}")
    with full.engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count={limit}")
        with pytest.raises(Exception, match="full") as error:
            messages.accept(connection, new_message(3, payload=b"x" * 1_048_576))
        assert isinstance(failure_of(error.value), StoreUnavailable)
    full.close()
    await database.write(put(4))
    assert numbers(database)[-1] == 4


async def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    file = tmp_path / "text.db"
    file.write_bytes(b"this is no database at all, " * 100)
    database = Database(f"sqlite:///{file}")
    with pytest.raises(StoreUnavailable, match="not a database"):
        database.write_now(put(1))
    with pytest.raises(StoreUnavailable):
        database.read_now(lambda connection: None)
    database.close()


async def test_what_the_second_run_of_a_unit_finds_of_its_first_is_no_duplicate(writer):
    """A commit whose answer got lost is run again: the message is there, and it is ours."""
    for new in (put(1), put(2, transport_id=None)):
        first = await writer.write(new)
        assert await writer.write(new) == first
        assert not first.duplicate


@pytest.fixture
def postgresql(request):
    server = request.getfixturevalue("postgres")
    url = request.getfixturevalue("migrated_database_url")
    database = Database(url, answer_timeout_s=2)
    migrate(database)
    database.start()
    yield server, url, database
    server.resume()
    server.start()
    database.close()


def kill_connections(url):
    other = Database(url)
    other.write_now(
        lambda connection: connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    )
    other.close()


async def test_a_connection_that_was_cut_is_made_again_without_a_failure(postgresql):
    _, url, database = postgresql
    await database.write(put(1))
    await asyncio.to_thread(kill_connections, url)
    await database.write(put(2))
    assert await database.read(lambda connection: messages.get(connection, message_id(2))) is not None


async def test_a_connection_that_is_cut_under_a_unit_fails_or_repeats_it_and_the_next_succeeds(postgresql):
    _, url, database = postgresql
    cut = []

    def unit(connection):
        if not cut:
            cut.append(kill_connections(url))
        return put(1)(connection)

    outcomes, _ = await behind_a_gate(database, unit, put(2))
    assert [outcome.message_id for outcome in outcomes] == [message_id(1), message_id(2)]
    assert numbers(database) == [1, 2]


async def test_a_server_that_is_down_is_unavailable_and_recovers(postgresql):
    server, _, database = postgresql
    await database.write(put(1))
    await asyncio.to_thread(server.stop)
    outcomes = await asyncio.gather(*(database.write(put(number)) for number in range(2, 60)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    with pytest.raises(StoreUnavailable):
        await database.read(lambda connection: messages.get(connection, message_id(1)))
    with pytest.raises(StoreUnavailable):
        database.write_now(put(100))
    await asyncio.to_thread(server.start)
    await database.write(put(200))
    assert await asyncio.to_thread(numbers, database) == [1, 200]


# pg8000 leaves the socket of a login that ran out of time to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_server_that_answers_nobody_new_is_unavailable(postgresql):
    server, url, database = postgresql
    await database.write(put(1))
    await asyncio.to_thread(kill_connections, url)
    await asyncio.to_thread(server.suspend)
    outcomes = await asyncio.gather(*(database.write(put(number)) for number in (2, 3, 4)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    del outcomes
    gc.collect()
    await asyncio.to_thread(server.resume)
    await database.write(put(5))
    assert await asyncio.to_thread(numbers, database) == [1, 5]


async def test_a_connection_that_has_gone_silent_is_given_up_for_another(postgresql):
    _, _, database = postgresql
    silent = await database.write(lambda connection: connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    os.kill(silent, signal.SIGSTOP)
    try:
        assert (await database.write(put(1))).message_id == message_id(1)
    finally:
        os.kill(silent, signal.SIGCONT)
    await database.write(put(2))
    assert await asyncio.to_thread(numbers, database) == [1, 2]


def test_a_server_without_tls_is_refused_where_tls_is_required(database_url):
    database = Database(database_url + "?sslmode=require")
    with pytest.raises(StoreUnavailable, match="SSL"):
        database.read_now(lambda connection: None)
    database.close()


@pytest.mark.parametrize(
    ("mode", "verifies", "checks_name"),
    [("require", False, False), ("verify-ca", True, False), ("verify-full", True, True)],
)
def test_sslmode_means_what_libpq_means_by_it(mode, verifies, checks_name):
    url, context = split_tls(make_url(f"postgresql+pg8000://h/db?sslmode={mode}&application_name=a"))
    assert dict(url.query) == {"application_name": "a"}
    assert (context.verify_mode.name == "CERT_REQUIRED", context.check_hostname) == (verifies, checks_name)


@pytest.mark.parametrize("query", ["sslmode=maybe", "sslmode=verify-full&sslrootcert=/no/such/file"])
def test_what_sslmode_cannot_mean_is_told(query):
    with pytest.raises(ValueError, match=r"sslmode|sslrootcert"):
        split_tls(make_url(f"postgresql+pg8000://h/db?{query}"))


def test_large_messages_to_the_server_do_not_wait_for_its_acknowledgments(database_url):
    database = Database(database_url)
    with database.engine.connect() as connection:
        sock = connection.connection.dbapi_connection._usock
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    database.close()


def test_without_tls_nothing_is_asked_for():
    url, context = split_tls(make_url("postgresql+pg8000://h/db?sslmode=prefer"))
    assert (str(url), context) == ("postgresql+pg8000://h/db", None)


@pytest.mark.parametrize("synchronous", ["FULL", "OFF"])
async def test_only_commits_that_say_so_do_not_wait_for_the_disk(tmp_path, synchronous):
    database = Database(f"sqlite:///{tmp_path / 'store.db'}", synchronous=synchronous)
    database.start()

    def mode(connection):
        return connection.exec_driver_sql("PRAGMA synchronous").scalar()

    full, normal = (2, 1) if synchronous == "FULL" else (0, 0)
    try:
        asked = [await database.write(mode, durable=durable) for durable in (True, False, False, True)]
        assert asked == [full, normal, normal, full]
        together = [database.submit(mode, durable=False), database.submit(mode)]
        assert await together[1] == full
    finally:
        await together[0]
        database.close()


async def test_on_postgresql_only_commits_that_say_so_do_not_wait_for_the_disk(database_url):
    database = Database(database_url)
    database.start()

    def mode(connection):
        return connection.exec_driver_sql("SHOW synchronous_commit").scalar()

    try:
        assert [await database.write(mode, durable=durable) for durable in (True, False, True)] == ["on", "off", "on"]
    finally:
        database.close()
