"""Documents of any syntax in, their fate out. A partner sees its own and nothing else."""

import re

from aiohttp import hdrs, web
from sqlalchemy import Connection

from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes, json_response
from gateway.edge.refusals import catalogue
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.callers import Caller
from gateway.edge.rest.lists import LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, read_number
from gateway.edge.rest.submitting import CONTENT_TYPE_CHARACTERS_MAX, DOCUMENTS_PATH, Submitting
from gateway.flow.views import document_view, message_row, message_view
from gateway.model.refusals import Reason, Refused
from gateway.store import messages
from gateway.store.engine.statements import storable
from gateway.store.messages import documents
from translators.catalog import sniff

# What our own people wrote or did stays with them.
_INTERNAL_MEMBERS = ("remote", "security", "profile", "attempts", "deliveries")
_INTERNAL_STEP_MEMBERS = ("actor", "case", "remote", "claim_owner")
_MESSAGE_ID = re.compile(r"[0-9A-Z]{26}")
_DOCUMENT_ID = re.compile(r"([0-9A-Z]{26})-[0-9]{1,9}(?:-r[0-9]{1,9})?")
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
        add(routes, "list_problems", self.problems)

    async def submit(self, request: Request, caller: Caller) -> web.Response:
        """Keep a document, durably, and say so with 202. It is read afterwards: its fate stands under its address."""
        body = await self._door.read_body(request, caller)
        content_type = request.headers.get(hdrs.CONTENT_TYPE, "")[:CONTENT_TYPE_CHARACTERS_MAX]
        if not body:
            raise Refused(Reason.BODY_EMPTY, "the request has no body")
        if sniff(body, content_type) is None:
            raise Refused(Reason.UNSUPPORTED_SYNTAX, "the body begins neither like X12 nor like JSON nor like XML")
        return await self._submitting.submit(
            request, caller, body, content_type=content_type, filename=_filename(request)
        )

    async def show(self, request: Request, caller: Caller, name: str) -> web.Response:
        """A submission or one of its documents. Somebody else's looks like one that never was."""
        partner_id = caller.partner.id
        request.subject = name[:64]
        view = await self._edge.database.read(lambda connection: _view(connection, partner_id, name))
        if view is None:
            raise Refused(Reason.NOT_FOUND, "you have no submission or document with this id")
        return json_response(view)

    async def list_submissions(self, request: Request, caller: Caller) -> web.Response:
        """The partner's submissions, the newest first."""
        partner_id = caller.partner.id
        limit = read_number(request, "limit", LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX)
        before = request.query.get("before")
        if before is not None and not _MESSAGE_ID.fullmatch(before):
            raise Refused(Reason.INVALID_REQUEST, "`before` is the id of a submission, as `next` in the list before")
        found = await self._edge.database.read(
            lambda connection: messages.find(connection, partner_id=partner_id, before=before, limit=limit + 1)
        )
        rows = [_for_partner(message_row(message)) for message in found[:limit]]
        following = f"{DOCUMENTS_PATH}?before={found[limit - 1].id}&limit={limit}" if len(found) > limit else None
        return json_response({"submissions": rows, "links": {"next": following}})

    async def problems(self, _request: Request) -> web.Response:
        """Every kind of problem that this interface answers with."""
        return json_response({"problems": catalogue()})


def _view(connection: Connection, partner_id: str, name: str) -> dict[str, object] | None:
    if _MESSAGE_ID.fullmatch(name):
        message = messages.get(connection, name)
        if message is None or message.partner_id != partner_id:
            return None
        view = message_view(connection, name)
    elif _DOCUMENT_ID.fullmatch(name):
        document = documents.get(connection, name)
        if document is None or document.partner_id != partner_id:
            return None
        view = document_view(connection, name)
    else:
        return None
    if view is None:
        return None
    return _for_partner(view) | {"links": {"self": f"{DOCUMENTS_PATH}/{name}"}}


def _for_partner(view: dict[str, object]) -> dict[str, object]:
    """A view without what is only ours to know: our operators, our addresses, our broker's errors."""
    shown = {name: value for name, value in view.items() if name not in _INTERNAL_MEMBERS}
    if isinstance(steps := shown.get("timeline"), list):
        shown["timeline"] = [
            {name: value for name, value in step.items() if name not in _INTERNAL_STEP_MEMBERS} for step in steps
        ]
    if isinstance(held := shown.get("documents"), list):
        shown["documents"] = [_without_event_errors(document) for document in held]
    return _without_event_errors(shown)


def _without_event_errors(document: dict[str, object]) -> dict[str, object]:
    event = document.get("event")
    if not isinstance(event, dict):
        return document
    return document | {
        "event": {name: event[name] for name in ("id", "state", "published_at", "test") if name in event}
    }


def _filename(request: Request) -> str:
    """The name that the sender gave the document: data for people, never a path of ours."""
    disposition = request.headers.get(hdrs.CONTENT_DISPOSITION, "")
    found = _FILENAME.search(disposition)
    return storable(found.group(1).strip()) if found else ""
