"""A house with the usual limits, and a client at its door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.edge.acmes import ACME
from tests.edge.house import House, acme, globex, idle, open_house, sketch


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def at_acmes(tmp_path):
    """A house whose ACME has a server; `as2` stands below `as2:` of its profile."""

    @asynccontextmanager
    async def at_acmes(as2=ACME, extra="", others=(), **choices):
        profiles = [acme(extra, as2=as2), globex(), idle(), sketch(), *others]
        async with open_house(tmp_path, profiles=profiles, **choices) as house:
            yield house

    return at_acmes
