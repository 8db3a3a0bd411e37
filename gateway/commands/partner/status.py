"""`gateway partner status`: the stage of a partner, and the way from one to another."""

import argparse
from collections.abc import Mapping
from functools import partial
from typing import get_args

from sqlalchemy import Connection

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, say
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, verb
from gateway.commands.profiles import profile_of
from gateway.commands.storing import actor, changing, now_ms, or_unusable
from gateway.onboarding.differences import compare
from gateway.onboarding.going_live.stages import FileChanged, StageEdit, stage_edit, write_stage
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.oversight import audit
from gateway.store.partners import profiles
from partners.loader import LoadedProfile, unpack
from partners.profile import Status

ACTION = "partner.status"
VERSIONS_MAX = 256  # of a profile that are looked through, the newest first


def build(under: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        under,
        "status",
        _run,
        does="the stage of a partner, or bring them to another: draft, testing, suspended, and live again after that",
        example="gateway partner status acme-supply\n"
        "gateway partner status acme-supply testing\n"
        "gateway partner status acme-supply suspended --reason 'their key was stolen'\n"
        "gateway partner status acme-supply live          # only back from suspended; else gateway partner go-live",
    )
    parser.add_argument("partner", metavar="ID", help="id of the partner")
    parser.add_argument("status", nargs="?", choices=get_args(Status), help="the stage; without it the present one")
    parser.add_argument("--reason", default="", help="why, for the audit")
    add_format(parser)
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    loaded = profile_of(settings, called.partner)
    before = loaded.profile.status
    if called.status in (None, before):
        if called.format == "json":
            print_json({"partner": loaded.id, "status": before})
        else:
            say(f"{loaded.id} is {before}")
        return 0
    edit = stage_edit(loaded, called.status)
    if isinstance(edit, tuple):
        told = "\n".join(f"  {problem}" for problem in edit)
        raise Unusable(f"the profile would not do for `status: {called.status}`\n{told}")
    with changing(settings, create=True) as database:
        if called.status == "live" and not database.read_now(partial(_was_live, partner=loaded.id, before=before)):
            raise Unusable(
                f"{loaded.id} was never live; `gateway partner go-live {loaded.id}` looks first whether all is done"
            )
        detail = {"from": before, "to": called.status, "digest": edit.after.digest, "reason": called.reason}
        bring_about(database, edit, ACTION, detail)
    told_change(settings, edit, before=before, as_json=called.format == "json", partner=loaded.id)
    for change in compare(loaded, edit.after) if called.format != "json" else ():
        say(f"  {change.words}")
    return 0


def bring_about(database: Database, edit: StageEdit, action: str, detail: Mapping[str, object]) -> None:
    """Write the file, with the act in the audit before; where it could not be written the audit says that, too.

    Raises:
        Unusable: it could not.
    """

    def record(more: Mapping[str, object]) -> None:
        act = audit.Act(now_ms(), actor().name, action, edit.after.id, "", {**detail, **more})
        database.write_now(partial(audit.record, act=act))

    record({})
    try:
        or_unusable(lambda: write_stage(edit), FileChanged, OSError)
    except Unusable as unusable:
        record({"failed": str(unusable)})
        raise


def told_change(settings: Settings, edit: StageEdit, *, partner: str, before: str, as_json: bool) -> None:
    """Says what was written, and when it holds."""
    after = edit.after.profile.status
    if as_json:
        print_json({"partner": partner, "status": after, "before": before, "digest": edit.after.digest})
        return
    say(f"{partner} is {after} (was {before}): {edit.path}")
    note(f"a gateway that runs takes it up within {settings.profiles_reload_s:g} s; `gateway partner list` shows it")


def _was_live(connection: Connection, *, partner: str, before: str) -> bool:
    """Whether a suspended partner was live before that, in any version that was ever in force."""
    if before != "suspended":
        return False
    # One version after the other: each may hold many megabytes of tables.
    return any(
        _is_live(profiles.get(connection, digest))
        for digest in profiles.digests_of_partner(connection, partner_id=partner, limit=VERSIONS_MAX)
    )


def _is_live(packed: bytes | None) -> bool:
    version = unpack(packed) if packed is not None else None
    return isinstance(version, LoadedProfile) and version.profile.status == "live"
