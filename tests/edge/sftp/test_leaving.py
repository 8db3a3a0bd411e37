"""Fetching without a CLOSE: which ends show that the client has the file, and which do not."""

import asyncio
import os
import signal
import socket
from contextlib import asynccontextmanager
from pathlib import Path
from struct import pack

import pytest

from gateway.edge.sftp.leaving import GoingOn
from gateway.edge.sftp.mailbox.downloads import Download
from gateway.store.database import StoreUnavailable
from tests.edge.sftp.clients import Door, RealClients, get
from tests.edge.sftp.laying import lay, new_delivery, receipt, seen, steps
from tests.edge.sftp.mailboxes import mailbox, open_office, until
from tests.edge.sftp.port import client_key, host_key
from tests.edge.sftp.test_session import CLOSE, HANDLE, INIT, OPEN, STATUS, VERSION, Raw, Talk, packet

READ, DATA = 5, 103
BLOCK = 32_768
CONTENT = b"ISA*a document of ours~" * 2_000
LEFT = len(CONTENT) % BLOCK
assert LEFT


def read(identity, handle, offset, length=BLOCK):
    return packet(READ, identity, handle, Raw(pack(">Q", offset)), length)


@asynccontextmanager
async def reading(office, name, *, version=6):
    """A client in the middle of a file: its connection, its channel, and the handle."""
    async with office.premises.connect() as connection:
        writer, reader, errors = await connection.open_session(subsystem="sftp", encoding=None)
        spoken = Talk(reader, writer, errors)
        spoken.say(packet(INIT, version))
        assert (await spoken.hear())[0] == VERSION
        spoken.say(packet(OPEN, 1, f"/outbox/{name}".encode(), 0x01, 0))
        kind, _, rest = await spoken.hear()
        assert kind == HANDLE
        yield connection, spoken, rest[4:]


async def read_all(spoken, handle, *, asks_on=True):
    """As lftp does: block by block, one behind the end, and for the rest of the answer that was short."""
    spoken.say(*(read(10 + at, handle, at) for at in range(0, len(CONTENT) + BLOCK, BLOCK)))
    got = b""
    while len(got) < len(CONTENT):
        kind, _, rest = await spoken.hear()
        assert kind == DATA
        got += rest[4:]
    assert got == CONTENT
    if asks_on:
        spoken.say(read(2, handle, len(CONTENT), BLOCK - LEFT))
        ends = {(await spoken.hear())[1] for _ in range(2)}
        assert 2 in ends
    else:
        assert (await spoken.hear())[0] == STATUS


def leave(connection, spoken):
    """DISCONNECT, and nothing before it: not even the end of the channel."""
    connection._send_disconnect(11, "disconnected by user", "")
    connection._force_close(None)


def leave_for_a_fault(connection, spoken):
    connection._send_disconnect(2, "protocol error", "")
    connection._force_close(None)


def reset(connection, spoken):
    connection._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    connection._transport.abort()


def close_the_channel_first(connection, spoken):
    connection.close()


def end_the_channel_first(connection, spoken):
    spoken.say_no_more()
    leave(connection, spoken)


async def gone(office):
    await until(lambda: len(office.premises.port.connections) == 0)
    await office.mailboxes.settled()


async def test_who_has_shown_that_it_has_all_and_leaves_in_order_has_it(tmp_path):
    async with open_office(tmp_path) as office:
        new = new_delivery(CONTENT)
        (name,) = await lay(office, new)
        async with reading(office, name) as (connection, spoken, handle):
            await read_all(spoken, handle)
            assert (await seen(office, new.id)).state == "queued"
            leave(connection, spoken)
        await gone(office)
        assert (await seen(office, new.id)).state == "delivered"
        assert "the connection ended in order" in await receipt(office, new.id)
        assert (await steps(office, new.id))[-1][1]["by"] == "fetch"
        assert not office.mailboxes._handles


@pytest.mark.parametrize("end", [leave_for_a_fault, reset, close_the_channel_first, end_the_channel_first])
async def test_no_other_end_says_so(tmp_path, end):
    async with open_office(tmp_path) as office:
        new = new_delivery(CONTENT)
        (name,) = await lay(office, new)
        async with reading(office, name) as (connection, spoken, handle):
            await read_all(spoken, handle)
            end(connection, spoken)
        await gone(office)
        assert (await seen(office, new.id)).state == "queued"


