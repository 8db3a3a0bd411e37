"""Any history of uploads, as real programs make them, beside a model of what is right.

The model knows what each program means to be a file, byte for byte, and what lies under a name. What is meant and ends
well becomes a message, once; what broke off, has a hole or failed never does, whatever is done to it afterwards.
"""

import asyncio
import errno
import hashlib
import os
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from gateway.edge.sftp.mailbox import contents, uploads
from gateway.edge.sftp.mailbox.inbox import Inbox
from gateway.edge.sftp.mailbox.parts import HEADER_BYTES, PartFile, PartsFolder
from gateway.edge.sftp.mailbox.root import Mailboxes
from gateway.edge.sftp.mailbox.uploads import Upload
from gateway.edge.sftp.visitors import Visitor
from gateway.flow.receive import Reception
from gateway.model.refusals import Reason, Refused
from gateway.sftp import Attributes, Declined, OpenFlag, answers
from tests.edge.house import House, open_house
from tests.edge.sftp.mailboxes import mailbox, taken_of

T = TypeVar("T")

NAMES = (b"a.edi", b"b.edi", b"a.part", b"b.tmp")
READ, WRITE, CREAT, TRUNC, APPEND = OpenFlag.READ, OpenFlag.WRITE, OpenFlag.CREAT, OpenFlag.TRUNC, OpenFlag.APPEND
NEW = WRITE | CREAT | TRUNC
BLOCK = 7
AHEAD = 30
LARGEST = 1_024
LENGTHS = (5, 12, 20, 21, 33, 47)
# Small enough that what is written goes to the disk, in several pieces.
SMALL = {"MEMORY_BYTES_MAX": 16, "WRITE_BYTES": 8, "BACKLOG_BYTES_MAX": 32}


@dataclass(frozen=True)
class Way:
    """How a program uploads.

    Attributes:
        resumes: it begins where the file that is there ends.
        in_blocks: it asked how long its writes may be, and makes them that long.
        ends: with which size it confirms what it has sent, if any.
        breaks: what it does when it is interrupted.
    """

    program: str
    flags: OpenFlag
    resumes: bool = False
    in_blocks: bool = False
    ends: str = ""
    breaks: str = "leaves"

    def __repr__(self) -> str:
        return self.program


WAYS = (
    Way("sftp put", NEW, in_blocks=True, breaks="closes"),
    Way("sftp reput", WRITE | CREAT | APPEND, resumes=True, in_blocks=True, breaks="sets size"),
    Way("scp", WRITE | CREAT, in_blocks=True, ends="size"),
    Way("lftp put", NEW, ends="size and times"),
    Way("lftp put -c", WRITE | CREAT, resumes=True, ends="size and times"),
    Way("curl -T", NEW, breaks="shortens"),
    Way("curl -C -", WRITE | APPEND, resumes=True),
    Way("paramiko r+b", READ | WRITE, resumes=True),
    Way("one that writes over", WRITE | CREAT),
)


@dataclass(eq=False)
class File:
    """What lies under a name: a byte for each place, and whether it was closed since it was last written."""

    places: dict[int, int] = field(default_factory=dict)
    is_closed: bool = False

    @property
    def size(self) -> int:
        """Up to the first hole."""
        return next(at for at in range(len(self.places) + 1) if at not in self.places)

    @property
    def content(self) -> bytes:
        return bytes(self.places[at] for at in range(self.size))

    def cut(self, size: int) -> None:
        """Have nothing behind a place."""
        self.places = {at: byte for at, byte in self.places.items() if at < size}


@dataclass(eq=False)
class Transfer:
    """A program at work.

    Attributes:
        meant: what the file is to be as a whole.
        next: how far it has sent it.
        owed: places that it has left out, or filled with something else for now.
        is_lost: something of it was declined, so that it cannot end well.
    """

    way: Way
    name: bytes
    flags: OpenFlag
    upload: Upload
    file: File
    meant: bytes
    next: int
    owed: list[tuple[int, int]] = field(default_factory=list)
    has_written: bool = False
    only_blocks: bool = True
    is_lost: bool = False
    is_too_large: bool = False


