"""Rounds: at once while there is more, else when woken; a store that is away is said, and is asked again."""

import asyncio
import logging

import pytest

from gateway.flow.rounds import Rounds
from gateway.store.database import StoreUnavailable

NEVER_S = 3_600.0
log = logging.getLogger("rounds under test")


class Work:
    """Rounds with an outcome each: seconds to wait, or what is raised; then it waits until woken."""

    def __init__(self, *outcomes, pause_s=NEVER_S):
        self.rounds = Rounds(pause_s, log, "the work cannot be read now")
        self.done = 0
        self._outcomes = list(outcomes)
        self._news = asyncio.Condition()

    async def take(self):
        async with self._news:
            self.done += 1
            self._news.notify_all()
        outcome = self._outcomes.pop(0) if self._outcomes else NEVER_S
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def reached(self, number):
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: self.done >= number)


@pytest.fixture
async def running():
    tasks = []

    def run(work, take=None):
        tasks.append(asyncio.create_task(work.rounds.run(take or work.take)))
        return tasks[-1]

    yield run
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_where_there_is_more_the_next_round_comes_at_once(running):
    work = Work(0.0, 0.0, 0.0)
    running(work)
    await work.reached(4)


async def test_without_more_the_next_round_comes_when_it_is_woken(running):
    work = Work()
    running(work)
    await work.reached(1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert work.done == 1
    work.rounds.wake()
    await work.reached(2)


async def test_a_call_during_a_round_is_not_lost(running):
    work = Work()

    async def take():
        if work.done == 0:
            work.rounds.wake()
        return await work.take()

    running(work, take)
    await work.reached(2)


async def test_without_a_call_the_next_round_comes_after_the_pause(running):
    work = Work(0.001)
    running(work)
    await work.reached(2)


async def test_a_store_that_is_away_is_said_and_asked_again_after_the_pause(running, caplog):
    work = Work(StoreUnavailable("the disk is full"), pause_s=0.001)
    running(work)
    await work.reached(2)
    [record] = caplog.records
    assert (record.name, record.message, record.cause) == (log.name, "the work cannot be read now", "the disk is full")


async def test_any_other_error_ends_the_rounds(running):
    task = running(Work(ValueError("a fault of ours")))
    with pytest.raises(ValueError, match="of ours"):
        await asyncio.wait_for(asyncio.shield(task), 10)
