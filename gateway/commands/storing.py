"""The store as commands use it: opened for one call, and who calls."""

import getpass
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from sqlalchemy import Connection, inspect

from gateway.commands.parsing import Unusable
from gateway.flow.operations import Actor
from gateway.settings import DATABASE_FILE, Settings
from gateway.store.database import Database, StoreUnavailable

T = TypeVar("T")


@contextmanager
def reading(settings: Settings) -> Iterator[Database]:
    """The database for a command that reads; it must be there already."""
    _must_exist(settings)
    with _opened(settings) as database:
        if not database.read_now(_has_tables):
            raise Unusable(f"there is nothing in the database of {settings.data_dir} yet; `gateway serve` prepares it")
        yield database


@contextmanager
def changing(settings: Settings, *, create: bool = False) -> Iterator[Database]:
    """The database for a command that writes, at this program's version; `create` makes it where there is none."""
    if create:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        _must_exist(settings)
    from gateway.store.schema import SchemaTooNew, migrate  # noqa: PLC0415  # alembic takes long to import

    with _opened(settings) as database:
        try:
            migrate(database)
        except SchemaTooNew as error:
            raise Unusable(str(error)) from None
        yield database


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    database = Database(settings.resolved_database_url())
    try:
        yield database
    except StoreUnavailable as error:
        if (versions := _other_version(database)) is not None:
            raise Unusable(versions) from error
        raise Unusable(f"the database cannot be used now ({error}); try again, or see `gateway serve`'s log") from error
    finally:
        database.close()


def _must_exist(settings: Settings) -> None:
    if settings.database_url is None and not (settings.data_dir / DATABASE_FILE).is_file():
        raise Unusable(
            f"there is no database in {settings.data_dir} (data_dir); name the settings with --config, "
            "or start `gateway serve` first"
        )


def _other_version(database: Database) -> str | None:
    """What to do about a database of another version of the gateway; None when it is of this one, or not to be read."""
    from gateway.store.schema import current_version, newest_version  # noqa: PLC0415  # alembic takes long to import

    newest = newest_version()
    with suppress(StoreUnavailable):
        version = database.read_now(current_version)
        if version != newest:
            return (
                f"the database is at version {version}, and this program wants {newest}; start `gateway serve` of this "
                "version, which brings an older one up to date, or call the program that the database belongs to"
            )
    return None


def _has_tables(connection: Connection) -> bool:
    return inspect(connection).has_table("message")


def actor() -> Actor:
    """Who calls, for the audit."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return Actor(f"command:{user}")


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def or_unusable(act: Callable[[], T], *errors: type[Exception]) -> T:
    """What an act returns; those of its errors that are words for a person end the command with exit code 2."""
    try:
        return act()
    except errors as error:
        raise Unusable(str(error)) from None
