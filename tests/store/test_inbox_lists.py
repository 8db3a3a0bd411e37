"""The inbox in the store: what lies in it, in which order, and that a page costs the same whatever lies there."""

from functools import partial

import pytest
from sqlalchemy import text

from gateway.model.delivery import DeliveryEvent, DeliveryState
from gateway.store import deliveries
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries import inbox
from gateway.store.deliveries.inbox import Shelf
from tests.store.test_deliveries import Post, new_delivery

S, E = DeliveryState, DeliveryEvent
LISTS = {
    "open": ({}, "delivery_inbox"),
    "open of a type": ({"document_type": "invoice"}, "delivery_inbox_by_type"),
    "of an order": ({"purchase_order": "PO-7"}, "delivery_inbox_by_lane"),
    "confirmed": ({"shelf": Shelf.CONFIRMED}, "delivery_inbox_over"),
    "declined of a type": ({"shelf": Shelf.DECLINED, "document_type": "invoice"}, "delivery_inbox_over_by_type"),
}


@pytest.fixture
def post(stock):
    return Post(stock)


def put(post, number, **fields):
    return post.enqueue(number, channel="inbox", **fields)


def ids(post, *arguments, **fields):
    return [item.delivery.id for item in post.see(partial(inbox.find, **fields), *(arguments or ("acme",)))]


def test_each_shelf_holds_its_own_and_nobody_elses(post):
    one, two, three, four = (put(post, number, lane=f"acme/{number}") for number in range(1, 5))
    put(post, 5, lane="globex/5", partner="globex")
    post.enqueue(6, lane="acme/6")  # over AS2
    post.do(deliveries.apply, one, E.CONFIRM, 10)
    post.do(deliveries.apply, two, E.REFUSE, 10, reason="no")
    post.do(deliveries.cancel, three, 10, "operator:me", "by mail")
    assert ids(post) == [four]
    assert ids(post, shelf=Shelf.CONFIRMED) == [one]
    assert ids(post, shelf=Shelf.DECLINED) == [two]
    assert post.see(inbox.get, "globex", one) is None
    assert post.see(inbox.get, "acme", three).delivery.state == S.CANCELLED


def test_what_waits_names_what_is_before_it(post):
    first, second, third = (put(post, number, lane="acme/PO-7") for number in (1, 2, 3))
    assert [item.waits_for for item in post.see(inbox.find, "acme")] == [None, first, second]
    post.do(deliveries.apply, second, E.CONFIRM, 10)
    assert [item.waits_for for item in post.see(inbox.find, "acme")] == [None, first]
    assert ids(post, purchase_order="PO-7") == [first, third]
    assert ids(post, purchase_order="PO") == []


def test_the_waiting_is_given_up_and_the_document_is_not(post):
    name = put(post, 1)
    (claimed,) = post.claim()
    post.settle(claimed, E.AWAIT, due_at_ms=1_000)
    taken = post.do(delivery_claims.take_back_overdue, 1_000, lambda _: 24)
    assert [state for _, state in taken] == [S.GIVEN_UP]
    assert post.do(delivery_claims.take_back_overdue, 999_999, lambda _: 24) == []
    assert post.cases()["delivery_unconfirmed"].reason == delivery_claims.UNCONFIRMED["inbox"]
    assert ids(post) == [name]
    post.do(deliveries.apply, name, E.CONFIRM, 2_000)
    assert post.cases() == {}
    assert post.state(name) == S.DELIVERED


def test_a_person_has_it_told_again(post):
    name = put(post, 1)
    (claimed,) = post.claim()
    post.settle(claimed, E.AWAIT, due_at_ms=1_000)
    post.do(delivery_claims.take_back_overdue, 1_000, lambda _: 24)
    post.do(deliveries.retry, name, 2_000, "operator:me")
    assert post.claimed_ids(now_ms=2_000) == [name]


def test_what_lies_there_takes_no_share_and_waits_for_none(post):
    names = [put(post, number, lane=f"acme/{number}") for number in range(1, 6)]
    over_as2 = [post.enqueue(number, lane=f"acme/{number}") for number in range(6, 9)]
    assert post.claimed_ids(most=1) == [*names, over_as2[0]]
    later = put(post, 9, lane="acme/9")
    assert post.claimed_ids(most=1) == [later]


def test_every_list_has_its_index(post, store):
    kinds = ("purchase_order", "invoice")

    def unit(connection):
        for number in range(1, 600):
            partner = "acme" if number % 5 == 0 else f"other-{number % 20}"
            lane, kind = f"{partner}/PO-{number % 9}", kinds[number // 5 % 2]
            new = new_delivery(number, partner=partner, lane=lane, document_type=kind, channel="inbox")
            deliveries.enqueue(connection, new)
            if partner == "acme" and number % 4 == 0:
                deliveries.apply(connection, new.id, E.CONFIRM if number % 8 else E.REFUSE, 10, reason="no")

    post.do(unit)
    is_sqlite = store.is_sqlite
    store.write_now(lambda c: c.execute(text("ANALYZE" if is_sqlite else "ANALYZE delivery")))
    plans = []

    class Watched:
        """A connection that asks for the plan of each question, too."""

        def __init__(self, connection):
            self._connection = connection

        def execute(self, statement):
            compiled = statement.compile(self._connection.engine, compile_kwargs={"literal_binds": True})
            if not is_sqlite:
                self._connection.execute(text("SET LOCAL enable_seqscan = off"))
                self._connection.execute(text("SET LOCAL enable_bitmapscan = off"))
            explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
            rows = self._connection.execute(text(f"{explain} {compiled}".replace(":", r"\:")))
            plans.append(" ".join(str(row[-1]) for row in rows))
            return self._connection.execute(statement)

    if not is_sqlite:
        # Of so few rows PostgreSQL reads any index as well: it is to show that it could go by the right one.
        for statement in (
            "ALTER TABLE delivery DROP CONSTRAINT delivery_pkey CASCADE",
            "DROP INDEX delivery_by_partner, delivery_by_state, delivery_due, delivery_by_purge",
        ):
            store.write_now(lambda connection, say=statement: connection.execute(text(say)))
    for wanted, index in LISTS.values():
        plans.clear()
        found = partial(inbox.find, partner_id="acme", after=new_delivery(20).id, limit=50, **wanted)
        store.read_now(lambda connection, find=found: find(Watched(connection)))
        (plan,) = plans
        assert f"{index} " in plan + " ", plan
        # In the order of the index: nothing is sorted, nothing read from its beginning.
        assert not any(word in plan for word in ("SCAN delivery", "Seq Scan", "TEMP B-TREE FOR ORDER"))
