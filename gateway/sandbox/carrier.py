"""The carrier of the sandbox: it takes what we send as a supplier would, and keeps durably what will be answered.

Every reply of a delivery is kept in one transaction, with its control numbers and the time when it is due, before the
delivery counts as taken. A repeated attempt, after a crash or on another node, finds them and adds none.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from gateway.carriers.parcels import Awaited, Carrier, Consignment, Delivered, Failed, Held, Outcome, Parcel, Refused
from gateway.model.delivery import DeliveryKind
from gateway.model.instants import moment
from gateway.sandbox.drafts import Draft
from gateway.sandbox.reading import PAYLOAD_BYTES_MAX
from gateway.sandbox.script import Performance, perform
from gateway.sandbox.words import Receipt
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.store.deliveries import sandbox_replies
from gateway.store.deliveries.sandbox_replies import Reply
from gateway.store.partners import control_numbers
from gateway.telemetry import Metrics

RECEIPT_WITHIN_S = 20  # of a receipt that never comes
# Far from the numbers of a real supplier, whose place the sandbox may take for a while.
FIRST_CONTROL_NUMBER = 900_000_001
_BUSINESS = frozenset({DeliveryKind.DOCUMENT, DeliveryKind.FILE})


class SandboxCarrier:
    """Takes deliveries.

    Args:
        database: the store.
        now_ms: the clock, milliseconds since 1970.
        metrics: counts what was asked for.
        kept: called after each commit of new replies; wakes who hands them over.
    """

    def __init__(
        self,
        database: Database,
        *,
        now_ms: Callable[[], int],
        metrics: Metrics,
        kept: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._now_ms = now_ms
        self._metrics = metrics
        self._kept = kept

    @property
    def carrier(self) -> Carrier:
        """As the sending takes it."""
        return Carrier(self.pack, self.carry)

    async def pack(self, consignment: Consignment) -> Parcel | Held:
        """The parcel: the payload as it is."""
        return Parcel((), consignment.payload, receipt_within_s=RECEIPT_WITHIN_S, facts={"by": "sandbox"})

    async def carry(self, consignment: Consignment, parcel: Parcel) -> Outcome:
        """One attempt; whatever is in the parcel, there is an outcome.

        Raises:
            StoreUnavailable: nothing was kept; the attempt is made again.
        """
        profile = consignment.partner.profile
        if not profile.sandbox:
            # It was queued while the sandbox played them: what they are sent for real has to be sent anew.
            return Refused(f"{profile.id} is not played by the sandbox any more; cancel this, and send it again")
        if consignment.kind not in _BUSINESS:
            return Delivered(facts={"sandbox": f"takes this {consignment.kind}, and forgets it"})
        payload = bytes(parcel.body[: PAYLOAD_BYTES_MAX + 1])
        at = moment(self._now_ms())
        performance = await asyncio.to_thread(perform, payload, consignment.content_type, profile, consignment.id, at)
        word = performance.magic.word
        facts = {"sandbox": performance.decision}
        if word.receipt is Receipt.REFUSES:
            self._count(performance)
            return Refused(f"the sandbox refuses it, as {performance.magic} demands", facts=facts)
        if word.receipt is Receipt.FAILS:
            attempt = await self._attempt(consignment.id)
            if performance.magic.number is None or attempt <= performance.magic.number:
                self._count(performance)
                what = f"the sandbox does not answer, as {performance.magic} demands (attempt {attempt})"
                return Failed(what, facts=facts | {"step": "tcp"})
        if await self._database.write(partial(self._keep, consignment=consignment, performance=performance)):
            self._count(performance)
            self._kept()
        return Awaited(facts) if word.receipt is Receipt.NEVER else Delivered(facts=facts)

    def _count(self, performance: Performance) -> None:
        self._metrics.sandbox_orders.add(performance.magic.word.name)

    async def _attempt(self, delivery_id: str) -> int:
        """Which attempt this is, counted since a person last had it sent again."""
        stored = await self._database.read(partial(deliveries.get, delivery_id=delivery_id))
        return stored.attempts if stored is not None else 1

    def _keep(self, connection: Connection, *, consignment: Consignment, performance: Performance) -> bool:
        """Keep every reply; False where they are kept already."""
        if sandbox_replies.are_kept(connection, consignment.id):
            return False
        now_ms, ordinal = self._now_ms(), 0
        for draft in performance.drafts:
            payload = _numbered(connection, draft)
            for copy in range(draft.copies):
                reply = Reply(
                    id=f"{consignment.id}-sandbox-{ordinal}",
                    delivery_id=consignment.id,
                    ordinal=ordinal,
                    partner_id=consignment.partner.id,
                    identity=consignment.identity,
                    about=f"{performance.magic}: {draft.what}",
                    due_at_ms=now_ms + (draft.after_s + copy) * 1_000,
                    content_type=draft.content_type,
                    payload=payload,
                )
                if not sandbox_replies.keep(connection, reply) and ordinal == 0:
                    return False  # another node, which had the delivery before, was faster by a moment
                ordinal += 1
        return True


def _numbered(connection: Connection, draft: Draft) -> bytes:
    """A draft with control numbers of the supplier's own; they ascend like anybody's."""
    if not draft.scope:
        return draft.write(0, ())

    def allocate(kind: str) -> int:
        scope = f"sandbox {kind}|{draft.scope}"
        return control_numbers.allocate(connection, scope, least=FIRST_CONTROL_NUMBER)

    return draft.write(allocate("ISA"), [allocate("GS") for _ in range(draft.groups)])
