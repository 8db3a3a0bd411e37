"""`gateway sftp password`: what stands in a profile for a password, which is itself kept nowhere."""

import argparse
import getpass
import os
import secrets
import sys

from gateway.commands.output import note, print_json, say
from gateway.commands.parsing import Unusable, Verbs, add_format, shown, verb
from gateway.model.password_hash import SALT_BYTES, hash_of
from partners.fields import SLUG

MADE_BYTES = 24
CHARACTERS_MIN, CHARACTERS_MAX = 12, 128
_ONCE = "this is the only time the password is shown; give it to the partner by a safe way"


def build(under: Verbs) -> None:
    """Add `password`."""
    parser = verb(
        under,
        "password",
        _password,
        does="what stands in a profile for a password; keys are better, since nobody guesses or tells them",
        example="gateway sftp password                     # asks for it twice\n"
        "gateway sftp password --make              # makes one and shows it once\n"
        "cat password.txt | gateway sftp password",
    )
    parser.add_argument("--make", action="store_true", help="make a password, and show it once")
    parser.add_argument("--label", default="first", help="a name for it, as it appears in the audit (default: first)")
    add_format(parser)


def _password(called: argparse.Namespace) -> int:
    if not SLUG.matches(called.label):
        raise Unusable(f"{shown(called.label)} is no label; {SLUG.right}")
    password = secrets.token_urlsafe(MADE_BYTES) if called.make else _asked()
    written = hash_of(password, os.urandom(SALT_BYTES))
    if called.format == "json":
        made = {"password": password} if called.make else {}
        print_json({"label": called.label, "scrypt": written, **made})
        return 0
    if called.make:
        note(_ONCE)
        say(password)
        say()
    note("put this into the partner's profile.yaml, below `sftp:`")
    say("passwords:")
    say(f"  - label: {called.label}")
    say(f"    scrypt: {written}")
    return 0


def _asked() -> str:
    """The password: asked for twice at a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        password = getpass.getpass("password: ")
        if getpass.getpass("once more: ") != password:
            raise Unusable("the two differ; call it again")
    else:
        password = sys.stdin.readline(CHARACTERS_MAX + 2).rstrip("\r\n")
    if not CHARACTERS_MIN <= len(password) <= CHARACTERS_MAX or not (password.isascii() and password.isprintable()):
        # Beyond ASCII each client writes a character in its own way.
        raise Unusable(
            f"a password has {CHARACTERS_MIN} to {CHARACTERS_MAX} printable ASCII characters; "
            "`--make` makes one that nobody guesses"
        )
    return password
