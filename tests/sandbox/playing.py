"""A whole gateway that talks to its own sandbox, under a clock that a test moves."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gateway import app
from gateway.app import Gateway
from gateway.flow import traffic
from gateway.model.delivery import DeliveryState
from gateway.model.message import MessageState
from gateway.sandbox.samples import sample_order
from gateway.settings import IdentitySettings, Limits, Settings, X12Address
from gateway.store import deliveries, messages
from gateway.store.deliveries import StoredDelivery, sandbox_replies
from gateway.store.messages import StoredMessage, acknowledgments, documents
from gateway.store.messages.acknowledgments import StoredAcknowledgment
from gateway.store.messages.documents import StoredDocument
from translators.shapes import to_bytes

DEADLINE_S = 60.0
STEP_MS = 10_000
TODAY = date(2026, 1, 5)
US = X12Address(qualifier="ZZ", id="BIGCORP", group_id="BIGCORP")
AT_REST = frozenset(
    {
        DeliveryState.DELIVERED,
        DeliveryState.REFUSED,
        DeliveryState.GIVEN_UP,
        DeliveryState.HELD,
        DeliveryState.CANCELLED,
    }
)
BUSY = frozenset({MessageState.RECEIVED.value, MessageState.PROCESSING.value, MessageState.QUEUED.value})


@dataclass(slots=True)
class Clock:
    """The time of day, moved on at will."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


@dataclass(slots=True)
class Play:
    """What is asked of a running gateway, and what is seen."""

    gateway: Gateway
    clock: Clock
    sent: dict[str, str] = field(default_factory=dict)

    async def send(self, number: str, body: bytes | None = None, partner: str = "sandbox") -> str:
        """Send an order of this number, or other content, as the ERP does."""
        wanted = to_bytes(sample_order(number, TODAY)) if body is None else body
        answer = await self.gateway.outbound.accept_document(partner, wanted)
        assert answer.is_accepted, (answer.reason, answer.findings)
        self.sent[number] = answer.id
        return answer.id

    async def until(self, holds: Callable[[], Any], *, moving: bool = True) -> None:
        """Let time go on until something holds."""
        end = time.monotonic() + DEADLINE_S
        while not await holds():
            assert time.monotonic() < end, await self.report()
            if moving:
                self.clock.ahead_ms += STEP_MS
                self.gateway._wake()
                self.gateway.sandbox.wake()
            await asyncio.sleep(0.02)

    async def at_rest(self) -> bool:
        """Whether nothing is left to do: nothing waits to be sent, handed over or translated."""
        read = self.gateway.database.read
        if await read(sandbox_replies.next_due) is not None:
            return False
        states = await read(lambda connection: {item.state for item in deliveries.find(connection, limit=1_000)})
        waiting = await read(lambda connection: dict(messages.counts(connection)))
        return states <= AT_REST and not any(waiting.get(state) for state in BUSY)

    async def report(self) -> object:
        def look(connection: Any) -> object:
            return (
                [(item.number, item.state, item.reason) for item in deliveries.find(connection, limit=1_000)],
                dict(messages.counts(connection)),
                sandbox_replies.next_due(connection),
            )

        return await self.gateway.database.read(look)

    async def delivery(self, number: str) -> StoredDelivery:
        found = await self.gateway.database.read(partial(deliveries.get, delivery_id=self.sent[number]))
        assert found is not None
        return found

    async def trace(self, number: str) -> Mapping[str, Any]:
        view = await self.gateway.database.read(partial(traffic.view, item_id=self.sent[number]))
        assert view is not None
        return view

    async def came(self, number: str) -> list[tuple[StoredMessage, list[StoredDocument], list[StoredAcknowledgment]]]:
        """The messages that answered, in the order in which they came, with what was in them and what they earned."""

        def look(connection: Any) -> Any:
            found = []
            for message in sorted(messages.find(connection, limit=1_000), key=lambda item: item.id):
                if message.transport_id and message.transport_id.startswith(self.sent[number]):
                    inside = documents.of_message(connection, message.id)
                    found.append((message, inside, acknowledgments.of_message(connection, message.id)))
            return found

        return await self.gateway.database.read(look)


def settings_for(folder: Path, **changed: Any) -> Settings:
    values: dict[str, Any] = {
        "data_dir": folder / "data",
        "partners_dir": folder / "partner-profiles",
        "edge_port": 0,
        "operator_port": 0,
        "sandbox": True,
        "identities": (
            IdentitySettings(name="bigcorp", x12=X12Address(qualifier="ZZ", id="BIGCORP", group_id="BIGCORP")),
        ),
        # Time flies here, and no work under way is to be taken over.
        "limits": Limits(claim_lease_s=36_000, disk_free_bytes_min=0),
    }
    return Settings(**(values | changed))


@asynccontextmanager
async def playing(settings: Settings) -> AsyncIterator[Play]:
    """A gateway that runs."""
    clock = Clock()
    with patch.object(app, "now_ms", clock):
        gateway = Gateway(settings, database_synchronous="OFF")
        try:
            await gateway.start()
            yield Play(gateway, clock)
        finally:
            await gateway.stop()
