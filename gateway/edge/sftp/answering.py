"""What each request of SFTP means in a mailbox, and how it is answered: a request in, the bytes of an answer out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from gateway.api.operations import RateClass
from gateway.edge.sftp.handles import Handle, Handles, Listing
from gateway.edge.sftp.leaving import GoingOn
from gateway.edge.sftp.mailbox.folders import Folder
from gateway.edge.sftp.mailbox.root import Mailbox, Mailboxes
from gateway.edge.sftp.mailbox.taking import declined
from gateway.model.refusals import Refused
from gateway.sftp import (
    NOTHING_SAID,
    Attributes,
    Declined,
    Entry,
    OpenFlag,
    Status,
    absolute,
    answers,
    listed,
    requests,
    resolve,
    shown,
)

ENTRIES_PER_ANSWER = 100
# Files have limits of their own, and their bytes those of the line.
_UNCOUNTED = (requests.Open, requests.Close, requests.Read, requests.Write)
_NO_FOLDERS = "folders here are fixed: inbox, outbox, errors, acknowledgments"
_NO_LINKS = "there are no links here"
_NO_ATTRIBUTES = (
    "files here have no owner, permissions or times of their own; the file itself is not affected: leave out -p, or "
    "chmod, or turn off that times and permissions are preserved"
)

Path = tuple[bytes, ...]


class Answering:
    """Answers the requests of one session.

    Args:
        mailboxes: counts handles, and limits how often something is asked.
        mailbox: whose session it is.
        opened: told how many files more, or less, are open.
        tells: says a sentence to people, beside the answers.
    """

    def __init__(
        self, mailboxes: Mailboxes, mailbox: Mailbox, opened: Callable[[int], None], tells: Callable[[str], None]
    ) -> None:
        self.handles = Handles()
        self._mailboxes = mailboxes
        self._mailbox = mailbox
        self._opened = opened
        mailbox.inbox.tells = tells
        self._partner_id = mailbox.visitor.partner.id
        # Whether it is one of those clients that may leave without a CLOSE once they have a file: see `leaving`.
        self.leaves_early = False
        self._is_over = False
        self._answers: dict[type[requests.Request], Callable[[Any], Awaitable[bytes]]] = {
            requests.Open: self._open,
            requests.Close: self._close,
            requests.Read: self._read,
            requests.Write: self._write,
            requests.Lstat: self._stat,
            requests.Stat: self._stat,
            requests.Fstat: self._fstat,
            requests.Setstat: self._setstat,
            requests.Fsetstat: self._fsetstat,
            requests.Opendir: self._opendir,
            requests.Readdir: self._readdir,
            requests.Remove: self._remove,
            requests.Mkdir: self._mkdir,
            requests.Rmdir: self._rmdir,
            requests.Realpath: self._realpath,
            requests.Rename: self._rename,
            requests.PosixRename: self._rename,
            requests.Readlink: self._link,
            requests.Symlink: self._link,
            requests.Limits: self._limits,
            requests.Unsupported: self._unsupported,
            requests.Malformed: self._malformed,
        }

    async def answer(self, request: requests.Request) -> bytes:
        """The answer to a request that is not a WRITE.

        Raises:
            Declined: which is an answer, too.
        """
        if not isinstance(request, _UNCOUNTED) and (turn_s := self._mailboxes.turn_s(self._partner_id)):
            await asyncio.sleep(turn_s)
        answer = self._answers.get(type(request))
        if answer is None:
            raise Declined(Status.OP_UNSUPPORTED, "this is not served here")
        return await answer(request)

    def write(self, request: requests.Write) -> "Awaitable[None] | None":
        """Take the bytes of a WRITE; what is returned is to be waited for before more are read.

        Raises:
            Declined: they were not taken.
        """
        return self.handles.file(request.handle).write(request.offset, request.data)

    def path_of(self, handle: bytes) -> Path | None:
        """The path of what is open under a handle."""
        return self.handles.path_of(handle)

    def asked(self, request: requests.Request) -> None:
        """A request has arrived; when it is answered depends on those before."""
        if isinstance(request, requests.Read | requests.Close):
            going_on = self.handles.going_on(request.handle)
            if going_on is not None and isinstance(request, requests.Read):
                going_on.asked(request.offset, request.length)
            elif going_on is not None:
                going_on.closes()

    def abandon(self, *, in_order: bool = False) -> None:
        """The session is over: nothing that is still open was closed by its client.

        Args:
            in_order: whether the client left of its own accord.
        """
        self._is_over = True
        for handle in self.handles.all():
            if not handle.is_closing:
                self._release(handle)
                if handle.file is not None:
                    handle.file.abandon(in_order=in_order and handle.going_on.has_all_that_was_answered())
        self.handles.clear()

    async def _open(self, request: requests.Open) -> bytes:
        folder, name = self._file_at(request.path)
        if OpenFlag.WRITE not in request.flags and OpenFlag.APPEND not in request.flags:
            self._enter(RateClass.READ)
        self._take_handle()
        try:
            file = await folder.open(name, request.flags)
        except BaseException:
            self._mailboxes.give_handle_back(self._partner_id)
            raise
        self._opened(1)
        handle = Handle(resolve(request.path), file=file, going_on=GoingOn(leaves_early=self.leaves_early))
        if self._is_over:
            self._release(handle)
            file.abandon()
            raise Declined(Status.FAILURE, "the session is over")
        return answers.handle(request.id, self.handles.add(handle))

    async def _close(self, request: requests.Close) -> bytes:
        handle = self.handles.find(request.handle)
        handle.is_closing = True
        try:
            if handle.file is not None:
                await handle.file.close()
        finally:
            self.handles.discard(request.handle)
            self._release(handle)
        return answers.ok(request.id)

    async def _read(self, request: requests.Read) -> bytes:
        length = min(request.length, answers.READ_BYTES_MAX)
        handle = self.handles.find(request.handle)
        content = await self.handles.file(request.handle).read(request.offset, length)
        if content:
            handle.going_on.answered(request.offset, request.length, len(content))
        elif length:
            await handle.going_on.before_the_end()
            raise Declined(Status.EOF, "end of file")
        return answers.data(request.id, content)

    async def _write(self, request: requests.Write) -> bytes:
        wait = self.write(request)
        if wait is not None:
            await wait
        return answers.ok(request.id)

    async def _stat(self, request: requests.Stat | requests.Lstat) -> bytes:
        return answers.attributes(request.id, await self._attributes_at(resolve(request.path)))

    async def _fstat(self, request: requests.Fstat) -> bytes:
        handle = self.handles.find(request.handle)
        if handle.file is None:
            known = self._mailbox.attributes_of_folder(handle.path)
        else:
            known = await handle.file.attributes()
        return answers.attributes(request.id, known)

    async def _fsetstat(self, request: requests.Fsetstat) -> bytes:
        handle = self.handles.find(request.handle)
        wanted = request.attributes
        if handle.file is None:
            raise Declined(Status.PERMISSION_DENIED, _NO_ATTRIBUTES)
        if wanted.size is not None:
            await handle.file.set_attributes(wanted)
        self._check_attributes(wanted)
        return answers.ok(request.id)

    async def _setstat(self, request: requests.Setstat) -> bytes:
        await self._attributes_at(resolve(request.path))
        if request.attributes.size is not None:
            raise Declined(Status.PERMISSION_DENIED, "the size of a file is what was written; write it anew")
        self._check_attributes(request.attributes)
        return answers.ok(request.id)

    async def _opendir(self, request: requests.Opendir) -> bytes:
        path = resolve(request.path)
        if not self._mailbox.is_folder(path):
            await self._attributes_at(path)
            raise Declined(Status.FAILURE, f"{shown(path[-1])} is a file, no folder")
        self._enter(RateClass.READ)
        self._take_handle()
        return answers.handle(request.id, self.handles.add(Handle(path, listing=Listing(self._pages(path)))))

    async def _readdir(self, request: requests.Readdir) -> bytes:
        listing = self.handles.find(request.handle).listing
        if listing is None:
            raise Declined(Status.FAILURE, "the handle is that of a file")
        entries = await listing.next(ENTRIES_PER_ANSWER)
        if not entries:
            raise Declined(Status.EOF, "end of the folder")
        return answers.names(request.id, entries)

    async def _realpath(self, request: requests.Realpath) -> bytes:
        path = absolute(resolve(request.path))
        return answers.names(request.id, [Entry(path, NOTHING_SAID, path)])

    async def _remove(self, request: requests.Remove) -> bytes:
        folder, name = self._file_at(request.path)
        await folder.remove(name)
        return answers.ok(request.id)

    async def _rename(self, request: requests.Rename | requests.PosixRename) -> bytes:
        folder, name = self._file_at(request.old_path)
        to, new_name = self._file_at(request.new_path)
        await folder.rename(name, to, new_name, replaces=isinstance(request, requests.PosixRename))
        return answers.ok(request.id)

    async def _mkdir(self, request: requests.Mkdir) -> bytes:
        # Clients make folders that are there, and take FAILURE for that; nothing else says so in version 3.
        if self._mailbox.is_folder(resolve(request.path)):
            raise Declined(Status.FAILURE, "the folder is there already")
        raise Declined(Status.PERMISSION_DENIED, _NO_FOLDERS)

    async def _rmdir(self, _: requests.Rmdir) -> bytes:
        raise Declined(Status.PERMISSION_DENIED, _NO_FOLDERS)

    async def _link(self, _: requests.Symlink | requests.Readlink) -> bytes:
        raise Declined(Status.OP_UNSUPPORTED, _NO_LINKS)

    async def _limits(self, request: requests.Limits) -> bytes:
        self._mailbox.inbox.blocks = True
        return answers.limits(request.id, open_handles_max=self._mailbox.terms.handles_max)

    async def _unsupported(self, request: requests.Unsupported) -> bytes:
        raise Declined(Status.OP_UNSUPPORTED, f"{request.name} is not served here")

    async def _malformed(self, request: requests.Malformed) -> bytes:
        raise Declined(Status.BAD_MESSAGE, request.words)

    def _file_at(self, text: bytes) -> tuple[Folder, bytes]:
        """The folder and the name of a file.

        Raises:
            Declined: there is no such folder, or it is one itself.
        """
        path = resolve(text)
        if self._mailbox.is_folder(path):
            raise Declined(Status.FAILURE, f"{shown(absolute(path))} is a folder")
        folder = self._mailbox.folder(path[:-1])
        if folder is None and self._mailbox.is_folder(path[:-1]):
            raise Declined(Status.PERMISSION_DENIED, "files lie in folders; put them into inbox/")
        if folder is None:
            raise Declined(Status.NO_SUCH_FILE, f"there is no folder {shown(absolute(path[:-1]))}")
        return folder, path[-1]

    async def _attributes_at(self, path: Path) -> Attributes:
        if self._mailbox.is_folder(path):
            return self._mailbox.attributes_of_folder(path)
        folder = self._mailbox.folder(path[:-1])
        if folder is None:
            raise Declined(Status.NO_SUCH_FILE, f"there is no {shown(absolute(path))}")
        return await folder.attributes(path[-1])

    async def _pages(self, path: Path) -> AsyncIterator[Sequence[Entry]]:
        here = self._mailbox.attributes_of_folder(path)
        now_s = here.modified_s or 0
        yield [listed(b".", here, now_s), listed(b"..", here, now_s), *self._mailbox.folders_in(path)]
        folder = self._mailbox.folder(path)
        if folder is not None:
            async for page in folder.entries():
                yield page

    def _check_attributes(self, wanted: Attributes) -> None:
        others = replace(wanted, size=None)
        if others != NOTHING_SAID and self._mailbox.terms.attributes != "ignored":
            raise Declined(Status.PERMISSION_DENIED, _NO_ATTRIBUTES)

    def _enter(self, rate_class: RateClass) -> None:
        try:
            self._mailboxes.enter(self._mailbox.visitor.partner, rate_class)
        except Refused as refused:
            raise declined(refused) from None

    def _take_handle(self) -> None:
        handles_max = self._mailbox.terms.handles_max
        if not self._mailboxes.take_handle(self._partner_id, handles_max):
            raise Declined(
                Status.FAILURE, f"{handles_max} files and folders are open, as many as may be; close some of them"
            )

    def _release(self, handle: Handle) -> None:
        self._mailboxes.give_handle_back(self._partner_id)
        if handle.file is not None:
            self._opened(-1)
