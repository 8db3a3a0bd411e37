"""How connections to SQLite and PostgreSQL are made."""

import socket
import ssl
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, QueuePool

from gateway.store.engine.pipeline import PipelinedConnection
from gateway.store.engine.units import SYNCHRONOUS

POOL_CONNECTIONS = 6
POOL_TIMEOUT_S = 10
# After a burst the write-ahead log is cut back to this.
WAL_BYTES_KEPT = 64 * 1_048_576
# The log is copied into the database beside the writer (`checkpoints`); a commit does that, and lets all others wait,
# only when it has become this long all the same and nobody copies it at that moment.
CHECKPOINT_PAGES = 16_000


def sqlite_engine(url: str, *, writes: bool, synchronous: str, busy_timeout_ms: int) -> Engine:
    """An engine whose transactions are either writing from their first statement, or never."""
    # The writer keeps its one connection; other writes of a process (commands) open their own.
    pool = NullPool if writes else QueuePool
    engine = create_engine(url, poolclass=pool, hide_parameters=True, connect_args={"check_same_thread": False})
    # A transaction that turned from reading to writing could find the database changed and fail without a wait.
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, record: ConnectionPoolEntry) -> None:  # noqa: ANN401  # the driver's own type
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={busy_timeout_ms}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA journal_size_limit={WAL_BYTES_KEPT}")
        cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        record.info[SYNCHRONOUS] = synchronous
        cursor.execute("PRAGMA foreign_keys=ON")
        if not writes:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def postgresql_engine(url: str, *, answer_timeout_s: float) -> Engine:
    """An engine that notices a server which has gone silent."""
    address, tls = split_tls(make_url(url))
    arguments: dict[str, object] = {"timeout": answer_timeout_s}
    if tls is not None:
        arguments["ssl_context"] = tls
    engine = create_engine(
        address,
        pool_size=POOL_CONNECTIONS,
        pool_pre_ping=True,
        pool_timeout=POOL_TIMEOUT_S,
        hide_parameters=True,
        connect_args=arguments,
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, _arguments: object, named: dict[str, Any]) -> PipelinedConnection:
        connection = PipelinedConnection(**named)
        # The driver sends a message of more than 8 KB in two writes; with Nagle's algorithm the second waits 40 ms for
        # the delayed acknowledgment of the first. It has no setting for this.
        connection._usock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # noqa: SLF001  # see above
        return connection

    return engine


def split_tls(url: URL) -> tuple[URL, ssl.SSLContext | None]:
    """The URL without libpq's `sslmode` and `sslrootcert`, which the driver does not know, and what they ask for.

    `require` encrypts and trusts any certificate, `verify-ca` wants its chain in order, `verify-full` its name as well.

    Raises:
        ValueError: no such mode, or the file with the roots cannot be read.
    """
    mode, roots = (_single(url, name) for name in ("sslmode", "sslrootcert"))
    address = url.difference_update_query(["sslmode", "sslrootcert"])
    if mode in {None, "disable", "allow", "prefer"}:
        return address, None
    if mode not in {"require", "verify-ca", "verify-full"}:
        raise ValueError(f"sslmode {mode}: must be disable, allow, prefer, require, verify-ca or verify-full")
    try:
        context = ssl.create_default_context(cafile=roots)
    except OSError as error:
        raise ValueError(f"sslrootcert {roots}: {error.strerror or error}") from None
    context.check_hostname = mode == "verify-full"
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return address, context


def _single(url: URL, name: str) -> str | None:
    value = url.query.get(name)
    return value[-1] if isinstance(value, tuple) else value
