"""A suspended partner: what they send is kept and waits, and goes on in its order once they are back."""

from dataclasses import replace
from functools import partial

import pytest

from gateway.flow import operations
from gateway.flow.operations import Actor, NotPossible, Unknown
from gateway.store import messages
from gateway.store.messages import holds
from gateway.store.oversight import audit, cases
from gateway.store.partners import profiles, states
from tests.flow.line import Line, line_over, now_ms
from tests.site import acknowledgment_855

ACME = "acme-supply"
CASE = f"partner_suspended:{ACME}"
SOMEBODY = Actor("operator:anna")


@pytest.fixture
async def idle(site, store_url):
    """A line whose acme-supply is suspended."""
    async with line_over(site, store_url) as line:
        await line.change(ACME, status="suspended")
        line.run()
        yield line


async def kept(line, *numbers):
    return [(await line.keep(acknowledgment_855(number))).message_id for number in numbers]


async def case_of(line):
    return await line.database.read(partial(cases.get, case_id=CASE))


async def back(line, status="live"):
    await line.change(ACME, status=status)
    await line.holding.statuses_changed([ACME])


def events(line):
    """Those that carry a document: there are notices, too."""
    return [event for event in line.collector.events if event.document_id is not None]


def orders(line):
    return [event.lane for event in events(line)]


async def test_what_comes_while_they_are_suspended_waits_and_is_seen(idle):
    first, second = await kept(idle, 1, 2)
    other = await idle.keep(b'{"document_type": "receipt"}', partner="northwind-parts")
    await idle.decided(other.message_id)  # whoever looked for what is due has looked
    for message_id in (first, second):
        view = await idle.view(message_id)
        assert (view["status"], view["attempts"], view["documents"], view["acknowledgments"]) == ("held", 0, [], [])
        assert "acme-supply is suspended" in view["reason"]
        (_, held) = view["timeline"]
        assert (held["step"], held["reason"]) == ("held", view["reason"])
    found = await idle.database.read(partial(messages.find, state="held"))
    assert [message.id for message in found] == [second, first]
    case = await case_of(idle)
    assert (case.state, case.partner_id, case.message_id) == ("open", ACME, None)
    assert len(await idle.database.read(cases.find)) == 1
    assert dict(await idle.database.read(lambda connection: list(messages.counts(connection))))["held"] == 2
    assert not events(idle)


async def test_it_goes_on_in_its_order_and_the_case_resolves_itself(idle):
    held = await kept(idle, *range(1, 6))
    await back(idle)
    for message_id in held:
        view = await idle.decided(message_id)
        assert view["status"] == "published"
        assert [step["step"] for step in view["timeline"]][:3] == ["received", "held", "resumed"]
    assert orders(idle) == [f"acme-supply/PO-{number}" for number in range(1, 6)]
    assert not any(event.test for event in events(idle))
    case = await case_of(idle)
    assert (case.state, case.resolution) == ("resolved", "acme-supply is live")


async def test_what_was_accepted_before_waits_where_it_is_claimed(site, store_url):
    async with line_over(site, store_url) as line:
        (message_id,) = await kept(line, 1)
        before = (await line.view(message_id))["profile"]
        await line.change(ACME, status="suspended")
        line.run()
        view = await line.decided(message_id, "held")
        assert (view["attempts"], len(view["documents"])) == (0, 0)
        assert (await case_of(line)).state == "open"
        await back(line)
        assert (await line.decided(message_id))["status"] == "published"
        # What was promised an active partner is kept: the profile with which it came.
        assert (await line.view(message_id))["profile"] == before


async def test_who_comes_back_into_testing_is_tested(idle):
    (message_id,) = await kept(idle, 1)
    await back(idle, "testing")
    view = await idle.decided(message_id)
    assert view["profile"] == idle.housekeeping.directory.by_id(ACME).digest
    (event,) = events(idle)
    assert (event.test, event.routing_key) == (True, f"test.purchase_order_acknowledgment.received.{ACME}")


async def test_what_came_live_stays_live_though_they_come_back_into_testing(site):
    async with line_over(site) as line:
        (message_id,) = await kept(line, 1)
        await line.change(ACME, status="suspended")
        line.run()
        await line.decided(message_id, "held")
        await back(line, "testing")
        await line.decided(message_id, "published")
        (event,) = events(line)
        assert not event.test


async def test_what_is_released_of_who_was_suspended_in_testing_is_a_test(site):
    async with line_over(site) as line:
        line.run()
        for status, keys in (("testing", [True]), ("live", [True, False])):
            await line.change(ACME, status=status)
            await line.change(ACME, status="suspended")
            (message_id,) = await kept(line, len(keys))
            release = partial(operations.release, message_id=message_id, actor=SOMEBODY, now_ms=now_ms())
            await line.database.write(release)
            line.processing.wake()
            await line.decided(message_id, "published")
            assert [event.from_testing for event in events(line)] == keys


async def test_a_person_may_have_one_processed(idle):
    first, second = await kept(idle, 1, 2)
    await idle.database.write(partial(operations.release, message_id=second, actor=SOMEBODY, now_ms=now_ms()))
    idle.processing.wake()
    assert (await idle.decided(second))["status"] == "published"
    assert (await idle.view(first))["status"] == "held"
    (act,) = await idle.database.read(audit.find)
    assert (act.actor, act.action, act.subject) == (SOMEBODY.name, "message.release", second)
    with pytest.raises(NotPossible, match="is published, not held"):
        await idle.database.write(partial(operations.release, message_id=second, actor=SOMEBODY, now_ms=now_ms()))
    with pytest.raises(Unknown):
        await idle.database.write(partial(operations.release, message_id="none", actor=SOMEBODY, now_ms=now_ms()))


