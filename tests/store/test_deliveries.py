"""Deliveries: enqueued once, moved by the table, proven by their receipts, never forgotten while open."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.model.delivery import DELIVERY_TRANSITIONS, DeliveryEvent, DeliveryState
from gateway.model.machine import IllegalTransition
from gateway.store import deliveries, retention
from gateway.store.database import Database
from gateway.store.deliveries import UnknownDelivery
from gateway.store.deliveries import bodies as delivery_bodies
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries.claims import ClaimLost, Share
from gateway.store.deliveries.rows import Enqueued, KeptParcel, NewDelivery
from gateway.store.messages import acknowledgments
from gateway.store.messages.acknowledgments import StoredAcknowledgment
from gateway.store.oversight import cases, timeline

S, E = DeliveryState, DeliveryEvent
LEASE_MS = 1_000


def new_delivery(number, *, partner="acme", lane=None, payload=b"payload", **fields):
    key = f"{number:026d}"
    return NewDelivery(
        **{
            "id": key,
            "partner_id": partner,
            "profile_digest": "digest",
            "identity": "plant",
            "channel": "as2",
            "kind": "file",
            "lane": lane or f"{partner}/{key}",
            "transport_id": f"<{key}@us>",
            "content_type": "application/edi-x12",
            "filename": "order.edi",
            "subject": "",
            "payload": payload,
            "created_at_ms": number,
            "due_at_ms": number,
        }
        | fields
    )


class Post:
    """Deliveries by short names, each act in a transaction of its own."""

    def __init__(self, stock):
        self.stock = stock
        self.do, self.see = stock.do, stock.see

    def enqueue(self, number, **fields):
        new = new_delivery(number, **fields)
        self.do(deliveries.enqueue, new)
        return new.id

    def claim(self, owner="one", now_ms=100, limit=100, most=100, **fields):
        return self.do(
            delivery_claims.claim,
            owner,
            now_ms,
            lease_ms=LEASE_MS,
            limit=limit,
            share_of=fields.pop("share_of", lambda partner, _: Share(partner, most)),
            **fields,
        )

    def claimed_ids(self, *arguments, **named):
        return [delivery.id for delivery in self.claim(*arguments, **named)]

    def settle(self, claimed, event, now_ms=200, **fields):
        return self.do(delivery_claims.settle, claimed, event, now_ms, **fields)

    def begin(self, claimed, packed=None, wire=None):
        self.do(delivery_claims.begin_attempt, claimed, 150, bearer_id="acme", packed=packed, wire=wire)

    def get(self, delivery_id):
        return self.see(deliveries.get, delivery_id)

    def state(self, delivery_id):
        return self.get(delivery_id).state

    def steps(self, delivery_id):
        return [step.step for step in self.see(timeline.of_message, delivery_id)]

    def cases(self, state=None):
        return {case.kind: case for case in self.see(cases.find, state=state)}

    def bring_to(self, number, state, **fields):
        """A delivery in a state, by the way that leads there."""
        delivery_id = self.enqueue(number, **fields)
        if state is not S.QUEUED:
            others = [item.id for item in self.see(deliveries.find) if item.id != delivery_id]
            (claimed,) = self.claim(now_ms=number, passed_over=others)
            ends = {
                S.AWAITING_RECEIPT: (E.AWAIT, {"due_at_ms": 10_000}),
                S.DELIVERED: (E.CONFIRM, {"receipt": b"mdn"}),
                S.HELD: (E.HOLD, {"reason": "no certificate", "due_at_ms": 10_000}),
                S.REFUSED: (E.REFUSE, {"reason": "decryption-failed"}),
                S.GIVEN_UP: (E.GIVE_UP, {"reason": "nothing listens"}),
                S.CANCELLED: (E.REFUSE, {}),
            }
            if state in ends:
                event, how = ends[state]
                self.settle(claimed, event, **how)
            if state is S.CANCELLED:
                self.do(deliveries.cancel, delivery_id, 300, "command:root", "by mail")
        assert self.state(delivery_id) == state
        return delivery_id


@pytest.fixture
def post(stock):
    return Post(stock)


def test_a_delivery_is_kept_with_its_bytes(post):
    payload = bytes(range(256)) * 8_192 + b"end"
    answers = (("Message-ID", "<1@\udcff>"),)
    new = new_delivery(1, payload=memoryview(payload), answers=answers, message_id="m", url="http://x/")
    assert post.do(deliveries.enqueue, new) == Enqueued(new.id, duplicate=False)
    kept = post.get(new.id)
    assert (kept.state, kept.attempts, kept.payload_bytes, kept.parcel) == ("queued", 0, len(payload), None)
    assert (kept.answers, kept.url, kept.next_attempt_at_ms) == (answers, "http://x/", 1)
    assert post.see(deliveries.body, new.id, "payload") == payload
    assert post.see(delivery_bodies.size, new.id, "payload") == len(payload)
    sizes = post.see(lambda connection: [len(piece) for piece in deliveries.pieces(connection, new.id, "payload")])
    assert sizes == [delivery_bodies.PIECE_BYTES, delivery_bodies.PIECE_BYTES, 3]
    assert post.see(deliveries.body, new.id, "wire") is None
    assert post.steps(new.id) == ["queued"]
    assert post.see(deliveries.of_message, "m") == [kept]


def test_an_empty_payload_is_a_payload(post):
    assert post.see(deliveries.body, post.enqueue(1, payload=b""), "payload") == b""


def test_a_source_is_delivered_once(post):
    first = post.enqueue(1, source_key="erp|7")
    again = new_delivery(2, source_key="erp|7")
    assert post.do(deliveries.enqueue, again) == Enqueued(first, duplicate=True)
    assert post.do(deliveries.enqueue, new_delivery(1, source_key="erp|7")) == Enqueued(first, duplicate=False)
    assert post.get(again.id) is None
    # A unit whose commit was in doubt runs again.
    assert post.do(deliveries.enqueue, new_delivery(3)) == post.do(deliveries.enqueue, new_delivery(3))
    assert [item.id for item in post.see(deliveries.find)] == [f"{3:026d}", first]


def test_deliveries_are_found_by_partner_state_and_transport_id(post):
    one, two = post.enqueue(1), post.enqueue(2, partner="other")
    three = post.bring_to(3, S.DELIVERED)
    assert [item.id for item in post.see(deliveries.find)] == [three, two, one]
    assert [item.id for item in post.see(deliveries.find, partner_id="acme", state="delivered")] == [three]
    assert [item.id for item in post.see(deliveries.find, before=three, limit=1)] == [two]
    assert post.see(deliveries.by_transport_id, "acme", f"<{one}@us>").id == one
    assert post.see(deliveries.by_transport_id, "acme", f"<{two}@us>") is None


def test_who_carried_it_may_speak_for_it(post):
    delivery = post.enqueue(1)
    (claimed,) = post.claim()
    post.do(delivery_claims.begin_attempt, claimed, 150, bearer_id="van")
    assert post.see(deliveries.by_transport_id, "van", f"<{delivery}@us>").id == delivery
    assert post.see(deliveries.by_transport_id, "acme", f"<{delivery}@us>").id == delivery


def test_lanes_go_one_after_the_other_and_side_by_side(post):
    first, second = post.enqueue(1, lane="L"), post.enqueue(2, lane="L")
    other = post.enqueue(3, lane="M")
    claimed = post.claim()
    assert [item.id for item in claimed] == [first, other]
    assert post.claimed_ids() == []
    post.settle(claimed[0], E.AWAIT, due_at_ms=10_000)
    assert post.claimed_ids() == [], "what is not proven yet holds its lane"
    post.do(deliveries.apply, first, E.CONFIRM, 300, receipt=b"mdn")
    assert post.claimed_ids() == [second]


def test_what_a_person_must_look_at_holds_its_lane_until_it_is_cancelled(post):
    for number, state in enumerate((S.HELD, S.REFUSED, S.GIVEN_UP), start=1):
        stuck = post.bring_to(number, state, lane=state)
        behind = post.enqueue(number + 10, lane=state)
        assert post.claimed_ids() == []
        post.do(deliveries.cancel, stuck, 300, "command:root", "sent by mail")
        assert post.claimed_ids() == [behind]


def test_a_partner_takes_no_more_than_its_share(post):
    mine = [post.enqueue(number) for number in range(1, 200)]
    late = post.enqueue(300, partner="other")
    assert post.claimed_ids(now_ms=400, most=2) == [*mine[:2], late]
    assert post.claimed_ids("two", now_ms=400, most=3) == [mine[2]], "what another process sends counts"
    shared = post.claimed_ids("three", now_ms=400, share_of=lambda *_: Share("van", 5))
    assert shared == [mine[3]], "partners of one connection share it"
    assert post.claimed_ids("three", now_ms=400, limit=2) == mine[4:6]


def test_a_claim_that_ran_out_is_claimed_again_and_counts(post):
    delivery = post.enqueue(1)
    (claimed,) = post.claim("one", now_ms=100)
    assert post.claimed_ids("two", now_ms=100 + LEASE_MS - 1) == []
    post.do(delivery_claims.renew, "one", [delivery], 5_000)
    assert post.claimed_ids("two", now_ms=4_999) == []
    (again,) = post.claim("two", now_ms=5_000)
    assert (again.attempts, again.claim_owner) == (2, "two")
    assert post.settle(claimed, E.DEFER, reason="late", due_at_ms=6_000) is None, "the first has lost it"
    with pytest.raises(ClaimLost):
        post.begin(claimed)
    assert post.settle(claimed, E.CONFIRM, receipt=b"mdn") is S.DELIVERED, "proof counts whoever has it"
    assert post.settle(again, E.DEFER, due_at_ms=7_000) is None


def test_claims_given_back_do_not_count_and_those_of_the_dead_do(post):
    delivery = post.enqueue(1)
    post.claim("one")
    post.do(delivery_claims.release_claims, "other", 150)
    assert post.state(delivery) == "sending"
    post.do(delivery_claims.release_claims, "one", 150)
    assert (post.state(delivery), post.get(delivery).attempts) == ("queued", 0)
    post.claim("one", now_ms=150)
    post.do(delivery_claims.release_claims, None, 160)
    assert (post.state(delivery), post.get(delivery).attempts) == ("queued", 1)


def test_the_parcel_is_kept_before_the_first_byte_leaves_and_is_the_same_ever_after(post):
    delivery = post.enqueue(1)
    (claimed,) = post.claim()
    parcel = KeptParcel(
        (("Message-ID", "<1@us>"), ("Subject", "ä\udcff\0")), ("abc, sha-256",), True, 60, {"cipher": "x"}
    )
    post.begin(claimed, parcel, b"wire")
    kept = post.get(delivery)
    assert (kept.parcel, kept.bearer_id) == (parcel, "acme")
    assert post.see(deliveries.body, delivery, "wire") == b"wire"
    post.settle(claimed, E.DEFER, reason="nothing listens", due_at_ms=300)
    (again,) = post.claim(now_ms=300)
    assert again.parcel == parcel
    post.begin(again)
    assert post.see(deliveries.body, delivery, "wire") == b"wire"
    assert post.steps(delivery) == ["queued", "packed", "attempt", "failed", "attempt"]


def test_a_large_parcel_is_kept_in_steps_and_only_by_who_has_the_claim(post):
    delivery = post.enqueue(1)
    (claimed,) = post.claim("one", now_ms=100)
    data = bytes(range(256)) * 6_000
    piece = post.do(delivery_claims.keep_wire, claimed, data, 0)
    assert piece == 2
    (other,) = post.claim("two", now_ms=100 + LEASE_MS)
    with pytest.raises(ClaimLost):
        post.do(delivery_claims.keep_wire, claimed, data, piece)
    piece = post.do(delivery_claims.keep_wire, other, data, 0)
    post.do(delivery_claims.keep_wire, other, b"end", piece)
    post.do(delivery_claims.begin_attempt, other, 2_000, bearer_id="acme", packed=KeptParcel(()))
    assert post.see(deliveries.body, delivery, "wire") == data + b"end"


def test_a_receipt_moves_whatever_can_be_moved_and_never_raises(post):
    histories = [(state, event) for state in S for event in (E.CONFIRM, E.REFUSE)]
    for number, (state, event) in enumerate(histories, start=1):
        delivery = post.bring_to(number, state)
        after = DELIVERY_TRANSITIONS.get((state, event), state)
        told = post.do(deliveries.apply, delivery, event, 900, reason="said so", receipt=b"new", facts={"mic": "m"})
        assert (told, post.state(delivery)) == (after, after)
        late = (state, event) not in DELIVERY_TRANSITIONS
        step = "late-receipt" if late else "delivered" if event is E.CONFIRM else "refused"
        assert post.steps(delivery)[-1] == step
        kept = post.see(deliveries.body, delivery, "receipt")
        assert kept == ((b"mdn" if state is S.DELIVERED else None) if late else b"new")
        open_cases = {case.kind for case in post.see(cases.find) if case.message_id == delivery}
        assert open_cases == ({"delivery_refused"} if after is S.REFUSED else set())


def test_receipts_that_come_again_and_again_are_noted_some_times(post):
    delivery = post.bring_to(1, S.DELIVERED)
    for _ in range(deliveries.LATE_RECEIPTS_MAX + 2):
        post.do(deliveries.apply, delivery, E.CONFIRM, 900, receipt=b"again")
    assert post.steps(delivery).count("late-receipt") == deliveries.LATE_RECEIPTS_MAX


def test_other_events_obey_the_table(post):
    delivery = post.bring_to(1, S.DELIVERED)
    with pytest.raises(IllegalTransition):
        post.do(deliveries.apply, delivery, E.OVERDUE, 900)
    with pytest.raises(UnknownDelivery):
        post.do(deliveries.apply, "nobody", E.CONFIRM, 900)


def test_a_receipt_during_the_attempt_is_not_overwritten_by_its_outcome(post):
    delivery = post.enqueue(1)
    (claimed,) = post.claim()
    post.begin(claimed, KeptParcel(()), b"wire")
    assert post.do(deliveries.apply, delivery, E.CONFIRM, 180, receipt=b"mdn") is S.DELIVERED
    for event in (E.AWAIT, E.DEFER, E.REFUSE, E.GIVE_UP, E.HOLD):
        assert post.settle(claimed, event, reason="too late", receipt=b"other", due_at_ms=999) is None
    assert post.see(deliveries.body, delivery, "receipt") == b"mdn"
    assert post.get(delivery).settled_at_ms == 180


def test_a_case_says_why_and_what_to_do_and_goes_when_it_is_over(post):
    for number, (state, standing) in enumerate(
        ((S.REFUSED, "stopped"), (S.GIVEN_UP, "stopped"), (S.HELD, "open")), start=1
    ):
        delivery = post.bring_to(number, state)
        (case,) = post.see(cases.find)
        assert (case.kind, case.state) == (f"delivery_{state.value}", standing)
        assert (case.message_id, case.partner_id, case.reason) == (delivery, "acme", post.get(delivery).reason)
        assert "resolve" in case.detail
        if state is not S.REFUSED:
            post.do(deliveries.apply, delivery, E.CONFIRM, 500)
        else:
            post.do(deliveries.cancel, delivery, 500, "command:root", "by mail")
        assert post.cases() == {}
        assert post.cases("resolved")[case.kind].resolution.startswith("the delivery is ")


def test_what_is_held_for_the_same_reason_is_told_once(post):
    delivery = post.bring_to(1, S.HELD)
    for now_ms in (10_000, 20_000, 30_000):
        (claimed,) = post.claim(now_ms=now_ms)
        assert claimed.state == "held"
        post.settle(
            claimed, E.HOLD, now_ms, reason="no certificate", due_at_ms=now_ms + 10_000, gives_attempt_back=True
        )
    assert post.steps(delivery) == ["queued", "held"]
    assert (post.get(delivery).attempts, set(post.cases())) == (1, {"delivery_held"})
    (claimed,) = post.claim(now_ms=50_000)
    post.settle(claimed, E.HOLD, 50_000, reason="no address", due_at_ms=60_000)
    assert post.cases()["delivery_held"].reason == "no address"
    assert post.steps(delivery) == ["queued", "held", "held"]
    assert post.do(delivery_claims.look_again, 51_000) == 1
    assert post.claimed_ids(now_ms=51_000) == [delivery]


def test_an_overdue_receipt_sends_it_again_until_the_schedule_ends(post):
    one, two = post.bring_to(1, S.AWAITING_RECEIPT), post.bring_to(2, S.AWAITING_RECEIPT, partner="short")
    overdue = post.do(delivery_claims.take_back_overdue, 9_999, lambda _: 5)
    assert overdue == []
    overdue = post.do(delivery_claims.take_back_overdue, 10_000, lambda partner: 1 if partner == "short" else 5)
    assert {delivery.id: state for delivery, state in overdue} == {one: S.QUEUED, two: S.GIVEN_UP}
    assert post.claimed_ids(now_ms=10_000) == [one]
    assert set(post.cases()) == {"delivery_given_up"}
    assert post.steps(one) == ["queued", "awaiting-receipt", "receipt-overdue"]


@pytest.mark.parametrize("state", [S.GIVEN_UP, S.HELD])
def test_a_retry_sends_the_same_bytes_and_counts_from_the_start(post, state):
    delivery = post.enqueue(1)
    (claimed,) = post.claim()
    post.begin(claimed, KeptParcel((("A", "b"),)), b"wire")
    post.settle(claimed, E.GIVE_UP if state is S.GIVEN_UP else E.HOLD, reason="why", due_at_ms=None)
    assert post.do(deliveries.retry, delivery, 400, "operator:me") is S.QUEUED
    (again,) = post.claim(now_ms=400)
    assert (again.transport_id, again.parcel, again.attempts) == (claimed.transport_id, KeptParcel((("A", "b"),)), 1)
    assert post.see(deliveries.body, delivery, "wire") == b"wire"
    assert post.cases() == {}


def test_a_retry_of_what_was_refused_is_packed_anew_under_another_id(post):
    delivery = post.enqueue(1)
    ids = []
    for number in (2, 3):
        (claimed,) = post.claim(now_ms=number * 1_000)
        post.begin(claimed, KeptParcel(()), b"wire")
        post.settle(claimed, E.REFUSE, reason="decryption-failed", receipt=b"negative")
        post.do(deliveries.retry, delivery, number * 1_000 + 500, "operator:me")
        kept = post.get(delivery)
        assert (kept.parcel, post.see(deliveries.body, delivery, "wire")) == (None, None)
        ids.append(kept.transport_id)
    assert ids == [f"<{delivery}.p2@us>", f"<{delivery}.p3@us>"]
    detail = [step.detail for step in post.see(timeline.of_message, delivery) if step.step == "retry"]
    assert [item["packed_anew_as"] for item in detail] == ids
    assert detail[0]["was_refused_as"] == f"<{delivery}@us>"


@pytest.mark.parametrize(
    ("transport_id", "renamed"),
    [("<1@us>", "<1.p2@us>"), ("<1.p7@us>", "<1.p2@us>"), ("key", "key.p2"), ("<a@b@c>", "<a@b.p2@c>"), ("", ".p2")],
)
def test_transport_ids_of_later_packings(transport_id, renamed):
    assert deliveries.transport_id_of_packing(transport_id, 2) == renamed


def test_what_is_on_its_way_or_over_is_not_retried(post):
    for number, state in enumerate((S.QUEUED, S.SENDING, S.AWAITING_RECEIPT, S.DELIVERED, S.CANCELLED), start=1):
        delivery = post.bring_to(number, state)
        with pytest.raises(IllegalTransition):
            post.do(deliveries.retry, delivery, 400, "operator:me")


def test_what_is_on_the_wire_cannot_be_cancelled(post):
    delivery = post.bring_to(1, S.SENDING)
    with pytest.raises(IllegalTransition):
        post.do(deliveries.cancel, delivery, 400, "operator:me", "no")
    for unknown in (deliveries.cancel, deliveries.retry):
        with pytest.raises(UnknownDelivery):
            post.do(unknown, "nobody", 400, "operator:me", *(["no"] if unknown is deliveries.cancel else []))


def test_facts_and_texts_that_a_database_cannot_hold_are_kept_visibly(post):
    delivery = post.enqueue(1, filename="a\0\udcff", transport_id="<\0\udcff@us>")
    (claimed,) = post.claim()
    facts = {"text": "\0\udcff", "list": (1, None, b"x"), "inner": {"deep": {1.5}}, "none": None, "large": 2**70}
    post.settle(claimed, E.DEFER, reason="said \0\udcff" + "x" * 10_000, facts=facts, due_at_ms=300)
    assert post.get(delivery).reason.startswith("said \\x00\\udcff")
    assert post.see(deliveries.by_transport_id, "acme", "<\0\udcff@us>").id == delivery
    detail = post.see(timeline.of_message, delivery)[-1].detail
    assert (detail["text"], detail["inner"]) == ("\\x00\\udcff", {"deep": [1.5]})


def test_an_acknowledgment_stands_where_its_delivery_stands(post):
    kept = StoredAcknowledgment("m-ack-1", "m", "acme", "997", 1, acknowledgments.KEPT, b"ISA", 1)
    post.do(acknowledgments.keep, kept)

    def state():
        return post.see(acknowledgments.of_message, "m")[0].state

    assert state() == "kept"
    post.enqueue(1, id="m-ack-1", kind="acknowledgment")
    assert state() == "queued"
    (claimed,) = post.claim()
    post.settle(claimed, E.DEFER, due_at_ms=150)
    (claimed,) = post.claim(now_ms=150)
    post.settle(claimed, E.CONFIRM)
    assert state() == "delivered"


def test_counts_and_the_oldest_due(post):
    assert post.see(deliveries.oldest_due) is None
    post.bring_to(1, S.REFUSED)
    post.enqueue(7)
    post.enqueue(5)
    counted = post.see(lambda connection: dict(deliveries.counts(connection)))
    assert counted == {
        "queued": 2, "sending": 0, "awaiting_receipt": 0, "held": 0, "refused": 1, "given_up": 0
    }  # fmt: skip
    assert post.see(deliveries.oldest_due) == 5


def test_what_is_over_is_purged_and_what_is_open_never(post):
    before_ms = 1_000
    ids = {state: post.bring_to(number, state) for number, state in enumerate(S, start=1)}
    young = post.bring_to(2_000, S.DELIVERED)
    over = {S.DELIVERED, S.CANCELLED}
    assert post.see(retention.count, "bodies_days", before_ms) == 2
    removed = sum(iter(lambda: post.do(retention.step, "bodies_days", before_ms), 0))
    assert removed == 2
    kept = {state for state, delivery in ids.items() if post.see(deliveries.body, delivery, "payload") is not None}
    assert kept == set(S) - over
    assert post.see(retention.count, "messages_days", before_ms) == 2
    assert sum(iter(lambda: post.do(retention.step, "messages_days", before_ms), 0)) == 2
    assert {item.id for item in post.see(deliveries.find)} == {*ids.values(), young} - {ids[state] for state in over}
    assert post.steps(ids[S.CANCELLED]) == []
    assert post.see(deliveries.body, young, "payload") == b"payload"


def test_two_processes_never_send_the_same_delivery(post, store_url):
    wanted = [post.enqueue(number, lane=f"L{number % 30}") for number in range(1, 91)]
    seen, lock = [], threading.Lock()

    def send(owner):
        database = Database(store_url)
        try:
            while True:
                claimed = database.write_now(
                    lambda connection: delivery_claims.claim(
                        connection, owner, 1_000, lease_ms=60_000, limit=5, share_of=lambda name, _: Share(name, 100)
                    )
                )
                with lock:
                    seen.extend(delivery.id for delivery in claimed or ())
                    done = len(seen) >= len(wanted)
                for delivery in claimed or ():
                    database.write_now(
                        lambda connection, delivery=delivery: delivery_claims.settle(
                            connection, delivery, E.CONFIRM, 1_001
                        )
                    )
                if done:
                    return
        finally:
            database.close()

    with ThreadPoolExecutor(3) as threads:
        for ended in [threads.submit(send, f"process-{number}") for number in range(3)]:
            ended.result(60)
    assert sorted(seen) == wanted
    for lane in range(30):
        mine = [delivery for delivery in seen if int(delivery) % 30 == lane]
        assert mine == sorted(mine), "the order of the lane"
