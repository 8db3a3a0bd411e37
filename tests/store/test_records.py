"""What is written down beside the messages: cases, numbers, outcomes, audit, tokens, log, profiles."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.model.events import Outcome
from gateway.store.database import StoreFault
from gateway.store.events import event_log, outbox, outcomes
from gateway.store.messages import acknowledgments, documents
from gateway.store.messages.acknowledgments import KEPT, StoredAcknowledgment
from gateway.store.oversight import audit, cases, operators, timeline
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.store.oversight.operators import Role
from gateway.store.partners import control_numbers, profiles
from gateway.store.partners.control_numbers import CONTROL_NUMBER_MAX, Gap
from gateway.store.webhooks import log
from gateway.store.webhooks.log import CALLS_SHOWN_MAX
from tests.store.stock import message_id

SCOPE = "ISA|BIGCORP|ACME|P"


def test_control_numbers_ascend_from_one_in_each_scope(stock):
    assert [stock.do(control_numbers.allocate, SCOPE) for _ in range(3)] == [1, 2, 3]
    assert stock.do(control_numbers.allocate, "another scope") == 1


def test_after_the_last_number_comes_the_first(stock):
    stock.do(control_numbers.allocate, SCOPE)
    assert stock.do(control_numbers.jump_ahead, CONTROL_NUMBER_MAX - 2, 7) == 1
    assert [stock.do(control_numbers.allocate, SCOPE) for _ in range(2)] == [CONTROL_NUMBER_MAX, 1]


def test_a_jump_leaves_numbers_out_and_goes_over_the_end(stock):
    for _ in range(5):
        stock.do(control_numbers.allocate, SCOPE)
    stock.do(control_numbers.jump_ahead, 1_000, 7)
    assert stock.do(control_numbers.allocate, SCOPE) == 1_006
    stock.do(control_numbers.jump_ahead, CONTROL_NUMBER_MAX - 1, 8)
    assert stock.do(control_numbers.allocate, SCOPE) == 1_006


def test_a_number_is_given_back_when_what_bears_it_is_not_kept(stock):
    def fails(connection):
        control_numbers.allocate(connection, SCOPE)
        raise KeyError("not stored")

    with pytest.raises(KeyError):
        stock.do(fails)
    assert stock.do(control_numbers.allocate, SCOPE) == 1


def test_numbers_allocated_side_by_side_are_all_different(stock):
    with ThreadPoolExecutor(6) as threads:
        given = list(threads.map(lambda _: stock.do(control_numbers.allocate, SCOPE), range(60)))
    assert sorted(given) == list(range(1, 61))


async def test_numbers_through_the_writer_come_in_the_order_of_submission(writer):
    units = [lambda connection: control_numbers.allocate(connection, SCOPE) for _ in range(50)]
    assert await asyncio.gather(*(writer.write(unit) for unit in units)) == list(range(1, 51))


def test_numbers_come_from_a_range_and_begin_anew_behind_its_end(stock):
    def take():
        return stock.do(control_numbers.allocate, SCOPE, least=10, most=12)

    assert [take() for _ in range(5)] == [10, 11, 12, 10, 11]
    # A range that was moved: from its first number on, upwards and downwards.
    assert stock.do(control_numbers.allocate, SCOPE, least=100, most=200) == 100
    assert [take(), take()] == [10, 11]


def test_what_a_restore_leaves_out_is_listed(stock):
    for _ in range(5):
        stock.do(control_numbers.allocate, SCOPE)
    for _ in range(3):
        stock.do(control_numbers.allocate, "GS|OTHER", least=10, most=19)
    assert stock.do(control_numbers.jump_ahead, 8, 77) == 2
    expected = [
        Gap("GS|OTHER", 13, 10, "restored from a backup", 77),  # over the end: 13 to 19 and 10
        Gap(SCOPE, 6, 13, "restored from a backup", 77),
    ]
    assert stock.see(control_numbers.abandoned) == expected
    assert stock.do(control_numbers.allocate, "GS|OTHER", least=10, most=19) == 11
    assert stock.do(control_numbers.allocate, SCOPE) == 14
    given_up = Gap(SCOPE, 14, 14, "the partner never took it", 99)
    stock.do(control_numbers.abandon, given_up)
    stock.do(control_numbers.abandon, given_up)
    assert stock.see(control_numbers.abandoned, "ACME") == [expected[1], given_up]
    assert stock.see(control_numbers.abandoned, "A%E") == []


def test_many_numbers_of_theirs_are_remembered_at_once(stock):
    def remember_all(keys, message, now_ms, window_from_ms):
        return stock.do(control_numbers.remember_all, keys, message, now_ms, window_from_ms=window_from_ms)

    keys = [f"acme|ST|{number}" for number in range(20_000)] + ["a\0b", "\udcff\"'"]
    assert remember_all(keys, "M1", 100, 0) == set()
    assert remember_all(keys, "M1", 150, 50) == set(), "the same message processed again"
    assert remember_all(["acme|ST|7", "acme|ST|new", "a\0b"], "M2", 200, 100) == {"acme|ST|7", "a\0b"}
    assert remember_all(["acme|ST|8", "acme|ST|new"], "M3", 201, 101) == {"acme|ST|new"}, "the window of 8 has passed"
    assert remember_all([], "M4", 202, 0) == set()
    stock.do(control_numbers.forget, "acme|ST|7", "M2")
    assert remember_all(["acme|ST|7"], "M2", 203, 100) == {"acme|ST|7"}, "it was not theirs to forget"
    stock.do(control_numbers.forget, "acme|ST|7", "M1")
    assert remember_all(["acme|ST|7"], "M2", 203, 100) == set()


def test_the_last_number_of_theirs(stock):
    assert stock.do(control_numbers.last_seen, "acme|ZZ", 7, "M1") is None
    assert stock.do(control_numbers.last_seen, "acme|ZZ", 9, "M2") == 7
    stock.do(control_numbers.note_seen, "acme|ZZ", 9, "M2")
    assert stock.do(control_numbers.last_seen, "acme|ZZ", 8, "M3") == 9


def remember(stock, message, now_ms, window_from_ms):
    return stock.do(control_numbers.remember, "acme|ISA|1", message, now_ms, window_from_ms=window_from_ms)


def test_a_number_of_theirs_is_a_repetition_within_the_window_only(stock):
    assert remember(stock, "M1", 100, 0)
    assert remember(stock, "M1", 150, 50), "the same message processed again"
    assert not remember(stock, "M2", 200, 100)
    assert remember(stock, "M2", 201, 101), "its window has passed"
    assert not remember(stock, "M3", 250, 150), "the window began anew"
    assert not remember(stock, "M1", 250, 150)


def a_case(stock, now_ms=1, state=CaseState.OPEN, **fields):
    given = {"partner_id": "acme", "message_id": "M", "reason": "broken"} | fields
    return stock.do(cases.raise_case, CaseKind.PROCESSING, state, now_ms, **given)


def test_a_message_has_one_case_of_a_kind_brought_up_to_date(stock):
    first = a_case(stock, attempts=1)
    assert a_case(stock, 2, CaseState.STOPPED, attempts=2, reason="still broken", detail="line 3") == first
    (case,) = stock.see(cases.find)
    assert (case.state, case.attempts, case.reason, case.detail) == ("stopped", 2, "still broken", "line 3")
    assert (case.opened_at_ms, case.updated_at_ms) == (1, 2)


def test_a_resolved_case_leaves_the_list_and_may_come_back(stock):
    case_id = a_case(stock)
    other = a_case(stock, message_id="N")
    stock.do(cases.resolve, 5, "processed", message_id="M")
    assert [case.id for case in stock.see(cases.find)] == [other]
    assert [case.resolution for case in stock.see(cases.find, state="resolved")] == ["processed"]
    stock.do(cases.resolve, 6, "again", message_id="M")
    assert stock.see(cases.get, case_id).resolution == "processed"
    a_case(stock, 7)
    assert stock.see(cases.get, case_id).state == "open"
    assert [case.id for case in stock.see(cases.find, limit=1)] == [case_id]
    assert stock.see(cases.get, "none") is None


def test_a_case_of_an_event_is_closed_by_its_event(stock):
    for event in ("E1", "E2"):
        a_case(stock, event_id=event)
    stock.do(cases.resolve, 2, "published", event_id="E1")
    assert [case.event_id for case in stock.see(cases.find)] == ["E2"]


def test_an_outcome_is_put_on_the_timeline_once_and_the_last_word_counts(stock):
    (event,) = stock.queued(1, "L")
    refused = Outcome(event, "refused", "E7", "unknown material")
    assert not stock.do(outcomes.record, Outcome("no such event", "posted", "", ""), 1)
    for now_ms in (5, 6):
        assert stock.do(outcomes.record, refused, now_ms)
    assert stock.see(outcomes.of_events, [event, "other"])[event].at_ms == 5
    assert stock.do(outcomes.record, Outcome(event, "posted", "", ""), 7)
    steps = [step for step in stock.see(timeline.of_message, message_id(1)) if step.step.startswith("erp-")]
    assert [(step.step, step.at_ms) for step in steps] == [("erp-refused", 5), ("erp-posted", 7)]
    assert steps[0].detail == {"event_id": event, "code": "E7", "text": "unknown material"}
    assert steps[0].document_id == f"{message_id(1)}-0"
    assert stock.see(outcomes.of_events, [event])[event].status == "posted"


def test_of_a_message_some_documents_are_looked_at(stock):
    (event,) = stock.queued(1, "L")
    message, document = message_id(1), f"{message_id(1)}-0"
    assert stock.see(documents.tally, message) == documents.Tally(1, 1, 0)
    assert stock.see(documents.tally, message_id(2)) == documents.Tally(0, 0, 0)
    assert [held.id for held in stock.see(documents.of_message, message, 1)] == [document]
    assert [held.id for held in stock.see(outbox.of_message, message, [document])] == [event]
    assert stock.see(outbox.of_message, message, []) == []
    stock.do(outcomes.record, Outcome(event, "posted", "", ""), 7)
    everything = stock.see(timeline.of_message, message)
    assert stock.see(timeline.of_message, message, [document]) == everything
    assert stock.see(timeline.of_message, message, []) == [step for step in everything if step.document_id is None]


def test_the_last_calls_of_a_delivery_are_read(stock):
    for number in range(CALLS_SHOWN_MAX + 5):
        for name in ("D1", "D2"):
            stock.do(timeline.note, name, number, "failed", {"status": 500 + number})
    stock.do(timeline.note, "D1", 99, "delivered", {"status": 200})
    found = stock.see(log._calls_of, ["D1", "D2", "D3"])
    last = CALLS_SHOWN_MAX + 4
    assert [call.status for call in found["D1"]] == [200, *range(500 + last, 481 + last, -1)]
    assert [call.status for call in found["D2"]] == list(range(500 + last, 480 + last, -1))
    assert "D3" not in found


def test_outcomes_of_very_many_events_are_found(stock):
    """More than a statement may have parameters, in either database."""
    assert stock.see(outcomes.of_events, [f"event-{number}" for number in range(70_000)]) == {}


def test_the_audit_shows_the_newest_first_and_cuts_what_is_too_long(stock):
    for number in range(3):
        stock.do(audit.record, audit.Act(number, "operator:eve", f"act-{number}", "x" * 999, "::1", {"n": number}))
    found = stock.see(audit.find, limit=2)
    assert [act.action for act in found] == ["act-2", "act-1"]
    assert found[0].detail == {"n": 2}
    assert len(found[0].subject) == audit.SUBJECT_CHARACTERS_MAX
    assert [act.at_ms for act in stock.see(audit.find, action="act-0")] == [0]


def test_tokens_are_known_by_their_digest(stock):
    digest = operators.token_sha256("token")
    stock.do(operators.add, digest, "eve", Role.OPERATOR, 1)
    assert stock.see(operators.find, digest) == operators.Operator("eve", Role.OPERATOR)
    assert stock.see(operators.find, operators.token_sha256("other")) is None
    with pytest.raises(StoreFault):
        stock.do(operators.add, digest, "adam", Role.ADMIN, 1)
    stock.do(operators.touch, digest, 9)
    assert stock.see(operators.all_tokens) == [("eve", "operator", 1, 9)]
    assert [stock.do(operators.remove, "eve") for _ in range(2)] == [1, 0]


def test_the_log_is_read_in_the_order_of_publication(stock):
    one, two = stock.queued(1, "L1", "L2")
    for now_ms, event in enumerate((two, one, two)):
        stock.do(event_log.append, event, now_ms)
    entries = stock.see(event_log.read, 0, 10)
    assert [entry.event.id for entry in entries] == [two, one, two]
    assert [entry.published_at_ms for entry in entries] == [0, 1, 2]
    positions = [entry.position for entry in entries]
    assert positions == sorted(set(positions))
    assert stock.see(event_log.last_position) == positions[-1]
    assert [entry.position for entry in stock.see(event_log.read, positions[0], 1)] == [positions[1]]
    assert stock.see(event_log.read, positions[-1], 10) == []
    assert entries[1].event == stock.see(outbox.load, [one])[0]


def test_positions_become_visible_in_their_order(stock):
    """A reader that saw a position never finds a smaller one later."""
    events = stock.queued(1, *(f"L{number}" for number in range(40)))
    seen = []

    def follow():
        while len(seen) < len(events):
            seen.extend(entry.position for entry in stock.see(event_log.read, seen[-1] if seen else 0, 100))

    with ThreadPoolExecutor(5) as threads:
        reader = threads.submit(follow)
        for appended in [threads.submit(stock.do, event_log.append, event, 1) for event in events]:
            appended.result(60)
        reader.result(60)
    assert len(set(seen)) == len(events)


def test_profiles_are_kept_by_their_content(stock):
    assert stock.do(profiles.keep, "digest", "acme", b"\x00packed", 1)
    assert not stock.do(profiles.keep, "digest", "acme", b"\x00packed", 2)
    assert stock.see(profiles.get, "digest") == b"\x00packed"
    assert stock.see(profiles.get, "other") is None


def test_acknowledgments_are_kept_for_their_message(stock):
    kept = [
        StoredAcknowledgment(f"M-ack-{number}", "M", "acme", "TA1 997", number, KEPT, b"ISA*\xff", 5)
        for number in (2, 1)
    ]
    for acknowledgment in kept:
        stock.do(acknowledgments.keep, acknowledgment)
    assert stock.see(acknowledgments.of_message, "M") == kept[::-1]
    assert stock.see(acknowledgments.of_message, "N") == []
