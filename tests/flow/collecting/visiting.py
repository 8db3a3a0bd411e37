"""What tests of collecting share: a store, a door to a real sshd, a clock that tests move, and looks on command."""

import asyncio
import base64
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from gateway.buffers import Scratch
from gateway.carriers.sftp_connection import SftpDoor
from gateway.flow.collecting.collect import Collecting
from gateway.flow.collecting.visits import Desk
from gateway.flow.receive import Reception
from gateway.model.ids import IdSource
from gateway.settings import Limits
from gateway.spool import SpoolFolder
from gateway.store import messages, remote_files, remote_folders
from gateway.store.database import Database
from gateway.store.messages import StoredMessage
from gateway.store.oversight import cases
from gateway.telemetry import Metrics
from partners.directory import Directory
from partners.loader import LoadedProfile
from tests.flow.sending import Clock
from tests.migrated import migrate
from tests.partners.profiles import loaded
from tests.services.openssh import RemoteFolder, SshServer

WITHIN_S = 30
KEY = "ours"


def fingerprint(public_key: str) -> str:
    """Of `ssh-ed25519 AAAA..`, as profiles name it."""
    digest = hashlib.sha256(base64.b64decode(public_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def server_terms(server: SshServer, *fetch: dict[str, object], **more: object) -> dict[str, object]:
    """`sftp_server` of a profile for a server of the tests."""
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "user": server.user,
        "host_keys": [fingerprint(server.public_host_key("ed25519"))],
        "key": KEY,
        "private_networks": ["127.0.0.1/32"],
        "timeout_s": 10,
        "fetch": [{"name": "orders", "stable_s": 0} | one for one in fetch],
    } | more


def put(folder: RemoteFolder, name: str | bytes, content: bytes = b"order", modified_s: int | None = None) -> Path:
    """Lay a file out there, owned by the user who lives there."""
    path = folder.local / os.fsdecode(name)
    path.write_bytes(content)
    if modified_s is not None:
        os.utime(path, (modified_s, modified_s))
    owner = folder.local.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    return path


def make(folder: RemoteFolder, name: str, mode: int = 0o755) -> RemoteFolder:
    """A folder there, owned by the user who lives there, whatever the umask of the tests is."""
    local, owner = folder.local / name, folder.local.stat()
    local.mkdir()
    local.chmod(mode)
    os.chown(local, owner.st_uid, owner.st_gid)
    return RemoteFolder(local, f"{folder.remote}/{name}")


def left(folder: RemoteFolder) -> list[str]:
    """What lies there still."""
    return sorted(path.name for path in folder.local.iterdir())


def profile(partner: str, server: dict[str, object], **more: object) -> LoadedProfile:
    return loaded(yaml.safe_dump({"id": partner, "name": "Partner", "status": "live", "sftp_server": server} | more))


class Here:
    """One process's collecting over a store."""

    def __init__(
        self,
        database: Database,
        key: Path | bytes,
        clock: Clock,
        profiles: Sequence[LoadedProfile],
        scratch: Scratch,
        **limits: object,
    ) -> None:
        self.database = database
        self.clock = clock
        self.metrics = Metrics()
        self.limits = Limits(**limits)
        self.directory = Directory(profiles)
        self._key = key if isinstance(key, bytes) else key.read_bytes()
        self._scratch = scratch
        self.ids = IdSource(clock, secrets.randbits)
        self.reception = Reception(database, self.ids, clock, arrived=lambda: None)
        self.door = SftpDoor(self.limits, self._client_key)
        self.collecting = self.new_collecting("one")

    async def _client_key(self, name: str) -> bytes | None:
        return self._key if name == KEY else None

    def _partner(self, partner_id: str) -> LoadedProfile | None:
        return self.directory.by_id(partner_id)

    def new_collecting(self, owner: str, lease_s: float = 60) -> Collecting:
        desk = Desk(
            database=self.database,
            reception=self.reception,
            partner=self._partner,
            scratch=self._scratch,
            metrics=self.metrics,
            now_ms=self.clock,
            owner=owner,
            bytes_max=self.limits.body_bytes_max,
            rate_bytes_per_s_min=self.limits.body_rate_bytes_per_s_min,
        )
        return Collecting(desk, self.door, lambda: self.directory, lease_s=lease_s, chance=lambda: 0.999)

    def change(self, *profiles: LoadedProfile) -> None:
        self.directory = Directory(profiles)

    async def round(self, collecting: Collecting | None = None) -> None:
        """What is due now is looked into, to its end."""
        one = collecting or self.collecting
        await one.take()
        async with asyncio.timeout(WITHIN_S):
            while one.under_way:
                await asyncio.sleep(0.002)

    async def pass_s(self, seconds: float) -> None:
        self.clock.pass_s(seconds)
        await self.round()

    async def kept(self) -> list[StoredMessage]:
        """The messages, in the order in which they became durable."""
        found = await self.see(messages.find, limit=20_000)
        return sorted(found, key=lambda message: message.id)

    async def names(self) -> list[str]:
        return [message.filename for message in await self.kept()]

    async def contents(self) -> list[bytes]:
        return [await self.content(message.id) for message in await self.kept()]

    async def content(self, message_id: str) -> bytes:
        pieces, number = [], 0
        while (piece := await self.see(messages.piece, message_id, "payload", number)) is not None:
            pieces.append(piece)
            number += 1
        return b"".join(pieces)

    async def folder(self, name: str = "orders", partner: str = "acme") -> remote_folders.StoredFolder:
        found = await self.see(remote_folders.get, partner, name)
        assert found is not None
        return found

    async def server(self, partner: str = "acme") -> remote_folders.StoredServer | None:
        return await self.see(remote_folders.get_server, partner)

    async def files(self, name: str = "orders", partner: str = "acme") -> dict[bytes, remote_files.SeenFile]:
        return await self.see(remote_files.of_folder, partner, name)

    async def open_cases(self) -> dict[str, cases.Case]:
        return {case.kind: case for case in await self.see(cases.find)}

    async def see(self, function, *arguments, **named):
        return await self.database.read(lambda connection: function(connection, *arguments, **named))

    async def do(self, function, *arguments, **named):
        return await self.database.write(lambda connection: function(connection, *arguments, **named))


@asynccontextmanager
async def here_over(
    url: str, key: Path | bytes, spool: Path, *profiles: LoadedProfile, **limits: object
) -> AsyncIterator[Here]:
    database = Database(url, busy_timeout_ms=200, synchronous="OFF")
    migrate(database)
    database.start()
    here = Here(database, key, Clock(), profiles, SpoolFolder(spool).scratch(65_536), **limits)
    try:
        yield here
    finally:
        await here.collecting.drain()
        await here.door.close()
        database.close()
