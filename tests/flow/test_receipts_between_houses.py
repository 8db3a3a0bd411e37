"""Two gateways: messages one way, asynchronous receipts the other, each settled by what the other proves."""

import secrets
import time
from typing import Any

import pytest

from gateway.model.delivery import DeliveryKind
from gateway.store import deliveries, messages
from gateway.store.deliveries.rows import NewDelivery, StoredDelivery
from tests.flow.two_houses import House, two_houses, until

LATER = {"receipt_by": "request"}


async def send(house: House, partner: str) -> str:
    """Have a file sent; returns its delivery."""
    assert house.gateway is not None
    loaded = house.gateway.directory().by_id(partner)
    assert loaded is not None
    now_ms, key = time.time_ns() // 1_000_000, secrets.token_hex(13).upper()
    new = NewDelivery(
        id=key,
        partner_id=partner,
        profile_digest=loaded.digest,
        identity=house.name,
        channel="as2",
        kind=DeliveryKind.FILE.value,
        lane=f"{partner}/{key}",
        transport_id=f"<{key}@{house.name}>",
        content_type="application/octet-stream",
        filename="plan.bin",
        subject="",
        payload=b"what earns no acknowledgment of its own",
        created_at_ms=now_ms,
        due_at_ms=now_ms,
    )
    await house.write(deliveries.enqueue, new)
    house.gateway.sending.wake()
    return key


async def over(house: House, key: str, *states: str) -> StoredDelivery:
    """The delivery once it is in one of the states."""

    async def look() -> Any:
        found = await house.read(deliveries.get, delivery_id=key)
        return found if found.state in states else None

    found: StoredDelivery = await until(look)
    return found


async def receipts_of(house: House) -> list[StoredDelivery]:
    found = await house.read(deliveries.find)
    return [item for item in found if item.kind == DeliveryKind.RECEIPT]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"sending": LATER}, {"sending": LATER | {"receipt": "unsigned"}}),
        ({"sending": LATER | {"compress": "after-signing"}}, {"sending": LATER | {"sign": False}}),
    ],
)
async def test_receipts_come_by_a_way_of_their_own(tmp_path, ours, theirs):
    lenient = {"require_signed": False}
    async with two_houses(tmp_path, ours=ours | lenient, theirs=theirs) as (us, them):
        for sender, receiver in ((us, them), (them, us)):
            key = await send(sender, receiver.name)
            done = await over(sender, key, "delivered", "refused", "given_up")
            assert (done.state, done.attempts) == ("delivered", 1)
            raw = bytes(await sender.read(deliveries.body, delivery_id=key, part="receipt"))
            assert b"AS2-From: " + receiver.name.upper().encode() in raw
            (kept,) = await receiver.read(messages.find)
            assert kept.transport_id == done.transport_id
            (receipt,) = await receipts_of(receiver)
            receipt = await over(receiver, receipt.id, "delivered")
            assert (receipt.message_id, receipt.attempts) == (kept.id, 1)


async def test_a_refusal_comes_that_way_too(tmp_path):
    async with two_houses(tmp_path, ours={"sending": LATER | {"encrypt": False}}) as (us, them):
        key = await send(us, them.name)
        refused = await over(us, key, "delivered", "refused", "given_up")
        assert refused.state == "refused"
        assert "insufficient-message-security" in refused.reason
        assert "as2.sending" in refused.reason
        assert not await them.read(messages.find)
        (receipt,) = await receipts_of(them)
        assert receipt.message_id is None
        await over(them, receipt.id, "delivered")
