"""Savepoints: units of work within one transaction, each of which can be taken back alone."""

from typing import Any, Protocol

from sqlalchemy import Connection

# Of a SQLite connection: the pragma that durable commits need, and the one in force.
SYNCHRONOUS = "synchronous"
_CHOSEN = "synchronous now"


class Units(Protocol):
    """What the writer asks of a connection; PostgreSQL's does it by itself (`pipeline`)."""

    def choose_durability(self, *, waits_for_disk: bool) -> None:
        """Before the transaction begins: whether its commit waits for the disk."""

    def begin_units(self) -> None:
        """Begin the first."""

    def flush(self) -> None:
        """Run what was posted."""

    def next_unit(self) -> None:
        """Keep what the unit did, and begin the next."""

    def undo_unit(self) -> None:
        """Take back what the unit did."""


class _SqliteUnits:
    def __init__(self, connection: Any, info: dict[str, Any]) -> None:  # noqa: ANN401  # the driver's own
        self._connection = connection
        self._info = info

    def choose_durability(self, *, waits_for_disk: bool) -> None:
        """NORMAL leaves out the sync of the log at commit; the next FULL commit covers it, in order."""
        full = self._info[SYNCHRONOUS]
        wanted = full if waits_for_disk or full == "OFF" else "NORMAL"
        if wanted != self._info.get(_CHOSEN, full):
            self._connection.execute(f"PRAGMA synchronous={wanted}")
            self._info[_CHOSEN] = wanted

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
    return _SqliteUnits(driver, connection.info) if connection.dialect.name == "sqlite" else driver
