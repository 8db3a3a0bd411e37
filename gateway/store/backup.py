"""Backup and restore: one archive with a consistent copy of the database and the partners' profiles.

    manifest.json        what the archive holds, each file with its size and SHA-256
    database/gateway.db  the SQLite database at one moment, our private keys in it encrypted (PostgreSQL: see pg_dump)
    keys/...             the folder in which earlier versions kept the keys, where there still is one
    partners/...         the profiles and the files beside them

A restored database stands at the moment of the backup. What was given out after that moment must not be given out
again, so control numbers and lane sequences move ahead by a step; what partners were seen to use before it is in the
tables themselves, so the windows in which duplicates are noticed go on where they were.
"""

import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

import orjson
from sqlalchemy import Connection, delete, text, update

from gateway.store import messages
from gateway.store.api_tables import TokenKey
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.engine.statements import table_of
from gateway.store.events import outbox
from gateway.store.oversight import audit
from gateway.store.partners import control_numbers
from gateway.store.tables import Lane

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "database/gateway.db"
SHARED_FOLDER = "partners"
MANIFEST_BYTES_MAX = 16 * 1_048_576
FILES_MAX = 200_000
PAGES_A_STEP = 2_048
CHUNK_BYTES = 1_048_576

Advance = Callable[[int], None]  # gets how many bytes are done by now


class BackupError(Exception):
    """The archive cannot be made or used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of an archive."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds.

    Attributes:
        made_at: RFC 3339, UTC.
        gateway_version: of the program that made it.
        database: ``sqlite`` when the database is in the archive, ``postgresql`` when pg_dump has to see to it.
        files: in the order of the archive.
    """

    made_at: str
    gateway_version: str
    database: str
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did to a database.

    Attributes:
        scopes: control number counters that were moved ahead.
        lanes: sequences that were moved ahead.
    """

    scopes: int
    lanes: int


# --- making ----------------------------------------------------------------------------------------------------------


def write_backup(
    target: Path,
    *,
    database: Path | None,
    folders: Mapping[str, Path],
    now: datetime,
    gateway_version: str,
    advance: Advance = lambda _: None,
) -> Manifest:
    """Write an archive, check it against its own manifest, and only then give it its name.

    Args:
        target: the archive; whatever bore its name is replaced in one step.
        database: the SQLite file, which may be in use; None with PostgreSQL.
        folders: what else to take, by its name in the archive; a folder that does not exist is left out.
        now: in UTC.
        gateway_version: for the manifest.
        advance: told how many bytes are done.

    Raises:
        BackupError: something could not be read or written; no archive was made.
    """
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with tempfile.TemporaryDirectory(prefix=".gateway-backup-", dir=target.parent) as scratch:
            sources = list(_folder_files(folders))
            if database is not None:
                snapshot = Path(scratch) / "gateway.db"
                copy_database(database, snapshot)
                sources.insert(0, (DATABASE, snapshot))
            kind = "postgresql" if database is None else "sqlite"
            made = _write_archive(unfinished, sources, Manifest(now.isoformat(), gateway_version, kind, ()), advance)
            check_archive(unfinished)
            unfinished.replace(target)
            _sync_folder(target.parent)
    except (OSError, sqlite3.Error, tarfile.TarError) as error:
        raise BackupError(f"the backup could not be made: {_words(error)}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return made


def copy_database(source: Path, copy: Path) -> None:
    """A consistent copy of a SQLite database that may be in use, as one file, checked.

    The source stays in one read transaction, so that writers (who go on beside it, thanks to WAL) cannot make the
    copying start over again and again.
    """
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as reader,
        closing(sqlite3.connect(copy, isolation_level=None)) as writer,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        reader.backup(writer, pages=PAGES_A_STEP, sleep=0)
        reader.execute("COMMIT")
        writer.execute("PRAGMA journal_mode=DELETE")
        check_database(writer)


def count_keys(database: Path) -> int:
    """How many private keys a SQLite database holds; it may be in use, or of an earlier version."""
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as reader:
        if not reader.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'own_key'").fetchone()[0]:
            return 0
        return int(reader.execute("SELECT count(*) FROM own_key WHERE length(wrapped_key) > 0").fetchone()[0])


def check_database(connection: sqlite3.Connection) -> None:
    """Raise `BackupError` when SQLite finds damage."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise BackupError(f"the database is damaged ({found}); keep the earlier backups and see `.recover` of sqlite3")


