"""A throw-away PostgreSQL server on the loopback address, with fsync on; a test isolates itself by a database."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from tests.services.install import ServiceUnavailable, apt_install, can_install
from tests.services.processes import ServerProcess, StartFailed, free_port

BINARIES_ROOT = Path("/usr/lib/postgresql")
# Of 16 MB: a gigabyte, which is what PostgreSQL keeps between two checkpoints at most unless it is told otherwise.
LOG_FILES = 60
START_SECONDS_MAX = 60.0
START_ATTEMPTS = 3


def find_or_install_postgres() -> Path:
    """The folder with `initdb` and `postgres`.

    Raises:
        ServiceUnavailable: neither there nor to be installed.
    """
    found = find_postgres()
    if found is None and can_install():
        apt_install("postgresql")
        found = find_postgres()
    if found is None:
        raise ServiceUnavailable(
            "PostgreSQL is not installed here, and apt-get as root cannot bring it. "
            "Install the package postgresql, or name a server in GATEWAY_TEST_DATABASE_URL "
            "(postgresql+pg8000://user:password@host:port/database, allowed to create databases)."
        )
    return found


def find_postgres() -> Path | None:
    """Debian keeps one folder a version, beside the PATH; elsewhere the PATH knows."""
    candidates = sorted(BINARIES_ROOT.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if candidates:
        return candidates[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def create_database(server_url: str) -> str:
    """The URL of a fresh database on the server."""
    name = f"t_{secrets.token_hex(6)}"
    _on_server(server_url, f'CREATE DATABASE "{name}"')
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def drop_database(server_url: str, database_url: str) -> None:
    """Drop it, whoever is still connected."""
    _on_server(server_url, f'DROP DATABASE IF EXISTS "{make_url(database_url).database}" WITH (FORCE)')


def lay_up_log(server_url: str) -> None:
    """Give a fresh server the files of its log that one has that runs for some days: making one stops all for a moment.

    A file of 16 MB is filled with zeros and synced when the log first needs it; later old ones are used again.
    """
    for statement in (
        "ALTER SYSTEM SET min_wal_size = '1GB'",
        "SELECT pg_reload_conf()",
        *["SELECT pg_logical_emit_message(true, '', '')", "SELECT pg_switch_wal()"] * LOG_FILES,
        "CHECKPOINT",
    ):
        _on_server(server_url, statement)


def _on_server(server_url: str, statement: str) -> None:
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


class PostgresServer:
    """One server with its own data folder. `stop`, `kill` and `start` keep its data, like a reboot."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="gateway-postgres-"))
        self._data = self._folder / "data"
        self._server = ServerProcess(self._folder / "server.log")
        self._user = _unprivileged_user()
        if self._user is not None:
            shutil.chown(self._folder, self._user, self._user)
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"postgresql+pg8000://gateway@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start, or start again on the same data and port.

        Raises:
            StartFailed: with the end of the server's log.
        """
        if self._server.running:
            return
        first = not self._data.exists()
        if first:
            self._initdb()
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                self._server.start(
                    [
                        *(str(self._binaries / "postgres"), "-D", str(self._data), "-p", str(self.port)),
                        *("-h", "127.0.0.1", "-k", str(self._folder), "-c", "fsync=on", "-c", "max_connections=200"),
                    ],
                    environment=os.environ,
                    ready=self._ready,
                    seconds_max=START_SECONDS_MAX,
                    user=self._user,
                )
            except StartFailed:
                if attempt == START_ATTEMPTS:
                    raise
                if first:  # somebody may have taken the port in between; later the clients know the port
                    self.port = free_port()
            else:
                return

    def _initdb(self) -> None:
        done = subprocess.run(
            [
                *(str(self._binaries / "initdb"), "-D", str(self._data), "-U", "gateway", "--auth=trust"),
                *("--encoding=UTF8", "--no-locale", "--no-sync"),
            ],
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StartFailed(f"initdb failed: {done.stderr[-2000:]}")

    def _ready(self) -> bool:
        done = subprocess.run(
            [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)],
            check=False,
        )
        return done.returncode == 0

    def stop(self) -> None:
        self._server.stop(signal.SIGINT)  # "fast shutdown": clients are cut off, data is flushed

    def kill(self) -> None:
        self._server.kill()

    def suspend(self) -> None:
        self._server.suspend()

    def resume(self) -> None:
        self._server.resume()

    def restore(self) -> None:
        """Whatever a test did to the server, the next one finds it up and well."""
        self.resume()
        self.start()

    def close(self) -> None:
        self._server.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _unprivileged_user() -> str | None:
    """Postgres refuses root; as root the server runs as the package's user, else as nobody."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    raise ServiceUnavailable("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
