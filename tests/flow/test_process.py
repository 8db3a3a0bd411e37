"""From a kept message to its outcome, on both stores."""

import asyncio

import orjson
import pytest
from sqlalchemy import text

from gateway.flow.operations import Actor, NotPossible, Unknown, give_up, replay, reprocess, retry_case
from gateway.store import messages
from gateway.store.oversight import cases
from tests.flow.line import BrokerUnavailable, Unroutable, line_over, now_ms
from tests.site import acknowledgment_855, ship_notice_json

ACTOR = Actor("operator:test")


def many_855(sets: int, *, control: int = 1, bad: frozenset[int] = frozenset()) -> bytes:
    """One interchange, one group, many 855; those in `bad` lack BAK02."""
    one = acknowledgment_855(control).decode()
    head, _, rest = one.partition("ST*855")
    body, _, _ = ("ST*855" + rest).partition("GE*1")
    written = []
    for number in range(1, sets + 1):
        text_ = body.replace("0001", f"{number:04d}").replace(f"PO-{control}*", f"PO-{control}-{number}*")
        written.append(text_.replace("BAK*00*AC*", "BAK*00**") if number in bad else text_)
    return f"{head}{''.join(written)}GE*{sets}*{control}~\nIEA*1*{control:09d}~\n".encode()


async def test_an_855_is_published_once_with_its_document_and_earns_a_997(line):
    line.run()
    kept = await line.keep(acknowledgment_855(1), transport_id="<1@acme>")
    view = await line.decided(kept.message_id)

    assert view["status"] == "published"
    (event,) = line.collector.events
    assert event.routing_key == "purchase_order_acknowledgment.received.acme-supply"
    assert event.lane == "acme-supply/PO-1"
    assert orjson.loads(event.body)["lines"][0]["acknowledgments"][0]["code"] == "IA"
    (acknowledgment,) = view["acknowledgments"]
    assert acknowledgment["kinds"] == ["997"]
    assert "AK5*A~AK9*A*1*1*1" in acknowledgment["x12"].replace("\n", "")
    steps = [step["step"] for step in view["timeline"]]
    assert steps[0] == "received"
    assert steps[-1] in {"published", "event-published"}
    assert {"acknowledged", "translated", "published", "event-published"} <= set(steps)


async def test_json_is_published_without_an_x12_acknowledgment(line):
    line.run()
    kept = await line.keep(ship_notice_json(1), partner="northwind-parts")
    view = await line.decided(kept.message_id)
    assert (view["status"], view["acknowledgments"]) == ("published", [])
    assert line.collector.events[0].document_type == "ship_notice"


async def test_a_bad_set_is_rejected_with_its_place_and_its_neighbours_are_published(line):
    line.run()
    kept = await line.keep(many_855(3, bad=frozenset({2})))
    view = await line.decided(kept.message_id)

    assert view["status"] == "published"
    assert [document["status"] for document in view["documents"]] == ["accepted", "rejected", "accepted"]
    (finding,) = [f for f in view["documents"][1]["findings"] if f["level"] == "element"]
    assert (finding["segment"], finding["element"], finding["code"]) == ("BAK", 2, "1")
    assert "AK9*P*3*3*2" in view["acknowledgments"][0]["x12"]
    assert {event.lane for event in line.collector.events} == {"acme-supply/PO-1-1", "acme-supply/PO-1-3"}


async def test_a_message_of_nothing_but_faults_is_rejected_and_says_why(line):
    line.run()
    kept = await line.keep(acknowledgment_855(1).replace(b"BAK*00*AC", b"BAK*00*"))
    view = await line.decided(kept.message_id)
    assert view["status"] == "rejected"
    assert "BAK02" in view["reason"]
    assert "AK9*R*1*1*0" in view["acknowledgments"][0]["x12"]
    assert line.collector.events == []


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"neither fish nor fowl", "neither X12"),
        (b'{"document_type": "ship_notice", "number": NaN}', "NaN"),
        (b'{"document_type": "ship_notice", "number": "1", "number": "2"}', "number"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "DOCTYPE"),
        (b"ISA*00*", "ISA"),
        (b"", "empty"),
    ],
)
async def test_what_cannot_be_read_is_rejected_with_a_reason(line, payload, words):
    line.run()
    kept = await line.keep(payload)
    view = await line.decided(kept.message_id)
    assert view["status"] == "rejected"
    assert words.lower() in view["reason"].lower()


