"""`gateway partner sheet`: who we are and what we exchange, on a page to send to the partner."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from certs.lives import planned_after, signer_at
from gateway.commands.certs_listing import held_in
from gateway.commands.opening import open_settings
from gateway.commands.output import print_json, say
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, verb
from gateway.commands.partner.ssh_facts import host_keys_for, ssh_key_for
from gateway.commands.profiles import connection_of, profile_of
from gateway.onboarding.founding.sheet import Sheet, our_identity, sheet_text
from gateway.settings import Settings
from partners.loader import LoadedProfile


def build(under: Verbs) -> None:
    """Add `sheet`."""
    parser = verb(
        under,
        "sheet",
        _sheet,
        does="the sheet for a partner: our ids, addresses and keys, documents, acknowledgments, whom to ask",
        example="gateway partner sheet acme-supply | mail -s 'EDI with BigCorp' edi@acme.example",
    )
    parser.add_argument("partner", metavar="ID", help="id of the partner")
    parser.add_argument("--file", type=Path, metavar="FILE", help="write it there; it must not exist")
    add_format(parser)
    add_config(parser)


def sheet_of(settings: Settings, loaded: LoadedProfile) -> str:
    """The sheet of a partner as it is now."""
    now = datetime.now(UTC)
    identity = our_identity(loaded.profile, settings)
    lives = []
    if loaded.profile.as2 is not None and identity is not None:
        held = [life for life in held_in(settings).lives if life.identity == identity.name]
        signer = signer_at(held, now)
        lives = [*([signer] if signer is not None else []), *(one for one in planned_after(held, now) if one != signer)]
    return sheet_text(
        Sheet(
            loaded,
            settings,
            lives,
            now,
            connection_of(settings, loaded),
            ssh_key_for(settings, loaded, "on the sheet"),
            host_keys_for(settings, loaded, "on the sheet"),
        )
    )


def write_sheet(path: Path, sheet: str) -> None:
    """Into a file of its own; what is there already stays."""
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(sheet)
    except FileExistsError:
        raise Unusable(f"{path} exists; name a file that does not") from None
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}; name a file in a folder that can be written") from None


def _sheet(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    sheet = sheet_of(settings, profile_of(settings, called.partner))
    if called.file is not None:
        write_sheet(called.file, sheet)
    if called.format == "json":
        print_json({"partner": called.partner, "sheet": sheet})
    elif called.file is None:
        for line in sheet.splitlines():
            say(line)
    return 0
