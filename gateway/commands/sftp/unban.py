"""`gateway sftp unban`: a network that may try to log in again before its time."""

import argparse
import ipaddress
from functools import partial

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, say
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, shown, verb
from gateway.commands.sftp.bans import view
from gateway.commands.storing import actor, changing, now_ms, or_unusable
from gateway.edge.connection import network_of
from gateway.flow.operations import Unknown
from gateway.flow.sftp_bans import lift


def build(under: Verbs) -> None:
    """Add the verb."""
    unban = verb(
        under,
        "unban",
        _unban,
        does="let a network in again that was shut out of our SFTP server; what it did before is forgotten",
        example="gateway sftp unban 203.0.113.7",
    )
    unban.add_argument("address", metavar="ADDRESS", help="an address of it, or the network as `bans` shows it")
    add_format(unban)
    add_config(unban)


def _unban(called: argparse.Namespace) -> int:
    try:
        ipaddress.ip_address(called.address)
    except ValueError:
        raise Unusable(f"{shown(called.address)} is no address; `gateway sftp bans` shows who is shut out") from None
    unit = partial(lift, network=network_of(called.address), actor=actor(), now_ms=now_ms())
    with changing(open_settings(called)) as database:
        ban = or_unusable(partial(database.write_now, unit), Unknown)
    if called.format == "json":
        print_json(view(ban, now_ms()))
        return 0
    say(f"{ban.network} may log in again, within seconds")
    note("where a partner comes from there for good, name the address in `sftp.networks` of its profile")
    return 0
