"""The asynchronous receipts that we await: what proves delivery settles it, anything else changes nothing."""

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from certs.creation import certify
from gateway.as2.cms.algorithms import Digest
from gateway.as2.disposition import Disposition, Modifier, disposition_of
from gateway.as2.mdn import read_mdn
from gateway.as2.message import Signing
from gateway.as2.mic import Mic
from gateway.model.delivery import DELIVERY_FINAL_STATES, DeliveryEvent
from gateway.store import deliveries
from gateway.store.deliveries import bodies as delivery_bodies
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries.claims import Share
from tests.edge.acmes import (
    FAR,
    NOBODY_SIGNED,
    S,
    asking,
    await_receipt,
    delivery,
    mdn_for,
    nothing_else_changed,
    other,
    others_keys,
    owed,
    post,
    send,
    steps,
)
from tests.edge.house import acme_keys, message, profile, stranger_keys


@pytest.mark.parametrize("state", [S.AWAITING_RECEIPT, S.SENDING, S.QUEUED, S.HELD, S.GIVEN_UP])
async def test_a_good_receipt_settles_the_delivery_at_any_moment(at_acmes, client, state):
    """Before our POST was answered, after an attempt that seemed to fail, after the last."""
    async with at_acmes() as house:
        sent = await await_receipt(house, state=state)
        written = mdn_for(sent)
        assert await post(house, client, written) == (200, b"")
        found = await delivery(house)
        assert (found.state, found.settled_at_ms is not None) == ("delivered", True)
        raw = await house.database.read(partial(deliveries.body, delivery_id=found.id, part=delivery_bodies.RECEIPT))
        head, _, body = bytes(raw).partition(b"\r\n\r\n")
        assert body == written.body
        for name in (b"AS2-From: ACME-AS2", b"Content-Type: multipart/signed"):
            assert name in head
        again = read_mdn(  # as evidence it verifies by itself
            [line.partition(": ")[::2] for line in head.decode().split("\r\n")],
            body,
            partner_certificates=[acme_keys().certificate],
            now=datetime.now(UTC),
            require_signed=True,
        )
        assert again.original_message_id == sent.message_id
        assert house.woken
        assert not await house.acts()


async def test_a_receipt_that_comes_twice_changes_nothing(at_acmes, client):
    async with at_acmes() as house:
        written = mdn_for(await await_receipt(house))
        await post(house, client, written)
        before, told = await delivery(house), await steps(house)
        house.woken.clear()
        assert await post(house, client, written) == (200, b"")
        assert (await delivery(house), await steps(house)) == (before, told)
        assert not house.woken
        assert house.edge.metrics.deliveries_settled.values == {("as2", "delivered"): 1}


@pytest.mark.parametrize("spelled", ["bare", "bracketed"])
async def test_brackets_of_the_id_come_and_go_on_the_way(at_acmes, client, spelled):
    async with at_acmes() as house:
        sent = await await_receipt(house)
        original = sent.message_id.strip("<>") if spelled == "bare" else sent.message_id
        assert (await post(house, client, mdn_for(sent, original_message_id=original)))[0] == 200
        assert (await delivery(house)).state == "delivered"


@pytest.mark.parametrize("index", range(4))
async def test_any_digest_of_the_mic_will_do(at_acmes, client, index):
    async with at_acmes() as house:
        sent = await await_receipt(house)
        assert (await post(house, client, mdn_for(sent, mic=sent.mics[index])))[0] == 200


async def test_an_unsigned_receipt_does_where_one_was_asked_for(at_acmes, client):
    async with at_acmes() as house:
        sent = await await_receipt(house, request=asking(signed=False))
        assert (await post(house, client, mdn_for(sent, signing=None)))[0] == 200
        assert (await delivery(house)).state == "delivered"


