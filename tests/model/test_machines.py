"""The tables of states are audited as tables, and by random histories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.delivery import (
    DELIVERY_FINAL_STATES,
    DELIVERY_TRANSITIONS,
    DeliveryEvent,
    DeliveryState,
)
from gateway.model.dispatch import DISPATCH_FINAL_STATES, DISPATCH_TRANSITIONS, DispatchEvent, DispatchState
from gateway.model.machine import IllegalTransition, advance
from gateway.model.message import (
    EVENT_FINAL_STATES,
    EVENT_TRANSITIONS,
    FINAL_STATES,
    LANE_BLOCKING_STATES,
    MESSAGE_TRANSITIONS,
    EventEvent,
    EventState,
    MessageEvent,
    MessageState,
)
from gateway.model.order import (
    ORDER_BEGINNINGS,
    ORDER_EXPECTED,
    ORDER_FINAL_STATES,
    ORDER_OPEN_STATES,
    ORDER_TRANSITIONS,
    OrderEvent,
    OrderState,
    after,
)

MESSAGE = (MESSAGE_TRANSITIONS, MessageState, MessageEvent, MessageState.RECEIVED, FINAL_STATES)
DELIVERY = (DELIVERY_TRANSITIONS, DeliveryState, DeliveryEvent, DeliveryState.QUEUED, DELIVERY_FINAL_STATES)
DISPATCH = (DISPATCH_TRANSITIONS, DispatchState, DispatchEvent, DispatchState.RECEIVED, DISPATCH_FINAL_STATES)
EVENT = (EVENT_TRANSITIONS, EventState, EventEvent, EventState.STAGED, EVENT_FINAL_STATES)
ORDER = (ORDER_TRANSITIONS, OrderState, OrderEvent, OrderState.TRANSMITTED, ORDER_FINAL_STATES)
# What a person may do to something that is over, and an ERP to the number of an order.
BY_A_PERSON = {MessageEvent.REPROCESS, EventEvent.REPLAY, OrderEvent.SEND}

machines = pytest.mark.parametrize(
    ("table", "states", "events", "first", "final"),
    [MESSAGE, EVENT, DELIVERY, DISPATCH, ORDER],
    ids=["message", "event", "delivery", "dispatch", "order"],
)


def reachable(table, first):
    found = {first}
    while more := {after for (before, _), after in table.items() if before in found} - found:
        found |= more
    return found


@machines
def test_every_state_is_reachable_and_every_event_is_of_use(table, states, events, first, final):
    assert reachable(table, first) == set(states)
    assert {event for _, event in table} == set(events)


@machines
def test_only_a_person_moves_what_is_over(table, states, events, first, final):
    for state in states:
        ways_out = {event for before, event in table if before is state}
        if state in final:
            assert ways_out <= BY_A_PERSON
        else:
            assert ways_out - BY_A_PERSON, f"{state} is not over, and nothing of ours moves it"


@machines
def test_every_state_can_still_come_to_an_end(table, states, events, first, final):
    for state in states:
        assert reachable(table, state) & final


@machines
def test_no_transition_leads_to_where_it_began(table, states, events, first, final):
    assert all(before is not after for (before, _), after in table.items())


@pytest.mark.parametrize("table", [MESSAGE_TRANSITIONS, EVENT_TRANSITIONS, DELIVERY_TRANSITIONS, ORDER_TRANSITIONS])
def test_the_tables_cannot_be_changed(table):
    with pytest.raises(TypeError):
        table["a", "b"] = "c"


def test_a_lane_is_blocked_by_whatever_is_not_over():
    assert set(EventState) - EVENT_FINAL_STATES == LANE_BLOCKING_STATES


@given(st.lists(st.sampled_from(MessageEvent)))
def test_random_histories_of_a_message_move_or_are_refused(history):
    follow(MESSAGE_TRANSITIONS, MessageState.RECEIVED, history)


@given(st.lists(st.sampled_from(EventEvent)))
def test_random_histories_of_an_event_move_or_are_refused(history):
    follow(EVENT_TRANSITIONS, EventState.STAGED, history)


def follow(table, state, history):
    for event in history:
        if (state, event) in table:
            state = advance(table, state, event)
            assert state in type(state)
        else:
            with pytest.raises(
                IllegalTransition, match=f"{state.name} has no transition for .*{event.name}"
            ) as refused:
                advance(table, state, event)
            assert (refused.value.state, refused.value.event) == (state, event)


@given(st.lists(st.sampled_from(DeliveryEvent)))
def test_random_histories_of_a_delivery_move_or_are_refused(history):
    follow(DELIVERY_TRANSITIONS, DeliveryState.QUEUED, history)


def test_a_receipt_that_is_good_is_taken_in_every_state_that_is_not_over():
    after = {state for state in DeliveryState if (state, DeliveryEvent.CONFIRM) in DELIVERY_TRANSITIONS}
    assert after == set(DeliveryState) - DELIVERY_FINAL_STATES - {DeliveryState.REFUSED}


@given(st.lists(st.sampled_from(OrderEvent), min_size=1))
def test_random_histories_of_an_order_never_fail_and_what_has_shipped_is_never_only_acknowledged(history):
    state = next((ORDER_BEGINNINGS[event] for event in history if event in ORDER_BEGINNINGS), None)
    if state is None:
        return
    for event in history:
        before, state = state, after(state, event)
        assert state in OrderState
        if before in {OrderState.PARTIALLY_SHIPPED, OrderState.SHIPPED, OrderState.INVOICED}:
            assert state not in {OrderState.ACKNOWLEDGED, OrderState.REJECTED, OrderState.TRANSMITTED}


def test_whatever_begins_an_order_is_known_and_what_is_open_says_what_comes_next():
    assert set(OrderEvent) - set(ORDER_BEGINNINGS) == {OrderEvent.DELIVER, OrderEvent.CLOSE}
    assert set(ORDER_EXPECTED) == ORDER_OPEN_STATES
    assert not ORDER_OPEN_STATES & ORDER_FINAL_STATES
