"""Which process works on what: a named lease, taken atomically."""

from sqlalchemy import Connection, Select, delete, func, or_, select
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


def held_by_others(prefix: str, owner: str, now_ms: int) -> Select[str]:
    """The names under this prefix, without it, whose lease another process holds now."""
    return select(func.substr(_CLAIM.c.name, len(prefix) + 1)).where(
        _CLAIM.c.name.startswith(prefix, autoescape=True), _CLAIM.c.owner != owner, _CLAIM.c.until_ms >= now_ms
    )


def drop(connection: Connection, owner: str | None, name: str | None = None) -> None:
    """Give back one lease of a process, or every one; owner None: of all processes."""
    statement = delete(_CLAIM)
    if owner is not None:
        statement = statement.where(_CLAIM.c.owner == owner)
    if name is not None:
        statement = statement.where(_CLAIM.c.name == name)
    connection.execute(statement)
