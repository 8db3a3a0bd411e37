"""Taking: a complete file becomes a message, once, and durably before anybody is told so."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.api.operations import RateClass
from gateway.edge.audit_gate import AuditGate
from gateway.edge.context import Edge
from gateway.edge.refusals import sftp_status
from gateway.edge.sftp.mailbox.unfinished import CHANNEL, Unfinished, UnfinishedFiles
from gateway.edge.sftp.visitors import Visitor
from gateway.edge.throttling import Throttle
from gateway.flow.holding import why_held
from gateway.flow.receive import Arrival
from gateway.model.file_identity import transport_id_of
from gateway.model.refusals import Reason, Refused
from gateway.sftp import Declined, Status, shown
from gateway.store import mailbox_files
from gateway.store.engine.statements import storable
from gateway.store.messages import Acceptance
from partners.loader import LoadedProfile

_REFERENCE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Refusable:
    """Who is refused something, as the audit names it."""

    address: str
    actor: str
    subject: str


class Taking:
    """Takes files as messages, and refuses in the words of SFTP.

    Args:
        edge: what it stands on.
        files: the unfinished files.
        throttle: the limits of partners, over all doors.
        gate: the way of refusals into the audit.
    """

    def __init__(self, edge: Edge, files: UnfinishedFiles, throttle: Throttle, gate: AuditGate) -> None:
        self._edge = edge
        self._files = files
        self._throttle = throttle
        self._gate = gate

    def partner_of(self, visitor: Visitor) -> LoadedProfile:
        """The partner of a visitor as it is now.

        Raises:
            Declined: it has no mailbox any more.
        """
        partner = self._edge.directory().by_id(visitor.partner.id)
        if partner is None or partner.profile.sftp is None or partner.profile.status == "draft":
            raise Declined(Status.PERMISSION_DENIED, "you have no mailbox here any more; ask us")
        return partner

    def check(self, partner: LoadedProfile) -> None:
        """Refuse early what `take` would refuse now: not every client looks at how its CLOSE is answered.

        Raises:
            Declined: there were too many files lately.
        """
        try:
            self._throttle.check(partner, RateClass.SUBMIT)
        except Refused as refused:
            raise declined(refused) from None

    async def take(self, visitor: Visitor, file: Unfinished, name: bytes) -> Acceptance:
        """Make a file a message, under a name; it is no unfinished file any more when this returns.

        Raises:
            Declined: it could not be taken now; it stays what it was.
        """
        try:
            partner = self.partner_of(visitor)
            with self._throttle.enter(partner, RateClass.SUBMIT):
                acceptance = await self._keep(visitor, partner, file, name)
        except Refused as refused:
            await self._keep_here(file)
            self._edge.metrics.sftp_files.add("refused")
            await self.refuse(visitor, refused, name)
            raise declined(refused) from None
        except Declined:
            await self._keep_here(file)
            self._edge.metrics.sftp_files.add("refused")
            raise
        size = file.size
        self._files.drop(file)
        metrics = self._edge.metrics
        (metrics.duplicates if acceptance.duplicate else metrics.accepted).add(CHANNEL)
        metrics.sftp_files.add("duplicate" if acceptance.duplicate else "accepted")
        metrics.sftp_bytes.add("in", amount=size)
        return acceptance

    async def _keep(self, visitor: Visitor, partner: LoadedProfile, file: Unfinished, name: bytes) -> Acceptance:
        now_ms = self._edge.now_ms()
        try:
            payload, sha256 = await file.content.whole(name)
        except OSError as error:
            raise Declined(Status.FAILURE, f"the disk does not give the file back ({error.strerror})") from None
        if file.content.failure:
            raise Declined(Status.FAILURE, f"the disk did not take the file ({file.content.failure})")

        def also(connection: Connection, acceptance: Acceptance) -> None:
            mailbox_files.note(
                connection,
                partner.id,
                name,
                acceptance.message_id,
                bytes_count=len(payload),
                received_at_ms=now_ms,
            )

        return await self._edge.reception.keep(
            Arrival(
                partner_id=partner.id,
                profile_digest=partner.digest,
                channel=CHANNEL,
                payload=payload,
                payload_sha256=sha256,
                transport_id=transport_id_of(name, sha256),
                filename=storable(shown(name)),
                remote=visitor.address,
                security=visitor.security,
                held=why_held(partner),
                received_at_ms=now_ms,
            ),
            also=also,
            message_id=file.content.staged_as or None,
            staged=bool(file.content.staged_as),
        )

    async def _keep_here(self, file: Unfinished) -> None:
        """It can be closed again; unless the disk did not take all of it, so that it is not whole."""
        await file.content.failed_to_go()
        self._files.recount(file)
        file.is_closed = not file.content.failure

    async def refuse(self, visitor: Visitor, refused: Refused, name: bytes) -> None:
        """Count a refusal, and put it into the audit where it belongs there."""
        source = Refusable(visitor.address, f"partner:{visitor.partner.id}", shown(name))
        await self._gate.record(CHANNEL, source, refused, secrets.token_hex(_REFERENCE_BYTES))

    def refuse_soon(self, visitor: Visitor, name: bytes) -> Callable[[], None]:
        """What tells that a file under this name grew too large."""
        detail = "the file is larger than one file may be"
        return lambda: self._files.soon(self.refuse(visitor, Refused(Reason.BODY_TOO_LARGE, detail), name))


def declined(refused: Refused) -> Declined:
    """A refusal in the words of SFTP."""
    when = f"; again in {refused.retry_after_s} s" if refused.retry_after_s is not None else ""
    return Declined(sftp_status(refused.reason), refused.detail + when)
