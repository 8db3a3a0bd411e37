"""Taking messages from a queue: acknowledged once they were recorded, set aside with the reason if they cannot be."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError
from pamqp.commands import Basic
from pamqp.common import FieldTable, FieldValue

from gateway.broker.link import Delay, answered
from gateway.broker.publishing import BrokerCounters, BrokerUnavailable
from gateway.broker.topology import DEAD

PREFETCH: Final = 32
# Below the delivery limit of the policy, so that a message that we cannot record is set aside with the reason.
DELIVERIES_MAX: Final = 10
ANSWER_SECONDS_MAX: Final = 10.0
CLOSE_SECONDS_MAX: Final = 5.0
REASON_HEADER: Final = "gateway_reason"
QUEUE_HEADER: Final = "gateway_queue"
REASON_CHARACTERS_MAX: Final = 1_000

# Records a message durably.
Record = Callable[[AbstractIncomingMessage], Awaitable[None]]

log = logging.getLogger(__name__)


class Unusable(Exception):  # noqa: N818  # it is
    """Trying again would not help with this message; the text is the reason that travels with it."""


class Intake:
    """The consumer of one queue, across all the connections of its life."""

    def __init__(
        self, queue: str, record: Record, delay: Delay, counters: BrokerCounters, *, prefetch: int = PREFETCH
    ) -> None:
        self._queue = queue
        self._prefetch = prefetch
        self._record = record
        self._delay = delay
        self._counters = counters
        self._closing = asyncio.Event()
        self._at_work: set[asyncio.Task[None]] = set()

    async def subscribe(self, channel: AbstractChannel, lose: Callable[[str], None]) -> None:
        """Consume on a fresh channel with publisher confirms; call `lose` when the broker ends the subscription."""
        await channel.set_qos(prefetch_count=self._prefetch)
        underlay = await channel.get_underlay_channel()

        def cancelled(_: Basic.Cancel) -> None:
            lose(f"the broker cancelled the consumer of {self._queue}: was the queue deleted?")

        underlay.on_consumer_cancel_callbacks.add(cancelled)
        queue = await channel.get_queue(self._queue, ensure=False)

        async def deliver(message: AbstractIncomingMessage) -> None:
            # A task of our own: the library cancels its tasks with the connection, in the middle of a commit.
            if not self._closing.is_set():
                task = asyncio.create_task(self._take(channel, message))
                self._at_work.add(task)
                task.add_done_callback(self._at_work.discard)

        await queue.consume(deliver)

    async def close(self) -> None:
        """Take nothing more and let what is at work end, in bounded time; the rest is delivered again elsewhere."""
        self._closing.set()
        if self._at_work:
            _, late = await asyncio.wait(self._at_work, timeout=CLOSE_SECONDS_MAX)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _take(self, channel: AbstractChannel, message: AbstractIncomingMessage) -> None:
        try:
            try:
                await self._record(message)
            except Unusable as unusable:
                await self._set_aside(channel, message, str(unusable))
            except Exception as error:
                log.exception("a message of %s was not recorded", self._queue)
                await self._try_again(channel, message, error)
            else:
                await answered(message.ack(), ANSWER_SECONDS_MAX, "acknowledging")
                self._counters.consumed += 1
        except (BrokerUnavailable, DeliveryError) as error:
            # Not acknowledged: the broker delivers it again, at the latest on the next connection.
            log.warning("a message of %s will be delivered again: %s", self._queue, error)

    async def _try_again(self, channel: AbstractChannel, message: AbstractIncomingMessage, error: Exception) -> None:
        deliveries = deliveries_of(message)
        if deliveries >= DELIVERIES_MAX:
            reason = f"not recorded in {deliveries} deliveries, the last time: {type(error).__name__}: {error}"
            await self._set_aside(channel, message, reason)
            return
        await self._give_back(message)

    async def _give_back(self, message: AbstractIncomingMessage) -> None:
        """To the queue again, after a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._delay(deliveries_of(message))):
                await self._closing.wait()
        # reject and not nack: from RabbitMQ 4.3 on only a reject counts as a delivery that failed.
        await answered(message.reject(requeue=True), ANSWER_SECONDS_MAX, "giving back")

    async def _set_aside(self, channel: AbstractChannel, message: AbstractIncomingMessage, reason: str) -> None:
        """Publish it to the dead letters with the reason, which a plain reject cannot carry, and only then ack it."""
        letter = Message(
            message.body,
            headers={
                **_writable(message.headers),
                REASON_HEADER: reason[:REASON_CHARACTERS_MAX],
                QUEUE_HEADER: self._queue,
            },
            content_type=message.content_type,
            content_encoding=message.content_encoding,
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=message.message_id,
            correlation_id=message.correlation_id,
            type=message.type,
        )
        try:
            dead = await answered(channel.get_exchange(DEAD, ensure=False), ANSWER_SECONDS_MAX, "setting aside")
            await answered(dead.publish(letter, self._queue), ANSWER_SECONDS_MAX, "setting aside")
            await answered(message.ack(), ANSWER_SECONDS_MAX, "acknowledging")
        except (BrokerUnavailable, DeliveryError) as error:
            log.warning("a message of %s could not be set aside: %s", self._queue, error)
            await self._give_back(message)
            return
        self._counters.dead_lettered += 1
        by_queue, queue = self._counters.dead_lettered_from, (self._queue,)
        by_queue[queue] = by_queue.get(queue, 0) + 1
        log.warning("a message of %s went to %s: %s", self._queue, DEAD, reason)


def _writable(table: FieldTable) -> FieldTable:
    """The library reads strings that are not UTF-8 as bytes, and then refuses to write them; as byte arrays it does."""
    return {name: _writable_value(value) for name, value in table.items()}


def _writable_value(value: FieldValue) -> FieldValue:
    if isinstance(value, dict):
        return _writable(value)
    if isinstance(value, list):
        return [_writable_value(item) for item in value]
    return bytearray(value) if isinstance(value, bytes) else value


def deliveries_of(message: AbstractIncomingMessage) -> int:
    """How often a quorum queue has delivered the message, this time included."""
    before = message.headers.get("x-delivery-count", 0)
    return before + 1 if isinstance(before, int) else 1
