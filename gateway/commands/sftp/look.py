"""`gateway sftp look`: folders of a partner's server that are looked into now."""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection

from gateway.commands.opening import open_settings
from gateway.commands.output import counted, note, print_json, say
from gateway.commands.parsing import Verbs, count, verb
from gateway.commands.profiles import directory_of
from gateway.commands.serving import is_served
from gateway.commands.sftp.hold import acted, add_named
from gateway.commands.storing import actor, changing, now_ms
from gateway.flow.collecting import acts
from gateway.flow.collecting.views import folder_views
from gateway.settings import Settings
from gateway.store import remote_folders
from gateway.store.database import Database
from gateway.store.remote_folders import StoredFolder

POLL_S = 0.2
WAITED_S_MAX = 600


def build(under: Verbs) -> None:
    """Add the verb."""
    look = verb(
        under,
        "look",
        _look,
        does="have the running gateway look into folders of a partner's server now, whatever their schedule says",
        example="gateway sftp look acme-supply\ngateway sftp look acme-supply orders --wait",
    )
    look.add_argument(
        "--wait",
        nargs="?",
        type=count,
        const=WAITED_S_MAX,
        metavar="SECONDS",
        help=f"until that is done: exit code 0 if it went well, 1 if not; for at most SECONDS (default {WAITED_S_MAX})",
    )
    add_named(look)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for.

    Attributes:
        folders: by name, as they were.
        failures: of their server in a row, before.
    """

    folders: Mapping[str, StoredFolder]
    at_ms: int
    failures: int


def _look(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    with changing(settings) as database:
        asked = _ask(settings, database, called)
        if called.wait is not None:
            return _follow(called, settings, database, asked)
    if called.format == "json":
        print_json({"partner": called.partner, "folders": list(asked.folders), "asked": True})
        return 0
    names = ", ".join(asked.folders)
    say(f"the gateway looks into {names} of {called.partner} now; `gateway sftp folders` shows how it went")
    _tell_unserved(settings)
    return 0


def _ask(settings: Settings, database: Database, called: argparse.Namespace) -> _Asked:
    at_ms, who = now_ms(), actor()

    def unit(connection: Connection) -> _Asked:
        failures = _failures(connection, called.partner)
        folders = acts.look_now(connection, called.partner, called.name, who, at_ms)
        return _Asked({folder.name: folder for folder in folders}, at_ms, failures)

    return acted(settings, database, called.partner, unit)


def _failures(connection: Connection, partner_id: str) -> int:
    server = remote_folders.get_server(connection, partner_id)
    return server.failures if server is not None else 0


def _follow(called: argparse.Namespace, settings: Settings, database: Database, asked: _Asked) -> int:
    """Wait until every folder was looked into, or could not be; whether all of that went well."""
    _tell_unserved(settings)
    until_s = time.monotonic() + called.wait
    partner, directory = called.partner, directory_of(settings)
    while waited := database.read_now(partial(_unsettled, partner_id=partner, asked=asked)):
        if time.monotonic() >= until_s:
            break
        time.sleep(POLL_S)

    def unit(connection: Connection) -> tuple[list[dict[str, Any]], dict[str, StoredFolder]]:
        folders = {folder.name: folder for folder in remote_folders.every(connection, partner)}
        return folder_views(connection, directory, now_ms(), partner), folders

    views, after = database.read_now(unit)
    is_fine = True
    for view in views:
        before = asked.folders.get(str(view["name"]))
        if before is None:
            continue
        now = after[before.name]
        was_looked = now.succeeded_at_ms != before.succeeded_at_ms and before.name not in waited
        is_fine &= was_looked
        if called.format == "json":
            print_json(view | {"looked": was_looked})
        elif was_looked:
            fetched = counted(now.files_fetched - before.files_fetched, "file")
            there = _there(view)
            style = "yellow" if there else "green"
            say(f"{partner}/{before.name}: looked into, {fetched} fetched{there}", style=style)
        else:
            why = "nobody has looked yet" if before.name in waited else view["reason"]
            say(f"{partner}/{before.name}: {why}", style="red")
    return 0 if is_fine else 1


def _there(view: Mapping[str, Any]) -> str:
    """What the look left there, each kind with what becomes of it; empty where nothing is left."""
    left = [f"{counted(view['files'][kind], 'file')} {words}" for kind, words in _LEFT.items() if view["files"][kind]]
    if not left:
        return ""
    why = f"; {view['reason']}" if view["reason"] else ""
    again = f"; looked at again at {view['next_look_at']}" if view["next_look_at"] is not None else ""
    return f"; {', '.join(left)}{why}{again}"


_LEFT = {
    "growing": "still growing, or not yet unchanged for long enough (`stable_s`)",
    "waiting": "waiting to be fetched",
    "empty": "without content yet",
    "stuck": "stuck: `gateway sftp folders` tells why",
}


def _unsettled(connection: Connection, partner_id: str, asked: _Asked) -> set[str]:
    """Folders that nobody has looked into since that was asked for; none where their server does not answer."""
    if _failures(connection, partner_id) > asked.failures:
        return set()
    # Whoever has looked has set another time for the next look.
    theirs = remote_folders.every(connection, partner_id)
    return {one.name for one in theirs if one.name in asked.folders and one.next_look_at_ms == asked.at_ms}


def _tell_unserved(settings: Settings) -> None:
    if is_served(settings) is False:
        note("no gateway runs here now: it looks once `gateway serve` does")
