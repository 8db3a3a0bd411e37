"""outbox/archive/: what a partner has fetched, for a while, in case that it lost it."""

from collections.abc import AsyncIterator, Sequence
from functools import partial

from gateway.edge.sftp.mailbox.downloads import check_reading
from gateway.edge.sftp.mailbox.fetching import PAGE, Fetching, attributes_of, name_of, no_such_file
from gateway.edge.sftp.mailbox.folders import Folder, OpenFile
from gateway.edge.sftp.visitors import Visitor
from gateway.flow.outward.ways import destination_of
from gateway.model.delivery import MAILBOX, DeliveryState
from gateway.model.instants import DAY_MS
from gateway.sftp import Attributes, Declined, Entry, OpenFlag, Status, listed
from gateway.store.deliveries import mailbox
from gateway.store.deliveries.mailbox import MailboxDelivery


class Archive:
    """What a visitor has fetched, acknowledgments as well.

    Args:
        fetching: what the folders of all mailboxes share.
        visitor: whose mailbox it is.
    """

    # What lies in outbox/ may be moved here.
    takes_fetched = True

    def __init__(self, fetching: Fetching, visitor: Visitor) -> None:
        self._fetching = fetching
        self._visitor = visitor

    async def entries(self) -> AsyncIterator[Sequence[Entry]]:
        """What was fetched, the newest first.

        Raises:
            Declined: the store is away.
        """
        owner, terms = self._fetching.owner_of(self._visitor)
        where, now_ms, last = destination_of(owner.profile, MAILBOX), self._fetching.edge.now_ms(), None
        since_ms = now_ms - terms.archive_days * DAY_MS
        while True:
            page = await self._fetching.read(
                partial(
                    mailbox.fetched,
                    destination=where,
                    since_ms=since_ms,
                    kept_since_ms=self._fetching.kept_since_ms(),
                    after=last,
                    limit=PAGE,
                )
            )
            yield [listed(name_of(item, terms), attributes_of(item), now_ms // 1_000) for item in page]
            if len(page) < PAGE:
                return
            last = page[-1]

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
        check_reading(flags, "outbox/archive")
        return self._fetching.download(self._visitor, await self._find(name), name)

    async def remove(self, name: bytes) -> None:
        """Nothing is removed here: it goes with age.

        Raises:
            Declined: always.
        """
        await self._decline(name)

    async def rename(self, name: bytes, to: Folder, new_name: bytes, *, replaces: bool) -> None:  # noqa: ARG002  # nothing is renamed
        """Nothing is renamed here.

        Raises:
            Declined: always.
        """
        await self._decline(name)

    async def _decline(self, name: bytes) -> None:
        _, terms = self._fetching.owner_of(self._visitor)
        await self._find(name)
        words = f"what you have fetched stays here for {terms.archive_days} days, and goes by itself"
        raise Declined(Status.PERMISSION_DENIED, words)

    async def _find(self, name: bytes) -> MailboxDelivery:
        owner, terms = self._fetching.owner_of(self._visitor)
        item = await self._fetching.find(owner, terms, name)
        since_ms = self._fetching.edge.now_ms() - terms.archive_days * DAY_MS
        if item is None or item.state != DeliveryState.DELIVERED or (item.settled_at_ms or 0) < since_ms:
            raise no_such_file(name)
        return item
