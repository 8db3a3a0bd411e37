"""`gateway serve` with mailboxes, and the real clients at its door: one for a module of tests."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import paramiko
from sqlalchemy import Connection, select

from gateway.settings import load_settings
from gateway.store import deliveries, mailbox_files, messages, ssh_keys
from gateway.store.database import Database
from gateway.store.engine.statements import table_of
from gateway.store.sftp_tables import MailboxFile
from gateway.store.tables import Message
from tests.edge.sftp.clients import Door, RealClients
from tests.services.openssh import find_or_install_openssh
from tests.site import LOOPBACK, UNHINDERED, RunningGateway, Site

PARTNER, USER = "acme-supply", "acme"
CROWDED, LATIN = "crowded", "latin"
WITHIN_S = 60
Found = TypeVar("Found")
_MESSAGE, _FILE = table_of(Message), table_of(MailboxFile)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that a file became."""

    id: str
    name: bytes
    filename: str
    state: str
    payload: bytes


class Served:
    """A running gateway with the mailbox of one partner, its clients, and a look into its store.

    Attributes:
        clients: of the partner `acme-supply`.
        root: where tests may lay files.
    """

    def __init__(self, gateway: RunningGateway, key: Path, database: Database, root: Path) -> None:
        self.gateway, self.root = gateway, root
        self._key, self._database = key, database
        kept = database.read_now(lambda connection: ssh_keys.all_of(connection, ssh_keys.HOST))
        (shown,) = [key for key in kept if key.algorithm == "ssh-ed25519"]
        self.known_hosts = root / "known_hosts"
        self.known_hosts.write_text(f"[{LOOPBACK}]:{gateway.sftp_port} {shown.public_key}\n")
        self.clients = self.clients_of(USER)

    def clients_of(self, user: str) -> RealClients:
        door = Door(self.gateway.sftp_port, user, self._key, self.known_hosts)
        folder = self.root / f"homes-of-{user}"
        folder.mkdir()
        return RealClients(door, folder)

    @contextmanager
    def looking(self, user: str = USER) -> Iterator[paramiko.SFTPClient]:
        """A session of paramiko in this process, to look at the mailbox from outside."""
        with paramiko.Transport((LOOPBACK, self.gateway.sftp_port)) as transport:
            transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(str(self._key)))
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            with client:
                yield client

    def taken(self, name: str | bytes) -> list[Taken]:
        """The messages that files of this name became, the oldest first."""
        raw = name.encode() if isinstance(name, str) else name

        def read(connection: Connection) -> list[Taken]:
            query = select(_MESSAGE.c.id, _FILE.c.name, _MESSAGE.c.filename, _MESSAGE.c.state)
            query = query.join(_FILE, _FILE.c.message_id == _MESSAGE.c.id).where(_FILE.c.name == raw)
            rows = connection.execute(query.order_by(_MESSAGE.c.id)).all()
            return [Taken(*row, messages.body(connection, row[0], "payload") or b"") for row in rows]

        return self._database.read_now(read)

    def message_count(self) -> int:
        """Of messages over SFTP, however they are named."""
        query = select(_MESSAGE.c.id).where(_MESSAGE.c.channel == "sftp")
        return len(self._database.read_now(lambda connection: connection.execute(query).all()))

    def file(self, name: str, content: bytes) -> Path:
        """A file on the partner's side, in a folder of its own."""
        folder = self.root / f"theirs-{len(list(self.root.iterdir()))}"
        folder.mkdir()
        made = folder / name
        made.write_bytes(content)
        return made

    def send(self, *documents: tuple[str, bytes]) -> list[str]:
        """Documents on their way to the partner; their delivery ids."""
        files = [self.file(name, document) for name, document in documents]
        told = self.gateway.command("send", *map(str, files), "--partner", PARTNER, "--format", "json")
        return [row["id"] for row in _rows(told)]

    def delivery_state(self, delivery_id: str) -> str:
        delivery = self._database.read_now(lambda connection: deliveries.get(connection, delivery_id))
        assert delivery is not None
        return delivery.state


def _rows(told: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.splitlines() if line]


def until(look: Callable[[], Found]) -> Found:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
    return found


@contextmanager
def served(root: Path, files_of_the_crowded: int = 0) -> Iterator[Served]:
    """Start it.

    Args:
        root: an empty folder.
        files_of_the_crowded: how many files the mailbox of the user `crowded` shows from the beginning.
    """
    key = root / "client"
    keygen = find_or_install_openssh().ssh_keygen
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    inbound = {"document": "purchase_order_acknowledgment", "direction": "inbound"}
    outbound = {"document": "purchase_order", "direction": "outbound"}
    x12 = {"syntax": "x12", "releases": ["004010"]}
    profile = {"sftp": _mailbox(USER), "agreements": [inbound | x12, outbound | x12]}
    site = Site(root / "site", settings={"sftp_port": 0}, acme_profile=profile)
    public = key.with_suffix(".pub").read_bytes()
    (site.partners_dir / PARTNER / "theirs.pub").write_bytes(public)
    for other in (CROWDED, LATIN):
        content = {"id": other, "name": other, "sftp": _mailbox(other), "throttling": UNHINDERED}
        site._write_profile(other, content, {"theirs.pub": public})
    settings = load_settings(site.config, {}).settings
    database = Database(settings.resolved_database_url())
    try:
        if files_of_the_crowded:
            database.write_now(lambda connection: _crowd(connection, files_of_the_crowded))
        with RunningGateway(site) as gateway:
            yield Served(gateway, key, database, root)
    finally:
        database.close()


def _mailbox(user: str) -> dict[str, object]:
    return {"user": user, "keys": [{"label": "tests", "file": "theirs.pub"}]}


def _crowd(connection: Connection, files: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    for number in range(files):
        mailbox_files.note(
            connection,
            CROWDED,
            b"order-%05d.edi" % number,
            f"msg-crowded-{number}",
            bytes_count=5_000,
            received_at_ms=now_ms,
        )
