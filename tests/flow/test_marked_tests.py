"""Tests carry their mark from the bytes to the event: by ISA15, or since the partner is in testing."""

from functools import partial

from gateway.edge.rest.views import for_partner
from gateway.flow import operations
from gateway.flow.operations import Actor
from gateway.store.events import event_log, outbox
from tests.flow.line import now_ms
from tests.site import acknowledgment_855, ship_notice_json

ACME = "acme-supply"
SOMEBODY = Actor("operator:anna")
KEY = f"purchase_order_acknowledgment.received.{ACME}"


async def outcome(line, payload, partner=ACME):
    return await line.decided((await line.keep(payload, partner=partner)).message_id, "published")


def events(line):
    return [event for event in line.collector.events if event.document_id is not None]


def test_step(view):
    return [step for step in view["timeline"] if step["step"] == "test"]


test_step.__test__ = False


def usage(acknowledgment):
    return acknowledgment["x12"].split("*")[15]


async def test_isa15_of_a_live_partner_marks_and_routes_as_ever(line):
    line.run()
    view = await outcome(line, acknowledgment_855(1).replace(b"*0*P*>", b"*0*T*>"))
    (event,) = events(line)
    assert (bool(event.test), bool(event.from_testing), event.routing_key) == (True, False, KEY)
    assert event.attributes()["test"] is True
    (step,) = test_step(view)
    assert "ISA15 T" in step["reason"]
    (document,) = view["documents"]
    assert document["event"]["test"] is True
    assert for_partner(view)["documents"][0]["event"]["test"] is True
    assert [usage(one) for one in view["acknowledgments"]] == ["T"]


async def test_nothing_marks_what_is_none(line):
    line.run()
    view = await outcome(line, acknowledgment_855(1))
    (event,) = events(line)
    assert (bool(event.test), "test" in event.attributes(), test_step(view)) == (False, False, [])
    assert view["documents"][0]["event"]["test"] is False


async def test_everything_of_a_partner_in_testing_is_a_test_whatever_isa15_says(line):
    await line.change(ACME, status="testing")
    line.run()
    view = await outcome(line, acknowledgment_855(7))
    (event,) = events(line)
    assert (event.routing_key, bool(event.test)) == (f"test.{KEY}", True)
    (step,) = test_step(view)
    assert step["although_production"] == ["000000007"]
    assert view["documents"][0]["findings"] == []
    assert [usage(one) for one in view["acknowledgments"]] == ["P"], "an acknowledgment follows what it answers"
    await line.change("northwind-parts", status="testing")
    await outcome(line, ship_notice_json(1), "northwind-parts")
    assert events(line)[-1].routing_key == "test.ship_notice.received.northwind-parts"


async def test_a_test_stays_one_when_it_is_published_or_processed_again(line):
    """Also once the partner is live: the message goes by the profile that it started with."""
    await line.change(ACME, status="testing")
    line.run()
    message_id = (await outcome(line, acknowledgment_855(1)))["id"]
    await line.change(ACME, status="live")
    for act in (operations.replay, operations.reprocess):
        await line.database.write(partial(act, message_id=message_id, actor=SOMEBODY, now_ms=now_ms()))
        line.processing.wake()
        line.relay.wake()
        await line.decided(message_id, "published")
        while len(events(line)) < (2 if act is operations.replay else 3):
            line.collector.arrived.clear()
            await line.collector.arrived.wait()
    assert [event.routing_key for event in events(line)] == [f"test.{KEY}"] * 3
    assert [event.revision for event in events(line)] == [1, 1, 2]
    await outcome(line, acknowledgment_855(2))
    assert events(line)[-1].routing_key == KEY


async def test_the_embedded_log_keeps_the_mark_and_outcomes_are_taken(line):
    await line.change(ACME, status="testing")
    line.run()
    await outcome(line, acknowledgment_855(1))
    (event,) = events(line)
    await line.database.write(partial(event_log.append, event_id=event.id, now_ms=now_ms()))
    (entry,) = await line.database.read(partial(event_log.read, after=0, limit=9))
    assert (entry.event.routing_key, entry.event.attributes()["test"]) == (f"test.{KEY}", True)
    row = await line.database.read(partial(outbox.get, event_id=event.id))
    assert bool(row.test)
