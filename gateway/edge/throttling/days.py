"""How many documents a partner has sent today (UTC), as one process knows it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil

from gateway.edge.throttling.peers import Peers
from gateway.model.instants import DAY_MS


def day_of(now_ms: int) -> str:
    """The day in UTC, as ISO 8601 writes it."""
    return datetime.fromtimestamp(now_ms / 1_000, UTC).date().isoformat()


@dataclass(slots=True)
class DailyCount:
    """Counts towards a quota of the day.

    The sum of all processes is told by the database with each round; what others let in since then is not seen, so the
    quota can be passed by that much. While the database is away a process goes on with its share of what was left.

    Attributes:
        per_day: documents that may be sent.
        number: of the day, since 1970.
        known: what all processes had sent when the database last told.
        pending: let in here since, and not told to the database yet.
        telling: on its way to the database now.
    """

    partner_id: str
    per_day: int
    peers: Peers
    number: int = 0
    known: int = 0
    pending: int = 0
    telling: int = 0

    def left(self, now_ms: int) -> int:
        """How many more may be sent here today."""
        self._turn(now_ms)
        left = self.per_day - self.known
        if self.peers.is_cut_off:
            left = ceil(left / self.peers.number)
        return left - self.telling - self.pending

    def has_one(self, now_ms: int) -> bool:
        """Whether one more may be sent."""
        return self.left(now_ms) >= 1

    def take(self, now_ms: int) -> None:
        """Count one."""
        self._turn(now_ms)
        self.pending += 1

    def wait_ms(self, now_ms: int) -> int:
        """How long until the next day."""
        return DAY_MS - now_ms % DAY_MS

    def tell(self) -> int:
        """What the database is to add; `told` or `not_told` follows."""
        self.telling, self.pending = self.telling + self.pending, 0
        return self.telling

    def told(self, number: int, used: int) -> None:
        """The database added it, and has so many of the day now."""
        if number == self.number:
            self.known, self.telling = used, 0

    def not_told(self) -> None:
        """The database did not add it."""
        self.pending, self.telling = self.pending + self.telling, 0

    def _turn(self, now_ms: int) -> None:
        number = now_ms // DAY_MS
        if number != self.number:
            self.number, self.known, self.pending, self.telling = number, 0, 0, 0
