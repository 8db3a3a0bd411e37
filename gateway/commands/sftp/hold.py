"""`gateway sftp hold`: folders of a partner's server that nobody looks into for now."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from gateway.commands.opening import open_settings
from gateway.commands.output import print_json, say
from gateway.commands.parsing import Parser, Unusable, Verbs, add_config, add_format, verb
from gateway.commands.profiles import profile_of
from gateway.commands.storing import actor, changing, now_ms
from gateway.flow import operations
from gateway.flow.collecting import acts
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.remote_folders import StoredFolder

T = TypeVar("T")


def build(under: Verbs) -> None:
    """Add the verb."""
    hold = verb(
        under,
        "hold",
        _hold,
        does="do not look into folders of a partner's server for now; what lies there stays there",
        example="gateway sftp hold acme-supply --reason 'they move their server'",
    )
    hold.add_argument("--reason", default="", help="why, for the list and the audit")
    add_named(hold)


def add_named(parser: Parser) -> None:
    """Whose folders: all of a partner, or one."""
    parser.add_argument("partner", metavar="PARTNER", help="id of the partner")
    parser.add_argument("name", metavar="NAME", nargs="?", help="of the folder, as the profile has it (default: all)")
    add_format(parser)
    add_config(parser)


def _hold(called: argparse.Namespace) -> int:
    why = called.reason.strip()
    held = act(called, partial(acts.hold, why=why))
    return tell(called, held, "held", "is not looked into until `gateway sftp resume`")


def act(called: argparse.Namespace, done: Callable[..., list[StoredFolder]]) -> list[StoredFolder]:
    """Do what is asked for with the folders that the call names; returns them."""
    unit = partial(done, partner_id=called.partner, name=called.name, actor=actor(), now_ms=now_ms())
    settings = open_settings(called)
    with changing(settings) as database:
        return acted(settings, database, called.partner, unit)


def acted(settings: Settings, database: Database, partner_id: str, unit: Callable[[Connection], T]) -> T:
    """What an act on folders of a partner returns.

    Raises:
        Unusable: there is no such partner or folder, or it cannot be done; the text says which.
    """
    try:
        return database.write_now(unit)
    except operations.Unknown as unknown:
        # What is looked into is known without the profile, so that is looked up only to say what is wrong.
        profile_of(settings, partner_id)
        raise Unusable(str(unknown)) from None
    except operations.NotPossible as refused:
        raise Unusable(str(refused)) from None


def tell(called: argparse.Namespace, folders: list[StoredFolder], state: str, words: str) -> int:
    """Say what was done; the exit code."""
    if called.format == "json":
        print_json({"partner": called.partner, "folders": [folder.name for folder in folders], state: True})
        return 0
    for folder in folders:
        say(f"{called.partner}/{folder.name} {words}")
    return 0
