"""Random histories of sending: outcomes, receipts, time, kills and people, against what must hold whatever happens."""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gateway.carriers.parcels import Awaited, Carrier, Consignment, Delivered, Failed, Held, Outcome, Parcel, Refused
from gateway.flow import operations
from gateway.flow.operations import Actor, NotPossible
from gateway.flow.outward.send import Sending
from gateway.model.delivery import DELIVERY_FINAL_STATES, DeliveryEvent, DeliveryState
from gateway.settings import Limits
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.store.deliveries import NewDelivery
from gateway.store.oversight import cases
from gateway.telemetry import Metrics
from partners.directory import Directory
from tests.flow.sending import SCHEDULE, Clock, profile
from tests.migrated import migrate

LANES = ("acme/1", "acme/2")
OUTCOMES = {
    "delivered": Delivered(b"mdn"),
    "awaited": Awaited(),
    "failed": Failed("nothing listens"),
    "refused": Refused("decryption-failed"),
    "held": Held("no certificate"),
}
S = DeliveryState


class Histories(RuleBasedStateMachine):
    """One process at a time sends; whatever is asked of the partner is answered, or cut off, by a rule."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "gateway.db"
        shutil.copy(self.template, file)
        self.database = Database(f"sqlite:///{file}", synchronous="OFF")
        self.database.start()
        self.clock = Clock()
        self.directory = Directory([profile("acme", SCHEDULE)])
        self.waiting: dict[str, asyncio.Future[Outcome]] = {}
        self.sent: dict[str, set[bytes]] = defaultdict(set)  # what left the house, by transport id
        self.packed: dict[str, int] = defaultdict(int)  # by transport id, among what left
        self.refused_for_good: set[str] = set()
        self.proven: set[str] = set()
        self.keys: list[str] = []
        self.processes = 0
        self.new_process()

    # --- the world ---------------------------------------------------------------------------------------------------

    def new_process(self) -> None:
        self.processes += 1
        carrier = Carrier(self.pack, self.carry)
        self.sending = Sending(
            self.database,
            {"as2": carrier},
            lambda: self.directory,
            owner=f"process-{self.processes}",
            now_ms=self.clock,
            metrics=Metrics(),
            limits=Limits(claim_lease_s=3_600),
            chance=lambda: 0.5,
        )

    async def pack(self, consignment: Consignment) -> Parcel | Held:
        headers = (("Message-ID", consignment.transport_id),)
        return Parcel(headers, os.urandom(8), receipt_within_s=600)

    async def carry(self, consignment: Consignment, parcel: Parcel) -> Outcome:
        self.sent[consignment.transport_id].add(bytes(parcel.body))
        self.waiting[consignment.id] = asyncio.get_running_loop().create_future()
        try:
            return await self.waiting[consignment.id]
        finally:
            self.waiting.pop(consignment.id, None)

    def do(self, function, *arguments, **named):
        return self.runner.run(self.database.write(lambda connection: function(connection, *arguments, **named)))

    def see(self, function, *arguments, **named):
        return self.database.read_now(lambda connection: function(connection, *arguments, **named))

    async def settle_down(self) -> None:
        """Until every attempt waits for its partner, or has ended."""
        async with asyncio.timeout(20):
            while any(key not in self.waiting or self.waiting[key].done() for key in self.sending.in_flight):
                await asyncio.sleep(0.0005)

    def every(self):
        return self.see(deliveries.find, limit=1_000)

    # --- what happens ------------------------------------------------------------------------------------------------

    @initialize(number=st.integers(1, 4))
    def begin(self, number: int) -> None:
        for index in range(number):
            self.enqueue(LANES[index % 2])

    @rule(lane=st.sampled_from(LANES))
    def enqueue(self, lane: str) -> None:
        key = f"{len(self.keys):026d}"
        self.keys.append(key)
        now_ms = self.clock()
        fixed = ("acme", "", "plant", "as2", "file")
        new = NewDelivery(key, *fixed, lane, f"<{key}@us>", "", "", "", b"order", now_ms, now_ms)
        self.do(deliveries.enqueue, new)

    @rule()
    def look(self) -> None:
        async def take() -> None:
            await self.sending.take()
            await self.settle_down()

        self.runner.run(take())

    @rule(data=st.data(), name=st.sampled_from(sorted(OUTCOMES)))
    def answer(self, data: st.DataObject, name: str) -> None:
        if not self.waiting:
            return
        key = data.draw(st.sampled_from(sorted(self.waiting)))

        async def end() -> None:
            self.waiting[key].set_result(OUTCOMES[name])
            await self.settle_down()

        before = S(self.see(deliveries.get, key).state)
        self.runner.run(end())
        if name == "delivered" and before is not S.REFUSED:
            self.proven.add(key)

    @rule(data=st.data(), good=st.booleans())
    def receipt(self, data: st.DataObject, good: bool) -> None:
        known = [item for item in self.every() if item.transport_id in self.sent]
        if not known:
            return
        delivery = data.draw(st.sampled_from(known))
        event = DeliveryEvent.CONFIRM if good else DeliveryEvent.REFUSE
        state = self.do(deliveries.apply, delivery.id, event, self.clock(), reason="by receipt", receipt=b"mdn")
        if state is S.DELIVERED:
            self.proven.add(delivery.id)

    @rule(seconds=st.sampled_from([1, 20, 400, 4_000]))
    def time(self, seconds: int) -> None:
        self.clock.pass_s(seconds)

    @rule()
    def kill(self) -> None:
        """The process is gone, with what it was doing; the next one finds its claims."""

        async def cut_off() -> None:
            tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith("deliver ")]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.runner.run(cut_off())
        self.new_process()

    @rule()
    def end(self) -> None:
        self.runner.run(self.sending.drain())
        self.new_process()

    @rule(data=st.data(), retry=st.booleans())
    def person(self, data: st.DataObject, retry: bool) -> None:
        found = self.see(cases.find)
        if not found:
            return
        case = data.draw(st.sampled_from(found))
        me = Actor("operator:me")
        try:
            if retry:
                self.do(operations.retry_case, case.id, me, self.clock())
            else:
                self.do(operations.give_up, case.id, me, self.clock(), why="enough")
        except NotPossible:
            state = self.see(deliveries.get, case.message_id).state
            assert state in {S.SENDING, S.QUEUED}, f"a case of a delivery that is {state}"

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def the_same_bytes_each_time(self) -> None:
        assert all(len(bodies) == 1 for bodies in self.sent.values())

    @invariant()
    def nothing_is_lost(self) -> None:
        """Whatever is open is due some time, or waits for a person who is told."""
        told = {case.message_id for case in self.see(cases.find)}
        found = self.every()
        assert {item.id for item in found} == set(self.keys)
        for item in found:
            if S(item.state) in DELIVERY_FINAL_STATES:
                assert item.next_attempt_at_ms is None
                assert item.id not in told
            elif item.state in {S.REFUSED, S.GIVEN_UP}:
                assert item.id in told
            else:
                assert item.next_attempt_at_ms is not None
                assert item.state != S.HELD or item.id in told
                assert item.state == S.SENDING or item.claim_owner is None

    @invariant()
    def what_is_proven_stays_so(self) -> None:
        states = {item.id: item.state for item in self.every()}
        assert all(states[key] in {S.DELIVERED, S.CANCELLED} for key in self.proven)

    @invariant()
    def lanes_keep_their_order(self) -> None:
        for lane in LANES:
            states = [S(item.state) for item in reversed(self.every()) if item.lane == lane]
            is_open = [index for index, state in enumerate(states) if state not in DELIVERY_FINAL_STATES]
            begun = [index for index, state in enumerate(states) if state is not S.QUEUED]
            assert not is_open or not begun or max(begun) <= min(is_open), states

    def teardown(self) -> None:
        self.runner.run(self.sending.drain())
        self.database.close()
        self.runner.close()
        self.folder.cleanup()


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    file = tmp_path_factory.mktemp("histories") / f"{secrets.token_hex(4)}.db"
    database = Database(f"sqlite:///{file}")
    migrate(database)
    database.close()
    return file


def test_random_histories(template, caplog):
    Histories.template = template
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    assert "unexpectedly" not in caplog.text
    assert "our own fault" not in caplog.text
