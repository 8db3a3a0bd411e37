"""`gateway sftp hold`: folders of a partner's server that nobody looks into for now."""

import argparse
from collections.abc import Callable
from functools import partial

from gateway.commands.opening import open_settings
from gateway.commands.output import print_json, say
from gateway.commands.parsing import Parser, Verbs, add_config, add_format, verb
from gateway.commands.storing import actor, changing, now_ms, or_unusable
from gateway.flow import operations
from gateway.flow.collecting import acts
from gateway.store.remote_folders import StoredFolder


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
    with changing(open_settings(called)) as database:
        return or_unusable(partial(database.write_now, unit), operations.Unknown, operations.NotPossible)


def tell(called: argparse.Namespace, folders: list[StoredFolder], state: str, words: str) -> int:
    """Say what was done; the exit code."""
    if called.format == "json":
        print_json({"partner": called.partner, "folders": [folder.name for folder in folders], state: True})
        return 0
    for folder in folders:
        say(f"{called.partner}/{folder.name} {words}")
    return 0
