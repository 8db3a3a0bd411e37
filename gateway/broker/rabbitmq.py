"""RabbitMQ: every publish confirmed or reported, every loss of the connection mended, nothing waits without limit."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from ssl import SSLContext
from typing import Final

from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError, PublishError
from yarl import URL

from gateway.broker.consuming import Intake, Record, Unusable
from gateway.broker.link import Delay, Link, NoAnswer, answered, backoff
from gateway.broker.outbound import (
    READ_ON_THE_LOOP_BYTES_MAX,
    MalformedWanted,
    Wanted,
    attributes_of,
    read_wanted,
)
from gateway.broker.outcomes import MalformedOutcome, read_outcome
from gateway.broker.probe import is_delivery_limited
from gateway.broker.publishing import BrokerCounters, BrokerUnavailable, Unroutable, message_of
from gateway.broker.topology import EVENTS, INBOUND, OUTBOUND, OUTCOMES, UNROUTABLE, declare
from gateway.model.events import BusinessEvent, Outcome

PUBLISH_SECONDS_MAX: Final = 10.0
PROBE_SECONDS_MAX: Final = 15.0
OUTBOUND_BYTES_MAX: Final = 16 * 1_048_576  # the default of RabbitMQ 4 for any message
OUTBOUND_PREFETCH: Final = 8  # whole documents, each held in memory until it is recorded
SCHEMES: Final = ("amqp", "amqps")

# Returns once the outcome is durable; the same outcome may come again.
RecordOutcome = Callable[[Outcome], Awaitable[None]]
# Returns once it is durable; the same one may come again. Raises Unusable for what trying again would not help.
RecordWanted = Callable[[Wanted], Awaitable[None]]
# Gets the event id and the reason; returns once the case is durable; the same case may come again.
ReportUnroutable = Callable[[str, str], Awaitable[None]]


class RabbitBroker:
    """Two connections: RabbitMQ stops reading from a connection that publishes under an alarm, acks and all.

    Attributes:
        counters: what happened since the start.
    """

    def __init__(
        self,
        url: str,
        *,
        on_outcome: RecordOutcome | None = None,
        on_unroutable: ReportUnroutable | None = None,
        on_outbound: RecordWanted | None = None,
        outbound_bytes_max: int = OUTBOUND_BYTES_MAX,
        inbound_queue: str | None = INBOUND,
        publish_seconds_max: float = PUBLISH_SECONDS_MAX,
        delay: Delay = backoff,
        ssl_context: SSLContext | None = None,
    ) -> None:
        """Connects nowhere yet.

        Args:
            url: ``amqp://user:password@host/vhost``; ``amqps`` for TLS, which verifies the broker's certificate,
                against ``?cafile=`` where given. ``?heartbeat=`` overrides ours.
            on_outcome: takes what the ERP says on ``erp.outcomes``; without it the queue is left alone.
            on_unroutable: takes events that no queue wanted; without it they stay in ``b2b.unroutable``.
            on_outbound: takes what the ERP wants sent, from ``erp.outbound``; without it the queue is left alone.
            outbound_bytes_max: of one such message.
            inbound_queue: the queue that gets every event of live partners; None where the ERP team binds its own.
            publish_seconds_max: how long a publish waits for its confirm.
            delay: seconds before the nth attempt, for connecting and for outcomes that could not be recorded.
            ssl_context: instead of the one made from the URL.

        Raises:
            ValueError: the URL is of another scheme.
        """
        if URL(url).scheme not in SCHEMES:
            raise ValueError("the broker's URL must begin with amqp:// or amqps://")
        self.counters = BrokerCounters()
        self._inbound_queue = inbound_queue
        self._publish_seconds_max = publish_seconds_max
        self._exchange: AbstractExchange | None = None
        self._connection: AbstractConnection | None = None
        self._lose: Callable[[str], None] | None = None
        self._blocked: asyncio.Task[None] | None = None
        self._intakes: list[Intake] = []
        self._publishing = Link(
            "partner-gateway publishing", url, self._set_up_publishing, delay=delay, ssl_context=ssl_context
        )
        self._consuming = Link(
            "partner-gateway consuming", url, self._set_up_consuming, delay=delay, ssl_context=ssl_context
        )
        if on_outcome is not None:
            self._intakes.append(Intake(OUTCOMES, _outcomes_to(on_outcome), delay, self.counters))
        if on_unroutable is not None:
            self._intakes.append(Intake(UNROUTABLE, _unroutable_to(on_unroutable), delay, self.counters))
        if on_outbound is not None:
            record = _outbound_to(on_outbound, outbound_bytes_max)
            self._intakes.append(Intake(OUTBOUND, record, delay, self.counters, prefetch=OUTBOUND_PREFETCH))

    @property
    def connected(self) -> bool:
        """Whether a publish has a chance: connected, and not known to be blocked by an alarm of the broker."""
        return self._publishing.up and not self._is_blocked

    @property
    def last_error(self) -> str | None:
        """Why the broker cannot be used now, for the health report; None when all is well."""
        if self._is_blocked:
            return "the broker blocks publishers: memory or disk alarm"
        return self._publishing.last_error or (self._consuming.last_error if self._intakes else None)

    async def start(self) -> None:
        """Begin to connect, in the background: the gateway accepts documents without a broker, too."""
        self._publishing.start()
        if self._intakes:
            self._consuming.start()

    async def wait_connected(self) -> None:
        """Until publishing makes sense and, where we consume, consumption stands."""
        while not self.connected or (self._intakes and not self._consuming.up):
            await self._publishing.wait_up()
            if self._blocked is not None:
                await asyncio.wait([self._blocked])
            if self._intakes:
                await self._consuming.wait_up()

    async def publish(self, event: BusinessEvent) -> None:
        """Return when the broker has confirmed that the event is safe in every queue that wants it.

        Raises:
            BrokerUnavailable: in doubt; at once without a connection, else within `publish_seconds_max`.
            Unroutable: no queue wants it, not even ``b2b.unroutable``.
        """
        try:
            await self._publish(event)
        except Unroutable:
            self.counters.returned += 1
            raise
        except BaseException:  # cancelled: as much in doubt as a failure
            self.counters.failures += 1
            raise
        self.counters.published += 1

    async def is_delivery_limited(self) -> bool:
        """Whether the delivery limit of the policies, or RabbitMQ's own, is in force.

        Without one, a message that makes its consumer fail goes round for ever: import `definitions`.

        Raises:
            BrokerUnavailable: not connected, or no answer in time.
        """
        if self._connection is None or not self.connected:
            raise BrokerUnavailable(self.last_error or "not connected")
        channel = self._connection.channel()
        queue = self._inbound_queue or OUTCOMES

        async def ask() -> bool:
            async with channel:
                return await is_delivery_limited(channel, queue, secrets.token_hex(4))

        return await answered(ask(), PROBE_SECONDS_MAX, "looking for the delivery limit")

    async def close(self) -> None:
        """End consumption, then the connections; bounded in time whatever the broker does."""
        await asyncio.gather(*(intake.close() for intake in self._intakes))
        await asyncio.gather(self._publishing.close(), self._consuming.close())
        self._forget_blocked()

    @property
    def _is_blocked(self) -> bool:
        return self._blocked is not None and not self._blocked.done()

    async def _publish(self, event: BusinessEvent) -> None:
        message = message_of(event)
        exchange = self._exchange
        if exchange is None or not self.connected:
            raise BrokerUnavailable(self.last_error or "not connected")
        publishing = exchange.publish(message, event.routing_key, mandatory=True)
        try:
            await answered(publishing, self._publish_seconds_max, "publishing")
        except PublishError as returned:
            raise Unroutable(f"no queue wants {event.routing_key}, and {UNROUTABLE} is missing") from returned
        except DeliveryError as refused:
            raise BrokerUnavailable("the broker did not take the event: a queue is full or has no quorum") from refused
        except NoAnswer:
            await self._suspect(exchange)
            raise
        except BrokerUnavailable as failed:
            # Known here before the library says that its channel is closed: who waits for a connection must not be
            # told that the broken one is it.
            if exchange is self._exchange and self._lose is not None:
                self._lose(str(failed))
            raise

    async def _suspect(self, exchange: AbstractExchange) -> None:
        """A publish got no answer: an alarm will end by itself, any other silence is a reason to connect anew."""
        if exchange is not self._exchange or self._is_blocked or self._lose is None:
            return  # somebody else's publish has said so already
        transport = None if self._connection is None else self._connection.transport
        if transport is not None:
            self._blocked = asyncio.ensure_future(transport.ready())
        await asyncio.sleep(0)  # its first step: done unless the broker has said connection.blocked
        if not self._is_blocked:
            self._lose("the broker does not answer")

    def _forget_blocked(self) -> None:
        if self._blocked is not None:
            self._blocked.cancel()
            self._blocked = None

    async def _set_up_publishing(self, connection: AbstractConnection, lose: Callable[[str], None]) -> None:
        self._exchange = None
        self._forget_blocked()
        # By default a returned message would look like a confirmed one.
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        channel.close_callbacks.add(lambda _, cause: self._lost_publishing(lose, f"the channel was closed: {cause}"))
        await declare(channel, self._inbound_queue)
        self._exchange = await channel.get_exchange(EVENTS, ensure=False)
        self._connection = connection
        self._lose = lambda reason: self._lost_publishing(lose, reason)
        if self._publishing.connects:
            self.counters.reconnects += 1

    def _lost_publishing(self, lose: Callable[[str], None], reason: str) -> None:
        self._forget_blocked()
        lose(reason)

    async def _set_up_consuming(self, connection: AbstractConnection, lose: Callable[[str], None]) -> None:
        for intake in self._intakes:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            channel.close_callbacks.add(lambda _, cause: lose(f"the channel was closed: {cause}"))
            await declare(channel, self._inbound_queue)
            await intake.subscribe(channel, lose)
        if self._consuming.connects:
            self.counters.reconnects += 1


def _outcomes_to(record: RecordOutcome) -> Record:
    async def take(message: AbstractIncomingMessage) -> None:
        try:
            outcome = read_outcome(message.body, message.content_type)
        except MalformedOutcome as malformed:
            raise Unusable(str(malformed)) from malformed
        await record(outcome)

    return take


def _outbound_to(record: RecordWanted, bytes_max: int) -> Record:
    turn = asyncio.Lock()  # what takes longer to read must not be overtaken by what the ERP published after it

    async def take(message: AbstractIncomingMessage) -> None:
        # Over the default exchange the routing key is the queue's own name and says nothing.
        key = message.routing_key or ""
        try:
            reading = partial(
                read_wanted,
                message.body,
                message.content_type,
                attributes_of(message.headers),
                partner="" if key == OUTBOUND else key.rpartition(".")[2],
                correlation_id=str(message.correlation_id or ""),
                bytes_max=bytes_max,
            )
            async with turn:
                is_large = len(message.body) > READ_ON_THE_LOOP_BYTES_MAX
                wanted = await asyncio.to_thread(reading) if is_large else reading()
        except MalformedWanted as malformed:
            raise Unusable(str(malformed)) from malformed
        await record(wanted)

    return take


def _unroutable_to(report: ReportUnroutable) -> Record:
    async def take(message: AbstractIncomingMessage) -> None:
        event_id = (message.message_id or "").strip()
        if not event_id:
            raise Unusable(f"published to {EVENTS} without a message_id, so it is no event of the gateway")
        await report(event_id, f"no queue is bound to {EVENTS} for {message.routing_key}")

    return take
