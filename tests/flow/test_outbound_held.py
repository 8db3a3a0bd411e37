"""What the ERP wants sent to a suspended partner is taken, waits, and goes in its order once they are back."""

import asyncio
import json
from contextlib import asynccontextmanager
from functools import partial

import pytest

from gateway.flow import operations, traffic
from gateway.flow.holding import Holding
from gateway.flow.operations import NotPossible, Unknown
from gateway.model.dispatch import DispatchState
from gateway.store import deliveries
from gateway.store.messages import holds
from gateway.store.oversight import audit
from gateway.telemetry import Metrics
from partners.directory import Directory
from tests.flow.dispatching import OPERATOR, desk_over, key, order
from tests.flow.line import now_ms
from tests.flow.test_outbound import elements

CASE = "partner_suspended:acme"


@pytest.fixture(params=["sqlite", "postgresql"])
async def desk(request, tmp_path):
    url = f"sqlite:///{tmp_path}/gateway.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("migrated_database_url")
    async with desk_over(url) as desk:
        desk.change("acme", "suspended")
        yield desk


def holding_of(desk):
    return Holding(
        desk.database,
        lambda: Directory(desk.profiles.values()),
        now_ms=now_ms,
        metrics=Metrics(),
        resumed=desk.outbound.wake,
    )


@asynccontextmanager
async def back(desk, status="live", partner="acme"):
    """The partner is back, and what was held is translated meanwhile."""
    desk.change(partner, status)
    await holding_of(desk).statuses_changed([partner])
    async with desk.running():
        yield


async def until_state(desk, dispatch_id, *states):
    async with asyncio.timeout(20):
        while (found := await desk.dispatch(dispatch_id)).state not in states:
            await asyncio.sleep(0.01)
    return found


async def test_it_is_taken_checked_and_held_and_takes_no_number(desk):
    sent = await desk.send(order(), source_key=key())
    assert (sent.state, sent.is_kept, sent.is_accepted) == (DispatchState.HELD, True, False)
    assert sent.reason == "acme is suspended; it goes on by itself once they are live or testing again"
    assert await desk.delivery(sent.id) is None
    assert await desk.last_numbers() == {}
    dispatch = await desk.dispatch(sent.id)
    assert (dispatch.document_type, dispatch.number, dispatch.purchase_order_number) == (
        "purchase_order",
        "PO-1",
        "PO-1",
    )
    assert await desk.steps(sent.id) == ["wanted", "held"]
    (case,) = await desk.cases()
    assert (case.id, case.state, case.reason) == (CASE, "open", sent.reason)
    (row,) = await desk.database.read(partial(traffic.rows, wanted=traffic.Wanted(state="held"), limit=9))
    assert (row["id"], row["status"], row["reason"]) == (sent.id, "held", sent.reason)
    assert not desk.woken
    again = await desk.send(order(), source_key=key())
    assert (again.id, again.duplicate, again.state) == (sent.id, True, DispatchState.HELD)
    assert await desk.database.read(holds.count_dispatches) == 1


async def test_what_is_wrong_is_told_at_once(desk):
    sent = await desk.send(order(number=None))
    assert sent.state is DispatchState.REFUSED
    assert "not sound" in sent.reason


async def test_it_goes_in_its_order_and_what_comes_meanwhile_goes_behind(desk):
    first = [await desk.send(order(f"PO-{number}"), source_key=key(number)) for number in (1, 2, 3)]
    desk.change("acme", "live")
    later = await desk.send(order("PO-4"), source_key=key(4))
    assert (later.state, later.reason) == (
        DispatchState.HELD,
        "it waits behind what was held for the same partner before it",
    )
    async with back(desk):
        last = await desk.send(order("PO-5"), source_key=key(5))
        for sent in (*first, later, last):
            await until_state(desk, sent.id, "accepted")
    given = [json.loads((await desk.dispatch(one.id)).control_numbers)["interchange"] for one in (*first, later, last)]
    assert given == [500, 501, 502, 503, 504]
    assert await desk.cases() == []
    assert (await desk.steps(first[0].id))[:4] == ["wanted", "held", "resumed", "translated"]


async def test_it_is_written_by_the_profile_of_the_day_on_which_it_goes(desk):
    sent = await desk.send(order())
    async with back(desk, "testing"):
        await until_state(desk, sent.id, "accepted")
    (isa,) = elements(await desk.payload(sent.id), "ISA")
    assert isa[15] == "T"


async def test_a_file_is_held_as_a_document_is(desk):
    sent = await desk.outbound.accept_file("acme", b"price list", "prices.txt")
    assert sent.state is DispatchState.HELD
    async with back(desk):
        await until_state(desk, sent.id, "accepted")
    assert await desk.payload(sent.id) == b"price list"


async def test_a_suspended_connection_holds_those_that_it_carries(desk):
    desk.change("van", "suspended")
    sent = await desk.send(order(), "carried")
    assert sent.state is DispatchState.HELD
    assert "the connection of carried waits: van is suspended" in sent.reason
    await holding_of(desk).round()
    assert (await desk.dispatch(sent.id)).state == "held"
    async with back(desk, partner="van"):
        await until_state(desk, sent.id, "accepted")
    assert await desk.cases() == []


async def test_who_is_suspended_again_before_it_went_holds_it_again(desk):
    sent = await desk.send(order())
    desk.change("acme", "live")
    await holding_of(desk).statuses_changed(["acme"])
    assert (await desk.dispatch(sent.id)).state == "received"
    desk.change("acme", "suspended")
    async with desk.running():
        await until_state(desk, sent.id, "held")
    (case,) = await desk.cases()
    assert (case.id, case.state) == (CASE, "open")
    assert await desk.last_numbers() == {}


async def test_a_person_takes_it_back(desk):
    sent = await desk.send(order())
    act = partial(operations.cancel, actor=OPERATOR, now_ms=now_ms(), why="ordered elsewhere")
    await desk.database.write(partial(act, item_id=sent.id))
    assert (await desk.dispatch(sent.id)).state == "abandoned"
    await holding_of(desk).round()
    assert await desk.cases() == []
    (entry,) = await desk.database.read(partial(audit.find, action="message.cancel"))
    assert (entry.actor, entry.subject, entry.detail) == (OPERATOR.name, sent.id, {"reason": "ordered elsewhere"})
    with pytest.raises(NotPossible, match="is abandoned already"):
        await desk.database.write(partial(act, item_id=sent.id))
    with pytest.raises(Unknown):
        await desk.database.write(partial(act, item_id="nothing"))
    async with back(desk):
        other = await desk.send(order("PO-2"))
        assert other.is_accepted
    await desk.database.write(partial(act, item_id=other.id))
    assert (await desk.delivery(other.id)).state == "cancelled"
    assert await desk.database.read(partial(deliveries.find, limit=9, state="queued")) == []
