"""The event feed: business events over HTTP, for an ERP without RabbitMQ.

Positions ascend, and reading takes nothing away: whoever remembers the last position goes on behind it.
"""

import asyncio
from collections.abc import Callable

import orjson
from aiohttp import hdrs, web

from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import SERVER_NAME, Routes, json_response
from gateway.edge.operator import Desk
from gateway.edge.rest.lists import read_number
from gateway.flow.views import instant
from gateway.model.refusals import Reason, Refused
from gateway.store.database import StoreUnavailable
from gateway.store.events import event_log
from gateway.store.events.event_log import LogEntry
from gateway.store.oversight.operators import Role

EVENT_STREAM = "text/event-stream"
POSITION_MAX = 2**63 - 1
LIMIT_DEFAULT = 100
LIMIT_MAX = 1_000
WAIT_S_MAX = 60
POLL_S = 0.25
HEARTBEAT_S = 15.0
LAST_EVENT_ID = "Last-Event-ID"


class EventFeed:
    """`GET /events`: a page, a page once there is something (`wait`), or a stream.

    Args:
        edge: what it stands on.
        desk: knows who may read.
        ending: whether the server is about to end.
    """

    def __init__(self, edge: Edge, desk: Desk, ending: Callable[[], bool]) -> None:
        self._edge = edge
        self._desk = desk
        self._ending = ending

    def add_to(self, routes: Routes) -> None:
        """Put its route among the others."""
        routes.add("GET", "/events", self.read)

    async def read(self, request: Request) -> web.StreamResponse:
        """The events behind a position: as JSON, or as server-sent events when those are asked for."""
        await self._desk.admit(request, Role.VIEWER)
        after = read_number(request, "after", 0, POSITION_MAX, minimum=0)
        limit = read_number(request, "limit", LIMIT_DEFAULT, LIMIT_MAX)
        if EVENT_STREAM in request.headers.get(hdrs.ACCEPT, ""):
            # A browser's EventSource says where it was when it connects again.
            return await self._stream(request, _position(request, after), limit)
        wait_s = read_number(request, "wait", 0, WAIT_S_MAX, minimum=0)
        entries = await self._next(after, limit, wait_s)
        following = entries[-1].position if entries else after
        return json_response({"events": [_shown(entry) for entry in entries], "next": following})

    async def _next(self, after: int, limit: int, wait_s: float) -> list[LogEntry]:
        loop = asyncio.get_running_loop()
        end = loop.time() + wait_s
        while True:
            entries = await self._edge.database.read(lambda connection: event_log.read(connection, after, limit))
            if entries or loop.time() >= end or self._ending():
                return entries
            await asyncio.sleep(min(POLL_S, max(end - loop.time(), 0)))

    async def _stream(self, request: Request, after: int, limit: int) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={hdrs.CONTENT_TYPE: EVENT_STREAM, hdrs.CACHE_CONTROL: "no-store", hdrs.SERVER: SERVER_NAME}
        )
        response.force_close()
        await response.prepare(request)
        while not self._ending():
            try:
                entries = await self._next(after, limit, HEARTBEAT_S)
            except StoreUnavailable:
                break  # the reader connects again, with the position it has
            # A comment line when there is nothing: proxies and both ends notice a connection that is dead.
            await response.write(b"".join(map(_as_sent_event, entries)) or b": nothing new\n\n")
            after = entries[-1].position if entries else after
        return response


def _position(request: Request, after: int) -> int:
    last = request.single(LAST_EVENT_ID)
    if last is None:
        return after
    if not (last.isascii() and last.isdigit() and len(last) <= len(str(POSITION_MAX))):
        raise Refused(Reason.INVALID_REQUEST, f"{LAST_EVENT_ID} is the position of an event")
    return min(int(last), POSITION_MAX)


def _cloud_event(entry: LogEntry) -> dict[str, object]:
    """The event in the JSON format of CloudEvents."""
    return {**entry.event.attributes(), "data": orjson.Fragment(entry.event.body)}


def _shown(entry: LogEntry) -> dict[str, object]:
    return {
        "position": entry.position,
        "published_at": instant(entry.published_at_ms),
        "routing_key": entry.event.routing_key,
        "event": _cloud_event(entry),
    }


def _as_sent_event(entry: LogEntry) -> bytes:
    lines = orjson.dumps(_cloud_event(entry)).splitlines()
    data = b"".join(b"data: %s\n" % line for line in lines)
    name = f"{entry.event.document_type}.{entry.event.event}".encode()
    return b"id: %d\nevent: %s\n%s\n" % (entry.position, name, data)
