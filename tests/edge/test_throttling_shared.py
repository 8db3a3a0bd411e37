"""One limit for two processes over one PostgreSQL, also while it is away; and what outlives a process."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from gateway.api.operations import RateClass
from gateway.edge.throttling import Sharing, Throttle
from gateway.edge.throttling.days import day_of
from gateway.edge.throttling.sharing import BEAT_MS, PROCESS_SEEN_MS
from gateway.model.refusals import Refused
from gateway.store import quotas
from gateway.store.database import Database
from gateway.telemetry import Metrics
from tests.edge.house import globex
from tests.migrated import migrate

NOW_MS = 1_800_000_000_000
ROUND_MS = 50
SUBMIT = RateClass.SUBMIT


class Process:
    """The limits of one process; its rounds are made when the test says so."""

    def __init__(self, name, url, clock):
        self.database = Database(url, answer_timeout_s=1)
        self.metrics = Metrics()
        self.sharing = Sharing(self.database, name, now_ms=lambda: clock[0], metrics=self.metrics)
        self.throttle = Throttle(lambda: clock[0], self.metrics, self.sharing)
        self.admitted = 0

    def ask(self, partner, calls=1, rate_class=SUBMIT):
        for _ in range(calls):
            try:
                self.throttle.enter(partner, rate_class).release()
            except Refused:
                continue
            self.admitted += 1


@pytest.fixture
def clock():
    return [NOW_MS]


@pytest.fixture
def processes(migrated_database_url, clock):
    @asynccontextmanager
    async def processes(*names):
        made = [Process(name, migrated_database_url, clock) for name in names]
        for process in made:
            process.database.start()
            await process.sharing.start()
        clock[0] += BEAT_MS  # each has seen the others with its next beat
        for process in made:
            await process.sharing.round()
        try:
            yield made
        finally:
            for process in made:
                await process.sharing.close()
                process.database.close()

    return processes


async def drive(clock, partner, loads, rounds):
    """So many calls a round at each process."""
    for _ in range(rounds):
        for process, calls in loads.items():
            process.ask(partner, calls)
            await process.sharing.round()
        clock[0] += ROUND_MS


async def test_two_processes_keep_to_one_rate(processes, clock):
    partner = globex("throttling: {submit: {per_second: 100, burst: 40}}\n")
    async with processes("one", "two") as (one, two):
        assert (one.sharing.peers.number, two.sharing.peers.number) == (2, 2)
        await drive(clock, partner, {one: 20, two: 20}, rounds=60)
        allowed = 40 + 100 * 60 * ROUND_MS / 1_000
        assert 0.95 * allowed <= one.admitted + two.admitted <= allowed + 20
        assert min(one.admitted, two.admitted) > 0


async def test_uneven_load_gets_the_whole_rate(processes, clock):
    partner = globex("throttling: {submit: {per_second: 100, burst: 40}}\n")
    async with processes("one", "two") as (one, two):
        for count in range(60):
            await drive(clock, partner, {one: 20, two: int(count % 10 == 0)}, rounds=1)
        allowed = 40 + 100 * 60 * ROUND_MS / 1_000
        assert 0.9 * allowed <= one.admitted + two.admitted <= allowed + 20
        assert 0 < two.admitted <= 6


async def test_a_day_is_one_for_all(processes, clock):
    partner = globex("throttling: {daily_max: 30}\n")
    async with processes("one", "two") as (one, two):
        await drive(clock, partner, {one: 2, two: 1}, rounds=40)
        assert 30 <= one.admitted + two.admitted <= 32
        with pytest.raises(Refused, match="30 documents were sent today"):
            two.throttle.enter(partner, SUBMIT)
        one.ask(partner, 5, RateClass.READ)
        assert one.metrics.admitted.values["read",] == 5
    async with processes("three") as (three,):
        three.ask(partner)
        assert three.admitted == 0, "a process that starts knows what was sent today"
        clock[0] += 86_400_000
        three.ask(partner)
        assert three.admitted == 1


async def test_without_the_database_each_has_its_share(postgres, database_url, clock):
    partner = globex("throttling: {submit: {per_second: 100, burst: 40}}\n")
    seed = Database(database_url)
    migrate(seed)
    seed.close()
    one, two = made = [Process(name, database_url, clock) for name in ("one", "two")]
    for process in made:
        process.database.start()
        await process.sharing.start()
    clock[0] += BEAT_MS
    for process in made:
        await process.sharing.round()
    await drive(clock, partner, {one: 20, two: 20}, rounds=10)
    postgres.kill()
    for process in made:
        clock[0] += BEAT_MS
        process.ask(partner)
        await process.sharing.round()
        assert process.sharing.peers.is_cut_off
        assert process.metrics.gauges["gateway_limits_shared"][1] == 0
        process.admitted = 0
    for _ in range(40):
        clock[0] += ROUND_MS
        for process in made:
            process.ask(partner, 20)
    assert one.admitted + two.admitted == pytest.approx(2 * 100, abs=50)  # two seconds, and no more than a burst
    assert min(one.admitted, two.admitted) >= 90
    postgres.start()
    for process in made:
        process.admitted = 0
        clock[0] += BEAT_MS
        process.ask(partner)
        async with asyncio.timeout(20):
            while process.sharing.peers.is_cut_off:
                clock[0] += BEAT_MS
                await process.sharing.round()
        assert process.metrics.gauges["gateway_limits_shared"][1] == 1
        process.ask(partner)
        assert process.admitted >= 1
        await process.sharing.close()
        process.database.close()


async def test_a_slow_database_keeps_nobody_waiting(processes, clock, migrated_database_url):
    partner = globex("throttling: {submit: {per_second: 100, burst: 40}}\n")
    other = Database(migrated_database_url)
    async with processes("one") as (one,):
        with other.engine.connect() as connection:
            connection.execute(text("LOCK TABLE rate_bucket"))
            one.ask(partner)
            round_ = asyncio.create_task(one.sharing.round())
            async with asyncio.timeout(10):
                while not one.sharing.peers.is_cut_off:
                    await asyncio.sleep(0.01)  # nobody tells when it gives up waiting
            one.ask(partner)
            assert one.admitted == 2
            connection.rollback()
        await round_
        assert not one.sharing.peers.is_cut_off
        one.ask(partner)
        assert one.admitted == 3
    other.close()


async def test_the_rounds_come_by_themselves(processes):
    partner = globex("throttling: {submit: {per_second: 100, burst: 40}}\n")
    async with processes("one") as (one,):
        running = asyncio.create_task(one.sharing.run())
        one.ask(partner, 30)
        async with asyncio.timeout(10):
            while one.database.read_now(common) != [("globex", "submit", 0.0)]:
                await asyncio.sleep(0.01)  # in the background
        assert one.admitted == 30
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await one.sharing.close()
        assert one.database.read_now(common) == [("globex", "submit", 10.0)], "what was not used is given back"


def common(connection):
    rows = connection.execute(text("SELECT partner_id, name, tokens FROM rate_bucket"))
    return [tuple(row) for row in rows]


async def test_who_ends_counts_no_more(processes, clock, migrated_database_url):
    async with processes("one", "two") as (one, two):
        await two.sharing.close()
        clock[0] += BEAT_MS
        await one.sharing.round()
        assert one.sharing.peers.number == 1
    killed = Database(migrated_database_url)
    killed.write_now(lambda connection: quotas.note_process(connection, "killed", clock[0]))
    killed.close()
    async with processes("one") as (one,):
        assert one.sharing.peers.number == 2
        clock[0] += PROCESS_SEEN_MS
        await one.sharing.round()
        assert one.sharing.peers.number == 1


async def test_with_sqlite_the_day_outlives_the_process(tmp_path, clock):
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    database = Database(url)
    migrate(database)
    partner = globex("throttling: {daily_max: 5}\n")
    for admitted, sent in ((3, 3), (2, 5), (0, 5)):
        process = Process("one", url, clock)
        process.database.start()
        await process.sharing.start()
        running = asyncio.create_task(process.sharing.run())
        process.ask(partner, 3)
        assert process.admitted == admitted
        clock[0] += BEAT_MS
        async with asyncio.timeout(10):
            while database.read_now(lambda connection: quotas.used_on(connection, day_of(NOW_MS))) != {"globex": sent}:
                await asyncio.sleep(0.01)  # it is written in the background
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await process.sharing.close()
        process.database.close()
    database.close()


async def test_old_counts_and_buckets_go(processes, clock):
    partner = globex("throttling: {daily_max: 30}\n")
    async with processes("one") as (one,):
        await drive(clock, partner, {one: 1}, rounds=3)
        read = one.database.read_now
        assert read(lambda c: quotas.used_on(c, day_of(NOW_MS))) == {"globex": 3}
        clock[0] += 41 * 86_400_000
        await one.sharing.round()
        assert read(lambda c: quotas.used_on(c, day_of(NOW_MS))) == {}
