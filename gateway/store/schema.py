"""The schema's version: migrated under a lock by whoever starts first, refused when it is newer than this program."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from gateway.store.database import Database

# One number for every node, so that two that start together migrate one after the other.
_MIGRATION_LOCK = 4_130_850_856


class SchemaTooNew(Exception):  # noqa: N818  # said of the schema
    """The database was written by a newer version of the gateway."""


def migrate(database: Database) -> str:
    """Bring the schema up to this program's version; returns that version.

    Raises:
        SchemaTooNew: the database's version is unknown here.
        StoreUnavailable: the database cannot be reached.
    """
    return database.write_now(_upgrade)


def current_version(connection: Connection) -> str | None:
    """The version the database is at; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_version() -> str:
    """The version that this program works with."""
    newest = ScriptDirectory.from_config(_configuration()).get_current_head()
    if newest is None:
        raise RuntimeError("this installation holds no migrations; install the package again")
    return newest


def _upgrade(connection: Connection) -> str:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    config = _configuration()
    scripts = ScriptDirectory.from_config(config)
    head = newest_version()
    version = current_version(connection)
    known = {script.revision for script in scripts.walk_revisions()}
    if version is not None and version not in known:
        raise SchemaTooNew(
            f"the database is at version {version}, which this program (up to {head}) does not know; "
            "run the newer program, or restore a backup that was made with this one"
        )
    if version != head:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return head


def _configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
