"""`POST /outbound`: an ERP or an operator without a broker has documents sent to a partner."""

import asyncio
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from urllib.parse import unquote

from aiohttp import hdrs, web

from gateway.broker import MalformedWanted, Wanted
from gateway.broker.outbound import HTTP_PREFIX, READ_ON_THE_LOOP_BYTES_MAX, read_wanted
from gateway.buffers import whole
from gateway.edge.bodies import Bodies, Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes, json_response
from gateway.edge.operator import Desk
from gateway.edge.rest.idempotency import IDEMPOTENCY_KEY
from gateway.flow.operations import Actor
from gateway.flow.outward.outbound import Answer, SourceKey
from gateway.model.dispatch import DispatchState
from gateway.model.refusals import Reason, Refused
from gateway.store.deliveries.dispatches import SourceIdReused
from gateway.store.engine.statements import storable
from gateway.store.oversight.operators import Role

PATH = "/outbound"


class OutboundDoor:
    """The same as publishing to ``erp.outbound``, answered at once.

    Args:
        edge: what it stands on.
        bodies: reads bodies within the limits.
        desk: knows who may ask.
    """

    def __init__(self, edge: Edge, bodies: Bodies, desk: Desk) -> None:
        self._edge = edge
        self._bodies = bodies
        self._desk = desk

    def add_to(self, routes: Routes) -> None:
        """Put its route among the others."""
        routes.add("POST", PATH, self.send)

    async def send(self, request: Request) -> web.Response:
        """Record documents and have them sent: a CloudEvent (ce-id, ce-source, ce-partner), binary or structured.

        `Idempotency-Key` and `?partner=` do as well as ce-id and ce-partner.
        """
        operator = await self._desk.admit(request, Role.OPERATOR)
        outbound = self._edge.outbound
        if outbound is None:
            raise Refused(Reason.NOT_POSSIBLE, "this gateway sends nothing")
        bytes_max = self._edge.settings.limits.body_bytes_max
        body = whole(await self._bodies.read(request, bytes_max))
        reading = partial(_read, request, body, bytes_max, f"/operator/{operator.label}")
        wanted = reading() if len(body) <= READ_ON_THE_LOOP_BYTES_MAX else await asyncio.to_thread(reading)
        request.subject = storable(wanted.id)
        try:
            answer = await outbound.accept_document(
                wanted.partner,
                wanted.body,
                source_key=SourceKey(wanted.source, wanted.id),
                correlation_id=wanted.correlation_id,
                actor=Actor(f"operator:{operator.label}", request.address),
                content_type=wanted.content_type,
                identity=wanted.identity,
            )
        except SourceIdReused as reused:
            raise Refused(
                Reason.IDEMPOTENCY_CONFLICT,
                "this id was used before for other content; give new content an id of its own",
                audit=str(reused),
            ) from None
        return _told(answer)


def _read(request: Request, body: bytes, bytes_max: int, source: str) -> Wanted:
    attributes = {
        name.lower().removeprefix(HTTP_PREFIX): unquote(value)
        for name, value in request.headers.items()
        if name.lower().startswith(HTTP_PREFIX)
    }
    key = request.single(IDEMPOTENCY_KEY)
    if key is not None:
        attributes = {"id": key, "source": source} | attributes
    try:
        return read_wanted(
            body,
            request.headers.get(hdrs.CONTENT_TYPE),
            attributes,
            partner=request.query.get("partner", "").strip(),
            bytes_max=bytes_max,
            prefix=HTTP_PREFIX,
        )
    except MalformedWanted as malformed:
        raise Refused(Reason.INVALID_REQUEST, str(malformed)) from None


def _told(answer: Answer) -> web.Response:
    if answer.state in {DispatchState.REFUSED, DispatchState.ABANDONED}:
        extra: Mapping[str, object] = {"id": answer.id, "duplicate": answer.duplicate, "findings": answer.findings}
        raise Refused(Reason.NOT_SENDABLE, answer.reason, extra=dict(extra))
    address = f"/messages/{answer.id}"
    told = {
        "id": answer.id,
        "status": answer.state.value,
        "reason": answer.reason or None,
        "duplicate": answer.duplicate,
        "findings": list(answer.findings),
        "links": {"self": address},
    }
    return json_response(told, status=HTTPStatus.ACCEPTED, headers={hdrs.LOCATION: address})
