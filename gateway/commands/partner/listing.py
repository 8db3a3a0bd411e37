"""`gateway partner list`: every partner, the stage, the last traffic, and what wants attention."""

import argparse
from datetime import UTC, datetime
from functools import partial
from typing import get_args

from gateway.commands.opening import open_settings
from gateway.commands.output import counted, note, print_json, print_table
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, verb
from gateway.commands.storing import reading
from gateway.flow.partner_overview import Overview, Stored, last_good, overview, stored
from gateway.sandbox.partner import built_in_partners
from gateway.settings import DATABASE_FILE, Settings
from partners.directory import Directory, load_directory
from partners.loader import LoadedProfile
from partners.profile import Status

BROKEN = "broken"


def build(under: Verbs) -> None:
    """Add `list`."""
    parser = verb(
        under,
        "list",
        _list,
        does="every partner: the stage, the ways in, the last traffic, what ends soon, what is not in force yet",
        example="gateway partner list\n"
        "gateway partner list --status testing\n"
        "gateway partner list --format json | jq -r 'select(.expiring != []) | .id'",
    )
    parser.add_argument(
        "--status",
        choices=(*get_args(Status), BROKEN),
        help="only partners of this stage; broken: those whose newest profile is refused",
    )
    add_format(parser, "one object a line, one line a partner")
    add_config(parser)


def _list(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    directory, problems = load_directory(
        settings.partners_dir,
        environment=settings.environment,
        built_in=built_in_partners(sandbox=settings.sandbox),
    )
    if problems and not directory.was_read:
        raise Unusable(str(problems[0]))
    held, in_force = _stored(settings, directory)
    now = datetime.now(UTC)
    rows = [one for one in overview(directory, held, now, in_force=in_force) if _is_wanted(one, called.status)]
    if called.format == "json":
        for row in rows:
            print_json(_json(row))
    else:
        print_table(
            ("ID", "NAME", "STATUS", "WAYS IN", "X12", "LAST IN", "LAST OUT", "ATTENTION"),
            [_cells(row, now) for row in rows],
            empty=_nobody(settings, called.status),
        )
    if problems:
        note(f"the profiles have problems ({len(problems)}); see them with `gateway partner check`")
    return 0


def _stored(settings: Settings, directory: Directory) -> tuple[Stored, dict[str, LoadedProfile]]:
    """What the store knows, and the profiles in force of those whose newest is refused; nothing without a store."""
    if settings.database_url is None and not (settings.data_dir / DATABASE_FILE).is_file():
        return Stored(), {}
    try:
        with reading(settings) as database:
            held = database.read_now(stored)
            missing = [one for name, one in held.states.items() if directory.by_id(name) is None]
            return held, database.read_now(partial(last_good, known=missing))
    except Unusable as unusable:
        note(f"what is in force and the last traffic are not shown: {unusable}")
        return Stored(), {}


def _is_wanted(row: Overview, status: str | None) -> bool:
    return status is None or (bool(row.problems) if status == BROKEN else row.status == status)


def _nobody(settings: Settings, status: str | None) -> str:
    if status is not None:
        return f"no partner is {status}; `gateway partner list` shows all"
    return f"no partners in {settings.partners_dir}; `gateway partner new` makes one"


def _json(row: Overview) -> dict[str, object]:
    profile = row.loaded.profile if row.loaded is not None else None
    return {
        "id": row.partner_id,
        "name": profile.name if profile is not None else None,
        "status": row.status,
        "ways_in": _ways_in(row.loaded),
        "x12": [{"qualifier": item.qualifier, "id": item.id} for item in profile.x12] if profile is not None else [],
        "agreements": len(profile.agreements) if profile is not None else 0,
        "digest": row.loaded.digest if row.loaded is not None else None,
        **row.as_json(),
    }


def _cells(row: Overview, now: datetime) -> tuple[str, ...]:
    attention = [BROKEN] if row.problems else []
    # What cannot be known without a store is no news.
    attention += [row.drift] if row.drift is not None and (row.known is not None or row.problems) else []
    attention += [one.words(now.date()) for one in row.expiring]
    facts = row.as_json()
    return (
        row.partner_id,
        row.loaded.profile.name if row.loaded is not None else "",
        row.status or BROKEN,
        ", ".join(_ways_in(row.loaded)),
        ", ".join(f"{item.qualifier}/{item.id}" for item in row.loaded.profile.x12) if row.loaded is not None else "",
        _minute(facts["last_in"]),
        _minute(facts["last_out"]),
        "; ".join(attention),
    )


def _minute(instant: object) -> str:
    return str(instant)[:16].replace("T", " ") if instant is not None else ""


def _ways_in(loaded: LoadedProfile | None) -> list[str]:
    if loaded is None:
        return []
    profile = loaded.profile
    ways = [f"as2 {profile.as2.id}"] if profile.as2 is not None else []
    ways += [f"rest ({counted(len(profile.api_keys), 'key')})"] if profile.api_keys else []
    ways += [f"sftp {profile.sftp.user}"] if profile.sftp is not None else []
    ways += [f"sftp at {profile.sftp_server.host}"] if profile.sftp_server is not None else []
    return ways + ([f"via {profile.via}"] if profile.via is not None else [])
