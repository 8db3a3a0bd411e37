"""Orders in the store: one statement takes the table of states one step, whatever is there."""

import itertools
import threading
from datetime import date
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gateway.model.order import ORDER_BEGINNINGS, ORDER_OPEN_STATES, OrderEvent, OrderState, after
from gateway.store import orders, partner_events
from gateway.store.orders import Belonging, Place

E = OrderEvent
numbers = itertools.count(1)


def note(store, event, number="PO", *, partner="acme", document="", now_ms=1_000, tells=False, lines=0, **more):
    item = Belonging(document or f"DOC-{next(numbers)}", number, partner, event, lines)

    def unit(connection):
        orders.belongs(connection, item)
        orders.note(connection, item, now_ms, tells=tells, **more)

    store.write_now(unit)


def get(store, number="PO", partner="acme"):
    return store.read_now(partial(orders.get, partner_id=partner, number=number))


def state(store, number="PO"):
    found = get(store, number)
    return found and found.state


def events(store, partner="acme"):
    found = store.read_now(partial(partner_events.find, partner_id=partner))
    return [event.subject for event in found][::-1]


def find(store, partner="acme", **more):
    return [order.number for order in store.read_now(partial(orders.find, partner_id=partner, **more))]


def test_the_life_of_an_order(store):
    note(store, E.SEND, document="D1", ordered_on=date(2026, 3, 1), lines=2, now_ms=1)
    order = get(store)
    assert (order.state, order.is_open, order.dispatch_id, order.ordered_on) == (
        "transmitted",
        True,
        "D1",
        "2026-03-01",
    )
    store.write_now(partial(orders.note_delivered, dispatch_id="D1", now_ms=2))
    assert (get(store).state, get(store).changed_at_ms) == ("received", 2)
    note(store, E.ACCEPT, now_ms=3)
    note(store, E.ACCEPT, now_ms=4)
    assert (get(store).state, get(store).changed_at_ms) == ("acknowledged", 3)
    note(store, E.SHIP, lines=1)
    assert state(store) == "partially_shipped"
    note(store, E.INVOICE)
    assert state(store) == "partially_shipped"
    note(store, E.SHIP, lines=1)
    assert state(store) == "shipped"
    note(store, E.INVOICE)
    assert (state(store), find(store)) == ("invoiced", [])
    note(store, E.CLOSE)
    assert state(store) == "closed"
    # The number is used again; what was shipped under it before does not count any more.
    note(store, E.SEND, document="D2", lines=2)
    note(store, E.SHIP, lines=1)
    assert (get(store).dispatch_id, state(store)) == ("D2", "partially_shipped")


def test_an_answer_before_its_order_stays_an_answer(store):
    note(store, E.ACCEPT_WITH_CHANGES)
    assert (state(store), get(store).dispatch_id) == ("acknowledged_with_changes", None)
    note(store, E.SEND, document="D1")
    assert (state(store), get(store).dispatch_id) == ("acknowledged_with_changes", "D1")
    note(store, E.SEND, document="D2")
    assert (state(store), get(store).dispatch_id) == ("transmitted", "D2")


def test_only_the_last_that_was_sent_makes_an_order_received_by_its_delivery(store):
    note(store, E.SEND, document="D1")
    note(store, E.CHANGE, document="D2", lines=1)
    store.write_now(partial(orders.note_delivered, dispatch_id="D1", now_ms=2))
    assert state(store) == "transmitted"
    store.write_now(partial(orders.note_delivered, dispatch_id="D2", now_ms=3))
    assert (state(store), get(store).dispatch_id, get(store).sent_id) == ("received", "D1", "D2")
    store.write_now(partial(orders.note_delivered, dispatch_id="never was", now_ms=3))


def test_what_only_ends_something_begins_nothing(store):
    note(store, E.CLOSE)
    note(store, None)
    assert get(store) is None


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(st.tuples(st.sampled_from(OrderEvent), st.booleans()), min_size=1, max_size=12))
def test_random_histories_go_by_the_table(store, history):
    number = f"PO-{next(numbers)}"
    expected, has_order, sent = None, False, ""
    for event, tells in history:
        document = f"D-{next(numbers)}"
        if event is E.DELIVER:
            store.write_now(partial(orders.note_delivered, dispatch_id=sent, now_ms=5))
        else:
            note(store, event, number, document=document, tells=tells)
        if expected is None:
            expected = ORDER_BEGINNINGS.get(event)
        elif not (event is E.SEND and not has_order) and not (event is E.DELIVER and not sent):
            expected = after(expected, event)
        has_order |= event is E.SEND
        sent = document if event in {E.SEND, E.CHANGE, E.CANCEL} else sent
        found = get(store, number)
        assert (found and found.state) == (expected and expected.value)
        assert found is None or found.is_open == (OrderState(found.state) in ORDER_OPEN_STATES)


