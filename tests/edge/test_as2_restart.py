"""AS2 Restart at the door: what came before a transfer broke off is kept, gone on with, and never trusted."""

import asyncio
import io
import random
import stat
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.as2.mdn import objection, read_mdn
from gateway.carriers.parcels import Delivered, Failed
from gateway.edge.as2 import restart
from gateway.edge.as2.parts import PARTS_FOLDER, PartName, Parts
from gateway.edge.as2.restart import Range, read_range
from gateway.edge.bodies import Bodies
from gateway.edge.connection import READ_BUFFER_BYTES
from gateway.settings import SPOOL_FOLDER, Limits
from gateway.store import messages
from tests.carriers.sending import consignment, make_carrier, partner, send
from tests.edge.house import X12, acme, acme_keys, globex, message, open_house, our_keys, profile, until

SPOOLED_FROM = 65_536
NOISE = b"ISA" + random.Random(3).randbytes(400_000)
ETAG = '"transfer-1"'
RESTARTS = "  receive_restarts: true\n"


def other():
    """Another partner that speaks it, with the same key."""
    return profile(
        "id: initech\nname: Initech\nas2: {id: INITECH, certificate: acme.pem, receive_restarts: true}\n",
        acme_pem=acme_keys().certificate.pem(),
    )


@pytest.fixture
def at_door(tmp_path):
    @asynccontextmanager
    async def at_door(**choices):
        profiles = [acme(as2=RESTARTS), globex(), other()]
        async with open_house(
            tmp_path, **({"profiles": profiles, "spool_from_bytes": SPOOLED_FROM} | choices)
        ) as house:
            yield house

    return at_door


@pytest.fixture
def parts_dir(tmp_path):
    return tmp_path / SPOOL_FOLDER / PARTS_FOLDER


def files(folder):
    return sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []


def fields(sent, etag=ETAG, **more):
    return dict(sent.headers) | ({"ETag": etag} if etag else {}) | more


def head_of(sent, length, etag=ETAG, **more):
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields(sent, etag, **more).items())
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST /as2 HTTP/1.1\r\nHost: x\r\n{lines}{framing}\r\n\r\n".encode()


async def begin(house, sent, start, end, etag=ETAG, *, chunked=False, **more):
    """A transfer from a byte on, of which the bytes up to another come in; its connection stays open.

    Of what is still on its way inside of the server when the connection breaks, nothing is promised.
    """
    came = 0
    hold = Bodies._hold

    def count(bodies, request, length):
        nonlocal came
        came += length
        hold(bodies, request, length)

    size = len(sent.body)
    if start:
        more["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    piece = bytes(sent.body[start:end])
    if chunked:
        piece = b"%x\r\n%b\r\n" % (len(piece), piece)
    _, writer = await house.connect()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Bodies, "_hold", count)
        writer.write(head_of(sent, None if chunked else size - start, etag, **more) + piece)
        await until(lambda: came >= end - start)
    return writer


async def break_off(house, client, sent, start, end, **more):
    """A transfer that breaks off; what is held afterwards."""
    writer = await begin(house, sent, start, end, **more)
    writer.close()
    await writer.wait_closed()
    return await held(house, client, sent, etag=more.get("etag", ETAG))


async def ask(house, client, sent, etag=ETAG, without=()):
    headers = {name: value for name, value in fields(sent, etag).items() if name not in without}
    async with client.head(house.url + "/as2", headers=headers) as answer:
        return answer


async def held(house, client, sent, etag=ETAG, without=()):
    answer = await ask(house, client, sent, etag, without)
    assert answer.status == 200
    return int(answer.headers["Content-Length"])


async def post(house, client, sent, start=0, etag=ETAG, part=None, body=None, **more):
    size = len(sent.body)
    if part is None and start:
        part = f"bytes {start}-{size - 1}/{size}"
    headers = fields(sent, etag, **more) | ({"Content-Range": part} if part else {})
    data = io.BytesIO(bytes(sent.body[start:])) if body is None else body
    async with client.post(house.url + "/as2", data=data, headers=headers) as answer:
        return answer.status, answer.headers, await answer.read()


def complaint(sent, answered):
    status, headers, body = answered
    assert status == 200, body
    mdn = read_mdn(
        headers, body, partner_certificates=[our_keys().certificate], now=datetime.now(UTC), require_signed=True
    )
    return objection(mdn, message_id=sent.message_id, as2_from="ACME-AS2", as2_to="BIGCORP", mics=sent.mics)


