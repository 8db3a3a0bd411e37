"""Exchanges, queues and policies: declared by every gateway that connects, the policies imported by the operator.

b2b.events (topic) --*.*.*--> erp.inbound --dead letters--> b2b.dead
    |- test.# --> erp.test, events of partners in testing --dead letters--> b2b.dead
    '- no queue wants it -> b2b.unroutable, read by the gateway --dead letters--> b2b.dead
erp.outcomes, erp.outbound, read by the gateway --dead letters--> b2b.dead
"""

from collections.abc import Mapping
from typing import Final

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel
from pamqp.common import FieldTable

from gateway.model.events import TEST_PREFIX

EVENTS: Final = "b2b.events"
UNROUTABLE: Final = "b2b.unroutable"
DEAD: Final = "b2b.dead"
INBOUND: Final = "erp.inbound"
TEST: Final = "erp.test"
OUTCOMES: Final = "erp.outcomes"
OUTBOUND: Final = "erp.outbound"

# Three words, <document_type>.<event>.<partner>, none with a dot in it; those of partners in testing have a fourth.
LIVE_KEYS: Final = "*.*.*"
TEST_KEYS: Final = f"{TEST_PREFIX}#"
# What erp.inbound was bound to before there were tests.
_EVERY_KEY: Final = "#"

# A message that was delivered so often and never acknowledged makes its consumer fail; it goes to b2b.dead.
DELIVERY_LIMIT: Final = 20
# The policy of a queue also holds for the probes that look whether it is in force.
PROBE_INFIX: Final = ".probe."
POLICY_PRIORITY: Final = 10

QUORUM: Final[FieldTable] = {"x-queue-type": "quorum"}
# An argument and not only a policy: a broker without our policies must still not drop what is rejected.
_DEAD_LETTERED: Final[FieldTable] = QUORUM | {"x-dead-letter-exchange": DEAD}
# Documents of one order go in the order in which the ERP published them, however many gateways consume.
_IN_ORDER: Final[FieldTable] = _DEAD_LETTERED | {"x-single-active-consumer": True}


async def declare(channel: AbstractChannel, inbound_queue: str | None = INBOUND) -> None:
    """Declare everything; harmless when it is there already.

    Args:
        channel: an open channel.
        inbound_queue: the queue that gets every event of live partners; None where the ERP team binds its own.
    """
    await _sink(channel, DEAD, QUORUM)
    await _sink(channel, UNROUTABLE, _DEAD_LETTERED)
    # With an alternate exchange, a mandatory message is returned only when that one leads nowhere either.
    await channel.declare_exchange(
        EVENTS, ExchangeType.TOPIC, durable=True, arguments={"alternate-exchange": UNROUTABLE}
    )
    if inbound_queue is not None:
        inbound = await channel.declare_queue(inbound_queue, durable=True, arguments=dict(_DEAD_LETTERED))
        await inbound.bind(EVENTS, LIVE_KEYS)
        await inbound.unbind(EVENTS, _EVERY_KEY)
    test = await channel.declare_queue(TEST, durable=True, arguments=dict(_DEAD_LETTERED))
    await test.bind(EVENTS, TEST_KEYS)
    await channel.declare_queue(OUTCOMES, durable=True, arguments=dict(_DEAD_LETTERED))
    await channel.declare_queue(OUTBOUND, durable=True, arguments=dict(_IN_ORDER))


async def _sink(channel: AbstractChannel, name: str, arguments: FieldTable) -> None:
    """A fanout exchange with one quorum queue of the same name."""
    await channel.declare_exchange(name, ExchangeType.FANOUT, durable=True)
    queue = await channel.declare_queue(name, durable=True, arguments=dict(arguments))
    await queue.bind(name)


def definitions(
    vhost: str = "/", *, inbound_queue: str = INBOUND, delivery_limit: int = DELIVERY_LIMIT
) -> dict[str, object]:
    """The policies as ``rabbitmqctl import_definitions`` reads them.

    Policies and not queue arguments: they can be changed while the queues are in use, and the delivery limit of a
    quorum queue has no default before RabbitMQ 4.0.
    """
    # Nothing may get lost between a queue and its dead letters: at-least-once, which RabbitMQ grants only together
    # with reject-publish.
    consumed = {
        "delivery-limit": delivery_limit,
        "dead-letter-strategy": "at-least-once",
        "overflow": "reject-publish",
    }
    return {
        "policies": [
            _policy(vhost, "partner-gateway-inbound", inbound_queue, consumed),
            _policy(vhost, "partner-gateway-test", TEST, consumed),
            _policy(vhost, "partner-gateway-outcomes", OUTCOMES, consumed),
            _policy(vhost, "partner-gateway-outbound", OUTBOUND, consumed),
            _policy(vhost, "partner-gateway-unroutable", UNROUTABLE, consumed),
        ]
    }


def _policy(vhost: str, name: str, queue: str, definition: Mapping[str, object]) -> dict[str, object]:
    return {
        "vhost": vhost,
        "name": name,
        "pattern": f"^{_literal(queue)}({_literal(PROBE_INFIX)}[0-9a-f]+)?$",
        "apply-to": "queues",
        "priority": POLICY_PRIORITY,
        "definition": dict(definition),
    }


def _literal(name: str) -> str:
    """The name as a regular expression; names of queues have no other special characters."""
    return name.replace(".", "[.]")