async def test_a_refusal_of_theirs_waits_for_a_person(at_acmes, client):
    async with at_acmes() as house:
        sent = await await_receipt(house)
        refusal = mdn_for(sent, mic=None, disposition=disposition_of(Modifier.AUTHENTICATION_FAILED))
        assert (await post(house, client, refusal))[0] == 200
        found = await delivery(house)
        assert (found.state, "authentication-failed" in found.reason) == ("refused", True)
        assert "certs list" in found.reason
        told = await steps(house)
        assert (await post(house, client, refusal))[0] == 200  # once more: nothing
        assert await steps(house) == told
        assert (await post(house, client, mdn_for(sent)))[0] == 200  # they think otherwise: noted, and left to a person
        assert (await delivery(house)).state == "refused"
        assert (await steps(house))[-1] == "late-receipt"


async def test_what_may_pass_goes_again_by_the_schedule(at_acmes, client):
    async with at_acmes(extra="delivery: {attempts_max: 2, first_retry_after_s: 60}\n") as house:
        sent = await await_receipt(house)
        failure = mdn_for(sent, mic=None, disposition=disposition_of(Modifier.UNEXPECTED_PROCESSING_ERROR))
        assert (await post(house, client, failure))[0] == 200
        found = await delivery(house)
        assert (found.state, found.attempts) == ("queued", 1)
        assert found.next_attempt_at_ms > house.edge.now_ms()
        assert (await post(house, client, failure))[0] == 200  # an attempt is due anyway
        assert (await delivery(house)).next_attempt_at_ms == found.next_attempt_at_ms

        def again(connection):
            (claimed,) = delivery_claims.claim(
                connection, "test", FAR, lease_ms=1, limit=1, share_of=lambda name, _: Share(name, 1)
            )
            deliveries.apply(connection, claimed.id, DeliveryEvent.AWAIT, FAR, due_at_ms=FAR + 1)

        await house.database.write(again)
        assert (await post(house, client, failure))[0] == 200
        assert (await delivery(house)).state == "given_up"


@pytest.mark.parametrize("state", [S.DELIVERED, S.CANCELLED])
async def test_what_is_over_stays_as_it_is(at_acmes, client, state):
    async with at_acmes() as house:
        sent = await await_receipt(house, state=state)
        refusal = mdn_for(sent, mic=None, disposition=disposition_of(Modifier.DECRYPTION_FAILED))
        assert (await post(house, client, refusal))[0] == 200
        assert (await delivery(house)).state == state
        assert state in DELIVERY_FINAL_STATES
        assert (await steps(house))[-1] == "late-receipt"


def without_signers(written):
    """The same receipt under a signature of nobody."""
    signature = rb"\1" + base64.b64encode(NOBODY_SIGNED) + rb"\2"
    body = re.sub(rb"(smime\.p7s\"\r\n\r\n).*?(\r\n--)", signature, written.body, flags=re.DOTALL)
    assert body != written.body
    return body


def expired() -> Signing:
    past = datetime.now(UTC) - timedelta(days=100)
    return Signing(certify(acme_keys().private_key, "acme", now=past, valid_days=10))


