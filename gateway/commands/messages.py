"""`gateway messages`: what partners sent and what is sent to them, where it stands, every step of its way."""

import argparse
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from gateway.commands import evidence, timelines
from gateway.commands.delivery_shown import lies_in, print_delivery
from gateway.commands.findings import print_findings
from gateway.commands.opening import open_settings
from gateway.commands.output import print_bytes, print_json, print_pairs, print_table, say, size
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, add_limit, shown, verb, verbs
from gateway.commands.profiles import directory_of
from gateway.commands.storing import actor, changing, now_ms, or_unusable, reading
from gateway.commands.x12_shown import segments
from gateway.flow import operations, traffic
from gateway.flow.outward.resending import resending
from gateway.flow.outward.ways import message_id_host
from gateway.model.delivery import MAILBOX
from gateway.model.ids import IdSource
from gateway.store import deliveries

_PARTS = {
    "payload": "the content: as it was opened, or as it is delivered",
    "wire": "as it came, or as it is packed for the way",
    "receipt": "of a delivery: what came back",
    "document": "of a delivery: what the ERP wanted sent",
}
_AGE = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def build(parser: Parser) -> None:
    """Add the verbs."""
    under = verbs(parser)
    listing = verb(
        under,
        "list",
        _list,
        does="the newest first, in and out, with what became of them",
        example="gateway messages list --partner acme-supply --state rejected --since 2d\n"
        "gateway messages list --direction out --state given_up",
    )
    listing.add_argument(
        "--direction", choices=(traffic.IN, traffic.OUT), help="in: what partners sent; out: what is sent to them"
    )
    listing.add_argument("--partner", metavar="ID", help="only this partner's")
    listing.add_argument("--state", choices=traffic.STATES, help="only those in this state")
    listing.add_argument("--channel", choices=("as2", "rest", "sftp", "sandbox"), help="only those that came this way")
    listing.add_argument(
        "--since", type=_instant, metavar="WHEN", help="received since: 30m, 2h, 7d, or an instant as 2026-05-01T08:00Z"
    )
    listing.add_argument("--before", metavar="ID", help="go on behind this message of an earlier list")
    add_limit(listing, 50)
    show = verb(
        under,
        "show",
        _show,
        does="one message or delivery: state, documents, findings, acknowledgment; or the bytes of a part",
        example="gateway messages show 01J9ZK4T3M8Q6W2E7R5Y1X0ABC\n"
        "gateway messages show 01J9ZK4T3M8Q6W2E7R5Y1X0ABC --payload > order-response.edi",
    )
    part = show.add_mutually_exclusive_group()
    part.add_argument("--raw", choices=traffic.PARTS, help="the bytes of a part; also by its own option:")
    for name, does in _PARTS.items():
        part.add_argument(f"--{name}", dest="raw", action="store_const", const=name, help=does)
    trace = verb(
        under,
        "trace",
        _trace,
        does="the way of one message or delivery, from the first byte to its end, with times and ids",
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
    resend = verb(
        under,
        "resend",
        _resend,
        does="send what a delivery held again, as a new delivery under a new Message-ID; one that waits for its next "
        "attempt is tried now, with the same bytes",
        example="gateway messages resend 01J9ZK4T3M8Q6W2E7R5Y1X0ABC",
    )
    release = verb(
        under,
        "release",
        _release,
        does="have a held message processed although its partner is suspended; all others wait on",
        example="gateway messages release 01J9ZK4T3M8Q6W2E7R5Y1X0ABC",
    )
    cancel = verb(
        under,
        "cancel",
        _cancel,
        does="take back what waits to be sent: a delivery, or what is held for a suspended partner",
        example="gateway messages cancel 01J9ZK4T3M8Q6W2E7R5Y1X0ABC --reason 'ordered elsewhere'",
    )
    cancel.add_argument("--reason", required=True, help="why, for the timeline and the audit")
    add_format(listing, "one object a line, one line a message")
    for one in (show, trace, replay, reprocess, resend, release, cancel):
        one.add_argument("message", metavar="ID", help="its id, as `gateway messages list` shows it")
        add_format(one)
    for each in (listing, show, trace, replay, reprocess, resend, release, cancel):
        add_config(each)
    evidence.build(under)


def _list(called: argparse.Namespace) -> int:
    wanted = traffic.Wanted(called.direction, called.partner, called.state, called.channel, called.since, called.before)
    with reading(open_settings(called)) as database:
        rows: list[dict[str, Any]] = database.read_now(partial(traffic.rows, wanted=wanted, limit=called.limit))
    if called.format == "json":
        for row in rows:
            print_json(row)
        return 0
    print_table(
        ("AT", "", "ID", "PARTNER", "VIA", "STATE", "BYTES", "REASON"),
        [
            (
                row.get("received_at") or row.get("created_at"),
                row["direction"],
                *(row[name] for name in ("id", "partner", "channel", "status", "bytes", "reason")),
            )
            for row in rows
        ],
        empty="no messages match; `gateway messages list` without filters shows all",
    )
    return 0


def _show(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    with reading(settings) as database:
        if called.raw:
            database.read_now(partial(_print_part, message_id=called.message, part=called.raw))
            return 0
        view = database.read_now(partial(_view, message_id=called.message))
        if view["direction"] == traffic.OUT and view["channel"] == MAILBOX:
            delivery = database.read_now(partial(deliveries.get, delivery_id=called.message))
            place = lies_in(directory_of(settings), delivery) if delivery is not None else None
            view["lies_in"] = place.path if place is not None else None
    if called.format == "json":
        print_json(view)
    elif view["direction"] == traffic.OUT:
        print_delivery(view)
    else:
        _print_message(view)
    return 0


def _print_part(connection: Connection, message_id: str, part: str) -> None:
    pieces = traffic.part_of(connection, message_id, part)
    if pieces is None:
        raise _unknown(message_id)
    is_there = False
    for piece in pieces:
        print_bytes(piece)
        is_there = True
    if not is_there:
        raise Unusable(f"{message_id} has no {part} in the store: it never had one, or it was purged")


def _view(connection: Connection, message_id: str) -> dict[str, Any]:
    view = traffic.view(connection, message_id)
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
            ("profile", timelines.profile_version(view)),
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
        _print_document(document, view["partner"])
    own = {acknowledgment["id"] for acknowledgment in view["acknowledgments"]}
    for acknowledgment in view["acknowledgments"]:
        say()
        kinds = " ".join(acknowledgment["kinds"])
        at = f" {acknowledgment['delivered_at']}" if acknowledgment["delivered_at"] else ""
        number, state = acknowledgment["control_number"], acknowledgment["state"].replace("_", " ")
        say(f"acknowledgment {kinds}, interchange {number:09d}, {state}{at}")
        for segment in segments(acknowledgment["x12"]):
            say(f"  {segment}")
    for delivery in view["deliveries"]:
        if delivery["id"] not in own:
            say()
            reason = f": {delivery['reason']}" if delivery["reason"] else ""
            say(f"{delivery['kind']} {delivery['id']}, {delivery['status'].replace('_', ' ')}{reason}")
    say()
    say(f"its way: gateway messages trace {view['id']}", style="dim")


def _print_document(document: Mapping[str, Any], came_by: str) -> None:
    """A document; whose it is only where a connection brought it."""
    order = document["purchase_order_number"]
    event = document["event"]
    print_pairs(
        [
            ("document", document["id"]),
            ("partner", document["partner"] if document["partner"] != came_by else None),
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
        named = ("id", "direction", "partner", "channel", "status", "reason", "timeline")
        print_json({name: view[name] for name in named} | {"profile": view.get("profile")})
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


def _release(called: argparse.Namespace) -> int:
    with changing(open_settings(called)) as database:
        unit = partial(operations.release, message_id=called.message, actor=actor(), now_ms=now_ms())
        or_unusable(partial(database.write_now, unit), operations.Unknown, operations.NotPossible)
    if called.format == "json":
        print_json({"message": called.message, "released": True})
        return 0
    say(f"message {called.message} will be processed although its partner is suspended")
    say(f"see how it goes: gateway messages trace {called.message}", style="dim")
    return 0


def _cancel(called: argparse.Namespace) -> int:
    with changing(open_settings(called)) as database:
        why = called.reason.strip()
        unit = partial(operations.cancel, item_id=called.message, actor=actor(), now_ms=now_ms(), why=why)
        or_unusable(partial(database.write_now, unit), operations.Unknown, operations.NotPossible)
    if called.format == "json":
        print_json({"message": called.message, "cancelled": True})
    else:
        say(f"{called.message} will not be sent")
    return 0


def _resend(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    directory = directory_of(settings)
    act = resending(directory, IdSource(now_ms, secrets.randbits).next(), message_id_host(settings))
    with changing(settings) as database:
        made = or_unusable(
            lambda: database.write_now(lambda connection: act(connection, called.message, actor(), now_ms())),
            operations.Unknown,
            operations.NotPossible,
        )
    if called.format == "json":
        print_json({"message": called.message, "delivery": made})
        return 0
    if made == called.message:
        say(f"{made} is tried again now, with the same bytes")
    else:
        say(f"{called.message} will be sent again as {made}")
    say(f"see how it goes: gateway messages trace {made}", style="dim")
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
