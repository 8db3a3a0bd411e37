"""Real services for every test that asks: started once a session when first wanted, one vhost or database a test."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.migrated import KeptDatabase
from tests.services.compose import ComposeRabbit, compose_available
from tests.services.external import fresh_external_vhost
from tests.services.install import can_install
from tests.services.openssh import SshServer, find_or_install_openssh
from tests.services.postgres import PostgresServer, create_database, drop_database, find_or_install_postgres
from tests.services.rabbitmq import RabbitNode, find_or_install_rabbitmq, find_rabbitmq


@pytest.fixture(autouse=True)
def umask_of_its_own() -> Iterator[None]:
    """Commands of ours set a narrow umask, and some tests call them in this process."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def rabbitmq_node() -> Iterator[RabbitNode | ComposeRabbit]:
    """A node of the tests' own: local, else installed, else by Docker Compose."""
    by_compose = find_rabbitmq() is None and not can_install() and compose_available()
    node = ComposeRabbit() if by_compose else RabbitNode(find_or_install_rabbitmq())
    with _closing(node):
        node.start()
        yield node


@pytest.fixture
def rabbitmq(rabbitmq_node: RabbitNode | ComposeRabbit) -> Iterator[RabbitNode | ComposeRabbit]:
    """The node with its controls: stop, start, kill, suspend, resume, memory_alarm, import_definitions, policies."""
    rabbitmq_node.restore()
    yield rabbitmq_node
    rabbitmq_node.restore()


@pytest.fixture
def broker_url(request: pytest.FixtureRequest) -> str:
    """A fresh vhost, on the broker named by GATEWAY_TEST_BROKER_URL unless the test wants controls over the node."""
    external = os.environ.get("GATEWAY_TEST_BROKER_URL")
    if external and "rabbitmq" not in request.fixturenames:
        return fresh_external_vhost(external)
    node: RabbitNode | ComposeRabbit = request.getfixturevalue("rabbitmq_node")
    return node.fresh_vhost()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer(find_or_install_postgres())
    with _closing(server):
        server.start()
        yield server


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """The server with its controls: stop, start, kill, suspend, resume."""
    postgres_server.restore()
    yield postgres_server
    postgres_server.restore()


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh PostgreSQL database with nothing in it, as a SQLAlchemy URL."""
    server_url = _server_url(request)
    fresh = create_database(server_url)
    yield fresh
    drop_database(server_url, fresh)


@pytest.fixture(scope="session")
def kept_databases() -> Iterator[dict[str, KeptDatabase]]:
    """By the URL of their server."""
    kept: dict[str, KeptDatabase] = {}
    yield kept
    external = os.environ.get("GATEWAY_TEST_DATABASE_URL")
    if external in kept:  # a server of our own is gone with all it had
        kept[external].drop()


@pytest.fixture
def migrated_database_url(request: pytest.FixtureRequest, kept_databases: dict[str, KeptDatabase]) -> str:
    """A PostgreSQL database that is migrated and has no rows: one a session, emptied for each test."""
    server_url = _server_url(request)
    return kept_databases.setdefault(server_url, KeptDatabase(server_url)).emptied()


@pytest.fixture(scope="session")
def openssh_server() -> Iterator[SshServer]:
    """OpenSSH's sshd with `internal-sftp`, a chroot where the machine allows it, and a user with a key."""
    server = SshServer(find_or_install_openssh())
    with _closing(server):
        server.start()
        yield server


@pytest.fixture
def openssh(openssh_server: SshServer) -> Iterator[SshServer]:
    """The session's sshd with its controls: stop, start, kill, suspend, resume, cut_sessions, serve_host_keys.

    A test takes a `fresh_folder` of it. Whoever needs another configuration makes an `SshServer` of its own: it is up
    in a tenth of a second.
    """
    openssh_server.restore()
    yield openssh_server
    openssh_server.restore()


def _server_url(request: pytest.FixtureRequest) -> str:
    """The server named by GATEWAY_TEST_DATABASE_URL unless the test wants controls over it."""
    external = os.environ.get("GATEWAY_TEST_DATABASE_URL")
    if external and "postgres" not in request.fixturenames:
        return external
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = len(terminalreporter.stats.get("skipped", []))
    if skipped:
        terminalreporter.write_line(f"{skipped} skipped: a skipped test is a hole, so this run fails", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skip that nobody sees is a test that nobody has."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == pytest.ExitCode.OK and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@contextmanager
def _closing(service: RabbitNode | ComposeRabbit | PostgresServer | SshServer) -> Iterator[None]:
    try:
        yield
    finally:
        service.close()
