"""AS2 over HTTP (RFC 4130): a message is opened, kept, and only then acknowledged with its receipt.

What can go wrong ends in a negative receipt where one was asked for, in a 4xx where not. The store not being able to
keep a message is neither: that is a 503, after which a sender tries again (RFC 4130 5.2 leaves retries to it).
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from aiohttp import web

from certs.keyring import IdentityKeys
from gateway.as2.disposition import EXPLANATIONS, As2Refused, Modifier, disposition_of
from gateway.as2.envelope import Envelope
from gateway.as2.mdn import holds_mdn
from gateway.as2.message import read_envelope
from gateway.as2.mime import Headers
from gateway.edge.as2_arrival import CHANNEL, arrival_of, open_and_answer
from gateway.edge.as2_parties import Parties, Relationship
from gateway.edge.bodies import Bodies, Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes
from gateway.edge.receipts import answer, unpack_receipt
from gateway.edge.refusals import ANSWERS, REASON_OF
from gateway.edge.throttle import AuditGate, Throttle
from gateway.model.refusals import Reason, Refused
from gateway.spool import SpoolFolder
from gateway.store.messages import Acceptance

T = TypeVar("T")

PATH = "/as2"
_REUSED = "The Message-ID was used before for other content. Use a new one; only a retry carries the same."


class As2:
    """The AS2 interface of the partner port.

    Args:
        edge: what it stands on.
        bodies: reads bodies within the limits.
        throttle: each partner's rate, over all its doors.
        gate: to the audit.
    """

    def __init__(self, edge: Edge, bodies: Bodies, throttle: Throttle, gate: AuditGate) -> None:
        self._edge = edge
        self._bodies = bodies
        self._throttle = throttle
        self._gate = gate
        self._parties = Parties(edge)
        settings = edge.settings
        self._scratch = SpoolFolder(settings.spool_dir).scratch(settings.limits.spool_from_bytes)
        # As many as there are cores: OpenSSL leaves Python's lock alone meanwhile, and more would only wait.
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="as2")

    def add_to(self, routes: Routes) -> None:
        """Put its route among the others."""
        routes.add("POST", PATH, self.receive)

    def close(self) -> None:
        """End the threads; what they work on is finished first, by nobody waited for."""
        self._threads.shutdown(wait=False)

    async def receive(self, request: Request) -> web.Response:
        """Receive one message and answer it."""
        began_ms = self._edge.now_ms()
        limits = self._edge.settings.limits
        self._bodies.check(request, limits.body_bytes_max)
        headers = Headers.of(request.headers)
        envelope = read_envelope(headers)
        request.subject = f"{envelope.as2_from} -> {envelope.as2_to} {envelope.message_id}"
        found = self._parties.between(envelope)
        partner_limit = found.partner.profile.limits.body_bytes_max if isinstance(found, Relationship) else None
        body = await self._bodies.read(request, partner_limit or limits.body_bytes_max)
        if isinstance(body, bytes) and holds_mdn(headers, body):  # no receipt is large
            # A receipt never earns a receipt (RFC 3798 2.1).
            raise Refused(Reason.INVALID_REQUEST, "a receipt came, but no message of ours waits for one here")
        if envelope.mdn_request is not None and envelope.mdn_request.delivery_url is not None:
            raise Refused(
                Reason.ASYNCHRONOUS_RECEIPT,
                "the message asks for an asynchronous receipt; ask for a synchronous one and send it again",
            )
        if isinstance(found, As2Refused):
            return await self._refuse(request, envelope, found, self._parties.keys_for(envelope.as2_to))
        if not body:
            failure = As2Refused(Modifier.UNEXPECTED_PROCESSING_ERROR, "the body is empty")
            return await self._refuse(request, envelope, failure, found.keys)
        message_id = self._edge.reception.new_id()
        now = self._now()
        opened, receipt = await self._in_thread(
            lambda: open_and_answer(envelope, headers, body, found, message_id, now, self._scratch)
        )
        if isinstance(opened, As2Refused):
            return await self._refuse(request, envelope, opened, found.keys)
        request.actor = f"partner:{found.partner.id}"
        rate = found.partner.profile.limits.requests_per_second_max
        if rate is not None:
            self._throttle.admit(found.partner.id, rate)
        if isinstance(body, bytes) and isinstance(opened.payload, bytes):
            arrival = arrival_of(envelope, headers, body, opened, found, request)
        else:
            arrival = await self._in_thread(lambda: arrival_of(envelope, headers, body, opened, found, request))
        try:
            acceptance = await self._edge.reception.keep(arrival, message_id=message_id, answer=receipt.pack())
        except Refused as refused:
            if refused.reason is not Reason.IDEMPOTENCY_CONFLICT or envelope.mdn_request is None:
                raise
            self._edge.metrics.refused.add(CHANNEL, refused.reason.value)
            failed = disposition_of(Modifier.UNEXPECTED_PROCESSING_ERROR)
            negative = await self._in_thread(
                lambda: answer(envelope, found.keys, message_id, now, disposition=failed, text=_REUSED)
            )
            return negative.response()
        self._count(acceptance, began_ms)
        return (unpack_receipt(acceptance.answer) if acceptance.answer is not None else receipt).response()

    async def _refuse(
        self, request: Request, envelope: Envelope, failure: As2Refused, keys: IdentityKeys | None
    ) -> web.Response:
        """The negative receipt; where none was asked for the same words with a 4xx."""
        text = EXPLANATIONS[failure.modifier]
        refused = Refused(REASON_OF[failure.modifier], text, audit=f"{failure.modifier.value}: {failure.audit_reason}")
        if envelope.mdn_request is None:
            raise refused
        reference = self._edge.reception.new_id()
        await self._gate.record(CHANNEL, request, refused, reference)
        text = f"{text}\n{ANSWERS[refused.reason].remedy}\nReference: {reference}"
        failed, now = disposition_of(failure.modifier), self._now()
        receipt = await self._in_thread(lambda: answer(envelope, keys, reference, now, disposition=failed, text=text))
        return receipt.response()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._edge.now_ms() / 1_000, UTC)

    def _count(self, acceptance: Acceptance, began_ms: int) -> None:
        metrics = self._edge.metrics
        (metrics.duplicates if acceptance.duplicate else metrics.accepted).add(CHANNEL)
        metrics.answer_seconds.observe(CHANNEL, (self._edge.now_ms() - began_ms) / 1_000)