def test_a_change_is_told_once_and_only_to_who_listens(store):
    note(store, E.SEND, "A", document="D1")
    note(store, E.SEND, "B", document="D2", tells=True)
    store.write_now(partial(orders.note_delivered, dispatch_id="D1", now_ms=2))
    store.write_now(partial(orders.note_delivered, dispatch_id="D2", now_ms=2))
    note(store, E.ACCEPT, "B", tells=True)
    note(store, E.ACCEPT, "B", tells=True)
    note(store, E.INVOICE, "B")
    assert events(store) == ["B", "B", "B"]


def test_numbers_may_hold_anything_and_partners_are_apart(store):
    odd = [
        "a/b",
        "100 %",
        "..",
        " ",
        "Bestellung ü",
        "'; DROP TABLE purchase_order; --",
        "\U0001f4e6",
        "x" * 200,
        "a\0b",
    ]
    for number in odd:
        note(store, E.SEND, number)
        note(store, E.ACCEPT, number, partner="globex")
    assert [state(store, number) for number in odd] == ["transmitted"] * len(odd)
    assert get(store, "a/b", "globex").state == "acknowledged"
    assert get(store, "a/b", "other") is None
    assert len(find(store)) == len(odd)


def test_pages_go_on_where_the_one_before_ended(store):
    for number in range(25):
        note(store, E.SEND, f"PO-{number:02d}", now_ms=1_000 + number // 3)
        note(store, E.SEND, f"OTHER-{number}", partner="globex")
    for number in range(0, 25, 5):
        note(store, E.INVOICE, f"PO-{number:02d}", now_ms=1_000 + number // 3)
    seen, before = [], None
    while page := store.read_now(partial(orders.find, partner_id="acme", before=before, limit=4)):
        seen += [order.number for order in page]
        before = Place(page[-1].changed_at_ms, page[-1].number)
    assert seen == [f"PO-{number:02d}" for number in reversed(range(25)) if number % 5]
    assert find(store, is_open=None, state=OrderState.INVOICED) == ["PO-20", "PO-15", "PO-10", "PO-05", "PO-00"]
    assert find(store, since_ms=1_008) == ["PO-24"]
    # A cursor that somebody made up may hold anything.
    assert store.read_now(partial(orders.find, partner_id="acme", before=Place(1, "\0"))) == []


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("purchase_order.is_open", "purchase_order_open"),
        ("state = 'rejected'", "purchase_order_by_state"),
        ("1 = 1", "purchase_order_by_change"),
    ],
    ids=["open", "state", "all"],
)
def test_a_page_is_found_by_an_index(store, condition, index):
    def plan(connection):
        query = (
            f"EXPLAIN QUERY PLAN SELECT number FROM purchase_order WHERE partner_id = 'acme' AND {condition} "
            "AND (changed_at_ms, number) < (5, 'a') ORDER BY changed_at_ms DESC, number DESC"
        )
        return str(connection.execute(text(query)).all())

    if store.is_sqlite:
        assert f"{index} " in store.read_now(plan)
        assert "TEMP B-TREE" not in store.read_now(plan)


def test_documents_of_an_order_and_what_age_takes(store):
    for number, event in enumerate((E.SEND, E.ACCEPT, E.SHIP, None), 1):
        note(store, event, document=f"D{number}", now_ms=10)
    order = get(store)
    assert store.read_now(partial(orders.documents_of, order=order, limit=10)) == ["D1", "D2", "D3", "D4"]
    assert store.read_now(partial(orders.documents_of, order=order, limit=2)) == ["D3", "D4"]
    store.write_now(partial(orders.forget_belonging, document_ids=["D4"]))
    assert store.write_now(partial(orders.purge, before_ms=10, rows_max=5)) == 0
    # Open, and nothing of ours is kept any more.
    assert store.write_now(partial(orders.purge, before_ms=11, rows_max=5)) == 1
    assert get(store) is None
    assert store.read_now(partial(orders.documents_of, order=order, limit=10)) == []


@pytest.mark.parametrize("threads", [4])
def test_many_at_once_lose_nothing(store, threads):
    note(store, E.SEND, lines=threads * 5)

    def ship():
        for _ in range(5):
            note(store, E.SHIP, lines=1)

    running = [threading.Thread(target=ship) for _ in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    assert state(store) == "shipped"
