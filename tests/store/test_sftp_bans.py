"""Bans as processes share them, on both databases."""

from dataclasses import replace

from gateway.store import sftp_bans
from gateway.store.sftp_bans import FORGOTTEN_MS, StoredBan

FIRST = StoredBan("192.0.2.7", "192.0.2.7", 1, 1_000, 901_000)
OTHER = StoredBan("2001:db8::", "2001:db8::17", 3, 2_000, 3_602_000)


def _put(store, *bans):
    for ban in bans:
        store.write_now(lambda connection, ban=ban: sftp_bans.put(connection, ban))


def _since(store, at_ms):
    return store.read_now(lambda connection: sftp_bans.changed_since(connection, at_ms))


def _lift(store, network, now_ms):
    return store.write_now(lambda connection: sftp_bans.lift(connection, network, now_ms))


def test_what_was_made_or_lifted_since_a_moment_is_told(store):
    _put(store, FIRST, OTHER)
    assert _since(store, 0) == [FIRST, OTHER]
    assert _since(store, 1_001) == [OTHER]
    lifted = _lift(store, FIRST.network, 5_000)
    assert lifted == replace(FIRST, lifted_at_ms=5_000)
    assert _since(store, 2_001) == [lifted]
    assert store.read_now(sftp_bans.every) == [OTHER, lifted]


def test_the_next_ban_of_a_network_takes_the_place_of_the_one_before(store):
    again = StoredBan(FIRST.network, "192.0.2.7", 2, 10_000, 1_810_000)
    _put(store, FIRST)
    _lift(store, FIRST.network, 5_000)
    _put(store, again)
    assert store.read_now(sftp_bans.every) == [again]


def test_only_what_is_in_force_can_be_lifted(store):
    _put(store, FIRST)
    assert _lift(store, "192.0.2.8", 5_000) is None
    assert _lift(store, FIRST.network, FIRST.until_ms) is None
    # By a machine whose clock is behind: not before it was made.
    assert _lift(store, FIRST.network, 10) == replace(FIRST, lifted_at_ms=FIRST.banned_at_ms)
    assert _lift(store, FIRST.network, 5_000) is None


def test_bans_that_are_over_for_a_day_go_with_the_next_one(store):
    _put(store, FIRST)
    later = replace(OTHER, banned_at_ms=FIRST.until_ms + FORGOTTEN_MS)
    _put(store, later)
    assert store.read_now(sftp_bans.every) == [later, FIRST]
    last = replace(OTHER, network="198.51.100.1", banned_at_ms=FIRST.until_ms + FORGOTTEN_MS + 1)
    _put(store, last)
    assert store.read_now(sftp_bans.every) == [last, later]
