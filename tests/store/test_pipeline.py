"""Statements that are posted: they fail where they belong, and nothing goes before them or without them."""

import asyncio

import pytest
from sqlalchemy import func, select, text

from gateway.store import messages
from gateway.store.database import Database, StoreFault, StoreUnavailable
from gateway.store.engine.pipeline import POSTED_BYTES_MAX
from gateway.store.engine.statements import Insert, Prepared, given, table_of
from gateway.store.tables import Claim, MessageBody
from tests.migrated import migrate
from tests.store.stock import message_id, new_message
from tests.store.test_database import behind_a_gate

_CLAIM = table_of(Claim)
insert_claim = Insert(Claim)
find_claim = Prepared(lambda _: select(_CLAIM.c.owner, _CLAIM.c.until_ms).where(_CLAIM.c.name == given("name")))
insert_body = Insert(MessageBody)


def claim(name, owner="me"):
    return {"name": name, "owner": owner, "until_ms": 7}


def post(name):
    return lambda connection: insert_claim.post(connection, claim(name))


def names(database):
    return database.read_now(lambda connection: connection.scalars(select(_CLAIM.c.name).order_by(_CLAIM.c.name)).all())


async def test_what_a_unit_posts_last_is_committed(writer):
    outcomes, commits = await behind_a_gate(writer, post("a"), post("b"), post("c"))
    assert outcomes == [None] * 3
    assert commits == 1
    assert names(writer) == ["a", "b", "c"]
    writer.write_now(post("d"))
    assert names(writer) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("position", [0, 1, 2])
async def test_a_posted_statement_that_fails_is_the_fault_of_its_unit_alone(writer, position):
    await writer.write(post("taken"))
    units = [post("a"), post("b")]
    units.insert(position, post("taken"))
    outcomes, _ = await behind_a_gate(writer, *units)
    assert isinstance(outcomes.pop(position), StoreFault)
    assert outcomes == [None, None]
    assert names(writer) == ["a", "b", "taken"]


async def test_a_failure_that_comes_up_in_a_later_unit_is_not_laid_at_its_door(writer):
    await writer.write(post("taken"))

    def looks(connection):
        return find_claim.rows(connection, name="taken")

    outcomes, _ = await behind_a_gate(writer, post("taken"), looks, post("b"))
    assert isinstance(outcomes[0], StoreFault)
    assert [tuple(row) for row in outcomes[1]] == [("me", 7)]
    assert names(writer) == ["b", "taken"]


async def test_a_unit_that_raises_takes_back_what_it_posted_and_nothing_else(writer):
    def broken(connection):
        post("broken")(connection)
        raise KeyError("mine")

    def broken_after_an_answer(connection):
        post("x")(connection)
        assert find_claim.rows(connection, name="x")
        broken(connection)

    for units in ((post("a"), broken, post("b")), (broken, post("c")), (post("d"), broken), (broken,)):
        outcomes, commits = await behind_a_gate(writer, *units)
        assert [type(outcome) for outcome in outcomes if outcome] == [KeyError]
        assert commits == 1
    outcomes, commits = await behind_a_gate(writer, post("e"), broken_after_an_answer, post("f"))
    assert isinstance(outcomes[1], KeyError)
    assert commits == 1
    assert names(writer) == ["a", "b", "c", "d", "e", "f"]


def test_a_posted_failure_is_told_at_the_commit_and_nothing_stays(store):
    def twice(connection):
        post("a")(connection)
        post("a")(connection)

    with pytest.raises(StoreFault):
        store.write_now(twice)
    assert names(store) == []
    store.write_now(post("a"))
    assert names(store) == ["a"]


def test_every_other_statement_sees_what_was_posted(store):
    def unit(connection):
        insert_claim.post(connection, claim("a"))
        plain = connection.execute(text("SELECT count(*) FROM claim")).scalar_one()
        insert_claim.post(connection, claim("b"))
        bound = connection.scalars(select(_CLAIM.c.name).where(_CLAIM.c.name == "b")).all()
        insert_claim.post(connection, claim("c"))
        return plain, bound, len(find_claim.rows(connection, name="c"))

    assert store.write_now(unit) == (1, ["b"], 1)


def test_a_failed_transaction_is_not_committed_as_if_it_were_sound(store):
    def swallows(connection):
        post("a")(connection)
        with pytest.raises(Exception, match="claim"):
            insert_claim.run(connection, claim("a"))

    if store.is_sqlite:  # a statement that fails leaves the transaction whole
        store.write_now(swallows)
        assert names(store) == ["a"]
    else:
        with pytest.raises(StoreUnavailable, match="failed transaction"):
            store.write_now(swallows)
        assert names(store) == []


def test_more_than_is_gathered_goes_out_in_between(store):
    piece = bytes(range(256)) * (POSTED_BYTES_MAX // 512)

    def unit(connection):
        messages.accept(connection, new_message(1))
        for number in range(9):
            insert_body.post(connection, {"message_id": message_id(1), "part": "wire", "piece": number, "data": piece})
        return messages.body(connection, message_id(1), "wire")

    assert store.write_now(unit) == piece * 9


@pytest.mark.parametrize(
    "value", ["", "'", "\\x00", "%s %% $1", "\u00e9\U0001f600", "NULL", "{}", "a" * 70_000, "line\nline"]
)
def test_texts_come_back_as_they_went(store, value):
    store.write_now(lambda connection: insert_claim.run(connection, claim("a", value)))
    (row,) = store.read_now(lambda connection: find_claim.rows(connection, name="a"))
    assert tuple(row) == (value, 7)


def test_a_statement_lives_through_a_change_of_its_table(store):
    store.write_now(post("a"))
    connection = store.engine.connect()
    with connection.begin():
        assert find_claim.rows(connection, name="a")
    store.write_now(lambda other: other.execute(text("ALTER TABLE claim ADD COLUMN more TEXT")))
    with connection.begin():
        assert [tuple(row) for row in find_claim.rows(connection, name="a")] == [("me", 7)]
    connection.close()


async def test_a_statement_whose_columns_changed_is_prepared_anew(writer):
    def look(connection):
        return find_claim.rows(connection, name="a")

    await writer.write(post("a"))
    await writer.write(look)
    await writer.read(look)
    if not writer.is_sqlite:
        other = Database(writer.engine.url.render_as_string(hide_password=False))
        other.write_now(lambda connection: connection.execute(text("ALTER TABLE claim ALTER until_ms TYPE NUMERIC")))
        other.close()
        with pytest.raises(StoreUnavailable):
            await writer.read(look)
    for ask in (writer.write, writer.read):
        assert [tuple(row) for row in await ask(look)] == [("me", 7)]


def test_counts_are_of_the_statement_that_was_asked(store):
    count = Prepared(lambda _: select(func.count()).select_from(_CLAIM))

    def unit(connection):
        for name in "abc":
            post(name)(connection)
        return count.rows(connection)[0][0], insert_claim.run(connection, claim("d"))

    assert store.write_now(unit) == (3, True)


async def test_a_server_that_goes_away_before_what_was_posted_is_unavailable(database_url, postgres):
    def stopped_midway(connection):
        post("a")(connection)
        postgres.stop()

    database = Database(database_url)
    migrate(database)
    try:
        with pytest.raises(StoreUnavailable):
            database.write_now(stopped_midway)
    finally:
        await asyncio.to_thread(postgres.restore)
        database.close()
