"""Documents of any syntax in, their fate out. A partner sees its own and nothing else."""

import re
from functools import partial

from aiohttp import hdrs, web

from gateway.api.promises import CHANNELS, SUBMISSION_STATUSES
from gateway.buffers import Buffer
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes, json_response
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.callers import Caller
from gateway.edge.rest.lists import (
    cursor_of,
    next_page,
    read_choice,
    read_cursor,
    read_instant,
    read_limit,
    read_once,
    read_text,
)
from gateway.edge.rest.submitting import CONTENT_TYPE_CHARACTERS_MAX, Submitting
from gateway.edge.rest.views import DOCUMENT_ID, MESSAGE_ID, OUTCOMES, row, view
from gateway.model.ids import ulid
from gateway.model.refusals import Reason, Refused
from gateway.store.engine.statements import storable
from gateway.store.messages import listing
from gateway.store.messages.listing import Wanted
from translators.catalog import sniff

_FILENAME = re.compile(r'filename="?([^";\x00-\x1f\x7f]{1,255})"?', re.IGNORECASE)


class Documents:
    """Answers for documents.

    Args:
        edge: what it stands on.
        door: lets calls in.
        submitting: keeps what is sent.
    """

    def __init__(self, edge: Edge, door: Door, submitting: Submitting) -> None:
        self._edge = edge
        self._door = door
        self._submitting = submitting

    def add_to(self, routes: Routes) -> None:
        """Put its routes among the others."""
        add = self._door.add
        add(routes, "submit_document", self.submit)
        add(routes, "list_documents", self.list_submissions)
        add(routes, "get_document", self.show)

    async def submit(self, request: Request, caller: Caller) -> web.Response:
        """Keep a document, durably, and say so with 202. It is read afterwards: its fate stands under its address."""
        content_type = request.headers.get(hdrs.CONTENT_TYPE, "")[:CONTENT_TYPE_CHARACTERS_MAX]
        # The body has no name here, so that it goes once it is kept, however long the call lasts.
        return await self._submitting.submit(
            request,
            caller,
            await self._read(request, caller, content_type),
            content_type=content_type,
            filename=_filename(request),
        )

    async def _read(self, request: Request, caller: Caller, content_type: str) -> Buffer:
        body = await self._door.read_body(request, caller)
        if not body:
            raise Refused(Reason.BODY_EMPTY, "the request has no body")
        if sniff(body, content_type) is None:
            raise Refused(Reason.UNSUPPORTED_SYNTAX, "the body begins neither like X12 nor like JSON nor like XML")
        return body

    async def show(self, request: Request, caller: Caller, name: str) -> web.Response:
        """A submission or one of its documents. Somebody else's looks like one that never was."""
        partner_id = caller.partner.id
        request.subject = name[:64]
        found = await self._edge.database.read(partial(view, partner_id=partner_id, name=name))
        if found is None:
            raise Refused(Reason.NOT_FOUND, "you have no submission or document with this id")
        return json_response(found)

    async def list_submissions(self, request: Request, caller: Caller) -> web.Response:
        """The partner's submissions, the newest first."""
        wanted = self._wanted(request, caller)
        limit = read_limit(request)
        # The older name of the same, a bare id.
        before = read_once(request, "before")
        if before is not None and not MESSAGE_ID.fullmatch(before):
            raise Refused(Reason.INVALID_REQUEST, "`before` is the id of a submission; better follow `next`")
        position = read_cursor(request, _position) or before
        found = await self._edge.database.read(partial(listing.page, wanted=wanted, position=position, limit=limit))
        following = next_page(request, cursor_of(found.position) if found.position is not None else None)
        return json_response(
            {"submissions": [row(message) for message in found.messages], "links": {"next": following}}
        )

    def _wanted(self, request: Request, caller: Caller) -> Wanted:
        """What the query asks for."""
        partner, status = caller.partner, read_choice(request, "status", SUBMISSION_STATUSES)
        since_ms, until_ms = read_instant(request, "since"), read_instant(request, "until")
        carried = self._edge.directory().carried_by(partner) if partner.profile.speaks_for else ()
        return Wanted(
            partner.id,
            whose=tuple(dict.fromkeys((partner.id, *(one.id for one in carried)))),
            states=frozenset(state for state, outcome in OUTCOMES.items() if status in (state, outcome)),
            channel=read_choice(request, "channel", CHANNELS),
            document_type=read_text(request, "type"),
            number=read_text(request, "number"),
            purchase_order_number=read_text(request, "purchase_order"),
            since=ulid(since_ms, 0) if since_ms is not None else None,
            until=ulid(until_ms, 0) if until_ms is not None else None,
        )


def _position(text: str) -> str | None:
    """What a cursor holds: the id of a submission, or of the last document that was looked at."""
    return text if MESSAGE_ID.fullmatch(text) or DOCUMENT_ID.fullmatch(text) else None


def _filename(request: Request) -> str:
    """The name that the sender gave the document: data for people, never a path of ours."""
    disposition = request.headers.get(hdrs.CONTENT_DISPOSITION, "")
    found = _FILENAME.search(disposition)
    return storable(found.group(1).strip()) if found else ""
