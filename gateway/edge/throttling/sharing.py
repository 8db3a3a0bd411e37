"""Leases and counts in the database, in the background: no call of a partner waits for any of it.

With PostgreSQL there may be several processes: in rounds, some twenty a second while there are calls, each asks for
tokens ahead and tells what it let in, in a transaction of its own that does not wait for the disk. Where a round fails
or is slow, the process goes on with its share: the rate divided by the processes seen last. With SQLite there is one
process: buckets are its own, and the documents of a day are written down once a second. What `kill -9` takes with it is
the counting of the last second (SQLite) or round (PostgreSQL).
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice

from sqlalchemy import Connection

from gateway.edge.throttling.buckets import Bucket
from gateway.edge.throttling.days import DailyCount, day_of
from gateway.edge.throttling.leases import LeasedBucket, Wish, roomy, settle
from gateway.edge.throttling.peers import Peers
from gateway.model.instants import DAY_MS
from gateway.store import quotas
from gateway.store.database import Database
from gateway.telemetry import Metrics

TICK_S = 0.05
# Calls that come together ask together.
GATHER_S = 0.005
BEAT_MS = 1_000
# A round that takes longer counts as failed until it ends.
SLOW_S = 0.5
PROCESS_SEEN_MS = 5_000
# Clocks of nodes may differ by so much; one that is further ahead is wrong and does not hold up the others.
SKEW_MS_MAX = 5_000
BUCKETS_PER_ROUND = 128
CLOSE_S = 1.0
DAYS_KEPT = 40

log = logging.getLogger("gateway.edge")


@dataclass(frozen=True, slots=True)
class _Question:
    """What one round asks."""

    now_ms: int
    wishes: tuple[Wish, ...]
    counts: Mapping[str, int]
    asked_of: tuple[str, ...]
    day: str
    is_beat: bool
    is_cleaning: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one round yields: tokens leased and left by wish, documents by partner, processes where it was a beat."""

    leases: tuple[tuple[int, float], ...]
    used: Mapping[str, int]
    processes: int | None


