"""The channels between gateway and ERP as an AsyncAPI 3.0 document, for the ERP team and its tools."""

from collections.abc import Mapping
from typing import Final

from gateway.broker.outbound import CHARACTERS_MAX as ATTRIBUTE_CHARACTERS_MAX
from gateway.broker.outcomes import CHARACTERS_MAX, STATUSES
from gateway.broker.publishing import HEADER_PREFIX
from gateway.broker.topology import DEAD, EVENTS, INBOUND, OUTBOUND, OUTCOMES, TEST
from gateway.model.events import CONTENT_TYPE, DATA_SCHEMA_PREFIX, TEST_PREFIX
from translators.documents import DOCUMENTS

ASYNCAPI_VERSION: Final = "3.0.0"
BINDING_VERSION: Final = "0.3.0"

_HEADERS: Final[Mapping[str, Mapping[str, object]]] = {
    "specversion": {"type": "string", "const": "1.0"},
    "id": {"type": "string", "description": "event id, also the AMQP message_id; drop what you have seen"},
    "source": {"type": "string", "format": "uri-reference", "description": "which gateway and partner speaks"},
    "type": {"type": "string", "description": "b2b.<document_type>.<event>"},
    "subject": {"type": "string", "description": "number of the document"},
    "time": {"type": "string", "format": "date-time", "description": "when the message was received"},
    "dataschema": {"type": "string", "format": "uri", "description": f"{DATA_SCHEMA_PREFIX}:<document_type>:<version>"},
    "partner": {"type": "string", "description": "partner id"},
    "documentid": {
        "type": "string",
        "description": "key of the document at the gateway; a notice has none",
    },
    "correlationid": {
        "type": "string",
        "description": "the received message that carried the document, or what a notice is about",
    },
    "partitionkey": {"type": "string", "description": "order is kept among events with the same value"},
    "sequence": {"type": "string", "pattern": "^[0-9]{20}$", "description": "ascends within the partition key"},
    "revision": {
        "type": "integer",
        "minimum": 1,
        "description": "one more each time the message is processed again",
    },
    "causationid": {"type": "string", "description": "the event that this one supersedes, when processed again"},
    "test": {
        "type": "boolean",
        "const": True,
        "description": "a test: by its usage indicator (ISA15 T), or since its partner is in testing; absent otherwise",
    },
}
_OUTBOUND_HEADERS: Final[Mapping[str, str]] = {
    "id": "yours; a repetition of the same id and content changes nothing, the same id for other content is set aside",
    "source": "who of you speaks, a URI reference such as /erp/sap; ids are unique within it",
    "partner": "to whom: partner id; or as the last word of the routing key",
    "correlationid": "what you call it; the property correlation_id does as well",
    "identity": "which identity of ours speaks, by its name, where several agreements could be meant",
}
OUTBOUND_REQUIRED: Final = ("id", "source")
OPTIONAL_HEADERS: Final = frozenset(HEADER_PREFIX + name for name in ("causationid", "documentid", "test"))


def asyncapi(schemas: Mapping[str, Mapping[str, object]], *, version: str = "1.0.0") -> dict[str, object]:
    """The description, seen from the gateway: it sends events, and receives outcomes and documents.

    Args:
        schemas: JSON Schema of each canonical document, and of each notice of the gateway itself, by its type.
        version: of the description.
    """
    messages = {document_type: _event_message(document_type) for document_type in schemas}
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "Partner gateway events",
            "version": version,
            "description": (
                "Documents of trading partners as canonical JSON, at least once, in order within a partition key. "
                "Drop an event whose id you have processed; a causationid names the event that this one supersedes."
            ),
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "broker": {"host": "rabbitmq:5672", "protocol": "amqp", "protocolVersion": "0.9.1"},
            "brokerTls": {"host": "rabbitmq:5671", "protocol": "amqps", "protocolVersion": "0.9.1"},
        },
        "channels": {
            "events": _events_channel(messages),
            "testEvents": _events_channel(messages, prefix=TEST_PREFIX),
            "erpInbound": _queue_channel(
                INBOUND, f"Every event of {EVENTS} but those of partners in testing; the default for an ERP.", messages
            ),
            "erpTest": _queue_channel(
                TEST, "Every event of partners in testing (header test), and no other.", messages
            ),
            "erpOutbound": _queue_channel(
                OUTBOUND,
                "What is to be sent to partners: recorded, and kept for delivery, before it is acknowledged. Published "
                "to the default exchange, or over one of yours. One gateway consumes at a time, so order is kept.",
                ["wanted"],
            ),
            "erpOutcomes": _queue_channel(OUTCOMES, "What the ERP made of an event.", ["outcome"]),
            "dead": _queue_channel(
                DEAD,
                f"What {INBOUND} gave up after its delivery limit (headers x-death), and what the gateway could not "
                "read (header gateway_reason).",
                [*messages, "outcome", "wanted"],
            ),
        },
        "operations": {
            "publishEvent": _publishing("events", messages),
            "publishTestEvent": _publishing("testEvents", messages),
            "receiveDocument": {
                "action": "receive",
                "channel": {"$ref": "#/channels/erpOutbound"},
                "messages": [{"$ref": "#/channels/erpOutbound/messages/wanted"}],
                "bindings": {"amqp": {"ack": True, "bindingVersion": BINDING_VERSION}},
            },
            "receiveOutcome": {
                "action": "receive",
                "channel": {"$ref": "#/channels/erpOutcomes"},
                "messages": [{"$ref": "#/channels/erpOutcomes/messages/outcome"}],
                "bindings": {"amqp": {"ack": True, "bindingVersion": BINDING_VERSION}},
            },
        },
        "components": {
            "messages": messages | {"outcome": _outcome_message(), "wanted": _wanted_message(schemas)},
            "schemas": {name: dict(schema) for name, schema in schemas.items()}
            | {
                "cloudEventHeaders": _headers_schema(),
                "outboundHeaders": _outbound_headers_schema(),
                "outcomeDocument": _outcome_schema(),
            },
        },
    }


