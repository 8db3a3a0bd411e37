"""A whole edge on loopback: real store, real keys, two partners, and raw sockets to be rude with."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson

from certs.certificates import KeyPair
from certs.creation import create_key_pair
from certs.keyring import IdentityKeys, KeyRing
from gateway.as2.message import Encryption, MdnRequest, Signing, WrittenMessage, write_message
from gateway.carriers.http import Door
from gateway.carriers.webhook import WebhookCarrier
from gateway.edge import Edge, HttpServer, new_bodies, operator_port, partner_port
from gateway.edge.bodies import Bodies
from gateway.flow.held_room import HeldRoom
from gateway.flow.outward.composing import Composing
from gateway.flow.outward.outbound import Outbound
from gateway.flow.receive import Reception
from gateway.flow.terms import Terms, terms_of
from gateway.flow.validating import Validating
from gateway.flow.webhooks.wanting import wants_events
from gateway.model.ids import IdSource
from gateway.settings import IdentitySettings, Limits, Settings
from gateway.store.credentials import sealing as sealing_key
from gateway.store.credentials.sealing import Sealing
from gateway.store.database import Database
from gateway.store.messages import StoredMessage
from gateway.store.oversight import audit, operators
from gateway.store.oversight.operators import Role
from gateway.telemetry import Metrics
from gateway.workers import WorkerPool
from partners.directory import Directory
from partners.loader import LoadedProfile, parse_profile
from tests.migrated import migrate

ACME_KEY = "acme-key-0123456789"
GLOBEX_KEY = "globex-key-0123456789"
IDLE_KEY = "idle-key-0123456789"
OLD_KEY = "old-key-0123456789"
DRAFT_KEY = "draft-key-0123456789"
X12 = (
    b"ISA*00*          *00*          *ZZ*ACME           *ZZ*BIGCORP        *260301*1200*U*00401*000000001*0*P*>~"
    b"GS*PR*ACME*BIGCORP*20260301*1200*1*X*004010~GE*0*1~IEA*1*000000001~"
)


@cache
def our_keys() -> KeyPair:
    return create_key_pair("bigcorp", now=datetime.now(UTC))


@cache
def acme_keys() -> KeyPair:
    return create_key_pair("acme", now=datetime.now(UTC))


@cache
def stranger_keys() -> KeyPair:
    return create_key_pair("stranger", now=datetime.now(UTC))


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def profile(text: str, **files: bytes) -> LoadedProfile:
    named = {name.replace("_pem", ".pem"): content for name, content in files.items()}
    loaded = parse_profile({"profile.yaml": text.encode(), **named})
    assert isinstance(loaded, LoadedProfile), loaded
    return loaded


def acme(extra: str = "", as2: str = "") -> LoadedProfile:
    return profile(
        f"id: acme\nname: ACME\nas2:\n  id: ACME-AS2\n  certificate: acme.pem\n{as2}"
        f"api_keys:\n  - {{label: main, sha256: {digest(ACME_KEY)}}}\n"
        f"  - {{label: old, sha256: {digest(OLD_KEY)}, expires_on: 2020-01-01}}\n{extra}",
        acme_pem=acme_keys().certificate.pem(),
    )


def globex(extra: str = "") -> LoadedProfile:
    return profile(f"id: globex\nname: Globex\napi_keys: [{{label: main, sha256: {digest(GLOBEX_KEY)}}}]\n{extra}")


def idle() -> LoadedProfile:
    return profile(
        "id: idle\nname: Idle\nstatus: suspended\nas2: {id: IDLE-AS2, certificate: idle.pem}\n"
        f"api_keys: [{{label: main, sha256: {digest(IDLE_KEY)}}}]\n",
        idle_pem=acme_keys().certificate.pem(),
    )


def sketch() -> LoadedProfile:
    return profile(
        "id: sketch\nname: Sketch\nstatus: draft\nas2: {id: SKETCH-AS2, certificate: sketch.pem}\n"
        f"api_keys: [{{label: main, sha256: {digest(DRAFT_KEY)}}}]\n",
        sketch_pem=acme_keys().certificate.pem(),
    )


@dataclass(slots=True)
class House:
    edge: Edge
    server: HttpServer
    operator: HttpServer
    database: Database
    metrics: Metrics
    bodies: Bodies
    arrived: list[int] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    woken: list[int] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    directories: list[Directory] = field(default_factory=list)

    def reload(self, *profiles: LoadedProfile) -> None:
        """From now on these are the partners."""
        self.directories.append(Directory(profiles))

    @property
    def url(self) -> str:
        host, port = self.server.address
        return f"http://{host}:{port}"

    @property
    def operator_url(self) -> str:
        host, port = self.operator.address
        return f"http://{host}:{port}"

    async def token(self, role: Role) -> dict[str, str]:
        """A new operator token, as headers."""
        token = secrets.token_urlsafe(16)
        sha256 = operators.token_sha256(token)
        await self.database.write(lambda connection: operators.add(connection, sha256, role.value, role, 1))
        return {"Authorization": f"Bearer {token}"}

    async def acts(self, action: str | None = None) -> list[audit.Act]:
        return await self.database.read(lambda connection: audit.find(connection, action=action))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that is closed with the house at the latest."""
        reader, writer = await asyncio.open_connection(*self.server.address)
        self.writers.append(writer)
        return reader, writer

    async def raw(self, data: bytes, *, timeout_s: float = 10) -> bytes:
        """What comes back until the server closes, or until an answer with its length is complete."""
        reader, writer = await self.connect()
        writer.write(data)
        received = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(timeout_s):
                while chunk := await reader.read(65_536):
                    received += chunk
        writer.close()
        return received


