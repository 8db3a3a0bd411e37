"""When a folder is looked into: intervals spread over partners, cron lines over the days on which clocks change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.flow.collecting.schedule import first_look, next_look, rest_ms, retry_at
from partners.sftp_server_terms import SftpFetch

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAYS = st.integers(min_value=946_684_800_000, max_value=4_102_444_800_000)
CHICAGO = "America/Chicago"


def terms(**fields) -> SftpFetch:
    return SftpFetch(name="orders", folder="/out", **fields)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000)


def following(cron: str, zone: str, begin: str, looks: int) -> list[str]:
    """So many looks one after the other, as local times with their offsets."""
    found, now = [], at(begin)
    for _ in range(looks):
        now = next_look(terms(cron=cron, time_zone=zone), "acme/orders", now)
        assert now is not None
        found.append(datetime.fromtimestamp(now / 1_000, ZoneInfo(zone)).isoformat(timespec="minutes"))
    return found


@given(DAYS, st.integers(min_value=1, max_value=10_080), st.text(max_size=20))
def test_an_interval_is_kept_wherever_it_begins(now_ms, minutes, name):
    every = terms(every_minutes=minutes)
    first = next_look(every, name, now_ms)
    assert first is not None
    assert 0 < first - now_ms <= minutes * MINUTE_MS
    assert next_look(every, name, first) == first + minutes * MINUTE_MS
    assert next_look(every, name, first - 1) == first


def test_folders_with_one_interval_are_spread_over_it():
    looks = {next_look(terms(), f"partner-{number}/orders", 1_700_000_000_000) for number in range(100)}
    assert len(looks) == 100
    assert max(looks) - min(looks) > 10 * MINUTE_MS
    assert max(looks) <= 1_700_000_000_000 + 15 * MINUTE_MS


def test_a_new_folder_is_looked_into_at_once_but_for_one_with_fixed_times():
    assert first_look(terms(every_minutes=60), 1_000) == 1_000
    assert first_look(terms(cron="0 6 * * *"), at("2026-03-01T05:59:59+00:00")) == at("2026-03-01T06:00:00+00:00")


@pytest.mark.parametrize(
    ("cron", "zone", "begin", "looks"),
    [
        pytest.param("0 6-18/6 * * mon-fri", "UTC", "2026-02-27T12:00:00+00:00",
            ["2026-02-27T18:00+00:00", "2026-03-02T06:00+00:00", "2026-03-02T12:00+00:00"], id="weekdays"),
        # 2026-03-08 02:00 -06:00 becomes 03:00 -05:00.
        pytest.param("30 2 * * *", CHICAGO, "2026-03-07T12:00:00-06:00",
            ["2026-03-08T03:00-05:00", "2026-03-09T02:30-05:00"], id="the hour that is skipped is made up for"),
        pytest.param("*/30 * * * *", CHICAGO, "2026-03-08T01:30:00-06:00",
            ["2026-03-08T03:00-05:00", "2026-03-08T03:30-05:00"], id="intervals go on over the skipped hour"),
        # 2026-11-01 02:00 -05:00 becomes 01:00 -06:00.
        pytest.param("30 1 * * *", CHICAGO, "2026-10-31T12:00:00-05:00",
            ["2026-11-01T01:30-05:00", "2026-11-02T01:30-06:00"], id="once in the hour that comes twice"),
        pytest.param("30 1 * * *", CHICAGO, "2026-11-01T01:10:00-06:00",
            ["2026-11-02T01:30-06:00"], id="begun within the second of both hours"),
        pytest.param("*/30 * * * *", CHICAGO, "2026-11-01T01:30:00-05:00",
            ["2026-11-01T01:00-06:00", "2026-11-01T01:30-06:00", "2026-11-01T02:00-06:00"], id="intervals in both"),
        pytest.param("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30",
            ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"], id="half an hour"),
        pytest.param("0 0 29 2 *", "UTC", "2026-01-01T00:00:00+00:00", ["2028-02-29T00:00+00:00"], id="leap years"),
    ],
)  # fmt: skip
def test_cron_lines_over_the_days_on_which_clocks_change(cron, zone, begin, looks):
    assert following(cron, zone, begin, len(looks)) == looks


@given(
    DAYS,
    st.sampled_from(["*/7 * * * *", "30 1,2,3 * * *", "0 */5 * * *", "59 23 31 12 *", "5-55/10 1-3 1-7 * sun"]),
    st.sampled_from(["UTC", CHICAGO, "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/Nuuk"]),
)
def test_the_next_time_is_always_ahead(now_ms, cron, zone):
    found = next_look(terms(cron=cron, time_zone=zone), "acme/orders", now_ms)
    assert found is not None
    assert found > now_ms
    assert found % MINUTE_MS == 0
    again = next_look(terms(cron=cron, time_zone=zone), "acme/orders", found)
    assert again is not None
    assert again > found


@pytest.mark.parametrize("cron", ["* * * * * *", "0 0 31 4,6 *", "daily", "61 * * * *"])
def test_what_is_no_cron_line_is_no_profile(cron):
    with pytest.raises(ValidationError):
        terms(cron=cron.ljust(9))


def test_a_cron_line_in_utc_is_as_the_clock_says():
    found = next_look(terms(cron="17 4 1 * *"), "acme/orders", at("2026-01-31T23:59:59.999+00:00"))
    assert found is not None
    assert datetime.fromtimestamp(found / 1_000, UTC) == datetime(2026, 2, 1, 4, 17, tzinfo=UTC)


def test_tries_come_later_and_later_up_to_an_hour():
    last = 0.999999
    assert [round(retry_at(0, failures, last) / MINUTE_MS) for failures in range(1, 10)] == [
        1, 2, 4, 8, 16, 32, 60, 60, 60
    ]  # fmt: skip
    assert [retry_at(0, 100, 0.0), retry_at(0, 1, 0.0)] == [HOUR_MS // 2, MINUTE_MS // 2]


def test_what_goes_on_growing_is_looked_at_less_often():
    assert [rest_ms(10, changes) // 1_000 for changes in (0, 1, 2, 3, 7, 100)] == [10, 10, 20, 40, 640, 640]
