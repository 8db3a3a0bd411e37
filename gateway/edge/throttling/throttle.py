"""The limits of a partner, over all its doors, and the one way through them."""

import math
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from gateway.api.operations import RateClass
from gateway.edge.throttling.buckets import Bucket
from gateway.edge.throttling.days import DailyCount
from gateway.edge.throttling.fields import LIMIT, POLICY, Limit, policy_of, standing_of
from gateway.edge.throttling.leases import LeasedBucket
from gateway.edge.throttling.peers import Peers
from gateway.edge.throttling.sharing import Sharing
from gateway.model.instants import DAY_MS
from gateway.model.refusals import Reason, Refused
from gateway.telemetry import Metrics
from partners.loader import LoadedProfile
from partners.throttling_terms import Rate

# Of receipts that tell of a failure, since anybody can cause them with a partner's name.
FAILURES_TOLD_PER_SECOND_MAX = 5
ALL, DAILY, CONCURRENT = "all", "daily", "concurrent"
_DAY_S = DAY_MS // 1_000


class Meter(Protocol):
    """Something that calls use up."""

    def has_one(self, now_ms: int) -> bool:
        """Whether one more call may come."""

    def take(self, now_ms: int) -> None:
        """It comes."""

    def left(self, now_ms: int) -> float:
        """How many more may come."""

    def wait_ms(self, now_ms: int) -> int:
        """After how long one more may come."""


@dataclass(frozen=True, slots=True)
class _Gauge:
    """A meter with its quota, and what is told where it is used up."""

    name: str
    meter: Meter
    quota: int
    window_s: int
    detail: str

    def limit(self, now_ms: int) -> Limit:
        left = max(0, math.floor(self.meter.left(now_ms) + 1e-9))
        if self.name == DAILY:
            return Limit(self.name, self.quota, self.window_s, left, _seconds(self.meter.wait_ms(now_ms)))
        # The next token comes within the second; where none is left, no sooner than Retry-After says (draft 6).
        resets_s = 1 if left else _seconds(self.meter.wait_ms(now_ms))
        return Limit(self.name, self.quota, self.window_s, left, resets_s)


@dataclass(slots=True)
class _Account:
    """One partner's meters."""

    partner: LoadedProfile
    under_way: int = 0
    buckets: dict[str, Bucket | LeasedBucket] = field(default_factory=dict)
    day: DailyCount | None = None
    gauges: dict[RateClass, tuple[_Gauge, ...]] = field(default_factory=dict)
    policies: dict[RateClass, str] = field(default_factory=dict)


class Admission:
    """A call that was let in; it counts as under way until it is released, by whichever way it ends."""

    __slots__ = ("_account",)

    def __init__(self, account: _Account) -> None:
        self._account: _Account | None = account

    def release(self) -> None:
        """The call is answered. Once is enough, twice does no harm."""
        if self._account is not None:
            self._account.under_way -= 1
            self._account = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.release()


