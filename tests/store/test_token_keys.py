"""Keys of access tokens: one at a time signs on all nodes, the next is published before, the last verifies longer."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import event

from gateway.store.backup import move_ahead
from gateway.store.credentials import token_keys
from gateway.store.credentials.sealing import Sealing, SealingUnavailable
from gateway.store.credentials.token_keys import (
    NEVER_WERE_MAX,
    PUBLISHED_AHEAD_MS,
    SIGNS_MS,
    VERIFIES_LONGER_MS,
    TokenKeys,
)
from gateway.store.database import StoreUnavailable

NOW_MS = 1_772_000_000_000
HOUR_MS = 3_600_000


class Clock:
    def __init__(self):
        self.ms = NOW_MS

    def __call__(self):
        return self.ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sealing(writer):
    one = Sealing(writer, lambda: b"the passphrase of the day")
    one.start_now()
    return one


@pytest.fixture
def node(writer, sealing, clock):
    return lambda: TokenKeys(writer, sealing, now_ms=clock)


def public(key):
    return key.private_key.public_key()


async def test_all_nodes_sign_with_the_same_key(node):
    signers = await asyncio.gather(*(node().signer() for _ in range(4)))
    assert len({one.kid for one in signers}) == 1
    other = node()
    assert await other.verifier(signers[0].kid) == public(signers[0])
    assert [one.kid for one in await other.published()] == [signers[0].kid]


async def test_the_next_key_is_published_before_it_signs_and_the_last_one_verifies_after(node, clock):
    one, other = node(), node()
    first = await one.signer()
    clock.ms += SIGNS_MS - HOUR_MS
    assert (await one.signer()).kid == first.kid
    assert len(await one.published()) == 1
    clock.ms += 2 * HOUR_MS
    assert (await one.signer()).kid == first.kid
    assert len(await other.published()) == 2
    clock.ms += PUBLISHED_AHEAD_MS
    second = await one.signer()
    assert second.kid != first.kid
    assert (await other.signer()).kid == second.kid
    assert await other.verifier(first.kid) == public(first)
    clock.ms += VERIFIES_LONGER_MS
    assert await other.verifier(first.kid) is None
    assert [key.kid for key in await one.published()] == [second.kid]


async def test_old_keys_are_removed(node, clock, writer):
    first = await node().signer()
    ends_ms = NOW_MS + SIGNS_MS + PUBLISHED_AHEAD_MS + VERIFIES_LONGER_MS
    assert await writer.write(lambda connection: token_keys.remove_old(connection, ends_ms)) == 0
    assert await writer.write(lambda connection: token_keys.remove_old(connection, ends_ms + 1)) == 1
    assert await node().verifier(first.kid) is None


async def test_kids_that_never_were_cost_one_look_for_all_of_them(node, writer):
    keys = node()
    real = (await node().signer()).kid
    reads = []

    def note(connection, cursor, statement, *_):
        if "token_key" in statement:
            reads.append(statement)

    event.listen(writer._reader_engine, "before_cursor_execute", note)
    asked = [f"{number:016x}" for number in range(100)]
    found = await asyncio.gather(*(keys.verifier(kid) for kid in asked), keys.verifier(real))
    assert found[:-1] == [None] * 100
    assert found[-1] is not None
    assert len(reads) <= 2
    before = len(reads)
    await asyncio.gather(*(keys.verifier(kid) for kid in asked), keys.verifier("x"), keys.verifier("y" * 4_000))
    assert len(reads) == before
    for number in range(NEVER_WERE_MAX + 10):
        keys._note_absent(str(number))
    assert len(keys._never_were) == NEVER_WERE_MAX


async def test_a_key_that_does_not_open_is_replaced(node, writer):
    first = await node().signer()

    def spoil(connection):
        (kept,) = token_keys.every(connection)
        connection.execute(token_keys._KEY.delete())
        token_keys._insert.run(
            connection, {name: getattr(kept, name) for name in kept.__slots__} | {"sealed_key": b"\x01spoilt"}
        )

    await writer.write(spoil)
    keys = node()
    second = await keys.signer()
    assert second.kid != first.kid
    assert (await keys.signer()).kid == second.kid
    assert await keys.verifier(first.kid) == public(first)


async def test_a_key_that_was_taken_out_of_the_store_signs_no_longer(node, writer, monkeypatch):
    keys = node()
    first = await keys.signer()
    await writer.write(lambda connection: connection.execute(token_keys._KEY.delete()))
    assert (await keys.signer()).kid == first.kid
    monkeypatch.setattr(token_keys, "LOADED_FOR_S_MAX", 0.0)
    assert (await keys.signer()).kid != first.kid
    assert await keys.verifier(first.kid) is None


async def test_without_a_passphrase_no_key_is_made_and_those_of_others_verify(node, writer, clock):
    bare = TokenKeys(writer, Sealing(writer), now_ms=clock)
    with pytest.raises(SealingUnavailable):
        await bare.signer()
    assert await bare.published() == []
    signer = await node().signer()
    assert await bare.verifier(signer.kid) == public(signer)


async def test_what_is_known_verifies_while_the_database_is_down(node, writer, monkeypatch):
    keys = node()
    signer = await keys.signer()
    await asyncio.to_thread(writer.close)
    monkeypatch.setattr(token_keys, "LOADED_FOR_S_MAX", 0.0)
    assert await keys.verifier(signer.kid) == public(signer)
    assert (await keys.signer()).kid == signer.kid
    with pytest.raises(StoreUnavailable):
        await keys.verifier("0123456789abcdef")


async def test_after_a_restore_no_token_from_before_is_good(node, writer):
    first = await node().signer()
    await writer.write(lambda connection: move_ahead(connection, 1, NOW_MS, "command:test"))
    assert await node().verifier(first.kid) is None


def test_a_key_is_kept_once(stock):
    key = token_keys.StoredTokenKey("a" * 16, b"p", b"s", 1, NOW_MS + 2 * PUBLISHED_AHEAD_MS, NOW_MS * 2)
    other = replace(key, kid="b" * 16)
    assert stock.do(token_keys.add_where_wanted, key, (), NOW_MS) == [key]
    assert stock.do(token_keys.add_where_wanted, other, (), NOW_MS) == [key]
    assert stock.do(token_keys.add_where_wanted, other, ("a" * 16,), NOW_MS) == [key, other]
