"""Two whole gateways in one process that trade with each other over loopback: ours, and that of a partner."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from certs.certificates import KeyPair
from certs.lives import Life
from gateway.app import Gateway
from gateway.flow.certificates.keys import first_pair, stored_of
from gateway.settings import DATABASE_FILE, Settings, load_settings
from gateway.store import keys
from gateway.store.database import Database
from tests.migrated import migrate
from tests.services.processes import free_port
from tests.site import LOOPBACK, PASSPHRASE, key_pair

WITHIN_S = 20


@dataclass
class House:
    """One side: its gateway, and what it knows of the other."""

    name: str
    root: Path
    port: int
    pair: KeyPair
    gateway: Gateway | None = None

    @property
    def settings(self) -> Settings:
        return load_settings(self.root / "gateway.yaml", {}).settings

    @property
    def database(self) -> Database:
        assert self.gateway is not None
        return self.gateway.database

    async def read(self, unit: Callable[..., Any], **values: Any) -> Any:
        return await self.database.read(lambda connection: unit(connection, **values))

    async def write(self, unit: Callable[..., Any], *arguments: Any, **values: Any) -> Any:
        return await self.database.write(lambda connection: unit(connection, *arguments, **values))

    async def hold(self, pair: KeyPair) -> None:
        """Give this side another key, which decrypts at once and signs later."""
        life = Life(self.name, pair.certificate, (), datetime.now(UTC))
        await self.write(keys.add, stored_of(life, pair, PASSPHRASE.encode()))
        assert self.gateway is not None
        await self.gateway.keys.refresh()

    def build(self, other: "House", as2: dict[str, Any], files: dict[str, bytes]) -> None:
        self.root.mkdir(parents=True)
        data = self.root / "data"
        data.mkdir()
        settings = {
            "data_dir": str(data),
            "partners_dir": str(self.root / "partners"),
            "edge_port": self.port,
            "operator_port": 0,
            "public_url": f"http://{LOOPBACK}:{self.port}",
            "key_passphrase": PASSPHRASE,
            "profiles_reload_s": 0.2,
            "identities": [{"name": self.name, "as2_id": self.name.upper()}],
        }
        (self.root / "gateway.yaml").write_text(yaml.safe_dump(settings))
        folder = self.root / "partners" / other.name
        folder.mkdir(parents=True)
        (folder / "them.pem").write_bytes(other.pair.certificate.pem())
        for name, content in files.items():
            (folder / name).write_bytes(content)
        profile = {
            "id": other.name,
            "name": other.name,
            "as2": {
                "id": other.name.upper(),
                "certificate": "them.pem",
                "url": f"http://{LOOPBACK}:{other.port}/as2",
                "connection": {"private_networks": [f"{LOOPBACK}/32"]},
                **as2,
            },
        }
        (folder / "profile.yaml").write_text(yaml.safe_dump(profile))
        (data / DATABASE_FILE).write_bytes(_database_with(self.name, self.pair))


@cache
def _database_with(identity: str, pair: KeyPair) -> bytes:
    """A SQLite database with one key; migrating takes a while."""
    stored = stored_of(first_pair(identity, pair, datetime.now(UTC)), pair, PASSPHRASE.encode())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / DATABASE_FILE
        database = Database(f"sqlite:///{file}")
        try:
            migrate(database)
            database.write_now(lambda connection: keys.add(connection, stored))
        finally:
            database.close()
        return file.read_bytes()


@asynccontextmanager
async def two_houses(
    tmp_path: Path,
    *,
    ours: dict[str, Any] | None = None,
    theirs: dict[str, Any] | None = None,
    their_pair: KeyPair | None = None,
    files: dict[str, bytes] | None = None,
) -> AsyncIterator[tuple[House, House]]:
    """`ours` and `theirs` are what each profile says under `as2` beside the fixed; `files` lie beside ours."""
    us = House("bigcorp", tmp_path / "us", free_port(), key_pair("bigcorp"))
    them = House("acme", tmp_path / "them", free_port(), their_pair or key_pair("acme-supply"))
    us.build(them, ours or {}, files or {})
    them.build(us, theirs or {}, {})
    async with AsyncExitStack() as stack:
        for house in (us, them):
            house.gateway = Gateway(house.settings, database_synchronous="OFF")
            await house.gateway.start()
            stack.push_async_callback(house.gateway.stop)
        yield us, them


async def until(look: Callable[[], Any]) -> Any:
    """What `look` (asynchronous) finds, once it finds something."""
    async with asyncio.timeout(WITHIN_S):
        while not (found := await look()):
            await asyncio.sleep(0.02)
        return found
