"""Received messages: kept once, worked on by one process at a time, decided once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from gateway.model.machine import IllegalTransition
from gateway.model.message import MessageEvent
from gateway.store import messages
from gateway.store.events import outbox
from gateway.store.messages import ClaimLost, TransportIdReused, documents
from gateway.store.messages.staging import PIECE_BYTES
from gateway.store.oversight import timeline
from tests.store.stock import LEASE_MS, message_id, new_message, staged_document


def test_a_message_is_kept_as_it_came(stock):
    acceptance = stock.accept(
        1, wire=(b"wi", b"re"), answer=b"answer", filename="Größe.edi", security='{"signed":true}'
    )
    assert (acceptance.message_id, acceptance.duplicate, acceptance.answer) == (message_id(1), False, b"answer")
    message = stock.see(messages.get, message_id(1))
    assert (message.state, message.attempts, message.revision) == ("received", 0, 1)
    assert (message.filename, message.security, message.payload_bytes) == ("Größe.edi", '{"signed":true}', 7)
    parts = {part: stock.see(messages.body, message_id(1), part) for part in ("payload", "wire", "answer", "other")}
    assert parts == {"payload": b"payload", "wire": b"wire", "answer": b"answer", "other": None}


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 5])
def test_bodies_of_any_size_come_back_byte_by_byte(stock, size):
    payload = (bytes(range(256)) * (size // 256 + 1))[:size]
    stock.accept(1, payload=payload, wire=(payload[::-1],))
    assert stock.see(messages.body, message_id(1), "payload") == payload
    assert stock.see(messages.body, message_id(1), "wire") == payload[::-1]
    assert stock.see(messages.get, message_id(1)).payload_bytes == size


def test_the_same_bytes_under_the_same_id_get_the_stored_answer(stock):
    stock.accept(1, transport_id="t", answer=b"first answer")
    again = stock.accept(2, transport_id="t", answer=b"second answer", received_at_ms=9)
    assert (again.message_id, again.received_at_ms) == (message_id(1), 1)
    assert (again.duplicate, again.answer) == (True, b"first answer")
    assert stock.see(messages.get, message_id(2)) is None
    assert [step.step for step in stock.see(timeline.of_message, message_id(1))] == ["duplicate"]


def test_other_bytes_under_the_same_id_are_refused(stock):
    stock.accept(1, transport_id="t")
    with pytest.raises(TransportIdReused) as reused:
        stock.accept(2, transport_id="t", sha256="other")
    assert reused.value.message_id == message_id(1)
    assert stock.see(messages.get, message_id(2)) is None


@pytest.mark.parametrize("fields", [{"partner": "other"}, {"channel": "as2"}, {"transport_id": None}])
def test_ids_belong_to_a_partner_and_a_channel(stock, fields):
    stock.accept(1, transport_id=fields.get("transport_id", "t"))
    assert not stock.accept(2, **{"transport_id": "t"} | fields).duplicate


async def test_the_same_id_fifty_times_at_once_is_one_message(writer):
    news = [new_message(number, transport_id="t") for number in range(50)]
    acceptances = await asyncio.gather(*(writer.write(partial(messages.accept, new=new)) for new in news))
    assert len({acceptance.message_id for acceptance in acceptances}) == 1
    assert sum(not acceptance.duplicate for acceptance in acceptances) == 1


async def test_the_same_id_through_many_connections_is_one_message(stock, store):
    def accept(number):
        return stock.accept(number, transport_id="t")

    acceptances = await asyncio.gather(*(asyncio.to_thread(accept, number) for number in range(12)))
    assert len({acceptance.message_id for acceptance in acceptances}) == 1
    assert sum(not acceptance.duplicate for acceptance in acceptances) == 1
    assert len(stock.see(messages.find)) == 1


def test_messages_of_a_partner_are_worked_on_by_one_process_in_their_order(stock):
    for number in (3, 1, 2):
        stock.accept(number, partner="acme")
    stock.accept(4, partner="other")
    assert stock.claim_messages("one", limit=2) == [1, 2]
    assert stock.claim_messages("two") == [4]
    assert stock.claim_messages("one", busy_partners=["acme"]) == []
    assert stock.claim_messages("one") == [3]


def test_a_message_is_decided_once_and_by_its_owner(stock):
    stock.accept(1)
    stock.claim_messages("one")
    with pytest.raises(ClaimLost):
        stock.decide(1, owner="two")
    assert stock.decide(1, owner="one", event=MessageEvent.REJECT) == "rejected"
    with pytest.raises(ClaimLost):
        stock.decide(1, owner="one")
    with pytest.raises(IllegalTransition):
        stock.do(messages.finish, "one", message_id(1), MessageEvent.CONFIRM)


def test_an_owner_whose_lease_ran_out_keeps_it_until_somebody_else_takes_it(stock):
    stock.accept(1)
    stock.claim_messages("one", now_ms=0 + 1)
    assert stock.claim_messages("two", now_ms=LEASE_MS) == []
    assert stock.claim_messages("two", now_ms=LEASE_MS + 2) == [1]
    with pytest.raises(ClaimLost):
        stock.decide(1, owner="one")
    assert stock.decide(1, owner="two") == "queued"


def test_a_renewal_leaves_messages_of_a_partner_that_was_taken_over_to_the_other(stock):
    stock.accept(1)
    stock.accept(2)
    assert stock.claim_messages("one", now_ms=10) == [1, 2]
    stock.decide(1, owner="one")
    assert stock.claim_messages("two", now_ms=LEASE_MS + 20, limit=1) == [2]
    stock.do(messages.renew, "one", [message_id(2)], LEASE_MS + 21, 9 * LEASE_MS)
    assert stock.see(messages.get, message_id(2)).claim_owner == "two"
    assert stock.see(messages.get, message_id(2)).next_attempt_at_ms == 2 * LEASE_MS + 20


def test_a_message_given_back_undecided_is_due_and_remembers_that_it_was_tried(stock):
    stock.accept(1)
    stock.claim_messages("one")
    stock.do(messages.unclaim, "two", message_id(1), 5)
    assert stock.state_of(1) == "processing", "only its owner gives it back"
    stock.do(messages.unclaim, "one", message_id(1), 5)
    message = stock.see(messages.get, message_id(1))
    assert (message.state, message.attempts, message.claim_owner, message.was_tried) == ("received", 0, None, True)
    assert stock.claim_messages("one", now_ms=5) == [1]


def test_a_decision_keeps_what_it_does_not_say(stock):
    stock.accept(1)
    stock.claim_messages("one")
    stock.do(
        messages.finish,
        "one",
        message_id(1),
        MessageEvent.PARK,
        reason="broken",
        syntax="x12",
        report={"a": 1},
        acknowledged=True,
        next_attempt_at_ms=50,
    )
    assert stock.claim_messages("one", now_ms=49) == []
    assert stock.claim_messages("one", now_ms=50) == [1]
    stock.do(messages.finish, "one", message_id(1), MessageEvent.ACCEPT)
    message = stock.see(messages.get, message_id(1))
    assert (message.syntax, message.report, message.acknowledged) == ("x12", '{"a":1}', True)
    assert (message.reason, message.next_attempt_at_ms) == ("", None)


def test_a_parked_message_is_retried_when_somebody_asks(stock):
    stock.accept(1)
    assert not stock.do(messages.retry, message_id(1), 5)
    stock.claim_messages("one")
    stock.decide(1, owner="one", event=MessageEvent.PARK)
    assert stock.claim_messages("one", now_ms=10**12) == [], "at its limit it waits for a person"
    assert stock.do(messages.retry, message_id(1), 5)
    assert stock.claim_messages("one", now_ms=5) == [1]


@pytest.mark.parametrize(("event", "revision"), [(MessageEvent.REJECT, 2), (MessageEvent.PARK, 2)])
def test_reprocessing_makes_the_next_revision_of_what_was_decided(stock, event, revision):
    stock.accept(1)
    with pytest.raises(IllegalTransition):
        stock.do(messages.reprocess, message_id(1), 5, "operator:eve")
    stock.claim_messages("one")
    with pytest.raises(IllegalTransition):
        stock.do(messages.reprocess, message_id(1), 5, "operator:eve")
    stock.decide(1, owner="one", event=event)
    message = stock.do(messages.reprocess, message_id(1), 5, "operator:eve")
    assert (message.state, message.revision, message.attempts) == ("received", revision, 0)
    assert stock.claim_messages("one", now_ms=5) == [1]
    assert stock.do(messages.reprocess, "no such message", 5, "x") is None


def test_a_new_revision_has_events_of_its_own(stock):
    stock.queued(1, "L")
    (first,) = stock.claim_events()
    stock.confirm(first)
    stock.do(messages.reprocess, message_id(1), 5, "operator:eve")
    assert stock.claim_messages("processing", now_ms=5) == [1]
    stock.stage(staged_document(1, 0, lane="L", revision=2))
    stock.decide(1, revision=2)
    (second,) = stock.claim_events(now_ms=9)
    assert (second.revision, second.sequence) == (2, 2)
    assert second.id != first.id
    assert [document.revision for document in stock.see(documents.of_message, message_id(1))] == [1, 2]
    assert [row.state for row in stock.see(outbox.of_message, message_id(1))] == ["published", "ready"]


def test_finding_goes_on_from_where_it_stopped(stock):
    for number in range(1, 6):
        stock.accept(number, partner="acme" if number % 2 else "other")
    first = stock.see(messages.find, limit=2)
    assert [int(message.id) for message in first] == [5, 4]
    assert [int(message.id) for message in stock.see(messages.find, before=first[-1].id)] == [3, 2, 1]
    assert [int(message.id) for message in stock.see(messages.find, partner_id="acme")] == [5, 3, 1]
    assert stock.see(messages.find, state="parked") == []


def test_open_messages_are_counted_by_state(stock):
    stock.accept(1)
    stock.accept(2, partner="other")
    stock.claim_messages("one", limit=1)
    counted = dict(stock.see(lambda connection: list(messages.counts(connection))))
    assert counted == {"received": 1, "processing": 1, "queued": 0, "parked": 0, "held": 0}


def test_two_processes_claiming_at_once_share_partners_and_never_messages(stock, store_url):
    for number in range(1, 61):
        stock.accept(number, partner=f"p{number % 6}")
    with ThreadPoolExecutor(4) as threads:
        claims = [threads.submit(stock.claim_messages, f"owner-{n}", limit=20) for n in range(8)]
        claimed = [number for claim in claims for number in claim.result(60)]
    assert len(claimed) == len(set(claimed))
    owners = {}
    for number in claimed:
        message = stock.see(messages.get, message_id(number))
        owners.setdefault(message.partner_id, set()).add(message.claim_owner)
    assert all(len(partner_owners) == 1 for partner_owners in owners.values())
