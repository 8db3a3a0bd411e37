"""Orders of ours to a partner: where each stands, what it says. A partner sees its own and nothing else."""

import re
from dataclasses import dataclass
from functools import partial

from aiohttp import web
from sqlalchemy import Connection

from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes, json_response
from gateway.edge.paths import encoded
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.callers import Caller
from gateway.edge.rest.lists import cursor_of, next_page, read_choice, read_cursor, read_instant, read_limit
from gateway.edge.rest.order_contents import OrderContents
from gateway.edge.rest.views import DOCUMENTS_PATH
from gateway.flow import order_contents
from gateway.flow.order_contents import Sent
from gateway.flow.views import instant
from gateway.model.delivery import INBOX
from gateway.model.order import ORDER_EXPECTED, ORDER_OPEN_STATES, OrderState
from gateway.model.refusals import Reason, Refused
from gateway.store import deliveries, orders
from gateway.store.deliveries import dispatches
from gateway.store.messages import documents
from gateway.store.orders import Place, StoredOrder
from translators.shapes import as_json

ORDERS_PATH = "/v1/purchase-orders"
INBOX_PATH = "/v1/inbox"
HISTORY_MAX = 200
UNKNOWN = "you have no order with this number"
_PLACE = re.compile(r"(\d{1,15})\.([0-9a-f]{0,1600})")
# What answers an order, by the name of its canonical document, and where.
ANSWER_LINKS = {
    "purchase_order_acknowledgment": "acknowledgment",
    "ship_notice": "ship_notices",
    "invoice": "invoices",
}


@dataclass(frozen=True, slots=True)
class _Step:
    """A document of an order, as its history shows it."""

    at_ms: int
    document_type: str
    id: str
    status: str
    links: dict[str, str]


class Orders:
    """Answers for orders.

    Args:
        edge: what it stands on.
        door: lets calls in.
        contents: reads what orders say.
    """

    def __init__(self, edge: Edge, door: Door, contents: OrderContents) -> None:
        self._edge = edge
        self._door = door
        self._contents = contents

    def add_to(self, routes: Routes) -> None:
        """Put its routes among the others."""
        self._door.add(routes, "list_purchase_orders", self.list_all)
        self._door.add(routes, "get_purchase_order", self.show)

    async def list_all(self, request: Request, caller: Caller) -> web.Response:
        """The partner's orders, what changed last first; the open ones unless others are asked for."""
        limit = read_limit(request)
        word = read_choice(request, "state", tuple(OrderState))
        state = OrderState(word) if word is not None else None
        # Who asks for a state gets it, open or not.
        default = "all" if state is not None else "true"
        which = read_choice(request, "open", ("true", "false", "all")) or default
        found = await self._edge.database.read(
            partial(
                orders.find,
                partner_id=caller.partner.id,
                is_open={"true": True, "false": False}.get(which),
                state=state,
                since_ms=read_instant(request, "since"),
                before=read_cursor(request, _place),
                limit=limit + 1,
            )
        )
        cursor = None
        if len(found) > limit:
            last = found[limit - 1]
            cursor = cursor_of(f"{last.changed_at_ms}.{last.number.encode().hex()}")
        rows = [_row(order) for order in found[:limit]]
        return json_response({"purchase_orders": rows, "links": {"next": next_page(request, cursor)}})

    async def show(self, request: Request, caller: Caller, number: str) -> web.Response:
        """One order, its documents, and what it says. Somebody else's looks like one that never was."""
        request.subject = number[:64]
        partner = caller.partner

        def unit(connection: Connection) -> tuple[Sent, list[_Step]] | None:
            sent = order_contents.load(connection, partner.id, number)
            return None if sent is None else (sent, _history(connection, sent.order))

        found = await self._edge.database.read(unit)
        if found is None:
            raise Refused(Reason.NOT_FOUND, UNKNOWN)
        sent, history = found
        content = await self._contents.read(sent, partner)
        view = _row(sent.order) | {
            "history": [
                {
                    "at": instant(step.at_ms),
                    "document_type": step.document_type,
                    "id": step.id,
                    "status": step.status,
                    "links": step.links,
                }
                for step in history
            ],
            "document": None if content is None else as_json(content),
        }
        return json_response(view)


def _place(text: str) -> Place | None:
    """Where a page begins."""
    match = _PLACE.fullmatch(text)
    return None if match is None else Place(int(match[1]), bytes.fromhex(match[2]).decode())


def path_of(number: str) -> str:
    """The address of an order."""
    return f"{ORDERS_PATH}/{encoded(number)}"


def _row(order: StoredOrder) -> dict[str, object]:
    path, state = path_of(order.number), OrderState(order.state)
    return {
        "number": order.number,
        "state": order.state,
        "is_open": state in ORDER_OPEN_STATES,
        "expected": list(ORDER_EXPECTED.get(state, ())),
        "origin": "sent" if order.dispatch_id is not None else "unknown",
        "ordered_on": order.ordered_on or None,
        "first_seen_at": instant(order.first_seen_at_ms),
        "changed_at": instant(order.changed_at_ms),
        "links": {
            "self": path,
            "acknowledgment": f"{path}/acknowledgment",
            "ship_notices": f"{path}/ship-notices",
            "invoices": f"{path}/invoices",
        },
    }


def _history(connection: Connection, order: StoredOrder) -> list[_Step]:
    """The documents of an order, ours and theirs, in the order in which they came; what was purged is left out."""
    steps = (_step(connection, order, name) for name in orders.documents_of(connection, order, HISTORY_MAX))
    return sorted((step for step in steps if step is not None), key=lambda step: step.at_ms)


def _step(connection: Connection, order: StoredOrder, name: str) -> _Step | None:
    if "-" in name:
        theirs = documents.get(connection, name)
        if theirs is None:
            return None
        links = {"self": f"{DOCUMENTS_PATH}/{name}"}
        return _Step(theirs.created_at_ms, theirs.document_type, name, theirs.status, links)
    ours = dispatches.get(connection, name)
    if ours is None or ours.partner_id != order.partner_id:
        return None
    delivery = deliveries.get(connection, name)
    status = delivery.state if delivery is not None else ours.state
    lies_there = delivery is not None and delivery.channel == INBOX
    links = {"inbox": f"{INBOX_PATH}/{name}"} if lies_there else {}
    return _Step(ours.received_at_ms, ours.document_type, name, status, links)
