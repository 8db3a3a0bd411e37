"""Control numbers: ours are given out once and ascend; theirs are remembered so that a repetition is noticed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import orjson
from sqlalchemy import Connection, Row, case, delete, insert, literal, select, text, update

from gateway.store.engine.statements import Insert, Prepared, given, storable, table_of
from gateway.store.tables import ControlNumber, ControlNumberGap, ControlNumberSeen, ControlNumberUse

CONTROL_NUMBER_MAX = 999_999_999  # ISA13 and GS06 have nine digits

_NUMBER = table_of(ControlNumber)
_GAP = table_of(ControlNumberGap)
_SEEN = table_of(ControlNumberSeen)
_USE = table_of(ControlNumberUse)
_insert_use = Insert(ControlNumberUse, or_ignore=True)
_insert_seen = Insert(ControlNumberSeen, or_ignore=True)
_insert_gap = Insert(ControlNumberGap, or_ignore=True)
_allocate = Prepared(
    lambda insert: (
        insert(_NUMBER)
        .values(scope=given("scope"), last=given("least"), least=given("least"), most=given("most"))
        .on_conflict_do_update(
            index_elements=["scope"],
            set_={
                "last": case(
                    # Behind the last number of the range, or outside of a range that was moved, its first comes.
                    (_NUMBER.c.last >= given("most"), given("least")),
                    (_NUMBER.c.last < given("least"), given("least")),
                    else_=_NUMBER.c.last + 1,
                ),
                "least": given("least"),
                "most": given("most"),
            },
        )
        .returning(_NUMBER.c.last)
    )
)
# One statement for however many keys: those that are new are put in, then those that were there are told of.
# In one order, so that two processes cannot wait for each other.
_INSERT_ALL = {
    "sqlite": """
        INSERT INTO control_number_use (key, message_id, created_at_ms)
        SELECT value, :message_id, :now_ms FROM json_each(:keys) WHERE true ORDER BY value
        ON CONFLICT DO NOTHING RETURNING key""",
    "postgresql": """
        INSERT INTO control_number_use (key, message_id, created_at_ms)
        SELECT value, CAST(:message_id AS varchar), CAST(:now_ms AS bigint)
        FROM json_array_elements_text(CAST(:keys AS json)) ORDER BY value
        ON CONFLICT DO NOTHING RETURNING key""",
}
_TELL_ALL = {
    "sqlite": """
        SELECT key, message_id, created_at_ms FROM control_number_use
        WHERE key IN (SELECT value FROM json_each(:keys))""",
    "postgresql": """
        SELECT key, message_id, created_at_ms FROM control_number_use
        WHERE key IN (SELECT json_array_elements_text(CAST(:keys AS json)))""",
}

_TELL_SEEN = {
    "sqlite": """
        SELECT key, last FROM control_number_seen WHERE key IN (SELECT value FROM json_each(:keys))""",
    "postgresql": """
        SELECT key, last FROM control_number_seen
        WHERE key IN (SELECT json_array_elements_text(CAST(:keys AS json)))""",
}


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers of ours that were left out and will not be given out; where `first` is behind `last`, over the end."""

    scope: str
    first: int
    last: int
    reason: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class GivenOut:
    """The last number given out in a scope, and the range it was taken from."""

    scope: str
    last: int
    least: int
    most: int


def given_out(connection: Connection, scope_part: str = "") -> list[GivenOut]:
    """Where each scope stands: all, or those that hold a text (an address)."""
    query = select(*(_NUMBER.c[field.name] for field in fields(GivenOut))).order_by(_NUMBER.c.scope)
    if scope_part:
        query = query.where(_NUMBER.c.scope.contains(scope_part, autoescape=True))
    return [GivenOut(*row) for row in connection.execute(query)]


def allocate(connection: Connection, scope: str, *, least: int = 1, most: int = CONTROL_NUMBER_MAX) -> int:
    """The next number of a scope (our id, their id, usage, kind), in the transaction that stores what bears it.

    After the last number of the range comes its first again, as X12 partners expect.
    """
    return int(_allocate.rows(connection, scope=scope, least=least, most=most)[0][0])


def jump_ahead(connection: Connection, step: int, now_ms: int) -> int:
    """After a restore: leave out numbers that may have been given out after the backup. Returns the scopes touched.

    What is left out is listed by `abandoned`.
    """
    size = _NUMBER.c.most - _NUMBER.c.least + 1
    last = (_NUMBER.c.last - _NUMBER.c.least + step) % size + _NUMBER.c.least
    first = (_NUMBER.c.last - _NUMBER.c.least + 1) % size + _NUMBER.c.least
    left_out = select(_NUMBER.c.scope, first, last, literal("restored from a backup"), literal(now_ms))
    columns = ["scope", "first", "last", "reason", "created_at_ms"]
    connection.execute(insert(_GAP).from_select(columns, left_out))
    return connection.execute(update(_NUMBER).values(last=last)).rowcount