async def test_an_end_that_we_make_says_nothing(tmp_path):
    async with open_office(tmp_path) as office:
        new = new_delivery(CONTENT)
        (name,) = await lay(office, new)
        async with reading(office, name) as (_, spoken, handle):
            await read_all(spoken, handle)
            await office.cut()
        assert (await seen(office, new.id)).state == "queued"


async def test_bytes_that_were_answered_and_not_shown_to_be_there_do_not_count(tmp_path):
    async with open_office(tmp_path) as office:
        new = new_delivery(CONTENT)
        (name,) = await lay(office, new)
        async with reading(office, name, version=3) as (connection, spoken, handle):
            await read_all(spoken, handle, asks_on=False)
            leave(connection, spoken)
        await gone(office)
        async with reading(office, name) as (connection, spoken, handle):
            await read_all(spoken, handle)
            # Answered later than what it has shown to have.
            spoken.say(read(3, handle, 0, 10))
            assert (await spoken.hear())[:2] == (DATA, 3)
            leave(connection, spoken)
        await gone(office)
        assert (await seen(office, new.id)).state == "queued"


async def test_a_part_is_no_file(tmp_path):
    async with open_office(tmp_path) as office:
        new = new_delivery(CONTENT)
        (name,) = await lay(office, new)
        async with reading(office, name) as (connection, spoken, handle):
            last = len(CONTENT) - LEFT
            spoken.say(read(1, handle, last))
            await spoken.hear()
            spoken.say(read(2, handle, len(CONTENT), BLOCK - LEFT))
            assert (await spoken.hear())[0] == STATUS
            leave(connection, spoken)
        await gone(office)
        assert (await seen(office, new.id)).state == "queued"


async def test_where_removal_is_agreed_it_is_noted_that_it_was_fetched(tmp_path):
    async with open_office(tmp_path, mailbox(delivered_on="removal")) as office:
        new = new_delivery(CONTENT)
        (name,) = await lay(office, new)
        async with reading(office, name) as (connection, spoken, handle):
            await read_all(spoken, handle)
            leave(connection, spoken)
        await gone(office)
        assert [step for step, _ in await steps(office, new.id)] == ["queued", "fetched"]
        async with office.session() as client:
            await client.remove(f"/outbox/{name}")
        assert (await seen(office, new.id)).state == "delivered"


async def test_the_end_is_told_once_the_client_asks_for_the_rest_or_closes(tmp_path):
    async with open_office(tmp_path) as office:
        new = new_delivery(CONTENT)
        (name,) = await lay(office, new)
        async with reading(office, name) as (_, spoken, handle):
            await read_all(spoken, handle)
            spoken.say(packet(CLOSE, 4, handle))
            assert (await spoken.hear())[:2] == (STATUS, 4)
        async with reading(office, name) as (_, spoken, handle):
            spoken.say(read(1, handle, len(CONTENT) - LEFT), read(2, handle, len(CONTENT)), packet(CLOSE, 3, handle))
            assert [(await spoken.hear())[:2] for _ in range(3)] == [(DATA, 1), (STATUS, 2), (STATUS, 3)]


async def test_while_the_store_is_away_it_is_not_written_down_and_they_fetch_it_again(tmp_path, monkeypatch, caplog):
    async with open_office(tmp_path) as office:
        new = new_delivery(CONTENT)
        (name,) = await lay(office, new)
        async with reading(office, name) as (connection, spoken, handle):
            await read_all(spoken, handle)

            async def away(*_, **__):
                raise StoreUnavailable("it is away")

            with monkeypatch.context() as patched:
                patched.setattr(type(office.house.database), "write", away)
                leave(connection, spoken)
                await gone(office)
        assert "they will find it there once more" in caplog.text
        async with office.session() as client, client.open(f"/outbox/{name}", "rb") as file:
            assert await file.read() == CONTENT
        assert (await seen(office, new.id)).state == "delivered"


