"""What partners may hear of: recorded with the decision, the hold or the ERP's outcome that caused it, and once."""

import orjson
import pytest

from gateway.flow.operations import Actor, reprocess
from gateway.model.events import Outcome
from gateway.model.partner_events import ITEMS_MAX
from gateway.store import partner_events
from gateway.store.events import outcomes
from tests.flow.line import line_over, now_ms
from tests.flow.test_process import many_855
from tests.site import Site, acknowledgment_855, ship_notice_json

WEBHOOKS = {"hosts": "hooks.acme.example"}


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path, acme_profile={"webhooks": WEBHOOKS})


async def events(line, partner="acme-supply"):
    found = await line.database.read(lambda c: partner_events.since(c, partner, at_ms=0, limit=100))
    return [event for event in found if event.type.startswith("document.")]


def data(event):
    body = orjson.loads(event.body)
    assert body["type"] == event.type
    return body["data"]


async def test_an_accepted_message_is_told_with_its_documents(line):
    line.run()
    kept = await line.keep(acknowledgment_855(1))
    await line.decided(kept.message_id)
    (event,) = await events(line)
    assert (event.type, event.subject, event.told) == ("document.accepted", "PO-1", False)
    told = data(event)
    assert told["id"] == kept.message_id
    assert told["links"] == {"submission": f"/v1/documents/{kept.message_id}"}
    (document,) = told["documents"]
    assert document["id"] == f"{kept.message_id}-0"
    assert document["purchase_order_number"] == "PO-1"
    assert (document["document_type"], document["status"]) == ("purchase_order_acknowledgment", "accepted")


async def test_a_message_about_several_orders_is_told_once_and_stays_small(line):
    line.run()
    kept = await line.keep(many_855(ITEMS_MAX + 10))
    await line.decided(kept.message_id)
    (event,) = await events(line)
    assert event.subject == kept.message_id
    assert len(data(event)["documents"]) == ITEMS_MAX
    assert data(event)["documents_total"] == ITEMS_MAX + 10
    assert len(event.body) < 20_000


async def test_a_rejected_message_is_told_with_the_reason(line):
    line.run()
    kept = await line.keep(many_855(1, bad=frozenset({1})))
    await line.decided(kept.message_id)
    (event,) = await events(line)
    assert event.type == "document.rejected"
    assert data(event)["reason"]
    assert data(event)["documents"][0]["status"] == "rejected"


async def test_a_message_that_is_translated_again_is_told_again(line):
    line.run()
    kept = await line.keep(acknowledgment_855(1))
    await line.decided(kept.message_id)
    await line.database.write(lambda c: reprocess(c, kept.message_id, Actor("operator:test"), now_ms()))
    line.processing.wake()
    await line.decided(kept.message_id)
    found = await events(line)
    assert [data(event)["revision"] for event in found] == [1, 2]
    assert [event.number for event in found] == sorted(event.number for event in found)


async def test_nothing_is_kept_for_who_has_no_webhooks(line):
    line.run()
    kept = await line.keep(ship_notice_json(1), partner="northwind-parts")
    await line.decided(kept.message_id)
    assert await events(line, "northwind-parts") == []


async def test_what_a_suspended_partner_sends_is_told_as_held(tmp_path, store_url):
    site = Site(tmp_path / "suspended", acme_profile={"webhooks": WEBHOOKS, "status": "suspended"})
    async with line_over(site, store_url) as line:
        first = await line.keep(acknowledgment_855(1), transport_id="<1@acme>")
        again = await line.keep(acknowledgment_855(1), transport_id="<1@acme>")
        assert again.duplicate
        (event,) = await events(line)
        assert (event.type, event.subject) == ("document.held", first.message_id)
        assert "suspended" in data(event)["reason"]


async def test_what_the_erp_made_of_a_document_is_told_once_for_each_word(line):
    line.run()
    kept = await line.keep(acknowledgment_855(1))
    view = await line.decided(kept.message_id)
    event_id = view["documents"][0]["event"]["id"]

    async def say(status, code, at_ms):
        outcome = Outcome(event_id, status, code, "why")
        await line.database.write(lambda c: outcomes.record(c, outcome, at_ms, lambda _: True))

    await say("refused", "E1", 10)
    await say("refused", "E1", 11)  # delivered again
    await say("posted", "", 12)
    decided, *told = await events(line)
    assert decided.type == "document.accepted"
    assert [(event.type, event.subject) for event in told] == [
        ("document.refused", "PO-1"),
        ("document.posted", "PO-1"),
    ]
    assert data(told[0])["code"] == "E1"
    assert data(told[0])["id"] == f"{kept.message_id}-0"
