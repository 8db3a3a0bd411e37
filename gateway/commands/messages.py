"""`gateway messages`: what partners sent, where it stands, every step from bytes to published event."""

import argparse
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from gateway.commands import timelines
from gateway.commands.findings import print_findings
from gateway.commands.opening import open_settings
from gateway.commands.output import print_bytes, print_json, print_pairs, print_table, say, size
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, add_limit, shown, verb, verbs
from gateway.commands.storing import actor, changing, now_ms, or_unusable, reading
from gateway.flow import operations, views
from gateway.model.message import MessageState
from gateway.store import messages
from gateway.store.messages import StoredMessage

PAGE = 200
PARTS = ("payload", "wire", "answer")
_AGE = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def build(parser: Parser) -> None:
    """Add the verbs."""
    under = verbs(parser)
    listing = verb(
        under,
        "list",
        _list,
        does="the newest messages first, with what became of them",
        example="gateway messages list --partner acme-supply --state rejected --since 2d",
    )
    listing.add_argument("--partner", metavar="ID", help="only this partner's")
    listing.add_argument("--state", choices=[state.value for state in MessageState], help="only those in this state")
    listing.add_argument("--channel", choices=("as2", "rest", "sftp"), help="only those that came this way")
    listing.add_argument(
        "--since", type=_instant, metavar="WHEN", help="received since: 30m, 2h, 7d, or an instant as 2026-05-01T08:00Z"
    )
    listing.add_argument("--before", metavar="ID", help="go on behind this message of an earlier list")
    add_limit(listing, 50)
    show = verb(
        under,
        "show",
        _show,
        does="one message: state, documents, findings, acknowledgment; or the bytes of a part",
        example="gateway messages show 01J9ZK4T3M8Q6W2E7R5Y1X0ABC\n"
        "gateway messages show 01J9ZK4T3M8Q6W2E7R5Y1X0ABC --raw payload > order-response.edi",
    )
    show.add_argument(
        "--raw", choices=PARTS, help="the bytes: payload as opened, wire as they came, answer as we gave it"
    )
    trace = verb(
        under,
        "trace",
        _trace,
        does="the way of one message, from bytes to published event, with times and ids",
        example="gateway messages trace 01J9ZK4T3M8Q6W2E7R5Y1X0ABC",
    )
    replay = verb(
        under,
        "replay",
        _replay,
        does="publish the events of a message again: same ids, same bodies",
        example="gateway messages replay 01J9ZK4T3M8Q6W2E7R5Y1X0ABC",
    )
    reprocess = verb(
        under,
        "reprocess",
        _reprocess,
        does="translate a message again, as its next revision, which supersedes the one before",
        example="gateway messages reprocess 01J9ZK4T3M8Q6W2E7R5Y1X0ABC",
    )
    add_format(listing, "one object a line, one line a message")
    for one in (show, trace, replay, reprocess):
        one.add_argument("message", metavar="ID", help="id of the message, as `gateway messages list` shows it")
        add_format(one)
    for each in (listing, show, trace, replay, reprocess):
        add_config(each)


def _list(called: argparse.Namespace) -> int:
    with reading(open_settings(called)) as database:
        found = database.read_now(partial(_find, called=called))
    rows: list[dict[str, Any]] = [views.message_row(message) for message in found]
    if called.format == "json":
        for row in rows:
            print_json(row)
        return 0
    print_table(
        ("RECEIVED", "ID", "PARTNER", "VIA", "STATE", "BYTES", "REASON"),
        [
            (row["received_at"], row["id"], row["partner"], row["channel"], row["status"], row["bytes"], row["reason"])
            for row in rows
        ],
        empty="no messages match; `gateway messages list` without filters shows all",
    )
    return 0


def _find(connection: Connection, called: argparse.Namespace) -> list[StoredMessage]:
    """Page through the newest messages until enough match or the asked time is passed."""
    found: list[StoredMessage] = []
    before: str | None = called.before
    while len(found) < called.limit:
        page = messages.find(connection, partner_id=called.partner, state=called.state, before=before, limit=PAGE)
        for message in page:
            if called.since is not None and message.received_at_ms < called.since:
                return found[: called.limit]
            if called.channel in (None, message.channel):
                found.append(message)
        if len(page) < PAGE:
            break
        before = page[-1].id
    return found[: called.limit]


def _show(called: argparse.Namespace) -> int:
    with reading(open_settings(called)) as database:
        if called.raw:
            print_bytes(database.read_now(partial(_part, message_id=called.message, part=called.raw)))
            return 0
        view = database.read_now(partial(_view, message_id=called.message))
    if called.format == "json":
        print_json(view)
        return 0
    _print_message(view)
    return 0


