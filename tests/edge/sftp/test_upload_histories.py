"""Any history of uploads, as real programs make them, beside a model of what is right.

First whatever can go wrong with one upload, by each way of uploading, and what somebody then tries to make of it; then
anything, in any order.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from gateway.sftp import OpenFlag
from tests.edge.house import House, open_house
from tests.edge.sftp.upload_model import (
    APPEND,
    BLOCK,
    CREAT,
    LARGEST,
    LENGTHS,
    NAMES,
    NEW,
    READ,
    TRUNC,
    WAYS,
    WRITE,
    Faults,
    Transfer,
    Way,
)
from tests.edge.sftp.upload_world import World

T = TypeVar("T")

ENDS = ("told to stop", "lost", "hole", "far ahead", "too much", "disk is full")
SCP, LFTP, RESUMED, OVER = WAYS[2], WAYS[3], WAYS[4], WAYS[-1]

transfers = st.integers(0, 2)
names = st.sampled_from(NAMES)


class Histories(RuleBasedStateMachine):
    """Anything, in any order."""

    def __init__(self, runner: asyncio.Runner, house: House, faults: Faults, clock: list[int]) -> None:
        super().__init__()
        self._runner = runner

        async def begin() -> World:
            return World(house, faults, clock)

        self.world = self._run(begin())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def _one(self, which: int) -> Transfer:
        return self.world.under_way[which % len(self.world.under_way)]

    @rule(way=st.sampled_from(WAYS), name=names, version=st.integers(0, 1), length=st.sampled_from(LENGTHS))
    def begin(self, way: Way, name: bytes, version: int, length: int) -> None:
        """Open a file as a program does, having looked how much of it is there."""
        self._run(self.world.open(way, name, version, length))

    @rule(
        way=st.sampled_from(WAYS),
        name=names,
        version=st.integers(0, 1),
        length=st.sampled_from(LENGTHS),
        is_full=st.booleans(),
    )
    def upload(self, way: Way, name: bytes, version: int, length: int, is_full: bool) -> None:
        """A whole upload at once, perhaps onto a disk that is full."""

        self._run(self.world.upload(way, name, version, length, is_full=is_full))

    @rule(
        way=st.sampled_from(WAYS),
        name=names,
        length=st.sampled_from(LENGTHS),
        part=st.integers(1, 30),
        how=st.sampled_from(ENDS),
    )
    def upload_in_vain(self, way: Way, name: bytes, length: int, part: int, how: str) -> None:
        """One that comes to no good end."""
        self._run(self.world.upload_in_vain(way, name, length, part, how))

    @precondition(lambda self: self.world.under_way)
    @rule(which=transfers, count=st.integers(1, 30))
    def send(self, which: int, count: int) -> None:
        """Some more of it, in order."""
        transfer = self._one(which)
        self._run(self.world.send(transfer, transfer.next + count))

    @precondition(lambda self: self.world.under_way)
    @rule(which=transfers, count=st.integers(1, 9), how=st.sampled_from(["later", "wrong", "again"]))
    def send_oddly(self, which: int, count: int, how: str) -> None:
        """A piece that is left out, or filled with something else, until later; or one that comes twice."""
        transfer = self._one(which)
        if APPEND in transfer.flags or transfer.is_lost or not (transfer.has_written or TRUNC in transfer.flags):
            return
        begin, end = transfer.next, min(transfer.next + count, len(transfer.meant))
        if how == "again":
            if not transfer.owed and begin and transfer.has_written:
                self._run(
                    self.world.write(transfer, max(0, begin - count), transfer.meant[max(0, begin - count) : end])
                )
                transfer.next = end
            return
        if begin == end or (how == "later" and end + count > len(transfer.meant)):
            return
        if how == "wrong":
            self._run(self.world.write(transfer, begin, bytes(byte ^ 255 for byte in transfer.meant[begin:end])))
        else:
            self._run(self.world.write(transfer, end, transfer.meant[end : end + count]))
        if not transfer.is_lost:
            transfer.owed.append((begin, end))
            transfer.next = end if how == "wrong" else end + count

    @precondition(lambda self: self.world.under_way)
    @rule(which=transfers, how=st.sampled_from(["far ahead", "too much"]))
    def send_what_is_declined(self, which: int, how: str) -> None:
        """Of which its program takes no notice."""
        self._run(self.world.send_too_much(self._one(which), how))

    @precondition(lambda self: self.world.under_way)
    @rule(which=transfers, is_full=st.booleans())
    def finish(self, which: int, is_full: bool) -> None:
        """Send the rest and end well, as far as the program can tell."""
        self._run(self.world.finish(self._one(which), is_full=is_full))

    @precondition(lambda self: self.world.under_way)
    @rule(which=transfers, size=st.integers(0, 20))
    def interrupt(self, which: int, size: int) -> None:
        """The program is told to stop."""
        self._run(self.world.break_off(self._one(which), size))

    @precondition(lambda self: self.world.under_way)
    @rule(which=transfers)
    def lose(self, which: int) -> None:
        """The connection is gone."""
        self._run(self.world.lose(self._one(which)))

    @rule(name=names, flags=st.sampled_from([NEW, WRITE | CREAT, WRITE | APPEND, READ | WRITE]))
    def touch(self, name: bytes, flags: OpenFlag) -> None:
        """Open it and close it."""
        self._run(self.world.touch(name, flags))

    @rule(name=names, new_name=names, replaces=st.booleans())
    def rename(self, name: bytes, new_name: bytes, replaces: bool) -> None:
        self._run(self.world.rename(name, new_name, replaces=replaces))

    @rule(name=names)
    def remove(self, name: bytes) -> None:
        self._run(self.world.remove(name))

    @rule(killed=st.booleans())
    def restart(self, killed: bool) -> None:
        """The process ends, and the next one begins."""
        self._run(self.world.restart(killed=killed))

    @rule()
    def store_refuses(self) -> None:
        """The next time that anything is to be taken."""
        self.world.faults.store_refuses = True

    @rule(name=names, version=st.integers(0, 1), length=st.sampled_from(LENGTHS))
    def end_before_the_part_is_removed(self, name: bytes, version: int, length: int) -> None:
        """Killed between the store's commit and what follows it."""

        async def act() -> None:
            transfer = await self.world.open(WAYS[3], name, version, length)
            if transfer is None:
                return
            await self.world.send(transfer, length)
            await self.world.mailboxes.settled()
            self.world.faults.parts_stay = True
            await self.world.finish(transfer, is_full=False)
            await self.world.mailboxes.settled()
            self.world.faults.parts_stay = False
            await self.world.restart(killed=True)

        self._run(act())

    def teardown(self) -> None:
        self.world.faults.reset()
        self._run(self.world.end())


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def clock() -> list[int]:
    return [1_800_000_000_000]


