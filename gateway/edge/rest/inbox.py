"""The inbox: what we have for a partner who fetches. Only a confirmation settles, and it is kept before it is answered.

A partner sees its own and nothing else. Fetching changes nothing: whoever fetches and dies fetches again.
"""

import hashlib
import re
from contextlib import suppress
from functools import partial

from aiohttp import hdrs, web
from sqlalchemy import Connection

from gateway.api.models import Confirmation, Declination
from gateway.api.reading import read_json
from gateway.buffers import Buffer
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes, json_response
from gateway.edge.rest.accepting import chosen
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.callers import Caller
from gateway.edge.rest.lists import cursor_of, next_page, read_choice, read_cursor, read_limit, read_text
from gateway.edge.rest.serving import content_headers, is_known, pieces, safe_name
from gateway.flow.holding import why_held
from gateway.flow.outward.renditions import MEDIA_TYPES, OCTETS, CannotRender, agreed_media_type, media_types_of
from gateway.flow.outward.send import settled
from gateway.flow.views import instant
from gateway.model.delivery import DeliveryEvent, DeliveryKind, DeliveryState
from gateway.model.refusals import Reason, Refused
from gateway.store import deliveries
from gateway.store.database import StoreUnavailable
from gateway.store.deliveries import StoredDelivery, inbox
from gateway.store.deliveries import bodies as delivery_bodies
from gateway.store.deliveries.inbox import InboxDelivery, Shelf
from partners.loader import LoadedProfile

INBOX_PATH = "/v1/inbox"
ANSWER_BYTES_MAX = 65_536
DECLINED = "they declined it: "
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_EXTENSIONS = {"application/json": "json", "application/xml": "xml"}
# What would let whoever reads the evidence in.
_SECRET = frozenset({"authorization", "x-api-key", "cookie", "proxy-authorization"})


