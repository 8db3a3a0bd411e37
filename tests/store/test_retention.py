"""What goes with age: only what is over, of every kind, in small steps."""

import pytest
from sqlalchemy import func, select

from gateway.model.events import Outcome
from gateway.model.message import MessageEvent
from gateway.model.partner_events import partner_event
from gateway.settings import Retention
from gateway.store import messages, partner_events, retention
from gateway.store.engine.statements import table_of
from gateway.store.events import event_log, outbox, outcomes
from gateway.store.messages import documents
from gateway.store.oversight import audit, timeline
from gateway.store.partners import control_numbers
from gateway.store.tables import EventLogEntry, Message, MessageBody, TransportIdentity
from tests.store.stock import message_id, staged_document

LONG_AGO, NOW = 1_000, 10_000_000


def purge(stock, before_ms=NOW):
    """Every kind to its end, as housekeeping does; {kind: removed}."""
    removed = {}
    for kind in retention.KINDS:
        while count := stock.do(retention.step, kind, before_ms):
            assert count <= 2 * retention.STEP_ROWS_MAX
            removed[kind] = removed.get(kind, 0) + count
    return removed


def rows(stock, model):
    return stock.see(lambda connection: connection.scalar(select(func.count()).select_from(table_of(model))))


def published(stock, number):
    stock.queued(number, f"L{number}", now_ms=LONG_AGO)
    (event,) = stock.claim_events(now_ms=LONG_AGO)
    stock.do(event_log.append, event.id, LONG_AGO)
    stock.confirm(event, LONG_AGO)
    return event


def test_there_is_a_setting_for_each_kind():
    assert set(Retention.model_fields) == set(retention.KINDS)


def test_what_is_over_goes_with_everything_that_speaks_of_it(stock):
    event = published(stock, 1)
    stock.do(outcomes.record, Outcome(event.id, "posted", "", ""), LONG_AGO)
    stock.do(audit.record, audit.Act(LONG_AGO, "command:root", "purge", "", "", {}))
    stock.do(control_numbers.remember, "acme|1", message_id(1), LONG_AGO, window_from_ms=0)
    told = partner_event("acme", "document.accepted", "PO-1", LONG_AGO, {}, cause="a test")
    stock.do(partner_events.record, told)
    stock.do(partner_events.mark_told, [told.id])
    counted = {kind: stock.see(retention.count, kind, NOW) for kind in retention.KINDS}
    assert purge(stock) == counted
    assert stock.see(partner_events.find, "acme") == []
    assert stock.see(messages.get, message_id(1)) is None
    assert stock.see(documents.get, event.document_id) is None
    assert stock.see(timeline.of_message, message_id(1)) == []
    assert rows(stock, MessageBody) == rows(stock, EventLogEntry) == rows(stock, TransportIdentity) == 0
    assert stock.see(audit.find) == []


@pytest.mark.parametrize("before_ms", [0, LONG_AGO])
def test_what_is_younger_stays(stock, before_ms):
    published(stock, LONG_AGO)
    assert purge(stock, before_ms) == {}
    assert stock.see(messages.body, message_id(LONG_AGO), "payload") == b"payload"


def test_what_is_not_over_never_goes(stock):
    stock.accept(1)  # received
    stock.accept(2, partner="parked")
    stock.claim_messages("processing", limit=2)
    stock.stage(staged_document(2, 0), staged_document(2, 1, status="rejected"))
    stock.decide(2, event=MessageEvent.PARK)
    held, done = stock.queued(3, "L3", "L4")
    stock.claim_events()
    stock.do(outbox.hold, held, "unroutable")
    stock.confirm(stock.see(outbox.load, [done])[0], LONG_AGO)
    removed = purge(stock)
    assert set(removed) <= {"duplicates_days"}
    assert rows(stock, Message) == rows(stock, MessageBody) // 2 == 3
    assert len(stock.see(documents.of_message, message_id(2))) == 2
    assert {row.state for row in stock.see(outbox.of_message, message_id(3))} == {"held", "published"}


def test_what_was_dropped_goes_as_well(stock):
    (event,) = stock.queued(1, "L")
    stock.do(outbox.drop, event, LONG_AGO)
    assert stock.state_of(1) == "published"
    assert set(purge(stock)) == {"events_days", "documents_days", "bodies_days", "messages_days", "duplicates_days"}


def test_a_document_stays_as_long_as_its_event(stock):
    event = published(stock, 1)
    assert stock.do(retention.step, "documents_days", NOW) == 0
    assert stock.do(retention.step, "messages_days", NOW) == 0
    assert stock.see(outbox.load, [event.id]) == [event]


def test_large_bodies_go_a_few_at_a_time(stock, monkeypatch):
    for number in (1, 2, 3):
        published(stock, number)
    monkeypatch.setattr(retention, "STEP_BYTES_MAX", len(b"payload") * 2)
    assert [stock.do(retention.step, "bodies_days", NOW) for _ in range(3)] == [2, 1, 0]


def test_every_kind_goes_in_steps(stock, monkeypatch):
    monkeypatch.setattr(retention, "STEP_ROWS_MAX", 1)
    for number in (1, 2):
        published(stock, number)
    for kind in ("events_days", "documents_days", "bodies_days", "messages_days", "duplicates_days"):
        assert [stock.do(retention.step, kind, NOW) for _ in range(3)] == [1, 1, 0]


def test_positions_of_the_event_log_are_never_given_twice(stock):
    published(stock, 1)
    before = stock.see(event_log.last_position)
    purge(stock)
    assert stock.see(event_log.last_position) == 0
    published(stock, 2)
    assert stock.see(event_log.last_position) > before
