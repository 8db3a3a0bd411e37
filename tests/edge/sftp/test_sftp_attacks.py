"""What clients do that mean ill: what it may cost us, and that it costs them their connection."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncssh
import pytest
from asyncssh.constants import MSG_CHANNEL_DATA, MSG_IGNORE, MSG_USERAUTH_REQUEST
from asyncssh.packet import Boolean, String, UInt32

from gateway.edge.sftp import passwords as passwords_module
from gateway.edge.sftp import wire as wire_module
from gateway.edge.sftp.connections import PACKETS_UNASKED_MAX
from gateway.edge.sftp.mailbox import reports
from gateway.edge.sftp.mailbox.contents import MEMORY_BYTES_MAX, PIECE_BYTES_MIN
from gateway.edge.sftp.mailbox.root import QUESTIONS_AT_ONCE, QUESTIONS_PER_SECOND
from gateway.edge.sftp.mailbox.uploads import Upload
from gateway.sftp.requests import PacketType
from tests.edge.sftp.mailboxes import Office, mailbox, open_office, until
from tests.edge.sftp.port import USER, open_premises, scrypt, with_mailbox

CREATES = 0x1A  # WRITE, CREAT, TRUNC
HANDLE = b"\0\0\0\1"


def packet(kind: PacketType, body: bytes) -> bytes:
    return struct.pack(">IB", len(body) + 1, kind) + body


def write(identity: int, handle: bytes, offset: int, data: bytes) -> bytes:
    return packet(
        PacketType.WRITE, struct.pack(">I", identity) + String(handle) + struct.pack(">Q", offset) + String(data)
    )


class Heard(asyncssh.SSHClientSession[bytes]):
    """A session of raw packets."""

    def __init__(self) -> None:
        self.received = b""

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.received += data


@asynccontextmanager
async def raw_session(office: Office) -> AsyncIterator[asyncssh.SSHClientChannel[bytes]]:
    """A channel of SFTP with one handle open for writing, under `HANDLE`."""
    async with office.premises.connect() as client:
        channel, heard = await client.create_session(Heard, subsystem="sftp", encoding=None)
        channel.write(packet(PacketType.INIT, struct.pack(">I", 3)))
        opening = struct.pack(">I", 1) + String(b"/inbox/a.edi") + struct.pack(">II", CREATES, 0)
        channel.write(packet(PacketType.OPEN, opening))
        await until(lambda: len(heard.received) > 40)
        yield channel


class Impatient(asyncssh.SSHClient):
    """Sends passwords one behind the other without waiting for an answer, and hangs up as soon as one is looked at."""

    def __init__(self, is_looked_at: Callable[[], bool]) -> None:
        self._is_looked_at = is_looked_at

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    async def password_auth_requested(self) -> str | None:
        for _ in range(3):
            fields = String(USER), String("ssh-connection"), String("password"), Boolean(False), String("guess")
            self._connection.send_packet(MSG_USERAUTH_REQUEST, *fields)
        await until(self._is_looked_at)
        self._connection.abort()
        return None


async def test_passwords_whose_sender_hangs_up_are_counted_and_never_looked_at_more_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun, at_once, most = 0, 0, 0
    compares = passwords_module._all_of

    def counted(password: str, hashes: list[str]) -> list[bool]:
        nonlocal begun, at_once, most
        begun, at_once = begun + 1, at_once + 1
        most = max(most, at_once)
        try:
            return compares(password, hashes)
        finally:
            at_once -= 1

    monkeypatch.setattr(passwords_module, "_all_of", counted)
    partner = with_mailbox(passwords=[{"label": "one", "scrypt": scrypt("right")}])
    async with open_premises(tmp_path, partner) as premises:

        async def tries() -> None:
            before = begun
            with suppress(asyncssh.Error, OSError):
                await premises.connect(
                    client_factory=lambda: Impatient(lambda: begun > before), client_keys=[], preferred_auth="password"
                )

        await asyncio.gather(*(tries() for _ in range(6)))
        await until(lambda: not len(premises.port.connections) and not at_once)
        assert most <= passwords_module.AT_ONCE
        # An unanswered password counts like a wrong one.
        assert premises.port.bans._records["127.0.0.1"].score > 1.5
        await until(lambda: not premises.port.logins.passwords._waiting)


async def test_a_client_that_takes_a_byte_at_a_time_is_not_served(tmp_path: Path):
    async with open_premises(tmp_path) as premises, premises.connect() as client:
        with pytest.raises(asyncssh.ChannelOpenError):
            await client.create_session(Heard, subsystem="sftp", encoding=None, max_pktsize=1)
        await until(lambda: not len(premises.port.connections))


async def test_a_thousand_small_packets_before_the_login_end_the_connection(tmp_path: Path):
    class Chatty(asyncssh.SSHClient):
        def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
            for _ in range(1_000):
                conn.send_packet(MSG_IGNORE, String(b""))

    async with open_premises(tmp_path) as premises:
        with pytest.raises((asyncssh.Error, OSError)):
            await premises.connect(client_factory=Chatty)
        await until(lambda: not len(premises.port.connections))
        assert not premises.visits


async def test_packets_that_ask_for_nothing_end_the_connection_and_requests_allow_for_more(tmp_path: Path):
    async with open_office(tmp_path) as office, office.premises.connect() as client:
        files = await client.start_sftp_client()
        for _ in range(3):
            for _ in range(PACKETS_UNASKED_MAX - 100):
                client.send_packet(MSG_IGNORE, String(b""))
            assert await files.listdir("/inbox") == [".", ".."]
        for _ in range(PACKETS_UNASKED_MAX + 1):
            client.send_packet(MSG_IGNORE, String(b""))
        await until(lambda: not len(office.premises.port.connections))


async def test_questions_beyond_a_rate_wait_for_their_turn_over_all_sessions_of_a_partner(tmp_path: Path):
    async with open_office(tmp_path, now_ms=lambda: 1_795_000_000_000) as office:
        mailboxes = office.mailboxes
        async with office.session() as files, office.session() as others:
            before = 100
            assert not any(mailboxes.turn_s("acme-supply") for _ in range(QUESTIONS_AT_ONCE - before))
            async with files.open("/inbox/a.edi", "wb") as file:
                await file.write(b"x" * 1_000_000)
            for ask in (files.lstat, others.stat, files.realpath):
                await ask("/inbox")
        turns = [mailboxes.turn_s("acme-supply") for _ in range(before + 10)]
        free = sum(not turn_s for turn_s in turns)
        assert 0 < before - free < 20  # the three, and what clients ask when they begin
        assert turns[free:][:10] == pytest.approx([number / QUESTIONS_PER_SECOND for number in range(1, 11)], abs=0.001)
        assert mailboxes.turn_s("other") == 0


async def test_new_keys_are_agreed_on_a_few_times_and_not_for_ever(tmp_path: Path):
    async with open_premises(tmp_path) as premises, premises.connect() as client:
        wire = next(iter(premises.port.connections._open)).wire
        assert wire is not None
        for _ in range(3 * wire_module.REKEYS_AT_ONCE_MAX):
            before = wire._exchanges
            if client.is_closed():
                break
            client._send_kexinit()
            client._kexinit_sent = True
            await until(lambda before=before: client.is_closed() or (wire._exchanges > before and not client._kex))
        await until(lambda: not len(premises.port.connections))
        assert wire._exchanges <= wire_module.REKEYS_AT_ONCE_MAX + 2


async def _is_proven(client: asyncssh.SSHClientConnection, *keys: bytes) -> bool:
    asked = b"".join(String(key) for key in keys)
    kind, _ = await client._make_global_request(b"hostkeys-prove-00@openssh.com", asked)
    return kind == asyncssh.constants.MSG_REQUEST_SUCCESS


async def test_host_keys_are_proven_once_each_and_not_in_thousands(tmp_path: Path):
    async with open_premises(tmp_path) as premises, premises.connect() as client:
        keys = [key.public_data for key in premises.port._host_keys]
        assert await _is_proven(client, *keys)
        assert not await _is_proven(client, *keys, *keys)
        while await _is_proven(client, keys[0]):
            pass
        assert next(iter(premises.port.connections._open)).wire._proofs <= wire_module.PROOFS_MAX + 1  # type: ignore[union-attr]


async def test_variables_are_not_kept(tmp_path: Path):
    async with open_premises(tmp_path) as premises, premises.connect() as client:
        channel, _ = await client.create_session(Heard, subsystem="sftp", encoding=None, env={"A": "b" * 30_000})
        server = premises.visits[0].channel
        assert server is not None
        assert not server.get_environment()
        channel.close()


async def test_small_writes_keep_no_large_packets_in_memory(tmp_path: Path):
    async with open_office(tmp_path, mailbox()) as office, raw_session(office) as channel:
        junk = write(9, b"none", 0, bytes(PIECE_BYTES_MIN))
        size = MEMORY_BYTES_MAX + 1
        channel.write(write(2, HANDLE, 0, bytes(size)))
        for number in range(40):
            channel.write(write(3, HANDLE, size + number, b"a") + junk)
            channel.write(write(4, HANDLE, size + 100 + 2 * number, b"a") + junk)
        (file,) = office.mailboxes._files.of_partner("acme-supply")
        upload = file.holder
        assert isinstance(upload, Upload)
        await until(lambda: len(upload._ahead) == 40)
        assert file.size == size + 40
        # Behind the first one all the small ones, in one.
        assert [type(piece) for piece in file.content._pieces[1:]] == [bytearray]
        ahead = upload._ahead
        assert all(isinstance(piece, bytes) for _, _, piece in ahead)


async def test_what_is_made_shorter_still_counts_as_the_room_that_it_takes(tmp_path: Path):
    async with open_office(tmp_path, mailbox(unfinished_bytes_max=2_000_000)) as office, office.session() as client:
        async with client.open("/inbox/first.part", "wb") as file:
            await file.write(bytes(1_500_000))
            await client._handler.fsetstat(file._handle, asyncssh.SFTPAttrs(size=0))
            # The same room again costs nothing.
            await file.write(bytes(1_500_000), 0)
        second = await client.open("/inbox/second.part", "wb")
        with pytest.raises(asyncssh.SFTPFailure, match="2000000 bytes together"):
            await second.write(bytes(1_000_000))
        with suppress(asyncssh.SFTPError):
            await second.close()
        await client.remove("/inbox/first.part")
        async with client.open("/inbox/second.part", "wb") as file:
            await file.write(bytes(1_900_000))
        await client.remove("/inbox/second.part")
        assert office.mailboxes._files._bytes == {}


async def test_single_bytes_do_not_pile_up_while_the_session_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.edge.sftp.channel.PACKETS_WAITING_MAX", 500)
    async with open_office(tmp_path, mailbox()) as office, office.premises.connect() as client:
        channel, _ = await client.create_session(Heard, subsystem="sftp", encoding=None, window=60_000)
        # Who reads no answers is not listened to.
        channel.pause_reading()
        channel.write(packet(PacketType.INIT, struct.pack(">I", 3)))
        for number in range(200):
            channel.write(packet(PacketType.REALPATH, struct.pack(">I", number) + String(b"/" + b"a" * 4_000)))
        (wire,) = [one.wire for one in office.premises.port.connections._open]
        assert wire is not None
        (server,) = wire._channels.values()
        await until(lambda: server._recv_paused)
        for _ in range(1_000):
            client.send_packet(MSG_CHANNEL_DATA, UInt32(channel._send_chan), String(b"a"))
        await until(lambda: not len(office.premises.port.connections))


def test_reports_stay_short_whatever_a_document_calls_its_members():
    findings = [{"pointer": "/" + "a" * 1_000_000, "code": "unknown", "message": "\x1b" * 1_000_000}]
    lines = list(reports._findings(findings, "  "))
    assert max(map(len, lines)) <= reports.WIDTH
    assert sum(map(len, lines)) < 8 * reports.MESSAGE_CHARACTERS_MAX
