"""Servers of partners that mean ill, or only want new keys in the middle of a connection."""

import asyncio
from typing import Any

import asyncssh
import pytest
from asyncssh.sftp import SFTPAttrs, SFTPName

from gateway.carriers.sftp_failures import RemoteFailed, Trouble
from tests.carriers.remote import odd_server, opened

LONG = 60_000


class Wordy(asyncssh.SFTPServer):
    """Its names are as long as a packet lets them be; in /dots there is nothing but dots, for ever."""

    async def scandir(self, path: bytes) -> Any:
        while True:
            yield SFTPName(b"." if path.endswith(b"dots") else bytes(LONG), attrs=SFTPAttrs(size=1))


async def test_long_names_and_names_that_are_none_do_not_fill_our_memory(monkeypatch):
    monkeypatch.setattr("gateway.carriers.sftp_remote.NAMES_BYTES_MAX", 10 * LONG)
    monkeypatch.setattr("asyncssh.sftp._MAX_READDIR_NAMES", 20)
    async with odd_server(Wordy) as profile, opened() as door:
        async with door.connected(profile(key=None, password="env:HOME", timeout_s=10)) as remote:
            for folder in (b"/long", b"/dots"):
                with pytest.raises(RemoteFailed, match="longer ones than anybody needs") as failed:
                    await remote.list(folder)
                assert failed.value.trouble is Trouble.TOO_LARGE
            assert remote.is_usable


async def test_a_server_may_want_new_keys_in_the_middle():
    servers: list[asyncssh.SSHServerConnection] = []

    def served(channel: Any) -> asyncssh.SFTPServer:
        servers.append(channel.get_connection())
        return asyncssh.SFTPServer(channel)

    async with odd_server(served) as profile, opened() as door:
        async with door.connected(profile(key=None, password="env:HOME", timeout_s=10)) as remote:
            assert await remote.answers()
            (server,) = servers
            for _ in range(2):
                server._rekey_bytes_sent = server._rekey_bytes
                assert await remote.answers()
                async with asyncio.timeout(10):
                    while server._rekey_bytes_sent >= server._rekey_bytes or server._kex:
                        assert await remote.answers()


async def test_new_keys_under_another_host_key_end_the_connection():
    servers: list[asyncssh.SSHServerConnection] = []

    def served(channel: Any) -> asyncssh.SFTPServer:
        servers.append(channel.get_connection())
        return asyncssh.SFTPServer(channel)

    async with odd_server(served) as profile, opened() as door:
        with pytest.raises(RemoteFailed):
            async with door.connected(profile(key=None, password="env:HOME", timeout_s=10)) as remote:
                (server,) = servers
                (stranger,) = asyncssh.load_keypairs([asyncssh.generate_private_key("ssh-ed25519")])
                server._server_host_keys = {b"ssh-ed25519": stranger}
                server._rekey_bytes_sent = server._rekey_bytes
                async with asyncio.timeout(10):
                    while True:
                        await remote.attributes(b"/")
