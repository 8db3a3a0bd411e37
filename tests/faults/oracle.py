"""What must hold after any fault: compares what partners were told, what the store holds and what the ERP got."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import aiohttp
from sqlalchemy import NullPool, create_engine, text

from tests.faults.erp import Erp
from tests.faults.posting import ORIGINAL_ID, Ledger, attempt
from tests.site import RunningGateway, Site

DECIDED_WITHIN_S = 90
ASKED_AGAIN_MAX = 60


class Store:
    """A look at the gateway's database from outside."""

    def __init__(self, site: Site) -> None:
        self._engine = create_engine(
            str(site.settings.get("database_url") or f"sqlite:///{site.data_dir / 'gateway.db'}"), poolclass=NullPool
        )

    def rows(self, query: str, **values: object) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(text(query), values).all()

    def value(self, query: str, **values: object) -> Any:  # whatever the query asks for
        return self.rows(query, **values)[0][0]

    def change(self, statement: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(text(statement), values)

    def accepted(self) -> dict[str, str]:
        """Transport id -> message id."""
        return dict(self.rows("SELECT transport_id, id FROM message WHERE transport_id IS NOT NULL"))

    def event_ids(self) -> dict[str, list[str]]:
        """Message id -> its events."""
        events: dict[str, list[str]] = {}
        for message_id, event_id in self.rows("SELECT message_id, id FROM outbox_event ORDER BY id"):
            events.setdefault(message_id, []).append(event_id)
        return events

    async def wait_for(self, query: str, expected: object, **values: object) -> None:
        """Until the query's first value is the expected one.

        Raises:
            AssertionError: it is another after a long while.
        """
        deadline = time.monotonic() + DECIDED_WITHIN_S
        while (found := self.value(query, **values)) != expected:
            assert time.monotonic() < deadline, f"{query}: {found}, not {expected}"
            await asyncio.sleep(0.05)

    async def wait_until_decided(self) -> None:
        await self.wait_for("SELECT count(*) FROM message WHERE state IN ('received', 'processing')", 0)

    async def wait_until_published(self) -> None:
        await self.wait_for("SELECT count(*) FROM message WHERE state <> 'published'", 0)


async def check_nothing_lost(store: Store, ledger: Ledger, erp: Erp) -> None:
    """Every answered parcel is one message with one document and one event, which the ERP got, the same each time."""
    await store.wait_until_decided()
    accepted, events = store.accepted(), store.event_ids()
    lost = [key for key in ledger.answers if key not in accepted]
    assert not lost, f"{len(lost)} acknowledged messages are not in the store: {lost[:5]}"
    foreign = [key for key in accepted if key not in ledger.parcels]
    assert not foreign, f"nobody sent {foreign[:5]}"
    assert store.value("SELECT count(*) FROM message") == len(accepted), "a parcel was kept twice"
    assert store.value("SELECT count(*) FROM document") == len(accepted), "a message does not have one document"
    states = dict(store.rows("SELECT state, count(*) FROM message GROUP BY state"))
    assert set(states) <= {"queued", "published"}, states
    for key, message_id in accepted.items():
        assert len(events.get(message_id, ())) == 1, f"{key} has the events {events.get(message_id)}"
    expected = {event_id for ids in events.values() for event_id in ids}
    await erp.wait_for(expected)
    assert erp.event_ids == expected, "the ERP got events that the store does not know"
    changed = [event_id for event_id, bodies in erp.bodies.items() if len(bodies) > 1]
    assert not changed, f"events came with different bodies: {changed[:5]}"
    for key, answer in ledger.answers.items():
        if ledger.parcels[key].channel == "rest":
            assert json.loads(answer.body)["id"] == accepted[key]
        else:
            original = ORIGINAL_ID.search(answer.body)
            assert original is not None
            assert original[1].decode() == key
    await store.wait_until_published()


async def check_same_answers(
    http: aiohttp.ClientSession, gateway: RunningGateway, store: Store, ledger: Ledger, erp: Erp
) -> None:
    """A retry, of parcels in doubt before all others, gets the same answer and causes nothing new."""
    before = store.value("SELECT count(*) FROM message")
    doubtful = sorted(ledger.in_doubt & ledger.answers.keys())[:ASKED_AGAIN_MAX]
    sure = sorted(ledger.answers.keys() - ledger.in_doubt)[: ASKED_AGAIN_MAX // 2]
    for key in doubtful + sure:
        again = await attempt(http, gateway, ledger.parcels[key])
        assert again.is_positive
        assert again.body == ledger.answers[key].body, f"{key} was answered differently"
    await store.wait_until_published()
    assert store.value("SELECT count(*) FROM message") == before
    assert store.value("SELECT count(*) FROM outbox_event") == before
    assert len(erp.event_ids) == before


def check_order(erp: Erp) -> int:
    """Within each lane events came in their order; returns the number of lanes with more than one."""
    lanes = erp.first_deliveries()
    for lane, deliveries in lanes.items():
        sequences = [delivery.sequence for delivery in deliveries]
        assert sequences == sorted(sequences), f"lane {lane} came as {sequences}"
    return sum(len(deliveries) > 1 for deliveries in lanes.values())
