"""An ACME with a server of its own: receipts that go to it, and receipts of it that we wait for."""

import secrets
from datetime import UTC, datetime
from functools import cache, partial

from certs.certificates import KeyPair
from gateway.as2.mdn import read_mdn, write_mdn
from gateway.as2.message import Encryption, MdnRequest, Signing
from gateway.model.delivery import DeliveryEvent, DeliveryKind, DeliveryState
from gateway.store import deliveries, messages
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries.claims import Share
from gateway.store.deliveries.rows import KeptParcel, NewDelivery
from gateway.store.oversight import timeline
from tests.edge.house import X12, acme_keys, message, our_keys, profile, stranger_keys

S = DeliveryState
FAR = 4_000_000_000_000  # of any clock here
HOST = "edi.acme.example"
URL = f"https://{HOST}/as2"
ACME = f"  url: {URL}\n"


def asking(url: str = f"https://{HOST}/mdn", *, signed: bool = True, micalgs=("sha-256",)) -> MdnRequest:
    return MdnRequest("edi@acme", signed=signed, micalgs=micalgs, delivery_url=url)


ASKED = asking()

# A SignedData with `SignerInfos = {}`: nobody signed it (RFC 5652 5.1 allows that for certificates alone).
NOBODY_SIGNED = bytes.fromhex("302306092a864886f70d010702a0163014020101" + "3100300b06092a864886f70d0107013100")


async def send(house, client, sent, body=None):
    data = sent.body if body is None else body
    async with client.post(f"{house.url}/as2", data=data, headers=list(sent.headers)) as answer:
        return answer.status, answer.headers, await answer.read()


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
            connection, "test", 2, lease_ms=FAR, limit=1, share_of=lambda name, _: Share(name, 100)
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