async def assert_kept(house, sent, payload=NOISE):
    (kept,) = await house.database.read(messages.find)
    assert await house.database.read(lambda c: messages.body(c, kept.id, "payload")) == payload
    wire = await house.database.read(lambda c: messages.body(c, kept.id, "wire"))
    assert wire.endswith(b"\r\n\r\n" + bytes(sent.body))
    assert house.bodies.held_bytes == 0


# --- the way it is meant ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["bytes ", "Bytes=", ""])
@pytest.mark.parametrize("cut", [SPOOLED_FROM + 1, 200_000, -1])
async def test_a_broken_transfer_is_gone_on_with(at_door, client, parts_dir, cut, unit):
    sent = message(NOISE)
    size = len(sent.body)
    cut %= size
    async with at_door() as house:
        assert await break_off(house, client, sent, 0, cut) == cut
        assert len(files(parts_dir)) == 1
        answered = await post(house, client, sent, cut, part=f"{unit}{cut}-{size - 1}/{size}")
        assert complaint(sent, answered) is None
        await assert_kept(house, sent)
        assert files(parts_dir) == []
        assert await held(house, client, sent) == 0


async def test_it_may_break_off_as_often_as_it_likes(at_door, client, parts_dir):
    sent = message(NOISE)
    async with at_door() as house:
        start = 0
        for end in (70_000, 70_001, 150_000, 399_999):
            assert await break_off(house, client, sent, start, end) == end
            assert len(files(parts_dir)) == 1
            start = end
        assert complaint(sent, await post(house, client, sent, start)) is None
        await assert_kept(house, sent)


async def test_chunks_say_no_length_and_are_kept_as_well(at_door, client, parts_dir):
    sent = message(NOISE)

    async def rest():
        for start in range(150_000, len(sent.body), 50_000):
            yield bytes(sent.body[start : start + 50_000])

    async with at_door() as house:
        assert await break_off(house, client, sent, 0, 100_000, chunked=True) == 100_000
        assert await break_off(house, client, sent, 100_000, 150_000, chunked=True) == 150_000
        assert complaint(sent, await post(house, client, sent, 150_000, body=rest())) is None
        await assert_kept(house, sent)
        assert files(parts_dir) == []


async def test_what_is_small_or_begins_again_is_a_message_like_any_other(at_door, client, parts_dir):
    async with at_door() as house:
        sent, small = message(NOISE), message(X12)
        assert await break_off(house, client, small, 0, 1_000) == 0
        assert await break_off(house, client, sent, 0, SPOOLED_FROM // 2) == 0
        assert files(parts_dir) == []
        assert complaint(small, await post(house, client, small)) is None
        assert await break_off(house, client, sent, 0, 100_000) == 100_000
        assert complaint(sent, await post(house, client, sent)) is None  # the whole, with the same ETag
        assert files(parts_dir) == []
        again = await post(house, client, sent, part=f"bytes 0-{len(sent.body) - 1}/{len(sent.body)}")
        assert complaint(sent, again) is None
        assert len(await house.database.read(messages.find)) == 2


async def test_who_asks_without_the_message_id_is_told_when_it_is_clear(at_door, client):
    first, second = message(NOISE), message(NOISE)
    async with at_door() as house:
        await break_off(house, client, first, 0, 100_000)
        assert await held(house, client, first, without=("Message-ID",)) == 100_000
        await break_off(house, client, second, 0, 120_000)
        assert await held(house, client, first, without=("Message-ID",)) == 0
        assert await held(house, client, first) == 100_000


async def test_a_message_that_could_not_be_kept_is_asked_for_by_its_last_byte(at_door, client, parts_dir):
    sent = message(NOISE)
    size = len(sent.body)
    async with at_door() as house:

        def rename(old, new):
            with house.database.engine.connect() as connection:
                connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")
                connection.commit()

        assert await break_off(house, client, sent, 0, 100_000) == 100_000
        rename("message", "away")
        status, headers, _ = await post(house, client, sent, 100_000)
        assert (status, "Retry-After" in headers) == (503, True)
        assert await held(house, client, sent) == size - 1
        rename("away", "message")
        assert complaint(sent, await post(house, client, sent, size - 1)) is None
        await assert_kept(house, sent)
        assert files(parts_dir) == []


async def test_a_line_that_goes_dead_is_given_up_soon(at_door, client):
    sent = message(NOISE)
    async with at_door(restart_stall_s=0.2) as house:
        reader, writer = await house.connect()
        writer.write(head_of(sent, len(sent.body)) + bytes(sent.body[:100_000]))
        answered = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert answered.startswith(b"HTTP/1.1 408 ")
        assert SPOOLED_FROM < await held(house, client, sent) <= 100_000


async def test_memory_is_the_same_for_a_part_and_its_rest(at_door, client):
    sent = message(b"ISA" + random.Random(4).randbytes(3_000_000))
    async with at_door(bodies_in_memory_bytes_max=2_000_000) as house:
        assert await break_off(house, client, sent, 0, 1_500_000) == 1_500_000
        assert house.bodies.held_bytes == 0
        assert complaint(sent, await post(house, client, sent, 1_500_000)) is None
        assert house.bodies.held_bytes == 0


# --- with our own carrier, through a line that breaks ----------------------------------------------------------------


class Line:
    """A line to a server that breaks after so many bytes on their way there, once for each number."""

    def __init__(self, port, breaks):
        self.port = port
        self.breaks = list(breaks)
        self.carried = []

    async def serve(self, reader, writer):
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.port)
        first = await reader.read(4_096)
        limit = self.breaks.pop(0) if first.startswith(b"POST") and self.breaks else None
        back = asyncio.create_task(self._back(to_reader, writer))
        count, data = 0, first
        while data:
            piece = data if limit is None else data[: limit - count]
            to_writer.write(piece)
            count += len(piece)
            if limit is not None and count >= limit:
                break
            await to_writer.drain()
            data = await reader.read(65_536)
        self.carried.append((first.split(b" ", 1)[0], count))
        to_writer.close()
        if limit is not None and count >= limit:
            writer.transport.abort()
        await back

    async def _back(self, reader, writer):
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()


