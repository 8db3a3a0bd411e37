"""Scores of networks: failures add up, fade, are answered later, and end in bans that grow."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.sftp import bans as bans_module
from gateway.edge.sftp.bans import (
    BAN_MS_MAX,
    BANNED_FROM,
    DELAY_S_MAX,
    DELAYED_FROM,
    HALF_LIFE_MS,
    KNOWN_MS,
    WITHHELD_FROM,
    Bans,
    Fault,
)
from gateway.store.sftp_bans import StoredBan

SPRAYER, PARTNER = "192.0.2.7", "198.51.100.9"


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_795_000_000_000

    def __call__(self) -> int:
        return self.now_ms


def bans_with(clock: Clock, ban_s: float = 900, listed: str = PARTNER) -> Bans:
    return Bans(clock, ban_s, lambda address: address == listed)


def spray(bans: Bans, network: str = SPRAYER, fault: Fault = Fault.UNKNOWN_USER, until_banned: int = 100) -> int:
    """How many failures it takes."""
    return next(number for number in range(1, until_banned) if bans.failed(network, network, fault) is not None)


def test_failures_are_answered_later_and_later_and_then_not_at_all():
    clock = Clock()
    bans = bans_with(clock)
    delays = []
    while not bans.is_banned(SPRAYER, SPRAYER):
        delays.append(bans.delay_s(SPRAYER))
        bans.failed(SPRAYER, SPRAYER, Fault.UNKNOWN_USER)
    assert delays == sorted(delays)
    assert delays[0] == 0
    assert delays[-1] > 1
    assert len(delays) == BANNED_FROM / Fault.UNKNOWN_USER.value
    assert not bans.is_banned(PARTNER, PARTNER)
    assert bans.delay_s(PARTNER) == 0


def test_a_ban_ends_and_the_next_one_is_twice_as_long_to_a_day():
    clock = Clock()
    bans = bans_with(clock)
    lengths = []
    for _ in range(12):
        spray(bans)
        began_ms = clock.now_ms
        while bans.is_banned(SPRAYER, SPRAYER):
            clock.now_ms += 60_000
        lengths.append(clock.now_ms - began_ms)
    assert lengths[:3] == [900_000, 1_800_000, 3_600_000]
    assert lengths[-1] == BAN_MS_MAX
    clock.now_ms += 2 * BAN_MS_MAX
    spray(bans)
    assert bans.is_banned(SPRAYER, SPRAYER)
    clock.now_ms += 900_000
    assert not bans.is_banned(SPRAYER, SPRAYER)


def test_one_mistake_after_a_ban_is_no_new_one():
    clock = Clock()
    bans = bans_with(clock)
    spray(bans)
    clock.now_ms += 900_000
    assert bans.failed(SPRAYER, SPRAYER, Fault.WRONG_PASSWORD) is None


def test_failures_fade():
    clock = Clock()
    bans = bans_with(clock)
    for _ in range(200):
        bans.failed(SPRAYER, SPRAYER, Fault.WRONG_KEY)
        clock.now_ms += HALF_LIFE_MS // 4
    assert not bans.is_banned(SPRAYER, SPRAYER)
    assert bans.delay_s(SPRAYER) == 0


def test_addresses_that_a_profile_lists_are_only_answered_later():
    clock = Clock()
    bans = bans_with(clock)
    for _ in range(1_000):
        assert bans.failed(PARTNER, PARTNER, Fault.UNKNOWN_USER) is None
    assert not bans.is_banned(PARTNER, PARTNER)
    assert bans.delay_s(PARTNER) == DELAY_S_MAX


def test_a_network_that_is_shut_out_opens_to_an_address_that_a_profile_lists_by_now():
    clock = Clock()
    listed: set[str] = set()
    bans = Bans(clock, 900, lambda address: address in listed)
    spray(bans)
    assert bans.is_banned(SPRAYER, SPRAYER)
    listed.add(SPRAYER)
    assert not bans.is_banned(SPRAYER, SPRAYER)
    assert bans.is_banned(SPRAYER, "192.0.2.8")


def test_a_login_forgives_most_of_it():
    clock = Clock()
    bans = bans_with(clock)
    for _ in range(5):
        bans.failed(SPRAYER, SPRAYER, Fault.UNKNOWN_USER)
    assert bans.delay_s(SPRAYER) > 0
    bans.succeeded(SPRAYER)
    assert bans.delay_s(SPRAYER) == 0


def test_where_a_partner_logged_in_nobody_is_shut_out_for_some_days():
    clock = Clock()
    bans = bans_with(clock)
    bans.succeeded(SPRAYER)
    for _ in range(100):
        assert bans.failed(SPRAYER, SPRAYER, Fault.UNKNOWN_USER) is None
    assert bans.delay_s(SPRAYER) == DELAY_S_MAX
    clock.now_ms += KNOWN_MS
    spray(bans)
    assert bans.is_banned(SPRAYER, SPRAYER)


def test_where_only_guessers_fail_so_often_no_password_is_looked_at_until_it_is_quiet():
    clock = Clock()
    bans = bans_with(clock)
    for _ in range(round(WITHHELD_FROM / Fault.WRONG_PASSWORD.value)):
        assert not bans.withholds_passwords(PARTNER)
        bans.failed(PARTNER, PARTNER, Fault.WRONG_PASSWORD)
    assert bans.withholds_passwords(PARTNER)
    assert not bans.withholds_passwords(SPRAYER)
    clock.now_ms += HALF_LIFE_MS
    assert not bans.withholds_passwords(PARTNER)


def test_what_one_process_finds_all_others_follow_also_after_a_restart():
    clock = Clock()
    finder, follower = bans_with(clock), bans_with(clock)
    found = (finder.failed(SPRAYER, SPRAYER, Fault.UNKNOWN_USER) for _ in range(30))
    ban = next(ban for ban in found if ban is not None)
    assert ban == StoredBan(SPRAYER, SPRAYER, 1, clock.now_ms, clock.now_ms + 900_000)
    follower.follow([ban])
    assert follower.is_banned(SPRAYER, SPRAYER)
    clock.now_ms += 900_000
    assert not follower.is_banned(SPRAYER, SPRAYER)
    follower.follow([ban])
    spray(follower)
    clock.now_ms += 1_799_999
    assert follower.is_banned(SPRAYER, SPRAYER)


def test_where_a_partner_is_known_others_do_not_shut_it_out_either():
    clock = Clock()
    bans = bans_with(clock)
    bans.succeeded(SPRAYER)
    for network in (SPRAYER, PARTNER):
        bans.follow([StoredBan(network, network, 1, clock.now_ms, clock.now_ms + 900_000)])
    assert bans.banned() == 0


def test_what_a_person_lifts_is_forgotten_and_counts_anew():
    clock = Clock()
    bans = bans_with(clock)
    spray(bans)
    lifted = StoredBan(SPRAYER, SPRAYER, 1, clock.now_ms, clock.now_ms + 900_000, clock.now_ms + 5)
    clock.now_ms += 10
    bans.follow([lifted])
    assert not bans.is_banned(SPRAYER, SPRAYER)
    assert bans.delay_s(SPRAYER) == 0
    # What is told again does not help who fails again.
    while bans.failed(SPRAYER, SPRAYER, Fault.UNKNOWN_USER) is None:
        assert bans.delay_s(SPRAYER) < DELAY_S_MAX
        bans.follow([lifted])
    bans.follow([lifted])
    assert bans.is_banned(SPRAYER, SPRAYER)
    clock.now_ms += 900_000
    assert not bans.is_banned(SPRAYER, SPRAYER)


def test_without_a_length_nobody_is_shut_out():
    bans = bans_with(Clock(), ban_s=0)
    for _ in range(100):
        assert bans.failed(SPRAYER, SPRAYER, Fault.UNKNOWN_USER) is None
    assert bans.banned() == 0


def test_the_memory_of_networks_is_bounded(monkeypatch):
    monkeypatch.setattr(bans_module, "NETWORKS_MAX", 50)
    clock = Clock()
    bans = bans_with(clock)
    spray(bans)
    for number in range(49):
        bans.failed(f"10.0.0.{number}", "", Fault.LEFT)
    assert bans.is_banned(SPRAYER, SPRAYER)
    bans.failed("10.0.1.1", "", Fault.LEFT)
    assert not bans.is_banned(SPRAYER, SPRAYER)


@given(st.lists(st.tuples(st.sampled_from(Fault), st.integers(-HALF_LIFE_MS, 3 * HALF_LIFE_MS), st.booleans())))
def test_whatever_happens_delays_are_bounded_and_bans_end(history: list[tuple[Fault, int, bool]]):
    clock = Clock()
    bans = bans_with(clock)
    for fault, passed_ms, succeeds in history:
        clock.now_ms += passed_ms
        if succeeds:
            bans.succeeded(SPRAYER)
        else:
            ban = bans.failed(SPRAYER, SPRAYER, fault)
            assert ban is None or clock.now_ms < ban.until_ms <= clock.now_ms + BAN_MS_MAX
        assert 0 <= bans.delay_s(SPRAYER) <= DELAY_S_MAX
        assert (bans.delay_s(SPRAYER) > 0) <= (DELAYED_FROM > 0)
    clock.now_ms += BAN_MS_MAX + HALF_LIFE_MS * 20 + abs(sum(passed_ms for _, passed_ms, _ in history))
    assert not bans.is_banned(SPRAYER, SPRAYER)
