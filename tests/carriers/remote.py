"""What tests of partners' SFTP servers share: profiles that name one, a door to it, and a server that misbehaves."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncssh
import yaml

from gateway.carriers.parcels import Consignment
from gateway.carriers.sftp_connection import SftpDoor
from gateway.model.delivery import DeliveryKind
from gateway.settings import Limits
from partners.loader import LoadedProfile
from tests.partners.profiles import loaded
from tests.services.openssh import SshServer

DELIVERY_ID = "01K0000000000000000000000A"


def fingerprint(public_key: str) -> str:
    """Of `ssh-ed25519 AAAA..`, as profiles name it."""
    digest = hashlib.sha256(base64.b64decode(public_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def pins(server: SshServer, *names: str) -> list[str]:
    """The fingerprints of these host keys of a server."""
    return [fingerprint(server.public_host_key(name)) for name in names]


def partner(
    server: SshServer | None = None, *, name: str = "acme", delivery: dict[str, Any] | None = None, **terms: Any
) -> LoadedProfile:
    """A partner with a server of its own; terms that are None are left out."""
    usual: dict[str, Any] = {
        "host": "127.0.0.1",
        "key": "ours",
        "private_networks": ["127.0.0.1/32"],
        "timeout_s": 10,
        "push": {"folder": "/incoming"},
    }
    if server is not None:
        usual |= {"port": server.port, "user": server.user, "host_keys": pins(server, "ed25519")}
    said = {key: value for key, value in (usual | terms).items() if value is not None}
    profile = {"id": name, "name": "Partner", "delivery": delivery or {}, "sftp_server": said}
    return loaded(yaml.safe_dump(profile, allow_unicode=True))


@asynccontextmanager
async def opened(
    server: SshServer | None = None, *, keys: dict[str, Path | None] | None = None, **named: Any
) -> AsyncIterator[SftpDoor]:
    """A door; `ours` is the key that the server knows, `stranger` one that it does not."""
    known = {"ours": server.client_key, "stranger": server.stranger_key} if server is not None else {}
    named_here = keys if keys is not None else {}

    async def client_key(name: str) -> bytes | None:
        file = named_here[name] if name in named_here else known.get(name)
        return file.read_bytes() if file is not None else None

    door = SftpDoor(named.pop("limits", Limits(connect_timeout_s=5)), client_key, **named)
    try:
        yield door
    finally:
        await door.close()


def consignment(to: LoadedProfile, payload: bytes | memoryview = b"ISA*...~", **more: Any) -> Consignment:
    return Consignment(
        **{
            "id": DELIVERY_ID,
            "kind": DeliveryKind.DOCUMENT,
            "partner": to,
            "bearer": to,
            "identity": "plant",
            "transport_id": f"<{DELIVERY_ID}@us>",
            "content_type": "application/edi-x12",
            "filename": "",
            "subject": "",
            "payload": payload,
            "destination": f"sftp/{to.id}",
            "document_type": "purchase_order",
            "number": "4711",
            "created_at_ms": 1_700_000_000_000,
        }
        | more
    )


HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")


class Anybody(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


@asynccontextmanager
async def odd_server(factory: Callable[[Any], asyncssh.SFTPServer]) -> AsyncIterator[Callable[..., LoadedProfile]]:
    """An SSH server whose SFTP is the test's own; yields what makes the profile of a partner who has it."""

    def made(channel: Any) -> asyncssh.SFTPServer:
        return factory(channel)

    acceptor = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Anybody, server_host_keys=[HOST_KEY], sftp_factory=made, config=None
    )
    port = acceptor.get_port()
    pin = HOST_KEY.get_fingerprint("sha256")

    def profile(**terms: Any) -> LoadedProfile:
        return partner(None, **{"port": port, "user": "us", "host_keys": [pin], "timeout_s": 1} | terms)

    try:
        yield profile
    finally:
        acceptor.close()
        await acceptor.wait_closed()


@asynccontextmanager
async def talking(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any],
) -> AsyncIterator[int]:
    """A TCP server that is no SSH server; yields its port."""
    done = asyncio.Event()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await talk(reader, writer)
            await done.wait()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        done.set()
        server.close()
        await server.wait_closed()
