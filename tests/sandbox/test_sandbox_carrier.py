"""The carrier and its replies under repetition, death and rubbish: an outcome each time, each reply once."""

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.carriers.parcels import Awaited, Consignment, Delivered, Failed, Outcome, Refused
from gateway.flow.outward.ways import SANDBOX
from gateway.flow.receive import Arrival, Reception
from gateway.model.delivery import DeliveryKind
from gateway.model.ids import IdSource
from gateway.sandbox.carrier import SandboxCarrier
from gateway.sandbox.partner import built_in_partners
from gateway.sandbox.reading import ORDERS_MAX, PAYLOAD_BYTES_MAX
from gateway.sandbox.replies import LEASE_MS, SandboxReplies
from gateway.sandbox.samples import sample_order
from gateway.sandbox.script import perform
from gateway.store import messages
from gateway.store.database import Database
from gateway.store.deliveries import sandbox_replies
from gateway.store.deliveries.sandbox_replies import Reply
from gateway.store.messages import StoredMessage
from gateway.telemetry import Metrics
from partners.directory import Directory
from tests.migrated import migrate
from tests.sandbox.playing import TODAY
from translators.documents import OrderLine, PurchaseOrder
from translators.guide import Identity
from translators.shapes import to_bytes
from translators.x12.writing import Envelope, write_interchange

PARTNER = built_in_partners(sandbox=True)[0]
AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
ENVELOPE = Envelope(
    Identity("ZZ", "BIGCORP"), "BIGCORP", Identity("ZZ", "SANDBOX"), "SANDBOX", "004010", AT, 17, usage="T"
)
EVERYTHING_DUE_MS = 600_000


def x12(*numbers: str, order: PurchaseOrder | None = None) -> bytes:
    orders = [replace(order or sample_order(number, TODAY), number=number) for number in numbers]
    data = write_interchange(orders, ENVELOPE).data
    assert data is not None
    return data


def consignment(payload: bytes, delivery_id: str = "D1", kind: DeliveryKind = DeliveryKind.DOCUMENT) -> Consignment:
    return Consignment(
        id=delivery_id,
        kind=kind,
        partner=PARTNER,
        bearer=PARTNER,
        identity="bigcorp",
        transport_id=f"<{delivery_id}@us>",
        content_type="application/edi-x12",
        filename="",
        subject="",
        payload=payload,
    )


@dataclass
class House:
    """A store with as many nodes before it as are asked for."""

    database: Database
    now_ms: int = 1_767_605_400_000

    def clock(self) -> int:
        return self.now_ms

    @property
    def carrier(self) -> SandboxCarrier:
        return SandboxCarrier(self.database, now_ms=self.clock, metrics=Metrics())

    def node(self, owner: str) -> SandboxReplies:
        reception = Reception(self.database, IdSource(self.clock, secrets.randbits), self.clock, lambda: None)
        return SandboxReplies(
            self.database,
            reception,
            lambda: Directory([PARTNER]),
            owner=owner,
            now_ms=self.clock,
            metrics=Metrics(),
        )

    async def carry(
        self, payload: bytes, delivery_id: str = "D1", kind: DeliveryKind = DeliveryKind.DOCUMENT
    ) -> Outcome:
        wanted, carrier = consignment(payload, delivery_id, kind), self.carrier
        parcel = await carrier.pack(wanted)
        return await carrier.carry(replace(wanted, payload=b""), parcel)

    async def replies(self, delivery_id: str = "D1") -> list[Reply]:
        return await self.database.read(partial(sandbox_replies.of_delivery, delivery_id=delivery_id))

    async def came(self) -> list[StoredMessage]:
        return await self.database.read(partial(messages.find, limit=1_000))

    async def hand_over_all(self, node: SandboxReplies) -> None:
        while await node.hand_over():
            pass


@asynccontextmanager
async def house_over(url: str) -> AsyncIterator[House]:
    database = Database(url, synchronous="OFF")
    migrate(database)
    database.start()
    try:
        yield House(database)
    finally:
        await asyncio.to_thread(database.close)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_over(f"sqlite:///{tmp_path / 'store.db'}") as house:
        yield house


def control_numbers(replies: list[Reply]) -> list[bytes]:
    return [re.findall(rb"IEA\*\d+\*(\d+)", reply.payload)[0] for reply in replies]


async def test_replies_are_kept_before_the_delivery_counts_as_taken_and_bear_numbers_of_their_own(house: House):
    outcome = await house.carry(x12("1-ACCEPT"))
    assert isinstance(outcome, Delivered)
    assert outcome.facts["sandbox"].startswith("ACCEPT: ")
    replies = await house.replies()
    assert [reply.about for reply in replies] == ["ACCEPT: 997", "ACCEPT: 855", "ACCEPT: 856", "ACCEPT: 810"]
    assert [reply.due_at_ms - house.now_ms for reply in replies] == [1_000, 2_000, 4_000, 6_000]
    assert len(set(control_numbers(replies))) == len(replies)