def is_temporary(name: bytes) -> bool:
    return name.endswith((b".part", b".tmp"))


def pattern(version: int, length: int) -> bytes:
    """The content of a version of a file: no two places near each other are alike, nor those of two versions."""
    return hashlib.shake_128(bytes([version])).digest(length)


class Faults:
    """What goes wrong on purpose."""

    def __init__(self) -> None:
        self.store_refuses = False
        self.disk_is_full = False
        self.parts_stay = False

    @contextmanager
    def in_force(self) -> Iterator[None]:
        keep, write, remove = Reception.keep, os.pwrite, PartFile.remove

        async def keeping(*words: Any, **more: Any) -> Any:
            if self.store_refuses:
                self.store_refuses = False
                raise Refused(Reason.STORE_UNAVAILABLE, "the store is away")
            return await keep(*words, **more)

        def writing(file: int, data: Any, offset: int) -> int:
            if self.disk_is_full and offset >= HEADER_BYTES:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(file, data, offset)

        def removing(part: PartFile) -> None:
            (PartFile.close if self.parts_stay else remove)(part)

        with ExitStack() as stack:
            for patched in (
                patch.object(Reception, "keep", keeping),
                patch("os.pwrite", writing),
                patch.object(PartFile, "remove", removing),
                # Nothing here is about the power going off.
                patch("os.fdatasync"),
                patch("os.fsync"),
                patch.multiple(contents, **SMALL),
                patch.object(answers, "WRITE_BYTES_MAX", BLOCK),
                patch.object(uploads, "AHEAD_OF_FILE_BYTES_MAX", AHEAD),
            ):
                stack.enter_context(patched)
            yield


transfers = st.integers(0, 2)
names = st.sampled_from(NAMES)


