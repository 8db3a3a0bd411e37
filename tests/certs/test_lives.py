"""The lives of our pairs: whatever their dates, one signs at each moment and what is needed decrypts."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.lives import Life, day, decrypting_at, live, next_change, planned_after, signer_at, story, succeeded
from tests.certs.pairs import NOW, curve_pair, pair

DAY = timedelta(days=1)


def life(number, *, of=pair, days=730, created=0, signs=None, until=None, retired=None):
    def at(offset):
        return NOW + offset * DAY if offset is not None else None

    return Life("plant", of(number, days=days).certificate, (), at(created), at(signs), at(until), at(retired))


def test_before_any_cut_over_the_oldest_pair_signs():
    first, second = life(5, created=0), life(2, created=1, signs=9)
    assert signer_at([second, first], NOW) == first
    assert signer_at([second, first], NOW + 9 * DAY) == second
    assert signer_at([], NOW) is None


def test_the_last_cut_over_counts_also_back_to_an_older_pair():
    old, new = life(1, signs=5), life(2, signs=3)
    assert signer_at([old, new], NOW + 4 * DAY) == new
    assert signer_at([old, new], NOW + 6 * DAY) == old


def test_a_retired_pair_does_nothing():
    old, new = life(1, signs=0, retired=3), life(2)
    assert signer_at([old, new], NOW + DAY) == new
    assert decrypting_at([old, new], NOW + DAY) == (new,)
    assert live([old, new]) == [new]


offsets = st.none() | st.integers(-20, 20)
lives = st.lists(
    st.builds(life, st.integers(0, 5), created=st.integers(-20, 0), signs=offsets, until=offsets, retired=offsets),
    max_size=4,
    unique_by=lambda one: one.fingerprint,
)


@given(lives, st.integers(-25, 25))
def test_one_signs_and_decrypts_whenever_there_is_one(found, offset):
    now = NOW + offset * DAY
    signer = signer_at(found, now)
    assert (signer is None) == (not live(found))
    assert signer is None or signer in decrypting_at(found, now)
    assert all(one.is_live for one in decrypting_at(found, now))
    assert all(one.signs_from > now for one in planned_after(found, now))
    assert len(story(found, now)) >= 1


@given(lives, st.integers(-25, 25))
def test_nothing_changes_before_the_next_change(found, offset):
    now = NOW + offset * DAY
    change = next_change(found, now)
    just_before = (change if change is not None else now + 1_000 * DAY) - timedelta(milliseconds=1)
    if just_before > now:
        assert signer_at(found, just_before) == signer_at(found, now)
        assert decrypting_at(found, just_before) == decrypting_at(found, now)


# (what stands beside a pair that ends in 100 days, whether it is succeeded)
SUCCESSIONS = [
    ([], False),
    ([{"number": 0, "days": 400}], False),  # decrypts, but is never to sign
    ([{"number": 0, "days": 400, "signs": 50}], True),
    ([{"number": 0, "days": 400, "signs": 200}], False),  # too late
    ([{"number": 0, "days": 90, "signs": 50}], False),  # ends even before
    ([{"number": 0, "days": 400, "signs": 50, "retired": 1}], False),
    ([{"number": 0, "days": 400, "signs": 50, "of": curve_pair}], False),  # nobody can encrypt to it
    ([{"number": 0, "days": 400, "signs": 50, "of": curve_pair}, {"number": 2, "days": 400}], True),
]


@pytest.mark.parametrize(("beside", "expected"), SUCCESSIONS)
def test_what_counts_as_a_successor(beside, expected):
    present = life(1, days=99, signs=0)
    assert succeeded(present, [present, *(life(**one) for one in beside)], NOW + DAY) is expected


def test_an_old_pair_that_only_decrypts_needs_another_that_does():
    old, new = life(1, days=50, signs=0), life(2, days=400, signs=1)
    assert succeeded(old, [old, new], NOW + 5 * DAY)


def test_the_overlap_is_told_in_words():
    old, new = life(0, signs=0, until=40, days=100), life(1, signs=7, days=800)
    told = story([old, new], NOW + DAY)
    assert [what for _, what in told] == [
        f"{old.short} signs; {new.short} and {old.short} decrypt",
        f"{new.short} signs instead of {old.short}",
        f"{old.short} decrypts for the last time",
        f"the certificate of {old.short} ends",
        f"the certificate of {new.short} ends",
    ]
    assert [at for at, _ in told] == sorted(at for at, _ in told)
    assert story([life(1, of=curve_pair, signs=0)], NOW)[0][1].endswith("nobody can encrypt to us")
    assert story([], NOW) == [(NOW, "there is no pair")]


def test_days_are_written_as_days():
    midnight = NOW.replace(hour=0)
    assert day(midnight) == "2026-03-01"
    assert day(NOW) == "2026-03-01 12:00 UTC"
