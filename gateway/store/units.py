"""Savepoints: units of work within one transaction, each of which can be taken back alone."""

from typing import Any, Protocol

from sqlalchemy import Connection


class Units(Protocol):
    """What the writer asks of a connection; PostgreSQL's does it by itself (`pipeline`)."""

    def begin_units(self) -> None:
        """Begin the first."""

    def flush(self) -> None:
        """Run what was posted."""

    def next_unit(self) -> None:
        """Keep what the unit did, and begin the next."""

    def undo_unit(self) -> None:
        """Take back what the unit did."""


class _SqliteUnits:
    def __init__(self, connection: Any) -> None:  # noqa: ANN401  # the driver's own
        self._connection = connection

    def begin_units(self) -> None:
        self._connection.execute("SAVEPOINT unit")

    def flush(self) -> None:
        """Nothing waits here."""

    def next_unit(self) -> None:
        self._connection.execute("RELEASE SAVEPOINT unit")
        self._connection.execute("SAVEPOINT unit")

    def undo_unit(self) -> None:
        self._connection.execute("ROLLBACK TO SAVEPOINT unit")


def units_of(connection: Connection) -> Units:
    """The units of a connection's transaction."""
    driver: Any = connection.connection.dbapi_connection
    return _SqliteUnits(driver) if connection.dialect.name == "sqlite" else driver
