"""The store on both databases, and one message, document or event at a time."""

import pytest

from gateway.store.database import Database
from tests.migrated import migrate
from tests.store.stock import Stock


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    return (
        f"sqlite:///{tmp_path / 'store.db'}"
        if request.param == "sqlite"
        else request.getfixturevalue("migrated_database_url")
    )


@pytest.fixture
def store(store_url):
    """A migrated database without its writer; `write_now` and `read_now` work."""
    database = Database(store_url)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def writer(store):
    """The same with its writer."""
    store.start()
    return store


@pytest.fixture
def stock(store):
    return Stock(store)