WRONG = {
    "another message": ({"original_message_id": "<other@partner-gateway>"}, "bears the id"),
    "no message": ({"original_message_id": ""}, "bears the id"),
    "unsigned": ({"signing": None}, "not signed"),
    "a stranger's key": ({"signing": Signing(stranger_keys())}, "signer"),
    "no MIC": ({"mic": None}, "no MIC"),
    "another MIC": ({"mic": Mic(b"x" * 32, Digest.SHA256, "sha-256")}, "the MIC"),
    "an old digest": ({"mic": Mic(b"x" * 16, None, "md5")}, "the MIC"),
    "another receiver": ({"as2_to": "PLANT"}, "none of our identities"),
    "nobody": ({"as2_from": "NOBODY"}, "no partner of ours"),
    "small letters": ({"as2_from": "acme-as2"}, "no partner of ours"),
    "unsigned refusal": ({"signing": None, "disposition": Disposition("processed", "error", "x")}, "not signed"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_proves_nothing_changes_nothing(at_acmes, client, name):
    choices, cause = WRONG[name]
    async with at_acmes() as house:
        sent = await await_receipt(house)
        before, told = await delivery(house), await steps(house)
        status, body = await post(house, client, mdn_for(sent, **choices))
        assert status in (400, 403)
        assert b"Receipt" in body or b"relationship" in body
        assert (await delivery(house), await steps(house)) == (before, told)
        (act,) = await house.acts()
        assert act.action in ("refused.receipt-not-accepted", "refused.unknown-trading-relationship")
        assert cause in act.detail["cause"]
        await nothing_else_changed(house)


async def test_a_receipt_with_nobody_who_signed_it(at_acmes, client):
    async with at_acmes() as house:
        sent = await await_receipt(house)
        written = mdn_for(sent)
        status, _ = await post(house, client, written, without_signers(written))
        assert status == 400
        assert (await delivery(house)).state == "awaiting_receipt"
        (act,) = await house.acts("refused.receipt-not-accepted")
        assert act.actor == "unknown"


async def test_an_expired_certificate_of_theirs_signs_no_receipt(at_acmes, client):
    async with at_acmes() as house:
        sent = await await_receipt(house)
        status, _ = await post(house, client, mdn_for(sent, signing=expired()))
        assert status == 400
        assert (await delivery(house)).state == "awaiting_receipt"


async def test_a_receipt_that_two_readers_could_read_differently(at_acmes, client):
    async with at_acmes() as house:
        written = mdn_for(await await_receipt(house))
        doubled = replace(written, headers=(*written.headers, ("AS2-From", "OTHER-AS2")))
        async with client.post(f"{house.url}/as2", data=doubled.body, headers=doubled.headers) as answer:
            assert answer.status == 400
        assert (await delivery(house)).state == "awaiting_receipt"
        assert len(await house.acts("refused.receipt-not-accepted")) == 1


async def test_nobody_confirms_for_another(at_acmes, client):
    """Good credentials of one partner, a message to another."""
    async with at_acmes(others=[other()]) as house:
        sent = await await_receipt(house)
        for choices in (
            {"as2_from": "OTHER-AS2", "signing": Signing(others_keys())},
            {"signing": Signing(others_keys())},
        ):
            assert (await post(house, client, mdn_for(sent, **choices)))[0] == 400
        assert (await delivery(house)).state == "awaiting_receipt"
        assert len(await house.acts("refused.receipt-not-accepted")) == 2


async def test_no_receipt_for_a_receipt(at_acmes, client):
    async with at_acmes() as house:
        await send(house, client, message(mdn_request=asking()))
        (receipt,) = await owed(house)
        sent = replace(message(), message_id=receipt.transport_id)
        assert (await post(house, client, mdn_for(sent)))[0] == 400
        (after,) = await owed(house)
        assert after == receipt


async def test_where_none_was_asked_for_none_counts(at_acmes, client):
    async with at_acmes() as house:
        sent = await await_receipt(house, request=None)
        assert (await post(house, client, mdn_for(sent)))[0] == 400
        assert (await delivery(house)).state == "awaiting_receipt"


async def test_a_store_that_cannot_write_takes_no_receipt(at_acmes, client):
    async with at_acmes() as house:
        sent = await await_receipt(house)
        with house.database.engine.connect() as connection:
            connection.exec_driver_sql("DROP TABLE timeline")
            connection.commit()
        assert (await post(house, client, mdn_for(sent)))[0] == 503
        assert (await delivery(house)).state == "awaiting_receipt"


async def test_a_receipt_is_small(at_acmes, client):
    async with at_acmes(response_bytes_max=2_000) as house:
        sent = await await_receipt(house)
        assert (await post(house, client, mdn_for(sent)))[0] == 413
        assert (await delivery(house)).state == "awaiting_receipt"


async def test_the_van_confirms_what_it_carried(at_acmes, client):
    carried = profile("id: small\nname: Small\nvia: acme\nx12: {qualifier: ZZ, id: SMALL}\n")
    speaks = "speaks_for: {qualifier: ZZ, id: SMALL}\n"
    async with at_acmes(extra=speaks, others=[carried]) as house:
        sent = await await_receipt(house, partner="small")

        def carried_by_acme(connection):
            connection.exec_driver_sql("UPDATE delivery SET bearer_id = 'acme'")

        await house.database.write(carried_by_acme)
        assert (await post(house, client, mdn_for(sent)))[0] == 200
        assert (await delivery(house)).state == "delivered"