@asynccontextmanager
async def open_house(
    tmp_path: Path,
    *,
    profiles: list[LoadedProfile] | None = None,
    now_ms: Any = None,
    tls: Any = None,
    plant: KeyPair | None = None,
    passphrase: bytes | None = None,
    named: dict[str, Any] | None = None,
    resolve: Any = None,
    **limits: Any,
) -> AsyncIterator[House]:
    """Args: `plant` is the key of a second identity of ours, which has an AS2 id then; `named` are other settings,
    `resolve` says where the hosts of webhooks are.

    With a `passphrase` secrets can be sealed, which takes a moment.
    """
    plant_id = "PLANT" if plant is not None else None
    settings = Settings(
        data_dir=tmp_path,
        identities=(
            IdentitySettings(name="bigcorp", as2_id="BIGCORP"),
            IdentitySettings(name="plant", as2_id=plant_id),
        ),
        limits=Limits(**limits),
        **(named or {}),
    )
    clock = now_ms or (lambda: time.time_ns() // 1_000_000)
    database = Database(settings.resolved_database_url(), synchronous="OFF")
    migrate(database)
    database.start()
    metrics, arrived, reasons = Metrics(), [], []
    directories = [Directory(profiles if profiles is not None else [acme(), globex(), idle(), sketch()])]

    def directory() -> Directory:
        return directories[-1]

    sealing = Sealing(database, lambda: passphrase, now_ms=clock)
    with patch.object(sealing_key, "SCRYPT_LOG2_N", 10):  # as it is made for people to wait for, each test would
        await sealing.start()
    pairs = {"bigcorp": our_keys()} | ({"plant": plant} if plant is not None else {})
    ring = KeyRing({name: IdentityKeys(name, pair, (pair,)) for name, pair in pairs.items()})
    ids = IdSource(clock, secrets.randbits)
    held_room = HeldRoom(database, settings.limits.held_bytes_per_partner_max, clock)
    reception = Reception(database, ids, clock, lambda: arrived.append(1), held_room=held_room)
    pool = WorkerPool(
        processes_max=1,
        memory_bytes_max=settings.limits.worker_memory_bytes_max,
        timeout_s=settings.limits.worker_timeout_s,
        spool_dir=settings.spool_dir,
    )

    async def terms_for(message: StoredMessage) -> Terms:
        return terms_of(directory().by_id(message.partner_id), directory(), settings.identities)

    woken: list[int] = []
    outbound = Outbound(
        database,
        Composing(database, directory, settings.identities, settings.limits),
        ids,
        host="bigcorp.example",
        now_ms=clock,
        accepted=lambda: woken.append(1),
        metrics=metrics,
    )
    webhooks = WebhookCarrier(database, Door(settings.limits, resolve=resolve), sealing, now_ms=clock)
    edge = Edge(
        settings,
        database,
        reception,
        metrics,
        clock,
        directory,
        lambda: ring,
        lambda: reasons,
        wake=lambda: woken.append(1),
        outbound=outbound,
        wants_events=wants_events(directory),
        sealing=sealing,
        webhooks=webhooks,
        validating=Validating(database, pool, terms_for, settings.limits),
    )
    bodies = new_bodies(settings, clock)
    server, operator = partner_port(edge, bodies), operator_port(edge, bodies)
    await server.start("127.0.0.1", 0, tls)
    await operator.start("127.0.0.1", 0)
    house = House(edge, server, operator, database, metrics, bodies, arrived, reasons, woken, directories=directories)
    try:
        yield house
    finally:
        for writer in house.writers:
            writer.close()
        for writer in house.writers:
            with suppress(ConnectionError):
                await writer.wait_closed()
        await asyncio.gather(server.stop(1), operator.stop(1))
        await pool.close()
        await webhooks.close()
        database.close()


def message(payload: bytes = X12, **choices: Any) -> WrittenMessage:
    """A signed and encrypted message of ACME, unless told otherwise."""
    fixed: dict[str, Any] = {
        "as2_from": "ACME-AS2",
        "as2_to": "BIGCORP",
        "message_id": f"<{secrets.token_hex(8)}@acme>",
        "content_type": "application/edi-x12",
        "now": datetime.now(UTC),
        "signing": Signing(acme_keys()),
        "encryption": Encryption([our_keys().certificate]),
        "mdn_request": MdnRequest("edi@acme", signed=True, micalgs=("sha-256",)),
    }
    return write_message(payload, **(fixed | choices))


def problem_in(answer: bytes) -> dict[str, Any]:
    """The problem details in a raw answer."""
    return orjson.loads(answer.partition(b"\r\n\r\n")[2])


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the server does by itself; a test that waits for nothing fails."""
    async with asyncio.timeout(10):
        while not condition():  # what is waited for has no event to wait for
            await asyncio.sleep(0.01)
