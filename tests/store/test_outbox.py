"""The outbox: one event a lane under way, in the order of the lane, each event at least once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.model.machine import IllegalTransition
from gateway.store import messages
from gateway.store.database import Database
from gateway.store.events import outbox
from gateway.store.messages import documents
from gateway.store.oversight import cases
from gateway.store.oversight.cases import CaseKind, CaseState
from tests.store.stock import LEASE_MS, message_id, staged_document


def test_the_first_event_of_each_lane_is_due_with_its_body_and_sequence(stock):
    first, second, other = stock.queued(1, "L1", "L1", "L2")
    claimed = stock.claim_events()
    assert [(event.id, event.lane, event.sequence, event.body) for event in claimed] == [
        (first, "L1", 1, b"{}"),
        (other, "L2", 1, b"{}"),
    ]
    assert stock.claimed_ids() == []
    stock.confirm(claimed[0])
    assert stock.claimed_ids() == [second]


def test_staged_and_held_events_block_their_lane_and_nobody_else(stock):
    stock.accept(1)
    stock.stage(staged_document(1, 0, lane="L1"))
    (behind, other) = stock.queued(2, "L1", "L2")
    claimed = stock.claim_events()
    assert [event.id for event in claimed] == [other], "what is staged is invisible and comes first"
    stock.confirm(claimed[0])
    stock.claim_messages("processing")
    stock.decide(1)
    (staged,) = stock.claim_events()
    assert staged.document_id == f"{message_id(1)}-0"
    stock.do(outbox.hold, staged.id, "no queue wants it")
    assert stock.claimed_ids() == []
    assert stock.do(outbox.drop, staged.id, 1)
    assert stock.claimed_ids() == [behind]


def test_an_event_goes_again_when_its_lease_ran_out(stock):
    (event,) = stock.queued(1, "L")
    assert stock.claimed_ids("one", now_ms=0) == [event]
    assert stock.claimed_ids("two", now_ms=LEASE_MS - 1) == []
    assert stock.claimed_ids("two", now_ms=LEASE_MS) == [event]
    assert stock.see(outbox.get, event).attempts == 2


def test_a_deferred_event_waits_and_its_lane_with_it(stock):
    first, _second = stock.queued(1, "L", "L")
    assert stock.claimed_ids() == [first]
    stock.do(outbox.defer, first, 500, "broker away")
    assert stock.claimed_ids(now_ms=499) == []
    assert stock.see(outbox.get, first).last_error == "broker away"
    assert stock.claimed_ids(now_ms=500) == [first]


def test_a_message_is_published_with_its_last_confirm_and_only_then(stock):
    stock.queued(1, "L1", "L2", "L2")
    one, two = stock.claim_events()
    stock.confirm(one, 5)
    stock.confirm(one, 6)
    stock.confirm(two, 7)
    assert stock.state_of(1) == "queued"
    (three,) = stock.claim_events(now_ms=8)
    stock.confirm(three, 9)
    assert stock.state_of(1) == "published"
    assert stock.see(outbox.get, one.id).published_at_ms == 5, "a second confirm changes nothing"


def test_a_replay_publishes_the_same_event_again(stock):
    stock.queued(1, "L")
    (event,) = stock.claim_events()
    stock.confirm(event)
    assert stock.do(outbox.replay, event.id, 10)
    (again,) = stock.claim_events(now_ms=10)
    assert again == event
    with pytest.raises(IllegalTransition):
        stock.do(outbox.replay, event.id, 11)
    stock.confirm(again, 12)
    assert stock.state_of(1) == "published"
    assert not stock.do(outbox.replay, "no such event", 13)


def test_a_replay_waits_while_a_later_event_of_its_lane_is_under_way(stock):
    first, second = stock.queued(1, "L", "L")
    (one,) = stock.claim_events()
    stock.confirm(one)
    (two,) = stock.claim_events()
    stock.do(outbox.replay, first, 0)
    assert stock.claimed_ids() == []
    stock.confirm(two)
    assert stock.claimed_ids() == [first]
    assert two.id == second


def test_a_replay_closes_the_case_of_a_held_event(stock):
    (event,) = stock.queued(1, "L")
    stock.claim_events()
    stock.do(outbox.hold, event, "unroutable")
    case = stock.do(
        cases.raise_case,
        CaseKind.UNROUTABLE,
        CaseState.STOPPED,
        1,
        partner_id="acme",
        message_id=message_id(1),
        event_id=event,
        reason="no queue",
    )
    stock.do(outbox.replay, event, 2)
    assert stock.see(cases.get, case).state == "resolved"


def test_a_confirm_after_failures_closes_the_case_that_told_of_them(stock):
    (event,) = stock.queued(1, "L")
    stock.claim_events()
    stock.do(outbox.defer, event, 1, "broker away")
    case = stock.do(
        cases.raise_case,
        CaseKind.PUBLISHING,
        CaseState.OPEN,
        1,
        partner_id="acme",
        message_id=message_id(1),
        event_id=event,
        reason="could not be published",
    )
    (claimed,) = stock.claim_events(now_ms=2)
    stock.confirm(claimed, 3)
    assert stock.see(cases.get, case).state == "resolved"


def test_what_a_person_gives_up_lets_its_message_end(stock):
    (event,) = stock.queued(1, "L")
    stock.claim_events()
    stock.do(outbox.hold, event, "unroutable")
    assert stock.do(outbox.drop, event, 1)
    assert (stock.event_state(event), stock.state_of(1)) == ("dropped", "published")
    with pytest.raises(IllegalTransition):
        stock.do(outbox.drop, event, 2)
    assert not stock.do(outbox.drop, "no such event", 2)


def test_claims_given_back_are_due_at_once(stock):
    one, two = stock.queued(1, "L1", "L2")
    assert stock.claimed_ids("one", limit=1) == [one]
    assert stock.claimed_ids("two") == [two]
    stock.do(outbox.release_claims, "one", 1)
    assert stock.claimed_ids("three", now_ms=1) == [one]
    stock.do(outbox.release_claims, None, 2)
    assert sorted(stock.claimed_ids("four", now_ms=2)) == sorted([one, two])


def test_staging_again_keeps_the_position_in_the_lane(stock):
    stock.accept(1)
    stock.stage(staged_document(1, 0, lane="L", body=b"first"))
    stock.accept(2, partner="other")
    stock.stage(staged_document(2, 0, lane="L"))
    stock.stage(staged_document(1, 0, lane="L", body=b"second"), staged_document(1, 1, lane="L"))
    sequences = {row.id: row.sequence for number in (1, 2) for row in stock.see(outbox.of_message, message_id(number))}
    assert list(sequences.values()) == [1, 3, 2]
    assert stock.see(documents.get, f"{message_id(1)}-0").body == b"second"


def test_what_an_earlier_attempt_staged_and_this_one_rejects_is_not_published(stock):
    stock.accept(1)
    stock.claim_messages("processing")
    stock.stage(*(staged_document(1, ordinal, lane=f"L{ordinal}") for ordinal in range(4)))
    stock.stage(staged_document(1, 0, lane="L0"), staged_document(1, 1, status="rejected"))
    stock.do(documents.drop_staged_after, message_id(1), 1, 3)
    stock.decide(1)
    assert [event.document_id[-1] for event in stock.claim_events()] == ["0", "2"]


def test_a_decision_refuses_runs_of_documents(stock):
    stock.accept(1)
    stock.claim_messages("processing")
    stock.stage(*(staged_document(1, ordinal, lane=f"L{ordinal}") for ordinal in range(5)))
    assert stock.do(documents.refuse, message_id(1), 1, [(0, 1), (4, 70_000)]) == 3
    assert stock.do(documents.refuse, message_id(1), 1, [(0, 1)]) == 0
    assert stock.do(documents.refuse, message_id(1), 2, [(0, 70_000)]) == 0
    assert stock.do(documents.release, message_id(1), 1, 0) == 2
    states = [row.state for row in stock.see(outbox.of_message, message_id(1))]
    assert states == ["dropped", "dropped", "ready", "ready", "dropped"]


def test_texts_that_a_database_cannot_hold_are_kept_visibly(stock):
    stock.accept(1, filename="a\0b\udcff.edi", transport_id="t\0\udcff")
    assert stock.see(messages.get, message_id(1)).filename == "a\\x00b\\udcff.edi"
    again = stock.accept(2, transport_id="t\0\udcff")
    assert (again.duplicate, again.message_id) == (True, message_id(1))
    staged = staged_document(1, 0, lane="L\0")
    stock.stage(staged)
    assert stock.see(outbox.get, staged.event.id).lane == "L\\x00"


def test_backlog_and_load(stock):
    assert stock.see(outbox.backlog) == (0, None)
    one, two = stock.queued(1, "L", "L", now_ms=7)
    assert stock.see(outbox.backlog) == (2, 7)
    assert [event.id for event in stock.see(outbox.load, [two, one])] == [one, two]


def test_two_processes_never_get_the_same_event(stock, store_url):
    lanes = [f"L{number % 40}" for number in range(120)]
    events = stock.queued(1, *lanes)
    seen, lock = [], threading.Lock()

    def relay(owner):
        database = Database(store_url)
        try:
            while True:
                claimed = database.write_now(
                    lambda connection: outbox.claim(connection, owner, 0, lease_ms=LEASE_MS, limit=7)
                )
                with lock:
                    seen.extend(event.id for event in claimed)
                    done = len(seen) >= len(events)
                for event in claimed:
                    database.write_now(lambda connection, event=event: outbox.confirm(connection, event, 1))
                if done:
                    return
        finally:
            database.close()

    with ThreadPoolExecutor(3) as threads:
        for ended in [threads.submit(relay, f"relay-{number}") for number in range(3)]:
            ended.result(60)
    assert sorted(seen) == sorted(events)
    assert stock.state_of(1) == "published", "confirms side by side still see which one is the last"
    for lane in set(lanes):
        mine = [event for event in seen if lanes[events.index(event)] == lane]
        assert mine == [event for event in events if lanes[events.index(event)] == lane]


def test_the_last_two_confirms_side_by_side_publish_the_message(stock, store_url):
    if store_url.startswith("sqlite"):
        store_url = None  # its one writing transaction at a time makes the second wait by itself
    stock.queued(1, "L1", "L2")
    one, two = stock.claim_events()
    if store_url is None:
        stock.confirm(one)
        stock.confirm(two)
    else:
        first, second = Database(store_url), Database(store_url)
        confirmed = threading.Event()
        with first.engine.connect() as connection, connection.begin() as begun, ThreadPoolExecutor(1) as thread:
            outbox.confirm(connection, one, 1)

            def confirm_two(other):
                confirmed.set()
                outbox.confirm(other, two, 1)

            waiting = thread.submit(second.write_now, confirm_two)
            assert confirmed.wait(30)
            begun.commit()
            waiting.result(30)
        first.close()
        second.close()
    assert stock.state_of(1) == "published"
