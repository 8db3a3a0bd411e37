"""Those who try keys and passwords: a score for each network, first slower answers, then no answer at all.

Each login that fails adds to the score, which halves in ten minutes. Above the first threshold failures are answered
later and later; above the second the network is shut out, before any byte of SSH, for twice as long each time. Where a
profile lists the address, or a partner logged in within the last days, nobody is shut out for what others do there,
only answered later: behind one address there may be a sprayer and a partner, or a whole world of both. What is guessed
there at such a rate as no partner ever fails gets no password looked at any more until it is quiet; keys open as ever.

Bans stand in the store, so that all processes know them, also after a restart, and a person can lift one.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from gateway.store.sftp_bans import FORGOTTEN_MS, StoredBan

HALF_LIFE_MS = 600_000
DELAYED_FROM = 6.0
BANNED_FROM = 24.0
# Above it no password from there is looked at.
WITHHELD_FROM = 4 * BANNED_FROM
DELAY_S_MAX = 4.0
# For so long a network is known after a partner's login.
KNOWN_MS = 7 * 86_400_000
BAN_MS_MAX = 86_400_000
NETWORKS_MAX = 16_384
_DELAY_S_PER_POINT = 0.25
_KEPT_AFTER_SUCCESS = 0.25


class Fault(Enum):
    """What somebody did, and what it counts."""

    UNKNOWN_USER = 3.0
    WRONG_PASSWORD = 2.0
    WRONG_KEY = 1.0  # of a whole connection: programs try all the keys that they have
    LEFT = 0.05  # before showing anything, or speaking no SSH at all


@dataclass(slots=True)
class _Record:
    score: float
    at_ms: int
    banned_at_ms: int = 0
    banned_until_ms: int = 0
    bans: int = 0
    known_until_ms: int = 0


class Bans:
    """What this process knows of networks that fail; the last few thousand of them.

    Args:
        now_ms: the clock, milliseconds since 1970.
        ban_s: how long the first ban is; 0: nobody is shut out.
        is_listed: whether a profile lists an address.
    """

    def __init__(self, now_ms: Callable[[], int], ban_s: float, is_listed: Callable[[str], bool]) -> None:
        self._now_ms = now_ms
        self._ban_ms = round(ban_s * 1_000)
        self._is_listed = is_listed
        self._records: dict[str, _Record] = {}

    def is_banned(self, network: str, address: str) -> bool:
        """Whether nothing is said to a network now; to an address of it that a profile lists by now there is."""
        record = self._records.get(network)
        return record is not None and record.banned_until_ms > self._now_ms() and not self._is_listed(address)

    def banned(self) -> int:
        """How many networks are shut out now."""
        now_ms = self._now_ms()
        return sum(record.banned_until_ms > now_ms for record in self._records.values())

    def delay_s(self, network: str) -> float:
        """How much later a failure is answered there."""
        record = self._records.get(network)
        if record is None:
            return 0.0
        above = _decayed(record, self._now_ms()) - DELAYED_FROM
        return min(DELAY_S_MAX, max(0.0, above * _DELAY_S_PER_POINT))

    def withholds_passwords(self, network: str) -> bool:
        """Whether so many fail there that no password is looked at: what nobody compares nobody guesses."""
        record = self._records.get(network)
        return record is not None and _decayed(record, self._now_ms()) >= WITHHELD_FROM

    def failed(self, network: str, address: str, fault: Fault) -> StoredBan | None:
        """Somebody failed there; the ban, to be kept, where that was once too often."""
        now_ms = self._now_ms()
        record = self._record(network, now_ms)
        record.score, record.at_ms = _decayed(record, now_ms) + fault.value, now_ms
        if record.score < BANNED_FROM or not self._ban_ms:
            return None
        if self._is_known(network, address, now_ms):
            return None
        if now_ms - record.banned_until_ms > FORGOTTEN_MS:
            record.bans = 0
        length_ms = min(BAN_MS_MAX, self._ban_ms << min(record.bans, 30))
        ban = StoredBan(network, address, record.bans + 1, now_ms, now_ms + max(length_ms, self._ban_ms))
        _shut_out(record, ban)
        return ban

    def succeeded(self, network: str) -> None:
        """A partner logged in there: most of what was counted may have been its own mistakes."""
        now_ms = self._now_ms()
        record = self._record(network, now_ms)
        record.score, record.at_ms = _decayed(record, now_ms) * _KEPT_AFTER_SUCCESS, now_ms
        record.known_until_ms = now_ms + KNOWN_MS

    def follow(self, stored: Iterable[StoredBan]) -> None:
        """Take over what other processes have found, and what a person has lifted; the same again changes nothing."""
        now_ms = self._now_ms()
        for ban in stored:
            record = self._records.get(ban.network)
            known_at_ms = record.banned_at_ms if record is not None else 0
            if ban.lifted_at_ms is not None:
                if record is not None and record.banned_until_ms > now_ms and known_at_ms <= ban.lifted_at_ms:
                    record.banned_until_ms, record.bans, record.score = 0, 0, 0.0
            elif known_at_ms < ban.banned_at_ms and not self._is_known(ban.network, ban.address, now_ms):
                _shut_out(self._record(ban.network, now_ms), ban)

    def _is_known(self, network: str, address: str, now_ms: int) -> bool:
        record = self._records.get(network)
        return (record is not None and record.known_until_ms > now_ms) or self._is_listed(address)

    def _record(self, network: str, now_ms: int) -> _Record:
        """What is known of a network; it goes behind the others, so that the first was quiet for longest."""
        record = self._records.pop(network, None) or _Record(0.0, now_ms)
        if len(self._records) >= NETWORKS_MAX:
            del self._records[next(iter(self._records))]
        self._records[network] = record
        return record


def _shut_out(record: _Record, ban: StoredBan) -> None:
    record.bans, record.banned_at_ms, record.banned_until_ms = ban.in_a_row, ban.banned_at_ms, ban.until_ms
    # Back below the threshold: when the ban is over one more failure does not renew it.
    record.score, record.at_ms = DELAYED_FROM, ban.banned_at_ms


def _decayed(record: _Record, now_ms: int) -> float:
    """The score as it is now; a clock that is put back changes nothing."""
    return record.score * math.exp2(-max(0, now_ms - record.at_ms) / HALF_LIFE_MS)
