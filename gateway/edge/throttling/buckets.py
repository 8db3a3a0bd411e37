"""A token bucket: so many at once, so many a second in the long run. Time is an argument, in milliseconds."""

import math
from dataclasses import dataclass

# What is left of a token after a sum of fractions that should have made a whole one.
_WHOLE = 1 - 1e-9


@dataclass(slots=True)
class Bucket:
    """Tokens come in at a steady rate, up to as many as the bucket holds; each call takes one.

    Attributes:
        per_second: tokens that come in.
        burst: tokens that it holds.
        tokens: that were in it at `at_ms`; below zero where more was taken than there was.
    """

    per_second: float
    burst: float
    tokens: float
    at_ms: int

    @classmethod
    def full(cls, per_second: float, burst: float, now_ms: int) -> "Bucket":
        """A bucket that nothing was taken from."""
        return cls(per_second, burst, burst, now_ms)

    def left(self, now_ms: int) -> float:
        """The tokens that are in it now. A clock that is put back brings none, and takes none away."""
        passed_ms = now_ms - self.at_ms
        if passed_ms:
            if passed_ms > 0:
                self.tokens = min(self.burst, self.tokens + passed_ms * self.per_second / 1_000)
            self.at_ms = now_ms
        return self.tokens

    def has_one(self, now_ms: int) -> bool:
        """Whether one can be taken."""
        return self.left(now_ms) >= _WHOLE

    def take(self, now_ms: int, tokens: float = 1) -> None:
        """Take tokens, whether or not they are there."""
        self.tokens = self.left(now_ms) - tokens

    def put_back(self, now_ms: int, tokens: float) -> None:
        """Tokens that were taken and not used."""
        self.tokens = min(self.burst, self.left(now_ms) + tokens)

    def wait_ms(self, now_ms: int) -> int:
        """After how long there is one, if nobody takes one meanwhile."""
        missing = _WHOLE - self.left(now_ms)
        return math.ceil(missing * 1_000 / self.per_second) if missing > 0 else 0

    def adapt(self, per_second: float, burst: float, now_ms: int) -> None:
        """Go on at another rate; what was taken stays taken."""
        if (per_second, burst) == (self.per_second, self.burst):
            return
        taken = self.burst - self.left(now_ms)
        self.per_second, self.burst, self.tokens = per_second, burst, burst - taken
