from collections.abc import AsyncIterator

import pytest

from tests.flow.line import Line, line_over
from tests.site import Site


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("migrated_database_url")


@pytest.fixture
async def line(site, store_url) -> AsyncIterator[Line]:
    async with line_over(site, store_url) as line:
        yield line