class Inbox:
    """Answers for the inbox.

    Args:
        edge: what it stands on.
        door: lets calls in.
    """

    def __init__(self, edge: Edge, door: Door) -> None:
        self._edge = edge
        self._door = door

    def add_to(self, routes: Routes) -> None:
        """Put its routes among the others."""
        add = self._door.add
        add(routes, "list_inbox", self.list_all)
        add(routes, "get_inbox_document", self.show)
        add(routes, "get_inbox_content", self.content)
        add(routes, "confirm_inbox_document", self.confirm)
        add(routes, "decline_inbox_document", self.decline)

    async def list_all(self, request: Request, caller: Caller) -> web.Response:
        """What lies there, the oldest first."""
        limit = read_limit(request)
        shelf = Shelf(read_choice(request, "status", tuple(Shelf)) or Shelf.OPEN)
        found = await self._edge.database.read(
            partial(
                inbox.find,
                partner_id=caller.partner.id,
                shelf=shelf,
                document_type=read_text(request, "type"),
                purchase_order=read_text(request, "purchase_order"),
                after=read_cursor(request, lambda text: text if _ID.fullmatch(text) else None),
                limit=limit + 1,
            )
        )
        items = [_view(item, caller.partner) for item in found[:limit]]
        cursor = cursor_of(found[limit - 1].delivery.id) if len(found) > limit else None
        return json_response({"documents": items, "links": {"next": next_page(request, cursor)}})

    async def show(self, request: Request, caller: Caller, name: str) -> web.Response:
        """One of them, without its content."""
        return json_response(_view(await self._find(request, caller, name), caller.partner))

    async def content(self, request: Request, caller: Caller, name: str) -> web.StreamResponse:
        """The document, as it was agreed or in the syntax that is asked for."""
        item = await self._find(request, caller, name)
        delivery = item.delivery
        if delivery.state == DeliveryState.CANCELLED:
            raise Refused(Reason.NOT_POSSIBLE, "it was withdrawn: it is of no more use")
        if _is_open(delivery) and (held := why_held(caller.partner)):
            raise Refused(Reason.NOT_POSSIBLE, f"it waits: {held}")
        media_type = chosen(request, media_types_of(delivery))
        if media_type == agreed_media_type(delivery):
            response = await self._as_agreed(request, delivery)
        else:
            response = await self._rendered(request, caller, delivery, media_type)
        if request.method != hdrs.METH_HEAD:
            await self._note_fetched(request, caller, delivery, media_type)
        return response

    async def confirm(self, request: Request, caller: Caller, name: str) -> web.Response:
        """They have it: durable before this is answered. Once more changes nothing, and is answered alike."""
        body = await self._door.read_body(request, caller, ANSWER_BYTES_MAX)
        said = read_json(body, Confirmation) if body else Confirmation()
        facts: dict[str, object] = {"by": "confirmation"} | _who(request, caller)
        if said.reference:
            facts["reference"] = said.reference
        return await self._settle(request, caller, name, DeliveryEvent.CONFIRM, "", facts, body)

    async def decline(self, request: Request, caller: Caller, name: str) -> web.Response:
        """They cannot take it: our people get it as a case, with their words."""
        body = await self._door.read_body(request, caller, ANSWER_BYTES_MAX)
        said = read_json(body, Declination)
        facts: dict[str, object] = {"by": "declination"} | _who(request, caller)
        return await self._settle(request, caller, name, DeliveryEvent.REFUSE, DECLINED + said.reason, facts, body)

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _find(self, request: Request, caller: Caller, name: str) -> InboxDelivery:
        request.subject = name[:64]
        item = None
        if _ID.fullmatch(name):
            item = await self._edge.database.read(partial(inbox.get, partner_id=caller.partner.id, delivery_id=name))
        if item is None:
            raise _not_found()
        return item

    async def _settle(
        self,
        request: Request,
        caller: Caller,
        name: str,
        event: DeliveryEvent,
        reason: str,
        facts: dict[str, object],
        body: Buffer,
    ) -> web.Response:
        partner, now_ms = caller.partner, self._edge.now_ms()
        before = (await self._find(request, caller, name)).delivery
        receipt = _evidence(request, body)
        wanted = DeliveryState.DELIVERED if event is DeliveryEvent.CONFIRM else DeliveryState.REFUSED

        def unit(connection: Connection) -> tuple[web.Response, bool]:
            # Whoever answers it elsewhere at the same moment comes before or after, never between.
            delivery = deliveries.locked(connection, before.id)
            if delivery is None:
                raise _not_found()
            changes = delivery.state != wanted
            if changes:
                _check_open(delivery)
                deliveries.apply(connection, before.id, event, now_ms, reason=reason, receipt=receipt, facts=facts)
            item = inbox.get(connection, partner.id, before.id)
            if item is None:
                raise _not_found()
            response = json_response(_view(item, partner))
            request.remember(connection, response)
            return response, changes

        response, changed = await self._edge.database.write(unit)
        if changed:
            settled(self._edge.metrics, before, wanted, now_ms)
            self._edge.wake()  # what was behind it in its lane is next
        return response

    async def _as_agreed(self, request: Request, delivery: StoredDelivery) -> web.StreamResponse:
        headers = _headers(delivery, delivery.content_type or OCTETS, delivery.payload_sha256)
        if is_known(request, headers[hdrs.ETAG]):
            return web.Response(status=304, headers=headers)
        first = await self._piece(delivery, 0)
        if first is None:
            raise _purged()
        if request.method == hdrs.METH_HEAD or len(first) == delivery.payload_bytes:
            headers[hdrs.CONTENT_LENGTH] = str(delivery.payload_bytes)
            return web.Response(body=None if request.method == hdrs.METH_HEAD else first, headers=headers)
        response = web.StreamResponse(headers=headers | dict(request.extra_headers))
        response.content_length = delivery.payload_bytes
        await response.prepare(request)
        async for piece in pieces(first, delivery.payload_bytes, partial(self._piece, delivery)):
            await response.write(piece)
        await response.write_eof()
        return response

    async def _piece(self, delivery: StoredDelivery, number: int) -> bytes | None:
        return await self._edge.database.read(
            lambda connection: delivery_bodies.piece(connection, delivery.id, delivery_bodies.PAYLOAD, number)
        )

    async def _rendered(
        self, request: Request, caller: Caller, delivery: StoredDelivery, media_type: str
    ) -> web.Response:
        payload = await self._edge.database.read(
            lambda connection: deliveries.body(connection, delivery.id, delivery_bodies.PAYLOAD)
        )
        if payload is None:
            raise _purged()
        syntax, encoding = MEDIA_TYPES[media_type], caller.partner.profile.encoding
        try:
            body = await self._edge.renditions.of(payload, delivery.content_type, syntax, encoding)
        except CannotRender as cannot:
            agreed = agreed_media_type(delivery)
            raise Refused(
                Reason.NOT_ACCEPTABLE, f"{cannot}; it can be had as {agreed}", extra={"available": [agreed]}
            ) from None
        headers = _headers(delivery, media_type, hashlib.sha256(body).hexdigest(), _EXTENSIONS[media_type])
        if is_known(request, headers[hdrs.ETAG]):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers=headers)

    async def _note_fetched(self, request: Request, caller: Caller, delivery: StoredDelivery, media_type: str) -> None:
        now_ms = self._edge.now_ms()
        facts: dict[str, object] = {"media_type": media_type} | _who(request, caller)
        with suppress(StoreUnavailable):  # it is for people, and they have their document
            if await self._edge.database.read(partial(inbox.fetched_lately, delivery_id=delivery.id, now_ms=now_ms)):
                return
            unit = partial(inbox.note_fetched, delivery_id=delivery.id, now_ms=now_ms, facts=facts)
            await self._edge.database.write(unit, durable=False)


