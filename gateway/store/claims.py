"""Which process works on what: a named lease, taken atomically."""

from sqlalchemy import Connection, Select, delete, func, or_, select

from gateway.store.engine.statements import Prepared, given, table_of
from gateway.store.tables import Claim

# Names of bodies whose message is not there yet: they end by `staging` alone, with what they stand for.
STAGING = "staging:"

_CLAIM = table_of(Claim)
_take = Prepared(
    lambda insert: (
        insert(_CLAIM)
        .values(name=given("name"), owner=given("owner"), until_ms=given("until_ms"))
        .on_conflict_do_update(
            index_elements=["name"],
            set_={"owner": given("owner"), "until_ms": given("until_ms")},
            where=or_(_CLAIM.c.owner == given("owner"), _CLAIM.c.until_ms < given("now_ms")),
        )
        .returning(_CLAIM.c.name)
    )
)


def take(connection: Connection, name: str, owner: str, now_ms: int, until_ms: int) -> bool:
    """Take or lengthen a lease; False when another process holds it still."""
    return bool(_take.rows(connection, name=name, owner=owner, now_ms=now_ms, until_ms=until_ms))


def held_by_others(prefix: str, owner: str, now_ms: int) -> Select[str]:
    """The names under this prefix, without it, whose lease another process holds now."""
    return select(func.substr(_CLAIM.c.name, len(prefix) + 1)).where(
        _CLAIM.c.name.startswith(prefix, autoescape=True), _CLAIM.c.owner != owner, _CLAIM.c.until_ms >= now_ms
    )


def drop(connection: Connection, owner: str | None, name: str | None = None) -> None:
    """Give back one lease of a process, or every one; owner None: of all processes."""
    statement = delete(_CLAIM).where(~_CLAIM.c.name.startswith(STAGING, autoescape=True))
    if owner is not None:
        statement = statement.where(_CLAIM.c.owner == owner)
    if name is not None:
        statement = statement.where(_CLAIM.c.name == name)
    connection.execute(statement)
