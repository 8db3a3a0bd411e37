"""The whole gateway in this process, over its ports: for what the door and the line do together."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from gateway.app import Gateway
from gateway.settings import load_settings
from tests.site import API_KEY, LOOPBACK, Site

ACME_API_KEY = "a throw-away api key of acme"
ACME = {"Authorization": f"Bearer {ACME_API_KEY}"}
NORTHWIND = {"Authorization": f"Bearer {API_KEY}"}
BY_KEY = {"api_keys": [{"label": "tests", "sha256": hashlib.sha256(ACME_API_KEY.encode()).hexdigest()}]}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return orjson.loads(self.body)


@dataclass(slots=True)
class Whole:
    gateway: Gateway
    client: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway.edge_port}"

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] = ACME, **more: str) -> tuple[Answer, Any]:
        """The answer, and what it tells; of `more` header fields with `_` for `-`."""
        async with self.client.post(self.url + path, data=body, headers=_joined(headers, more)) as response:
            answer = Answer(response.status, response.headers, await response.read())
            return answer, answer.told

    async def get(self, path: str, headers: Mapping[str, str] = ACME, **more: str) -> Answer:
        async with self.client.get(self.url + path, headers=_joined(headers, more)) as response:
            return Answer(response.status, response.headers, await response.read())


def _joined(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    return {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}


@asynccontextmanager
async def whole(
    root: Path,
    profile: Mapping[str, object] | None = None,
    partners: Mapping[str, dict[str, object]] | None = None,
    **settings: object,
) -> AsyncIterator[Whole]:
    """The gateway of a site, where ACME has an API key, too.

    Args:
        root: an empty folder.
        profile: what else the profile of ACME says.
        partners: profiles of others, by their ids.
        settings: as in gateway.yaml.
    """
    site = Site(root, settings, acme_profile=BY_KEY | dict(profile or {}))
    for name, content in (partners or {}).items():
        site._write_profile(name, {"id": name, "name": name} | content, {})
    gateway = Gateway(load_settings(site.config, {}).settings, database_synchronous="OFF")
    try:
        await gateway.start()
        async with aiohttp.ClientSession() as client:
            yield Whole(gateway, client)
    finally:
        await gateway.stop()
