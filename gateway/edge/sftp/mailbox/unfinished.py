"""Unfinished files: everything that partners have begun to upload and that is no message yet, and what they may have.

An index in memory over the parts on this node's disk. What a partner has under way counts with what broke off: both
take room until they are complete, removed or too old.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial

from gateway.edge.sftp.mailbox.contents import Content
from gateway.edge.sftp.mailbox.given_up import GivenUp, tell
from gateway.edge.sftp.mailbox.parts import PartFile, PartsFolder, Record
from gateway.edge.threads import Threads
from gateway.flow.ahead import InThread, StagingAhead
from gateway.model.file_identity import transport_id_of
from gateway.settings import Limits
from gateway.sftp import Declined, Status
from gateway.store import messages
from gateway.store.database import Database
from partners.directory import Directory
from partners.loader import LoadedProfile
from partners.sftp_terms import Sftp

CHANNEL = "sftp"
HOUR_MS = 3_600_000
# Pieces that came before those in front of them, of all files together: they wait in memory.
AHEAD_BYTES_MAX = 64 * 1_048_576
_THREADS = 2

log = logging.getLogger("gateway.edge")


@dataclass(slots=True, eq=False)
class Unfinished:
    """One unfinished file.

    Attributes:
        is_closed: whether its client closed it in so many words and has written nothing since: only then can a rename
            complete it.
        holder: who works on it now: an open handle, or an act upon the name; None for nobody.
        transport_id: of a part that was on its way into the store when the process before ended.
    """

    partner_id: str
    name: bytes
    content: Content
    began_ms: int
    touched_ms: int
    is_closed: bool = False
    holder: object | None = None
    transport_id: str = ""
    counted_bytes: int = 0

    @property
    def size(self) -> int:
        """How much of it is there."""
        return self.content.size


class UnfinishedFiles:
    """All unfinished files of this node.

    Args:
        folder: where their parts lie.
        limits: the settings' limits.
        now_ms: the clock, milliseconds since 1970.
        ahead: puts payloads into the store while they come.
    """

    def __init__(
        self, folder: PartsFolder, limits: Limits, now_ms: Callable[[], int], ahead: Callable[[InThread], StagingAhead]
    ) -> None:
        self.ahead_bytes = 0
        self._folder = folder
        self._limits = limits
        self._now_ms = now_ms
        self._threads = Threads(_THREADS, "uploads")
        self._ahead = partial(ahead, self._threads.run)
        self._of: dict[str, dict[bytes, Unfinished]] = {}
        self._bytes: dict[str, int] = {}
        self._all_bytes = 0
        self._unrecalled: list[Unfinished] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self) -> None:
        """Take over what an earlier process left; to be called within the loop, before anybody logs in."""
        try:
            parts = self._folder.load()
        except OSError as error:
            log.warning("the unfinished uploads cannot be read", extra={"cause": error.strerror or str(error)})
            return
        for part in sorted(parts, key=lambda part: part.modified_ms):
            record = part.record
            before = self.find(record.partner_id, record.name)
            if before is not None:  # a newer one began before the older one was removed
                self._forget(before)
            self._add(self._loaded(part))

    def find(self, partner_id: str, name: bytes) -> Unfinished | None:
        """The unfinished file of a name."""
        return self._of.get(partner_id, {}).get(name)

    def of_partner(self, partner_id: str) -> list[Unfinished]:
        """All of a partner."""
        return list(self._of.get(partner_id, {}).values())

    def begin(self, partner_id: str, terms: Sftp, name: bytes) -> Unfinished:
        """A new one, empty; what was there under the name is gone.

        Raises:
            Declined: the partner has as many as it may.
        """
        mine = self._of.get(partner_id, {})
        before = mine.get(name)
        if before is None and len(mine) >= terms.unfinished_files_max:
            raise Declined(
                Status.FAILURE,
                f"{len(mine)} uploads are unfinished, and more are not allowed; finish or remove some of them",
            )
        now_ms = self._now_ms()
        record = Record(partner_id, name, now_ms)
        content = Content(self._folder, self._threads, record, ahead=self._ahead)
        begun = Unfinished(partner_id, name, content, now_ms, now_ms)
        if before is not None:
            self._forget(before)
        self._add(begun)
        return begun

    def anew(self, file: Unfinished, terms: Sftp) -> Unfinished:
        """A new one under the name of one that somebody holds, who holds it in its place."""
        begun = self.begin(file.partner_id, terms, file.name)
        begun.holder = file.holder
        return begun

    def grow(self, file: Unfinished, terms: Sftp, count: int) -> None:
        """Some bytes more are about to come.

        Raises:
            Declined: there is no room for them.
        """
        # Where it was made shorter before, the room for some of them is counted already.
        count = file.size + count - file.counted_bytes
        if count <= 0:
            return
        partner_bytes = self._bytes.get(file.partner_id, 0)
        if partner_bytes + count > terms.unfinished_bytes_max:
            raise Declined(
                Status.FAILURE,
                f"unfinished uploads take {terms.unfinished_bytes_max} bytes together, as many as they may; "
                "finish or remove some of them",
            )
        if self._all_bytes + count > self._limits.sftp_unfinished_bytes_max:
            raise Declined(Status.FAILURE, "there is no room for uploads just now; try again later")
        file.counted_bytes += count
        self._bytes[file.partner_id] = partner_bytes + count
        self._all_bytes += count

    def recount(self, file: Unfinished) -> None:
        """It has become shorter, or the disk took less of it than was counted."""
        if self.find(file.partner_id, file.name) is file:
            self._count(file, file.content.room_bytes - file.counted_bytes)

    async def move(self, file: Unfinished, name: bytes) -> None:
        """Give it another name; what was there under that name is gone."""
        await file.content.rename(name)
        # Whatever was begun there in the meantime.
        before = self.find(file.partner_id, name)
        if before is not None and before is not file:
            self._forget(before)
        mine = self._of.setdefault(file.partner_id, {})
        if mine.get(file.name) is file:
            del mine[file.name]
        file.name = name
        mine[name] = file

    def drop(self, file: Unfinished) -> None:
        """It is complete, or was removed."""
        if self.find(file.partner_id, file.name) is file:
            self._forget(file)

    async def recall(self, database: Database) -> None:
        """Find out which of the files of an earlier process are messages: it ended before it could remove their parts.

        Raises:
            StoreUnavailable: that cannot be told now.
        """
        while self._unrecalled:
            file = self._unrecalled[-1]
            known = partial(
                messages.is_known, partner_id=file.partner_id, channel=CHANNEL, transport_id=file.transport_id
            )
            is_known = await database.read(known)
            if file in self._unrecalled:
                self._unrecalled.remove(file)
            if is_known and file.holder is None:
                self.drop(file)

    async def expire(self, database: Database, directory: Directory) -> int:
        """Give up what nobody went on with, and tell a person of it; how many they were.

        Raises:
            StoreUnavailable: it cannot be said now, so nothing goes.
        """
        await self.recall(database)
        old = [file for files in list(self._of.values()) for file in files.values() if self._is_old(file, directory)]
        for file in old:
            file.holder = self
        try:
            for file in old:
                given_up = _given_up(file, _terms_of(directory.by_id(file.partner_id)))
                await database.write(partial(tell, given_up=given_up, now_ms=self._now_ms()))
                self.drop(file)
        finally:
            for file in old:
                file.holder = None
        return len(old)

    async def settled(self) -> None:
        """What was dropped is off the disk, and what was abandoned is on it."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Have on the disk what has come, for the next process."""
        await self.settled()
        for files in list(self._of.values()):
            for file in list(files.values()):
                await file.content.settle(is_closed=file.is_closed)
                await file.content.rest()
        self._threads.close()
        self._folder.close()

    def _is_old(self, file: Unfinished, directory: Directory) -> bool:
        partner = directory.by_id(file.partner_id)
        terms = _terms_of(partner)
        return file.holder is None and self._now_ms() - file.touched_ms > terms.unfinished_hours * HOUR_MS

    def _loaded(self, part: PartFile) -> Unfinished:
        record = part.record
        content = Content(self._folder, self._threads, record, part)
        file = Unfinished(
            record.partner_id, record.name, content, record.began_ms, part.modified_ms, record.is_closed, None
        )
        if record.sha256:
            file.transport_id = transport_id_of(record.goes_as, record.sha256)
            self._unrecalled.append(file)
        return file

    def _add(self, file: Unfinished) -> None:
        self._of.setdefault(file.partner_id, {})[file.name] = file
        self._count(file, file.content.room_bytes)

    def _forget(self, file: Unfinished) -> None:
        mine = self._of[file.partner_id]
        del mine[file.name]
        if not mine:
            del self._of[file.partner_id]
        self._count(file, -file.counted_bytes)
        if file in self._unrecalled:
            self._unrecalled.remove(file)
        self.soon(file.content.remove())

    def soon(self, work: Coroutine[object, object, None]) -> None:
        """Do something that nobody waits for; the end of the process does."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _count(self, file: Unfinished, count: int) -> None:
        file.counted_bytes += count
        self._bytes[file.partner_id] = self._bytes.get(file.partner_id, 0) + count
        if not self._bytes[file.partner_id]:
            del self._bytes[file.partner_id]
        self._all_bytes += count


def _given_up(file: Unfinished, terms: Sftp) -> GivenUp:
    lacks_rename = file.is_closed and (terms.complete_on == "rename" or terms.is_temporary(file.name))
    return GivenUp(
        file.partner_id,
        file.name,
        file.size,
        file.began_ms,
        file.touched_ms,
        hours=terms.unfinished_hours,
        lacks_rename=lacks_rename,
    )


def _terms_of(partner: LoadedProfile | None) -> Sftp:
    return (partner.profile.sftp if partner is not None else None) or Sftp(user="nobody")
