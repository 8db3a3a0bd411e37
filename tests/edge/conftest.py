"""A house with the usual limits, and a client at its door."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.edge.house import House, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