def cuts():
    chance = random.Random(11)
    return [[chance.randrange(1, 410_000) for _ in range(chance.randrange(1, 5))] for _ in range(6)]


@pytest.mark.parametrize("breaks", [[66_900, 67_100], [1], [120_000, 500, 200_000], *cuts()], ids=str)
async def test_our_carrier_gets_a_message_through_a_line_that_breaks_anywhere(tmp_path, at_door, parts_dir, breaks):
    carrier = make_carrier(tmp_path / "theirs", spool_from_bytes=SPOOLED_FROM)
    async with at_door() as house:
        line = Line(house.server.address[1], breaks)
        listener = await asyncio.start_server(line.serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        what = consignment(partner(f"http://127.0.0.1:{port}/as2", sending="restart: true"), NOISE)
        parcel, outcome = await send(carrier, what)
        attempts = 1
        while isinstance(outcome, Failed):
            attempts += 1
            assert attempts <= len(breaks) + 1
            outcome = await carrier.carry(what, parcel)
        assert isinstance(outcome, Delivered), outcome
        (kept,) = await house.database.read(messages.find)
        assert await house.database.read(lambda c: messages.body(c, kept.id, "payload")) == NOISE
        await until(lambda: files(parts_dir) == [])
        listener.close()
    await carrier.close()
    # Beside the heads nothing went twice over the line, but what came before a message counts as large, and what the
    # server had not looked at when the line broke.
    sent_there = sum(count for method, count in line.carried if method == b"POST")
    assert sent_there <= len(parcel.body) + attempts * (2_000 + SPOOLED_FROM + 2 * READ_BUFFER_BYTES)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 5-9/10", Range(5, 10)),
        ("5-9/10", Range(5, 10)),
        (" BYTES=0-9/10 ", Range(0, 10)),
        ("bytes 5-8/10", None),
        ("bytes 5-10/10", None),
        ("bytes 10-9/10", None),
        ("bytes 5-9/*", None),
        ("bytes */10", None),
        ("items 5-9/10", None),
        ("bytes 5-9/10, 1-2/10", None),
        ("bytes -5-9/10", None),
        ("bytes \u0665-9/10", None),
        ("bytes " + "0" * 20 + "5-9/10", None),
        ("", None),
    ],
)
def test_ranges_go_to_the_last_byte(value, expected):
    assert read_range(value) == expected


