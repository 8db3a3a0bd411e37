"""Deliveries to partners' SFTP servers on the line: the same schedule, states and exceptions list as AS2."""

import asyncio

import pytest

from gateway.carriers.parcels import Carrier, Delivered
from gateway.carriers.sftp import SftpCarrier
from gateway.flow.operations import Actor, NotPossible, give_up, retry_case
from gateway.flow.outward.resending import resending
from gateway.flow.outward.send import Sending
from gateway.model.delivery import DeliveryKind
from gateway.store import deliveries
from gateway.store.oversight import audit
from partners.directory import Directory
from partners.loader import LoadedProfile
from tests.carriers.remote import opened, partner, talking
from tests.flow.sending import WITHIN_S, office_over
from tests.services.openssh import SshServer

ANN = Actor("operator:ann")
SCHEDULE = {"attempts_max": 3, "first_retry_after_s": 10, "retry_after_s_max": 15, "concurrent_max": 2}


class Desk:
    """A line whose deliveries go to an sshd."""

    def __init__(self, office, door, openssh: SshServer) -> None:
        self.office = office
        self.openssh = openssh
        self.there = openssh.fresh_folder()
        self.carrier = SftpCarrier(door).carrier
        self.partners()
        office.sending = self.sending("one")

    def partners(self, *others: LoadedProfile, **terms) -> None:
        self.office.directory = Directory([self.partner(**terms), *others])

    def partner(self, name: str = "acme", **terms) -> LoadedProfile:
        usual = {"push": {"folder": self.there.remote}, "delivery": SCHEDULE}
        return partner(self.openssh, name=name, **usual | terms)

    def sending(self, owner: str, carrier: Carrier | None = None) -> Sending:
        return Sending(
            self.office.database,
            {"sftp": carrier or self.carrier},
            lambda: self.office.directory,
            owner=owner,
            now_ms=self.office.clock,
            metrics=self.office.metrics,
            limits=self.office.limits,
            chance=lambda: 0.999,
        )

    async def enqueue(self, name: str = "acme", payload: bytes = b"order", **fields) -> str:
        way = {"channel": "sftp", "destination": f"sftp/{name}"}
        return await self.office.enqueue(name, payload=payload, **way | fields)

    async def tried(self, key: str, attempts: int):
        """The delivery after so many attempts."""
        await self.office.wait_for(
            lambda: self.office.get(key), lambda row: row.attempts == attempts and row.claim_owner is None
        )
        return await self.office.get(key)

    def pass_s(self, seconds: float) -> None:
        self.office.clock.pass_s(seconds)
        self.office.sending.wake()

    @property
    def left(self) -> list[str]:
        return sorted(file.name for file in self.there.local.iterdir())


@pytest.fixture
async def desk(openssh, tmp_path):
    async with opened(openssh) as door, office_over(f"sqlite:///{tmp_path / 's.db'}", {}) as office:
        yield Desk(office, door, openssh)


async def test_a_delivery_is_delivered_with_what_proves_it(desk):
    key = await desk.enqueue(document_type="purchase_order", number="4711", kind="document")
    desk.office.run()
    await desk.office.until(key, "delivered")
    name = f"purchase_order-4711-{key}.edi"
    assert desk.left == [name]
    assert (desk.there.local / name).read_bytes() == b"order"


async def test_a_server_that_is_down_is_tried_by_the_schedule_and_then_shown_to_a_person(desk, openssh):
    openssh.stop()
    key = await desk.enqueue()
    desk.office.run()
    for attempt, pause_s in ((1, 10), (2, 15)):
        row = await desk.tried(key, attempt)
        assert row.state == "queued"
        assert row.reason.startswith("tcp: ")
        assert 0 < row.next_attempt_at_ms - desk.office.clock.now_ms <= pause_s * 1_000
        desk.pass_s(pause_s)
    row = await desk.tried(key, 3)
    assert row.state == "given_up"
    assert "the last of 3 attempts" in row.reason
    assert list(await desk.office.open_cases()) == ["delivery_given_up"]


async def test_a_server_that_comes_back_gets_what_waited(desk, openssh):
    openssh.stop()
    keys = [await desk.enqueue() for _ in range(4)]
    desk.office.run()
    await desk.tried(keys[0], 1)
    openssh.start()
    for key in keys:
        desk.pass_s(20)
        await desk.office.until(key, "delivered")
    assert len(desk.left) == 4


async def test_a_black_hole_holds_up_nobody_else(desk):
    async def silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    async with talking(silence) as port:
        desk.partners(desk.partner("dead", port=port, timeout_s=300))
        for _ in range(40):
            await desk.enqueue("dead")
        alive = [await desk.enqueue() for _ in range(6)]
        desk.office.run()
        for key in alive:
            await desk.office.until(key, "delivered")
        assert len(desk.office.sending.in_flight) == SCHEDULE["concurrent_max"]
        await desk.office.stop()
        await desk.office.sending.drain()


async def test_no_more_are_under_way_than_the_profile_allows(desk):
    under_way: list[int] = []
    most = 0

    async def counted(consignment, parcel):
        nonlocal most
        under_way.append(1)
        most = max(most, len(under_way))
        try:
            return await desk.carrier.carry(consignment, parcel)
        finally:
            under_way.pop()

    desk.office.sending = desk.sending("one", Carrier(desk.carrier.pack, counted))
    keys = [await desk.enqueue(payload=bytes(200_000)) for _ in range(8)]
    desk.office.run()
    for key in keys:
        await desk.office.until(key, "delivered")
    assert most == SCHEDULE["concurrent_max"]
    assert len(desk.left) == 8