async def test_reprocessing_is_a_persons_word_too(idle):
    first, second = await kept(idle, 1, 2)
    with pytest.raises(NotPossible, match="gateway messages release"):
        await idle.database.write(partial(operations.replay, message_id=first, actor=SOMEBODY, now_ms=now_ms()))
    await idle.database.write(partial(operations.reprocess, message_id=first, actor=SOMEBODY, now_ms=now_ms()))
    idle.processing.wake()
    view = await idle.decided(first)
    assert (view["status"], view["revision"]) == ("published", 2)
    assert (await idle.view(second))["status"] == "held"
    assert (await case_of(idle)).state == "open"


async def test_the_case_cannot_be_given_up_and_resolves_itself_when_nothing_is_left(idle):
    (message_id,) = await kept(idle, 1)
    give_up = partial(operations.give_up, case_id=CASE, actor=SOMEBODY, now_ms=now_ms(), why="tired")
    with pytest.raises(NotPossible, match="status: live"):
        await idle.database.write(give_up)
    with pytest.raises(NotPossible, match="status: live"):
        await idle.database.write(partial(operations.retry_case, case_id=CASE, actor=SOMEBODY, now_ms=now_ms()))
    await idle.database.write(partial(operations.release, message_id=message_id, actor=SOMEBODY, now_ms=now_ms()))
    await idle.holding.round()
    assert (await case_of(idle)).state == "resolved"


async def test_what_another_process_held_too_late_is_resumed_by_itself(site, store_url):
    """That process had not read the profile yet; whoever looks after the house next finds it."""
    async with line_over(site, store_url) as line:
        line.run()
        late = messages_of_a_late_node(line)
        message_id = await late(1)
        assert (await line.view(message_id))["status"] == "held"
        await line.holding.round()
        assert (await line.decided(message_id))["status"] == "published"


async def test_a_node_that_has_not_looked_yet_resumes_nobody_whom_another_suspended(site, store_url):
    async with line_over(site, store_url) as line:
        line.run()
        message_id = await messages_of_a_late_node(line)(1)
        loaded = line.housekeeping.directory.by_id(ACME)
        suspended = loaded.profile.model_copy(update={"status": "suspended"})
        elsewhere = replace(loaded, profile=suspended, digest="0" * 64)
        await line.database.write(partial(states.put_in_force, loaded=elsewhere, now_ms=now_ms()))
        assert await line.holding.resume(loaded) == 0
        assert (await line.view(message_id))["status"] == "held"
        await line.database.write(partial(states.put_in_force, loaded=loaded, now_ms=now_ms()))
        assert await line.holding.resume(loaded) == 1


async def test_nothing_overtakes_what_another_process_held_too_late(site, store_url):
    async with line_over(site, store_url) as line:
        first = await messages_of_a_late_node(line)(1)
        (second,) = await kept(line, 2)
        line.run()
        for message_id in (first, second):
            await line.decided(message_id, "published")
        assert orders(line) == ["acme-supply/PO-1", "acme-supply/PO-2"]


async def test_a_case_that_was_lost_between_two_processes_is_opened_again(idle):
    await kept(idle, 1)
    await idle.database.write(partial(cases.resolve, now_ms=1, resolution="lost", case_id=CASE))
    await idle.holding.round()
    assert (await case_of(idle)).state == "open"


async def test_without_a_profile_it_stays_where_it_is(idle, site):
    (message_id,) = await kept(idle, 1)
    (site.partners_dir / ACME / "profile.yaml").unlink()
    (site.partners_dir / ACME / "acme.pem").unlink()
    (site.partners_dir / ACME).rmdir()
    await idle.housekeeping.load_profiles()
    await idle.holding.statuses_changed([ACME])
    await idle.holding.round()
    assert (await idle.view(message_id))["status"] == "held"


async def test_a_profile_that_cannot_be_read_any_more_is_no_reason_to_wait(idle):
    (message_id,) = await kept(idle, 1)
    digest = (await idle.view(message_id))["profile"]
    broken = {"digest": "broken", "partner_id": ACME, "packed": b"?", "now_ms": 1}
    await idle.database.write(partial(profiles.keep, **broken))
    await idle.database.write(partial(change_digest, before=digest, after="broken"))
    await back(idle)
    assert (await idle.decided(message_id, "parked"))["status"] == "parked"


async def test_partners_of_whom_something_is_held_are_found_one_by_one(idle):
    assert await idle.database.read(holds.partners) == (set(), set())
    await idle.change("northwind-parts", status="suspended")
    await kept(idle, 1, 2)
    await idle.keep(b"{}", partner="northwind-parts")
    assert await idle.database.read(holds.partners) == ({ACME, "northwind-parts"},) * 2
    await idle.holding.statuses_changed(["northwind-parts", "nobody"])  # still suspended
    assert await idle.database.read(holds.partners) == ({ACME, "northwind-parts"},) * 2


def messages_of_a_late_node(line: Line):
    """Receives for a process that still takes acme-supply for suspended."""

    async def receive(number):
        loaded = line.housekeeping.directory.by_id(ACME)
        arrival = line.arrival(loaded, acknowledgment_855(number), held="acme-supply is suspended")
        return (await line.reception.keep(arrival)).message_id

    return receive


def change_digest(connection, before, after):
    connection.exec_driver_sql(f"UPDATE message SET profile_digest = '{after}' WHERE profile_digest = '{before}'")
