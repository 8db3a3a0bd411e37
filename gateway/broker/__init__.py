"""The way to the ERP: events out with the broker's confirm, outcomes in; or an embedded log with the same face.

    RabbitBroker --- Link (publishing) ----> b2b.events ---> erp.inbound
         |  '------- Link (consuming)  <---- erp.outcomes, b2b.unroutable
    EmbeddedLog ---- append to the store

Two errors say what to do with an event that was not confirmed:

    BrokerUnavailable   in doubt: it may have arrived. Keep the row, publish the same event again.
    Unroutable          refused for good: no queue takes it. Hold it for a person.
"""

from gateway.broker.asyncapi import asyncapi
from gateway.broker.embedded import EmbeddedLog
from gateway.broker.publishing import BrokerCounters, BrokerUnavailable, Publish, Unroutable
from gateway.broker.rabbitmq import RabbitBroker, RecordOutcome, ReportUnroutable
from gateway.broker.topology import definitions

__all__ = [
    "BrokerCounters",
    "BrokerUnavailable",
    "EmbeddedLog",
    "Publish",
    "RabbitBroker",
    "RecordOutcome",
    "ReportUnroutable",
    "Unroutable",
    "asyncapi",
    "definitions",
]