async def test_a_process_that_is_killed_after_the_renaming_delivers_once(desk):
    renamed = asyncio.Event()

    async def killed(consignment, parcel):
        assert isinstance(await desk.carrier.carry(consignment, parcel), Delivered)
        renamed.set()
        await asyncio.Event().wait()

    killed_sending = desk.sending("killed", Carrier(desk.carrier.pack, killed))
    key = await desk.enqueue()
    desk.office.run(killed_sending)
    async with asyncio.timeout(WITHIN_S):
        await renamed.wait()
    (name,) = desk.left
    before = (desk.there.local / name).stat()
    desk.office.clock.pass_s(3_600)  # its claim runs out
    desk.office.run(desk.office.sending)
    await desk.office.until(key, "delivered")
    assert desk.left == [name]
    after = (desk.there.local / name).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (await desk.office.get(key)).attempts == 2
    await desk.office.stop()
    await killed_sending.drain()


async def test_what_cannot_go_now_waits_without_counting_as_an_attempt(desk):
    desk.partners(key="missing")
    key = await desk.enqueue()
    desk.office.run()
    await desk.office.until(key, "held")
    row = await desk.office.get(key)
    assert row.attempts == 0
    assert "gateway sftp keys new missing" in row.reason
    desk.partners()
    desk.office.sending.wake()
    await desk.office.until(key, "delivered")


async def test_a_name_that_is_taken_by_somebody_else_is_for_a_person(desk):
    key = await desk.enqueue(document_type="invoice", number="1", kind="document")
    taken = desk.there.local / f"invoice-1-{key}.edi"
    taken.write_bytes(b"of somebody else")
    taken.chmod(0o644)
    desk.office.run()
    await desk.office.until(key, "refused")
    assert taken.name in (await desk.office.get(key)).reason
    assert taken.read_bytes() == b"of somebody else"
    assert list(await desk.office.open_cases()) == ["delivery_refused"]


async def wrong(desk, kind: str) -> None:
    """A mistake of configuration, theirs or ours."""
    if kind == "missing":
        desk.partners(push={"folder": f"{desk.there.remote}/in"})
    elif kind == "closed":
        desk.there.local.chmod(0o555)
    else:
        desk.partners(host_keys=["SHA256:" + "A" * 43])


def put_right(desk) -> None:
    (desk.there.local / "in").mkdir(exist_ok=True)
    for folder in (desk.there.local, desk.there.local / "in"):
        folder.chmod(0o777)


@pytest.mark.parametrize("kind", ["missing", "closed", "host key"])
async def test_what_only_a_person_cures_is_told_after_the_second_attempt_and_goes_on(desk, kind):
    await wrong(desk, kind)
    key = await desk.enqueue()
    desk.office.run()
    assert (await desk.tried(key, 1)).state == "queued"
    assert await desk.office.open_cases() == {}
    desk.pass_s(10)
    row = await desk.tried(key, 2)
    case = (await desk.office.open_cases())["delivery_failing"]
    assert (case.message_id, case.state, case.attempts, case.reason) == (key, "open", 2, row.reason)
    assert (row.state, row.next_attempt_at_ms > desk.office.clock.now_ms) == ("queued", True)
    put_right(desk)
    if kind == "host key":
        desk.partners()
    await desk.office.do(retry_case, case.id, ANN, desk.office.clock.now_ms)
    desk.office.sending.wake()
    await desk.office.until(key, "delivered")
    assert await desk.office.open_cases() == {}


async def test_who_closes_the_case_of_a_delivery_that_fails_cancels_it(desk):
    await wrong(desk, "missing")
    key = await desk.enqueue()
    desk.office.run()
    await desk.tried(key, 1)
    desk.pass_s(10)
    await desk.tried(key, 2)
    case = (await desk.office.open_cases())["delivery_failing"]
    await desk.office.do(give_up, case.id, ANN, desk.office.clock.now_ms, why="sent by mail")
    assert (await desk.office.get(key)).state == "cancelled"
    assert await desk.office.open_cases() == {}


async def test_what_waits_for_its_next_attempt_is_sent_now_and_once(desk, openssh):
    openssh.stop()
    key = await desk.enqueue(kind=DeliveryKind.DOCUMENT)
    desk.office.run()
    await desk.tried(key, 1)
    openssh.start()
    act = resending(desk.office.directory, "another", "us.example")
    for _ in range(2):
        assert await desk.office.do(act, key, ANN, desk.office.clock.now_ms) == key
    desk.office.sending.wake()
    await desk.office.until(key, "delivered")
    assert len(desk.left) == 1
    assert [row.id for row in await desk.office.see(deliveries.find)] == [key]
    (noted,) = await desk.office.see(audit.find)
    assert (noted.action, noted.subject, noted.detail) == ("message.resend", key, {"as": key})
    assert "retry" in await desk.office.steps(key)


async def test_what_is_on_its_way_or_not_yet_tried_is_not_sent_again(desk):
    key = await desk.enqueue(kind=DeliveryKind.DOCUMENT)
    act = resending(desk.office.directory, "another", "us.example")
    with pytest.raises(NotPossible, match="is queued and goes on"):
        await desk.office.do(act, key, ANN, desk.office.clock.now_ms)
