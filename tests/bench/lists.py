"""m. Pages of a partner's submissions, of whom there are a million, beside the same pages of ten thousand.

Asked of the store itself: over HTTP the same constant stands before both, and hides what grows.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import text

from gateway.store.database import Database
from gateway.store.messages.listing import Wanted, page
from gateway.store.tables import Document, Message
from tests.bench.figures import Effort, Figure, figure
from tests.migrated import migrate
from tests.services.postgres import PostgresServer, create_database, find_or_install_postgres

FEW, MANY = 10_000, 1_000_000
LIMIT = 50
PAGES_PER_RUN = 20
PARTNER = "acme"
_MESSAGE = {
    "partner_id": f"'{PARTNER}'",
    "profile_digest": "'digest'",
    "identity": "''",
    "channel": "'rest'",
    "remote": "''",
    "received_at_ms": "n",
    "state": "'published'",
    "revision": "1",
    "attempts": "0",
    "payload_bytes": "1",
    "payload_sha256": "'0'",
    "content_type": "''",
    "filename": "''",
    "security": "'{}'",
    "reason": "''",
    "acknowledged": "false",
    "by_hand": "false",
    "set_apart": "''",
}
_DOCUMENT = {
    "partner_id": f"'{PARTNER}'",
    "revision": "1",
    "ordinal": "0",
    "status": "'accepted'",
    "location": "'{}'",
    "findings": "'[]'",
    "findings_omitted": "0",
    "schema_version": "'1.0'",
    "created_at_ms": "n",
}


def pages(effort: Effort) -> Iterator[Figure]:
    """The first page, one in the middle, the last; one of a filter that few fit; one of a filter that none fits."""
    with _stores() as stores:
        for kind, few, many in stores:
            for what, wanted, share in (
                ("first page", Wanted(PARTNER), None),
                ("page in the middle", Wanted(PARTNER), 0.5),
                ("last page", Wanted(PARTNER), 0.0),
                ("rare type", Wanted(PARTNER, (PARTNER,), document_type="invoice"), None),
                ("one number", Wanted(PARTNER, (PARTNER,), number="N7"), None),
                ("a state that none has", Wanted(PARTNER, states=frozenset({"rejected"})), None),
            ):
                # In turns, so that a busy neighbour meets both.
                runs = [
                    (_page_ms(few, FEW, wanted, share), _page_ms(many, MANY, wanted, share)) for _ in range(effort.runs)
                ]
                references, ours = ([run[index] for run in runs] for index in (0, 1))
                name = f"m. {kind}, list of {MANY:,} submissions, {what} of {LIMIT}"
                yield figure(name, ours, "ms", references, f"about 1: as with {FEW:,}")


def _page_ms(database: Database, rows: int, wanted: Wanted, share: float | None) -> float:
    """How long a page takes; `share` of the list lies behind it, None for the first page."""
    position = None if share is None else _id(max(int(rows * share), LIMIT + 1))
    unit = partial(page, wanted=wanted, position=position, limit=LIMIT)
    database.read_now(unit)
    took = []
    for _ in range(PAGES_PER_RUN):
        started = time.perf_counter()
        database.read_now(unit)
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1_000


@contextmanager
def _stores() -> Iterator[list[tuple[str, Database, Database]]]:
    server = PostgresServer(find_or_install_postgres())
    opened: list[Database] = []
    with tempfile.TemporaryDirectory(prefix="bench-lists-") as folder:
        try:
            server.start()
            names = [f"sqlite:///{Path(folder) / name}" for name in ("few.db", "many.db")]
            names += [create_database(server.url) for _ in range(2)]
            opened += [Database(name, synchronous="OFF") for name in names]
            for database, rows in zip(opened, (FEW, MANY, FEW, MANY), strict=True):
                _fill(database, rows)
            yield [("SQLite", opened[0], opened[1]), ("PostgreSQL", opened[2], opened[3])]
        finally:
            for database in opened:
                database.close()
            server.close()


def _fill(database: Database, rows: int) -> None:
    """As many submissions with a document each; their indexes are made once all of them are there."""
    migrate(database)
    if database.is_sqlite:
        numbers = f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows})"
        source, id_ = "s", "printf('%026d', n)"
    else:
        numbers = ""
        source, id_ = f"generate_series(1, {rows}) AS s(n)", "lpad(n::text, 26, '0')"
    message = {"id": id_} | _MESSAGE
    document = {"id": f"{id_} || '-0'", "message_id": id_} | _DOCUMENT
    # Ten are invoices, whichever store it is.
    document["document_type"] = f"CASE n % {rows // 10} WHEN 7 THEN 'invoice' ELSE 'ship_notice' END"
    document |= {"number": "'N' || n", "purchase_order_number": "'PO-' || (n % 1000)"}
    tables = (Message.__table__, Document.__table__)  # type: ignore[attr-defined]  # set by SQLModel's metaclass
    with database.engine.begin() as connection:
        for table, columns in zip(tables, (message, document), strict=True):
            for index in table.indexes:
                index.drop(connection)
            values = ", ".join(columns.values())
            into = f"INSERT INTO {table.name} ({', '.join(columns)})"
            connection.execute(text(f"{into} {numbers} SELECT {values} FROM {source}".replace(":", r"\:")))
            for index in table.indexes:
                index.create(connection)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _id(number: int) -> str:
    return f"{number:026d}"
