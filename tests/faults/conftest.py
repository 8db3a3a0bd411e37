"""A site with RabbitMQ, an ERP that listens, and partners' connections."""

import aiohttp
import pytest

from tests.faults.erp import Erp
from tests.faults.oracle import Store
from tests.faults.posting import Ledger
from tests.site import RunningGateway, Site

LOG_LINES_SHOWN = 60


@pytest.fixture
def site(tmp_path, broker_url):
    return Site(tmp_path / "site", {"broker_url": broker_url})


@pytest.fixture
def gateway(site):
    gateway = RunningGateway(site)
    yield gateway
    gateway.kill()
    print("\n".join(gateway.log[-LOG_LINES_SHOWN:]))  # seen when the test failed


@pytest.fixture
def pair_of_gateways(tmp_path, database_url, broker_url):
    """Makes two gateways over one PostgreSQL and one RabbitMQ, each with a folder of its own; killed in the end."""
    made = []

    def pair_of_gateways(**settings):
        settings = {"database_url": database_url, "broker_url": broker_url} | settings
        made.extend(RunningGateway(Site(tmp_path / name, settings)) for name in ("one", "two"))
        return made

    yield pair_of_gateways
    for gateway in made:
        gateway.kill()
        print("\n".join(gateway.log[-LOG_LINES_SHOWN:]))  # seen when the test failed


@pytest.fixture
def store(site):
    return Store(site)


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
async def http():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


@pytest.fixture
async def erp(broker_url):
    async with Erp(broker_url) as erp:
        yield erp
