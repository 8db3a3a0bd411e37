"""The outbox under random histories: whatever happens, a lane's events go out one at a time and in their order."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.model.machine import IllegalTransition
from gateway.model.message import LANE_BLOCKING_STATES, EventState
from gateway.store import messages
from gateway.store.database import Database
from gateway.store.events import outbox
from gateway.store.messages import documents
from tests.migrated import migrate
from tests.store.stock import LEASE_MS, Stock, message_id, staged_document

LANES = ("L1", "L2", "L3")


class Outbox(RuleBasedStateMachine):
    """Staging, deciding, claiming, confirming, deferring, holding, replaying, giving up; and time passes."""

    @initialize()
    def begin(self):
        self.folder = TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name) / 'o.db'}", synchronous="OFF")
        migrate(self.database)
        self.stock = Stock(self.database)
        self.now_ms = 0
        self.number = 0
        self.undecided = []
        self.under_way = {}  # event id -> (event, lease end)
        self.first_published = {lane: [] for lane in LANES}
        self.replayed = set()

    def teardown(self):
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    def events(self, *states):
        found = [
            row
            for number in range(1, self.number + 1)
            for row in self.stock.see(outbox.of_message, message_id(number))
            if row.state in states
        ]
        return sorted(found, key=lambda row: row.id)

    @rule(lanes=st.lists(st.sampled_from(LANES), max_size=4))
    def stage(self, lanes):
        self.number += 1
        self.stock.accept(self.number, partner=f"p{self.number}")
        self.stock.do(messages.claim, "processing", 10**9, lease_ms=10**9, limit=100)
        self.stock.stage(*(staged_document(self.number, n, lane=lane) for n, lane in enumerate(lanes)))
        self.undecided.append((self.number, lanes))

    @precondition(lambda self: self.undecided)
    @rule(data=st.data())
    def stage_again(self, data):
        number, lanes = data.draw(st.sampled_from(self.undecided))
        self.stock.stage(*(staged_document(number, n, lane=lane) for n, lane in enumerate(lanes)))

    @precondition(lambda self: self.undecided)
    @rule(data=st.data())
    def decide(self, data):
        number, lanes = self.undecided.pop(data.draw(st.integers(0, len(self.undecided) - 1)))
        rejected = data.draw(st.lists(st.integers(0, len(lanes)), max_size=2))

        def unit(connection):
            documents.refuse(connection, message_id(number), 1, [(ordinal, ordinal) for ordinal in rejected])
            documents.release(connection, message_id(number), 1, self.now_ms)

        self.database.write_now(unit)

    @rule(limit=st.integers(1, 3), owner=st.sampled_from(["one", "two"]))
    def claim(self, limit, owner):
        due = self.due()
        claimed = self.stock.claim_events(owner, self.now_ms, limit)
        assert len(claimed) == min(limit, len(due))
        for event in claimed:
            assert event.id in due
            self.under_way[event.id] = (event, self.now_ms + LEASE_MS)

    def due(self):
        """By the rule in words: ready, its time has come, nothing open before it in its lane, nobody at work in it."""
        found = set()
        open_rows = self.events(*LANE_BLOCKING_STATES)
        for row in self.events(EventState.READY):
            if self.waits(row) or any(other.lane == row.lane and other.sequence < row.sequence for other in open_rows):
                continue
            if any(other.lane == row.lane and other.id in self.leased() for other in open_rows):
                continue
            found.add(row.id)
        return found

    def waits(self, row):
        _, until_ms = self.under_way.get(row.id, (None, 0))
        return self.deferred.get(row.id, 0) > self.now_ms or until_ms > self.now_ms

    @property
    def deferred(self):
        return self.__dict__.setdefault("_deferred", {})

    def leased(self):
        return {event for event, (_, until_ms) in self.under_way.items() if until_ms > self.now_ms}

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def confirm(self, data):
        event, _ = self.under_way.pop(data.draw(st.sampled_from(sorted(self.under_way))))
        if self.stock.event_state(event.id) == EventState.READY and event.id not in self.replayed:
            self.first_published[event.lane].append(event.sequence)
        self.stock.confirm(event, self.now_ms)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), wait_ms=st.integers(0, 2 * LEASE_MS))
    def defer(self, data, wait_ms):
        event, _ = self.under_way.pop(data.draw(st.sampled_from(sorted(self.under_way))))
        self.stock.do(outbox.defer, event.id, self.now_ms + wait_ms, "in doubt")
        self.deferred[event.id] = self.now_ms + wait_ms

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def hold(self, data):
        event, _ = self.under_way.pop(data.draw(st.sampled_from(sorted(self.under_way))))
        self.stock.do(outbox.hold, event.id, "unroutable")

    @precondition(lambda self: self.number)
    @rule(data=st.data(), act=st.sampled_from([outbox.replay, outbox.drop]))
    def a_person_acts(self, data, act):
        rows = self.events(*EventState)
        if not rows:
            return
        row = data.draw(st.sampled_from(rows))
        allowed = {outbox.replay: {"published", "held"}, outbox.drop: {"staged", "ready", "held"}}[act]
        try:
            assert self.stock.do(act, row.id, self.now_ms)
            assert row.state in allowed
        except IllegalTransition:
            assert row.state not in allowed
            return
        self.deferred.pop(row.id, None)
        self.under_way.pop(row.id, None)
        if act is outbox.replay and row.state == "published":
            self.replayed.add(row.id)

    @rule(owner=st.sampled_from(["one", "two", None]))
    def release_claims(self, owner):
        held = {row.id for row in self.events(EventState.READY) if self.owner_of(row.id) is not None}
        mine = {event for event in held if owner is None or self.owner_of(event) == owner}
        self.stock.do(outbox.release_claims, owner, self.now_ms)
        for event in mine:
            self.under_way.pop(event, None)

    def owner_of(self, event_id):
        return self.stock.see(
            lambda connection: connection.exec_driver_sql(
                "SELECT claim_owner FROM outbox_event WHERE id = ?", (event_id,)
            ).scalar_one()
        )

    @rule(passed_ms=st.integers(1, LEASE_MS))
    def time_passes(self, passed_ms):
        self.now_ms += passed_ms

    @invariant()
    def a_lane_never_has_two_under_way(self):
        if "under_way" not in self.__dict__:
            return
        lanes = [self.under_way[event][0].lane for event in self.leased()]
        assert len(lanes) == len(set(lanes))

    @invariant()
    def first_publications_of_a_lane_come_in_its_order(self):
        for sequences in self.__dict__.get("first_published", {}).values():
            assert sequences == sorted(set(sequences))


Outbox.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestOutbox = Outbox.TestCase
