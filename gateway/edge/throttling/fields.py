"""What answers say of limits: the fields RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11).

Both are lists of items of RFC 9651, the name of a policy each: `"submit";q=500;w=5` is a quota of 500 in 5 seconds,
`"submit";r=499;t=1` says that 499 are left, and no more than that within the next second.
"""

from collections.abc import Sequence
from dataclasses import dataclass

POLICY = "RateLimit-Policy"
LIMIT = "RateLimit"


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a partner stands with one limit.

    Attributes:
        name: submit, read, change, validate_only, token; all, concurrent, daily.
        quota: so many in `window_s`, or at once where there is no window.
        left: of it, now.
        resets_s: within so many seconds no more than `left` can be used.
    """

    name: str
    quota: int
    window_s: int | None
    left: int
    resets_s: int | None

    @property
    def policy(self) -> str:
        """As an item of RateLimit-Policy."""
        if self.window_s is None:
            return f'"{self.name}";q={self.quota};qu="concurrent-requests"'
        return f'"{self.name}";q={self.quota};w={self.window_s}'

    @property
    def standing(self) -> str:
        """As an item of RateLimit."""
        if self.resets_s is None:
            return f'"{self.name}";r={self.left}'
        return f'"{self.name}";r={self.left};t={self.resets_s}'


def policy_of(limits: Sequence[Limit]) -> str:
    """The value of RateLimit-Policy."""
    return ", ".join([limit.policy for limit in limits])


def standing_of(limits: Sequence[Limit]) -> str:
    """The value of RateLimit."""
    return ", ".join([limit.standing for limit in limits])
