"""`gateway backup`: database with our keys and partner profiles in one archive, while the gateway runs."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from gateway import __version__
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, progress, say, size
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, leaf
from gateway.settings import DATABASE_FILE, KEY_RING_FOLDER, Settings
from gateway.store.backup import SHARED_FOLDER, BackupError, count_keys, write_backup

PG_DUMP = """\
the database is PostgreSQL, which this archive does not hold; it has our keys, too: back it up beside it:
  pg_dump --format=custom --file=gateway.dump "$GATEWAY_DATABASE_URL"
and to restore: pg_restore into an empty database, then `gateway restore --after-database-restore`"""


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway backup /backup/gateway-$(date +%F).tar.gz     # safe while the gateway runs\n"
        "gateway restore /backup/gateway-2027-01-31.tar.gz     # on an empty data_dir",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the archive to write; replaced only once it is whole")
    add_format(parser)
    add_config(parser)


def folders(settings: Settings) -> dict[str, Path]:
    """What an archive holds beside the database, by its name there."""
    return {KEY_RING_FOLDER: settings.key_ring_dir, SHARED_FOLDER: settings.partners_dir}


def _run(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    target: Path = called.file
    if target.is_dir() or not target.parent.is_dir():
        raise Unusable(f"{target}: name a file in a folder that exists, such as gateway-backup.tar.gz")
    database = settings.data_dir / DATABASE_FILE if settings.database_url is None else None
    if database is not None and not database.is_file():
        raise Unusable(f"there is no database in {settings.data_dir} (data_dir); name the settings with --config")
    expected = database.stat().st_size if database is not None else 0
    try:
        with progress("backup", expected) as advance:
            made = write_backup(
                target,
                database=database,
                folders=folders(settings),
                now=datetime.now(UTC),
                gateway_version=__version__,
                advance=advance,
            )
    except BackupError as error:
        raise Unusable(str(error)) from error
    held = {
        "file": str(target),
        "bytes": target.stat().st_size,
        "made_at": made.made_at,
        "database": made.database,
        "files": len(made.files),
        "keys": count_keys(database) if database is not None else None,
        "profiles": sum(file.name.endswith("/profile.yaml") for file in made.files),
    }
    if called.format == "json":
        print_json(held)
    else:
        say(f"{target}: {size(target.stat().st_size)}, checked against its manifest", style="green")
        what = f"the database with {held['keys']} private keys (encrypted), " if database is not None else ""
        say(f"  {what}{held['profiles']} partner profiles")
        if not held["profiles"]:
            note(f"no profiles were found in {settings.partners_dir} (partners_dir)")
        note("it does not hold the passphrase of the keys nor gateway.yaml: keep those in a safe place, too")
    if database is None:
        note(PG_DUMP)
    return 0
