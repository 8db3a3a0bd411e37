"""Webhooks on the operator port: every partner's subscriptions, what waits there, and what people do about it."""

import secrets
from functools import partial
from http import HTTPStatus

import orjson
from aiohttp import web
from sqlalchemy import Connection

from gateway.buffers import whole
from gateway.carriers.webhook import CannotCall, Letter
from gateway.edge.bodies import Bodies, Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes, json_response
from gateway.edge.operator import Desk
from gateway.edge.rest.lists import read_instant, read_number, read_text
from gateway.flow.operations import Actor
from gateway.flow.webhooks import acts
from gateway.flow.webhooks.acts import Replay, Replayed
from gateway.flow.webhooks.views import delivery_view, subscription_view
from gateway.model.refusals import Reason, Refused
from gateway.store.engine.statements import storable
from gateway.store.oversight.operators import Role
from gateway.store.webhooks import log, subscriptions, waiting
from gateway.store.webhooks.subscriptions import Subscription

BODY_BYTES_MAX = 8_192
REASON_CHARACTERS_MAX = 1_000
DELIVERIES_SHOWN, DELIVERIES_MAX = 20, 200


class OperatorWebhooks:
    """Answers for webhooks on the operator port.

    Args:
        edge: what it stands on.
        bodies: reads bodies within the limits.
        desk: knows who asks.
    """

    def __init__(self, edge: Edge, bodies: Bodies, desk: Desk) -> None:
        self._edge = edge
        self._bodies = bodies
        self._desk = desk

    def add_to(self, routes: Routes) -> None:
        """Put its routes among the others."""
        routes.add("GET", "/webhooks", self.list_all)
        routes.add("GET", "/webhooks/{}", self.show)
        routes.add("POST", "/webhooks/{}/pause", self.pause)
        routes.add("POST", "/webhooks/{}/resume", self.resume)
        routes.add("POST", "/webhooks/{}/replay", self.replay)
        routes.add("POST", "/webhooks/{}/test", self.test)

    async def list_all(self, request: Request) -> web.Response:
        """Subscriptions; `partner` narrows the list."""
        await self._desk.admit(request, Role.VIEWER)
        partner = read_text(request, "partner")
        only = None if partner is None else [storable(partner)]
        found = await self._edge.database.read(partial(subscriptions.find, partner_ids=only))
        return json_response({"webhooks": [self._view(item) for item in found]})

    async def show(self, request: Request, name: str) -> web.Response:
        """One, with how much waits there and the last calls."""
        await self._desk.admit(request, Role.VIEWER)
        limit = read_number(request, "limit", DELIVERIES_SHOWN, DELIVERIES_MAX)
        found = await self._find(name)

        def read(connection: Connection) -> dict[str, object]:
            calls = log.find(connection, found.id, limit=limit)
            return self._view(found) | {
                "waiting": waiting.count(connection, found.id),
                "deliveries": [delivery_view(item, found, for_partner=False) for item in calls],
            }

        return json_response(await self._edge.database.read(read))

    async def pause(self, request: Request, name: str) -> web.Response:
        """Tell nothing more there for now; the body may say why: `{"reason": "..."}`."""
        await self._desk.admit(request, Role.OPERATOR)
        body = whole(await self._bodies.read(request, BODY_BYTES_MAX))
        why = _reason_in(body) if body else ""
        await self._desk.act(request, "webhook.pause", name, partial(acts.pause, why=why))
        return json_response({"webhook": name, "state": "paused"})

    async def resume(self, request: Request, name: str) -> web.Response:
        """Tell everything that was held, in its order."""
        await self._desk.act(request, "webhook.resume", name, acts.resume)
        return json_response({"webhook": name, "state": "active"}, status=HTTPStatus.ACCEPTED)

    async def replay(self, request: Request, name: str) -> web.Response:
        """Tell again of events `since` a moment or an `event`, as the query says."""
        await self._desk.admit(request, Role.OPERATOR)
        since_ms, event_id = read_instant(request, "since"), read_text(request, "event")
        if (since_ms is None) == (event_id is None):
            raise Refused(Reason.INVALID_REQUEST, "say from when on in the query: either `since` or `event`")
        wanted = Replay(since_ms=since_ms, event_id=event_id)
        act = partial(acts.replay, wanted=wanted, directory=self._edge.directory())
        done: Replayed = await self._desk.act(request, "webhook.replay", name, act)
        told = {"webhook": name, "events": done.events, "next_event": done.next_event}
        return json_response(told, status=HTTPStatus.ACCEPTED)

    async def test(self, request: Request, name: str) -> web.Response:
        """Call it now with an event that means nothing."""
        operator = await self._desk.admit(request, Role.OPERATOR)
        found, now_ms = await self._find(name), self._edge.now_ms()
        partner = self._edge.directory().by_id(found.partner_id)
        if self._edge.webhooks is None or partner is None:
            raise Refused(Reason.NOT_POSSIBLE, "there is no profile of this partner (any more)")
        event_id, body = acts.test_event(partner.id, found.id, now_ms, secrets.token_hex(8))
        actor = Actor(f"operator:{operator.label}", request.address)
        await self._edge.database.write(
            lambda connection: acts.note(connection, actor, "webhook.test", found, now_ms, {"event": event_id})
        )
        try:
            called = await self._edge.webhooks.call(found, partner, Letter(event_id, body))
        except CannotCall as cannot:
            raise Refused(Reason.NOT_POSSIBLE, str(cannot)) from None
        return json_response(
            {
                "webhook": found.id,
                "event": event_id,
                "delivered": called.error is None,
                "status": called.status,
                "duration_ms": called.duration_ms,
                "error": called.error,
                "response": called.excerpt or None,
            }
        )

    async def _find(self, name: str) -> Subscription:
        found = await self._edge.database.read(partial(subscriptions.get, subscription_id=storable(name)))
        if found is None:
            raise Refused(Reason.NOT_FOUND, "there is no webhook subscription with this id")
        return found

    def _view(self, subscription: Subscription) -> dict[str, object]:
        return subscription_view(subscription, self._edge.now_ms(), for_partner=False)


def _reason_in(body: bytes) -> str:
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        read = None
    why = read.get("reason") if isinstance(read, dict) else None
    if not isinstance(why, str):
        raise Refused(Reason.INVALID_REQUEST, 'say why, or send no body: {"reason": "..."}')
    return storable(why.strip()[:REASON_CHARACTERS_MAX])