def abandon(connection: Connection, gap: Gap) -> None:
    """Note numbers that were given out and whose interchange will never be sent."""
    _insert_gap.run(connection, {field.name: getattr(gap, field.name) for field in fields(Gap)})


def abandoned(connection: Connection, scope_part: str = "") -> list[Gap]:
    """The numbers that were left out, oldest first: all, or those of the scopes that hold a text (an address)."""
    query = select(*(_GAP.c[field.name] for field in fields(Gap))).order_by(_GAP.c.created_at_ms, _GAP.c.scope)
    if scope_part:
        query = query.where(_GAP.c.scope.contains(scope_part, autoescape=True))
    return [Gap(*row) for row in connection.execute(query)]


# --- theirs ----------------------------------------------------------------------------------------------------------


def remember(connection: Connection, key: str, message_id: str, now_ms: int, *, window_from_ms: int) -> bool:
    """Note that a partner used a number; False when another message used it within the window."""
    row = {"key": key, "message_id": message_id, "created_at_ms": now_ms}
    if _insert_use.run(connection, row):
        return True
    query = select(_USE.c.message_id, _USE.c.created_at_ms).where(_USE.c.key == storable(key))
    known = connection.execute(query).one()
    if known.message_id == message_id:
        return True
    if known.created_at_ms >= window_from_ms:
        return False
    return _renew(connection, (storable(key), known.message_id, known.created_at_ms), message_id, now_ms)


def remember_all(
    connection: Connection, keys: Iterable[str], message_id: str, now_ms: int, *, window_from_ms: int
) -> set[str]:
    """Note that a partner used many numbers; returns the keys that another message used within the window."""
    stored = {storable(key): key for key in keys}
    if not stored:
        return set()
    packed = orjson.dumps(list(stored)).decode()
    values = {"message_id": message_id, "now_ms": now_ms, "keys": packed}
    new = set(connection.scalars(text(_INSERT_ALL[connection.dialect.name]), values))
    if len(new) == len(stored):
        return set()
    repeated = set()
    for key, known_message_id, created_at_ms in connection.execute(
        text(_TELL_ALL[connection.dialect.name]), {"keys": packed}
    ).all():
        if key in new or known_message_id == message_id:
            continue
        known = (key, known_message_id, created_at_ms)
        if created_at_ms >= window_from_ms or not _renew(connection, known, message_id, now_ms):
            repeated.add(stored[key])
    return repeated


def used_at(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    """When numbers that partners used were used, milliseconds since 1970, by their keys; nothing is noted."""
    rows = _looked_up(connection, _TELL_ALL, keys)
    return {key: row.created_at_ms for key, row in rows}


def used_by(connection: Connection, keys: Iterable[str]) -> dict[str, str]:
    """The messages that used numbers of partners last, by their keys; nothing is noted."""
    return {key: row.message_id for key, row in _looked_up(connection, _TELL_ALL, keys)}


def last_of(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    """The last numbers that partners used, by their keys; nothing is noted."""
    return {key: row.last for key, row in _looked_up(connection, _TELL_SEEN, keys)}


def _looked_up(
    connection: Connection, statements: Mapping[str, str], keys: Iterable[str]
) -> Iterator[tuple[str, Row[Any]]]:
    stored = {storable(key): key for key in keys}
    if stored:
        packed = orjson.dumps(list(stored)).decode()
        for row in connection.execute(text(statements[connection.dialect.name]), {"keys": packed}):
            yield stored[row.key], row


def forget(connection: Connection, key: str, message_id: str) -> None:
    """A message did not use a number after all: what bore it is rejected, and will be sent again."""
    connection.execute(delete(_USE).where(_USE.c.key == storable(key), _USE.c.message_id == message_id))


def _renew(connection: Connection, known: tuple[str, str, int], message_id: str, now_ms: int) -> bool:
    """Take a number over that was used before the window; of two at the same time one is the other's repetition."""
    key, known_message_id, created_at_ms = known
    renewed = connection.execute(
        update(_USE)
        .where(_USE.c.key == key, _USE.c.message_id == known_message_id, _USE.c.created_at_ms == created_at_ms)
        .values(message_id=message_id, created_at_ms=now_ms)
    )
    return bool(renewed.rowcount)


def last_seen(connection: Connection, key: str, number: int, message_id: str) -> int | None:
    """The last number a partner used, its row locked; None when there was none, and now it is this one."""
    if _insert_seen.run(connection, {"key": key, "last": number, "message_id": message_id}):
        return None
    query = select(_SEEN.c.last).where(_SEEN.c.key == storable(key)).with_for_update()
    return int(connection.scalars(query).one())


def note_seen(connection: Connection, key: str, number: int, message_id: str) -> None:
    """The last number a partner used is this one."""
    values = {"last": number, "message_id": message_id}
    connection.execute(update(_SEEN).where(_SEEN.c.key == storable(key)).values(values))