async def test_the_end_is_held_for_a_moment_and_no_longer(monkeypatch):
    monkeypatch.setattr("gateway.edge.sftp.leaving.END_HELD_S_MAX", 0.01)
    other = GoingOn(leaves_early=True)
    other.answered(0, 100, 40)
    await other.before_the_end()
    assert not other.leaves_early
    assert not other.has_all_that_was_answered()
    going_on = GoingOn(leaves_early=True)
    going_on.answered(0, 100, 100)
    going_on.asked(100, 100)
    await going_on.before_the_end()
    assert not going_on.has_all_that_was_answered()  # nothing was short: this may have been asked before
    going_on.answered(100, 100, 30)
    waiting = asyncio.create_task(going_on.before_the_end())
    going_on.asked(130, 70)
    await waiting
    assert going_on.has_all_that_was_answered()
    monkeypatch.setattr("gateway.edge.sftp.leaving.LEAVES_WITHIN_S", -1.0)
    assert not going_on.has_all_that_was_answered()  # who was stopped, and ended afterwards


def lftp_at(office, folder):
    """lftp, which knows our host key."""
    key, known_hosts = folder / "key", folder / "known_hosts"
    client_key().write_private_key(str(key))
    client_key().write_public_key(f"{key}.pub")
    key.chmod(0o600)
    port = office.premises.number
    known_hosts.write_text(f"[127.0.0.1]:{port} {host_key('ssh-ed25519').public_key}\n")
    return RealClients(Door(port, "acme", key, known_hosts), folder).lftp


def below(process_id):
    """The processes that one has started, and they."""
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return [found for child in map(int, children) for found in [child, *below(child)]]


async def test_lftp_that_does_nothing_else_has_fetched_it(tmp_path):
    async with open_office(tmp_path) as office:
        news = [new_delivery(CONTENT), new_delivery(b"ISA*short~"), new_delivery(os.urandom(2_600_001))]
        lftp = lftp_at(office, tmp_path)
        for new, name in zip(news, await lay(office, *news), strict=True):
            done = await lftp.call(get(f"/outbox/{name}", tmp_path / "got")).played()
            assert done.code == 0, done.words
            async with asyncio.timeout(20):  # where its CLOSE came, it may be written down after its end
                while (await seen(office, new.id)).state != "delivered":
                    await asyncio.sleep(0.005)


@pytest.mark.parametrize("killed", ["lftp", "its ssh", "both"])
async def test_lftp_that_was_stopped_and_killed_has_fetched_nothing(tmp_path, monkeypatch, killed):
    """Its ssh has every byte by then, and mostly says goodbye in its place."""
    asked_of, read_of, answers_may_go = GoingOn.asked, Download.read, asyncio.Event()
    asked, told_end = asyncio.Event(), asyncio.Event()

    async def held(self, offset, length):
        await answers_may_go.wait()
        return await read_of(self, offset, length)

    def counted(self, offset, length):
        asked_of(self, offset, length)
        if offset >= BLOCK:  # behind the end, which is all that it asks for without an answer
            asked.set()

    async def told(self):
        told_end.set()

    monkeypatch.setattr(GoingOn, "asked", counted)
    monkeypatch.setattr(Download, "read", held)
    async with open_office(tmp_path) as office:
        new = new_delivery(b"ISA*short~")
        (name,) = await lay(office, new)
        running = lftp_at(office, tmp_path).call(get(f"/outbox/{name}", tmp_path / "got")).start()
        async with asyncio.timeout(20):
            await asked.wait()
        lftp, others = running._process.pid, below(running._process.pid)
        os.kill(lftp, signal.SIGSTOP)
        with monkeypatch.context() as patched:
            patched.setattr(GoingOn, "before_the_end", told)  # at once: it asks for nothing more
            answers_may_go.set()
            async with asyncio.timeout(20):
                await told_end.wait()
                # Its ssh answers once it has all that was said before.
                (connection,) = office.premises.port.connections._open
                await connection.wire._make_global_request(b"keepalive@openssh.com")
        for process in {"lftp": [lftp], "its ssh": others[::-1], "both": [*others[::-1], lftp]}[killed]:
            os.kill(process, signal.SIGKILL)
        await gone(office)
        assert (await seen(office, new.id)).state == "queued"
        if killed == "its ssh":
            os.kill(lftp, signal.SIGKILL)
        await asyncio.to_thread(running.outcome)
