"""Migrated databases in a moment: migrating takes up to a second, and more than a thousand tests want one each."""

import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url, text
from sqlmodel import SQLModel

from gateway.store import schema, tables
from gateway.store.database import Database
from gateway.store.events import outbox
from tests.services.postgres import create_database, drop_database

__all__ = ["KeptDatabase", "migrate"]

assert tables.Message.__tablename__ in SQLModel.metadata.tables, outbox  # the modules that declare the tables
_KEPT = set[str]()
"""The names of the PostgreSQL databases that are kept migrated."""

SCHEMA = """
    SELECT md5(string_agg(what, ' ' ORDER BY what)) FROM (
        SELECT format('%s.%s %s %s', attrelid::regclass, attname, atttypid, attnotnull)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped
    ) AS columns (what)
"""
OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
COUNTERS = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"


def migrate(database: Database) -> None:
    """Bring a database to this program's version: a new SQLite file is a copy of one that was migrated."""
    name = database.engine.url.database
    assert name is not None
    if not database.is_sqlite:
        if name not in _KEPT:
            schema.migrate(database)
        return
    file = Path(name)
    if file.exists() and file.stat().st_size:
        schema.migrate(database)
    else:
        file.write_bytes(_new_file())


@lru_cache(maxsize=1)
def _new_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "migrated.db"
        database = Database(f"sqlite:///{file}")
        try:
            schema.migrate(database)
        finally:
            database.close()
        return file.read_bytes()


@dataclass
class KeptDatabase:
    """A migrated PostgreSQL database that one test after the other finds empty; a new one where a test changed it."""

    server_url: str
    _url: str | None = None
    _schema: str = field(default="", repr=False)

    def emptied(self) -> str:
        """The URL of the database, with nothing in it and nobody connected."""
        if self._url is not None and not self._empty():
            self.drop()
        if self._url is None:
            self._make()
        assert self._url is not None
        return self._url

    def drop(self) -> None:
        if self._url is not None:
            drop_database(self.server_url, self._url)
            self._url = None

    def _make(self) -> None:
        url = create_database(self.server_url)
        database = Database(url)
        try:
            schema.migrate(database)
            self._schema = database.read_now(_schema_of)
        finally:
            database.close()
        _KEPT.add(str(make_url(url).database))
        self._url = url

    def _empty(self) -> bool:
        """Whether the schema is still what it was; then nothing is in it any more."""
        assert self._url is not None
        engine = create_engine(self._url)
        try:
            with engine.begin() as connection:
                connection.execute(text(OTHERS))
                if _schema_of(connection) != self._schema:
                    return False
                deletions = "".join(f'DELETE FROM "{table}"; ' for table in reversed(_tables()))
                connection.execute(text(f"DO $$ BEGIN {deletions} END $$"))
                connection.execute(text(COUNTERS))
                return True
        finally:
            engine.dispose()


def _schema_of(connection: Connection) -> str:
    return str(connection.execute(text(SCHEMA)).scalar_one())


def _tables() -> list[str]:
    """Those that others refer to come first."""
    return [table.name for table in SQLModel.metadata.sorted_tables]
