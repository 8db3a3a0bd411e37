"""What the database's drivers raise, sorted in two: it cannot do it now, or it will never do what we asked.

Statements of the hot path run on the driver's own cursor, so the drivers' classes come up beside SQLAlchemy's.
"""

import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# SQLSTATE classes that say nothing against the statement: connection, transaction state, rollback (deadlock),
# resources, locks, operator intervention (shutdown), system error, internal error; no such login, no such database.
_UNAVAILABLE_CLASSES = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX", "28", "3D"})
# A prepared statement is gone, or its table has other columns by now: a fresh connection prepares it anew.
STALE_STATEMENT_STATES = frozenset({"26000", "0A000"})


class StoreUnavailable(Exception):  # noqa: N818  # said of the store, answered with 503
    """The database cannot commit now (locked, full, unreachable). Nothing of the unit was kept; try again later."""


class StoreFault(Exception):  # noqa: N818  # said of ourselves
    """The database refused a statement for good (a constraint, an unfit value). Nothing of the unit was kept."""


def is_database_error(error: Exception) -> bool:
    """Whether the driver or the connection pool raised it, rather than the unit's own code."""
    return (
        # pg8000 lets an OSError pass when a connection is used after its time ran out; units do no I/O of their own.
        isinstance(error, DBAPIError | PoolTimeout | sqlite3.Error | OSError)
        # pg8000 is loaded only where PostgreSQL is used.
        or type(error).__module__.partition(".")[0] == "pg8000"
    )


def means_unavailable(error: Exception) -> bool:
    """Whether the same statement may succeed later; the transaction in which it came up is in doubt as a whole."""
    raised = _raised(error)
    if isinstance(raised, sqlite3.Error):
        # "database disk image is malformed" and "file is not a database" come as DatabaseError itself.
        return isinstance(raised, sqlite3.OperationalError) or type(raised) is sqlite3.DatabaseError
    sqlstate = _postgresql_fields(raised).get("C")
    # Without a SQLSTATE the server did not speak: the network or the pool did.
    return sqlstate is None or sqlstate[:2] in _UNAVAILABLE_CLASSES or sqlstate in STALE_STATEMENT_STATES


def failure_of(error: Exception) -> Exception:
    """What the caller of a unit is told: database errors in our two words, anything else as it is.

    The text is the driver's own, without the statement and its parameters, which hold payload.
    """
    if isinstance(error, StoreUnavailable | StoreFault) or not is_database_error(error):
        return error
    raised = _raised(error)
    said = _postgresql_fields(raised)
    text = f"{said.get('M', '')} (SQLSTATE {said['C']})" if "C" in said else str(raised)
    return StoreUnavailable(text) if means_unavailable(error) else StoreFault(text)


def _raised(error: Exception) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _postgresql_fields(raised: BaseException) -> dict[str, str]:
    """pg8000 hands on the fields of PostgreSQL's ErrorResponse: C is the SQLSTATE, M the message."""
    first = raised.args[0] if raised.args else None
    return first if isinstance(first, dict) else {}
