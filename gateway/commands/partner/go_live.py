"""`gateway partner go-live`: from test to production, once everything that has to pass has passed."""

import argparse
import asyncio
import sys
import time
from datetime import UTC, datetime
from functools import partial

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, progress, say
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, verb
from gateway.commands.partner.status import bring_about, told_change
from gateway.commands.profiles import connection_of, folder_of, profile_of
from gateway.commands.storing import changing
from gateway.onboarding.checking.profiles import check_profile
from gateway.onboarding.differences import Change, compare
from gateway.onboarding.going_live.requirements import PlayedLive, Requirement, requirements
from gateway.onboarding.going_live.stages import StageEdit, stage_edit
from gateway.onboarding.samples.judging import Judged
from gateway.onboarding.samples.live.transports import words_of_passed
from gateway.onboarding.samples.reading import Sample, read_samples
from gateway.onboarding.samples.rehearsal import rehearsal
from gateway.onboarding.samples.trials import missing_trials, required_names
from gateway.onboarding.samples.trying import try_sample, without_sample
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.partners import states as partner_states
from gateway.store.partners import trials
from partners.directory import load_directory
from partners.loader import LoadedProfile, Problems

ACTION = "partner.go-live"
POLL_S = 0.2


def build(under: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        under,
        "go-live",
        _run,
        does="from test to production: refused while something that has to pass has not; exit code 1 then; says by "
        "which transport the samples were played",
        example="gateway partner go-live acme-supply --dry-run     # what is missing, and what would change\n"
        "gateway partner go-live acme-supply --yes\n"
        "gateway partner go-live acme-supply --force 'their test system is down; agreed with J. Doe by telephone'",
    )
    parser.add_argument("partner", metavar="ID", help="id of the partner")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, say what would happen")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--force", metavar="REASON", help="although something is missing; the audit keeps the reason")
    parser.add_argument(
        "--wait", metavar="SECONDS", type=float, default=0, help="until a gateway that runs has taken it up"
    )
    add_format(parser)
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    loaded = profile_of(settings, called.partner)
    if loaded.profile.status == "live":
        if called.format == "json":
            print_json(_as_json(loaded, (), (), went=False))
        else:
            say(f"{loaded.id} is live already")
        return 0
    edit = stage_edit(loaded, "live")
    with changing(settings, create=True) as database:
        asked = _requirements(settings, database, loaded, edit)
        changes = compare(loaded, edit.after) if isinstance(edit, StageEdit) else ()
        missing = [one for one in asked if not one.is_met]
        refused = not isinstance(edit, StageEdit) or (bool(missing) and called.force is None)
        if called.format != "json":
            _show(loaded, asked, changes)
        elif refused or called.dry_run:
            print_json(_as_json(loaded, asked, changes, went=False))
        if called.dry_run:
            return 1 if missing else 0
        if refused or not isinstance(edit, StageEdit):
            note("not live: something is missing; mend it, or say why it does not matter with --force REASON")
            return 1
        _confirm(called, loaded)
        bring_about(database, edit, ACTION, _detail(loaded, edit, missing, called.force or ""))
        if called.format == "json":
            print_json(_as_json(loaded, asked, changes, went=True))
        else:
            told_change(settings, edit, partner=loaded.id, before=loaded.profile.status, as_json=False)
        if not _taken_up(database, edit, called.wait):
            return 1
    if called.wait and called.format != "json":
        say("in force")
    return 0