def _part(connection: Connection, message_id: str, part: str) -> bytes:
    if messages.get(connection, message_id) is None:
        raise _unknown(message_id)
    data = messages.body(connection, message_id, part)
    if data is None and part == "wire":
        data = messages.body(connection, message_id, "payload")  # kept once when they were the same
    if data is None:
        raise Unusable(f"message {message_id} has no {part} in the store: it never had one, or it was purged")
    return data


def _view(connection: Connection, message_id: str) -> dict[str, Any]:
    view = views.message_view(connection, message_id)
    if view is None:
        raise _unknown(message_id)
    return view


def _unknown(message_id: str) -> Unusable:
    return Unusable(f"there is no message {shown(message_id)}; `gateway messages list` shows those there are")


def _print_message(view: Mapping[str, Any]) -> None:
    print_pairs(
        [
            ("message", view["id"]),
            ("partner", view["partner"]),
            ("state", view["status"]),
            ("reason", view["reason"]),
            ("received", f"{view['received_at']} over {view['channel']} from {view['remote'] or 'unknown'}"),
            ("size", size(view["bytes"])),
            ("file name", view["filename"]),
            ("transport id", view["transport_id"]),
            ("security", timelines.in_words(view["security"])),
            ("sha256", view["sha256"]),
            ("syntax", view["syntax"]),
            ("revision", view["revision"]),
        ]
    )
    for document in view["documents"]:
        say()
        _print_document(document)
    for acknowledgment in view["acknowledgments"]:
        say()
        kinds = " ".join(acknowledgment["kinds"])
        say(f"acknowledgment {kinds}, interchange {acknowledgment['control_number']:09d}, {acknowledgment['state']}")
        for segment in segments(acknowledgment["x12"]):
            say(f"  {segment}")
    say()
    say(f"its way: gateway messages trace {view['id']}", style="dim")


def segments(x12: str) -> list[str]:
    """The segments of an interchange of ours, each with its terminator, which ISA has as its 106th character."""
    terminator = x12[105:106]
    return (
        [f"{segment.strip()}{terminator}" for segment in x12.split(terminator) if segment.strip()] if terminator else []
    )


def _print_document(document: Mapping[str, Any]) -> None:
    order = document["purchase_order_number"]
    event = document["event"]
    print_pairs(
        [
            ("document", document["id"]),
            ("kind", document["type"]),
            ("number", document["number"]),
            ("order", order),
            ("status", document["status"]),
            ("event", f"{event['id']} ({event['state']})" if event else None),
            ("ERP", f"{document['erp']['status']} {document['erp']['text']}".strip() if document["erp"] else None),
        ]
    )
    print_findings(document["findings"], document["findings_omitted"])


def _trace(called: argparse.Namespace) -> int:
    with reading(open_settings(called)) as database:
        view = database.read_now(partial(_view, message_id=called.message))
    if called.format == "json":
        print_json({name: view[name] for name in ("id", "partner", "channel", "status", "reason", "timeline")})
        return 0
    timelines.print_timeline(view)
    return 0


def _replay(called: argparse.Namespace) -> int:
    with changing(open_settings(called)) as database:
        unit = partial(operations.replay, message_id=called.message, actor=actor(), now_ms=now_ms())
        events = or_unusable(partial(database.write_now, unit), operations.Unknown, operations.NotPossible)
    if called.format == "json":
        print_json({"message": called.message, "events": events})
        return 0
    for event in events:
        say(f"will be published again: {event}")
    return 0


def _reprocess(called: argparse.Namespace) -> int:
    with changing(open_settings(called)) as database:
        unit = partial(operations.reprocess, message_id=called.message, actor=actor(), now_ms=now_ms())
        revision = or_unusable(partial(database.write_now, unit), operations.Unknown, operations.NotPossible)
    if called.format == "json":
        print_json({"message": called.message, "revision": revision})
        return 0
    say(f"message {called.message} will be translated again as revision {revision}")
    say(f"see how it goes: gateway messages trace {called.message}", style="dim")
    return 0


def _instant(text: str) -> int:
    """Milliseconds since 1970 of `2h` ago or of an ISO 8601 instant (UTC where it names no zone)."""
    age = _AGE.fullmatch(text)
    if age is not None:
        return now_ms() - int(timedelta(**{_UNITS[age[2]]: int(age[1])}).total_seconds() * 1_000)
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{shown(text)} is no time; write 30m, 2h, 7d or 2026-05-01T08:00Z") from None
