"""The table of exchanged certificates: everything reachable, nothing final, random histories move or are refused."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.certificate_exchange import CERTIFICATE_TRANSITIONS, CertificateEvent, CertificateState
from gateway.model.machine import IllegalTransition, advance


def test_every_state_is_reached_and_left():
    reached = {CertificateState.PENDING}
    while (more := reached | {to for (since, _), to in CERTIFICATE_TRANSITIONS.items() if since in reached}) != reached:
        reached = more
    assert reached == set(CertificateState)
    assert {since for since, _ in CERTIFICATE_TRANSITIONS} == set(CertificateState)


@given(st.lists(st.sampled_from(CertificateEvent)))
def test_a_certificate_is_in_force_exactly_when_its_last_decision_was_to_accept(events):
    state, last = CertificateState.PENDING, None
    for event in events:
        try:
            state = advance(CERTIFICATE_TRANSITIONS, state, event)
        except IllegalTransition:
            assert event is last  # the same decision twice
            continue
        last = event
    assert (state is CertificateState.ACCEPTED) is (last is CertificateEvent.ACCEPT)