@pytest.fixture(scope="module")
def house(runner, clock, tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    opening = open_house(folder, profiles=[], now_ms=lambda: clock[0], body_bytes_max=LARGEST, disk_free_bytes_min=0)
    house = runner.run(opening.__aenter__())
    yield house
    runner.run(opening.__aexit__(None, None, None))


@pytest.mark.parametrize("name", [b"a.edi", b"a.part"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.program.replace(" ", "-"))
def test_nothing_is_made_of_what_came_to_no_good_end(runner, house, clock, way, name):
    faults = Faults()

    async def live(how: str, is_there: bool, length: int) -> None:
        world = World(house, faults, clock)
        if is_there:
            await world.upload(LFTP, name, 1, 12, is_full=False)
        await world.upload_in_vain(way, name, length, 9, how)
        if not is_there:
            await world.rename(name, b"b.edi", replaces=False)
        await world.touch(name, WRITE | APPEND)
        await world.rename(name, b"b.edi", replaces=False)
        await world.restart(killed=is_there)
        await world.rename(name, b"b.edi", replaces=False)
        # Nothing is left to be sent, as far as these can tell, or all of it is sent again: that is another matter.
        await world.upload(*((RESUMED, name, 0, 1) if length > LENGTHS[2] else (OVER, name, 1, 5)), is_full=False)
        await world.upload(SCP, name, 0, 3 * BLOCK, is_full=False)
        await world.rename(name, b"b.edi", replaces=False)
        await world.end()

    with faults.in_force():
        for how in ENDS:
            for is_there, length in ((False, 20), (False, 33), (True, 33)):
                runner.run(live(how, is_there, length))


@pytest.mark.timeout(300)  # for what it takes to make a history short that does not hold
def test_nothing_half_is_accepted(runner, house, clock):
    faults = Faults()
    with faults.in_force():
        run_state_machine_as_test(
            lambda: Histories(runner, house, faults, clock),
            settings=settings(
                max_examples=100,
                stateful_step_count=10,
                deadline=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
