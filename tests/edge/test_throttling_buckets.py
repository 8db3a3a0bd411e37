"""Buckets and leases as functions of time: never more than the rate allows, and all that it allows."""

from copy import copy
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.edge.throttling.buckets import Bucket
from gateway.edge.throttling.days import DailyCount, day_of
from gateway.edge.throttling.leases import REST_MS, LeasedBucket, Wish, roomy, settle
from gateway.edge.throttling.peers import Peers
from gateway.model.instants import DAY_MS

NOW_MS = 1_800_000_000_000
ROUND_MS = 50

rates = st.tuples(st.integers(1, 300), st.integers(1, 200))
steps = st.lists(st.integers(0, 2_000), min_size=1, max_size=50)


def take_one(bucket, now_ms):
    if not bucket.has_one(now_ms):
        return False
    bucket.take(now_ms)
    return True


@given(rates, steps)
def test_in_no_window_more_than_burst_and_rate(rate, waits):
    per_second, burst = rate
    bucket, now_ms, admitted = Bucket.full(per_second, burst, NOW_MS), NOW_MS, []
    for wait_ms in waits:
        now_ms += wait_ms
        admitted += [now_ms] * sum(take_one(bucket, now_ms) for _ in range(burst // 4 + 2))
    for first in range(0, len(admitted), 7):
        for last in range(first, len(admitted), 11):
            window_s = (admitted[last] - admitted[first]) / 1_000
            assert last - first + 1 <= burst + per_second * window_s + 1e-6


@given(rates, steps)
def test_who_asks_all_the_time_gets_the_whole_rate(rate, waits):
    per_second, burst = rate
    bucket, now_ms, admitted = Bucket(per_second, burst, 0, NOW_MS), NOW_MS, 0
    for wait_ms in waits:
        now_ms += min(wait_ms, 1_000 * (burst - 1) // per_second)  # longer pauses overflow the bucket, by right
        while take_one(bucket, now_ms):
            admitted += 1
    assert admitted >= int(per_second * (now_ms - NOW_MS) / 1_000 - 1e-6)


@given(rates, steps)
def test_the_wait_is_exact(rate, waits):
    per_second, burst = rate
    bucket, now_ms = Bucket.full(per_second, burst, NOW_MS), NOW_MS
    for wait_ms in waits:
        now_ms += wait_ms
        while take_one(bucket, now_ms):
            assert copy(bucket).wait_ms(now_ms) <= ceil(1_000 / per_second)
        wait = bucket.wait_ms(now_ms)
        assert wait > 0
        assert copy(bucket).has_one(now_ms + wait)
        assert not copy(bucket).has_one(now_ms + wait - 1)


@given(rates, st.lists(st.integers(-5_000, 5_000), max_size=60))
def test_a_clock_that_jumps_breaks_nothing(rate, jumps):
    per_second, burst = rate
    bucket, now_ms = Bucket.full(per_second, burst, NOW_MS), NOW_MS
    for jump_ms in jumps:
        now_ms += jump_ms
        assert 0 <= bucket.left(now_ms) <= burst
        take_one(bucket, now_ms)


@given(rates, rates, st.integers(0, 1_500))
def test_another_rate_forgets_nothing_that_was_used(before, after, taken):
    bucket = Bucket.full(*before, NOW_MS)
    bucket.take(NOW_MS, taken)
    bucket.adapt(*after, NOW_MS)
    assert bucket.left(NOW_MS) == after[1] - taken


class Processes:
    """Several processes with a common bucket; the database is a variable here."""

    def __init__(self, number, per_second, burst):
        self.peers = Peers(number)
        self.now_ms = NOW_MS
        self.common = Bucket.full(per_second, roomy(per_second, burst), NOW_MS)
        self.called = set()
        self.buckets = [
            LeasedBucket(
                "acme",
                "submit",
                per_second,
                burst,
                self.peers,
                Bucket.full(per_second, roomy(per_second, burst), NOW_MS),
                lambda bucket: self.called.add(id(bucket)),
            )
            for _ in range(number)
        ]

    def round(self, only=None):
        for bucket in self.buckets if only is None else only:
            wish = bucket.wish(self.now_ms)
            if wish is not None:
                tokens = settle(self.common, wish, self.now_ms)
                bucket.granted(tokens, self.common.tokens, self.now_ms)

    def ask(self, index, calls):
        admitted = sum(take_one(self.buckets[index], self.now_ms) for _ in range(calls))
        called = [bucket for bucket in self.buckets if id(bucket) in self.called]
        self.called.clear()
        self.round(called)
        return admitted


loads = st.lists(st.lists(st.integers(0, 60), min_size=3, max_size=3), min_size=10, max_size=60)


@settings(deadline=None)
@given(st.integers(1, 3), rates, loads)
def test_together_they_keep_to_the_rate_and_the_stated_slack(number, rate, load):
    per_second, burst = rate
    house = Processes(number, per_second, burst)
    admitted = 0
    for calls in load:
        for index in range(number):
            admitted += house.ask(index, calls[index])
        house.round()
        house.now_ms += ROUND_MS
    passed_s = (house.now_ms - NOW_MS) / 1_000
    size = roomy(per_second, burst)
    assert admitted <= size + per_second * passed_s + max(number - 1, size * (number - 1) / number)


@settings(deadline=None)
@given(st.integers(2, 3), rates, st.integers(1, 20))
def test_uneven_load_gets_nine_tenths_at_least(number, rate, quiet_every):
    per_second, burst = rate
    house = Processes(number, per_second, burst)
    admitted, rounds, calls = 0, 60, (burst + per_second) // 10 + 3
    for count in range(rounds):
        admitted += house.ask(0, calls)
        if count % quiet_every == 0:
            admitted += house.ask(1, 1)
        house.round()
        house.now_ms += ROUND_MS
    passed_s = (rounds - 1) * ROUND_MS / 1_000
    assert admitted >= 0.9 * min(rounds * calls, burst + per_second * passed_s) - number


def test_whoever_rests_gives_back():
    house = Processes(2, 10, 100)
    assert house.ask(0, 1) == 1
    house.round()
    assert house.buckets[0].held > 0
    house.now_ms += REST_MS
    house.round()
    house.now_ms += 100
    assert (house.buckets[0].held, house.common.left(house.now_ms)) == (0, 100)


def test_what_was_lent_is_paid_back():
    house = Processes(2, 10, 100)
    assert sum(house.ask(0, 5) for _ in range(40) if house.round() is None) == 100
    assert sum(house.ask(1, 5) for _ in range(40)) == 50, "it could not know yet"
    house.round()
    assert house.common.left(house.now_ms) == -50
    admitted = 0
    for _ in range(200):
        house.now_ms += ROUND_MS
        house.round()
        admitted += house.ask(0, 5) + house.ask(1, 5)
    assert 48 <= admitted <= 50


def test_cut_off_each_goes_on_with_its_share():
    house = Processes(2, 10, 20)
    house.peers.is_cut_off = True
    for index in (0, 1):
        assert sum(take_one(house.buckets[index], house.now_ms) for _ in range(50)) == 10
    admitted = 0
    for _ in range(100):
        house.now_ms += 100
        admitted += sum(take_one(bucket, house.now_ms) for bucket in house.buckets)
    assert 98 <= admitted <= 100


def test_a_wish_that_failed_is_owed_on():
    house = Processes(2, 10, 100)
    house.buckets[0].has_one(NOW_MS)
    wish = house.buckets[0].wish(NOW_MS)
    assert isinstance(wish, Wish)
    assert wish.owed == 50
    house.buckets[0].failed(wish)
    assert house.buckets[0].wish(NOW_MS).owed == 50


def test_a_day_ends_at_midnight():
    midnight = (NOW_MS // DAY_MS + 1) * DAY_MS
    count = DailyCount("acme", 2, Peers())
    for left in (2, 1):
        assert count.left(midnight - 1_500) == left
        count.take(midnight - 1_500)
    assert not count.has_one(midnight - 1_500)
    assert count.wait_ms(midnight - 1_500) == 1_500
    assert count.has_one(midnight)
    assert day_of(midnight) > day_of(midnight - 1)


def test_what_is_told_to_the_database_is_counted_once():
    count = DailyCount("acme", 10, Peers(), number=NOW_MS // DAY_MS)
    count.take(NOW_MS)
    assert count.tell() == 1
    count.take(NOW_MS)
    assert count.left(NOW_MS) == 8
    count.not_told()
    assert count.tell() == 2
    count.told(count.number, 5)  # another process had three
    assert count.left(NOW_MS) == 5
    count.told(count.number - 1, 9)  # of yesterday
    assert count.left(NOW_MS) == 5
