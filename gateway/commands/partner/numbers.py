"""`gateway partner numbers`: the control numbers we gave out to partners, and those that were left out."""

import argparse
from dataclasses import asdict
from functools import partial

from gateway.commands.opening import open_settings
from gateway.commands.output import print_json, print_table, say
from gateway.commands.parsing import Verbs, add_config, add_format, verb
from gateway.commands.profiles import profile_of
from gateway.commands.storing import reading
from gateway.flow.views import instant
from gateway.store.partners import control_numbers
from gateway.store.partners.control_numbers import Gap, GivenOut

_KINDS = {"ISA": "interchange (ISA13)", "GS": "group (GS06)", "ST": "set (ST02)"}


def build(under: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        under,
        "numbers",
        _run,
        does="the control numbers we gave out last, and those that were left out and why",
        example="gateway partner numbers acme-supply",
    )
    parser.add_argument("partner", metavar="ID", help="id of the partner")
    add_format(parser)
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    addresses = [f"|{item.qualifier}/{item.id}|" for item in profile_of(settings, called.partner).profile.x12]
    with reading(settings) as database:
        given: list[GivenOut] = []
        gaps: list[Gap] = []
        for address in addresses:
            given += database.read_now(partial(control_numbers.given_out, scope_part=address))
            gaps += database.read_now(partial(control_numbers.abandoned, scope_part=address))
    if called.format == "json":
        left_out = [asdict(gap) | {"created_at_ms": instant(gap.created_at_ms)} for gap in gaps]
        print_json({"given_out": [asdict(one) for one in given], "left_out": left_out})
        return 0
    print_table(
        ("NUMBER", "FROM", "TO", "USAGE", "LAST", "RANGE"),
        [(*_scope(one.scope), f"{one.last}", f"{one.least} to {one.most}") for one in given],
        empty="no control number was given out to this partner yet",
    )
    if gaps:
        say()
        rows = [
            (*_scope(gap.scope), f"{gap.first} to {gap.last}", instant(gap.created_at_ms), gap.reason) for gap in gaps
        ]
        print_table(("NUMBER", "FROM", "TO", "USAGE", "LEFT OUT", "SINCE", "WHY"), rows, empty="")
    return 0


def _scope(scope: str) -> tuple[str, str, str, str]:
    kind, ours, theirs, usage = scope.split("|", 3)
    return _KINDS.get(kind, kind), ours, theirs, usage
