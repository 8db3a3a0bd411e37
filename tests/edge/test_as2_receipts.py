"""Asynchronous receipts at the edge: those that we owe are deliveries, those that we await settle deliveries."""

import base64
import re
import secrets
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import pytest

from certs.certificates import KeyPair
from certs.creation import certify
from gateway.as2.cms.algorithms import Digest
from gateway.as2.disposition import Disposition, Modifier, disposition_of
from gateway.as2.mdn import objection, read_mdn, write_mdn
from gateway.as2.message import Encryption, MdnRequest, Signing
from gateway.as2.mic import Mic
from gateway.model.delivery import DELIVERY_FINAL_STATES, DeliveryEvent, DeliveryKind, DeliveryState
from gateway.store import deliveries, delivery_bodies, delivery_claims, messages, timeline
from gateway.store.delivery_claims import Way
from gateway.store.delivery_rows import KeptParcel, NewDelivery
from tests.edge.house import X12, acme, acme_keys, globex, idle, message, open_house, our_keys, profile, stranger_keys
from tests.edge.test_as2 import send

S = DeliveryState
FAR = 4_000_000_000_000  # of any clock here
HOST = "edi.acme.example"
URL = f"https://{HOST}/as2"
ACME = f"  url: {URL}\n"


def asking(url: str = f"https://{HOST}/mdn", *, signed: bool = True, micalgs=("sha-256",)) -> MdnRequest:
    return MdnRequest("edi@acme", signed=signed, micalgs=micalgs, delivery_url=url)


ASKED = asking()


@pytest.fixture
def at_acmes(tmp_path):
    """A house whose ACME has a server; `as2` stands below `as2:` of its profile."""

    @asynccontextmanager
    async def at_acmes(as2=ACME, extra="", others=(), **choices):
        profiles = [acme(extra, as2=as2), globex(), idle(), *others]
        async with open_house(tmp_path, profiles=profiles, **choices) as house:
            yield house

    return at_acmes


async def owed(house):
    """Every receipt that waits to be delivered, oldest first."""
    found = await house.database.read(partial(deliveries.find, limit=200))
    return [item for item in reversed(found) if item.kind == DeliveryKind.RECEIPT]


async def payload_of(house, delivery):
    return await house.database.read(partial(deliveries.body, delivery_id=delivery.id, part="payload"))


async def receipt_in(house, delivery, *, signed=True):
    return read_mdn(
        delivery.answers,
        await payload_of(house, delivery),
        partner_certificates=[our_keys().certificate],
        now=datetime.now(UTC),
        require_signed=signed,
    )


async def nothing_else_changed(house):
    """Nothing was kept: no message, no transport identity, no event to work on."""
    assert not await house.database.read(messages.find)
    assert not house.arrived
    with house.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM transport_identity").scalar_one() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM message_body").scalar_one() == 0


# --- those that we owe ------------------------------------------------------------------------------------------------


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


async def test_of_strangers_and_the_suspended_nobody_is_called(at_acmes, client):
    async with at_acmes() as house:
        for names in ({"as2_from": "NOBODY"}, {"as2_from": "IDLE-AS2"}, {"as2_to": "NOBODY"}):
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
        for _ in range(2):
            assert (await send(house, client, message(mdn_request=asking())))[0] == 200


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
        delivery_claims.claim(connection, "test", FAR, lease_ms=1, limit=100, way_of=lambda name: Way(name, 100))
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


# --- those that we await ----------------------------------------------------------------------------------------------


@cache
def others_keys() -> KeyPair:
    return stranger_keys()


def other(as2: str = ""):
    return profile(
        f"id: other\nname: Other\nas2:\n  id: OTHER-AS2\n  certificate: other.pem\n{as2}",
        other_pem=others_keys().certificate.pem(),
    )


async def await_receipt(house, *, partner="acme", number=1, state=S.AWAITING_RECEIPT, request=ASKED):
    """A delivery that was packed and sent, and what was sent."""
    new = NewDelivery(
        id=f"{number:026d}",
        partner_id=partner,
        profile_digest="digest",
        identity="bigcorp",
        channel="as2",
        kind=DeliveryKind.DOCUMENT.value,
        lane=f"{partner}/{number}",
        transport_id=f"<{number:026d}@partner-gateway>",
        content_type="application/edi-x12",
        filename="",
        subject="",
        payload=X12,
        created_at_ms=1,
        due_at_ms=1,
    )
    sent = message(
        as2_from="BIGCORP",
        as2_to="ACME-AS2",
        message_id=new.transport_id,
        signing=Signing(our_keys()),
        encryption=Encryption([acme_keys().certificate]),
        mdn_request=request,
    )
    parcel = KeptParcel(sent.headers, tuple(map(str, sent.mics)), expects_receipt=request is not None)
    events = {
        S.QUEUED: [DeliveryEvent.DEFER],
        S.SENDING: [],
        S.AWAITING_RECEIPT: [DeliveryEvent.AWAIT],
        S.HELD: [DeliveryEvent.HOLD],
        S.GIVEN_UP: [DeliveryEvent.GIVE_UP],
        S.CANCELLED: [DeliveryEvent.AWAIT, DeliveryEvent.CANCEL],
        S.REFUSED: [DeliveryEvent.REFUSE],
        S.DELIVERED: [DeliveryEvent.CONFIRM],
    }[state]

    def unit(connection):
        deliveries.enqueue(connection, new)
        (claimed,) = delivery_claims.claim(
            connection, "test", 2, lease_ms=FAR, limit=1, way_of=lambda name: Way(name, 100)
        )
        delivery_claims.begin_attempt(connection, claimed, 2, bearer_id=partner, packed=parcel, wire=sent.body)
        for event in events:
            deliveries.apply(connection, new.id, event, 3, due_at_ms=FAR if event is DeliveryEvent.AWAIT else None)

    await house.database.write(unit)
    return sent


def mdn_for(sent, *, pair=None, **choices):
    """A receipt of ACME for what was sent."""
    fixed = {
        "as2_from": "ACME-AS2",
        "as2_to": "BIGCORP",
        "message_id": f"<{secrets.token_hex(8)}@acme>",
        "original_message_id": sent.message_id,
        "now": datetime.now(UTC),
        "reporting_ua": "ACME",
        "mic": sent.mics[0] if sent.mics else None,
        "signing": Signing(pair or acme_keys()),
    }
    return write_mdn(**(fixed | choices))


async def post(house, client, written, body=None):
    data = written.body if body is None else body
    async with client.post(f"{house.url}/as2", data=data, headers=dict(written.headers)) as answer:
        return answer.status, await answer.read()


async def delivery(house, number=1):
    return await house.database.read(partial(deliveries.get, delivery_id=f"{number:026d}"))


async def steps(house, number=1):
    entries = await house.database.read(partial(timeline.of_message, message_id=f"{number:026d}"))
    return [entry.step for entry in entries]


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
                connection, "test", FAR, lease_ms=1, limit=1, way_of=lambda name: Way(name, 1)
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


# A SignedData with `SignerInfos = {}`: nobody signed it (RFC 5652 5.1 allows that for certificates alone).
NOBODY_SIGNED = bytes.fromhex("302306092a864886f70d010702a0163014020101" + "3100300b06092a864886f70d0107013100")


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
