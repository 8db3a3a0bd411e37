"""Events of a partner: what webhooks tell of, for those who would rather ask, or have missed something."""

import re
from functools import partial
from typing import get_args

from aiohttp import web

from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes, json_response
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.callers import Caller
from gateway.edge.rest.lists import cursor_of, next_page, read_choice, read_cursor, read_limit
from gateway.flow.webhooks.views import event_view
from gateway.model.refusals import Reason, Refused
from gateway.store import partner_events
from partners.webhook_terms import WebhookEvent

_ID = re.compile(r"evt_[0-9A-Z]{26}")


class Events:
    """Answers for events.

    Args:
        edge: what it stands on.
        door: lets calls in.
    """

    def __init__(self, edge: Edge, door: Door) -> None:
        self._edge = edge
        self._door = door

    def add_to(self, routes: Routes) -> None:
        """Put its routes among the others."""
        self._door.add(routes, "list_events", self.list_all)
        self._door.add(routes, "get_event", self.show)

    async def list_all(self, request: Request, caller: Caller) -> web.Response:
        """Their events, the newest first."""
        limit = read_limit(request)
        type_ = read_choice(request, "type", get_args(WebhookEvent))
        found = await self._edge.database.read(
            partial(
                partner_events.find,
                partner_id=caller.partner.id,
                types=(type_,) if type_ is not None else (),
                before=read_cursor(request, lambda text: text if _ID.fullmatch(text) else None),
                limit=limit + 1,
            )
        )
        rows = [event_view(event) for event in found[:limit]]
        cursor = cursor_of(found[limit - 1].id) if len(found) > limit else None
        return json_response({"events": rows, "links": {"next": next_page(request, cursor)}})

    async def show(self, request: Request, caller: Caller, name: str) -> web.Response:
        """One of them."""
        request.subject = name[:64]
        found = None
        if _ID.fullmatch(name):
            found = await self._edge.database.read(
                partial(partner_events.get, partner_id=caller.partner.id, event_id=name)
            )
        if found is None:
            raise Refused(Reason.NOT_FOUND, "you have no event with this id; they are kept for some weeks")
        return json_response(event_view(found))
