"""What tests of the store put into it: messages with documents and events, by short names."""

from gateway.model.events import BusinessEvent
from gateway.model.message import MessageEvent
from gateway.store import messages
from gateway.store.database import Database
from gateway.store.events import outbox
from gateway.store.messages import NewMessage, documents
from gateway.store.messages.documents import StagedDocument, StoredDocument

LEASE_MS = 1_000


def message_id(number):
    return f"{number:026d}"


def new_message(number, *, partner="acme", payload=b"payload", **fields):
    return NewMessage(
        **{
            "id": message_id(number),
            "partner_id": partner,
            "profile_digest": "digest",
            "identity": "",
            "channel": "rest",
            "transport_id": f"t-{number}",
            "remote": "192.0.2.1",
            "received_at_ms": number,
            "sha256": "sha",
            "payload": payload,
            "payload_sha256": "sha",
            "wire": (),
            "answer": b"kept",
            "content_type": "text/plain",
            "filename": "",
            "security": "{}",
        }
        | fields
    )


def staged_document(number, ordinal=0, *, lane="acme/PO", revision=1, status="accepted", body=b"{}", created_at_ms=0):
    carried = status != "rejected"
    key = f"{message_id(number)}-{ordinal}" + (f"-r{revision}" if revision > 1 else "")
    document = StoredDocument(
        id=key,
        message_id=message_id(number),
        partner_id="acme",
        revision=revision,
        ordinal=ordinal,
        document_type="invoice",
        number=str(ordinal),
        purchase_order_number="PO",
        status=status,
        location="{}",
        findings="[]",
        findings_omitted=0,
        schema_version="1.0",
        body=body if carried else None,
        created_at_ms=created_at_ms,
    )
    event = BusinessEvent(
        id=f"{key}.received",
        partner="acme",
        document_type="invoice",
        event="received",
        subject=str(ordinal),
        source="/gateway",
        time="2026-03-01T09:30:00.000Z",
        lane=lane,
        sequence=0,
        correlation_id=message_id(number),
        causation_id=None,
        revision=revision,
        message_id=message_id(number),
        document_id=key,
        schema_version="1.0",
        body=body,
    )
    return StagedDocument(document, event if carried else None)


class Stock:
    """Each act in a transaction of its own."""

    def __init__(self, store: Database) -> None:
        self.store = store

    def do(self, function, *arguments, **named):
        return self.store.write_now(lambda connection: function(connection, *arguments, **named))

    def see(self, function, *arguments, **named):
        return self.store.read_now(lambda connection: function(connection, *arguments, **named))

    def accept(self, number, **fields):
        return self.do(messages.accept, new_message(number, **fields))

    def claim_messages(self, owner="one", now_ms=1_000, limit=100, busy_partners=()):
        claimed = self.do(messages.claim, owner, now_ms, lease_ms=LEASE_MS, limit=limit, busy_partners=busy_partners)
        return [int(message.id) for message in claimed]

    def stage(self, *staged, now_ms=0):
        self.do(documents.stage, staged, now_ms)

    def queued(self, number, *lanes, now_ms=0):
        """A message whose documents, one for each lane, wait for the broker; returns the event ids."""
        self.accept(number, partner=f"partner-{number}")
        self.do(messages.claim, "processing", number, lease_ms=LEASE_MS, limit=100)
        staged = [staged_document(number, ordinal, lane=lane) for ordinal, lane in enumerate(lanes)]
        self.stage(*staged, now_ms=now_ms)
        self.decide(number, now_ms=now_ms)
        return [item.event.id for item in staged]

    def decide(self, number, *, now_ms=0, event=MessageEvent.ACCEPT, revision=1, owner="processing"):
        def unit(connection):
            documents.release(connection, message_id(number), revision, now_ms)
            return messages.finish(connection, owner, message_id(number), event)

        return self.store.write_now(unit)

    def claim_events(self, owner="one", now_ms=0, limit=100):
        return self.do(outbox.claim, owner, now_ms, lease_ms=LEASE_MS, limit=limit)

    def claimed_ids(self, owner="one", now_ms=0, limit=100):
        return [event.id for event in self.claim_events(owner, now_ms, limit)]

    def confirm(self, event, now_ms=0):
        self.do(outbox.confirm, event, now_ms)

    def state_of(self, number):
        return self.see(messages.get, message_id(number)).state

    def event_state(self, event_id):
        return self.see(outbox.get, event_id).state
