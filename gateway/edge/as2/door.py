"""AS2 over HTTP (RFC 4130): a message is opened, kept, and only then acknowledged with its receipt.

What can go wrong ends in a negative receipt where one was asked for, in a 4xx where not. The store not being able to
keep a message is neither: that is a 503, after which a sender tries again (RFC 4130 5.2 leaves retries to it).
"""

import os
from datetime import UTC, datetime

from aiohttp import hdrs, web

from gateway.api.operations import RateClass
from gateway.as2.disposition import As2Refused, Modifier
from gateway.as2.envelope import Envelope
from gateway.as2.mdn import holds_mdn, is_no_mdn
from gateway.as2.message import Opened, read_envelope
from gateway.as2.mime import Headers
from gateway.buffers import Buffer
from gateway.edge.as2.answers import Answers
from gateway.edge.as2.arrival import CHANNEL, Taken, take
from gateway.edge.as2.awaited_receipts import ReceiptDoor
from gateway.edge.as2.parties import Parties, Relationship
from gateway.edge.as2.restart import Restarts, Transfer, refuse_parts, restart_failed, speaks_restart
from gateway.edge.audit_gate import AuditGate
from gateway.edge.bodies import Bodies, Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes
from gateway.edge.threads import Threads
from gateway.edge.throttling import Throttle
from gateway.model.refusals import Reason, Refused
from gateway.spool import SpoolFolder
from gateway.store.keys.certificate_uses import Use
from gateway.store.messages import Acceptance

PATH = "/as2"
GREETING = "This is an AS2 address (RFC 4130). Messages and receipts are sent here by POST.\n"


