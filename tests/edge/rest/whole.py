"""The whole gateway in this process, over its ports: for what the door and the line do together."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from gateway.app import Gateway
from gateway.settings import load_settings
from tests.site import API_KEY, LOOPBACK, Site

ACME_API_KEY = "a throw-away api key of acme"
ACME = {"Authorization": f"Bearer {ACME_API_KEY}"}
NORTHWIND = {"Authorization": f"Bearer {API_KEY}"}
BY_KEY = {"api_keys": [{"label": "tests", "sha256": hashlib.sha256(ACME_API_KEY.encode()).hexdigest()}]}


@dataclass(slots=True)
class Whole:
    gateway: Gateway
    client: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway.edge_port}"

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str] = ACME, **more: str
    ) -> tuple[aiohttp.ClientResponse, Any]:
        sent = {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        async with self.client.post(self.url + path, data=body, headers=sent) as answer:
            await answer.read()
            return answer, await answer.json(content_type=None)

    async def get(self, path: str, headers: Mapping[str, str] = ACME, **more: str) -> aiohttp.ClientResponse:
        sent = {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        async with self.client.get(self.url + path, headers=sent) as answer:
            await answer.read()
            return answer


@asynccontextmanager
async def whole(root: Path, profile: Mapping[str, object] | None = None, **settings: object) -> AsyncIterator[Whole]:
    """The gateway of a site, where ACME has an API key, too; `profile` is what else its profile says."""
    site = Site(root, settings, acme_profile=BY_KEY | dict(profile or {}))
    gateway = Gateway(load_settings(site.config, {}).settings, database_synchronous="OFF")
    try:
        await gateway.start()
        async with aiohttp.ClientSession() as client:
            yield Whole(gateway, client)
    finally:
        await gateway.stop()
