"""Fetching: what lies in the mailboxes of partners becomes delivered, durably before the client hears of it."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import Connection

from gateway.api.operations import RateClass
from gateway.edge.connection import log_fault
from gateway.edge.context import Edge
from gateway.edge.sftp.mailbox.downloads import Download
from gateway.edge.sftp.mailbox.progress import Progress
from gateway.edge.sftp.mailbox.taking import declined
from gateway.edge.sftp.visitors import Visitor
from gateway.flow.holding import why_held
from gateway.flow.outward.send import settled
from gateway.flow.outward.ways import destination_of
from gateway.model.delivery import DELIVERY_FINAL_STATES, MAILBOX, DeliveryEvent, DeliveryState
from gateway.model.file_names import facts_of, file_name, id_in
from gateway.model.instants import DAY_MS, rfc3339
from gateway.model.refusals import Refused
from gateway.sftp import REGULAR_FILE, Attributes, Declined, Status, shown
from gateway.store import deliveries
from gateway.store.database import StoreUnavailable
from gateway.store.deliveries import StoredDelivery, inbox, mailbox
from gateway.store.deliveries import bodies as delivery_bodies
from gateway.store.deliveries.mailbox import MailboxDelivery
from partners.loader import LoadedProfile
from partners.sftp_terms import Sftp

T = TypeVar("T")

log = logging.getLogger("gateway.edge.sftp")

PAGE: Final = 200
REMOVED_REMEMBERED_MAX: Final = 10_000
# They may be removed there; in archive/ they go by themselves.
WAITING_PERMISSIONS: Final = REGULAR_FILE | 0o600
FETCHED_PERMISSIONS: Final = REGULAR_FILE | 0o400
_READ_AND_CLOSED: Final = "all of the file was read, and closed"
_READ_AND_LEFT: Final = "all of the file was read, more asked for than there is, and the connection ended in order"
_READ_AND_REMOVED: Final = "the file was removed after it was read"


class Fetching:
    """What the folders of all mailboxes share that are read from; one for each process.

    Args:
        edge: what it stands on.
        enter: counts a call towards the limits of a partner; raises `Refused`.
    """

    def __init__(self, edge: Edge, enter: Callable[[LoadedProfile, RateClass], None]) -> None:
        self.progress = Progress(edge.now_ms)
        self.edge = edge
        self._enter = enter
        self._removed: OrderedDict[str, None] = OrderedDict()
        # What is written down of clients that have left with a file.
        self._leaving: set[asyncio.Task[None]] = set()

    def owner_of(self, visitor: Visitor) -> tuple[LoadedProfile, Sftp]:
        """Whose mailbox it is, as its profile is now.

        Raises:
            Declined: it has none any more.
        """
        owner = self.edge.directory().by_id(visitor.partner.id)
        if owner is None or owner.profile.sftp is None or owner.profile.status == "draft":
            raise Declined(Status.PERMISSION_DENIED, "you have no mailbox here any more; ask us")
        return owner, owner.profile.sftp

    def enter(self, owner: LoadedProfile, rate_class: RateClass) -> None:
        """Count a call towards the limits of a partner.

        Raises:
            Declined: there were too many.
        """
        try:
            self._enter(owner, rate_class)
        except Refused as refused:
            raise declined(refused) from None

    async def read(self, unit: Callable[[Connection], T]) -> T:
        """Read from the store.

        Raises:
            Declined: it is away.
        """
        try:
            return await self.edge.database.read(unit)
        except StoreUnavailable:
            raise away() from None

    async def find(self, owner: LoadedProfile, terms: Sftp, name: bytes) -> MailboxDelivery | None:
        """The delivery of a mailbox that has this name, whatever became of it; None where none has."""
        delivery_id = id_in(terms.file_name, name)
        if delivery_id is None:
            return None
        where = destination_of(owner.profile, MAILBOX)
        item = await self.read(partial(mailbox.get, destination=where, delivery_id=delivery_id))
        return item if item is not None and name_of(item, terms) == name else None

    def is_shown(self, owner: LoadedProfile, item: MailboxDelivery) -> bool:
        """Whether it may be fetched: of those who are suspended only acknowledgments are."""
        if item.is_acknowledgment:
            return True
        partner = owner if item.partner_id == owner.id else self.edge.directory().by_id(item.partner_id)
        return partner is not None and not why_held(owner) and not why_held(partner)

    def download(self, visitor: Visitor, item: MailboxDelivery, name: bytes) -> Download:
        """A file of a mailbox, open for reading."""

        async def piece(number: int) -> bytes | None:
            return await self.edge.database.read(
                lambda connection: delivery_bodies.piece(connection, item.id, delivery_bodies.PAYLOAD, number)
            )

        def ended(download: Download, *, in_order: bool) -> None:
            self._count(download)
            if in_order and self.progress.is_whole(item.id, download):
                task = asyncio.get_running_loop().create_task(self._left(visitor, item, name, download))
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
            else:
                self.progress.note_lost(item.id, download)

        async def closed(download: Download) -> None:
            self._count(download)
            await self._closed(visitor, item, name, download, _READ_AND_CLOSED)

        return Download(attributes_of(item), piece, closed, ended)

    async def confirm(self, visitor: Visitor, item: MailboxDelivery, name: bytes, by: str, what: str = "") -> None:
        """They have it: durable when this returns. Once more changes nothing.

        Args:
            visitor: who has it.
            item: what they have.
            name: of the file.
            by: `fetch` or `removal`.
            what: our server saw of it, for the evidence; that it was removed by default.

        Raises:
            Declined: it was withdrawn, or this cannot be written down now.
        """
        now_ms = self.edge.now_ms()
        facts: dict[str, object] = {"by": by, "file": shown(name)} | _who(visitor)
        receipt = _evidence(visitor, item, name, what or _READ_AND_REMOVED, now_ms)

        def unit(connection: Connection) -> tuple[StoredDelivery | None, bool]:
            # Whoever withdraws it at the same moment comes before or after, never between.
            delivery = deliveries.locked(connection, item.id)
            if delivery is None or delivery.state in DELIVERY_FINAL_STATES:
                return delivery, False
            deliveries.apply(connection, item.id, DeliveryEvent.CONFIRM, now_ms, receipt=receipt, facts=facts)
            return delivery, True

        try:
            before, changed = await self.edge.database.write(unit)
        except StoreUnavailable:
            raise away() from None
        if before is None or before.state == DeliveryState.CANCELLED:
            raise withdrawn(name)
        if changed:
            self.progress.forget(item.id)
            settled(self.edge.metrics, before, DeliveryState.DELIVERED, now_ms)
            self.edge.wake()  # what was behind it in its lane is next

    async def was_fetched(self, item: MailboxDelivery) -> bool:
        """Whether somebody has read all of it before."""
        return await self.read(partial(mailbox.was_fetched, delivery_id=item.id))

    def is_removed(self, delivery_id: str) -> bool:
        """Whether they have removed it from where they fetched it, as far as this process knows."""
        return delivery_id in self._removed

    def note_removed(self, delivery_id: str) -> None:
        """They removed it after it was fetched, which changes nothing but what they see."""
        self._removed[delivery_id] = None
        if len(self._removed) > REMOVED_REMEMBERED_MAX:
            self._removed.popitem(last=False)

    def kept_since_ms(self) -> int:
        """What was made before has no content any more."""
        return self.edge.now_ms() - self.edge.settings.retention.bodies_days * DAY_MS

    async def settled(self) -> None:
        """What clients that have left have fetched is written down."""
        await asyncio.gather(*self._leaving)

    async def _left(self, visitor: Visitor, item: MailboxDelivery, name: bytes, download: Download) -> None:
        """As `_closed`, with nobody there to be told."""
        try:
            await self._closed(visitor, item, name, download, _READ_AND_LEFT)
        except Declined as declined:
            log.warning(
                "what was fetched is not written down; they will find it there once more",
                extra={"partner": visitor.partner.id, "delivery": item.id, "cause": declined.words},
            )
        except Exception as error:  # noqa: BLE001  # nobody waits for it
            log_fault("what was fetched is not written down", error)

    async def _closed(
        self, visitor: Visitor, item: MailboxDelivery, name: bytes, download: Download, what: str
    ) -> None:
        is_whole = self.progress.is_whole(item.id, download)
        self.progress.note_closed(item.id, download)
        if not is_whole:
            return
        _, terms = self.owner_of(visitor)
        if item.state == DeliveryState.DELIVERED:
            with suppress(StoreUnavailable):  # it is for people, and they have their file
                await self._note_fetched(visitor, item, name, durable=False)
        elif terms.delivered_on == "fetch":
            await self.confirm(visitor, item, name, "fetch", what)
        else:
            try:
                await self._note_fetched(visitor, item, name, durable=True)
            except StoreUnavailable:
                raise away() from None

    async def _note_fetched(self, visitor: Visitor, item: MailboxDelivery, name: bytes, *, durable: bool) -> None:
        now_ms = self.edge.now_ms()
        if await self.edge.database.read(partial(inbox.fetched_lately, delivery_id=item.id, now_ms=now_ms)):
            return
        facts: dict[str, object] = {"file": shown(name)} | _who(visitor)
        unit = partial(inbox.note_fetched, delivery_id=item.id, now_ms=now_ms, facts=facts)
        await self.edge.database.write(unit, durable=durable)

    def _count(self, download: Download) -> None:
        self.edge.metrics.sftp_bytes.add("out", amount=download.bytes_read)


def name_of(item: MailboxDelivery, terms: Sftp) -> bytes:
    """The name of a delivery in a mailbox."""
    return file_name(terms.file_name, facts_of(item)).encode("ascii")


def attributes_of(item: MailboxDelivery) -> Attributes:
    """What a file of a mailbox is: as old as what is in it, wherever it lies."""
    is_fetched = item.state == DeliveryState.DELIVERED
    at_s = item.created_at_ms // 1_000
    return Attributes(
        size=item.payload_bytes,
        permissions=FETCHED_PERMISSIONS if is_fetched else WAITING_PERMISSIONS,
        accessed_s=at_s,
        modified_s=at_s,
    )


def away() -> Declined:
    """The store is away."""
    return Declined(Status.FAILURE, "the store is away; try again later")


def no_such_file(name: bytes) -> Declined:
    """There is none."""
    return Declined(Status.NO_SUCH_FILE, f"there is no file {shown(name)}")


def withdrawn(name: bytes) -> Declined:
    """It was withdrawn while they fetched it."""
    return Declined(Status.FAILURE, f"{shown(name)} was withdrawn: it is of no more use, do not process it")


def _who(visitor: Visitor) -> dict[str, object]:
    return {"user": visitor.user, "credentials": visitor.security, "remote": visitor.address}


def _evidence(visitor: Visitor, item: MailboxDelivery, name: bytes, what: str, now_ms: int) -> bytes:
    """What our server saw, as it is kept as proof: SSH leaves none that a third party could verify."""
    said: Mapping[str, object] = {
        "SFTP": what,
        "delivery": item.id,
        "file": shown(name),
        "bytes": item.payload_bytes,
        "sha256": item.payload_sha256,
        "at": rfc3339(now_ms),
        "mailbox": visitor.partner.id,
        "user": visitor.user,
        "address": visitor.address,
        **visitor.security,
    }
    return "".join(f"{field}: {value}\n" for field, value in said.items()).encode("utf-8", "replace")
