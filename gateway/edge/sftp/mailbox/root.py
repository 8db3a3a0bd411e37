"""The mailboxes of all partners, and one of them as its visitor sees it: a tree of folders that lies on no disk."""

import logging
from collections.abc import Mapping, Sequence

from gateway.api.operations import RateClass
from gateway.edge.audit_gate import AuditGate
from gateway.edge.context import Edge
from gateway.edge.sftp.mailbox.acknowledgments import Acknowledgments
from gateway.edge.sftp.mailbox.archive import Archive
from gateway.edge.sftp.mailbox.errors import Errors
from gateway.edge.sftp.mailbox.fetching import Fetching
from gateway.edge.sftp.mailbox.folders import Folder
from gateway.edge.sftp.mailbox.inbox import Inbox
from gateway.edge.sftp.mailbox.outbox import Outbox
from gateway.edge.sftp.mailbox.parts import PartsFolder
from gateway.edge.sftp.mailbox.reports import Reports
from gateway.edge.sftp.mailbox.taking import Taking
from gateway.edge.sftp.mailbox.unfinished import UnfinishedFiles
from gateway.edge.sftp.visitors import Visitor
from gateway.edge.throttling import Throttle
from gateway.edge.throttling.buckets import Bucket
from gateway.sftp import DIRECTORY, Attributes, Declined, Entry, Status, listed
from partners.loader import LoadedProfile
from partners.sftp_terms import Sftp

INBOX = (b"inbox",)
# Questions such as STAT, that nothing else limits: no program needs as many, and each costs a look into the store.
QUESTIONS_PER_SECOND, QUESTIONS_AT_ONCE = 500, 2_000
ROOT_PERMISSIONS = DIRECTORY | 0o500
# They drop files into inbox/, and remove or rename files in the others.
FOLDER_PERMISSIONS = DIRECTORY | 0o700

log = logging.getLogger("gateway.edge")

Path = tuple[bytes, ...]


class Mailbox:
    """A mailbox, as one visitor sees it.

    Args:
        edge: what it stands on.
        visitor: whose it is.
        inbox: where they drop files.
        others: the folders beside it, by their paths.
    """

    def __init__(self, edge: Edge, visitor: Visitor, inbox: Inbox, others: Mapping[Path, Folder]) -> None:
        self.visitor = visitor
        self.inbox = inbox
        self._edge = edge
        self._folders: Mapping[Path, Folder] = {INBOX: inbox, **others}

    @property
    def terms(self) -> Sftp:
        """What the profile says of SFTP now.

        Raises:
            Declined: they have no mailbox any more.
        """
        partner = self._edge.directory().by_id(self.visitor.partner.id)
        if partner is None or partner.profile.sftp is None:
            raise Declined(Status.PERMISSION_DENIED, "you have no mailbox here any more; ask us")
        return partner.profile.sftp

    def folder(self, path: Path) -> Folder | None:
        """The folder at a path; None for the root, which holds folders alone, and where there is none."""
        return self._folders.get(path)

    def is_folder(self, path: Path) -> bool:
        """Whether a path is that of a folder, or of the root."""
        return not path or path in self._folders

    def folders_in(self, path: Path) -> Sequence[Entry]:
        """The folders that lie in a folder or in the root; its files are told by the folder itself."""
        now_s = self._edge.now_ms() // 1_000
        return [
            listed(folder[-1], self.attributes_of_folder(folder), now_s)
            for folder in self._folders
            if folder[:-1] == path
        ]

    def attributes_of_folder(self, path: Path) -> Attributes:
        """What a folder is."""
        now_s = self._edge.now_ms() // 1_000
        permissions = FOLDER_PERMISSIONS if path else ROOT_PERMISSIONS
        return Attributes(size=0, permissions=permissions, accessed_s=now_s, modified_s=now_s)


class Mailboxes:
    """All mailboxes of one process; made within its loop, before anybody logs in.

    Args:
        edge: what it stands on.
        parts_folder: where unfinished uploads lie; `PartsFolder` of the spool folder by default.
    """

    def __init__(self, edge: Edge, parts_folder: PartsFolder | None = None) -> None:
        limits = edge.settings.limits
        self._edge = edge
        self._throttle = edge.throttle or Throttle(edge.now_ms, edge.metrics)
        folder = parts_folder or PartsFolder(edge.settings.spool_dir, limits.disk_free_bytes_min)
        self._files = UnfinishedFiles(folder, limits, edge.now_ms, edge.reception.ahead)
        self._files.load()
        gate = AuditGate(edge.reception, edge.metrics, edge.now_ms)
        self._taking = Taking(edge, self._files, self._throttle, gate)
        self._fetching = Fetching(edge, self.enter)
        self._reports = Reports(self._fetching.read)
        self._handles: dict[str, int] = {}
        self._questions: dict[str, Bucket] = {}

    def of(self, visitor: Visitor) -> Mailbox:
        """The mailbox of a visitor."""
        others: dict[Path, Folder] = {
            (b"outbox",): Outbox(self._fetching, visitor),
            (b"outbox", b"archive"): Archive(self._fetching, visitor),
            (b"errors",): Errors(self._fetching, self._reports, visitor),
            (b"acknowledgments",): Acknowledgments(self._fetching, visitor),
        }
        return Mailbox(self._edge, visitor, Inbox(self._edge, visitor, self._files, self._taking), others)

    def enter(self, partner: LoadedProfile, rate_class: RateClass) -> None:
        """Count a call towards the limits of a partner.

        Raises:
            Refused: TOO_MANY_REQUESTS.
        """
        with self._throttle.enter(partner, rate_class):
            pass

    def turn_s(self, partner_id: str) -> float:
        """Count a question of a partner, over all its sessions; in how many seconds it may be answered."""
        now_ms = self._edge.now_ms()
        bucket = self._questions.get(partner_id)
        if bucket is None:
            bucket = self._questions[partner_id] = Bucket.full(QUESTIONS_PER_SECOND, QUESTIONS_AT_ONCE, now_ms)
        wait_ms = bucket.wait_ms(now_ms)
        bucket.take(now_ms)
        return wait_ms / 1_000

    def take_handle(self, partner_id: str, handles_max: int) -> bool:
        """Count one more handle of a partner, over all its sessions; False where it has as many as it may."""
        number = self._handles.get(partner_id, 0)
        if number >= handles_max:
            return False
        self._handles[partner_id] = number + 1
        return True

    def give_handle_back(self, partner_id: str) -> None:
        """A handle was closed."""
        number = self._handles.get(partner_id, 0) - 1
        if number > 0:
            self._handles[partner_id] = number
        else:
            self._handles.pop(partner_id, None)

    async def look_after(self) -> None:
        """Give up unfinished uploads that nobody went on with; to be called now and then.

        Raises:
            StoreUnavailable: not now.
        """
        given_up = await self._files.expire(self._edge.database, self._edge.directory())
        if given_up:
            log.info("gave up unfinished uploads", extra={"files": given_up})

    async def settled(self) -> None:
        """What sessions that ended have left is on the disk, or off it."""
        await self._fetching.settled()
        await self._files.settled()

    async def close(self) -> None:
        """No session is open any more: what is unfinished goes to the disk, for the next process."""
        await self._fetching.settled()
        await self._files.close()
