"""`gateway messages evidence`: everything that is kept of a message or a delivery, in a zip that verifies offline."""

import argparse
import os
import secrets
import tempfile
from functools import partial
from pathlib import Path

from certs.certificates import KeyPair
from certs.keyring import KeyRingError
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, say, size
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, shown, verb
from gateway.commands.storing import or_unusable, reading
from gateway.flow import evidence
from gateway.flow.certificates.keys import passphrase_of, unlock
from gateway.settings import Settings
from gateway.store import keys
from gateway.store.database import Database


def build(under: "argparse._SubParsersAction[Parser]") -> None:
    """Add the verb."""
    parser = verb(
        under,
        "evidence",
        _run,
        does="a zip with raw message, receipt, certificates and timeline, and a README that says how to verify it",
        example="gateway messages evidence 01J9ZK4T3M8Q6W2E7R5Y1X0ABC -o claim-4711.zip",
    )
    parser.add_argument("message", metavar="ID", help="id of a received message or of a delivery")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to (default: evidence-ID.zip here)")
    parser.add_argument(
        "--sealed",
        action="store_true",
        help="do not open with our keys what was encrypted for us; the README says how the keeper of the key does",
    )
    add_format(parser)
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    name = "".join(character if character.isalnum() or character in "-_." else "_" for character in called.message)
    target: Path = called.output or Path(f"evidence-{name}.zip")
    if target.exists():
        raise Unusable(f"{target} is there already; name another file with -o, or move it away")
    if not target.parent.is_dir():
        raise Unusable(f"there is no folder {shown(target.parent)}; make it, or name another file with -o")
    with reading(settings) as database, tempfile.TemporaryDirectory(dir=target.parent, prefix=".evidence-") as place:
        our_keys = () if called.sealed else _our_keys(settings, database)
        folder = Path(place) / "files"
        folder.mkdir()
        unit = partial(
            evidence.gather,
            subject_id=called.message,
            folder=folder,
            our_keys=our_keys,
            decompressed_bytes_max=settings.limits.decompressed_bytes_max,
        )
        or_unusable(partial(database.read_now, unit), evidence.NoEvidence)
        # Whole or not at all: a zip that was cut off must not lie there under its name.
        unfinished = Path(place) / f"{secrets.token_hex(8)}.zip"
        # For its owner alone: what was encrypted lies open in it.
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            evidence.pack(folder, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(target)
    written = target.stat().st_size
    if called.format == "json":
        print_json({"message": called.message, "file": str(target), "bytes": written})
        return 0
    say(f"{target} ({size(written)}): its README.txt says what it proves, and with which commands")
    return 0


def _our_keys(settings: Settings, database: Database) -> tuple[KeyPair, ...]:
    """Our keys, as far as they can be opened here; without them what was encrypted stays so."""
    stored = [one for one in database.read_now(keys.every) if one.wrapped_key]
    try:
        passphrase = passphrase_of(settings) if stored else b""
        return tuple(unlock(one, passphrase) for one in stored)
    except KeyRingError as error:
        note(f"what was encrypted for us stays closed in it: {error}")
        return ()
