"""`gateway partner key`: a new API key, OAuth client or signing secret, shown once."""

import argparse
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, say
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, shown, verb
from gateway.commands.profiles import profile_of
from partners.fields import KEY_ID, SLUG
from partners.loader import LoadedProfile

KEY_BYTES = 32
KEY_WARNING = "this is the only time the key is shown; give it to the partner by a safe way"
_NOT_IN_VARIABLES = re.compile(r"[^A-Z0-9]+")
_VARIABLE_CHARACTERS_MAX = 100


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of secret.

    Attributes:
        words: for it, in the middle of a sentence.
        place: of its entry in the profile.
        is_ours_to_keep: whether we need the secret itself, and not its digest alone.
        taken: the labels of those that the profile has.
        entry: what stands in the profile, made of label, secret and the partner's id.
    """

    words: str
    place: tuple[str, ...]
    is_ours_to_keep: bool
    taken: Callable[[LoadedProfile], list[str]]
    entry: Callable[[str, str, str], dict[str, str]]


_KINDS: Mapping[str, _Kind] = {
    "api-key": _Kind(
        "key",
        ("api_keys",),
        is_ours_to_keep=False,
        taken=lambda loaded: [key.label for key in loaded.profile.api_keys],
        entry=lambda label, secret, _: {"label": label, "sha256": _sha256(secret)},
    ),
    "oauth": _Kind(
        "secret",
        ("api", "oauth_clients"),
        is_ours_to_keep=False,
        taken=lambda loaded: [client.client_id for client in loaded.profile.api.oauth_clients],
        entry=lambda label, secret, _: {"client_id": label, "secret_sha256": _sha256(secret)},
    ),
    "signature": _Kind(
        "secret",
        ("api", "signatures", "keys"),
        is_ours_to_keep=True,
        taken=lambda loaded: [key.id for key in loaded.profile.api.signatures.keys],
        entry=lambda label, _, partner: {
            "id": label,
            "algorithm": "hmac-sha256",
            "secret": f"env:{_variable(partner, label)}",
        },
    ),
}


def build(under: Verbs) -> None:
    """Add `key`."""
    parser = verb(
        under,
        "key",
        _key,
        does="make an API key, an OAuth client or a signing secret: shown once, never stored here",
        example="gateway partner key northwind-parts --label production-2027 --expires-on 2028-01-31\n"
        "gateway partner key northwind-parts --for oauth --label northwind-erp       # a client for /oauth/token\n"
        "gateway partner key northwind-parts --for signature --label northwind-2027  # a secret for hmac-sha256",
    )
    parser.add_argument("partner", metavar="ID", help="id of the partner")
    parser.add_argument(
        "--for",
        dest="kind",
        choices=list(_KINDS),
        default="api-key",
        help="what it is for (default: api-key); keys of other algorithms and certificates partners make themselves",
    )
    parser.add_argument(
        "--label",
        required=True,
        help="a name for it, as it appears in the audit; of an OAuth client its id, of a signing secret its keyid",
    )
    parser.add_argument("--expires-on", type=_day, metavar="DAY", help="last day (UTC) on which it opens the door")
    add_format(parser)
    add_config(parser)


def _key(called: argparse.Namespace) -> int:
    loaded, kind = profile_of(open_settings(called), called.partner), _KINDS[called.kind]
    rule = SLUG if called.kind == "api-key" else KEY_ID
    if not rule.matches(called.label):
        raise Unusable(f"{shown(called.label)} is no label; {rule.right}")
    if called.label in kind.taken(loaded):
        raise Unusable(f"{called.partner} has a {kind.words} labelled {called.label} already; choose another --label")
    secret = secrets.token_urlsafe(KEY_BYTES)
    entry = kind.entry(called.label, secret, called.partner)
    if called.expires_on:
        entry["expires_on"] = called.expires_on.isoformat()
    if called.format == "json":
        print_json({"partner": called.partner, kind.words: secret, **_nested(kind.place, entry)})
        return 0
    note(KEY_WARNING.replace("key", kind.words))
    if kind.is_ours_to_keep:
        variable = entry["secret"].removeprefix("env:")
        note(f"keep it for the gateway, too: in the variable {variable}, or in a file (`secret: file:/PATH`)")
    say(secret)
    say()
    note(f"put this into {loaded.path}" + (" below those that are there:" if kind.taken(loaded) else ":"))
    for depth, name in enumerate(kind.place):
        say(f"{'  ' * depth}{name}:")
    for number, (name, value) in enumerate(entry.items()):
        say(f"{'  ' * len(kind.place)}{'- ' if number == 0 else '  '}{name}: {value}")
    return 0


def _nested(place: tuple[str, ...], entry: dict[str, str]) -> dict[str, object]:
    held: object = [entry]
    for name in reversed(place):
        held = {name: held}
    return held if isinstance(held, dict) else {}


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _variable(partner: str, label: str) -> str:
    """The name of a variable that nobody else has a use for."""
    name = _NOT_IN_VARIABLES.sub("_", f"{partner}_{label}".upper())
    return f"SIGNING_{name[:_VARIABLE_CHARACTERS_MAX].strip('_')}"


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no day; write it as 2028-01-31") from None
    if day < datetime.now(UTC).date():
        raise argparse.ArgumentTypeError(f"{day} is over, so the key would open nothing; name a day to come")
    return day
