"""Files on partners' servers as they were seen: growing, durable here, or stuck for a reason."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select

from gateway.store.engine.statements import Prepared, given, storable, table_of
from gateway.store.sftp_tables import RemoteFile

PURGED_AT_ONCE = 500

_FILE = table_of(RemoteFile)


@dataclass(frozen=True, slots=True)
class SeenFile:
    """One row, as `sftp_tables.RemoteFile` says; of a folder that is named beside it."""

    path: bytes
    bytes_count: int
    modified_s: int
    unchanged_since_ms: int
    seen_at_ms: int
    message_id: str = ""
    attempts: int = 0
    reason: str = ""


_COLUMNS = [_FILE.c[field.name] for field in fields(SeenFile)]
_CHANGING = [field.name for field in fields(SeenFile) if field.name != "path"]
_put = Prepared(
    lambda insert: (
        insert(_FILE)
        .values(
            partner_id=given("partner_id"),
            folder=given("folder"),
            path_sha256=given("path_sha256"),
            path=given("path"),
            **{name: given(name) for name in _CHANGING},
        )
        .on_conflict_do_update(
            index_elements=["partner_id", "folder", "path_sha256"], set_={name: given(name) for name in _CHANGING}
        )
    )
)


def sha256_of(path: bytes) -> str:
    """Under which a path is found, in hex."""
    return hashlib.sha256(path).hexdigest()


def put(connection: Connection, partner_id: str, folder: str, file: SeenFile) -> None:
    """Keep what is known of a file now."""
    values: dict[str, object] = {name: getattr(file, name) for name in _CHANGING}
    values["reason"] = storable(file.reason)
    _put.count(
        connection,
        partner_id=partner_id,
        folder=folder,
        path_sha256=sha256_of(file.path),
        path=file.path,
        **values,
    )


def of_folder(connection: Connection, partner_id: str, folder: str) -> dict[bytes, SeenFile]:
    """All that is known of the files of a folder, by their paths."""
    query = select(*_COLUMNS).where(_FILE.c.partner_id == partner_id, _FILE.c.folder == folder)
    return {seen.path: seen for seen in map(_seen, connection.execute(query))}


def get(connection: Connection, partner_id: str, folder: str, path: bytes) -> SeenFile | None:
    """What is known of one file."""
    row = connection.execute(select(*_COLUMNS).where(_is(partner_id, folder, path))).one_or_none()
    return _seen(row) if row is not None else None


def stuck(connection: Connection, partner_id: str, folder: str, limit: int) -> list[SeenFile]:
    """Files that something is wrong with, those that were tried most often first."""
    query = select(*_COLUMNS).where(_FILE.c.partner_id == partner_id, _FILE.c.folder == folder, _FILE.c.reason != "")
    rows = connection.execute(query.order_by(_FILE.c.attempts.desc(), _FILE.c.path_sha256).limit(limit))
    return [_seen(row) for row in rows]


def count_stuck(connection: Connection, partner_id: str, folder: str) -> int:
    """How many files of a folder something is wrong with."""
    theirs = and_(_FILE.c.partner_id == partner_id, _FILE.c.folder == folder, _FILE.c.reason != "")
    return connection.scalar(select(func.count()).select_from(_FILE).where(theirs)) or 0


def forget(connection: Connection, partner_id: str, folder: str, paths: Iterable[bytes]) -> None:
    """These files are no more, or nothing has to be known of them any longer."""
    for path in paths:
        connection.execute(delete(_FILE).where(_is(partner_id, folder, path)))


def purge(connection: Connection, before_ms: int) -> int:
    """Forget up to PURGED_AT_ONCE files that were not seen since; returns how many."""
    keys = [_FILE.c.partner_id, _FILE.c.folder, _FILE.c.path_sha256]
    rows = connection.execute(select(*keys).where(_FILE.c.seen_at_ms < before_ms).limit(PURGED_AT_ONCE)).all()
    for partner_id, folder, path_sha256 in rows:
        is_it = and_(_FILE.c.partner_id == partner_id, _FILE.c.folder == folder, _FILE.c.path_sha256 == path_sha256)
        # It may have been seen while this was under way.
        connection.execute(delete(_FILE).where(is_it, _FILE.c.seen_at_ms < before_ms))
    return len(rows)


def _seen(row: Sequence[Any]) -> SeenFile:
    path, *others = row
    return SeenFile(bytes(path), *others)


def _is(partner_id: str, folder: str, path: bytes) -> ColumnElement[bool]:
    return and_(_FILE.c.partner_id == partner_id, _FILE.c.folder == folder, _FILE.c.path_sha256 == sha256_of(path))
