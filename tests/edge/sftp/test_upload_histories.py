"""Any history of writes, closes, renames, removals, lost connections and restarts: nothing half is accepted.

The model knows what a file holds by its letters: a place for each byte. Whatever is declined leaves it as it was; what
is answered well has to be what the model says, and every message is a whole file that somebody closed.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.edge.sftp.mailbox import contents
from gateway.edge.sftp.mailbox.inbox import Inbox
from gateway.edge.sftp.mailbox.root import Mailboxes
from gateway.edge.sftp.mailbox.uploads import Upload
from gateway.edge.sftp.visitors import Visitor
from gateway.sftp import Attributes, Declined, OpenFlag
from tests.edge.house import House, open_house
from tests.edge.sftp.mailboxes import mailbox, taken_of

NAMES = (b"a.edi", b"b.edi", b"a.part", b"b.tmp")
WRITE, CREAT, TRUNC, APPEND = OpenFlag.WRITE, OpenFlag.CREAT, OpenFlag.TRUNC, OpenFlag.APPEND
WAYS = (WRITE | CREAT | TRUNC, WRITE | CREAT, WRITE | CREAT | APPEND, WRITE)

names = st.sampled_from(NAMES)
numbers = st.integers(0, 3)
pieces = st.binary(min_size=1, max_size=40)
acts = st.one_of(
    st.tuples(st.just("whole"), names, st.lists(pieces, min_size=1, max_size=3)),
    st.tuples(st.just("half"), names, st.sampled_from(WAYS), pieces),
    st.tuples(st.just("spoilt"), names, st.sampled_from(WAYS), pieces, st.sampled_from(["gap", "shorten", "lose"])),
    st.tuples(st.just("touch"), names, st.sampled_from(WAYS)),
    st.tuples(st.just("open"), names, st.sampled_from(WAYS)),
    st.tuples(
        st.just("write"),
        numbers,
        st.sampled_from(["next", "next", "next", "start", "over", "gap"]),
        pieces,
    ),
    st.tuples(st.just("close"), numbers),
    st.tuples(st.just("shorten"), numbers, st.integers(0, 60)),
    st.tuples(st.just("lose"), numbers),
    st.tuples(st.just("rename"), names, names, st.booleans()),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("restart"), st.booleans()),
)


@dataclass
class File:
    """What lies under a name: a byte for each place, and whether it was closed since it was last written."""

    places: dict[int, int] = field(default_factory=dict)
    is_closed: bool = False

    @property
    def size(self) -> int:
        """Up to the first hole."""
        return next(at for at in range(len(self.places) + 1) if at not in self.places)

    @property
    def is_whole(self) -> bool:
        return self.size == len(self.places)

    @property
    def content(self) -> bytes:
        return bytes(self.places[at] for at in range(self.size))


@dataclass
class Held:
    """A handle: the real one, and what the model knows of it."""

    upload: Upload
    name: bytes
    flags: OpenFlag
    file: File
    has_written: bool = False
    is_spoilt: bool = False


class World:
    """The real inbox beside the model of it."""

    def __init__(self, house: House, partner: Any) -> None:
        self.house, self.partner = house, partner
        self.files: dict[bytes, File] = {}
        self.handles: list[Held] = []
        self.accepted: list[tuple[str, bytes]] = []
        self._begin()

    def _begin(self) -> None:
        self.mailboxes = Mailboxes(self.house.edge)
        self.inbox: Inbox = self.mailboxes.of(Visitor(self.partner, "acme", "127.0.0.1", {})).inbox

    async def act(self, kind: str, *words: Any) -> None:
        """Do something to both; then both must agree on what was accepted."""
        with suppress(Declined):
            await getattr(self, f"_{kind}")(*words)
        told = [(taken.filename, taken.payload) for taken in await taken_of(self.house.database, self.partner.id)]
        assert sorted(told) == sorted(self.accepted)

    async def _open(self, name: bytes, flags: OpenFlag) -> None:
        upload = await self.inbox.open(name, flags)
        assert isinstance(upload, Upload)
        if TRUNC in flags or name not in self.files:
            self.files[name] = File()
        self.handles.append(Held(upload, name, flags, self.files[name]))

    async def _whole(self, name: bytes, pieces: list[bytes]) -> None:
        await self._open(name, WAYS[0])
        for piece in pieces:
            await self._write(0, "next", piece)
        await self._close(0)

    async def _half(self, name: bytes, flags: OpenFlag, piece: bytes) -> None:
        await self._open(name, flags)
        await self._write(0, "start" if flags == WAYS[1] else "next", piece)

    async def _spoilt(self, name: bytes, flags: OpenFlag, piece: bytes, how: str) -> None:
        await self._half(name, flags, piece * 2)
        if how == "gap":
            await self._write(0, "gap", piece)
        else:
            await getattr(self, f"_{how}")(0, *([len(piece)] if how == "shorten" else []))
        if how != "lose":
            await self._close(0)

    async def _touch(self, name: bytes, flags: OpenFlag) -> None:
        await self._open(name, flags)
        await self._close(0)

    async def _write(self, number: int, where: str, data: bytes) -> None:
        held = self._held(number)
        if held is None:
            return
        size = held.file.size
        at = {"next": size, "start": 0, "over": max(0, size - len(data) // 2), "gap": size + 5}[where]
        try:
            wait = held.upload.write(at, data)
            if wait is not None:
                await wait
        except Declined:
            held.is_spoilt = True
            raise
        if APPEND in held.flags:
            at = size
        elif TRUNC not in held.flags and not held.has_written and at == 0:
            held.file = self.files[held.name] = File()
        held.has_written, held.file.is_closed = True, False
        held.file.places.update(enumerate(data, at))

    async def _shorten(self, number: int, size: int) -> None:
        held = self._held(number)
        if held is None:
            return
        before = held.file.size
        await held.upload.set_attributes(Attributes(size=size))
        if APPEND in held.flags:
            held.is_spoilt = True
            return
        if size < before:
            held.file.places = dict(enumerate(held.file.content[:size]))
            held.is_spoilt = TRUNC in held.flags

    async def _close(self, number: int) -> None:
        held = self._held(number)
        if held is None:
            return
        self.handles.remove(held)
        file, was_whole = held.file, held.file.is_whole
        file.places = dict(enumerate(file.content))
        try:
            await held.upload.close()
        except Declined:
            # What nothing speaks against is taken.
            assert held.is_spoilt or not was_whole or not held.has_written
            raise
        assert was_whole
        file.is_closed = bool(file.size)
        if file.size and not held.name.endswith((b".part", b".tmp")):
            self._accept(held.name, self.files.pop(held.name))

    async def _lose(self, number: int) -> None:
        held = self._held(number)
        if held is None:
            return
        self.handles.remove(held)
        held.file.places = dict(enumerate(held.file.content))
        held.file.is_closed = False
        held.upload.abandon()
        await self.mailboxes.settled()

    async def _rename(self, name: bytes, new_name: bytes, replaces: bool) -> None:
        await self.inbox.rename(name, self.inbox, new_name, replaces=replaces)
        file = self.files.pop(name)
        self.files[new_name] = file
        if file.size and not new_name.endswith((b".part", b".tmp")):
            assert file.is_closed
            self._accept(new_name, self.files.pop(new_name))

    async def _remove(self, name: bytes) -> None:
        await self.inbox.remove(name)
        self.files.pop(name, None)

    async def _restart(self, killed: bool) -> None:
        while self.handles:
            await self._lose(0)
        if killed:
            await self.mailboxes.settled()
            self.mailboxes._files._folder.close()
        else:
            await self.mailboxes.close()
        self._begin()
        # Empty ones are not worth a part.
        self.files = {name: file for name, file in self.files.items() if file.size}
        for name, file in self.files.items():
            assert (await self.inbox.attributes(name)).size == file.size

    def _held(self, number: int) -> Held | None:
        return self.handles[-1 - number % len(self.handles)] if self.handles else None

    def _accept(self, name: bytes, file: File) -> None:
        assert file.is_whole
        if (name.decode(), file.content) not in self.accepted:
            self.accepted.append((name.decode(), file.content))


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def house(runner, tmp_path_factory):
    opening = open_house(tmp_path_factory.mktemp("house"), profiles=[])
    house = runner.run(opening.__aenter__())
    yield house
    runner.run(opening.__aexit__(None, None, None))


partners = iter(range(1_000_000))


@settings(max_examples=80, deadline=None)
@given(history=st.lists(acts, min_size=3, max_size=20))
def test_nothing_half_is_accepted(runner, house, history):
    partner = mailbox(partner=f"acme-{next(partners)}")
    house.reload(partner)

    async def live() -> None:
        world = World(house, partner)
        try:
            for kind, *words in history:
                await world.act(kind, *words)
        finally:
            for held in world.handles:
                held.upload.abandon()
            await world.mailboxes.close()

    # Small enough that what is written goes to the disk, in several pieces.
    small = patch.multiple(contents, MEMORY_BYTES_MAX=24, WRITE_BYTES=16, BACKLOG_BYTES_MAX=48)
    # Nothing here is about the power going off.
    with small, patch("os.fdatasync"), patch("os.fsync"):
        runner.run(live())
