"""`gateway partner key`: a new API key, shown once."""

import argparse
import hashlib
import secrets
from collections.abc import Mapping
from datetime import date

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, say
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, shown, verb
from gateway.commands.profiles import profile_of
from partners.fields import SLUG

KEY_BYTES = 32
KEY_WARNING = "this is the only time the key is shown; give it to the partner by a safe way"


def build(under: Verbs) -> None:
    """Add `key`."""
    parser = verb(
        under,
        "key",
        _key,
        does="make an API key: shown once, never stored; the profile keeps its SHA-256",
        example="gateway partner key northwind-parts --label production-2027 --expires-on 2028-01-31",
    )
    parser.add_argument("partner", metavar="ID", help="id of the partner")
    parser.add_argument("--label", required=True, type=_slug, help="a name for the key, as it appears in the audit")
    parser.add_argument("--expires-on", type=_day, metavar="DAY", help="last day (UTC) on which it opens the door")
    add_format(parser)
    add_config(parser)


def _key(called: argparse.Namespace) -> int:
    loaded = profile_of(open_settings(called), called.partner)
    if any(key.label == called.label for key in loaded.profile.api_keys):
        raise Unusable(f"{called.partner} has a key labelled {called.label} already; choose another --label")
    key = secrets.token_urlsafe(KEY_BYTES)
    entry: Mapping[str, str] = {"label": called.label, "sha256": hashlib.sha256(key.encode()).hexdigest()} | (
        {"expires_on": called.expires_on.isoformat()} if called.expires_on else {}
    )
    if called.format == "json":
        print_json({"partner": called.partner, "key": key, "api_keys": [entry]})
        return 0
    note(KEY_WARNING)
    say(key)
    say()
    note(f"put this into {loaded.path}" + (" below the keys that are there:" if loaded.profile.api_keys else ":"))
    say("api_keys:")
    for number, (name, value) in enumerate(entry.items()):
        say(f"  {'- ' if number == 0 else '  '}{name}: {value}")
    return 0


def _slug(text: str) -> str:
    if not SLUG.matches(text):
        raise argparse.ArgumentTypeError(f"{shown(text)} is no label; {SLUG.right}")
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no day; write it as 2028-01-31") from None
