"""How an AS2 message is answered: in the response, by a receipt that is delivered on its own, or by a 4xx."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from aiohttp import web
from sqlalchemy import Connection

from certs.keyring import IdentityKeys
from gateway.as2.disposition import EXPLANATIONS, As2Refused, Modifier, disposition_of
from gateway.as2.envelope import Envelope
from gateway.carriers.destinations import receipt_objection
from gateway.edge.as2.arrival import CHANNEL
from gateway.edge.as2.parties import Relationship
from gateway.edge.as2.receipts import Receipt, answer, unpack_receipt
from gateway.edge.audit_gate import AuditGate
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.refusals import ANSWERS, REASON_OF
from gateway.edge.throttling import Throttle
from gateway.flow.owed_receipts import failure_lane, owe
from gateway.model.delivery import DeliveryKind
from gateway.model.refusals import Reason, Refused
from gateway.store.deliveries import NewDelivery
from gateway.store.messages import Acceptance

T = TypeVar("T")

_REUSED = "The Message-ID was used before for other content. Use a new one; only a retry carries the same."


class InThread(Protocol):
    """Runs what OpenSSL does beside the loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """The result of the work."""


class Answers:
    """Answers messages.

    Args:
        edge: what it stands on.
        throttle: how often failures are told.
        gate: to the audit.
        in_thread: where receipts are signed.
    """

    def __init__(self, edge: Edge, throttle: Throttle, gate: AuditGate, in_thread: InThread) -> None:
        self._edge = edge
        self._throttle = throttle
        self._gate = gate
        self._in_thread = in_thread

    def check_address(self, envelope: Envelope, between: Relationship) -> None:
        """Whether the receipt may go where the message wants it; asked before anything is done with the message.

        Raises:
            Refused: that address was not agreed (RFC 4130 7.3: whoever asks could make us call anybody). The caller
                learns that it was not, our audit learns the host.
        """
        asked = envelope.mdn_request
        as2 = between.partner.profile.as2
        if asked is None or asked.delivery_url is None or as2 is None:
            return
        objection = receipt_objection(asked.delivery_url, as2)
        if objection is not None:
            raise Refused(
                Reason.RECEIPT_ADDRESS,
                "the receipt may not go to the address in Receipt-Delivery-Option",
                audit=objection,
            )

    def accepted(self, envelope: Envelope, acceptance: Acceptance, receipt: Receipt) -> web.Response:
        """The response to a message that is kept; a duplicate's is the one that was stored with the first."""
        told = unpack_receipt(acceptance.answer) if acceptance.answer is not None else receipt
        return told.response(is_delivered=_is_asynchronous(envelope))

    def also(
        self, envelope: Envelope, receipt: Receipt, between: Relationship
    ) -> Callable[[Connection, Acceptance], None] | None:
        """What has to be kept in one unit with a message: the receipt that is delivered on its own.

        A retransmission has the stored receipt sent again, the same bytes, unless it is still on its way.
        """
        asked = envelope.mdn_request
        if asked is None or asked.delivery_url is None:
            return None
        url, delivery_id, now_ms = asked.delivery_url, self._edge.reception.new_id(), self._edge.now_ms()

        def unit(connection: Connection, acceptance: Acceptance) -> None:
            told = unpack_receipt(acceptance.answer) if acceptance.answer is not None else receipt
            if told.body:
                new = _delivery(told, url, between, delivery_id, acceptance.message_id, now_ms)
                owe(connection, new, again=acceptance.duplicate, actor=f"partner:{between.partner.id}")

        return unit

    async def refuse(
        self,
        request: Request,
        envelope: Envelope,
        failure: As2Refused,
        between: Relationship | None,
        keys: IdentityKeys | None,
    ) -> web.Response:
        """The negative receipt; where none was asked for, or it has nowhere to go, the same words with a 4xx.

        Args:
            request: for the audit.
            envelope: of the message.
            failure: what is wrong with it.
            between: both sides; None where the names say nothing, and nobody is called because of that.
            keys: sign the receipt.

        Raises:
            Refused: there is no receipt to give, or too many failures are being told to this partner.
        """
        text = EXPLANATIONS[failure.modifier]
        refused = Refused(REASON_OF[failure.modifier], text, audit=f"{failure.modifier.value}: {failure.audit_reason}")
        if envelope.mdn_request is None or (between is None and _is_asynchronous(envelope)):
            raise refused
        reference = self._edge.reception.new_id()
        await self._gate.record(CHANNEL, request, refused, reference)
        text = f"{text}\n{ANSWERS[refused.reason].remedy}\nReference: {reference}"
        return await self._tell(envelope, failure.modifier, text, reference, between, keys)

    async def refuse_reuse(self, envelope: Envelope, between: Relationship, reference: str) -> web.Response:
        """The answer to a Message-ID that was used for other content; its audit is written where that is found out."""
        self._edge.metrics.refused.add(CHANNEL, Reason.IDEMPOTENCY_CONFLICT.value)
        failed = Modifier.UNEXPECTED_PROCESSING_ERROR
        return await self._tell(envelope, failed, _REUSED, reference, between, between.keys)

    async def _tell(
        self,
        envelope: Envelope,
        modifier: Modifier,
        text: str,
        reference: str,
        between: Relationship | None,
        keys: IdentityKeys | None,
    ) -> web.Response:
        """Tell a failure by receipt: in the response, or kept as a delivery before the response says 200."""
        failed = disposition_of(modifier)
        now_ms = self._edge.now_ms()
        now = datetime.fromtimestamp(now_ms / 1_000, UTC)
        if between is not None and _is_asynchronous(envelope):
            self._throttle.tell_failure(between.partner)
        receipt = await self._in_thread(lambda: answer(envelope, keys, reference, now, disposition=failed, text=text))
        asked = envelope.mdn_request
        if between is not None and asked is not None and asked.delivery_url is not None:
            new = _delivery(receipt, asked.delivery_url, between, self._edge.reception.new_id(), None, now_ms)
            await self._edge.reception.keep_failure_receipt(new)
            self._edge.wake()
        return receipt.response(is_delivered=_is_asynchronous(envelope))


def _is_asynchronous(envelope: Envelope) -> bool:
    return envelope.mdn_request is not None and envelope.mdn_request.delivery_url is not None


def _delivery(
    receipt: Receipt, url: str, between: Relationship, delivery_id: str, message_id: str | None, now_ms: int
) -> NewDelivery:
    """A receipt as a delivery to who asked for it. No other waits for it: it is alone in its lane."""
    fields = {name.lower(): value for name, value in receipt.headers}
    return NewDelivery(
        id=delivery_id,
        partner_id=between.partner.id,
        profile_digest=between.partner.digest,
        identity=between.identity.name,
        channel=CHANNEL,
        kind=DeliveryKind.RECEIPT.value,
        lane=f"{between.partner.id}/receipt/{delivery_id}"
        if message_id
        else failure_lane(between.partner.id, delivery_id),
        transport_id=fields["message-id"],
        content_type=fields["content-type"],
        filename="",
        subject="",
        payload=receipt.body,
        created_at_ms=now_ms,
        due_at_ms=now_ms,
        message_id=message_id,
        url=url,
        answers=receipt.headers,
    )
