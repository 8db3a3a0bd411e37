"""Statements of the hot path, compiled once a dialect and run on the driver's own cursor.

SQLAlchemy Core compiles the statement (so that it stays one text for SQLite and PostgreSQL); running it on the driver's
cursor leaves out the per-execution work of Core, which would cost more than the statement itself.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Dialect, Executable, Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import SQLModel


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a model."""
    table: Table = model.__table__  # type: ignore[attr-defined]  # set by SQLModel's metaclass
    return table


def insert_or_ignore(connection: Connection, model: type[SQLModel]) -> Any:  # noqa: ANN401  # two dialects, one face
    """INSERT ... ON CONFLICT DO NOTHING for the connection's dialect."""
    dialect_insert = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    return dialect_insert(table_of(model)).on_conflict_do_nothing()


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
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compiled[connection.dialect.name] = self._compile(connection.dialect)
        text, order = compiled
        cursor = connection.connection.cursor()
        try:
            cursor.execute(text, [values[name] if name in values else self._defaults.get(name) for name in order])
            return bool(cursor.rowcount)
        finally:
            cursor.close()

    def _compile(self, dialect: Dialect) -> tuple[str, list[str]]:
        dialect_insert = sqlite_insert if dialect.name == "sqlite" else postgresql_insert
        statement: Executable = dialect_insert(self._table)
        if self._or_ignore:
            statement = dialect_insert(self._table).on_conflict_do_nothing()
        compiled = statement.compile(dialect=dialect, column_keys=self._columns)  # type: ignore[attr-defined]
        return str(compiled), list(compiled.positiontup or [])
