import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.program import main
from gateway.settings import load_settings
from gateway.store.database import Database
from tests.commands.stocked import Stocked, stock
from tests.migrated import migrate
from tests.site import Site


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def json(self) -> dict[str, Any]:
        (row,) = self.rows
        return row


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _away_from_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No gateway.yaml lies here, and no variable of ours is set."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    monkeypatch.delenv("GATEWAY_DEBUG", raising=False)


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    def run(*words: object) -> Ended:
        capfdbinary.readouterr()
        code = main([str(word) for word in words])
        said = capfdbinary.readouterr()
        return Ended(code, said.out.decode(), said.err.decode())

    return run


@pytest.fixture
def database(site: Site) -> Iterator[Database]:
    """The database of the test's own site, at this program's version."""
    database = Database(load_settings(site.config, {}).settings.resolved_database_url())
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def stocked(tmp_path: Path) -> Stocked:
    return stock(tmp_path / "site")
