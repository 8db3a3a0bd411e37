"""A suspended partner at the doors: authenticated, kept and receipted as ever, and told nothing of it by AS2."""

from datetime import UTC, datetime
from functools import partial

import pytest

from gateway.as2.certificate_exchange import (
    CertUsage,
    ExchangeRequest,
    TrustRequest,
    content_id_of,
    reference_to,
    write_exchange,
    write_message,
)
from gateway.as2.mdn import objection, read_mdn
from gateway.as2.message import Signing
from gateway.store import messages
from gateway.store.oversight import cases, timeline
from tests.edge.acmes import S, asking, await_receipt, delivery, mdn_for, owed, post, receipt_in, send
from tests.edge.house import ACME_KEY, IDLE_KEY, X12, acme, acme_keys, message, open_house, our_keys, stranger_keys

IDLE = {"as2_from": "IDLE-AS2"}


def read(headers, body):
    ours = [our_keys().certificate]
    return read_mdn(headers, body, partner_certificates=ours, now=datetime.now(UTC), require_signed=True)


async def test_a_message_is_kept_gets_its_receipt_and_is_held(house, client):
    sent = message(**IDLE)
    status, headers, body = await send(house, client, sent)
    mdn = read(headers, body)
    assert (status, mdn.disposition.successful) == (200, True)
    assert objection(mdn, message_id=sent.message_id, as2_from="IDLE-AS2", as2_to="BIGCORP", mics=sent.mics) is None
    (kept,) = await house.database.read(messages.find)
    assert (kept.partner_id, kept.state, kept.next_attempt_at_ms) == ("idle", "held", None)
    assert await house.database.read(partial(messages.body, message_id=kept.id, part="payload")) == X12
    (step,) = await house.database.read(partial(timeline.of_message, message_id=kept.id))
    assert (step.step, step.detail) == ("held", {"reason": kept.reason})
    assert (await send(house, client, sent))[2] == body


async def test_their_signature_counts_as_ever(house, client):
    status, headers, body = await send(house, client, message(**IDLE, signing=Signing(stranger_keys())))
    assert (status, read(headers, body).disposition.successful) == (200, False)
    assert not await house.database.read(messages.find)
    assert not await house.database.read(cases.find)


async def test_many_are_one_case(house, client):
    for _ in range(3):
        await send(house, client, message(**IDLE))
    headers = {"X-API-Key": IDLE_KEY}
    async with client.post(f"{house.url}/v1/documents", data=X12, headers=headers) as answer:
        assert answer.status == 202
    (case,) = await house.database.read(cases.find)
    assert (case.id, case.state) == ("partner_suspended:idle", "open")
    assert {kept.state for kept in await house.database.read(messages.find)} == {"held"}


async def test_what_waits_has_a_limit_at_every_door(tmp_path, client):
    async with open_house(tmp_path, held_bytes_per_partner_max=65_536) as house:

        async def submit(number, key=IDLE_KEY):
            headers = {"X-API-Key": key, "Idempotency-Key": f"number-{number}"}
            async with client.post(f"{house.url}/v1/documents", data=X12.ljust(40_000), headers=headers) as answer:
                return answer.status, answer.headers.get("Retry-After"), await answer.json()

        assert (await submit(1))[0] == 202
        status, retry_after, told = await submit(2)
        assert (status, retry_after, told["type"]) == (503, "300", "urn:partner-gateway:problem:holds-too-much")
        assert (await submit(1))[0] == 202, "it was accepted before"
        sent = message(X12.ljust(40_000), **IDLE)
        async with client.post(f"{house.url}/as2", data=sent.body, headers=dict(sent.headers)) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "300")
            assert "Disposition" not in await answer.text()
        assert len(await house.database.read(messages.find)) == 1
        assert [(await submit(number, ACME_KEY))[0] for number in (1, 2, 3)] == [202] * 3
        acts = await house.acts("refused.holds-too-much")
        assert [act.actor for act in acts] == ["partner:idle"] * 2
        (case,) = await house.database.read(cases.find)
        assert (case.id, "is not accepted (503)" in case.reason) == ("partner_suspended:idle", True)


async def test_a_receipt_that_is_delivered_on_its_own_is_owed_as_ever(tmp_path, client):
    suspended = acme("status: suspended\n", as2="  url: https://edi.acme.example/as2\n")
    async with open_house(tmp_path, profiles=[suspended]) as house:
        sent = message(mdn_request=asking())
        assert (await send(house, client, sent))[0] == 200
        (kept,) = await house.database.read(messages.find)
        (receipt,) = await owed(house)
        assert (receipt.message_id, receipt.state, kept.state) == (kept.id, "queued", "held")
        assert (await receipt_in(house, receipt)).disposition.successful


@pytest.mark.parametrize("state", [S.AWAITING_RECEIPT, S.HELD])
async def test_receipts_for_what_we_sent_are_taken(tmp_path, client, state):
    suspended = acme("status: suspended\n", as2="  url: https://edi.acme.example/as2\n")
    async with open_house(tmp_path, profiles=[suspended]) as house:
        sent = await await_receipt(house, state=state)
        assert await post(house, client, mdn_for(sent)) == (200, b"")
        assert (await delivery(house)).state == "delivered"


async def test_certificates_are_exchanged_as_ever(house, client):
    """Otherwise nobody could come back whose certificate has ended meanwhile."""
    certificate = acme_keys().certificate
    content_id = content_id_of(certificate, "acme")
    asked = TrustRequest((CertUsage.DIGITAL_SIGNATURE,), reference_to(certificate), None, "https://x/as2", content_id)
    said = write_exchange(ExchangeRequest("request-1", "Idle", (asked,), datetime.now(UTC)))
    content_type, body = write_message(said, [(content_id, certificate)], "request-1")
    await send(house, client, message(body, content_type=content_type, **IDLE))
    (kept,) = await house.database.read(messages.find)
    assert (kept.partner_id, kept.state) == ("idle", "received")
    assert not await house.database.read(cases.find)
