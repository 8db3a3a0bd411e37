"""`gateway sftp folders`: what we fetch from partners' servers, when, and what stays there and why."""

import argparse
from functools import partial
from typing import Any

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_table, say
from gateway.commands.parsing import Verbs, add_config, add_format, verb
from gateway.commands.profiles import directory_of
from gateway.commands.storing import now_ms, reading
from gateway.flow.collecting.named import named_by
from gateway.flow.collecting.views import folder_views

_FILES_SHOWN = ("waiting", "growing", "stuck", "empty")


def build(under: Verbs) -> None:
    """Add the verb."""
    listing = verb(
        under,
        "folders",
        _list,
        does="folders of partners' servers that we fetch from: the last look and the next, what lies there, what fails",
        example="gateway sftp folders\ngateway sftp folders --partner acme-supply --format json",
    )
    listing.add_argument("--partner", metavar="ID", help="only those of this partner")
    add_format(listing, "one object a line, one line a folder")
    add_config(listing)


def _list(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    directory = directory_of(settings)
    with reading(settings) as database:
        views = database.read_now(
            partial(folder_views, directory=directory, now_ms=now_ms(), partner_id=called.partner)
        )
    if called.format == "json":
        for view in views:
            print_json(view)
        return 0
    print_table(
        ("PARTNER/NAME", "STATE", "LAST LOOK", "NEXT LOOK", "FETCHED", "THERE", "REASON"),
        [_row(view) for view in views],
        empty="nothing is fetched from any partner; a profile says so under `sftp_server.fetch`",
    )
    known = {(view["partner"], view["name"]) for view in views}
    for one in named_by(directory):
        key = one.partner.id, one.terms.name
        if key not in known and called.partner in (None, one.partner.id):
            note(f"{'/'.join(key)} is new: it is looked into once the running gateway has read the profile")
    for view in views:
        for file in view["stuck"]:
            say(f"{view['partner']}/{view['name']}: {file['file']}: {file['reason']}", style="dim")
    return 0


def _row(view: dict[str, Any]) -> tuple[str | int, ...]:
    files = view["files"]
    there = ", ".join(f"{files[name]} {name}" for name in _FILES_SHOWN if files[name])
    tries = f" ({view['failures']} in a row)" if view["failures"] else ""
    return (
        f"{view['partner']}/{view['name']}",
        view["state"],
        view["last_look_at"] or "never",
        view["next_look_at"] or "",
        files["fetched"],
        there,
        f"{view['reason'] or ''}{tries}",
    )
