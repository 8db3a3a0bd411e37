"""`gateway audit`: who did or tried what, and why."""

import argparse
from functools import partial

import orjson

from gateway.commands.opening import open_settings
from gateway.commands.output import print_json, print_table
from gateway.commands.parsing import Parser, add_config, add_format, add_limit, leaf
from gateway.commands.storing import reading
from gateway.model.instants import rfc3339
from gateway.store.oversight import audit
from gateway.store.oversight.audit import Act


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway audit\n"
        "gateway audit --action partner.go-live           # who let whom go live, forced or not\n"
        "gateway audit --action refused --limit 20        # what was refused at the doors\n"
        "gateway audit --subject acme-supply --format json",
    )
    parser.add_argument("--action", help="only acts that begin so, such as partner.go-live, message or refused")
    parser.add_argument("--actor", help="only acts of those who begin so, such as command: or operator:anna")
    parser.add_argument("--subject", help="only acts upon this: a partner, a message, a case")
    add_limit(parser, 100)
    add_format(parser, "one object a line, one line an act, the newest first")
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    query = partial(audit.find, action=called.action, actor=called.actor, subject=called.subject, limit=called.limit)
    with reading(open_settings(called)) as database:
        found = database.read_now(query)
    if called.format == "json":
        for act in found:
            print_json(_as_json(act))
        return 0
    # What people do by a command has no address, so that a column of it would mostly be empty.
    has_addresses = any(act.remote for act in found)
    print_table(
        ("AT", "WHO", *(["FROM"] if has_addresses else []), "ACT", "UPON", "DETAIL"),
        [
            (
                rfc3339(act.at_ms),
                act.actor,
                *([act.remote] if has_addresses else []),
                act.action,
                act.subject,
                orjson.dumps(act.detail).decode(),
            )
            for act in found
        ],
        empty="nothing of the kind was done or tried",
    )
    return 0


def _as_json(act: Act) -> dict[str, object]:
    return {
        "at": rfc3339(act.at_ms),
        "actor": act.actor,
        "action": act.action,
        "subject": act.subject,
        "remote": act.remote,
        "detail": act.detail,
    }