async def test_a_repeated_attempt_changes_nothing(house: House):
    """A process that dies behind the commit tries again: same bytes, same numbers, same times."""
    await house.carry(x12("1-PARTIAL"))
    kept = await house.replies()
    house.now_ms += 60_000
    assert isinstance(await house.carry(x12("1-PARTIAL")), Delivered)
    assert await house.replies() == kept
    await house.carry(x12("1-PARTIAL"), "D2")
    assert not set(control_numbers(await house.replies("D2"))) & set(control_numbers(kept))


async def test_nothing_is_handed_over_before_its_time(house: House):
    await house.carry(x12("1-LATE-30"))
    node = house.node("one")
    assert await node.hand_over() == 0
    house.now_ms += 1_000
    assert await node.hand_over() == 1
    house.now_ms += 30_000
    assert await node.hand_over() == 0
    house.now_ms += 5_000
    assert await node.hand_over() == 3
    assert [message.channel for message in await house.came()] == [SANDBOX] * 4


async def test_a_process_that_dies_behind_the_reception_hands_over_once_more_and_nothing_is_doubled(house: House):
    await house.carry(x12("1-ACCEPT"))
    house.now_ms += EVERYTHING_DUE_MS
    first = (await house.replies())[0]
    reception = Reception(house.database, IdSource(house.clock, secrets.randbits), house.clock, lambda: None)
    # As far as the process came: the reception has committed, and nobody noted it.
    await reception.keep(
        Arrival(
            PARTNER.id,
            PARTNER.digest,
            SANDBOX,
            first.payload,
            transport_id=first.id,
            identity=first.identity,
            content_type=first.content_type,
        )
    )
    await house.hand_over_all(house.node("after the restart"))
    assert Counter(message.transport_id for message in await house.came()) == Counter(
        reply.id for reply in await house.replies()
    )


async def test_two_nodes_at_once_hand_over_each_reply_once(house: House):
    for number in range(20):
        await house.carry(x12(f"{number}-ACCEPT"), f"D{number}")
    house.now_ms += EVERYTHING_DUE_MS
    await asyncio.gather(*(house.hand_over_all(house.node(owner)) for owner in ("one", "two")))
    house.now_ms += 2 * LEASE_MS  # whoever had the lease died
    await house.hand_over_all(house.node("three"))
    came = await house.came()
    assert len(came) == len({message.transport_id for message in came}) == 80


async def test_two_nodes_that_take_the_same_delivery_keep_its_replies_once(database_url: str):
    async with house_over(database_url) as one, house_over(database_url) as two:
        outcomes = await asyncio.gather(
            *(house.carry(x12(f"{number}-PARTIAL"), f"D{number}") for number in range(12) for house in (one, two))
        )
        assert all(isinstance(outcome, Delivered) for outcome in outcomes)
        numbers: list[bytes] = []
        for number in range(12):
            replies = await one.replies(f"D{number}")
            assert [reply.about.rpartition(" ")[2] for reply in replies] == ["997", "855", "856", "856", "810"]
            numbers += control_numbers(replies)
        assert len(set(numbers)) == len(numbers)
        one.now_ms = two.now_ms = one.now_ms + EVERYTHING_DUE_MS
        nodes = [house.node(owner) for house, owner in ((one, "one"), (two, "two"))]
        await asyncio.gather(*(one.hand_over_all(node) for node in nodes))
        one.now_ms = two.now_ms = one.now_ms + 2 * LEASE_MS
        await one.hand_over_all(nodes[1])
        assert Counter(message.transport_id for message in await two.came()).most_common(1)[0][1] == 1
        assert len(await two.came()) == 60


async def test_who_is_not_played_any_more_sends_nothing_and_takes_nothing(house: House):
    await house.carry(x12("1-ACCEPT"))
    house.now_ms += EVERYTHING_DUE_MS
    node = house.node("one")
    node._directory = Directory
    await house.hand_over_all(node)
    assert await house.came() == []
    gone = replace(PARTNER, profile=PARTNER.profile.model_copy(update={"sandbox": False}))
    wanted = replace(consignment(x12("1-ACCEPT"), "D2"), partner=gone)
    outcome = await house.carrier.carry(wanted, await house.carrier.pack(wanted))
    assert isinstance(outcome, Refused)
    assert await house.replies("D2") == []


@pytest.mark.parametrize("kind", [kind for kind in DeliveryKind if kind not in {"document", "file"}])
async def test_what_is_no_business_is_taken_and_forgotten(house: House, kind: DeliveryKind):
    assert isinstance(await house.carry(x12("1-ACCEPT"), kind=kind), Delivered)
    assert await house.replies() == []


async def test_of_several_orders_each_is_answered_by_its_own_word(house: House):
    await house.carry(x12("1-REJECT", "2-HALF", "3"))
    assert Counter(reply.about.rpartition(" ")[2] for reply in await house.replies()) == {
        "997": 1,
        "855": 3,
        "856": 2,
        "810": 2,
    }


