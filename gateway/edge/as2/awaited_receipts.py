"""The door for receipts that come by a request of their own (asynchronous MDN, RFC 4130 7.3)."""

from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from gateway.as2.disposition import As2Refused
from gateway.as2.envelope import repeated_fields
from gateway.as2.mime import Headers
from gateway.edge.as2.answers import InThread
from gateway.edge.as2.arrival import evidence_fields
from gateway.edge.as2.parties import Relationship
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.flow.outward.receipts import Incoming, Receipts, Taken
from gateway.flow.outward.send import settled
from gateway.model.refusals import Reason, Refused
from gateway.store import deliveries
from gateway.store.keys.certificate_uses import Use
from partners.delivery_terms import DeliverySchedule


class ReceiptDoor:
    """Takes receipts; none earns a receipt itself (RFC 3798 2.1), so what is wrong with one is a 4xx.

    Args:
        edge: what it stands on.
        in_thread: where signatures are verified.
    """

    def __init__(self, edge: Edge, in_thread: InThread) -> None:
        self._edge = edge
        self._in_thread = in_thread
        self._receipts = Receipts(edge.database, edge.now_ms, self._schedule_for)

    async def take(
        self, request: Request, headers: Headers, body: bytes, found: Relationship | As2Refused
    ) -> web.Response:
        """Take a receipt; 200 once it is durable, also when it came before.

        Raises:
            Refused: it is from nobody we know, too large, or proves nothing.
        """
        bytes_max = self._edge.settings.limits.response_bytes_max
        if len(body) > bytes_max:
            detail = f"a receipt is larger than {bytes_max} bytes"
            raise Refused(Reason.BODY_TOO_LARGE, detail, extra={"body_bytes_max": bytes_max})
        repeated = repeated_fields(headers)
        if repeated:
            names = ", ".join(repeated)
            raise Refused(Reason.RECEIPT_NOT_ACCEPTED, "a field of the receipt is repeated", audit=f"repeated: {names}")
        if isinstance(found, As2Refused):
            detail = "no message of ours to you waits for this receipt"
            raise Refused(Reason.UNKNOWN_TRADING_RELATIONSHIP, detail, audit=f"a receipt: {found.audit_reason}")
        now = datetime.fromtimestamp(self._edge.now_ms() / 1_000, UTC)
        incoming = Incoming(
            bearer=found.partner,
            certificates=found.terms.signing_certificates(now),
            headers=headers,
            body=body,
            raw=evidence_fields(headers) + body,
            trust=found.terms.trust,
        )
        mdn = await self._in_thread(lambda: self._receipts.read(incoming))
        if mdn.signature is not None:
            request.actor = f"partner:{found.partner.id}"
            signer = mdn.signature.certificate.fingerprint
            self._edge.uses.theirs(found.partner.id, signer, Use.VERIFICATION, self._edge.now_ms())
        taken = await self._receipts.take(incoming, mdn)
        if taken.changed:
            await self._count(taken)
            self._edge.wake()  # the next of its lane may go
        return web.Response(status=200)

    async def _count(self, taken: Taken) -> None:
        delivery = await self._edge.database.read(partial(deliveries.get, delivery_id=taken.delivery_id))
        if delivery is not None:
            settled(self._edge.metrics, delivery, taken.state, self._edge.now_ms())

    def _schedule_for(self, partner_id: str) -> DeliverySchedule:
        partner = self._edge.directory().by_id(partner_id)
        return partner.profile.delivery if partner is not None else DeliverySchedule()
