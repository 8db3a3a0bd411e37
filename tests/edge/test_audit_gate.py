import pytest

from gateway.edge.audit_gate import AUDIT_ENTRIES_PER_WINDOW, AUDIT_SOURCES_MAX, AUDIT_WINDOW_MS, AuditGate
from gateway.model.refusals import Reason
from gateway.store.engine.statements import storable


def test_the_audit_takes_so_many_of_a_kind_a_minute_and_counts_the_others():
    now = [0]
    gate = AuditGate(None, None, lambda: now[0])
    taken = [gate.admit("192.0.2.1", Reason.UNAUTHENTICATED) for _ in range(AUDIT_ENTRIES_PER_WINDOW + 5)]
    assert taken == [0] * AUDIT_ENTRIES_PER_WINDOW + [None] * 5
    assert gate.admit("192.0.2.2", Reason.UNAUTHENTICATED) == 0
    assert gate.admit("192.0.2.1", Reason.FORBIDDEN) == 0
    now[0] += AUDIT_WINDOW_MS
    assert gate.admit("192.0.2.1", Reason.UNAUTHENTICATED) == 5
    for number in range(AUDIT_SOURCES_MAX + 10):
        gate.admit(str(number), Reason.UNAUTHENTICATED)
    assert len(gate._windows) == AUDIT_SOURCES_MAX


@pytest.mark.parametrize(("text", "kept"), [("a", "a"), ("\udcff", "\\udcff"), ("a\x00b", "a\\x00b"), ("ä", "ä")])
def test_whatever_came_can_be_stored(text, kept):
    assert storable(text) == kept
