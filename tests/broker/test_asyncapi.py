import dataclasses
import json

import aio_pika
import jsonschema
import pytest

from gateway.broker import asyncapi
from gateway.broker.outcomes import MalformedOutcome, read_outcome
from gateway.broker.topology import DEAD, EVENTS, INBOUND, OUTBOUND, OUTCOMES
from tests.broker.conftest import event_of, next_message

SCHEMAS = {
    "purchase_order": {"type": "object", "properties": {"number": {"type": "string"}}},
    "ship_notice": {"type": "object", "required": ["document_type"]},
}
# Members that AsyncAPI 3.0 and the AMQP binding 0.3.0 allow where we write them.
ROOT = {"asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components"}
CHANNEL = {"address", "title", "description", "parameters", "messages", "bindings"}
OPERATION = {"action", "channel", "messages", "bindings"}
MESSAGE = {"name", "title", "summary", "contentType", "headers", "payload", "correlationId", "bindings"}
EXCHANGE = {"name", "type", "durable", "autoDelete", "vhost"}
QUEUE = {"name", "durable", "exclusive", "autoDelete", "vhost"}
OPERATION_BINDING = {"deliveryMode", "mandatory", "timestamp", "ack", "bindingVersion"}


@pytest.fixture
def described():
    return json.loads(json.dumps(asyncapi(SCHEMAS)))


def resolve(described, reference):
    assert set(reference) == {"$ref"}
    found = described
    for step in reference["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_every_reference_leads_somewhere(described):
    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                resolve(described, node)
            for member in node.values():
                walk(member)
        elif isinstance(node, list):
            for member in node:
                walk(member)

    walk(described)


def test_the_structure_keeps_to_asyncapi_3(described):
    assert described["asyncapi"] == "3.0.0"
    assert set(described) <= ROOT
    assert {"title", "version"} <= set(described["info"])
    for server in described["servers"].values():
        assert "://" not in server["host"]
        assert server["protocol"] in {"amqp", "amqps"}
    for message in described["components"]["messages"].values():
        assert set(message) <= MESSAGE


def test_parameters_are_those_of_the_address_and_only_there(described):
    for channel in described["channels"].values():
        assert set(channel) <= CHANNEL
        named = set(channel.get("parameters", {}))
        assert named == {part[1:-1] for part in channel["address"].split(".") if part.startswith("{")}


def test_bindings_carry_only_members_that_the_amqp_binding_knows(described):
    for channel in described["channels"].values():
        binding = channel["bindings"]["amqp"]
        if binding["is"] == "routingKey":
            assert set(binding) == {"is", "exchange", "bindingVersion"}
            assert set(binding["exchange"]) <= EXCHANGE
        else:
            assert set(binding) == {"is", "queue", "bindingVersion"}
            assert set(binding["queue"]) <= QUEUE
            assert binding["queue"]["name"] == channel["address"]
    for operation in described["operations"].values():
        assert set(operation["bindings"]["amqp"]) <= OPERATION_BINDING


def test_operations_refer_to_messages_within_their_channel(described):
    for operation in described["operations"].values():
        assert set(operation) <= OPERATION
        assert operation["action"] in {"send", "receive"}
        for reference in operation["messages"]:
            assert reference["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")
            assert resolve(described, resolve(described, reference))


def test_each_document_type_has_its_message_and_payload(described):
    assert set(described["channels"]["events"]["messages"]) == set(SCHEMAS)
    for document_type, schema in SCHEMAS.items():
        message = described["components"]["messages"][document_type]
        assert resolve(described, message["payload"]) == schema


@pytest.mark.parametrize(("causation_id", "document_id"), [(None, None), ("EV-0.received", "DOC-1")])
async def test_the_headers_described_are_the_headers_sent(brokers, client, described, causation_id, document_id):
    broker = await brokers()
    event = dataclasses.replace(event_of(1), causation_id=causation_id, document_id=document_id)
    await broker.publish(dataclasses.replace(event, test=causation_id is not None))
    message = await next_message(client, INBOUND)
    schema = described["components"]["schemas"]["cloudEventHeaders"]
    headers = dict(message.headers)
    jsonschema.validate(headers, schema, format_checker=jsonschema.FormatChecker())
    optional = set(schema["properties"]) - set(schema["required"])
    expected = set(schema["properties"]) if causation_id else set(schema["properties"]) - optional
    assert set(headers) == expected
    jsonschema.validate(json.loads(message.body), described["components"]["schemas"]["ship_notice"])
    assert message.headers["cloudEvents_type"] == "b2b.ship_notice.received"


async def test_the_channels_described_exist(brokers, broker_url, described):
    await brokers()
    connection = await aio_pika.connect(broker_url)
    async with connection:
        channel = await connection.channel()
        await channel.get_exchange(EVENTS, ensure=True)
        for queue in (INBOUND, OUTBOUND, OUTCOMES, DEAD):
            assert queue in {channel["address"] for channel in described["channels"].values()}
            await channel.get_queue(queue, ensure=True)


@pytest.mark.parametrize(
    "outcome",
    [
        {"event_id": "E", "status": "posted", "code": "1", "text": "fine"},
        {"event_id": "E", "status": "refused"},
        {"event_id": "", "status": "posted"},
        {"event_id": "E", "status": "maybe"},
        {"event_id": "E", "status": "posted", "code": "x" * 101},
        {"status": "posted"},
    ],
)
def test_the_outcome_described_is_the_outcome_read(described, outcome):
    schema = described["components"]["schemas"]["outcomeDocument"]
    valid = jsonschema.Draft202012Validator(schema).is_valid(outcome)
    try:
        read_outcome(json.dumps(outcome).encode())
    except MalformedOutcome:
        assert not valid
    else:
        assert valid
