"""What tests of sending share: partners with real servers, a carrier that posts to them, a clock that tests move."""

import asyncio
import io
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from gateway.carriers.parcels import Awaited, Carrier, Consignment, Delivered, Failed, Held, Outcome, Parcel, Refused
from gateway.flow.outward.send import Sending
from gateway.model.ids import IdSource
from gateway.settings import Limits
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.store.deliveries import NewDelivery
from gateway.store.oversight import cases, timeline
from gateway.telemetry import Metrics
from partners.directory import Directory
from tests.migrated import migrate
from tests.partners.profiles import loaded

WITHIN_S = 30
SCHEDULE = "delivery: {attempts_max: 3, first_retry_after_s: 10, retry_after_s_max: 15, concurrent_max: 2}\n"


def profile(partner: str, more: str = ""):
    return loaded(f"id: {partner}\nname: Partner\napi_keys: [{{label: a, sha256: {secrets.token_hex(32)}}}]\n" + more)


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def pass_s(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1_000)


@dataclass
class Partner:
    """A server that keeps what it gets; `answer` decides what it says."""

    got: list[tuple[str, bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Callable[[str, bytes], Awaitable[web.Response]] | None = None
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        transport_id = request.headers["Message-ID"]
        self.got.append((transport_id, body))
        self.arrived.set()
        if self.answer is not None:
            return await self.answer(transport_id, body)
        return web.Response(body=b"receipt for " + transport_id.encode())

    @property
    def parcels(self) -> dict[str, set[bytes]]:
        """Transport id -> the different bytes that came under it."""
        found: dict[str, set[bytes]] = {}
        for transport_id, body in self.got:
            found.setdefault(transport_id, set()).add(body)
        return found


@asynccontextmanager
async def listening(partner: Partner) -> AsyncIterator[Partner]:
    application = web.Application(client_max_size=0)
    application.router.add_post("/", partner.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    partner.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield partner
    finally:
        await runner.cleanup()


class Posting:
    """A way out over HTTP: no two packings are alike, so that a second one would be seen."""

    def __init__(self, http: aiohttp.ClientSession, urls: dict[str, str]) -> None:
        self._http = http
        self.urls = urls
        self.packed: list[str] = []
        self.carried: list[str] = []
        self.held: str | None = None
        self.parcel_bytes = 100
        self.carrier = Carrier(self.pack, self.carry)

    async def pack(self, consignment: Consignment) -> Parcel | Held:
        if self.held is not None:
            return Held(self.held)
        self.packed.append(consignment.id)
        body = bytes(consignment.payload) + os.urandom(self.parcel_bytes)
        headers = (("Message-ID", consignment.transport_id),)
        return Parcel(headers, body, ("mic, sha-256",), receipt_within_s=3_600, facts={"cipher": "none"})

    async def carry(self, consignment: Consignment, parcel: Parcel) -> Outcome:
        self.carried.append(consignment.bearer.id)
        try:
            url = self.urls[consignment.bearer.id]
            async with self._http.post(url, data=io.BytesIO(parcel.body), headers=dict(parcel.headers)) as answer:
                said = await answer.read()
                if answer.status == 200:
                    return Delivered(said, {"mic": "matches"})
                if answer.status == 202:
                    return Awaited()
                if answer.status == 400:
                    return Refused("they said no", said)
                after = answer.headers.get("Retry-After")
                return Failed(f"they said {answer.status}", float(after) if after else None, facts={"step": "status"})
        except aiohttp.ClientError as error:
            return Failed(f"tcp: {type(error).__name__}", facts={"step": "tcp"})


class Office:
    """A store, partners, a carrier and the sending of one process."""

    def __init__(self, database: Database, posting: Posting, clock: Clock, profiles: dict, **limits) -> None:
        self.database = database
        self.posting = posting
        self.clock = clock
        self.profiles = profiles
        self.directory = Directory(profiles.values())
        self.ids = IdSource(clock, secrets.randbits)
        self.metrics = Metrics()
        self.limits = Limits(**limits)
        self.sending = self.new_sending("one")
        self._running: list[asyncio.Task] = []

    def new_sending(self, owner: str, **named) -> Sending:
        return Sending(
            self.database,
            {"as2": self.posting.carrier},
            lambda: self.directory,
            owner=owner,
            now_ms=self.clock,
            metrics=self.metrics,
            limits=self.limits,
            chance=lambda: 0.999,
            **named,
        )

    def run(self, *sendings: Sending) -> None:
        self._running += [asyncio.create_task(one.run()) for one in sendings or (self.sending,)]

    async def stop(self) -> None:
        """As when the process is killed, as far as the sending can tell."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()

    def change(self, partner: str, more: str) -> None:
        self.profiles[partner] = profile(partner, more)
        self.directory = Directory(self.profiles.values())

    async def enqueue(self, partner: str = "acme", lane: str | None = None, payload: bytes = b"order", **fields) -> str:
        key = self.ids.next()
        new = NewDelivery(
            **{
                "id": key,
                "partner_id": partner,
                "profile_digest": "digest",
                "identity": "plant",
                "channel": "as2",
                "kind": "file",
                "lane": lane or f"{partner}/{key}",
                "transport_id": f"<{key}@us>",
                "content_type": "application/edi-x12",
                "filename": "",
                "subject": "",
                "payload": payload,
                "created_at_ms": self.clock(),
                "due_at_ms": self.clock(),
            }
            | fields
        )
        await self.do(deliveries.enqueue, new)
        self.sending.wake()
        return key

    async def do(self, function, *arguments, **named):
        return await self.database.write(lambda connection: function(connection, *arguments, **named))

    async def see(self, function, *arguments, **named):
        return await self.database.read(lambda connection: function(connection, *arguments, **named))

    async def get(self, delivery_id: str):
        return await self.see(deliveries.get, delivery_id)

    async def until(self, delivery_id: str, state: str) -> None:
        await self.wait_for(lambda: self.get(delivery_id), lambda delivery: delivery.state == state)

    async def wait_for(self, look: Callable[[], Awaitable], condition: Callable[[object], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not condition(await look()):
                await asyncio.sleep(0.01)

    async def steps(self, delivery_id: str) -> list[str]:
        return [step.step for step in await self.see(timeline.of_message, delivery_id)]

    async def open_cases(self) -> dict[str, cases.Case]:
        return {case.kind: case for case in await self.see(cases.find)}


@asynccontextmanager
async def office_over(url: str, partners: dict[str, Partner], **limits) -> AsyncIterator[Office]:
    database = Database(url, busy_timeout_ms=200)
    migrate(database)
    database.start()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        posting = Posting(http, {name: partner.url for name, partner in partners.items()})
        profiles = {name: profile(name, SCHEDULE) for name in partners}
        office = Office(database, posting, Clock(), profiles, **limits)
        try:
            yield office
        finally:
            await office.stop()
            await office.sending.drain()
            database.close()