class Sharing:
    """Keeps the limits of one process in step with the database.

    Args:
        database: the store.
        name: of this process, unlike any other's.
        now_ms: the clock, milliseconds since 1970.
        metrics: shows whether limits are shared.
    """

    def __init__(self, database: Database, name: str, *, now_ms: Callable[[], int], metrics: Metrics) -> None:
        self._database = database
        self._name = name
        self._now_ms = now_ms
        self._metrics = metrics
        self.has_peers = not database.is_sqlite
        self.peers = Peers()
        self._buckets: dict[tuple[str, str], LeasedBucket] = {}
        self._days: dict[str, DailyCount] = {}
        self._known: dict[tuple[str, str], int] = {}
        self._called = asyncio.Event()
        # A thread of its own: when the database hangs, nothing else waits for this one.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="throttling")
        self._beat_at_ms = 0
        self._cleaned_day = ""
        self._is_closed = False

    def bucket(self, partner_id: str, name: str, per_second: float, burst: float, now_ms: int) -> LeasedBucket:
        """This process's side of a common bucket."""
        common = Bucket.full(per_second, roomy(per_second, burst), now_ms)
        return LeasedBucket(partner_id, name, per_second, burst, self.peers, common, self._call)

    def day(self, partner_id: str, per_day: int, now_ms: int) -> DailyCount:
        """The count of a partner's documents, with those that were sent before this process began."""
        known = self._known.get((day_of(now_ms), partner_id), 0)
        count = DailyCount(partner_id, per_day, self.peers, now_ms // DAY_MS, known)
        self._days[partner_id] = count
        return count

    async def start(self) -> None:
        """Learn what was sent today, and of the other processes.

        Raises:
            StoreUnavailable: the database cannot be used.
        """
        today = day_of(self._now_ms())
        used = await self._database.read(lambda connection: quotas.used_on(connection, today))
        self._known = {(today, partner_id): number for partner_id, number in used.items()}
        await self.round()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            is_busy = bool(self._buckets) and not self.peers.is_cut_off
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S if is_busy else BEAT_MS / 1_000):
                    await self._called.wait()
            await asyncio.sleep(GATHER_S)
            self._called.clear()
            await self.round()

    async def close(self) -> None:
        """Give back what is leased and write down the last counts; bounded in time."""
        for bucket in self._buckets.values():
            bucket.used_ms = 0
        self._beat_at_ms = 0
        if not (self.peers.is_cut_off or self._is_closed):
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self.round()
                    if self.has_peers:
                        await self._write(lambda connection: quotas.forget_process(connection, self._name))
        self._is_closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def round(self) -> None:
        """Ask and tell once; does nothing where there is nothing to say."""
        now_ms = self._now_ms()
        is_beat = now_ms - self._beat_at_ms >= BEAT_MS or now_ms < self._beat_at_ms
        is_beat = is_beat and (self.has_peers or any(count.pending or count.telling for count in self._days.values()))
        asking = self._asking(now_ms)
        today = now_ms // DAY_MS
        telling = {
            partner_id: count
            for partner_id, count in self._days.items()
            if count.number == today and (count.pending or count.telling) and (is_beat or self.has_peers)
        }
        if not (asking or telling or is_beat):
            return
        day = day_of(now_ms)
        question = _Question(
            now_ms,
            tuple(wish for _, wish in asking),
            {partner_id: count.tell() for partner_id, count in telling.items()},
            tuple(self._days) if is_beat and self.has_peers else (),
            day,
            is_beat and self.has_peers,
            is_beat and day != self._cleaned_day,
        )
        try:
            answer = await self._ask(question)
        except asyncio.CancelledError:
            # This process ends, the database carries the round out: to tell it again would count twice.
            for count in telling.values():
                count.told(today, count.known + count.telling)
            raise
        if answer is None:
            for bucket, wish in asking:
                bucket.failed(wish)
            for count in telling.values():
                count.not_told()
            return
        for (bucket, _), (tokens, common) in zip(asking, answer.leases, strict=True):
            bucket.granted(tokens, common, now_ms)
        for partner_id, used in answer.used.items():
            self._days[partner_id].told(today, used)
        if is_beat:
            self._beat_at_ms, self._cleaned_day = now_ms, day
            self.peers.number = max(1, answer.processes or 1)

    def _asking(self, now_ms: int) -> list[tuple[LeasedBucket, Wish]]:
        """The wishes of this round, in the order in which buckets are locked."""
        asking: list[tuple[LeasedBucket, Wish]] = []
        for key in sorted(islice(self._buckets, BUCKETS_PER_ROUND)):
            # It goes behind those that were not asked for now.
            bucket = self._buckets.pop(key)
            wish = bucket.wish(now_ms)
            if wish is not None:
                asking.append((bucket, wish))
            if not bucket.rests:
                self._buckets[key] = bucket
        return asking

    async def _ask(self, question: _Question) -> _Answer | None:
        work = asyncio.ensure_future(self._write(partial(_carry_out, name=self._name, question=question)))
        done, _ = await asyncio.wait({work}, timeout=SLOW_S)
        if not done:
            self._cut_off("the database is slow")
        try:
            answer = await work
        except Exception as error:  # noqa: BLE001  # whatever the database does, partners are served
            self._cut_off(type(error).__name__)
            return None
        if self.peers.is_cut_off:
            log.info("limits of partners are shared again")
        self.peers.is_cut_off = False
        self._show()
        return answer

    async def _write(self, unit: Callable[[Connection], _Answer | None]) -> _Answer | None:
        if self.has_peers:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._database.write_now, unit)
        return await self._database.write(unit, durable=False)

    def _cut_off(self, cause: str) -> None:
        if self.has_peers and not self.peers.is_cut_off:
            self.peers.is_cut_off = True
            log.warning(
                "limits of partners are not shared now; each process goes on with its share",
                extra={"cause": cause, "processes": self.peers.number},
            )
        self._show()

    def _show(self) -> None:
        gauge = self._metrics.gauge
        shared = not self.peers.is_cut_off
        gauge("gateway_limits_shared", "Whether limits of partners are shared by all processes (1), or 0.", shared)
        gauge("gateway_limits_processes", "Processes that share the limits of partners.", self.peers.number)

    def _call(self, bucket: LeasedBucket) -> None:
        self._buckets[bucket.partner_id, bucket.name] = bucket
        if not self.peers.is_cut_off:
            self._called.set()


def _carry_out(connection: Connection, *, name: str, question: _Question) -> _Answer:
    """One round, in one transaction."""
    now_ms = question.now_ms
    if connection.dialect.name != "sqlite":
        # What is lost with the power is a round's leases.
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
    leases = tuple(_lease(connection, wish, now_ms) for wish in question.wishes)
    used = {
        partner_id: quotas.count_documents(connection, partner_id, question.day, number)
        for partner_id, number in sorted(question.counts.items())
    }
    processes = None
    if question.is_beat:
        used = quotas.used_on(connection, question.day, question.asked_of) | used
        quotas.note_process(connection, name, now_ms)
        processes = quotas.count_processes(connection, now_ms - PROCESS_SEEN_MS)
    if question.is_cleaning:
        quotas.remove_old(connection, before_ms=now_ms - DAY_MS, before_day=day_of(max(0, now_ms - DAYS_KEPT * DAY_MS)))
    return _Answer(leases, used, processes)


def _lease(connection: Connection, wish: Wish, now_ms: int) -> tuple[int, float]:
    full = roomy(wish.per_second, wish.burst)
    tokens, at_ms = quotas.lock_bucket(connection, wish.partner_id, wish.name, full=full, now_ms=now_ms)
    if at_ms > now_ms + SKEW_MS_MAX:
        at_ms = now_ms
    # The latest clock counts: time that one node has seen pass does not pass again for another.
    now_ms = max(now_ms, at_ms)
    bucket = Bucket(wish.per_second, full, min(tokens, full), at_ms)
    leased = settle(bucket, wish, now_ms)
    quotas.keep_bucket(connection, wish.partner_id, wish.name, bucket.tokens, bucket.at_ms)
    return leased, bucket.tokens
