"""errors/: files that were refused, as they were sent, each with a report on what was wrong.

Also those of which some documents were refused and the others accepted. What waits for us, because its partner is
suspended or by a fault of ours, is no error of theirs and not here.
"""

import re
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final

from gateway.api.operations import RateClass
from gateway.edge.sftp.mailbox.downloads import Download, check_reading, in_memory
from gateway.edge.sftp.mailbox.fetching import WAITING_PERMISSIONS, Fetching, away, no_such_file
from gateway.edge.sftp.mailbox.folders import Folder, OpenFile
from gateway.edge.sftp.mailbox.reports import Reports
from gateway.edge.sftp.visitors import Visitor
from gateway.model.instants import DAY_MS
from gateway.sftp import Attributes, Declined, Entry, OpenFlag, Status, listed
from gateway.sftp.paths import NAME_BYTES_MAX
from gateway.store import messages, refused_files
from gateway.store.database import StoreUnavailable
from gateway.store.refused_files import FILE, REPORT, RefusedFile

PAGE: Final = 100
SUFFIX: Final = b".report.txt"
_ID_LENGTH: Final = 26
# Of a report on a file whose name leaves no room for the suffix.
_BY_MESSAGE: Final = re.compile(rb"-([0-9A-Z]{26})\.report\.txt\Z")


def report_name(file: RefusedFile) -> bytes:
    """The name of the report on a file: its own and a suffix; cut where it is too long, with the message id then."""
    name = file.name + SUFFIX
    if len(name) <= NAME_BYTES_MAX:
        return name
    return file.name[: NAME_BYTES_MAX - len(SUFFIX) - _ID_LENGTH - 1] + b"-" + file.message_id.encode() + SUFFIX


class Errors:
    """What was refused of a visitor's files.

    Args:
        fetching: what the folders of all mailboxes share.
        reports: writes the reports.
        visitor: whose mailbox it is.
    """

    def __init__(self, fetching: Fetching, reports: Reports, visitor: Visitor) -> None:
        self._fetching = fetching
        self._reports = reports
        self._visitor = visitor
        self._partner_id = visitor.partner.id

    async def entries(self) -> AsyncIterator[Sequence[Entry]]:
        """Refused files and the reports on them, the newest first.

        Raises:
            Declined: the store is away.
        """
        since_ms, now_s, last = self._since_ms(), self._fetching.edge.now_ms() // 1_000, None
        while True:
            page = await self._fetching.read(
                partial(refused_files.shown, partner_id=self._partner_id, since_ms=since_ms, after=last, limit=PAGE)
            )
            yield [listed(name, attributes, now_s) for name, attributes in await self._shown(page, since_ms)]
            if len(page) < PAGE:
                return
            last = page[-1]

    async def attributes(self, name: bytes) -> Attributes:
        """What a file is.

        Raises:
            Declined: NO_SUCH_FILE.
        """
        file, what = await self._find(name)
        if what == FILE:
            return _attributes(file, file.bytes_count)
        # Clients ask for each name of a listing once more: how long a report is is known then, its text no longer.
        (size,) = await self._reports.sizes([file])
        return _attributes(file, size)

    async def open(self, name: bytes, flags: OpenFlag) -> OpenFile:
        """Open a file or a report for reading.

        Raises:
            Declined: there is none, or it would be written.
        """
        check_reading(flags, "errors")
        file, what = await self._find(name)
        if what == REPORT:
            text = await self._reports.text(file)
            return in_memory(_attributes(file, len(text)), text)

        async def piece(number: int) -> bytes | None:
            return await self._fetching.edge.database.read(
                partial(messages.piece, message_id=file.message_id, part="payload", number=number)
            )

        return Download(_attributes(file, file.bytes_count), piece)

    async def remove(self, name: bytes) -> None:
        """They have read it: it is shown no more.

        Raises:
            Declined: there is none, or this cannot be written down now.
        """
        file, what = await self._find(name)
        owner, _ = self._fetching.owner_of(self._visitor)
        self._fetching.enter(owner, RateClass.CHANGE)
        unit = partial(refused_files.remove, partner_id=self._partner_id, name=file.name, what=what)
        try:
            await self._fetching.edge.database.write(unit)
        except StoreUnavailable:
            raise away() from None

    async def rename(self, name: bytes, to: Folder, new_name: bytes, *, replaces: bool) -> None:  # noqa: ARG002  # nothing is renamed
        """Nothing is renamed here.

        Raises:
            Declined: always.
        """
        await self._find(name)
        raise Declined(Status.PERMISSION_DENIED, "what lies in errors/ can be read and removed, and keeps its name")

    async def _shown(self, page: Sequence[RefusedFile], since_ms: int) -> list[tuple[bytes, Attributes]]:
        with_report = [file for file in page if file.shows_report]
        names = {file.message_id: report_name(file) for file in with_report}
        # They may have sent a file of that name, too, which then is itself.
        taken: frozenset[bytes] = frozenset()
        if names:
            taken = await self._fetching.read(
                partial(refused_files.named, partner_id=self._partner_id, names=set(names.values()), since_ms=since_ms)
            )
        sizes = await self._reports.sizes(with_report)
        found = [(file.name, _attributes(file, file.bytes_count)) for file in page if file.shows_file]
        for file, size in zip(with_report, sizes, strict=True):
            if names[file.message_id] not in taken:
                found.append((names[file.message_id], _attributes(file, size)))
        return found

    async def _find(self, name: bytes) -> tuple[RefusedFile, int]:
        since_ms = self._since_ms()
        by_name = partial(refused_files.find, partner_id=self._partner_id, since_ms=since_ms)
        file = await self._fetching.read(partial(by_name, name=name))
        if file is not None and file.shows_file:
            return file, FILE
        reported = None
        if name.endswith(SUFFIX):
            reported = await self._fetching.read(partial(by_name, name=name.removesuffix(SUFFIX)))
            match = _BY_MESSAGE.search(name)
            if reported is None and match is not None:
                reported = await self._fetching.read(
                    partial(
                        refused_files.get,
                        partner_id=self._partner_id,
                        message_id=match[1].decode(),
                        since_ms=since_ms,
                    )
                )
        if reported is None or not reported.shows_report or report_name(reported) != name:
            raise no_such_file(name)
        return reported, REPORT

    def _since_ms(self) -> int:
        _, terms = self._fetching.owner_of(self._visitor)
        now_ms = self._fetching.edge.now_ms()
        return max(now_ms - terms.archive_days * DAY_MS, self._fetching.kept_since_ms())


def _attributes(file: RefusedFile, size: int) -> Attributes:
    at_s = file.refused_at_ms // 1_000
    return Attributes(size=size, permissions=WAITING_PERMISSIONS, accessed_s=at_s, modified_s=at_s)
