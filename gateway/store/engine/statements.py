"""Statements of the hot path, compiled once a dialect and run on the driver's own cursor.

SQLAlchemy Core compiles the statement (so that it stays one text for SQLite and PostgreSQL); running it on the driver's
cursor leaves out the per-execution work of Core, which would cost more than the statement itself. On PostgreSQL it runs
on our connection of `pipeline`, and what is *posted* there costs no round trip of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from sqlalchemy import ColumnElement, Connection, Dialect, Table, Text, bindparam, literal_column
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import SQLModel

_GIVEN = "given_"


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a model."""
    table: Table = model.__table__  # type: ignore[attr-defined]  # set by SQLModel's metaclass
    return table


@overload
def storable(value: str) -> str: ...


@overload
def storable(value: object) -> object: ...


def storable(value: object) -> object:
    """The value, or a text that both databases can hold: PostgreSQL has no NUL, and UTF-8 no half surrogate pairs.

    What a partner wrote is escaped visibly, so two texts that differ still differ.
    """
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):
        return value
    return value.replace("\0", "\\x00").encode(errors="backslashreplace").decode()


class Prepared:
    """A statement with named parameters, compiled once for each dialect and run on the driver's own cursor.

    Args:
        build: makes the statement; it is given the dialect's `insert`, which knows ON CONFLICT. Parameters are
            `given("name")`; lists for IN are not possible.
    """

    def __init__(self, build: Callable[[Any], Any]) -> None:
        self._build = build
        self._compiled: dict[str, tuple[str, list[str], dict[str, object]]] = {}

    def rows(self, connection: Connection, **values: object) -> list[Sequence[Any]]:
        """Run it; the rows that it selects or returns."""
        return _run(connection, *self._bound(connection, values))[0]

    def count(self, connection: Connection, **values: object) -> int:
        """Run it; how many rows it changed."""
        return _run(connection, *self._bound(connection, values))[1]

    def post(self, connection: Connection, **values: object) -> None:
        """Run it, and have a failure told at a later statement or at the commit."""
        _post(connection, *self._bound(connection, values))

    def _bound(self, connection: Connection, values: Mapping[str, object]) -> tuple[str, list[object]]:
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compiled[connection.dialect.name] = self._compile(connection.dialect)
        text, order, constants = compiled
        return text, [storable(values[name]) if name in values else constants[name] for name in order]

    def _compile(self, dialect: Dialect) -> tuple[str, list[str], dict[str, object]]:
        insert = sqlite_insert if dialect.name == "sqlite" else postgresql_insert
        compiled = self._build(insert).compile(dialect=dialect)
        prefix = len(_GIVEN)
        order = [name[prefix:] if name.startswith(_GIVEN) else name for name in compiled.positiontup or []]
        return str(compiled), order, dict(compiled.params)


def given(name: str) -> Any:  # noqa: ANN401  # stands where a value of any type may stand
    """A parameter of a prepared statement."""
    # SQLAlchemy keeps the plain column names for itself in SET and VALUES.
    return bindparam(_GIVEN + name)


def constant(value: str) -> ColumnElement[str]:
    """A text of our own, written into the statement: SQLite uses a partial index only where it sees the value."""
    return literal_column(f"'{value}'", Text())


class Insert:
    """An INSERT of all columns of a table, prepared once for each dialect.

    Args:
        model: the table.
        or_ignore: add ON CONFLICT DO NOTHING; `run` then tells whether the row went in.
        omit: columns that the database fills (counters).
    """

    def __init__(self, model: type[SQLModel], *, or_ignore: bool = False, omit: tuple[str, ...] = ()) -> None:
        self._table = table_of(model)
        self._columns = [column.name for column in self._table.columns if column.name not in omit]
        self._defaults = {name: field.default for name, field in model.model_fields.items() if not field.is_required()}
        self._or_ignore = or_ignore
        self._compiled: dict[str, tuple[str, list[str]]] = {}

    def run(self, connection: Connection, values: Mapping[str, object]) -> bool:
        """Insert one row; columns without a value get NULL or the model's default. False: the row was there already."""
        return bool(_run(connection, *self._bound(connection, values))[1])

    def post(self, connection: Connection, values: Mapping[str, object]) -> None:
        """Insert one row, and have a failure told at a later statement or at the commit."""
        _post(connection, *self._bound(connection, values))

    def _bound(self, connection: Connection, values: Mapping[str, object]) -> tuple[str, list[object]]:
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compiled[connection.dialect.name] = self._compile(connection.dialect)
        text, order = compiled
        return text, [storable(values[name]) if name in values else self._defaults.get(name) for name in order]

    def _compile(self, dialect: Dialect) -> tuple[str, list[str]]:
        insert: Any = sqlite_insert if dialect.name == "sqlite" else postgresql_insert
        statement = insert(self._table)
        if self._or_ignore:
            statement = statement.on_conflict_do_nothing()
        compiled = statement.compile(dialect=dialect, column_keys=self._columns)
        return str(compiled), list(compiled.positiontup or [])


def _run(connection: Connection, text: str, values: list[object]) -> tuple[list[Sequence[Any]], int]:
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name != "sqlite":
        answer: tuple[list[Sequence[Any]], int] = driver.run(text, values)
        return answer
    cursor = driver.execute(text, values)
    try:
        return cursor.fetchall(), cursor.rowcount
    finally:
        cursor.close()


def _post(connection: Connection, text: str, values: list[object]) -> None:
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name != "sqlite":
        driver.post(text, values)
    else:
        driver.execute(text, values).close()
