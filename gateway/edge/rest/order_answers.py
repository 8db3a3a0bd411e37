"""Answers to orders in small JSON: made canonical documents here, and from then on like every other document."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel

from gateway.agreements import agreement_for
from gateway.api.answering import acknowledgment, invoice, ship_notice, sound
from gateway.api.answers import NewAcknowledgment, NewInvoice, NewShipNotice
from gateway.api.reading import CONTENT_BYTES_MAX, read_json
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import JSON, Routes
from gateway.edge.rest.door import Door, Handler
from gateway.edge.rest.identity.callers import Caller
from gateway.edge.rest.order_contents import READ_ON_THE_LOOP_BYTES_MAX, OrderContents
from gateway.edge.rest.orders import UNKNOWN
from gateway.edge.rest.submitting import Submitting
from gateway.flow import order_contents
from gateway.model.refusals import Reason, Refused
from partners.profile import Profile
from translators.documents import Document, PurchaseOrder
from translators.shapes import to_bytes

# Longer orders are answered in a thread: each line takes some 50 microseconds.
LINES_ON_THE_LOOP_MAX = 100

SaidT = TypeVar("SaidT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Kind(Generic[SaidT]):
    """One kind of answer.

    Attributes:
        document_type: what it becomes.
        model: how it is written.
        made: makes the document.
    """

    operation_id: str
    document_type: str
    model: type[SaidT]
    made: Callable[[SaidT, PurchaseOrder, date], Document]


class OrderAnswers:
    """Takes answers to orders.

    Args:
        edge: what it stands on.
        door: lets calls in.
        submitting: keeps what is sent.
        contents: reads what orders say.
    """

    def __init__(self, edge: Edge, door: Door, submitting: Submitting, contents: OrderContents) -> None:
        self._edge = edge
        self._door = door
        self._submitting = submitting
        self._contents = contents

    def add_to(self, routes: Routes) -> None:
        """Put its routes among the others."""
        self._add(
            routes,
            _Kind("acknowledge_purchase_order", "purchase_order_acknowledgment", NewAcknowledgment, acknowledgment),
        )
        self._add(routes, _Kind("ship_purchase_order", "ship_notice", NewShipNotice, ship_notice))
        self._add(routes, _Kind("invoice_purchase_order", "invoice", NewInvoice, invoice))

    def _add(self, routes: Routes, kind: _Kind[SaidT]) -> None:
        async def answer(request: Request, caller: Caller, number: str) -> web.Response:
            return await self._answer(kind, request, caller, number)

        handler: Handler = answer
        self._door.add(routes, kind.operation_id, handler)

    async def _answer(self, kind: _Kind[SaidT], request: Request, caller: Caller, number: str) -> web.Response:
        """Keep an answer, durably, and say so with 202: the line reads it like what came by EDI."""
        request.subject = number[:64]
        body = bytes(await self._door.read_body(request, caller, CONTENT_BYTES_MAX))
        order = await self._order(caller, number)
        _check_agreed(caller.partner.profile, kind.document_type)
        if len(body) <= READ_ON_THE_LOOP_BYTES_MAX:
            said = read_json(body, kind.model)
        else:
            said = await asyncio.to_thread(read_json, body, kind.model)
        today = datetime.fromtimestamp(self._edge.now_ms() / 1_000, UTC).date()
        make = partial(_payload, kind, said, order, today)
        payload = make() if len(order.lines) <= LINES_ON_THE_LOOP_MAX else await asyncio.to_thread(make)
        # The same body is another answer for another order, and of another kind at another address.
        authenticated = request.rel_url.raw_path.encode() + b"\n" + body
        return await self._submitting.submit(
            request, caller, payload, wire=body, authenticated=authenticated, content_type=JSON
        )

    async def _order(self, caller: Caller, number: str) -> PurchaseOrder:
        partner = caller.partner
        sent = await self._edge.database.read(partial(order_contents.load, partner_id=partner.id, number=number))
        if sent is None:
            raise Refused(Reason.NOT_FOUND, UNKNOWN)
        content = await self._contents.read(sent, partner)
        if content is None:
            why = "did not go out from here" if sent.order.dispatch_id is None else "is too old to be kept here"
            raise Refused(
                Reason.NOT_POSSIBLE,
                f"this order {why}, so nothing can be taken from it; send the whole document to POST /v1/documents",
            )
        return content


def _payload(kind: _Kind[SaidT], said: SaidT, order: PurchaseOrder, today: date) -> bytes:
    return to_bytes(sound(kind.made(said, order, today)))


def _check_agreed(profile: Profile, document_type: str) -> None:
    """Raises `Refused` where the line would reject the answer, whatever it says."""
    if agreement_for(profile, document_type, "inbound", "json") is None:
        raise Refused(
            Reason.FORBIDDEN,
            f"{document_type} in JSON is not agreed with you; ask us to add it to the agreements of your profile",
            audit=f"no inbound agreement on {document_type} in json",
        )
