"""Which process works on what: a named lease, taken atomically."""

from sqlalchemy import Connection, delete, or_
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from gateway.store.statements import table_of
from gateway.store.tables import Claim

_CLAIM = table_of(Claim)


def take(connection: Connection, name: str, owner: str, now_ms: int, until_ms: int) -> bool:
    """Take or lengthen a lease; False when another process holds it still."""
    dialect_insert = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    statement = dialect_insert(_CLAIM).values(name=name, owner=owner, until_ms=until_ms)
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"owner": owner, "until_ms": until_ms},
        where=or_(_CLAIM.c.owner == owner, _CLAIM.c.until_ms < now_ms),
    )
    return connection.execute(statement.returning(_CLAIM.c.name)).one_or_none() is not None


def drop(connection: Connection, owner: str | None) -> None:
    """Give back every lease of a process; None: of all processes."""
    statement = delete(_CLAIM)
    if owner is not None:
        statement = statement.where(_CLAIM.c.owner == owner)
    connection.execute(statement)
