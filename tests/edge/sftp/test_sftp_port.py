"""The port itself: how many come in, how long they may take, for whom balancers speak, who is shut out, how it ends."""

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from gateway.edge.sftp import algorithms as algorithms_module
from gateway.edge.sftp import bans as bans_module
from gateway.edge.sftp.connections import Connections, VisitorConnection
from gateway.edge.sftp.listener import SftpPort
from gateway.flow import ssh_keys
from gateway.flow.operations import Actor
from gateway.flow.sftp_bans import lift
from gateway.flow.ssh_keys import SshKeys
from gateway.settings import Limits
from gateway.store import sftp_bans
from gateway.store.credentials.sealing import Sealing
from gateway.store.sftp_bans import StoredBan
from gateway.telemetry import Metrics
from tests.edge.house import until
from tests.edge.sftp.port import USER, Premises, client_key, open_premises, with_mailbox
from tests.edge.sftp.test_sftp_login import lets_in
from tests.services.openssh import find_or_install_openssh

SPRAYER, PARTNER = "127.0.0.2", "127.0.0.3"


@asynccontextmanager
async def raw(premises: Premises, source: str = "127.0.0.1") -> AsyncIterator[asyncio.StreamReader]:
    """A socket that says nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", premises.number, local_addr=(source, 0))
    try:
        yield reader
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until it ends, however that is."""
    received = b""
    with suppress(ConnectionError):
        async with asyncio.timeout(10):
            while chunk := await reader.read(65_536):
                received += chunk
    return received


async def test_the_port_opens_once_a_profile_has_a_mailbox(tmp_path: Path):
    async with open_premises(tmp_path, with_mailbox(status="draft")) as premises:
        assert premises.port.address is None
        await premises.port.follow()
        assert premises.port.address is None
        assert premises.port.not_ready == []
        premises.reload(with_mailbox())
        await premises.port.follow()
        assert await lets_in(premises)


async def test_a_port_that_is_taken_is_told_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        async with open_premises(tmp_path, with_mailbox(status="draft"), named={"sftp_port": number}) as premises:
            premises.reload(with_mailbox())
            await premises.port.follow()
            await premises.port.follow()
            assert caplog.text.count("cannot listen on") == 1
            assert premises.port.address is None
            (words,) = premises.port.not_ready
            assert f"127.0.0.1:{number}" in words
            taken.close()
            await premises.port.follow()
            assert premises.port.not_ready == []
            assert await lets_in(premises)


async def test_without_a_passphrase_the_port_stays_closed_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async with open_premises(tmp_path, with_mailbox()) as premises:
        house = premises.house
        port = SftpPort(house.edge, SshKeys(house.database, Sealing(), house.edge.now_ms), lambda *_: None)  # type: ignore[arg-type,return-value]
        await port.start()
        await port.follow()
        assert port.address is None
        assert caplog.text.count("SFTP stays closed") == 1
        assert "key_passphrase_file" in caplog.text
        await port.stop(0)


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-half", b"SSH-2.0-whole\r\n"], ids=["nothing", "half", "banner"])
async def test_whoever_does_not_log_in_is_cut_off(tmp_path: Path, said: bytes):
    async with open_premises(tmp_path, sftp_login_timeout_s=0.3) as premises:
        reader, writer = await asyncio.open_connection("127.0.0.1", premises.number)
        writer.write(said)
        assert (await all_of(reader)).startswith(b"SSH-2.0-partner-gateway\r\n")
        writer.close()
        await until(lambda: not len(premises.port.connections))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: sftp\r\n\r\n", id="HTTP"),
        pytest.param(b"SSH-1.5-old\r\n", id="SSH 1"),
        pytest.param(b"SSH-2.0-\xff\xfe\r\n", id="no ASCII"),
        pytest.param(b"x" * 20_000, id="no line"),
        pytest.param(b"SSH-2.0-c\r\n" + b"\x00\x00\x00\x0c\x04\x14" + bytes(10), id="half a KEXINIT"),
        pytest.param(b"SSH-2.0-c\r\n\xff\xff\xff\xff" + bytes(64), id="a packet of 4 GB"),
        pytest.param(b"SSH-2.0-c\r\n" + b"\x00\x00\x00\x0c\x0a\x32" + bytes(10), id="login before keys"),
    ],
)
async def test_what_is_no_ssh_ends_and_hurts_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture, said: bytes):
    async with open_premises(tmp_path) as premises:
        reader, writer = await asyncio.open_connection("127.0.0.1", premises.number)
        writer.write(said)
        assert (await all_of(reader)).startswith(b"SSH-2.0-partner-gateway\r\n")
        writer.close()
        await until(lambda: not len(premises.port.connections))
        assert await lets_in(premises)
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]


