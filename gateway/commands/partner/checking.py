"""`gateway partner check`: everything that is wrong with the profiles, with file and line, once or as they change."""

import argparse
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from functools import cache, partial

from gateway.commands.opening import config_file, open_settings
from gateway.commands.output import counted, note, print_json, progress, say
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, verb
from gateway.commands.profiles import folder_of
from gateway.commands.sftp.opening import names_of_our_keys
from gateway.onboarding.checking.checker import Checker, compare
from gateway.onboarding.checking.surroundings import Surroundings
from gateway.sandbox.partner import built_in_partners
from gateway.settings import Settings
from partners.folders import Stamp, stamp_of
from partners.problems import Problem

LOOK_EVERY_S = 0.5
LOOK_SHARE = 10  # between two looks lies so many times what one took

Wait = Callable[[float], None]


def build(under: Verbs) -> None:
    """Add `check`."""
    parser = verb(
        under,
        "check",
        _check,
        does="everything that is wrong with the profiles, with file and line; exit code 1 when something is",
        example="gateway partner check && git push\n"
        "gateway partner check acme-supply --watch     # while you write it; Ctrl-C ends it",
    )
    parser.add_argument("partner", nargs="*", metavar="ID", help="only these partners; all by default")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="go on: check what changes at once, and say what is new and what is solved, until Ctrl-C",
    )
    add_format(parser, "one object a line, one line a problem (with --watch each has a `change`: new or solved)")
    add_config(parser)


def _check(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    for partner in called.partner:
        folder_of(settings, partner)
    checker = _checker(settings)
    found = _look(checker, settings, called.partner)
    if called.watch:
        return watch(called, settings, checker, found)
    for problem in found:
        _print(problem, called.format)
    if called.format == "text":
        say(_summary(found, settings))
    return _code(found)


def _checker(settings: Settings) -> Checker:
    built_in = built_in_partners(sandbox=settings.sandbox)
    surroundings = Surroundings.of(settings, cache(partial(names_of_our_keys, settings)))
    return Checker(settings.partners_dir, settings.environment, built_in, surroundings)


def _look(checker: Checker, settings: Settings, only: Collection[str]) -> list[Problem]:
    folders = sum(1 for _ in settings.partners_dir.glob("*")) if settings.partners_dir.is_dir() and not only else 0
    with progress("checking partners", folders) as advance:
        return checker.look(settings.identities, datetime.now(UTC), only=only, advance=advance)


def watch(
    called: argparse.Namespace, settings: Settings, checker: Checker, found: list[Problem], wait: Wait = time.sleep
) -> int:
    """Look again and again, and tell what changed; ends with Ctrl-C, by what was wrong last.

    `wait` lies between two looks.
    """
    try:
        for problem in found:
            _print(problem, called.format, "new")
        if called.format == "text":
            say(_summary(found, settings))
            note(f"watching {settings.partners_dir}; Ctrl-C ends it")
        seen, took_s = _config_stamp(called), 0.0
        while True:
            wait(max(LOOK_EVERY_S, took_s * LOOK_SHARE))
            began = time.perf_counter()
            if _config_stamp(called) != seen:
                seen, settings = _config_stamp(called), _opened_again(called, settings)
                checker = _checker(settings)
            now = checker.look(settings.identities, datetime.now(UTC), only=called.partner)
            took_s = time.perf_counter() - began
            _tell_changes(found, now, settings, called.format)
            found = now
    except KeyboardInterrupt:
        return _code(found)


def _opened_again(called: argparse.Namespace, before: Settings) -> Settings:
    try:
        return open_settings(called)
    except Unusable as unusable:
        note(f"{unusable}\nuntil then the settings from before hold")
        return before


def _tell_changes(before: list[Problem], after: list[Problem], settings: Settings, form: str) -> None:
    changed = compare(before, after)
    for problem in changed.solved:
        _print(problem, form, "solved")
    for problem in changed.new:
        _print(problem, form, "new")
    if changed and form == "text":
        say(_summary(after, settings))


def _config_stamp(called: argparse.Namespace) -> Stamp:
    file = config_file(called)
    return stamp_of(str(file)) if file is not None else None


def _print(problem: Problem, form: str, change: str | None = None) -> None:
    if form == "json":
        print_json(problem.as_json() if change is None else {"change": change, **problem.as_json()})
    elif change == "solved":
        say(f"solved: {problem.file}:{problem.line}:{problem.column}: {problem.what}", style="green")
    else:
        say(str(problem), style="red" if problem.severity == "error" else "yellow")


def _summary(found: Iterable[Problem], settings: Settings) -> str:
    held = list(found)
    errors = sum(problem.severity == "error" for problem in held)
    told = f"{counted(errors, 'error')}, {counted(len(held) - errors, 'warning')}"
    return f"{told} in {settings.partners_dir}" if held else "all is well"


def _code(found: Iterable[Problem]) -> int:
    return 1 if any(problem.severity == "error" for problem in found) else 0
