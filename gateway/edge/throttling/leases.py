"""A token bucket that several processes draw on through the database, as one of them sees it. Time is an argument.

A process holds a *lease*: tokens that were taken out of the common bucket for it, ahead of their use and as many as it
lately needed. No call waits for the database: where the lease is used up before the next one came, calls are refused.

Who comes after a pause meets a process that holds nothing. It gets a *loan* then, out of what the common bucket should
have by the last word of it, and at most this process's share of its size; the next round takes it out of the common
bucket, which may fall below zero by that and pays it back out of what comes in. So all together let in no more than
burst + rate * time, and for a moment up to burst * (processes - 1) / processes more. (A burst of less than what comes
in within `ROOM_S` counts as that much.)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from gateway.edge.throttling.buckets import Bucket
from gateway.edge.throttling.peers import Peers

# A lease is for the calls of so long, and whoever had no calls for so long gives it back.
LEASE_S = 0.25
REST_MS = 1_000
# What comes in between two rounds must find room in the common bucket, however small the burst.
ROOM_S = 0.2
# A demand is the mean of the last few rounds.
_NEWS = 0.5


@dataclass(frozen=True, slots=True)
class Wish:
    """What a process asks of a common bucket.

    Attributes:
        tokens: to be leased; below zero: given back.
        owed: were lent, to be taken out.
    """

    partner_id: str
    name: str
    per_second: float
    burst: float
    tokens: int
    owed: int


@dataclass(slots=True)
class LeasedBucket:
    """One process's side of a common bucket.

    Attributes:
        held: tokens that can be taken now.
        owed: of them, lent and not taken out of the common bucket yet.
        common: the common bucket by the last word of it.
        alone: this process's share, while the database is away.
        asked: calls since the last round, let in or not.
        demand: calls a second.
        used_ms: when there was a call.
        told_ms: when demand was last measured.
        heard_ms: when the database last told of the common bucket; now and then it is asked without a wish.
        rests: whether it has no part in the rounds.
        call: asks for a round soon.
    """

    partner_id: str
    name: str
    per_second: float
    burst: float
    peers: Peers
    common: Bucket
    call: Callable[["LeasedBucket"], None]
    held: int = 0
    owed: int = 0
    alone: Bucket | None = None
    asked: int = 0
    demand: float = 0.0
    used_ms: int = 0
    told_ms: int = 0
    heard_ms: int = 0
    rests: bool = True

    @property
    def share(self) -> int:
        """What one of the processes may hold at most."""
        return max(1, int(roomy(self.per_second, self.burst) / self.peers.number))

    def has_one(self, now_ms: int) -> bool:
        """Whether one can be taken; it counts as asked for."""
        self.asked += 1
        self.used_ms = now_ms
        if self.rests:
            self._begin(now_ms)
        if self.peers.is_cut_off:
            return self._alone(now_ms).has_one(now_ms)
        self._rejoin(now_ms)
        if self.held <= (some := self._target(now_ms) // 2) and self.common.left(now_ms) > some:
            # There is more to be had than the next round by itself would bring.
            self.call(self)
        return self.held >= 1

    def take(self, now_ms: int) -> None:
        """Take one."""
        if self.peers.is_cut_off:
            self._alone(now_ms).take(now_ms)
        else:
            self.held -= 1

    def left(self, now_ms: int) -> float:
        """What the partner may still use by what is known here."""
        if self.peers.is_cut_off:
            return self._alone(now_ms).left(now_ms)
        return min(self.burst, self.held + max(0.0, self.common.left(now_ms)))

    def wait_ms(self, now_ms: int) -> int:
        """After how long it is worth asking again."""
        return (self._alone(now_ms) if self.peers.is_cut_off else self.common).wait_ms(now_ms)

    def adapt(self, per_second: float, burst: float, now_ms: int) -> None:
        """Go on at another rate."""
        if (per_second, burst) == (self.per_second, self.burst):
            return
        self.per_second, self.burst, self.alone = per_second, burst, None
        self.common.adapt(per_second, roomy(per_second, burst), now_ms)

    def wish(self, now_ms: int) -> Wish | None:
        """What to ask for in this round; None for nothing. `granted` or `failed` follows."""
        if not self.peers.is_cut_off:
            self._rejoin(now_ms)
        if now_ms - self.used_ms >= REST_MS:
            tokens, self.held, self.rests, self.demand = -self.held, 0, True, 0.0
        else:
            passed_s = max(now_ms - self.told_ms, 1) / 1_000
            self.demand += _NEWS * (self.asked / passed_s - self.demand)
            target = self._target(now_ms)
            tokens = target - self.held
            if -target <= tokens <= target // 2:
                tokens = 0
            self.held += min(tokens, 0)
        self.asked, self.told_ms = 0, now_ms
        if not tokens and not self.owed and (self.rests or now_ms - self.heard_ms < LEASE_S * 1_000):
            return None
        wish = Wish(self.partner_id, self.name, self.per_second, self.burst, tokens, self.owed)
        self.owed = 0
        return wish

    def granted(self, tokens: int, common: float, now_ms: int) -> None:
        """The round was made: tokens for this process, and what is left for all."""
        self.held += max(tokens, 0)
        self.common.tokens, self.common.at_ms, self.heard_ms = common, now_ms, now_ms

    def failed(self, wish: Wish) -> None:
        """The round was not made. What was to be given back comes in again by and by."""
        self.owed += wish.owed

    def _begin(self, now_ms: int) -> None:
        loan = max(0, min(self.share, math.floor(self.common.left(now_ms))))
        self.common.take(now_ms, loan)
        self.held += loan
        self.owed += loan
        self.rests, self.told_ms = False, now_ms
        self.call(self)

    def _target(self, now_ms: int) -> int:
        if self.common.left(now_ms) >= self.share:
            return self.share  # as long as there is enough for all, a burst finds what it may have here
        least = max(1, min(self.share, int(self.per_second * LEASE_S / 2)))
        return max(least, min(self.share, math.ceil(self.demand * LEASE_S)))

    def _alone(self, now_ms: int) -> Bucket:
        if self.alone is None:
            burst = max(1.0, self.burst / self.peers.number)
            # It begins with what was leased: those tokens are in no other process.
            self.alone = Bucket(self.per_second / self.peers.number, burst, min(burst, self.held), now_ms)
        return self.alone

    def _rejoin(self, now_ms: int) -> None:
        """The database is back: of the lease there is what was not used meanwhile."""
        if self.alone is not None:
            self.held = max(0, min(self.held, math.floor(self.alone.left(now_ms))))
            self.alone = None


def roomy(per_second: float, burst: float) -> float:
    """What the common bucket holds."""
    return max(burst, per_second * ROOM_S)


def settle(bucket: Bucket, wish: Wish, now_ms: int) -> int:
    """Carry out a wish at the common bucket; how many tokens are leased."""
    bucket.take(now_ms, wish.owed)
    if wish.tokens < 0:
        bucket.put_back(now_ms, -wish.tokens)
        return 0
    leased = max(0, min(wish.tokens, math.floor(bucket.left(now_ms) + 1e-9)))
    bucket.take(now_ms, leased)
    return leased