@pytest.mark.parametrize(
    ("status", "part", "changed"),
    [
        (416, "bytes {less}-{last}/{size}", {}),  # overlaps
        (416, "bytes {more}-{last}/{size}", {}),  # leaves a gap
        (416, "bytes {held}-{size}/{longer}", {}),  # another message
        (416, "bytes {held}-{last}/{size}", {"ETag": '"other"'}),
        (416, "bytes {held}-{last}/{size}", {"Message-ID": "<other@acme>"}),
        (416, "bytes {held}-{last}/{size}", {"AS2-From": "INITECH"}),
        (400, "bytes {held}-{less}/{size}", {}),
        (400, "bytes {held}-{last}/*", {}),
        (400, "nonsense", {}),
        (400, "bytes {held}-{last}/{size}", {"ETag": "x" * 201}),
        (400, "bytes {held}-{last}/{size}", {"ETag": '"\xe9"'}),
        (400, "bytes {held}-{last}/{size}", {"ETag": ""}),
        (400, "bytes {held}-{last}/{size}", {"Message-ID": ""}),
        (413, "bytes {held}-{huge}/{huger}", {}),
    ],
)
async def test_a_part_that_does_not_fit_is_refused_and_changes_nothing(
    at_door, client, parts_dir, status, part, changed
):
    sent = message(NOISE)
    size, cut = len(sent.body), 100_000
    async with at_door(body_bytes_max=1_000_000, header_timeout_s=0.5) as house:
        assert await break_off(house, client, sent, 0, cut) == cut
        before = [(name, (parts_dir / name).read_bytes()) for name in files(parts_dir)]
        numbers = {"held": cut, "less": cut - 1, "more": cut + 1, "size": size, "last": size - 1, "longer": size + 1}
        said = part.format(**numbers, huge=1_999_999, huger=2_000_000)
        found = read_range(said)
        length = found.total - found.start if found is not None else 10
        head = head_of(sent, length, **{"Content-Range": said} | changed)
        answered = await house.raw(head + bytes(10), timeout_s=10)
        assert answered.startswith(b"HTTP/1.1 %d " % status), answered
        if status == 416:
            mine = not changed
            assert (b'"bytes_held":%d' % (cut if mine else 0)) in answered
        assert [(name, (parts_dir / name).read_bytes()) for name in files(parts_dir)] == before
        assert await house.database.read(messages.find) == []
        assert complaint(sent, await post(house, client, sent, cut)) is None


async def test_lengths_that_contradict_each_other_are_refused(at_door, client):
    sent = message(NOISE)
    size = len(sent.body)
    async with at_door(header_timeout_s=0.5) as house:
        await break_off(house, client, sent, 0, 100_000)
        said = {"Content-Range": f"bytes 100000-{size - 1}/{size}"}
        answered = await house.raw(head_of(sent, size - 100_001, **said) + b"x")
        assert answered.startswith(b"HTTP/1.1 400 ")
        more = b"%x\r\n%b\r\n0\r\n\r\n" % (size, bytes(size))
        answered = await house.raw(head_of(sent, None, **said) + more)
        assert answered.startswith(b"HTTP/1.1 413 ")
        assert await held(house, client, sent) == 0  # whose chunks went on past the end
        await break_off(house, client, sent, 0, 100_000)
        answered = await house.raw(head_of(sent, None, **said) + b"5\r\nabcde\r\n0\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 400 ")
        assert await held(house, client, sent) == 100_005  # chunks that ended too early
        assert await house.database.read(messages.find) == []


async def test_only_partners_that_speak_it_get_anything_kept(tmp_path, client, parts_dir):
    sent = message(NOISE)
    async with open_house(tmp_path, spool_from_bytes=SPOOLED_FROM) as house:
        writer = await begin(house, sent, 0, 100_000)
        await until(lambda: house.bodies.held_bytes > 0)
        writer.close()
        await until(lambda: house.bodies.held_bytes == 0)
        assert (await ask(house, client, sent)).status == 404
        assert files(parts_dir) == []
        assert (await post(house, client, sent, 100_000))[0] == 400
        assert complaint(sent, await post(house, client, sent)) is None


async def test_strangers_and_other_partners_learn_nothing(at_door, client):
    sent = message(NOISE)
    async with at_door() as house:
        assert await break_off(house, client, sent, 0, 100_000) == 100_000
        for changed, status in (({"AS2-From": "NOBODY"}, 404), ({"AS2-To": "NOBODY"}, 404), ({"AS2-From": ""}, 404)):
            async with client.head(house.url + "/as2", headers=fields(sent) | changed) as answer:
                assert answer.status == status
        async with client.head(house.url + "/as2", headers=fields(sent) | {"AS2-From": "INITECH"}) as answer:
            assert (answer.status, answer.headers["Content-Length"]) == (200, "0")
        async with client.head(house.url + "/as2", headers=fields(sent, "x" * 300)) as answer:
            assert answer.status == 400
        async with client.get(house.url + "/as2", headers=fields(sent)) as answer:
            assert answer.status == 404
        async with client.head(house.url + "/as2") as answer:
            assert answer.status == 200


