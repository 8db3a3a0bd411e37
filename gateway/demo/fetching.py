"""An order for a supplier who has no server: it waits in the inbox until their program fetches and confirms it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.demo.claims import NotSo, expect
from gateway.demo.orders import Ordered, Orders
from gateway.demo.premises import NORTHWIND
from gateway.demo.stage import Caller, shortened

NUMBER = "4500012388"
ACKNOWLEDGMENT = "NW-77120"
_INBOX = "/v1/inbox"
_OK = 200


@dataclass(slots=True)
class Fetching:
    """What Northwind's program does.

    Args:
        caller: asks the gateway.
        orders: what the ERP orders.
    """

    caller: Caller
    orders: Orders
    _order: Ordered | None = None
    _item: Mapping[str, Any] | None = None

    async def ordered(self) -> str:
        """The order lies in the inbox, and nothing was sent anywhere."""
        self._order = order = await self.orders.hand_over("washers-order.json", NUMBER, NORTHWIND)
        listed = await self._json("GET", _INBOX)
        found = [item for item in listed["documents"] if item["id"] == order.delivery_id]
        expect(len(found) == 1, f"the inbox holds {[item['id'] for item in listed['documents']]}")
        self._item = found[0]
        expect(found[0]["number"] == NUMBER, f"it is the order {found[0]['number']}")
        return f"GET {_INBOX} lists it as {found[0]['status']}, to be had as {' or '.join(found[0]['content_types'])}"

    async def fetched(self) -> str:
        """Fetched twice, in two syntaxes, and still there; confirmed, and gone from the list."""
        order, item = self._order, self._item
        if order is None or item is None:
            raise NotSo("the order is not in the inbox")
        body, headers = await self._content(item, "application/json")
        document = orjson.loads(body)
        expect((document["number"], document["lines"][0]["quantity"]) == (NUMBER, "500"), "the order was changed")
        xml, _ = await self._content(item, "application/xml")
        expect(xml.startswith(b"<") and NUMBER.encode() in xml, f"as XML it is {shortened(xml)}")
        before = await self._json("GET", f"{_INBOX}/{order.delivery_id}")
        expect(before["status"] != "confirmed", "fetching it settled it")
        told = await self._json("POST", item["links"]["confirm"])
        expect(told["status"] == "confirmed", f"it is {told['status']}")
        listed = await self._json("GET", _INBOX)
        expect(not listed["documents"], "what was confirmed is still listed")
        view = await self.caller.on_operator_port(f"/messages/{order.delivery_id}")
        expect(view["status"] == "delivered" and bool(view["receipt_bytes"]), f"for us it is {view['status']}")
        return f"JSON with {headers['Repr-Digest'][:24]}..., then XML; confirmed by their request: delivered"

    async def acknowledged(self) -> tuple[str, str]:
        """An order acknowledgment by a typed call; its id, and what was seen."""
        if self._order is None:
            raise NotSo("the order is not in the inbox")
        said = {"status": "accepted", "acknowledgment_number": ACKNOWLEDGMENT, "ship_on": "2026-01-19"}
        headers = {"Prefer": "wait=10", "Idempotency-Key": f"acknowledgment-of-{NUMBER}"}
        path = f"/v1/purchase-orders/{NUMBER}"
        told = await self._json("POST", f"{path}/acknowledgment", orjson.dumps(said), headers)
        where = await self._json("GET", path)
        expect(where["state"] == "acknowledged", f"the order is {where['state']}")
        return str(told["id"]), f"the same call says what became of it; GET {path}: {where['state']}"

    async def _content(self, item: Mapping[str, Any], media_type: str) -> tuple[bytes, Mapping[str, str]]:
        url = self.caller.stage.edge_url + item["links"]["content"]
        status, body, headers = await self.caller.ask("GET", url, self._fields({"Accept": media_type}), None)
        expect(status == _OK, f"fetching it as {media_type} was answered {status}: {shortened(body)}")
        return body, headers

    async def _json(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        fields = self._fields(headers or {}) | ({"Content-Type": "application/json"} if body is not None else {})
        status, answered, _ = await self.caller.ask(method, self.caller.stage.edge_url + path, fields, body)
        expect(status == _OK, f"{method} {path} was answered {status}: {shortened(answered)}")
        told: Mapping[str, Any] = orjson.loads(answered)
        return told

    def _fields(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.caller.stage.premises.api_keys[NORTHWIND]}", **headers}
