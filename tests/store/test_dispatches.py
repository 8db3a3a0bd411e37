"""Dispatches: recorded once, settled once, gone with age when they are over."""

import json

import pytest

from gateway.model.dispatch import DispatchEvent, DispatchState
from gateway.model.machine import IllegalTransition
from gateway.store import retention
from gateway.store.deliveries import dispatches
from gateway.store.deliveries.dispatches import Found, NewDispatch, SourceIdReused
from gateway.store.oversight import timeline

NEW = NewDispatch("D1", "acme", "document", "erp", 1_000, "a" * 64, 3, source="/erp", source_id="1")


def new(number, **changes):
    fields = {name: getattr(NEW, name) for name in NewDispatch.__dataclass_fields__}
    return NewDispatch(**(fields | {"id": f"D{number}", "source_id": str(number)} | changes))


def do(store, act, *arguments, **named):
    return store.write_now(lambda connection: act(connection, *arguments, **named))


def settled(store, number, event, **changes):
    one = new(number, **changes)
    do(store, dispatches.record, one)
    do(store, dispatches.keep_body, one.id, b"abc")
    do(store, timeline.note, one.id, 1_000, "wanted", {})
    do(store, dispatches.settle, one.id, event, reason="why", found=Found("invoice", "I-1"))
    return one.id


def test_one_is_recorded_once_for_each_source_and_id(store):
    assert do(store, dispatches.record, new(1)) is None
    for again in (new(1), new(2, source_id="1")):
        known = do(store, dispatches.record, again)
        assert (known.id, known.state) == ("D1", "received")
    for other in ({"sha256": "b" * 64}, {"partner_id": "globex"}, {"kind": "file"}):
        with pytest.raises(SourceIdReused, match="D1"):
            do(store, dispatches.record, new(3, source_id="1", **other))
    for number in (4, 5):
        assert do(store, dispatches.record, new(number, source=None, source_id=None)) is None
    # Texts that no database holds as they are, still tell one from another.
    assert do(store, dispatches.record, new(6, source_id="\x00")) is None
    assert do(store, dispatches.record, new(7, source_id="\x00")).id == "D6"


def test_it_is_settled_once(store):
    one = settled(store, 1, DispatchEvent.REFUSE)
    stored = do(store, dispatches.get, one)
    assert (stored.state, stored.reason, stored.document_type, json.loads(stored.findings)) == (
        "refused",
        "why",
        "invoice",
        [],
    )
    with pytest.raises(IllegalTransition):
        do(store, dispatches.settle, one, DispatchEvent.ACCEPT)
    with pytest.raises(IllegalTransition):
        do(store, dispatches.settle, "nobody", DispatchEvent.ACCEPT)
    assert do(store, dispatches.retry, one)
    assert not do(store, dispatches.retry, one)
    assert do(store, dispatches.due, 10) == [one]
    # What a person decides takes nothing away of what is known.
    assert do(store, dispatches.get, one).reason == "why"
    assert do(store, dispatches.abandon, one)
    assert not do(store, dispatches.abandon, one)
    assert do(store, dispatches.due, 10) == []


def test_lists_are_narrowed_and_go_on(store):
    for number in range(1, 6):
        settled(store, number, DispatchEvent.REFUSE, partner_id="acme" if number % 2 else "globex")
    assert [one.id for one in do(store, dispatches.find, partner_id="acme")] == ["D5", "D3", "D1"]
    assert [one.id for one in do(store, dispatches.find, before="D3", limit=1)] == ["D2"]
    assert do(store, dispatches.find, states=[DispatchState.ACCEPTED.value]) == []


@pytest.mark.parametrize(
    ("event", "person", "goes"),
    [
        (DispatchEvent.ACCEPT, None, True),  # its delivery is gone
        (DispatchEvent.REFUSE, None, False),
        (DispatchEvent.REFUSE, dispatches.abandon, True),
        (DispatchEvent.REFUSE, dispatches.retry, False),
    ],
)
def test_what_is_over_goes_with_age(store, event, person, goes):
    one = settled(store, 1, event)
    if person is not None:
        do(store, person, one)
    for kind in ("bodies_days", "messages_days"):
        assert do(store, retention.step, kind, 1_000) == 0
        assert do(store, retention.count, kind, 2_000) == do(store, retention.step, kind, 2_000) == goes
    assert (do(store, dispatches.get, one) is None) == goes
    assert (do(store, dispatches.body, one) is None) == goes
    assert (do(store, timeline.of_message, one) == []) == goes