class As2:
    """The AS2 interface of the partner port.

    Args:
        edge: what it stands on.
        bodies: reads bodies within the limits.
        throttle: each partner's limits, over all its doors.
        gate: to the audit.
    """

    def __init__(self, edge: Edge, bodies: Bodies, throttle: Throttle, gate: AuditGate) -> None:
        self._edge = edge
        self._bodies = bodies
        self._throttle = throttle
        self._parties = Parties(edge)
        # As many as there are cores: OpenSSL leaves Python's lock alone meanwhile, and more would only wait.
        self._threads = Threads(os.cpu_count() or 1, "as2")
        self._answers = Answers(edge, throttle, gate, self._threads.run)
        self._receipts = ReceiptDoor(edge, self._threads.run)
        limits = edge.settings.limits
        spools = SpoolFolder(edge.settings.spool_dir, limits.disk_free_bytes_min)
        self._scratch = spools.scratch(limits.spool_from_bytes)
        self._restarts = Restarts(bodies.parts, spools, limits)

    def add_to(self, routes: Routes) -> None:
        """Put its route among the others."""
        routes.add("POST", PATH, self.receive)
        routes.add("GET", PATH, self.greet)

    def close(self) -> None:
        """End the threads; what they work on is finished first, by nobody waited for."""
        self._threads.close()

    async def greet(self, request: Request) -> web.Response:
        """Say what is here: partners look with a browser or a monitor whether they reach us (HEAD likewise).

        Raises:
            Refused: they ask how much of a broken transfer is here (ETag, as AS2 Restart has it), and for them none is
                kept.
        """
        if hdrs.ETAG not in request.headers:
            return web.Response(text=GREETING)
        envelope = read_envelope(Headers.of(request.headers))
        found = self._parties.between(envelope)
        if request.method == hdrs.METH_HEAD and isinstance(found, Relationship) and speaks_restart(found):
            return await self._restarts.held(request, envelope, found)
        raise Refused(Reason.NOT_FOUND, "nothing of that transfer was kept; send the whole message")

    async def receive(self, request: Request) -> web.Response:
        """Receive one message and answer it."""
        began_ms = self._edge.now_ms()
        bytes_max = self._edge.settings.limits.body_bytes_max
        self._bodies.check(request, bytes_max)
        headers = Headers.of(request.headers)
        envelope = read_envelope(headers)
        request.subject = f"{envelope.as2_from} -> {envelope.as2_to} {envelope.message_id}"
        found = self._parties.between(envelope)
        if isinstance(found, Relationship):
            bytes_max = min(found.partner.profile.limits.body_bytes_max or bytes_max, bytes_max)
            if is_no_mdn(headers):
                # The name is only a claim yet, so nothing is used up; but what would be refused need not come in.
                self._throttle.check(found.partner, RateClass.SUBMIT)
            if speaks_restart(found):
                async with self._restarts.transfer(request, envelope, found, bytes_max) as transfer:
                    whole = transfer.total if transfer is not None and transfer.total else bytes_max
                    body = await self._bodies.read(request, whole, transfer)
                    return await self._answer(request, headers, envelope, body, found, began_ms, transfer)
        refuse_parts(request)
        body = await self._bodies.read(request, bytes_max)
        return await self._answer(request, headers, envelope, body, found, began_ms)

    async def _answer(
        self,
        request: Request,
        headers: Headers,
        envelope: Envelope,
        body: Buffer,
        found: Relationship | As2Refused,
        began_ms: int,
        transfer: Transfer | None = None,
    ) -> web.Response:
        if isinstance(body, bytes) and holds_mdn(headers, body):  # no receipt is large
            return await self._receipts.take(request, headers, body, found)
        if isinstance(found, Relationship):
            self._answers.check_address(envelope, found)
        if isinstance(found, As2Refused):
            keys = self._parties.keys_for(envelope.as2_to)
            return await self._answers.refuse(request, envelope, found, None, keys)
        if not body:
            failure = As2Refused(Modifier.UNEXPECTED_PROCESSING_ERROR, "the body is empty")
            return await self._answers.refuse(request, envelope, failure, found, found.keys)
        if transfer is not None:
            transfer.check(body)
        message_id = self._edge.reception.new_id()
        now = self._now()
        taken = await self._threads.run(
            lambda: take(envelope, headers, body, found, request, message_id, now, self._scratch)
        )
        if isinstance(taken, As2Refused):
            if transfer is not None and transfer.start:
                raise restart_failed(taken)
            return await self._answers.refuse(request, envelope, taken, found, found.keys)
        return await self._keep(request, envelope, found, taken, message_id, began_ms)

    async def _keep(
        self,
        request: Request,
        envelope: Envelope,
        found: Relationship,
        taken: Taken,
        message_id: str,
        began_ms: int,
    ) -> web.Response:
        opened, receipt, arrival = taken
        request.actor = f"partner:{found.partner.id}"
        self._note_uses(envelope, opened, found, began_ms)
        also = self._answers.also(envelope, receipt, found)
        try:
            with self._throttle.enter(found.partner, RateClass.SUBMIT):
                acceptance = await self._edge.reception.keep(
                    arrival, message_id=message_id, answer=receipt.pack(), also=also
                )
        except Refused as refused:
            if refused.reason is not Reason.IDEMPOTENCY_CONFLICT or envelope.mdn_request is None:
                raise
            return await self._answers.refuse_reuse(envelope, found, message_id)
        if also is not None:
            self._edge.wake()
        self._count(acceptance, began_ms)
        return self._answers.accepted(envelope, acceptance, receipt)

    def _note_uses(self, envelope: Envelope, opened: Opened, found: Relationship, at_ms: int) -> None:
        uses, identity = self._edge.uses, found.identity.name
        if opened.decrypted_for is not None:
            uses.ours(identity, opened.decrypted_for.fingerprint, Use.DECRYPTION, at_ms)
        uses.theirs(found.partner.id, opened.signer_fingerprint, Use.VERIFICATION, at_ms)
        if envelope.mdn_request is not None and envelope.mdn_request.signed:
            uses.ours(identity, found.keys.signing.certificate.fingerprint, Use.SIGNING, at_ms)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._edge.now_ms() / 1_000, UTC)

    def _count(self, acceptance: Acceptance, began_ms: int) -> None:
        metrics = self._edge.metrics
        (metrics.duplicates if acceptance.duplicate else metrics.accepted).add(CHANNEL)
        metrics.answer_seconds.observe(CHANNEL, (self._edge.now_ms() - began_ms) / 1_000)
