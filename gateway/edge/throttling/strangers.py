"""Those who show no credential that is right: so many failures a network, then 429 in place of 401.

What is shown is always looked up, also of a network that has failed too often: behind one address there may be a
sprayer and a partner, and a right credential must never be refused for somebody else's wrong ones. Looking up costs a
digest and a dictionary, less than the refusal itself; what a sprayer costs us beyond that, the writing of the audit,
ends here. And keys of 256 bits are not found by trying, however often.
"""

import math
from collections.abc import Callable

from gateway.edge.throttling.buckets import Bucket
from gateway.model.refusals import Reason, Refused

FAILURES_PER_SECOND = 1.0
FAILURES_BURST = 20.0
NETWORKS_MAX = 4_096


class Strangers:
    """Failed attempts by network, the last few thousand of them.

    Args:
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._buckets: dict[str, Bucket] = {}

    def judge(self, network: str, refused: Refused) -> Refused:
        """What is answered to somebody who was refused: the refusal, or that it was too often.

        Args:
            network: see `connection.network_of`.
            refused: why; anything but UNAUTHENTICATED stays as it is.
        """
        if refused.reason is not Reason.UNAUTHENTICATED:
            return refused
        now_ms = self._now_ms()
        # Who fails now goes behind the others, so that the first is the one whose bucket is fullest, or nearly.
        bucket = self._buckets.pop(network, None) or Bucket.full(FAILURES_PER_SECOND, FAILURES_BURST, now_ms)
        if len(self._buckets) >= NETWORKS_MAX:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[network] = bucket
        if bucket.has_one(now_ms):
            bucket.take(now_ms)
            return refused
        return Refused(
            Reason.TOO_MANY_REQUESTS,
            "too many requests without a right credential came from your network; those with one are answered",
            audit=refused.audit,
            retry_after_s=math.ceil(bucket.wait_ms(now_ms) / 1_000),
        )
