"""When a folder of theirs is looked into next: by its interval or its cron line, or later while that fails.

Pure: clocks and chance are arguments. Times are milliseconds since 1970.
"""

import hashlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim

from gateway.model.backoff import delay_ms
from partners.sftp_server_terms import SftpFetch

MINUTES_BY_DEFAULT = 15
# After the first failure, and at the longest.
RETRY_BASE_MS = 60_000
RETRY_CAP_MS = 3_600_000
# In a row: from then on a person hears of it.
FAILURES_UNTIL_TOLD = 5
# A file that goes on growing is looked at less and less often.
_DOUBLINGS_MAX = 6


def next_look(terms: SftpFetch, name: str, after_ms: int) -> int | None:
    """The first instant after another at which a folder is due.

    Args:
        terms: of the folder; its cron line is read in its own time zone, where an hour that the clocks skip is made up
            for at once, and what stands in an hour that they repeat happens once.
        name: of the folder among all; spreads those with an interval over it, so that not all are looked into at once.
        after_ms: the other instant.

    Returns:
        None where the cron line names no day that comes, such as the 30th of February.
    """
    if terms.cron is not None:
        return _next_of_cron(terms.cron, terms.time_zone, after_ms)
    period_ms = (terms.every_minutes or MINUTES_BY_DEFAULT) * 60_000
    place_ms = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % period_ms
    return after_ms + period_ms - (after_ms - place_ms) % period_ms


def first_look(terms: SftpFetch, now_ms: int) -> int | None:
    """When a folder is due that is new, or whose terms changed: at once, but for one that has fixed times."""
    return next_look(terms, "", now_ms) if terms.cron is not None else now_ms


def retry_at(now_ms: int, failures: int, chance: float) -> int:
    """When to try again after so many failures in a row: a minute, twice as long each time, at most an hour.

    Args:
        now_ms: when it failed last.
        failures: at least 1.
        chance: 0 <= chance < 1; spreads it over the upper half.
    """
    return now_ms + delay_ms(failures, chance, base_ms=RETRY_BASE_MS, cap_ms=RETRY_CAP_MS)


def rest_ms(stable_s: int, changes: int) -> int:
    """How long to wait until a file is looked at again that may still grow.

    Args:
        stable_s: for how long it must not change.
        changes: how often it was seen to have changed, 0 for a new one.
    """
    return stable_s * 1_000 << min(max(changes - 1, 0), _DOUBLINGS_MAX)


def _next_of_cron(expression: str, time_zone: str, after_ms: int) -> int | None:
    zone = UTC if time_zone == "UTC" else ZoneInfo(time_zone)
    times = CronSim(expression, datetime.fromtimestamp(after_ms // 1_000, zone))
    # Within the hour that the clocks repeat it begins from the first of both, so what it finds can lie behind us.
    for time in times:
        found_ms = int(time.timestamp()) * 1_000
        if found_ms > after_ms:
            return found_ms
    return None
