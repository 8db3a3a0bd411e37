"""The asynchronous receipts that we owe: deliveries, kept in one commit with what they acknowledge."""

from functools import partial

import pytest

from gateway.as2.mdn import objection
from gateway.as2.message import Encryption, Signing
from gateway.model.delivery import DeliveryEvent
from gateway.store import deliveries, messages
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries.claims import Share
from tests.edge.acmes import ACME, FAR, HOST, asking, nothing_else_changed, owed, payload_of, receipt_in, send
from tests.edge.house import X12, message, stranger_keys


@pytest.mark.parametrize("signed", [True, False])
async def test_the_receipt_is_kept_with_its_message_and_goes_by_itself(at_acmes, client, signed):
    async with at_acmes() as house:
        sent = message(mdn_request=asking(signed=signed))
        status, headers, body = await send(house, client, sent)
        assert (status, body) == (200, b"")
        assert "AS2-From" not in headers
        (kept,) = await house.database.read(messages.find)
        (receipt,) = await owed(house)
        assert (receipt.message_id, receipt.state, receipt.partner_id) == (kept.id, "queued", "acme")
        assert (receipt.url, receipt.channel, receipt.identity) == (f"https://{HOST}/mdn", "as2", "bigcorp")
        mdn = await receipt_in(house, receipt, signed=signed)
        assert objection(mdn, message_id=sent.message_id, as2_from="ACME-AS2", as2_to="BIGCORP", mics=sent.mics) is None
        assert (mdn.signature is not None) is signed
        assert dict(receipt.answers)["Message-ID"] == receipt.transport_id
        assert house.woken


async def test_message_and_receipt_are_one_commit(at_acmes, client):
    async with at_acmes() as house:
        with house.database.engine.connect() as connection:
            connection.exec_driver_sql("DROP TABLE delivery")
            connection.commit()
        status, headers, _ = await send(house, client, message(mdn_request=asking()))
        assert (status, "Retry-After" in headers) == (503, True)
        await nothing_else_changed(house)


ADDRESSES = [
    # profile, where the receipt is to go, whether it may
    (ACME, f"https://{HOST}/elsewhere?x=1", True),
    (ACME, f"https://{HOST}:8443/mdn", True),
    (ACME, f"http://{HOST}/mdn", False),  # not without TLS, where messages go with it
    (f"  url: http://{HOST}/as2\n", f"http://{HOST}/mdn", True),
    (ACME + "  receipts_to: [mdn.acme.example]\n", "https://mdn.acme.example/x", True),
    (ACME + "  receipts_to: [mdn.acme.example]\n", "http://mdn.acme.example/x", False),
    (ACME + "  receipts_to: [mdn.acme.example]\n", "https://MDN.acme.example./x", True),
    (ACME + "  receipts_to: ['http://mdn.acme.example/x']\n", "http://mdn.acme.example/x", True),
    (ACME + "  receipts_to: ['http://mdn.acme.example/x']\n", "http://mdn.acme.example/y", False),
    (ACME + "  receipts_to: ['https://mdn.acme.example/x']\n", "https://mdn.acme.example:444/x", False),
    ("", f"https://{HOST}/mdn", False),  # nothing is agreed
    (ACME, "http://169.254.169.254/latest/meta-data", False),
    (ACME, "https://localhost/mdn", False),
    (ACME, f"https://{HOST}.evil.example/mdn", False),
    (ACME, f"https://evil.example/{HOST}", False),
    (ACME, f"https://evil.example#{HOST}", False),
    (ACME, f"https://{HOST}@evil.example/mdn", False),
    (ACME, f"https://user:secret@{HOST}/mdn", False),
    (ACME, f"https://evil.example\\@{HOST}/mdn", False),
    (ACME, f"file://{HOST}/etc/passwd", False),
    (ACME, f"gopher://{HOST}/1", False),
    (ACME, "mailto:edi@acme.example", False),
    (ACME, f"https://{HOST}:0/", False),
    (ACME, "https://" + "a" * 3_000, False),
]


@pytest.mark.parametrize(("as2", "url", "allowed"), ADDRESSES)
async def test_where_a_receipt_may_go(at_acmes, client, as2, url, allowed):
    async with at_acmes(as2) as house:
        status, headers, body = await send(house, client, message(mdn_request=asking(url)))
        if allowed:
            assert status == 200
            assert [item.url for item in await owed(house)] == [url]
            return
        assert (status, headers["Content-Type"]) == (403, "application/problem+json")
        assert b"Receipt-Delivery-Option" in body
        await nothing_else_changed(house)
        assert not await owed(house)
        (act,) = await house.acts("refused.receipt-address-not-agreed")
        assert "ACME-AS2 -> BIGCORP" in act.subject
        assert "secret" not in str(act)


