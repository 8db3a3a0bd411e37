"""The door takes down which certificates a message was opened, verified and answered with."""

from gateway.store.keys.certificate_uses import identity_owner, partner_owner
from tests.edge.house import acme_keys, message, our_keys

OURS, THEIRS = identity_owner("bigcorp"), partner_owner("acme")


async def post(house, client, sent):
    async with client.post(f"{house.url}/as2", data=sent.body, headers=dict(sent.headers)) as answer:
        await answer.read()


async def test_an_accepted_message_is_a_use_of_both_sides_certificates(house, client):
    await post(house, client, message())
    ours, theirs = our_keys().certificate.fingerprint, acme_keys().certificate.fingerprint
    assert set(house.edge.uses.take()) == {
        (OURS, ours, "decryption"),
        (OURS, ours, "signing"),
        (THEIRS, theirs, "verification"),
    }


async def test_without_encryption_and_receipt_only_their_certificate_was_used(house, client):
    await post(house, client, message(mdn_request=None, signing=None))
    assert house.edge.uses.take() == {}, "what is refused is no use"