def _publishing(channel: str, messages: Mapping[str, object]) -> dict[str, object]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
        "bindings": {
            "amqp": {"deliveryMode": 2, "mandatory": True, "timestamp": True, "bindingVersion": BINDING_VERSION}
        },
    }


def _events_channel(messages: Mapping[str, object], *, prefix: str = "") -> dict[str, object]:
    whose = (
        "Events of partners in testing: a queue that is bound to # gets them, too, one that is bound to *.*.* does not."
        if prefix
        else "Bind a queue of your own to the routing keys that you want; *.*.* is every event of live partners."
    )
    return {
        "address": f"{prefix}{{document_type}}.{{event}}.{{partner}}",
        "description": f"Topic exchange {EVENTS}. {whose}",
        "parameters": {
            "document_type": {"description": "canonical document type, or kind of notice", "enum": list(messages)},
            "event": {"description": "what happened to it", "examples": ["received", "expiring"]},
            "partner": {"description": "partner id; for a notice about ourselves the name of our identity"},
        },
        "messages": _message_references(messages),
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EVENTS, "type": "topic", "durable": True, "autoDelete": False},
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _queue_channel(queue: str, description: str, messages: Mapping[str, object] | list[str]) -> dict[str, object]:
    return {
        "address": queue,
        "description": f"Quorum queue. {description}",
        "messages": _message_references(messages),
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {"name": queue, "durable": True, "exclusive": False, "autoDelete": False},
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _message_references(messages: Mapping[str, object] | list[str]) -> dict[str, object]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in messages}


def _event_message(document_type: str) -> dict[str, object]:
    return {
        "name": document_type,
        "title": document_type.replace("_", " ").capitalize(),
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/cloudEventHeaders"},
        "payload": {"$ref": f"#/components/schemas/{document_type}"},
        "correlationId": {"location": f"$message.header#/{HEADER_PREFIX}correlationid"},
    }


def _outcome_message() -> dict[str, object]:
    return {
        "name": "outcome",
        "title": "Outcome",
        "summary": "Plain JSON, or a CloudEvent whose data is this document. May be repeated.",
        "contentType": CONTENT_TYPE,
        "payload": {"$ref": "#/components/schemas/outcomeDocument"},
    }


def _wanted_message(schemas: Mapping[str, object]) -> dict[str, object]:
    documents = [{"$ref": f"#/components/schemas/{name}"} for name in schemas if name in DOCUMENTS]
    return {
        "name": "wanted",
        "title": "Document to be sent",
        "summary": (
            "A canonical document as JSON (or XML), or a list of documents that go as one interchange, in a binary "
            "CloudEvent; or a structured one (application/cloudevents+json) whose data is the document."
        ),
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/outboundHeaders"},
        "payload": {"anyOf": [*documents, {"type": "array", "items": {"anyOf": documents}}]},
        "correlationId": {"location": f"$message.header#/{HEADER_PREFIX}correlationid"},
    }


def _outbound_headers_schema() -> dict[str, object]:
    return {
        "type": "object",
        "required": [HEADER_PREFIX + name for name in OUTBOUND_REQUIRED],
        "properties": {
            HEADER_PREFIX + name: {
                "type": "string",
                "minLength": 1,
                "maxLength": ATTRIBUTE_CHARACTERS_MAX[name],
                "description": description,
            }
            for name, description in _OUTBOUND_HEADERS.items()
        },
    }


def _headers_schema() -> dict[str, object]:
    properties = {HEADER_PREFIX + name: dict(schema) for name, schema in _HEADERS.items()}
    return {
        "type": "object",
        "required": [name for name in properties if name not in OPTIONAL_HEADERS],
        "properties": properties,
    }


def _outcome_schema() -> dict[str, object]:
    return {
        "type": "object",
        "required": ["event_id", "status"],
        "properties": {
            "event_id": {"type": "string", "minLength": 1, "maxLength": CHARACTERS_MAX["event_id"]},
            "status": {"type": "string", "enum": list(STATUSES)},
            "code": {"type": "string", "maxLength": CHARACTERS_MAX["code"]},
            "text": {"type": "string", "maxLength": CHARACTERS_MAX["text"]},
        },
    }