async def test_a_failure_is_told_where_it_was_asked_for(at_acmes, client):
    async with at_acmes() as house:
        for sent in (
            message(signing=Signing(stranger_keys()), mdn_request=asking()),
            message(encryption=Encryption([stranger_keys().certificate]), mdn_request=asking()),
        ):
            assert (await send(house, client, sent))[::2] == (200, b"")
            *_, receipt = await owed(house)
            mdn = await receipt_in(house, receipt)
            assert (mdn.disposition.text, mdn.original_message_id) == ("decryption-failed", sent.message_id)
            assert (receipt.message_id, mdn.mic) == (None, None)
        texts = {(await receipt_in(house, item)).text.rpartition("Reference:")[0] for item in await owed(house)}
        assert len(texts) == 1
        await nothing_else_changed(house)
        assert len(await house.acts("refused.decryption-failed")) == 2
        good = message(message_id=sent.message_id, mdn_request=asking())  # its id is not burnt
        assert (await send(house, client, good))[0] == 200
        assert len(house.arrived) == 1


async def test_of_strangers_and_drafts_nobody_is_called(at_acmes, client):
    async with at_acmes() as house:
        for names in ({"as2_from": "NOBODY"}, {"as2_from": "SKETCH-AS2"}, {"as2_to": "NOBODY"}):
            status, _, body = await send(house, client, message(mdn_request=asking(), **names))
            assert (status, b"unknown-trading-relationship" in body) == (403, True)
        assert not await owed(house)
        await nothing_else_changed(house)
        assert len(await house.acts("refused.unknown-trading-relationship")) == 3


async def test_failures_are_told_so_often_and_no_more(at_acmes, client):
    """Anybody can cause them with a partner's name."""
    clock = [1_800_000_000_000]
    forged = partial(message, signing=Signing(stranger_keys()), mdn_request=asking())
    async with at_acmes(extra="limits: {requests_per_second_max: 2}\n", now_ms=lambda: clock[0]) as house:
        answers = [await send(house, client, forged()) for _ in range(4)]
        assert [status for status, _, _ in answers] == [200, 200, 429, 429]
        assert "Retry-After" in answers[-1][1]
        assert len(await owed(house)) == 2
        # Who is authenticated has a rate of their own: nobody uses it up for them.
        own = [await send(house, client, message(mdn_request=asking())) for _ in range(3)]
        assert [status for status, _, _ in own] == [200, 200, 429]
        assert "Retry-After" in own[-1][1]
        assert len(house.arrived) == 2


async def test_so_many_wait_to_tell_of_failures_and_no_more(at_acmes, client):
    clock = [1_800_000_000_000]
    async with at_acmes(now_ms=lambda: clock[0]) as house:
        forged = partial(message, signing=None, encryption=None, mdn_request=asking(signed=False))

        async def one():
            clock[0] += 1_000
            return (await send(house, client, forged()))[0]

        statuses = [await one() for _ in range(102)]
        assert statuses == [200] * 100 + [429] * 2
        assert len(await owed(house)) == 100
        assert (await send(house, client, message(mdn_request=asking())))[0] == 200


async def test_other_content_under_a_used_id_is_told_there_too(at_acmes, client):
    async with at_acmes() as house:
        await send(house, client, message(message_id="<1@acme>", mdn_request=asking()))
        other = message(X12 + b"\n", message_id="<1@acme>", mdn_request=asking())
        assert (await send(house, client, other))[::2] == (200, b"")
        first, second = await owed(house)
        assert (await receipt_in(house, first)).disposition.successful
        assert "used before" in (await receipt_in(house, second)).text
        (act,) = await house.acts("refused.idempotency-key-reused")
        assert act.actor == "partner:acme"
        assert len(house.arrived) == 1


async def settled(house, delivery, *events):
    """As if it had been carried."""

    def unit(connection):
        delivery_claims.claim(connection, "test", FAR, lease_ms=1, limit=100, share_of=lambda name, _: Share(name, 100))
        for event in events:
            deliveries.apply(connection, delivery.id, event, FAR)

    await house.database.write(unit)


async def test_a_retransmission_has_the_stored_receipt_sent_again(at_acmes, client):
    async with at_acmes() as house:
        sent = message(mdn_request=asking())
        await send(house, client, sent)
        assert (await send(house, client, sent))[::2] == (200, b"")
        (first,) = await owed(house)  # it is still on its way
        await settled(house, first, DeliveryEvent.CONFIRM)
        await send(house, client, sent)
        first, second = await owed(house)
        assert (first.state, second.state) == ("delivered", "queued")
        assert await payload_of(house, first) == await payload_of(house, second)
        assert (first.answers, first.transport_id) == (second.answers, second.transport_id)
        await settled(house, second, DeliveryEvent.GIVE_UP)
        await send(house, client, sent)
        assert [item.state for item in await owed(house)] == ["delivered", "queued"]
        assert len(house.arrived) == 1


async def test_a_retransmission_may_want_the_stored_receipt_in_the_response(at_acmes, client):
    async with at_acmes() as house:
        sent = message(message_id="<1@acme>", mdn_request=asking())
        await send(house, client, sent)
        (receipt,) = await owed(house)
        status, headers, body = await send(house, client, message(message_id="<1@acme>"))
        assert (status, body) == (200, await payload_of(house, receipt))
        assert headers["Message-ID"] == receipt.transport_id
