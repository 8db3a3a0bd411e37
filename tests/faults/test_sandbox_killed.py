"""Two gateways play the sandbox over PostgreSQL and RabbitMQ, one is killed again and again: each answer comes once."""

import asyncio
import random
import re
from collections import Counter

from gateway.sandbox.samples import sample_order
from tests.faults.erp import outbound_channel, send
from tests.faults.oracle import Store
from tests.sandbox.playing import TODAY
from translators.shapes import to_bytes

ORDERS = 20
KILLS = 2
ALIVE_S = (0.2, 1.2)
LEASE_S = 2
# A 997 and an 855 are all that comes, so that nobody waits long here.
WORD = "NO-SHIP"
ANSWERS = 2 * ORDERS


async def test_each_answer_comes_once_whoever_dies(pair_of_gateways, broker_url):
    one, two = pair_of_gateways(sandbox=True, limits={"claim_lease_s": LEASE_S})
    await asyncio.gather(*(asyncio.to_thread(gateway.start) for gateway in (one, two)))
    async with outbound_channel(broker_url) as channel:
        for number in range(ORDERS):
            order = to_bytes(sample_order(f"{number}-{WORD}", TODAY))
            await send(channel, order, source_id=str(number), partner="sandbox")
        for _ in range(KILLS):
            await asyncio.sleep(random.uniform(*ALIVE_S))
            await asyncio.to_thread(two.kill)
            await asyncio.to_thread(two.start)
        store = Store(one.site)
        await store.wait_for("SELECT count(*) FROM sandbox_reply", ANSWERS)
        await store.wait_for("SELECT count(*) FROM sandbox_reply WHERE NOT sent", 0)
        await store.wait_for("SELECT count(*) FROM message WHERE state = 'published'", ANSWERS)
    replies = store.rows("SELECT id, delivery_id, payload FROM sandbox_reply")
    assert set(Counter(row.delivery_id for row in replies).values()) == {2}
    numbers = [re.findall(rb"IEA\*\d+\*(\d+)", bytes(row.payload))[0] for row in replies]
    assert len(set(numbers)) == ANSWERS
    came = Counter(row.transport_id for row in store.rows("SELECT transport_id FROM message"))
    assert came == Counter(row.id for row in replies)
    kinds = Counter(row.document_type for row in store.rows("SELECT document_type FROM document"))
    assert kinds == {"functional_acknowledgment": ORDERS, "purchase_order_acknowledgment": ORDERS}