async def test_whoever_asks_for_nothing_is_let_go(tmp_path: Path):
    async with open_premises(tmp_path, sftp_idle_timeout_s=0.3) as premises, premises.connect() as client:
        channel, _ = await client.create_session(asyncssh.SSHClientSession, subsystem="sftp", encoding=None)
        await client.wait_closed()
        assert channel.is_closing()
        await until(lambda: not len(premises.port.connections))


async def test_as_many_from_one_address_as_are_allowed(tmp_path: Path):
    async with open_premises(tmp_path, sftp_connections_per_address_max=2) as premises:
        async with premises.connect(), premises.connect():
            async with raw(premises) as reader:
                assert await all_of(reader) == b""
            assert await lets_in(premises, local_addr=(PARTNER, 0))
        await until(lambda: not len(premises.port.connections))
        assert await lets_in(premises)


async def test_as_many_in_all_as_are_allowed(tmp_path: Path):
    async with open_premises(tmp_path, sftp_connections_max=2) as premises:
        async with premises.connect(), premises.connect(), raw(premises, PARTNER) as reader:
            assert await all_of(reader) == b""
        await until(lambda: not len(premises.port.connections))
        assert await lets_in(premises)


async def test_silent_sockets_keep_nobody_out(tmp_path: Path):
    async with open_premises(tmp_path, sftp_logins_max=4) as premises:
        silent = [
            await asyncio.open_connection("127.0.0.1", premises.number, local_addr=(SPRAYER, 0)) for _ in range(4)
        ]
        assert await lets_in(premises, local_addr=(PARTNER, 0))
        # The oldest of the network that held most made room; another one from there is refused.
        assert (await all_of(silent[0][0])).startswith(b"SSH-2.0-")
        again = await asyncio.open_connection("127.0.0.1", premises.number, local_addr=(SPRAYER, 0))
        one_more = await asyncio.open_connection("127.0.0.1", premises.number, local_addr=(SPRAYER, 0))
        assert await all_of(one_more[0]) == b""
        for _, writer in [*silent, again, one_more]:
            writer.close()


async def test_sprayers_are_answered_later_then_shut_out_and_partners_are_not_hurt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bans_module, "_DELAY_S_PER_POINT", 0.002)
    async with open_premises(tmp_path) as premises:
        bans = premises.port.bans
        async with premises.connect(local_addr=(PARTNER, 0)) as client:
            for number in range(100):
                if bans.is_banned(SPRAYER, SPRAYER):
                    break
                with suppress(asyncssh.Error):
                    await premises.connect(f"user{number}", local_addr=(SPRAYER, 0))
                await until(lambda: not _waiting_from(premises, SPRAYER))
                if number == 4:
                    assert bans.delay_s(SPRAYER) > 0
            assert bans.is_banned(SPRAYER, SPRAYER)
            async with raw(premises, SPRAYER) as reader:
                assert await all_of(reader) == b""
            # Whoever was in stays in, and others come in.
            channel, _ = await client.create_session(asyncssh.SSHClientSession, subsystem="sftp", encoding=None)
            channel.close()
        assert await lets_in(premises, local_addr=(PARTNER, 0))
        await premises.port.logins.close()
        (act,) = await premises.house.acts("sftp.ban")
        assert act.subject == SPRAYER
        assert act.detail == {"seconds": 900, "in_a_row": 1}
        assert premises.house.metrics.sftp_bans.values == {(): 1}
        await premises.port.follow()
        assert premises.house.metrics.gauges["gateway_sftp_banned_networks"][1] == 1
        # A person lets them in again: what they did is forgotten.
        actor = Actor("command:anna")
        now_ms = premises.house.edge.now_ms
        await premises.house.database.write(lambda store: lift(store, SPRAYER, actor, now_ms()))
        await premises.port.follow()
        assert await lets_in(premises, local_addr=(SPRAYER, 0))


