"""What publishing means, whoever carries it: the call, its two errors, and an event as an AMQP message."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from aio_pika import DeliveryMode, Message
from pamqp.common import FieldValue

from gateway.model.events import CONTENT_TYPE, BusinessEvent

# Returns once the event is durable on the other side.
Publish = Callable[[BusinessEvent], Awaitable[None]]

APP_ID = "partner-gateway"
# CloudEvents has a binding for AMQP 1.0 only; RabbitMQ turns 0-9-1 headers into application-properties, where a
# 1.0 reader looks for this prefix. datacontenttype is the property content_type and no header (CloudEvents AMQP
# binding, 3.1.1).
HEADER_PREFIX = "cloudEvents_"
CONTENT_TYPE_ATTRIBUTE = "datacontenttype"
# Short strings of AMQP 0-9-1 (4.2.5.3): the routing key and the properties.
SHORT_STRING_BYTES_MAX = 255


@dataclass(slots=True)
class BrokerCounters:
    """What happened since the start, for the metrics.

    Attributes:
        published: events confirmed.
        returned: events refused for good.
        failures: publishes that ended in doubt.
        reconnects: connections that stood again after a loss.
        consumed: messages taken in and acknowledged.
        dead_lettered: messages set aside with a reason.
        dead_lettered_from: the same by the queue that they came from.
    """

    published: int = 0
    returned: int = 0
    failures: int = 0
    reconnects: int = 0
    consumed: int = 0
    dead_lettered: int = 0
    dead_lettered_from: dict[tuple[str, ...], float] = field(default_factory=dict)


class BrokerUnavailable(Exception):  # noqa: N818  # says how things stand
    """No confirm: the event may have arrived or not. Keep it, and publish the same event again later."""


class Unroutable(Exception):  # noqa: N818  # says how things stand
    """The broker answered, and will not take this event: no queue wants it, or it cannot be addressed."""


def message_of(event: BusinessEvent) -> Message:
    """The event as a persistent message: CloudEvents attributes as headers, the canonical document as the body.

    Raises:
        Unroutable: its address or one of its ids is longer than AMQP allows, today and on every attempt to come.
    """
    for name, value in (("routing key", event.routing_key), ("id", event.id), ("correlation id", event.correlation_id)):
        if len(value.encode()) > SHORT_STRING_BYTES_MAX:
            raise Unroutable(f"the {name} is longer than the {SHORT_STRING_BYTES_MAX} bytes that AMQP allows")
    return Message(
        event.body,
        headers=headers_of(event),
        content_type=CONTENT_TYPE,
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=event.id,
        correlation_id=event.correlation_id,
        timestamp=datetime.fromisoformat(event.time),
        type=f"{event.document_type}.{event.event}",
        app_id=APP_ID,
    )


def headers_of(event: BusinessEvent) -> dict[str, FieldValue]:
    """``cloudEvents_<attribute>`` for each attribute that the event has."""
    return {HEADER_PREFIX + name: value for name, value in event.attributes().items() if name != CONTENT_TYPE_ATTRIBUTE}
