"""Submitting: what a partner brings is kept, durably, and answered alike however often it comes."""

from collections.abc import Callable
from functools import partial

import orjson
from aiohttp import hdrs, web
from sqlalchemy import Connection

from gateway.buffers import Buffer
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import json_response
from gateway.edge.rest.door import Door
from gateway.edge.rest.idempotency import EXPIRES, REPLAYED, expiry, read_key
from gateway.edge.rest.identity.callers import Caller
from gateway.edge.rest.views import DOCUMENTS_PATH, view
from gateway.edge.rest.waiting import PREFERENCE_APPLIED, Waiting, read_wait
from gateway.flow.holding import why_held
from gateway.flow.receive import Also, Arrival
from gateway.flow.views import instant
from gateway.store.engine.statements import storable
from gateway.store.messages import Acceptance

CHANNEL = "rest"
CONTENT_TYPE_CHARACTERS_MAX = 255


class Submitting:
    """Keeps submissions, whichever operation brings them.

    Args:
        edge: what it stands on.
        door: let the call in; from there on its Idempotency-Key is held.
        ending: whether the server is about to end.
    """

    def __init__(self, edge: Edge, door: Door, ending: Callable[[], bool] = lambda: False) -> None:
        self._edge = edge
        self._door = door
        self._waiting = Waiting(edge, ending)

    async def submit(
        self,
        request: Request,
        caller: Caller,
        payload: Buffer,
        *,
        wire: bytes | None = None,
        authenticated: bytes | None = None,
        content_type: str,
        filename: str = "",
    ) -> web.Response:
        """Keep a document and say so with 202. It is read afterwards: its fate stands under its address.

        With `Prefer: wait=N` that is waited for, and once it is decided told at once, with 200.

        Args:
            request: its body read.
            caller: who makes the call.
            payload: what the line is to read.
            wire: the body as it came, where that is something else.
            authenticated: what a repetition under the same Idempotency-Key must bring again; the payload by default.
            content_type: of the payload.
            filename: what the sender calls it.

        Raises:
            Refused: the key was used for something else, or nothing can be kept now.
        """
        began_ms, key = self._edge.now_ms(), read_key(request)
        acceptance = await self._keep(
            request,
            caller,
            payload,
            key=key,
            wire=wire,
            authenticated=authenticated,
            content_type=content_type,
            filename=filename,
        )
        self._door.running.let_go(request, caller.partner.id, key)
        metrics = self._edge.metrics
        (metrics.duplicates if acceptance.duplicate else metrics.accepted).add(CHANNEL)
        metrics.answer_seconds.observe(CHANNEL, (self._edge.now_ms() - began_ms) / 1_000)
        wait_s = read_wait(request)
        if wait_s:
            # Whoever waits keeps nobody else from sending.
            del payload, wire, authenticated
            self._door.release_body(request)
        headers = self._headers(acceptance, has_key=key is not None)
        return await self._tell(request, caller, acceptance, headers, wait_s)

    async def _keep(
        self,
        request: Request,
        caller: Caller,
        payload: Buffer,
        *,
        key: str | None,
        wire: bytes | None,
        authenticated: bytes | None,
        content_type: str,
        filename: str,
    ) -> Acceptance:
        """What is kept: the document and all that is known of its arrival, with what a repetition is told."""
        partner, now_ms, message_id = caller.partner, self._edge.now_ms(), self._edge.reception.new_id()
        held = why_held(partner)
        return await self._edge.reception.keep(
            Arrival(
                partner_id=partner.id,
                profile_digest=partner.digest,
                channel=CHANNEL,
                payload=payload,
                transport_id=key,
                wire=(wire,) if wire is not None else (),
                authenticated=authenticated,
                content_type=storable(content_type[:CONTENT_TYPE_CHARACTERS_MAX]),
                filename=filename,
                remote=request.address,
                security=caller.security | {"tls": request.secure},
                held=held,
                received_at_ms=now_ms,
            ),
            message_id=message_id,
            # Of what was held at first a duplicate is told so, whatever became of it since.
            answer=_told(message_id, now_ms, "held", held) if held else None,
            also=_spending(caller),
        )

    async def _tell(
        self, request: Request, caller: Caller, acceptance: Acceptance, headers: dict[str, str], wait_s: int
    ) -> web.Response:
        """What is told: that it is kept or, where they wait and it is decided in time, what became of it."""
        decided = await self._waiting.decided(request, acceptance.message_id, wait_s) if wait_s else None
        if decided is not None:
            headers[PREFERENCE_APPLIED] = f"wait={wait_s}"
        if decided:
            find = partial(view, partner_id=caller.partner.id, name=acceptance.message_id)
            fate = await self._edge.database.read(find)
            if fate is not None:
                return json_response(fate, headers=headers)
        # A function of what was kept, so a duplicate gets the same bytes.
        told = acceptance.answer or _told(acceptance.message_id, acceptance.received_at_ms, "received")
        return json_response(orjson.Fragment(told), status=202, headers=headers)

    def _headers(self, acceptance: Acceptance, *, has_key: bool) -> dict[str, str]:
        headers: dict[str, str] = {hdrs.LOCATION: f"{DOCUMENTS_PATH}/{acceptance.message_id}"}
        if has_key:
            headers[EXPIRES] = expiry(acceptance.received_at_ms, self._edge.settings.retention.duplicates_days)
        if acceptance.duplicate:
            headers[REPLAYED] = "true"
        return headers


def _spending(caller: Caller) -> Also | None:
    """What a signature may be used for once is used up by the commit that keeps what it brought."""

    def spend(connection: Connection, _: Acceptance) -> None:
        caller.spend(connection)

    return spend if caller.is_sealed else None


def _told(message_id: str, received_at_ms: int, status: str, reason: str = "") -> bytes:
    """What is told of a document that was kept."""
    told: dict[str, object] = {"id": message_id, "status": status, "received_at": instant(received_at_ms)}
    if reason:
        told["reason"] = reason
    return orjson.dumps(told | {"links": {"self": f"{DOCUMENTS_PATH}/{message_id}"}})