class Throttle:
    """The limits of partners: rate by kind of call, all calls, documents a day, calls under way.

    A door calls `enter` once it knows who calls and before it reads a body, and holds what it gets until the answer
    stands. AS2 names its sender before the signature proves it: there `check` says a polite no at the head, and `enter`
    comes after the proof, so that nobody uses up what is somebody else's. A mailbox (SFTP) does as REST does: `enter`
    with `RateClass.SUBMIT` for each file that is complete, and a refusal is a failed close, after which clients send
    the file again.

    Every document that is let in counts for the day, also one that turns out to be none.

    Args:
        now_ms: the clock, milliseconds since 1970.
        metrics: counts what is let in and what is refused.
        sharing: keeps what must outlive this process, and shares it with others; None: all is in memory.
    """

    def __init__(
        self, now_ms: Callable[[], int], metrics: Metrics | None = None, sharing: Sharing | None = None
    ) -> None:
        self._now_ms = now_ms
        self._metrics = metrics or Metrics()
        self._sharing = sharing
        self._accounts: dict[str, _Account] = {}
        self._failures: dict[str, Bucket] = {}

    def enter(
        self, partner: LoadedProfile, rate_class: RateClass, told: MutableMapping[str, str] | None = None
    ) -> Admission:
        """Let a call in.

        Args:
            partner: who calls, proven.
            rate_class: what kind of call it is.
            told: gets the header fields RateLimit-Policy and RateLimit, also where the call is refused.

        Raises:
            Refused: TOO_MANY_REQUESTS; `retry_after_s` says when one more may come. Nothing was used up.
        """
        now_ms = self._now_ms()
        account = self._account(partner)
        gauges = self._gauges(account, rate_class, now_ms)
        refused = self._judge(account, gauges, rate_class, now_ms)
        if refused is None:
            for gauge in gauges:
                gauge.meter.take(now_ms)
            account.under_way += 1
            self._metrics.admitted.add(rate_class.value)
        if told is not None:
            limits = [*[gauge.limit(now_ms) for gauge in gauges], _concurrent(account)]
            policy = account.policies.get(rate_class)
            if policy is None:
                policy = account.policies[rate_class] = policy_of(limits)
            told[POLICY], told[LIMIT] = policy, standing_of(limits)
        if refused is not None:
            raise refused
        return Admission(account)

    def check(self, partner: LoadedProfile, rate_class: RateClass) -> None:
        """Refuse what `enter` would refuse now; nothing is used up.

        Raises:
            Refused: as `enter` does.
        """
        now_ms = self._now_ms()
        account = self._account(partner)
        refused = self._judge(account, self._gauges(account, rate_class, now_ms), rate_class, now_ms)
        if refused is not None:
            raise refused

    def tell_failure(self, partner: LoadedProfile) -> None:
        """Count a receipt that tells of a failure and is delivered by itself; these have a rate of their own.

        Raises:
            Refused: as `enter` does.
        """
        per_second = partner.profile.limits.requests_per_second_max or FAILURES_TOLD_PER_SECOND_MAX
        per_second = min(per_second, FAILURES_TOLD_PER_SECOND_MAX)
        now_ms = self._now_ms()
        bucket = self._failures.get(partner.id)
        if bucket is None or bucket.per_second != per_second:
            bucket = self._failures[partner.id] = Bucket.full(per_second, per_second, now_ms)
        if not bucket.has_one(now_ms):
            raise Refused(
                Reason.TOO_MANY_REQUESTS,
                f"more than {per_second} failures a second are to be told",
                retry_after_s=_seconds(bucket.wait_ms(now_ms)),
            )
        bucket.take(now_ms)

    def state(self, partner: LoadedProfile) -> tuple[Limit, ...]:
        """Where a partner stands with each of its limits."""
        now_ms = self._now_ms()
        account = self._account(partner)
        gauges = {gauge.name: gauge for rate_class in RateClass for gauge in self._gauges(account, rate_class, now_ms)}
        return (*(gauge.limit(now_ms) for gauge in gauges.values()), _concurrent(account))

    def _judge(
        self, account: _Account, gauges: tuple[_Gauge, ...], rate_class: RateClass, now_ms: int
    ) -> Refused | None:
        # The limit that lasts longest comes first, so that Retry-After is right for those behind it.
        for gauge in gauges:
            if not gauge.meter.has_one(now_ms):
                return self._refused(rate_class, gauge.name, gauge.detail, _seconds(gauge.meter.wait_ms(now_ms)))
        concurrent_max = account.partner.profile.throttling.concurrent_max
        if account.under_way >= concurrent_max:
            detail = f"{concurrent_max} calls are under way already (throttling.concurrent_max); wait for their answers"
            return self._refused(rate_class, CONCURRENT, detail, 1)
        return None

    def _refused(self, rate_class: RateClass, name: str, detail: str, retry_after_s: int) -> Refused:
        self._metrics.throttled.add(rate_class.value, name)
        return Refused(
            Reason.TOO_MANY_REQUESTS, detail, retry_after_s=retry_after_s, extra={"violated-policies": [name]}
        )

    def _account(self, partner: LoadedProfile) -> _Account:
        account = self._accounts.get(partner.id)
        if account is None:
            account = self._accounts[partner.id] = _Account(partner)
        elif account.partner is not partner:
            # The profile was read again: what was used up stays so, at the rates that hold now.
            account.partner = partner
            account.gauges.clear()
            account.policies.clear()
        return account

    def _gauges(self, account: _Account, rate_class: RateClass, now_ms: int) -> tuple[_Gauge, ...]:
        gauges = account.gauges.get(rate_class)
        if gauges is None:
            gauges = account.gauges[rate_class] = tuple(self._made(account, rate_class, now_ms))
        return gauges

    def _made(self, account: _Account, rate_class: RateClass, now_ms: int) -> list[_Gauge]:
        terms, all_max = account.partner.profile.throttling, account.partner.profile.limits.requests_per_second_max
        gauges = []
        if rate_class is RateClass.SUBMIT and terms.daily_max is not None:
            detail = f"{terms.daily_max} documents were sent today (throttling.daily_max); the day ends at 00:00 UTC"
            gauges.append(_Gauge(DAILY, self._day(account, terms.daily_max), terms.daily_max, _DAY_S, detail))
        name = rate_class.value
        rate: Rate = getattr(terms, name)
        detail = f"more than {rate.per_second} calls a second, {rate.burst} at once (throttling.{name})"
        gauges.append(self._gauge(account, name, rate, detail, now_ms))
        if all_max is not None:
            detail = f"more than {all_max} requests a second (limits.requests_per_second_max)"
            gauges.append(self._gauge(account, ALL, Rate(per_second=all_max, burst=all_max), detail, now_ms))
        return gauges

    def _gauge(self, account: _Account, name: str, rate: Rate, detail: str, now_ms: int) -> _Gauge:
        meter = account.buckets.get(name)
        if meter is not None:
            meter.adapt(rate.per_second, rate.burst, now_ms)
        elif self._sharing is not None and self._sharing.has_peers:
            meter = self._sharing.bucket(account.partner.id, name, rate.per_second, rate.burst, now_ms)
        else:
            meter = Bucket.full(rate.per_second, rate.burst, now_ms)
        account.buckets[name] = meter
        return _Gauge(name, meter, rate.burst, _window_s(rate), detail)

    def _day(self, account: _Account, per_day: int) -> DailyCount:
        if account.day is None:
            partner_id = account.partner.id
            account.day = (
                self._sharing.day(partner_id, per_day, self._now_ms())
                if self._sharing is not None
                else DailyCount(partner_id, per_day, Peers())
            )
        account.day.per_day = per_day
        return account.day


def _concurrent(account: _Account) -> Limit:
    concurrent_max = account.partner.profile.throttling.concurrent_max
    return Limit(CONCURRENT, concurrent_max, None, max(0, concurrent_max - account.under_way), None)


def _window_s(rate: Rate) -> int:
    """How long an empty bucket takes to be full."""
    return max(1, math.ceil(rate.burst / rate.per_second))


def _seconds(wait_ms: int) -> int:
    return max(1, math.ceil(wait_ms / 1_000))
