"""What messages earn goes out as a delivery, in the commit that decides them, where the partner can be sent to."""

import pytest

from gateway.flow import operations
from gateway.store import deliveries
from tests.flow.line import line_over, now_ms
from tests.site import Site, acknowledgment_855

URL = {"id": "ACME-AS2", "certificate": "acme.pem", "url": "https://as2.acme.example/as2"}


async def earned(tmp_path, profile, **fields):
    """The acknowledgment that a message of a partner with this profile earns, and its delivery."""
    async with line_over(Site(tmp_path, acme_profile=profile)) as line:
        acceptance = await line.keep(acknowledgment_855(1), transport_id="<1@acme>")
        line.run()
        view = await line.decided(acceptance.message_id)
        (acknowledgment,) = view["acknowledgments"]
        found = await line.database.read(lambda connection: deliveries.of_message(connection, acceptance.message_id))
        payload = None
        if found:
            payload = await line.database.read(lambda connection: deliveries.body(connection, found[0].id, "payload"))
        return acknowledgment, found, payload


async def test_it_is_a_delivery_that_bears_its_id(tmp_path):
    acknowledgment, (delivery,), payload = await earned(tmp_path, {"as2": URL})
    assert (acknowledgment["state"], acknowledgment["id"]) == ("queued", delivery.id)
    assert payload == acknowledgment["x12"].encode()
    assert (delivery.kind, delivery.partner_id, delivery.identity) == ("acknowledgment", "acme-supply", "bigcorp")
    assert delivery.transport_id == f"<{delivery.id}@bigcorp.example>"
    assert (delivery.content_type, delivery.filename) == ("application/edi-x12", "997-000000001.edi")


@pytest.mark.parametrize("profile", [{}, {"as2": URL | {"our_identity": "nobody"}}, {"as2": URL, "via": "nobody"}])
async def test_without_a_way_out_it_is_kept(tmp_path, profile):
    acknowledgment, found, _ = await earned(tmp_path, profile)
    assert (acknowledgment["state"], found) == ("kept", [])


async def test_a_message_is_acknowledged_once_however_often_it_is_processed(tmp_path):
    async with line_over(Site(tmp_path, acme_profile={"as2": URL})) as line:
        acceptance = await line.keep(acknowledgment_855(1))
        line.run()
        await line.decided(acceptance.message_id)
        me = operations.Actor("operator:me")
        await line.database.write(
            lambda connection: operations.reprocess(connection, acceptance.message_id, me, now_ms())
        )
        line.processing.wake()
        await line.decided(acceptance.message_id, "published")
        found = await line.database.read(lambda connection: deliveries.of_message(connection, acceptance.message_id))
        assert len(found) == 1


KEY = {"api_keys": [{"label": "main", "sha256": "0" * 64}]}
ORDERED = {"document": "purchase_order", "direction": "outbound", "syntax": "json"}
ANSWERED = {
    "document": "purchase_order_acknowledgment",
    "direction": "inbound",
    "syntax": "x12",
    "releases": ["004010", "005010"],
}


@pytest.mark.parametrize(
    "profile", [{"delivery": {"way": "inbox"}}, {"agreements": [ANSWERED, ORDERED]}, {"via": "nobody", "as2": URL}]
)
async def test_who_fetches_finds_it_in_the_inbox(tmp_path, profile):
    own = {"as2": {"id": "ACME-AS2", "certificate": "acme.pem"}} | KEY
    if "via" in profile:
        own["delivery"] = {"way": "inbox"}  # whoever carries their other traffic
    acknowledgment, (delivery,), payload = await earned(tmp_path, own | profile)
    assert (acknowledgment["state"], acknowledgment["id"]) == ("queued", delivery.id)
    assert (delivery.channel, delivery.kind, delivery.identity) == ("inbox", "acknowledgment", "bigcorp")
    assert payload == acknowledgment["x12"].encode()


async def test_who_calls_the_api_and_is_sent_nothing_reads_it_with_the_document_alone(tmp_path):
    profile = {"as2": {"id": "ACME-AS2", "certificate": "acme.pem"}, "agreements": [ANSWERED]} | KEY
    acknowledgment, found, _ = await earned(tmp_path, profile)
    assert (acknowledgment["state"], found) == ("kept", [])
