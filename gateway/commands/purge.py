"""`gateway purge`: what is older than its retention goes, in steps between which the gateway writes on."""

import argparse
import time
from functools import partial

from gateway.commands.opening import open_settings
from gateway.commands.output import print_json, print_table, progress, say
from gateway.commands.parsing import Parser, add_config, add_format, leaf
from gateway.commands.storing import actor, changing, now_ms, reading
from gateway.flow.housekeeping import purge_limits
from gateway.flow.views import instant
from gateway.settings import Settings
from gateway.store import retention
from gateway.store.database import Database
from gateway.store.oversight import audit

# Between two steps the writers of a running gateway get their turn.
PAUSE_S = 0.005


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway purge --dry-run          # how much each kind of retention would remove\n"
        "gateway purge                    # a running gateway does the same every hour",
    )
    parser.add_argument("--dry-run", action="store_true", help="only count; nothing is removed")
    add_format(parser, "one object: kind -> kept_days, before and removed")
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    limits = purge_limits(settings.retention, now_ms())
    if called.dry_run:
        with reading(settings) as database:
            old = {kind: _count(database, kind, before_ms) for kind, before_ms in limits.items()}
        _tell(called, settings, limits, old)
        return 0
    with changing(settings) as database:
        removed = _purge(database, limits)
        act = audit.Act(now_ms(), actor().name, "purge", "", "", dict(removed))
        database.write_now(partial(audit.record, act=act))
    _tell(called, settings, limits, removed)
    return 0


def _count(database: Database, kind: str, before_ms: int) -> int:
    return database.read_now(partial(retention.count, kind=kind, before_ms=before_ms))


def _purge(database: Database, limits: dict[str, int]) -> dict[str, int]:
    removed: dict[str, int] = {}
    expected = {kind: _count(database, kind, before_ms) for kind, before_ms in limits.items()}
    with progress("purge", sum(expected.values())) as advance:
        for kind, before_ms in limits.items():
            removed[kind] = 0
            while step := database.write_now(partial(retention.step, kind=kind, before_ms=before_ms)):
                removed[kind] += step
                advance(sum(removed.values()))
                time.sleep(PAUSE_S)
    return removed


def _tell(called: argparse.Namespace, settings: Settings, limits: dict[str, int], numbers: dict[str, int]) -> None:
    word = "would_remove" if called.dry_run else "removed"
    days = settings.retention.model_dump()
    if called.format == "json":
        rows = {
            kind.removesuffix("_days"): {"kept_days": days[kind], "before": instant(limits[kind]), word: number}
            for kind, number in numbers.items()
        }
        print_json(rows)
        return
    print_table(
        ("KIND", "KEPT FOR", "OLDER THAN", word.replace("_", " ").upper()),
        [
            (kind.removesuffix("_days"), f"{days[kind]} days", instant(limits[kind]), f"{number:,}")
            for kind, number in numbers.items()
        ],
        empty="",
    )
    if called.dry_run:
        say("nothing was removed; what an open message or event still needs stays in any case", style="dim")