async def test_one_transfer_at_a_time_and_a_whole_message_passes(at_door, client, parts_dir, monkeypatch):
    monkeypatch.setattr(restart, "ENDING_S", 0.1)
    sent = message(NOISE)
    async with at_door() as house:
        assert await break_off(house, client, sent, 0, 100_000) == 100_000
        writer = await begin(house, sent, 100_000, 150_000)
        await until(lambda: house.bodies.held_bytes > 0)
        status, headers, _ = await post(house, client, sent, 100_000)
        assert (status, "Retry-After" in headers) == (503, True)
        assert (await ask(house, client, sent)).status == 503
        assert (await ask(house, client, sent, without=("Message-ID",))).status == 503
        assert complaint(sent, await post(house, client, sent)) is None
        await assert_one_message(house)
        writer.close()
        assert await poll_held(house, client, sent) == 150_000
        # Of no use any more, and no harm: a repetition gets the stored receipt.
        assert complaint(sent, await post(house, client, sent, 150_000)) is None
        await assert_one_message(house)
        assert files(parts_dir) == []


async def assert_one_message(house):
    assert len(await house.database.read(messages.find)) == 1


async def poll_held(house, client, sent):
    async with asyncio.timeout(10):
        while (answer := await ask(house, client, sent)).status == 503:
            pass
        return int(answer.headers["Content-Length"])


async def test_a_part_that_somebody_else_sent_costs_no_more_than_the_whole(at_door, client, parts_dir):
    sent = message(NOISE)
    async with at_door() as house:
        poison = replace(sent, body=bytes(len(sent.body)))
        assert await break_off(house, client, poison, 0, 100_000) == 100_000
        status, headers, body = await post(house, client, sent, 100_000)
        assert (status, "Retry-After" in headers, b"restart-failed" in body) == (503, True, True)
        assert [act.action for act in await house.acts()] == ["refused.restart-failed"]
        assert files(parts_dir) == []
        assert await house.database.read(messages.find) == []
        assert not house.arrived
        assert await held(house, client, sent) == 0
        assert complaint(sent, await post(house, client, sent)) is None


async def test_parts_of_a_partner_are_few_and_never_push_out_anothers(at_door, client, parts_dir):
    theirs = message(NOISE, as2_from="INITECH")
    async with at_door(restart_parts_per_partner_max=2) as house:
        assert await break_off(house, client, theirs, 0, 100_000) == 100_000
        sent = [message(NOISE) for _ in range(4)]
        for one in sent:
            assert await break_off(house, client, one, 0, 100_000) == 100_000
        assert [await held(house, client, one) for one in sent] == [0, 0, 100_000, 100_000]
        assert await held(house, client, theirs) == 100_000
        assert len(files(parts_dir)) == 3
        assert complaint(sent[0], await post(house, client, sent[0])) is None


@pytest.mark.parametrize("limit", ["restart_bytes_per_partner_max", "restart_bytes_max"])
async def test_parts_have_their_room_and_messages_do_without_it(at_door, client, parts_dir, limit):
    async with at_door(**{limit: 300_000}) as house:
        sent = message(NOISE)
        assert await break_off(house, client, sent, 0, 100_000) == 0
        assert files(parts_dir) == []
        assert complaint(sent, await post(house, client, sent)) is None
    async with at_door(**{limit: 500_000}) as house:
        first, second = message(NOISE, as2_from="INITECH"), message(NOISE)
        assert await break_off(house, client, first, 0, 100_000) == 100_000
        kept = await break_off(house, client, second, 0, 100_000)
        assert kept == (100_000 if limit == "restart_bytes_per_partner_max" else 0)
        assert await held(house, client, first) == 100_000
        if not kept:  # the room is taken while it is gone on with
            return
        third = message(NOISE)
        assert await break_off(house, client, third, 0, 100_000) == 100_000
        assert await held(house, client, second) == 0
        assert await held(house, client, first) == 100_000


