"""The SFTP port in process, over a whole edge: profiles with mailboxes, keys of clients, clients that speak SSH."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncssh
import yaml

from gateway.edge.sftp.channel import NewSession
from gateway.edge.sftp.connections import VisitorConnection
from gateway.edge.sftp.listener import SftpPort
from gateway.edge.sftp.visitors import Visitor
from gateway.flow import ssh_keys
from gateway.flow.ssh_keys import SshKeys, make_key
from gateway.model.password_hash import hash_of
from partners.directory import Directory
from partners.loader import LoadedProfile
from tests.edge.house import House, open_house, profile

PASSPHRASE = b"a throw-away passphrase of the tests"
USER = "acme"
SALT = b"a salt of a test"


def client_key(name: str = "acme", algorithm: str = "ssh-ed25519", bits: int = 0) -> asyncssh.SSHKey:
    """One key a name and session; `bits` of RSA."""
    return _client_key(name, algorithm, bits)


@cache
def _client_key(name: str, algorithm: str, bits: int) -> asyncssh.SSHKey:
    return asyncssh.generate_private_key(algorithm, comment=name, **({"key_size": bits} if bits else {}))


@cache
def host_key(algorithm: ssh_keys.KeyAlgorithm) -> ssh_keys.NewKey:
    """The first host key of an algorithm, the same in all tests of a session."""
    return make_key(algorithm)


@cache
def scrypt(password: str) -> str:
    """How a password stands in a profile."""
    return hash_of(password, SALT)


def with_mailbox(
    partner: str = "acme-supply",
    *,
    user: str = USER,
    keys: dict[str, asyncssh.SSHKey] | None = None,
    status: str = "live",
    key_terms: dict[str, dict[str, str]] | None = None,
    more: dict[str, Any] | None = None,
    **terms: Any,
) -> LoadedProfile:
    """A partner with a mailbox: `keys` by label, `key_terms` such as expires_on by label, `terms` as in `sftp:`."""
    keys = keys if keys is not None else {"first": client_key()}
    files = {f"{label}.pub": key.export_public_key() for label, key in keys.items()}
    listed = [{"label": label, "file": f"{label}.pub", **(key_terms or {}).get(label, {})} for label in keys]
    text = {
        "id": partner,
        "name": partner.title(),
        "status": status,
        "sftp": {"user": user, "keys": listed, **terms},
        "agreements": [
            {"document": "ship_notice", "direction": "inbound", "syntax": "json"},
        ],
        **(more or {}),
    }
    return profile(yaml.safe_dump(text, sort_keys=False), **files)


class Echo(asyncssh.SSHServerSession[bytes]):
    """A session that says back what it hears: for tests of what comes before SFTP."""

    def __init__(self, visitor: Visitor, connection: VisitorConnection) -> None:
        self.visitor = visitor
        self.connection = connection
        self.channel: asyncssh.SSHServerChannel[bytes] | None = None
        self.is_paused = False

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        self.channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def data_received(self, data: bytes, datatype: int | None) -> None:
        assert self.channel is not None
        self.connection.touch()
        self.channel.write(data)

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False


class Premises:
    """The port and what it stands on."""

    def __init__(self, house: House, port: SftpPort, visits: list[Echo]) -> None:
        self.house = house
        self.port = port
        self.visits = visits

    @property
    def number(self) -> int:
        """The port that clients connect to."""
        assert self.port.address is not None
        return self.port.address[1]

    def reload(self, *profiles: LoadedProfile) -> None:
        """As though the profiles had been read again; `port.follow()` looks at them."""
        self.house.directories.append(Directory(profiles))

    def connect(self, user: str = USER, *, key: asyncssh.SSHKey | None = None, **options: Any) -> Any:
        """A client that logs in with a key and nothing else of this machine."""
        chosen: dict[str, Any] = {
            "username": user,
            "client_keys": [key] if key is not None else [client_key()],
            "known_hosts": None,
            "config": None,
            "agent_path": None,
            "gss_host": None,
            "password": None,
        }
        if "password" in options:
            chosen["client_keys"] = [] if key is None else [key]
        return asyncssh.connect("127.0.0.1", self.number, **(chosen | options))


@asynccontextmanager
async def open_premises(
    tmp_path: Path,
    *profiles: LoadedProfile,
    session: Callable[[House], NewSession] | None = None,
    now_ms: Any = None,
    named: dict[str, Any] | None = None,
    **limits: Any,
) -> AsyncIterator[Premises]:
    """The port, open, with these partners; `session` makes what makes sessions, `limits` are those of the settings."""
    settings = {"sftp_port": 0} | (named or {})
    async with open_house(
        tmp_path,
        profiles=list(profiles) or [with_mailbox()],
        now_ms=now_ms,
        passphrase=PASSPHRASE,
        named=settings,
        **limits,
    ) as house:
        visits: list[Echo] = []

        def echoing(visitor: Visitor, connection: VisitorConnection) -> Echo:
            visits.append(Echo(visitor, connection))
            return visits[-1]

        keys = SshKeys(house.database, house.edge.sealing, house.edge.now_ms)
        port = SftpPort(house.edge, keys, session(house) if session is not None else echoing)
        with patch.object(ssh_keys, "make_key", host_key):  # making one for RSA takes half a second
            await port.start()
        try:
            yield Premises(house, port, visits)
        finally:
            await port.stop(1)
