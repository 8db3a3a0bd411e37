"""Servers of partners that mean ill, or only want new keys in the middle of a connection."""

import asyncio
from typing import Any

import asyncssh
import pytest
from asyncssh.sftp import SFTPAttrs, SFTPName

from gateway.buffers import Buffer, MemorySink
from gateway.carriers.sftp_connection import RemoteFailed, RemoteServer, Trouble
from tests.carriers.remote import odd_server, opened

LONG = 6_000
TERMS: dict[str, Any] = {"key": None, "password": "env:HOME", "timeout_s": 10}


class Wordy(asyncssh.SFTPServer):
    """Its names are as long as a packet lets them be; in /dots there is nothing but dots, for ever."""

    async def scandir(self, path: bytes) -> Any:
        while True:
            yield SFTPName(b"." if path.endswith(b"dots") else bytes(LONG), attrs=SFTPAttrs(size=1))


async def test_long_names_and_names_that_are_none_do_not_fill_our_memory(monkeypatch):
    monkeypatch.setattr("gateway.carriers.sftp_remote.NAMES_BYTES_MAX", 2 * LONG)
    monkeypatch.setattr("asyncssh.sftp._MAX_READDIR_NAMES", 20)
    async with odd_server(Wordy) as profile, opened() as door, door.connected(profile(**TERMS)) as remote:
        for folder in (b"/long", b"/dots"):
            with pytest.raises(RemoteFailed, match="longer ones than anybody needs") as failed:
                await remote.list(folder)
            assert failed.value.trouble is Trouble.TOO_LARGE
        assert remote.is_usable


class Rekeying(asyncssh.SFTPServer):
    """Wants new keys when the test says so."""

    def __init__(self, channel: Any) -> None:
        super().__init__(channel)
        self.wire: asyncssh.SSHServerConnection = channel.get_connection()

    def rekey(self) -> None:
        self.wire._rekey_bytes_sent = self.wire._rekey_bytes

    @property
    def is_rekeyed(self) -> bool:
        return self.wire._rekey_bytes_sent < self.wire._rekey_bytes and not self.wire._kex


async def exchange(remote: RemoteServer, server: Rekeying) -> None:
    """Have new keys agreed on, while something is asked."""
    server.rekey()
    async with asyncio.timeout(10):
        while not server.is_rekeyed:
            await remote.attributes(b"/")


async def test_a_server_may_want_new_keys_in_the_middle():
    servers: list[Rekeying] = []

    def served(channel: Any) -> asyncssh.SFTPServer:
        servers.append(Rekeying(channel))
        return servers[-1]

    async with odd_server(served) as profile, opened() as door, door.connected(profile(**TERMS)) as remote:
        for _ in range(2):
            await exchange(remote, servers[0])
        assert await remote.answers()
        # Under a host key that nobody pinned there is nothing more to say.
        (stranger,) = asyncssh.load_keypairs([asyncssh.generate_private_key("ssh-ed25519")])
        servers[0].wire._server_host_keys = {b"ssh-ed25519": stranger}
        with pytest.raises(RemoteFailed):
            await exchange(remote, servers[0])
        assert not remote.is_usable


class Dripping(asyncssh.SFTPServer):
    """Each answer comes in time, and the last of them never."""

    def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> object:  # asyncssh's own signature
        return path

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        await asyncio.sleep(0.05)
        return len(data)

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        await asyncio.sleep(0.05)
        return bytes(size)

    async def close(self, file_obj: object) -> None:
        """It has nothing open."""


@pytest.mark.parametrize("direction", ["write", "read"])
async def test_a_server_that_answers_drop_by_drop_is_not_waited_for_at_length(monkeypatch, direction: str):
    monkeypatch.setattr("gateway.carriers.sftp_remote.ANSWERS_TIMEOUTS_MAX", 0.05)
    monkeypatch.setattr("gateway.carriers.sftp_remote.RATE_BYTES_PER_S_MIN", 1_000_000_000)
    size = 100_000_000
    async with odd_server(Dripping) as profile, opened() as door, door.connected(profile(**TERMS)) as remote:
        asked = remote.write(b"/x", bytes(size)) if direction == "write" else remote.read(b"/x", Nowhere(), size)
        with pytest.raises(RemoteFailed) as failed:
            await asked
        assert failed.value.trouble is Trouble.LATE
        assert not remote.is_usable


class Nowhere(MemorySink):
    """Keeps nothing."""

    def write(self, piece: Buffer, /) -> None:
        """It is gone."""
