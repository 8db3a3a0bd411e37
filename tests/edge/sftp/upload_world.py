"""The real inbox beside the model of it: what programs do is done to both, and both must agree on what comes of it."""

from collections.abc import Iterator

import pytest

from gateway.edge.sftp.mailbox.inbox import Inbox
from gateway.edge.sftp.mailbox.parts import PartsFolder
from gateway.edge.sftp.mailbox.root import Mailboxes
from gateway.edge.sftp.mailbox.uploads import Upload
from gateway.edge.sftp.visitors import Visitor
from gateway.sftp import Attributes, Declined, OpenFlag
from tests.edge.house import House
from tests.edge.sftp.mailboxes import mailbox, taken_of
from tests.edge.sftp.upload_model import (
    AHEAD,
    APPEND,
    BLOCK,
    CREAT,
    LARGEST,
    NEW,
    TRUNC,
    Faults,
    File,
    Transfer,
    Way,
    is_temporary,
    pattern,
)


class World:
    """One partner, its inbox and the model of it; to be made within the loop.

    Args:
        clock: what the house takes for the time, in milliseconds.
    """

    numbers: Iterator[int] = iter(range(1_000_000))

    def __init__(self, house: House, faults: Faults, clock: list[int]) -> None:
        self._house, self._clock = house, clock
        self.faults = faults
        self._partner = mailbox(partner=f"acme-{next(self.numbers)}")
        house.reload(self._partner)
        self._files: dict[bytes, File] = {}
        self._shown: dict[bytes, int] = {}
        self.under_way: list[Transfer] = []
        self._taken: set[tuple[bytes, bytes]] = set()
        self._begin()

    def _begin(self) -> None:
        folder = PartsFolder(self._house.edge.settings.spool_dir / self._partner.id, 0)
        self.mailboxes = Mailboxes(self._house.edge, folder)
        visitor = Visitor(self._partner, "acme", "127.0.0.1", {})
        # Two sessions: one of a program that asked how long its writes may be, and one of others.
        self._inboxes: dict[bool, Inbox] = {asks: self.mailboxes.of(visitor).inbox for asks in (True, False)}
        self._inboxes[True].blocks = True
        self._inbox = self._inboxes[False]

    async def end(self) -> None:
        """All connections are gone: both still agree."""
        for transfer in list(self.under_way):
            await self.lose(transfer)
        await self._check()
        await self.mailboxes.close()

    def is_held(self, *asked: bytes) -> bool:
        return any(transfer.name in asked for transfer in self.under_way)

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

    async def open(self, way: Way, name: bytes, version: int, length: int) -> Transfer | None:
        inbox = self._inboxes[way.in_blocks]
        file, flags = self._files.get(name), way.flags
        there = self._told_size(name)
        if there is None and CREAT not in flags:
            with pytest.raises(Declined):
                await inbox.open(name, flags)
            flags = NEW  # as they do who find nothing to go on with
        is_taken = file is None and there is not None
        if self.is_held(name) or (is_taken and APPEND in flags):
            with pytest.raises(Declined):
                await inbox.open(name, flags)
            return None
        if not self.is_held(name):
            assert await self._size(name) == there
        upload = await inbox.open(name, flags)
        assert isinstance(upload, Upload)
        if file is None or TRUNC in flags:
            file = self._files[name] = File()
        begins_at = (there or 0) if way.resumes and TRUNC not in flags else 0
        before = b"?" * begins_at if is_taken else file.content[:begins_at]
        meant = before + pattern(version, length)[begins_at:]
        closed_as = file.content if file.is_closed else None
        transfer = Transfer(way, name, flags, upload, file, meant, begins_at, begins_at, closed_as)
        self.under_way.append(transfer)
        return transfer

    async def upload(self, way: Way, name: bytes, version: int, length: int, *, is_full: bool) -> None:
        transfer = await self.open(way, name, version, length)
        if transfer is not None:
            await self.finish(transfer, is_full=is_full)

    async def send(self, transfer: Transfer, end: int) -> None:
        end = min(end, len(transfer.meant))
        count = BLOCK if transfer.way.in_blocks else 5
        if transfer.way.in_blocks and end < len(transfer.meant):
            end -= (end - transfer.next) % BLOCK
        while transfer.next < end and not transfer.is_lost:
            at, until = transfer.next, min(transfer.next + count, end)
            transfer.next = until
            await self.write(transfer, at, transfer.meant[at:until])

    async def write(self, transfer: Transfer, at: int, data: bytes) -> None:
        name, flags = transfer.name, transfer.flags
        cannot_go_on = at and name in self._shown and not transfer.file.size and not transfer.has_written
        offset = at - transfer.began_at if transfer.way.counts_from_0 else at
        try:
            wait = transfer.upload.write(offset, data)
            if wait is not None:
                await wait
        except Declined:
            overlaps = transfer.file.size < len(transfer.file.places)
            assert cannot_go_on or overlaps or self.faults.disk_is_full or transfer.is_lost
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

    async def upload_in_vain(self, way: Way, name: bytes, length: int, part: int, how: str) -> None:
        """Upload something that comes to no good end."""
        transfer = await self.open(way, name, 0, length)
        if transfer is None:
            return
        await self.send(transfer, transfer.next + part)
        if how == "told to stop":
            await self.break_off(transfer, part // 2)
        elif how == "hole":
            await self._leave_a_hole(transfer)
        elif how == "disk is full" or (how != "lost" and await self.send_too_much(transfer, how)):
            await self.finish(transfer, is_full=how == "disk is full")
        if transfer in self.under_way:
            await self.lose(transfer)

    async def _leave_a_hole(self, transfer: Transfer) -> None:
        if APPEND in transfer.flags or transfer.is_lost:
            return
        if transfer.next + 2 >= len(transfer.meant):
            transfer.meant += b"more, of which the first is left out"
        await self._begin_where_it_has_to(transfer)
        begin = transfer.next + 1
        await self.write(transfer, begin, transfer.meant[begin : begin + 5])
        await self.close(transfer, must_fail=True)

    async def _begin_where_it_has_to(self, transfer: Transfer) -> None:
        """The first write tells whether a file is gone on with or written anew."""
        if not transfer.has_written:
            await self.write(transfer, transfer.next, transfer.meant[transfer.next : transfer.next + 1])
            transfer.next += 1

    async def send_too_much(self, transfer: Transfer, how: str) -> bool:
        """Whether it could be."""
        if transfer.is_lost or APPEND in transfer.flags or transfer.next == len(transfer.meant):
            return False
        await self._begin_where_it_has_to(transfer)
        if not transfer.is_lost:
            size = transfer.file.size
            offset, data = (size + AHEAD, b"far ahead") if how == "far ahead" else (size, b"x" * (LARGEST + 1))
            with pytest.raises(Declined):
                transfer.upload.write(offset, data)
            transfer.is_lost = True
            transfer.is_too_large = how == "too much"
        return True

    async def finish(self, transfer: Transfer, *, is_full: bool) -> None:
        self.faults.disk_is_full = is_full
        for begin, end in transfer.owed:
            if not transfer.is_lost:
                await self.write(transfer, begin, transfer.meant[begin:end])
        await self.send(transfer, len(transfer.meant))
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
            await self.close(transfer, must_fail=transfer.is_lost or in_blocks or untouched, is_full=is_full)
        finally:
            self.faults.disk_is_full = False

    async def break_off(self, transfer: Transfer, size: int) -> None:
        breaks = transfer.way.breaks
        if breaks == "closes":
            rest = len(transfer.meant) - transfer.next
            if transfer.only_blocks and rest and not transfer.owed:
                await self.close(transfer, must_fail=transfer.has_written or transfer.is_lost)
            return
        if breaks == "leaves" or transfer.is_lost:
            await self.lose(transfer)
            return
        if breaks == "shortens":
            if not 0 < size < transfer.file.size:
                return
            transfer.file.cut(size)
        await transfer.upload.set_attributes(Attributes(size=size))
        await self.close(transfer, must_fail=True)

    async def close(self, transfer: Transfer, *, must_fail: bool, is_full: bool = False) -> None:
        """Close it, and look at what came of it."""
        name, file = transfer.name, transfer.file
        self._clock[0] += 10
        self.under_way.remove(transfer)
        is_message = not is_temporary(name) and file.size > 0
        may_be_refused = self.faults.store_refuses
        is_empty = not file.places
        try:
            await transfer.upload.close()
        except Declined:
            is_refused = may_be_refused and not self.faults.store_refuses
            assert must_fail or is_full or is_refused
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

    async def lose(self, transfer: Transfer) -> None:
        self.under_way.remove(transfer)
        transfer.upload.abandon()
        await self.mailboxes.settled()
        transfer.file.cut(transfer.file.size)
        transfer.file.is_closed = False
        if transfer.is_too_large:
            self._drop(transfer.name, transfer.file)

    async def touch(self, name: bytes, flags: OpenFlag) -> None:
        await self.upload(Way("touch", flags, resumes=TRUNC not in flags), name, 0, 0, is_full=False)

    async def rename(self, name: bytes, new_name: bytes, *, replaces: bool) -> None:
        self._clock[0] += 10
        file, target = self._files.get(name), self._files.get(new_name)
        is_message = file is not None and file.size > 0 and not is_temporary(new_name)
        is_declined = (
            self.is_held(name, new_name)
            or file is None
            or (target not in (None, file) and is_temporary(new_name) and not replaces)
            or (is_message and not file.is_closed)
        )
        is_refused = is_message and not is_declined and self.faults.store_refuses
        try:
            await self._inbox.rename(name, self._inbox, new_name, replaces=replaces)
        except Declined:
            assert is_declined or is_refused
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

    async def remove(self, name: bytes) -> None:
        is_there = self._told_size(name) is not None
        try:
            await self._inbox.remove(name)
        except Declined:
            assert self.is_held(name) or not is_there
            return
        assert is_there
        assert not self.is_held(name)
        if self._files.pop(name, None) is None:
            del self._shown[name]

    async def restart(self, *, killed: bool) -> None:
        if killed:
            for transfer in self.under_way:
                content = transfer.upload.file.content
                if content._writing is not None:
                    await content._writing
            await self.mailboxes.settled()
            self.mailboxes._files._threads.close()
            self.mailboxes._files._folder.close()
        else:
            for transfer in list(self.under_way):
                await self.lose(transfer)
            await self.mailboxes.close()
        self._begin()
        held, self.under_way = {transfer.name: transfer for transfer in self.under_way}, []
        for name, file in list(self._files.items()):
            if name in held:
                await self._look_at_what_a_kill_left(held[name])
            elif not file.size and self.mailboxes._files.find(self._partner.id, name) is None:
                del self._files[name]  # an empty one is not worth a part
            await self._look(name)

    async def _look_at_what_a_kill_left(self, transfer: Transfer) -> None:
        """As much as was on the disk; closed only as what it was when it was closed."""
        await self._size(transfer.name)
        left = self.mailboxes._files.find(self._partner.id, transfer.name)
        if left is None:
            del self._files[transfer.name]
            return
        content = left.content._file
        assert content is not None
        content.open()
        there = content.read(0, content.size)
        assert not left.is_closed or there == transfer.closed_as
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
