"""The ERP's side: what comes out of `erp.inbound`, kept by event id over the broker's outages, and what it sends."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity
from yarl import URL

from gateway.broker.topology import INBOUND, OUTBOUND

RECONNECT_S = 0.1
PREFETCH = 500
SEEN_WITHIN_S = 60
DECLARED_WITHIN_S = 60


@dataclass(frozen=True)
class Received:
    """One delivery of an event."""

    event_id: str
    lane: str
    sequence: int
    body: bytes
    at_ns: int


class Erp:
    """Consumes until left: `async with Erp(url) as erp`."""

    def __init__(self, broker_url: str, queue: str = INBOUND) -> None:
        self._url = broker_url
        self._queue = queue
        self.deliveries: list[Received] = []
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._consume())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    @property
    def event_ids(self) -> set[str]:
        return {delivery.event_id for delivery in self.deliveries}

    @property
    def bodies(self) -> dict[str, set[bytes]]:
        bodies: dict[str, set[bytes]] = {}
        for delivery in self.deliveries:
            bodies.setdefault(delivery.event_id, set()).add(delivery.body)
        return bodies

    def first_deliveries(self) -> dict[str, list[Received]]:
        """By lane, each event where it came first."""
        lanes: dict[str, list[Received]] = {}
        seen: set[str] = set()
        for delivery in self.deliveries:
            if delivery.event_id not in seen:
                seen.add(delivery.event_id)
                lanes.setdefault(delivery.lane, []).append(delivery)
        return lanes

    async def wait_for(self, event_ids: Collection[str]) -> None:
        """Until all of them have come.

        Raises:
            AssertionError: some did not in time.
        """
        wanted = set(event_ids)
        try:
            async with asyncio.timeout(SEEN_WITHIN_S):
                while not wanted <= self.event_ids:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            missing = sorted(wanted - self.event_ids)
            raise AssertionError(f"{len(missing)} events never came: {missing[:5]}") from None

    async def wait_for_count(self, number: int) -> None:
        """Until so many different events have come."""
        async with asyncio.timeout(SEEN_WITHIN_S):
            while len(self.event_ids) < number:
                self._news.clear()
                await self._news.wait()

    async def _consume(self) -> None:
        while True:
            with suppress(AMQPError, OSError, TimeoutError, RuntimeError):
                await self._one_connection()
            await asyncio.sleep(RECONNECT_S)

    async def _one_connection(self) -> None:
        lost = asyncio.Event()
        # Not aio_pika.connect: what it could not open is left to the garbage collector, which finds it in any thread.
        async with aio_pika.Connection(URL(self._url)) as connection:
            await connection.connect(timeout=5)
            connection.close_callbacks.add(lambda *_: lost.set())
            channel = await connection.channel()
            channel.close_callbacks.add(lambda *_: lost.set())
            await channel.set_qos(prefetch_count=PREFETCH)
            queue = await channel.get_queue(self._queue)  # fails until the gateway has declared it
            await queue.consume(self._take)
            await lost.wait()

    async def _take(self, message: AbstractIncomingMessage) -> None:
        self.deliveries.append(
            Received(
                event_id=message.message_id or "",
                lane=str(message.headers["cloudEvents_partitionkey"]),
                sequence=int(str(message.headers["cloudEvents_sequence"])),
                body=message.body,
                at_ns=time.time_ns(),
            )
        )
        self._news.set()
        await message.ack()


async def queue_when_declared(connection: AbstractConnection, name: str) -> AbstractQueue:
    """The queue, as soon as a gateway has declared it: one that is up may still be on its way to the broker."""
    async with asyncio.timeout(DECLARED_WITHIN_S):
        while True:
            channel = await connection.channel()
            try:
                return await channel.get_queue(name)
            except ChannelNotFoundEntity:
                await asyncio.sleep(RECONNECT_S)


async def wait_until_consumed(connection: AbstractConnection, name: str) -> None:
    """Until somebody consumes the queue: a gateway does so only when all it declares and binds there is done."""
    async with asyncio.timeout(DECLARED_WITHIN_S):
        while not (await queue_when_declared(connection, name)).declaration_result.consumer_count:
            await asyncio.sleep(RECONNECT_S)


@asynccontextmanager
async def outbound_channel(broker_url: str) -> AsyncIterator[AbstractChannel]:
    """A channel for `send`, once `erp.outbound` is there; what no queue takes is an error and never just gone."""
    connection = await aio_pika.connect(broker_url)
    async with connection:
        await queue_when_declared(connection, OUTBOUND)
        yield await connection.channel(publisher_confirms=True, on_return_raises=True)


async def send(channel: AbstractChannel, body: bytes, *, source_id: str, partner: str) -> None:
    """Publish a document for a partner, as an ERP does, and wait until the broker has it."""
    headers = {"cloudEvents_id": source_id, "cloudEvents_source": "/erp", "cloudEvents_partner": partner}
    message = aio_pika.Message(
        body,
        headers=headers,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,  # type: ignore[arg-type]
    )
    await channel.default_exchange.publish(message, OUTBOUND, mandatory=True)
