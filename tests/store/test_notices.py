"""Events that carry a body of their own: announced once, published in their order, and gone with age."""

import orjson
import pytest

from gateway.model.events import Outcome
from gateway.model.notices import NOTICES, Notice
from gateway.store import retention
from gateway.store.events import event_log, outbox, outcomes
from gateway.store.oversight import timeline
from tests.store.stock import message_id


def notice(key="certificate.expiring:acme:30", **fields):
    fixed = {
        "document_type": "certificate",
        "event": "expiring",
        "partner_id": "acme",
        "subject": "CN=acme",
        "body": {"days_ahead": 30},
    }
    return Notice(key, **(fixed | fields))


def test_it_travels_with_its_own_body(stock):
    event_id = stock.do(outbox.announce, notice(), 1_000)
    (event,) = stock.claim_events(now_ms=1_000)
    assert (event.id, event.routing_key, event.document_id) == (event_id, "certificate.expiring.acme", None)
    assert orjson.loads(event.body) == {"document_type": "certificate", "schema_version": "1.0", "days_ahead": 30}
    attributes = event.attributes()
    assert "documentid" not in attributes
    assert attributes["correlationid"] == event_id
    assert all(attributes.values())
    stock.do(event_log.append, event.id, 1_000)
    (entry,) = stock.see(event_log.read, after=0, limit=10)
    assert entry.event.body == event.body
    stock.confirm(event, 1_001)
    assert stock.event_state(event_id) == "published"


def test_the_same_key_is_announced_once(stock):
    assert stock.do(outbox.announce, notice(), 1) is not None
    assert stock.do(outbox.announce, notice(), 2) is None
    assert stock.do(outbox.announce, notice("certificate.expiring:acme:14"), 3) is not None
    assert [event.sequence for event in stock.claim_events(now_ms=3)] == [1]


def test_it_goes_beside_documents_and_neither_takes_the_others_body(stock):
    (document,) = stock.queued(1, "acme/PO")
    announced = stock.do(outbox.announce, notice(message_id=message_id(1)), 0)
    events = {event.id: event for event in stock.claim_events()}
    assert set(events) == {document, announced}
    assert events[document].body == b"{}"
    stock.confirm(events[announced])
    assert stock.state_of(1) == "queued", "a notice about a message does not publish it"
    stock.confirm(events[document])
    assert stock.state_of(1) == "published"


@pytest.mark.parametrize("about", ["", message_id(1)])
def test_what_the_erp_makes_of_it_goes_on_the_timeline_of_what_it_is_about(stock, about):
    event_id = stock.do(outbox.announce, notice(message_id=about), 0)
    assert stock.do(outcomes.record, Outcome(event_id, "posted", "", ""), 1)
    assert [step.step for step in stock.see(timeline.of_message, about)] == (["erp-posted"] if about else [])


def test_it_can_be_given_up_and_goes_with_age(stock):
    held, sent = (stock.do(outbox.announce, notice(key, partner_id=key), 1_000) for key in ("a", "b"))
    for event in stock.claim_events(now_ms=1_000):
        if event.id == sent:
            stock.confirm(event, 1_000)
    assert stock.do(outbox.drop, held, 1_000)
    assert stock.do(retention.step, "events_days", 10_000) == 2
    assert stock.see(outbox.get, sent) is None


def test_every_notice_names_its_type_and_version():
    for name, schema in NOTICES.items():
        assert schema["properties"]["document_type"] == {"const": name}
        assert {"document_type", "schema_version"} <= set(schema["required"])