def _folder_files(folders: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """(name in the archive, file) of every regular file; links that leave the folder are not followed."""
    for name, folder in folders.items():
        if not folder.is_dir():
            continue
        inside = folder.resolve()
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.resolve().is_relative_to(inside):
                yield f"{name}/{path.relative_to(folder).as_posix()}", path


def _write_archive(target: Path, sources: list[tuple[str, Path]], head: Manifest, advance: Advance) -> Manifest:
    files: list[File] = []
    done = 0
    # It holds business documents and (encrypted) private keys: nobody else reads it, from the first byte on.
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=6) as archive:
            for name, path in sources:
                with path.open("rb") as content:
                    status = os.fstat(content.fileno())
                    reader = _Hashing(content, advance, done)
                    member = tarfile.TarInfo(name)
                    member.size, member.mtime, member.mode = (
                        status.st_size,
                        int(status.st_mtime),
                        status.st_mode & 0o777,
                    )
                    archive.addfile(member, reader)
                done = reader.done
                files.append(File(name, status.st_size, reader.sha256.hexdigest()))
            made = Manifest(head.made_at, head.gateway_version, head.database, tuple(files))
            described = orjson.dumps({"format": FORMAT} | asdict(made), option=orjson.OPT_INDENT_2)
            member = tarfile.TarInfo(MANIFEST)
            member.size, member.mode = len(described), 0o600
            archive.addfile(member, io.BytesIO(described))
        raw.flush()
        os.fsync(raw.fileno())
    return made


class _Hashing:
    """A file that is digested while it is read."""

    def __init__(self, content: BinaryIO, advance: Advance, done: int) -> None:
        self._content = content
        self._advance = advance
        self.done = done
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._content.read(size)
        self.sha256.update(piece)
        self.done += len(piece)
        self._advance(self.done)
        return piece


# --- reading ---------------------------------------------------------------------------------------------------------


def check_archive(archive: Path) -> Manifest:
    """The manifest of an archive whose every file is as the manifest says.

    Raises:
        BackupError: it is no archive of ours, or damaged.
    """
    return _read_archive(archive, None)


def unpack_archive(archive: Path, folder: Path) -> Manifest:
    """Unpack a whole, undamaged archive below an empty folder.

    Raises:
        BackupError: it is no archive of ours, or damaged; what was unpacked must not be used.
    """
    return _read_archive(archive, folder)


def _read_archive(archive: Path, folder: Path | None) -> Manifest:
    found: dict[str, File] = {}
    described: bytes | None = None
    try:
        with tarfile.open(archive, "r:gz") as opened:
            for member in opened:
                content = opened.extractfile(member) if member.isreg() else None
                if content is None or not _safe(member.name) or member.name in found or len(found) >= FILES_MAX:
                    raise BackupError(f"{archive} holds {member.name!r}, which no backup does; it was not made here")
                if member.name == MANIFEST:
                    described = content.read(MANIFEST_BYTES_MAX)
                else:
                    found[member.name] = _take(member, content, folder)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise BackupError(f"{archive} cannot be read as a backup: {_words(error)}") from error
    manifest = _manifest(archive, described)
    if {file.name: file for file in manifest.files} != found:
        raise BackupError(f"{archive} is damaged: its files are not those of its manifest; use another backup")
    return manifest


def _take(member: tarfile.TarInfo, content: IO[bytes], folder: Path | None) -> File:
    """Digest one member and, where a folder is given, write it there."""
    digest, size = hashlib.sha256(), 0
    with open(os.devnull if folder is None else _place(folder, member), "wb") as target:  # noqa: PTH123  # devnull too
        while piece := content.read(CHUNK_BYTES):
            digest.update(piece)
            size += len(piece)
            target.write(piece)
        if folder is not None:
            target.flush()
            os.fsync(target.fileno())
    return File(member.name, size, digest.hexdigest())


