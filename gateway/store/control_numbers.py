"""Control numbers: ours are given out once and ascend; theirs are remembered so that a repetition is noticed."""

from sqlalchemy import Connection, select, update

from gateway.store.statements import Insert, Prepared, given, table_of
from gateway.store.tables import ControlNumber, ControlNumberUse

CONTROL_NUMBER_MAX = 999_999_999  # ISA13 has nine digits

_NUMBER = table_of(ControlNumber)
_USE = table_of(ControlNumberUse)
_insert_use = Insert(ControlNumberUse, or_ignore=True)
_allocate = Prepared(
    lambda insert: (
        insert(_NUMBER)
        .values(scope=given("scope"), last=1)
        .on_conflict_do_update(index_elements=["scope"], set_={"last": _NUMBER.c.last % CONTROL_NUMBER_MAX + 1})
        .returning(_NUMBER.c.last)
    )
)


def allocate(connection: Connection, scope: str) -> int:
    """The next number of a scope (our id, their id, usage, kind), in the transaction that stores what bears it.

    After 999,999,999 comes 1 again, as X12 partners expect.
    """
    return int(_allocate.rows(connection, scope=scope)[0][0])


def jump_ahead(connection: Connection, step: int) -> int:
    """After a restore: leave out numbers that may have been given out after the backup. Returns the scopes touched."""
    last = (_NUMBER.c.last + step - 1) % CONTROL_NUMBER_MAX + 1
    return connection.execute(update(_NUMBER).values(last=last)).rowcount


def remember(connection: Connection, key: str, message_id: str, now_ms: int, *, window_from_ms: int) -> bool:
    """Note that a partner used a number; False when another message used it within the window."""
    row = {"key": key, "message_id": message_id, "created_at_ms": now_ms}
    if _insert_use.run(connection, row):
        return True
    known = connection.execute(select(_USE.c.message_id, _USE.c.created_at_ms).where(_USE.c.key == key)).one()
    if known.message_id == message_id:
        return True
    if known.created_at_ms >= window_from_ms:
        return False
    # Of two that come upon an old use at the same time, one is the repetition of the other.
    renewed = connection.execute(
        update(_USE)
        .where(_USE.c.key == key, _USE.c.message_id == known.message_id, _USE.c.created_at_ms == known.created_at_ms)
        .values(message_id=message_id, created_at_ms=now_ms)
    )
    return bool(renewed.rowcount)
