"""`gateway operator`: tokens for the operator port. A token is shown once; the store keeps its SHA-256."""

import argparse
import re
import secrets
from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_table, say
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, shown, verb, verbs
from gateway.commands.storing import actor, changing, now_ms, reading
from gateway.flow.operations import Actor
from gateway.flow.views import instant
from gateway.store.oversight import audit, operators
from gateway.store.oversight.operators import Role

TOKEN_BYTES = 32
_LABEL = re.compile(r"[a-z0-9][a-z0-9.@_-]{0,62}")
_MAY: Mapping[str, str] = {
    Role.VIEWER.value: "reads",
    Role.OPERATOR.value: "reads, replays, reprocesses, retries, reports outcomes",
    Role.ADMIN.value: "may do everything",
}


def build(parser: Parser) -> None:
    """Add the verbs below `token`."""
    nouns = verbs(parser)
    token: Parser = nouns.add_parser(
        "token", help="tokens for the operator port", description="Tokens for the operator port."
    )
    under = verbs(token)
    new = verb(
        under,
        "new",
        _new,
        does="make a token: shown once, kept as its SHA-256",
        example="TOKEN=$(gateway operator token new --label monitoring --role viewer)\n"
        'curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8081/metrics',
    )
    new.add_argument("--label", required=True, type=_label, help="whose it is, as it appears in the audit")
    new.add_argument(
        "--role",
        choices=[role.value for role in Role],
        default=Role.VIEWER.value,
        help="; ".join(f"{name}: {what}" for name, what in _MAY.items()) + " (default viewer)",
    )
    listing = verb(
        under,
        "list",
        _list,
        does="whose tokens there are and when each was used last",
        example="gateway operator token list",
    )
    remove = verb(
        under,
        "remove",
        _remove,
        does="remove the tokens of a label; they stop working at once",
        example="gateway operator token remove monitoring",
    )
    remove.add_argument("label", type=_label, help="as `gateway operator token list` shows it")
    add_format(new)
    add_format(listing, "one object a line, one line a token")
    add_format(remove)
    for each in (new, listing, remove):
        add_config(each)


def _new(called: argparse.Namespace) -> int:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with changing(open_settings(called), create=True) as database:
        database.write_now(
            partial(_add, token=token, label=called.label, role=Role(called.role), who=actor(), at_ms=now_ms())
        )
    if called.format == "json":
        print_json({"label": called.label, "role": called.role, "token": token})
        return 0
    note("this is the only time the token is shown")
    say(token)
    return 0


def _add(connection: Connection, token: str, label: str, role: Role, who: Actor, at_ms: int) -> None:
    if any(known == label for known, _, _, _ in operators.all_tokens(connection)):
        raise Unusable(f"{label} has a token already; remove it first, or choose another --label")
    operators.add(connection, operators.token_sha256(token), label, role, at_ms)
    audit.record(connection, audit.Act(at_ms, who.name, "token.new", label, who.remote, {"role": role.value}))


def _list(called: argparse.Namespace) -> int:
    with reading(open_settings(called)) as database:
        tokens = database.read_now(operators.all_tokens)
    if called.format == "json":
        for label, role, created, used in tokens:
            print_json({"label": label, "role": role, "created_at": instant(created), "last_used_at": instant(used)})
        return 0
    print_table(
        ("LABEL", "ROLE", "CREATED", "LAST USED"),
        [(label, role, instant(created), instant(used) or "never") for label, role, created, used in tokens],
        empty="no tokens; make one with `gateway operator token new --label NAME`",
    )
    return 0


def _remove(called: argparse.Namespace) -> int:
    with changing(open_settings(called)) as database:
        database.write_now(partial(_take_away, label=called.label, who=actor(), at_ms=now_ms()))
    if called.format == "json":
        print_json({"label": called.label, "removed": True})
    else:
        say(f"the token of {called.label} no longer opens the operator port")
    return 0


def _take_away(connection: Connection, label: str, who: Actor, at_ms: int) -> None:
    if not operators.remove(connection, label):
        raise Unusable(f"there is no token of {shown(label)}; `gateway operator token list` shows those there are")
    audit.record(connection, audit.Act(at_ms, who.name, "token.remove", label, who.remote, {}))


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{shown(text)} is no label; use small letters, digits, dots, hyphens, underscores and @"
        )
    return text