async def test_there_is_an_end_to_how_much_is_answered(house: House):
    outcome = await house.carry(x12(*(f"{number}-NO-SHIP" for number in range(ORDERS_MAX + 2))))
    assert f"only the first {ORDERS_MAX}" in outcome.facts["sandbox"]
    assert len(await house.replies()) == 1 + ORDERS_MAX
    large = await house.carry(b"ISA" * PAYLOAD_BYTES_MAX, "D2")
    assert str(PAYLOAD_BYTES_MAX) in large.facts["sandbox"]
    assert await house.replies("D2") == []


# --- rubbish ----------------------------------------------------------------------------------------------------------

NUMBERS = st.sampled_from(["1-HALF", "1-PARTIAL", "1-TIMEOUT-1", "1-BROKEN855", "1-REJECT997", "1-NO-RECEIPT", "1-TA1"])

SPLINTERS = [b"*", b"~", b"~ST*850*0002~", b"99999999", b"-"]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An order that lost, gained or exchanged some bytes."""
    data = bytearray(x12(draw(NUMBERS)))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(data) - 1))
        end = place + draw(st.integers(0, 12))
        data[place:end] = draw(
            st.binary(max_size=12) | st.sampled_from([b"*", b"~", b"~ST*850*0002~", b"99999999", b"-"])
        )
    return bytes(data)


DAYS = st.dates().map(str)
ORDERS_AS_JSON = st.fixed_dictionaries(
    {
        "document_type": st.just("purchase_order"),
        "number": NUMBERS,
        "issued_on": DAYS,
        "dates": st.lists(
            st.fixed_dictionaries({"qualifier": st.just("002"), "date": st.dates().map(str)}), max_size=2
        ),
        "lines": st.lists(
            st.fixed_dictionaries(
                {"line_id": st.text(min_size=1, max_size=20)},
                optional={
                    "quantity": st.decimals(-(10**37), 10**37, allow_nan=False, places=20).map(lambda it: f"{it:f}"),
                    "unit_price": st.decimals(-(10**37), 10**37, allow_nan=False, places=30).map(lambda it: f"{it:f}"),
                    "unit": st.sampled_from(["EA", "KGM", "C62"]),
                    "product_ids": st.lists(
                        st.fixed_dictionaries({"qualifier": st.just("VP"), "id": st.text(min_size=1)}), max_size=2
                    ),
                },
            ),
            max_size=4,
        ),
    }
).map(orjson.dumps)


@pytest.fixture(scope="module")
def runner(tmp_path_factory) -> Iterator[tuple[asyncio.Runner, House]]:
    with asyncio.Runner() as runner:
        opened = house_over(f"sqlite:///{tmp_path_factory.mktemp('rubbish') / 'store.db'}")
        house = runner.run(opened.__aenter__())
        yield runner, house
        runner.run(opened.__aexit__(None, None, None))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(payload=st.binary(max_size=300) | damaged() | ORDERS_AS_JSON, kind=st.sampled_from(["document", "file"]))
def test_whatever_comes_there_is_an_outcome(runner, payload: bytes, kind: str):
    loop, house = runner
    delivery_id = secrets.token_hex(8)
    outcome = loop.run(house.carry(payload, delivery_id, DeliveryKind(kind)))
    assert isinstance(outcome, Delivered | Awaited | Failed | Refused)
    assert outcome.facts["sandbox"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(payload=ORDERS_AS_JSON)
def test_whatever_an_order_holds_the_answers_can_be_made_or_it_is_said_why_not(payload: bytes):
    agreements = [
        agreement.model_copy(update={"syntax": "json", "releases": ()}) for agreement in PARTNER.profile.agreements
    ]
    profile = PARTNER.profile.model_copy(update={"agreements": tuple(agreements)})
    performance = perform(payload, "application/json", profile, "D1", AT)
    for draft in performance.drafts:
        assert draft.write(1, [1] * draft.groups)


def test_an_order_that_says_next_to_nothing_is_answered():
    bare = replace(sample_order("1", TODAY), parties=(), dates=(), lines=(OrderLine(line_id="1", quantity=Decimal(3)),))
    performance = perform(x12("1", order=bare), "", PARTNER.profile, "D1", AT)
    assert [draft.what for draft in performance.drafts] == ["997", "855", "856", "810"]


def test_what_is_not_agreed_is_not_sent_and_the_decision_says_so():
    performance = perform(to_bytes(sample_order("1", TODAY)), "", PARTNER.profile, "D1", AT)
    assert performance.drafts == ()
    assert "no inbound agreement on purchase_order_acknowledgment in json" in performance.decision


def test_orders_of_an_interchange_that_is_rejected_are_not_answered():
    performance = perform(x12("1").replace(b"*00401*", b"*0A401*"), "", PARTNER.profile, "D1", AT)
    assert [draft.what for draft in performance.drafts] == ["TA1"]
