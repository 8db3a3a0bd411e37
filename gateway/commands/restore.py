"""`gateway restore`: bring a backup back, so that nothing that was given out is given out again."""

import argparse
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from gateway.commands.backup import PG_DUMP, folders
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, say
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, count, leaf
from gateway.commands.storing import actor, changing, now_ms
from gateway.settings import DATABASE_FILE, LOCK_FILE, Settings
from gateway.store.backup import (
    DATABASE,
    SHARED_FOLDER,
    BackupError,
    Manifest,
    Restored,
    move_ahead,
    put_in_place,
    unpack_archive,
)

CHECKS = """\
before you start the gateway:
  1. gateway partner check       the profiles fit the settings and the keys
  2. gateway certs list          no key is missing; the passphrase is set as it was then
  3. what came after {made_at} is not in the store: ask partners to send it again, or publish it from the ERP's side.
     Repetitions of what came before it are recognised as before.
  4. events that were published after that moment are published again with the same ids: the ERP drops them by id
  5. deliveries that were open then are sent again with the same Message-ID: partners who have them answer as before"""


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway restore gateway-2027-01-31.tar.gz\n"
        "gateway restore --after-database-restore     # PostgreSQL: after pg_restore, before the first serve",
    )
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="an archive that `gateway backup` made")
    parser.add_argument(
        "--force",
        action="store_true",
        help="also where a database or profiles exist: they are moved aside",
    )
    parser.add_argument(
        "--without-profiles",
        action="store_true",
        help="leave partners_dir as it is: the profiles come from version control, or lie on a mount of their own",
    )
    parser.add_argument(
        "--after-database-restore",
        action="store_true",
        help="only move control numbers and sequences ahead, in a database that was restored by other means",
    )
    parser.add_argument(
        "--step", type=count, metavar="N", help="how far to move them (default: restore_step of the settings)"
    )
    add_format(parser)
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    if called.after_database_restore == (called.file is not None):
        raise Unusable("give either the FILE of a backup or --after-database-restore")
    step = called.step or settings.restore_step
    if called.after_database_restore:
        with _nobody_serves(settings):
            moved = _move_ahead(settings, step)
        _tell(called, moved, None, {}, step)
        return 0
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _nobody_serves(settings):
        places = {name: path for name, path in folders(settings).items() if _is_wanted(called, name)}
        if settings.database_url is None:
            places[DATABASE] = settings.data_dir / DATABASE_FILE
        _must_be_replaceable(list(places.values()), force=called.force)
        manifest, restored, aside = _bring_back(settings, called.file, places, step)
    _tell(called, restored, manifest, aside, step)
    return 0


@contextmanager
def _nobody_serves(settings: Settings) -> Iterator[None]:
    """Hold the lock of data_dir, so that no gateway runs there now or starts meanwhile."""
    if not settings.data_dir.is_dir():
        yield
        return
    with (settings.data_dir / LOCK_FILE).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unusable(f"a gateway runs on {settings.data_dir}; stop it first, then restore") from None
        yield


def _is_wanted(called: argparse.Namespace, name: str) -> bool:
    return name != SHARED_FOLDER or not called.without_profiles


def _must_be_replaceable(places: list[Path], *, force: bool) -> None:
    """Everything is looked at before anything is moved: a restore that stops half-way helps nobody."""
    for path in places:
        if not force and (path.is_file() or (path.is_dir() and any(path.iterdir()))):
            raise Unusable(f"{path} exists; restore into an empty place, or use --force to move it aside")
        if path.is_mount() or not os.access(_existing(path.parent), os.W_OK | os.X_OK):
            raise Unusable(
                f"{path} cannot be replaced: it is a mount, or its folder is not writable; "
                "profiles that come from elsewhere are left alone with --without-profiles"
            )


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _bring_back(
    settings: Settings, archive: Path, places: dict[str, Path], step: int
) -> tuple[Manifest, Restored | None, dict[str, str]]:
    """Unpack everything, make the database safe to go on with, and only then move all of it into place."""
    if not archive.is_file():
        raise Unusable(f"{archive}: no such file; name an archive that `gateway backup` made")
    now = datetime.now(UTC)
    aside: dict[str, str] = {}
    restored = None
    with tempfile.TemporaryDirectory(prefix=".gateway-restore-", dir=settings.data_dir) as scratch:
        unpacked = Path(scratch)
        try:
            manifest = unpack_archive(archive, unpacked)
        except BackupError as error:
            raise Unusable(str(error)) from error
        if manifest.database == "sqlite":
            if settings.database_url is not None:
                raise Unusable(
                    f"{archive} holds a SQLite database, but database_url names another; "
                    "unset database_url to restore it"
                )
            # Before it has its name: a restore that is cut off never leaves a database that gives numbers out again.
            restored = _move_ahead(settings.model_copy(update={"data_dir": (unpacked / DATABASE).parent}), step)
        for name, place in places.items():
            if (unpacked / name).exists():
                moved = put_in_place(unpacked / name, place, f"before-restore-{now:%Y%m%dT%H%M%SZ}")
                if moved is not None:
                    aside[str(place)] = str(moved)
    return manifest, restored, aside


def _move_ahead(settings: Settings, step: int) -> Restored:
    who = actor()
    with changing(settings) as database:
        return database.write_now(partial(move_ahead, step=step, now_ms=now_ms(), actor=who.name))


def _tell(
    called: argparse.Namespace, restored: Restored | None, manifest: Manifest | None, aside: dict[str, str], step: int
) -> None:
    if called.format == "json":
        print_json(
            {
                "made_at": manifest.made_at if manifest else None,
                "database": manifest.database if manifest else None,
                "files": len(manifest.files) if manifest else 0,
                "moved_aside": aside,
                "step": step,
                "moved_ahead": asdict(restored) if restored else None,
            }
        )
        return
    if manifest is not None:
        say(f"restored {len(manifest.files)} files of the backup made at {manifest.made_at}", style="green")
    for place, moved in aside.items():
        say(f"  what was in {place} is now {moved}")
    if restored is not None:
        say(f"  {restored.scopes} control number counters and {restored.lanes} sequences moved ahead by {step:,}")
    else:
        note(PG_DUMP)
    for line in CHECKS.format(made_at=manifest.made_at if manifest else "the dump").splitlines():
        say(line)
