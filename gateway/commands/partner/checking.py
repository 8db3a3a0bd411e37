"""`gateway partner check`: everything that is wrong with the profiles, with file and line."""

import argparse
from datetime import UTC, datetime

from gateway.commands.opening import open_settings
from gateway.commands.output import print_json, say
from gateway.commands.parsing import Verbs, add_config, add_format, verb
from gateway.commands.profiles import folder_of
from gateway.onboarding.checking.profiles import check


def build(under: Verbs) -> None:
    """Add `check`."""
    parser = verb(
        under,
        "check",
        _check,
        does="everything that is wrong with the profiles, with file and line; exit code 1 when something is",
        example="gateway partner check && git push",
    )
    parser.add_argument("partner", nargs="*", metavar="ID", help="only these partners; all by default")
    add_format(parser, "one object a line, one line a problem")
    add_config(parser)


def _check(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    for partner in called.partner:
        folder_of(settings, partner)
    found = check(
        settings.partners_dir,
        identities=settings.identities,
        now=datetime.now(UTC),
        environment=settings.environment,
    )
    if called.partner:
        folders = tuple(f"{settings.partners_dir / partner}/" for partner in called.partner)
        found = [problem for problem in found if problem.file.startswith(folders)]
    errors = [problem for problem in found if problem.severity == "error"]
    if called.format == "json":
        for problem in found:
            print_json(problem.as_json())
    else:
        for problem in found:
            say(str(problem), style="red" if problem.severity == "error" else "yellow")
        warnings = len(found) - len(errors)
        counted = f"{_counted(len(errors), 'error')}, {_counted(warnings, 'warning')}"
        say(f"{counted} in {settings.partners_dir}" if found else "all is well")
    return 1 if errors else 0


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