async def test_who_was_shut_out_before_a_restart_still_is(tmp_path: Path):
    now_ms = time.time_ns() // 1_000_000
    ban = StoredBan(SPRAYER, SPRAYER, 1, now_ms, now_ms + 900_000)
    async with open_premises(tmp_path, with_mailbox(status="draft")) as premises:
        await premises.house.database.write(lambda store: sftp_bans.put(store, ban))
        premises.reload(with_mailbox())
        await premises.port.follow()
        async with raw(premises, SPRAYER) as reader:
            assert await all_of(reader) == b""
        assert await lets_in(premises, local_addr=(PARTNER, 0))


async def test_a_partner_in_the_network_of_a_sprayer_comes_in_where_its_profile_lists_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bans_module, "_DELAY_S_PER_POINT", 0.0)
    async with open_premises(tmp_path, with_mailbox(networks=["127.0.0.2"])) as premises:
        for number in range(12):
            with suppress(asyncssh.Error):
                await premises.connect(f"user{number}", local_addr=(SPRAYER, 0))
        assert await lets_in(premises, local_addr=(SPRAYER, 0))


async def test_whoever_is_shut_out_comes_in_once_a_profile_lists_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bans_module, "_DELAY_S_PER_POINT", 0.0)
    async with open_premises(tmp_path) as premises:
        while not premises.port.bans.is_banned(SPRAYER, SPRAYER):
            with suppress(asyncssh.Error, OSError):
                await premises.connect("nobody", local_addr=(SPRAYER, 0))
            await until(lambda: not _waiting_from(premises, SPRAYER))
        premises.reload(with_mailbox(networks=["127.0.0.2"]))
        await premises.port.follow()
        assert await lets_in(premises, local_addr=(SPRAYER, 0))


def _waiting_from(premises: Premises, network: str) -> bool:
    return bool(premises.port.connections._by_network[network])  # nothing tells it from outside


@asynccontextmanager
async def by_balancer(premises: Premises, header: bytes, source: str = "127.0.0.1") -> AsyncIterator[socket.socket]:
    """A connection that begins with what a balancer says."""
    with socket.create_connection(("127.0.0.1", premises.number), source_address=(source, 0)) as connected:
        connected.sendall(header)
        connected.setblocking(False)
        yield connected


async def test_a_balancer_says_for_whom_it_speaks(tmp_path: Path):
    named = {"trusted_proxies": ("127.0.0.1",)}
    async with open_premises(tmp_path, with_mailbox(networks=["198.51.100.0/24"]), named=named) as premises:
        header = b"PROXY TCP4 198.51.100.9 10.0.0.1 50000 22\r\n"
        async with by_balancer(premises, header) as connected, premises.connect(sock=connected) as client:
            channel, _ = await client.create_session(asyncssh.SSHClientSession, subsystem="sftp", encoding=None)
            assert premises.visits[0].visitor.address == "198.51.100.9"
            channel.close()
        other = b"PROXY TCP4 203.0.113.9 10.0.0.1 50000 22\r\n"
        async with by_balancer(premises, other) as connected:
            with pytest.raises(asyncssh.PermissionDenied):
                await premises.connect(sock=connected)
        # The ban is of whom it speaks for, never its own.
        for _ in range(30):
            premises.port.bans.failed("203.0.113.9", "203.0.113.9", bans_module.Fault.UNKNOWN_USER)
        async with by_balancer(premises, other) as connected:
            reader, writer = await asyncio.open_connection(sock=connected.dup())
            assert await all_of(reader) == b""
            writer.close()