async def test_a_repeated_interchange_number_earns_ta1_025_and_publishes_nothing(line):
    line.run()
    first = await line.keep(acknowledgment_855(7))
    second = await line.keep(acknowledgment_855(7))
    assert (await line.decided(first.message_id))["status"] == "published"
    view = await line.decided(second.message_id)
    assert view["status"] == "rejected"
    assert "TA1*000000007*260301*0930*R*025" in view["acknowledgments"][0]["x12"]
    assert len(line.collector.events) == 1
    assert view["documents"][0]["status"] == "rejected"


async def test_a_rejected_interchange_does_not_use_its_number_up(line):
    line.run()
    bad = await line.keep(acknowledgment_855(8).replace(b"BAK*00*AC", b"BAK*00*"))
    assert (await line.decided(bad.message_id))["status"] == "rejected"
    mended = await line.keep(acknowledgment_855(8))
    assert (await line.decided(mended.message_id))["status"] == "published"


async def test_another_partners_interchange_id_is_refused_with_ta1_006(line):
    line.run()
    foreign = acknowledgment_855(9).replace(b"ACMESUPPLY     ", b"SOMEBODYELSE   ")
    view = await line.decided((await line.keep(foreign)).message_id)
    assert view["status"] == "rejected"
    assert "*R*006" in view["acknowledgments"][0]["x12"]


async def test_a_document_without_an_agreement_is_rejected_as_not_supported(line):
    line.run()
    view = await line.decided((await line.keep(ship_notice_json(2))).message_id)
    assert view["status"] == "rejected"
    assert "not agreed" in view["reason"]


async def test_order_is_kept_within_a_purchase_order(line):
    kept = [await line.keep(acknowledgment_855(100 + n, order="PO-SAME")) for n in range(20)]
    line.run()
    for acceptance in kept:
        await line.decided(acceptance.message_id)
    assert [event.message_id for event in line.collector.events] == [acceptance.message_id for acceptance in kept]
    assert [event.sequence for event in line.collector.events] == list(range(1, 21))


async def test_a_stuck_event_blocks_its_own_lane_only(line):
    line.collector.fail = lambda event: Unroutable("no queue") if event.lane.endswith("PO-STUCK") else None
    line.run()
    stuck = await line.keep(acknowledgment_855(1, order="PO-STUCK"))
    behind = await line.keep(acknowledgment_855(2, order="PO-STUCK"))
    free = await line.keep(acknowledgment_855(3, order="PO-FREE"))
    await line.decided(free.message_id)
    view = await line.decided(stuck.message_id, "queued")
    (case,) = await line.database.read(cases.find)
    assert (case.kind, case.state, case.event_id) == ("unroutable", "stopped", view["documents"][0]["event"]["id"])
    assert (await line.view(behind.message_id))["documents"][0]["event"]["state"] == "ready"

    line.collector.fail = lambda _event: None
    await line.database.write(lambda connection: retry_case(connection, case.id, ACTOR, now_ms()))
    line.relay.wake()
    await line.decided(behind.message_id)
    in_lane = [event.message_id for event in line.collector.events if event.lane.endswith("PO-STUCK")]
    assert in_lane == [stuck.message_id, behind.message_id]
    assert await line.database.read(cases.find) == []


async def test_a_broker_that_fails_gets_the_same_event_again(line):
    failures = iter([BrokerUnavailable("gone"), BrokerUnavailable("still gone"), RuntimeError("a fault of ours")])
    seen = []

    def fail(event):
        seen.append((event.id, event.body))
        return next(failures, None)

    line.collector.fail = fail
    line.run()
    await line.decided((await line.keep(acknowledgment_855(1))).message_id)
    assert len(seen) == 4
    assert len(set(seen)) == 1


