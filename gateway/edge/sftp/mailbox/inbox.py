"""inbox/: where partners drop files. What was taken is still shown for a while, what is unfinished as far as it is."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from gateway.edge.context import Edge
from gateway.edge.sftp.mailbox.folders import Folder, OpenFile
from gateway.edge.sftp.mailbox.taking import Taking
from gateway.edge.sftp.mailbox.unfinished import HOUR_MS, Unfinished, UnfinishedFiles
from gateway.edge.sftp.mailbox.uploads import PERMISSIONS, Rules, Upload
from gateway.edge.sftp.visitors import Visitor
from gateway.sftp import REGULAR_FILE, Attributes, Declined, Entry, OpenFlag, Status, listed, objection_to, shown
from gateway.store import mailbox_files
from gateway.store.database import StoreUnavailable
from gateway.store.mailbox_files import AcceptedFile
from partners.loader import LoadedProfile
from partners.sftp_terms import Sftp

T = TypeVar("T")

PAGE = 500
TAKEN_PERMISSIONS = REGULAR_FILE | 0o400
FAILED_NAMES_MAX = 64


class Inbox:
    """One visitor's view of its inbox.

    Args:
        edge: what it stands on.
        visitor: whose it is.
        files: the unfinished files of all partners.
        taking: makes messages of files.

    Attributes:
        blocks: whether the client was told how long its writes may be, and so can be told to have broken off.
        tells: says a sentence to the people behind the client.
    """

    def __init__(self, edge: Edge, visitor: Visitor, files: UnfinishedFiles, taking: Taking) -> None:
        self.blocks = False
        self.tells: Callable[[str], None] = _to_nobody
        self._edge = edge
        self._visitor = visitor
        self._files = files
        self._taking = taking
        self._partner_id = visitor.partner.id
        # Names whose CLOSE failed: not every client looks at that, but most look at the file afterwards.
        self._failed: dict[bytes, str] = {}

    async def entries(self) -> AsyncIterator[Sequence[Entry]]:
        """What is unfinished, then what was taken, the newest first.

        Raises:
            Declined: the store is away.
        """
        await self._recall()
        now_s = self._edge.now_ms() // 1_000
        unfinished = self._files.of_partner(self._partner_id)
        names = {file.name for file in unfinished}
        yield [listed(file.name, _attributes_of(file), now_s) for file in unfinished]
        since_ms, last = self._since_ms(self._taking.partner_of(self._visitor)), None
        while True:
            page = await self._read(
                partial(mailbox_files.shown, partner_id=self._partner_id, since_ms=since_ms, after=last, limit=PAGE)
            )
            yield [listed(file.name, _taken(file), now_s) for file in page if file.name not in names]
            if len(page) < PAGE:
                return
            last = page[-1]

    async def attributes(self, name: bytes) -> Attributes:
        """What a file is.

        Raises:
            Declined: NO_SUCH_FILE; or FAILURE, once after its CLOSE failed.
        """
        if words := self._failed.pop(name, ""):
            raise Declined(Status.FAILURE, words)
        await self._recall()
        file = self._files.find(self._partner_id, name)
        if file is not None:
            return _attributes_of(file)
        taken = await self._find_taken(name)
        if taken is None:
            raise _no_such_file(name)
        return _taken(taken)

    async def open(self, name: bytes, flags: OpenFlag) -> OpenFile:
        """Begin an upload, or go on with one.

        Raises:
            Declined: it cannot be written now, or only read.
        """
        await self._recall()
        partner = self._taking.partner_of(self._visitor)
        terms = _terms(partner)
        if OpenFlag.WRITE not in flags and OpenFlag.APPEND not in flags:
            await self.attributes(name)
            raise Declined(Status.PERMISSION_DENIED, "what you sent cannot be read back; it is on its way")
        self._check_name(name)
        self._taking.check(partner)
        # What is truncated is new whatever was there.
        anew = OpenFlag.TRUNC in flags and OpenFlag.CREAT in flags and OpenFlag.EXCL not in flags
        taken = None if anew else await self._find_taken(name)
        file = self._files.find(self._partner_id, name)
        self._check_flags(name, flags, file, taken)
        upload = self._upload(partner, terms, name, flags, taken)
        if file is not None:
            await self._take_over(file)
            # Another handle may have come first, or the file may have gone, while that was waited for.
            file = self._files.find(self._partner_id, name)
            if file is not None and file.holder is not None:
                raise _held(name)
        if file is None or OpenFlag.TRUNC in flags:
            file = self._files.begin(self._partner_id, terms, name)
        file.holder = upload
        upload.file = file
        file.content.failure = ""
        self._failed.pop(name, None)
        return upload

    async def remove(self, name: bytes) -> None:
        """Remove what is unfinished; what was taken is shown no more, and goes on all the same.

        Raises:
            Declined: there is none, or it is being written.
        """
        await self._recall()
        self._failed.pop(name, None)
        file = self._files.find(self._partner_id, name)
        if file is not None:
            await self._take_over(file)
            if file.holder is not None:
                raise _held(name)
            self._files.drop(file)
            await self._files.settled()
            return
        if await self._find_taken(name) is None:
            raise _no_such_file(name)
        try:
            now_ms = self._edge.now_ms()
            await self._edge.database.write(
                partial(mailbox_files.remove, partner_id=self._partner_id, name=name, now_ms=now_ms)
            )
        except StoreUnavailable:
            raise _away() from None

    async def rename(self, name: bytes, to: Folder, new_name: bytes, *, replaces: bool) -> None:
        """Give an unfinished file another name; where that is no temporary one the file is complete by it.

        Raises:
            Declined: there is none, it may not have that name, or it could not be taken now.
        """
        await self._recall()
        if to is not self:
            raise Declined(Status.PERMISSION_DENIED, "a file cannot leave inbox/; it is taken when it is complete")
        self._check_name(new_name)
        partner = self._taking.partner_of(self._visitor)
        terms = _terms(partner)
        file = self._files.find(self._partner_id, name)
        if file is None:
            if await self._find_taken(name) is None:
                raise _no_such_file(name)
            raise Declined(Status.PERMISSION_DENIED, "the file was taken under this name, and keeps it")
        await self._take_over(file)
        target = self._files.find(self._partner_id, new_name)
        if file.holder is not None or (target is not None and target is not file and target.holder is not None):
            raise _held(name)
        is_final = not terms.is_temporary(new_name)
        if target is not None and target is not file and not (replaces or is_final):
            raise Declined(Status.FAILURE, f"there is an unfinished file {shown(new_name)}; remove it first")
        if is_final and file.size and not file.is_closed:
            raise Declined(
                Status.FAILURE,
                f"the upload of {shown(name)} broke off after {file.size} bytes; finish it first, or send it again",
            )
        await self._rename(file, new_name, target if target is not file else None, is_final=is_final)

    async def _rename(self, file: Unfinished, new_name: bytes, target: Unfinished | None, *, is_final: bool) -> None:
        claim = object()
        file.holder = claim
        if target is not None:
            target.holder = claim
        try:
            if not is_final or not file.size:
                await self._files.move(file, new_name)
                return
            await self._taking.take(self._visitor, file, new_name)
            if target is not None:
                self._files.drop(target)
        finally:
            for held in (file, target):
                if held is not None and held.holder is claim:
                    held.holder = None

    def _upload(
        self, partner: LoadedProfile, terms: Sftp, name: bytes, flags: OpenFlag, taken: AcceptedFile | None
    ) -> Upload:
        gateways = self._edge.settings.limits.body_bytes_max
        rules = Rules(
            terms=terms,
            bytes_max=min(partner.profile.limits.body_bytes_max or gateways, gateways),
            is_temporary=terms.is_temporary(name),
            blocks=self.blocks,
            follows=f"{shown(name)} was taken already" if taken is not None else "",
        )
        return Upload(
            self._files,
            flags=flags,
            rules=rules,
            completes=self._complete,
            failed=partial(self._note_failure, name),
            tells=self.tells,
            too_large=self._taking.refuse_soon(self._visitor, name),
            now_ms=self._edge.now_ms,
            opened_ms=self._edge.now_ms(),
        )

    async def _complete(self, file: Unfinished) -> None:
        await self._taking.take(self._visitor, file, file.name)

    def _note_failure(self, name: bytes, words: str) -> None:
        if len(self._failed) < FAILED_NAMES_MAX:
            self._failed[name] = words

    async def _take_over(self, file: Unfinished) -> None:
        """Let go of a file whose upload stands still: most likely its connection is dead, and nobody has noticed yet.

        Raises:
            Declined: somebody works on it.
        """
        holder = file.holder
        if holder is None:
            return
        if not isinstance(holder, Upload) or not holder.has_stalled(self._edge.settings.limits.restart_stall_s):
            raise _held(file.name)
        await holder.give_way()
        if file.holder is holder:
            file.holder = None

    def _check_flags(self, name: bytes, flags: OpenFlag, file: Unfinished | None, taken: AcceptedFile | None) -> None:
        if OpenFlag.CREAT in flags and OpenFlag.EXCL in flags and (file is not None or taken is not None):
            raise Declined(Status.FAILURE, f"there is a file {shown(name)} already")
        if file is None and taken is not None and OpenFlag.APPEND in flags and OpenFlag.TRUNC not in flags:
            raise Declined(
                Status.PERMISSION_DENIED,
                f"{shown(name)} was taken already, and nothing can be added to it; send the whole file again",
            )
        if file is None and taken is None and OpenFlag.CREAT not in flags:
            raise _no_such_file(name)

    def _check_name(self, name: bytes) -> None:
        if objection := objection_to(name):
            raise Declined(Status.FAILURE, objection)

    async def _find_taken(self, name: bytes) -> AcceptedFile | None:
        since_ms = self._since_ms(self._taking.partner_of(self._visitor))
        return await self._read(partial(mailbox_files.find, partner_id=self._partner_id, name=name, since_ms=since_ms))

    def _since_ms(self, partner: LoadedProfile) -> int:
        return self._edge.now_ms() - _terms(partner).shown_hours * HOUR_MS

    async def _recall(self) -> None:
        try:
            await self._files.recall(self._edge.database)
        except StoreUnavailable:
            raise _away() from None

    async def _read(self, unit: Callable[[Connection], T]) -> T:
        try:
            return await self._edge.database.read(unit)
        except StoreUnavailable:
            raise _away() from None


def _terms(partner: LoadedProfile) -> Sftp:
    terms = partner.profile.sftp
    if terms is None:
        raise Declined(Status.PERMISSION_DENIED, "you have no mailbox here any more; ask us")
    return terms


def _to_nobody(_: str) -> None:
    """Where no session listens."""


def _attributes_of(file: Unfinished) -> Attributes:
    at_s = file.touched_ms // 1_000
    return Attributes(size=file.size, permissions=PERMISSIONS, accessed_s=at_s, modified_s=at_s)


def _taken(file: AcceptedFile) -> Attributes:
    at_s = file.received_at_ms // 1_000
    return Attributes(size=file.bytes_count, permissions=TAKEN_PERMISSIONS, accessed_s=at_s, modified_s=at_s)


def _no_such_file(name: bytes) -> Declined:
    return Declined(Status.NO_SUCH_FILE, f"there is no file {shown(name)}")


def _held(name: bytes) -> Declined:
    return Declined(Status.FAILURE, f"{shown(name)} is being worked on already; try again when that is over")


def _away() -> Declined:
    return Declined(Status.FAILURE, "the store is away; try again later")
