"""The machine of webhook subscriptions, and the schedule of calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.machine import IllegalTransition, advance
from gateway.model.webhook import (
    RETRY_AFTER_S,
    WEBHOOK_FINAL_STATES,
    WEBHOOK_TRANSITIONS,
    WebhookChange,
    WebhookState,
    profile_subscription_id,
    retry_after_ms,
)


def reachable(state):
    found, left = set(), [state]
    while left:
        at = left.pop()
        for (before, _), after in WEBHOOK_TRANSITIONS.items():
            if before is at and after not in found:
                found.add(after)
                left.append(after)
    return found


def test_every_state_is_reached_and_only_a_deleted_subscription_has_no_way_out():
    assert reachable(WebhookState.ACTIVE) == set(WebhookState)
    ends = {state for state in WebhookState if not any(before is state for before, _ in WEBHOOK_TRANSITIONS)}
    assert ends == WEBHOOK_FINAL_STATES


def test_no_change_leads_to_where_it_began():
    assert all(before is not after for (before, _), after in WEBHOOK_TRANSITIONS.items())


def test_whatever_stopped_can_be_told_again():
    for state in set(WebhookState) - WEBHOOK_FINAL_STATES:
        assert WebhookState.ACTIVE in reachable(state) | {state}


@given(st.lists(st.sampled_from(WebhookChange)))
def test_random_histories_move_or_are_refused(history):
    state = WebhookState.ACTIVE
    for event in history:
        if (state, event) in WEBHOOK_TRANSITIONS:
            state = advance(WEBHOOK_TRANSITIONS, state, event)
        else:
            with pytest.raises(IllegalTransition):
                advance(WEBHOOK_TRANSITIONS, state, event)


@given(st.integers(1, 1_000), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_to_a_day_and_are_spread(attempts, chance):
    least = RETRY_AFTER_S[min(attempts, len(RETRY_AFTER_S)) - 1] * 1_000
    assert least <= retry_after_ms(attempts, chance) <= 1.2 * least
    assert retry_after_ms(attempts, 0) <= retry_after_ms(attempts + 1, 0)


def test_the_schedule_is_that_of_standard_webhooks():
    assert RETRY_AFTER_S == (5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600)


def test_a_subscription_of_a_profile_has_one_id_wherever_it_is_reckoned():
    assert profile_subscription_id("acme", "orders") == profile_subscription_id("acme", "orders")
    assert len({profile_subscription_id(*names) for names in (("acme", "a"), ("acme", "b"), ("b", "a"))}) == 3
