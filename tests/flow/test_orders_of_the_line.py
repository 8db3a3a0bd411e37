"""What becomes of an order as its documents pass the line, in and out, on both stores."""

from functools import partial

import orjson
import pytest
from sqlalchemy import text

from gateway.flow.operations import Actor, reprocess
from gateway.model.delivery import DeliveryEvent
from gateway.store import deliveries, orders, partner_events
from tests.flow.dispatching import desk_over, key, order
from tests.flow.line import line_over, now_ms
from tests.flow.test_process import many_855
from tests.site import acknowledgment_855, ship_notice_json

ACTOR = Actor("operator:test")


async def state(database, number, partner="acme-supply"):
    found = await database.read(partial(orders.get, partner_id=partner, number=number))
    return found and found.state


async def test_an_accepted_acknowledgment_moves_its_order_and_a_rejected_one_is_only_kept(line):
    line.run()
    good = await line.keep(acknowledgment_855(1))
    await line.decided(good.message_id)
    bad = await line.keep(acknowledgment_855(2).replace(b"BAK*00*AC", b"BAK*00*"))
    await line.decided(bad.message_id)
    assert await state(line.database, "PO-1") == "acknowledged_with_changes"
    assert await state(line.database, "PO-2") is None
    assert await state(line.database, "PO-1", "northwind-parts") is None


async def test_a_repeated_interchange_moves_nothing(line):
    line.run()
    await line.decided((await line.keep(acknowledgment_855(1))).message_id)
    await line.database.write(lambda connection: connection.execute(text("DELETE FROM purchase_order")))
    again = await line.decided((await line.keep(acknowledgment_855(1))).message_id)
    assert again["status"] == "rejected"
    assert await state(line.database, "PO-1") is None


async def test_every_order_of_a_large_message_moves_also_those_of_batches_before_the_last(site, store_url):

    async with line_over(site, store_url, inline_body_bytes_max=1_024) as line:
        line.run()
        kept = await line.keep(many_855(60, bad=frozenset({2, 59})))
        await line.decided(kept.message_id)
        found = await line.database.read(partial(orders.find, partner_id="acme-supply", limit=100))
    assert {item.number for item in found} == {f"PO-1-{number}" for number in range(1, 61)} - {"PO-1-2", "PO-1-59"}


async def test_a_second_reading_moves_on_and_counts_nothing_twice(line):
    line.run()
    notice = orjson.loads(ship_notice_json(1))
    number = notice["purchase_order_number"]
    kept = await line.keep(orjson.dumps(notice), partner="northwind-parts")
    await line.decided(kept.message_id)
    before = await line.database.read(partial(orders.get, partner_id="northwind-parts", number=number))
    await line.decided(kept.message_id, "published")
    await line.database.write(lambda connection: reprocess(connection, kept.message_id, ACTOR, now_ms()))
    line.processing.wake()
    await line.decided(kept.message_id, "published")
    after = await line.database.read(partial(orders.get, partner_id="northwind-parts", number=number))
    shipped = await line.database.read(
        lambda connection: connection.execute(text("SELECT lines_shipped FROM purchase_order")).scalar_one()
    )
    assert (before.state, after.state) == ("shipped", "shipped")
    assert shipped == len({one["line_id"] for one in notice["lines"]})


@pytest.fixture
async def desk(store_url, tmp_path):
    async with desk_over(store_url or f"sqlite:///{tmp_path / 'o.db'}") as desk:
        yield desk


async def test_an_order_is_transmitted_and_received_by_its_delivery(desk):
    answer = await desk.send(order("PO-7", lines=2), source_key=key(1))
    found = await desk.database.read(partial(orders.get, partner_id="acme", number="PO-7"))
    assert (found.state, found.dispatch_id, found.ordered_on) == ("transmitted", answer.id, "2026-03-01")
    repeated = await desk.send(order("PO-7", lines=2), source_key=key(1))
    assert repeated.duplicate
    await desk.database.write(partial(deliveries.apply, delivery_id=answer.id, event=DeliveryEvent.CONFIRM, now_ms=5))
    assert await state(desk.database, "PO-7", "acme") == "received"


async def test_an_order_that_a_person_does_not_let_go_is_cancelled_and_its_change_is_not(desk):
    first = await desk.send(order("PO-7"))
    await desk.send(order("PO-8"))
    change = {"document_type": "purchase_order_change", "purpose": "change", "purchase_order_number": "PO-8"}
    line = {"line_id": "1", "change_code": "QI", "quantity": "12", "quantity_left": "12", "unit": "EA"}
    ids = {"product_ids": [{"qualifier": "BP", "id": "AX-1"}], "unit_price": "1"}
    body = change | {"schema_version": "1.0", "number": "C-1", "issued_on": "2026-03-02", "lines": [line | ids]}
    second = await desk.send(orjson.dumps(body | {"purchase_order_date": "2026-03-01"}))
    assert second.is_accepted, second
    for answer in (first, second):
        await desk.database.write(
            partial(deliveries.cancel, delivery_id=answer.id, now_ms=5, actor="operator:test", why="a mistake")
        )
    assert await state(desk.database, "PO-7", "acme") == "cancelled"
    assert await state(desk.database, "PO-8", "acme") == "transmitted"


async def test_what_cannot_be_sent_or_waits_makes_no_order(desk):
    refused = await desk.send(order("PO-8"), partner="unreachable")
    held = await desk.send(order("PO-9"), partner="idle")
    assert not refused.is_kept
    assert held.is_kept
    assert await state(desk.database, "PO-8", "unreachable") is None
    assert await state(desk.database, "PO-9", "idle") is None


async def test_several_orders_in_one_dispatch_each_stand_for_themselves(desk):
    both = b"[" + order("B") + b"," + order("A") + b"]"
    answer = await desk.send(both)
    assert answer.is_accepted, answer
    assert [await state(desk.database, number, "acme") for number in "AB"] == ["transmitted"] * 2
    await desk.database.write(partial(deliveries.apply, delivery_id=answer.id, event=DeliveryEvent.CONFIRM, now_ms=5))
    assert [await state(desk.database, number, "acme") for number in "AB"] == ["received"] * 2


async def test_who_listens_is_told_in_the_same_commit(store_url, tmp_path):
    async with desk_over(store_url or f"sqlite:///{tmp_path / 'o.db'}", wants_events=lambda _: True) as desk:
        answer = await desk.send(order("PO-7"))
        await desk.database.write(
            partial(deliveries.apply, delivery_id=answer.id, event=DeliveryEvent.CONFIRM, now_ms=5)
        )
        told = await desk.database.read(partial(partner_events.find, partner_id="acme"))
    assert [(event.type, event.subject) for event in told] == [("purchase_order.changed", "PO-7")] * 2
    data = orjson.loads(told[0].body)["data"]
    assert data == {
        "number": "PO-7",
        "state": "received",
        "previous_state": "transmitted",
        "links": {"self": "/v1/purchase-orders/PO-7"},
    }
