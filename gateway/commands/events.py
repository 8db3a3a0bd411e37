"""`gateway events`: the embedded event log, as an ERP without a broker reads it."""

import argparse
import sys
import time
from functools import partial

import orjson
from rich.text import Text

from gateway.commands.opening import open_settings
from gateway.commands.output import console, note, print_json, visible
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, count, count_or_zero, leaf
from gateway.commands.storing import reading
from gateway.flow.views import instant
from gateway.store.database import Database
from gateway.store.events import event_log
from gateway.store.events.event_log import LogEntry

PAGE = 500
POLL_S = 0.2


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway events --format json | jq -r '.event | [.type, .partner, .subject] | @tsv'\n"
        "gateway events --follow --after 4711     # go on where a consumer stopped; ctrl-C ends it",
    )
    parser.add_argument("--after", type=count_or_zero, default=0, metavar="N", help="only what lies behind position N")
    parser.add_argument("--limit", type=count, default=None, metavar="N", help="stop after so many events")
    parser.add_argument("--follow", action="store_true", help="wait for further events until ctrl-C")
    add_format(parser, "one object a line: position, published_at, routing_key, and the CloudEvent in `event`")
    add_config(parser)


def as_json(entry: LogEntry) -> dict[str, object]:
    """An entry as the operator port shows it: its place in the log, and the event in the JSON format of CloudEvents."""
    return {
        "position": entry.position,
        "published_at": instant(entry.published_at_ms),
        "routing_key": entry.event.routing_key,
        "event": {**entry.event.attributes(), "data": orjson.Fragment(entry.event.body)},
    }


def _run(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    if settings.broker_url is not None and called.follow:
        raise Unusable(
            "events go to RabbitMQ (broker_url is set), not into the embedded log; "
            "consume the queue erp.inbound, see `gateway schema asyncapi`"
        )
    with reading(settings) as database:
        try:
            shown = _print_from(database, called)
        except KeyboardInterrupt:  # the way to end --follow, so nothing went wrong
            return 0
    if not shown and called.format == "text":
        note(f"no events behind position {called.after}")
    return 0


def _print_from(database: Database, called: argparse.Namespace) -> int:
    after, shown = called.after, 0
    while called.limit is None or shown < called.limit:
        page = PAGE if called.limit is None else min(PAGE, called.limit - shown)
        entries = database.read_now(partial(event_log.read, after=after, limit=page))
        for entry in entries:
            _print(entry, called.format)
            after = entry.position
        shown += len(entries)
        if entries:
            sys.stdout.flush()
        if len(entries) < page:
            if not called.follow:
                break
            time.sleep(POLL_S)
    return shown


def _print(entry: LogEntry, form: str) -> None:
    if form == "json":
        print_json(as_json(entry))
        return
    event = entry.event
    line = Text.assemble(
        (f"{entry.position:>6}  {visible(event.time)}  ", "dim"),
        (f"{visible(event.document_type)}.{visible(event.event)}", "green"),
        f"  {visible(event.subject)}  from {visible(event.partner)}  {visible(event.id)}",
    )
    if event.test:
        line.append("  test", style="cyan")
    if event.revision > 1:
        line.append(f"  revision {event.revision}", style="yellow")
    console().print(line, soft_wrap=True)
