"""`gateway sftp host-keys`: the keys by which partners know our SFTP server, and how one follows the other."""

import argparse
from collections.abc import Mapping

from sqlalchemy import Connection

from gateway.commands.certs_opening import add_moment
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_table, say
from gateway.commands.parsing import Parser, Verbs, add_config, add_format, verb, verbs
from gateway.commands.sftp.opening import ssh_keys, words
from gateway.commands.storing import actor, now_ms, reading
from gateway.flow.ssh_keys import ALGORITHMS, is_live, signing
from gateway.flow.views import instant
from gateway.store import ssh_keys as stored_keys
from gateway.store.ssh_keys import HOST, StoredSshKey

_NEXT = "tell partners its fingerprint now: OpenSSH learns it by itself, other software asks its people"
_SOON = "a running gateway follows within seconds; connections that are open keep the key that they began with"


def build(under: Verbs) -> None:
    """Add `host-keys` with its verbs."""
    nouns: Parser = under.add_parser(
        "host-keys",
        help="the keys by which partners know our SFTP server: list, new, use, retire",
        description="The keys by which partners know our SFTP server. One follows the other in two steps: `new` makes "
        "and announces the next one, from its day on it is the one that the server proves itself with.",
    )
    below = verbs(nouns)
    listing = verb(
        below,
        "list",
        _list,
        does="the host keys: which one signs, which are announced, and their fingerprints",
        example="gateway sftp host-keys list\n"
        "gateway sftp host-keys list --format json | jq -r .public_key   # for partners' known_hosts",
    )
    listing.add_argument("--all", action="store_true", help="retired ones, too")
    new = verb(
        below,
        "new",
        _new,
        does="make the next host key and announce it beside the present one",
        example="gateway sftp host-keys new                                   # signs in thirty days\n"
        "gateway sftp host-keys new --algorithm ssh-rsa --from 2027-01-31",
    )
    new.add_argument("--algorithm", choices=ALGORITHMS, default=ALGORITHMS[0], help=f"default: {ALGORITHMS[0]}")
    add_moment(new, "--from", "from when it is the one that signs (default: in thirty days)", end_of_day=False)
    use = verb(
        below,
        "use",
        _use,
        does="set from when a host key is the one that signs: now, or on a day",
        example="gateway sftp host-keys use SHA256:K2lm9 --from 2027-01-31\n"
        "gateway sftp host-keys use SHA256:K2lm9                      # at once",
    )
    use.add_argument("fingerprint", metavar="FINGERPRINT", help="as `list` shows it, or the beginning of it")
    add_moment(use, "--from", "from when (default: now)", end_of_day=False)
    retire = verb(
        below,
        "retire",
        _retire,
        does="no longer announce a host key, and remove its private part for good",
        example="gateway sftp host-keys retire SHA256:Aq81x",
    )
    retire.add_argument("fingerprint", metavar="FINGERPRINT", help="as `list` shows it, or the beginning of it")
    add_format(listing, "one object a line, one line a key")
    for each in (new, use, retire):
        add_format(each)
    for each in (listing, new, use, retire):
        add_config(each)


def _list(called: argparse.Namespace) -> int:
    with reading(open_settings(called)) as database:
        stored = database.read_now(_all)
    at_ms = now_ms()
    first = signing(stored, at_ms)
    shown = [one for one in stored if called.all or is_live(one)]
    if called.format == "json":
        for one in shown:
            print_json(_view(one, first))
        return 0
    print_table(
        ("ALGORITHM", "STATE", "SIGNS FROM", "CREATED", "FINGERPRINT"),
        [
            (one.algorithm, _state(one, first), instant(one.used_from_ms), instant(one.created_at_ms), one.fingerprint)
            for one in shown
        ],
        empty="no host keys yet; `gateway serve` makes them once a profile has `sftp`, or `gateway sftp host-keys new`",
    )
    return 0


def _new(called: argparse.Namespace) -> int:
    from_ms = _at_ms(called)
    with ssh_keys(open_settings(called)) as (keys, database):
        key = words(lambda: keys.new_host_key_now(called.algorithm, used_from_ms=from_ms, actor=actor()))
        first = signing(database.read_now(_all), now_ms())
    when = "signs now" if first[key.algorithm] == key else f"is announced; it signs from {instant(key.used_from_ms)} on"
    _tell(called, key, first, f"{key.fingerprint} {when}")
    note(_NEXT)
    return 0


def _use(called: argparse.Namespace) -> int:
    at_ms = _at_ms(called)
    with ssh_keys(open_settings(called)) as (keys, database):
        from_ms = at_ms if at_ms is not None else now_ms()
        named = words(lambda: keys.use_from_now(called.fingerprint, from_ms, actor()))
        stored = database.read_now(_all)
    key = next(one for one in stored if one.fingerprint == named.fingerprint)
    when = "now" if from_ms <= now_ms() else f"from {instant(from_ms)} on"
    _tell(called, key, signing(stored, now_ms()), f"{key.fingerprint} signs {when}")
    note(_SOON)
    return 0


def _retire(called: argparse.Namespace) -> int:
    with ssh_keys(open_settings(called)) as (keys, database):
        named = words(lambda: keys.retire_now(called.fingerprint, actor()))
        stored = database.read_now(_all)
    key = next(one for one in stored if one.fingerprint == named.fingerprint)
    _tell(called, key, signing(stored, now_ms()), f"{key.fingerprint} is retired; its private part is gone")
    note(_SOON)
    return 0


def _tell(called: argparse.Namespace, key: StoredSshKey, first: Mapping[str, StoredSshKey], text: str) -> None:
    if called.format == "json":
        print_json(_view(key, first))
    else:
        say(text)


def _all(connection: Connection) -> list[StoredSshKey]:
    return stored_keys.all_of(connection, HOST)


def _at_ms(called: argparse.Namespace) -> int | None:
    at = getattr(called, "from")
    return round(at.timestamp() * 1_000) if at is not None else None


def _state(key: StoredSshKey, first: Mapping[str, StoredSshKey]) -> str:
    if not is_live(key):
        return "retired"
    return "signs" if first.get(key.algorithm) == key else "announced"


def _view(key: StoredSshKey, first: Mapping[str, StoredSshKey]) -> dict[str, object]:
    return {
        "fingerprint": key.fingerprint,
        "algorithm": key.algorithm,
        "state": _state(key, first),
        "signs_from": instant(key.used_from_ms),
        "created_at": instant(key.created_at_ms),
        "retired_at": instant(key.retired_at_ms),
        "public_key": key.public_key,
    }