def _view(item: InboxDelivery, partner: LoadedProfile) -> dict[str, object]:
    delivery, address = item.delivery, f"{INBOX_PATH}/{item.delivery.id}"
    is_document = delivery.kind == DeliveryKind.DOCUMENT
    is_awaited = delivery.state == DeliveryState.AWAITING_RECEIPT
    return {
        "id": delivery.id,
        "kind": delivery.kind,
        "type": (delivery.document_type or None) if is_document else None,
        "number": delivery.number or None,
        "purchase_order_number": item.order or None,
        "status": _status(item, partner),
        "test": partner.profile.is_test,
        "reason": delivery.reason.removeprefix(DECLINED) if delivery.state == DeliveryState.REFUSED else None,
        "waits_for": item.waits_for,
        "available_at": instant(delivery.created_at_ms),
        "confirm_by": instant(delivery.next_attempt_at_ms) if is_awaited else None,
        "content_types": [*media_types_of(delivery)],
        "bytes": delivery.payload_bytes,
        "sha256": delivery.payload_sha256,
        "links": {
            "self": address,
            "content": f"{address}/content",
            "confirm": f"{address}/confirm",
            "decline": f"{address}/decline",
        },
    }


_STATUS = {
    DeliveryState.DELIVERED: "confirmed",
    DeliveryState.REFUSED: "declined",
    DeliveryState.CANCELLED: "cancelled",
}


def _status(item: InboxDelivery, partner: LoadedProfile) -> str:
    state = DeliveryState(item.delivery.state)
    if state in _STATUS:
        return _STATUS[state]
    # As the profile is now; the line may not have looked yet.
    if why_held(partner):
        return "held"
    if state is DeliveryState.GIVEN_UP:
        return "overdue"
    return "waiting" if item.waits_for is not None else "available"


def _is_open(delivery: StoredDelivery) -> bool:
    return DeliveryState(delivery.state) not in _STATUS


def _check_open(delivery: StoredDelivery) -> None:
    """Raises `Refused` where it was answered already, otherwise than it is now, or withdrawn."""
    words = {
        DeliveryState.DELIVERED: "you have confirmed it: that stands; tell our people what is wrong with it",
        DeliveryState.REFUSED: "you have declined it: our people see to it, and put it here again if it is to stand",
        DeliveryState.CANCELLED: "it was withdrawn: it is of no more use",
    }
    said = words.get(DeliveryState(delivery.state))
    if said is not None:
        raise Refused(Reason.NOT_POSSIBLE, said)


def _headers(delivery: StoredDelivery, content_type: str, sha256: str, extension: str = "") -> dict[str, str]:
    """Header fields of content; its name is data of whoever named it, and nothing that a browser would run or show."""
    name = safe_name(delivery.filename) or delivery.id
    if extension:
        name = f"{name.rpartition('.')[0] or name}.{extension}"
    return content_headers(content_type, name, sha256, "no-store") | {hdrs.VARY: hdrs.ACCEPT}


def _who(request: Request, caller: Caller) -> dict[str, object]:
    return {"credentials": caller.security, "remote": request.address}


def _evidence(request: Request, body: Buffer) -> bytes:
    """The request as proof: its line, its header fields but for what would let somebody in, its body."""
    lines = [f"{request.method} {request.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() not in _SECRET]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + bytes(body)


def _not_found() -> Refused:
    return Refused(Reason.NOT_FOUND, "there is nothing with this id in your inbox")


def _purged() -> Refused:
    return Refused(Reason.NOT_FOUND, "its content is no longer kept: it was removed with age")
