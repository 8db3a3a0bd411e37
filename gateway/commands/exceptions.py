"""`gateway exceptions`: what the gateway could not finish by itself."""

import argparse
from functools import partial

from sqlalchemy import Connection

from gateway.commands.opening import open_settings
from gateway.commands.output import print_json, print_pairs, print_table, say
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, add_limit, shown, verb, verbs
from gateway.commands.storing import actor, changing, now_ms, or_unusable, reading
from gateway.flow import operations, views
from gateway.store.oversight import cases
from gateway.store.oversight.cases import CaseState


def build(parser: Parser) -> None:
    """Add the verbs."""
    under = verbs(parser)
    listing = verb(
        under,
        "list",
        _list,
        does="the cases, last touched first; those that are resolved only when asked for",
        example="gateway exceptions list\ngateway exceptions list --state resolved --format json",
    )
    listing.add_argument("--state", choices=[state.value for state in CaseState], help="only those in this state")
    add_limit(listing, 100)
    add_format(listing, "one object a line, one line a case")
    show = verb(
        under,
        "show",
        _show,
        does="one case: what happened, how often it was tried, which message it is about",
        example="gateway exceptions show processing:01J9ZK4T3M8Q6W2E7R5Y1X0ABC",
    )
    retry = verb(
        under,
        "retry",
        _retry,
        does="have the gateway try again now what a case waits for; a delivery goes with the same bytes, one that the "
        "partner refused is packed anew under a new Message-ID",
        example="gateway exceptions retry processing:01J9ZK4T3M8Q6W2E7R5Y1X0ABC\n"
        "gateway exceptions retry delivery_refused:01J9ZK4T3M8Q6W2E7R5Y1X0ABC",
    )
    resolve = verb(
        under,
        "resolve",
        _resolve,
        does="give up what a case waits for: it is never published or sent, what waits behind it goes on",
        example="gateway exceptions resolve unroutable:01J9ZK4T3M8Q6W2E7R5Y1X0ABC-0.received --reason 'sent by mail'",
    )
    resolve.add_argument("--reason", required=True, help="why, for the timeline and the audit")
    for one in (show, retry, resolve):
        one.add_argument("case", metavar="ID", help="id of the case, as `gateway exceptions list` shows it")
        add_format(one)
    for each in (listing, show, retry, resolve):
        add_config(each)


def _list(called: argparse.Namespace) -> int:
    with reading(open_settings(called)) as database:
        found = database.read_now(partial(views.case_list, state=called.state, limit=called.limit))
    if called.format == "json":
        for case in found:
            print_json(case)
        return 0
    print_table(
        ("UPDATED", "ID", "STATE", "PARTNER", "ATTEMPTS", "REASON"),
        [
            (case["updated_at"], case["id"], case["state"], case["partner"], case["attempts"], case["reason"])  # type: ignore[misc]  # a view's values are texts and numbers
            for case in found
        ],
        empty="nothing waits for anybody",
    )
    return 0


def _show(called: argparse.Namespace) -> int:
    with reading(open_settings(called)) as database:
        case = database.read_now(partial(_view, case_id=called.case))
    if called.format == "json":
        print_json(case)
        return 0
    print_pairs([pair for name, value in case.items() if value is not None for pair in _pairs(name, str(value))])
    if case["message"]:
        say()
        say(f"its message: gateway messages show {case['message']}", style="dim")
        say(f"try again:   gateway exceptions retry {case['id']}", style="dim")
        say(f"give it up:  gateway exceptions resolve {case['id']} --reason '...'", style="dim")
    return 0


def _pairs(name: str, value: str) -> list[tuple[str, str]]:
    """A name with its value; what is wrong in a document stands in the detail line by line."""
    lines = value.splitlines() if name == "detail" else [value]
    return [(name.replace("_", " ") if number == 0 else "", line) for number, line in enumerate(lines)]


def _view(connection: Connection, case_id: str) -> dict[str, object]:
    case = cases.get(connection, case_id)
    if case is None:
        raise Unusable(f"there is no case {shown(case_id)}; `gateway exceptions list` shows those there are")
    return views.case_view(case)


def _retry(called: argparse.Namespace) -> int:
    with changing(open_settings(called)) as database:
        unit = partial(operations.retry_case, case_id=called.case, actor=actor(), now_ms=now_ms())
        or_unusable(partial(database.write_now, unit), operations.Unknown, operations.NotPossible)
    if called.format == "json":
        print_json({"case": called.case, "retried": True})
    else:
        say(f"the gateway tries {called.case} again now")
    return 0


def _resolve(called: argparse.Namespace) -> int:
    with changing(open_settings(called)) as database:
        unit = partial(
            operations.give_up, case_id=called.case, actor=actor(), now_ms=now_ms(), why=called.reason.strip()
        )
        or_unusable(partial(database.write_now, unit), operations.Unknown, operations.NotPossible)
    if called.format == "json":
        print_json({"case": called.case, "resolved": True})
    else:
        say(f"{called.case} is given up; what waited behind it goes on")
    return 0