def _requirements(
    settings: Settings, database: Database, loaded: LoadedProfile, edit: StageEdit | Problems
) -> tuple[Requirement, ...]:
    """Each thing that must be true: read, checked and played now; the trials as the store knows them."""
    samples, sample_problems = read_samples(folder_of(settings, loaded.id))
    required = loaded.profile.required_samples
    judged = _played(settings, loaded, samples)
    failed = {one.sample.name: one.fault or _why(one) for one in judged if not one.passed}
    failed |= {problem.file: str(problem) for problem in sample_problems if problem.severity == "error"}
    found = []
    if isinstance(edit, StageEdit):
        found = check_profile(edit.after, identities=settings.identities, now=datetime.now(UTC))
    ran = database.read_now(partial(trials.latest, partner_id=loaded.id))
    unshown = [str(shown) for shown in without_sample(loaded, judged)]
    names = required_names(samples, required)
    bearer = connection_of(settings, loaded) or loaded
    asked = [sample for sample in samples if sample.name in names]
    live = PlayedLive(
        names,
        missing_trials(samples, ran, loaded.digest, required),
        words_of_passed(loaded.profile, bearer.profile, asked, ran, loaded.digest),
        unshown,
        len(samples),
    )
    return requirements(loaded, edit, found, failed, unshown if required is None else [], live)


def _played(settings: Settings, loaded: LoadedProfile, samples: tuple[Sample, ...]) -> list[Judged]:
    directory, _ = load_directory(settings.partners_dir, environment=settings.environment)
    judged: list[Judged] = []
    with rehearsal(settings, directory) as stage, progress("samples", len(samples)) as advance:
        for number, sample in enumerate(samples, start=1):
            judged.append(asyncio.run(try_sample(stage, loaded, sample, samples)))
            advance(number)
    return judged


def _why(one: Judged) -> str:
    if one.differences:
        first = one.differences[0]
        return f"{len(one.differences)} differences, the first in {first.file} {first.place}"
    return f"not recorded yet: {', '.join(one.unrecorded)}"


def _show(loaded: LoadedProfile, asked: tuple[Requirement, ...], changes: tuple[Change, ...]) -> None:
    for one in asked:
        sign, style = ("-", "yellow") if one.is_empty else ("✓", "green") if one.is_met else ("✗", "red")
        say(f"{sign} {one.name}{f': {one.how}' if one.how else ''}", style=style)
        for line in one.missing:
            say(f"    {line}")
        if not one.is_met or one.is_empty:
            say(f"    -> {one.remedy}", style="dim")
    if changes:
        say()
        say(f"What changes for {loaded.profile.name}:", style="bold")
        for change in changes:
            say(f"  {change.words}")
        say()


def _as_json(
    loaded: LoadedProfile, asked: tuple[Requirement, ...], changes: tuple[Change, ...], *, went: bool
) -> dict[str, object]:
    return {
        "partner": loaded.id,
        "went_live": went,
        "requirements": [
            {
                "name": one.name,
                "met": one.is_met,
                "empty": one.is_empty,
                "how": one.how,
                "missing": one.missing,
                "remedy": one.remedy,
            }
            for one in asked
        ],
        "changes": [{"name": change.name, "words": change.words} for change in changes],
    }


def _confirm(called: argparse.Namespace, loaded: LoadedProfile) -> None:
    if called.yes or called.force is not None:
        return
    if not sys.stdin.isatty():
        raise Unusable("nobody is there to answer; say --yes")
    note(f"from then on {loaded.profile.name} trades for real. Live? [y/N]")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Unusable("nothing was changed")


def _detail(loaded: LoadedProfile, edit: StageEdit, missing: list[Requirement], reason: str) -> dict[str, object]:
    """What the audit keeps."""
    return {
        "from": loaded.profile.status,
        "to": "live",
        "digest": edit.after.digest,
        "forced": bool(missing),
        "reason": reason,
        "missing": {one.name: list(one.missing) for one in missing},
    }


def _taken_up(database: Database, edit: StageEdit, wait_s: float) -> bool:
    """Whether a gateway has the new version in force within some seconds; True at once when nobody waits."""
    until = time.monotonic() + wait_s
    while wait_s:
        state = database.read_now(partial(partner_states.get, partner_id=edit.after.id))
        if state is not None and state.digest == edit.after.digest:
            return True
        if time.monotonic() > until:
            note(f"not in force after {wait_s:g} s; is a gateway running on this database?")
            return False
        time.sleep(POLL_S)
    return True