async def test_balancers_have_to_say_it_and_nobody_else_may(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    named = {"trusted_proxies": ("127.0.0.1",)}
    async with open_premises(tmp_path, named=named, sftp_login_timeout_s=2) as premises:
        with pytest.raises(asyncssh.Error):
            await premises.connect()
        assert "speaks no PROXY protocol" in caplog.text
        header = b"PROXY TCP4 198.51.100.9 10.0.0.1 50000 22\r\n"
        async with by_balancer(premises, header, PARTNER) as connected:
            reader, writer = await asyncio.open_connection(sock=connected.dup())
            # SSH begins, and what a balancer says is none.
            assert await all_of(reader) == b"SSH-2.0-partner-gateway\r\n"
            writer.close()
        assert await lets_in(premises, local_addr=(PARTNER, 0))
        # A balancer that only looks whether we are there is no sprayer.
        for _ in range(100):
            async with by_balancer(premises, b"PROXY UNKNOWN\r\n"):
                await asyncio.sleep(0)  # so that it is accepted
        await until(lambda: not len(premises.port.connections))
        assert premises.port.bans.delay_s("127.0.0.1") == 0


async def test_the_end_waits_for_open_files_and_not_for_the_idle(tmp_path: Path):
    async with open_premises(tmp_path) as premises, premises.connect() as idle, premises.connect() as busy:
        await busy.create_session(asyncssh.SSHClientSession, subsystem="sftp", encoding=None)
        connection = premises.visits[0].connection
        connection.files_open += 1
        number = premises.number
        stopping = asyncio.create_task(premises.port.stop(10))
        await idle.wait_closed()
        assert not stopping.done()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", number)
        connection.files_open -= 1
        await stopping
        await busy.wait_closed()


async def test_what_does_not_end_in_time_is_cut(tmp_path: Path):
    async with open_premises(tmp_path) as premises, premises.connect() as busy:
        await busy.create_session(asyncssh.SSHClientSession, subsystem="sftp", encoding=None)
        premises.visits[0].connection.files_open += 1
        await premises.port.stop(0.1)
        await busy.wait_closed()


async def test_a_session_is_told_when_the_other_side_does_not_read(tmp_path: Path):
    async with open_premises(tmp_path) as premises, premises.connect() as client:
        channel, _ = await client.create_session(
            asyncssh.SSHClientSession, subsystem="sftp", encoding=None, window=2**30
        )
        echo = premises.visits[0]
        transport = client._transport  # to stop reading from the network itself
        transport.pause_reading()
        assert echo.channel is not None
        while not echo.is_paused:
            echo.channel.write(bytes(1_048_576))
            await asyncio.sleep(0)
        transport.resume_reading()
        await until(lambda: not echo.is_paused)
        channel.close()


class Heard(asyncssh.SSHClientSession[bytes]):
    """What came back."""

    def __init__(self) -> None:
        self.count = 0

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.count += len(data)


async def test_keys_are_renewed_in_the_middle_by_either_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(algorithms_module, "REKEY_BYTES", 700_000)
    async with open_premises(tmp_path) as premises, premises.connect(rekey_bytes=500_000) as client:
        channel, heard = await client.create_session(Heard, subsystem="sftp", encoding=None)
        sessions = set()
        for _ in range(64):
            channel.write(bytes(65_536))
            await asyncio.sleep(0)
            wire = premises.visits[0].connection.wire
            assert wire is not None
            sessions.add(wire._server_kexinit)  # of each renewal its own
        await until(lambda: heard.count == 64 * 65_536)
        assert len(sessions) > 1
        channel.close()


async def test_an_old_algorithm_is_not_agreed_on_later_either(tmp_path: Path):
    old = with_mailbox(
        "old", user="old", keys={"first": client_key("old")}, networks="127.0.0.0/8", algorithms="hmac-sha1"
    )
    async with open_premises(tmp_path, with_mailbox(), old) as premises:
        more = {"encryption_algs": "aes128-ctr", "rekey_bytes": 10_000}
        async with premises.connect(mac_algs="hmac-sha2-256", **more) as client:
            channel, _ = await client.create_session(Heard, subsystem="sftp", encoding=None)
            client._mac_algs = [b"hmac-sha1"]
            for _ in range(3):
                channel.write(bytes(65_536))
            await client.wait_closed()
        await until(lambda: not len(premises.port.connections))


async def test_clients_of_openssh_learn_the_next_host_key(tmp_path: Path):
    """A key that follows is announced first, then signs; whoever learned it sees no difference."""
    async with open_premises(tmp_path) as premises:
        house = premises.house
        keys = SshKeys(house.database, house.edge.sealing, house.edge.now_ms)
        before = {key.public_key for key in await keys.host_keys()}
        known_hosts = tmp_path / "known_hosts"
        first = next(key for key in before if key.startswith("ssh-ed25519"))
        known_hosts.write_text(f"[127.0.0.1]:{premises.number} {first}\n")
        await asyncio.to_thread(_visit, premises, known_hosts)
        # The one of the other algorithm, too.
        assert _keys_in(known_hosts) == before

        new, other = await keys.new_host_key("ssh-ed25519"), await keys.new_host_key("ssh-rsa")
        before.add(other.public_key)
        await premises.port.follow()
        await asyncio.to_thread(_visit, premises, known_hosts)
        assert _keys_in(known_hosts) == before | {new.public_key}

        keys.use_from_now(new.fingerprint, house.edge.now_ms(), Actor("command:tests"))
        await premises.port.follow()
        async with premises.connect(server_host_key_algs=["ssh-ed25519"]) as client:
            shown = client.get_server_host_key()
            assert shown is not None
            assert shown.get_fingerprint() == new.fingerprint
        await asyncio.to_thread(_visit, premises, known_hosts)

        keys.retire_now(ssh_keys.fingerprint_of(first), Actor("command:tests"))
        await premises.port.follow()
        await asyncio.to_thread(_visit, premises, known_hosts)
        assert _keys_in(known_hosts) == (before - {first}) | {new.public_key}
        acts = [act.action for act in await house.acts("ssh_host_key")]
        assert acts == ["ssh_host_key.retire", "ssh_host_key.use_from", *["ssh_host_key.new"] * 4]


def _visit(premises: Premises, known_hosts: Path) -> None:
    """OpenSSH's client, which breaks off at any host key that it does not know."""
    key = known_hosts.with_name("id")
    if not key.exists():
        key.touch(mode=0o600)
        key.write_bytes(client_key().export_private_key())
    options = {
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "yes",
        "HashKnownHosts": "no",
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    ssh = find_or_install_openssh().ssh
    command = [ssh, "-F", "none", "-i", str(key), "-p", str(premises.number), *words, f"{USER}@127.0.0.1", "true"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert "SFTP only" in ended.stderr, ended.stderr


def _keys_in(known_hosts: Path) -> set[str]:
    return {" ".join(line.split()[1:3]) for line in known_hosts.read_text().splitlines() if line.strip()}


async def test_an_address_of_ipv6_counts_by_its_network():
    connections = Connections(Limits(sftp_connections_per_address_max=2), Metrics())
    transport: Any = None
    made = [VisitorConnection(transport, "", 0.0) for _ in range(3)]
    for connection in made:
        assert connections.admit(connection)
    assert connections.place(made[0], "2001:db8::1")
    assert connections.place(made[1], "2001:db8::2")
    assert not connections.place(made[2], "2001:db8::3")
    assert connections.place(made[2], "2001:db8:0:1::3")
