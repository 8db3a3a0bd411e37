"""What is held of one suspended partner has a limit: who comes behind it keeps what they wanted to send."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from types import SimpleNamespace

import pytest

from gateway.flow.held_room import RETRY_AFTER_S, HeldRoom
from gateway.flow.holding import why_held
from gateway.model.refusals import Reason, Refused
from gateway.store import messages
from gateway.store.database import StoreUnavailable
from gateway.store.messages import Acceptance, holds, staging
from gateway.store.oversight import cases
from tests.flow.line import Line, line_over
from tests.site import Site

ACME = "acme-supply"
ROOM = 100_000
PIECE = b"ISA" + b"x" * 29_997


class Idle:
    """A line whose acme-supply is suspended, and a clock."""

    def __init__(self, line: Line) -> None:
        self.line, self.database = line, line.database
        self.now_ms = 1_000_000
        line.reception._held_room = self.room()

    def room(self) -> HeldRoom:
        """Of this node, or of another."""
        return HeldRoom(self.database, ROOM, lambda: self.now_ms)

    async def keep(self, payload: bytes = PIECE, transport_id: str | None = None, **more: object) -> Acceptance:
        loaded = self.line.housekeeping.directory.by_id(ACME)
        assert loaded is not None
        arrival = self.line.arrival(loaded, payload, transport_id=transport_id, held=why_held(loaded), **more)
        return await self.line.reception.keep(arrival)

    async def outcome(self, *args: object, **more: object) -> Reason | None:
        """The reason why it is refused, if it is."""
        try:
            await self.keep(*args, **more)  # type: ignore[arg-type]
        except Refused as refused:
            return refused.reason
        return None

    async def case(self) -> cases.Case | None:
        return await self.database.read(partial(cases.get, case_id=holds.case_of(ACME)))

    async def held(self) -> int:
        return await self.database.read(partial(holds.bytes_held, partner_id=ACME))


@pytest.fixture
async def idle(site: Site, store_url: str | None) -> AsyncIterator[Idle]:
    async with line_over(site, store_url) as line:
        await line.change(ACME, status="suspended")
        yield Idle(line)


async def test_what_would_exceed_it_is_refused_and_nothing_of_it_is_kept(idle: Idle) -> None:
    for number in range(3):
        await idle.keep(transport_id=f"<{number}>")
    with pytest.raises(Refused) as refused:
        await idle.keep(transport_id="<3>")
    assert (refused.value.reason, refused.value.retry_after_s) == (Reason.HOLDS_TOO_MUCH, RETRY_AFTER_S)
    assert "suspended" not in refused.value.detail, "AS2 partners are told nothing of it"
    assert "limits.held_bytes_per_partner_max: 100000" in refused.value.audit
    assert len(await idle.database.read(messages.find)) == 3
    known = partial(messages.is_known, partner_id=ACME, channel="as2", transport_id="<3>")
    assert not await idle.database.read(known)
    assert await idle.outcome(PIECE[:10_000]) is None, "what fits is kept"
    assert await idle.held() == ROOM


async def test_wire_bytes_count_and_so_do_large_messages_before_they_are_staged(idle: Idle) -> None:
    assert await idle.outcome(PIECE, wire=(b"w" * 40_000, b"w" * 10_000)) is None
    assert await idle.held() == 80_000
    assert await idle.outcome(PIECE) is Reason.HOLDS_TOO_MUCH
    assert await idle.outcome(b"x" * (staging.STEP_BYTES + 1)) is Reason.HOLDS_TOO_MUCH
    assert await idle.held() == 80_000
    assert len(await idle.database.read(messages.find)) == 1


async def test_what_was_accepted_is_answered_as_ever(idle: Idle) -> None:
    first = await idle.keep(transport_id="<0>")
    for number in (1, 2):
        await idle.keep(transport_id=f"<{number}>")
    for _ in range(3):
        again = await idle.keep(transport_id="<0>")
        assert (again.duplicate, again.message_id) == (True, first.message_id)
    assert await idle.outcome(PIECE[:10_000]) is None, "and took no room"
    assert await idle.outcome(b"other content", transport_id="<0>") is Reason.IDEMPOTENCY_CONFLICT


async def test_what_a_connection_brought_is_set_apart_all_the_same(idle: Idle) -> None:
    for _ in range(3):
        await idle.keep()
    assert await idle.outcome(apart_from="01J0000000000000000000000A") is None
    idle.now_ms += 60_000
    assert await idle.outcome(b"ISA") is Reason.HOLDS_TOO_MUCH, "but it counts"


async def test_many_at_once_do_not_exceed_it(idle: Idle) -> None:
    outcomes = await asyncio.gather(*(idle.outcome() for _ in range(12)))
    assert outcomes.count(None) == 3
    assert await idle.held() == 90_000


async def test_others_are_not_limited(idle: Idle) -> None:
    for _ in range(3):
        await idle.keep()
    for _ in range(5):
        await idle.line.keep(PIECE, partner="northwind-parts")
    await idle.line.change(ACME, status="live")
    assert await idle.outcome() is None


async def test_the_case_says_so_until_there_is_room_again(idle: Idle) -> None:
    held = [(await idle.keep()).message_id for _ in range(3)]
    before = await idle.case()
    for _ in range(2):
        assert await idle.outcome() is Reason.HOLDS_TOO_MUCH
    full = await idle.case()
    assert before is not None
    assert full is not None
    assert (full.state, full.opened_at_ms) == ("open", before.opened_at_ms)
    assert "90,000 of 100,000 bytes" in full.reason
    assert "limits.held_bytes_per_partner_max" in full.detail
    await idle.database.write(partial(holds.release, message_id=held[0], now_ms=idle.now_ms))
    assert await idle.outcome() is Reason.HOLDS_TOO_MUCH, "it is not asked each time"
    idle.now_ms += 15_000
    assert await idle.outcome() is None
    after = await idle.case()
    assert after is not None
    assert (after.reason, after.detail) == (before.reason, before.detail)


async def test_a_message_that_alone_is_too_much_is_seen_too(idle: Idle) -> None:
    assert await idle.outcome(b"x" * (ROOM + 1)) is Reason.HOLDS_TOO_MUCH
    case = await idle.case()
    assert case is not None
    assert (case.state, "0 of 100,000 bytes" in case.reason) == ("open", True)


async def test_room_is_given_back_by_what_could_not_be_kept(idle: Idle, monkeypatch: pytest.MonkeyPatch) -> None:
    await idle.keep(b"ISA")
    with monkeypatch.context() as patched:

        async def fails(*_args: object, **_named: object) -> None:
            raise StoreUnavailable("the disk is full")

        patched.setattr(idle.database, "write", fails)
        for _ in range(4):
            assert await idle.outcome() is Reason.STORE_UNAVAILABLE
    for _ in range(3):
        assert await idle.outcome() is None


async def test_a_node_sees_what_another_holds_within_a_minute(idle: Idle) -> None:
    reception, this, other = idle.line.reception, idle.room(), idle.room()
    for room in (this, other, other, this):
        reception._held_room = room
        await idle.keep()
    assert await idle.held() == 120_000, "a little more than the limit"
    idle.now_ms += 60_000
    for room in (this, other):
        reception._held_room = room
        assert await idle.outcome(b"ISA") is Reason.HOLDS_TOO_MUCH


async def test_the_store_is_asked_now_and_then_alone(idle: Idle, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = SimpleNamespace(times=0)
    bytes_held = holds.bytes_held

    def counted(connection: object, partner_id: str) -> int:
        asked.times += 1
        return bytes_held(connection, partner_id)  # type: ignore[arg-type]

    monkeypatch.setattr(holds, "bytes_held", counted)
    for _ in range(20):
        await idle.keep(b"ISA")
    assert asked.times == 1
    idle.now_ms += 60_000
    await idle.keep(b"ISA")
    assert asked.times == 2
