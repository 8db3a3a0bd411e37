"""The ERP's orders on their way to suppliers: written, sent, refused a connection, sent again, proven by receipts."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.demo.claims import NotSo, expect
from gateway.demo.premises import ACME, HARBOR, sample
from gateway.demo.stage import POLL_S, SETTLED_WITHIN_S, Caller
from gateway.demo.supplier import Taken

_ACCEPTED = 202
_ACKNOWLEDGED = {"AK1*PR*201": "AK9*A", "AK1*SH*301": "AK9*A", "AK1*PR*202": "AK9*R"}


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order that the gateway took over from the ERP."""

    label: str
    partner: str
    delivery_id: str


@dataclass(slots=True)
class Orders:
    """What the gateway sends.

    Args:
        caller: asks the gateway.
    """

    caller: Caller
    ordered: list[Ordered] = field(default_factory=list)
    _rush: Ordered | None = None
    _arrived_before: int = 0

    async def to_acme(self) -> str:
        """An order that arrives at once; the receipt is the answer to the request."""
        order = await self.hand_over("purchase-order.json", "4500012345", ACME)
        view = await self._until(order, {"delivered"})
        came = self._came(view, self.caller.stage.acme.came(view["transport_id"]))
        expect(any(one.startswith("BEG*00*SA*4500012345*") for one in came.segments), f"ACME has {came.segments[:4]}")
        expect(sum(one.startswith("PO1*") for one in came.segments) == 3, "the order lost a line")  # noqa: PLR2004
        expect("PO1*2*100*CA*3.1**VP*AC-1002*BP*70002" in came.segments, "the second line was changed")
        expect(bool(view["receipt_bytes"]), "it counts as delivered without a receipt")
        number = view["control_numbers"]["interchange"]
        return (
            f"ACME opened it: 850 in interchange {number:09d}, {came.opened.cipher}; its signed receipt names our MIC: "
            f"delivered, kept as {order.delivery_id}"
        )

    async def to_harbor_while_it_is_down(self) -> str:
        """An order for a supplier whose server nobody reaches."""
        self._arrived_before = len(self.caller.stage.harbor.arrived)
        self._rush = await self.hand_over("rush-order.json", "4500012401", HARBOR)
        view = await self._until(self._rush, {"queued"}, attempts=1)
        expect(bool(view["reason"]), "nothing says why it was not delivered")
        return f"{view['reason']}; kept as {self._rush.delivery_id}, tried again at {view['next_attempt_at'][11:19]}"

    async def to_harbor_once_it_is_up(self) -> str:
        """The same message again, until it is taken."""
        rush, harbor = self._rush, self.caller.stage.harbor
        if rush is None:
            raise NotSo("the gateway did not take the order")
        harbor.holds_receipts, harbor.busy_for = True, 1
        await harbor.open()
        view = await self._until(rush, {"awaiting_receipt"})
        came = harbor.arrived[self._arrived_before :]
        expect([one.status for one in came] == [503, 200], f"Harbor answered {[one.status for one in came]}")
        expect({one.message_id for one in came} == {view["transport_id"]}, "a retry had another Message-ID")
        expect(len({one.sha256 for one in came}) == 1, "a retry had other bytes")
        self._came(view, harbor.came(view["transport_id"]))
        return (
            f"503 at first, then taken at attempt {view['attempts']}: each time Message-ID {view['transport_id']} and "
            "the same bytes"
        )

    async def receipt_of_harbor(self) -> str:
        """The asynchronous receipt: the delivery waits for it."""
        rush = self._rush
        if rush is None:
            raise NotSo("the gateway did not take the order")
        await self._until(rush, {"awaiting_receipt"})
        answers = await self.caller.stage.harbor.send_receipts()
        self.caller.stage.harbor.holds_receipts = False
        expect(answers == [200], f"the gateway answered {answers} to Harbor's receipts")
        view = await self._until(rush, {"delivered"})
        expect(bool(view["receipt_bytes"]), "it counts as delivered without a receipt")
        return "the delivery waited for it; it is signed and fits message, partner and MIC: delivered"

    async def acknowledgments_to_acme(self) -> str:
        """The 997s that ACME's own documents earned, at ACME."""
        acme = self.caller.stage.acme
        found: dict[str, str] = {}
        end = asyncio.get_running_loop().time() + SETTLED_WITHIN_S
        while found.keys() != _ACKNOWLEDGED.keys() and asyncio.get_running_loop().time() < end:
            found = _verdicts(acme.taken)
            await asyncio.sleep(POLL_S)
        expect(found == _ACKNOWLEDGED, f"ACME has acknowledgments {found}")
        while True:
            path = f"/messages?direction=out&partner={ACME}&limit=100"
            listed = (await self.caller.on_operator_port(path))["messages"]
            open_ones = [row["id"] for row in listed if row["status"] != "delivered"]
            if not open_ones:
                break
            expect(asyncio.get_running_loop().time() < end, f"not delivered: {', '.join(open_ones)}")
            await asyncio.sleep(POLL_S)
        sent = [row for row in listed if row["kind"] == "acknowledgment"]
        expect(len(sent) == len(_ACKNOWLEDGED), f"{len(sent)} acknowledgments were sent")
        return "997 for groups 201 and 301 accept, for group 202 reject; each signed, encrypted, proven by its receipt"

    async def hand_over(self, name: str, number: str, partner: str) -> Ordered:
        """What an ERP without a broker does: a CloudEvent over HTTP, the same as publishing it to erp.outbound."""
        headers = {
            "Content-Type": "application/json",
            "ce-specversion": "1.0",
            "ce-id": f"order-{number}",
            "ce-source": "/erp/demo",
            "ce-type": "com.bigcorp.purchase_order",
            "ce-partner": partner,
        }
        answer = await self.caller.on_operator_port("/outbound", sample(name), headers, status=_ACCEPTED)
        order = Ordered(f"purchase order {number}", partner, answer["id"])
        self.ordered.append(order)
        return order

    async def _until(self, order: Ordered, states: Collection[str], *, attempts: int = 0) -> Mapping[str, Any]:
        """The delivery, once it is in one of these states after so many attempts."""
        end = asyncio.get_running_loop().time() + SETTLED_WITHIN_S
        while True:
            view = await self.caller.on_operator_port(f"/messages/{order.delivery_id}")
            if view["status"] in states and view["attempts"] >= attempts:
                return view
            is_over = asyncio.get_running_loop().time() >= end
            expect(not is_over, f"it is {view['status']}: {view['reason'] or 'nothing says why'}")
            await asyncio.sleep(POLL_S)

    def _came(self, view: Mapping[str, Any], taken: Taken | None) -> Taken:
        if taken is None:
            raise NotSo(f"it is {view['status']}, and the supplier never had {view['transport_id']}")
        expect(taken.opened.signed and taken.opened.encrypted, "it came without signature or encryption")
        return taken


def _verdicts(taken: Collection[Taken]) -> dict[str, str]:
    """Group of theirs -> what our 997 says of it."""
    found: dict[str, str] = {}
    for one in taken:
        heads = [segment for segment in one.segments if segment.startswith("AK1*")]
        tails = [segment for segment in one.segments if segment.startswith("AK9*")]
        found |= {head: tail[:5] for head, tail in zip(heads, tails, strict=False)}
    return found