async def test_large_bodies_are_translated_in_workers_in_batches_and_decided_at_once(line):
    line.run()
    payload = many_855(700)
    assert len(payload) > line.settings.limits.inline_body_bytes_max
    kept = await line.keep(payload)
    view = await line.decided(kept.message_id, within_s=60)
    assert view["status"] == "published"
    assert len(view["documents"]) == len(line.collector.events) == 700
    assert "AK9*A*700*700*700" in view["acknowledgments"][0]["x12"]


async def test_nothing_of_a_large_message_is_seen_before_it_is_decided(line):
    """The trailer of the group is missing: every set read well, and none of them goes out."""
    line.run()
    payload = many_855(700).replace(b"IEA*1*000000001", b"IEA*1*000000009")
    view = await line.decided((await line.keep(payload)).message_id, within_s=60)
    assert view["status"] == "rejected"
    assert "*R*001" in view["acknowledgments"][0]["x12"]
    assert line.collector.events == []
    assert {document["status"] for document in view["documents"]} == {"rejected"}


async def test_our_own_fault_parks_the_message_without_a_word_and_a_retry_finishes_it(site, store_url):
    async with line_over(
        site, store_url, inline_body_bytes_max=0, worker_timeout_s=0.001, processing_attempts_max=1
    ) as line:
        line.run()
        kept = await line.keep(acknowledgment_855(1))
        view = await line.decided(kept.message_id)
        assert view["status"] == "parked"
        assert view["acknowledgments"] == []
        (case,) = await line.database.read(cases.find)
        assert (case.kind, case.state, case.attempts) == ("processing", "stopped", 1)

        line.pool._timeout_s = 30
        await line.database.write(lambda connection: retry_case(connection, case.id, ACTOR, now_ms()))
        view = await line.decided(kept.message_id, "published")
        assert view["acknowledgments"][0]["kinds"] == ["997"]
        assert await line.database.read(cases.find) == []


async def test_a_parked_message_is_retried_by_itself_and_stops_at_its_limit(site):
    async with line_over(site, inline_body_bytes_max=0, worker_timeout_s=0.001, processing_attempts_max=2) as line:
        line.run()
        kept = await line.keep(acknowledgment_855(1))
        async with asyncio.timeout(20):
            while not (found := await line.database.read(cases.find)) or found[0].state != "stopped":
                await asyncio.sleep(0.02)
        view = await line.view(kept.message_id)
        assert (view["status"], view["attempts"]) == ("parked", 2)
        parked = [step for step in view["timeline"] if step["step"] == "parked"]
        assert [step["attempt"] for step in parked] == [1, 2]
        assert "next_attempt_at" in parked[0]
        assert "next_attempt_at" not in parked[1]


async def test_a_missing_profile_is_our_fault(line):
    kept = await line.keep(acknowledgment_855(1))
    await line.database.write(lambda connection: connection.execute(text("DELETE FROM profile")))
    line.run()
    view = await line.decided(kept.message_id)
    assert view["status"] == "parked"
    assert "profile" in view["reason"]


async def test_a_claim_that_nobody_ended_is_taken_up_again(line):
    kept = await line.keep(acknowledgment_855(1))
    claimed = await line.database.write(
        lambda connection: messages.claim(connection, "the dead", now_ms() + 1, lease_ms=-60_000, limit=10)
    )
    assert [message.id for message in claimed] == [kept.message_id]
    line.run()
    view = await line.decided(kept.message_id)
    assert view["status"] == "published"
    assert len(line.collector.events) == 1


async def test_replay_publishes_the_same_event_again(line):
    line.run()
    kept = await line.keep(acknowledgment_855(1))
    await line.decided(kept.message_id)
    await line.database.write(lambda connection: replay(connection, kept.message_id, ACTOR, now_ms()))
    line.relay.wake()
    async with asyncio.timeout(10):
        while len(line.collector.events) < 2:
            await asyncio.sleep(0.01)
    first, second = line.collector.events
    assert first == second


