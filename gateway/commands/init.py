"""`gateway init`: from nothing to a gateway that `gateway serve` starts, by a few questions or flags."""

import argparse
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.commands.asking import Asking, can_ask
from gateway.commands.certs_listing import held_in
from gateway.commands.opening import DEFAULT_CONFIG
from gateway.commands.output import print_json, say
from gateway.commands.own_keys import make_first_key
from gateway.commands.parsing import Parser, Unusable, add_format, leaf
from gateway.onboarding.founding.house import House, Places, gather_house, settings_text
from gateway.onboarding.founding.schemas import place_schemas
from gateway.onboarding.founding.values import Objection
from gateway.onboarding.whole_files import place_file
from gateway.settings import load_settings

PASSPHRASE_BYTES: Final = 32
_PRIVATE: Final = 0o600
_ANSWERS: Final = (
    ("--company", "NAME", "the name of our company"),
    ("--identity", "NAME", "a short name for it in profiles and commands (default: the first word of the company)"),
    ("--as2-id", "ID", "our AS2 id (default: the short name in capitals)"),
    ("--x12", "QUALIFIER/ID", "our ISA qualifier and id (default: ZZ and the short name in capitals)"),
    ("--group-id", "ID", "our id in GS (default: the same as in ISA)"),
    ("--public-url", "URL", "where partners reach us, such as https://b2b.bigcorp.example"),
    ("--edge-host", "ADDRESS", "the address for partners (default: 127.0.0.1, this machine alone)"),
    ("--edge-port", "N", "the port for partners (default: 8080)"),
    ("--sftp-host", "ADDRESS", "the address for mailboxes by SFTP (default: 127.0.0.1, this machine alone)"),
    ("--sftp-public-host", "HOST[:PORT]", "where partners reach their mailboxes, such as sftp.bigcorp.example:2222"),
    ("--operator-port", "N", "the port for operators (default: 8081)"),
    ("--contact", "PERSON", "whom partners ask: 'EDI desk <edi@bigcorp.example>'"),
)


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway init                                       # asks for everything\n"
        "gateway init --company 'BigCorp Inc.' --x12 ZZ/BIGCORP --public-url https://b2b.bigcorp.example\n"
        "gateway serve                                      # runs with it",
    )
    for option, metavar, says in _ANSWERS:
        parser.add_argument(option, action="append", default=[], metavar=metavar, help=says)
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help="the file to write (default: gateway.yaml); data, partners and passphrase lie beside it",
    )
    parser.add_argument("--no-own-key", action="store_true", help="make no key of ours; `gateway certs new` does later")
    parser.add_argument("--no-questions", action="store_true", help="ask nothing: flags and defaults alone")
    add_format(parser)


def _run(called: argparse.Namespace) -> int:
    file = called.config.absolute()
    if file.exists() or file.is_symlink():
        raise Unusable(_exists(file))
    at_terminal = called.format == "text" and can_ask(no_questions=called.no_questions)
    given = {option: getattr(called, option.removeprefix("--").replace("-", "_")) for option, _, _ in _ANSWERS}
    asking = Asking(given, at_terminal=at_terminal)
    house = gather_house(asking)
    asking.refuse_gaps("call it")
    places = Places(file.parent / "data", file.parent / "partner-profiles", file.parent / "key-passphrase")
    try:
        text = settings_text(house, places, datetime.now(UTC).date())
    except Objection as objection:
        raise Unusable(f"with these answers the settings would not do: {objection}") from None
    _write(file, text, places)
    fingerprint = _own_key(called, file, house)
    _show(called, file, places, house, fingerprint)
    return 0


def _exists(file: Path) -> str:
    return f"{file} exists; nothing was changed. Edit it, or name another file with --config"


def _write(file: Path, text: str, places: Places) -> None:
    """The settings come last: what they name is there once they are."""
    file.parent.mkdir(parents=True, exist_ok=True)
    places.partners_dir.mkdir(mode=0o755, exist_ok=True)
    place_schemas(places.partners_dir)
    # One that is there stays: keys may lie in the database under it.
    place_file(places.passphrase_file, f"{secrets.token_urlsafe(PASSPHRASE_BYTES)}\n".encode(), mode=_PRIVATE)
    if not place_file(file, text.encode()):
        raise Unusable(_exists(file))


def _own_key(called: argparse.Namespace, file: Path, house: House) -> str | None:
    if called.no_own_key or house.as2_id is None:
        return None
    settings = load_settings(file, {}).settings
    if any(life.identity == house.identity for life in held_in(settings).lives):  # of a gateway that was here before
        return None
    return make_first_key(settings, house.identity).short


def _show(called: argparse.Namespace, file: Path, places: Places, house: House, fingerprint: str | None) -> None:
    if called.format == "json":
        print_json(
            {
                "config": str(file),
                "data_dir": str(places.data_dir),
                "partners_dir": str(places.partners_dir),
                "key_passphrase_file": str(places.passphrase_file),
                "identity": house.identity,
                "own_key": fingerprint,
            }
        )
        return
    say(f"{file} is written", style="green")
    say(f"{places.passphrase_file} guards our private keys: keep a copy of it, apart from backups")
    if fingerprint is not None:
        say(f"the key {fingerprint} of {house.identity} is made; its certificate goes to partners with their sheets")
    say()
    say("next:")
    more = "" if file == DEFAULT_CONFIG.absolute() else f" --config {file}"
    calls = {
        f"gateway serve{more}": "run it",
        f"gateway operator token new --label me --role admin{more}": "a token for the operator port",
        f"gateway partner new ID{more}": "the first partner",
    }
    width = max(map(len, calls))
    for call, why in calls.items():
        say(f"  {call.ljust(width)}  # {why}")
