"""Migrations: from nothing, again, by two at once, and never backwards."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from gateway.store import api_tables, sftp_tables, tables
from gateway.store.database import Database, StoreFault
from gateway.store.events import outbox
from gateway.store.schema import SchemaTooNew, _configuration, current_version, migrate

PROJECT = Path(__file__).parent.parent.parent
MIGRATE = """
import sys
from gateway.store.database import Database
from gateway.store.schema import migrate
database = Database(sys.argv[1])
sys.stdin.readline()
print(migrate(database))
database.close()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """Not migrated yet, unlike elsewhere."""
    return f"sqlite:///{tmp_path / 's.db'}" if request.param == "sqlite" else request.getfixturevalue("database_url")


@pytest.fixture
def empty(store_url):
    database = Database(store_url)
    yield database
    database.close()


def test_from_nothing_to_the_newest_and_again(empty):
    assert empty.read_now(current_version) is None
    version = migrate(empty)
    assert empty.read_now(current_version) == version
    assert migrate(empty) == version


def test_the_migrations_make_what_the_tables_say(store):
    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), SQLModel.metadata)

    registered = (tables.Message, api_tables.PartnerEvent, sftp_tables.MailboxFile)
    assert {table.__tablename__ for table in registered} <= set(SQLModel.metadata.tables)
    assert store.read_now(differences) == []


def test_partial_indexes_are_partial(store):
    def partial(connection):
        return {
            index["name"]
            for table in (
                "message",
                "outbox_event",
                "delivery",
                "dispatch",
                "purchase_order",
                "partner_event",
                "mailbox_file",
            )
            for index in inspect(connection).get_indexes(table)
            if any(option.endswith("_where") for option in index.get("dialect_options", {}))
        }

    assert store.read_now(partial) == {
        "message_waiting",
        "message_held",
        "message_apart",
        "delivery_inbox",
        "delivery_inbox_by_type",
        "delivery_inbox_over",
        "delivery_inbox_over_by_type",
        "delivery_inbox_by_lane",
        "delivery_mailbox_outbox",
        "delivery_mailbox_acknowledgments",
        "delivery_mailbox_archive",
        "mailbox_file_refused",
        "dispatch_due",
        "dispatch_waiting",
        "outbox_due",
        "outbox_lane_open",
        "delivery_due",
        "delivery_lane_open",
        "delivery_by_destination",
        "delivery_open_by_destination",
        "purchase_order_open",
        "partner_event_untold",
        "mailbox_file_shown",
    }


def test_events_of_an_earlier_version_come_through_the_migration(empty):
    """The table of events is rebuilt on SQLite: rows, indexes and the reference to the document stay."""
    config = _configuration()

    def to_0003(connection):
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(
            text(
                "INSERT INTO document VALUES "
                "('D','M','acme',1,0,'invoice','1','PO','accepted','{}','[]',0,'1.0',:body,1)"
            ),
            {"body": b"{}"},
        )
        connection.execute(
            text(
                "INSERT INTO outbox_event VALUES ('E','M','D','acme','invoice','received','1','/gateway',"
                "'2026-03-01T09:30:00Z','L',1,'M',NULL,1,'1.0','ready',0,0,NULL,NULL,'')"
            )
        )

    empty.write_now(to_0003)
    migrate(empty)
    (event,) = empty.write_now(lambda connection: outbox.claim(connection, "one", 5, lease_ms=1_000, limit=10))
    assert (event.id, event.document_id, event.body) == ("E", "D", b"{}")
    with pytest.raises(StoreFault):
        empty.write_now(lambda connection: connection.execute(text("UPDATE outbox_event SET document_id = 'nowhere'")))


def test_two_processes_at_once_both_find_it_migrated(store_url):
    migrating = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, store_url],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in migrating:
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=60) for process in migrating]
    assert [out for out, _ in ended] == ["0009\n"] * 3, ended


def test_a_newer_schema_is_refused_and_left_alone(store):
    store.write_now(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(SchemaTooNew, match="9999"):
        migrate(store)
    assert store.read_now(current_version) == "9999"


def test_a_migration_that_fails_leaves_nothing(empty):
    def half(connection):
        connection.execute(text("CREATE TABLE message (id TEXT PRIMARY KEY)"))

    empty.write_now(half)
    with pytest.raises(Exception, match="message"):
        migrate(empty)
    assert empty.read_now(lambda connection: inspect(connection).get_table_names()) == ["message"]
