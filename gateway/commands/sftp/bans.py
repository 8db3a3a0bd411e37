"""`gateway sftp bans`: networks that are shut out of our SFTP server for failed logins."""

import argparse

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_table
from gateway.commands.parsing import Verbs, add_config, add_format, verb
from gateway.commands.storing import now_ms, reading
from gateway.flow.views import instant
from gateway.store import sftp_bans
from gateway.store.sftp_bans import StoredBan


def build(under: Verbs) -> None:
    """Add the verb."""
    bans = verb(
        under,
        "bans",
        _bans,
        does="networks that are shut out of our SFTP server for failed logins, since when and until when",
        example="gateway sftp bans\ngateway sftp bans --all --format json | jq -r .network",
    )
    bans.add_argument("--all", action="store_true", help="those of the last day that are over or were lifted, too")
    add_format(bans, "one object a line, one line a network")
    add_config(bans)


def _bans(called: argparse.Namespace) -> int:
    with reading(open_settings(called)) as database:
        stored = database.read_now(sftp_bans.every)
    at_ms = now_ms()
    rows = [ban for ban in stored if called.all or _state(ban, at_ms) == "shut out"]
    if called.format == "json":
        for ban in rows:
            print_json(view(ban, at_ms))
        return 0
    print_table(
        ("NETWORK", "STATE", "SINCE", "UNTIL", "IN A ROW", "LAST ADDRESS"),
        [
            (
                ban.network,
                _state(ban, at_ms),
                instant(ban.banned_at_ms),
                instant(ban.lifted_at_ms or ban.until_ms),
                str(ban.in_a_row),
                ban.address,
            )
            for ban in rows
        ],
        empty="nobody is shut out",
    )
    if any(_state(ban, at_ms) == "shut out" for ban in rows):
        note("`gateway sftp unban NETWORK` lets one in again; `gateway audit --action refused` shows what they tried")
    return 0


def view(ban: StoredBan, at_ms: int) -> dict[str, object]:
    """A ban as programs read it."""
    return {
        "network": ban.network,
        "state": _state(ban, at_ms),
        "address": ban.address,
        "in_a_row": ban.in_a_row,
        "banned_at": instant(ban.banned_at_ms),
        "until": instant(ban.until_ms),
        "lifted_at": instant(ban.lifted_at_ms),
    }


def _state(ban: StoredBan, at_ms: int) -> str:
    if ban.lifted_at_ms is not None:
        return "lifted"
    return "shut out" if ban.until_ms > at_ms else "over"
