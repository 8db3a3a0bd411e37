"""What tests of webhooks share: a partner's server, and all of ours that tells it of events."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from gateway.carriers.http import Door
from gateway.carriers.webhook import WebhookCarrier
from gateway.carriers.webhook_keys import make_key
from gateway.flow.outward.send import Sending
from gateway.flow.webhooks.subscribing import Subscriptions
from gateway.flow.webhooks.telling import Telling
from gateway.model.partner_events import partner_event
from gateway.model.webhook import WEBHOOK, profile_subscription_id
from gateway.settings import Limits
from gateway.store import deliveries, partner_events
from gateway.store.credentials.sealing import Sealing
from gateway.store.database import Database
from gateway.store.oversight import cases
from gateway.store.webhooks import subscriptions
from gateway.telemetry import Metrics
from partners.directory import Directory
from tests.flow.sending import Clock, profile
from tests.migrated import migrate

HOST = "hooks.acme.test"
WITHIN_S = 20
HMAC = make_key("hmac-sha256")


@dataclass
class Got:
    """One call as the partner's server had it."""

    id: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def subject(self) -> tuple[str, int]:
        data = self.json["data"]
        return data["order"], data["step"]


@dataclass
class Hook:
    """A partner's server; `answer` decides what it says, 204 by default."""

    calls: list[Got] = field(default_factory=list)
    answer: Callable[[Got], Any] = lambda _: 204
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/in"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        got = Got(request.headers["webhook-id"], dict(request.headers), await request.read())
        self.calls.append(got)
        answer = self.answer(got)
        if asyncio.iscoroutine(answer):
            answer = await answer
        return web.Response(status=answer) if isinstance(answer, int) else answer


@asynccontextmanager
async def hooking(hook: Hook | None = None) -> AsyncIterator[Hook]:
    hook = hook or Hook()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", hook.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.port = runner.addresses[0][1]
    try:
        yield hook
    finally:
        await runner.cleanup()


def terms(subscriptions_: dict[str, str], *, events: str = "", more: str = "", secrets_: str = "env:HOOK_KEY") -> str:
    """The part `webhooks` of a profile."""
    told = f", events: [{events}]" if events else ""
    named = ", ".join(
        f"{{name: {name}, url: '{url}', secrets: [{secrets_}]{told}}}" for name, url in subscriptions_.items()
    )
    reached = f"hosts: [{HOST}], without_tls: true, private_networks: 127.0.0.0/8"
    return f"webhooks: {{{reached}, subscriptions: [{named}]{more}}}\n"


class Switchboard:
    """Telling, sending and subscriptions of one process."""

    def __init__(self, database: Database, clock: Clock, directory: Callable[[], Directory], owner: str) -> None:
        self.metrics = Metrics()
        self.door = Door(Limits(connect_timeout_s=5), resolve=_here)
        self.caller = WebhookCarrier(database, self.door, Sealing(), now_ms=clock)
        self.sending = Sending(
            database,
            {WEBHOOK: self.caller.carrier},
            directory,
            owner=owner,
            now_ms=clock,
            metrics=self.metrics,
            limits=Limits(claim_lease_s=5),
            chance=lambda: 0.0,
        )
        self.telling = Telling(database, directory, owner=owner, now_ms=clock, told=self.sending.wake)
        self.subscriptions = Subscriptions(
            database, directory, now_ms=clock, metrics=self.metrics, resumed=self.sending.wake
        )


async def _here(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


class Exchange:
    """A store with a partner, and a process that tells it of events."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        # What verifies signatures knows the time.
        self.clock.now_ms = time.time_ns() // 1_000_000
        self.profiles: dict[str, Any] = {}
        self.directory = Directory()
        self.board = self.new_board("one")
        self._tasks: list[asyncio.Task[None]] = []
        self._steps = 0

    def new_board(self, owner: str) -> Switchboard:
        return Switchboard(self.database, self.clock, lambda: self.directory, owner)

    async def set_profile(self, partner: str, text: str) -> None:
        self.profiles[partner] = profile(partner, text)
        self.directory = Directory(self.profiles.values())
        await self.board.subscriptions.refresh()

    async def remove_profile(self, partner: str) -> None:
        del self.profiles[partner]
        self.directory = Directory(self.profiles.values())
        await self.board.subscriptions.refresh()

    async def happen(self, order: str, type_: str = "document.accepted", partner: str = "acme") -> str:
        """An event; its id."""
        self._steps += 1
        data = {"order": order, "step": self._steps}
        event = partner_event(partner, type_, order, self.clock(), data, cause=f"{self._steps} {secrets.token_hex(4)}")
        await self.do(partner_events.record, event)
        return event.id

    async def do(self, function, *arguments, **named):
        return await self.database.write(lambda connection: function(connection, *arguments, **named))

    async def see(self, function, *arguments, **named):
        return await self.database.read(lambda connection: function(connection, *arguments, **named))

    async def tell(self) -> int:
        return await self.board.telling.tell()

    async def send(self, board: Switchboard | None = None) -> None:
        """Make every call that is due, and those that become due by them, without moving the clock."""
        sending = (board or self.board).sending
        async with asyncio.timeout(WITHIN_S):
            while True:
                await sending.take()
                if not sending.in_flight:
                    return
                while sending.in_flight:
                    await asyncio.sleep(0.002)

    async def subscription(self, name: str = "orders", partner: str = "acme") -> subscriptions.Subscription:
        found = await self.see(subscriptions.get, profile_subscription_id(partner, name))
        assert found is not None
        return found

    async def states(self, name: str = "orders") -> dict[str, int]:
        """How many deliveries there are in each state."""
        found: dict[str, int] = {}
        destination = profile_subscription_id("acme", name)
        for delivery in await self.see(deliveries.find, destination=destination, limit=10_000):
            found[delivery.state] = found.get(delivery.state, 0) + 1
        return found

    async def open_cases(self) -> dict[str, cases.Case]:
        return {case.kind: case for case in await self.see(cases.find)}


@asynccontextmanager
async def exchange_over(url: str) -> AsyncIterator[Exchange]:
    database = Database(url, busy_timeout_ms=200)
    migrate(database)
    database.start()
    exchange = Exchange(database)
    try:
        yield exchange
    finally:
        await exchange.board.sending.drain()
        await exchange.board.caller.close()
        database.close()
