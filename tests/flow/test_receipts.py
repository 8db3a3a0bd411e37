"""Receipts over both stores: those owed are kept with their messages, those that come settle deliveries once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from gateway.as2.disposition import Modifier, disposition_of
from gateway.as2.mdn import write_mdn
from gateway.as2.message import Encryption, MdnRequest, Signing, write_message
from gateway.as2.mime import Headers
from gateway.flow.outward.receipts import Incoming, Receipts
from gateway.flow.owed_receipts import FAILURES_WAITING_MAX, RECEIPTS_OF_A_MESSAGE_MAX, failure_lane, owe
from gateway.flow.receive import Arrival
from gateway.model.delivery import DeliveryEvent, DeliveryKind
from gateway.model.refusals import Reason, Refused
from gateway.store import deliveries, messages
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries.claims import Share
from gateway.store.deliveries.rows import KeptParcel, NewDelivery
from gateway.store.oversight import timeline
from partners.delivery_terms import DeliverySchedule
from tests.flow.line import now_ms

NOW = datetime.now(UTC)


def receipt(number, *, message_id=None, partner="acme-supply", lane=None):
    key = f"{number:026d}"
    return NewDelivery(
        id=key,
        partner_id=partner,
        profile_digest="digest",
        identity="bigcorp",
        channel="as2",
        kind=DeliveryKind.RECEIPT.value,
        lane=lane or f"{partner}/receipt/{key}",
        transport_id="<mdn@us>",
        content_type="multipart/signed",
        filename="",
        subject="",
        payload=b"a receipt",
        created_at_ms=now_ms(),
        due_at_ms=now_ms(),
        message_id=message_id,
        url="https://acme.example/mdn",
        answers=(("Message-ID", "<mdn@us>"),),
    )


def arrival(line, transport_id="<1@acme>"):
    loaded = line.housekeeping.directory.by_id("acme-supply")
    return Arrival("acme-supply", loaded.digest, "as2", b"payload", transport_id=transport_id)


def owing(number):
    def also(connection, acceptance):
        new = receipt(number, message_id=acceptance.message_id)
        owe(connection, new, again=acceptance.duplicate, actor="partner:acme-supply")

    return also


async def test_a_message_and_its_receipt_are_kept_together_once(line):
    kept = await line.reception.keep(arrival(line), answer=b"answer", also=owing(1))
    again = [line.reception.keep(arrival(line), answer=b"answer", also=owing(number)) for number in range(2, 6)]
    assert {one.duplicate for one in await asyncio.gather(*again)} == {True}
    (found,) = await line.database.read(partial(deliveries.of_message, message_id=kept.message_id))
    assert (found.id, found.state) == (f"{1:026d}", "queued")


async def test_a_message_that_is_repeated_for_ever_earns_so_many_receipts(line):
    kept = await line.reception.keep(arrival(line), answer=b"answer", also=owing(1))
    for number in range(2, RECEIPTS_OF_A_MESSAGE_MAX + 5):
        delivered = partial(deliveries.find, state="queued")
        for delivery in await line.database.read(delivered):
            confirm = partial(deliveries.apply, delivery_id=delivery.id, event=DeliveryEvent.CONFIRM, now_ms=now_ms())
            await line.database.write(confirm)
        await line.reception.keep(arrival(line), answer=b"answer", also=owing(number))
    found = await line.database.read(partial(deliveries.of_message, message_id=kept.message_id))
    assert len(found) == RECEIPTS_OF_A_MESSAGE_MAX


async def test_what_cannot_be_owed_is_not_accepted(line):
    def also(connection, acceptance):
        owing(1)(connection, acceptance)
        raise ValueError("our fault")

    with pytest.raises(ValueError, match="our fault"):
        await line.reception.keep(arrival(line), also=also)
    assert not await line.database.read(messages.find)
    assert not await line.database.read(deliveries.find)
    assert not (await line.reception.keep(arrival(line), also=owing(1))).duplicate


async def test_so_many_failures_of_a_name_wait_and_no_more(line):
    for number in range(FAILURES_WAITING_MAX):
        new = receipt(number, lane=failure_lane("acme-supply", str(number)))
        await line.reception.keep_failure_receipt(new)
    with pytest.raises(Refused) as refused:
        await line.reception.keep_failure_receipt(receipt(999, lane=failure_lane("acme-supply", "999")))
    assert (refused.value.reason, refused.value.retry_after_s) == (Reason.TOO_MANY_REQUESTS, 60)
    # Another partner's, and the receipts of messages that were kept, go on.
    await line.reception.keep_failure_receipt(receipt(1_000, partner="acme", lane=failure_lane("acme", "1000")))
    await line.reception.keep(arrival(line), also=owing(1_001))


async def sent_and_awaited(line, site):
    new = replace(receipt(1), kind=DeliveryKind.FILE.value, transport_id="<1@us>", url=None, answers=())
    sent = write_message(
        b"payload",
        as2_from="BIGCORP-AS2",
        as2_to="ACME-AS2",
        message_id="<1@us>",
        content_type="application/edi-x12",
        now=NOW,
        signing=Signing(site.ours),
        encryption=Encryption([site.acme.certificate]),
        mdn_request=MdnRequest("edi@us", signed=True, micalgs=("sha-256",), delivery_url="https://us.example/as2"),
    )

    def awaiting(connection):
        deliveries.enqueue(connection, new)
        (claimed,) = delivery_claims.claim(
            connection, "test", now_ms(), lease_ms=60_000, limit=1, share_of=lambda name, _: Share(name, 1)
        )
        parcel = KeptParcel(sent.headers, tuple(map(str, sent.mics)))
        delivery_claims.begin_attempt(
            connection, claimed, now_ms(), bearer_id="acme-supply", packed=parcel, wire=sent.body
        )
        deliveries.apply(connection, new.id, DeliveryEvent.AWAIT, now_ms(), due_at_ms=now_ms() + 60_000)

    await line.database.write(awaiting)
    return new, sent


def receipt_of_acme(line, site, **says):
    mdn = write_mdn(
        as2_from="ACME-AS2",
        as2_to="BIGCORP-AS2",
        message_id="<2@acme>",
        original_message_id="<1@us>",
        now=NOW,
        reporting_ua="ACME",
        signing=Signing(site.acme),
        **says,
    )
    acme = line.housekeeping.directory.by_id("acme-supply")
    return Incoming(acme, [site.acme.certificate], Headers.of(mdn.headers), mdn.body, b"raw receipt")


async def test_a_receipt_that_comes_for_ever_is_noted_so_many_times(line, site):
    new, sent = await sent_and_awaited(line, site)
    taking = Receipts(line.database, now_ms, lambda _: DeliverySchedule())
    good = receipt_of_acme(line, site, mic=sent.mics[0])
    assert (await taking.take(good, taking.read(good))).changed
    # A failure that may pass, told again and again after all.
    late = receipt_of_acme(line, site, disposition=disposition_of(Modifier.UNEXPECTED_PROCESSING_ERROR))
    mdn = taking.read(late)
    for _ in range(deliveries.LATE_RECEIPTS_MAX + 3):
        taken = await taking.take(late, mdn)
        assert (taken.state, taken.changed) == ("delivered", False)
    steps = await line.database.read(partial(timeline.of_message, message_id=new.id))
    assert sum(step.step == deliveries.LATE_RECEIPT for step in steps) == deliveries.LATE_RECEIPTS_MAX


async def test_of_many_at_once_one_receipt_settles_a_delivery(line, site):
    new, sent = await sent_and_awaited(line, site)
    incoming = receipt_of_acme(line, site, mic=sent.mics[0])
    taking = Receipts(line.database, now_ms, lambda _: DeliverySchedule())
    taken = await asyncio.gather(*(taking.take(incoming, taking.read(incoming)) for _ in range(8)))
    assert sorted(one.changed for one in taken) == [False] * 7 + [True]
    assert {one.state for one in taken} == {"delivered"}
    raw = await line.database.read(partial(deliveries.body, delivery_id=new.id, part="receipt"))
    assert bytes(raw) == b"raw receipt"
    stranger = replace(incoming, bearer=line.housekeeping.directory.by_id("northwind-parts"))
    with pytest.raises(Refused):
        await taking.take(stranger, taking.read(incoming))
