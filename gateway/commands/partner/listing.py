"""`gateway partner list`: every partner, how they reach us."""

import argparse

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_table
from gateway.commands.parsing import Verbs, add_config, add_format, verb
from partners.directory import load_directory
from partners.loader import LoadedProfile


def build(under: Verbs) -> None:
    """Add `list`."""
    parser = verb(
        under,
        "list",
        _list,
        does="every partner whose profile loads, and how they reach us",
        example="gateway partner list",
    )
    add_format(parser, "one object a line, one line a partner")
    add_config(parser)


def _list(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    directory, problems = load_directory(settings.partners_dir, environment=settings.environment)
    rows = [_row(loaded) for loaded in directory]
    if called.format == "json":
        for row in rows:
            print_json(row)
    else:
        print_table(
            ("ID", "NAME", "STATUS", "WAYS IN", "X12", "AGREEMENTS"),
            [
                (
                    str(row["id"]),
                    str(row["name"]),
                    str(row["status"]),
                    ", ".join(_ways_in(loaded)),
                    ", ".join(f"{item.qualifier}/{item.id}" for item in loaded.profile.x12),
                    len(loaded.profile.agreements),
                )
                for row, loaded in zip(rows, directory, strict=True)
            ],
            empty=f"no partners in {settings.partners_dir}; each has a folder ID with a profile.yaml",
        )
    if problems:
        note(f"the profiles have problems ({len(problems)}); see them with `gateway partner check`")
    return 0


def _row(loaded: LoadedProfile) -> dict[str, object]:
    profile = loaded.profile
    return {
        "id": profile.id,
        "name": profile.name,
        "status": profile.status,
        "ways_in": _ways_in(loaded),
        "x12": [{"qualifier": item.qualifier, "id": item.id} for item in profile.x12],
        "agreements": len(profile.agreements),
        "digest": loaded.digest,
    }


def _ways_in(loaded: LoadedProfile) -> list[str]:
    profile = loaded.profile
    ways = [f"as2 {profile.as2.id}"] if profile.as2 is not None else []
    ways += [f"rest ({len(profile.api_keys)} keys)"] if profile.api_keys else []
    return ways + ([f"via {profile.via}"] if profile.via is not None else [])
