"""Whether a delivery limit is in force. AMQP cannot read policies: a message is refused until something happens."""

import asyncio
from typing import Final

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from pamqp.common import FieldTable

from gateway.broker.topology import PROBE_INFIX, QUORUM

# Above any limit in use; a message refused more often than this has none.
DELIVERIES_MAX: Final = 200
QUEUE_EXPIRES_MS: Final = 60_000  # should we die in between


async def is_delivery_limited(channel: AbstractChannel, queue: str, chance: str) -> bool:
    """Whether quorum queues named like `queue` give up a message that is refused again and again.

    The policies of `gateway.broker.topology.definitions` also match the probe's name; so does RabbitMQ's own limit from
    4.0 on. The probe is a queue of its own and touches nobody's messages.

    Args:
        channel: an open channel, used for nothing else.
        queue: such as ``erp.inbound``.
        chance: hexadecimal digits that make the probe's name unique.
    """
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    grave = await channel.declare_queue(exclusive=True)
    arguments: FieldTable = {
        **QUORUM,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": grave.name,
        # Not the at-least-once of the policy: RabbitMQ grants that to durable targets only.
        "x-dead-letter-strategy": "at-most-once",
        "x-expires": QUEUE_EXPIRES_MS,
    }
    probe = await channel.declare_queue(f"{queue}{PROBE_INFIX}{chance}", durable=True, arguments=arguments)
    refused = 0

    async def refuse(message: AbstractIncomingMessage) -> None:
        nonlocal refused
        refused += 1
        if refused <= DELIVERIES_MAX:
            # reject and not nack: from RabbitMQ 4.3 on only a reject counts against the limit.
            await message.reject(requeue=True)
        elif not answer.done():
            answer.set_result(False)

    async def bury(message: AbstractIncomingMessage) -> None:
        await message.ack()
        if not answer.done():
            answer.set_result(True)

    await grave.consume(bury)
    await probe.consume(refuse)
    try:
        await channel.default_exchange.publish(Message(b"", delivery_mode=DeliveryMode.PERSISTENT), probe.name)
        return await answer
    finally:
        await probe.delete(if_unused=False, if_empty=False)
        await grave.delete(if_unused=False, if_empty=False)