def _place(folder: Path, member: tarfile.TarInfo) -> Path:
    """An empty file in its place, readable by whoever could read it before; profiles may be shared, the rest is not."""
    *folders, name = PurePosixPath(member.name).parts
    place = folder
    for part in folders:
        place /= part
        place.mkdir(mode=0o755 if folders[0] == SHARED_FOLDER else 0o700, exist_ok=True)
    path = place / name
    path.touch(mode=0o600)
    path.chmod(member.mode & 0o777 if folders[:1] == [SHARED_FOLDER] else 0o600)
    return path


def _safe(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and "\0" not in name


def _manifest(archive: Path, described: bytes | None) -> Manifest:
    try:
        held = orjson.loads(described or b"")
        if held["format"] != FORMAT:
            raise BackupError(
                f"{archive} has the format {held['format']}, this program reads {FORMAT}; use a newer one"
            )
        files = tuple(File(str(file["name"]), int(file["bytes"]), str(file["sha256"])) for file in held["files"])
        return Manifest(str(held["made_at"]), str(held["gateway_version"]), str(held["database"]), files)
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{archive} has no readable manifest: it is no backup, or cut off; use another") from error


# --- restoring -------------------------------------------------------------------------------------------------------


def move_ahead(connection: Connection, step: int, now_ms: int, actor: str) -> Restored:
    """Make a restored database safe to go on with, in one transaction.

    Control numbers, lane sequences and positions in the event log that may have been given out after the backup are
    left out, so that nobody takes something new for something seen; leases of processes that are gone are given back.
    Access tokens from before it are good no more: whatever was revoked since is forgotten.
    """
    scopes = control_numbers.jump_ahead(connection, step, now_ms)
    lane = table_of(Lane)
    lanes = connection.execute(update(lane).values(last_sequence=lane.c.last_sequence + step)).rowcount
    _move_event_log_ahead(connection, step)
    messages.release_claims(connection, None, now_ms)
    outbox.release_claims(connection, None, now_ms)
    delivery_claims.release_claims(connection, None, now_ms)
    connection.execute(delete(table_of(TokenKey)))
    detail = {"step": step, "control_number_scopes": scopes, "lanes": lanes}
    audit.record(connection, audit.Act(now_ms, actor, "restore", "database", "", detail))
    return Restored(scopes, lanes)


def _move_event_log_ahead(connection: Connection, step: int) -> None:
    """Readers of the embedded log go on from the last position they saw: new events must lie behind it."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(
                "SELECT setval(s, nextval(s) + :step) FROM (SELECT pg_get_serial_sequence('event_log', 'position') s) q"
            ),
            {"step": step},
        )
        return
    # SQLite keeps a row for each AUTOINCREMENT table that ever held something.
    moved = connection.execute(
        text("UPDATE sqlite_sequence SET seq = seq + :step WHERE name = 'event_log'"), {"step": step}
    )
    if not moved.rowcount:
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES ('event_log', :step)"), {"step": step})


def put_in_place(source: Path, target: Path, aside: str) -> Path | None:
    """Move a restored file or folder to where it belongs; what stood there goes aside. Returns where to.

    Args:
        source: what was unpacked.
        target: its place.
        aside: suffix for the name of what stood there.
    """
    moved = None
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    if target.exists():
        moved = target.with_name(f"{target.name}.{aside}")
        target.rename(moved)
        # The write-ahead log belongs to the database beside it; left behind, it would be replayed into the new one.
        for suffix in ("-wal", "-shm"):
            log = target.with_name(target.name + suffix)
            if log.exists():
                log.rename(moved.with_name(moved.name + suffix))
    else:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for suffix in ("-wal", "-shm"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
    try:
        source.rename(target)
    except OSError:
        shutil.move(source, target)  # the profiles lie on another file system than the data
    _sync_folder(target.parent)
    return moved


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
