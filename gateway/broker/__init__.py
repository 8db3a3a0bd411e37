"""The way to the ERP: events out with the broker's confirm, outcomes and documents in; or an embedded log like it.

    RabbitBroker --- Link (publishing) ----> b2b.events ---> erp.inbound, erp.test
         |  '------- Link (consuming)  <---- erp.outcomes, erp.outbound, b2b.unroutable
    EmbeddedLog ---- append to the store

Two errors say what to do with an event that was not confirmed:

    BrokerUnavailable   in doubt: it may have arrived. Keep the row, publish the same event again.
    Unroutable          refused for good: no queue takes it. Hold it for a person.
"""

from gateway.broker.asyncapi import asyncapi
from gateway.broker.consuming import Unusable
from gateway.broker.embedded import EmbeddedLog
from gateway.broker.outbound import MalformedWanted, Wanted
from gateway.broker.publishing import BrokerCounters, BrokerUnavailable, Publish, Unroutable
from gateway.broker.rabbitmq import RabbitBroker, RecordOutcome, RecordWanted, ReportUnroutable
from gateway.broker.topology import definitions

__all__ = [
    "BrokerCounters",
    "BrokerUnavailable",
    "EmbeddedLog",
    "MalformedWanted",
    "Publish",
    "RabbitBroker",
    "RecordOutcome",
    "RecordWanted",
    "ReportUnroutable",
    "Unroutable",
    "Unusable",
    "Wanted",
    "asyncapi",
    "definitions",
]
