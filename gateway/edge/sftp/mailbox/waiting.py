"""A folder in which something waits to be fetched: how it is listed, found, read, and removed."""

from collections.abc import AsyncIterator, Sequence
from functools import partial

from gateway.api.operations import RateClass
from gateway.edge.sftp.mailbox.downloads import check_reading
from gateway.edge.sftp.mailbox.fetching import PAGE, Fetching, attributes_of, name_of, no_such_file, withdrawn
from gateway.edge.sftp.mailbox.folders import Folder, OpenFile
from gateway.edge.sftp.visitors import Visitor
from gateway.flow.outward.ways import destination_of
from gateway.model.delivery import MAILBOX, DeliveryState
from gateway.sftp import Attributes, Declined, Entry, OpenFlag, Status, listed, shown
from gateway.store.deliveries import mailbox
from gateway.store.deliveries.mailbox import MailboxDelivery


class WaitingFolder:
    """What waits for a partner in one of its folders; what was fetched is found by its name, and listed no more.

    Many clients look at a file once more after they got it, and then remove it: both is answered as though it still
    lay there.

    Args:
        fetching: what the folders of all mailboxes share.
        visitor: whose mailbox it is.
        name: of the folder.
        acknowledgments: whether acknowledgments lie in it, or everything else.
    """

    def __init__(self, fetching: Fetching, visitor: Visitor, name: str, *, acknowledgments: bool) -> None:
        self._fetching = fetching
        self._visitor = visitor
        self._name = name
        self._acknowledgments = acknowledgments

    async def entries(self) -> AsyncIterator[Sequence[Entry]]:
        """What waits, the oldest first.

        Raises:
            Declined: the store is away.
        """
        owner, terms = self._fetching.owner_of(self._visitor)
        where, now_s, after = destination_of(owner.profile, MAILBOX), self._fetching.edge.now_ms() // 1_000, ""
        while True:
            page = await self._fetching.read(
                partial(
                    mailbox.waiting,
                    destination=where,
                    acknowledgments=self._acknowledgments,
                    after=after,
                    limit=PAGE,
                )
            )
            may_see = [item for item in page if self._fetching.is_shown(owner, item)]
            yield [listed(name_of(item, terms), attributes_of(item), now_s) for item in may_see]
            if len(page) < PAGE:
                return
            after = page[-1].id

    async def attributes(self, name: bytes) -> Attributes:
        """What a file is.

        Raises:
            Declined: NO_SUCH_FILE.
        """
        return attributes_of(await self._find(name))

    async def open(self, name: bytes, flags: OpenFlag) -> OpenFile:
        """Open a file for reading.

        Raises:
            Declined: there is none, or it would be written.
        """
        check_reading(flags, self._name)
        return self._fetching.download(self._visitor, await self._find(name), name)

    async def remove(self, name: bytes) -> None:
        """They have it, and say so by this where that is agreed; once it is fetched it changes what they see alone.

        Raises:
            Declined: there is none, or it was not fetched yet.
        """
        await self._settle(name)

    async def rename(self, name: bytes, to: Folder, new_name: bytes, *, replaces: bool) -> None:  # noqa: ARG002  # it has the name that we gave it
        """As `remove`, for those who put away what they have: here, or in archive/, where it is shown under its name.

        Raises:
            Declined: there is none, it was not fetched yet, or it cannot be there.
        """
        if to is not self and not getattr(to, "takes_fetched", False):
            raise Declined(
                Status.PERMISSION_DENIED, f"what lies in {self._name}/ can be moved to outbox/archive/ alone"
            )
        await self._settle(name)

    async def _settle(self, name: bytes) -> None:
        item = await self._find(name)
        if item.state != DeliveryState.DELIVERED:
            owner, terms = self._fetching.owner_of(self._visitor)
            self._fetching.enter(owner, RateClass.CHANGE)
            if terms.delivered_on == "fetch" or not await self._fetching.was_fetched(item):
                raise Declined(
                    Status.PERMISSION_DENIED,
                    f"{shown(name)} was not fetched yet: read all of it and close it, then remove it",
                )
            await self._fetching.confirm(self._visitor, item, name, "removal")
        self._fetching.note_removed(item.id)

    async def _find(self, name: bytes) -> MailboxDelivery:
        owner, terms = self._fetching.owner_of(self._visitor)
        item = await self._fetching.find(owner, terms, name)
        if item is None or item.is_acknowledgment is not self._acknowledgments:
            raise no_such_file(name)
        if item.state == DeliveryState.CANCELLED:
            raise withdrawn(name)
        if item.state == DeliveryState.DELIVERED:
            if self._fetching.is_removed(item.id):
                raise no_such_file(name)
        elif not self._fetching.is_shown(owner, item):
            raise no_such_file(name)
        return item
