"""`gateway serve`: run the gateway until SIGTERM or ctrl-C."""

import argparse
import asyncio
import importlib.resources
from typing import get_args

import uvloop

from certs.keyring import KeyRingError
from gateway.app import CannotStart, serve
from gateway.commands.opening import open_loaded
from gateway.commands.output import print_json, print_table
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, did_you_mean, leaf, shown
from gateway.settings import Role, Settings, describe
from gateway.store.database import StoreUnavailable
from gateway.store.schema import SchemaTooNew

ROLES: tuple[Role, ...] = get_args(Role)


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway serve                                    # SQLite and the embedded event log, all here\n"
        "gateway serve --config gateway.yaml --print-settings\n"
        "gateway serve --role edge                        # only takes in; others with --role worker process\n"
        "gateway serve --role sftp                        # only mailboxes, in a process of their own",
    )
    add_config(parser)
    parser.add_argument(
        "--role", type=_roles, metavar="ROLES", help=f"what this process does, of {', '.join(ROLES)} (default: all)"
    )
    parser.add_argument(
        "--print-settings", action="store_true", help="show every setting with its origin, secrets masked, and end"
    )
    add_format(parser, "with --print-settings, one object a line, one line a setting")


def _run(called: argparse.Namespace) -> int:
    loaded = open_loaded(called)
    if called.print_settings:
        rows = describe(loaded)
        if called.format == "json":
            for name, value, origin in rows:
                print_json({"name": name, "value": value, "origin": origin})
        else:
            print_table(("SETTING", "VALUE", "FROM"), rows, empty="")
        return 0
    _refuse_foreign_translators()
    settings = loaded.settings
    if called.role is not None:
        settings = settings.model_copy(update={"roles": called.role})
    return run(settings)


def run(settings: Settings) -> int:
    """Serve until told to stop; what keeps it from starting becomes a sentence."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(settings))
    except (CannotStart, SchemaTooNew, KeyRingError) as error:
        raise Unusable(str(error)) from error
    except StoreUnavailable as error:
        raise Unusable(f"the database cannot be used: {error}") from error


def _refuse_foreign_translators() -> None:
    """A package of the same name exists elsewhere; with it in our place nothing would be read as it should."""
    if not importlib.resources.files("translators").joinpath("x12").is_dir():
        raise Unusable(
            "another package named `translators` stands in the place of the gateway's own; "
            "install partner-gateway into a virtual environment of its own"
        )


def _roles(text: str) -> tuple[Role, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in ROLES:
            hint = did_you_mean(word, ROLES) or f"; use one or more of: {','.join(ROLES)}"
            raise argparse.ArgumentTypeError(f"unknown role {shown(word)}{hint}")
    if not words:
        raise argparse.ArgumentTypeError(f"no role; use one or more of: {','.join(ROLES)}")
    return tuple(role for role in ROLES if role in words)
