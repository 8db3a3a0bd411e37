"""A business event: a canonical document or a notice on its way to the ERP, the same bytes on every attempt."""

from dataclasses import dataclass

# The body of an event names its schema by this prefix and the document type.
DATA_SCHEMA_PREFIX = "urn:partner-gateway:schema"
CONTENT_TYPE = "application/json"
TEST_PREFIX = "test."


@dataclass(frozen=True, slots=True)
class BusinessEvent:
    """What is published: CloudEvents 1.0 attributes and the canonical document as the body.

    Attributes:
        id: the event id; a replay publishes the same id, a reprocessing a new one.
        partner: partner id, the last word of the routing key.
        document_type: such as ``ship_notice``, the first word of the routing key.
        event: what happened, such as ``received``, the middle word of the routing key.
        subject: the number of the document.
        source: who speaks, such as ``/gateway/bigcorp``.
        time: RFC 3339 instant at which the message was received; part of the event, so the same on each attempt.
        lane: order is kept within a lane only.
        sequence: position in the lane, ascending.
        correlation_id: the message that carried the document; a notice's message or delivery, else its own id.
        causation_id: the event that this one supersedes, when a message was processed again.
        revision: 1, and one more for each reprocessing.
        message_id: key of the received message; empty for a notice that is about none.
        document_id: key of the document; None for a notice.
        body: canonical document, or the notice; JSON.
        test: whether it is a test, by its usage indicator (ISA15) or since its partner is in testing.
        from_testing: whether its partner is in testing; such an event goes where no consumer of live ones sees it.
    """

    id: str
    partner: str
    document_type: str
    event: str
    subject: str
    source: str
    time: str
    lane: str
    sequence: int
    correlation_id: str
    causation_id: str | None
    revision: int
    message_id: str
    document_id: str | None
    schema_version: str
    body: bytes
    test: bool = False
    from_testing: bool = False

    @property
    def routing_key(self) -> str:
        """``<document_type>.<event>.<partner>``, the topic that consumers bind to; ``test.`` leads for who is testing.

        None of the three holds a dot, so a key of four words is one of a partner in testing.
        """
        key = f"{self.document_type}.{self.event}.{self.partner}"
        return f"{TEST_PREFIX}{key}" if self.from_testing else key

    def attributes(self) -> dict[str, str | int | bool]:
        """The CloudEvents attributes by their names; absent ones are left out."""
        attributes: dict[str, str | int | bool] = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": f"b2b.{self.document_type}.{self.event}",
            "subject": self.subject,
            "time": self.time,
            "datacontenttype": CONTENT_TYPE,
            "dataschema": f"{DATA_SCHEMA_PREFIX}:{self.document_type}:{self.schema_version}",
            "partner": self.partner,
            "correlationid": self.correlation_id,
            "partitionkey": self.lane,
            # CloudEvents sequence extension: a string that sorts, hence the leading zeros.
            "sequence": f"{self.sequence:020d}",
            "revision": self.revision,
        }
        if self.document_id is not None:
            attributes["documentid"] = self.document_id
        if self.causation_id is not None:
            attributes["causationid"] = self.causation_id
        if self.test:
            attributes["test"] = True
        return attributes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the ERP made of an event: ``posted`` or ``refused``, with its own code and text."""

    event_id: str
    status: str
    code: str
    text: str