async def test_parts_that_nobody_goes_on_with_are_removed(at_door, client, parts_dir):
    clock = [datetime.now(UTC).timestamp()]
    sent = message(NOISE)
    async with at_door(now_ms=lambda: round(clock[0] * 1_000), restart_age_s_max=100) as house:
        await break_off(house, client, sent, 0, 100_000)
        clock[0] += 99
        assert house.bodies.parts.expire() == 0
        await break_off(house, client, sent, 100_000, 120_000)  # goes on: young again
        clock[0] += 99
        assert house.bodies.parts.expire() == 0
        clock[0] += 2
        assert house.bodies.parts.expire() == 1
        assert files(parts_dir) == []
        assert await held(house, client, sent) == 0


# --- disk and restart ------------------------------------------------------------------------------------------------


async def test_parts_outlive_the_gateway(at_door, client, parts_dir):
    sent = message(NOISE)
    async with at_door() as house:
        assert await break_off(house, client, sent, 0, 100_000) == 100_000
    (name,) = files(parts_dir)
    assert stat.S_IMODE(parts_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((parts_dir / name).stat().st_mode) == 0o600
    assert "transfer" not in name
    with (parts_dir / name).open("ab") as file:
        file.write(b"came after the last time that the disk was waited for")
    for left in ("spool-x", "part-1", name.replace("-100000", "-100001"), name.replace("part", "port")):
        (parts_dir / left).write_bytes(b"x")
    async with at_door() as house:
        assert files(parts_dir) == [name]
        assert await held(house, client, sent) == 100_000
        assert complaint(sent, await post(house, client, sent, 100_000)) is None
        await assert_kept(house, sent)


async def test_what_is_too_much_or_too_old_at_the_start_goes(tmp_path, parts_dir):
    now = [round(datetime.now(UTC).timestamp() * 1_000)]
    limits = Limits(restart_parts_per_partner_max=3)

    def kept(limits):
        parts = Parts(tmp_path / SPOOL_FOLDER, limits, lambda: now[0])
        return [letter for letter in "abcd" if parts.find("0" * 16, letter * 32, letter * 32)]

    parts = Parts(tmp_path / SPOOL_FOLDER, limits, lambda: now[0])
    for letter in "abcd":
        file = parts.open(PartName("0" * 16, letter * 32, letter * 32), total=200, start=0, reserved=200)
        file.write(bytes(100))
        file.keep()
        now[0] += 10_000
    assert kept(limits) == ["b", "c", "d"]
    assert len(kept(Limits(restart_parts_per_partner_max=2))) == 2
    now[0] += 86_500_000
    assert kept(limits) == []
    assert files(parts_dir) == []


async def test_an_end_in_good_order_keeps_what_is_under_way(at_door, client, parts_dir):
    sent = message(NOISE)
    async with at_door() as house:
        writer = await begin(house, sent, 0, 200_000)
        await until(lambda: files(parts_dir))
        await house.server.stop(0.01)
        writer.close()
        # A process ends when its threads have; here the next house shares them.
        await until(lambda: not any(name.endswith("-0") for name in files(parts_dir)))
    async with at_door() as house:
        there = await held(house, client, sent)
        assert SPOOLED_FROM < there <= 200_000
        assert complaint(sent, await post(house, client, sent, there)) is None
        await assert_kept(house, sent)


@pytest.mark.parametrize("start", [0, 100_000])
@pytest.mark.parametrize("failure", ["no folder", "no room", "no part"])
async def test_a_disk_that_fails_keeps_nothing_and_asks_for_another_attempt(
    at_door, client, parts_dir, failure, start, monkeypatch
):
    sent = message(NOISE)
    async with at_door() as house:
        if start:
            assert await break_off(house, client, sent, 0, start) == start
        if failure == "no room":
            monkeypatch.setattr("gateway.edge.as2.parts.os.write", no_room)
        else:
            for name in files(parts_dir):
                (parts_dir / name).unlink()
            if failure == "no folder":
                if start:
                    parts_dir.rmdir()
                else:
                    parts_dir.parent.mkdir(exist_ok=True)
                parts_dir.write_bytes(b"")
        status, headers, _ = await post(house, client, sent, start)
        if failure == "no part" and not start:
            assert status == 200  # nothing was wrong
            return
        assert (status, "Retry-After" in headers) == (503, True)
        monkeypatch.undo()
        if failure == "no folder":
            parts_dir.unlink()
        assert files(parts_dir) == []
        assert await held(house, client, sent) == 0
        assert await house.database.read(messages.find) == []
        assert complaint(sent, await post(house, client, sent)) is None


def no_room(file, data):
    raise OSError(28, "No space left on device")
