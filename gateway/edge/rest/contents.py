"""The bytes behind a submission: as they were sent, and the acknowledgment that they earned."""

import hashlib
import re
from functools import partial
from typing import Final

from aiohttp import hdrs, web
from sqlalchemy import Connection

from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import JSON, Routes, json_response
from gateway.edge.rest.accepting import chosen
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.callers import Caller
from gateway.edge.rest.serving import content_headers, is_known, pieces, safe_name
from gateway.edge.rest.views import DOCUMENT_ID, MESSAGE_ID, OUTCOMES, own_message
from gateway.flow.acknowledging import CONTENT_TYPE as X12
from gateway.flow.views import acknowledgment_views
from gateway.model.refusals import Reason, Refused
from gateway.store import messages
from gateway.store.messages import StoredMessage, acknowledgments, documents
from gateway.store.messages.acknowledgments import StoredAcknowledgment

OCTETS: Final = "application/octet-stream"
# What a program may take for what it is. Everything else is bytes: no browser is to read what a partner sent.
_SAFE_TYPES: Final = frozenset(
    {X12, "application/edifact", "application/edi-consent", "application/xml", "text/xml", JSON, "text/plain", OCTETS}
)
_BY_SYNTAX: Final = {"x12": (X12, "edi"), "xml": ("application/xml", "xml"), "json": (JSON, "json")}
NAME_CHARACTERS_MAX: Final = 100


class Contents:
    """Answers with the bytes of submissions.

    Args:
        edge: what it stands on.
        door: lets calls in.
    """

    def __init__(self, edge: Edge, door: Door) -> None:
        self._edge = edge
        self._door = door

    def add_to(self, routes: Routes) -> None:
        """Put its routes among the others."""
        self._door.add(routes, "get_document_raw", self.raw)
        self._door.add(routes, "get_document_acknowledgment", self.acknowledgment)

    async def raw(self, request: Request, caller: Caller, name: str) -> web.Response:
        """The bytes of a submission as they were sent, from the store piece by piece."""
        request.subject = name[:64]
        message = await self._edge.database.read(partial(own_message, partner_id=caller.partner.id, name=name))
        if message is None:
            raise Refused(Reason.NOT_FOUND, "you have no submission or document with this id")
        # What was sent may be another thing than what is read: small typed JSON, of which we made a document.
        wire = await self._wire(message)
        sha256 = hashlib.sha256(wire).hexdigest() if wire is not None else message.payload_sha256
        first = wire if wire is not None else await self._piece(message, 0)
        if first is None:
            raise Refused(Reason.NOT_FOUND, "its bytes are not kept any more; what was made of them is")
        headers = self._headers(message, sha256, is_json=wire is not None)
        if is_known(request, headers[hdrs.ETAG]):
            kept = {name: headers[name] for name in (hdrs.ETAG, hdrs.CACHE_CONTROL)}
            return web.Response(status=304, headers=kept)
        length = len(wire) if wire is not None else message.payload_bytes
        headers[hdrs.CONTENT_LENGTH] = str(length)
        body = first if length == len(first) else pieces(first, length, partial(self._piece, message))
        return web.Response(body=body, headers=headers)

    async def acknowledgment(self, request: Request, caller: Caller, name: str) -> web.Response:
        """The acknowledgment that was earned, as X12 or, where that is asked for, as JSON with its delivery."""
        request.subject = name[:64]
        wanted = chosen(request, (X12, JSON))
        find = partial(_earned, partner_id=caller.partner.id, name=name)
        found = await self._edge.database.read(find)
        if found is None:
            raise Refused(Reason.NOT_FOUND, "you have no submission or document with this id")
        state, earned = found
        if not earned:
            raise Refused(Reason.NOT_FOUND, _why_none(state), extra={"outcome": OUTCOMES[state]})
        if wanted == JSON:
            shown = await self._edge.database.read(lambda connection: acknowledgment_views(connection, earned))
            return json_response({"acknowledgments": shown}, headers={hdrs.VARY: hdrs.ACCEPT})
        headers = {
            hdrs.CONTENT_TYPE: X12,
            hdrs.CACHE_CONTROL: "no-store",
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}-acknowledgment.edi"',
            hdrs.VARY: hdrs.ACCEPT,
            hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
        }
        return web.Response(body=b"".join(one.body for one in earned), headers=headers)

    async def _wire(self, message: StoredMessage) -> bytes | None:
        """The body of a call that we made a document of; what AS2 wraps around a document is none of it."""
        if message.channel != "rest":
            return None
        return await self._edge.database.read(partial(messages.body, message_id=message.id, part="wire"))

    async def _piece(self, message: StoredMessage, number: int) -> bytes | None:
        return await self._edge.database.read(
            partial(messages.piece, message_id=message.id, part="payload", number=number)
        )

    @staticmethod
    def _headers(message: StoredMessage, sha256: str, *, is_json: bool) -> dict[str, str]:
        by_syntax, ending = _BY_SYNTAX.get(message.syntax or "", (OCTETS, "bin"))
        declared = message.content_type.partition(";")[0].strip().lower()
        content_type = declared if declared in _SAFE_TYPES else by_syntax
        if is_json:
            content_type, ending = JSON, "json"
        headers = content_headers(content_type, _filename(message, ending), sha256, "private, no-cache")
        # Whoever opens it in a browser all the same gets nothing that runs.
        return headers | {"Content-Security-Policy": "default-src 'none'; sandbox"}


def _filename(message: StoredMessage, ending: str) -> str:
    """A name for a file, made of the one that the sender gave, without its path."""
    last = re.split(r"[/\\]", message.filename)[-1]
    name = safe_name(last)[-NAME_CHARACTERS_MAX:]
    return name or f"{message.id}.{ending}"


def _earned(connection: Connection, partner_id: str, name: str) -> tuple[str, list[StoredAcknowledgment]] | None:
    """Where a submission stands and what it earned of the partner's; None where there is none of theirs."""
    document = documents.get(connection, name) if DOCUMENT_ID.fullmatch(name) else None
    if document is None and not MESSAGE_ID.fullmatch(name):
        return None
    message = messages.get(connection, name if document is None else document.message_id)
    if message is None:
        return None
    earned = acknowledgments.of_message(connection, message.id)
    if message.partner_id == partner_id:
        return message.state, earned
    if document is None or document.partner_id != partner_id:
        return None
    # It came by a connection: what the others earned is none of theirs.
    return message.state, [one for one in earned if one.partner_id == partner_id]


def _why_none(state: str) -> str:
    if OUTCOMES[state] == "in_progress":
        return "there is no acknowledgment yet: it is being read; ask again in a moment"
    if OUTCOMES[state] in {"on_hold", "delayed"}:
        return "there is no acknowledgment yet: it has not been read; see where it stands at its own address"
    return "it earned no acknowledgment: only X12 does, and what is itself an acknowledgment earns none"