async def test_reprocess_gives_a_new_revision_that_names_what_it_supersedes(line):
    line.run()
    kept = await line.keep(acknowledgment_855(1))
    await line.decided(kept.message_id)
    revision = await line.database.write(lambda connection: reprocess(connection, kept.message_id, ACTOR, now_ms()))
    line.processing.wake()
    async with asyncio.timeout(10):
        while len(line.collector.events) < 2:
            await asyncio.sleep(0.01)
    first, second = line.collector.events
    assert revision == second.revision == 2
    assert second.id != first.id
    assert second.causation_id == first.id
    assert second.body == first.body
    assert second.sequence == first.sequence + 1
    view = await line.decided(kept.message_id, "published")
    assert len(view["acknowledgments"]) == 1


async def test_acts_that_make_no_sense_say_why(line):
    kept = await line.keep(acknowledgment_855(1))
    for act in (replay, reprocess):
        with pytest.raises(Unknown):
            await line.database.write(lambda connection, act=act: act(connection, "no such", ACTOR, now_ms()))
        with pytest.raises(NotPossible):
            await line.database.write(lambda connection, act=act: act(connection, kept.message_id, ACTOR, now_ms()))
    with pytest.raises(Unknown):
        await line.database.write(lambda connection: retry_case(connection, "no such", ACTOR, now_ms()))


async def test_a_broken_profile_leaves_the_last_good_one_in_force(line):
    before = line.housekeeping.directory.by_id("acme-supply")
    profile = line.settings.partners_dir / "acme-supply" / "profile.yaml"
    good = profile.read_text()
    profile.write_text("id: [broken")
    await line.housekeeping.load_profiles()
    assert line.housekeeping.directory.by_id("acme-supply") == before
    assert line.metrics.profile_problems.values
    profile.write_text(good.replace("ACME Supply Inc.", "ACME Supplies Inc."))
    await line.housekeeping.load_profiles()
    after = line.housekeeping.directory.by_id("acme-supply")
    assert after is not None
    assert after.digest != before.digest


async def test_a_stuck_event_can_be_given_up_and_its_lane_goes_on(line):
    line.collector.fail = lambda event: Unroutable("no queue") if event.subject == "SO-1" else None
    line.run()
    stuck = await line.keep(acknowledgment_855(1, order="PO-STUCK"))
    behind = await line.keep(acknowledgment_855(2, order="PO-STUCK"))
    await line.decided(stuck.message_id, "queued")
    async with asyncio.timeout(20):
        while not (found := await line.database.read(cases.find)):
            await asyncio.sleep(0.01)
    await line.database.write(lambda connection: give_up(connection, found[0].id, ACTOR, now_ms(), why="sent by mail"))
    line.relay.wake()
    await line.decided(behind.message_id)
    assert [event.message_id for event in line.collector.events] == [behind.message_id]
    (case,) = await line.database.read(lambda connection: cases.find(connection, state="resolved"))
    assert case.resolution == "given up by operator:test: sent by mail"
    view = await line.view(stuck.message_id)
    assert view["documents"][0]["event"]["state"] == "dropped"
    for act in (retry_case, lambda *given: give_up(*given, why="again")):
        with pytest.raises(NotPossible):
            await line.database.write(lambda connection, act=act: act(connection, case.id, ACTOR, now_ms()))


async def test_a_parked_message_that_was_given_up_can_be_reprocessed_later(site, store_url):
    limits = {"inline_body_bytes_max": 0, "worker_timeout_s": 0.001, "processing_attempts_max": 1}
    async with line_over(site, store_url, **limits) as line:
        line.run()
        kept = await line.keep(acknowledgment_855(1))
        await line.decided(kept.message_id, "parked")
        (case,) = await line.database.read(cases.find)
        await line.database.write(lambda connection: give_up(connection, case.id, ACTOR, now_ms(), why="a test"))
        line.pool._timeout_s = 30
        await line.database.write(lambda connection: reprocess(connection, kept.message_id, ACTOR, now_ms()))
        view = await line.decided(kept.message_id, "published")
        assert view["acknowledgments"][0]["kinds"] == ["997"]
        (event,) = line.collector.events
        assert (event.revision, event.causation_id) == (2, None)