class Histories(RuleBasedStateMachine):
    """The real inbox and the model of it."""

    numbers: Iterator[int] = iter(range(1_000_000))

    def __init__(self, runner: asyncio.Runner, house: House, faults: Faults, clock: list[int]) -> None:
        super().__init__()
        self._runner, self._house, self._faults, self._clock = runner, house, faults, clock
        self._partner = mailbox(partner=f"acme-{next(self.numbers)}")
        house.reload(self._partner)
        self._files: dict[bytes, File] = {}
        self._shown: dict[bytes, int] = {}
        self._under_way: list[Transfer] = []
        self._taken: set[tuple[bytes, bytes]] = set()
        self._run(self._begin())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        self._clock[0] += 10
        return self._runner.run(work)

    async def _begin(self) -> None:
        folder = PartsFolder(self._house.edge.settings.spool_dir / self._partner.id, 0)
        self._mailboxes = Mailboxes(self._house.edge, folder)
        visitor = Visitor(self._partner, "acme", "127.0.0.1", {})
        # Two sessions: one of a program that asked how long its writes may be, and one of others.
        self._inboxes: dict[bool, Inbox] = {asks: self._mailboxes.of(visitor).inbox for asks in (True, False)}
        self._inboxes[True].blocks = True
        self._inbox = self._inboxes[False]

    # What programs do.

    @rule(way=st.sampled_from(WAYS), name=names, version=st.integers(0, 1), length=st.sampled_from(LENGTHS))
    def begin(self, way: Way, name: bytes, version: int, length: int) -> None:
        """Open a file as a program does, having looked how much of it is there."""
        self._run(self._open(way, name, version, length))

    @rule(
        way=st.sampled_from(WAYS),
        name=names,
        version=st.integers(0, 1),
        length=st.sampled_from(LENGTHS),
        is_full=st.booleans(),
    )
    def upload(self, way: Way, name: bytes, version: int, length: int, is_full: bool) -> None:
        """A whole upload at once, perhaps onto a disk that is full."""

        async def act() -> None:
            transfer = await self._open(way, name, version, length)
            if transfer is not None:
                await self._finish(transfer, is_full=is_full)

        self._run(act())

    @rule(
        way=st.sampled_from(WAYS),
        name=names,
        length=st.sampled_from(LENGTHS),
        part=st.integers(1, 30),
        how=st.sampled_from(["interrupted", "interrupted", "lost", "hole", "far ahead", "too much"]),
    )
    def upload_in_vain(self, way: Way, name: bytes, length: int, part: int, how: str) -> None:
        """One that comes to no good end."""

        async def act() -> None:
            transfer = await self._open(way, name, 0, length)
            if transfer is None:
                return
            await self._send(transfer, transfer.next + part)
            if how == "interrupted":
                await self._break_off(transfer, part)
            elif how == "lost":
                await self._lose(transfer)
            elif how == "hole":
                await self._leave_a_hole(transfer)
            elif await self._send_too_much(transfer, how):
                await self._finish(transfer, is_full=False)

        self._run(act())

    @precondition(lambda self: self._under_way)
    @rule(which=transfers, count=st.integers(1, 30))
    def send(self, which: int, count: int) -> None:
        """Some more of it, in order."""
        transfer = self._one(which)
        self._run(self._send(transfer, transfer.next + count))

    @precondition(lambda self: self._under_way)
    @rule(which=transfers, count=st.integers(1, 9), how=st.sampled_from(["later", "wrong", "again"]))
    def send_oddly(self, which: int, count: int, how: str) -> None:
        """A piece that is left out, or filled with something else, until later; or one that comes twice."""
        transfer = self._one(which)
        if APPEND in transfer.flags or transfer.is_lost:
            return
        begin, end = transfer.next, min(transfer.next + count, len(transfer.meant))
        if how == "again":
            if not transfer.owed and begin and transfer.has_written:
                self._run(self._write(transfer, max(0, begin - count), transfer.meant[max(0, begin - count) : end]))
                transfer.next = end
            return
        if begin == end or (how == "later" and end + count > len(transfer.meant)):
            return
        if how == "wrong":
            self._run(self._write(transfer, begin, bytes(byte ^ 255 for byte in transfer.meant[begin:end])))
        else:
            self._run(self._write(transfer, end, transfer.meant[end : end + count]))
        if not transfer.is_lost:
            transfer.owed.append((begin, end))
            transfer.next = end if how == "wrong" else end + count

    @precondition(lambda self: self._under_way)
    @rule(which=transfers, how=st.sampled_from(["far ahead", "too much"]))
    def send_what_is_declined(self, which: int, how: str) -> None:
        """Of which its program takes no notice."""
        self._run(self._send_too_much(self._one(which), how))

    @precondition(lambda self: self._under_way)
    @rule(which=transfers, is_full=st.booleans())
    def finish(self, which: int, is_full: bool) -> None:
        """Send the rest and end well, as far as the program can tell."""
        self._run(self._finish(self._one(which), is_full=is_full))

    @precondition(lambda self: self._under_way)
    @rule(which=transfers, size=st.integers(0, 20))
    def interrupt(self, which: int, size: int) -> None:
        """The program is told to stop."""
        self._run(self._break_off(self._one(which), size))

    @precondition(lambda self: self._under_way)
    @rule(which=transfers)
    def lose(self, which: int) -> None:
        """The connection is gone."""
        self._run(self._lose(self._one(which)))

    @rule(name=names, flags=st.sampled_from([NEW, WRITE | CREAT, WRITE | APPEND, READ | WRITE]))
    def touch(self, name: bytes, flags: OpenFlag) -> None:
        """Open it and close it."""

        async def act() -> None:
            transfer = await self._open(Way("touch", flags, resumes=TRUNC not in flags), name, 0, 0)
            if transfer is not None:
                await self._finish(transfer, is_full=False)

        self._run(act())

    @rule(name=names, new_name=names, replaces=st.booleans())
    def rename(self, name: bytes, new_name: bytes, replaces: bool) -> None:
        self._run(self._rename(name, new_name, replaces=replaces))

    @rule(name=names)
    def remove(self, name: bytes) -> None:
        self._run(self._remove(name))

    @rule(killed=st.booleans())
    def restart(self, killed: bool) -> None:
        """The process ends, and the next one begins."""
        self._run(self._restart(killed=killed))

    @rule()
    def store_refuses(self) -> None:
        """The next time that anything is to be taken."""
        self._faults.store_refuses = True

    @rule(name=names, version=st.integers(0, 1), length=st.sampled_from(LENGTHS))
    def end_before_the_part_is_removed(self, name: bytes, version: int, length: int) -> None:
        """Killed between the store's commit and what follows it."""

        async def act() -> None:
            transfer = await self._open(WAYS[3], name, version, length)
            if transfer is None:
                return
            await self._send(transfer, length)
            await self._mailboxes.settled()
            self._faults.parts_stay = True
            await self._finish(transfer, is_full=False)
            await self._mailboxes.settled()
            self._faults.parts_stay = False
            await self._restart(killed=True)

        self._run(act())

    def teardown(self) -> None:
        self._faults.__init__()  # type: ignore[misc]  # as they were at first

        async def act() -> None:
            for transfer in list(self._under_way):
                await self._lose(transfer)
            await self._check()
            await self._mailboxes.close()

        self._run(act())

    # How they do it, and what has to come of it.

    def _one(self, which: int) -> Transfer:
        return self._under_way[which % len(self._under_way)]

    def _is_held(self, *asked: bytes) -> bool:
        return any(transfer.name in asked for transfer in self._under_way)

    async def _size(self, name: bytes) -> int | None:
        """As a program is told it, which asks again if it has to."""
        for _ in range(2):
            try:
                return (await self._inbox.attributes(name)).size
            except Declined as declined:
                if "there is no file" in declined.words:
                    return None
        raise AssertionError("it is declined to say how large a file is")

    def _told_size(self, name: bytes) -> int | None:
        return self._files[name].size if name in self._files else self._shown.get(name)

    async def _open(self, way: Way, name: bytes, version: int, length: int) -> Transfer | None:
        inbox = self._inboxes[way.in_blocks]
        file, flags = self._files.get(name), way.flags
        there = self._told_size(name)
        if there is None and CREAT not in flags:
            with pytest.raises(Declined):
                await inbox.open(name, flags)
            flags = NEW  # as they do who find nothing to go on with
        is_taken = file is None and there is not None
        if self._is_held(name) or (is_taken and APPEND in flags):
            with pytest.raises(Declined):
                await inbox.open(name, flags)
            return None
        if not self._is_held(name):
            assert await self._size(name) == there
        upload = await inbox.open(name, flags)
        assert isinstance(upload, Upload)
        if file is None or TRUNC in flags:
            file = self._files[name] = File()
        begins_at = (there or 0) if way.resumes and TRUNC not in flags else 0
        before = b"?" * begins_at if is_taken else file.content[:begins_at]
        transfer = Transfer(way, name, flags, upload, file, before + pattern(version, length)[begins_at:], begins_at)
        self._under_way.append(transfer)
        return transfer

    async def _send(self, transfer: Transfer, end: int) -> None:
        end = min(end, len(transfer.meant))
        count = BLOCK if transfer.way.in_blocks else 5
        if transfer.way.in_blocks and end < len(transfer.meant):
            end -= (end - transfer.next) % BLOCK
        while transfer.next < end and not transfer.is_lost:
            at, until = transfer.next, min(transfer.next + count, end)
            transfer.next = until
            await self._write(transfer, at, transfer.meant[at:until])

    async def _write(self, transfer: Transfer, at: int, data: bytes) -> None:
        name, flags = transfer.name, transfer.flags
        cannot_go_on = at and name in self._shown and not transfer.file.size and not transfer.has_written
        try:
            wait = transfer.upload.write(at, data)
            if wait is not None:
                await wait
        except Declined:
            overlaps = transfer.file.size < len(transfer.file.places)
            assert cannot_go_on or overlaps or self._faults.disk_is_full or transfer.is_lost
            transfer.is_lost = True
            return
        # Not every program looks at the answer to its CLOSE, so this one has to tell.
        assert not (cannot_go_on and TRUNC not in flags)
        if not transfer.has_written and not at and TRUNC not in flags and APPEND not in flags:
            transfer.file = self._files[name] = File()
        transfer.has_written = True
        transfer.only_blocks = transfer.only_blocks and len(data) == BLOCK
        transfer.file.is_closed = False
        transfer.file.places.update(enumerate(data, at))

    async def _leave_a_hole(self, transfer: Transfer) -> None:
        if APPEND in transfer.flags or transfer.next + 1 >= len(transfer.meant):
            return
        begin = transfer.next + 1
        await self._write(transfer, begin, transfer.meant[begin : begin + 5])
        await self._close(transfer, must_fail=True)

    async def _send_too_much(self, transfer: Transfer, how: str) -> bool:
        """Whether it could be."""
        if transfer.is_lost or APPEND in transfer.flags or transfer.next == len(transfer.meant):
            return False
        if not transfer.has_written:
            await self._write(transfer, transfer.next, transfer.meant[transfer.next : transfer.next + 1])
            transfer.next += 1
        if not transfer.is_lost:
            size = transfer.file.size
            offset, data = (size + AHEAD, b"far ahead") if how == "far ahead" else (size, b"x" * (LARGEST + 1))
            with pytest.raises(Declined):
                transfer.upload.write(offset, data)
            transfer.is_lost = True
            transfer.is_too_large = how == "too much"
        return True

    async def _finish(self, transfer: Transfer, *, is_full: bool) -> None:
        self._faults.disk_is_full = is_full
        for begin, end in transfer.owed:
            if not transfer.is_lost:
                await self._write(transfer, begin, transfer.meant[begin:end])
        await self._send(transfer, len(transfer.meant))
        size = transfer.file.size
        if transfer.way.ends and not transfer.is_lost:
            times = {"accessed_s": 1, "modified_s": 1} if "times" in transfer.way.ends else {}
            try:
                await transfer.upload.set_attributes(Attributes(size=len(transfer.meant), **times))
            except Declined:
                assert is_full or size < len(transfer.meant)
        is_confirmed = bool(transfer.way.ends)
        in_blocks = transfer.way.in_blocks and transfer.has_written and transfer.only_blocks and not is_confirmed
        untouched = size > 0 and not (transfer.has_written or is_confirmed or transfer.file.is_closed)
        try:
            await self._close(transfer, must_fail=transfer.is_lost or in_blocks or untouched, is_full=is_full)
        finally:
            self._faults.disk_is_full = False

    async def _break_off(self, transfer: Transfer, size: int) -> None:
        breaks = transfer.way.breaks
        if breaks == "closes":
            rest = len(transfer.meant) - transfer.next
            if transfer.only_blocks and rest and not transfer.owed:
                await self._close(transfer, must_fail=transfer.has_written or transfer.is_lost)
            return
        if breaks == "leaves" or transfer.is_lost:
            await self._lose(transfer)
            return
        if breaks == "shortens":
            if not 0 < size < transfer.file.size:
                return
            transfer.file.cut(size)
        await transfer.upload.set_attributes(Attributes(size=size))
        await self._close(transfer, must_fail=True)

    async def _close(self, transfer: Transfer, *, must_fail: bool, is_full: bool = False) -> None:
        """Close it, and look at what came of it."""
        name, file = transfer.name, transfer.file
        self._under_way.remove(transfer)
        is_message = not is_temporary(name) and file.size > 0
        may_be_refused = self._faults.store_refuses
        is_empty = not file.places
        try:
            await transfer.upload.close()
        except Declined as declined:
            is_refused = may_be_refused and not self._faults.store_refuses
            assert must_fail or is_full or is_refused, declined.words
            assert not (must_fail and is_refused), "what is not whole was brought to the store"
            file.is_closed = is_refused
            file.cut(file.size)
            if transfer.is_too_large:
                self._drop(name, file)
            await self._look(name, file if is_full else None)
            return
        assert not must_fail
        assert file.content == transfer.meant[: file.size]
        assert is_empty or file.content == transfer.meant
        if not file.size:
            if name in self._shown and TRUNC not in transfer.flags:
                self._drop(name, file)
        elif is_message:
            assert not may_be_refused
            self._accept(name, file.content)
            self._drop(name, file)
        else:
            file.is_closed = True
        await self._look(name)

    async def _lose(self, transfer: Transfer) -> None:
        self._under_way.remove(transfer)
        transfer.upload.abandon()
        await self._mailboxes.settled()
        transfer.file.cut(transfer.file.size)
        transfer.file.is_closed = False
        if transfer.is_too_large:
            self._drop(transfer.name, transfer.file)

    async def _rename(self, name: bytes, new_name: bytes, *, replaces: bool) -> None:
        file, target = self._files.get(name), self._files.get(new_name)
        is_message = file is not None and file.size > 0 and not is_temporary(new_name)
        is_declined = (
            self._is_held(name, new_name)
            or file is None
            or (target not in (None, file) and is_temporary(new_name) and not replaces)
            or (is_message and not file.is_closed)
        )
        is_refused = is_message and not is_declined and self._faults.store_refuses
        try:
            await self._inbox.rename(name, self._inbox, new_name, replaces=replaces)
        except Declined as declined:
            assert is_declined or is_refused, declined.words
            return
        assert not is_declined
        assert not is_refused
        assert file is not None
        del self._files[name]
        self._files[new_name] = file
        if is_message:
            self._accept(new_name, file.content)
            self._drop(new_name, file)
        await self._look(new_name)

    async def _remove(self, name: bytes) -> None:
        is_there = self._told_size(name) is not None
        try:
            await self._inbox.remove(name)
        except Declined:
            assert self._is_held(name) or not is_there
            return
        assert is_there
        assert not self._is_held(name)
        if self._files.pop(name, None) is None:
            del self._shown[name]

    async def _restart(self, *, killed: bool) -> None:
        if killed:
            for transfer in self._under_way:
                content = transfer.upload.file.content
                if content._writing is not None:
                    await content._writing
            await self._mailboxes.settled()
            self._mailboxes._files._threads.close()
            self._mailboxes._files._folder.close()
        else:
            for transfer in list(self._under_way):
                await self._lose(transfer)
            await self._mailboxes.close()
        await self._begin()
        held, self._under_way = {transfer.name: transfer for transfer in self._under_way}, []
        for name, file in list(self._files.items()):
            if name in held:
                await self._look_at_what_a_kill_left(held[name])
            elif not file.size and self._mailboxes._files.find(self._partner.id, name) is None:
                del self._files[name]  # an empty one is not worth a part
            await self._look(name)

    async def _look_at_what_a_kill_left(self, transfer: Transfer) -> None:
        """As much as was on the disk, which is not closed where some of it came after it was."""
        await self._size(transfer.name)
        left = self._mailboxes._files.find(self._partner.id, transfer.name)
        if left is None:
            del self._files[transfer.name]
            return
        content = left.content._file
        assert content is not None
        content.open()
        there = content.read(0, content.size)
        assert not left.is_closed or not transfer.has_written
        self._files[transfer.name] = File(dict(enumerate(there)), left.is_closed)

    async def _look(self, name: bytes, failed: File | None = None) -> None:
        """What is told of a name is what is there; and of a file that the disk did not take, not more than was sent."""
        told = await self._size(name)
        if failed is not None and name in self._files:
            assert told is not None
            assert told <= failed.size
            if told < failed.size:
                failed.cut(told)
                failed.is_closed = False
        assert told == self._told_size(name)
        await self._check()

    async def _check(self) -> None:
        """Every message is a file that was meant and ended well, and each such file is one message."""
        told = [(taken.filename, taken.payload) for taken in await taken_of(self._house.database, self._partner.id)]
        assert sorted(told) == sorted((name.decode(), content) for name, content in self._taken)

    def _accept(self, name: bytes, content: bytes) -> None:
        self._taken.add((name, content))
        self._shown[name] = len(content)

    def _drop(self, name: bytes, file: File) -> None:
        if self._files.get(name) is file:
            del self._files[name]


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


@pytest.mark.timeout(300)  # for what it takes to make a history short that does not hold
def test_nothing_half_is_accepted(runner, house, clock):
    faults = Faults()
    with faults.in_force():
        run_state_machine_as_test(
            lambda: Histories(runner, house, faults, clock),
            settings=settings(
                max_examples=100,
                stateful_step_count=20,
                deadline=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
