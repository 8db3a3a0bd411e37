"""Nonces: each once for its key, on both databases, also between writers, and gone when their time is over."""

import asyncio
from functools import partial

import pytest

from gateway.store.credentials import nonces
from gateway.store.database import Database

NOW_MS = 1_800_000_000_000
OVER_MS = NOW_MS + 300_000
NONCE = "3f0a9c52"


def spend(connection, key_id="acme", nonce=NONCE, over_ms=OVER_MS, now_ms=NOW_MS) -> bool:
    return nonces.spend(connection, key_id, nonce, over_ms, now_ms)


def test_a_nonce_is_used_once(store):
    assert store.write_now(spend)
    assert not store.write_now(spend)
    assert not store.write_now(partial(spend, over_ms=OVER_MS + 60_000, now_ms=NOW_MS + 299_999))


def test_another_key_may_use_the_same(store):
    assert store.write_now(spend)
    assert store.write_now(partial(spend, key_id="globex"))
    assert store.write_now(partial(spend, nonce=NONCE.upper()))


def test_in_one_transaction_it_is_used_once_as_well(store):
    assert store.write_now(lambda connection: (spend(connection), spend(connection))) == (True, False)


def test_what_failed_has_not_used_it(store):
    def failing(connection):
        assert spend(connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write_now(failing)
    assert store.write_now(spend)


def test_what_came_to_nothing_may_come_again(store):
    assert store.write_now(spend)
    store.write_now(lambda connection: nonces.release(connection, "acme", NONCE))
    assert store.write_now(spend)
    store.write_now(lambda connection: nonces.release(connection, "nobody", NONCE))
    assert not store.write_now(spend)


def test_one_whose_time_is_over_may_be_used_again_before_it_is_removed(store):
    assert store.write_now(spend)
    assert not store.write_now(partial(spend, now_ms=OVER_MS, over_ms=OVER_MS + 300_000))
    later = partial(spend, now_ms=OVER_MS + 1, over_ms=OVER_MS + 300_000)
    assert store.write_now(later)
    assert not store.write_now(later)


def test_those_whose_time_is_over_are_removed_a_step_at_a_time(store, monkeypatch):
    monkeypatch.setattr(nonces, "PURGE_ROWS_MAX", 3)
    for number in range(7):
        assert store.write_now(partial(spend, nonce=f"old-{number}"))
    assert store.write_now(partial(spend, nonce="fresh", over_ms=OVER_MS + 1))
    removed = [store.write_now(lambda connection: nonces.purge(connection, OVER_MS + 1)) for _ in range(4)]
    assert removed == [3, 3, 1, 0]
    assert not store.write_now(partial(spend, nonce="fresh"))


async def test_of_many_at_once_one_wins(writer, store_url):
    """In one process and in another one, in whichever order the writers come."""
    other = Database(store_url)
    other.start()
    try:
        won = await asyncio.gather(
            *(database.write(spend, durable=False) for _ in range(20) for database in (writer, other))
        )
    finally:
        await asyncio.to_thread(other.close)
    assert sum(won) == 1


def test_any_printable_nonce_is_itself(store):
    for nonce in ('a"b\\c', "x" * 255, "' OR 1=1 --", "%_%"):
        assert store.write_now(partial(spend, nonce=nonce))
        assert not store.write_now(partial(spend, nonce=nonce))
