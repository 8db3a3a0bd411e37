"""Revoked tokens: known on all nodes within a second, and no call waits for a database that is away."""

import asyncio

import pytest
from sqlalchemy import event

from gateway.store.credentials import revoked
from gateway.store.credentials.revoked import KNOWN_MAX, LOOKED_AT_MS, Revocations

NOW_MS = 1_772_000_000_000


class Clock:
    def __init__(self):
        self.ms = NOW_MS

    def __call__(self):
        return self.ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def node(writer, clock):
    return lambda: Revocations(writer, now_ms=clock)


async def test_what_one_node_revokes_the_others_know_a_second_later(node, writer, clock):
    here, there = node(), node()
    assert not await here.is_revoked("t")
    assert not await there.is_revoked("t")
    await writer.write(lambda connection: revoked.add(connection, "t", NOW_MS * 2))
    here.note("t")
    assert await here.is_revoked("t")
    assert not await there.is_revoked("t")
    assert not await there.is_revoked("other")
    clock.ms += LOOKED_AT_MS
    assert await there.is_revoked("t")
    assert await node().is_revoked("t")


async def test_a_token_in_use_is_looked_up_once_a_second(node, writer, clock):
    reads = []
    event.listen(writer._reader_engine, "checkout", lambda *_: reads.append(1))
    here = node()
    for _ in range(5):
        await here.is_revoked("t")
    assert len(reads) == 1
    clock.ms += LOOKED_AT_MS
    await asyncio.gather(*(here.is_revoked("t") for _ in range(50)))
    assert len(reads) == 2


async def test_what_is_known_counts_while_the_database_is_away(node, writer, clock):
    here = node()
    await writer.write(lambda connection: revoked.add(connection, "bad", NOW_MS * 2))
    assert await here.is_revoked("bad")
    assert not await here.is_revoked("good")
    await asyncio.to_thread(writer.close)
    clock.ms += LOOKED_AT_MS
    assert await here.is_revoked("bad")
    assert not await here.is_revoked("good")
    assert not await here.is_revoked("new")


async def test_a_revocation_while_it_is_looked_up_is_not_lost(node):
    here = node()
    looking = asyncio.create_task(here.is_revoked("t"))
    await asyncio.sleep(0)
    here.note("t")
    assert await looking
    assert await here.is_revoked("t")


def test_what_is_known_has_a_limit(node):
    here = node()
    for number in range(KNOWN_MAX + 5):
        here.note(str(number))
    assert len(here._looked_up) == KNOWN_MAX
    assert "4" not in here._looked_up


def test_a_revoked_token_is_kept_until_it_would_have_ended(stock):
    assert stock.do(revoked.add, "t", NOW_MS)
    assert not stock.do(revoked.add, "t", NOW_MS)
    assert stock.see(revoked.is_there, "t")
    assert stock.do(revoked.remove_old, NOW_MS) == 0
    assert stock.do(revoked.remove_old, NOW_MS + 1) == 1
    assert not stock.see(revoked.is_there, "t")
